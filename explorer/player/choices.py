"""Choices that pages have: which stage, tasks or pair are picked, and which run is the baseline."""

from collections.abc import Sequence
from itertools import combinations

import streamlit as st

from core.runs import RunError
from core.structure import Group
from explorer import library, state, words
from explorer.baselines import baselines
from explorer.figures.curves.series import Baseline
from explorer.focus import Focus
from explorer.glossary import GLOSSARY
from explorer.library import Entry
from explorer.player.bar import Scene

_ANY = -1
"""The choice of no stage in particular; None would look like a choice that is yet to be made."""


def choose_stage(scene: Scene) -> None:
    """Draw the choice of one stage or none in particular."""
    header, focus = scene.history.header, scene.view.focus

    def chosen() -> None:
        stage = st.session_state[state.PICK_STAGE]
        state.pick(Focus(None if stage == _ANY else stage, focus.tasks))

    st.selectbox(
        "Stage",
        [_ANY, *range(len(header.stages) + (focus.stage == len(header.stages)))],
        format_func=lambda stage: "any" if stage == _ANY else words.stage_name(header, stage),
        key=state.held(state.PICK_STAGE, _ANY if focus.stage is None else focus.stage),
        help=GLOSSARY["stage"],
        width=150,
        on_change=chosen,
    )


def choose_pair(scene: Scene) -> None:
    """Draw the choice of one pair of tasks or none; whatever else is picked stands in the list as well."""
    header, focus = scene.history.header, scene.view.focus
    pairs: list[Group] = [(), *combinations(range(len(header.tasks)), 2)]
    if focus.tasks not in pairs:
        pairs.append(focus.tasks)
    st.selectbox(
        "Pair",
        pairs,
        format_func=lambda pair: words.task_names(header, pair, " – ") or "none",
        key=state.held(state.PICK_PAIR, focus.tasks),
        width=230,
        on_change=lambda: state.pick(Focus(focus.stage, st.session_state[state.PICK_PAIR])),
    )


def choose_tasks(scene: Scene) -> None:
    """Draw the choice of one task or all of them; whatever else is picked stands in the list as well."""
    labels = [task.label for task in scene.history.header.tasks]
    picked = scene.view.tasks
    options: list[tuple[int, ...]] = [(), *((task,) for task in range(len(labels)))]
    if picked not in options:
        options.append(picked)
    st.selectbox(
        "Tasks",
        options,
        format_func=lambda tasks: " + ".join(labels[task] for task in tasks) or "All tasks",
        key=state.held(state.TASK, picked),
        width=220,
        on_change=lambda: state.pick(Focus(scene.view.stage, st.session_state[state.TASK])),
    )


def choose_baseline(scene: Scene, entries: Sequence[Entry]) -> Baseline | None:
    """Draw the choice of a baseline among `entries` and return it; one that cannot be is let go of, with a notice."""
    known = baselines(scene.opened.run.folder, scene.history.header, entries)
    wanted, found = scene.view.base, None
    if wanted in known:
        try:
            opened = library.open_run(next(entry for entry in entries if entry.id == wanted))
            found = Baseline(opened.history, opened.run.folder.name)
        except RunError as error:
            st.warning(f"The baseline cannot be read. {words.plain(str(error))}", icon=":material/error:")
    elif wanted:
        st.warning(
            words.plain(f"The baseline base={wanted} is not among the runs with the tasks and metrics of this one.")
            + " Nothing is compared.",
            icon=":material/link_off:",
        )
    if found is None:
        state.change(base="")
    st.selectbox(
        "Baseline",
        ["", *known],
        format_func=lambda run: known.get(run, "None"),
        help=GLOSSARY["baseline"],
        key=state.held(state.BASE, state.current().base),
        width=260,
        on_change=lambda: state.change(base=st.session_state[state.BASE]),
    )
    return found
