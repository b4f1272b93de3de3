"""The list of runs on the Train page: a card each, with state, progress, last numbers and what can be done about it."""

import contextlib
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Literal

import streamlit as st

from core.runs import RunError
from explorer import state, training
from explorer.library import Entry
from explorer.player.ticker import ticker
from explorer.theme import looks
from explorer.training import Job, JobState, cores, glance, jobs, log_tail
from explorer.words import NOT_DEFINED, duration, plain, run_title, value
from explorer.work.fork_form import parent_line
from explorer.work.queue_list import queue_list

Colour = Literal["red", "orange", "blue", "green"]
CHIPS: dict[JobState, tuple[str, Colour]] = {
    "starting": ("hourglass_top", "green"),
    "running": ("play_circle", "green"),
    "stopping": ("hourglass_bottom", "orange"),
    "paused": ("pause_circle", "orange"),
    "interrupted": ("error", "orange"),
    "finished": ("check_circle", "blue"),
    "failed": ("cancel", "red"),
    "unreadable": ("cancel", "red"),
}
"""State -> icon and colour of its chip."""

_SHOWN = 6
_GRID = "display:grid;grid-template-columns:repeat(auto-fill,minmax(10.5rem,1fr));gap:.35rem .8rem;font-size:.85rem"
_REFRESH_SECONDS = 1.0
_PROBLEM = "train.problem"


def job_list(root: Path) -> None:
    """Draw the queue and every run directly below `root`, newest first, and keep them fresh while they change."""
    st.fragment(_list)(root)


def _list(root: Path) -> None:
    ticker(_REFRESH_SECONDS if glance(root).changing else None, "runs")
    found = jobs(root)
    live = [job for job in found if job.live]
    queue_list(root)
    if len(live) > 1:
        _say_load(live)
    if problem := st.session_state.pop(_PROBLEM, ""):
        st.error(plain(problem), icon=":material/error:")
    if not found:
        st.info("No runs here yet. Choose settings and press **Start now**.", icon=":material/rocket_launch:")
    older = len(found) - _SHOWN - len([job for job in found[_SHOWN:] if job.live])
    for job in [*found[:_SHOWN], *(job for job in found[_SHOWN:] if job.live)]:
        _card(job)
    if older > 0 and st.toggle(f"Show {older} older", key="train.older", persist_state="session"):
        for job in (job for job in found[_SHOWN:] if not job.live):
            _card(job)


def _say_load(live: list[Job]) -> None:
    """Draw what several runs mean for this machine."""
    if _threads(live) > cores():
        text = f"{len(live)} runs share {cores()} processor cores, so each is slower than alone."
        st.warning(text, icon=":material/speed:")
    else:
        st.caption(f"{len(live)} runs are training on {cores()} processor cores.")


def _threads(live: list[Job]) -> int:
    """Processor threads that these runs use together."""
    return sum(job.threads or cores() for job in live)


def _card(job: Job) -> None:
    name = job.folder.name
    icon, colour = CHIPS[job.state]
    with st.container(border=True, key=f"job-{name}", gap="small"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f"**{escape(name)}**", width="content")
            st.badge(job.state, icon=f":material/{icon}:", color=colour)
        if job.live:
            st.progress(min(1.0, job.done or 0.0), text=_progress_text(job))
        elif job.message or job.header:
            facts = (run_title(job.header) if job.header else "", job.message, duration(job.seconds))
            st.caption(" · ".join(fact for fact in facts[: 3 if job.seconds else 2] if fact))
        if job.header is not None and (origin := parent_line(job.header)):
            st.caption(origin)
        if job.problem:
            st.error(plain(job.problem))
        if numbers := _numbers(job):
            st.html(numbers)
        _buttons(job)


def _progress_text(job: Job) -> str:
    """What a live run is doing and how long it will take."""
    if job.state == "stopping":
        return "stopping: writes a checkpoint first" if job.done else "stopping"
    if job.eta_seconds is None:
        return job.message
    seconds = max(1, round(job.eta_seconds))  # tenths would only flicker
    return f"{job.message} · {f'{seconds} s' if seconds < 60 else duration(seconds)} left"


def _buttons(job: Job) -> None:
    name = job.folder.name
    with st.container(horizontal=True, gap="small"):
        if st.button(
            "Open",
            key=f"open-{name}",
            icon=":material/account_tree:",
            disabled=job.header is None or job.state == "unreadable",
            help="Look at it on the Structure page" if job.header else "There is nothing to look at yet",
        ):
            state.open_view(Entry("runs", job.folder, job.live).id)
            st.switch_page("views/structure.py")
        if job.live:
            st.button(
                "Stop",
                key=f"stop-{name}",
                icon=":material/stop_circle:",
                disabled=job.state == "stopping",
                help="Write a checkpoint and stop; it can be resumed",
                on_click=training.stop,
                args=(job.folder,),
            )
        if job.resumable:
            st.button(
                "Resume",
                key=f"resume-{name}",
                icon=":material/resume:",
                help="Go on from its last checkpoint",
                on_click=_resume,
                args=(job.folder,),
            )
        if job.removable:
            st.button(
                "Remove",
                key=f"remove-{name}",
                icon=":material/delete:",
                help="Delete it; nothing was trained",
                on_click=_remove,
                args=(job.folder,),
            )
        if log := log_tail(job.folder, lines=40):
            with st.popover("Log", key=f"log-{name}", icon=":material/notes:"):
                st.code(log, language=None, wrap_lines=True)


def _resume(folder: Path) -> None:
    with _problems():
        training.resume(folder)


def _remove(folder: Path) -> None:
    with _problems():
        training.remove(folder)


@contextlib.contextmanager
def _problems() -> Iterator[None]:
    """Keep an error for the next time the list is drawn, as a callback draws nothing."""
    try:
        yield
    except (RunError, OSError) as error:
        st.session_state[_PROBLEM] = str(error)


def _numbers(job: Job) -> str:
    """The last loss and key metric of every task as HTML, each with its task's colour; "" while there are none."""
    if job.header is None or job.epoch is None:
        return ""
    metrics = job.evaluated.metrics if job.evaluated else {}
    tiles = []
    for task, look in zip(job.header.tasks, looks(job.header), strict=True):
        key = task.metrics[0]
        measured, loss = metrics.get(task.name, {}).get(key.key), job.epoch.losses.get(task.name)
        shown = f"{escape(key.label)} {escape(value(measured, key.unit)) if measured is not None else NOT_DEFINED}"
        tiles.append(
            f'<div><span style="color:{look.colour}">●</span> {escape(task.label)}<br><b>{shown}</b>'
            + (f' <span style="opacity:.75">loss {value(loss)}</span>' if loss is not None else "")
            + "</div>"
        )
    return f'<div style="{_GRID}">{"".join(tiles)}</div>'
