"""Metrics: how every task fares over the epochs, with the structural phases and the cursor marked."""

import streamlit as st

from explorer import state
from explorer.figures import metrics, metrics_figure
from explorer.figures.tables import csv_text, curve_rows, metric_rows
from explorer.player import Scene, cursor_page, offer_file, show_chart
from explorer.words import plain

SHOWN = {"metric": "Key metric", "second": "Second metric", "loss": "Training loss"}


def _controls(scene: Scene) -> None:
    header = scene.history.header
    names: dict[str, str] = {"": "All tasks"} | {task.name: task.label for task in header.tasks}
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
            "Task",
            list(names),
            format_func=lambda name: names[name],
            key=state.held(state.TASK, scene.view.task),
            width=260,
            on_change=lambda: state.change(task=st.session_state[state.TASK]),
        )


def _draw(scene: Scene) -> None:
    known = [task.name for task in scene.history.header.tasks]
    if scene.view.task and scene.view.task not in known:
        wrong = f"The link says task={scene.view.task}, but this run has {', '.join(known)}. Showing all of them."
        st.warning(plain(wrong), icon=":material/link_off:")
        state.change(task="")
        scene = scene.with_view(state.current())
    _controls(scene)
    if not scene.history.evaluations and not scene.history.epochs:
        st.info("No epoch is finished yet.")
        return
    view, index = scene.view, scene.snapshot.index
    figure = metrics_figure(scene.history, index, view.show, view.task or None)
    show_chart(figure, "metrics", metrics.ALT, scene.file("metrics"))
    st.dataframe(
        metric_rows(scene.history, index, view.show),
        hide_index=True,
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
