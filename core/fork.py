"""Forks: a run that goes on from the start of a phase of another run, with other settings.

A fork is a run folder like any other. It begins with its parent's events up to that phase, so the whole history stands
in it; its header's `parent` says which part that is. With no setting changed it goes on to the parent's very numbers.

What is done cannot change: data, backbone, method, the images set aside and the samples shown stay as they are, and the
new schedule must begin with the phases that the parent has done. Everything else acts from the fork on, the seed on the
order of batches and on the first weights of group nodes. Where the parent's schedule was stretched to its epochs and
only `training.epochs` changes, the parent's structural epochs are kept and the last phase takes up the difference.

Planning a fork needs no torch; making one reads the parent's state.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from core.checkpoints import LAST, kept_phases, link_or_copy, load_checkpoint, phase_file
from core.config import AutoMtl, Config, ConfigError, Mtsl, Training, changed_config, differences, parse_config
from core.events import parse_event
from core.heartbeat import write_whole
from core.provenance import Parent, package_versions, utc_now
from core.runs import ARRAYS, CHECKPOINTS, EVENTS, HEADER, RunError, RunHeader, read_header
from core.schedule import Phase, planned

FIXED = {
    "method": "it decides what the phases are",
    "data": "the network has learned on these images",
    "backbone": "the weights are those of this network",
    "training.samples": "the images were saved at the start",
    "mtsl.similarity_from": "images set aside must not have been trained on",
    "mtsl.similarity_samples": "images set aside must not have been trained on",
    "automtl.grain": "the weights are those of these operations",
    "automtl.network_optimizer": "its state is that of this optimizer",
}
"""Setting, or group of settings, that a fork cannot change -> why."""

_SCHEDULE = ("mtsl.structural_epochs", "mtsl.amalgamation_epochs", "mtsl.phases")


@dataclass(frozen=True)
class Fork:
    """A fork that can be made: from the start of `phase` of the run in `source`, with `config`."""

    source: Path
    phase: int
    config: Config
    header: RunHeader
    """The parent's."""
    changes: tuple[str, ...]


def changeable() -> tuple[str, ...]:
    """The settings that a fork may change, as `--set` names them."""
    groups: tuple[tuple[str, type[BaseModel]], ...] = (
        ("training", Training),
        ("mtsl", Mtsl),
        ("automtl", AutoMtl),
    )
    keys = [f"{group}.{name}" for group, record in groups for name in record.model_fields]
    return ("seed", *(key for key in keys if key not in FIXED))


def plan_fork(source: Path, phase: int, overrides: Sequence[str] = ()) -> Fork:
    """The fork of a run at the start of `phase`, with settings `key=value` that override the parent's.

    Raises `RunError` where there is no state to go on from, and `ConfigError` for settings that a fork cannot have.
    """
    header = read_header(source)
    _check_kept(source, phase)
    given = parse_config(header.config)
    config = changed_config(given, overrides)
    changed = {change.partition("=")[0] for change in differences(config, given)}
    _check_fixed(changed)
    n_stages = len(header.stages)
    if "training.epochs" in changed and changed.isdisjoint(_SCHEDULE) and given.method == "mtsl":
        config = changed_config(config, spelled_out(planned(given, n_stages)))
    _check_schedule(planned(given, n_stages), config, n_stages, phase)
    return Fork(source, phase, config, header, differences(config, given))


def make_fork(fork: Fork, folder: Path) -> None:
    """Write the run folder of a fork, ready to be resumed; its header comes last, so it is a run only once whole.

    Raises `RunError` if the folder holds a run already or the parent's state is damaged, and `OSError`.
    """
    if (folder / HEADER).exists():
        raise RunError(f"{folder}: already holds a run. Choose another folder.")
    events = _shared_events(fork)
    lines = events.splitlines()
    arrays = [file for line in lines if (file := getattr(parse_event(line), "file", None)) is not None]
    copies = {fork.source / ARRAYS / name: folder / ARRAYS / name for name in arrays}
    copies[phase_file(fork.source, fork.phase)] = folder / CHECKPOINTS / LAST
    parent = Parent(
        run=fork.source.resolve().name,
        created=fork.header.created,
        seed=fork.header.seed,
        phase=fork.phase,
        events=len(lines),
        sha256=hashlib.sha256(events).hexdigest(),
        changes=fork.changes,
    )
    new = {
        "seed": fork.config.seed,
        "config": fork.config.model_dump(mode="json"),
        "versions": package_versions(),
        "created": utc_now(),
        "parent": parent,
    }
    try:
        for place in (ARRAYS, CHECKPOINTS):
            (folder / place).mkdir(parents=True, exist_ok=True)
        for old, copy in copies.items():
            link_or_copy(old, copy)
        write_whole(folder / EVENTS, events)
        write_whole(folder / HEADER, fork.header.model_copy(update=new).as_json())
    except OSError:
        for path in (*copies.values(), folder / EVENTS):
            path.unlink(missing_ok=True)
        raise


def spelled_out(plan: Sequence[Phase]) -> tuple[str, ...]:
    """The settings that name the schedule of a plan outright, whatever the number of epochs.

    >>> spelled_out([Phase("task-learning", 2), Phase("structural-learning", 1), Phase("task-learning", 3)])
    ('mtsl.structural_epochs=[3]', 'mtsl.amalgamation_epochs=[1]')
    """
    before, lengths, done = [], [], 0
    for phase in plan:
        if phase.role == "structural-learning":
            before.append(done + 1)
            lengths.append(phase.epochs)
        else:
            done += phase.epochs
    return f"mtsl.structural_epochs={before}", f"mtsl.amalgamation_epochs={lengths}"


def _check_kept(source: Path, phase: int) -> None:
    kept = kept_phases(source)
    if phase == 0:
        raise RunError("a fork starts at phase 1 or later; phase 0 starts like any new run, with `train`.")
    if not kept:
        raise RunError(
            f"{source}: no state was kept at the start of a phase, so there is nothing to fork from. Train it anew "
            "with `--set training.keep_checkpoints=phases`; the same seed gives the same run."
        )
    if phase not in kept:
        raise RunError(
            f"{source}: no state was kept at the start of phase {phase}; there are those of phases "
            f"{', '.join(map(str, kept))}."
        )


def _check_fixed(changed: set[str]) -> None:
    refused = {
        key: why
        for key in sorted(changed)
        for fixed, why in FIXED.items()
        if key == fixed or key.startswith(fixed + ".")
    }
    if refused:
        said = "\n  ".join(f"`{key}`: {why}." for key, why in refused.items())
        raise ConfigError(
            f"settings that a fork cannot change:\n  {said}\nA fork can change: {', '.join(changeable())}."
        )


def _check_schedule(given: Sequence[Phase], config: Config, n_stages: int, phase: int) -> None:
    """Raises `ConfigError` unless the plan of `config` begins with the phases done and goes on from there."""
    plan, done = planned(config, n_stages), given[:phase]
    if tuple(plan[:phase]) != tuple(done) or len(plan) <= phase:
        whole = f"is `{'` and `'.join(spelled_out(given))}`, " if config.method == "mtsl" else "has "
        raise ConfigError(
            f"the schedule should begin with the {phase} phases that are done: {_listed(done)}. Found "
            f"{_listed(plan[:phase])}{'' if len(plan) > phase else ' and nothing after them'}. The parent's whole "
            f"schedule {whole}`training.epochs` "
            f"{sum(part.epochs for part in given if part.role == 'task-learning')}; change only what comes later."
        )


def _listed(phases: Sequence[Phase]) -> str:
    return ", ".join(f"{phase.epochs} {'task' if phase.role == 'task-learning' else 'structural'}" for phase in phases)


def _shared_events(fork: Fork) -> bytes:
    """The lines of the parent's events that come before the phase."""
    path = fork.source / EVENTS
    size = load_checkpoint(fork.source, fork.phase)["events"]
    assert isinstance(size, int)
    with path.open("rb") as file:
        events = file.read(size)
    if len(events) < size or not events.endswith(b"\n"):
        raise RunError(
            f"{path}: does not hold the {size} bytes of events that the state at phase {fork.phase} follows."
        )
    return events
