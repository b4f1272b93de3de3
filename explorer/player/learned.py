"""What a method learns beside the weights: gates or policies, from which a structure follows, or who steps together."""

from functools import partial

import streamlit as st

from explorer.figures import gates, policies
from explorer.figures.gates import gates_drawing
from explorer.figures.policies import policies_drawing
from explorer.figures.task_groups import groups_drawing
from explorer.glossary import GLOSSARY
from explorer.player.bar import Scene, pick
from explorer.player.chart import show_drawing


def show_learned(scene: Scene) -> None:
    """Draw what is learned beside the weights at the cursor, if the run learns any of it."""
    history, index = scene.history, scene.snapshot.index
    for found, title, draw, help in (
        (history.gates, "Gates", partial(gates_drawing, history, index), gates.reading(history.header)),
        (history.policies, "Policies", partial(policies_drawing, history, scene.snapshot), policies.READING),
    ):
        if not found:
            continue
        st.subheader(title, help=GLOSSARY[title.lower()])
        if found[0][0] > index:
            st.info(f"No {title.lower()} up to this moment: the first come at event {found[0][0]}.")
            continue
        st.caption(help)
        show_drawing(draw(scene.view.focus), scene.file(title.lower()), pick)
    if history.affinities:
        st.subheader("Who steps together", help=GLOSSARY["task group"])
        show_drawing(groups_drawing(history, index), scene.file("task-groups"), pick)
