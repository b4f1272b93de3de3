"""The runs that wait, with what can be done about them: put first, start now, take out, pause them all."""

from pathlib import Path

import streamlit as st

from explorer.training import Place, Queue, cores, work_queue
from explorer.words import plain

_SHOWN = 12
_AT_ONCE = "queue.at-once"


def queue_list(root: Path) -> None:
    """Draw the queue of `root`; nothing while it is empty and works as usual."""
    queue = Queue(root)
    places, settings = queue.waiting(), queue.settings()
    if not places and not settings.paused:
        return
    with st.container(border=True, key="queue", gap="small"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f"**Queue** · {_how_many(len(places))}", width="content")
            with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
                _at_once(queue, settings.at_once)
                if settings.paused:
                    st.button("Go on", key="queue.go", icon=":material/play_arrow:", on_click=_go_on, args=(queue,))
                else:
                    st.button(
                        "Pause",
                        key="queue.pause",
                        icon=":material/pause:",
                        help="Start nothing new; what trains goes on",
                        on_click=_pause,
                        args=(queue,),
                    )
        if settings.paused:
            st.caption(":material/pause_circle: The queue is paused: nothing new is started until you press **Go on**.")
        for number, place in enumerate(places[:_SHOWN]):
            _row(queue, place, number == 0, number == len(places) - 1)
        if len(places) > _SHOWN:
            st.caption(f"and {len(places) - _SHOWN} more")


def _row(queue: Queue, place: Place, first: bool, last: bool) -> None:
    name = place.run.folder.name
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key=f"wait-{name}"
    ):
        st.markdown(f"{plain(name)}  \n:small[{plain(place.run.title)}]", width="content")
        with st.container(horizontal=True, gap="xsmall", width="content"):
            for what, icon, help, disabled in (
                ("up", "arrow_upward", "Start it earlier", first),
                ("down", "arrow_downward", "Start it later", last),
                ("now", "play_arrow", "Start it now, whatever else trains", False),
                ("out", "close", "Take it out of the queue", False),
            ):
                st.button(
                    "",
                    key=f"queue-{what}-{name}",
                    icon=f":material/{icon}:",
                    help=help,
                    disabled=disabled,
                    type="tertiary",
                    on_click=_act,
                    args=(queue, place, what),
                )


def _act(queue: Queue, place: Place, what: str) -> None:
    """Do what a button of a row says; nothing happens to a run that was started meanwhile."""
    match what:
        case "up" | "down":
            queue.move(place, -1 if what == "up" else 1)
        case "now":
            queue.start(place)
        case "out":
            queue.remove(place)


def _at_once(queue: Queue, now: int) -> None:
    """Draw how many runs may train at once."""

    def change() -> None:
        queue.change(at_once=st.session_state[_AT_ONCE])
        work_queue(queue.root)

    st.session_state[_AT_ONCE] = now
    st.selectbox(
        "At once",
        range(1, max(4, cores(), now) + 1),
        format_func=lambda number: f"{number} at a time",
        key=_AT_ONCE,
        on_change=change,
        label_visibility="collapsed",
        width=140,
        help="Runs that may train at once; those started otherwise count, too",
    )


def _pause(queue: Queue) -> None:
    queue.change(paused=True)


def _go_on(queue: Queue) -> None:
    queue.change(paused=False)
    work_queue(queue.root)


def _how_many(number: int) -> str:
    return f"{number} wait{'s' if number == 1 else ''}" if number else "empty"
