"""How well the runs of a comparison do, and at what size and speed, each at its own moment."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import lru_cache
from statistics import median

from core.delta import Scores, delta_m, relative_gain
from core.events import Evaluated
from core.runs import RunHeader, TaskInfo
from explorer import words
from explorer.figures.compare.members import Member
from explorer.moments import History


def common_tasks(members: Sequence[Member]) -> list[TaskInfo]:
    """The tasks that all members have under the same key metric, in the first one's order."""
    return _common([member.header for member in members])


def scores_at(member: Member, index: int | None = None) -> Scores:
    """The last metrics on validation images up to the member's moment, or up to its event `index`; empty before."""
    end = member.index if index is None else index
    return next((event.metrics for position, event in reversed(validations(member.history)) if position <= end), {})


def validations(history: History) -> list[tuple[int, Evaluated]]:
    """All evaluations on validation images of a run, with their positions."""
    return [(position, event) for position, event in history.evaluations if event.split == "validation"]


def key_value(scores: Scores, task: TaskInfo) -> float | None:
    """The key metric of a task, if it was measured."""
    return scores.get(task.name, {}).get(task.metrics[0].key)


def gain(scores: Scores, baseline: Scores, task: TaskInfo) -> float | None:
    """How far the key metric of `task` is ahead of the baseline's, in per cent; None where that is not defined."""
    ours, theirs = key_value(scores, task), key_value(baseline, task)
    if ours is None or theirs is None or not theirs > 0:
        return None
    return relative_gain(ours, theirs, task.task().metric)


def delta(scores: Scores, baseline: Scores, tasks: Sequence[TaskInfo]) -> float | None:
    """Mean gain over `tasks` in per cent (`core.delta.delta_m`); None where one of them is not defined."""
    if not tasks:
        return None
    try:
        return delta_m(scores, baseline, [task.task() for task in tasks])
    except ValueError:  # a value is missing, or the baseline's is not above 0
        return None


def course(member: Member, baseline: Member, task: TaskInfo | None) -> list[tuple[int, float]]:
    """Positions of a member's evaluations and its key metric of `task` there; without a task its delta, in per cent.

    The delta is taken against the baseline as it was at the same epoch, or before. Values that are not defined are
    left out.
    """
    mine, theirs = member.history, baseline.history
    return list(_course(mine, len(mine), theirs, len(theirs), task))


@lru_cache(maxsize=64)  # the same at every step of the cursor; the numbers of events tell apart runs that grow
def _course(
    mine: History, n_mine: int, theirs: History, n_theirs: int, task: TaskInfo | None
) -> tuple[tuple[int, float], ...]:
    if task is not None:
        values = [(position, key_value(event.metrics, task)) for position, event in validations(mine)]
    else:
        tasks, reference = _common([mine.header, theirs.header]), validations(theirs)
        epochs = [event.epoch for _, event in reference]
        values = []
        for position, event in validations(mine):
            last = bisect_right(epochs, event.epoch) - 1
            values.append((position, delta(event.metrics, reference[last][1].metrics, tasks) if last >= 0 else None))
    return tuple((position, value) for position, value in values if value is not None)


def default_baseline(members: Sequence[Member]) -> Member:
    """The run that others are measured by if none is chosen: one of separate networks, else the first."""
    return next((member for member in members if member.header.method == "separate"), members[0])


def shared_nodes(member: Member) -> int:
    """How many nodes of a member serve several tasks."""
    return sum(len(node.tasks) > 1 and node.kind not in ("head", "skip") for node in member.snapshot.graph.nodes)


def images_per_second(member: Member) -> float | None:
    """Median speed of training over the epochs up to the member's moment; None before the first."""
    speeds = [event.samples_per_second for position, event in member.history.epochs if position <= member.index]
    return median(speeds) if speeds else None


def best_places(values: Sequence[float | None], higher: bool) -> set[int]:
    """Positions of the best of several values; none where there is nothing to compare.

    >>> best_places([0.5, None, 0.7], True), best_places([0.5, None], True)
    ({2}, set())
    """
    known = [value for value in values if value is not None]
    if len(known) < 2 or len(set(known)) == 1:
        return set()
    best = max(known) if higher else min(known)
    return {place for place, value in enumerate(values) if value == best}


def measure_title(task: TaskInfo) -> str:
    """A task with its key metric, unit and direction."""
    return f"{task.label} {words.metric_title(task.metrics[0])}"


def measures(members: Sequence[Member]) -> dict[str, TaskInfo]:
    """Title of the key metric of each task of any member -> that task, the first member's tasks first."""
    found: dict[str, TaskInfo] = {}
    for task in (task for member in members for task in member.header.tasks):
        title = measure_title(task)
        if title in found and found[title].name != task.name:
            title = f"{title} ({task.name})"
        found.setdefault(title, task)
    return found


def signed(per_cent: float) -> str:
    """A change in per cent with its sign.

    >>> signed(-3.14159), signed(0.0)
    ('−3.1 %', '±0 %')
    """
    return f"{per_cent:+.1f} %".replace("-", "−") if abs(per_cent) >= 0.05 else "±0 %"


def other_conditions(members: Sequence[Member]) -> list[str]:
    """What else differs between runs whose numbers are compared: tasks, data, software, how they were trained."""
    notes, letters = [], [member.letter for member in members]
    data = {member.header.data for member in members}
    if len(data) > 1:
        notes.append(f"The runs are on other data ({', '.join(sorted(data))}); their metrics are not comparable.")
    if len(common_tasks(members)) < max(len(member.header.tasks) for member in members):
        notes.append("The runs have other tasks; Δm counts those that all of them have.")
    for what, settings in (
        ("software", [member.header.versions for member in members]),
        ("training settings", [_training(member) for member in members]),
    ):
        names = sorted(set().union(*settings))
        differing = [name for name in names if len({str(found[name]) for found in settings if name in found}) > 1]
        if differing:
            lettered = list(zip(letters, settings, strict=True))
            said = "; ".join(
                f"{name} " + ", ".join(f"{letter} {found[name]}" for letter, found in lettered if name in found)
                for name in differing
            )
            notes.append(f"Recorded with other {what}: {said}. Compare speeds with care.")
    return notes


def _training(member: Member) -> Mapping[str, object]:
    settings = member.header.config.get("training")
    return settings if isinstance(settings, dict) else {}


def _common(headers: Sequence[RunHeader]) -> list[TaskInfo]:
    known = [{(task.name, task.metrics[0]) for task in header.tasks} for header in headers]
    return [task for task in headers[0].tasks if all((task.name, task.metrics[0]) in found for found in known)]
