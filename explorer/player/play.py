"""Play: the cursor walks on by itself, at the view's speed, until the last stop.

On most pages the server takes the steps. A page that animates plays in the browser instead: no step asks the server,
which only knows when play began and so where it should be by now. That place is good enough for whatever is drawn in
between and for the next step; the browser says exactly where it came to rest.
"""

import time
from dataclasses import dataclass

import streamlit as st

from explorer import state
from explorer.moments import History

_PLAYING, _LOOSE = "_playing", "_loose"


@dataclass(frozen=True)
class _Play:
    """Play from the stop at `base` since the time `since`; the server moves `base` on with each of its steps."""

    base: int
    since: float
    speed: float
    in_browser: bool


def playing() -> bool:
    """Whether the cursor walks by itself."""
    return _current() is not None


def loose() -> bool:
    """Whether the browser was asked to come to rest where it is, and has not said yet where that was."""
    return bool(st.session_state.get(_LOOSE))


def start(history: History, index: int, in_browser: bool) -> None:
    """Begin to play at `index`, or at the first stop if that is the last one."""
    stops = history.stops(state.current().grain)
    base = stops[0] if index >= stops[-1] else index
    state.change(moment=base)
    st.session_state[_PLAYING] = _Play(base, time.monotonic(), state.current().speed, in_browser)
    st.session_state[_LOOSE] = False


def pause(history: History, index: int) -> None:
    """Stop to play and stay about there; a browser that plays still says where exactly."""
    found = _current()
    state.change(moment=place(history, index))
    stop()
    st.session_state[_LOOSE] = found is not None and found.in_browser


def stop() -> None:
    """Stop to play; where the cursor stands is up to the caller."""
    st.session_state[_PLAYING] = None
    st.session_state[_LOOSE] = False


def place(history: History, index: int) -> int:
    """Where play is now; `index` if nothing plays in the browser."""
    found = _current()
    if found is None or not found.in_browser:
        return index
    steps = int((time.monotonic() - found.since) * found.speed)
    return history.neighbour(state.current().grain, found.base, steps) if steps else found.base


def advance(history: History, index: int, in_browser: bool) -> None:
    """Move the cursor on as far as play has come; called each time a page is drawn, `in_browser` if that animates."""
    found, view, now = _current(), state.current(), time.monotonic()
    if found is None:
        return
    here = place(history, index)
    if found.in_browser:
        state.change(moment=here)
    if (found.in_browser, found.speed) != (in_browser, view.speed):  # another page, or another speed
        st.session_state[_PLAYING] = _Play(here, now, view.speed, in_browser)
    elif not in_browser and now - found.since >= 0.7 / view.speed:  # less: a click, not the ticker
        following = history.neighbour(view.grain, index, 1)
        state.change(moment=following)
        at_end = following == history.stops(view.grain)[-1]
        st.session_state[_PLAYING] = None if at_end else _Play(following, now, view.speed, False)


def seconds(in_browser: bool) -> float | None:
    """How often the server should take a step, or None."""
    return 1 / state.current().speed if playing() and not in_browser else None


def _current() -> _Play | None:
    found: _Play | None = st.session_state.get(_PLAYING)
    return found
