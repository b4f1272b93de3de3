"""Structures: what is a tree, who may fuse, and what changes."""

import itertools

import pytest

from core.structure import Candidate, Difference, Node, Structure

ABC = ("a", "b", "c")


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ((((0, 1),),), r"stage 0: c in no group"),
        ((((0, 1), (1, 2)),), r"stage 0: b in more than one group"),
        ((((0, 1, 2, 3),),), r"stage 0: unknown task index 3; there are 3 tasks"),
        ((((0,), (1,), (2,)), ((0, 1), (2,))), r"stage 1: a\+b share a node, but not the node below it at stage 0"),
        ((((0, 1, 2), ()),), r"stage 0: an empty group"),
        ((), r"`stages` should hold at least one partition"),
    ],
)
def test_what_is_no_tree_is_refused_by_stage_and_task(
    stages: tuple[tuple[tuple[int, ...], ...], ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Structure(ABC, stages)


@pytest.mark.parametrize("tasks", [(), ("a", "a")])
def test_tasks_have_different_names(tasks: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"`tasks` should be one or more different names"):
        Structure(tasks, (((0,),),))


def test_groups_are_put_in_order() -> None:
    assert Structure(ABC, (((2, 1), (0,)),)).stages == (((0,), (1, 2)),)


def test_paths_and_parents() -> None:
    grown = Structure.separate(ABC, 2).merge(0, (0, 1, 2)).merge(1, (0, 2))
    assert grown.path(2) == (Node(0, (0, 1, 2)), Node(1, (0, 2)))
    assert grown.parent(Node(1, (1,))) == Node(0, (0, 1, 2))
    assert grown.parent(Node(0, (0, 1, 2))) is None
    assert [node.stage for node in grown.nodes()] == [0, 1, 1]


def test_candidates_follow_the_paper() -> None:
    """One candidate of all tasks at first; tasks left behind stay one, and never meet those that left."""
    start = Structure.separate(("a", "b", "c", "d"), 3)
    assert start.candidates() == (Candidate(0, (0, 1, 2, 3)),)
    left = start.merge(0, (0, 1))
    assert left.candidates() == (Candidate(0, (2, 3)), Candidate(1, (0, 1)))
    done = left.merge(1, (0, 1)).merge(2, (0, 1))
    assert done.candidates() == (Candidate(0, (2, 3)),)
    assert Structure.shared(ABC, 3).candidates() == ()


def test_merge_refuses_what_is_no_tree() -> None:
    grown = Structure.separate(ABC, 2).merge(0, (0, 1))
    with pytest.raises(ValueError, match=r"stage 1: a\+c share a node, but not the node below"):
        grown.merge(1, (0, 2))
    with pytest.raises(ValueError, match=r"stage 0: b\+c would take apart the group a\+b"):
        grown.merge(0, (1, 2))
    with pytest.raises(ValueError, match=r"`stage` should be in 0\.\.1\. Found 2\."):
        grown.merge(2, (0, 1))


def test_difference_is_what_is_born_and_removed() -> None:
    start = Structure.separate(ABC, 2)
    assert start.difference(start.merge(0, (0, 2))) == Difference(
        created=(Node(0, (0, 2)),), removed=(Node(0, (0,)), Node(0, (2,)))
    )
    with pytest.raises(ValueError, match=r"`other` should have the tasks"):
        start.difference(Structure.separate(("x",), 2))


def test_every_chain_of_merges_stays_a_tree_and_ends() -> None:
    """Property: fusing any candidate, whole or in part, gives a valid structure with fewer nodes."""
    structure = Structure.separate(("a", "b", "c", "d"), 3)
    for turn in itertools.count():
        candidates = structure.candidates()
        if not candidates:
            break
        stage, tasks = candidates[turn % len(candidates)]
        smaller = structure.merge(stage, tasks[: 2 + turn % 2])
        assert len(smaller.nodes()) < len(structure.nodes())
        structure = smaller
    assert turn <= 12
