"""The button that takes data away: made when it is pressed, and pressing it leaves the page as it is."""

from collections.abc import Callable

import streamlit as st

TYPES = {
    "csv": "text/csv",
    "json": "application/json",
    "md": "text/markdown",
    "tex": "application/x-tex",
    "graphml": "application/xml",
    "dot": "text/vnd.graphviz",
    "yaml": "application/yaml",
    "html": "text/html",
    "svg": "image/svg+xml",
    "png": "image/png",
    "pdf": "application/pdf",
    "gif": "image/gif",
    "mp4": "video/mp4",
    "zip": "application/zip",
}
"""Ending of a file -> its media type."""


def offer_file(label: str, make: Callable[[], str | bytes], name: str, key: str | None = None) -> None:
    """Draw a button that saves what `make` gives as the file `name`, whose ending says what it is."""
    kind = TYPES[name.rpartition(".")[2]]
    st.download_button(label, make, name, kind, icon=":material/download:", on_click="ignore", key=key)
