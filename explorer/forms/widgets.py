"""Settings widgets, drawn from the records of `core.config` through `explorer.forms.controls`.

Every widget is keyed by the place of its field, and keeps its value while the person looks at other pages.
"""

import math
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar, cast

import streamlit as st
from pydantic import BaseModel, JsonValue

from explorer.forms.controls import NONE, Control, about, as_text, controls, fixed_values, parse_text, variants, words

_COLUMNS = 2
Choice = TypeVar("Choice", bound=str)


def record_form(record: BaseModel, key: str, without: Collection[str] = ()) -> dict[str, JsonValue]:
    """Draw the own fields of a record, with its values as defaults; returns what they are set to, by name.

    Those named in `without` are neither drawn nor returned.
    """
    found = fixed_values(record)
    fields = [control for control in controls(record) if control.name not in without]
    for first in range(0, len(fields), _COLUMNS):  # row by row, so that a narrow screen keeps the order of fields
        for column, control in zip(st.columns(_COLUMNS, vertical_alignment="bottom"), fields[first:], strict=False):
            with column:
                found[control.name] = field_input(control, f"{key}.{control.name}")
    return found


def variant_form(owner: type[BaseModel], name: str, default: BaseModel, key: str) -> dict[str, JsonValue]:
    """Draw a field that holds one of several records: which one, and that one's fields."""
    known, told_by = variants(owner, name), str(owner.model_fields[name].discriminator)
    usual = str(getattr(default, told_by))
    chosen = st.selectbox(
        words(name), list(known), index=list(known).index(usual), key=f"{key}.{told_by}", persist_state="session"
    )
    record = default if chosen == usual else known[chosen]()
    st.caption(about(record))
    return record_form(record, f"{key}.{chosen}")


def choice_bar(
    label: str, choices: Sequence[Choice], default: Choice, key: str, name: Callable[[str], str], help: str = ""
) -> Choice:
    """Draw a choice that shows all it has side by side; `name` says what each is called."""
    return st.segmented_control(
        label,
        choices,
        default=default,
        required=True,
        format_func=name,
        key=key,
        help=help or None,
        persist_state="session",
        wrap=True,
    )


def field_input(control: Control, key: str) -> JsonValue:
    """Draw one control; returns what it is set to, as plain values."""
    match control.kind:
        case "switch":
            return st.toggle(control.label, bool(control.default), key=key, help=control.help, persist_state="session")
        case "choice":
            return st.selectbox(
                control.label,
                control.choices,
                index=control.choices.index(cast("str | None", control.default)),
                format_func=lambda choice: NONE if choice is None else choice,
                key=key,
                help=control.help,
                persist_state="session",
            )
        case "whole" | "number":
            return _number_input(control, key)
        case "span":
            return _span_input(control, key)
        case "list" | "entry":
            text = st.text_input(
                control.label,
                as_text(control.default),
                placeholder=NONE if control.optional else None,
                key=key,
                help=f"{control.help} Separate values by commas." if control.kind == "list" else control.help,
                persist_state="session",
            )
            return parse_text(control, text)


def _number_input(control: Control, key: str) -> JsonValue:
    found: float | None = st.number_input(
        control.label,
        min_value=control.low,
        max_value=control.high,
        value=cast(float, control.default),  # or None, which Streamlit's types allow only as a literal
        step=control.step,
        format="%d" if control.kind == "whole" else "%g",
        placeholder=NONE if control.optional else None,
        key=key,
        help=control.help,
        persist_state="session",
    )
    return found


def _span_input(control: Control, key: str) -> JsonValue:
    assert control.low is not None
    assert control.high is not None
    low, high = cast(list[float], control.default)
    space = "" if control.unit in ("", "°") else " "
    ends: tuple[float, float] = st.slider(
        control.label,
        control.low,
        control.high,
        (low, high),
        control.step,
        format=f"%g{space}{control.unit}",
        key=key,
        help=control.help,
        persist_state="session",
    )
    digits = max(0, -math.floor(math.log10(control.step)))
    return [round(end, digits) for end in ends]  # a browser's slider may give 3.8000000000000003
