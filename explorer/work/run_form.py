"""The settings of a new run, built from the config records, and what comes of them."""

from pathlib import Path
from typing import cast, get_args

import streamlit as st
from pydantic import JsonValue

from core.config import METHOD_SETTINGS, Config, ConfigError, Preset, parse_config, preset
from explorer import training
from explorer.forms import choice_bar, control, field_input, record_form, records, variant_form, variants, words
from explorer.names import get_name
from explorer.training import check_config, overrides, shown_path, train_arguments
from explorer.words import plain
from explorer.work.cost import cost_panel
from explorer.work.ordering import command_line, order_buttons, sweep

_REVISION = "train.revision"
_PRESET_HELP = (
    "**Quick**: a small network and few epochs, for a processor. **Paper**: network and settings of the paper."
)


def run_form(root: Path) -> None:
    """Draw the form and what comes of it: a run below `root`, or why it cannot be."""
    revision = st.session_state.setdefault(_REVISION, 0)
    try:
        name, default = _choices()
        config = parse_config(_settings(default, f"train.{revision}.{name}.{default.data.dataset}"))
        check_config(config)
    except ConfigError as error:
        st.error(plain(str(error)), icon=":material/error:")
        order_buttons(None, root, "train")
        _reset_button("the settings")
        return

    def beside() -> None:
        sweep(config, name, root)
        if changed := overrides(config, name):
            _reset_button(f"{len(changed)} changed setting{'s' if len(changed) > 1 else ''}")

    order_buttons(training.new_run(config, name), root, "train", beside)
    cost_panel(config, name, root)
    folder = shown_path(root / f"{config.method}-{config.data.dataset}-s{config.seed}")
    command_line(train_arguments(config, name, folder))


def _choices() -> tuple[Preset, Config]:
    """Draw what a run is about; returns the preset's name and its config."""
    start, presets = preset(), cast(tuple[Preset, ...], get_args(Preset))
    method, seed = control(Config, "method", start.method), control(Config, "seed", start.seed)
    methods = [choice for choice in method.choices if choice is not None]
    chosen = choice_bar(method.label, methods, start.method, "train.method", get_name, method.help)
    with st.container(horizontal=True):
        data = choice_bar("Data", [*variants(Config, "data")], start.data.dataset, "train.data", get_name)
        name = choice_bar("Preset", presets, presets[0], "train.preset", get_name, _PRESET_HELP)
        with st.container(width=150):
            number = field_input(seed, "train.seed")
    assert isinstance(number, int)
    config = preset(name, data, chosen, number)
    st.caption(f"{len(config.data.tasks)} tasks: {', '.join(task.label for task in config.data.tasks)}")
    return name, config


def _settings(default: Config, key: str) -> dict[str, JsonValue]:
    """Draw all other settings, those changed most first; returns every setting in plain values."""
    values = default.model_dump(mode="json")
    unused = {*METHOD_SETTINGS.values()} - {METHOD_SETTINGS.get(default.method)}
    for name, record in reversed(records(default).items()):
        if name in unused:
            continue
        with st.expander(get_name(name) if name in METHOD_SETTINGS.values() else words(name)):
            if name == "backbone":
                values[name] = variant_form(Config, name, record, f"{key}.{name}")
            else:
                values[name] = record_form(record, f"{key}.{name}")
        for below, inner in records(record).items():
            with st.expander(words(below)):
                values[name][below] = record_form(inner, f"{key}.{name}.{below}")
    return values


def _reset_button(what: str) -> None:
    """Draw a button that takes all settings back to the preset's."""

    def reset() -> None:
        st.session_state[_REVISION] += 1  # the widgets' keys hold it, so that new ones with the defaults take over

    st.button(f"Reset {what}", type="tertiary", icon=":material/undo:", on_click=reset, key="train.reset")
