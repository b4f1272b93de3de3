"""The cursor bar: timeline, buttons with their keys, the sentence of the moment; and the frame every cursor page has.

A page gives `cursor_page` a function that draws one moment. Bar and page are one fragment, so a step redraws only them;
a ticker runs the fragment by itself while a run grows or the cursor plays.
"""

import html
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from core.runs import RunError
from explorer import library, state, words
from explorer.figures import timeline, timeline_figure
from explorer.figures.facts import story
from explorer.focus import Focus, read_mark
from explorer.library import Entry, Opened
from explorer.moments import History, Snapshot
from explorer.player import play
from explorer.player.chart import show_chart
from explorer.player.save import at_moment
from explorer.player.sidebar import chosen
from explorer.player.ticker import ticker
from explorer.state import View

LIVE_SECONDS = 2.0
"""How often a run that is being written is read again."""

_MOST_CHOICES = 1000
"""Moments in the list to choose from; more would be slow to send and are no use to scroll through."""

_LIVE = "_live"


@dataclass(frozen=True)
class Scene:
    """What a page draws: a run, the view, and the moment at the cursor."""

    history: History
    snapshot: Snapshot
    view: View
    opened: Opened

    def file(self, what: str) -> str:
        """A file name for something taken away from this moment, without its ending."""
        return f"{self.opened.run.folder.name}-{what}-{self.snapshot.index}"

    def with_view(self, view: View) -> "Scene":
        """The same moment under another view."""
        return replace(self, view=view)


def cursor_page(draw: Callable[[Scene], None], animated: bool = False) -> None:
    """A page under the cursor bar: `draw` is called with the scene at each step. Says what to do if there is no run.

    An `animated` page plays in the browser (`explorer.player.graph`); on the others the server steps.
    """
    entry = chosen()
    if entry is None:
        _nothing_here()
        return
    try:
        opened = library.open_run(entry)
    except RunError as error:
        st.error(f"This run cannot be read. {words.plain(str(error))}", icon=":material/error:")
        return
    st.session_state[_LIVE] = opened.live

    def frame() -> None:
        _frame(entry, draw, animated)

    st.fragment(frame)()


def _frame(entry: Entry, draw: Callable[[Scene], None], animated: bool) -> None:
    try:
        opened = library.open_run(entry)
    except RunError as error:
        st.error(f"This run cannot be read any more. {words.plain(str(error))}", icon=":material/error:")
        return
    if st.session_state[_LIVE] != opened.live:
        st.rerun()  # the sidebar says whether the run grows, and only a full run draws it
    history = opened.history
    if len(history):
        play.advance(history, _cursor(history), animated)
    ticker(play.seconds(animated) or (LIVE_SECONDS if opened.live else None), "cursor")
    if not len(history):
        st.info("This run has no events yet. They appear here as soon as training writes them.")
        return
    index = _cursor(history)
    snapshot = history.snapshot(index)
    _check_focus(history)
    view = state.current()
    show_chart(timeline_figure(history, index, view.grain), state.TIMELINE, timeline.ALT, on_pick=pick)
    _buttons(history, index, opened.live, animated)
    _say(snapshot, history, view)
    _say_focus(history, view)
    with at_moment(history.header, snapshot, opened.run.folder.name):
        draw(Scene(history, snapshot, view, opened))
    if not play.playing():
        state.sync()


def pick(found: int | str) -> None:
    """Take over what was clicked in a chart: go to an event, or pick a stage and tasks (the same again: let go)."""
    if isinstance(found, int):
        jump(found)
    elif (focus := read_mark(found)) is not None:
        state.pick(Focus() if focus == state.current().focus else focus)


def jump(index: int | None) -> None:
    """Set the cursor to the event at `index`, or let it follow the last one (None), and stop playing."""
    state.change(moment=index)
    play.stop()


def _cursor(history: History) -> int:
    """Where the cursor stands. A place beyond the last event falls back to it, with a notice."""
    moment, last = state.current().moment, len(history) - 1
    if moment is not None and moment > last:
        st.warning(f"There is no moment {moment}: this run has {last + 1} events so far. Showing the last one.")
        state.change(moment=None)
        return last
    return last if moment is None else moment


def _step(history: History, by: int) -> None:
    jump(history.neighbour(state.current().grain, play.place(history, _cursor(history)), by))


def _toggle_play(history: History, animated: bool) -> None:
    if play.playing():
        play.pause(history, _cursor(history))
    else:
        play.start(history, _cursor(history), animated)


def _next_speed() -> None:
    speeds = state.SPEEDS
    state.change(speed=speeds[(speeds.index(state.current().speed) + 1) % len(speeds)])


def _buttons(history: History, index: int, live: bool, animated: bool) -> None:
    view = state.current()
    stops = history.stops(view.grain)
    playing = play.playing()
    at_start, at_end = index <= stops[0], index >= stops[-1]
    back, on = {"on_click": _step, "args": (history, -1)}, {"on_click": _step, "args": (history, 1)}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="cursor-bar"):
        _button("First", state.FIRST, "first_page", "Home", at_start, on_click=jump, args=(stops[0],))
        _button("Back", state.BACK, "chevron_left", "Left", at_start, **back)
        label, icon = ("Pause", "pause") if playing else ("Play", "play_arrow")
        _button(label, state.PLAY, icon, "P", type="primary", on_click=_toggle_play, args=(history, animated))
        _button("Next", state.NEXT, "chevron_right", "Right", at_end, **on)
        follows = view.moment is None and not playing
        _button("Last", state.LAST, "last_page", "End", follows, on_click=jump, args=(None,))
        speed_help = "Steps of play in a second"
        _button(f"{view.speed:g}×", state.SPEED, "speed", "S", help=speed_help, on_click=_next_speed)
        if live and view.moment is not None:
            _button("Jump to live", state.LIVE, "sensors", "V", on_click=jump, args=(None,))
        _go_to(history, index, stops)
        with st.popover("", icon=":material/keyboard:", help="Keyboard shortcuts"):
            st.table({"Key": [key for key, _ in words.KEYS], "Does": [does for _, does in words.KEYS]}, hide_index=True)
    with st.container(key="second-keys"):  # not shown: arrow keys rest while a choice has the focus, letters do not
        _button("Back", f"{state.BACK}-letter", "chevron_left", "J", at_start, **back)
        _button("Next", f"{state.NEXT}-letter", "chevron_right", "L", at_end, **on)


def _button(label: str, key: str, icon: str, shortcut: str, disabled: bool = False, **rest: Any) -> None:
    st.button(label, key=key, icon=f":material/{icon}:", shortcut=shortcut, disabled=disabled, **rest)


def _choices(history: History, index: int, stops: list[int]) -> list[int]:
    """The stops to choose from in the list: all of them; of very many, those near `index` and the ends of phases."""
    if len(stops) <= _MOST_CHOICES:
        return stops
    here = bisect_left(stops, index)
    near = stops[max(0, here - _MOST_CHOICES // 4) : here + _MOST_CHOICES // 4]
    return sorted({*near, *history.stops("phase")})


def _go_to(history: History, index: int, stops: list[int]) -> None:
    stops = _choices(history, index, stops)
    options = stops if index in stops else sorted([*stops, index])

    def label(position: int) -> str:
        event = history.event(position)
        return f"{position} · p{event.phase} · {words.title(event, history.header)}"

    key = f"{state.GOTO}-{index}"  # one for each moment, so that a late answer of the browser names an old one

    def chosen_moment() -> None:
        if st.session_state[key] != index:
            jump(st.session_state[key])

    st.selectbox(
        "Moment",
        options,
        index=options.index(index),
        format_func=label,
        key=key,
        label_visibility="collapsed",
        on_change=chosen_moment,
    )


def _say(snapshot: Snapshot, history: History, view: View) -> None:
    """The sentence of the moment; a live region, so a screen reader announces it."""
    where = html.escape(words.when(snapshot))
    what = html.escape(story(history, snapshot.index, view.grain))
    st.html(
        f'<div class="moment" role="status" aria-live="polite"><div class="where">{where}</div>'
        f'<div class="what">{what}</div></div>'
    )


def _check_focus(history: History) -> None:
    """Let go of a stage or tasks that this run does not have, with a notice."""
    focus, header = state.current().focus, history.header
    if not focus.fits(header):
        asked = " ".join(
            f"{key}={text}" for key, text in state.to_url(View(stage=focus.stage, tasks=focus.tasks)).items()
        )
        st.warning(
            f"The link says {asked}, but this run has {len(header.stages)} stages and {len(header.tasks)} tasks, "
            "counted from 0. Nothing is picked.",
            icon=":material/link_off:",
        )
        state.pick(Focus())


def _say_focus(history: History, view: View) -> None:
    """What is picked, with the one button that lets go of it."""
    if not view.focus:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="focus"):
        st.markdown(
            f":material/ads_click: Picked: **{words.plain(view.focus.label(history.header))}**", width="content"
        )
        _button("Clear", state.CLEAR, "close", "X", type="tertiary", on_click=state.pick, args=(Focus(),))


def _nothing_here() -> None:
    st.info(
        "There is no run to look at yet. Train one on the **Train** page, or put run folders into "
        f"`{library.own_root()}`; another place can be named with the environment variable `{library.RUNS_VARIABLE}`.",
        icon=":material/folder_open:",
    )
