"""`digits`: two of scikit-learn's real handwritten digits side by side, overlapping, as one small image.

Which digit is left, which is right and what is their sum are tasks at image level; reconstruction is dense. The digits
come with scikit-learn (nothing is downloaded) and no digit is ever in two splits.
"""

from random import Random

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from core.data.base import DataSplits, SplitName, TensorData, normalise
from core.data.parameters import DIGIT_TASKS, DigitsParameters

MEAN = (0.385,)
STD = (0.323,)
"""Rounded mean and standard deviation of the default training images in [0, 1]."""

_SHARES: dict[SplitName, float] = {"train": 0.6, "val": 0.2, "test": 0.2}


def load_digit_pairs(parameters: DigitsParameters) -> DataSplits:
    """The splits of `digits`: images float32 [n, 1, 8 scale, (16 - overlap) scale] and targets left, right, sum [n].

    >>> data = load_digit_pairs(DigitsParameters(train=4, val=2))
    >>> image, targets = data.train[0]
    >>> image.shape, bool(targets["left"] + targets["right"] == targets["sum"])
    (torch.Size([1, 16, 24]), True)
    """
    digits, labels = _sources(parameters.scale)
    counts: dict[SplitName, int] = {"train": parameters.train, "val": parameters.val, "test": parameters.test}
    sources = split_sources(len(digits), parameters.seed)
    splits = {
        name: _draw_pairs(parameters, digits, labels, sources[name], name, count)
        for name, count in counts.items()
        if count
    }
    return DataSplits(
        name="digits",
        tasks=DIGIT_TASKS,
        train=splits["train"],
        val=splits["val"],
        test=splits.get("test"),
        mean=MEAN,
        std=STD,
        class_names={task.name: tuple(map(str, range(task.outputs))) for task in DIGIT_TASKS if not task.dense},
    )


def split_sources(count: int, seed: int) -> dict[SplitName, list[int]]:
    """Which of `count` source digits each split draws from: disjoint, and the same for any number of pairs.

    >>> {name: len(indices) for name, indices in split_sources(1797, seed=0).items()}
    {'train': 1078, 'val': 359, 'test': 360}
    """
    stream = Random(f"digits/{seed}/sources")
    order = sorted(range(count), key=lambda _: stream.random())
    first, second = int(count * _SHARES["train"]), int(count * (_SHARES["train"] + _SHARES["val"]))
    return {"train": order[:first], "val": order[first:second], "test": order[second:]}


def _sources(scale: int) -> tuple[Tensor, Tensor]:
    """All source digits in [0, 1], enlarged; float32 [1797, 8 scale, 8 scale] and their labels [1797]."""
    from sklearn.datasets import load_digits  # takes a second to import, and only this data set needs it

    source = load_digits()
    digits = torch.tensor(source.images, dtype=torch.float32).unsqueeze(1) / 16  # [1797, 1, 8, 8]
    if scale > 1:
        digits = interpolate(digits, scale_factor=scale, mode="bilinear", align_corners=False)
    return digits.squeeze(1), torch.tensor(source.target, dtype=torch.int64)


def _draw_pairs(
    parameters: DigitsParameters, digits: Tensor, labels: Tensor, sources: list[int], split: SplitName, count: int
) -> TensorData:
    """The first `count` pairs of a split."""
    stream = Random(f"digits/{parameters.seed}/{split}")
    drawn = [sources[int(len(sources) * stream.random())] for _ in range(2 * count)]
    left, right = torch.tensor(drawn).view(count, 2).unbind(dim=1)  # [n] each
    size = digits.shape[-1]
    shift = size - parameters.overlap * parameters.scale
    first, second = torch.zeros(2, count, size, shift + size).unbind()
    first[:, :, :size] = digits[left]
    second[:, :, shift:] = digits[right]
    ink = torch.maximum(first, second) if parameters.blend == "max" else (first + second).clamp(max=1)
    images = normalise(ink.unsqueeze(1), MEAN, STD)  # [n, 1, H, W]
    targets = {
        "left": labels[left],
        "right": labels[right],
        "sum": labels[left] + labels[right],
        "reconstruction": images,
    }
    return TensorData(images, targets)
