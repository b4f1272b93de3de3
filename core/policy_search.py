"""Policy training, the second stage of AutoMTL: policies and network take turns on samples of the policies.

Zhang et al., NeurIPS 2022, section 4.3. Batches of one half of the data train the policies, with the regulariser that
pulls them to sharing; batches of the other half train the network. Which batch is whose, the noise of the samples, and
their temperature all follow from the seed and the number of the batch, so training can go on from any.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from core import config
from core.policy import depth_weights, gumbel_softmax, policy_regulariser, temperature_at
from core.seeds import generator
from core.supermodel import AutoMtlNet


class Turn(NamedTuple):
    """Whose batch it is, the policies' or the network's, and which of theirs, from 0."""

    policy: bool
    number: int


class PolicySearch:
    """Policy training of `net`, whose policies change; `seed` is the run's."""

    def __init__(self, settings: config.AutoMtl, seed: int, net: AutoMtlNet) -> None:
        assert net.policies is not None
        self.settings, self.seed, self.net, self.policies = settings, seed, net, net.policies
        self.optimizer = torch.optim.Adam(
            [net.policies], settings.policy_learning_rate, weight_decay=settings.policy_weight_decay
        )

    def turn(self, iteration: int) -> Turn:
        """Whose turn batch `iteration` is."""
        return turn_at(iteration, self.settings.policy_iterations, self.settings.network_iterations)

    def temperature(self, iteration: int) -> float:
        """The temperature in a batch; it falls with the batches that trained the policies before."""
        turn, settings = self.turn(iteration), self.settings
        done = turn.number if turn.policy else iteration - turn.number
        return temperature_at(done, settings.temperature, settings.temperature_factor, settings.temperature_every)

    def sample(self, iteration: int, purpose: str) -> Tensor:
        """Soft choices [T, nodes, 3] drawn from the policies; every task's noise depends on its name."""
        shape = self.policies.shape[1:]
        noise = [
            torch.rand(shape, generator=generator(self.seed, purpose, task.name, iteration)) for task in self.net.tasks
        ]
        uniform = torch.stack(noise).clamp(min=1e-12).to(self.policies)  # above 0, as the logarithm needs
        return gumbel_softmax(self.policies, self.temperature(iteration), uniform)

    def regulariser(self, iteration: int, group: Sequence[int]) -> Tensor:
        """The weighted pull to sharing of the tasks in `group`, on a fresh sample."""
        sample, weights = self.sample(iteration, "regulariser"), depth_weights(self.net.depths)
        terms = [policy_regulariser(sample[task], weights, self.settings.regulariser_scale) for task in group]
        return self.settings.regulariser_weight * torch.stack(terms).sum()

    @contextmanager
    def only(self, policy: bool) -> Iterator[None]:
        """Let only the policies, or only the network, have gradients; the others' would be computed for nothing."""
        try:
            for weight in self.net.parameters():
                weight.requires_grad_((weight is self.policies) == policy)
            yield
        finally:
            for weight in self.net.parameters():
                weight.requires_grad_(True)


def turn_at(iteration: int, policy_iterations: int, network_iterations: int) -> Turn:
    """The turn of batch `iteration` when so many batches of the policies and of the network alternate.

    >>> [turn_at(iteration, 1, 2).policy for iteration in range(6)], turn_at(5, 1, 2).number
    ([True, False, False, True, False, False], 3)
    """
    rounds, place = divmod(iteration, policy_iterations + network_iterations)
    if place < policy_iterations:
        return Turn(True, rounds * policy_iterations + place)
    return Turn(False, rounds * network_iterations + place - policy_iterations)


def turn_batch(turn: Turn, images: int, batch_size: int, seed: int, rank: int = 0, ranks: int = 1) -> list[int]:
    """Process `rank`'s indices of the images of a turn, from the learner's half of `images`, shuffled anew every pass.

    Raises `ValueError` if a half does not hold a batch for every process.
    """
    halves = torch.randperm(images, generator=generator(seed, "halves"))
    half = halves[images // 2 :] if turn.policy else halves[: images // 2]
    per_pass = len(half) // (batch_size * ranks)
    if not per_pass:
        raise ValueError(
            f"`images` should be at least {2 * batch_size * ranks}, a batch of each half for every process. "
            f"Found {images}."
        )
    passes, place = divmod(turn.number, per_pass)
    order = torch.randperm(len(half), generator=generator(seed, "policy" if turn.policy else "network", passes))
    first = (place * ranks + rank) * batch_size
    chosen: list[int] = half[order[first : first + batch_size]].tolist()
    return chosen
