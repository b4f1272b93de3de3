"""Everything about one task and one image: the pictures with their descriptions, the number, scales and legend."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.data.parameters import ROOM_CLASSES
from core.runs import RunHeader
from explorer import theme, words
from explorer.figures.predictions import paint, scores
from explorer.figures.predictions.scores import Array

COLUMNS = ("Input", "Truth", "Prediction", "Error")
"""What stands beside each other, for every task."""
_SIDE = 256


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
    """One task on one image: pictures from left to right, probabilities instead of some, and the number of the image.

    `value` is that number, None where there is nothing to compare; `number` says it in words.
    """

    task: int
    pictures: tuple[Picture, ...]
    bars: Bars | None
    value: float | None
    number: str
    keys: tuple[Key, ...] = ()
    ramps: tuple[Ramp, ...] = ()


@dataclass(frozen=True)
class _Found:
    """What a kind of task makes of its arrays: pictures of truth, prediction and error, and the rest of a panel."""

    truth: paint.Picture | None
    prediction: paint.Picture | None
    error: paint.Picture | None = None
    hatch: scores.Mask | None = None
    value: float | None = None
    number: str = ""
    keys: tuple[Key, ...] = ()
    ramps: tuple[Ramp, ...] = ()


def task_panel(
    header: RunHeader,
    task: int,
    inputs: Mapping[str, Array],
    predictions: Mapping[str, Array],
    where: str,
    side: int = _SIDE,
    columns: Sequence[str] = COLUMNS,
) -> TaskPanel:
    """The panel of a task from the arrays of one image by name; what is missing is left out.

    `where` says which image and which moment it is, for the descriptions; pictures are about `side` pixels large, and
    only those of `columns` are made. Raises `ArraysError` for arrays that do not fit the kind of the task.
    """
    info = header.tasks[task]
    truth = inputs.get("image") if info.kind == "reconstruction" else inputs.get(info.name)
    prediction, image = predictions.get(info.name), inputs.get("image")
    _check(info.name, info.kind, truth, prediction, image)
    pictures: dict[str, tuple[paint.Picture, scores.Mask | None]] = {}
    if image is not None:
        pictures["Input"] = (paint.rgb(image), None)
    if info.kind == "class":
        bars, value, number = _class(header, task, truth, prediction, where)
        return TaskPanel(task, _made(pictures, side, columns, f"{info.label}, {where}", ""), bars, value, number)
    found = _PAINTERS[info.kind](header, task, truth, prediction, image)
    for column, picture in zip(COLUMNS[1:], (found.truth, found.prediction, found.error), strict=True):
        if picture is not None:
            pictures[column] = (picture, found.hatch if column == "Error" else None)
    made = _made(pictures, side, columns, f"{info.label}, {where}", found.number)
    return TaskPanel(task, made, None, found.value, found.number, found.keys, found.ramps)


def class_names(header: RunHeader, task: int) -> Sequence[str] | None:
    """Names of the classes of a task: those in the config under `class_names`, or of a built-in data set; else None."""
    named = header.config.get("class_names")
    names = named.get(header.tasks[task].name) if isinstance(named, dict) else None
    if isinstance(names, list):
        return [str(name) for name in names]
    return ROOM_CLASSES if header.data == "rooms" and header.tasks[task].kind == "segmentation" else None


def class_name(names: Sequence[str] | None, label: int) -> str:
    """The name of a class, its number where it has none."""
    return names[label] if names is not None and label < len(names) else f"class {label}"


def _made(
    pictures: Mapping[str, tuple[paint.Picture, scores.Mask | None]],
    side: int,
    columns: Sequence[str],
    what: str,
    number: str,
) -> tuple[Picture, ...]:
    return tuple(
        Picture(
            column,
            paint.png(paint.enlarged(picture, side, hatch)),
            f"{what}: {column.lower()}" + (f", {number}" if number and column in COLUMNS[2:] else ""),
        )
        for column, (picture, hatch) in pictures.items()
        if column in columns
    )


def _check(name: str, kind: str, truth: Array | None, prediction: Array | None, image: Array | None) -> None:
    dims = {"class": 0, "normals": 3, "reconstruction": 3}.get(kind, 2)
    wanted = ("one number", "[classes]", "[H, W]", "[H, W, C]")
    for role, array, expected in (
        ("image", image, 3),
        (f"{name} (truth)", truth, dims),
        (f"{name} (prediction)", prediction, 1 if kind == "class" else dims),
    ):
        wrong = array is not None and array.ndim != expected
        if array is not None and expected == 3 and not wrong:
            wrong = array.shape[-1] not in ((3,) if kind == "normals" and role != "image" else (1, 3))
        if array is not None and wrong:
            raise ArraysError(f"`{role}` should be {wanted[expected]} for an image. Found {list(array.shape)}.")
    same = {array.shape[:2] for array in (truth, prediction, image) if array is not None}
    if kind != "class" and len(same) > 1:
        raise ArraysError(f"`{name}`: image, truth and prediction should be of one size. Found {sorted(same)}.")


def _class(
    header: RunHeader, task: int, truth: Array | None, prediction: Array | None, where: str
) -> tuple[Bars | None, float | None, str]:
    names = class_names(header, task)
    right = None if truth is None else int(truth)
    said = "" if right is None else f"truth {_label(names, right)}"
    if prediction is None:
        return None, None, said
    values = tuple(float(value) for value in prediction)
    labels = tuple(_label(names, label) for label in range(len(values)))
    bars = Bars(labels, values, right if right is not None and right < len(values) else None, "")
    likely = bars.likely
    number = f"says {labels[likely]} ({100 * values[likely]:.0f} %)"
    value = None
    if bars.truth is not None:
        value = values[bars.truth]
        verdict = "right" if likely == bars.truth else f"wrong, gives the truth {100 * value:.0f} %"
        number = f"{said} · {number}, {verdict}"
    alt = f"{header.tasks[task].label}, {where}: probability of each class; {number}"
    return Bars(labels, values, bars.truth, alt), value, number


def _label(names: Sequence[str] | None, label: int) -> str:
    return names[label] if names is not None and label < len(names) else str(label)


def _segmentation(
    header: RunHeader, task: int, truth: Array | None, prediction: Array | None, image: Array | None
) -> _Found:
    names = class_names(header, task)
    shown = [array for array in (truth, prediction) if array is not None]
    labels = sorted({int(label) for array in shown for label in np.unique(array)} - {scores.IGNORED})
    keys = [Key(theme.class_colour(label), class_name(names, label)) for label in labels]
    true, said = (None if array is None else paint.classes(array) for array in (truth, prediction))
    if truth is None or prediction is None:
        return _Found(true, said, keys=tuple(keys))
    wrong = (truth != prediction) & (truth != scores.IGNORED)
    ground = paint.grey(image if image is not None else np.full((*truth.shape, 1), 128, dtype=np.uint8))
    value = scores.mean_iou(truth, prediction)
    return _Found(
        true,
        said,
        paint.marked(ground, wrong, theme.WRONG),
        value=value,
        number=f"mIoU of this image {_said(value)}",
        keys=(*keys, Key(theme.WRONG, f"wrong: {100 * float(np.mean(wrong)):.0f} % of the pixels")),
    )


def _depth(header: RunHeader, task: int, truth: Array | None, prediction: Array | None, image: Array | None) -> _Found:
    true, said = (None if array is None else array.astype(np.float64) for array in (truth, prediction))
    low, high = paint.depth_range(true, said)
    first, second = (
        None if depth is None else paint.mapped(np.where(depth > 0, depth, np.nan), low, high, theme.DEPTH_SCALE)
        for depth in (true, said)
    )
    ramps = (Ramp("depth", "Prediction", theme.DEPTH_SCALE, words.value(low, "m"), words.value(high, "m")),)
    if true is None or said is None:
        return _Found(first, second, ramps=ramps)
    error = scores.depth_error(true, said)
    most = high / 4
    value = scores.root_mean_square(error)
    return _Found(
        first,
        second,
        paint.mapped(error, 0, most, theme.ERROR_SCALE),
        value=value,
        number=f"RMSE of this image {_said(value, 'm')}",
        ramps=(*ramps, Ramp("error", "Error", theme.ERROR_SCALE, "0 m", f"{words.value(most, 'm')} or more")),
    )


def _edges(header: RunHeader, task: int, truth: Array | None, prediction: Array | None, image: Array | None) -> _Found:
    true, said = (
        None if array is None else paint.mapped(array.astype(np.float64), 0, 255, "Greys_r")
        for array in (truth, prediction)
    )
    ramps = (Ramp("probability", "Prediction", "Greys_r", "0", "1"),)
    if truth is None or prediction is None:
        return _Found(true, said, ramps=ramps)
    value, threshold = scores.edge_score(truth, prediction)
    edge, known = scores.edge_truth(truth)
    reached = prediction.astype(np.float64) / 255 >= threshold
    extra, missed, hit = known & reached & ~edge, known & ~reached & edge, known & reached & edge
    nothing = np.zeros((*truth.shape, 3), dtype=np.uint8)
    ground = paint.marked(paint.marked(nothing, np.ones_like(hit), theme.GROUND), hit, theme.FOUND)
    error = paint.marked(paint.marked(ground, extra, theme.FALSE_POSITIVE), missed, theme.FALSE_NEGATIVE)
    return _Found(
        true,
        said,
        error,
        hatch=extra,
        value=value,
        number=f"F-measure of this image {_said(value)} at its best threshold, {threshold:.2f}",
        keys=(
            Key(theme.FOUND, "found"),
            Key(theme.FALSE_POSITIVE, "false positive", hatched=True),
            Key(theme.FALSE_NEGATIVE, "false negative"),
        ),
        ramps=ramps,
    )


def _normals(
    header: RunHeader, task: int, truth: Array | None, prediction: Array | None, image: Array | None
) -> _Found:
    true, said = (None if array is None else paint.normals(array) for array in (truth, prediction))
    keys = tuple(Key(colour, f"along {axis}") for colour, axis in zip(theme.NORMAL_AXES, "xyz", strict=True))
    if truth is None or prediction is None:
        return _Found(true, said, keys=keys)
    error = scores.angles(truth, prediction)
    value = scores.mean(error)
    return _Found(
        true,
        said,
        paint.mapped(error, 0, 90, theme.ERROR_SCALE),
        value=value,
        number=f"mean angle of this image {_said(value, '°')}",
        keys=keys,
        ramps=(Ramp("angle", "Error", theme.ERROR_SCALE, "0°", "90° or more"),),
    )


def _reconstruction(
    header: RunHeader, task: int, truth: Array | None, prediction: Array | None, image: Array | None
) -> _Found:
    true, said = (None if array is None else paint.rgb(array) for array in (truth, prediction))
    if truth is None or prediction is None:
        return _Found(true, said)
    error = scores.squared_error(truth, prediction)
    value = scores.mean(error)
    # the brightest error is that of an image that is the mean everywhere; an image that is the same everywhere has none
    most = float(np.var(truth.astype(np.float64) / 255, axis=(0, 1)).mean()) or 1.0
    return _Found(
        true,
        said,
        paint.mapped(error, 0, most, theme.ERROR_SCALE),
        value=value,
        number=f"MSE of this image {_said(value)}",
        ramps=(Ramp("squared error", "Error", theme.ERROR_SCALE, "0", f"{words.value(most)} or more"),),
    )


def _said(value: float, unit: str = "") -> str:
    return words.value(value, unit) if np.isfinite(value) else words.NOT_DEFINED


_PAINTERS = {
    "segmentation": _segmentation,
    "depth": _depth,
    "edges": _edges,
    "normals": _normals,
    "reconstruction": _reconstruction,
}
