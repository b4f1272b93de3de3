"""All tasks of one sample image in one figure: input, truth, prediction and error beside each other."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from core.runs import RunHeader
from core.tables import Row
from explorer import theme, words
from explorer.figures.drawing import Drawing
from explorer.figures.predictions import paint
from explorer.figures.predictions.parts import COLUMNS, Bars, Key, Ramp, TaskPanel
from explorer.theme import Properties

ALT = "For every task a row of pictures of one sample image: input, truth, prediction and where the prediction errs."
_ROW, _TOP, _BOTTOM = 236, 26, 34  # pixels of a row; of its title above and its legend below the pictures
_HEAD, _INSET = 30, 0.008
_ENTRIES = 9  # of a legend that fit into one line


def predictions_drawing(header: RunHeader, panels: Sequence[TaskPanel], where: str) -> Drawing:
    """All tasks of one image, ready to be shown and exported; `where` says which image and which moment."""

    def rows() -> list[Row]:
        return [
            {
                "task": header.tasks[panel.task].name,
                "kind": header.tasks[panel.task].kind,
                "value": panel.value,
                "what": panel.number,
            }
            for panel in panels
        ]

    return Drawing(
        key="predictions",
        title="Predictions",
        figure=predictions_figure(header, panels, where),
        alt=ALT,
        caption=f"Input, truth, prediction and error of every task, {where}, {words.run_title(header)}. Numbers are of "
        "this image alone.",
        rows=rows,
    )


def predictions_figure(header: RunHeader, panels: Sequence[TaskPanel], where: str) -> go.Figure:
    """A row a task of `panels`, columns as in `COLUMNS`; probabilities of a task at image level are bars."""
    height = _ROW * max(len(panels), 1) + _HEAD + 58
    inner = height - _HEAD - 58
    images: list[Properties] = []
    notes: list[Properties] = [
        note_at(f"<b>{column}</b>", position / 4 + _INSET, 1 + 12 / inner, "left", "middle")
        for position, column in enumerate(COLUMNS)
    ]
    traces: list[Properties] = []
    layout: Properties = {"xaxis": {"visible": False}, "yaxis": {"visible": False}}
    for row, panel in enumerate(panels):
        top = 1 - row * _ROW / inner
        look = theme.looks(header)[panel.task]
        head = f'<b><span style="color:{look.colour}">{look.letter}</span> {look.label}</b>'
        notes.append(note_at(f"{head}  {panel.number}", 0.0, top - 4 / inner, "left", "top"))
        high, low = top - _TOP / inner, top - (_ROW - _BOTTOM) / inner
        for picture in panel.pictures:
            place = COLUMNS.index(picture.column)
            images.append(image_at(picture.uri, place / 4 + _INSET, high, 0.234, high - low))
        if panel.bars:
            axis = str(2 + sum(trace["type"] == "bar" for trace in traces))
            traces.append(_bars(panel.bars, look.colour) | {"xaxis": f"x{axis}", "yaxis": f"y{axis}"})
            layout[f"xaxis{axis}"] = theme.axis(
                "class", type="category", domain=[0.3, 0.99], anchor=f"y{axis}", showgrid=False
            )
            layout[f"yaxis{axis}"] = theme.axis(
                "probability", domain=[low, high], anchor=f"x{axis}", range=[0, 1], nticks=3
            )
        notes.append(note_at(_legend(panel.keys), 0.0, low - 2 / inner, "left", "top"))
        for ramp in panel.ramps:
            x = COLUMNS.index(ramp.column) / 4 + _INSET
            images.append(image_at(_strip(ramp), x, low - 5 / inner, 0.07, 8 / inner, "stretch"))
            notes.append(note_at(f"{ramp.low} – {ramp.high}", x + 0.072, low - 1 / inner, "left", "top"))
    layout |= {
        "images": images,
        "annotations": [note for note in notes if note["text"]],
        "margin": {"l": 8, "r": 8, "t": _HEAD, "b": 58},
        "showlegend": False,
    }
    return theme.figure(traces, layout, height, f"{words.run_title(header)} · {where}")


def image_at(uri: str, x: float, y: float, width: float, height: float, sizing: str = "contain") -> Properties:
    return {
        "source": uri,
        "xref": "paper",
        "yref": "paper",
        "x": x,
        "y": y,
        "sizex": width,
        "sizey": height,
        "sizing": sizing,
        "xanchor": "left",
        "yanchor": "top",
        "layer": "above",
    }


def note_at(text: str, x: float, y: float, anchor: str, vertical: str) -> Properties:
    return {
        "text": text,
        "xref": "paper",
        "yref": "paper",
        "x": x,
        "y": y,
        "xanchor": anchor,
        "yanchor": vertical,
        "align": "left",
        "showarrow": False,
        "font": {"size": theme.SMALL_TEXT},
    }


def _strip(ramp: Ramp) -> str:
    return paint.png(np.ascontiguousarray(paint.ramp(ramp.scale)[None]))


def _legend(keys: Sequence[Key]) -> str:
    entries = [f'<span style="color:{key.colour}">{"▨" if key.hatched else "■"}</span> {key.label}' for key in keys]
    lines = [entries[start : start + _ENTRIES] for start in range(0, len(entries), _ENTRIES)]
    return "<br>".join("  ".join(line) for line in lines)


def _bars(bars: Bars, colour: str) -> Properties:
    truth = [label == bars.truth for label in range(len(bars.values))]
    return {
        "type": "bar",
        "x": [f"{label} ✓" if true else label for label, true in zip(bars.labels, truth, strict=True)],
        "y": list(bars.values),
        "marker": {
            "color": [
                colour if label == bars.likely else theme.see_through(colour, 0.4) for label in range(len(truth))
            ],
            "line": {"color": theme.NEUTRAL, "width": [2.5 if true else 0 for true in truth]},
        },
        "hovertemplate": "class %{x}: %{y:.3f}<extra></extra>",
        "name": "probability",
    }
