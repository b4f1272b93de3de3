"""Attacks on a network's images by captum: FGSM and PGD on one task's loss or on all, and the smallest that breaks it.

Images are attacked as they are before normalisation, in [0, 1]: a radius of 8/255 means 8 of the 256 values of a stored
image, whatever the data were normalised with, and no attacked image leaves [0, 1] or the ball around its original.
Losses are means over many pixels, so gradients are tiny: captum's threshold below which it takes a gradient for zero is
set to zero here, or most pixels would be left alone.
"""

import importlib.metadata
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, cast

import torch
from torch import Tensor

from core.data.base import DataSplits, normalise
from core.losses import Loss, build_losses
from core.network import Outputs, TaskNet
from core.robustness.corruptions import MissingLibraryError, missing
from core.seeds import generator

Attack = Literal["fgsm", "pgd"]
ATTACKS: tuple[Attack, ...] = ("fgsm", "pgd")
RADII = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Of 255: from what nobody sees to where every network breaks."""

STEPS, STEP = 10, 0.25
"""Of PGD: how many, and how much of the radius each goes; together enough to reach any border of the ball."""


def tool() -> str:
    """Name and version of the library. Raises `MissingLibraryError`."""
    _load()
    return f"captum {importlib.metadata.version('captum')}"


class Attacker:
    """Attacks on one network, which must be in evaluation mode."""

    def __init__(self, net: TaskNet, data: DataSplits, seed: int, device: torch.device) -> None:
        self.net, self.data, self.seed, self.device = net, data, seed, device
        self.losses: dict[str, Loss] = build_losses(data.tasks, data, device=device)
        self._fgsm, self._pgd = _load()

    def images(self, normalised: Tensor) -> Tensor:
        """Normalised images as they were, in [0, 1]."""
        return self.data.picture(normalised)

    def normalised(self, images: Tensor) -> Tensor:
        """Images in [0, 1] as the network takes them."""
        return normalise(images, self.data.mean, self.data.std)

    def attack(
        self,
        attack: Attack,
        images: Tensor,
        targets: Mapping[str, Tensor],
        tasks: Sequence[int],
        radius: float | Tensor,
        number: int = 0,
    ) -> Tensor:
        """Images [n, C, H, W] in [0, 1], moved by at most `radius` a value to raise the loss of `tasks` (their sum).

        `radius` is one for all or [n, 1, 1, 1]. PGD starts at a random point of the ball, which depends on the seed and
        the `number` of the batch alone. (Kurakin et al. 2017; Madry et al. 2018.)
        """
        forward, loss = self._loss(tasks)
        with _quiet(), torch.random.fork_rng(devices=[images.device] if images.is_cuda else []):
            torch.manual_seed(generator(self.seed, attack, number).initial_seed())  # where captum draws its start from
            if attack == "fgsm":
                one = self._fgsm(forward, loss, lower_bound=0.0, upper_bound=1.0)
                one.zero_thresh = 0.0
                moved = one.perturb(images, epsilon=radius, target=targets)
            else:
                many = self._pgd(forward, loss, lower_bound=0.0, upper_bound=1.0)
                many.fgsm.zero_thresh = 0.0
                moved = many.perturb(
                    images, radius=radius, step_size=STEP * radius, step_num=STEPS, target=targets, random_start=True
                )
        return cast(Tensor, moved).detach()

    def breaking_radii(
        self,
        images: Tensor,
        targets: Mapping[str, Tensor],
        task: int,
        broken: Callable[[Tensor], Sequence[bool]],
        largest: float,
        halvings: int = 6,
    ) -> list[float | None]:
        """For each image the smallest radius at which PGD on `task` breaks it, to `largest` / 2^`halvings`.

        `broken` says of attacked images which of them are. 0: broken as they are; None: not even at `largest`. All
        images are halved at once, each in its own interval.
        """
        n = len(images)
        low, high = torch.zeros(n), torch.full((n,), math.inf)
        as_they_are = torch.tensor(list(broken(images)))
        radius = torch.full((n,), largest)
        for _ in range(halvings + 1):
            shaped = radius.view(n, 1, 1, 1).to(images.device)
            found = torch.tensor(list(broken(self.attack("pgd", images, targets, (task,), shaped))))
            high = torch.where(found, torch.minimum(high, radius), high)
            low = torch.where(found, low, torch.maximum(low, radius))
            radius = torch.where(high.isinf(), radius, (low + high) / 2)
        high = torch.where(as_they_are, 0.0, high)
        return [None if math.isinf(value) else value for value in high.tolist()]

    def _loss(self, tasks: Sequence[int]) -> tuple[Callable[[Tensor], dict[int, Tensor]], Callable[..., Tensor]]:
        """The network on images in [0, 1], and the loss of its answers, as captum takes them."""

        def forward(images: Tensor) -> dict[int, Tensor]:
            return cast(Outputs, self.net(self.normalised(images), tasks=tuple(tasks))).predictions

        def loss(predictions: Mapping[int, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
            names = [(index, self.data.tasks[index].name) for index in tasks]
            return torch.stack([self.losses[name](predictions[index], targets[name]) for index, name in names]).sum(
                dim=0, keepdim=True
            )

        return forward, loss


@contextmanager
def _quiet() -> Iterator[None]:
    """Without captum's word, at every step, that it asks for the gradient of the images."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*did not already require gradients")
        yield


def _load() -> tuple[type[Any], type[Any]]:
    try:
        from captum.robust import FGSM, PGD
    except ImportError as error:
        raise MissingLibraryError(missing("captum", "attacks", error)) from None
    return FGSM, PGD
