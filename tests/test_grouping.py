"""Grouping: against plain enumeration of all partitions, worked values, ties, undefined pairs, errors."""

import subprocess
import sys
import time
from typing import get_args

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core.benches.grouping import best_partitions
from core.grouping import MAX_TASKS, Grouping, Rule, ScoredPartition, group_tasks
from core.similarity import cka
from core.structure import Partition
from tests._asserts import assert_partition
from tests._inputs import random_similarity, related_features, similarity_of

RULES: tuple[Rule, ...] = get_args(Rule)
NAN = float("nan")


def assert_equals_enumeration(similarity: NDArray[np.float64], threshold: float, rule: Rule) -> None:
    found = group_tasks(similarity, threshold, rule)
    n_tasks = len(similarity)
    held = best_partitions(similarity, threshold, rule)
    expected = [(k, *best) for k, best in enumerate(held[:-1], start=1) if best]
    assert [(c.k, c.groups) for c in found.candidates] == [(k, groups) for k, groups, _ in expected]
    np.testing.assert_allclose([c.score for c in found.candidates], [s for *_, s in expected], atol=1e-12)
    if rule == "best-pairs":
        last = held[-1]
        assert last is not None
        chosen = last[0]
    else:
        chosen = next((groups for _, groups, score in expected if score >= threshold - 1e-9), expected[-1][1])
    assert found.groups == chosen
    for group, score in zip(found.groups, found.group_scores, strict=True):
        assert_partition(found.groups, n_tasks)
        others = similarity[np.ix_(group, group)][~np.eye(len(group), dtype=bool)]
        assert score == pytest.approx(others.mean() if len(group) > 1 else 0, abs=1e-12)
        assert (group in found.fused) == (len(group) > 1 and (rule == "best-pairs" or score > threshold + 1e-9))
    sizes = [len(group) for group in found.groups]
    assert found.score == pytest.approx(np.dot(sizes, found.group_scores) / n_tasks, abs=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_equals_enumeration_on_500_random_matrices(rule: Rule) -> None:
    random = np.random.default_rng(0)
    for i in range(500):
        assert_equals_enumeration(random_similarity(2 + i % 6, random), random.uniform(-0.1, 0.9), rule)


@pytest.mark.parametrize("steps", [2, 5])  # halves are exact; fifths leave rounding in sums that should tie
@pytest.mark.parametrize("rule", RULES)
def test_equals_enumeration_where_many_partitions_tie(rule: Rule, steps: int) -> None:
    random = np.random.default_rng(1)
    for i in range(200):
        similarity = random_similarity(2 + i % 6, random, steps)
        assert_equals_enumeration(similarity, random.integers(0, steps) / steps, rule)


@pytest.mark.parametrize("rule", RULES)
def test_order_of_tasks_does_not_matter(rule: Rule) -> None:
    random = np.random.default_rng(2)
    for _ in range(50):
        similarity, order = random_similarity(6, random), random.permutation(6)
        given, moved = (group_tasks(matrix, 0.6, rule) for matrix in (similarity, similarity[np.ix_(order, order)]))

        def back(groups: Partition, order: NDArray[np.int64] = order) -> Partition:
            return tuple(sorted(tuple(sorted(int(order[task]) for task in group)) for group in groups))

        assert (back(moved.groups), back(moved.fused)) == (given.groups, given.fused)
        assert [(c.k, back(c.groups)) for c in moved.candidates] == [(c.k, c.groups) for c in given.candidates]
        assert moved.score == pytest.approx(given.score, abs=1e-12)


FLAW = similarity_of(3, {(0, 1): 0.9, (0, 2): 0.5, (1, 2): 0.5})
TWO_PAIRS = similarity_of(5, {(0, 1): 0.9, (2, 3): 0.95}, other=0.1)


@pytest.mark.parametrize(
    ("similarity", "threshold", "rule", "groups", "fused", "score"),
    [
        pytest.param(FLAW, 0.8, "best-partition", ((0, 1, 2),), (), 1.9 / 3, id="a_third_task_spoils_a_good_pair"),
        pytest.param(FLAW, 0.8, "best-pairs", ((0, 1), (2,)), ((0, 1),), 0.6, id="mended"),
        pytest.param(FLAW, 0.6, "best-partition", ((0, 1, 2),), ((0, 1, 2),), 1.9 / 3, id="low_threshold"),
        pytest.param(
            TWO_PAIRS, 0.8, "best-partition", ((0, 1), (2, 3), (4,)), ((0, 1), (2, 3)), 0.74, id="last_candidate"
        ),
        pytest.param(TWO_PAIRS, 0.8, "best-pairs", ((0, 1), (2, 3), (4,)), ((0, 1), (2, 3)), 0.74, id="two_pairs"),
        pytest.param(similarity_of(4, {}, 0.7), 0.8, "best-pairs", ((0,), (1,), (2,), (3,)), (), 0, id="no_pair"),
        pytest.param(similarity_of(3, {}, -0.1), 0.8, "best-partition", ((0, 1), (2,)), (), -0.2 / 3, id="negative"),
        pytest.param(similarity_of(2, {}, 0.81), 0.8, "best-partition", ((0, 1),), ((0, 1),), 0.81, id="two_tasks"),
    ],
)
def test_worked_values(
    similarity: NDArray[np.float64], threshold: float, rule: Rule, groups: Partition, fused: Partition, score: float
) -> None:
    found = group_tasks(similarity, threshold, rule)
    assert (found.groups, found.fused) == (groups, fused)
    assert found.score == pytest.approx(score, abs=1e-12)


def test_smallest_k_that_reaches_the_threshold_is_chosen_even_if_a_larger_k_scores_more() -> None:
    similarity = similarity_of(4, {(0, 1): 0.99, (2, 3): 0.99}, other=0.8)
    found = group_tasks(similarity, 0.82)
    assert found.groups == ((0, 1, 2, 3),)
    assert [(c.k, c.groups) for c in found.candidates[1:]] == [(2, ((0, 1), (2, 3))), (3, ((0, 1), (2, 3)))]
    assert found.candidates[0].score == pytest.approx((2 * 0.8 + 0.99) / 3)


def test_best_pairs_fuses_no_pair_below_the_threshold_into_a_good_group() -> None:
    similarity = similarity_of(3, {(0, 1): 0.99, (0, 2): 0.75, (1, 2): 0.75})
    assert group_tasks(similarity, 0.8).fused == ((0, 1, 2),)
    assert group_tasks(similarity, 0.8, rule="best-pairs").fused == ((0, 1),)


@pytest.mark.parametrize("n_tasks", [3, 7, 12])
@pytest.mark.parametrize("rule", RULES)
def test_equal_similarities_give_one_group_and_the_threshold_itself_does_not_fuse(n_tasks: int, rule: Rule) -> None:
    similarity = similarity_of(n_tasks, {}, other=0.9)
    together = tuple(range(n_tasks))
    assert group_tasks(similarity, 0.9 - 1e-6, rule).fused == (together,)
    at = group_tasks(similarity, 0.9, rule)  # sums of 0.9 are rounded either way, by n_tasks
    assert at.fused == ()
    assert at.groups == ((together,) if rule == "best-partition" else tuple((task,) for task in together))


@pytest.mark.parametrize("rule", RULES)
def test_a_pair_above_the_threshold_by_rounding_only_does_not_fuse(rule: Rule) -> None:
    assert group_tasks(similarity_of(2, {}, other=0.9), 0.9 - 1e-13, rule).fused == ()


def test_a_score_below_the_threshold_by_rounding_only_reaches_it() -> None:
    similarity = similarity_of(4, {(0, 1): 0.99, (2, 3): 0.99}, other=0.8)
    assert group_tasks(similarity, (2 * 0.8 + 0.99) / 3 + 1e-13).groups == ((0, 1, 2, 3),)


def test_ties_are_broken_towards_few_groups_and_low_numbers() -> None:
    every_pair_alike = group_tasks(similarity_of(4, {}, other=0.5), 0.9)
    assert [c.groups for c in every_pair_alike.candidates] == [((0, 1, 2, 3),)] * 3
    ring = similarity_of(4, {(0, 1): 0.9, (1, 2): 0.9, (2, 3): 0.9, (0, 3): 0.9})
    assert group_tasks(ring, 0.8).groups == ((0, 1), (2, 3))
    chain = similarity_of(3, {(0, 1): 0.9, (1, 2): 0.9})
    assert group_tasks(chain, 0.8, rule="best-pairs").groups == ((0, 1), (2,))


def test_ties_are_not_decided_by_rounding() -> None:
    random = np.random.default_rng(3)
    similarity = random_similarity(6, random, steps=4)
    expected = group_tasks(similarity, 0.5)
    for _ in range(20):
        half = np.triu(random.uniform(-1e-13, 1e-13, (6, 6)), 1)
        found = group_tasks(similarity + half + half.T, 0.5)
        assert (found.groups, found.fused) == (expected.groups, expected.fused)
        assert [c.groups for c in found.candidates] == [c.groups for c in expected.candidates]


@pytest.mark.parametrize("factor", [1e-10, 1e15])
@pytest.mark.parametrize("rule", RULES)
def test_unit_of_the_similarity_does_not_matter(factor: float, rule: Rule) -> None:
    similarity = random_similarity(6, np.random.default_rng(4))
    given, scaled = group_tasks(similarity, 0.5, rule), group_tasks(similarity * factor, 0.5 * factor, rule)
    assert (scaled.groups, scaled.fused) == (given.groups, given.fused)
    assert scaled.score == pytest.approx(given.score * factor)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.8])
def test_a_task_without_similarities_stays_out(threshold: float, rule: Rule) -> None:
    similarity = similarity_of(4, {(0, 2): NAN, (1, 2): NAN, (3, 2): NAN}, other=0.9)
    similarity[2, 2] = NAN
    found = group_tasks(similarity, threshold, rule)
    assert (found.groups, found.fused) == (((0, 1, 3), (2,)), ((0, 1, 3),))
    assert found.undefined_pairs == ((0, 2), (1, 2), (2, 3))
    assert found.reason.endswith("; undefined, hence not similar: 0+2, 1+2, 2+3.")


@pytest.mark.parametrize("n_tasks", [2, 5])
@pytest.mark.parametrize("rule", RULES)
def test_nothing_fuses_where_nothing_is_defined(n_tasks: int, rule: Rule) -> None:
    found = group_tasks(np.full((n_tasks, n_tasks), NAN), -1.0, rule)
    assert found.fused == ()
    assert found.score == 0
    assert_partition(found.groups, n_tasks)


def test_undefined_pair_counts_as_zero_where_it_cannot_be_avoided() -> None:
    found = group_tasks(similarity_of(3, {(0, 1): NAN, (0, 2): 0.8, (1, 2): 0.6}), 0.1)
    assert found.candidates[0] == ScoredPartition(1, ((0, 1, 2),), found.candidates[0].score)
    assert found.candidates[0].score == pytest.approx(1.4 / 3)
    assert found.groups == ((0, 2), (1,))  # at k = 2, though k = 1 reaches the threshold


def test_undefined_pair_is_avoided_even_if_all_others_score_less() -> None:
    found = group_tasks(similarity_of(3, {(0, 1): NAN}, other=-0.5), 0.1)
    assert found.candidates[1] == ScoredPartition(2, ((0, 2), (1,)), -1 / 3)


def test_takes_what_cka_gives() -> None:
    x, y = related_features(20, (4, 4))
    found = group_tasks(cka([x, y, torch.ones(20, 3)]).numpy(), 0.5)
    assert found.fused == ((0, 1),)
    assert found.undefined_pairs == ((0, 2), (1, 2))


def test_input_is_not_changed_and_its_diagonal_is_not_read() -> None:
    similarity = FLAW.copy()
    np.fill_diagonal(similarity, [NAN, 7.0, -3.0])
    before = similarity.copy()
    assert group_tasks(similarity, 0.8) == group_tasks(FLAW, 0.8)
    np.testing.assert_array_equal(similarity, before)


@pytest.mark.parametrize(
    ("similarity", "rule", "reason"),
    [
        pytest.param(
            FLAW,
            "best-partition",
            "depth+normals+edges scores 0.633, the last candidate, as none reaches 0.800; "
            "nothing is fused, as no group of similar tasks is above 0.800.",
            id="nothing",
        ),
        pytest.param(
            FLAW,
            "best-pairs",
            "depth+normals | edges scores 0.600, the most of all partitions whose pairs all lie above 0.800; "
            "fused: depth+normals at 0.900.",
            id="pairs",
        ),
        pytest.param(
            similarity_of(3, {}, 0.9),
            "best-partition",
            "depth+normals+edges scores 0.900, at least 0.800, with the fewest groups; "
            "fused: depth+normals+edges at 0.900.",
            id="all",
        ),
    ],
)
def test_reason_has_the_names_and_the_numbers(similarity: NDArray[np.float64], rule: Rule, reason: str) -> None:
    assert group_tasks(similarity, 0.8, rule, names=("depth", "normals", "edges")).reason == reason


ASYMMETRIC = np.array([[1.0, 0.5], [0.4, 1.0]])


@pytest.mark.parametrize(
    ("similarity", "threshold", "rule", "names", "message"),
    [
        ([[1.0]], 0.8, "best-pairs", (), r"`similarity` should have 2 to 15 tasks\. Found 1\."),
        (np.eye(16), 0.8, "best-pairs", (), r"`similarity` should have 2 to 15 tasks\. Found 16\."),
        (np.ones((2, 3)), 0.8, "best-pairs", (), r"`similarity` should be a square matrix\. Found shape \[2, 3\]\."),
        (np.ones(4), 0.8, "best-pairs", (), r"`similarity` should be a square matrix\. Found shape \[4\]\."),
        (ASYMMETRIC, 0.8, "best-pairs", (), r"should be symmetric\. Found 0\.5 at \[0, 1\], 0\.4 back\."),
        ([[1, NAN], [0.4, 1]], 0.8, "best-pairs", (), r"should be symmetric\. Found nan at \[0, 1\], 0\.4 back\."),
        (similarity_of(2, {}, np.inf), 0.8, "best-pairs", (), r"`similarity` should have no infinite values"),
        (np.eye(3), NAN, "best-pairs", (), r"`min_similarity` should be finite\. Found nan\."),
        (np.eye(3), 0.8, "best", (), r"`rule` should be one of 'best-partition', 'best-pairs'\. Found 'best'\."),
        (np.eye(3), 0.8, "best-pairs", ("a", "b"), r"`names` should hold 3 names, one a task\. Found 2\."),
    ],
)
def test_errors(similarity: object, threshold: float, rule: str, names: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        group_tasks(similarity, threshold, rule, names)  # type: ignore[arg-type]


@pytest.mark.parametrize("rule", RULES)
def test_most_tasks_there_can_be(rule: Rule) -> None:
    blocks = similarity_of(
        MAX_TASKS, {(i, j): 0.95 for i in range(MAX_TASKS) for j in range(i) if i % 4 == j % 4}, other=0.1
    )
    start = time.perf_counter()
    found: Grouping = group_tasks(blocks, 0.9, rule)
    assert time.perf_counter() - start < 30
    assert found.fused == tuple(tuple(range(first, MAX_TASKS, 4)) for first in range(4))


def test_needs_no_torch() -> None:
    code = "import sys, core.grouping; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
