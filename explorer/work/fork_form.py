"""Forks: a run goes on from the start of one of its phases with other settings."""

from pathlib import Path

import streamlit as st
from pydantic import BaseModel, JsonValue

from core.checkpoints import kept_phases
from core.config import METHOD_SETTINGS, Config, ConfigError, differences, parse_config
from core.fork import FIXED, plan_fork
from core.runs import RunError, RunHeader, read_header
from core.schedule import planned
from explorer import library, training
from explorer.forms import control, field_input, record_form
from explorer.names import get_name
from explorer.player import Scene
from explorer.training import fork_arguments, jobs, shown_path
from explorer.words import plain
from explorer.work.ordering import command_line, order_buttons

MODE = "train.mode"
"""Widget key: whether the form is about a new run or a fork."""

MODES = {"new": "New run", "fork": "Fork a run"}
_RUN = "fork.run"
_WHAT = (
    "A fork shares a run's history up to the start of a phase and goes on from there with other settings. Without any "
    "change it repeats what the run did."
)


def fork_form(root: Path) -> None:
    """Draw the choice of run and phase, the settings that may change, and what comes of them."""
    st.caption(_WHAT)
    found = {job.folder.name: job.folder for job in jobs(root) if job.header and kept_phases(job.folder)}
    if not found:
        st.info(
            "No run here has kept the state at the start of a phase. Runs of the **Quick** preset do so; others with "
            "**Keep checkpoints** set to *phases* under **Training**.",
            icon=":material/fork_right:",
        )
        return
    if st.session_state.get(_RUN) not in found:
        st.session_state.pop(_RUN, None)
    name = st.selectbox("Run", list(found), key=_RUN, persist_state="session")
    source = found[name]
    try:
        header = read_header(source)
        given = parse_config(header.config)
    except (RunError, ConfigError) as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    phases = _phase_names(header, given)
    kept = [phase for phase in kept_phases(source) if phase < len(phases)]
    if st.session_state.get(f"{_RUN}.{name}") not in kept:
        st.session_state.pop(f"{_RUN}.{name}", None)
    phase = st.selectbox(
        "Goes on from the start of",
        kept,
        format_func=lambda number: phases[number],
        key=f"{_RUN}.{name}",
        persist_state="session",
    )
    changed = _settings(given, f"fork.{name}.{phase}")
    try:
        fork = plan_fork(source, phase, differences(parse_config(changed), given))
    except (RunError, ConfigError) as error:
        st.error(plain(str(error)), icon=":material/error:")
        order_buttons(None, root, "fork")
        return
    order_buttons(training.forked_run(fork), root, "fork")
    if fork.changes:
        st.caption(f"Differs from {plain(name)}: {plain(', '.join(fork.changes))}")
    else:
        st.caption(f"Nothing differs from {plain(name)} yet; as it is, the fork repeats it.")
    command_line(fork_arguments(fork, shown_path(root / f"{name}-p{phase}")))


def offer_fork(scene: Scene) -> None:
    """Draw the button that leads from a moment to its fork; nothing for a run that kept no state to fork from."""
    folder, phase = scene.opened.run.folder, scene.snapshot.event.phase
    kept = kept_phases(folder) if folder.parent == library.own_root() else []
    if not kept:
        return
    here = phase in kept
    go = "Go on from the start of this phase with other settings, as a run of its own (Train page)"
    if st.button(
        f"Fork from phase {phase}" if here else "Fork from here",
        icon=":material/fork_right:",
        type="tertiary",
        key="fork-here",
        disabled=not here,
        help=go if here else "No state was kept at the start of this phase; phase 0 starts like any new run",
    ):
        st.session_state[MODE] = "fork"
        st.session_state[_RUN] = folder.name
        st.session_state[f"{_RUN}.{folder.name}"] = phase
        st.switch_page("views/train.py")


def parent_line(header: RunHeader) -> str:
    """Where a forked run comes from, in Markdown; "" for one that was not forked."""
    if header.parent is None:
        return ""
    changes = f" with {', '.join(header.parent.changes)}" if header.parent.changes else ""
    return f":material/fork_right: {plain(f'fork of {header.parent.run} from phase {header.parent.phase}{changes}')}"


def _settings(given: Config, key: str) -> dict[str, JsonValue]:
    """Draw the settings that a fork may change, with the parent's as defaults; returns every setting."""
    values = given.model_dump(mode="json")
    with st.container(width=150):
        values["seed"] = field_input(control(Config, "seed", given.seed), f"{key}.seed")
    groups: list[tuple[str, str, BaseModel]] = [("training", "Training", given.training)]
    if own := METHOD_SETTINGS.get(given.method):
        groups.insert(0, (own, get_name(own), getattr(given, own)))
    for name, label, record in groups:
        fixed = [setting.partition(".")[2] for setting in FIXED if setting.startswith(f"{name}.")]
        with st.expander(label):
            values[name] |= record_form(record, f"{key}.{name}", without=fixed)
    return values


def _phase_names(header: RunHeader, config: Config) -> list[str]:
    """What the phases of a run are called in the choice."""
    found, epoch = [], 0
    for number, phase in enumerate(planned(config, len(header.stages))):
        found.append(f"phase {number} · {phase.role} · after epoch {epoch}")
        # policies are learned in epochs of training, group nodes are not
        epoch += phase.epochs if phase.role == "task-learning" or config.method == "automtl" else 0
    return found
