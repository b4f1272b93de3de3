"""The runs of a comparison: their letters, dashes and symbols, and the moment at which each of them stands.

The page's cursor walks through the first run; the others follow it by a lock. A run is never told by a colour, which
belongs to tasks, but by its letter, its dash and the symbol of its method.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from core.events import AnyEvent
from core.runs import RunHeader
from explorer import theme, words
from explorer.moments import History, Snapshot

MOST_RUNS = 6
LETTERS = "ABCDEF"

Lock = Literal["share", "phase", "epoch"]
"""What stands still when runs are compared at one cursor: the share of the run, the phase, or the epoch."""


@dataclass(frozen=True)
class Member:
    """A run of a comparison, at the moment after the event at `index`; `place` is its number among the runs."""

    place: int
    id: str
    name: str
    history: History
    index: int

    @property
    def letter(self) -> str:
        """How the figures call it."""
        return LETTERS[self.place]

    @property
    def label(self) -> str:
        """Letter and name."""
        return f"{self.letter} {self.name}"

    @property
    def dash(self) -> str:
        """The dash of its curves."""
        return theme.DASHES[self.place]

    @property
    def header(self) -> RunHeader:
        return self.history.header

    @property
    def snapshot(self) -> Snapshot:
        return self.history.snapshot(self.index)

    @property
    def event(self) -> AnyEvent:
        return self.history.event(self.index)


def gather(runs: Sequence[tuple[str, str, History]], index: int, lock: Lock) -> list[Member]:
    """The members of a comparison of `runs` (id, name, history): the first at its event `index`, the others by `lock`.

    Every history should hold at least one event.
    """
    leader = runs[0][2]
    places = [index, *(locked_index(leader, index, history, lock) for _, _, history in runs[1:])]
    return [Member(place, *run, here) for place, (run, here) in enumerate(zip(runs, places, strict=True))]


def locked_index(leader: History, index: int, other: History, lock: Lock) -> int:
    """Where `other` stands while the cursor stands at the event `index` of `leader`: at its last event that fits.

    share: not later in its training time than the cursor is in the leader's (in events where no time was recorded);
    phase: as far into the phase of the same number, or at its end if it has no such phase; epoch: not after the
    leader's epoch.
    """
    if lock == "share":
        share = share_of(leader, index)
        return _last(other, lambda position: share_of(other, position), share + 1e-9)
    event = leader.event(index)
    if lock == "epoch":
        return _last(other, lambda position: other.event(position).epoch, event.epoch)
    mine = next((phase for phase in leader.phases if phase.first <= index <= phase.last), None)
    theirs = next((phase for phase in other.phases if phase.number == event.phase), None)
    if mine is None:  # before the first phase
        return min(index, other.phases[0].first if other.phases else len(other) - 1)
    if theirs is None:
        return _last(other, lambda position: other.event(position).phase, event.phase)
    into = (index - mine.first) / (mine.last - mine.first) if mine.last > mine.first else 1.0
    return theirs.first + int(into * (theirs.last - theirs.first) + 1e-9)


def share_of(history: History, index: int) -> float:
    """How far a run is at its event `index`, in [0, 1] of the training time it has so far."""
    total = history.latest.event.seconds
    if total > 0:
        return history.event(index).seconds / total
    return index / max(len(history) - 1, 1)


def where(member: Member) -> str:
    """Where a member stands, for people, in two lines: its share of the run; phase and epoch."""
    phase = f"phase {member.event.phase}" + (f" · {member.snapshot.role}" if member.snapshot.role else "")
    share = f"{100 * share_of(member.history, member.index):.0f} % of the run"
    return f"{words.run_title(member.header)} · {share}\n{phase} · epoch {member.event.epoch}"


def method_symbols(members: Sequence[Member]) -> dict[str, str]:
    """Method -> symbol; the same for every run of a method.

    >>> method_symbols([])
    {}
    """
    methods = sorted({member.header.method for member in members})
    return {method: theme.SYMBOLS[number % len(theme.SYMBOLS)] for number, method in enumerate(methods)}


def moments(members: Sequence[Member]) -> str:
    """Where each run stands in a few words, for the small print below figures."""
    if len(members) > 3:
        places = [f"{member.letter} {member.event.phase}/{member.event.epoch}" for member in members]
        return f"phase/epoch: {' · '.join(places)}"
    return " · ".join(f"{member.letter}: phase {member.event.phase}, epoch {member.event.epoch}" for member in members)


def title(members: Sequence[Member]) -> str:
    """The runs and their moments, for the captions of papers."""
    return "; ".join(
        f"{member.letter}: {words.run_title(member.header)}, {words.place(member.event)}" for member in members
    )


def _last(history: History, value: Callable[[int], float], limit: float) -> int:
    """The last position whose rising `value` is not above `limit`, or the first one."""
    return max(bisect_right(range(len(history)), limit, key=value) - 1, 0)
