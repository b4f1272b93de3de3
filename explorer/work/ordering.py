"""What comes of settings: a run that starts now, one or several that wait in the queue, or the command to type."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

import streamlit as st

from core.config import Config, ConfigError, Method, Preset
from explorer import training
from explorer.names import get_name
from explorer.training import Order, as_typed, check_config
from explorer.words import plain

_MOST_SEEDS = 20
_SAID = "train.said"


def order_buttons(order: Order | None, root: Path, key: str, more: Callable[[], None] | None = None) -> None:
    """Draw the buttons that start a run or let it wait; disabled without an order. `more` draws what stands beside."""
    if text := st.session_state.pop(_SAID, ""):
        st.toast(text, icon=":material/rocket_launch:")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        now = st.button(
            "Start now", type="primary", icon=":material/play_arrow:", disabled=order is None, key=f"{key}.start"
        )
        later = st.button(
            "Add to queue",
            icon=":material/playlist_add:",
            disabled=order is None,
            key=f"{key}.queue",
            help="Starts by itself as soon as the runs before it are done; also when this page is closed",
        )
        if more is not None:
            more()
    if order is not None and (now or later):
        _order([order], root, now)


def sweep(config: Config, preset: Preset, root: Path) -> None:
    """Draw the choice of methods and seeds, all of which go into the queue at once."""
    with st.popover("Sweep", icon=":material/stacks:", help="Several methods and seeds with these settings"):
        methods = st.pills(
            "Methods",
            get_args(Method),
            selection_mode="multi",
            default=[config.method],
            format_func=get_name,
            key=f"train.sweep.methods.{config.method}",
        )
        seeds = st.number_input(
            "Seeds",
            1,
            _MOST_SEEDS,
            3,
            key="train.sweep.seeds",
            help=f"How many; from {config.seed}, the seed of the form, upwards",
        )
        orders, problem = _swept(config, preset, [str(method) for method in methods], int(seeds))
        if problem:
            st.error(plain(problem), icon=":material/error:")
        if st.button(
            f"Add {len(orders)} run{'' if len(orders) == 1 else 's'} to queue",
            icon=":material/playlist_add:",
            disabled=not orders,
            key="train.sweep.add",
        ):
            _order(orders, root, now=False)


def command_line(arguments: Sequence[str]) -> None:
    """Draw what a person would type instead."""
    st.caption("The same from a terminal:")
    st.code(as_typed(arguments, width=48), language="bash", wrap_lines=True)


def _swept(config: Config, preset: Preset, methods: Sequence[str], seeds: int) -> tuple[list[Order], str]:
    """The runs of a sweep, seed by seed, so that whoever stops it early can compare the methods; or what is wrong."""
    orders = []
    for seed in range(config.seed, config.seed + seeds):
        for method in methods:
            one = config.model_copy(update={"method": method, "seed": seed})
            try:
                check_config(one)
            except ConfigError as error:
                return [], str(error)
            orders.append(training.new_run(one, preset))
    return orders, ""


def _order(orders: Sequence[Order], root: Path, now: bool) -> None:
    """Start or enqueue, and say so."""
    try:
        folders = [(training.start if now else training.enqueue)(order, root) for order in orders]
    except OSError as error:
        st.error(plain(f"The run cannot be {'started' if now else 'put into the queue'}: {error}."))
        return
    what = f"**{plain(folders[0].name)}**" if len(folders) == 1 else f"{len(folders)} runs"
    st.session_state[_SAID] = f"Started {what}" if now else f"{what} will start when those before are done"
    st.rerun()  # the status bar was drawn before
