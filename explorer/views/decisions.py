"""Decisions: what the run's recorded similarities would have led to under another threshold or rule."""

import streamlit as st

from explorer import words
from explorer.figures import flips_drawing, recorded_drawing, what_if_drawing
from explorer.figures.flips import flip_rows
from explorer.figures.what_if import decision_rows, known, stage_rows, tree_rows
from explorer.glossary import GLOSSARY
from explorer.player import Scene, cursor_page, pick, show_drawing
from explorer.reading import no_decisions
from explorer.training import what_if_command
from explorer.what_if.controls import ask_controls, threshold_of, tree_steps
from explorer.what_if.replay import Replay, Study, WhatIfError, study


def _banner(replay: Replay, asked: Study) -> None:
    if replay.threshold is None and replay.rule is None:
        st.info(
            "This is what the run decided. Move the slider or change the rule to ask what if; nothing is trained.",
            icon=":material/tune:",
        )
    else:
        st.warning(
            f"**Hypothetical**: replayed on the recorded matrices, not trained. {words.plain(known(replay))}",
            icon=":material/science:",
        )
    if asked.several:
        st.caption("This run changed its threshold or rule on the way; the recorded one is that of the last decision.")


def _counts(asked: Study, replay: Replay) -> None:
    now, record = asked.counts(replay.nodes), asked.counts(replay.recorded)
    with st.container(horizontal=True):
        for label, word, value, before in (
            ("Neurons", "neuron", now.neurons, record.neurons),
            ("Parameters", "parameters", now.parameters, record.parameters),
            ("MACs per image", "MACs", now.macs, record.macs),
            ("Nodes", "node", now.nodes, record.nodes),
        ):
            st.metric(
                label,
                words.count(value),
                words.change(value, before),
                delta_color="off",
                delta_arrow="off",
                delta_description=f"recorded {words.count(before)}",
                help=GLOSSARY[word],
                border=True,
            )


def _trees(scene: Scene, asked: Study, replay: Replay) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Recorded")
        show_drawing(recorded_drawing(scene.history, asked, replay, scene.snapshot), scene.file("recorded"), pick)
    with right:
        st.subheader("What if")
        show_drawing(what_if_drawing(scene.history, asked, replay, scene.snapshot), scene.file("what-if"), pick)
    st.caption(
        "Both trees stand after the same phase, that of the cursor. Strong outline: the other tree does not have it. "
        "Dotted: apart only because the run never compared these tasks there."
    )
    with st.expander("Who shares each stage, as a table"):
        st.dataframe(stage_rows(scene.history, asked, replay), hide_index=True)


def _flips(scene: Scene, asked: Study) -> None:
    view = scene.view
    st.subheader("Where it flips")
    tree_steps(view, asked)
    drawing = flips_drawing(
        scene.history, asked, scene.snapshot.index, threshold_of(view, asked), view.rule, view.focus
    )
    show_drawing(drawing, scene.file("flips"), pick)
    numbers = {name: st.column_config.NumberColumn(format="%.5f") for name in ("From", "To")}
    with st.expander("Flip points of every decision, as a table"):
        st.dataframe(flip_rows(scene.history, asked, view.rule), hide_index=True, column_config=numbers)
    with st.expander("All final trees by threshold, as a table"):
        st.dataframe(tree_rows(scene.history, asked, view.rule), hide_index=True, column_config=numbers)


def _train(scene: Scene) -> None:
    view = scene.view
    if view.threshold is None and view.rule is None:
        return
    st.subheader("Train this for real")
    st.markdown("Only training tells what the tasks reach with this tree: this run with other settings.")
    st.code(what_if_command(scene.history.header, view.threshold, view.rule), language="bash", wrap_lines=True)
    st.page_link("views/train.py", label="Open the Train page", icon=":material/model_training:")


def _draw(scene: Scene) -> None:
    if not scene.history.measurements:
        st.info(no_decisions(scene.history.header), icon=":material/rule:")
        return
    try:
        asked = study(scene.history)
    except WhatIfError as error:
        st.info(f"There is no what-if for this run. {words.plain(str(error))}", icon=":material/rule:")
        return
    if not asked.decided:
        st.info(no_decisions(scene.history.header), icon=":material/rule:")
        return
    replay = asked.replay(scene.view.threshold, scene.view.rule).until(scene.snapshot.index)
    ask_controls(scene.view, asked)
    _banner(replay, asked)
    _counts(asked, replay)
    _trees(scene, asked, replay)
    _flips(scene, asked)
    st.subheader("Decisions, phase by phase")
    wide = {"Similarities": st.column_config.TextColumn(width="large")}
    st.dataframe(decision_rows(scene.history, replay), hide_index=True, column_config=wide)
    _train(scene)


if __name__ == "__main__":  # as Streamlit runs a page
    st.title("Decisions")
    cursor_page(_draw)
