"""The cards of the overview: what a run is, how it ended, what it reached, and what can be done with it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Literal

import streamlit as st

from explorer import state
from explorer.catalogue import Tags
from explorer.figures.thumbnail import HEIGHT, WIDTH, as_source
from explorer.library import Entry
from explorer.names import get_name
from explorer.player.sidebar import STATE_COLOURS
from explorer.player.ticker import ticker
from explorer.run_dialogs import ICONS, Action, answer, ask
from explorer.summaries import Chip, Facts, Summary
from explorer.theme import looks
from explorer.training import read_job
from explorer.words import NOT_DEFINED, STATE_WORDS, count, duration, plain, task_names, value

MOST_COMPARED = 6
"""Runs that can be compared at once, the one that is looked at counted too."""
_MOST_METRICS = 5
_REFRESH_SECONDS = 2.0


def run_cards(shown: Sequence[Summary], tags: Tags) -> None:
    """Draw one card a run, and the dialog of one that something was asked for."""
    with st.container(key="run-cards"):
        for summary in shown:
            with st.container(border=True, key=f"run-{summary.entry.id}", gap="small"):
                _card(summary, tags.get(summary.entry.id, ()))
    answer(shown, tags)


def comparison(entries: Sequence[Entry], page: str | None) -> None:
    """Draw which runs are chosen for a comparison, and the way to the `page` that compares them, if there is one."""
    names = {entry.id: entry.name for entry in entries}
    chosen = [names[run] for run in state.current().others if run in names]
    if not chosen:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="comparison"):
        st.markdown(f":material/compare_arrows: To compare: **{plain(', '.join(chosen))}**", width="content")
        if page and st.button("Open the comparison", type="primary", key="compare-open"):
            st.switch_page(page)
        st.button("Clear", type="tertiary", key="compare-clear", on_click=state.change, kwargs={"others": ()})


def _card(summary: Summary, own_tags: tuple[str, ...]) -> None:
    entry = summary.entry
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(f"**{plain(entry.name)}**", width="content")
        icon, colour, meaning = _chip(summary.state)
        st.badge(summary.state, icon=f":material/{icon}:", color=colour, help=meaning)
    if summary.facts is None:
        st.error(plain(summary.problem), icon=":material/error:")
    else:
        st.html(_facts(summary, summary.facts, own_tags))
    if entry.live:
        st.fragment(_progress)(summary)
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        if st.button("Open", key=f"open-{entry.id}", icon=":material/account_tree:", disabled=summary.facts is None):
            state.open_view(entry.id)
            st.switch_page("views/structure.py")
        _compare_button(summary)
        actions: list[Action] = ["Tags", "Take off the list" if entry.place == "opened" else "Delete"]
        action = st.menu_button(
            "More",
            actions,
            key=f"more-{entry.id}",
            type="tertiary",
            format_func=lambda action: f":material/{ICONS[action]}: {action}",
        )
    if action is not None:
        ask(action, summary.entry.id)


def _chip(chip: Chip) -> tuple[str, Literal["blue", "green", "gray", "orange", "red"], str]:
    """Icon, colour and meaning of a state."""
    if chip == "unreadable":
        return "cancel", "red", "its files are damaged, or not those of a run"
    icon, meaning = STATE_WORDS[chip]
    return icon, STATE_COLOURS[chip], meaning


def _facts(summary: Summary, facts: Facts, own_tags: tuple[str, ...]) -> str:
    """The body of a card as HTML."""
    header = facts.header
    size: tuple[str, ...] = ("no structure written yet",)
    if facts.parameters is not None and facts.macs is not None:
        size = (f"{count(facts.parameters)} parameters", f"{count(facts.macs)} MACs")
    spent = f" · {duration(facts.last.seconds)}" if facts.last else ""
    begun = f"{datetime.fromtimestamp(summary.created, UTC):%Y-%m-%d %H:%M} UTC"
    lines = (
        f"<b>{escape(get_name(header.method))} on {escape(header.data)}</b>",
        f"seed {header.seed}{spent}",
        *size,
        begun,
    )
    picture = (
        f'<img src="{as_source(facts.picture)}" width="{WIDTH}" height="{HEIGHT}" alt="{escape(_said(facts))}">'
        if facts.picture
        else '<div class="run-none">no structure yet</div>'
    )
    chips = "".join(f'<span class="run-tag">{escape(tag)}</span>' for tag in own_tags)
    return (
        f'<div class="run-card">{picture}<div class="run-facts">{"".join(f"<div>{line}</div>" for line in lines)}'
        f'<div class="run-tags">{chips}</div></div></div><div class="run-metrics">{_metrics(summary, facts)}</div>'
    )


def _said(facts: Facts) -> str:
    """The picture in words, for screen readers."""
    header = facts.header
    if not facts.shared:
        return f"Last structure: {len(header.tasks)} tasks that share no stage"
    groups = [
        "all tasks" if len(group) == len(header.tasks) else task_names(header, group) for group in facts.shared[:4]
    ]
    return f"Last structure; some stages are shared by: {', '.join(groups)}"


def _metrics(summary: Summary, facts: Facts) -> str:
    """The key metric of each task at the last evaluation, with the task's colour and letter."""
    if facts.evaluated is None:
        return "<b></b><i>not evaluated yet</i><b></b>"
    rows = []
    for place, (task, look) in enumerate(zip(facts.header.tasks, looks(facts.header), strict=True)):
        measured, key = summary.key_metric(place), task.metrics[0]
        shown = NOT_DEFINED if measured is None else value(measured, key.unit)
        rows.append(
            f'<b style="color:{look.colour}">{escape(look.letter)}</b><span>{escape(task.label)} '
            f"<i>{escape(key.label)} {'↑' if key.direction == 'higher' else '↓'}</i></span><b>{escape(shown)}</b>"
        )
    more = len(rows) - _MOST_METRICS
    return "".join(rows if more <= 1 else [*rows[:_MOST_METRICS], f"<b></b><i>and {more} tasks more</i><b></b>"])


def _progress(summary: Summary) -> None:
    """How far a live run is; the whole page is drawn anew when it ends."""
    try:
        job = read_job(summary.entry.folder)
    except FileNotFoundError:
        st.rerun()
    if not job.live:
        st.rerun()
    ticker(_REFRESH_SECONDS, f"card-{summary.entry.id}")
    left = "" if job.eta_seconds is None else f" · {duration(max(1.0, job.eta_seconds))} left"
    st.progress(min(1.0, job.done or 0.0), text=plain(job.message + left))


def _compare_button(summary: Summary) -> None:
    run, others = summary.entry.id, state.current().others
    chosen = run in others
    full = len(others) >= MOST_COMPARED - 1

    def toggle() -> None:
        state.change(others=tuple(other for other in others if other != run) if chosen else (*others, run))

    st.button(
        "Chosen" if chosen else "Compare",
        key=f"compare-{run}",
        icon=f":material/{'check' if chosen else 'compare_arrows'}:",
        disabled=summary.facts is None or (full and not chosen),
        help="Take it out of the comparison" if chosen else "Choose it for a comparison",
        on_click=toggle,
    )
