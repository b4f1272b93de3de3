"""The controls of the what-if: threshold, rule, the way back to the record, and the steps from tree to tree."""

import math

import streamlit as st

from core.grouping import Rule
from explorer import state, words
from explorer.glossary import GLOSSARY
from explorer.state import View
from explorer.what_if.replay import Study
from explorer.what_if.trees import Tree, roundest, threshold_range, tree_at, trees

RULES: dict[Rule, str] = {"best-partition": "Best partition", "best-pairs": "Best pairs"}


def threshold_of(view: View, asked: Study) -> float:
    """The threshold that the page is about."""
    return asked.threshold if view.threshold is None else view.threshold


def ask_controls(view: View, asked: Study) -> None:
    """Draw slider, rule and the button back to the record; all of them set the view."""
    now, rule = threshold_of(view, asked), view.rule
    low, high = threshold_range(asked, rule, now)
    if st.session_state.get(state.THRESHOLD) != now:  # set at every run, it would take back a move under way
        state.held(state.THRESHOLD, now)
    recorded_rule = f"{RULES[rule]} (recorded)" if (rule := _known(asked.rule)) else asked.rule
    st.slider(
        "Threshold",
        low,
        high,
        step=0.001,
        format="%.3f",
        key=state.THRESHOLD,
        help=f"{GLOSSARY['threshold']} Recorded: {words.threshold(asked.threshold)}. Beyond the ends of the "
        "slider nothing changes any more.",
        on_change=lambda: _ask(asked, st.session_state[state.THRESHOLD], view.rule),
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.segmented_control(
            "Grouping rule",
            list(RULES),
            format_func=lambda name: recorded_rule if name == asked.rule else RULES[name],
            required=True,
            key=state.held(state.RULE, view.rule or rule or "best-partition"),
            help=GLOSSARY["grouping rule"],
            on_change=lambda: _ask(asked, view.threshold, st.session_state[state.RULE]),
        )
        st.button(
            "Back to the recorded threshold",
            icon=":material/undo:",
            key=state.RECORDED,
            disabled=view.threshold is None and view.rule is None,
            on_click=_ask,
            args=(asked, None, None),
        )


def tree_steps(view: View, asked: Study) -> None:
    """Draw the choice of the final tree over the threshold, with the steps to the next one; they set the threshold."""
    found = trees(asked, view.rule)
    here = tree_at(found, threshold_of(view, asked))
    least, most = threshold_range(asked, view.rule, asked.threshold)

    def jump(place: int) -> None:
        tree = found[place]
        inside = roundest(max(tree.low, least), min(tree.high, most))
        _ask(asked, asked.threshold if _recorded(tree, view, asked) else inside, view.rule)

    def label(place: int) -> str:
        tree = found[place]
        size = f"{tree.counts.nodes} nodes · {words.count(tree.counts.parameters)} parameters"
        record = " · recorded" if _recorded(tree, view, asked) else ""
        return f"{words.threshold(round(tree.low, 4))} to {words.threshold(round(tree.high, 4))} · {size}{record}"

    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for name, key, icon, place in (
            ("Lower", state.LOWER, "arrow_back", here - 1),
            ("Higher", state.HIGHER, "arrow_forward", here + 1),
        ):
            at_end = not 0 <= place < len(found)
            st.button(name, key=key, icon=f":material/{icon}:", disabled=at_end, on_click=jump, args=(place,))
        st.selectbox(
            "Final tree, by threshold",
            range(len(found)),
            format_func=label,
            key=state.held(state.TREE, here),
            help=GLOSSARY["flip point"],
            on_change=lambda: jump(st.session_state[state.TREE]),
        )


def _ask(asked: Study, threshold: float | None, rule: Rule | None) -> None:
    """Set the what-if; what equals the record is not kept, so that the URL stays short."""
    same = threshold is None or math.isclose(threshold, asked.threshold, abs_tol=5e-7)
    state.change(threshold=None if same else threshold, rule=None if rule == asked.rule else rule)


def _known(name: str) -> Rule | None:
    return next((rule for rule in RULES if rule == name), None)


def _recorded(tree: Tree, view: View, asked: Study) -> bool:
    """Whether the record's own threshold and rule lead to this tree."""
    return view.rule is None and tree.low <= asked.threshold < tree.high
