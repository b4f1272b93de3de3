"""How each kind of dense task is painted: truth, prediction and error as pictures, with the number of the image."""

from dataclasses import dataclass

import numpy as np

from core.runs import RunHeader
from explorer import theme, words
from explorer.figures.predictions import paint, scores
from explorer.figures.predictions.parts import Key, Ramp, class_name, class_names
from explorer.figures.predictions.scores import Array


@dataclass(frozen=True)
class Found:
    """What a kind of task makes of its arrays: pictures of truth, prediction and error, and the rest of a panel."""

    truth: paint.Picture | None
    prediction: paint.Picture | None
    error: paint.Picture | None = None
    hatch: scores.Mask | None = None
    value: float | None = None
    number: str = ""
    keys: tuple[Key, ...] = ()
    ramps: tuple[Ramp, ...] = ()


def _segmentation(
    header: RunHeader, task: int, truth: Array | None, prediction: Array | None, image: Array | None
) -> Found:
    names = class_names(header, task)
    shown = [array for array in (truth, prediction) if array is not None]
    labels = sorted({int(label) for array in shown for label in np.unique(array)} - {scores.IGNORED})
    keys = [Key(theme.class_colour(label), class_name(names, label)) for label in labels]
    true, said = (None if array is None else paint.classes(array) for array in (truth, prediction))
    if truth is None or prediction is None:
        return Found(true, said, keys=tuple(keys))
    wrong = (truth != prediction) & (truth != scores.IGNORED)
    ground = paint.grey(image if image is not None else np.full((*truth.shape, 1), 128, dtype=np.uint8))
    value = scores.mean_iou(truth, prediction)
    return Found(
        true,
        said,
        paint.marked(ground, wrong, theme.WRONG),
        value=value,
        number=f"mIoU of this image {with_unit(value)}",
        keys=(*keys, Key(theme.WRONG, f"wrong: {100 * float(np.mean(wrong)):.0f} % of the pixels")),
    )


def _depth(header: RunHeader, task: int, truth: Array | None, prediction: Array | None, image: Array | None) -> Found:
    true, said = (None if array is None else array.astype(np.float64) for array in (truth, prediction))
    low, high = paint.depth_range(true, said)
    first, second = (
        None if depth is None else paint.mapped(np.where(depth > 0, depth, np.nan), low, high, theme.DEPTH_SCALE)
        for depth in (true, said)
    )
    ramps = (Ramp("depth", "Prediction", theme.DEPTH_SCALE, words.value(low, "m"), words.value(high, "m")),)
    if true is None or said is None:
        return Found(first, second, ramps=ramps)
    error = scores.depth_error(true, said)
    most = high / 4
    value = scores.root_mean_square(error)
    return Found(
        first,
        second,
        paint.mapped(error, 0, most, theme.ERROR_SCALE),
        value=value,
        number=f"RMSE of this image {with_unit(value, 'm')}",
        ramps=(*ramps, Ramp("error", "Error", theme.ERROR_SCALE, "0 m", f"{words.value(most, 'm')} or more")),
    )


def _edges(header: RunHeader, task: int, truth: Array | None, prediction: Array | None, image: Array | None) -> Found:
    true, said = (
        None if array is None else paint.mapped(array.astype(np.float64), 0, 255, "Greys_r")
        for array in (truth, prediction)
    )
    ramps = (Ramp("probability", "Prediction", "Greys_r", "0", "1"),)
    if truth is None or prediction is None:
        return Found(true, said, ramps=ramps)
    value, threshold = scores.edge_score(truth, prediction)
    edge, known = scores.edge_truth(truth)
    reached = prediction.astype(np.float64) / 255 >= threshold
    extra, missed, hit = known & reached & ~edge, known & ~reached & edge, known & reached & edge
    nothing = np.zeros((*truth.shape, 3), dtype=np.uint8)
    ground = paint.marked(paint.marked(nothing, np.ones_like(hit), theme.GROUND), hit, theme.FOUND)
    error = paint.marked(paint.marked(ground, extra, theme.FALSE_POSITIVE), missed, theme.FALSE_NEGATIVE)
    return Found(
        true,
        said,
        error,
        hatch=extra,
        value=value,
        number=f"F-measure of this image {with_unit(value)} at its best threshold, {threshold:.2f}",
        keys=(
            Key(theme.FOUND, "found"),
            Key(theme.FALSE_POSITIVE, "false positive", hatched=True),
            Key(theme.FALSE_NEGATIVE, "false negative"),
        ),
        ramps=ramps,
    )


def _normals(header: RunHeader, task: int, truth: Array | None, prediction: Array | None, image: Array | None) -> Found:
    true, said = (None if array is None else paint.normals(array) for array in (truth, prediction))
    keys = tuple(Key(colour, f"along {axis}") for colour, axis in zip(theme.NORMAL_AXES, "xyz", strict=True))
    if truth is None or prediction is None:
        return Found(true, said, keys=keys)
    error = scores.angles(truth, prediction)
    value = scores.mean(error)
    return Found(
        true,
        said,
        paint.mapped(error, 0, 90, theme.ERROR_SCALE),
        value=value,
        number=f"mean angle of this image {with_unit(value, '°')}",
        keys=keys,
        ramps=(Ramp("angle", "Error", theme.ERROR_SCALE, "0°", "90° or more"),),
    )


def _reconstruction(
    header: RunHeader, task: int, truth: Array | None, prediction: Array | None, image: Array | None
) -> Found:
    true, said = (None if array is None else paint.rgb(array) for array in (truth, prediction))
    if truth is None or prediction is None:
        return Found(true, said)
    error = scores.squared_error(truth, prediction)
    value = scores.mean(error)
    # the brightest error is that of an image that is the mean everywhere; an image that is the same everywhere has none
    most = float(np.var(truth.astype(np.float64) / 255, axis=(0, 1)).mean()) or 1.0
    return Found(
        true,
        said,
        paint.mapped(error, 0, most, theme.ERROR_SCALE),
        value=value,
        number=f"MSE of this image {with_unit(value)}",
        ramps=(Ramp("squared error", "Error", theme.ERROR_SCALE, "0", f"{words.value(most)} or more"),),
    )


def with_unit(value: float, unit: str = "") -> str:
    return words.value(value, unit) if np.isfinite(value) else words.NOT_DEFINED


PAINTERS = {
    "segmentation": _segmentation,
    "depth": _depth,
    "edges": _edges,
    "normals": _normals,
    "reconstruction": _reconstruction,
}
"""Kind of task -> how it is painted."""
