"""The loop: what a run writes, and that a killed or stopped run goes on to the very same numbers."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from core import events
from core.checkpoints import load_checkpoint
from core.config import ConfigError, preset
from core.heartbeat import request_stop
from core.launch import Show, build_fabric, resume_run, start_run
from core.position import Tick
from core.runs import EVENTS, RunError, read_run, validate_run

ROOT = Path(__file__).parents[1]

# four tasks, a tree that is sure to grow (low threshold), amalgamation of several batches in each of two phases
SMALL = (
    "data.train=96",
    "data.val=32",
    "backbone.width=4",
    "backbone.encoder_stages=2",
    "training.epochs=4",
    "training.batch_size=16",
    "mtsl.min_similarity=-1",
    "mtsl.similarity_samples=32",
    "mtsl.structural_epochs=[2, 3]",
    "mtsl.amalgamation_epochs=[2, 1]",
    "training.samples=2",
)


def run(folder: Path, method: str = "mtsl", *changes: str, show: Show | None = None) -> str:
    config = preset("quick", "digits", method, 0, (*SMALL, *changes))
    return start_run(config, folder, build_fabric(config, "cpu"), show)


def resume(folder: Path) -> str:
    return resume_run(folder, lambda config: build_fabric(config, "cpu"))


def happened(folder: Path) -> list[dict[str, object]]:
    """All events of a run without what depends on the clock."""
    timed = {"seconds", "samples_per_second"}
    return [event.model_dump(exclude=timed) for event in validate_run(folder).events]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    found = load_checkpoint(folder)["net"]
    assert isinstance(found, dict)
    return found


def assert_same_run(folder: Path, other: Path) -> None:
    """Same events, bit for bit the same weights, same optimizer state, same arrays."""
    assert happened(folder) == happened(other)
    mine, theirs = weights(folder), weights(other)
    assert mine.keys() == theirs.keys()
    for name, value in mine.items():
        assert torch.equal(value, theirs[name]), name
    for path in sorted((folder / "arrays").iterdir()):
        assert path.read_bytes() == (other / "arrays" / path.name).read_bytes(), path.name


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    assert run(folder) == "finished"
    return folder


def test_a_run_tells_its_whole_story(uninterrupted: Path) -> None:
    found = validate_run(uninterrupted)
    kinds = [event.kind for event in found.events]
    assert kinds[:2] == ["run_started", "structure_changed"]
    assert kinds[-1] == "run_finished"
    assert kinds.count("epoch_finished") == kinds.count("evaluated") == 4
    first = kinds.index("similarity_measured")
    assert kinds[first : first + 3] == ["similarity_measured", "tasks_grouped", "node_created"]
    amalgamation = [event for event in found.events if isinstance(event, events.AmalgamationProgressed)]
    assert {round(event.done, 3) for event in amalgamation if event.phase == 1} >= {0.5, 1.0}
    created = [(e.stage, e.tasks) for e in found.events if isinstance(e, events.NodeCreated)]
    removed = [(e.stage, e.tasks) for e in found.events if isinstance(e, events.NodesRemoved)]
    assert created == removed
    assert created[0][0] == 0
    assert found.state() == "finished"


def test_structure_events_agree_with_the_weights(uninterrupted: Path) -> None:
    last = [e for e in validate_run(uninterrupted).events if isinstance(e, events.StructureChanged)][-1]
    trained = [name for name in weights(uninterrupted) if not name.endswith(("mean", "var", "tracked"))]
    assert last.parameters == sum(weights(uninterrupted)[name].numel() for name in trained)
    assert last.parameters == last.graph.parameters


def test_learning_happens(tmp_path: Path) -> None:
    assert run(tmp_path / "run", "mtsl", "data.train=600", "training.epochs=8", "backbone.width=8") == "finished"
    epochs = [e for e in read_run(tmp_path / "run").events if isinstance(e, events.EpochFinished)]
    assert all(epochs[-1].losses[task] < 0.9 * epochs[0].losses[task] for task in ("left", "right"))


def test_the_same_seed_gives_the_same_run_another_seed_another(uninterrupted: Path, tmp_path: Path) -> None:
    run(tmp_path / "again")
    assert_same_run(tmp_path / "again", uninterrupted)
    run(tmp_path / "other", "mtsl", "seed=1")
    assert happened(tmp_path / "other") != happened(uninterrupted)


def test_the_learning_rate_drops_tenfold_at_its_milestones(tmp_path: Path) -> None:
    run(tmp_path / "run", "one", "training.milestones=[0.5, 0.75]", "training.learning_rate=0.01")
    epochs = [e for e in read_run(tmp_path / "run").events if isinstance(e, events.EpochFinished)]
    assert [epoch.learning_rate for epoch in epochs] == pytest.approx([0.01, 0.01, 0.001, 0.0001])


class StopWhen(Show):
    """Puts a stop file into the folder at the first batch whose progress message fits."""

    def __init__(self, folder: Path, fits: Callable[[str], bool]) -> None:
        self.folder, self.fits, self.asked = folder, fits, False

    def tick(self, tick: Tick) -> None:
        if not self.asked and self.fits(tick.message):
            request_stop(self.folder)
            self.asked = True


@pytest.mark.parametrize("where", ["phase 1 of 5 · epoch 1", "phase 2 of 5 · amalgamation", "phase 5 of 5 · epoch 4"])
def test_a_stopped_run_goes_on_to_the_same_numbers(uninterrupted: Path, tmp_path: Path, where: str) -> None:
    folder = tmp_path / "run"
    assert run(folder, show=StopWhen(folder, lambda message: message.startswith(where))) == "paused"
    found = read_run(folder)
    assert found.state() == "paused"
    assert isinstance(found.events[-1], events.RunPaused)
    assert resume(folder) == "finished"
    assert_same_run(folder, uninterrupted)


def test_a_run_stopped_while_its_data_is_made_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MTSL_CACHE", str(tmp_path / "cache"))
    folder, small = tmp_path / "run", ("data.train=12", "data.val=4", "data.height=16", "data.width=16")
    config = preset("quick", "rooms", "one", 0, (*small, "training.epochs=1", "training.batch_size=4"))
    show = StopWhen(folder, lambda message: message.startswith("making data"))
    assert start_run(config, folder, build_fabric(config, "cpu"), show) == "paused"
    assert [event.kind for event in read_run(folder).events] == ["run_paused"]
    assert resume(folder) == "finished"
    assert validate_run(folder).events[0].kind == "run_started"


def start_process(folder: Path) -> "subprocess.Popen[bytes]":
    settings = [word for setting in SMALL for word in ("--set", setting)]
    command = [sys.executable, "-m", "core", "train", "--data", "digits", "--device", "cpu", "--out", str(folder)]
    return subprocess.Popen([*command, *settings], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def wait_for(folder: Path, process: "subprocess.Popen[bytes]", sign: Callable[[str], bool]) -> None:
    """Wait until the events file of a running process gives the sign."""
    path, end = folder / EVENTS, time.monotonic() + 90
    while time.monotonic() < end:
        if path.exists() and sign(path.read_text()):
            return
        assert process.poll() is None, process.stderr.read().decode() if process.stderr else ""
        time.sleep(0.002)
    raise AssertionError("the run never got there")


def counts(text: str, kind: str) -> int:
    return text.count(f'"kind":"{kind}"')


@pytest.mark.parametrize(
    ("place", "sign"),
    [
        ("before its first checkpoint", lambda text: counts(text, "run_started") == 1),
        ("in a task phase", lambda text: counts(text, "epoch_finished") == 1),
        ("between decision and amalgamation", lambda text: counts(text, "node_created") >= 1),
        ("in amalgamation", lambda text: counts(text, "amalgamation_progressed") >= 3),
        ("after removal", lambda text: counts(text, "structure_changed") == 2),
    ],
)
def test_a_killed_run_goes_on_to_the_same_numbers(
    uninterrupted: Path, tmp_path: Path, place: str, sign: Callable[[str], bool]
) -> None:
    folder = tmp_path / "run"
    process = start_process(folder)
    try:
        wait_for(folder, process, sign)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert read_run(folder).state() == "interrupted"
    assert resume(folder) == "finished"
    assert_same_run(folder, uninterrupted)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_writes_a_checkpoint_first(uninterrupted: Path, tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "run"
    process = start_process(folder)
    wait_for(folder, process, lambda text: counts(text, "epoch_finished") == 1)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert read_run(folder).state() == "paused"
    assert read_run(folder).events[-1].model_dump()["reason"] == f"stopped by {number.name}"
    assert resume(folder) == "finished"
    assert_same_run(folder, uninterrupted)


def test_finished_runs_and_missing_ones_cannot_be_resumed(uninterrupted: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"this run is finished"):
        resume(uninterrupted)
    with pytest.raises(RunError, match=r"expected a run folder with a run\.json, found none"):
        resume(tmp_path)


def test_a_damaged_checkpoint_is_named(uninterrupted: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run(folder, show=StopWhen(folder, lambda message: "epoch 1" in message))
    path = folder / "checkpoints" / "last.pt"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RunError, match=r"last\.pt: the checkpoint is damaged"):
        resume(folder)


def test_a_diverging_run_fails_with_task_and_step(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert run(folder, "separate", "training.learning_rate=1", "training.epochs=30") == "failed"
    last = read_run(folder).events[-1]
    assert isinstance(last, events.RunFailed)
    assert "the loss of" in last.reason
    assert f"at step {last.step}" in last.reason
    assert read_run(folder).state() == "failed"


@pytest.mark.parametrize("method", ["one", "separate"])
def test_the_reference_models_never_change_their_structure(tmp_path: Path, method: str) -> None:
    assert run(tmp_path / "run", method) == "finished"
    changes = [e for e in validate_run(tmp_path / "run").events if isinstance(e, events.StructureChanged)]
    groups = ((0, 1, 2, 3),) if method == "one" else ((0,), (1,), (2,), (3,))
    assert [change.partitions for change in changes] == [(groups,) * 3]


def test_averaging_fuses_without_amalgamation(tmp_path: Path) -> None:
    run(tmp_path / "run", "mtsl", "mtsl.fuser=average")
    kinds = [event.kind for event in validate_run(tmp_path / "run").events]
    assert "amalgamation_progressed" not in kinds
    assert "nodes_removed" in kinds


def test_a_high_threshold_keeps_all_apart_and_says_why(tmp_path: Path) -> None:
    run(tmp_path / "run", "mtsl", "mtsl.min_similarity=1")
    found = validate_run(tmp_path / "run").events
    decisions = [event for event in found if isinstance(event, events.TasksGrouped)]
    assert [decision.fused for decision in decisions] == [(), ()]
    assert all("nothing is fused" in decision.reason for decision in decisions)
    assert not [event for event in found if isinstance(event, events.NodeCreated)]


def test_similarity_needs_enough_images(tmp_path: Path) -> None:
    """Found out only once the data is there: the run says so itself, for whoever looks at the folder."""
    with pytest.raises(ConfigError, match=r"96 training images less 90 for similarity leave 6; expected at least 16"):
        run(tmp_path / "run", "mtsl", "mtsl.similarity_samples=90")
    last = validate_run(tmp_path / "run").events[-1]
    assert isinstance(last, events.RunFailed)
    assert "leave 6" in last.reason
    with pytest.raises(ConfigError, match=r"`mtsl\.similarity_samples` should be at most 32"):
        run(tmp_path / "more", "mtsl", "mtsl.similarity_samples=40", "mtsl.similarity_from=validation")


def test_a_full_disk_loses_nothing(uninterrupted: Path, tmp_path: Path) -> None:
    """A file size limit stands in for the full disk: the same OSError from the same write call."""
    folder = tmp_path / "run"
    limit = (uninterrupted / EVENTS).stat().st_size // 2  # smaller than any checkpoint, so the first one fails too
    script = (
        f"import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
        "import runpy, sys; sys.argv[0] = 'core'; runpy.run_module('core', run_name='__main__')"
    )
    words = [word for setting in SMALL for word in ("--set", setting)]
    command = [sys.executable, "-c", script, "train", "--data", "digits", "--device", "cpu", "--out", str(folder)]
    done = subprocess.run([*command, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert resume(folder) == "finished"
    assert_same_run(folder, uninterrupted)


def test_the_papers_network_trains(tmp_path: Path) -> None:
    """Ten stages, all settings of the paper but the length: two epochs with a structural phase between them."""
    changes = [
        "data.train=12",
        "data.val=4",
        "training.epochs=2",
        "training.batch_size=4",
        "training.samples=1",
        "mtsl.similarity_samples=4",
        "mtsl.structural_epochs=[2]",
    ]
    config = preset("paper", "rooms", overrides=changes)
    assert start_run(config, tmp_path / "run", build_fabric(config, "cpu")) == "finished"
    changed = [e for e in validate_run(tmp_path / "run").events if isinstance(e, events.StructureChanged)]
    assert len(changed[0].graph.nodes) == 5 * 10 + 5
    assert changed[0].parameters > 107e6
    assert changed[-1].partitions is not None
    assert changed[-1].partitions[0] == ((0, 1, 2, 3, 4),)


def test_two_processes_take_the_same_decisions(tmp_path: Path) -> None:
    """Two CPU processes: one run is written, with gradients, statistics and decisions in common."""
    settings = [word for setting in SMALL for word in ("--set", setting)]
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "core", "train", "--data", "digits", "--device", "cpu", "--devices", "2"]
    done = subprocess.run(
        [*command, "--out", str(folder), *settings],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    found = validate_run(folder)
    assert found.state() == "finished"
    # the same images a pass, half the steps a process
    last = [event for event in found.events if isinstance(event, events.EpochFinished)][-1]
    assert last.step == 4 * (64 // 32)
    assert json.loads((folder / "run.json").read_text())["method"] == "mtsl"
