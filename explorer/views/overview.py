"""Overview: every run as a card with its last structure; search, filters, tags, comparison; runs come and go here."""

from typing import get_args

import streamlit as st

from explorer import library, remembered, state, words
from explorer.add_run import add_run, say_problem
from explorer.app import PAGES
from explorer.catalogue import Sort, Tags, arrange, choices, read_choice, select
from explorer.remembered import RememberedError
from explorer.run_cards import comparison, run_cards
from explorer.summaries import Summary, summarise

AT_ONCE = 24
_SHOWN = "_overview_shown"
SORTS: dict[Sort, str] = {
    "newest": "Newest first",
    "name": "Name",
    "method": "Method and data",
    "parameters": "Fewest parameters",
    "metric": "Best at the first task",
}


def _tags() -> Tags:
    try:
        return remembered.tags(library.own_root())
    except RememberedError as error:
        st.warning(words.plain(str(error)), icon=":material/label_off:")
        return {}


def _controls(summaries: list[Summary], tags: Tags) -> list[Summary]:
    """Draw search, filter and order; returns the runs that are wanted, in order."""
    view = state.current()
    number = choices(summaries, tags)
    only = [found for text in view.only if (found := read_choice(text))]
    if st.session_state.get(state.QUERY) != view.query:  # set only then: it would take letters from one who types
        st.session_state[state.QUERY] = view.query
    with st.container(horizontal=True, vertical_alignment="bottom", key="overview-controls"):
        st.text_input(
            "Search",
            key=state.QUERY,
            type="search",
            live=True,
            icon=":material/search:",
            placeholder="Name, method, data, task or tag",
            on_change=lambda: state.change(query=st.session_state[state.QUERY]),
        )
        state.held(state.ONLY, only)  # type: ignore[arg-type]
        st.multiselect(
            "Filter",
            sorted({*number, *only}),
            key=state.ONLY,
            format_func=lambda choice: f"{choice.facet}: {choice.name} ({number.get(choice, 0)})",
            placeholder="Method, data, state, tag",
            help="Choices of one kind widen, of different kinds narrow.",
            on_change=lambda: state.change(only=tuple(choice.text for choice in st.session_state[state.ONLY])),
        )
        st.selectbox(
            "Order",
            get_args(Sort),
            format_func=lambda sort: SORTS[sort],
            key=state.held(state.SORT, view.sort),
            width=220,
            help="Best at the first task: by its key metric; runs of the same data stand together.",
            on_change=lambda: state.change(sort=st.session_state[state.SORT]),
        )
    return arrange(select(summaries, tags, state.current().query, only), view.sort)


def _page() -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title("Overview")
        add_run()
    say_problem()
    entries, tags = library.listing(), _tags()
    if not entries:
        st.info("No runs here yet. Train one on the **Train** page, or add one from elsewhere with **Add a run**.")
        return
    summaries = [summarise(entry) for entry in entries]
    wanted = _controls(summaries, tags)
    page = next((info.file for info in PAGES if info.url == "compare"), None)
    comparison(entries, page)
    if not wanted:
        st.info("No run fits. Search for less, or take a filter away.", icon=":material/search_off:")
        return
    shown = wanted[: st.session_state.get(_SHOWN, AT_ONCE)]
    st.caption(f"{len(wanted)} of {len(summaries)} runs" + (f", {len(shown)} shown" if shown != wanted else ""))
    run_cards(shown, tags)
    if rest := len(wanted) - len(shown):
        more = min(rest, AT_ONCE)
        st.button(
            f"Show {more} more",
            icon=":material/expand_more:",
            key="more-runs",
            on_click=_show,
            args=(len(shown) + more,),
        )


def _show(number: int) -> None:
    st.session_state[_SHOWN] = number


if __name__ == "__main__":  # as Streamlit runs a page
    _page()
