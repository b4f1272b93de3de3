"""Structure: who shares which stage at the cursor, what is born and what is removed."""

import json

import streamlit as st

from explorer import state, words
from explorer.figures import sharing_drawing
from explorer.figures.layout import Orientation
from explorer.figures.tables import birth_rows, count_rows, group_rows, node_rows
from explorer.glossary import GLOSSARY
from explorer.player import (
    Scene,
    choose_stage,
    choose_tasks,
    cursor_page,
    graph_works,
    offer_animation,
    offer_drawing,
    offer_file,
    pick,
    show_drawing,
    show_graph,
    show_learned,
    show_table,
    structure_menu,
)
from explorer.reading import reading
from explorer.work import offer_fork

ORIENTATIONS: dict[Orientation, str] = {
    "up": ":material/arrow_upward: Upwards",
    "right": ":material/arrow_forward: Right",
}


def _counts(scene: Scene) -> None:
    now, start = scene.snapshot, scene.history.start or scene.snapshot
    with st.container(horizontal=True):
        for label, word, value, before in (
            ("Neurons", "neuron", now.neurons, start.neurons),
            ("Parameters", "parameters", now.parameters, start.parameters),
            ("MACs per image", "MACs", now.macs, start.macs),
            ("Nodes", "node", now.nodes, start.nodes),
        ):
            st.metric(
                label,
                words.count(value),
                words.change(value, before),
                delta_color="off",
                delta_arrow="off",
                delta_description="since the start",
                help=GLOSSARY[word],
                border=True,
            )


def _beside(scene: Scene) -> None:
    births = birth_rows(scene.history, scene.snapshot)
    if births:
        st.markdown("**Being born**")
    for birth in births:
        st.progress(birth.done, text=words.plain(f"{birth.stage}: {birth.tasks}, {birth.done:.0%}"))
        if birth.losses:
            st.caption(words.plain(f"distillation loss: {birth.losses}"))
    decisions = [found for found in scene.history.measured(scene.snapshot.index) if found.decision]
    if decisions and decisions[-1].decision:
        last = decisions[-1].decision
        stage = words.plain(words.stage_name(scene.history.header, last.stage))
        st.markdown(f"**Last decision** · {stage}, phase {last.phase}")
        st.markdown(words.plain(last.reason))
    st.markdown("**Who shares what**")
    st.dataframe(group_rows(scene.history, scene.snapshot), hide_index=True)


def _graph(scene: Scene) -> None:
    view, name = scene.view, scene.file("structure")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "The graph grows",
            list(ORIENTATIONS),
            format_func=lambda orient: ORIENTATIONS[orient],
            required=True,
            key=state.held(state.ORIENT, view.orient),
            on_change=lambda: state.change(orient=st.session_state[state.ORIENT]),
        )
        choose_stage(scene)
        choose_tasks(scene)
    drawing = sharing_drawing(scene.history, scene.snapshot, view.orient, view.focus)
    if graph_works():
        show_graph(scene)
        offer_drawing(drawing, name, lambda: offer_animation(scene))
    else:
        show_drawing(drawing, name, pick)
    st.caption(reading(scene.history.header))


def _draw(scene: Scene) -> None:
    offer_fork(scene)
    _counts(scene)
    graph, beside = st.columns([2, 1], gap="large")
    with graph:
        _graph(scene)
    with beside:
        _beside(scene)
    show_learned(scene)
    with st.expander("All nodes at this moment, as a table"):
        show_table(node_rows(scene.history, scene.snapshot), "nodes", "All nodes", scene.file("nodes"))
    structure_menu(scene.history, scene.snapshot, scene.file("structure"))
    offer_file(
        "All moments with counts (JSON)",
        lambda: json.dumps(count_rows(scene.history), indent=1),
        f"{scene.file('moments')}.json",
    )


if __name__ == "__main__":  # as Streamlit runs a page
    st.title("Structure")
    cursor_page(_draw, animated=graph_works())
