"""What each structural-learning phase went with: every task before it and at the evaluations after it.

This compares, it does not explain: between the two values lies at least one epoch of training as well. Phases in which
nothing fused show what that training does alone.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from core.delta import relative_gain
from core.structure import Group
from core.tables import Row
from explorer import theme, words
from explorer.figures.axis import Span, run_axis
from explorer.figures.curves.panels import Panel, cells, panels_figure, said
from explorer.figures.curves.series import Measure, Point, measures, points
from explorer.figures.drawing import Drawing
from explorer.moments import History, Phase
from explorer.theme import Properties

ALT = (
    "For every task and structural-learning phase two bars: the change of its key metric from the last evaluation "
    "before the phase to the first and to the second after it, in percent, upwards where the task got better."
)
_ROW, _LOW_ROW, _FEW_ROWS = 92, 70, 6
_PLACES, _WIDTH = (0.3, 0.7), 0.36  # of the two bars, in widths of the phase


@dataclass(frozen=True)
class Effect:
    """One task around one structural-learning phase; `changes` in percent, positive where the task got better.

    `after` holds the first and the second evaluation after the phase, None where there is none yet, and the second
    also where another structural-learning phase began before it. A change is None without its value, and where the
    value before is 0 or less.
    """

    phase: Phase
    task: int
    before: Point | None
    after: tuple[Point | None, Point | None]
    changes: tuple[float | None, float | None]


def effects(history: History, task: int) -> list[Effect]:
    """The key metric of a task around every structural-learning phase, in order."""
    measure = measures(history.header, task, "metric")[0]
    found = points(history, measure)
    places = [index for index, _ in found]
    structural = [phase for phase in history.phases if phase.role == "structural-learning"]
    around = []
    for number, phase in enumerate(structural):
        end = structural[number + 1].first if number + 1 < len(structural) else len(history)
        first = bisect_right(places, phase.last)
        before = found[place - 1] if (place := bisect_left(places, phase.first)) else None
        later = [point for point in found[first : first + 2] if point[0] < end]
        after = (later[0] if later else None, later[1] if len(later) > 1 else None)
        changes = (_change(before, after[0], measure), _change(before, after[1], measure))
        around.append(Effect(phase, task, before, after, changes))
    return around


def effect_rows(history: History, only: Group = ()) -> list[Row]:
    """Every task around every structural-learning phase, as a table."""
    rows: list[Row] = []
    fused = fusions(history)
    for task in _tasks(history, only):
        measure = measures(history.header, task, "metric")[0]
        for effect in effects(history, task):
            first, second = effect.after
            rows.append(
                {
                    "Phase": effect.phase.number,
                    "What fused": fused[effect.phase.number] or "nothing",
                    "Task": history.header.tasks[task].label,
                    "Measure": measure.title,
                    "Before": effect.before[1] if effect.before else None,
                    "First after": first[1] if first else None,
                    "Change [%]": effect.changes[0],
                    "Second after": second[1] if second else None,
                    "Change to second [%]": effect.changes[1],
                }
            )
    return rows


def effects_drawing(history: History, index: int, only: Group = ()) -> Drawing:
    """Every task around every structural-learning phase, ready to be shown and exported."""
    settled = history.header.method == "automtl"
    note = "Between the two, the chosen network takes over." if settled else "Hollow: nothing fused."
    return Drawing(
        key="effects",
        title="Before and after each structural phase",
        figure=effects_figure(history, index, only),
        alt=ALT,
        caption=f"Key metric of every task of {words.run_title(history.header)} after each structural-learning phase, "
        "in percent of the last evaluation before it, upwards where the task got better. Left bar: first evaluation "
        "after the phase; right, hatched: the second, unless another structural-learning phase came between. "
        f"{note} Not a causal effect: tasks also train between the two evaluations.",
        rows=lambda: effect_rows(history, only),
    )


def effects_figure(history: History, index: int, only: Group = ()) -> go.Figure:
    """A panel a task with two bars in each structural-learning phase; those after the event at `index` are pale."""
    axis = run_axis(history)
    fused = fusions(history)
    spans = {span.number: span for span in axis.spans}
    panels = []
    for task in _tasks(history, only):
        measure = measures(history.header, task, "metric")[0]
        found = effects(history, task)
        traces = [
            _bars(history, index, kept, side, spans, fused)
            for side in (0, 1)
            for did_fuse in (True, False)
            if (
                kept := [
                    one for one in found if one.changes[side] is not None and did_fuse is bool(fused[one.phase.number])
                ]
            )
        ]
        title = f"<b>{history.header.tasks[task].label}</b><br>{measure.metric.label} [%] ↑"
        panels.append(Panel(title, traces, {"nticks": 4}, zero=True))
    row = _ROW if len(panels) <= _FEW_ROWS else _LOW_ROW
    figure = panels_figure(history, axis, index, panels, row, words.run_title(history.header))
    figure.layout.barmode = "overlay"
    return figure


def _bars(
    history: History,
    index: int,
    found: Sequence[Effect],
    side: int,
    spans: Mapping[int, Span],
    fused: Mapping[int, str],
) -> Properties:
    """The bars of the first (`side` 0) or second (1) evaluation after phases that all fused something, or all nothing.

    A click gives the position of the evaluation.
    """
    look = theme.looks(history.header)[found[0].task]
    measure = measures(history.header, found[0].task, "metric")[0]
    hollow = not fused[found[0].phase.number]
    starts = np.array([spans[one.phase.number].start for one in found])
    widths = np.array([spans[one.phase.number].end for one in found]) - starts
    places = [point[0] for one in found if (point := one.after[side])]
    word = ("first", "second")[side]
    return {
        "type": "bar",
        "x": starts + _PLACES[side] * widths,
        "y": [one.changes[side] for one in found],
        "width": _WIDTH * widths,
        "marker": {
            "color": "rgba(0,0,0,0)" if hollow else theme.see_through(look.colour, 0.4 if side else 0.9),
            "line": {"color": look.colour, "width": 1.4},
            "opacity": np.where(np.array(places) <= index, 1.0, 0.35),
            "pattern": {"shape": "/" if side else "", "fgcolor": look.colour, "size": 5, "solidity": 0.3},
        },
        "customdata": cells(
            [place, one.phase.number, _said(measure, one, side), fused[one.phase.number].replace("; ", "<br>")]
            for one, place in zip(found, places, strict=True)
        ),
        "hovertemplate": f"<b>{look.label}</b> · {measure.title}<br>%{{customdata[2]}} (%{{y:+.3g}}%)<br>"
        f"{word} evaluation after phase %{{customdata[1]}}<br>"
        f"{'nothing fused' if hollow else '%{customdata[3]}'}<extra></extra>",
        "name": f"{look.label}, {word} after" + (", nothing fused" if hollow else ""),
    }


def fusions(history: History) -> dict[int, str]:
    """What fused at which stages (or was settled otherwise), in words, for every phase by number; "" for nothing."""
    said_of: dict[int, list[str]] = {phase.number: [] for phase in history.phases}
    for found in history.measurements:
        if found.decision:
            stage = words.stage_name(history.header, found.decision.stage)
            groups = [words.task_names(history.header, group) for group in found.decision.fused]
            said_of.setdefault(found.decision.phase, []).extend(f"{stage}: {group}" for group in groups)
    if history.header.method == "automtl":  # each of its structural phases settles policies
        said_of = {
            phase.number: ["policies settled"] for phase in history.phases if phase.role == "structural-learning"
        }
    return {number: "; ".join(texts) for number, texts in said_of.items()}


def _said(measure: Measure, effect: Effect, side: int) -> str:
    point, unit = effect.after[side], measure.metric.unit
    return f"{said(effect.before[1] if effect.before else None, unit)} → {said(point[1] if point else None, unit)}"


def _tasks(history: History, only: Group) -> list[int]:
    return [task for task in history.order() if not only or task in only]


def _change(before: Point | None, after: Point | None, measure: Measure) -> float | None:
    if before is None or after is None:
        return None
    try:
        return relative_gain(after[1], before[1], measure.in_engine)
    except ValueError:
        return None
