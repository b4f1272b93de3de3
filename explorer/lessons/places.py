"""Where in a run the steps of the lesson happen: all in one structural phase, so that together they are one story."""

from collections.abc import Callable

from core.events import AnyEvent
from explorer.moments import History, Measurement


def story(history: History) -> Measurement | None:
    """The measurement that all steps tell of: the first that fuses some tasks but not all, else the first of all."""
    fusing = [found for found in history.measurements if found.decision and found.decision.fused]
    everybody = len(history.header.tasks)
    parting = [found for found in fusing if found.decision and all(len(g) < everybody for g in found.decision.fused)]
    return next(iter(parting or fusing or history.measurements), None)


def start(history: History) -> int | None:
    """Where the structure stands for the first time."""
    return history.start.index if history.start else None


def learning(history: History) -> int | None:
    """The last epoch before the story's structural phase, else the first one."""
    told = story(history)
    epochs = [index for index, _ in history.epochs]
    before = [index for index in epochs if told and index < told.index]
    return before[-1] if before else next(iter(epochs), None)


def measured(history: History) -> int | None:
    """The story's measurement."""
    told = story(history)
    return told.index if told else None


def decided(history: History) -> int | None:
    """The story's decision."""
    told = story(history)
    return told.decision_index if told else None


def of_story(kind: type[AnyEvent], last: bool) -> Callable[[History], int | None]:
    """The first or last event of a kind that belongs to the story's group."""

    def place(history: History) -> int | None:
        told = story(history)
        if told is None or told.decision is None:
            return None
        phase, fused = told.decision.phase, told.decision.fused
        found = [
            index
            for index in range(told.index, len(history))
            if isinstance(event := history.event(index), kind)
            and event.phase == phase
            and getattr(event, "tasks", None) in fused
        ]
        return found[-1 if last else 0] if found else None

    return place


def end(history: History) -> int | None:
    """The last event so far."""
    return len(history) - 1 if len(history) else None
