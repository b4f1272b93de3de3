"""Run folders for tests: small, valid, and written through the public writer, with decisions by the real grouping.

`write_run` plays MTSL with made-up similarities: tasks have hidden places, and the further apart they are and the later
the stage, the less similar their task nodes. So a tree grows that parts late, as real ones do. Everything follows from
the seed. `DENSE` and `IMAGE_LEVEL` are the two task sets. `LARGEST` is the largest run that the explorer promises to
show: 12 tasks, 30 stages and 200 structural phases (401 phases in all), 3,406 events; `FULLEST` is as large and
measures every stage in every phase, which MTSL never does but a foreign loop may. `write_many` writes a folder of runs.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.affinity import affinity_groups
from core.data.columns import FEATURES
from core.events import (
    AffinityUpdated,
    AmalgamationProgressed,
    AnyEvent,
    Candidate,
    EpochFinished,
    Evaluated,
    NodeCreated,
    NodesRemoved,
    PhaseStarted,
    RunFailed,
    RunFinished,
    RunPaused,
    RunStarted,
    SamplesSaved,
    SimilarityMeasured,
    StructureChanged,
    TasksGrouped,
)
from core.grouping import Grouping, group_tasks
from core.runs import EVENTS, HEADER, RunHeader, RunWriter, StageInfo, TaskInfo
from core.sharing import SharingNode, sharing_graph
from core.structure import Partition, Structure
from core.tasks import DEPTH, EDGES, NORMALS, RECONSTRUCTION, Task, image_class, segmentation

Floats = NDArray[np.float64]
End = Literal["finished", "paused", "failed", "cut"]

DENSE = (segmentation(6), DEPTH, EDGES, NORMALS, RECONSTRUCTION)
IMAGE_LEVEL = (
    image_class("left", "Left digit", 10),
    image_class("right", "Right digit", 10),
    image_class("sum", "Sum", 19),
    RECONSTRUCTION,
)
STAGES = (
    ("stem", 16),
    ("layer1", 16),
    ("layer2", 24),
    ("layer3", 32),
    ("layer4", 48),
    ("decoder1", 24),
    ("decoder2", 24),
    ("decoder3", 24),
)
MIN_SIMILARITY = 0.95


@dataclass(frozen=True)
class Plan:
    """What `write_run` writes."""

    tasks: Sequence[Task] = DENSE
    stages: Sequence[tuple[str, int]] = STAGES
    structural_phases: int = 8
    epochs: int = 2
    """Task epochs before each structural phase, and after the last."""
    progress: int = 3
    """Amalgamation events for each group."""
    samples: int = 0
    """Sample images whose predictions every phase saves, of 16×24 pixels."""
    fusions: int | None = None
    """Groups that may fuse in one structural phase, so that a tree takes long to grow; None: all that are alike."""
    everywhere: bool = False
    """Whether each structural phase also measures, at every stage, all tasks at once; nothing follows from that."""
    affinities: bool = False
    """Whether it is a run of Selective Task Group Updates: tasks step in groups, made from made-up affinities."""
    undefined: bool = False
    """Whether the first measurement finds constant features in its last task."""
    end: End = "finished"
    data: str = "rooms"
    seed: int = 0


LARGEST = Plan(
    tasks=(*DENSE, *(image_class(f"class{number}", f"Class {number}", 10) for number in range(1, 8))),
    stages=tuple((f"stage{number}", 16 + 2 * number) for number in range(1, 31)),
    structural_phases=200,
    progress=10,
    fusions=1,
    data="synthetic",
)
FULLEST = replace(LARGEST, everywhere=True)


def header_of(plan: Plan) -> RunHeader:
    """The header of a planned run."""
    return RunHeader(
        method="selective" if plan.affinities else "mtsl",
        data=plan.data,
        seed=plan.seed,
        tasks=tuple(TaskInfo.of(task) for task in plan.tasks),
        stages=tuple(StageInfo(name=name, neurons=neurons) for name, neurons in plan.stages),
        config={"min_similarity": MIN_SIMILARITY, "epochs": plan.epochs},
        versions={"mtsl-explorer": "0.1.0"},
        created="2026-01-01T00:00:00+00:00",
    )


def write_run(folder: Path, plan: Plan | None = None) -> Path:
    """Write a whole run folder and return it."""
    plan = plan or Plan()
    with RunWriter(folder, header_of(plan)) as writer:
        for event in events_of(plan):
            if isinstance(event, SamplesSaved):
                writer.save_arrays(event.file, sample_arrays(plan, event))
            writer.write(event)
    return folder


def sample_arrays(plan: Plan, event: SamplesSaved) -> dict[str, NDArray[np.generic]]:
    """Made-up arrays of a file of samples, in the formats of `core.samples`; predictions differ from phase to phase."""
    inputs = event.holds == "inputs"
    random = np.random.default_rng([plan.seed, event.phase, inputs])
    n, shape = event.samples, (event.samples, 16, 24)
    found: dict[str, NDArray[np.generic]] = {}
    for task in plan.tasks:
        match task.kind:
            case "class" if inputs:
                found[task.name] = random.integers(0, task.outputs, n).astype(np.int16)
            case "class":
                found[task.name] = random.dirichlet(np.ones(task.outputs), n).astype(np.float16)
            case "value":
                found[task.name] = random.normal(20, 30, n).astype(np.float32)
            case "segmentation":
                found[task.name] = random.integers(0, task.outputs, shape).astype(np.uint8)
            case "depth":
                found[task.name] = random.uniform(1, 6, shape).astype(np.float16)
            case "edges":
                edges = random.integers(0, 2, shape) * 255 if inputs else random.integers(0, 256, shape)
                found[task.name] = edges.astype(np.uint8)
            case "normals":
                found[task.name] = random.integers(-127, 128, (*shape, 3)).astype(np.int8)
            case "reconstruction" if not inputs:
                found[task.name] = random.integers(0, 256, (*shape, 3)).astype(np.uint8)
    if inputs and plan.data == "flights":
        found["features"] = random.normal(0, 1, (n, len(FEATURES))).astype(np.float32)
    elif inputs:
        found["image"] = random.integers(0, 256, (*shape, 3)).astype(np.uint8)
    return found


def write_many(root: Path, number: int) -> list[Path]:
    """Write `number` small runs of two methods and two data sets below `root`, the last one newest; returns them.

    The first of a kind is written event by event, the others copy its events, so that hundreds take a second.
    """
    kinds = [
        Plan(structural_phases=3, epochs=1),
        Plan(tasks=IMAGE_LEVEL, structural_phases=2, epochs=1, data="digits", end="paused"),
    ]
    events = [(write_run(root / f"first-{plan.data}", plan) / EVENTS).read_bytes() for plan in kinds]
    folders = [root / f"first-{plan.data}" for plan in kinds]
    for seed in range(1, number - len(kinds) + 1):
        plan = replace(kinds[seed % 2], seed=seed)
        method = "mtsl" if seed % 3 else "separate"
        folder = root / f"{method}-{plan.data}-{seed:03d}"
        with RunWriter(folder, header_of(plan).model_copy(update={"method": method})):
            (folder / EVENTS).write_bytes(events[seed % 2])
        os.utime(folder / HEADER, (1_767_225_600 + 60 * seed,) * 2)
        folders.append(folder)
    return folders


def events_of(plan: Plan) -> list[AnyEvent]:
    """All events of a planned run, in order."""
    return list(_Player(plan).play())


class _Player:
    """Plays one run; the counters that every event carries live here."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.random = np.random.default_rng(plan.seed)
        self.names = tuple(task.name for task in plan.tasks)
        self.places = _places(len(plan.tasks), self.random)
        self.structure = Structure.separate(self.names, len(plan.stages))
        self.groups: Partition = tuple((task,) for task in range(len(plan.tasks)))
        self.step, self.epoch, self.phase, self.seconds = 0, 0, 0, 0.0

    @property
    def at(self) -> dict[str, float]:
        return {"step": self.step, "epoch": self.epoch, "phase": self.phase, "seconds": round(self.seconds, 3)}

    def play(self) -> Iterator[AnyEvent]:
        yield RunStarted(**self.at)
        yield self._structure()
        yield from self._samples("inputs")
        yield from self._task_phase()
        for _ in range(self.plan.structural_phases):
            self.phase += 1
            yield from self._structural_phase()
            self.phase += 1
            yield from self._task_phase()
        match self.plan.end:
            case "finished":
                yield RunFinished(**self.at)
            case "paused":
                yield RunPaused(reason="stop requested", **self.at)
            case "failed":
                reason = f"the loss of depth is not a number at step {self.step}"
                yield RunFailed(reason=reason, **self.at)

    def _task_phase(self) -> Iterator[AnyEvent]:
        yield PhaseStarted(role="task-learning", epochs=self.plan.epochs, **self.at)
        for _ in range(self.plan.epochs):
            self._spend(steps=16, seconds=2.5)
            self.epoch += 1
            rest = float(np.exp(-self.epoch / 6))
            yield EpochFinished(
                losses={name: round(0.1 + rest * (1 + self._noise()), 4) for name in self.names},
                alignment=round(0.02 * rest, 5),
                learning_rate=1e-3,
                samples_per_second=204.8,
                **self.at,
            )
            if self.plan.affinities:
                yield self._affinity()
            yield Evaluated(split="validation", metrics=self._metrics(rest), samples=128, **self.at)
        yield from self._samples("predictions")

    def _structural_phase(self) -> Iterator[AnyEvent]:
        yield PhaseStarted(role="structural-learning", epochs=1, **self.at)
        births: list[tuple[int, tuple[int, ...]]] = []
        for candidate in self.structure.candidates():
            matrix = self._similarity(candidate.stage, candidate.tasks)
            undefined = self.plan.undefined and self.phase == 1
            if undefined:
                matrix[-1, :] = matrix[:, -1] = np.nan
            place = {"stage": candidate.stage, "tasks": candidate.tasks}
            self._spend(seconds=0.4)
            yield SimilarityMeasured(
                matrix=tuple(tuple(None if np.isnan(v) else round(float(v), 5) for v in row) for row in matrix),
                samples=200,
                undefined=candidate.tasks[-1:] if undefined else (),
                **place,
                **self.at,
            )
            names = [self.names[task] for task in candidate.tasks]
            grouping = group_tasks(matrix, MIN_SIMILARITY, names=names)
            decision = _decision(grouping, candidate.tasks, place, self.at)
            if self.plan.fusions is not None:
                decision = _at_most(self.plan.fusions - len(births), decision)
            yield decision
            births += [(candidate.stage, group) for group in decision.fused]
        if self.plan.everywhere:
            yield from self._measure_all()
        for stage, tasks in births:
            yield NodeCreated(stage=stage, tasks=tasks, start="average", **self._node(stage), **self.at)
        for part in range(1, self.plan.progress + 1):
            for stage, tasks in births:
                self._spend(seconds=0.5)
                losses = {self.names[task]: round(0.4 / part * (1 + self._noise()), 4) for task in tasks}
                done = part / self.plan.progress
                yield AmalgamationProgressed(stage=stage, tasks=tasks, done=done, losses=losses, **self.at)
        for stage, tasks in births:
            yield NodesRemoved(stage=stage, tasks=tasks, **self._node(stage), **self.at)
            self.structure = self.structure.merge(stage, tasks)
        if births:
            yield self._structure()
        yield from self._samples("predictions")

    def _samples(self, holds: Literal["inputs", "predictions"]) -> Iterator[AnyEvent]:
        if self.plan.samples:
            file = f"{holds}-phase{self.phase:03d}.npz"
            yield SamplesSaved(holds=holds, file=file, split="validation", samples=self.plan.samples, **self.at)

    def _measure_all(self) -> Iterator[AnyEvent]:
        tasks = tuple(range(len(self.names)))
        for stage in range(len(self.plan.stages)):
            matrix = self._similarity(stage, tasks)
            rounded = tuple(tuple(round(float(value), 5) for value in row) for row in matrix)
            yield SimilarityMeasured(stage=stage, tasks=tasks, matrix=rounded, samples=200, **self.at)

    def _spend(self, seconds: float, steps: int = 0) -> None:
        self.step += steps
        self.seconds += seconds

    def _noise(self) -> float:
        return float(self.random.normal(0, 0.05))

    def _node(self, stage: int) -> dict[str, int]:
        neurons = self.plan.stages[stage][1]
        before = self.plan.stages[stage - 1][1] if stage else 3
        return {"neurons": neurons, "parameters": 9 * neurons * before + 2 * neurons}

    def _structure(self) -> StructureChanged:
        stages = []
        for stage in range(len(self.plan.stages)):
            cost = self._node(stage)
            stages.append(SharingNode(stage=stage, tasks=(0,), kind="shared", macs=200 * cost["parameters"], **cost))
        heads = [
            SharingNode(stage=0, tasks=(0,), kind="head", neurons=task.outputs, parameters=900, macs=90_000)
            for task in self.plan.tasks
        ]
        graph = sharing_graph(self.structure, stages, heads)
        partitions = self.structure.stages
        return StructureChanged(
            graph=graph, parameters=graph.parameters, macs=graph.macs, partitions=partitions, **self.at
        )

    def _similarity(self, stage: int, tasks: Sequence[int]) -> Floats:
        places = self.places[list(tasks)]
        apart = np.linalg.norm(places[:, None] - places[None], axis=-1)  # [T, T]
        depth = (stage + 0.3) / len(self.plan.stages)
        noise = self.random.normal(0, 0.004, apart.shape)
        similarity: Floats = np.clip(0.99 - 0.17 * depth * apart + (noise + noise.T) / 2, -0.05, 0.999)
        np.fill_diagonal(similarity, 1.0)
        return similarity

    def _affinity(self) -> AffinityUpdated:
        apart = np.linalg.norm(self.places[:, None] - self.places[None], axis=-1)  # [T, T]
        affinity = np.where(apart == 0, 0.05, 0.02 - 0.03 * apart) + self.random.normal(0, 0.003, apart.shape)
        self.groups = affinity_groups(affinity, self.groups)
        rows = tuple(tuple(round(float(value), 5) for value in row) for row in affinity)
        return AffinityUpdated(affinity=rows, groups=self.groups, **self.at)

    def _metrics(self, rest: float) -> dict[str, dict[str, float]]:
        found = {}
        for task in self.plan.tasks:
            values = {}
            for metric in task.metrics:
                scale = {"mean_angle": 20.0, "psnr": 24.0, "rmse": 0.4}.get(metric.key, 0.8)
                worse = 1 + 1.5 * rest if metric.direction == "lower" else 1 - 0.7 * rest
                values[metric.key] = round(scale * worse * (1 + 0.3 * self._noise()), 4)
            found[task.name] = values
        return found


def _places(n_tasks: int, random: np.random.Generator) -> Floats:
    """Hidden places [T, 2] of the tasks in two or three clouds, so that some pairs are alike and the clouds are not."""
    clouds = np.array([(0.0, 0.0), (1.3, 0.4), (0.3, 1.2)])[: 2 if n_tasks < 6 else 3]
    return clouds[np.arange(n_tasks) % len(clouds)] + random.normal(0, 0.2, (n_tasks, 2))


def _at_most(number: int, decision: TasksGrouped) -> TasksGrouped:
    """The decision with at most `number` groups that fuse; the others wait for a later phase."""
    if len(decision.fused) <= number:
        return decision
    reason = f"As many groups as may fuse in one phase are found; {len(decision.fused) - number} of this stage wait."
    return decision.model_copy(update={"fused": decision.fused[:number], "reason": reason})


def _decision(grouping: Grouping, tasks: Sequence[int], place: dict[str, object], at: dict[str, float]) -> TasksGrouped:
    def named(groups: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(tasks[index] for index in group) for group in groups)

    return TasksGrouped(
        candidates=tuple(
            Candidate(k=found.k, groups=named(found.groups), score=round(found.score, 5))
            for found in grouping.candidates
        ),
        min_similarity=grouping.min_similarity,
        rule=grouping.rule,
        groups=named(grouping.groups),
        score=round(grouping.score, 5),
        fused=named(grouping.fused),
        reason=grouping.reason,
        **place,
        **at,
    )
