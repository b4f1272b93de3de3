"""The bar of the Learn page: to the previous and the next step, or to any of them."""

import streamlit as st

from explorer import state
from explorer.focus import Focus
from explorer.lessons import LESSONS
from explorer.moments import History


def enter(history: History, step: int) -> None:
    """Go to a step: the cursor moves to its place in the run, and what was picked is let go of."""
    place = LESSONS[step].place(history)
    state.change(step=step, **({} if place is None else {"moment": place}))
    state.pick(Focus())


def step_bar(history: History, step: int) -> None:
    """Draw the buttons that walk through the steps, and how far one is."""
    with st.container(horizontal=True, vertical_alignment="center", key="lesson-bar"):
        st.button(
            "Previous step",
            icon=":material/arrow_back:",
            shortcut="B",
            key="lesson-back",
            disabled=step == 0,
            on_click=enter,
            args=(history, step - 1),
        )
        st.button(
            "Next step",
            icon=":material/arrow_forward:",
            shortcut="N",
            type="primary",
            key="lesson-next",
            disabled=step == len(LESSONS) - 1,
            on_click=enter,
            args=(history, step + 1),
        )
        st.selectbox(
            "Step",
            range(len(LESSONS)),
            format_func=lambda number: f"{number + 1} of {len(LESSONS)} · {LESSONS[number].title}",
            key=state.held("lesson", step),
            label_visibility="collapsed",
            width=360,
            on_change=lambda: enter(history, st.session_state["lesson"]),
        )
    st.progress((step + 1) / len(LESSONS))
