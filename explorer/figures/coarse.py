"""All similarity measurements of a long run at a glance: one cell for each stage and phase, the mean of its pairs."""

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from explorer import theme, words
from explorer.figures.similarity import Scale, colour_bar, colour_range
from explorer.moments import History, Measurement
from explorer.theme import Properties

MOST_CELLS = 60_000
"""Cells of all small matrices together, gaps included, up to which each matrix is drawn whole."""
MOST_MATRICES = 400
RULE = (
    f"Of more than {MOST_MATRICES} matrices, or {MOST_CELLS:,} cells, each stage and phase is one cell: the mean "
    "similarity of all pairs that were measured there."
)
_MOST_TICKS = 20
_ROW_PIXELS, _TALLEST, _AROUND = (20, 44), 720, 130

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Means:
    """Stages and phases with a measurement, rising; for every measurement its cell, sum and number of pairs [M]."""

    stages: tuple[int, ...]
    phases: tuple[int, ...]
    rows: NDArray[np.int_]
    columns: NDArray[np.int_]
    sums: Floats
    pairs: Floats

    def cells(self, first: int, last: int) -> Floats:
        """Mean similarity [stages, phases] over the measurements `first` to `last`, the latter left out; else NaN."""
        total, number = np.zeros((2, len(self.stages), len(self.phases)))
        where = self.rows[first:last], self.columns[first:last]
        np.add.at(total, where, self.sums[first:last])
        np.add.at(number, where, self.pairs[first:last])
        return np.divide(total, number, out=np.full_like(total, np.nan), where=number > 0)


_made: WeakKeyDictionary[History, tuple[int, _Means]] = WeakKeyDictionary()


def too_many(history: History) -> bool:
    """Whether the small matrices of a run are too many, or too large together, to be drawn whole."""
    found = history.measurements
    side = len(history.header.tasks) + 2
    stages = {measurement.similarity.stage for measurement in found}
    phases = {measurement.similarity.phase for measurement in found}
    return len(found) > MOST_MATRICES or len(stages) * len(phases) * side * side > MOST_CELLS


def coarse_grid_figure(history: History, index: int, scale: Scale = "run") -> go.Figure:
    """One cell for each stage and phase with the mean similarity of its pairs: `grid_figure` for long runs.

    Cells measured after the event at `index` are pale, the last one up to it is framed; a diamond says that groups
    fused. The trace `measurements` carries the position of each one's decision in `customdata`. One scale serves all
    cells: where each stage or phase asked for its own, that of the run.
    """
    scale = scale if scale == "unit" else "run"
    found, means = history.measurements, _means(history)
    so_far = sum(measurement.index <= index for measurement in found)
    low, high = colour_range(found, scale, None)
    traces: list[Properties] = []
    for name, opacity, first, last in (("measured", 1.0, 0, so_far), ("later", 0.4, so_far, len(found))):
        traces.append(
            {
                "type": "heatmap",
                "z": means.cells(first, last).astype(np.float32),
                "opacity": opacity,
                "zmin": low,
                "zmax": high,
                "colorscale": theme.SIMILARITY_SCALE,
                "showscale": name == "measured",
                "colorbar": colour_bar(low, high, scale),
                "hoverinfo": "skip",
                "hoverongaps": False,
                "name": name,
            }
        )
    traces.append(_marks(history, means))
    shapes = [_frame(means, so_far - 1)] if so_far else []
    step = -(-len(means.phases) // _MOST_TICKS)
    layout: Properties = {
        "xaxis": theme.axis(
            "structural phase (number of the phase); each cell: mean over its pairs",
            tickvals=list(range(0, len(means.phases), step)),
            ticktext=[str(phase) for phase in means.phases[::step]],
            range=[-0.7, len(means.phases) - 0.3],
            showgrid=False,
        ),
        "yaxis": theme.axis(
            "stage",
            tickvals=list(range(len(means.stages))),
            ticktext=[words.stage_name(history.header, stage) for stage in means.stages],
            range=[-0.7, len(means.stages) - 0.3],
            showgrid=False,
        ),
    }
    row = min(max(_TALLEST / len(means.stages), _ROW_PIXELS[0]), _ROW_PIXELS[1])
    height = round(row * max(len(means.stages), 4)) + _AROUND
    return theme.figure(traces, layout, height, words.run_title(history.header), shapes)


def _means(history: History) -> _Means:
    """The means of a run, made anew only when more was measured."""
    known = _made.get(history)
    if known is None or known[0] != len(history.measurements):
        known = _made[history] = (len(history.measurements), _add_up(history.measurements))
    return known[1]


def _add_up(found: Sequence[Measurement]) -> _Means:
    stages = tuple(sorted({measurement.similarity.stage for measurement in found}))
    phases = tuple(sorted({measurement.similarity.phase for measurement in found}))
    row, column = ({value: place for place, value in enumerate(values)} for values in (stages, phases))
    sums, pairs = np.zeros((2, len(found)))
    for position, measurement in enumerate(found):
        matrix = np.array(measurement.similarity.matrix, dtype=float)  # null becomes NaN
        np.fill_diagonal(matrix, np.nan)
        sums[position], pairs[position] = np.nansum(matrix), np.sum(~np.isnan(matrix))
    return _Means(
        stages,
        phases,
        np.array([row[measurement.similarity.stage] for measurement in found]),
        np.array([column[measurement.similarity.phase] for measurement in found]),
        sums,
        pairs,
    )


def _marks(history: History, means: _Means) -> Properties:
    """An unseen square on every cell that can be clicked, a diamond where groups fused; the last of a cell counts."""
    last: dict[tuple[int, int], Measurement] = {}
    for row, column, measurement in zip(means.rows, means.columns, history.measurements, strict=True):
        known = last.get((int(row), int(column)))
        if known is None or measurement.decision is not None or known.decision is None:
            last[int(row), int(column)] = measurement
    fused = [bool(one.decision and one.decision.fused) for one in last.values()]
    cells = means.cells(0, len(history.measurements))
    return {
        "type": "scatter",
        "x": [column for _, column in last],
        "y": [row for row, _ in last],
        "mode": "markers",
        "marker": {
            "symbol": ["diamond" if fuses else "square" for fuses in fused],
            "size": 6,
            "color": theme.ACCENT,
            "opacity": [float(fuses) for fuses in fused],
            "line": {"color": "#ffffff", "width": 0.8},
        },
        "customdata": [
            [
                one.index if one.decision_index is None else one.decision_index,
                words.title(one.decision or one.similarity, history.header),
                "not defined" if np.isnan(cells[place]) else f"{cells[place]:.4f}",
            ]
            for place, one in last.items()
        ],
        "hovertemplate": "%{customdata[1]}<br>mean similarity %{customdata[2]}<extra></extra>",
        "name": "measurements",
        "showlegend": False,
    }


def _frame(means: _Means, position: int) -> Properties:
    x, y = int(means.columns[position]), int(means.rows[position])
    line = {"color": theme.ACCENT, "width": 3}
    return {"type": "rect", "x0": x - 0.6, "x1": x + 0.6, "y0": y - 0.6, "y1": y + 0.6, "line": line, "name": "current"}
