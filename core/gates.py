"""Hard-concrete gates: switches that are learned by gradient and may be exactly 0 or 1.

Sub-Network Routing (Ma et al., AAAI 2019, "SNR: Sub-Network Routing for Flexible Parameter Sharing in Multi-Task
Learning") puts one on every connection between sub-networks. With u ~ U(0, 1): s = sigmoid((log u - log(1 - u) +
log alpha) / beta), stretched to (gamma, zeta) and cut to [0, 1]. The probability that a gate is open at all has a
closed form, which is the L0 penalty (Louizos et al., ICLR 2018).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class HardConcrete:
    """The distribution's constants: temperature `beta` > 0, and the stretch `gamma` < 0, `zeta` > 1.

    Raises `ValueError` for constants outside these ranges.

    >>> gates = HardConcrete()
    >>> round(gates.open_probability(torch.zeros(1)).item(), 3), gates.serving(torch.zeros(1)).item()
    (0.832, 0.5)
    """

    beta: float = 2 / 3
    gamma: float = -0.1
    zeta: float = 1.1

    def __post_init__(self) -> None:
        if not (self.beta > 0 and self.gamma < 0 and self.zeta > 1):
            raise ValueError(
                "`beta` should be above 0, `gamma` below 0 and `zeta` above 1. "
                f"Found {self.beta}, {self.gamma} and {self.zeta}."
            )

    def sample(self, log_alpha: Tensor, uniform: Tensor) -> Tensor:
        """Gates in [0, 1] of the shape of `log_alpha`, from noise `uniform` in (0, 1); differentiable (section 3.2)."""
        noise = torch.log(uniform) - torch.log1p(-uniform)
        return self._cut(torch.sigmoid((noise + log_alpha) / self.beta))

    def serving(self, log_alpha: Tensor) -> Tensor:
        """The gates without noise, as the trained network uses them, in [0, 1]."""
        return self._cut(torch.sigmoid(log_alpha))

    def open_probability(self, log_alpha: Tensor) -> Tensor:
        """P(gate != 0), in (0, 1); its sum over all gates is the L0 penalty."""
        return torch.sigmoid(log_alpha - self.beta * math.log(-self.gamma / self.zeta))

    @property
    def closed_below(self) -> float:
        """The log alpha at and below which a serving gate is exactly 0; at and above its negative (for a symmetric
        stretch) it is exactly 1."""
        share = -self.gamma / (self.zeta - self.gamma)
        return math.log(share / (1 - share))

    def _cut(self, s: Tensor) -> Tensor:
        return (s * (self.zeta - self.gamma) + self.gamma).clamp(0.0, 1.0)


def uniform_noise(like: Tensor, generator: torch.Generator) -> Tensor:
    """Noise for `HardConcrete.sample`: uniform, and never exactly 0 or 1."""
    tiny = torch.finfo(torch.float32).eps
    noise = torch.rand(like.shape, generator=generator, dtype=torch.float32)
    return noise.clamp(tiny, 1 - tiny).to(like.device)
