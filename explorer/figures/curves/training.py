"""Training itself over the epochs: the losses on structure, learning rate and speed."""

import plotly.graph_objects as go

from core.tables import Row
from explorer import theme, words
from explorer.figures.axis import run_axis
from explorer.figures.curves.panels import Curve, Panel, panels_figure, told, two_parts
from explorer.figures.curves.series import Gap
from explorer.figures.drawing import Drawing
from explorer.moments import History
from explorer.reading import examples
from explorer.theme import Properties

ALT = "Losses on structure, learning rate and training speed over the epochs, with structural-learning phases as bands."
_ROW = 96
_SAID = {
    "alignment": "alignment loss (weight included; none where no task nodes are aligned)",
    "penalty": "penalty on open gates (weight included)",
}
"""Field of an epoch -> what it is."""


def training_drawing(history: History, index: int) -> Drawing:
    """Losses on structure, learning rate and speed, ready to be shown and exported."""

    what = examples(history.header)
    losses = [_SAID[name] for name in _SAID if any(getattr(event, name) is not None for _, event in history.epochs)]
    shown = [*losses, "learning rate", "speed of training"]

    def rows() -> list[Row]:
        return [
            {
                "epoch": event.epoch,
                "phase": event.phase,
                "alignment_loss": event.alignment,
                "penalty": event.penalty,
                "learning_rate": event.learning_rate,
                f"{what}_per_second": event.samples_per_second,
            }
            for _, event in history.epochs
        ]

    return Drawing(
        key="training",
        title="Training itself",
        figure=training_figure(history, index),
        alt=ALT,
        caption=f"{', '.join(shown).capitalize()} of {words.run_title(history.header)}. Bands are structural-learning "
        f"phases; epochs after {words.place(history.event(index))} are pale.",
        rows=rows,
    )


def training_figure(history: History, index: int) -> go.Figure:
    """A panel each for alignment loss and penalty (left out if the run has none), learning rate and speed."""
    axis, what = run_axis(history), examples(history.header)
    curves: list[tuple[str, str, str, list[Gap]]] = [
        ("Alignment", "loss ↓", "", [(position, event.alignment) for position, event in history.epochs]),
        ("Penalty", "loss ↓", "", [(position, event.penalty) for position, event in history.epochs]),
        ("Learning rate", "per step", "", [(position, event.learning_rate) for position, event in history.epochs]),
        ("Speed", f"[{what}/s]", f"{what}/s", [(at, event.samples_per_second) for at, event in history.epochs]),
    ]
    curves = [curve for curve in curves if any(value is not None for _, value in curve[3])]
    panels = []
    for (name, unit, suffix, found), dash in zip(curves, theme.DASHES, strict=False):
        line: Properties = {"color": theme.NEUTRAL, "width": 2, "dash": dash}
        curve = Curve(name, f"<b>{name}</b>", found, told(found, [None] * len(found), suffix), line)
        parts = two_parts(history, axis, index, curve)
        panels.append(Panel(f"<b>{name}</b><br>{unit}", parts, {"rangemode": "tozero", "nticks": 4}))
    return panels_figure(history, axis, index, panels, _ROW, words.run_title(history.header))
