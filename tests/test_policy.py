"""AutoMTL's policies against values worked out by hand."""

import math

import pytest
import torch

from core.policy import (
    CHOICES,
    depth_weights,
    gumbel_softmax,
    policy_regulariser,
    sampled_choices,
    temperature_at,
)

# depths of ResNet-34's 36 convolutions: 33 on the longest path, and three shortcuts beside the first of a stage
RESNET34 = sorted([*range(1, 34), 8, 16, 28])


def test_the_check_value_of_resnet34() -> None:
    weights = depth_weights(RESNET34)
    assert len(weights) == 36
    assert weights.sum().item() == pytest.approx(17.42, abs=5e-3)
    assert policy_regulariser(torch.full((36, 3), 1 / 3), weights).item() == pytest.approx(24.155, abs=5e-3)


def test_the_regulariser_by_hand() -> None:
    probabilities = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]])
    weights = torch.tensor([0.5, 0.25])
    expected = 0.5 * (math.log1p(math.exp(6 * -0.2)) + math.log1p(math.exp(6 * -0.3)))
    expected += 0.25 * (math.log1p(math.exp(6 * 0.7)) + math.log1p(math.exp(0.0)))
    assert policy_regulariser(probabilities, weights).item() == pytest.approx(expected, rel=1e-5)


def test_it_pulls_to_shared_and_not_at_the_top() -> None:
    logits = torch.zeros(4, 3, requires_grad=True)
    policy_regulariser(torch.softmax(logits, -1), depth_weights([1, 2, 3, 4])).backward()
    assert logits.grad is not None
    pull = -logits.grad[:, 0]
    assert (pull[:3] > 0).all()
    assert pull[:3].tolist() == sorted(pull[:3].tolist(), reverse=True)
    assert pull[3] == 0


def test_gumbel_softmax_follows_the_logits() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.tensor([1.0, 0.0, -1.0]).expand(100_000, 3)
    chosen = gumbel_softmax(logits, 1.0, torch.rand(logits.shape, generator=generator)).argmax(-1)
    shares = torch.bincount(chosen, minlength=3) / len(chosen)
    assert shares.tolist() == pytest.approx(torch.softmax(logits[0], -1).tolist(), abs=5e-3)
    with pytest.raises(ValueError, match=r"`temperature` should be above 0"):
        gumbel_softmax(logits, 0.0, torch.rand(3))


def test_the_temperature_falls_in_steps() -> None:
    assert [temperature_at(n) for n in (0, 100, 101)] == pytest.approx([5, 5, 5 * 0.965])


def test_choices_follow_the_policy_and_the_forced_bottom_is_shared() -> None:
    sure = torch.tensor([[0.0, 50.0, 0.0]] * 3 + [[0.0, 0.0, 50.0]])
    generator = torch.Generator().manual_seed(3)
    assert sampled_choices(sure, generator) == ("specific", "specific", "specific", "skip")
    assert sampled_choices(sure, generator, forced=2) == ("shared", "shared", "specific", "skip")
    first = sampled_choices(torch.zeros(50, 3), torch.Generator().manual_seed(7))
    assert first == sampled_choices(torch.zeros(50, 3), torch.Generator().manual_seed(7))
    assert set(first) == set(CHOICES)


@pytest.mark.parametrize("depths", [[], [0, 1]])
def test_depths_count_from_one(depths: list[int]) -> None:
    with pytest.raises(ValueError, match=r"`depths` should be numbers from 1"):
        depth_weights(depths)
