"""What each structural-learning phase went with: every task before it and at the evaluations after it.

This compares, it does not explain: between the two values lies at least one epoch of training as well. Phases in which
nothing fused show what that training does alone.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

import plotly.graph_objects as go

from core.delta import relative_gain
from core.structure import Group
from explorer import theme, words
from explorer.figures.axis import run_axis
from explorer.figures.curves.panels import Panel, panels_figure
from explorer.figures.curves.series import Measure, Point, measures, points
from explorer.figures.drawing import Drawing
from explorer.figures.rows import Row
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
    fused = {phase.number: fused_in(history, phase) for phase in history.phases}
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
    return Drawing(
        key="effects",
        title="Before and after each structural phase",
        figure=effects_figure(history, index, only),
        alt=ALT,
        caption=f"Key metric of every task of {words.run_title(history.header)} after each structural-learning phase, "
        "in percent of the last evaluation before it, upwards where the task got better. Left bar: first evaluation "
        "after the phase; right, hatched: the second, unless another structural-learning phase came between. Hollow: "
        "nothing fused. Not a causal effect: tasks also train between the two evaluations.",
        rows=lambda: effect_rows(history, only),
    )


def effects_figure(history: History, index: int, only: Group = ()) -> go.Figure:
    """A panel a task with two bars in each structural-learning phase; those after the event at `index` are pale."""
    axis = run_axis(history)
    looks = theme.looks(history.header)
    fused = {phase.number: fused_in(history, phase) for phase in history.phases}
    spans = {span.number: span for span in axis.spans}
    panels = []
    tasks = _tasks(history, only)
    for task in tasks:
        look = looks[task]
        measure = measures(history.header, task, "metric")[0]
        found = effects(history, task)
        traces: list[Properties] = []
        for side, word in enumerate(("first", "second")):
            kept = [effect for effect in found if effect.changes[side] is not None]
            wide = [spans[effect.phase.number].end - spans[effect.phase.number].start for effect in kept]
            full = theme.see_through(look.colour, 0.9 if side == 0 else 0.4)
            places = [point[0] for effect in kept if (point := effect.after[side])]
            traces.append(
                {
                    "type": "bar",
                    "x": [
                        spans[effect.phase.number].start + _PLACES[side] * width
                        for effect, width in zip(kept, wide, strict=True)
                    ],
                    "y": [effect.changes[side] for effect in kept],
                    "width": [_WIDTH * width for width in wide],
                    "marker": {
                        "color": [full if fused[effect.phase.number] else "rgba(0,0,0,0)" for effect in kept],
                        "line": {"color": look.colour, "width": 1.4},
                        "opacity": [1.0 if place <= index else 0.35 for place in places],
                        "pattern": {"shape": "/" if side else "", "fgcolor": look.colour, "size": 5, "solidity": 0.3},
                    },
                    "customdata": [
                        [place, _said(look.label, measure, effect, side, fused[effect.phase.number])]
                        for effect, place in zip(kept, places, strict=True)
                    ],
                    "hovertemplate": "%{customdata[1]}<extra></extra>",
                    "name": f"{look.label}, {word} after",
                }
            )
        panels.append(Panel(f"<b>{look.label}</b><br>{measure.metric.label} [%] ↑", traces, {"nticks": 4}, zero=True))
    row = _ROW if len(panels) <= _FEW_ROWS else _LOW_ROW
    figure = panels_figure(history, axis, index, panels, row, words.run_title(history.header))
    figure.layout.barmode = "overlay"
    return figure


def fused_in(history: History, phase: Phase) -> str:
    """Which groups fused at which stages in a phase, in words; "" if none did."""
    decisions = [found.decision for found in history.measurements if phase.first <= found.index <= phase.last]
    return "; ".join(
        f"{words.stage_name(history.header, decision.stage)}: {words.task_names(history.header, group)}"
        for decision in decisions
        if decision
        for group in decision.fused
    )


def _said(label: str, measure: Measure, effect: Effect, side: int, fused: str) -> str:
    point, change, unit = effect.after[side], effect.changes[side], measure.metric.unit
    assert effect.before is not None
    assert point is not None
    assert change is not None
    values = f"{words.value(effect.before[1], unit)} → {words.value(point[1], unit)}"
    return (
        f"<b>{label}</b> · {measure.title}<br>{values} ({'+' if change > 0 else ''}{words.value(change, '%')})<br>"
        f"{('first', 'second')[side]} evaluation after phase {effect.phase.number}<br>"
        f"{fused.replace('; ', '<br>') or 'nothing fused'}"
    )


def _tasks(history: History, only: Group) -> list[int]:
    return [task for task in history.order() if not only or task in only]


def _change(before: Point | None, after: Point | None, measure: Measure) -> float | None:
    if before is None or after is None:
        return None
    try:
        return relative_gain(after[1], before[1], measure.in_engine)
    except ValueError:
        return None
