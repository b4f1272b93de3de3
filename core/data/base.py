"""What every data set gives: splits of (image, targets by task), ready in memory or read by workers."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from core.tasks import Task

Item = tuple[Tensor, dict[str, Tensor]]
"""Image [C, H, W], float32 and normalised, and the target of each task by its name."""

Batch = tuple[Tensor, dict[str, Tensor]]
"""Images [n, C, H, W] and targets [n, ...] by task name."""

SplitName = Literal["train", "val", "test"]

Progress = Callable[[int, int], None]
"""Called with (done, total) while a data set is built."""

IGNORED = 255
"""Value of a segmentation or edge target where the truth is unknown; such pixels count in no loss and no metric."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Split(Dataset[Item]):
    """A split of a data set: a sized torch `Dataset` of items.

    Targets: segmentation int64 [H, W] (255 = ignored), depth float32 [1, H, W] in metres (0 = unknown), edges float32
    [1, H, W] in {0, 1} (255 = ignored), normals float32 [3, H, W] of unit length (all 0 = unknown), reconstruction
    float32 [C, H, W], class int64 [], value float32 [1] in its own unit.
    """

    @abstractmethod
    def __len__(self) -> int:
        """How many items there are."""

    @abstractmethod
    def __getitem__(self, index: int) -> Item:
        """Item `index`, counted from 0."""


class TensorData(Split):
    """A split held in memory: `images` [n, C, H, W] and `targets` [n, ...] by task name.

    A `DataLoader` asks `__getitems__` for a whole batch at once; give it `collate_fn=collate`. Raises `ValueError`
    when a target has another length than the images.

    >>> data = TensorData(torch.zeros(3, 1, 2, 2), {"left": torch.tensor([4, 5, 6])})
    >>> len(data), data[1][1]["left"].item(), data.__getitems__([2, 0])[1]["left"].tolist()
    (3, 5, [6, 4])
    """

    def __init__(self, images: Tensor, targets: Mapping[str, Tensor]) -> None:
        if images.ndim != 4:
            raise ValueError(f"`images` should be of shape [n, C, H, W]. Found {list(images.shape)}.")
        for name, target in targets.items():
            if len(target) != len(images):
                raise ValueError(
                    f"`targets[{name!r}]` should have {len(images)} entries, one an image. Found {len(target)}."
                )
        self.images = images
        self.targets = dict(targets)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Item:
        if not -len(self) <= index < len(self):
            raise IndexError(f"`index` should be below {len(self)}. Found {index}.")
        return self.images[index], {name: target[index] for name, target in self.targets.items()}

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """The items at `indices` as one batch (copied)."""
        chosen = torch.as_tensor(indices, dtype=torch.long)
        return self.images[chosen], {name: target[chosen] for name, target in self.targets.items()}


def collate(items: Batch | list[Item]) -> Batch:
    """A batch from what a fetch of a `DataLoader` gives: a list of items, or the batch of a `TensorData` as it is.

    >>> loader = torch.utils.data.DataLoader(TensorData(torch.zeros(5, 1, 2, 2), {}), batch_size=4, collate_fn=collate)
    >>> [len(images) for images, _ in loader]
    [4, 1]
    """
    if isinstance(items, tuple):
        return items
    images, targets = default_collate(items)
    return images, targets


@dataclass(frozen=True)
class DataSplits:
    """A data set: its tasks, its splits and what it takes to normalise, to show and to balance it.

    `mean` and `std` [C] are those images (in [0, 1] before) were normalised with. `class_names` and `class_counts` hold
    the tasks with classes: the names by index, and how many *training images* hold each class. `scales` holds the
    tasks of kind `value`: mean and standard deviation of their training targets; networks answer in that scale. Where
    an example is a row of a table, "image" [C, 1, 1], `features` [C] names its columns and there is no picture of it.
    """

    name: str
    tasks: tuple[Task, ...]
    train: Split
    val: Split
    mean: tuple[float, ...]
    std: tuple[float, ...]
    test: Split | None = None
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    class_counts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    features: tuple[str, ...] = ()

    def scale(self, task: str) -> tuple[float, float]:
        """Mean and standard deviation of a `value` task. Raises `ValueError` where they are missing or no scale."""
        mean, std = self.scales.get(task, (0.0, 0.0))
        if not std > 0:
            raise ValueError(f"`data.scales[{task!r}]` should be a mean and a deviation above 0. Found {(mean, std)}.")
        return mean, std

    def picture(self, images: Tensor) -> Tensor:
        """Normalised images [..., C, H, W] as they are shown: in [0, 1], clipped; the input is left alone."""
        shape = (-1, 1, 1)
        mean, std = images.new_tensor(self.mean).view(shape), images.new_tensor(self.std).view(shape)
        return (images * std + mean).clamp(0, 1)


def normalise(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Images [..., C, H, W] in [0, 1], less `mean` [C], over `std` [C].

    >>> normalise(torch.full((1, 1, 1), 0.75), mean=[0.5], std=[0.25]).item()
    1.0
    """
    return (images - images.new_tensor(mean).view(-1, 1, 1)) / images.new_tensor(std).view(-1, 1, 1)


def edges_between(instances: Tensor) -> Tensor:
    """Where a 3x3 dilation of an instance map [n, H, W] differs from its erosion, as float32 [n, 1, H, W] in {0, 1}.

    Both pixels beside a border are edge, so lines are two pixels wide (MTSL, semantic edges).

    >>> edges_between(torch.tensor([[[1, 1, 1, 2]]])).int().tolist()
    [[[[0, 0, 1, 1]]]]
    """
    ids = instances.unsqueeze(1).float()  # [n, 1, H, W]
    dilated = torch.nn.functional.max_pool2d(ids, kernel_size=3, stride=1, padding=1)
    eroded = -torch.nn.functional.max_pool2d(-ids, kernel_size=3, stride=1, padding=1)
    return (dilated != eroded).float()


def count_images_with_class(labels: Tensor, classes: int) -> tuple[int, ...]:
    """In how many of the label maps [n, ...] each of `classes` classes occurs; other values do not count.

    >>> count_images_with_class(torch.tensor([[0, 0, 2], [2, 2, 255]]), classes=3)
    (1, 0, 2)
    """
    flat = labels.reshape(len(labels), -1)  # [n, pixels]
    return tuple(int((flat == index).any(dim=1).sum()) for index in range(classes))
