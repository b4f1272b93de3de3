"""Train: settings built from the config records, a start button, and the runs of this machine, live."""

from pathlib import Path
from typing import cast, get_args

import streamlit as st
from pydantic import JsonValue

from core.config import Config, ConfigError, Preset, parse_config, preset
from explorer import library, training
from explorer.forms import choice_bar, control, field_input, record_form, records, variant_form, variants, words
from explorer.job_list import expectation, job_list
from explorer.training import as_typed, check_config, overrides, shown_path, train_arguments
from explorer.words import plain

_REVISION = "train.revision"
_NAMES = {
    "mtsl": "MTSL",
    "one": "One network",
    "separate": "Separate networks",
    "rooms": "Rooms",
    "digits": "Digits",
    "quick": "Quick",
    "paper": "Paper",
}
_PRESET_HELP = (
    "**Quick**: a small network and few epochs, for a processor. **Paper**: network and settings of the paper."
)


def _choices() -> tuple[Preset, Config]:
    """Draw what a run is about; returns the preset's name and its config."""
    start, presets = preset(), cast(tuple[Preset, ...], get_args(Preset))
    method, seed = control(Config, "method", start.method), control(Config, "seed", start.seed)
    methods = [choice for choice in method.choices if choice is not None]
    chosen = choice_bar(method.label, methods, start.method, "train.method", _NAMES, method.help)
    with st.container(horizontal=True):
        data = choice_bar("Data", [*variants(Config, "data")], start.data.dataset, "train.data", _NAMES)
        name = choice_bar("Preset", presets, presets[0], "train.preset", _NAMES, _PRESET_HELP)
        with st.container(width=150):
            number = field_input(seed, "train.seed")
    assert isinstance(number, int)
    config = preset(name, data, chosen, number)
    st.caption(f"{len(config.data.tasks)} tasks: {', '.join(task.label for task in config.data.tasks)}")
    return name, config


def _settings(default: Config, key: str) -> dict[str, JsonValue]:
    """Draw all other settings, those changed most first; returns every setting in plain values."""
    values = default.model_dump(mode="json")
    methods = control(Config, "method", default.method).choices
    for name, record in reversed(records(default).items()):
        if name in methods and name != default.method:
            continue
        with st.expander(_NAMES.get(name, words(name))):
            if name == "backbone":
                values[name] = variant_form(Config, name, record, f"{key}.{name}")
            else:
                values[name] = record_form(record, f"{key}.{name}")
        for below, inner in records(record).items():
            with st.expander(words(below)):
                values[name][below] = record_form(inner, f"{key}.{name}.{below}")
    return values


def _new_run(root: Path) -> None:
    """Draw the form and what comes of it: a run, or why it cannot be."""
    revision = st.session_state.setdefault(_REVISION, 0)
    try:
        name, default = _choices()
        config = parse_config(_settings(default, f"train.{revision}.{name}.{default.data.dataset}"))
        check_config(config)
    except ConfigError as error:
        st.error(plain(str(error)), icon=":material/error:")
        st.button("Start training", type="primary", icon=":material/play_arrow:", disabled=True, key="train.start")
        _reset_button("the settings")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Start training", type="primary", icon=":material/play_arrow:", key="train.start"):
            _start(config, root, name)
        if changed := overrides(config, name):
            _reset_button(f"{len(changed)} changed setting{'s' if len(changed) > 1 else ''}")
    expectation(config, root)
    st.caption("The same from a terminal:")
    folder = shown_path(root / f"{config.method}-{config.data.dataset}-s{config.seed}")
    st.code(as_typed(train_arguments(config, name, folder), width=48), language="bash", wrap_lines=True)


def _reset_button(what: str) -> None:
    """Draw a button that takes all settings back to the preset's."""

    def reset() -> None:
        st.session_state[_REVISION] += 1  # the widgets' keys hold it, so that new ones with the defaults take over

    st.button(f"Reset {what}", type="tertiary", icon=":material/undo:", on_click=reset, key="train.reset")


def _start(config: Config, root: Path, name: Preset) -> None:
    try:
        folder = training.start(config, root, name)
    except OSError as error:
        st.error(plain(f"The run cannot be started: {error}."), icon=":material/error:")
    else:
        st.toast(f"Started **{plain(folder.name)}**", icon=":material/rocket_launch:")


def _page() -> None:
    st.title("Train")
    form, runs = st.columns([5, 6], gap="large")
    with form:
        st.subheader("New run")
        _new_run(library.own_root())
    with runs:
        st.subheader("Runs")
        job_list(library.own_root())


if __name__ == "__main__":  # as Streamlit runs a page
    _page()
