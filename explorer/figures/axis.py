"""The horizontal axis of a run: task epochs, with a stretch of its own for each structural phase.

Measurements, decisions and removals take moments, so on an axis of epochs or seconds they would lie on one point. Here
a task-learning phase is as wide as its epochs, and a structural phase is as wide as its amalgamation epochs (at least
`STRUCTURAL_WIDTH`) with its events spread evenly. Figures that share this axis line up.
"""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from core.events import EpochFinished, Role
from explorer import theme
from explorer.moments import History, Phase

STRUCTURAL_WIDTH = 1.5
_MOST_TICKS = 14


@dataclass(frozen=True)
class Span:
    """One phase on the axis, from `start` to `end`."""

    number: int
    role: Role
    start: float
    end: float


@dataclass(frozen=True)
class RunAxis:
    """Where each event stands [n_events], the phases, and the positions at which epochs end with their numbers."""

    positions: NDArray[np.float64]
    spans: tuple[Span, ...]
    epoch_ends: tuple[tuple[float, int], ...]

    @property
    def end(self) -> float:
        """The right end: the last planned epoch of the phase that runs now."""
        return self.spans[-1].end if self.spans else 1.0


_made: WeakKeyDictionary[History, RunAxis] = WeakKeyDictionary()


def run_axis(history: History) -> RunAxis:
    """The axis of a run as far as it was read; made anew only when the run has grown."""
    axis = _made.get(history)
    if axis is None or len(axis.positions) != len(history):
        axis = _made[history] = _lay_out(history)
    return axis


def _lay_out(history: History) -> RunAxis:
    positions = np.zeros(len(history))
    spans: list[Span] = []
    epoch_ends: list[tuple[float, int]] = []
    start = 0.0
    for number, phase in enumerate(history.phases):
        last = number == len(history.phases) - 1
        if phase.role == "task-learning":
            end = _place_epochs(history, phase, start, last, positions, epoch_ends)
        else:
            end = start + max(STRUCTURAL_WIDTH, float(phase.epochs))
            positions[phase.first : phase.last + 1] = np.linspace(start, end, phase.last - phase.first + 3)[1:-1]
            within = ((index, history.event(index)) for index in range(phase.first, phase.last + 1))
            epoch_ends += [(float(positions[i]), e.epoch) for i, e in within if isinstance(e, EpochFinished)]
        spans.append(Span(phase.number, phase.role, start, end))
        start = end
    positions.setflags(write=False)  # figures share it
    return RunAxis(positions, tuple(spans), tuple(epoch_ends))


def epoch_axis(axis: RunAxis, structural: str, note: str = "", **rest: object) -> theme.Properties:
    """Properties of the axis: epoch ticks and title, with how structural-learning phases are drawn and a `note`."""
    steps = (1, 2, 5, 10, 20, 50, 100, 200, 500, 10**6)
    step = next(step for step in steps if len(axis.epoch_ends) <= step * _MOST_TICKS)
    ticks = [(x, epoch) for x, epoch in axis.epoch_ends if epoch % step == 0]
    return theme.axis(
        f"task epochs ({structural}: structural-learning phases{note})",
        range=[-0.01 * axis.end, 1.01 * axis.end],
        tickvals=[x for x, _ in ticks],
        ticktext=[str(epoch) for _, epoch in ticks],
        showgrid=False,
        **rest,
    )


def _place_epochs(
    history: History,
    phase: Phase,
    start: float,
    last: bool,
    positions: NDArray[np.float64],
    epoch_ends: list[tuple[float, int]],
) -> float:
    """Place the events of a task-learning phase, each after the epochs that ended before it; return the phase's end."""
    done = 0
    for index in range(phase.first, phase.last + 1):
        event = history.event(index)
        if isinstance(event, EpochFinished):
            done += 1
            epoch_ends.append((start + done, event.epoch))
        positions[index] = start + done
    planned = phase.epochs if last else 0
    return start + max(done, planned, 0.25)
