"""Statistics over seeds: by hand, against numpy and scipy, and where nothing can be said."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from core.compare.statistics import MOST_FLIPPED, Paired, Spread, flipped_p, paired, spread

FAMILIES = [
    [0.3, -0.1, 0.4],
    [1.0, 1.0, 2.0, -3.0],
    [-0.02, -0.03, -0.01, -0.05, -0.04],
    [0.0, 0.0, 0.5],
    [1e9, 1e9 + 1, 1e9 - 2, 1e9],
    [1e-9, -2e-9, 4e-9, 5e-9, 1e-9, 3e-9],
    list(np.random.default_rng(0).normal(0.3, 1, 12)),
]


def test_by_hand() -> None:
    """2, 4, 9: mean 5, squares 9 + 1 + 16 = 26, over n - 1 = 2."""
    assert spread([2.0, 4.0, 9.0]) == Spread(3, 5.0, math.sqrt(13.0))
    found = paired([2.0, 4.0, 9.0])
    assert (found.n, found.mean, found.sd) == (3, 5.0, math.sqrt(13.0))
    # t(0.975, 2) = 4.30265 (any table); 4.30265 * sqrt(13 / 3) = 8.95663
    assert (found.low, found.high) == pytest.approx((5 - 8.95663, 5 + 8.95663), abs=1e-4)
    # t = 5 / sqrt(13 / 3) = 2.40192; with two degrees of freedom p = 1 - t / sqrt(t^2 + 2)
    assert found.p_t == pytest.approx(1 - 2.40192 / math.sqrt(2.40192**2 + 2), abs=1e-5)
    assert (found.p_flips, found.least_p) == (0.25, 0.25)


@pytest.mark.parametrize("differences", FAMILIES, ids=lambda found: f"{len(found)} from {found[0]:.3g}")
def test_agrees_with_the_slow_plain_versions(differences: list[float]) -> None:
    found = paired(differences)
    slow = stats.ttest_1samp(differences, 0.0)
    interval = slow.confidence_interval(0.95)
    assert found.p_t == pytest.approx(slow.pvalue, rel=1e-9)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-9)
    assert found.sd == pytest.approx(np.std(differences, ddof=1), rel=1e-9)
    observed = abs(math.fsum(differences))
    signs = itertools.product((1, -1), repeat=len(differences))
    sums = [abs(math.fsum(s * d for s, d in zip(pattern, differences, strict=True))) for pattern in signs]
    assert found.p_flips == pytest.approx(np.mean([value >= observed * (1 - 1e-9) for value in sums]))


def test_agrees_with_the_permutation_test_of_scipy() -> None:
    ours, theirs = np.array([0.61, 0.58, 0.64, 0.6, 0.63]), np.array([0.57, 0.55, 0.66, 0.56, 0.6])
    slow = stats.permutation_test((ours, theirs), lambda a, b: np.mean(a - b), permutation_type="samples")
    assert paired(ours - theirs).p_flips == pytest.approx(slow.pvalue)
    assert paired(ours - theirs).p_t == pytest.approx(stats.ttest_rel(ours, theirs).pvalue)


@pytest.mark.parametrize("differences", FAMILIES, ids=len)
def test_signs_scale_and_order_do_not_matter(differences: list[float]) -> None:
    found = paired(differences)
    for other in ([-d for d in differences], [8 * d for d in differences], differences[::-1]):
        again = paired(other)
        assert (again.p_t, again.p_flips) == (pytest.approx(found.p_t), found.p_flips)
    assert found.least_p is not None
    assert found.p_flips is not None
    assert found.least_p <= found.p_flips <= 1


def test_with_too_few_nothing_is_claimed() -> None:
    assert spread([]) == Spread(0, None, None)
    assert paired([]) == Paired(0, None, None, None, None, None, None, None)
    assert paired([0.5]) == Paired(1, 0.5, None, None, None, None, None, None)
    assert paired([0.5, 0.7]).least_p == 0.5


def test_differences_that_are_all_equal_have_no_t() -> None:
    found = paired([0.5, 0.5, 0.5])
    assert (found.sd, found.low, found.high, found.p_t, found.p_flips) == (0.0, 0.5, 0.5, None, 0.25)
    assert paired([0.0, 0.0, 0.0]).p_flips == 1.0


def test_many_pairs_leave_the_permutation_test_out() -> None:
    many = list(np.random.default_rng(1).normal(size=MOST_FLIPPED + 1))
    assert (paired(many).p_flips, paired(many).least_p) == (None, None)
    assert paired(many[:-1]).p_flips is not None
    with pytest.raises(ValueError, match=r"`differences` should be 1 to 20. Found 21"):
        flipped_p(many)


def test_what_cannot_be_used_is_refused() -> None:
    with pytest.raises(ValueError, match=r"values should be finite. Found nan"):
        spread([1.0, math.nan])
    with pytest.raises(ValueError, match=r"values should be finite. Found inf"):
        paired([math.inf, 0.0])
    with pytest.raises(ValueError, match=r"`confidence` should lie between 0 and 1. Found 1"):
        paired([1.0, 2.0], confidence=1)
