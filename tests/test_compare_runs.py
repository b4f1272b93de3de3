"""The comparison in real processes: trainings that are killed, stopped, refused and broken, and what comes of them."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from core.compare.served import measure_served, served_network
from core.config import preset
from core.detached import LOG, PROMPT
from core.events import StructureChanged
from core.heartbeat import Heartbeat, heartbeat, process_alive
from core.latency import LATENCY, read_latency
from core.launch import build_fabric, start_run
from core.network import MultiTaskNet, TaskNet
from core.runs import HEADER, RunError, find_runs, read_run
from core.structure import Structure
from tests.test_training import assert_same_run

ROOT = Path(__file__).parents[1]
TINY = ("data.train=160", "data.val=32", "training.batch_size=32", "mtsl.similarity_samples=32", "mtsl.phases=1")
EPOCHS = 20
SETTINGS = (*TINY, "backbone.width=4", "training.samples=0")


def arguments(out: Path, methods: str, *more: str, epochs: int = 3, settings: tuple[str, ...] = SETTINGS) -> list[str]:
    words = [sys.executable, "-m", "core", "compare", "--data", "digits", "--device", "cpu", "--out", str(out)]
    for setting in (*settings, f"training.epochs={epochs}"):
        words += ["--set", setting]
    return [*words, "--methods", methods, *more]


def call(words: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)


def beats(out: Path) -> list[Heartbeat]:
    """The processes that train in a folder now."""
    found = [heartbeat(path.parent) for path in out.glob("*/heartbeat.json")]
    return [beat for beat in found if beat and process_alive(beat)]


def starts(folder: Path) -> list[str]:
    """The commands that were started in a folder."""
    lines = (folder / LOG).read_text().splitlines()
    return [line.split()[4] for line in lines if line.startswith(PROMPT)]


def until(true: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited {seconds} s"
        time.sleep(0.01)


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    """An empty folder; what still trains there afterwards is ended."""
    yield tmp_path
    kill(beats(tmp_path))


def kill(found: list[Heartbeat]) -> None:
    for beat in found:
        try:
            os.kill(beat.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    for beat in found:
        until(lambda beat=beat: not process_alive(beat))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A comparison that was killed twice, alone and with all that it started, and then finished; and what it said."""
    out = tmp_path_factory.mktemp("compared")
    words = arguments(out, "retrain,mtsl,separate", "--seeds", "0-1", "--jobs", "2", epochs=EPOCHS)
    first = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL)
    until(lambda: any(0.1 < beat.done < 0.9 for beat in beats(out)))
    left = beats(out)
    for beat in left:
        os.kill(beat.pid, signal.SIGSTOP)  # so that they are there when the next call comes
    first.kill()
    first.wait()
    second = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert second.stdout is not None
    said = ""
    while len(re.findall("a process is at work on it already", said)) < len(left):
        said += second.stdout.readline()
    second.kill()
    second.communicate()
    kill(beats(out))
    done = call(words)
    assert done.returncode == 0, done.stderr
    return out, [said, done.stdout]


def test_a_killed_comparison_goes_on_and_loses_nothing(finished: tuple[Path, list[str]]) -> None:
    out, said = finished
    runs = {folder.name: read_run(folder) for folder in find_runs(out)}
    assert set(runs) == {f"{method}-digits-s{seed}" for method in ("mtsl", "separate", "retrain") for seed in (0, 1)}
    assert {run.state() for run in runs.values()} == {"finished"}
    waited_for = re.findall(r"(\S+): a process is at work on it already", said[0])  # whom the first call left behind
    resumed = [name for name in runs if "resume" in starts(out / name)]
    assert set(resumed) <= set(waited_for)
    assert resumed
    assert all(f"{name}: goes on" in said[1] for name in resumed)
    assert all(starts(out / name)[0] == "train" for name in runs)
    assert not list((out / ".queue" / "waiting").glob("*.json"))  # a kill in the middle of writing leaves a *.part


def test_what_was_killed_reached_the_numbers_of_a_run_that_was_not(
    finished: tuple[Path, list[str]], tmp_path: Path
) -> None:
    out, _ = finished
    name = next(path.name for path in sorted(find_runs(out)) if "resume" in starts(path))
    method, _, seed = name.partition("-digits-s")
    if method == "retrain":  # it takes this from the run that it is like
        pytest.skip("the run that was killed has settings of another run")
    config = preset("quick", "digits", method, int(seed), (*SETTINGS, f"training.epochs={EPOCHS}"))
    start_run(config, tmp_path / "whole", build_fabric(config, "cpu"))
    assert_same_run(out / name, tmp_path / "whole")


def test_retrain_has_the_structure_of_the_same_seed(finished: tuple[Path, list[str]]) -> None:
    out, _ = finished
    for seed in (0, 1):
        learned, trained = (
            [e for e in read_run(out / f"{name}-digits-s{seed}").events if isinstance(e, StructureChanged)][-1]
            for name in ("mtsl", "retrain")
        )
        assert learned.partitions == trained.partitions


def test_asking_again_trains_nothing(finished: tuple[Path, list[str]]) -> None:
    out, _ = finished
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*/events.jsonl")}
    measured = {path: path.read_bytes() for path in out.rglob(LATENCY)}
    done = call(arguments(out, "mtsl,retrain", "--seeds", "0", epochs=EPOCHS))
    assert done.returncode == 0, done.stderr
    assert "begins" not in done.stdout
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*/events.jsonl")} == before
    assert {path: path.read_bytes() for path in out.rglob(LATENCY)} == measured


def test_other_settings_are_refused_before_anything_is_trained(finished: tuple[Path, list[str]]) -> None:
    out, _ = finished
    done = call(arguments(out, "one,mtsl,separate", "--seeds", "0", epochs=5))
    assert done.returncode == 2
    assert f"{out}/mtsl-digits-s0: training.epochs={EPOCHS}" in done.stderr
    assert f"{out}/separate-digits-s0: training.epochs={EPOCHS}" in done.stderr
    assert not (out / "one-digits-s0").exists()


def test_the_tables_come_from_the_folders_alone(finished: tuple[Path, list[str]]) -> None:
    out, said = finished
    written = {kind: (out / f"comparison.{kind}") for kind in ("md", "csv", "json", "tex")}
    for path in written.values():
        path.unlink()
    code = "import sys\nfrom core.__main__ import main\nsys.argv = sys.argv[1:]\ntry: main()\nexcept SystemExit: pass\n"
    probe = f"{code}assert 'torch' not in sys.modules"
    words = [sys.executable, "-c", probe, "core", "compare", "--out", str(out), "--table"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert written["md"].read_text() in done.stdout
    assert written["md"].read_text() in said[1]  # as it was printed when the last run had ended
    numbers = json.loads(written["json"].read_text())
    assert {run["state"] for run in numbers["runs"]} == {"finished"}
    assert numbers["over seeds"]["mtsl"]["delta_m"]["n"] == 2
    assert all(run["values"]["latency_1_ms"] > 0 for run in numbers["runs"])
    assert len({run["latency"]["sitting"] for run in numbers["runs"]}) == 1
    (out / ".compare.json").rename(out / "asked.json")  # even without it, only the order is another
    again = call([*words[:1], "-m", "core", "compare", "--out", str(out), "--table", "--against", "mtsl"])
    assert "Against mtsl, paired over seeds" in again.stdout
    assert json.loads(written["json"].read_text())["over seeds"] == numbers["over seeds"]
    (out / "asked.json").rename(out / ".compare.json")


def test_ctrl_c_stops_with_checkpoints_and_the_same_command_goes_on(out: Path) -> None:
    words = arguments(out, "one,separate", "--seeds", "3", epochs=30)
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: any(beat.done > 0.05 for beat in beats(out)))
    process.send_signal(signal.SIGINT)
    said, complaint = process.communicate(timeout=120)
    assert (process.returncode, complaint) == (0, "")
    assert "paused; go on with the same command" in said
    assert read_run(out / "one-digits-s3").state() == "paused"
    assert not (out / "separate-digits-s3" / HEADER).exists()
    assert not beats(out)
    done = call(words)
    assert done.returncode == 0, done.stderr
    assert "one-digits-s3: goes on" in done.stdout
    assert [run.state() for run in map(read_run, find_runs(out))] == ["finished"] * 2


def test_runs_that_fail_take_no_other_with_them_and_are_named(out: Path) -> None:
    """A setting that only one method refuses, what would be like it, and a broken folder."""
    broken = out / "separate-digits-s0"
    broken.mkdir()
    (broken / HEADER).write_text("{")
    settings = (*SETTINGS[:-3], "mtsl.phases=9", "backbone.width=4")
    done = call(arguments(out, "mtsl,random,separate,one", "--seeds", "0", "--jobs", "2", settings=settings))
    assert done.returncode == 2
    assert "3 of 4 runs did not finish" in done.stderr
    assert "mtsl-digits-s0: failed, `epochs` should exceed the number of structural phases" in done.stderr
    assert "random-digits-s0: failed, it is to be like mtsl-digits-s0, which has not finished" in done.stderr
    assert "separate-digits-s0: failed, " in done.stderr
    assert "not valid JSON" in done.stderr
    assert "Traceback" not in done.stderr
    assert read_run(out / "one-digits-s0").state() == "finished"
    text = (out / "comparison.md").read_text()
    assert "Not counted: mtsl, seed 0, failed: `epochs` should exceed" in text
    assert "Not counted: separate, seed 0, cannot be read: " in text
    assert re.search(r"^\| one +\| 1 ", text, re.M)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--methods", "max"), "there is no method max; there are: mtsl"),
        (("--methods", "retrain"), "retrain takes over what mtsl finds with the same seed; add mtsl"),
        (("--seeds", "x"), "`--seeds` should be whole numbers"),
        (("--data", "moon"), "no preset `quick` for data `moon`"),
        (("--set", "training.speed=1"), "`training.speed`: Extra inputs are not permitted"),
        (("--against", "random"), "`--against` should be one of the methods mtsl, one, separate. Found random."),
        (("--table",), "Found no run that can be read"),
    ],
)
def test_mistakes_are_told_in_one_message(out: Path, more: tuple[str, ...], message: str) -> None:
    done = call([sys.executable, "-m", "core", "compare", "--out", str(out / "x"), *more])
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not (out / "x").exists()


# ---- the served network ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "run"
    config = preset("quick", "digits", "mtsl", 0, (*SETTINGS, "training.epochs=2"))
    assert start_run(config, folder, build_fabric(config, "cpu")) == "finished"
    return folder


def test_the_served_network_has_the_size_that_the_run_says(trained: Path) -> None:
    said: list[str] = []
    measure_served([trained], "cpu", said.append)
    found = read_latency(trained)
    last = [event for event in read_run(trained).events if isinstance(event, StructureChanged)][-1]
    assert found is not None
    assert (found.parameters, found.macs) == (last.parameters, last.macs)
    assert [timed.batch for timed in found.timed] == [1, 32]
    assert all(timed.low <= timed.seconds <= timed.high and timed.calls >= 7 for timed in found.timed)
    assert found.machine.threads == 1  # as the preset says
    assert len(said) == 1
    config, net = served_network(trained)
    assert not net.training
    assert config.method == "mtsl"


def test_a_network_that_leaves_out_what_is_idle_is_measured_without_it(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shared(self: MultiTaskNet) -> TaskNet:
        structure = Structure.shared(self.structure.tasks, self.structure.n_stages)
        return MultiTaskNet(self.backbone, structure, self.tasks)

    monkeypatch.setattr(MultiTaskNet, "serving", shared)
    before = torch.get_num_threads()
    measure_served([trained], "cpu", lambda said: None)
    found = read_latency(trained)
    _, net = served_network(trained)
    assert found is not None
    assert found.parameters == sum(weight.numel() for weight in net.parameters())
    separate = next(event for event in read_run(trained).events if isinstance(event, StructureChanged))
    assert found.parameters < separate.parameters
    assert torch.get_num_threads() == before


def test_what_has_no_checkpoint_cannot_be_measured(trained: Path, tmp_path: Path) -> None:
    (tmp_path / HEADER).write_bytes((trained / HEADER).read_bytes())
    with pytest.raises(RunError, match=r"no checkpoint"):
        measure_served([tmp_path], "cpu", lambda said: None)
