"""Which runs the Compare page compares: the choice above it, what a link says checked, and the runs opened."""

import streamlit as st

from core.runs import RunError, TaskInfo
from explorer import library, state, words
from explorer.baselines import known_header
from explorer.figures.compare import MOST_RUNS, SIZES, Lock, Member, default_baseline, gather, measure_title
from explorer.focus import Focus
from explorer.glossary import GLOSSARY
from explorer.library import Entry
from explorer.moments import History
from explorer.player import Scene
from explorer.player.sidebar import run_label
from explorer.state import View

LOCKS: dict[Lock, str] = {"share": "Share of the run", "phase": "Phase", "epoch": "Epoch"}

REFERENCES = ("one", "separate")
"""Methods that others are usually measured by."""


def choose_others(entries: list[Entry], first: Entry) -> list[Entry]:
    """Draw the choice of the runs beside `first` and return them; what a link says wrong is told and dropped."""
    known = {entry.id: entry for entry in entries if entry.id != first.id}
    asked = [name for name in state.current().others if name != first.id]
    _tell([name for name in asked if name not in known], len(asked))
    kept = [name for name in asked if name in known][: MOST_RUNS - 1]
    if tuple(kept) != state.current().others:
        state.change(others=tuple(kept))
    st.multiselect(
        f"Compare {words.plain(first.folder.name)} with",
        list(known),
        format_func=lambda name: run_label(known[name]),
        key=state.held(state.OTHERS, kept),
        max_selections=MOST_RUNS - 1,
        placeholder="Choose up to five runs",
        on_change=lambda: state.change(others=tuple(st.session_state[state.OTHERS])),
    )
    return [known[name] for name in kept]


def members_of(scene: Scene, first: Entry, others: list[Entry]) -> list[Member]:
    """The scene's run and the others, each where the view's lock puts it; one that cannot be shown is told."""
    runs: list[tuple[str, str, History]] = [(first.id, first.folder.name, scene.history)]
    for entry in others:
        try:
            history = library.open_run(entry).history
        except RunError as error:
            st.warning(f"Left out, as it cannot be read: {words.plain(str(error))}", icon=":material/error:")
            continue
        if len(history):
            runs.append((entry.id, entry.folder.name, history))
        else:
            st.info(f"{words.plain(entry.folder.name)} has no events yet.", icon=":material/hourglass_top:")
    return gather(runs, scene.snapshot.index, scene.view.lock)


def lock_choice(view: View) -> None:
    """Draw the choice of what stands still while the cursor moves."""
    st.segmented_control(
        "The other runs stand at the same",
        list(LOCKS),
        format_func=lambda lock: LOCKS[lock],
        help=GLOSSARY["lock"],
        required=True,
        key=state.held(state.LOCK, view.lock),
        on_change=lambda: state.change(lock=st.session_state[state.LOCK]),
    )


def other_of(members: list[Member], view: View) -> Member:
    """The run whose structure is laid over the first one's; drawn as a choice if there are several."""
    others = {member.id: member for member in members[1:]}
    other = others.get(view.versus, members[1])
    if len(others) > 1:
        st.selectbox(
            f"Difference between {words.plain(members[0].label)} and",
            list(others),
            format_func=lambda name: others[name].label,
            help=GLOSSARY["agreement"],
            key=state.held(state.VERSUS, other.id),
            width=300,
            on_change=lambda: state.change(versus=st.session_state[state.VERSUS]),
        )
    return other


def baseline_of(members: list[Member], view: View) -> Member:
    """The run that the others are measured by, as a choice."""
    known = {member.id: member for member in members}
    baseline = known.get(view.base, default_baseline(members))
    st.selectbox(
        "Baseline",
        list(known),
        format_func=lambda name: known[name].label,
        help=GLOSSARY["baseline"],
        key=state.held(state.BASE, baseline.id),
        width=260,
        on_change=lambda: state.change(base=st.session_state[state.BASE]),
    )
    return baseline


def measure_of(members: list[Member], view: View) -> TaskInfo | None:
    """The task whose key metric stands for quality, as a choice that picks it on every page; None: all, as Δm."""
    tasks = members[0].header.tasks
    picked = view.tasks if len(view.tasks) == 1 else ()
    st.selectbox(
        "Quality",
        [(), *((task,) for task in range(len(tasks)))],
        format_func=lambda chosen: measure_title(tasks[chosen[0]]) if chosen else "Δm over all tasks",
        help=GLOSSARY["Δm"],
        key=state.held(state.MEASURE, picked),
        width=260,
        on_change=lambda: state.pick(Focus(None, st.session_state[state.MEASURE])),
    )
    return tasks[picked[0]] if picked else None


def size_choice(view: View) -> None:
    """Draw the choice of what counts as size."""
    st.segmented_control(
        "Size",
        list(SIZES),
        format_func=lambda size: SIZES[size].capitalize() if size == "parameters" else SIZES[size],
        required=True,
        key=state.held(state.SIZE, view.size),
        on_change=lambda: state.change(size=st.session_state[state.SIZE]),
    )


def offer(scene: Scene, entries: list[Entry]) -> None:
    """Say what can be compared, with one button for the runs on the same data that are at hand."""
    found = _same_data(scene, entries)
    if not found:
        st.info(
            "There is no other run on the same data yet. Train one on the **Train** page with another method or seed, "
            "or choose any run above.",
            icon=":material/compare:",
        )
        return
    st.info(
        "Lay runs beside this one: where their structures differ, what they reach, and at what size. Choose some "
        "above, or take those on the same data.",
        icon=":material/compare:",
    )
    names = [words.plain(entry.folder.name) for entry in found]
    said = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    if st.button(f"Compare with {said}", type="primary", icon=":material/compare:", key="offer"):
        state.change(others=tuple(entry.id for entry in found))
        st.rerun()  # the choice stands above this fragment


def _same_data(scene: Scene, entries: list[Entry]) -> list[Entry]:
    """Runs on the data of the scene's run: the recorded examples, else own ones; at most as many as fit.

    Those of the two reference models with the same seed say most; where there are any, only they are offered.
    """
    here, own = scene.opened.run.folder, scene.history.header
    for examples in (True, False):
        found = []
        for entry in entries:
            if entry.folder != here and (entry.place == "example") == examples:
                header = known_header(entry.folder)
                if header is not None and header.data == own.data:
                    found.append((entry, header))
        references = [one for one in found if one[1].method in REFERENCES and one[1].seed == own.seed]
        if found:
            return [entry for entry, _ in (references or found)][: MOST_RUNS - 1]
    return []


def _tell(unknown: list[str], n_asked: int) -> None:
    if unknown:
        said = ", ".join(unknown)
        st.warning(
            words.plain(f"The link says with={said}, but there is no such run here. It is left out."),
            icon=":material/link_off:",
        )
    elif n_asked >= MOST_RUNS:
        st.warning(
            f"The link names {n_asked + 1} runs, but at most {MOST_RUNS} can be compared. The first ones are shown.",
            icon=":material/link_off:",
        )
