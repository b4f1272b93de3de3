"""All similarity measurements of a run at a glance: one small matrix for each stage and structural phase."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from explorer import theme, words
from explorer.figures.coarse import RULE, coarse_grid_figure, too_many
from explorer.figures.drawing import Drawing
from explorer.figures.similarity import SCALE_WORDS, Scale, colour_bar, colour_range, in_focus, pair
from explorer.figures.tables import measurement_rows
from explorer.focus import Focus
from explorer.moments import History, Measurement
from explorer.theme import Properties

ALT = "Small similarity matrices of all measurements, stages upwards and structural phases to the right."
_LEAST_COLUMNS = 8  # so that the matrices of a short run keep their shape
_BLOCK_PIXELS, _TALLEST = (28, 66), 900
_AROUND = 120
_NOTHING = Focus()

Corner = tuple[int, int]


def grid_drawing(history: History, index: int, scale: Scale = "run", focus: Focus = _NOTHING) -> Drawing:
    """All measurements of the run, ready to be shown and exported."""
    return Drawing(
        key="grid",
        title="All similarity measurements",
        figure=grid_figure(history, index, scale, focus),
        alt=ALT,
        caption=f"Similarity of task nodes in {words.run_title(history.header)}: stages upwards, structural-learning "
        f"phases to the right. A filled diamond says that groups fused. Later than {words.place(history.event(index))} "
        f"is pale. Colour scale: {SCALE_WORDS[scale]}.{f' {RULE}' if too_many(history) else ''}",
        rows=lambda: measurement_rows(history),
    )


def grid_figure(history: History, index: int, scale: Scale = "run", focus: Focus = _NOTHING) -> go.Figure:
    """One small matrix a measurement: stages upwards, structural phases to the right, tasks in the run's order.

    Measurements after the event at `index` are pale, the last one up to it is framed; a diamond above a matrix is
    filled if groups fused. The traces `measurements` and `matrices`, which lies unseen over the matrices, carry the
    position of each one's decision in `customdata`. Cells of the picked pair are framed, and the row of a picked stage.
    Where each stage or phase has colours of its own, colours say where a value lies in that range. Of
    too many matrices each is drawn as one cell.
    """
    if too_many(history):
        return coarse_grid_figure(history, index, scale)
    header = history.header
    found = history.measurements
    stages = sorted({measurement.similarity.stage for measurement in found})
    phases = sorted({measurement.similarity.phase for measurement in found})
    columns, rows = max(len(phases), _LEAST_COLUMNS), max(len(stages), 1)
    n_tasks, side = len(header.tasks), len(header.tasks) + 2
    corners = [
        (phases.index(measurement.similarity.phase) * side, stages.index(measurement.similarity.stage) * side)
        for measurement in found
    ]
    own = scale in ("stage", "phase")
    low, high = (0.0, 1.0) if own else colour_range(found, scale, None)
    ends = ("lowest", "highest") if own else ()
    ranges = [colour_range(found, scale, one) if own else (0.0, 1.0) for one in found]
    so_far = [position for position, one in enumerate(found) if one.index <= index]
    later = [position for position, one in enumerate(found) if one.index > index]
    traces: list[Properties] = []
    for name, opacity, wanted in (("measured", 1.0, so_far), ("later", 0.4, later)):
        for stage in stages:
            row = [(found[p], corners[p], ranges[p]) for p in wanted if found[p].similarity.stage == stage]
            if row:
                traces.append(_cells(history, row) | {"opacity": opacity, "name": name})
    heat: Properties = {
        "type": "heatmap",
        "zmin": low,
        "zmax": high,
        "colorscale": theme.SIMILARITY_SCALE,
        "hoverinfo": "skip",
        "colorbar": colour_bar(low, high, scale, ends),
    }
    traces = [heat | trace | {"showscale": place == 0} for place, trace in enumerate(traces)]
    block = min(max(_TALLEST / rows, _BLOCK_PIXELS[0]), _BLOCK_PIXELS[1])
    traces += [_marks(history, corners, n_tasks), _matrices(history, corners, n_tasks, 0.8 * block)]
    traces.append(_picked(history, corners, n_tasks, focus, max(0.9 * block / side, 4)))
    now = so_far[-1] if so_far else None
    shapes = [_frame(corner, n_tasks, current=position == now) for position, corner in enumerate(corners)]
    if focus.stage in stages:
        shapes.insert(0, _band(stages.index(focus.stage) * side, n_tasks))
    middle = (n_tasks - 1) / 2
    layout: Properties = {
        "xaxis": theme.axis(
            "structural phase (number of the phase)",
            tickvals=[column * side + middle for column in range(len(phases))],
            ticktext=[str(phase) for phase in phases],
            range=[-1.2, columns * side - 1.4],
            showgrid=False,
        ),
        "yaxis": theme.axis(
            "stage",
            tickvals=[row * side + middle for row in range(len(stages))],
            ticktext=[words.stage_name(header, stage) for stage in stages],
            range=[-1.2, rows * side - 0.9],
            showgrid=False,
        ),
    }
    return theme.figure(traces, layout, round(block * max(rows, 2)) + _AROUND, words.run_title(header), shapes)


def _cells(history: History, placed: Sequence[tuple[Measurement, Corner, tuple[float, float]]]) -> Properties:
    """The matrices of one row, each at its corner, first task on top, in one heatmap that is no wider than they are.

    Values are shares of the range that goes with each measurement; (0, 1) leaves them as they are.
    """
    n_tasks = len(history.header.tasks)
    rank = {task: position for position, task in enumerate(history.order())}
    left, right = min(x for _, (x, _), _ in placed), max(x for _, (x, _), _ in placed)
    cells = np.full((n_tasks, right - left + n_tasks), np.nan, dtype=np.float32)
    bottom = placed[0][1][1]
    for measurement, (x, _), (low, high) in placed:
        for row, one in enumerate(measurement.similarity.tasks):
            for column, other in enumerate(measurement.similarity.tasks):
                value = measurement.similarity.matrix[row][column]
                if one != other and value is not None:
                    cells[n_tasks - 1 - rank[one], x - left + rank[other]] = (value - low) / (high - low)
    return {"z": cells, "x0": left, "dx": 1, "y0": bottom, "dy": 1}


def _frame(corner: Corner, n_tasks: int, current: bool) -> Properties:
    x, y = corner
    return {
        "type": "rect",
        "x0": x - 0.7,
        "x1": x + n_tasks - 0.3,
        "y0": y - 0.7,
        "y1": y + n_tasks - 0.3,
        "line": {"color": theme.ACCENT if current else theme.NEUTRAL, "width": 3 if current else 0.8},
        "name": "current" if current else "other",
    }


def _band(y: float, n_tasks: int) -> Properties:
    """A quiet band behind the row of the picked stage."""
    box: Properties = {"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "y0": y - 1.1, "y1": y + n_tasks + 0.5}
    return box | {
        "fillcolor": theme.see_through(theme.ACCENT, 0.13),
        "line": {"width": 0},
        "layer": "below",
        "name": "picked",
    }


def _marks(history: History, corners: Sequence[Corner], n_tasks: int) -> Properties:
    """A diamond above each small matrix, as on the timeline; it can be clicked."""
    found = history.measurements
    fused = [bool(one.decision and one.decision.fused) for one in found]
    return {
        "type": "scatter",
        "x": [x + (n_tasks - 1) / 2 for x, _ in corners],
        "y": [y + n_tasks + 0.1 for _, y in corners],
        "mode": "markers",
        "marker": {
            "symbol": ["diamond" if fuses else "diamond-open" for fuses in fused],
            "size": 9,
            "color": [theme.ACCENT if fuses else theme.NEUTRAL for fuses in fused],
        },
        "customdata": [
            [
                one.index if one.decision_index is None else one.decision_index,
                words.title(one.decision or one.similarity, history.header),
            ]
            for one in found
        ],
        "hovertemplate": "%{customdata[1]}<extra></extra>",
        "name": "measurements",
        "showlegend": False,
    }


def _matrices(history: History, corners: Sequence[Corner], n_tasks: int, size: float) -> Properties:
    """An unseen square over each small matrix, so that a click anywhere in it goes there."""
    middle = (n_tasks - 1) / 2
    return _marks(history, corners, n_tasks) | {
        "x": [x + middle for x, _ in corners],
        "y": [y + middle for _, y in corners],
        "marker": {"symbol": "square", "size": size, "color": theme.NEUTRAL, "opacity": 0},
        "customdata": [
            [
                one.index if one.decision_index is None else one.decision_index,
                words.sentence(one.similarity, history.header).replace(": ", ":<br>", 1),
            ]
            for one in history.measurements
        ],
        "name": "matrices",
    }


def _picked(history: History, corners: Sequence[Corner], n_tasks: int, focus: Focus, size: float) -> Properties:
    """A ring on every cell of the picked pair: strong at the picked stage, thin elsewhere."""
    rank = {task: position for position, task in enumerate(history.order())}
    spots = [
        (x + rank[other], y + n_tasks - 1 - rank[one], focus.stage in (None, found.similarity.stage))
        for found, (x, y) in zip(history.measurements, corners, strict=True)
        for one in found.similarity.tasks
        for other in found.similarity.tasks
        if one != other and in_focus(focus, pair(one, other))
    ]
    return {
        "type": "scatter",
        "x": [x for x, _, _ in spots],
        "y": [y for _, y, _ in spots],
        "mode": "markers",
        "marker": {
            "symbol": "square-open",
            "size": size,
            "color": theme.ACCENT,
            "line": {"width": [2.5 if strong else 1.2 for _, _, strong in spots]},
        },
        "hoverinfo": "skip",
        "name": "picked",
        "showlegend": False,
    }
