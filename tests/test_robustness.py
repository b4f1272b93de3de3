"""Measuring a run for real: clean values, worse with severity, the same again, cut off, looked up, refused."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from core.data.base import IGNORED
from core.events import Evaluated, RobustnessMeasured
from core.heartbeat import STOP, heartbeat, process_start
from core.launch import Show, build_fabric
from core.position import Tick
from core.robustness.command import estimated, robustness
from core.robustness.corruptions import CORRUPTIONS
from core.robustness.measures import relative_degradation
from core.robustness.measuring import Outcome, measure
from core.robustness.records import MEASURING, RECORDS, BreakingPoints, Conditions, Suite, read_records, suites
from core.robustness.settings import Plan
from core.runs import ARRAYS, RunError, read_run, validate_run
from core.tasks import Metric
from core.weights import slim
from tests._trained import copy_of, trained

ROOT = Path(__file__).parents[1]
T = TypeVar("T")


def plan(*families: str, **values: object) -> Plan:
    usual = {"families": families or ("corruption",), "images": 24, "preview_severities": (5,)}
    return Plan.model_validate(usual | values)


def measured(folder: Path, wanted: Plan, jobs: int = 0, show: Show | None = None) -> Outcome:
    return measure(folder, wanted, lambda config: build_fabric(config, "cpu"), jobs, show)


@cache
def corrupted_rooms() -> Path:
    """Rooms under all corruptions and shifts, measured once and only read."""
    folder = trained("rooms")
    assert measured(folder, plan("corruption", "shift")) == "measured"
    return folder


def suite_of(folder: Path, family: str) -> Suite:
    return next(suite for suite in suites(read_records(folder).records) if suite.conditions.family == family)


def key_metrics(folder: Path) -> dict[str, Metric]:
    return {task.name: Metric(**task.metrics[0].model_dump()) for task in read_run(folder).header.tasks}


def degradation(folder: Path, settings: list[RobustnessMeasured], clean: RobustnessMeasured, task: str) -> float:
    metric = key_metrics(folder)[task]
    values = [
        relative_degradation(found.metrics[task][metric.key], clean.metrics[task][metric.key], metric)
        for found in settings
    ]
    return float(np.mean(values))


def clean_of(suite: Suite) -> RobustnessMeasured:
    assert suite.clean is not None
    return suite.clean


@pytest.mark.parametrize("family", ["corruption", "shift"])
def test_clean_is_the_evaluation_of_training_to_the_last_bit(family: str) -> None:
    folder = corrupted_rooms()
    last = [event for event in read_run(folder).events if isinstance(event, Evaluated)][-1]
    clean = clean_of(suite_of(folder, family))
    assert clean.metrics == last.metrics
    assert (clean.samples, clean.step, clean.phase) == (last.samples, last.step, last.phase)


def test_every_corruption_at_every_severity_is_there_and_higher_ones_are_worse() -> None:
    folder = corrupted_rooms()
    suite = suite_of(folder, "corruption")
    assert {(found.name, found.severity) for found in suite.settings} == {
        (name, severity) for name in CORRUPTIONS for severity in range(1, 6)
    }
    for task in key_metrics(folder):
        falls = [
            degradation(
                folder, [found for found in suite.settings if found.severity == severity], clean_of(suite), task
            )
            for severity in range(1, 6)
        ]
        assert falls == sorted(falls), task
        assert falls[4] > max(3.0, falls[0]), task


def test_shifts_are_worse_with_strength_and_have_a_truth_of_their_own() -> None:
    folder = corrupted_rooms()
    suite = suite_of(folder, "shift")
    assert len(suite.settings) == 35
    for name in ("camera_height", "darkness"):
        ends = [[found for found in suite.settings if (found.name, found.severity) == (name, at)] for at in (1, 5)]
        depth = [degradation(folder, end, clean_of(suite), "depth") for end in ends]
        assert depth[1] > max(5.0, depth[0]), name
    unseen = next(found for found in suite.settings if (found.name, found.severity) == ("unseen_objects", 5))
    assert unseen.file is not None
    arrays = np.load(folder / ARRAYS / unseen.file)
    assert (arrays["truth.segmentation"] == IGNORED).any()
    assert not (arrays["segmentation"] == IGNORED).any()
    assert arrays["truth.depth"].shape == arrays["depth"].shape == (1, 32, 32)


def test_intervals_hold_their_values_and_previews_are_small() -> None:
    folder = corrupted_rooms()
    records = [record for record in read_records(folder).records if isinstance(record, RobustnessMeasured)]
    for record in records:
        for task, values in record.metrics.items():
            for key, value in values.items():
                low, high = record.intervals[task][key]
                assert low < high
                assert low - (high - low) < value < high + (high - low), (record.name, record.severity, task, key)
    shown = [record for record in records if record.file is not None]
    assert {record.severity for record in shown} == {0, 5}
    files = [folder / ARRAYS / str(record.file) for record in shown]
    assert max(path.stat().st_size for path in files) < 12_000  # a picture and five answers of 32 x 32 pixels
    one = np.load(files[1])
    assert set(one.files) == {"image", "segmentation", "depth", "edges", "normals", "reconstruction"}
    assert one["image"].dtype == np.uint8
    assert {record.name for record in records if record.moves_pixels} == {
        "glass_blur",
        "motion_blur",
        "zoom_blur",
        "elastic_transform",
    }


def test_it_comes_to_the_same_with_workers_and_elsewhere(tmp_path: Path) -> None:
    folder = copy_of(trained("rooms"), tmp_path)
    (folder / RECORDS).unlink(missing_ok=True)
    assert measured(folder, plan(), jobs=2) == "measured"
    assert suite_of(folder, "corruption") == suite_of(corrupted_rooms(), "corruption")
    assert not (folder / MEASURING).exists()
    assert validate_run(folder).state() == "finished"


def test_a_second_run_finds_all_of_it(tmp_path: Path) -> None:
    folder = copy_of(corrupted_rooms(), tmp_path)
    before = (folder / RECORDS).read_bytes()
    assert measured(folder, plan("corruption", "shift")) == "nothing to do"
    assert (folder / RECORDS).read_bytes() == before
    text = robustness(folder, None, plan(), "cpu", 0, Show(), as_json=False)
    assert "all of it is measured already, with the same weights and settings; nothing to do" in text
    assert "corruption: 75 settings on 24 images" in text


def test_other_settings_are_other_conditions() -> None:
    folder = corrupted_rooms()
    ours = suite_of(folder, "corruption").conditions
    assert Conditions.of(**ours.model_dump(mode="json", exclude={"digest"})) == ours
    changed = {"weights": "x", "images": "x", "samples": 3, "seed": 1, "tool": "x", "evaluation": "x", "phase": 1}
    for name, value in changed.items():
        assert Conditions.of(**ours.model_dump(mode="json", exclude={"digest"}) | {name: value}).digest != ours.digest


class StopAfter(Show):
    """Asks the process to stop, as Ctrl-C does, once so many settings are measured."""

    def __init__(self, settings: int) -> None:
        self.left = settings

    def tell(self, event: object) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


def test_stopped_and_gone_on_it_is_the_same(tmp_path: Path) -> None:
    folder = copy_of(trained("rooms"), tmp_path)
    (folder / RECORDS).unlink(missing_ok=True)
    assert measured(folder, plan(), show=StopAfter(20)) == "stopped"
    assert len(read_records(folder).records) == 21  # the conditions, clean and 19 others
    with (folder / RECORDS).open("ab") as file:
        file.write(b'{"kind":"robustness_mea')  # what a power cut leaves
    assert measured(folder, plan()) == "measured"
    assert suite_of(folder, "corruption") == suite_of(corrupted_rooms(), "corruption")


def wait_for(found: Callable[[], T], seconds: float = 120) -> T:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not come")


def start(folder: Path, *options: str) -> "subprocess.Popen[bytes]":
    words = ["robustness", str(folder), "--no-shifts", "--images", "24", "--preview-severity", "5", "--device", "cpu"]
    return subprocess.Popen(
        [sys.executable, "-m", "core", *words, *options], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def children(pid: int) -> set[int]:
    return {int(word) for path in Path(f"/proc/{pid}/task").glob("*/children") for word in path.read_text().split()}


def test_killed_it_goes_on_and_leaves_no_worker_behind(tmp_path: Path) -> None:
    folder = copy_of(trained("rooms"), tmp_path)
    (folder / RECORDS).unlink(missing_ok=True)
    process = start(folder, "--jobs", "1")
    wait_for(lambda: len(read_records(folder).records) > 8 or process.poll() is not None)
    workers = children(process.pid)
    beat = heartbeat(folder / MEASURING)
    assert beat is not None
    assert beat.pid == process.pid
    assert beat.message.startswith("corruption · ")
    with pytest.raises(RunError, match=f"process {process.pid} on .* is measuring this run"):
        measured(folder, plan())
    process.kill()
    process.communicate()
    assert workers
    wait_for(lambda: all(process_start(pid) in ("", "zombie") for pid in workers))
    done = len(read_records(folder).records)
    assert done < 70
    assert measured(folder, plan()) == "measured"
    assert suite_of(folder, "corruption") == suite_of(corrupted_rooms(), "corruption")


def test_a_stop_file_ends_it_as_ctrl_c_does(tmp_path: Path) -> None:
    folder = copy_of(trained("rooms"), tmp_path)
    (folder / RECORDS).unlink(missing_ok=True)

    class Asks(Show):
        def tick(self, tick: Tick) -> None:
            (folder / MEASURING / STOP).touch()

    assert measured(folder, plan(), show=Asks()) == "stopped"
    assert not (folder / MEASURING).exists()


def test_attacks_are_measured_with_transfer_and_breaking_points(tmp_path: Path) -> None:
    folder = copy_of(trained("digits", "mtsl"), tmp_path)
    wanted = plan("attack", images=40, attack_images=40, search_images=8, radii=(2, 8))
    assert measured(folder, wanted) == "measured"
    suite = suite_of(folder, "attack")
    assert len(suite.settings) == 2 * 5 * 2  # attacks, four tasks and all, radii
    left = key_metrics(folder)["left"]
    falls = {
        (found.name, found.attacked, found.severity): degradation(folder, [found], clean_of(suite), "left")
        for found in suite.settings
    }
    assert falls["pgd", (0,), 8 / 255] >= falls["pgd", (0,), 2 / 255] >= 0
    assert falls["pgd", (0,), 8 / 255] > falls["pgd", (3,), 8 / 255]  # attacking the reconstruction
    assert left.key == "accuracy"
    assert [found.attacked for found in suite.breaking] == [0, 1, 2, 3]
    for found in suite.breaking:
        assert len(found.radii) == 8
        assert all(radius is None or 0 <= radius <= found.largest for radius in found.radii)
    assert measured(folder, wanted) == "nothing to do"
    more = wanted.model_copy(update={"radii": (2.0, 8.0, 16.0)})
    assert measured(folder, more) == "measured"
    assert len(suite_of(folder, "attack").settings) == 2 * 5 * 3  # only the new ones were measured
    assert len(read_records(folder).records) == 1 + 1 + 30 + 4
    validate_run(folder)


def test_a_phase_and_a_slim_run_and_digits(tmp_path: Path) -> None:
    folder = copy_of(trained("digits", "mtsl"), tmp_path)
    early = plan("shift", phase=1, images=70)  # more than the run validates on
    assert measured(folder, early) == "measured"
    suite = suite_of(folder, "shift")
    assert {found.name for found in suite.settings} == {"resolution", "crop", "jpeg", "gamma"}  # grey has no colour
    assert (suite.conditions.phase, clean_of(suite).phase, clean_of(suite).epoch) == (1, 1, 2)
    assert clean_of(suite).samples == 70
    slim(read_run(folder))
    assert measured(folder, plan("shift", images=60)) == "measured"
    final = suites(read_records(folder).records)[-1]
    last = [event for event in read_run(folder).events if isinstance(event, Evaluated)][-1]
    for task, values in clean_of(final).metrics.items():
        for key, value in values.items():
            assert value == pytest.approx(last.metrics[task][key], abs=0.03 if key == "accuracy" else 1e-2)
    with pytest.raises(RunError, match="no state was kept at the start of phase 1"):
        measured(folder, early)


def test_a_reference_is_measured_alike_and_compared(tmp_path: Path) -> None:
    folder, other = copy_of(corrupted_rooms(), tmp_path), copy_of(trained("rooms", seed=1), tmp_path)
    found = json.loads(robustness(folder, other, plan(), "cpu", 0, Show(), as_json=True))
    ours = suite_of(folder, "corruption")
    assert ours.comparable(suite_of(other, "corruption"))
    assert ours.conditions.weights != suite_of(other, "corruption").conditions.weights
    for values in found["corruption"].values():
        assert 50 < values["corruption_error"] < 200
        assert values["reference_relative"] > 0
    text = robustness(folder, other, plan(), "cpu", 0, Show(), as_json=False)
    assert text.count("nothing to do") == 2
    assert "relative mCE %" in text
    with pytest.raises(RunError, match=r"expected a run on rooms with the tasks .*Found digits"):
        robustness(folder, trained("digits", "mtsl"), plan(), "cpu", 0, Show(), as_json=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda line: line | {"conditions": "0" * 16}, "field `conditions`: '0000000000000000', but no line above"),
        (lambda line: line | {"attacked": [9]}, "field `attacked`: 9, but the run has 5 tasks"),
        (lambda line: line | {"metrics": {"colour": {}}}, "field `metrics`: 'colour', but the run has no such task"),
        (lambda line: line | {"severity": -1}, r"field `robustness_measured\.severity`"),
        (lambda line: line | {"file": "gone.npz"}, "arrays/gone.npz does not exist"),
    ],
)
def test_validate_names_line_and_field(
    tmp_path: Path, change: Callable[[dict[str, object]], dict[str, object]], message: str
) -> None:
    folder = copy_of(corrupted_rooms(), tmp_path)
    lines = (folder / RECORDS).read_text().splitlines()
    lines[4] = json.dumps(change(json.loads(lines[4])))
    (folder / RECORDS).write_text("\n".join(lines) + "\n")
    with pytest.raises(RunError, match=message) as error:
        validate_run(folder)
    assert "robustness.jsonl, line 5" in str(error.value)


def test_records_are_read_while_they_are_written(tmp_path: Path) -> None:
    whole = (corrupted_rooms() / RECORDS).read_bytes()
    (tmp_path / RECORDS).write_bytes(whole[:1000])
    lines = read_records(tmp_path)
    known = len(lines.records)
    (tmp_path / RECORDS).write_bytes(whole)
    new = lines.refresh()
    assert known + len(new) == whole.count(b"\n")
    assert lines.refresh() == []
    assert not any(isinstance(record, BreakingPoints) for record in lines.records)
    assert read_records(tmp_path / "nowhere").records == []


def test_an_estimate_counts_what_is_left_and_writes_nothing(tmp_path: Path) -> None:
    folder = copy_of(trained("rooms"), tmp_path)
    (folder / RECORDS).unlink(missing_ok=True)
    both = json.loads(estimated([folder], plan("corruption", "shift"), "cpu", 1, as_json=True))
    one = json.loads(estimated([folder], plan(), "cpu", 1, as_json=True))
    assert (both["settings"], one["settings"]) == (76 + 36, 76)
    assert both["seconds"] > one["seconds"] > 0
    assert not (folder / RECORDS).exists()
    assert estimated([corrupted_rooms()], plan(), "cpu", 1, as_json=False) == "nothing to do"


def test_the_command_says_what_is_missing(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['imagecorruptions'] = None; sys.argv = ['core', 'robustness', sys.argv[1]]\n"
        "from core.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(trained("rooms"))], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "corruptions need the package imagecorruptions-imaug" in done.stderr
    assert "pip install -r requirements.txt" in done.stderr
    assert "Traceback" not in done.stderr


def test_looking_at_records_and_planning_need_no_torch() -> None:
    names = ["records", "measures", "settings", "corruptions", "images", "journal", "workers"]
    script = (
        f"import sys\nfor name in {names!r}: __import__('core.robustness.' + name)\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
