"""What is picked: there and back as a mark, what belongs to it, and what a run has of it."""

import pytest

from explorer.focus import Focus, read_mark, read_tasks
from tests._runs import Plan, header_of

HEADER = header_of(Plan())


@pytest.mark.parametrize("focus", [Focus(), Focus(3), Focus(None, (1,)), Focus(0, (0, 2, 4))])
def test_a_mark_comes_back(focus: Focus) -> None:
    assert read_mark(focus.mark()) == focus
    assert bool(focus) == (focus != Focus())


@pytest.mark.parametrize("text", ["", "focus", "focus:x:", "focus:1:0+2", "phase 3 · structural"])
def test_other_texts_are_no_marks(text: str) -> None:
    assert read_mark(text) in (None, Focus())


def test_nothing_belongs_to_nothing() -> None:
    assert not Focus().has(3, (0, 1))


def test_a_stage_without_tasks_holds_all_of_its_nodes() -> None:
    assert Focus(3).has(3, (4,))
    assert not Focus(3).has(2, (4,))
    assert Focus(3).has(None, (1,))


def test_a_run_has_its_own_stages_and_tasks_and_heads() -> None:
    n_stages, n_tasks = len(HEADER.stages), len(HEADER.tasks)
    assert Focus(n_stages, (n_tasks - 1,)).fits(HEADER)
    assert not Focus(n_stages + 1).fits(HEADER)
    assert not Focus(0, (n_tasks,)).fits(HEADER)
    assert Focus(1, (0, 1)).label(HEADER) == "layer1 · Segmentation + Depth"


def test_tasks_are_numbers() -> None:
    assert read_tasks("3-1-3") == (1, 3)
    with pytest.raises(ValueError, match=r"numbers of tasks such as 0-2"):
        read_tasks("1,2")
