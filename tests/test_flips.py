"""Flip points: against `group_tasks` itself just below, at and above each, and at many thresholds between."""

import math
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest

from core.flips import find_flips
from core.grouping import Rule, group_tasks
from tests._inputs import random_similarity

RULES: tuple[Rule, ...] = get_args(Rule)
NAN = float("nan")
HAND_MADE = {
    "one pair": [[1.0, 0.9], [0.9, 1.0]],
    "dragged": [[1.0, 0.9, 0.5], [0.9, 1.0, 0.5], [0.5, 0.5, 1.0]],
    "all equal": np.full((4, 4), 0.7),
    "undefined pair": [[1.0, NAN, 0.5], [NAN, 1.0, 0.9], [0.5, 0.9, 1.0]],
    "undefined task": [[1.0, 0.9, NAN], [0.9, 1.0, NAN], [NAN, NAN, 1.0]],
    "nothing defined": np.full((3, 3), NAN),
    "negative": [[1.0, -0.2, -0.9], [-0.2, 1.0, -0.4], [-0.9, -0.4, 1.0]],
}


def matrices() -> list[np.ndarray]:
    random = np.random.default_rng(5)
    return [random_similarity(2 + i % 6, random, (None, None, 4)[i % 3]) for i in range(36)]


def assert_equals_grouping(similarity: np.ndarray, rule: Rule) -> None:
    flips = find_flips(similarity, rule)
    assert flips.outcomes[0].low == -math.inf
    assert flips.outcomes[-1].high == math.inf
    assert flips.outcomes[-1].fused == ()
    for below, above in pairwise(flips.outcomes):
        assert below.high == above.low
        assert below.fused != above.fused
    for outcome in flips.outcomes:
        low, high = max(outcome.low, -1.5), min(outcome.high, 1.5)
        for threshold in np.linspace(low, high, 9)[1:-1]:
            assert group_tasks(similarity, threshold, rule).fused == outcome.fused
    for point in flips.points:
        for threshold in (point - 1e-7, point, point + 1e-7):
            assert flips.at(threshold) == group_tasks(similarity, threshold, rule).fused
        assert flips.at(point - 1e-7) != flips.at(point + 1e-7)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", list(HAND_MADE))
def test_hand_made_matrices(name: str, rule: Rule) -> None:
    assert_equals_grouping(np.array(HAND_MADE[name]), rule)


@pytest.mark.parametrize("rule", RULES)
def test_random_matrices_and_matrices_with_ties(rule: Rule) -> None:
    for similarity in matrices():
        assert_equals_grouping(similarity, rule)


@pytest.mark.parametrize("rule", RULES)
def test_any_threshold_is_decided_as_grouping_does(rule: Rule) -> None:
    random = np.random.default_rng(6)
    for similarity in matrices():
        flips = find_flips(similarity, rule)
        for threshold in random.uniform(-0.2, 1.1, 5):
            assert flips.at(threshold) == group_tasks(similarity, threshold, rule).fused


def test_worked_values() -> None:
    dragged = HAND_MADE["dragged"]
    assert find_flips(dragged, "best-partition").points == (pytest.approx(1.9 / 3),)
    assert [outcome.fused for outcome in find_flips(dragged, "best-pairs").outcomes] == [((0, 1, 2),), ((0, 1),), ()]


def test_a_higher_threshold_never_fuses_a_pair_that_best_pairs_kept_apart_for_its_similarity() -> None:
    for similarity in matrices():
        for outcome in find_flips(similarity, "best-pairs").outcomes:
            inside = [similarity[i, j] for group in outcome.fused for i in group for j in group if i < j]
            assert min(inside, default=math.inf) >= outcome.high - 1e-12


def test_a_matrix_that_grouping_refuses_is_refused() -> None:
    with pytest.raises(ValueError, match="square matrix"):
        find_flips([[1.0, 0.5]])
