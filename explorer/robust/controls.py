"""Choices of the Robustness page, and the measurement that runs meanwhile."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from core.robustness.records import Family, Suite
from core.runs import RunError
from explorer import state
from explorer.baselines import baselines
from explorer.figures.robustness.kept import plain_name
from explorer.glossary import GLOSSARY
from explorer.library import Entry
from explorer.player import Scene
from explorer.player.ticker import ticker
from explorer.robust import job
from explorer.robust.records import reference_for
from explorer.words import duration, plain

FAMILY_LABELS: dict[Family, str] = {"corruption": "Corruptions", "shift": "Shifts", "attack": "Attacks"}
_COSTS: dict[Family, str] = {
    "corruption": "15 common corruptions at 5 severities, on 200 images",
    "shift": "other textures, light, cameras and objects, or other pictures, each in 5 strengths",
    "attack": "FGSM and PGD on every task and on all, at 6 strengths, on 64 images; takes longest",
}
_PROBLEM = "robustness.problem"


def choose_family(known: Sequence[Family]) -> Family:
    """Draw the choice among the families that were measured; the one that is shown."""
    view = state.current()
    family: Family = next((one for one in known if one == view.family), known[0])
    st.segmented_control(
        "Family",
        known,
        format_func=lambda one: FAMILY_LABELS[one],
        required=True,
        help=GLOSSARY["robustness"],
        key=state.held(state.FAMILY, family),
        on_change=lambda: state.change(family=st.session_state[state.FAMILY], under=""),
    )
    return family


def choose_reference(scene: Scene, suite: Suite, entries: Sequence[Entry]) -> tuple[str, Suite] | None:
    """Draw the choice of the run to compare with, among those measured in the same way; its name and suite."""
    known = {}
    for run, label in baselines(scene.opened.run.folder, scene.history.header, entries).items():
        entry = next(one for one in entries if one.id == run)
        if (found := reference_for(suite, entry.folder)) is not None:
            known[run] = (label, entry.name, found)
    base = scene.view.base if scene.view.base in known else ""
    st.selectbox(
        "Baseline",
        ["", *known],
        format_func=lambda run: known[run][0] if run else "None" if known else "None was measured in the same way",
        help=GLOSSARY["baseline"],
        key=state.held(state.BASE, base),
        width=260,
        on_change=lambda: state.change(base=st.session_state[state.BASE]),
    )
    return known[base][1:] if base else None


def choose_under(label: str, names: Sequence[str]) -> str:
    """Draw the choice of one corruption, shift or attack; the one that is chosen."""
    view = state.current()
    chosen = view.under if view.under in names else names[0]
    st.selectbox(
        label,
        names,
        format_func=lambda name: name.upper() if label == "Attack" else plain_name(name),
        key=state.held(state.UNDER, chosen),
        width=220,
        on_change=lambda: state.change(under=st.session_state[state.UNDER]),
    )
    return chosen


def choose_level(label: str, levels: Sequence[str]) -> int:
    """Draw the choice of a severity or strength by its text; its position among `levels`."""
    wanted = min(max(state.current().level - 1, 0), len(levels) - 1)
    st.segmented_control(
        label,
        range(len(levels)),
        format_func=lambda place: levels[place],
        required=True,
        key=state.held(state.LEVEL, wanted),
        on_change=lambda: state.change(level=st.session_state[state.LEVEL] + 1),
    )
    return wanted


def measuring(folder: Path, missing: Sequence[Family]) -> None:
    """Draw what is being measured now, and what can be; a fragment of its own that keeps itself fresh."""
    st.fragment(_measuring)(folder, missing)


def _measuring(folder: Path, missing: Sequence[Family]) -> None:
    now = job.read_measuring(folder)
    live = now is not None and now.live
    was, key = st.session_state.get("_measuring"), (str(folder), live)
    st.session_state["_measuring"] = key
    if was == (str(folder), True) and not live:
        st.rerun()  # what it measured belongs on the page
    ticker(1.0 if live else None, "measuring")
    if problem := st.session_state.pop(_PROBLEM, ""):
        st.error(plain(problem), icon=":material/error:")
    if now is not None and now.live:
        left = f" · {duration(max(1.0, now.eta_seconds))} left" if now.eta_seconds is not None else ""
        st.progress(now.done, text=plain(now.message + left))
        st.button(
            "Stop measuring",
            icon=":material/stop_circle:",
            type="tertiary",
            key="robustness-stop",
            help="What is measured so far is kept; measuring again goes on from there",
            on_click=job.stop,
            args=(folder,),
        )
        return
    if now is not None and now.problem:
        st.error(plain(now.problem), icon=":material/error:")
    if not missing:
        return
    if not job.has_weights(folder):
        st.caption(
            "More cannot be measured here: this run keeps no weights. Train it anew (the same seed gives the same run)."
        )
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for family in missing:
            st.button(
                f"Measure {FAMILY_LABELS[family].lower()}",
                icon=":material/science:",
                key=f"robustness-measure-{family}",
                help=f"{_COSTS[family]}. A process of its own does it; a few minutes on two cores",
                on_click=_measure,
                args=(folder, family),
            )


def _measure(folder: Path, family: Family) -> None:
    try:
        job.measure(folder, [family])
    except (RunError, OSError) as error:
        st.session_state[_PROBLEM] = str(error)
