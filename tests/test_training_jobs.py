"""Training processes: started, found again from their folders, stopped, resumed, and never lost when they die."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.config import Config, ConfigError, parse_config, preset
from core.detached import LOG, complaint
from core.events import RunPaused, RunStarted
from core.heartbeat import HEARTBEAT, STOP, Heartbeat, heartbeat, process_alive, process_start, write_whole
from core.runs import HEADER, RunError, RunWriter, read_run
from explorer.training import (
    Job,
    alike,
    as_typed,
    check_config,
    jobs,
    log_tail,
    new_run,
    overrides,
    read_job,
    remove,
    resume,
    start,
    stop,
    train_arguments,
)
from explorer.training.checks import n_stages
from tests._runs import Plan, header_of, write_run

ROOT = Path(__file__).parents[1]
SMALL = ("data.train=160", "data.val=32", "training.batch_size=32", "mtsl.similarity_samples=32", "mtsl.phases=1")
AT = {"step": 0, "epoch": 0, "phase": 0, "seconds": 0.0}


def small(*more: str, method: str = "mtsl") -> Config:
    """Digits in batches of milliseconds."""
    return preset("quick", "digits", method, overrides=[*SMALL, *more])


def await_job(folder: Path, wanted: Callable[[Job], bool], seconds: float = 90) -> Job:
    """The job as soon as it is as wanted; fails with what it is instead."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        job = read_job(folder)
        if wanted(job):
            return job
        time.sleep(0.05)
    pytest.fail(f"waited {seconds} s, found {read_job(folder)}\n{log_tail(folder)}")


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """An empty root; what still trains below it afterwards is ended."""
    yield tmp_path
    for folder in tmp_path.iterdir():
        beat = heartbeat(folder) if folder.is_dir() else None
        if beat and beat.pid != os.getpid() and process_alive(beat):
            os.kill(beat.pid, signal.SIGKILL)


def beat_of(pid: int, message: str = "starting", done: float = 0.0, eta: float | None = None) -> bytes:
    """A heartbeat of a process of this machine, as it stands in the file."""
    return (
        Heartbeat(
            pid=pid,
            host=socket.gethostname(),
            born=process_start(pid),
            time=time.time(),
            message=message,
            done=done,
            eta_seconds=eta,
        )
        .model_dump_json()
        .encode()
    )


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


# ---- real processes -------------------------------------------------------------------------------------------------


def test_a_run_lives_without_the_app_stops_and_goes_on(root: Path) -> None:
    """The process that starts it ends at once, as a server that is restarted; all that is left is the folder."""
    script = (
        "import json, sys; from pathlib import Path\n"
        "from core.config import parse_config; from explorer.training import new_run, start\n"
        "print(start(new_run(parse_config(json.loads(sys.argv[1]))), Path(sys.argv[2])))\n"
        "assert 'torch' not in sys.modules and 'streamlit' not in sys.modules"
    )
    config = small("training.epochs=2000", "training.samples=0")
    out = subprocess.run(
        [sys.executable, "-c", script, config.model_dump_json(), str(root)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    [job] = jobs(root)
    assert job.folder == Path(out.stdout.strip())
    assert job.state == "starting"
    assert job.message == "starting"
    assert job.folder.name.startswith("mtsl-digits-s0-")

    job = await_job(job.folder, lambda job: job.state == "running" and job.epoch is not None)
    assert job.header is not None
    assert parse_config(job.header.config) == config
    assert job.done is not None
    assert 0 < job.done < 1
    assert os.getsid(heartbeat(job.folder).pid) != os.getsid(0)  # type: ignore[union-attr]
    with pytest.raises(RunError, match="a process is training this run already"):
        resume(job.folder)

    stop(job.folder)
    assert read_job(job.folder).state in ("stopping", "paused")
    job = await_job(job.folder, lambda job: not job.live)
    assert (job.state, job.problem) == ("paused", "")
    assert isinstance(read_run(job.folder).events[-1], RunPaused)
    assert job.message.endswith(" of 2000")

    resume(job.folder)
    assert read_job(job.folder).state == "starting"
    reached = job.epoch.epoch if job.epoch else 0
    job = await_job(
        job.folder, lambda job: job.state == "running" and job.epoch is not None and job.epoch.epoch > reached
    )
    assert "python -m core resume" in (job.folder / LOG).read_text()

    os.kill(heartbeat(job.folder).pid, signal.SIGKILL)  # type: ignore[union-attr]
    job = await_job(job.folder, lambda job: not job.live, seconds=10)
    assert (job.state, job.problem, job.resumable) == ("interrupted", "", True)


def test_a_process_that_dies_at_once_says_why(root: Path) -> None:
    never_a_run = start(new_run(small("training.epochs=2", "mtsl.phases=9")), root)
    too_little_data = start(new_run(small("data.train=40")), root)
    assert never_a_run != too_little_data
    job = await_job(never_a_run, lambda job: not job.live)
    assert (job.state, job.header, job.resumable, job.removable) == ("failed", None, False, True)
    assert "`epochs` should exceed the number of structural phases" in job.problem
    remove(never_a_run)
    assert not never_a_run.exists()

    job = await_job(too_little_data, lambda job: not job.live)
    assert job.state == "failed"
    assert job.header is not None
    assert "Raise the number of training images" in job.problem
    assert "Traceback" not in log_tail(too_little_data)
    assert [event.kind for event in read_run(too_little_data).events] == ["run_failed"]
    with pytest.raises(FileNotFoundError):
        read_job(never_a_run)
    assert [job.folder for job in jobs(root)] == [too_little_data]
    assert job.removable
    remove(too_little_data)
    assert jobs(root) == []


def test_stopping_before_anything_was_trained_ends_the_process(root: Path) -> None:
    folder = start(new_run(small()), root)
    beat = heartbeat(folder)
    assert beat is not None
    stop(folder)
    job = await_job(folder, lambda job: not job.live, seconds=30)
    assert (job.state, job.message, job.problem) == ("interrupted", "stopped before training began", "")
    until = time.monotonic() + 5
    while Path(f"/proc/{beat.pid}").exists() and time.monotonic() < until:  # somebody waited for it: no zombie stays
        time.sleep(0.01)
    assert not Path(f"/proc/{beat.pid}").exists()
    assert job.removable
    remove(folder)
    assert jobs(root) == []


def test_a_process_that_is_killed_before_it_says_a_word_is_not_lost(root: Path) -> None:
    folder = start(new_run(small()), root)
    os.kill(heartbeat(folder).pid, signal.SIGKILL)  # type: ignore[union-attr]
    job = await_job(folder, lambda job: not job.live, seconds=10)
    assert (job.state, job.problem) == ("failed", "The process ended without a word.")


# ---- folders --------------------------------------------------------------------------------------------------------


def test_an_empty_place_has_no_jobs(tmp_path: Path) -> None:
    assert jobs(tmp_path) == []
    assert jobs(tmp_path / "nowhere") == []


def test_progress_comes_from_the_heartbeat(tmp_path: Path) -> None:
    (tmp_path / LOG).write_text("$ python -m core train\n")
    write_whole(tmp_path / HEARTBEAT, beat_of(os.getpid(), "making data: 120 of 640"))
    job = read_job(tmp_path)
    assert (job.state, job.message, job.done, job.live) == ("starting", "making data: 120 of 640", 0.0, True)
    write_run(tmp_path / "run", Plan(structural_phases=1, end="cut"))
    write_whole(tmp_path / "run" / HEARTBEAT, beat_of(os.getpid(), "phase 2 of 3", 0.25, eta=40.0))
    job = read_job(tmp_path / "run")
    assert (job.state, job.done) == ("running", 0.25)
    assert job.eta_seconds == pytest.approx(40, abs=1)
    (tmp_path / "run" / STOP).touch()
    assert read_job(tmp_path / "run").state == "stopping"


def test_last_numbers_are_the_last_of_the_run(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", Plan(structural_phases=3)))
    job = read_job(run.folder)
    assert job.epoch == [event for event in run.events if event.kind == "epoch_finished"][-1]
    assert job.evaluated == [event for event in run.events if event.kind == "evaluated"][-1]
    assert (job.state, job.done, job.seconds) == ("finished", 1.0, run.events[-1].seconds)
    assert (job.resumable, job.removable, job.problem) == (False, False, "")


def test_a_long_run_is_read_from_its_end(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", Plan(structural_phases=200, progress=6)))
    assert (run.folder / "events.jsonl").stat().st_size > 2 * 2**17
    assert read_job(run.folder).epoch == [event for event in run.events if event.kind == "epoch_finished"][-1]


@pytest.mark.parametrize(
    ("end", "state"), [("finished", "finished"), ("paused", "paused"), ("failed", "failed"), ("cut", "interrupted")]
)
def test_runs_of_other_loops_are_listed_too(tmp_path: Path, end: str, state: str) -> None:
    write_run(tmp_path / "run", Plan(structural_phases=1, end=end))  # type: ignore[arg-type]
    [job] = jobs(tmp_path)
    assert job.state == state
    assert bool(job.problem) == (state == "failed")


def test_a_broken_run_is_shown_with_its_error(tmp_path: Path) -> None:
    write_run(tmp_path / "one", Plan(structural_phases=1))
    header = json.loads((tmp_path / "one" / HEADER).read_text())
    (tmp_path / "one" / HEADER).write_text(json.dumps(header | {"schema_version": 99}))
    write_run(tmp_path / "two", Plan(structural_phases=1))
    with (tmp_path / "two" / "events.jsonl").open("a") as file:
        file.write('{"kind": "run_finished", "step": -1, "epoch": 1, "phase": 0, "seconds": 1}\n')
    found = {job.folder.name: job for job in jobs(tmp_path)}
    assert {job.state for job in found.values()} == {"unreadable"}
    assert "schema version 99 is newer" in found["one"].problem
    assert "step" in found["two"].problem


def test_an_error_in_the_log_counts_until_a_later_process_writes_events(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", Plan(structural_phases=1, end="paused"))
    (folder / LOG).write_text("$ python -m core resume run\nerror: no space left\n")
    os.utime(folder / "events.jsonl", (1e9, 1e9))
    assert read_job(folder).problem == "no space left"
    os.utime(folder / "events.jsonl")
    os.utime(folder / LOG, (1e9, 1e9))
    assert read_job(folder).problem == ""


def test_a_traceback_is_told_by_its_last_line() -> None:
    log = 'x\nTraceback (most recent call last):\n  File "a.py", line 1, in <module>\nMemoryError: too big\n'
    assert complaint(log) == "MemoryError: too big"


def test_a_dead_process_is_not_stopped_and_a_reused_id_is_not_taken_for_it(tmp_path: Path) -> None:
    write_whole(tmp_path / HEARTBEAT, beat_of(dead_pid()))
    stop(tmp_path)
    assert not (tmp_path / STOP).exists()
    reused = json.loads(beat_of(os.getpid())) | {"born": "1"}
    write_whole(tmp_path / HEARTBEAT, json.dumps(reused).encode())
    stop(tmp_path)  # would end the tests
    assert not (tmp_path / STOP).exists()


def test_only_what_was_never_trained_can_be_removed(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", Plan(structural_phases=1))
    with pytest.raises(RunError, match="it holds a run, which stays"):
        remove(folder)
    assert read_run(folder).events
    with RunWriter(tmp_path / "empty", header_of(Plan())), pytest.raises(RunError, match="which stays"):
        remove(tmp_path / "empty")  # this process is writing it
    assert read_job(tmp_path / "empty").removable
    (tmp_path / "empty" / "notes.txt").write_text("mine")
    with pytest.raises(OSError, match="not empty"):
        remove(tmp_path / "empty")
    assert (tmp_path / "empty" / "notes.txt").exists()


def test_a_run_that_is_none_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"expected a run folder with a run\.json"):
        resume(tmp_path)


def test_an_estimate_scales_a_like_run_with_epochs_and_images(tmp_path: Path) -> None:
    done, plan = small("training.epochs=4"), Plan(structural_phases=1)
    header = header_of(plan).model_copy(update={"config": done.model_dump(mode="json")})
    with RunWriter(tmp_path / "run", header) as writer:
        for event in read_run(write_run(tmp_path / "other", plan)).events:
            writer.write(event)
    known = jobs(tmp_path)
    took = read_job(tmp_path / "run").seconds
    [(seconds, job)] = alike(small("training.epochs=12", "data.train=320", "mtsl.min_similarity=0.5"), known)
    assert seconds == pytest.approx(6 * took)
    assert job.folder.name == "run"
    assert alike(small("backbone.width=32"), known) == []
    assert alike(small(method="one"), known) == []


# ---- the command line and what it would refuse ----------------------------------------------------------------------

CONFIGS = [
    preset(),
    preset("paper", "digits", "one", 3),
    preset("quick", "rooms", "separate", 7, ["training.milestones=[]", "training.learning_rate=1.0e-05"]),
    preset(overrides=["data.scene.room_size=[4, 7]", "data.scene.objects=[0, 3]", "data.scene.shadows=false"]),
    preset(overrides=["backbone={name: paper, weights: imagenet}", "mtsl.phases=3", "mtsl.rule=best-pairs"]),
    preset("paper", "rooms", overrides=["backbone={name: small, width: 8}", "mtsl.structural_epochs=[2, 5]"]),
    preset("quick", "digits", overrides=["training.threads=null", "data.blend=sum", "data.overlap=0"]),
]


@pytest.mark.parametrize("config", CONFIGS, ids=range(len(CONFIGS)))
def test_overrides_lead_from_any_preset_to_the_config(config: Config) -> None:
    for name in ("quick", "paper"):
        changed = overrides(config, name)
        assert preset(name, config.data.dataset, config.method, config.seed, changed) == config


def test_what_equals_the_preset_is_not_said() -> None:
    assert overrides(preset("paper", "rooms", "one", 5), "paper") == ()
    assert overrides(preset(overrides=["training.epochs=9"]), "quick") == ("training.epochs=9",)


@pytest.mark.parametrize("width", [None, 40])
def test_the_shown_command_is_one_that_a_shell_reads(width: int | None) -> None:
    config = preset(overrides=["data.scene.room_size=[4, 7]", "backbone={name: paper}"])
    arguments = train_arguments(config, "quick", "a folder/x")
    shown = as_typed(arguments, width)
    script = f"python() {{ printf '%s\\n' \"$@\"; }}\n{shown}"
    read = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()
    assert read == ["-m", "core", *arguments]
    assert width is None or max(map(len, shown.splitlines())) < 80


@pytest.mark.parametrize(
    "config", [*CONFIGS, preset("quick", "digits"), preset("paper")], ids=lambda config: config.backbone.name
)
def test_stages_are_those_of_the_backbone(config: Config) -> None:
    from core.launch import build_backbone

    plain = config.model_copy(update={"backbone": config.backbone.model_copy(update={"weights": None})})
    expected = plain if config.backbone.name == "paper" else config
    assert n_stages(config) == len(build_backbone(expected).stages)


def test_what_training_would_refuse_is_known_before() -> None:
    check_config(small("training.epochs=2"))
    with pytest.raises(ConfigError, match="`epochs` should exceed the number of structural phases"):
        check_config(preset("quick", "digits", overrides=["training.epochs=2"]))
    check_config(preset("quick", "digits", "one", overrides=["training.epochs=2"]))
    with pytest.raises(
        ConfigError, match="160 training images less 150 for similarity leave 10, less than a batch of 32"
    ):
        check_config(small("mtsl.similarity_samples=150"))
    with pytest.raises(ConfigError, match="20 training images are less than a batch of 32"):
        check_config(small("data.train=20", method="one"))
    check_config(small("mtsl.similarity_samples=150", "mtsl.similarity_from=train"))


def test_a_run_that_only_started_stands_at_epoch_0(tmp_path: Path) -> None:
    header = header_of(Plan()).model_copy(update={"config": small("training.epochs=7").model_dump(mode="json")})
    with RunWriter(tmp_path / "run", header) as writer:
        writer.write(RunStarted(**AT))
        writer.write(RunPaused(**AT, reason="asked to stop"))
    job = read_job(tmp_path / "run")
    assert (job.state, job.message, job.done) == ("paused", "epoch 0 of 7", 0.0)
