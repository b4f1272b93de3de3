"""What is measured: every setting of every family, in order, and what each stands for (no torch)."""

from collections.abc import Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from core.robustness.corruptions import CORRUPTIONS, MOVES_PIXELS, SEVERITIES
from core.robustness.images import LEVELS as IMAGE_LEVELS
from core.robustness.images import image_shifts
from core.robustness.images import meaning as image_meaning
from core.robustness.records import Family

FAMILIES: tuple[Family, ...] = ("corruption", "shift", "attack")


class Plan(BaseModel):
    """What shall be measured of a run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    families: tuple[Family, ...] = Field(("corruption", "shift"), min_length=1, description="what is measured")
    phase: int | None = Field(None, ge=0, description="weights at the start of this phase; none: the final ones")
    images: int = Field(200, ge=1, le=100_000, description="validation images; more are drawn where there are fewer")
    attack_images: int = Field(64, ge=1, le=100_000, description="of these, for attacks, which take ten times as long")
    search_images: int = Field(16, ge=0, le=10_000, description="of these, for the search for the smallest attack")
    radii: tuple[float, ...] = Field(
        (0.5, 1, 2, 4, 8, 16), min_length=1, description="of attacks: how far a value may move, of 255"
    )
    seed: int = Field(0, ge=0, lt=2**31, description="of all that is random in a corruption or an attack")
    previews: int = Field(1, ge=0, le=16, description="images kept with their predictions, to look at")
    preview_severities: tuple[int, ...] = Field((1, 3, 5), description="of corruptions and shifts that keep them")


class Setting(NamedTuple):
    """One thing to measure; `text` says for people what its severity stands for."""

    name: str
    severity: float
    text: str
    attacked: tuple[int, ...] = ()
    moves_pixels: bool = False
    cost: float = 1.0
    """Roughly, in passes of the network over the images."""

    @property
    def key(self) -> tuple[str, float, tuple[int, ...]]:
        """What tells it apart from all others measured under the same conditions."""
        return self.name, self.severity, self.attacked


CLEAN = Setting("clean", 0.0, "images as they are")


def corruption_settings() -> tuple[Setting, ...]:
    """The 75 of Hendrycks & Dietterich.

    >>> len(corruption_settings())
    75
    """
    return tuple(
        Setting(name, severity, f"severity {severity} of 5", moves_pixels=name in MOVES_PIXELS)
        for name in CORRUPTIONS
        for severity in SEVERITIES
    )


def image_shift_settings(channels: int) -> tuple[Setting, ...]:
    """Shifts of images with so many channels; the crop brings the truth along.

    >>> len(image_shift_settings(3))
    25
    """
    return tuple(
        Setting(name, level, image_meaning(name, level))
        for name in image_shifts(channels)
        for level in range(1, len(IMAGE_LEVELS[name]) + 1)
    )


def attack_settings(attacks: Sequence[str], radii: Sequence[float], tasks: int) -> tuple[Setting, ...]:
    """Every attack on every task alone and on all together, at every radius (of 255).

    >>> [setting.attacked for setting in attack_settings(["pgd"], [4], tasks=2)]
    [(0,), (1,), (0, 1)]
    """
    alone = [(task,) for task in range(tasks)]
    together = [tuple(range(tasks))] if tasks > 1 else []
    return tuple(
        Setting(attack, radius / 255, f"up to {radius:g} of 255", attacked, cost=15.0 if attack == "pgd" else 2.5)
        for attack in attacks
        for attacked in (*alone, *together)
        for radius in radii
    )
