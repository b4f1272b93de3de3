"""The button that takes data away: made when it is pressed, and pressing it leaves the page as it is."""

from collections.abc import Callable

import streamlit as st

_TYPES = {
    "csv": "text/csv",
    "json": "application/json",
    "html": "text/html",
    "gif": "image/gif",
    "mp4": "video/mp4",
}


def offer_file(label: str, make: Callable[[], str | bytes], name: str) -> None:
    """Draw a button that saves what `make` gives as the file `name`, whose ending says what it is."""
    kind = _TYPES[name.rpartition(".")[2]]
    st.download_button(label, make, name, kind, icon=":material/download:", on_click="ignore")
