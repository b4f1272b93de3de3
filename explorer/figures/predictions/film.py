"""One task on one image over the phases: its predictions as a strip of pictures, or its probabilities as a matrix."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from core.runs import RunHeader
from core.tables import Row
from explorer import theme, words
from explorer.figures.drawing import Drawing
from explorer.figures.predictions.figure import image_at, note_at
from explorer.figures.predictions.parts import TaskPanel
from explorer.moments import History
from explorer.theme import Properties

FILM_ALT = "The prediction of one task on one sample image after every phase of the run, in order."
CLASSES_ALT = "Probability of every class after every phase, as a matrix with the right class framed."
VALUES_ALT = "The value that a task says after every phase, as a line, and the truth as a dotted line."
_PER_LINE, _LINE, _TEXT = 8, 176, 58  # frames in a line, its pixels, and those of the text below the pictures


@dataclass(frozen=True)
class Frame:
    """The prediction of one phase: the position of the event that saved it, and the panel of the task."""

    index: int
    panel: TaskPanel


def film_drawing(history: History, index: int, frames: Sequence[Frame], task: int, where: str) -> Drawing:
    """The pictures of a task over the phases, ready to be shown and exported; `where` says which image it is."""
    return _drawing(history, frames, task, where, "film", film_figure(history, index, frames), FILM_ALT)


def classes_drawing(history: History, index: int, frames: Sequence[Frame], task: int, where: str) -> Drawing:
    """The probabilities of a task over the phases, ready to be shown and exported."""
    figure = classes_figure(history, index, frames, task)
    return _drawing(history, frames, task, where, "classes", figure, CLASSES_ALT)


def values_drawing(history: History, index: int, frames: Sequence[Frame], task: int, where: str) -> Drawing:
    """The value that a task gives over the phases, ready to be shown and exported."""
    return _drawing(history, frames, task, where, "values", values_figure(history, index, frames, task), VALUES_ALT)


def film_figure(history: History, index: int, frames: Sequence[Frame]) -> go.Figure:
    """Predictions in lines of eight with phase and number; the latest one up to the event at `index` is framed."""
    lines = max(1, -(-len(frames) // _PER_LINE))
    height = _LINE * lines + 66
    now = current(frames, index)
    images: list[Properties] = []
    notes: list[Properties] = []
    shapes: list[Properties] = []
    for position, frame in enumerate(frames):
        line, column = divmod(position, _PER_LINE)
        x, y = column / _PER_LINE, 1 - line / lines
        images += [
            image_at(picture.uri, x + 0.004, y, 1 / _PER_LINE - 0.008, (_LINE - _TEXT) / _LINE / lines)
            for picture in frame.panel.pictures
        ]
        title = frame_title(history, frame).replace(" · ", "<br>")
        text = f"<b>{title}</b>" if frame is now else title
        below = y - (_LINE - _TEXT + 2) / _LINE / lines
        notes.append(note_at(f"{text}<br>{short(history.header, frame)}", x + 0.004, below, "left", "top"))
        if frame is now:
            edge = {"xref": "paper", "yref": "paper", "x0": x, "x1": x + 1 / _PER_LINE, "y0": y - 0.98 / lines, "y1": y}
            shapes.append({"type": "rect", **edge, "line": {"color": theme.ACCENT, "width": 2}, "name": "current"})
    layout: Properties = {
        "xaxis": {"visible": False},
        "yaxis": {"visible": False},
        "images": images,
        "annotations": notes,
    }
    return theme.figure([], layout, height, words.run_title(history.header), shapes)


def classes_figure(history: History, index: int, frames: Sequence[Frame], task: int) -> go.Figure:
    """Probability of each class (upwards) after each phase (to the right), the right class framed.

    The latest phase up to the event at `index` is marked; a click on a mark above a column goes to its event.
    """
    shown = [frame for frame in frames if frame.panel.bars]
    bars = [frame.panel.bars for frame in shown if frame.panel.bars]
    labels = bars[0].labels if bars else ()
    truth = next((one.truth for one in bars if one.truth is not None), None)
    now = current(shown, index)
    places = list(range(len(shown)))
    cells: Properties = {
        "type": "heatmap",
        "x": places,
        "y": list(range(len(labels))),
        "z": [[one.values[label] for one in bars] for label in range(len(labels))],
        "zmin": 0,
        "zmax": 1,
        "colorscale": theme.SIMILARITY_SCALE,
        "xgap": 1,
        "ygap": 1,
        "hovertemplate": "class %{y}: %{z:.3f}<extra></extra>",
        "colorbar": {
            "title": {"text": "probability", "side": "right", "font": {"size": theme.SMALL_TEXT}},
            "tickfont": {"size": theme.SMALL_TEXT},
            "thickness": 10,
            "outlinewidth": 0,
        },
        "name": "probability",
    }
    marks: Properties = {
        "type": "scatter",
        "x": places,
        "y": [len(labels) - 0.1] * len(shown),
        "mode": "markers",
        "marker": {
            "symbol": ["triangle-down" if frame is now else "triangle-down-open" for frame in shown],
            "size": 11,
            "color": [theme.ACCENT if frame is now else theme.NEUTRAL for frame in shown],
        },
        "customdata": [[frame.index, f"{frame_title(history, frame)}<br>{frame.panel.number}"] for frame in shown],
        "hovertemplate": "%{customdata[1]}<extra></extra>",
        "name": "phases",
    }
    shapes: list[Properties] = []
    if truth is not None:
        ends = {"x0": -0.5, "x1": len(shown) - 0.5, "y0": truth - 0.5, "y1": truth + 0.5}
        shapes.append({"type": "rect", **ends, "line": {"color": theme.ACCENT, "width": 2.5}, "name": "truth"})
    step = max(1, len(shown) // 24)
    layout: Properties = {
        "xaxis": theme.axis(
            "phase whose end it is",
            tickvals=places[::step],
            ticktext=[str(history.event(frame.index).phase) for frame in shown][::step],
            showgrid=False,
        ),
        "yaxis": theme.axis(
            f"class of {history.header.tasks[task].label}",
            tickvals=list(range(len(labels))),
            ticktext=[f"{label} ✓" if place == truth else label for place, label in enumerate(labels)],
            range=[-0.5, len(labels) + 0.4],
            showgrid=False,
        ),
        "showlegend": False,
    }
    caption = words.run_title(history.header)
    return theme.figure([cells, marks], layout, max(220, 22 * len(labels) + 110), caption, shapes)


def values_figure(history: History, index: int, frames: Sequence[Frame], task: int) -> go.Figure:
    """What a task says after each phase (to the right), and the truth as a dotted line; later ones are hollow.

    A click on a point goes to its event.
    """
    look, unit = theme.looks(history.header)[task], history.header.tasks[task].metrics[0].unit
    shown = [(frame, frame.panel.scalar) for frame in frames if frame.panel.scalar is not None]
    truth = next((scalar.truth for _, scalar in shown if scalar.truth is not None), None)
    now = current([frame for frame, _ in shown], index)
    places = list(range(len(shown)))
    said: Properties = {
        "type": "scatter",
        "x": places,
        "y": [scalar.prediction for _, scalar in shown],
        "mode": "lines+markers",
        "line": {"color": look.colour, "dash": look.dash, "width": 2},
        "marker": {
            "symbol": [f"{look.symbol}{'' if frame.index <= index else '-open'}" for frame, _ in shown],
            "size": [12 if frame is now else 8 for frame, _ in shown],
            "color": look.colour,
            "line": {
                "color": [theme.ACCENT if frame is now else look.colour for frame, _ in shown],
                "width": [2.5 if frame is now else 1 for frame, _ in shown],
            },
        },
        "customdata": [[frame.index, f"{frame_title(history, frame)}<br>{frame.panel.number}"] for frame, _ in shown],
        "hovertemplate": "%{customdata[1]}<extra></extra>",
        "name": "prediction",
    }
    shapes: list[Properties] = []
    if truth is not None:
        ends = {"xref": "paper", "x0": 0, "x1": 1, "y0": truth, "y1": truth}
        label = {"text": "truth", "textposition": "end", "font": {"size": theme.SMALL_TEXT, "color": theme.NEUTRAL}}
        line = {"color": theme.NEUTRAL, "width": 1.6, "dash": "dot"}
        shapes.append({"type": "line", **ends, "line": line, "label": label, "layer": "below", "name": "truth"})
    values = [scalar.prediction for _, scalar in shown if scalar.prediction is not None]
    values += [] if truth is None else [truth]
    pad = 0.2 * (max(values) - min(values)) or 1.0
    step = max(1, len(shown) // 24)
    layout: Properties = {
        "xaxis": theme.axis(
            "phase whose end it is",
            tickvals=places[::step],
            ticktext=[str(history.event(frame.index).phase) for frame, _ in shown][::step],
            range=[-0.5, max(len(shown), 1) - 0.5],
            showgrid=False,
        ),
        "yaxis": theme.axis(
            f"{look.label}{f' [{unit}]' if unit else ''}", range=[min(values) - pad, max(values) + pad], nticks=6
        ),
        "showlegend": False,
    }
    return theme.figure([said], layout, 300, words.run_title(history.header), shapes)


def current(frames: Sequence[Frame], index: int) -> Frame | None:
    """The latest frame at or before the event at `index`."""
    return next((frame for frame in reversed(frames) if frame.index <= index), None)


def frame_title(history: History, frame: Frame) -> str:
    """Phase and epoch of a frame."""
    event = history.event(frame.index)
    return f"phase {event.phase} · epoch {event.epoch}"


def short(header: RunHeader, frame: Frame) -> str:
    """The number of a frame with its unit, in a few letters."""
    if frame.panel.value is None:
        return ""
    info = header.tasks[frame.panel.task]
    name = {
        "segmentation": "mIoU",
        "depth": "RMSE",
        "edges": "F",
        "normals": "angle",
        "reconstruction": "MSE",
        "class": "truth",
        "value": "error",
    }[info.kind]
    unit = info.metrics[0].unit if info.kind == "value" else {"depth": "m", "normals": "°"}.get(info.kind, "")
    return f"{name} {words.value(frame.panel.value, unit)}"


def _drawing(
    history: History, frames: Sequence[Frame], task: int, where: str, key: str, figure: go.Figure, alt: str
) -> Drawing:
    label = history.header.tasks[task].label

    def rows() -> list[Row]:
        return [
            {
                "event": frame.index,
                "phase": history.event(frame.index).phase,
                "epoch": history.event(frame.index).epoch,
                "value": frame.panel.value,
                "what": frame.panel.number,
            }
            for frame in frames
        ]

    return Drawing(
        key=key,
        title=f"{label} over the phases",
        figure=figure,
        alt=alt,
        caption=f"Prediction of {label} on {where} after every phase of {words.run_title(history.header)}. Numbers are "
        "of this image alone.",
        rows=rows,
    )
