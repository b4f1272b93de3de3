"""Metrics by hand, over any cut into batches, without ignored pixels, and against torchmetrics and scikit-learn."""

import math
import warnings

import pytest
import torch
from sklearn.metrics import f1_score, r2_score
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio

from core.losses import build_losses
from core.metrics import (
    ClassMetric,
    DepthMetric,
    EdgesMetric,
    NormalsMetric,
    ReconstructionMetric,
    SegmentationMetric,
    TaskMetric,
    ValueMetric,
    build_metrics,
)
from tests._targets import NAMES, TASKS, prediction_for, targets_of, toy_data


def values(metric: TaskMetric, *batches: tuple[Tensor, Tensor]) -> dict[str, float]:
    """The metric after these batches."""
    for prediction, target in batches:
        metric.update(prediction, target)
    found = metric.compute()
    assert isinstance(found, dict)
    return found


def row(*numbers: float) -> Tensor:
    """An image [1, 1, 1, n] of one row."""
    return torch.tensor(numbers).view(1, 1, 1, -1)


def one_hot_logits(labels: Tensor, classes: int) -> Tensor:
    """Logits [n, classes, ...] that say `labels` [n, ...]."""
    return 5 * torch.nn.functional.one_hot(labels, classes).movedim(-1, 1).float()


@pytest.mark.parametrize("name", NAMES)
def test_keys_are_those_of_the_task_and_values_are_floats(name: str) -> None:
    task = next(task for task in TASKS if task.name == name)
    found = values(build_metrics(TASKS, toy_data())[name], (prediction_for(name).detach(), targets_of()[name]))
    assert list(found) == [metric.key for metric in task.metrics]
    assert all(type(value) is float for value in found.values())


@pytest.mark.parametrize("name", NAMES)
def test_values_do_not_depend_on_the_cut_into_batches(name: str) -> None:
    prediction, target = prediction_for(name).detach(), targets_of()[name].clone()
    if name in ("segmentation", "depth", "edges", "normals"):
        unknown = torch.rand(target[1:].shape, generator=torch.Generator().manual_seed(3)) > 0.7
        target[1:] = torch.where(unknown, targets_of(valid=False)[name][1:], target[1:])
    metrics = [build_metrics(TASKS, toy_data())[name] for _ in range(3)]
    whole = values(metrics[0], (prediction, target))
    uneven = values(metrics[1], (prediction[:1], target[:1]), (prediction[1:], target[1:]))
    single = values(metrics[2], *zip(prediction.split(1), target.split(1), strict=True))
    assert uneven == pytest.approx(whole, rel=1e-6)
    assert single == pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_reset_forgets(name: str) -> None:
    metric = build_metrics(TASKS, toy_data())[name]
    prediction = prediction_for(name).detach()
    first = values(metric, (prediction, targets_of()[name]))
    metric.update(-prediction, targets_of(seed=2)[name])
    metric.reset()
    assert values(metric, (prediction, targets_of()[name])) == first


@pytest.mark.parametrize("name", ["segmentation", "depth", "edges", "normals"])
def test_pixels_without_truth_do_not_count(name: str) -> None:
    prediction, target = prediction_for(name).detach(), targets_of()[name]
    upper = values(build_metrics(TASKS, toy_data())[name], (prediction[..., :3, :], target[..., :3, :]))
    masked = target.clone()
    masked[..., 3:, :] = targets_of(valid=False)[name][..., 3:, :]
    assert values(build_metrics(TASKS, toy_data())[name], (prediction, masked)) == pytest.approx(upper, rel=1e-6)


@pytest.mark.parametrize("name", ["segmentation", "depth", "edges", "normals"])
def test_a_set_without_truth_has_no_value(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = values(build_metrics(TASKS, toy_data())[name], (prediction_for(name).detach(), targets_of(False)[name]))
    assert all(math.isnan(value) for value in found.values())


@pytest.mark.parametrize("name", NAMES)
def test_bf16_predictions_are_judged_in_float32(name: str) -> None:
    prediction, target = prediction_for(name, torch.bfloat16).detach(), targets_of()[name]
    low, high = (values(build_metrics(TASKS, toy_data())[name], (p, target)) for p in (prediction, prediction.float()))
    assert low == pytest.approx(high, rel=1e-6)


def test_segmentation_by_hand() -> None:
    """Class 0: 2 of 3, class 1: 1 of 3, class 2: only predicted, so 0, class 3: nowhere, so left out."""
    truth = torch.tensor([[[0, 0, 1, 1, 0, 255]]])
    said = torch.tensor([[[0, 0, 1, 0, 2, 1]]])
    found = values(SegmentationMetric(4), (one_hot_logits(said, 4), truth))
    # TP, FP, FN: class 0: 2, 1, 1; class 1: 1, 0, 1; class 2: 0, 1, 0
    assert found["miou"] == pytest.approx((2 / 4 + 1 / 2 + 0) / 3)
    assert found["pixel_accuracy"] == pytest.approx(3 / 5)


def test_iou_belongs_to_the_set_not_to_batches() -> None:
    first = (one_hot_logits(torch.tensor([[[0, 0, 0, 0]]]), 2), torch.tensor([[[0, 0, 0, 1]]]))
    second = (one_hot_logits(torch.tensor([[[1, 1]]]), 2), torch.tensor([[[1, 1]]]))
    assert values(SegmentationMetric(2), first, second)["miou"] == pytest.approx((3 / 4 + 2 / 3) / 2)


def test_depth_by_hand() -> None:
    """Errors 1, 2 and 3 m at 1, 4 and 6 m, in batches of two and one valid pixel: no mean of roots."""
    found = values(DepthMetric(), (row(2, 2, 9), row(1, 4, 0)), (row(9), row(6)))
    assert found["rmse"] == pytest.approx(math.sqrt((1 + 4 + 9) / 3))
    assert found["abs_rel"] == pytest.approx((1 / 1 + 2 / 4 + 3 / 6) / 3)


def test_depth_of_one_batch_is_its_loss() -> None:
    prediction, target = prediction_for("depth").detach(), targets_of()["depth"]
    loss = build_losses(TASKS, toy_data())["depth"](prediction, target)
    assert values(DepthMetric(), (prediction, target))["rmse"] == pytest.approx(loss.item(), rel=1e-6)


def test_normals_by_hand() -> None:
    """0, 90, 180 and 60 degrees, at any length of the prediction."""
    truth = torch.tensor([[0.0, 0.0, 1.0]] * 4 + [[0.0, 0.0, 0.0]]).T.reshape(1, 3, 1, 5)
    said = torch.tensor([[0, 0, 9], [0, 0.1, 0], [0, 0, -1], [0, math.sqrt(3), 1], [1, 0, 0]]).T.reshape(1, 3, 1, 5)
    found = values(NormalsMetric(), (said, truth))
    assert found["mean_angle"] == pytest.approx((0 + 90 + 180 + 60) / 4, rel=1e-6)
    assert found["cosine"] == pytest.approx((1 + 0 - 1 + 0.5) / 4, abs=1e-7)


@pytest.mark.parametrize("degrees", [0.001, 0.01, 179.99])
def test_angles_are_exact_near_their_ends(degrees: float) -> None:
    """An arc cosine in float32 gives 0 below 0.02 degrees."""
    angle = math.radians(degrees)
    said = torch.tensor([math.sin(angle), 0.0, math.cos(angle)]).view(1, 3, 1, 1)
    truth = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1)
    assert values(NormalsMetric(), (said, truth))["mean_angle"] == pytest.approx(degrees, rel=1e-3)


def test_edges_by_hand() -> None:
    """Edges at 0.9, 0.6 and 0.2, others at 0.7 and 0.1: best from 0.11 to 0.2, where F = 2 * 3 / (2 * 3 + 1 + 0)."""
    found = values(EdgesMetric(), (torch.logit(row(0.9, 0.6, 0.2, 0.7, 0.1)), row(1, 1, 1, 0, 0)))
    assert found["f_measure"] == pytest.approx(6 / 7)
    costs = [0.95 * -math.log(p) for p in (0.9, 0.6, 0.2)] + [0.05 * -math.log(1 - p) for p in (0.7, 0.1)]
    assert found["bce"] == pytest.approx(sum(costs) / 5, rel=1e-6)


def test_one_threshold_serves_the_whole_set() -> None:
    """Each batch alone has a threshold with F = 1; no threshold has it for both."""
    low = (torch.logit(row(0.3, 0.1)), row(1, 0))
    high = (torch.logit(row(0.9, 0.6)), row(1, 0))
    assert values(EdgesMetric(), low)["f_measure"] == values(EdgesMetric(), high)["f_measure"] == 1
    assert values(EdgesMetric(), low, high)["f_measure"] == pytest.approx(4 / 5)


def test_f_measure_is_the_best_of_99_plain_ones() -> None:
    generator = torch.Generator().manual_seed(4)
    truth = (torch.rand(2, 1, 20, 20, generator=generator) > 0.8).float()
    logits = torch.randn(2, 1, 20, 20, generator=generator) + truth
    probabilities = logits.sigmoid()
    plain = [
        f1_score(truth.flatten().int(), (probabilities >= torch.tensor(step / 100)).flatten().int())
        for step in range(1, 100)
    ]
    assert values(EdgesMetric(), (logits, truth))["f_measure"] == pytest.approx(max(plain), rel=1e-9)


def test_edges_cost_is_the_loss_of_the_whole_set() -> None:
    prediction, target = prediction_for("edges").detach(), targets_of()["edges"]
    loss = build_losses(TASKS, toy_data())["edges"](prediction, target)
    found = values(EdgesMetric(), (prediction[:3], target[:3]), (prediction[3:], target[3:]))
    assert found["bce"] == pytest.approx(loss.item(), rel=1e-6)


def test_reconstruction_is_judged_as_images() -> None:
    """Channels with std 0.5 and 0.1, wrong by 1 of each: MSE (0.25 + 0.01) / 2."""
    found = values(ReconstructionMetric((0.5, 0.1)), (torch.ones(3, 2, 4, 4), torch.zeros(3, 2, 4, 4)))
    assert found["mse"] == pytest.approx(0.13, rel=1e-6)
    assert found["psnr"] == pytest.approx(-10 * math.log10(0.13), rel=1e-6)


def test_psnr_is_that_of_torchmetrics() -> None:
    prediction, target = prediction_for("reconstruction").detach(), targets_of()["reconstruction"]
    expected = peak_signal_noise_ratio(prediction * 0.25, target * 0.25, data_range=1.0)
    found = values(ReconstructionMetric((0.25,) * 3), *zip(prediction.split(2), target.split(2), strict=True))
    assert found["psnr"] == pytest.approx(expected.item(), rel=1e-5)


def test_accuracy_by_hand() -> None:
    logits = one_hot_logits(torch.tensor([3, 1, 2]), 4)
    assert values(ClassMetric(), (logits, torch.tensor([3, 0, 2])))["accuracy"] == pytest.approx(2 / 3)


def test_values_by_hand() -> None:
    """Errors of 3 and -4 minutes about targets 10 and 20, whose mean is 15."""
    metric = ValueMetric(mean=100, std=10)
    prediction = torch.tensor([[13.0], [16.0]])
    found = values(metric, ((prediction - 100) / 10, torch.tensor([[10.0], [20.0]])))
    expected = {"rmse": math.sqrt((9 + 16) / 2), "mae": 3.5, "r2": 1 - 25 / 50}
    assert found == pytest.approx(expected, rel=1e-6)


def test_values_are_those_of_scikit_learn_also_far_from_zero() -> None:
    generator = torch.Generator().manual_seed(0)
    target = 1e5 + torch.randn(500, 1, generator=generator)
    standard = (target - 1e5) + 0.5 * torch.randn(500, 1, generator=generator)
    found = values(ValueMetric(1e5, 1.0), (standard[:123], target[:123]), (standard[123:], target[123:]))
    assert found["r2"] == pytest.approx(r2_score(target, 1e5 + standard.double()), abs=1e-4)


def test_values_that_are_all_the_same_have_no_r2() -> None:
    found = values(ValueMetric(3.0, 1.0), (torch.tensor([[0.5], [0.25]]), torch.tensor([[7.0], [7.0]])))
    assert math.isnan(found["r2"])
    assert found["mae"] == pytest.approx(3.625)
