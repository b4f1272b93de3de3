"""One similarity measurement as a matrix with numbers, and why its decision fell: score against number of groups."""

from collections.abc import Sequence
from typing import Literal

import plotly.graph_objects as go

from core.structure import Group
from explorer import theme, words
from explorer.figures.drawing import Drawing
from explorer.figures.tables import candidate_rows, pair_rows
from explorer.focus import Focus
from explorer.moments import History, Measurement
from explorer.theme import Properties

MATRIX_ALT = "Matrix of similarities between the task nodes of one stage, with the number in every cell."
SCORES_ALT = (
    "Score of the best partition for each number of groups, with the threshold and the chosen partition marked."
)
_CELL, _AROUND = 62, 120
_NOTHING = Focus()

Scale = Literal["run", "stage", "phase", "unit"]
"""Colours run over all values of the run, over those of the same stage or phase, or over 0 to 1."""
SCALE_WORDS: dict[Scale, str] = {
    "run": "range of this run",
    "stage": "range of each stage",
    "phase": "range of each phase",
    "unit": "0 to 1",
}


def matrix_drawing(
    history: History, measurement: Measurement, scale: Scale = "run", focus: Focus = _NOTHING
) -> Drawing:
    """The matrix of `measurement`, ready to be shown and exported."""
    asked = measurement.similarity
    return Drawing(
        key="matrix",
        title="Similarity matrix",
        figure=matrix_figure(history, measurement, scale, focus),
        alt=MATRIX_ALT,
        caption=f"{words.sentence(asked, history.header)} Debiased linear CKA, {words.run_title(history.header)}, "
        f"{words.place(asked)}. Groups that fuse are framed solid, chosen ones that do not are framed dotted. "
        f"Colour scale: {SCALE_WORDS[scale]}.",
        rows=lambda: pair_rows(history, measurement),
    )


def scores_drawing(history: History, measurement: Measurement) -> Drawing:
    """Why the decision of `measurement` fell, ready to be shown and exported."""
    reason = measurement.decision.reason if measurement.decision else ""
    return Drawing(
        key="scores",
        title="Scores of the candidates",
        figure=scores_figure(history, measurement),
        alt=SCORES_ALT,
        caption=f"Score of the best partition for each number of groups at "
        f"{words.stage_name(history.header, measurement.similarity.stage)}, {words.run_title(history.header)}, "
        f"{words.place(measurement.similarity)}. {reason}",
        rows=lambda: candidate_rows(history, measurement),
    )


def matrix_figure(
    history: History, measurement: Measurement, scale: Scale = "run", focus: Focus = _NOTHING
) -> go.Figure:
    """The matrix of `measurement`; groups that fuse are framed solid, chosen ones that do not are framed dotted.

    Tasks stand in the run's left-to-right order. The diagonal, 1 by definition, is left empty; an undefined similarity
    is crossed and says so. The trace `cells` lies unseen over the cells and carries what a click on one picks; cells of
    the picked pair are framed.
    """
    header = history.header
    looks = theme.looks(header)
    tasks = [task for task in history.order() if task in measurement.similarity.tasks]
    where = {task: position for position, task in enumerate(measurement.similarity.tasks)}
    matrix = measurement.similarity.matrix
    values = [[None if one == other else matrix[where[one]][where[other]] for other in tasks] for one in tasks]
    low, high = colour_range(history.measurements, scale, measurement)
    places = list(range(len(tasks)))
    blank = [(column, row) for row in places for column in places if values[row][column] is None]
    crossed = [(column, row) for column, row in blank if column != row]
    cells: Properties = {
        "type": "heatmap",
        "z": values,
        "x": places,
        "y": places,
        "zmin": low,
        "zmax": high,
        "colorscale": theme.SIMILARITY_SCALE,
        "texttemplate": "%{z:.3f}",
        "hoverinfo": "skip",
        "xgap": 2,
        "ygap": 2,
        "colorbar": colour_bar(low, high, scale),
        "name": "similarity",
    }
    quiet: Properties = {"type": "scatter", "hoverinfo": "skip", "showlegend": False}
    empty: Properties = quiet | {
        "x": [column for column, _ in blank],
        "y": [row for _, row in blank],
        "mode": "text",
        "text": ["–" if column == row else words.NOT_DEFINED for column, row in blank],
        "textfont": {"color": theme.NEUTRAL},
        "name": "not measured",
    }
    crosses: Properties = quiet | {
        "x": [column for column, _ in crossed],
        "y": [row for _, row in crossed],
        "mode": "markers",
        "marker": {"symbol": "x-thin", "size": 34, "opacity": 0.35, "line": {"width": 1.5, "color": theme.NEUTRAL}},
        "name": "undefined",
    }
    stage = measurement.similarity.stage
    pairs = [(row, column) for row in places for column in places if row != column]
    spots: Properties = {
        "type": "scatter",
        "x": [column for _, column in pairs],
        "y": [row for row, _ in pairs],
        "mode": "markers",
        "marker": {"symbol": "square", "size": _CELL - 8, "color": theme.NEUTRAL, "opacity": 0},
        "customdata": [
            [
                Focus(stage, pair(tasks[row], tasks[column])).mark(),
                f"{looks[tasks[row]].label} – {looks[tasks[column]].label}<br>similarity {_said(values[row][column])}",
            ]
            for row, column in pairs
        ],
        "hovertemplate": "%{customdata[1]}<extra></extra>",
        "name": "cells",
        "showlegend": False,
    }
    decision = measurement.decision
    frames = [_frame(tasks, group, group in decision.fused) for group in decision.groups] if decision else []
    frames += [
        _ring(column, row, focus.stage in (None, stage))
        for row, column in pairs
        if in_focus(focus, pair(tasks[row], tasks[column]))
    ]
    ticks: Properties = {"tickvals": places, "showgrid": False, "constrain": "domain"}
    names = [f"{looks[task].label} ({looks[task].letter})" for task in tasks]
    layout: Properties = {
        "xaxis": theme.axis("task", ticktext=[looks[task].letter for task in tasks], **ticks),
        "yaxis": theme.axis("task", ticktext=names, autorange="reversed", scaleanchor="x", **ticks),
    }
    name = words.stage_name(header, stage)
    caption = f"{words.run_title(header)} · {name}, phase {measurement.similarity.phase}"
    height = _CELL * max(len(tasks), 3) + _AROUND
    return theme.figure([cells, empty, crosses, spots], layout, height, caption, [frame for frame in frames if frame])


def scores_figure(history: History, measurement: Measurement) -> go.Figure:
    """Score of the best partition into at most k groups against k, the threshold as a line, the chosen one ringed.

    Raises `ValueError` if `measurement` has no decision yet.
    """
    decision = measurement.decision
    if decision is None:
        raise ValueError(f"`measurement` should have a decision. Found none at event {measurement.index}.")
    candidates = decision.candidates
    ks = [candidate.k for candidate in candidates]
    first, last = min(ks, default=1), max(ks, default=1)
    chosen = [candidate for candidate in candidates if candidate.groups == decision.groups][:1]
    best: Properties = {
        "type": "scatter",
        "x": ks,
        "y": [candidate.score for candidate in candidates],
        "mode": "lines+markers",
        "line": {"color": theme.NEUTRAL, "width": 1.5},
        "marker": {"size": 9, "color": theme.NEUTRAL},
        "customdata": [
            [" | ".join(words.task_names(history.header, group) for group in candidate.groups)]
            for candidate in candidates
        ],
        "hovertemplate": "at most %{x} groups: %{customdata[0]}<br>score %{y:.4f}<extra></extra>",
        "name": "best partition",
    }
    ring: Properties = {
        "type": "scatter",
        "x": [candidate.k for candidate in chosen],
        "y": [candidate.score for candidate in chosen],
        "mode": "markers",
        "marker": {"symbol": "circle-open", "size": 17, "color": theme.ACCENT, "line": {"width": 2.5}},
        "hoverinfo": "skip",
        "name": "chosen",
    }
    threshold: Properties = {
        "type": "scatter",
        "x": [first - 0.4, last + 0.4],
        "y": [decision.min_similarity] * 2,
        "mode": "lines",
        "line": {"color": theme.ACCENT, "width": 1.8, "dash": "dash"},
        "hovertemplate": "threshold %{y:.3f}<extra></extra>",
        "name": f"threshold {decision.min_similarity:.3f}",
    }
    layout: Properties = {
        "xaxis": theme.axis("most groups allowed, k", dtick=1, range=[first - 0.5, last + 0.5], showgrid=False),
        "yaxis": theme.axis("score (mean similarity)"),
    }
    stage = words.stage_name(history.header, measurement.similarity.stage)
    caption = f"{words.run_title(history.header)} · {stage}, phase {measurement.similarity.phase}"
    return theme.figure([best, ring, threshold], layout, 320, caption)


def colour_range(measurements: Sequence[Measurement], scale: Scale, of: Measurement | None) -> tuple[float, float]:
    """Ends of the colour scale for the matrix `of` one measurement (None: for all of the run at once).

    0 and 1, or the least and largest similarity between different tasks in the run, at the stage or in the phase.
    """
    found = [
        value
        for measurement in measurements
        if of is None
        or scale not in ("stage", "phase")
        or (scale == "stage" and measurement.similarity.stage == of.similarity.stage)
        or (scale == "phase" and measurement.similarity.phase == of.similarity.phase)
        for row, line in enumerate(measurement.similarity.matrix)
        for column, value in enumerate(line)
        if row != column and value is not None
    ]
    if scale == "unit" or not found:
        return 0.0, 1.0
    low, high = min(found), max(found)
    return (low, high) if high - low > 1e-6 else (low - 0.01, high + 0.01)


def colour_bar(low: float, high: float, scale: Scale, ends: Sequence[str] = ()) -> Properties:
    """The colour bar, which prints which scale it is and its ends: their numbers, or `ends` in words."""
    ticks = [low, high] if ends else [low, (low + high) / 2, high]
    return {
        "title": {
            "text": f"debiased linear CKA<br>{SCALE_WORDS[scale]}",
            "font": {"size": theme.SMALL_TEXT},
            "side": "right",
        },
        "tickvals": ticks,
        "ticktext": list(ends) or [f"{tick:.3f}" for tick in ticks],
        "tickfont": {"size": theme.SMALL_TEXT},
        "thickness": 10,
        "len": 0.9,
        "outlinewidth": 0,
    }


def pair(one: int, other: int) -> Group:
    """Two tasks, sorted."""
    return (min(one, other), max(one, other))


def in_focus(focus: Focus, tasks: Group) -> bool:
    """Whether a pair belongs to the picked tasks: it is the pair, it holds the one picked task, or lies in the group.

    >>> in_focus(Focus(2, (0, 1, 2)), (0, 2)), in_focus(Focus(None, (1,)), (0, 2)), in_focus(Focus(2), (0, 2))
    (True, False, False)
    """
    picked = set(focus.tasks)
    return bool(picked) and (picked <= set(tasks) or set(tasks) <= picked)


def _said(value: float | None) -> str:
    return words.NOT_DEFINED if value is None else f"{value:.4f}"


def _ring(column: int, row: int, same_stage: bool) -> Properties:
    """A ring in a picked cell; dashed where the pair was picked at another stage."""
    edge = 0.42
    return {
        "type": "rect",
        "x0": column - edge,
        "x1": column + edge,
        "y0": row - edge,
        "y1": row + edge,
        "line": {"color": theme.ACCENT, "width": 2.5, "dash": "solid" if same_stage else "dash"},
        "name": "picked",
    }


def _frame(tasks: Sequence[int], group: Group, fuses: bool) -> Properties:
    """A frame around a group whose tasks stand side by side in the matrix; empty for another one."""
    places = sorted(tasks.index(task) for task in group)
    if len(places) < 2 or places[-1] - places[0] != len(places) - 1:
        return {}
    low, high = places[0] - 0.5, places[-1] + 0.5
    line = {"color": theme.ACCENT, "width": 3, "dash": "solid" if fuses else "dot"}
    name = "fuses" if fuses else "chosen"
    return {"type": "rect", "x0": low, "x1": high, "y0": low, "y1": high, "line": line, "name": name}
