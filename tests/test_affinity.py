"""Proximal inter-task affinity against values worked out by hand, and the groups it gives."""

from itertools import permutations

import numpy as np
import pytest

from core.affinity import affinity_groups, decayed, similarity_of, step_affinity

SINGLES = ((0,), (1,), (2,))


def test_a_single_task_acts_on_all() -> None:
    found = step_affinity((1,), [1.0, 2.0, 4.0], [0.9, 1.0, 5.0])
    assert found[1].tolist() == pytest.approx([0.1, 0.5, -0.25])
    assert np.isnan(found[[0, 2]]).all()


def test_a_single_task_that_got_worse_says_nothing_about_itself() -> None:
    found = step_affinity((0,), [1.0, 1.0], [1.1, 0.8])
    assert np.isnan(found[0, 0])
    assert found[0, 1] == pytest.approx(0.2)


def test_members_share_the_effect_of_their_group() -> None:
    found = step_affinity((0, 2), [1.0, 1.0, 1.0], [0.8, 0.6, 0.4])
    assert found[0].tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert found[2].tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert np.isnan(found[1]).all()


def test_members_that_moved_in_opposite_directions_repel() -> None:
    found = step_affinity((0, 1), [1.0, 1.0, 1.0], [0.8, 1.4, 1.0])
    assert found[0].tolist() == pytest.approx([0.1, -0.1, 0.0])
    assert found[1, 0] == pytest.approx(-0.1)
    assert np.isnan(found[1, 1])


def test_the_running_mean_moves_only_where_something_was_seen() -> None:
    step = np.array([[1.0, np.nan], [0.5, np.nan]])
    assert decayed(np.full((2, 2), 0.5), step, 0.1).tolist() == [[0.55, 0.5], [0.5, 0.5]]


def test_columns_are_divided_by_their_own_affinity() -> None:
    found = similarity_of(np.array([[0.2, 0.1, 0.0], [0.1, 0.4, 0.2], [0.2, 0.2, 0.5]]))
    assert found is not None
    # X = [[1, .25, 0], [.5, 1, .4], [1, .5, 1]], then the mean with its mirror
    assert found.tolist() == [
        pytest.approx([1, 0.375, 0.5]),
        pytest.approx([0.375, 1, 0.45]),
        pytest.approx([0.5, 0.45, 1]),
    ]


@pytest.mark.parametrize("own", [0.0, -0.1])
def test_without_self_affinity_the_old_groups_stay(own: float) -> None:
    affinity = np.diag([0.1, own, 0.1])
    assert similarity_of(affinity) is None
    assert affinity_groups(affinity, SINGLES) == SINGLES


def test_two_camps_are_found_in_any_order() -> None:
    random = np.random.default_rng(0)
    affinity = np.full((6, 6), -0.9)
    for camp in ((0, 1, 2), (3, 4, 5)):
        affinity[np.ix_(camp, camp)] = 0.8
    affinity += random.uniform(0, 0.1, affinity.shape)  # ties have no answer that is the same in any order
    np.fill_diagonal(affinity, 1.0)
    singles = tuple((task,) for task in range(6))
    for order in list(permutations(range(6)))[::37]:
        found = affinity_groups(affinity[np.ix_(order, order)], singles)
        camps = {frozenset(order[place] for place in group) for group in found}
        assert camps == {frozenset({0, 1, 2}), frozenset({3, 4, 5})}


@pytest.mark.parametrize(
    ("group", "before", "after", "message"),
    [
        ((0, 3), [1, 1], [1, 1], r"`group` should hold different tasks in 0\.\.1"),
        ((0, 0), [1, 1], [1, 1], r"`group` should hold different tasks"),
        ((), [1, 1], [1, 1], r"`group` should hold different tasks"),
        ((0,), [1, 0], [1, 1], r"`before` should be above 0"),
        ((0,), [1, 1], [1], r"one loss a task"),
    ],
)
def test_wrong_input_is_named(group: tuple[int, ...], before: list[float], after: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        step_affinity(group, before, after)
