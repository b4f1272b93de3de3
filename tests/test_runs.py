"""Run folders: written, followed, cut, damaged, newer than us, and written by two at once."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from core import events, runs
from core.heartbeat import HEARTBEAT, heartbeat, process_alive, request_stop, write_whole
from core.runs import MetricInfo, RunError, RunHeader, RunWriter, StageInfo, TaskInfo, read_run, validate_run

AT = {"step": 4, "epoch": 1, "phase": 0, "seconds": 0.1}


def header(**changes: object) -> RunHeader:
    tasks = tuple(
        TaskInfo(name=n, label=n, kind="depth", metrics=(MetricInfo(key="rmse", label="RMSE", direction="lower"),))
        for n in ("a", "b")
    )
    values = {"method": "mtsl", "data": "toy", "seed": 0, "tasks": tasks, "stages": (StageInfo(name="s", neurons=4),)}
    return RunHeader.model_validate({**values, **changes})


def removed(**changes: object) -> events.NodesRemoved:
    return events.NodesRemoved.model_validate(
        {**AT, "stage": 0, "tasks": (0, 1), "neurons": 4, "parameters": 9, **changes}
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


def test_what_is_written_is_read(folder: Path) -> None:
    happened = [
        events.RunStarted(**AT),
        events.SimilarityMeasured(**AT, stage=0, tasks=(0, 1), matrix=((1.0, None), (None, 1.0)), samples=8),
        removed(seconds=1 / 3),
        events.RunFinished(**AT),
    ]
    with RunWriter(folder, header()) as writer:
        for event in happened:
            writer.write(event)
        assert read_run(folder).state() == "running"
    run = validate_run(folder)
    assert run.events == happened
    assert run.header == header()
    assert run.state() == "finished"


def test_following_a_run_reads_only_what_is_new_and_waits_for_whole_lines(folder: Path) -> None:
    with RunWriter(folder, header()) as writer:
        run = read_run(folder)
        writer.write(events.RunStarted(**AT))
        assert [event.kind for event in run.refresh()] == ["run_started"]
        line = events.dump_event(removed()).encode() + b"\n"
        with (folder / runs.EVENTS).open("ab") as file:
            file.write(line[:20])
            file.flush()
            assert run.refresh() == []
            file.write(line[20:])
        assert run.refresh() == [removed()]
        assert len(run.events) == 2


def test_a_run_that_went_back_is_read_anew(folder: Path) -> None:
    with RunWriter(folder, header()) as writer:
        writer.write(events.RunStarted(**AT))
        keep = writer.position()
        writer.write(removed())
    run = read_run(folder)
    with RunWriter.resume(folder, keep) as writer:
        writer.write(removed(step=5))
        run.refresh()
        assert [event.step for event in run.events] == [4, 5]
        assert run.generation == 1


def test_a_cut_last_line_is_ignored_any_other_bad_line_is_named(folder: Path) -> None:
    with RunWriter(folder, header()) as writer:
        writer.write(removed())
    path = folder / runs.EVENTS
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:30])
    assert len(read_run(folder).events) == 1
    path.write_bytes(whole[:30] + b"\n" + whole)
    with pytest.raises(RunError, match=rf"{re.escape(str(path))}, line 1: Invalid JSON"):
        read_run(folder)
    path.write_bytes(whole + whole.replace(b'"neurons":4', b'"neurons":0'))
    with pytest.raises(RunError, match=r"line 2: field `nodes_removed.neurons`: .*greater than or equal to 1"):
        read_run(folder)
    path.write_bytes(whole.replace(b"nodes_removed", b"nodes_lost"))
    with pytest.raises(RunError, match=r"line 1: .*nodes_lost"):
        read_run(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"expected a run folder with a run\.json, found none"),
        ("{", r"run\.json: not valid JSON"),
        ('{"schema_version": 2}', r"schema version 2 is newer than 1, .*Update MTSL Explorer"),
        ("{}", r"`schema_version` should be 1\. Found None"),
        ('{"schema_version": 1}', r"field `method`: Field required"),
    ],
)
def test_broken_headers(folder: Path, content: str | None, message: str) -> None:
    folder.mkdir()
    if content is not None:
        (folder / runs.HEADER).write_text(content)
    with pytest.raises(RunError, match=message):
        read_run(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stage": 1}, r"line 1: field `stage`: 1, but the run has 1 stages"),
        ({"tasks": (0, 2)}, r"line 1: field `tasks`: 2, but the run has 2 tasks"),
    ],
)
def test_events_must_fit_the_header(folder: Path, changes: dict[str, object], message: str) -> None:
    with RunWriter(folder, header()) as writer:
        writer.write(removed(**changes))
    with pytest.raises(RunError, match=message):
        validate_run(folder)


def test_arrays_that_events_name_must_exist(folder: Path) -> None:
    saved = events.SamplesSaved(**AT, file="x.npz", holds="inputs", split="validation", samples=1)
    with RunWriter(folder, header()) as writer:
        writer.write(saved)
    with pytest.raises(RunError, match=r"line 1: field `file`: arrays/x\.npz does not exist"):
        validate_run(folder)
    with RunWriter.resume(folder, (folder / runs.EVENTS).stat().st_size) as writer:
        writer.save_arrays("x.npz", {"a": np.arange(3)})
    validate_run(folder)
    with np.load(folder / runs.ARRAYS / "x.npz", allow_pickle=False) as arrays:
        assert arrays["a"].tolist() == [0, 1, 2]


def test_a_run_without_events_is_not_valid(folder: Path) -> None:
    RunWriter(folder, header()).close()
    with pytest.raises(RunError, match=r"no events"):
        validate_run(folder)


def test_no_folder_is_written_twice(folder: Path) -> None:
    RunWriter(folder, header()).close()
    with pytest.raises(RunError, match=r"already holds a run"):
        RunWriter(folder, header())
    with pytest.raises(RunError, match=r"expected at least 99 bytes"):
        RunWriter.resume(folder, 99)


def test_two_processes_never_write_one_run_and_a_dead_one_counts_as_interrupted(folder: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from core.runs import *\n"
        "from tests.test_runs import header\n"
        f"writer = RunWriter(Path({str(folder)!r}), header()); print('up', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        assert read_run(folder).state() == "running"
        with pytest.raises(RunError, match=rf"process {child.pid} on .* is writing this run"):
            RunWriter.resume(folder, 0)
    finally:
        child.kill()
        child.communicate()
    assert read_run(folder).state() == "interrupted"
    RunWriter.resume(folder, 0).close()


def test_a_reused_process_id_is_not_taken_for_the_writer(folder: Path) -> None:
    writer = RunWriter(folder, header())
    beat = heartbeat(folder)
    assert beat is not None
    assert beat.pid == os.getpid()
    assert process_alive(beat)
    assert not process_alive(beat.model_copy(update={"born": "1"}))
    assert not process_alive(beat.model_copy(update={"host": "elsewhere", "time": 0.0}))
    request_stop(folder)
    assert writer.stop_requested()
    writer.close()
    assert not (folder / HEARTBEAT).exists()


def test_files_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")

    def breaks_off(file: BinaryIO) -> None:
        file.write(b"ne")
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        write_whole(path, breaks_off)
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_events_refuse_what_json_cannot_say() -> None:
    with pytest.raises(ValueError, match=r"valid number|NaN"):
        events.dump_event(events.EpochFinished(**AT, losses={"a": float("nan")}, learning_rate=1, samples_per_second=1))


def test_every_kind_of_event_is_known_by_name() -> None:
    kinds = {kind.model_fields["kind"].default for kind in events.AnyEvent.__args__}
    assert len(kinds) == len(events.AnyEvent.__args__)
    assert kinds >= {
        "run_started",
        "similarity_measured",
        "tasks_grouped",
        "node_created",
        "nodes_removed",
        "run_failed",
    }
    with pytest.raises(ValueError, match=r"run_started"):
        events.parse_event(json.dumps({"kind": "unknown"}))
