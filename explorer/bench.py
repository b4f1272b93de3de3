"""The explorer's benchmarks, as JSON lines (`python -m core bench` runs them): a step of the cursor, and a film.

A step on the recorded run is all that the server computes anew: the moment, the timeline and the sharing graph, as the
JSON that is sent. The reference reads the history from its events at every step, as a page without an index would.
The film is that of the largest run we promise to show; its reference writes out the whole graph at every stop.
"""

import json
import statistics
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from core.events import (
    AmalgamationProgressed,
    AnyEvent,
    NodeCreated,
    NodesRemoved,
    PhaseStarted,
    StructureChanged,
)
from core.runs import MetricInfo, RunHeader, StageInfo, TaskInfo, read_run
from core.sharing import SharingNode, sharing_graph
from core.structure import Structure
from explorer.figures.camera import film
from explorer.figures.sharing import sharing_figure
from explorer.figures.timeline import timeline_figure
from explorer.moments import History

RUN = Path(__file__).resolve().parents[1] / "assets" / "runs" / "mtsl-rooms"


def main() -> None:
    """Print the rows."""
    for row in (_step_row(), _film_row()):
        sys.stdout.write(json.dumps(row) + "\n")


def _step_row() -> dict[str, str | float]:
    run = read_run(RUN)
    history = History(run.header, run.events)
    moments = range(0, len(history), 3)

    def step(index: int) -> None:
        show(history, index)

    def plain_step(index: int) -> None:
        show(History(run.header, run.events), index)

    return {
        "name": f"cursor step in the app, recorded run of {len(history)} moments",
        "ours_ms": median_ms(step, moments),
        "reference_ms": median_ms(plain_step, moments),
        "reference": "the same figures with the history read from the events at every step",
        "target": "<= 100 ms",
        "note": "",
    }


def _film_row() -> dict[str, str | float]:
    history = largest()
    stops = history.stops("neuron")

    def ours(_: int) -> str:
        return film(history, "neuron").to_json()

    def plain(_: int) -> list[str]:
        return [history.snapshot(stop).graph.model_dump_json() for stop in stops]

    text, whole = ours(0), "".join(plain(0))
    packed, size = len(zlib.compress(text.encode())), len(text)
    return {
        "name": f"film of the largest run, 12 tasks x 30 stages x 200 phases, {len(stops)} stops",
        "ours_ms": median_ms(ours, range(3)),
        "reference_ms": median_ms(plain, range(3)),
        "reference": f"the whole graph at every stop, {len(whole) / 1e6:.0f} MB",
        "target": "<= 500 ms, <= 2 MB",
        "note": f"{packed / 1e3:.0f} kB packed, {size / 1e3:.0f} kB as JSON",
    }


def largest() -> History:
    """A run of 12 tasks, 30 stages and 200 phases, in which three neighbours after the other fuse, stage by stage."""
    names = [f"task{number}" for number in range(12)]
    metric = MetricInfo(key="error", label="Error", unit="", direction="lower")
    tasks = tuple(TaskInfo(name=name, label=name, kind="depth", metrics=(metric,)) for name in names)
    stages = tuple(StageInfo(name=f"stage{number}", neurons=16 + number) for number in range(30))
    header = RunHeader(method="mtsl", data="synthetic", seed=0, tasks=tasks, stages=stages)
    return History(header, _growth(names, [stage.neurons for stage in stages]))


def _growth(names: list[str], neurons: list[int]) -> Iterator[AnyEvent]:
    cost = [SharingNode(stage=0, tasks=(0,), kind="shared", neurons=n, parameters=100 * n, macs=n) for n in neurons]
    heads = [SharingNode(stage=0, tasks=(0,), kind="head", neurons=1, parameters=10, macs=1) for _ in names]
    structure = Structure.separate(names, len(neurons))
    merges = [(stage, tuple(range(start, start + 3))) for stage in range(25) for start in (0, 3, 6, 9)]
    structure = structure.merge(0, range(12))
    merges[:4] = [(1, (0, 1, 2))]
    for phase in range(200):
        at = {"step": 10 * phase, "epoch": phase // 2, "phase": phase, "seconds": float(phase)}
        yield PhaseStarted(role="structural-learning" if phase % 2 else "task-learning", epochs=1, **at)
        if phase % 2 and merges:
            stage, group = merges.pop(0)
            if group not in structure.stages[stage]:
                node = {"stage": stage, "tasks": group, "neurons": neurons[stage], "parameters": 100 * neurons[stage]}
                yield NodeCreated(start="average", **node, **at)
                for part in range(1, 9):
                    losses = {names[task]: 0.4 / part + 0.01 * task for task in group}
                    yield AmalgamationProgressed(stage=stage, tasks=group, done=part / 8, losses=losses, **at)
                yield NodesRemoved(**node, **at)
                structure = structure.merge(stage, group)
        graph = sharing_graph(structure, cost, heads)
        yield StructureChanged(graph=graph, parameters=graph.parameters, macs=graph.macs, **at)


def show(history: History, index: int) -> tuple[str, str]:
    """The JSON of both figures of the Structure page at the event at `index`."""
    graph = sharing_figure(history, history.snapshot(index)).to_json(validate=False)
    return graph, timeline_figure(history, index, "neuron").to_json(validate=False)


def median_ms(step: Callable[[int], object], moments: range) -> float:
    """Median time of a step over the moments, in milliseconds, after one to warm up."""
    step(moments[0])
    times = []
    for index in moments:
        start = time.perf_counter()
        step(index)
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


if __name__ == "__main__":
    main()
