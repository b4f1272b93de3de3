"""The status bar at the foot of the sidebar, on every page: what trains, what waits, and what failed."""

import contextlib
from html import escape
from pathlib import Path

import streamlit as st

from explorer import training
from explorer.player.ticker import ticker
from explorer.training import Live, Status, dismiss, glance, log_tail, work_queue
from explorer.training.status import Ended
from explorer.words import duration

_REFRESH_SECONDS = 2.0
_SHOWN = 3


def status_bar(root: Path) -> None:
    """Draw the status of all training below `root`, fresh every few seconds while something changes by itself.

    It is a fragment of its own beside the page's, so a step of the cursor neither draws it nor waits for it.
    """
    with contextlib.suppress(OSError):  # no process to be had; the next look tries again
        work_queue(root)  # its process may have been killed since
    with st.container(key="status-bar", gap="small"):
        st.fragment(_bar)(root)


def _bar(root: Path) -> None:
    now = glance(root)
    if ticker(_REFRESH_SECONDS if now.changing else None, "status", guards=True):
        st.rerun()
    for live in now.live[:_SHOWN]:
        _live(live)
    if len(now.live) > _SHOWN:
        st.caption(f"and {len(now.live) - _SHOWN} more in training")
    for ended in now.ended[:_SHOWN]:
        _ended(ended)
    if len(now.ended) > _SHOWN:
        st.caption(f"and {len(now.ended) - _SHOWN} more that ended early")
    if now.waiting:
        wait = f"{now.waiting} run{'s' if now.waiting > 1 else ''} in the queue"
        st.caption(f":material/{'pause_circle' if now.paused else 'queue'}: {wait}{', paused' if now.paused else ''}")
    if now == Status((), 0, now.paused, ()):
        st.caption(":material/bedtime: Nothing is training")


def _live(live: Live) -> None:
    name = live.folder.name
    with st.container(border=True, key=f"status-{name}", gap="small"):
        st.html(_text(live))
        with st.container(horizontal=True, gap="small"):
            _log(live.folder)
            st.button(
                "Stop",
                key=f"status-stop-{name}",
                icon=":material/stop_circle:",
                type="tertiary",
                disabled=live.state == "stopping",
                help="Write a checkpoint and stop; it can be resumed",
                on_click=training.stop,
                args=(live.folder,),
            )


def _text(live: Live) -> str:
    """What is known of a run in training as HTML: one piece, so that a refresh is cheap and nothing flickers."""
    percent = 100 * live.done
    left = ""
    if live.eta_seconds is not None and live.state == "running" and not live.silent:
        seconds = max(1, round(live.eta_seconds))
        left = f" · {f'{seconds} s' if seconds < 60 else duration(seconds)} left"
    does = "writes a checkpoint, then stops" if live.state == "stopping" and live.done else live.message
    heard = f"silent for {duration(live.heard)}: it may hang" if live.silent else f"heard from {live.heard:.0f} s ago"
    return (
        f'<div class="training" data-state="{live.state}"><div class="name">{escape(live.folder.name)}</div>'
        f'<div class="does">{escape(f"{live.state} · {does}" if does != live.state else does)}</div>'
        f'<div class="track" role="progressbar" aria-label="share of the run that is done" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{percent:.0f}"><div style="width:{percent:.1f}%"></div></div>'
        f'<div class="{"silent" if live.silent else "heard"}">{percent:.0f} %{escape(left)} · {heard}</div></div>'
    )


def _ended(ended: Ended) -> None:
    name = ended.folder.name
    problem = ended.problem or "its process ended without saying why"
    with st.container(border=True, key=f"status-ended-{name}", gap="small"):
        st.html(
            f'<div class="training"><div class="name">{escape(name)}</div>'
            f'<div class="silent">{ended.state}</div><div class="why">{escape(problem)}</div></div>'
        )
        with st.container(horizontal=True, gap="small"):
            _log(ended.folder)
            st.button(
                "Dismiss",
                key=f"status-dismiss-{name}",
                icon=":material/close:",
                type="tertiary",
                help="It stays in the list of runs on the Train page",
                on_click=dismiss,
                args=(ended.folder,),
            )


def _log(folder: Path) -> None:
    log = log_tail(folder, lines=30)
    with st.popover("Log", key=f"status-log-{folder.name}", icon=":material/notes:", type="tertiary"):
        st.code(log or "nothing so far", language=None, wrap_lines=True)
