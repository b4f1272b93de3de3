"""Measures of robustness against numbers worked out by hand."""

import pytest

from core.events import RobustnessMeasured, Values
from core.robustness.measures import (
    corruption_error,
    curves,
    error,
    relative_corruption_error,
    relative_degradation,
    relative_robustness,
    robustness,
    transfer,
)
from core.robustness.records import Conditions, Suite
from core.tasks import ACCURACY, MIOU, PSNR, RMSE


def record(
    name: str, severity: float, metrics: dict[str, Values], attacked: tuple[int, ...] = ()
) -> RobustnessMeasured:
    return RobustnessMeasured(
        step=1,
        epoch=1,
        phase=0,
        seconds=1.0,
        family="clean" if name == "clean" else "attack" if attacked else "corruption",
        name=name,
        severity=severity,
        metrics=metrics,
        samples=4,
        attacked=attacked,
    )


def suite(*settings: RobustnessMeasured, images: str = "a", weights: str = "w") -> Suite:
    conditions = Conditions.of(
        family="corruption", weights=weights, images=images, samples=4, seed=0, tool="t", evaluation="cpu"
    )
    return Suite(conditions, settings[0], settings[1:], ())


def values(miou: float, rmse: float) -> dict[str, Values]:
    return {"segmentation": {"miou": miou}, "depth": {"rmse": rmse}}


OURS = suite(
    record("clean", 0, values(0.8, 1.0)),
    record("fog", 1, values(0.6, 2.0)),
    record("fog", 2, values(0.4, 3.0)),
    record("snow", 2, values(0.2, 3.0)),  # the order in a file does not matter
    record("snow", 1, values(0.7, 1.0)),
)
THEIRS = suite(
    record("clean", 0, values(0.6, 2.0)),
    record("fog", 1, values(0.5, 3.0)),
    record("fog", 2, values(0.5, 5.0)),
    record("snow", 1, values(0.4, 4.0)),
    record("snow", 2, values(0.2, 4.0)),
    weights="others",
)


def test_a_table_worked_out_by_hand() -> None:
    found = robustness(OURS, "segmentation", MIOU, THEIRS)
    assert found is not None
    assert (found.clean, found.mean) == (0.8, pytest.approx((0.6 + 0.4 + 0.7 + 0.2) / 4))
    assert found.degradation == pytest.approx((25 + 50 + 12.5 + 75) / 4)
    assert found.relative == pytest.approx(100 * 0.475 / 0.8)
    # fog: (0.4 + 0.6) / (0.5 + 0.5), snow: (0.3 + 0.8) / (0.6 + 0.8)
    assert found.corruption_error == pytest.approx(100 * (1 / 1 + 1.1 / 1.4) / 2)
    # less the clean errors 0.2 and 0.4: fog (0.2 + 0.4) / (0.1 + 0.1), snow (0.1 + 0.6) / (0.2 + 0.4)
    assert found.relative_corruption_error == pytest.approx(100 * (0.6 / 0.2 + 0.7 / 0.6) / 2)
    assert found.reference_relative == pytest.approx(100 * 0.4 / 0.6)


def test_where_lower_is_better_the_value_is_the_error() -> None:
    found = robustness(OURS, "depth", RMSE, THEIRS)
    assert found is not None
    assert found.degradation == pytest.approx((100 + 200 + 200 + 0) / 4)
    assert found.relative == pytest.approx(100 * 1.0 / 2.25)
    assert found.corruption_error == pytest.approx(100 * (5 / 8 + 4 / 8) / 2)
    assert found.relative_corruption_error == pytest.approx(100 * (3 / 4 + 2 / 4) / 2)


def test_without_a_reference_there_is_no_corruption_error() -> None:
    found = robustness(OURS, "depth", RMSE)
    assert found is not None
    assert (found.corruption_error, found.relative_corruption_error, found.reference_relative) == (None, None, None)
    assert robustness(OURS, "depth", MIOU) is None  # it was not measured


def test_only_what_both_have_measured_is_compared() -> None:
    part = Suite(THEIRS.conditions, THEIRS.clean, THEIRS.settings[:2], ())
    found = robustness(OURS, "depth", RMSE, part)
    assert found is not None
    assert found.corruption_error == pytest.approx(100 * 5 / 8)
    with pytest.raises(ValueError, match="not measured on the same images"):
        robustness(OURS, "depth", RMSE, suite(record("clean", 0, values(0.8, 1.0)), images="others"))


def test_the_reference_against_itself_has_100_percent() -> None:
    for task, metric in (("segmentation", MIOU), ("depth", RMSE)):
        found = robustness(OURS, task, metric, OURS)
        assert found is not None
        assert found.corruption_error == pytest.approx(100)
        assert found.relative_corruption_error == pytest.approx(100)
        assert found.relative == found.reference_relative


def test_what_is_not_defined_says_so() -> None:
    with pytest.raises(ValueError, match="PSNR has no best value"):
        error(20.0, PSNR)
    with pytest.raises(ValueError, match="above 0"):
        corruption_error([0.5], [0.0])
    with pytest.raises(ValueError, match="above 0"):
        relative_corruption_error([0.5], 0.1, [0.2], 0.2)  # the reference does not fall at all
    perfect = suite(record("clean", 0, {"a": {"accuracy": 1.0}}), record("fog", 1, {"a": {"accuracy": 1.0}}))
    found = robustness(perfect, "a", ACCURACY, perfect)
    assert found is not None
    assert (found.corruption_error, found.degradation, found.relative) == (None, 0.0, 100.0)
    failed = suite(record("clean", 0, {"a": {"accuracy": 0.0}}), record("fog", 1, {"a": {"accuracy": 0.5}}))
    found = robustness(failed, "a", ACCURACY)
    assert found is not None
    assert (found.degradation, found.relative) == (None, None)


def test_signs() -> None:
    assert relative_degradation(0.9, 0.6, MIOU) < 0  # better than clean
    assert relative_robustness({"fog": [0.9]}, 0.6, MIOU) > 100
    assert relative_robustness({"fog": [0.3]}, 0.6, RMSE) > 100


def test_curves_leave_out_what_is_not_whole() -> None:
    settings = (record("fog", 2, {"a": {"miou": 0.1}}), record("fog", 1, {"a": {"miou": 0.2}}), record("snow", 1, {}))
    assert curves(settings, "a", MIOU) == {"fog": [0.2, 0.1]}


def test_transfer_of_attacks() -> None:
    measured = suite(
        record("clean", 0, values(0.8, 1.0)),
        record("pgd", 0.1, values(0.2, 1.5), (0,)),
        record("pgd", 0.1, values(0.6, 3.0), (1,)),
        record("pgd", 0.1, values(0.4, 2.0), (0, 1)),
        record("pgd", 0.2, values(0.0, 9.0), (0,)),
    )
    found = transfer(measured, "pgd", 0.1, {"segmentation": MIOU, "depth": RMSE})
    assert list(found) == ["segmentation", "depth", "all"]
    assert found["segmentation"] == {"segmentation": pytest.approx(75), "depth": pytest.approx(50)}
    assert found["depth"] == {"segmentation": pytest.approx(25), "depth": pytest.approx(200)}
