"""Forks: with nothing changed the parent's very numbers, with something changed only from there on, else a reason."""

import errno
import hashlib
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from core import checkpoints, events
from core.checkpoints import Checkpoints, has_checkpoint, kept_phases, load_checkpoint, phase_file
from core.config import ConfigError
from core.fork import FIXED, changeable, plan_fork
from core.launch import build_fabric, fork_run
from core.runs import EVENTS, HEADER, RunError, read_header, read_run, validate_run
from tests.test_training import ROOT, assert_same_run, counts, happened, resume, run, wait_for

PHASES = 5
"""Of the small run: one epoch, two of amalgamation, one epoch, one of amalgamation, two epochs."""


def fork(parent: Path, phase: int, folder: Path, *changes: str) -> str:
    return fork_run(parent, phase, folder, changes, lambda config: build_fabric(config, "cpu"))


def contents(folder: Path) -> dict[str, str]:
    """The hash of every file below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def shared(folder: Path) -> list[events.AnyEvent]:
    """The events that a fork has from its parent."""
    parent = read_header(folder).parent
    assert parent is not None
    return read_run(folder).events[: parent.events]


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "parent"
    assert run(folder) == "finished"
    return folder


def test_a_state_is_kept_at_the_start_of_every_phase_but_the_first(parent: Path, tmp_path: Path) -> None:
    assert kept_phases(parent) == [*range(1, PHASES)]
    for phase in kept_phases(parent):
        at = load_checkpoint(parent, phase)["at"]
        assert isinstance(at, dict)
        assert (at["phase"], at["started"], at["done"], at["batch"]) == (phase, False, 0, 0)
    run(tmp_path / "run", "mtsl", "training.keep_checkpoints=last", "training.epochs=3")
    assert kept_phases(tmp_path / "run") == []
    assert has_checkpoint(tmp_path / "run")


@pytest.mark.parametrize("phase", range(1, PHASES))
def test_a_fork_without_changes_repeats_its_parent(parent: Path, tmp_path: Path, phase: int) -> None:
    folder = tmp_path / "fork"
    assert fork(parent, phase, folder) == "finished"
    assert_same_run(folder, parent)
    found, given = read_header(folder), read_header(parent)
    assert found.parent is not None
    assert (found.parent.run, found.parent.phase, found.parent.changes) == ("parent", phase, ())
    assert (found.config, found.seed, found.parent.created) == (given.config, given.seed, given.created)
    lines = (parent / EVENTS).read_bytes().splitlines(keepends=True)[: found.parent.events]
    assert found.parent.sha256 == hashlib.sha256(b"".join(lines)).hexdigest()
    assert shared(folder) == read_run(parent).events[: found.parent.events]
    following = read_run(folder).events[found.parent.events]
    assert isinstance(following, events.PhaseStarted)
    assert following.phase == phase
    assert kept_phases(folder) == [*range(phase, PHASES)]  # so that a fork can be forked


def test_settings_act_from_the_fork_on(parent: Path, tmp_path: Path) -> None:
    folder, before = tmp_path / "fork", contents(parent)
    assert fork(parent, 3, folder, "mtsl.min_similarity=1", "training.learning_rate=0.0005", "seed=7") == "finished"
    found = validate_run(folder)
    assert found.header.seed == 7
    assert found.header.parent is not None
    assert found.header.parent.changes == (
        "seed=7",
        "training.learning_rate=0.0005",
        "mtsl.min_similarity=1.0",
    )
    decisions = [event for event in found.events if isinstance(event, events.TasksGrouped)]
    assert {(event.phase, event.min_similarity) for event in decisions} == {(1, -1.0), (3, 1.0)}
    assert all(not event.fused for event in decisions if event.phase == 3)
    rates = {(e.phase, e.learning_rate) for e in found.events if isinstance(e, events.EpochFinished)}
    assert {rate for phase, rate in rates if phase < 3} == {2e-3}
    assert {rate for phase, rate in rates if phase > 3} == {5e-4, 5e-5}
    assert contents(parent) == before
    assert happened(folder)[: found.header.parent.events] == happened(parent)[: found.header.parent.events]


@pytest.mark.parametrize("change", ["training.weight_decay=0.1", "seed=3"])
def test_each_change_makes_a_difference(parent: Path, tmp_path: Path, change: str) -> None:
    fork(parent, 2, tmp_path / "fork", change)
    assert happened(tmp_path / "fork") != happened(parent)


def test_more_epochs_make_the_last_phase_longer(parent: Path, tmp_path: Path) -> None:
    fork(parent, PHASES - 1, tmp_path / "fork", "training.epochs=6", "training.batch_size=32")
    found = read_run(tmp_path / "fork").events
    phases = [event.epochs for event in found if isinstance(event, events.PhaseStarted)]
    assert phases == [1, 2, 1, 1, 4]
    assert found[-1].epoch == 6


def test_a_stretched_schedule_is_kept_when_only_the_epochs_change(tmp_path: Path) -> None:
    parent = tmp_path / "parent"
    run(parent, "mtsl", "mtsl.structural_epochs=null", "mtsl.amalgamation_epochs=null", "mtsl.phases=2")
    before = [e.epochs for e in read_run(parent).events if isinstance(e, events.PhaseStarted)]
    config = plan_fork(parent, 3, ["training.epochs=9"]).config
    assert config.mtsl.structural_epochs is not None
    fork(parent, 3, tmp_path / "fork", "training.epochs=9")
    after = [e.epochs for e in read_run(tmp_path / "fork").events if isinstance(e, events.PhaseStarted)]
    assert after == [*before[:-1], before[-1] + 5]


def test_the_rest_of_the_schedule_may_change_but_not_what_is_done(parent: Path) -> None:
    config = plan_fork(parent, 2, ["mtsl.structural_epochs=[2]", "mtsl.amalgamation_epochs=[2]"]).config
    assert config.mtsl.structural_epochs == (2,)  # no second structural phase
    for changes in (["mtsl.structural_epochs=[3, 4]"], ["mtsl.amalgamation_epochs=[1, 1]"], ["training.epochs=1"]):
        with pytest.raises(ConfigError, match=r"begin with the 2 phases that are done|should lie in"):
            plan_fork(parent, 2, changes)
    with pytest.raises(ConfigError) as error:
        plan_fork(parent, 3, ["mtsl.structural_epochs=[2]", "mtsl.amalgamation_epochs=[2]"])
    assert "`mtsl.structural_epochs=[2, 3]` and `mtsl.amalgamation_epochs=[2, 1]`" in str(error.value)


def test_settings_that_are_fixed_are_listed_with_what_can_change(parent: Path) -> None:
    changes = ["data.train=90", "backbone.width=8", "method=one", "mtsl.similarity_samples=16", "training.samples=1"]
    with pytest.raises(ConfigError) as error:
        plan_fork(parent, 2, [*changes, "mtsl.min_similarity=0.5"])
    said = str(error.value)
    assert all(f"`{change.partition('=')[0]}`: " in said for change in changes)
    assert "mtsl.min_similarity`" not in said
    assert all(key in said for key in changeable())
    assert not set(FIXED) & set(changeable())


def test_without_a_state_there_is_a_reason(parent: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"nothing to fork from. Train it anew with `--set training\.keep_checkpoints"):
        plan_fork(ROOT / "assets" / "runs" / "mtsl-rooms", 3)
    with pytest.raises(RunError, match=r"at the start of phase 9; there are those of phases 1, 2, 3, 4"):
        plan_fork(parent, 9)
    with pytest.raises(RunError, match="phase 0 starts like any new run"):
        plan_fork(parent, 0)
    with pytest.raises(RunError, match=r"expected a run folder with a run\.json"):
        plan_fork(tmp_path, 1)
    with pytest.raises(RunError, match="already holds a run"):
        fork(parent, 1, parent)


def test_a_damaged_state_leaves_no_run_behind(parent: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(parent, copy)
    phase_file(copy, 2).write_bytes(b"no state")
    with pytest.raises(RunError, match=r"phase-002\.pt: the checkpoint is damaged"):
        fork(copy, 2, tmp_path / "fork")
    assert not (tmp_path / "fork").exists()


def test_a_killed_fork_goes_on_to_the_same_numbers(parent: Path, tmp_path: Path) -> None:
    folder = tmp_path / "fork"
    command = [sys.executable, "-m", "core", "fork", str(parent), "--phase", "1", "--out", str(folder)]
    process = subprocess.Popen(
        [*command, "--device", "cpu"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        wait_for(folder, process, lambda text: counts(text, "amalgamation_progressed") >= 3)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert read_run(folder).state() == "interrupted"
    assert resume(folder) == "finished"
    assert_same_run(folder, parent)


# ---- room on the disk -----------------------------------------------------------------------------------------------


def state_of(phase: int) -> dict[str, object]:
    return {"at": {"phase": phase}}


def test_a_short_disk_costs_the_states_of_phases_not_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "checkpoints").mkdir()
    said: list[str] = []
    kept = Checkpoints(tmp_path, keep_phases=True, warn=said.append)
    kept.save(state_of(1))
    kept.keep(1)
    monkeypatch.setattr(checkpoints.shutil, "disk_usage", lambda path: SimpleNamespace(free=100))
    kept.save(state_of(2))
    kept.keep(2)
    kept.keep(3)
    assert kept_phases(tmp_path) == [1]
    assert len(said) == 1
    assert "no room to keep the state at the start of phase 2" in said[0]


def test_a_full_disk_takes_the_states_of_phases_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "checkpoints").mkdir()
    said: list[str] = []
    kept = Checkpoints(tmp_path, keep_phases=True, warn=said.append)
    kept.save(state_of(1))
    kept.keep(1)
    write = checkpoints.write_whole

    def full(path: Path, content: object) -> None:
        if kept_phases(tmp_path):
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, content)  # type: ignore[arg-type]

    monkeypatch.setattr(checkpoints, "write_whole", full)
    kept.save(state_of(2))
    assert load_checkpoint(tmp_path) == state_of(2)
    assert kept_phases(tmp_path) == []
    assert not kept.keep_phases
    assert "the disk is full" in said[0]


def test_a_run_that_was_never_forked_has_no_word_of_it(parent: Path) -> None:
    assert "parent" not in json.loads((parent / HEADER).read_text())
