"""How a run from elsewhere comes to the overview: uploaded as a zip archive, or opened where it lies."""

import ipaddress
from pathlib import Path

import streamlit as st

from core.runs import RunError
from explorer import library, state
from explorer.remembered import RememberedError
from explorer.uploads import LIMITS, MIB, UploadError, unpack_run
from explorer.words import plain

_ADDED, _PROBLEM, _TRIES = "_added", "_add_problem", "_add_tries"
_UPLOAD, _FOLDER = "upload", "folder"


def add_run() -> None:
    """Draw the menu that adds a run; one that was added is opened at once."""
    if added := st.session_state.pop(_ADDED, ""):
        state.open_view(added)
        st.switch_page("views/structure.py")
    with st.popover("Add a run", icon=":material/add:", key="add-run"):
        key = f"{_UPLOAD}-{st.session_state.get(_TRIES, 0)}"  # a new one after each try, so that none is tried twice
        most = int(st.get_option("server.maxUploadSize"))
        st.file_uploader(
            "Upload a zipped run",
            type="zip",
            key=key,
            max_upload_size=min(most, LIMITS.zipped // MIB),
            help="A run folder as a zip archive: run.json, events.jsonl and arrays/*.npz. It is checked as a whole "
            "before it is added; checkpoints and logs are left out.",
            on_change=_uploaded,
            args=(key,),
        )
        if hosted():
            st.caption("Folders can be opened only where the explorer runs for one person, on a loopback address.")
            return
        with st.form("open-folder", border=False, enter_to_submit=True):
            st.text_input(
                "Open a folder of this machine",
                key=_FOLDER,
                placeholder="/home/me/runs/first",
                help="It is checked and listed, and stays where it is.",
            )
            st.form_submit_button("Open the folder", icon=":material/folder_open:", on_click=_opened)


def say_problem() -> None:
    """Draw why the last try to add a run failed, once."""
    if problem := st.session_state.pop(_PROBLEM, ""):
        st.error(plain(problem), icon=":material/error:")


def hosted() -> bool:
    """Whether others than people at this machine may reach the server, who must not name paths on it."""
    address = str(st.get_option("server.address") or "")
    if address == "localhost":
        return False
    try:
        return not ipaddress.ip_address(address).is_loopback
    except ValueError:  # a name, or none: every address of this machine
        return True


def _uploaded(key: str) -> None:
    file = st.session_state[key]
    if file is None:
        return
    st.session_state[_TRIES] = st.session_state.get(_TRIES, 0) + 1
    try:
        folder = unpack_run(file, file.name, library.own_root())
    except UploadError as error:
        st.session_state[_PROBLEM] = f"This upload was not taken. {error}"
    except OSError as error:
        st.session_state[_PROBLEM] = f"This upload could not be written: {error.strerror}."
    else:
        st.session_state[_ADDED] = library.Entry("runs", folder, live=False).id


def _opened() -> None:
    wanted = str(st.session_state[_FOLDER]).strip()
    if hosted():
        return
    if not wanted:
        st.session_state[_PROBLEM] = "Type the path of a run folder, one that holds a run.json."
        return
    try:
        st.session_state[_ADDED] = library.open_folder(Path(wanted)).id
    except (RunError, RememberedError, OSError) as error:
        st.session_state[_PROBLEM] = f"This folder cannot be opened. {error}"
