"""Similarity: how alike task nodes are, at the cursor and over the whole run, and why the decision fell."""

import streamlit as st

from explorer import state, words
from explorer.figures import dendrogram_drawing, grid_drawing, matrix_drawing, pairs_drawing, scores_drawing
from explorer.figures.affinity import READING, affinities_drawing, affinity_drawing
from explorer.figures.dendrogram import NOTE
from explorer.figures.similarity import SCALE_WORDS
from explorer.figures.tables import candidate_rows
from explorer.figures.task_groups import groups_drawing
from explorer.glossary import GLOSSARY
from explorer.moments import Measurement
from explorer.player import Scene, choose_pair, choose_stage, cursor_page, jump, pick, show_drawing, show_table
from explorer.reading import no_similarity


def _controls(scene: Scene) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "Colour scale",
            list(SCALE_WORDS),
            format_func=lambda scale: SCALE_WORDS[scale],
            required=True,
            help=GLOSSARY["colour scale"],
            key=state.held(state.SCALE, scene.view.scale),
            on_change=lambda: state.change(scale=st.session_state[state.SCALE]),
        )
        choose_stage(scene)
        choose_pair(scene)


def _elsewhere(scene: Scene, shown: Measurement | None) -> None:
    """Draw the way to the measurement of what is picked, if it is not the one at the cursor."""
    focus = scene.view.focus
    found = [
        one
        for one in scene.history.measurements
        if focus.has(one.similarity.stage, one.similarity.tasks) and focus.stage is not None
    ]
    if not found or (shown and shown.index in [one.index for one in found]):
        return
    near = max((one for one in found if one.index <= scene.snapshot.index), key=lambda one: one.index, default=found[0])
    label = f"Go to {words.plain(words.stage_name(scene.history.header, near.similarity.stage))} in phase "
    st.button(
        f"{label}{near.similarity.phase}, where this was measured",
        icon=":material/arrow_outward:",
        key=state.MEASUREMENT,
        on_click=jump,
        args=(near.index if near.decision_index is None else near.decision_index,),
    )


def _one(scene: Scene, measurement: Measurement) -> None:
    history, view = scene.history, scene.view
    st.subheader(words.plain(words.title(measurement.decision or measurement.similarity, history.header)))
    left, right = st.columns([5, 4], gap="large")
    with left:
        show_drawing(matrix_drawing(history, measurement, view.scale, view.focus), scene.file("similarity"), pick)
        st.caption(words.plain(words.sentence(measurement.similarity, history.header)))
        if measurement.decision is not None:
            scores = {"Score": st.column_config.NumberColumn(format="%.4f")}
            rows, file = candidate_rows(history, measurement), scene.file("candidates")
            show_table(rows, "candidates", "Candidates of the decision", file, column_config=scores)
    with right:
        if measurement.decision is None:
            st.info("Measured, but not decided yet: the decision is the next moment.", icon=":material/hourglass_top:")
        else:
            show_drawing(scores_drawing(history, measurement), scene.file("scores"))
            st.markdown(words.plain(measurement.decision.reason))
        show_drawing(dendrogram_drawing(history, measurement, view.focus), scene.file("dendrogram"), pick)
        st.caption(NOTE)


def _affinity(scene: Scene) -> None:
    history, index = scene.history, scene.snapshot.index
    matrix, beside = st.columns(2, gap="large")
    with matrix:
        st.subheader("What a step for one task does to the others", help=GLOSSARY["affinity"])
        show_drawing(affinity_drawing(history, index, scene.view.focus), scene.file("affinity"), pick)
        st.caption(READING)
    with beside:
        st.subheader("Who steps together", help=GLOSSARY["task group"])
        show_drawing(groups_drawing(history, index), scene.file("task-groups"), pick)
    st.subheader("Affinity over time")
    show_drawing(affinities_drawing(history, index), scene.file("affinities"), pick)


def _draw(scene: Scene) -> None:
    history, view, index = scene.history, scene.view, scene.snapshot.index
    if history.affinities:
        _affinity(scene)
        return
    if not history.measurements:
        st.info(no_similarity(scene.history.header), icon=":material/grid_off:")
        return
    _controls(scene)
    measured = history.measured(index)
    with st.container():  # always there, so that what follows keeps its place
        _elsewhere(scene, measured[-1] if measured else None)
    if measured:
        _one(scene, measured[-1])
    else:
        st.info("Nothing was measured before this moment. Step on to the first structural-learning phase.")
    st.subheader("Each pair over time")
    show_drawing(pairs_drawing(history, index, view.focus), scene.file("pairs"), pick)
    st.subheader("All measurements")
    show_drawing(grid_drawing(history, index, view.scale, view.focus), scene.file("similarities"), pick)
    st.caption(
        "Stages upwards, structural phases to the right; pale ones lie after the cursor. A filled diamond says that "
        "groups fused; click a matrix to go there."
    )


if __name__ == "__main__":  # as Streamlit runs a page
    st.title("Similarity")
    cursor_page(_draw)
