"""Training itself over the epochs: alignment loss, learning rate and speed."""

import plotly.graph_objects as go

from core.tables import Row
from explorer import theme, words
from explorer.figures.axis import run_axis
from explorer.figures.curves.panels import Curve, Panel, panels_figure, told, two_parts
from explorer.figures.curves.series import Gap
from explorer.figures.drawing import Drawing
from explorer.moments import History
from explorer.theme import Properties

ALT = "Alignment loss, learning rate and training speed over the epochs, with structural-learning phases as bands."
_ROW = 96


def training_drawing(history: History, index: int) -> Drawing:
    """Alignment loss, learning rate and speed, ready to be shown and exported."""

    def rows() -> list[Row]:
        return [
            {
                "epoch": event.epoch,
                "phase": event.phase,
                "alignment_loss": event.alignment,
                "learning_rate": event.learning_rate,
                "images_per_second": event.samples_per_second,
            }
            for _, event in history.epochs
        ]

    return Drawing(
        key="training",
        title="Alignment, learning rate and speed",
        figure=training_figure(history, index),
        alt=ALT,
        caption=f"Alignment loss (weight included; none where no task nodes are aligned), learning rate and speed of "
        f"training of {words.run_title(history.header)}. Bands are structural-learning phases; epochs after "
        f"{words.place(history.event(index))} are pale.",
        rows=rows,
    )


def training_figure(history: History, index: int) -> go.Figure:
    """A panel each for alignment loss (left out if the run has none), learning rate and images per second."""
    axis = run_axis(history)
    curves: list[tuple[str, str, str, list[Gap]]] = [
        ("Alignment", "loss ↓", "", [(position, event.alignment) for position, event in history.epochs]),
        ("Learning rate", "per step", "", [(position, event.learning_rate) for position, event in history.epochs]),
        ("Speed", "[images/s]", "images/s", [(at, event.samples_per_second) for at, event in history.epochs]),
    ]
    if all(value is None for _, value in curves[0][3]):
        del curves[0]
    panels = []
    for (name, unit, suffix, found), dash in zip(curves, theme.DASHES, strict=False):
        line: Properties = {"color": theme.NEUTRAL, "width": 2, "dash": dash}
        curve = Curve(name, f"<b>{name}</b>", found, told(found, [None] * len(found), suffix), line)
        parts = two_parts(history, axis, index, curve)
        panels.append(Panel(f"<b>{name}</b><br>{unit}", parts, {"rangemode": "tozero", "nticks": 4}))
    return panels_figure(history, axis, index, panels, _ROW, words.run_title(history.header))
