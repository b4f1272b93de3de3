"""Losses by hand, without valid pixels, under autocast, and against plain formulas."""

import dataclasses
import math

import pytest
import torch
from torch.nn import functional

from core.losses import (
    balanced_binary_cross_entropy,
    balanced_cross_entropy,
    build_losses,
    class_weights,
    depth_rmse,
    normals_l1,
    standardised_error,
    unit_vectors,
)
from tests._targets import NAMES, TASKS, prediction_for, targets_of, toy_data


@pytest.mark.parametrize("name", NAMES)
def test_losses_are_float32_scalars_with_finite_gradients(name: str) -> None:
    prediction = prediction_for(name)
    loss = build_losses(TASKS, toy_data())[name](prediction, targets_of()[name])
    assert loss.dtype == torch.float32
    assert loss.shape == ()
    assert loss > 0
    loss.backward()
    assert prediction.grad is not None
    assert torch.isfinite(prediction.grad).all()
    assert prediction.grad.abs().sum() > 0


@pytest.mark.parametrize("name", NAMES)
def test_losses_of_bf16_predictions_under_autocast_are_computed_in_float32(name: str) -> None:
    prediction = prediction_for(name, torch.bfloat16)
    loss_of, target = build_losses(TASKS, toy_data())[name], targets_of()[name]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = loss_of(prediction, target)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, loss_of(prediction.detach().float(), target))


@pytest.mark.parametrize("name", ["segmentation", "depth", "edges", "normals"])
def test_a_batch_without_truth_has_loss_and_gradient_zero(name: str) -> None:
    prediction = prediction_for(name)
    loss = build_losses(TASKS, toy_data())[name](prediction, targets_of(valid=False)[name])
    assert loss.item() == 0
    loss.backward()
    assert prediction.grad is not None
    assert (prediction.grad == 0).all()


@pytest.mark.parametrize("name", ["segmentation", "depth", "edges", "normals"])
def test_pixels_without_truth_do_not_count(name: str) -> None:
    """The upper half, with nothing known below it, has the loss of the upper half alone."""
    loss_of = build_losses(TASKS, toy_data())[name]
    prediction, target = prediction_for(name), targets_of()[name].clone()
    target[..., 3:, :] = targets_of(valid=False)[name][..., 3:, :]
    alone = loss_of(prediction[..., :3, :], target[..., :3, :])
    torch.testing.assert_close(loss_of(prediction, target), alone)


@pytest.mark.parametrize("name", ["depth", "normals", "reconstruction"])
def test_a_perfect_prediction_costs_nothing_and_has_a_finite_gradient(name: str) -> None:
    target = targets_of()[name]
    prediction = target.clone().requires_grad_()
    loss = build_losses(TASKS, toy_data())[name](prediction, target)
    torch.testing.assert_close(loss.item(), 0.0, atol=1e-6, rtol=0)
    loss.backward()
    assert prediction.grad is not None
    assert torch.isfinite(prediction.grad).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_target_of_another_shape_is_refused(name: str) -> None:
    loss_of, target = build_losses(TASKS, toy_data())[name], targets_of()[name]
    with pytest.raises(ValueError, match=r"`target` should be of shape \[4.* Found \[2"):
        loss_of(prediction_for(name), target[:2])


def test_class_weights_follow_the_effective_number() -> None:
    weights = class_weights([10, 500, 0, 500])
    effective = [(1 - 0.999**n) / 0.001 for n in (10, 500)]
    torch.testing.assert_close((weights[0] / weights[1]).item(), effective[1] / effective[0], rtol=1e-5, atol=0)
    assert weights[2] == 0
    torch.testing.assert_close(weights.sum().item(), 3.0)


def test_segmentation_by_hand() -> None:
    """Two valid pixels of classes 0 and 1 with weights 1 and 3: (1 ln 2 + 3 ln 4) / 4."""
    prediction = torch.tensor([[[[0.0, 0.0, 9.0]], [[0.0, -math.log(3), 0.0]]]])  # [1, 2, 1, 3]
    target = torch.tensor([[[0, 1, 255]]])
    loss = balanced_cross_entropy(torch.tensor([1.0, 3.0]))(prediction, target)
    torch.testing.assert_close(loss.item(), (math.log(2) + 3 * math.log(4)) / 4)


def test_segmentation_is_torchs_weighted_mean() -> None:
    weights = class_weights([5, 4, 300, 2, 1, 9, 9, 9])
    prediction, target = prediction_for("segmentation"), targets_of()["segmentation"]
    expected = functional.cross_entropy(prediction, target, weight=weights)
    torch.testing.assert_close(balanced_cross_entropy(weights)(prediction, target), expected)


def test_depth_by_hand() -> None:
    prediction, target = torch.tensor([1.0, 2.0, 3.0, 50.0]), torch.tensor([1.0, 5.0, 7.0, 0.0])
    loss = depth_rmse(prediction.view(1, 1, 2, 2), target.view(1, 1, 2, 2))
    torch.testing.assert_close(loss.item(), math.sqrt((0 + 9 + 16) / 3))


def test_edges_by_hand() -> None:
    """An edge at probability 1/4 and a plain pixel at 1/3, over three pixels of which one is certain."""
    prediction = torch.logit(torch.tensor([0.25, 1 / 3, 1e-9])).view(1, 1, 1, 3)
    target = torch.tensor([1.0, 0.0, 0.0]).view(1, 1, 1, 3)
    expected = (0.95 * math.log(4) + 0.05 * math.log(1.5)) / 3
    torch.testing.assert_close(balanced_binary_cross_entropy(prediction, target).item(), expected)


def test_normals_by_hand_and_for_any_length() -> None:
    prediction = torch.tensor([0.0, 3.0, 4.0]).view(1, 3, 1, 1)
    target = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1)
    expected = (0 + 0.6 + 0.2) / 3
    for length in (0.01, 1.0, 1000.0):
        torch.testing.assert_close(normals_l1(length * prediction, target).item(), expected)


def test_a_normal_of_length_zero_has_a_bounded_gradient() -> None:
    prediction = torch.zeros(1, 3, 1, 2, requires_grad=True)
    normals_l1(prediction, torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1).expand(1, 3, 1, 2)).backward()
    assert prediction.grad is not None
    assert prediction.grad.abs().max() <= 1000


def test_unit_vectors_are_torchs_normalised_ones() -> None:
    vectors = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(unit_vectors(vectors), functional.normalize(vectors, dim=1))


def test_values_by_hand() -> None:
    """Answers 0 and 1 deviations above a mean of 10; targets one deviation of 5 below it and 2 above it."""
    loss = standardised_error(10, 5)(torch.tensor([[0.0], [1.0]]), torch.tensor([[5.0], [20.0]]))
    torch.testing.assert_close(loss.item(), (1 + 1) / 2)


def test_a_missing_scale_is_named() -> None:
    data = dataclasses.replace(toy_data(), scales={"dep_delay": (1.0, 0.0)})
    with pytest.raises(ValueError, match=r"`data.scales\['dep_delay'\]` should be a mean and a deviation above 0"):
        build_losses(TASKS, data)


def test_missing_class_counts_are_named() -> None:
    with pytest.raises(ValueError, match=r"`data.class_counts\['segmentation'\]` should hold 8 counts.* Found 2"):
        build_losses(TASKS, toy_data(counts=(1, 2)))
