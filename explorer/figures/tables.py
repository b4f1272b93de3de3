"""Rows of tables: the same facts as in the figures, as numbers and words."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from core.structure import Group, Node
from core.tables import Row
from explorer import theme, words
from explorer.figures.curves.series import Baseline, Show, gains, measures, points
from explorer.figures.facts import node_reason
from explorer.moments import History, Measurement, Snapshot


@dataclass(frozen=True)
class BirthRow:
    """A group node on its way, in words; `done` in [0, 1]."""

    stage: str
    tasks: str
    done: float
    losses: str


def birth_rows(history: History, snapshot: Snapshot) -> list[BirthRow]:
    """Group nodes on their way, with the distillation loss of each of their tasks."""
    header = history.header
    return [
        BirthRow(
            words.stage_name(header, birth.node.stage),
            words.task_names(header, birth.node.tasks),
            birth.done,
            " · ".join(
                f"{task.label} {words.value(birth.losses[task.name])}"
                for task in header.tasks
                if task.name in birth.losses
            ),
        )
        for birth in snapshot.births
    ]


def group_rows(history: History, snapshot: Snapshot) -> list[Row]:
    """Who shares each stage at a moment, last stage first, as in the figure."""
    looks = theme.looks(history.header)
    rank = {task: position for position, task in enumerate(history.order())}
    rows: list[Row] = []

    def by_place(item: tuple[Group, int]) -> tuple[int, int, list[int]]:
        return rank[item[0][0]], -len(item[0]), [rank[task] for task in item[0]]

    for stage in reversed(range(len(history.header.stages))):
        nodes = [node for node in snapshot.graph.nodes if node.stage == stage and node.kind in ("shared", "specific")]
        groups = Counter(tuple(sorted(node.tasks, key=lambda task: rank[task])) for node in nodes)
        said = " | ".join(_times(group, number, looks) for group, number in sorted(groups.items(), key=by_place))
        rows.append({"Stage": words.stage_name(history.header, stage), "Groups": said, "Nodes": len(nodes)})
    return rows


def _times(group: Group, number: int, looks: Sequence[theme.TaskLook]) -> str:
    """A group in letters, and how many nodes there are that serve the very same tasks."""
    every = number > 1 and len(group) == len(looks)
    letters = "all" if every else "+".join(looks[task].letter for task in group)
    return f"{letters} ×{number}" if number > 1 else letters


def node_rows(history: History, snapshot: Snapshot) -> list[Row]:
    """Every node at a moment with its costs, its state and why it is so; last stage first."""
    header = history.header
    rows: list[Row] = []

    def add(stage: int, kind: str, tasks: str, neurons: int, parameters: int, macs: int, state: str, why: str) -> None:
        rows.append(
            {
                "Stage": words.stage_name(header, stage),
                "Kind": kind,
                "Tasks": tasks,
                "Neurons": neurons,
                "Parameters": parameters,
                "MACs": macs,
                "State": state,
                "Why": why,
            }
        )

    for node in sorted(snapshot.graph.nodes, key=lambda node: (-node.stage, node.tasks)):
        place = Node(node.stage, node.tasks)
        state = "new in this phase" if place in snapshot.created else "stands"
        why = "never shared" if node.kind == "head" else node_reason(history, place, snapshot.index)
        tasks = words.task_names(header, node.tasks)
        add(node.stage, node.kind, tasks, node.neurons, node.parameters, node.macs, state, why)
    for birth in snapshot.births:
        node = birth.node
        state = f"being born, {birth.done:.0%}"
        why = node_reason(history, Node(node.stage, node.tasks), snapshot.index)
        tasks = words.task_names(header, node.tasks)
        add(node.stage, node.kind, tasks, node.neurons, node.parameters, node.macs, state, why)
    for stage, group in snapshot.ghosts:
        add(stage, "specific", words.task_names(header, group), 0, 0, 0, "removed in this phase", "its tasks fused")
    return rows


def candidate_rows(history: History, measurement: Measurement) -> list[Row]:
    """What a decision was chosen from: for each number of groups the best partition, its score, and the choice."""
    decision = measurement.decision
    if decision is None:
        return []
    chosen = next((found.k for found in decision.candidates if found.groups == decision.groups), None)
    return [
        {
            "k": candidate.k,
            "Best partition": " | ".join(words.task_names(history.header, group) for group in candidate.groups),
            "Score": candidate.score,
            "Reaches threshold": "yes" if candidate.score >= decision.min_similarity else "no",
            "Chosen": "chosen" if candidate.k == chosen else "",
        }
        for candidate in decision.candidates
    ]


def metric_rows(
    history: History, index: int, show: Show, baseline: Baseline | None = None, only: Group = ()
) -> list[Row]:
    """For each measure: at the first evaluation, at the cursor, best, and last; with a baseline also the gain over it.

    The gain is that of the value at the cursor, in percent, positive where the run is ahead.
    """
    rows: list[Row] = []
    for task in history.order():
        if only and task not in only:
            continue
        for measure in measures(history.header, task, show):
            found = points(history, measure)
            values = [value for _, value in found]
            past = [value for position, value in found if position <= index]
            better = min if measure.metric.direction == "lower" else max
            row: Row = {
                "Task": history.header.tasks[task].label,
                "Measure": measure.title,
                "First": values[0] if values else None,
                "At the cursor": past[-1] if past else None,
                "Best": better(values) if values else None,
                "Last": values[-1] if values else None,
            }
            if baseline:
                ahead = [gain for position, gain in gains(history, measure, baseline) if position <= index]
                row["Gain over the baseline [%]"] = ahead[-1] if ahead else None
            rows.append(row)
    return rows


def pair_rows(history: History, measurement: Measurement) -> list[Row]:
    """Every pair of one measurement; an undefined similarity is None."""
    names = [task.name for task in history.header.tasks]
    asked, decision = measurement.similarity, measurement.decision
    return [
        {
            "event": measurement.index,
            "phase": asked.phase,
            "stage": words.stage_name(history.header, asked.stage),
            "task": names[one],
            "other": names[other],
            "similarity": asked.matrix[row][column],
            "fused": "yes" if decision and any({one, other} <= set(group) for group in decision.fused) else "no",
        }
        for row, one in enumerate(asked.tasks)
        for column, other in enumerate(asked.tasks)
        if row < column
    ]


def measurement_rows(history: History) -> list[Row]:
    """Every measured pair of the run."""
    return [row for measurement in history.measurements for row in pair_rows(history, measurement)]


def curve_rows(history: History) -> list[Row]:
    """Every loss and metric of the run, one a row, for a download."""
    rows: list[Row] = []

    def add(index: int, epoch: int, split: str, task: str, measure: str, value: float) -> None:
        place: Row = {"event": index, "epoch": epoch, "split": split}
        rows.append(place | {"task": task, "measure": measure, "value": value})

    for index, finished in history.epochs:
        for task, loss in finished.losses.items():
            add(index, finished.epoch, "train", task, "loss", loss)
    for index, evaluated in history.evaluations:
        for task, values in evaluated.metrics.items():
            for key, value in values.items():
                add(index, evaluated.epoch, evaluated.split, task, key, value)
    return rows


def count_rows(history: History) -> list[Row]:
    """Every moment of a run with its place and the size of the network there, for a download."""
    rows: list[Row] = []
    for index in range(len(history)):
        snapshot = history.snapshot(index)
        event = snapshot.event
        rows.append(
            {
                "event": index,
                "kind": event.kind,
                "phase": event.phase,
                "epoch": event.epoch,
                "step": event.step,
                "seconds": event.seconds,
                "neurons": snapshot.neurons,
                "parameters": snapshot.parameters,
                "macs": snapshot.macs,
                "what": words.sentence(event, history.header),
            }
        )
    return rows
