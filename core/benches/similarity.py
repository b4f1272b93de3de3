"""`core.similarity.cka` against the textbook: two Gram matrices and three HSICs for every pair of tasks."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from core.benches import BenchRow, time_ms
from core.similarity import cka

SHAPES = ((800, 512, ">= 4x"), (3000, 64, ">= 50x"))
"""Samples, features of a task, what was promised."""

N_TASKS = 5


def cka_of_pair(x: Tensor, y: Tensor) -> Tensor:
    """Debiased linear CKA of `x` [n, p] and `y` [n, q], term by term (Song et al. 2012, eq. 5): a scalar.

    In the features' dtype and differentiable: the plain form that the tests hold the fast ones against.

    >>> x = torch.arange(10, dtype=torch.float64).reshape(5, 2)
    >>> round(float(cka_of_pair(x, 3 * x)), 12)
    1.0
    """
    n = len(x)
    outside = 1 - torch.eye(n, dtype=x.dtype)
    k, m = x @ x.T * outside, y @ y.T * outside  # [n, n]

    def hsic(a: Tensor, b: Tensor) -> Tensor:
        together = (a * b).sum()  # tr(a b), as both are symmetric
        return (together + a.sum() * b.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (a.sum(0) * b.sum(0)).sum()) / (
            n * (n - 3)
        )

    return hsic(k, m) / (hsic(k, k) * hsic(m, m)).sqrt()


def cka_per_pair(features: Sequence[Tensor]) -> Tensor:
    """The matrix [T, T] of `cka_of_pair` in float64, each pair i < j once and 1 on the diagonal."""
    matrix = torch.eye(len(features), dtype=torch.float64)
    for i, x in enumerate(features):
        for j in range(i + 1, len(features)):
            matrix[i, j] = matrix[j, i] = cka_of_pair(x.double(), features[j].double())
    return matrix


def rows() -> list[BenchRow]:
    """One row a shape, five tasks whose features are partly shared; raises `RuntimeError` if the two sides differ."""
    found = []
    generator = torch.Generator().manual_seed(0)
    for n, p, target in SHAPES:
        shared = torch.randn(n, p, generator=generator)
        features = [shared + task * torch.randn(n, p, generator=generator) for task in range(N_TASKS)]
        difference = float((cka(features) - cka_per_pair(features)).abs().max())
        if not difference < 1e-9:
            raise RuntimeError(f"CKA at {n} × {p} differs from the per-pair form by {difference:.1e}.")
        found.append(
            BenchRow(
                name=f"similarity, {N_TASKS} tasks {n}×{p}",
                ours_ms=time_ms(partial(cka, features), repeats=9),
                reference_ms=time_ms(partial(cka_per_pair, features), repeats=3),
                reference="two Gram matrices and three HSICs for each of the pairs i < j, float64",
                target=target,
                note=f"largest difference {difference:.0e}",
            )
        )
    return found
