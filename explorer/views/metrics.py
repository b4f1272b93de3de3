"""Metrics: how every task fares over the epochs, with the structural phases and the cursor marked."""

import streamlit as st

from explorer import state
from explorer.figures import metrics_drawing
from explorer.figures.rows import csv_text
from explorer.figures.tables import curve_rows, metric_rows
from explorer.focus import Focus
from explorer.player import Scene, cursor_page, offer_file, pick, show_drawing, show_table

SHOWN = {"metric": "Key metric", "second": "Second metric", "loss": "Training loss"}


def _controls(scene: Scene) -> None:
    labels = [task.label for task in scene.history.header.tasks]
    picked = scene.view.tasks
    options: list[tuple[int, ...]] = [(), *((task,) for task in range(len(labels)))]
    if picked not in options:
        options.append(picked)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "Show",
            list(SHOWN),
            format_func=lambda show: SHOWN[show],
            required=True,
            key=state.held(state.SHOW, scene.view.show),
            on_change=lambda: state.change(show=st.session_state[state.SHOW]),
        )
        st.selectbox(
            "Tasks",
            options,
            format_func=lambda tasks: " + ".join(labels[task] for task in tasks) or "All tasks",
            key=state.held(state.TASK, picked),
            width=260,
            on_change=lambda: state.pick(Focus(None, st.session_state[state.TASK])),
        )


def _draw(scene: Scene) -> None:
    _controls(scene)
    if not scene.history.evaluations and not scene.history.epochs:
        st.info("No epoch is finished yet.")
        return
    view, index = scene.view, scene.snapshot.index
    show_drawing(metrics_drawing(scene.history, index, view.show, view.tasks), scene.file("metrics"), pick)
    show_table(
        metric_rows(scene.history, index, view.show),
        "metrics-table",
        "Every task",
        scene.file("metrics"),
        column_config={
            name: st.column_config.NumberColumn(format="%.4g") for name in ("First", "At the cursor", "Best", "Last")
        },
    )
    offer_file(
        "All metrics and losses (CSV)", lambda: csv_text(curve_rows(scene.history)), f"{scene.file('metrics')}.csv"
    )


if __name__ == "__main__":  # as Streamlit runs a page
    st.title("Metrics")
    cursor_page(_draw)
