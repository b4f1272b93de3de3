"""When structure is learned: the paper's schedule exactly, and the same curve stretched."""

import pytest

from core.config import ConfigError
from core.schedule import PAPER_AMALGAMATION_EPOCHS, PAPER_STRUCTURAL_EPOCHS, structural_schedule


def test_the_papers_schedule() -> None:
    plan = structural_schedule(80, 10)
    assert [p.epochs for p in plan if p.role == "task-learning"] == [2, 2, 2, 2, 4, 4, 8, 8, 8, 8, 32]
    assert tuple(p.epochs for p in plan if p.role == "structural-learning") == PAPER_AMALGAMATION_EPOCHS
    assert plan == structural_schedule(80, 10, PAPER_STRUCTURAL_EPOCHS, PAPER_AMALGAMATION_EPOCHS)


@pytest.mark.parametrize("epochs", [9, 12, 16, 80, 300])
@pytest.mark.parametrize("phases", [1, 2, 5, 8])
def test_stretched_schedules_use_all_epochs_and_never_touch(epochs: int, phases: int) -> None:
    plan = structural_schedule(epochs, phases)
    assert sum(p.epochs for p in plan if p.role == "task-learning") == epochs
    assert [p.role for p in plan] == ["task-learning", "structural-learning"] * phases + ["task-learning"]
    assert all(phase.epochs >= 1 for phase in plan)


def test_lists_are_taken_as_they_are() -> None:
    plan = structural_schedule(5, 8, [1, 3], [2, 1])
    assert [(p.role[0], p.epochs) for p in plan] == [("s", 2), ("t", 2), ("s", 1), ("t", 3)]


def test_errors() -> None:
    with pytest.raises(ConfigError, match=r"`epochs` should exceed the number of structural phases.*8 epochs for 8"):
        structural_schedule(8, 8)
    with pytest.raises(ConfigError, match=r"`structural_epochs` should lie in 1\.\.4.*Found \[2, 5\]"):
        structural_schedule(4, 2, [2, 5])
    with pytest.raises(ConfigError, match=r"`amalgamation_epochs` should have one entry for each of the 2"):
        structural_schedule(9, 2, None, [1])
