"""Similarity: how alike task nodes are, at the cursor and over the whole run, and why the decision fell."""

import streamlit as st

from explorer import state, words
from explorer.figures import grid, grid_figure, matrix_figure, scores_figure, similarity
from explorer.figures.similarity import Scale
from explorer.figures.tables import candidate_rows, csv_text, measurement_rows
from explorer.moments import Measurement
from explorer.player import Scene, cursor_page, jump, offer_file, show_chart

SCALES: dict[Scale, str] = {"measured": "range of this run", "unit": "0 to 1"}


def _one(scene: Scene, measurement: Measurement) -> None:
    header = scene.history.header
    asked = measurement.similarity
    st.subheader(words.plain(words.title(measurement.decision or asked, header)))
    left, right = st.columns([5, 4], gap="large")
    with left:
        figure = matrix_figure(scene.history, measurement, scene.view.scale)
        show_chart(figure, "matrix", similarity.MATRIX_ALT, scene.file("similarity"))
        st.caption(words.plain(words.sentence(asked, header)))
    with right:
        if measurement.decision is None:
            st.info("Measured, but not decided yet: the decision is the next moment.", icon=":material/hourglass_top:")
            return
        figure = scores_figure(scene.history, measurement)
        show_chart(figure, "scores", similarity.SCORES_ALT, scene.file("scores"))
        st.markdown(words.plain(measurement.decision.reason))
    st.dataframe(
        candidate_rows(scene.history, measurement),
        hide_index=True,
        column_config={"Score": st.column_config.NumberColumn(format="%.4f")},
    )


def _draw(scene: Scene) -> None:
    if not scene.history.measurements:
        st.info("No similarity was measured in this run so far. MTSL measures it in structural-learning phases.")
        return
    st.segmented_control(
        "Colour scale",
        list(SCALES),
        format_func=lambda scale: SCALES[scale],
        required=True,
        key=state.held(state.SCALE, scene.view.scale),
        on_change=lambda: state.change(scale=st.session_state[state.SCALE]),
    )
    measured = scene.history.measured(scene.snapshot.index)
    if measured:
        _one(scene, measured[-1])
    else:
        st.info("Nothing was measured before this moment. Step on to the first structural-learning phase.")
    st.subheader("All measurements")
    figure = grid_figure(scene.history, scene.snapshot.index, scene.view.scale)
    show_chart(figure, state.GRID, grid.ALT, scene.file("similarities"), on_pick=jump)
    st.caption(
        "Stages upwards, structural phases to the right; pale ones lie after the cursor. A filled diamond says that "
        "groups fused; click a diamond to go there."
    )
    offer_file(
        "All measured pairs (CSV)",
        lambda: csv_text(measurement_rows(scene.history)),
        f"{scene.file('similarities')}.csv",
    )


if __name__ == "__main__":  # as Streamlit runs a page
    st.title("Similarity")
    cursor_page(_draw)
