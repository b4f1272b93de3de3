"""Two learners that take turns, each on a half of the training images of its own (AutoMTL, section 4.3).

Everything follows from the seed and the number of a batch, so training can go on from any batch.
"""

from typing import NamedTuple

import torch

from core.seeds import generator


class Turn(NamedTuple):
    """Whose batch it is, the policies' or the network's, and which of theirs, from 0."""

    policy: bool
    number: int


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
        raise ValueError(f"`images` should be at least {2 * batch_size * ranks}, a batch for each. Found {images}.")
    passes, place = divmod(turn.number, per_pass)
    order = torch.randperm(len(half), generator=generator(seed, "policy" if turn.policy else "network", passes))
    first = (place * ranks + rank) * batch_size
    chosen: list[int] = half[order[first : first + batch_size]].tolist()
    return chosen
