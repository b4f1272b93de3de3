"""The sidebar: which run is looked at, how it stands, and how far one step of the cursor goes."""

from typing import Literal

import streamlit as st

from core.runs import RunError
from explorer import library, state, words
from explorer.library import Entry, Opened
from explorer.player.take import take_run

STATE_COLOURS: dict[words.StateLabel, Literal["blue", "green", "gray", "orange", "red"]] = {
    "recorded": "gray",
    "running": "green",
    "paused": "orange",
    "interrupted": "orange",
    "finished": "blue",
    "failed": "red",
}
"""State -> colour of its chip."""

_ENTRY = "_entry"


def choose_run(entries: list[Entry], with_grain: bool = True) -> None:
    """Draw the sidebar, with the grain of the cursor's steps if wanted; the run it settles on is `chosen()`."""
    with st.sidebar:
        entry = _picked(entries)
        if entry is not None:
            _describe(entry)
        if entry is not None and with_grain:
            st.segmented_control(
                "One step goes to the next",
                list(words.GRAIN_LABELS),
                format_func=lambda grain: words.GRAIN_LABELS[grain],
                help=words.GRAIN_HELP,
                required=True,
                width="stretch",
                key=state.held(state.GRAIN, state.current().grain),
                on_change=lambda: state.change(grain=st.session_state[state.GRAIN]),
            )
        if entry is not None:
            take_run(entry)
    st.session_state[_ENTRY] = entry


def chosen() -> Entry | None:
    """The run that is looked at, or None if there is none."""
    entry: Entry | None = st.session_state[_ENTRY]
    return entry


def _picked(entries: list[Entry]) -> Entry | None:
    known = {entry.id: entry for entry in entries}
    wanted = state.current().run
    opening = library.opening(entries)
    if wanted and wanted not in known:
        shown = f" Showing {opening.name}." if opening else ""
        state.note(f"The link says run={wanted}, but there is no such run here.{shown}")
        state.open_view("")
    entry = known.get(state.current().run, opening)
    if entry is None:
        return None
    st.selectbox(
        "Run",
        list(known),
        format_func=lambda name: run_label(known[name]),
        key=state.held(state.RUN, entry.id),
        on_change=lambda: state.open_view(st.session_state[state.RUN]),
    )
    return entry


def run_label(entry: Entry) -> str:
    """How lists of runs call it."""
    kind = "running" if entry.live else {"example": "example", "opened": "opened folder", "runs": ""}[entry.place]
    return f"{entry.name} · {kind}" if kind else entry.name


def _describe(entry: Entry) -> None:
    try:
        opened = library.open_run(entry)
    except RunError:
        st.badge("cannot be read", icon=":material/error:", color="red")
        return
    icon, meaning = words.STATE_WORDS[opened.state]
    st.badge(opened.state, icon=f":material/{icon}:", color=STATE_COLOURS[opened.state], help=meaning)
    st.caption(_facts(opened))


def _facts(opened: Opened) -> str:
    header = opened.run.header
    tasks = words.plain(", ".join(task.label for task in header.tasks))
    created = words.plain(f"\nstarted {header.created[:16].replace('T', ' ')} UTC") if header.created else ""
    parent = header.parent
    fork = words.plain(f"\nfork of {parent.run} from phase {parent.phase}") if parent else ""
    return f"**{words.plain(words.run_title(header))}**  \n{tasks}  \n{len(header.stages)} stages{created}{fork}"
