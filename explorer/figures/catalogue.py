"""Every drawing of a run in one list, for the report, the export of a whole run, and whoever else wants them all.

A page that adds a drawing adds one line to `drawings`. Structures and matrices change from phase to phase: `chapters`
gives them where each structural-learning phase ends.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import plotly.graph_objects as go

from core.events import AnyEvent
from core.runs import RunHeader
from explorer import words
from explorer.figures.affinity import affinities_drawing, affinity_drawing
from explorer.figures.curves import effects_drawing, training_drawing
from explorer.figures.dendrogram import dendrogram_drawing
from explorer.figures.drawing import Drawing
from explorer.figures.gates import gates_drawing
from explorer.figures.grid import grid_drawing
from explorer.figures.metrics import metrics_drawing
from explorer.figures.pairs import pairs_drawing
from explorer.figures.policies import policies_drawing
from explorer.figures.sharing import sharing_drawing
from explorer.figures.similarity import matrix_drawing, scores_drawing
from explorer.figures.task_groups import groups_drawing
from explorer.figures.timeline import timeline_drawing
from explorer.focus import Focus
from explorer.moments import History, Measurement


@dataclass(frozen=True)
class Planned:
    """A drawing that is made when it is asked for, at the event at `index`."""

    key: str
    index: int
    draw: Callable[[], Drawing]


@dataclass(frozen=True)
class Where:
    """Of which run and moment exported figures are; `run` is the run's id, "" for none."""

    header: RunHeader
    event: AnyEvent | None
    run: str = ""

    def below(self, figure: go.Figure) -> str:
        """The line below an exported figure. A figure that names a phase itself is of that phase, not of the cursor."""
        own = str(figure.layout.title.text or "")
        place = words.place(self.event) if self.event else ""
        said = own if re.search(r"\bphase \d", own) else " · ".join(filter(None, (words.run_title(self.header), place)))
        return f"{said} · run {self.run}" if self.run else said


def drawings(history: History, index: int) -> list[Drawing]:
    """The drawings that show the run at the event at `index`, each with a key of its own."""
    if not len(history):
        return []
    found = [
        timeline_drawing(history, index, "decision"),
        sharing_drawing(history, history.snapshot(index)),
    ]
    if history.gates and history.gates[0][0] <= index:
        found.append(gates_drawing(history, index))
    if history.policies and history.policies[0][0] <= index:
        found.append(policies_drawing(history, history.snapshot(index)))
    measured = history.measured(index)
    if measured:
        found.append(grid_drawing(history, index))
        found.append(pairs_drawing(history, index, Focus()))
        found += decision_drawings(history, measured[-1])
        found.append(dendrogram_drawing(history, measured[-1], Focus()))
    if history.affinities:
        found += [make(history, index) for make in (affinity_drawing, groups_drawing, affinities_drawing)]
    if history.evaluations:
        found.append(metrics_drawing(history, index, "metric"))
        if any(len(task.metrics) > 1 for task in history.header.tasks):
            found.append(_named(metrics_drawing(history, index, "second"), "second-metrics"))
    if any(phase.role == "structural-learning" for phase in history.phases) and history.evaluations:
        found.append(effects_drawing(history, index))
    if history.epochs:
        found.append(training_drawing(history, index))
        found.append(_named(metrics_drawing(history, index, "loss"), "losses"))
    return found


def decision_drawings(history: History, measurement: Measurement) -> list[Drawing]:
    """What one decision was taken from: the matrix, and the scores if it is decided."""
    matrix = matrix_drawing(history, measurement)
    return [matrix, scores_drawing(history, measurement)] if measurement.decision else [matrix]


def chapters(history: History) -> list[Planned]:
    """The sharing graph at the end of every structural-learning phase, with the matrices that were measured in it.

    Keys are as in `sharing-phase03` and `matrix-phase03-stage01-1`, so that files sort in the order of the run.
    """
    found = []

    def plan(key: str, index: int, draw: Callable[[], Drawing]) -> None:
        found.append(Planned(key, index, lambda: _named(draw(), key)))

    for phase in history.phases:
        if phase.role == "structural-learning":
            end = f"phase{phase.number:02d}"
            plan(f"sharing-{end}", phase.last, partial(sharing_drawing, history, history.snapshot(phase.last)))
            inside = [one for one in history.measurements if phase.first <= one.index <= phase.last]
            for number, one in enumerate(inside, start=1):
                key = f"matrix-{end}-stage{one.similarity.stage:02d}-{number}"
                plan(key, phase.last, partial(matrix_drawing, history, one))
    return found


def _named(drawing: Drawing, key: str) -> Drawing:
    return replace(drawing, key=key)
