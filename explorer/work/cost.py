"""What a run should cost before it starts: time, memory, disk and size, and where that is known from."""

from html import escape
from pathlib import Path

import streamlit as st

from core.config import Config, Preset
from explorer import library
from explorer.player.ticker import ticker
from explorer.training import Expectation, Job, Probe, cores, expectation, glance, jobs, probed
from explorer.words import count, duration, plain

_PROBE, _PROBLEM = "train.probe", "train.probe.problem"
_GRID = "display:grid;grid-template-columns:repeat(auto-fit,minmax(7.2rem,1fr));gap:.35rem .8rem"
_UNKNOWN = "unknown"


def cost_panel(config: Config, preset: Preset, root: Path) -> None:
    """Draw what training should cost, a button that works it out, and what else is at work."""
    own = jobs(root)
    found = expectation(config, own, jobs(library.EXAMPLES), probed(config))
    probe: Probe | None = st.session_state.get(_PROBE)
    at_it = probe is not None and probe.of(config)
    st.html(_tiles(found))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(_source(found))
        if found.source != "probe" and not at_it:
            st.button(
                "Work out the cost",
                type="tertiary",
                icon=":material/timer:",
                key="train.cost",
                help="Trains a few steps with these settings in a process of its own: seconds, or minutes for a large "
                "network",
                on_click=_begin,
                args=(config, preset),
            )
    if at_it:
        st.fragment(_wait)()
    if problem := st.session_state.pop(_PROBLEM, ""):
        st.error(plain(problem), icon=":material/error:")
    _say_load(config, root)


def _begin(config: Config, preset: Preset) -> None:
    _cancel()
    try:
        st.session_state[_PROBE] = Probe(config, preset)
    except OSError as error:
        st.session_state[_PROBLEM] = f"The process cannot be started: {error}."


def _cancel() -> None:
    before: Probe | None = st.session_state.pop(_PROBE, None)
    if before is not None:
        before.cancel()


def _wait() -> None:
    """Draw that it is being worked out, until it is."""
    probe: Probe | None = st.session_state.get(_PROBE)
    try:
        done = probe is None or probe.poll()
    except ValueError as error:
        st.session_state[_PROBLEM], done = f"The cost cannot be worked out: {error}", True
    if done:
        st.session_state.pop(_PROBE, None)
        st.rerun()
    ticker(1.0, "cost")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(":material/hourglass_top: Training a few steps to see what they cost …")
        if st.button("Cancel", type="tertiary", icon=":material/close:", key="train.cost.cancel"):
            _cancel()
            st.rerun()


def _tiles(found: Expectation) -> str:
    size = found.parameters, found.macs
    tiles = (
        ("Time", _span(*found.seconds) if found.seconds else _UNKNOWN),
        ("Memory, at most", _bytes(found.memory) if found.memory else _UNKNOWN),
        ("Disk, at most", _bytes(found.disk) if found.disk else _UNKNOWN),
        ("Parameters", count(size[0]) if size[0] else _UNKNOWN),
        ("MACs per image", count(size[1]) if size[1] else _UNKNOWN),
    )
    cells = "".join(
        f'<div><span class="label">{escape(label)}</span><br><b>{escape(value)}</b></div>' for label, value in tiles
    )
    return f'<div class="cost" style="{_GRID}">{cells}</div>'


def _source(found: Expectation) -> str:
    match found.source:
        case "probe":
            return "From a few steps trained here, sizes at the start: the more the tasks come to share, the less."
        case "unknown":
            return "No finished run is like this one."
        case "recorded":
            return f"As {_names(found.runs)} took on the machine that recorded it; sizes at the start."
    return f"As {_names(found.runs)} took here; sizes at the start."


def _names(runs: tuple[Job, ...]) -> str:
    if len(runs) == 1:
        return f"{plain(runs[0].folder.name)} ({duration(runs[0].seconds)})"
    return f"{len(runs)} runs"


def _say_load(config: Config, root: Path) -> None:
    live = len(glance(root).live)
    threads = sum(job.threads or cores() for job in jobs(root) if job.live)
    if live and (config.training.threads or cores()) + threads > cores():
        others = "Another run is" if live == 1 else f"{live} other runs are"
        st.caption(f":material/speed: {others} training on the {cores()} cores here; together, each is slower.")


def _span(least: float, most: float) -> str:
    """A range of times, or one where both read the same.

    >>> _span(60, 60.2), _span(59, 125)
    ('about 1 min 0 s', '59 s to 2 min 5 s')
    """
    low, high = about_time(least), about_time(most)
    return f"about {high}" if low == high else f"{low} to {high}"


def about_time(seconds: float) -> str:
    """A time span without the tenths that an estimate does not have.

    >>> about_time(0.2), about_time(43.4), about_time(125)
    ('1 s', '43 s', '2 min 5 s')
    """
    return f"{max(1, round(seconds))} s" if seconds < 60 else duration(seconds)


def _bytes(number: int) -> str:
    """A size on disk or in memory.

    >>> _bytes(1_400_000_000), _bytes(25_000_000)
    ('1.4 GB', '25 MB')
    """
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{max(1, round(number / 1e6))} MB"
