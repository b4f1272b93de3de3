"""Metrics: how every task fares over the epochs, alone or against a baseline, and around each structural phase."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from core.tables import csv_text
from explorer import library, state, words
from explorer.figures import delta_drawing, effects_drawing, metrics_drawing, training_drawing
from explorer.figures.curves.delta import undefined_note
from explorer.figures.curves.effects import effect_rows
from explorer.figures.curves.series import Baseline, Show
from explorer.figures.tables import curve_rows, metric_rows
from explorer.glossary import GLOSSARY
from explorer.library import Entry
from explorer.player import (
    Scene,
    choose_baseline,
    choose_tasks,
    cursor_page,
    offer_file,
    pick,
    show_drawing,
    show_table,
)
from explorer.reading import around_phases

SHOW_HELP = (
    "**Key metric**: the first metric of each task. **Second**: its next metric, or the key metric where it has no "
    "other. **Loss**: mean training loss of each epoch. **All**: every metric and the loss, a curve each."
)
SHOWN: dict[Show, str] = {"metric": "Key metric", "second": "Second", "loss": "Loss", "all": "All"}
_NUMBERS = ("First", "At the cursor", "Best", "Last", "Before", "First after", "Second after")
_PERCENT = ("Gain over the baseline [%]", "Change [%]", "Change to second [%]")
COLUMNS = {name: st.column_config.NumberColumn(format="%.4g") for name in _NUMBERS} | {
    name: st.column_config.NumberColumn(format="%+.1f") for name in _PERCENT
}


def _controls(scene: Scene, entries: Sequence[Entry]) -> Baseline | None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "Show",
            list(SHOWN),
            format_func=lambda show: SHOWN[show],
            required=True,
            help=SHOW_HELP,
            key=state.held(state.SHOW, scene.view.show),
            on_change=lambda: state.change(show=st.session_state[state.SHOW]),
        )
        choose_tasks(scene)
        baseline = choose_baseline(scene, entries)
        st.slider(
            "Smoothing",
            0.0,
            0.95,
            step=0.05,
            help=GLOSSARY["smoothing"],
            key=state.held(state.SMOOTH, scene.view.smooth),
            width=200,
            on_change=lambda: state.change(smooth=st.session_state[state.SMOOTH]),
        )
    return baseline


def _against(scene: Scene, baseline: Baseline) -> None:
    st.subheader("Δm against the baseline", help=GLOSSARY["Δm"])
    show_drawing(delta_drawing(scene.history, scene.snapshot.index, baseline), scene.file("delta-m"), pick)
    if note := undefined_note(scene.history, baseline):
        st.info(words.plain(note), icon=":material/info:")


def _around_phases(scene: Scene) -> None:
    if not (said := around_phases(scene.history.header)):
        return
    st.subheader("Before and after each structural phase")
    if not any(phase.role == "structural-learning" for phase in scene.history.phases):
        st.info("This run has no structural-learning phase so far, so there is nothing to compare around one.")
        return
    st.caption(said)
    only = scene.view.tasks
    show_drawing(effects_drawing(scene.history, scene.snapshot.index, only), scene.file("effects"), pick)
    with st.expander("The same as a table"):
        st.dataframe(effect_rows(scene.history, only), hide_index=True, column_config=COLUMNS)


def _draw(entries: Sequence[Entry], scene: Scene) -> None:
    baseline = _controls(scene, entries)
    history, view, index = scene.history, scene.view, scene.snapshot.index
    if not history.evaluations and not history.epochs:
        st.info("No epoch is finished yet.")
        return
    drawing = metrics_drawing(history, index, view.show, view.tasks, view.smooth, baseline)
    show_drawing(drawing, scene.file("metrics"), pick)
    rows = metric_rows(history, index, view.show, baseline, view.tasks)
    show_table(rows, "metrics-table", "Every task", scene.file("metrics"), column_config=COLUMNS)
    offer_file("All metrics and losses (CSV)", lambda: csv_text(curve_rows(history)), f"{scene.file('metrics')}.csv")
    if baseline:
        _against(scene, baseline)
    _around_phases(scene)
    if history.epochs:
        st.subheader("Training itself")
        show_drawing(training_drawing(history, index), scene.file("training"), pick)


if __name__ == "__main__":  # as Streamlit runs a page
    st.title("Metrics")
    cursor_page(partial(_draw, library.listing()))
