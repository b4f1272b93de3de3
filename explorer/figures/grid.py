"""All similarity measurements of a run at a glance: one small matrix for each stage and structural phase."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from explorer import theme, words
from explorer.figures.coarse import RULE, coarse_grid_figure, too_many
from explorer.figures.drawing import Drawing
from explorer.figures.similarity import Scale, colour_bar, colour_range
from explorer.figures.tables import measurement_rows
from explorer.moments import History, Measurement
from explorer.theme import Properties

ALT = "Small similarity matrices of all measurements, stages upwards and structural phases to the right."
_LEAST_COLUMNS = 8  # so that the matrices of a short run keep their shape
_BLOCK_PIXELS, _TALLEST = (28, 66), 900
_AROUND = 120

Corner = tuple[int, int]


def grid_drawing(history: History, index: int, scale: Scale = "measured") -> Drawing:
    """All measurements of the run, ready to be shown and exported."""
    return Drawing(
        key="grid",
        title="All similarity measurements",
        figure=grid_figure(history, index, scale),
        alt=ALT,
        caption=f"Similarity of task nodes in {words.run_title(history.header)}: stages upwards, structural-learning "
        f"phases to the right. A filled diamond says that groups fused. Later than {words.place(history.event(index))} "
        f"is pale.{f' {RULE}' if too_many(history) else ''}",
        rows=lambda: measurement_rows(history),
    )


def grid_figure(history: History, index: int, scale: Scale = "measured") -> go.Figure:
    """One small matrix a measurement: stages upwards, structural phases to the right, tasks in the run's order.

    Measurements after the event at `index` are pale, the last one up to it is framed; a diamond above a matrix is
    filled if groups fused. The trace `measurements` carries the position of each one's decision in `customdata`. Of
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
    low, high = colour_range(found, scale)
    shape = (rows * side - 2, max(len(phases), 1) * side - 2)
    so_far = [position for position, one in enumerate(found) if one.index <= index]
    later = [position for position, one in enumerate(found) if one.index > index]
    traces = []
    for name, opacity, wanted in (("measured", 1.0, so_far), ("later", 0.4, later)):
        cells = _cells(history, shape, [(found[position], corners[position]) for position in wanted])
        traces.append(
            {
                "type": "heatmap",
                "z": cells,
                "opacity": opacity,
                "zmin": low,
                "zmax": high,
                "colorscale": theme.SIMILARITY_SCALE,
                "showscale": name == "measured",
                "colorbar": colour_bar(low, high),
                "hovertemplate": "similarity %{z:.4f}<extra></extra>",
                "hoverongaps": False,
                "name": name,
            }
        )
    traces.append(_marks(history, corners, n_tasks))
    now = so_far[-1] if so_far else None
    shapes = [_frame(corner, n_tasks, current=position == now) for position, corner in enumerate(corners)]
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
    block = min(max(_TALLEST / rows, _BLOCK_PIXELS[0]), _BLOCK_PIXELS[1])
    return theme.figure(traces, layout, round(block * max(rows, 2)) + _AROUND, words.run_title(header), shapes)


def _cells(
    history: History, shape: tuple[int, int], placed: Sequence[tuple[Measurement, Corner]]
) -> NDArray[np.float32]:
    """The big matrix [rows, columns], each measurement at its corner, first task on top; NaN where there is none."""
    n_tasks = len(history.header.tasks)
    rank = {task: position for position, task in enumerate(history.order())}
    cells = np.full(shape, np.nan, dtype=np.float32)
    for measurement, (x, y) in placed:
        for row, one in enumerate(measurement.similarity.tasks):
            for column, other in enumerate(measurement.similarity.tasks):
                value = measurement.similarity.matrix[row][column]
                if one != other and value is not None:
                    cells[y + n_tasks - 1 - rank[one], x + rank[other]] = value
    return cells


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
