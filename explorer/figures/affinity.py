"""Which tasks help each other while they train: the affinities of Selective Task Group Updates.

An affinity is what a step for one task does to another's loss: 1 minus the loss after over the loss before (Jeong and
Yoon, ICLR 2025, section 3.1), as a running mean. Positive helps, negative hurts, and it has a direction.
"""

import plotly.graph_objects as go

from core.events import AffinityUpdated
from core.structure import Partition
from core.tables import Row
from explorer import theme, words
from explorer.figures.axis import run_axis
from explorer.figures.curves.panels import Curve, Panel, panels_figure, two_parts
from explorer.figures.curves.series import Gap
from explorer.figures.drawing import Drawing
from explorer.focus import Focus
from explorer.moments import History
from explorer.theme import Properties

MATRIX_ALT = "Matrix of affinities: what a step for one task does to the loss of another, with the number in each cell."
OVER_TIME_ALT = "One panel a task: what a step for it does to the loss of every task, over the epochs."
READING = "Read along a row: what a step for this task does to the losses of the others."
_CELL, _AROUND, _ROW = 62, 120, 112
_NOTHING = Focus()


def affinity_at(history: History, index: int) -> AffinityUpdated | None:
    """The affinities known at the event at `index`; None before the first."""
    return next((event for position, event in reversed(history.affinities) if position <= index), None)


def groups_order(history: History) -> tuple[int, ...]:
    """The tasks [T] so that those of one of the last groups stand side by side; the same at every moment of the run."""
    groups = history.affinities[-1][1].groups if history.affinities else ()
    return tuple(task for group in sorted(groups) for task in group)


def affinity_drawing(history: History, index: int, focus: Focus = _NOTHING) -> Drawing:
    """The matrix of affinities at the event at `index`, ready to be shown and exported."""
    names = [task.name for task in history.header.tasks]
    event = affinity_at(history, index)

    def rows() -> list[Row]:
        if event is None:
            return []
        return [
            {"steps": names[one], "loss_of": names[other], "affinity": value, "together": _together(event, one, other)}
            for one, line in enumerate(event.affinity)
            for other, value in enumerate(line)
        ]

    groups = f"Groups now: {_said(history, event.groups)}. " if event else ""
    return Drawing(
        key="affinity",
        title="Affinity between tasks",
        figure=affinity_figure(history, index, focus),
        alt=MATRIX_ALT,
        caption=f"Proximal inter-task affinity, {words.run_title(history.header)}, "
        f"{words.place(event or history.event(index))}: the share by which a step for the row's task lowers the loss "
        f"of the column's (running mean). {groups}Framed: tasks that step together.",
        rows=rows,
    )


def affinity_figure(history: History, index: int, focus: Focus = _NOTHING) -> go.Figure:
    """Affinities [T, T] at the event at `index`: row steps, column's loss changes; tasks of one group are framed.

    The colours are the same at every moment: white is no effect, the ends are the largest effect on another task in
    the run. What a step does to its own task is many times larger and said by the hover text alone. The trace
    `cells` lies unseen over the cells and carries what a click picks: the task that steps and the one whose loss
    changes. Cells of the picked tasks are ringed.
    """
    looks, event = theme.looks(history.header), affinity_at(history, index)
    tasks = groups_order(history) if event else ()
    values = [[event.affinity[one][other] for other in tasks] for one in tasks] if event else []
    places = list(range(len(tasks)))
    end = _largest(history)
    cells: Properties = {
        "type": "heatmap",
        "z": [[None if row == column else values[row][column] for column in places] for row in places],
        "x": places,
        "y": places,
        "zmin": -end,
        "zmax": end,
        "colorscale": theme.EFFECT_SCALE,
        "text": [["" if row == column else _number(values[row][column]) for column in places] for row in places],
        "texttemplate": "%{text}",
        "hoverinfo": "skip",
        "xgap": 2,
        "ygap": 2,
        "colorbar": {
            "title": {
                "text": "loss falls by [%],<br>range of this run",
                "font": {"size": theme.SMALL_TEXT},
                "side": "right",
            },
            "tickvals": [-end, 0, end],
            "ticktext": [f"{_number(-end)}<br>hurts", "0", f"{_number(end)}<br>helps"],
            "tickfont": {"size": theme.SMALL_TEXT},
            "thickness": 10,
            "len": 0.9,
            "outlinewidth": 0,
        },
        "name": "affinity",
    }
    own: Properties = {
        "type": "scatter",
        "x": places,
        "y": places,
        "mode": "text",
        "text": ["–"] * len(places),
        "textfont": {"color": theme.NEUTRAL},
        "hoverinfo": "skip",
        "showlegend": False,
        "name": "own",
    }
    spots: Properties = {
        "type": "scatter",
        "x": [column for _ in places for column in places],
        "y": [row for row in places for _ in places],
        "mode": "markers",
        "marker": {"symbol": "square", "size": _CELL - 8, "color": theme.NEUTRAL, "opacity": 0},
        "customdata": [
            [
                Focus(None, tuple(sorted({tasks[row], tasks[column]}))).mark(),
                f"a step for {looks[tasks[row]].label}<br>changes the loss of {looks[tasks[column]].label} by "
                f"{_percent(None if (value := values[row][column]) is None else -value)}",
            ]
            for row in places
            for column in places
        ],
        "hovertemplate": "%{customdata[1]}<extra></extra>",
        "name": "cells",
        "showlegend": False,
    }
    where = {task: place for place, task in enumerate(tasks)}
    frames = [
        _square(where[one], where[other], 0.5, "group")
        for group in (event.groups if event else ())
        for one in group
        for other in group
        if len(group) > 1
    ]
    picked = [task for task in focus.tasks if task in where]
    rings = [
        _square(where[other], where[one], 0.4, "picked")
        for one in picked
        for other in (picked if len(picked) > 1 else tasks)
        if one != other or len(picked) == 1
    ]
    ticks: Properties = {"tickvals": places, "showgrid": False, "constrain": "domain"}
    names = [f"{looks[task].label} ({looks[task].letter})" for task in tasks]
    layout: Properties = {
        "xaxis": theme.axis("loss of", ticktext=[looks[task].letter for task in tasks], **ticks),
        "yaxis": theme.axis("a step for", ticktext=names, autorange="reversed", scaleanchor="x", **ticks),
    }
    place = words.place(event) if event else "not measured yet"
    height = _CELL * max(len(tasks), 3) + _AROUND
    caption = f"{words.run_title(history.header)} · {place}"
    return theme.figure([cells, own, spots], layout, height, caption, [*frames, *rings])


def affinities_drawing(history: History, index: int) -> Drawing:
    """The affinities of every task over the epochs, ready to be shown and exported."""
    names = [task.name for task in history.header.tasks]
    return Drawing(
        key="affinities",
        title="Affinity over time",
        figure=affinities_figure(history, index),
        alt=OVER_TIME_ALT,
        caption=f"Proximal inter-task affinity over the epochs of {words.run_title(history.header)}. One panel for "
        "the task that steps, one curve for each task whose loss that changes; above 0 it helps. Later than "
        f"{words.place(history.event(index))} is pale.",
        rows=lambda: [
            {"epoch": event.epoch, "steps": names[one], "loss_of": names[other], "affinity": value}
            for _, event in history.affinities
            for one, line in enumerate(event.affinity)
            for other, value in enumerate(line)
        ],
    )


def affinities_figure(history: History, index: int) -> go.Figure:
    """One panel for each task that steps: a curve for each task whose loss it changes, in that one's look, in per cent.

    What a step does to its own task is left out: it is many times larger.
    """
    axis, looks, order = run_axis(history), theme.looks(history.header), groups_order(history)
    panels = []
    for one in order:
        traces: list[Properties] = []
        for other in order:
            if one == other:
                continue
            look = looks[other]
            found: list[Gap] = [
                (position, None if (value := event.affinity[one][other]) is None else 100 * value)
                for position, event in history.affinities
            ]
            head = f"<b>a step for {looks[one].label}</b><br>lowers the loss of {look.label} by"
            texts = [(_percent(None if value is None else value / 100), "") for _, value in found]
            line: Properties = {"color": look.colour, "dash": look.dash, "width": 2}
            traces += two_parts(history, axis, index, Curve(look.label, head, found, texts, line, look.symbol))
        panels.append(Panel(f"<b>{looks[one].label}</b> steps:<br>losses fall [%]", traces, {"nticks": 4}, zero=True))
    return panels_figure(history, axis, index, panels, _ROW, words.run_title(history.header), _key(history))


def _key(history: History) -> str:
    """Whose losses the curves are, in their colours, as a legend."""
    looks = theme.looks(history.header)
    return f"loss of: {theme.key([looks[task] for task in groups_order(history)])}"


def _largest(history: History) -> float:
    """The largest effect on another task in the run, either way; what a step does to its own task is larger still."""
    found = [
        abs(value)
        for _, event in history.affinities
        for one, line in enumerate(event.affinity)
        for other, value in enumerate(line)
        if one != other and value is not None
    ]
    return max(found, default=0.0) or 0.01


def _together(event: AffinityUpdated, one: int, other: int) -> str:
    return "yes" if any({one, other} <= set(group) for group in event.groups) else "no"


def _said(history: History, groups: Partition) -> str:
    return " | ".join(words.task_names(history.header, group) for group in groups)


def _number(value: float | None) -> str:
    """A share in per cent, with its sign and without unit."""
    if value is None:
        return words.NOT_DEFINED
    digits = 1 if abs(value) >= 0.01 else 2
    return f"{100 * value:+.{digits}f}".replace("-", "−")


def _percent(value: float | None) -> str:
    return words.NOT_DEFINED if value is None else f"{_number(value)} %"


def _square(row: int, column: int, edge: float, name: str) -> Properties:
    line: Properties = {"color": theme.ACCENT, "width": 2.5, "dash": "solid"}
    if name == "group":
        line = {"color": theme.NEUTRAL, "width": 2, "dash": "dot"}
    ends = {"x0": column - edge, "x1": column + edge, "y0": row - edge, "y1": row + edge}
    return {"type": "rect", **ends, "line": line, "name": name}
