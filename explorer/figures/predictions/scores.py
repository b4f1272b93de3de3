"""How good a prediction on one image is: the numbers of `core.metrics` for a set of one image, in plain numpy.

Arrays are those of `core.samples` for one image; what the truth does not know counts nowhere.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

IGNORED = 255
"""Class of pixels whose truth is unknown."""


def mean_iou(truth: Array, prediction: Array) -> float:
    """Mean over the classes that are true or predicted somewhere of TP / (TP + FP + FN), in [0, 1]; maps are [H, W].

    >>> mean_iou(np.array([[0, 0, 1, 1]]), np.array([[0, 1, 1, 1]]))  # 1/2 and 2/3
    0.5833333333333333
    """
    known = truth != IGNORED
    true, said = truth[known], prediction[known]
    ious = []
    for label in np.union1d(true, said):
        both = np.count_nonzero((true == label) & (said == label))
        ious.append(both / np.count_nonzero((true == label) | (said == label)))
    return float(np.mean(ious)) if ious else float("nan")


def depth_error(truth: Array, prediction: Array) -> Floats:
    """|prediction - truth| in metres [H, W]; NaN where the depth is not known (0 or less)."""
    true = truth.astype(np.float64)
    return np.where(true > 0, np.abs(prediction.astype(np.float64) - true), np.nan)


def root_mean_square(errors: Floats) -> float:
    """Root mean square of all errors that are not NaN; NaN if there are none.

    >>> root_mean_square(np.array([3.0, np.nan, 4.0]))
    3.5355339059327378
    """
    known = errors[~np.isnan(errors)]
    return float(np.sqrt(np.mean(known**2))) if known.size else float("nan")


def mean(errors: Floats) -> float:
    """Mean of all errors that are not NaN; NaN if there are none."""
    known = errors[~np.isnan(errors)]
    return float(np.mean(known)) if known.size else float("nan")


def angles(truth: Array, prediction: Array) -> Floats:
    """Angle between normals in degrees [H, W], from maps [H, W, 3] of any length; NaN where the truth is all 0.

    2 atan2(|p - g|, |p + g|) of unit vectors p and g; a prediction of length 0 is at 90 degrees.
    """
    g, p = _unit(truth), _unit(prediction)
    found = 2 * np.arctan2(np.linalg.norm(p - g, axis=-1), np.linalg.norm(p + g, axis=-1))
    return np.where((truth != 0).any(axis=-1), np.degrees(found), np.nan)


def squared_error(truth: Array, prediction: Array) -> Floats:
    """Squared difference of two images [H, W, C] of 0..255 as values in [0, 1], averaged over channels: [H, W]."""
    difference = (prediction.astype(np.float64) - truth.astype(np.float64)) / 255
    found: Floats = np.mean(difference**2, axis=-1)
    return found


def edge_truth(truth: Array) -> tuple[Mask, Mask]:
    """Where there is an edge and where the truth is known, [H, W] each; a map holds 0, 255, and else unknown."""
    return truth == 255, (truth == 0) | (truth == 255)


def edge_score(truth: Array, prediction: Array) -> tuple[float, float]:
    """The best F-measure over thresholds 0.01 to 0.99, and the first threshold that reaches it; maps are 0..255 [H, W].

    F = 2 TP / (2 TP + FP + FN) of "probability >= threshold", pixel by pixel.
    """
    edge, known = edge_truth(truth)
    true, said = edge[known], prediction[known].astype(np.float64) / 255
    steps = np.arange(1, 100) / 100
    reached = said[None] >= steps[:, None]  # [99, pixels]
    right = np.count_nonzero(reached & true[None], axis=1)
    total = np.count_nonzero(reached, axis=1) + np.count_nonzero(true)  # 2 TP + FP + FN
    if not total.any():
        return float("nan"), 0.5
    scores = 2 * right / np.maximum(total, 1)
    best = int(np.argmax(scores))
    return float(scores[best]), float(steps[best])


def _unit(vectors: Array) -> Floats:
    values = vectors.astype(np.float64)
    length = np.linalg.norm(values, axis=-1, keepdims=True)
    found: Floats = values / np.where(length > 0, length, 1)
    return found
