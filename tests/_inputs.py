"""Input families: features of several tasks, and similarities between them. All seeded, all new on each call."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def related_features(
    n: int, widths: tuple[int, ...], seed: int = 0, dtype: torch.dtype = torch.float64
) -> list[Tensor]:
    """Features [n, p_t] of T tasks that share part of what they say about the samples, more and more of it apart."""
    generator = torch.Generator().manual_seed(seed)
    shared = torch.randn(n, max(widths), generator=generator, dtype=torch.float64)
    return [
        (shared[:, :width] + task / 2 * torch.randn(n, width, generator=generator, dtype=torch.float64)).to(dtype)
        for task, width in enumerate(widths)
    ]


def _rank_deficient() -> list[Tensor]:
    return [x[:, :2] @ torch.ones(2, 9, dtype=x.dtype) for x in related_features(40, (3, 3, 3), seed=1)]


def _duplicate_tasks() -> list[Tensor]:
    first, second = related_features(40, (6, 6), seed=2)
    return [first, second, first.clone(), second.clone()]


def _far_from_zero() -> list[Tensor]:
    return [x + 1e4 for x in related_features(40, (5, 8, 3), seed=3)]


DEFINED_FEATURES: dict[str, Callable[[], list[Tensor]]] = {
    "narrow": lambda: related_features(60, (4, 4, 4)),
    "wide": lambda: related_features(12, (70, 70, 70)),
    "different widths": lambda: related_features(30, (3, 200, 30, 1, 90)),
    "many samples": lambda: related_features(300, (20, 40, 20)),
    "fewest samples": lambda: related_features(4, (3, 5)),
    "one task": lambda: related_features(20, (5,)),
    "one column": lambda: related_features(20, (1, 1)),
    "duplicate tasks": _duplicate_tasks,
    "rank deficient": _rank_deficient,
    "far from zero": _far_from_zero,
    "huge scale": lambda: [1e15 * x for x in related_features(40, (6, 6, 9))],
    "tiny scale": lambda: [1e-10 * x for x in related_features(40, (6, 6, 9))],
    "mixed scales": lambda: [x * 10.0 ** (12 * task - 10) for task, x in enumerate(related_features(40, (6, 6, 9)))],
}
"""Families for which every similarity is defined."""


def _one_row_differs() -> Tensor:
    x = torch.zeros(10, 4, dtype=torch.float64)
    x[3] = torch.tensor([1.0, 2.0, 3.0, 4.0])
    return x


def _orthogonal_rows(turned: bool) -> Tensor:
    generator = torch.Generator().manual_seed(6)  # rounding leaves an HSIC above 0
    rotation = torch.linalg.qr(torch.randn(10, 10, generator=generator, dtype=torch.float64)).Q
    return 3 * rotation + 5 if turned else torch.eye(10, dtype=torch.float64)


UNDEFINED_FEATURES: dict[str, Callable[[], Tensor]] = {
    "zero": lambda: torch.zeros(10, 4, dtype=torch.float64),
    "constant": lambda: torch.full((10, 4), 0.1, dtype=torch.float64),
    "constant in float32": lambda: torch.full((10, 4), 0.1),
    "constant and huge": lambda: torch.full((10, 4), 1e15 / 3, dtype=torch.float64),
    "constant columns": lambda: torch.tensor([0.1, -3.7, 1e9, 1e-9]).double().repeat(10, 1),
    "one row differs": _one_row_differs,
    "orthogonal rows": lambda: _orthogonal_rows(turned=False),
    "orthogonal rows, turned and shifted": lambda: _orthogonal_rows(turned=True),
}
"""Feature matrices [10, p] whose HSIC with themselves is zero, so that no similarity to them is defined."""


def random_similarity(n_tasks: int, random: np.random.Generator, steps: int | None = None) -> NDArray[np.float64]:
    """A symmetric matrix [T, T] in [-0.2, 1], 1 on the diagonal; rounded to 1 / `steps` where ties are wanted."""
    half = random.uniform(-0.2, 1, (n_tasks, n_tasks))
    matrix = np.triu(half, 1) + np.triu(half, 1).T
    if steps:
        matrix = np.round(matrix * steps) / steps
    np.fill_diagonal(matrix, 1.0)
    return matrix


def similarity_of(n_tasks: int, pairs: dict[tuple[int, int], float], other: float = 0.0) -> NDArray[np.float64]:
    """A symmetric matrix [T, T] with 1 on the diagonal, the given `pairs`, and `other` everywhere else."""
    matrix = np.full((n_tasks, n_tasks), other)
    np.fill_diagonal(matrix, 1.0)
    for (i, j), value in pairs.items():
        matrix[i, j] = matrix[j, i] = value
    return matrix
