"""The library: where runs are found, how an open run grows, and what a bad one says."""

import shutil
from pathlib import Path

import pytest

from core.events import RunStarted
from core.runs import EVENTS, RunError, RunWriter
from explorer import library
from tests._runs import Plan, events_of, header_of, write_run


@pytest.fixture
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(library, "EXAMPLES", tmp_path / "examples")
    monkeypatch.setenv(library.RUNS_VARIABLE, str(tmp_path / "own"))
    return tmp_path


SMALL = Plan(structural_phases=1, epochs=1)


def test_the_listing_has_running_runs_first_then_own_ones_then_examples(roots: Path) -> None:
    assert library.listing() == []
    assert library.opening([]) is None
    write_run(roots / "examples" / "one-rooms", SMALL)
    write_run(roots / "examples" / "mtsl-rooms", SMALL)
    with RunWriter(roots / "own" / "live", header_of(SMALL)) as writer:
        writer.write(events_of(SMALL)[0])
        write_run(roots / "own" / "newer", SMALL)
        ids = [entry.id for entry in library.listing()]
        assert ids == ["runs.live", "runs.newer", "example.mtsl-rooms", "example.one-rooms"]
    opening = library.opening(library.listing())
    assert opening is not None
    assert opening.id == "example.mtsl-rooms"


def test_runs_of_a_comparison_are_found_in_its_folder(roots: Path) -> None:
    for name in ("study/one-rooms-s1", "study/one-rooms-s0", "alone", ".queue/odd", "deep/er/run"):
        write_run(roots / "own" / name, SMALL)
    write_run(roots / "examples" / "recorded" / "mtsl-rooms-s0", SMALL)
    found = library.listing()
    assert [entry.id for entry in found] == [
        "runs.alone",
        "runs.study/one-rooms-s0",
        "runs.study/one-rooms-s1",
        "example.recorded/mtsl-rooms-s0",
    ]
    assert library.open_run(found[1]).run.folder == roots / "own" / "study" / "one-rooms-s0"
    assert library.open_folder(found[2].folder) == found[2]


def test_an_open_run_grows_without_reading_it_again(roots: Path) -> None:
    folder, events = roots / "own" / "growing", events_of(SMALL)
    with RunWriter(folder, header_of(SMALL)) as writer:
        writer.write(events[0])
        entry = library.listing()[0]
        opened = library.open_run(entry)
        assert (opened.state, opened.live, len(opened.history)) == ("running", True, 1)
        for event in events[1:]:
            writer.write(event)
        again = library.open_run(entry)
        assert again.run is opened.run
        assert len(again.history) == len(events)
    closed = library.open_run(entry)
    assert (closed.state, closed.live) == ("finished", False)


def test_a_run_that_went_back_to_its_checkpoint_is_indexed_anew(roots: Path) -> None:
    folder, events = roots / "own" / "back", events_of(SMALL)
    write_run(folder, SMALL)
    entry = library.listing()[0]
    assert len(library.open_run(entry).history) == len(events)
    first_line = (folder / EVENTS).read_bytes().index(b"\n") + 1
    with RunWriter.resume(folder, keep=first_line):
        assert len(library.open_run(entry).history) == 1


def test_another_run_in_the_same_folder_is_noticed(roots: Path) -> None:
    folder = write_run(roots / "own" / "same", SMALL)
    entry = library.listing()[0]
    assert library.open_run(entry).run.header.seed == 0
    shutil.rmtree(folder)
    write_run(folder, Plan(structural_phases=1, epochs=1, seed=5))
    assert library.open_run(entry).run.header.seed == 5


def test_an_example_is_recorded_whatever_its_end(roots: Path) -> None:
    write_run(roots / "examples" / "example", SMALL)
    assert library.open_run(library.listing()[0]).state == "recorded"


def test_a_bad_run_says_which_file_and_line(roots: Path) -> None:
    folder = write_run(roots / "own" / "bad", SMALL)
    with (folder / EVENTS).open("a") as file:
        file.write('{"kind": "epoch_finished"}\n')
    with pytest.raises(RunError, match=rf"events.jsonl, line {len(events_of(SMALL)) + 1}: field `epoch_finished.step`"):
        library.open_run(library.listing()[0])


def test_an_event_that_does_not_fit_the_header_is_a_run_error(roots: Path) -> None:
    header = header_of(SMALL)
    with RunWriter(roots / "own" / "odd", header) as writer:
        writer.write(RunStarted(step=0, epoch=0, phase=0, seconds=0))
        measured = next(event for event in events_of(SMALL) if event.kind == "similarity_measured")
        writer.write(measured.model_copy(update={"stage": 99}))
    with pytest.raises(RunError, match="`stage`: 99"):
        library.open_run(library.listing()[0])


def test_a_run_that_vanished_is_a_run_error(roots: Path) -> None:
    folder = write_run(roots / "own" / "gone", SMALL)
    entry = library.listing()[0]
    library.open_run(entry)
    shutil.rmtree(folder)
    with pytest.raises(RunError, match=r"expected a run folder with a run\.json"):
        library.open_run(entry)
