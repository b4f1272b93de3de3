"""What a panel of one task and one example is made of, and what its classes are called."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.data.parameters import LATE_CLASSES, ROOM_CLASSES
from core.runs import RunHeader
from explorer.figures.predictions import paint

COLUMNS = ("Input", "Truth", "Prediction", "Error")
"""What stands beside each other, for every task."""
_CLASSES = {("rooms", "segmentation"): ROOM_CLASSES, ("flights", "late"): LATE_CLASSES}


class ArraysError(ValueError):
    """Arrays that do not fit their task; the message says which and how they should be."""


@dataclass(frozen=True)
class Picture:
    """One picture as PNG, with a description for those who do not see it."""

    column: str
    uri: str
    alt: str


@dataclass(frozen=True)
class Bars:
    """Probabilities of the classes of a task at image level; `truth` is the right one, None if it is not known."""

    labels: tuple[str, ...]
    values: tuple[float, ...]
    truth: int | None
    alt: str

    @property
    def likely(self) -> int:
        """The class with the largest probability."""
        return int(np.argmax(self.values))


@dataclass(frozen=True)
class Scalar:
    """The number that a task gives for a whole example, and the true one; None where one is not known."""

    truth: float | None
    prediction: float | None
    unit: str


@dataclass(frozen=True)
class Key:
    """An entry of a legend; a hatched one differs by more than its colour."""

    colour: str
    label: str
    hatched: bool = False


@dataclass(frozen=True)
class Ramp:
    """A colour scale: what it shows, in which column, its colours from low to high, and its ends in words."""

    title: str
    column: str
    scale: str
    low: str
    high: str

    @property
    def colours(self) -> list[str]:
        """Some of its colours."""
        return paint.colours(self.scale)


@dataclass(frozen=True)
class TaskPanel:
    """One task on one image: pictures from left to right, probabilities or a value instead, and its number.

    `value` is that number, None where there is nothing to compare; `number` says it in words.
    """

    task: int
    pictures: tuple[Picture, ...]
    bars: Bars | None
    value: float | None
    number: str
    keys: tuple[Key, ...] = ()
    ramps: tuple[Ramp, ...] = ()
    scalar: Scalar | None = None


def class_names(header: RunHeader, task: int) -> Sequence[str] | None:
    """Names of the classes of a task: those in the config under `class_names`, or of a built-in data set; else None."""
    named = header.config.get("class_names")
    names = named.get(header.tasks[task].name) if isinstance(named, dict) else None
    if isinstance(names, list):
        return [str(name) for name in names]
    return _CLASSES.get((header.data, header.tasks[task].name))


def class_name(names: Sequence[str] | None, label: int) -> str:
    """The name of a class, its number where it has none."""
    return names[label] if names is not None and label < len(names) else f"class {label}"
