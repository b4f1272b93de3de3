"""`python -m core robustness`: measure a run, and a reference alike, then say what it comes to."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.config import parse_config
from core.launch import Show, build_fabric
from core.robustness.estimate import estimate
from core.robustness.measures import robustness as measured
from core.robustness.measuring import Outcome, measure
from core.robustness.records import Family, Suite, read_records, suites
from core.robustness.settings import Plan
from core.robustness.workers import default_jobs
from core.runs import RunError, RunHeader, read_header
from core.summary import duration
from core.tasks import Metric

Measures = dict[str, dict[str, dict[str, float | None]]]
"""Family -> task name -> measure -> value."""


Pairs = Mapping[Family, tuple[Suite, Suite | None]]
"""Family -> what was measured of the run, and of the reference."""


def robustness(
    folder: Path, reference: Path | None, plan: Plan, device: str, jobs: int | None, show: Show, as_json: bool
) -> str:
    """Measure what is left to measure, and the text that sums it up.

    Raises `RunError` for a run that cannot be measured, or a reference that is of other data or tasks.
    """
    header = read_header(folder)
    if reference is not None:
        _check_reference(header, read_header(reference), reference)
    said = []
    for place in [folder] if reference is None else [folder, reference]:
        outcome = measure(place, plan, lambda config: build_fabric(config, device), _jobs(place, jobs), show)
        said.append(f"{place}: {_SAID[outcome]}")
        if outcome == "stopped":
            break
    found = {suite.conditions.family: (suite, other) for suite, other in _latest(folder, reference, plan)}
    if as_json:
        return json.dumps(measures(header, found))
    return "\n".join([*said, *_table(header, found)])


def estimated(places: Sequence[Path], plan: Plan, device: str, jobs: int | None, as_json: bool) -> str:
    """How many settings are left to measure of these runs, and how long that takes here, in a line or as JSON."""
    found = [estimate(place, plan, lambda config: build_fabric(config, device), _jobs(place, jobs)) for place in places]
    settings, seconds = sum(count for count, _ in found), sum(time for _, time in found)
    if as_json:
        return json.dumps({"settings": settings, "seconds": round(seconds, 1)})
    return f"{settings} settings, about {duration(seconds)}" if settings else "nothing to do"


def _jobs(folder: Path, jobs: int | None) -> int:
    """The number of workers asked for, else as many as there are cores left."""
    return default_jobs(parse_config(read_header(folder).config).training.threads) if jobs is None else jobs


_SAID: dict[Outcome, str] = {
    "measured": "measured",
    "nothing to do": "all of it is measured already, with the same weights and settings; nothing to do",
    "stopped": "stopped; what is done is kept, and the same command goes on from there",
}


def measures(header: RunHeader, found: Pairs) -> Measures:
    """The measures of every task's key metric, by family."""
    result: Measures = {}
    for family, (suite, other) in found.items():
        result[family] = {}
        for task in header.tasks:
            one = measured(suite, task.name, Metric(**task.metrics[0].model_dump()), other)
            if one is not None:
                result[family][task.name] = dict(vars(one))
    return result


def _latest(folder: Path, reference: Path | None, plan: Plan) -> list[tuple[Suite, Suite | None]]:
    """What was measured last of each family that the plan names, and the reference's that it can be compared with."""
    ours = suites(read_records(folder).records)
    theirs = suites(read_records(reference).records) if reference is not None else ()
    found = []
    for family in plan.families:
        same = [
            suite
            for suite in ours
            if (suite.conditions.family, suite.conditions.phase, suite.conditions.seed)
            == (family, plan.phase, plan.seed)
        ]
        if same:
            suite = same[-1]
            found.append((suite, next((other for other in reversed(theirs) if suite.comparable(other)), None)))
    return found


def _table(header: RunHeader, found: Pairs) -> list[str]:
    lines = []
    for family, (suite, other) in found.items():
        tasks = measures(header, {family: (suite, other)})[family]
        lines.append(f"\n{family}: {len(suite.settings)} settings on {suite.conditions.samples} images")
        columns = ["clean", "mean", "degradation %", "robustness %"]
        columns += ["mCE %", "relative mCE %", "reference's %"] if other is not None else []
        lines.append(f"  {'':<28}" + "".join(f"{name:>16}" for name in columns))
        for task in header.tasks:
            values = list(tasks.get(task.name, {}).values())[: len(columns)]
            metric = task.metrics[0]
            label = f"{task.label}, {metric.label} {'↑' if metric.direction == 'higher' else '↓'}"
            shown = "".join(f"{'–' if value is None else f'{value:.4g}':>16}" for value in values)
            lines.append(f"  {label:<28}{shown}")
    return lines


def _check_reference(ours: RunHeader, theirs: RunHeader, reference: Path) -> None:
    names = [task.name for task in ours.tasks], [task.name for task in theirs.tasks]
    if ours.data != theirs.data or names[0] != names[1]:
        raise RunError(
            f"{reference}: expected a run on {ours.data} with the tasks {', '.join(names[0])}, to be compared with. "
            f"Found {theirs.data} with {', '.join(names[1])}."
        )
