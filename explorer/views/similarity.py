"""Similarity: how alike task nodes are, at the cursor and over the whole run, and why the decision fell."""

import streamlit as st

from explorer import state, words
from explorer.figures import grid_drawing, matrix_drawing, scores_drawing
from explorer.figures.similarity import Scale
from explorer.figures.tables import candidate_rows
from explorer.moments import Measurement
from explorer.player import Scene, cursor_page, pick, show_drawing, show_table

SCALES: dict[Scale, str] = {"measured": "range of this run", "unit": "0 to 1"}


def _one(scene: Scene, measurement: Measurement) -> None:
    header = scene.history.header
    asked = measurement.similarity
    st.subheader(words.plain(words.title(measurement.decision or asked, header)))
    left, right = st.columns([5, 4], gap="large")
    with left:
        show_drawing(matrix_drawing(scene.history, measurement, scene.view.scale), scene.file("similarity"), pick)
        st.caption(words.plain(words.sentence(asked, header)))
    with right:
        if measurement.decision is None:
            st.info("Measured, but not decided yet: the decision is the next moment.", icon=":material/hourglass_top:")
            return
        show_drawing(scores_drawing(scene.history, measurement), scene.file("scores"))
        st.markdown(words.plain(measurement.decision.reason))
    show_table(
        candidate_rows(scene.history, measurement),
        "candidates",
        "Candidates of the decision",
        scene.file("candidates"),
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
    show_drawing(grid_drawing(scene.history, scene.snapshot.index, scene.view.scale), scene.file("similarities"), pick)
    st.caption(
        "Stages upwards, structural phases to the right; pale ones lie after the cursor. A filled diamond says that "
        "groups fused; click a diamond to go there."
    )


if __name__ == "__main__":  # as Streamlit runs a page
    st.title("Similarity")
    cursor_page(_draw)
