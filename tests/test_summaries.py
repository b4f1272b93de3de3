"""Summaries: the same as the whole log says, from its end alone; kept until a file changes; never written down."""

from pathlib import Path

import pytest

from core.events import AnyEvent, Evaluated, RunFinished, StructureChanged, dump_event
from core.runs import EVENTS, HEADER, RunError, RunWriter, read_run
from explorer import summaries, tail
from explorer.library import Entry
from explorer.summaries import summarise
from explorer.tail import last_events
from tests._runs import IMAGE_LEVEL, LARGEST, Plan, events_of, header_of, write_many, write_run
from tests._zips import files_of

PLANS = {
    "rooms": Plan(structural_phases=3),
    "digits": Plan(tasks=IMAGE_LEVEL, structural_phases=1, data="digits", end="paused"),
    "failed": Plan(structural_phases=1, end="failed"),
    "cut": Plan(structural_phases=0, end="cut"),
    "largest": LARGEST,
}
KINDS = ("evaluated", "structure_changed")


def last_of(events: list[AnyEvent], kind: str) -> AnyEvent | None:
    return next((event for event in reversed(events) if event.kind == kind), None)


@pytest.mark.parametrize(
    ("plan", "chunk"),
    [*((plan, chunk) for plan in PLANS if plan != "largest" for chunk in (50, 999, 1 << 16)), ("largest", 1 << 12)],
)
def test_the_end_of_a_log_says_what_the_whole_log_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plan: str, chunk: int
) -> None:
    monkeypatch.setattr(tail, "_CHUNK", chunk)
    path = write_run(tmp_path / plan, PLANS[plan]) / EVENTS
    events = events_of(PLANS[plan])
    last, found = last_events(path, path.stat().st_size, KINDS)
    assert last == events[-1]
    assert found == {kind: last_of(events, kind) for kind in KINDS}


@pytest.mark.parametrize("chunk", [7, 1 << 16])
def test_a_cut_last_line_and_missing_kinds_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(tail, "_CHUNK", chunk)
    path, end = tmp_path / EVENTS, RunFinished(step=1, epoch=1, phase=0, seconds=1.0)
    path.write_text(f"{dump_event(end)}\n" + '{"kind": "evaluated", "st')
    assert last_events(path, path.stat().st_size, KINDS) == (end, {})
    path.write_text('{"kind": "evaluated", "st')
    assert last_events(path, path.stat().st_size, KINDS) == (None, {})
    path.write_text("")
    assert last_events(path, 0, KINDS) == (None, {})


def test_text_that_looks_like_a_kind_is_not_taken_for_it(tmp_path: Path) -> None:
    event = events_of(Plan(structural_phases=1, end="failed"))[-1]
    told = event.model_copy(update={"reason": 'the line {"kind":"evaluated"} was odd'})
    path = tmp_path / EVENTS
    path.write_text(f"{dump_event(told)}\n")
    assert last_events(path, path.stat().st_size, KINDS) == (told, {})


def test_only_wanted_lines_are_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_run(tmp_path / "run", PLANS["rooms"])
    parsed: list[bytes] = []
    parse = tail.parse_event
    monkeypatch.setattr(tail, "parse_event", lambda line: (parsed.append(line), parse(line))[1])
    summarise(Entry("runs", folder, live=False))
    assert len(parsed) == 3  # the end, an evaluation, a structure


def test_a_summary_holds_what_the_run_holds(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", PLANS["rooms"]))
    summary = summarise(Entry("runs", run.folder, live=False))
    structure, evaluated = last_of(run.events, "structure_changed"), last_of(run.events, "evaluated")
    assert isinstance(structure, StructureChanged)
    assert isinstance(evaluated, Evaluated)
    facts = summary.facts
    assert facts is not None
    assert (facts.header, facts.evaluated) == (run.header, evaluated)
    assert (facts.parameters, facts.macs) == (structure.parameters, structure.macs)
    assert set(facts.shared) == {node.tasks for node in structure.graph.nodes if node.kind == "shared"}
    assert facts.picture.startswith("<svg")
    assert summary.created == 1_767_225_600  # as its header says
    assert [summary.key_metric(task) for task in range(5)] == [
        evaluated.metrics[task.name][task.metrics[0].key] for task in run.header.tasks
    ]


@pytest.mark.parametrize(
    ("plan", "state"), [("rooms", "finished"), ("digits", "paused"), ("failed", "failed"), ("cut", "interrupted")]
)
def test_the_state_is_that_of_the_last_event(tmp_path: Path, plan: str, state: str) -> None:
    folder = write_run(tmp_path / plan, PLANS[plan])
    assert summarise(Entry("runs", folder, live=False)).state == state
    assert summarise(Entry("example", folder, live=False)).state == ("recorded" if state == "finished" else state)


def test_a_run_is_read_anew_only_when_its_files_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events, reads = events_of(PLANS["rooms"]), []
    read = summaries.last_events
    monkeypatch.setattr(summaries, "last_events", lambda *args: (reads.append(args), read(*args))[1])
    with RunWriter(tmp_path / "run", header_of(PLANS["rooms"])) as writer:
        entry = Entry("runs", tmp_path / "run", live=True)
        empty = summarise(entry)
        assert (empty.state, empty.facts and empty.facts.picture) == ("running", "")
        for event in events[:2]:
            writer.write(event)
        first = summarise(entry)
        assert first.facts is not None
        assert first.facts.evaluated is None
        assert len(reads) == 1
        assert summarise(entry) == first
        assert len(reads) == 1
        for event in events[2:]:
            writer.write(event)
    assert summarise(entry).state == "finished"
    assert len(reads) == 2


def test_looking_writes_nothing_into_runs(tmp_path: Path) -> None:
    folders = write_many(tmp_path, 6)
    before = {folder: files_of(folder) for folder in folders}
    for folder in folders:
        assert summarise(Entry("opened", folder, live=False)).facts is not None
    assert {folder: files_of(folder) for folder in folders} == before
    assert sorted(tmp_path.iterdir()) == sorted(folders)


def test_a_bad_run_has_a_summary_that_says_why(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", PLANS["cut"])
    entry = Entry("runs", folder, live=False)
    with (folder / EVENTS).open("a") as events:
        events.write('{"kind": "run_finished"}\n')
    broken = summarise(entry)
    assert (broken.state, broken.facts) == ("unreadable", None)
    assert "events.jsonl: field `run_finished.step`" in broken.problem
    (folder / HEADER).write_text("{")
    assert "run.json: not valid JSON" in summarise(entry).problem
    (folder / HEADER).unlink()
    assert "cannot be read" in summarise(entry).problem


def test_a_structure_that_does_not_fit_the_run_is_unreadable(tmp_path: Path) -> None:
    structure = last_of(events_of(PLANS["largest"]), "structure_changed")
    assert structure is not None
    with RunWriter(tmp_path / "run", header_of(PLANS["rooms"])) as writer:
        writer.write(structure)
    summary = summarise(Entry("runs", tmp_path / "run", live=False))
    assert summary.state == "unreadable"
    assert "but the run has 5 tasks" in summary.problem


def test_a_line_that_is_no_event_is_a_run_error(tmp_path: Path) -> None:
    (tmp_path / EVENTS).write_text("{}\n")
    with pytest.raises(RunError, match=r"events\.jsonl: field"):
        last_events(tmp_path / EVENTS, 3, KINDS)
