"""Named properties. Each raises `AssertionError` with the numbers; tolerances are given where they are used."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from core.structure import Partition

PairwiseFunction = Callable[[list[Tensor]], Tensor]
"""T feature matrices [n, p_t] -> a matrix [T, T]."""


def assert_close(found: Tensor, expected: Tensor, atol: float) -> None:
    """Equal shapes and dtypes, values within `atol`; NaN only where NaN is expected."""
    torch.testing.assert_close(found, expected, atol=atol, rtol=0, equal_nan=True)


def assert_symmetric(matrix: Tensor) -> None:
    """Equal to its transpose, to the last bit; NaN equals NaN."""
    assert_close(matrix, matrix.T, atol=0)


def assert_bounded(matrix: Tensor, low: float, high: float) -> None:
    """Every value that is not NaN lies in [low, high]."""
    values = matrix[~matrix.isnan()]
    assert ((values >= low) & (values <= high)).all(), f"not in [{low}, {high}]: {matrix}"


def assert_follows_task_order(function: PairwiseFunction, features: Sequence[Tensor], atol: float) -> None:
    """Reordering the tasks reorders rows and columns, and changes nothing else."""
    matrix = function(list(features))
    for order in (list(reversed(range(len(features)))), torch.randperm(len(features)).tolist()):
        assert_close(function([features[task] for task in order]), matrix[order][:, order], atol)


def assert_invariant_to_samples_order(function: PairwiseFunction, features: Sequence[Tensor], atol: float) -> None:
    """The same reordering of the samples of every task changes nothing."""
    order = torch.randperm(len(features[0]))
    assert_close(function([x[order] for x in features]), function(list(features)), atol)


def assert_unchanged_under_scaling(
    function: PairwiseFunction, features: Sequence[Tensor], factors: Sequence[float], atol: float
) -> None:
    """Scaling the tasks' features, each by another of `factors` in turn, changes nothing."""
    scaled = [x * factors[task % len(factors)] for task, x in enumerate(features)]
    assert_close(function(scaled), function(list(features)), atol)


def assert_unchanged_under_shift(function: PairwiseFunction, features: Sequence[Tensor], atol: float) -> None:
    """Adding one row to all samples of a task changes nothing."""
    shifted = [x + x.abs().amax() * torch.randn(1, x.shape[1], dtype=x.dtype) for x in features]
    assert_close(function(shifted), function(list(features)), atol)


def assert_unchanged_under_rotation(function: PairwiseFunction, features: Sequence[Tensor], atol: float) -> None:
    """An orthogonal map of each task's features changes nothing."""
    rotated = [x @ torch.linalg.qr(torch.randn(x.shape[1], x.shape[1], dtype=x.dtype)).Q for x in features]
    assert_close(function(rotated), function(list(features)), atol)


def assert_leaves_inputs_alone(function: Callable[[list[Tensor]], object], features: Sequence[Tensor]) -> None:
    """No input changes its values, its strides, its gradient, its hooks into autograd or its version counter."""
    before = [
        (x.detach().clone(), x.stride(), x.grad if x.is_leaf else None, x.requires_grad, x.grad_fn, x._version)
        for x in features
    ]
    function(list(features))
    for x, (values, *rest) in zip(features, before, strict=True):
        assert torch.equal(x, values), "values changed"
        assert [x.stride(), x.grad if x.is_leaf else None, x.requires_grad, x.grad_fn, x._version] == rest


def assert_partition(groups: Partition, n_tasks: int) -> None:
    """Sorted tuples of plain integers, in the order of their first task, each task once."""
    assert sorted(task for group in groups for task in group) == list(range(n_tasks)), groups
    assert groups == tuple(sorted(tuple(sorted(group)) for group in groups)), groups
    assert all(type(task) is int for group in groups for task in group), groups
