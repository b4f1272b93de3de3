"""What the run folders of a comparison say: one record a run, in the order of methods and seeds (no torch)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Literal

from core.compare.plan import BASELINE, asked, folder_name, shared, told
from core.config import Config, ConfigError, differences, parse_config
from core.delta import Scores, delta_m
from core.detached import complaint, log_tail
from core.events import AmalgamationProgressed, AnyEvent, Evaluated, PhaseStarted, StructureChanged
from core.found import LIKE
from core.latency import Latency, read_latency
from core.robustness.measures import robustness
from core.robustness.records import Suite, read_records, suites
from core.runs import Run, RunError, RunHeader, State, find_runs, read_run
from core.tasks import Metric

Key = tuple[str, int]
"""Method and seed."""

Ending = State | Literal["missing", "unreadable"]


@dataclass(frozen=True)
class Result:
    """One run of a comparison, as far as its folder goes. Only what is finished counts in means."""

    method: str
    seed: int
    state: Ending
    problem: str = ""
    folder: Path | None = None
    header: RunHeader | None = None
    scores: Scores = field(default_factory=dict)
    """The last metrics on validation images by task and key; one that was not defined there is left out."""
    parameters: int | None = None
    macs: int | None = None
    epochs: int = 0
    steps: int = 0
    amalgamation: int = 0
    """Passes over the data in which single layers were distilled, beside the epochs."""
    seconds: float = 0.0
    latency: Latency | None = None
    corrupted: Suite | None = None
    """What the final network does under the common corruptions, if that was measured."""

    @property
    def counts(self) -> bool:
        """Whether it is finished."""
        return self.state == "finished"

    @property
    def ending(self) -> str:
        """How it stands, in the words of a sentence, with the reason if there is one."""
        said = {"failed": "failed", "unreadable": "cannot be read", "interrupted": "was interrupted"}
        reason = f": {self.problem.rstrip('.')}" if self.problem else ""
        return f"{said.get(self.state, f'is {self.state}')}{reason}"

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.method}, seed {self.seed}"

    def value(self, task: str, key: str) -> float | None:
        """A metric; None where it is not defined."""
        return self.scores.get(task, {}).get(key)


@dataclass(frozen=True)
class Comparison:
    """The runs of one data set, every method with every seed: also those that are missing."""

    data: str
    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    results: dict[Key, Result]
    header: RunHeader
    """Of any of them, for its tasks."""
    oddities: tuple[str, ...] = ()
    """Sentences on runs whose settings differ from those of the others, and on folders that cannot be read."""

    def of(self, method: str) -> list[Result]:
        """The runs of a method, by seed."""
        return [self.results[method, seed] for seed in self.seeds]

    def delta(self, result: Result) -> float | None:
        """Δm against the single-task models of the same seed, in percent; None where it is not defined."""
        baseline = self.results.get((BASELINE, result.seed))
        if baseline is None or not baseline.counts or not result.counts:
            return None
        try:
            return delta_m(result.scores, baseline.scores, [info.task() for info in self.header.tasks])
        except ValueError:  # a metric is missing, or the baseline's is not above 0
            return None

    def corruption_error(self, result: Result) -> float | None:
        """mCE against the single-task models of the same seed in percent, mean over tasks; None: not defined."""
        baseline = self.results.get((BASELINE, result.seed))
        ours, theirs = result.corrupted, baseline.corrupted if baseline else None
        if ours is None or theirs is None or not ours.comparable(theirs):
            return None
        found = []
        for info in self.header.tasks:
            task = info.task()
            one = robustness(ours, task.name, task.metric, theirs)
            if one is None or one.corruption_error is None:
                return None
            found.append(one.corruption_error)
        return fmean(found)


def kept_of(result: Result, task: str, metric: Metric) -> float | None:
    """rPC of a task in percent: how much of its clean score is left on average over all corruptions and severities."""
    found = robustness(result.corrupted, task, metric) if result.corrupted else None
    return found.relative if found else None


def read_comparison(
    out: Path, data: str | None = None, methods: Sequence[str] | None = None, seeds: Sequence[int] | None = None
) -> Comparison:
    """All runs in a folder, or those of some methods and seeds, with the ones that were asked for and are not there.

    Raises `RunError` if there are none, if they are on several data sets and `data` names none of them, if two are of
    the same method and seed and neither is named as `folder_name` does, or if their tasks differ.
    """
    found, broken = _runs(out)
    known = sorted({run.header.data for run in found})
    data = data or (known[0] if len(known) == 1 else None)
    if data is None or data not in known:
        there = f"runs on {' and '.join(known)}" if known else "no run that can be read"
        raise RunError(f"{out}: expected runs{f' on {data}' if data else ' on one data set'}. Found {there}.")
    results: dict[Key, Result] = {}
    for run in found:
        if run.header.data == data:
            key = run.header.method, run.header.seed
            results[key] = _result(_chosen(results.get(key), run, found))
    wanted = [(one.method, one.seed) for one in asked(out) if one.data == data]
    order = dict.fromkeys((*wanted, *sorted(results)))
    shown = tuple(methods or dict.fromkeys(method for method, _ in order))
    of_shown = tuple(seeds or sorted({seed for method, seed in order if method in shown}))
    for method in shown:
        for seed in of_shown:
            name = folder_name(method, data, seed)
            unread, said = broken.pop(name, ""), " ".join(complaint(log_tail(out / name, lines=200)).split())
            state: Ending = "unreadable" if unread else "failed" if said else "missing"
            results.setdefault((method, seed), Result(method, seed, state, unread or said))
    kept = {(method, seed): results[method, seed] for method in shown for seed in of_shown}
    headers = [result.header for result in kept.values() if result.header]
    if not headers:
        raise RunError(f"{out}: expected runs of {', '.join(shown)} on {data}. Found none.")
    if any(header.tasks != headers[0].tasks for header in headers):
        raise RunError(f"{out}: the runs on {data} have other tasks or metrics; they cannot stand in one table.")
    unread_others = tuple(f"{name} is left out, as it cannot be read: {problem}" for name, problem in broken.items())
    return Comparison(data, shown, of_shown, kept, headers[0], (*_unlike(headers), *unread_others))


def _runs(out: Path) -> tuple[list[Run], dict[str, str]]:
    """The runs in a folder by name, and name -> problem of those that cannot be read."""
    found, broken = [], {}
    for folder in sorted(find_runs(out)):
        try:
            found.append(read_run(folder))
        except RunError as error:
            broken[folder.name] = str(error)
    return found, broken


def _chosen(before: Result | None, run: Run, found: Sequence[Run]) -> Run:
    """The run that stands for its method and seed: the only one, or the one with the name that we give."""
    if before is None:
        return run
    header = run.header
    alike = [
        other
        for other in found
        if (other.header.method, other.header.data, other.header.seed) == (header.method, header.data, header.seed)
    ]
    named = [other for other in alike if other.folder.name == folder_name(header.method, header.data, header.seed)]
    if not named:
        names = ", ".join(other.folder.name for other in alike)
        raise RunError(
            f"{run.folder.parent}: expected one run of {header.method} with seed {header.seed}. Found {names}."
        )
    return named[0]


def _result(run: Run) -> Result:
    events, latency = run.events, read_latency(run.folder)
    scores = [event.metrics for event in events if isinstance(event, Evaluated) and event.split == "validation"]
    sizes = [event for event in events if isinstance(event, StructureChanged)]
    last = events[-1] if events else None
    return Result(
        method=run.header.method,
        seed=run.header.seed,
        state=run.state(),
        problem=getattr(last, "reason", ""),
        folder=run.folder,
        header=run.header,
        scores=scores[-1] if scores else {},
        parameters=latency.parameters if latency else sizes[-1].parameters if sizes else None,
        macs=latency.macs if latency else sizes[-1].macs if sizes else None,
        epochs=last.epoch if last else 0,
        steps=last.step if last else 0,
        amalgamation=_amalgamation(events),
        seconds=last.seconds if last else 0.0,
        latency=latency,
        corrupted=_corrupted(run),
    )


def _corrupted(run: Run) -> Suite | None:
    """What was measured of the final network under corruptions; of several, that on most images."""
    found = [
        suite
        for suite in suites(read_records(run.folder).records)
        if suite.conditions.family == "corruption" and suite.conditions.phase is None and suite.settings
    ]
    return max(found, key=lambda suite: suite.conditions.samples, default=None)


def _amalgamation(events: Sequence[AnyEvent]) -> int:
    """Epochs of the phases in which group nodes were distilled."""
    distilled = {event.phase for event in events if isinstance(event, AmalgamationProgressed)}
    planned = {event.phase: event.epochs for event in events if isinstance(event, PhaseStarted)}
    return sum(planned.get(phase, 0) for phase in distilled)


def _unlike(headers: Sequence[RunHeader]) -> tuple[str, ...]:
    """A sentence for each run whose settings differ from those of the first one, or of the first one of its method.

    What methods are told by another run differs from seed to seed, and does not count.
    """
    first: dict[str, tuple[str, Config]] = {}
    sentences = []
    for header in headers:
        name = f"{header.method}, seed {header.seed}"
        try:
            config = parse_config(header.config)
        except ConfigError:
            sentences.append(f"The settings of {name} are not those of this release.")
            continue
        whole = told(config) if header.method not in LIKE else shared(config)
        for group, mine in ((header.method, whole), ("", shared(config))):
            other, reference = first.setdefault(group, (name, mine))
            if differs := differences(mine.model_copy(update={"seed": reference.seed}), reference):
                sentences.append(f"{name} was trained with other settings than {other}: {', '.join(differs)}.")
                break
    return tuple(sentences)
