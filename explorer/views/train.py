"""Train: settings of a new run or of a fork, and the queue and the runs of this machine, live."""

import streamlit as st

from explorer import library
from explorer.work import fork_form, job_list, run_form
from explorer.work.fork_form import MODE, MODES


def _page() -> None:
    st.title("Train")
    root = library.own_root()
    form, runs = st.columns([5, 6], gap="large")
    with form:
        mode = st.segmented_control(
            "What to train",
            list(MODES),
            default="new",
            required=True,
            format_func=lambda mode: MODES[mode],
            key=MODE,
            persist_state="session",
            label_visibility="collapsed",
        )
        (fork_form if mode == "fork" else run_form)(root)
    with runs:
        st.subheader("Runs")
        job_list(root)


if __name__ == "__main__":  # as Streamlit runs a page
    _page()
