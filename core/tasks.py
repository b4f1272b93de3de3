"""What a task is: its name, what its head must produce, and the metrics it is judged by (no torch).

Losses live in `core.losses`, metrics in `core.metrics`; both look a task up by its `kind`.
"""

from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower"]
"""Which way a metric improves."""

Kind = Literal["segmentation", "depth", "edges", "normals", "reconstruction", "class", "value"]
"""What a task predicts; decides its loss, its metrics and how a figure paints it."""


@dataclass(frozen=True)
class Metric:
    """One number a task is judged by: key in events, label for people, unit ("" if none) and direction."""

    key: str
    label: str
    unit: str
    direction: Direction


@dataclass(frozen=True)
class Task:
    """A task: `outputs` channels (dense kinds), classes (`class`) or one (`value`); the first metric is the key one."""

    name: str
    label: str
    kind: Kind
    outputs: int
    metrics: tuple[Metric, ...]

    @property
    def dense(self) -> bool:
        """Whether the head answers for every pixel (else once an image)."""
        return self.kind not in ("class", "value")

    @property
    def metric(self) -> Metric:
        """The key metric, used wherever one number has to stand for the task (Maninis et al. 2019)."""
        return self.metrics[0]


MIOU = Metric("miou", "mIoU", "", "higher")
PIXEL_ACCURACY = Metric("pixel_accuracy", "pixel accuracy", "", "higher")
RMSE = Metric("rmse", "RMSE", "m", "lower")
ABS_REL = Metric("abs_rel", "relative error", "", "lower")
F_MEASURE = Metric("f_measure", "F-measure", "", "higher")
BALANCED_BCE = Metric("bce", "balanced BCE", "", "lower")
MEAN_ANGLE = Metric("mean_angle", "mean angle", "°", "lower")
COSINE = Metric("cosine", "cosine similarity", "", "higher")
MSE = Metric("mse", "MSE", "", "lower")
PSNR = Metric("psnr", "PSNR", "dB", "higher")
ACCURACY = Metric("accuracy", "accuracy", "", "higher")
R2 = Metric("r2", "R²", "", "higher")


def segmentation(classes: int) -> Task:
    """Semantic segmentation into `classes` classes; targets are int64 [H, W] with 255 = ignored."""
    return Task("segmentation", "Segmentation", "segmentation", classes, (MIOU, PIXEL_ACCURACY))


def image_class(name: str, label: str, classes: int) -> Task:
    """One of `classes` classes for the whole image; targets are int64 scalars."""
    return Task(name, label, "class", classes, (ACCURACY,))


def value(name: str, label: str, unit: str) -> Task:
    """One number in `unit` for the whole example; targets are float [1], as they are, not standardised."""
    metrics = (Metric("rmse", "RMSE", unit, "lower"), Metric("mae", "MAE", unit, "lower"), R2)
    return Task(name, label, "value", 1, metrics)


def reconstruction(channels: int) -> Task:
    """The network's normalised input again, `channels` channels; targets are float [C, H, W]."""
    return Task("reconstruction", "Reconstruction", "reconstruction", channels, (MSE, PSNR))


DEPTH = Task("depth", "Depth", "depth", 1, (RMSE, ABS_REL))
EDGES = Task("edges", "Edges", "edges", 1, (F_MEASURE, BALANCED_BCE))
NORMALS = Task("normals", "Normals", "normals", 3, (MEAN_ANGLE, COSINE))
RECONSTRUCTION = reconstruction(channels=3)

ALIASES = {
    "segment": "segmentation",
    "sem_cont": "edges",
    "sur_nor": "normals",
    "ae": "reconstruction",
}
"""The MTSL authors' task names in their published structures, and ours."""
