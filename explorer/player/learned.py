"""What the structure at the cursor follows from, in methods that learn it by gradient: gates or policies."""

from functools import partial

import streamlit as st

from explorer.figures import gates, policies
from explorer.figures.gates import gates_drawing
from explorer.figures.policies import policies_drawing
from explorer.glossary import GLOSSARY
from explorer.player.bar import Scene, pick
from explorer.player.chart import show_drawing


def show_learned(scene: Scene) -> None:
    """Draw what the structure at the cursor follows from: gates or policies, if the run learns any."""
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
