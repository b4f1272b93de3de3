"""Delta_m by hand, its signs, and what it refuses."""

import pytest

from core.delta import delta_m, relative_gain
from core.tasks import DEPTH, EDGES, NORMALS, RMSE, segmentation

TASKS = (segmentation(8), DEPTH)
BASELINE = {"segmentation": {"miou": 0.5, "pixel_accuracy": 0.8}, "depth": {"rmse": 0.4, "abs_rel": 0.1}}
METRICS = {"segmentation": {"miou": 0.6, "pixel_accuracy": 0.8}, "depth": {"rmse": 0.5, "abs_rel": 0.05}}


def test_key_metrics_by_hand() -> None:
    """mIoU 20 % better, RMSE 25 % worse."""
    assert delta_m(METRICS, BASELINE, TASKS) == pytest.approx((20 - 25) / 2)


def test_all_metrics_by_hand() -> None:
    """(20 % + 0 %) / 2 and (-25 % + 50 %) / 2."""
    assert delta_m(METRICS, BASELINE, TASKS, all_metrics=True) == pytest.approx((10 + 12.5) / 2)


def test_the_baseline_itself_is_at_zero_and_order_does_not_matter() -> None:
    assert delta_m(BASELINE, BASELINE, TASKS) == 0
    assert delta_m(METRICS, BASELINE, TASKS) == delta_m(METRICS, BASELINE, TASKS[::-1])


@pytest.mark.parametrize("baseline", [0.0, -0.1, float("nan")])
def test_a_baseline_that_cannot_be_divided_by_is_refused(baseline: float) -> None:
    with pytest.raises(ValueError, match=r"`baseline` should be above 0 to compare RMSE with it"):
        relative_gain(1.0, baseline, RMSE)


def test_missing_values_say_where() -> None:
    with pytest.raises(ValueError, match=r"`metrics` should hold 'mean_angle' of task 'normals'"):
        delta_m(METRICS, BASELINE, (NORMALS,))
    with pytest.raises(ValueError, match=r"`baseline` should hold 'f_measure' of task 'edges'"):
        delta_m({"edges": {"f_measure": 0.5}}, BASELINE, (EDGES,))
    with pytest.raises(ValueError, match=r"`tasks` should hold at least one task"):
        delta_m(METRICS, BASELINE, ())
