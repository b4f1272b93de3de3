"""The dialogs of the overview: the tags of a run, and taking a run away after a second look.

What was asked for is remembered in the session until it is answered, so that no timer or other run of the page closes a
dialog under somebody's hands.
"""

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from core.runs import RunError
from explorer import library, remembered, state
from explorer.catalogue import Tags
from explorer.remembered import LONGEST_TAG, MOST_TAGS, RememberedError
from explorer.removal import delete_run, refusal
from explorer.summaries import Summary
from explorer.words import plain

Action = Literal["Tags", "Delete", "Take off the list"]
ICONS: dict[Action, str] = {"Tags": "label", "Delete": "delete", "Take off the list": "playlist_remove"}
_ASKED, _PROBLEM = "_overview_asked", "_overview_problem"


def ask(action: Action, run: str) -> None:
    """Open the dialog for something to be done with a run, as soon as `answer` is called."""
    st.session_state[_ASKED] = action, run


def answer(shown: Sequence[Summary], tags: Tags) -> None:
    """Draw the dialog that is open, if one is."""
    action, run = st.session_state.get(_ASKED, ("", ""))
    summary = next((summary for summary in shown if summary.entry.id == run), None)
    if summary is None:
        _close()
    elif action == "Tags":
        _edit_tags(summary, tags)
    else:
        _remove(summary)


def _close() -> None:
    st.session_state.pop(_ASKED, None)


@st.dialog("Tags", on_dismiss=_close)
def _edit_tags(summary: Summary, tags: Tags) -> None:
    run = summary.entry.id
    st.multiselect(
        f"Tags of {plain(summary.entry.name)}",
        sorted({tag for some in tags.values() for tag in some}),
        tags.get(run, ()),
        accept_new_options=True,
        max_selections=MOST_TAGS,
        placeholder="Choose a tag, or type a new one",
        help=f"Up to {MOST_TAGS} of {LONGEST_TAG} characters each.",
        key=f"tags-{run}",
        on_change=_save_tags,
        args=(run,),
    )
    st.caption("Kept at once, beside your runs; the folder of this run stays as it is.")
    if problem := st.session_state.pop(_PROBLEM, ""):
        st.error(plain(problem), icon=":material/error:")


def _save_tags(run: str) -> None:
    try:
        remembered.set_tags(library.own_root(), run, st.session_state[f"tags-{run}"])
    except (RememberedError, OSError) as error:
        st.session_state[_PROBLEM] = str(error)


@st.dialog("Are you sure?", on_dismiss=_close)
def _remove(summary: Summary) -> None:
    entry, root = summary.entry, library.own_root()
    name, off_the_list = plain(entry.name), entry.place == "opened"
    if off_the_list:
        st.markdown(f"**{name}** is taken off the list. Its folder, {plain(str(entry.folder))}, stays as it is.")
    elif reason := refusal(entry):
        st.warning(f"**{name}** cannot be deleted. {reason}", icon=":material/lock:")
        return
    else:
        st.markdown(
            f"**{name}** is deleted from this machine: its events, arrays and checkpoints. This cannot be undone."
        )
    with st.container(horizontal=True):
        label = "Take off the list" if off_the_list else "Delete for good"
        sure = st.button(label, type="primary", icon=":material/delete:", key="remove-sure")
        if st.button("Keep it", key="remove-keep"):
            _close()
            st.rerun()
    if sure:
        try:
            if off_the_list:
                remembered.forget_folder(root, entry.name)
            else:
                delete_run(entry)
            remembered.set_tags(root, entry.id, ())
        except (RunError, RememberedError, OSError) as error:
            st.error(plain(str(error)), icon=":material/error:")
            return
        _let_go(entry.id)
        _close()
        st.toast(f"**{name}** is gone from the list.", icon=":material/delete:")
        st.rerun()


def _let_go(run: str) -> None:
    """Forget a run wherever the view names it."""
    view = state.current()
    if view.run == run:
        state.open_view("")
    base = "" if view.base == run else view.base
    state.change(base=base, others=tuple(other for other in view.others if other != run))
