"""AutoMTL's policies: for every task and node a soft choice between shared, task-specific and skip.

Zhang et al., NeurIPS 2022, "AutoMTL: A Programming Framework for Automating Efficient Multi-Task Learning". Logits
[nodes, 3] in the order shared, specific, skip; choices are sampled with Gumbel-softmax while policies are learned, and
a regulariser pulls them towards "shared", most strongly at the bottom of the network.
"""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Choice = Literal["shared", "specific", "skip"]
CHOICES: tuple[Choice, ...] = ("shared", "specific", "skip")


def gumbel_softmax(logits: Tensor, temperature: float, uniform: Tensor) -> Tensor:
    """Soft samples [.., 3] from `logits` at `temperature` > 0 with noise `uniform` in (0, 1); differentiable.

    softmax((logits + g) / temperature) with g = -log(-log u) (Jang et al., ICLR 2017).

    >>> gumbel_softmax(torch.zeros(3), 1.0, torch.full((3,), 0.5)).round(decimals=3).tolist()
    [0.3330000042915344, 0.3330000042915344, 0.3330000042915344]
    """
    if not temperature > 0:
        raise ValueError(f"`temperature` should be above 0. Found {temperature}.")
    gumbel = -torch.log(-torch.log(uniform))
    return torch.softmax((logits + gumbel) / temperature, dim=-1)


def depth_weights(depths: Sequence[int]) -> Tensor:
    """Weights [nodes] of the regulariser, (D - d) / D with D the largest depth; depths count from 1 (section 4.3).

    >>> depth_weights([1, 2, 2, 4]).tolist()
    [0.75, 0.5, 0.5, 0.0]
    """
    if not depths or min(depths) < 1:
        raise ValueError(f"`depths` should be numbers from 1. Found {list(depths)}.")
    largest = max(depths)
    return torch.tensor([(largest - depth) / largest for depth in depths])


def policy_regulariser(probabilities: Tensor, weights: Tensor, scale: float = 6.0) -> Tensor:
    """One task's regulariser: sum over nodes of w (ln(1 + e^(s (p1 - p0))) + ln(1 + e^(s (p2 - p0)))), a scalar.

    `probabilities` [nodes, 3] are a sample of its policy, `weights` [nodes] those of `depth_weights`.

    >>> round(policy_regulariser(torch.full((1, 3), 1 / 3), torch.ones(1)).item(), 4)  # 2 ln 2
    1.3863
    """
    if probabilities.shape != (len(weights), len(CHOICES)):
        raise ValueError(f"`probabilities` should be [{len(weights)}, 3]. Found {list(probabilities.shape)}.")
    shared = probabilities[:, :1]  # [nodes, 1]
    terms = F.softplus(scale * (probabilities[:, 1:] - shared)).sum(1)  # [nodes]
    return (weights.to(terms) * terms).sum()


def temperature_at(iterations: int, start: float = 5.0, factor: float = 0.965, every: int = 101) -> float:
    """The temperature after so many policy iterations: times `factor` after each `every` of them.

    >>> round(temperature_at(39 * 101), 3)  # 20,000 iterations at 100 policy : 400 network
    1.246
    """
    return float(start * factor ** (iterations // every))


def sampled_choices(logits: Tensor, generator: torch.Generator, forced: int = 0) -> tuple[Choice, ...]:
    """One choice a node from softmax(`logits`) [nodes, 3]; the first `forced` nodes are shared, whatever they say."""
    drawn = torch.multinomial(torch.softmax(logits.float().cpu(), -1), 1, generator=generator)[:, 0].tolist()
    return tuple("shared" if node < forced else CHOICES[choice] for node, choice in enumerate(drawn))
