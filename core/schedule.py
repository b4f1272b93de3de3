"""When tasks are learned and when structure is: the alternating phases of a run.

The paper trains 80 epochs and learns structure right before epochs 3, 5, 7, 9, 13, 17, 25, 33, 41 and 49, one phase for
each of its ten stages, with 1, 1, 2, 2, 2, 2, 4, 4, 8 and 8 epochs of amalgamation (MTSL, section 1.5 of the settings
published with the code). For another number of epochs or stages the same curve is stretched.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from core.config import AutoMtl, Config, ConfigError
from core.events import Role

PAPER_EPOCHS = 80
PAPER_STRUCTURAL_EPOCHS = (3, 5, 7, 9, 13, 17, 25, 33, 41, 49)
PAPER_AMALGAMATION_EPOCHS = (1, 1, 2, 2, 2, 2, 4, 4, 8, 8)


class Phase(NamedTuple):
    """One phase: its role and its epochs (of joint training, or of amalgamation)."""

    role: Role
    epochs: int


def planned(config: Config, n_stages: int) -> tuple[Phase, ...]:
    """All phases of a run. Raises `ConfigError` when the epochs do not suffice.

    >>> from core.config import preset
    >>> planned(preset("quick", "digits", "one"), 4)
    (Phase(role='task-learning', epochs=10),)
    """
    settings, epochs = config.mtsl, config.training.epochs
    if config.method == "automtl":
        return policy_schedule(config.automtl, epochs)
    if config.method != "mtsl":
        return (Phase("task-learning", epochs),)
    phases = settings.phases or n_stages
    return structural_schedule(epochs, phases, settings.structural_epochs, settings.amalgamation_epochs)


def structural_schedule(
    epochs: int,
    phases: int,
    structural_epochs: Sequence[int] | None = None,
    amalgamation_epochs: Sequence[int] | None = None,
) -> tuple[Phase, ...]:
    """Task-learning phases with structural-learning phases between them, `epochs` of joint training in all.

    `structural_epochs` are numbered from 1 and name the epoch that follows the phase; without it, the paper's curve is
    stretched to `phases` phases in `epochs` epochs, at least one epoch apart. Likewise `amalgamation_epochs`.
    Raises `ConfigError` when the epochs do not suffice.

    >>> [phase.epochs for phase in structural_schedule(80, 10)]
    [2, 1, 2, 1, 2, 2, 2, 2, 4, 2, 4, 2, 8, 4, 8, 4, 8, 8, 8, 8, 32]
    """
    before = list(structural_epochs) if structural_epochs is not None else _stretched_epochs(epochs, phases)
    if before and before[-1] > epochs:
        raise ConfigError(f"`structural_epochs` should lie in 1..{epochs}, the `epochs` of training. Found {before}.")
    lengths = list(amalgamation_epochs or _stretched(PAPER_AMALGAMATION_EPOCHS, len(before), epochs))
    if len(lengths) != len(before):
        raise ConfigError(
            f"`amalgamation_epochs` should have one entry for each of the {len(before)} structural phases. "
            f"Found {len(lengths)}."
        )
    plan, finished = [], 0
    for epoch, length in zip(before, lengths, strict=True):
        if epoch - 1 > finished:
            plan.append(Phase("task-learning", epoch - 1 - finished))
        plan.append(Phase("structural-learning", length))
        finished = epoch - 1
    return (*plan, Phase("task-learning", epochs - finished))


def policy_schedule(settings: AutoMtl, epochs: int) -> tuple[Phase, ...]:
    """AutoMTL's stages: pre-training, policy training, and `epochs` of post-training; given choices need but the last.

    >>> [phase.epochs for phase in policy_schedule(AutoMtl(pretrain_epochs=3, policy_epochs=6), 16)]
    [3, 6, 16]
    """
    last = Phase("task-learning", epochs)
    if settings.choices is not None:
        return (last,)
    first = (Phase("task-learning", settings.pretrain_epochs),) if settings.pretrain_epochs else ()
    return (*first, Phase("structural-learning", settings.policy_epochs), last)


def _stretched_epochs(epochs: int, phases: int) -> list[int]:
    """The paper's structural epochs for another length: rising, with an epoch before the first and after the last."""
    if phases >= epochs:
        raise ConfigError(
            f"`epochs` should exceed the number of structural phases, so that tasks are learned before, between and "
            f"after them. Found {epochs} epochs for {phases} phases; raise `training.epochs` or lower `mtsl.phases`."
        )
    found: list[int] = []
    for index, epoch in enumerate(_stretched([e - 1 for e in PAPER_STRUCTURAL_EPOCHS], phases, epochs)):
        lowest = found[-1] + 1 if found else 2
        highest = epochs - (phases - 1 - index)
        found.append(min(max(epoch + 1, lowest), highest))
    return found


def _stretched(curve: Sequence[int], points: int, epochs: int) -> list[int]:
    """The paper's curve over its ten phases read at `points` places, scaled to `epochs`, at least 1."""
    places = np.linspace(0, len(curve) - 1, points) if points > 1 else np.zeros(points)
    values = np.interp(places, np.arange(len(curve)), curve) * epochs / PAPER_EPOCHS
    return [max(1, round(float(value))) for value in values]
