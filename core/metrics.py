"""Metrics of each kind of task over a whole set, however it is cut into batches.

Each is a torchmetrics `Metric`: `update` with batches, `compute` the values by the keys of `core.tasks`, `reset`. The
states are plain sums (float64, or counts), so values belong to the set and not to batches, and torchmetrics adds them
up over processes. A value that the set does not define (no valid pixel) is NaN.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.functional.classification import multiclass_confusion_matrix

from core.data.base import IGNORED, DataSplits
from core.losses import edge_costs, unit_vectors
from core.tasks import Task

THRESHOLDS = 99
"""Thresholds of the edge F-measure: 0.01, 0.02 ... 0.99."""


class TaskMetric(Metric):
    """All metrics of one task; `update(prediction, target)` takes what the task's loss takes."""

    full_state_update = False

    def add_sum(self, name: str, shape: tuple[int, ...] = (), dtype: torch.dtype = torch.float64) -> None:
        """A state that starts at 0 and is added up over processes."""
        self.add_state(name, torch.zeros(shape, dtype=dtype), dist_reduce_fx="sum")


def build_metrics(tasks: Iterable[Task], data: DataSplits) -> dict[str, TaskMetric]:
    """The metrics of each task by its name; `data` brings reconstructions and values back to their own scale."""
    metrics: dict[str, TaskMetric] = {}
    for task in tasks:
        if task.kind == "segmentation":
            metrics[task.name] = SegmentationMetric(task.outputs)
        elif task.kind == "reconstruction":
            metrics[task.name] = ReconstructionMetric(data.std)
        elif task.kind == "value":
            metrics[task.name] = ValueMetric(*data.scale(task.name))
        else:
            metrics[task.name] = _PLAIN[task.kind]()
    return metrics


class SegmentationMetric(TaskMetric):
    """mIoU and pixel accuracy from one confusion matrix over the set, without ignored pixels.

    IoU of a class = TP / (TP + FP + FN); mIoU is the mean over classes with any ground truth or prediction.
    """

    confusion: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.add_sum("confusion", (classes, classes), torch.int64)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Logits [n, classes, H, W] and labels [n, H, W], 255 = ignored."""
        likely = prediction.max(dim=1).indices  # [n, H, W]; `argmax` is much slower over channels
        self.confusion += multiclass_confusion_matrix(
            likely, target, self.classes, ignore_index=IGNORED, validate_args=False
        )

    def compute(self) -> dict[str, float]:
        """`miou` and `pixel_accuracy`, in [0, 1]."""
        right = self.confusion.diagonal().double()
        union = self.confusion.sum(dim=0) + self.confusion.sum(dim=1) - right
        seen = union > 0
        return {
            "miou": (right[seen] / union[seen]).mean().item(),
            "pixel_accuracy": (right.sum() / self.confusion.sum()).item(),
        }


class DepthMetric(TaskMetric):
    """RMSE (m) and mean relative error |p - g| / g, over all pixels of the set with known depth (> 0)."""

    squared: Tensor
    relative: Tensor
    pixels: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("squared", "relative", "pixels"):
            self.add_sum(name)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Depths [n, 1, H, W] in metres."""
        valid = target > 0
        error = torch.where(valid, prediction.float() - target, 0.0)
        self.squared += error.square().sum(dtype=torch.float64)
        self.relative += (error.abs() / torch.where(valid, target, 1.0)).sum(dtype=torch.float64)
        self.pixels += valid.sum()

    def compute(self) -> dict[str, float]:
        """`rmse` in metres and `abs_rel`."""
        return {
            "rmse": (self.squared / self.pixels).sqrt().item(),
            "abs_rel": (self.relative / self.pixels).item(),
        }


class NormalsMetric(TaskMetric):
    """Mean angle (degrees) and mean cosine between normalised vectors, over all pixels of the set with known normal.

    The angle is 2 atan2(|p - g|, |p + g|), exact near 0 and 180 degrees; a prediction of length 0 is at 90 degrees.
    """

    angle: Tensor
    cosine: Tensor
    pixels: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("angle", "cosine", "pixels"):
            self.add_sum(name)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Vectors [n, 3, H, W] of any length; all-0 targets are unknown."""
        valid = (target != 0).any(dim=1)  # [n, H, W]
        p, g = unit_vectors(prediction.float()), unit_vectors(target.float())
        angle = 2 * torch.atan2((p - g).square().sum(dim=1).sqrt(), (p + g).square().sum(dim=1).sqrt())
        self.angle += torch.rad2deg(angle * valid).sum(dtype=torch.float64)
        self.cosine += ((p * g).sum(dim=1) * valid).sum(dtype=torch.float64)
        self.pixels += valid.sum()

    def compute(self) -> dict[str, float]:
        """`mean_angle` in degrees and `cosine` in [-1, 1]."""
        return {
            "mean_angle": (self.angle / self.pixels).item(),
            "cosine": (self.cosine / self.pixels).item(),
        }


class EdgesMetric(TaskMetric):
    """Best F-measure over one threshold for the set, and balanced BCE, over all pixels that are not ignored.

    F = 2 TP / (2 TP + FP + FN) of "probability >= threshold", thresholds 0.01 to 0.99. Pixel by pixel: no thinning and
    no tolerance, so not the odsF of edge benchmarks. One histogram of probabilities serves all thresholds.
    """

    histogram: Tensor
    cost: Tensor
    thresholds: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_sum("histogram", (2, THRESHOLDS + 1), torch.int64)  # other pixels and edges, by thresholds reached
        self.add_sum("cost")
        steps = torch.arange(1, THRESHOLDS + 1, dtype=torch.float64) / (THRESHOLDS + 1)
        self.register_buffer("thresholds", steps.float(), persistent=False)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Logits and {0, 1} [n, 1, H, W], 255 = ignored."""
        valid = target != IGNORED
        passed = torch.bucketize(prediction.float().sigmoid(), self.thresholds, right=True)  # thresholds reached
        truth = target > 0.5
        bins = THRESHOLDS + 1
        index = torch.where(valid, passed + bins * truth, 2 * bins)  # the last bin takes what is ignored
        self.histogram += torch.bincount(index.flatten(), minlength=2 * bins + 1)[:-1].view(2, bins)
        self.cost += edge_costs(prediction, target).sum(dtype=torch.float64)

    def compute(self) -> dict[str, float]:
        """`f_measure` in [0, 1] and `bce`."""
        reached = self.histogram.flip(1).cumsum(dim=1).flip(1)[:, 1:].double()  # [2, 99], probability >= threshold
        false_positive, true_positive = reached
        edges = self.histogram[1].sum()
        # 2 TP + FP + FN = TP + FP + number of edges
        f_measure = 2 * true_positive / (true_positive + false_positive + edges)
        return {
            "f_measure": f_measure.max().item(),
            "bce": (self.cost / self.histogram.sum()).item(),
        }


class ReconstructionMetric(TaskMetric):
    """MSE between images in [0, 1] (normalisation undone, not clipped) and PSNR = -10 log10 MSE (dB), over the set."""

    squared: Tensor
    values: Tensor
    std: Tensor

    def __init__(self, std: Iterable[float]) -> None:
        super().__init__()
        for name in ("squared", "values"):
            self.add_sum(name)
        self.register_buffer("std", torch.tensor(list(std)).view(-1, 1, 1), persistent=False)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Normalised images [n, C, H, W]."""
        self.squared += ((prediction.float() - target) * self.std).square().sum(dtype=torch.float64)
        self.values += target.numel()

    def compute(self) -> dict[str, float]:
        """`mse` and `psnr` in dB."""
        mse = self.squared / self.values
        return {"mse": mse.item(), "psnr": (-10 * mse.log10()).item()}


class ClassMetric(TaskMetric):
    """Share of images whose most likely class is the right one."""

    right: Tensor
    images: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("right", "images"):
            self.add_sum(name, dtype=torch.int64)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Logits [n, classes] and labels [n]."""
        self.right += (prediction.argmax(dim=1) == target).sum()
        self.images += len(target)

    def compute(self) -> dict[str, float]:
        """`accuracy`, in [0, 1]."""
        return {"accuracy": (self.right.double() / self.images).item()}


class ValueMetric(TaskMetric):
    """RMSE and MAE in the unit of the targets, and R² = 1 - sum of squared errors / sum of squares about the mean."""

    squared: Tensor
    absolute: Tensor
    targets: Tensor
    squares: Tensor
    examples: Tensor

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.mean, self.std = mean, std
        for name in ("squared", "absolute", "targets", "squares", "examples"):
            self.add_sum(name)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Standardised answers [n, 1], and targets [n, 1] as they are."""
        truth = target.double() - self.mean  # about the mean, so that the sums of squares cancel nothing
        error = prediction.double() * self.std - truth
        self.squared += error.square().sum()
        self.absolute += error.abs().sum()
        self.targets += truth.sum()
        self.squares += truth.square().sum()
        self.examples += target.numel()

    def compute(self) -> dict[str, float]:
        """`rmse`, `mae` and `r2`; the last is not defined (NaN) where all targets are the same."""
        spread = self.squares - self.targets.square() / self.examples
        return {
            "rmse": (self.squared / self.examples).sqrt().item(),
            "mae": (self.absolute / self.examples).item(),
            "r2": (1 - self.squared / spread).item() if spread > 1e-9 * self.squares else float("nan"),
        }


_PLAIN: dict[str, Callable[[], TaskMetric]] = {
    "class": ClassMetric,
    "depth": DepthMetric,
    "edges": EdgesMetric,
    "normals": NormalsMetric,
}
