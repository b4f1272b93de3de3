"""What lies between the sub-networks of two levels: gates, transformations, and what every reader gets.

Notation: u_j [n, c, h, w] is the output of lower sub-network j of L, v_i the input of reader i of R, z_ij their gate
and W_ij a 1x1 convolution without bias. SNR-Trans gives v_i = sum_j z_ij W_ij u_j, SNR-Aver v_i = sum_j z_ij u_j,
neither of them normalised (Ma et al., AAAI 2019, SNR-Trans and SNR-Aver). A mixture of experts is the latter with gates
that depend on the example and sum to 1.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from core.backbones.base import concatenate
from core.gates import HardConcrete, uniform_noise
from core.network import seeded
from core.seeds import generator


class ConcreteGates(nn.Module):
    """Hard-concrete gates [R, L], the same for all examples: noisy while training, fixed when serving.

    All `log_alpha` begin at `start`. The noise of a batch is drawn by `draw` and stays until it is drawn anew. There is
    one stream of noise for each name in `streams`, which share the rows evenly: gates whose rows are tasks get the same
    noise whatever the order of the tasks.
    """

    def __init__(self, streams: Sequence[str], readers: int, lowers: int, law: HardConcrete, start: float) -> None:
        super().__init__()
        self.streams, self.law = tuple(streams), law
        self.log_alpha = nn.Parameter(torch.full((readers, lowers), float(start)))
        self.noise: Tensor | None = None

    def draw(self, seed: int, step: int) -> None:
        """Draw the noise of one mini-batch, which depends on seed and step alone."""
        parts = self.log_alpha.detach().chunk(len(self.streams))
        drawn = [
            uniform_noise(part, generator(seed, "gates", step, name))
            for name, part in zip(self.streams, parts, strict=True)
        ]
        self.noise = torch.cat(drawn)

    def forward(self) -> Tensor:
        """The gates [R, L], with the noise that was drawn last in training mode. Raises `ValueError` without any."""
        if not self.training:
            return self.serving()
        if self.noise is None:
            raise ValueError(
                "gates in training mode need noise. Call `draw(seed, step)` of the network before a batch."
            )
        return self.law.sample(self.log_alpha, self.noise)

    def serving(self) -> Tensor:
        """The gates without noise [R, L]."""
        return self.law.serving(self.log_alpha)

    def penalty(self) -> Tensor:
        """How many gates are open, in expectation."""
        return self.law.open_probability(self.log_alpha).sum()


class SoftmaxGates(nn.Module):
    """Gates [n, R, L] of every example: for each reader the softmax of a linear function (Ma et al., KDD 2018, MMoE).

    It reads features [n, channels, h, w], averaged over a grid of `grid` x `grid` fields. All gates begin at 1 / L.
    """

    def __init__(self, readers: int, lowers: int, channels: int, grid: int) -> None:
        super().__init__()
        self.grid = grid
        self.linears = nn.ModuleList(nn.Linear(channels * grid * grid, lowers) for _ in range(readers))
        for weight in self.parameters():
            nn.init.zeros_(weight)

    def forward(self, features: Tensor) -> Tensor:
        pooled = nn.functional.adaptive_avg_pool2d(features, self.grid).flatten(1)  # [n, channels * grid * grid]
        return torch.stack([linear(pooled).softmax(1) for linear in self.linears], dim=1)


class FixedGates(nn.Module):
    """Gates [R, L] that are learned no more, as a pruned network has them: no weights."""

    values: Tensor

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.register_buffer("values", values.detach().clone())

    def forward(self) -> Tensor:
        return self.values


class Connections(nn.Module):
    """From the outputs of lower sub-networks to the inputs of readers; `reads` [R] names the lower ones of each.

    With `names` [R] there is a transformation for each connection, random by seed and name: those of a reader are one
    1x1 convolution over what it reads, side by side. Without, outputs are summed, weighted by their gates.
    """

    def __init__(
        self, reads: Sequence[tuple[int, ...]], neurons: int, names: Sequence[str] | None = None, seed: int = 0
    ) -> None:
        super().__init__()
        self.reads, self.neurons = tuple(reads), neurons
        self.transforms: nn.ModuleList | None = None
        if names is not None:
            self.transforms = nn.ModuleList(
                seeded(partial(transformation, len(lower), neurons), seed, name)
                for lower, name in zip(reads, names, strict=True)
            )

    def forward(self, lower: Mapping[int, Tensor], gates: Tensor | None, readers: Sequence[int]) -> list[Tensor]:
        """The inputs of `readers`, from outputs by number and gates [R, L] or, without transformations, [n, R, L].

        None for `gates`: they are part of the transformations.
        """
        if self.transforms is None:
            assert gates is not None
            return _weighted_sums(lower, gates, readers)
        joined: dict[tuple[int, ...], Tensor] = {}
        found = []
        for reader in readers:
            read, transform = self.reads[reader], self.transforms[reader]
            assert isinstance(transform, nn.Conv2d)
            if read not in joined:
                joined[read] = concatenate([lower[number] for number in read])  # [n, len(read) * c, h, w]
            if gates is None:
                found.append(transform(joined[read]))
            else:
                weight = gated_weight(transform.weight, gates[reader, list(read)])
                found.append(nn.functional.conv2d(joined[read], weight))
        return found


def transformation(lowers: int, neurons: int) -> nn.Conv2d:
    """The W of one reader for `lowers` sub-networks of as many neurons; its outputs vary as much as its inputs."""
    convolution = nn.Conv2d(lowers * neurons, neurons, 1, bias=False)
    nn.init.normal_(convolution.weight, std=(lowers * neurons) ** -0.5)
    return convolution


def gated_weight(weight: Tensor, gates: Tensor) -> Tensor:
    """Weights [c, L * c, 1, 1] with the gates [L] multiplied in."""
    return weight * gates.repeat_interleave(weight.shape[1] // len(gates)).view(1, -1, 1, 1)


def _weighted_sums(lower: Mapping[int, Tensor], gates: Tensor, readers: Sequence[int]) -> list[Tensor]:
    """sum_j z_ij u_j for all readers as one product of matrices, in the channels-last layout throughout."""
    numbers = sorted(lower)
    stacked = torch.stack([lower[number].movedim(1, -1) for number in numbers], dim=1)  # [n, L, h, w, c]
    chosen = gates[..., list(readers), :][..., numbers]  # [R, L] or [n, R, L]
    sums = (chosen.to(stacked.dtype) @ stacked.flatten(2)).view(len(stacked), -1, *stacked.shape[2:])  # [n, R, h, w, c]
    return [value.movedim(-1, 1) for value in sums.unbind(1)]
