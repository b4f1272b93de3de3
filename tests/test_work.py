"""Training on the pages: the status bar everywhere, the queue, forks and costs on the Train page."""

import os
import re
import shlex
import time
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.checkpoints import phase_file
from core.config import preset
from core.detached import LOG
from core.heartbeat import HEARTBEAT, STOP, Heartbeat, beat_of, write_whole
from core.provenance import Parent
from core.queue import QUEUE, Queue
from core.runs import HEADER, RunWriter, read_header
from core.usage import Usage
from explorer import library
from explorer.app import PAGES
from explorer.figures.timeline import timeline_figure
from explorer.glossary import GLOSSARY
from explorer.moments import History
from explorer.training import Probe, dismiss, enqueue, expectation, glance, jobs, new_run, probed
from explorer.training.status import SILENT_SECONDS
from tests._runs import IMAGE_LEVEL, Plan, events_of, header_of, write_run
from tests.test_pages import at, opened, said
from tests.test_train_page import checked, page, tiles
from tests.test_training_jobs import small

DIGITS = Plan(tasks=IMAGE_LEVEL, structural_phases=2, data="digits")
KEPT = (1, 2, 3)


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the app looks for runs."""
    monkeypatch.setattr(library, "EXAMPLES", tmp_path / "examples")
    monkeypatch.setenv(library.RUNS_VARIABLE, str(tmp_path / "runs"))
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


def lives(folder: Path, message: str = "phase 2 of 5 · epoch 3 of 9", done: float = 0.25, ago: float = 0.0) -> None:
    """Give a run a process: this one."""
    beat = beat_of(os.getpid(), message, done, 4000.0)
    beat = Heartbeat(**(beat.model_dump() | {"time": time.time() - ago}))
    write_whole(folder / HEARTBEAT, beat.model_dump_json().encode())


def forkable(root: Path, name: str = "mine") -> Path:
    """A run of our own settings whose states can be forked from, as far as their names say."""
    settings = ("mtsl.structural_epochs=[3, 5]", "mtsl.amalgamation_epochs=[1, 1]", "training.epochs=6")
    config = preset("quick", "digits", overrides=settings)
    header = header_of(DIGITS).model_copy(update={"config": config.model_dump(mode="json")})
    with RunWriter(root / name, header) as writer:
        for event in events_of(DIGITS):
            writer.write(event)
    for phase in KEPT:
        phase_file(root / name, phase).touch()
    return root / name


def bar(app: AppTest) -> str:
    """What the status bar says."""
    texts = [str(part.value) for part in app.sidebar.caption]
    return "\n".join([*texts, *(str(part.proto.body) for part in app.sidebar.get("html"))])


# ---- status bar -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("info", PAGES, ids=lambda info: info.title)
def test_every_page_has_the_status_bar(root: Path, info: Any) -> None:
    write_run(root / "mine", Plan(structural_phases=1))
    assert "Nothing is training" in bar(opened(info, run="runs.mine"))


def test_a_run_in_training_says_how_it_stands_and_is_stopped(root: Path) -> None:
    folder = write_run(root / "mine", Plan(structural_phases=1, end="cut"))
    (folder / LOG).write_text("$ python -m core train\nphase 2, epoch 3\n")
    lives(folder)
    app = opened(run="runs.mine", at=4)
    assert "running · phase 2 of 5 · epoch 3 of 9" in bar(app)
    assert 'aria-valuenow="25"' in bar(app)
    assert re.search(r"1 h 6 min left · heard from \d+ s ago", bar(app))
    assert "phase 2, epoch 3" in [code.value for code in app.sidebar.code]
    app.button(key="status-stop-mine").click()
    checked(app.run())
    assert (folder / STOP).exists()
    assert "stopping · writes a checkpoint, then stops" in bar(app)
    assert app.button(key="status-stop-mine").disabled
    assert at(app) == "4"


def test_a_silent_process_is_pointed_out(root: Path) -> None:
    folder = write_run(root / "mine", Plan(structural_phases=1, end="cut"))
    lives(folder, ago=SILENT_SECONDS + 60)
    text = bar(opened(run="runs.mine"))
    assert re.search(r"silent for 1 min 3\d s: it may hang", text)
    assert "left" not in text.partition("silent for")[2]


def test_what_failed_stays_until_it_is_dismissed_and_comes_back_when_it_fails_again(root: Path) -> None:
    folder = root / "mine"
    folder.mkdir()
    (folder / LOG).write_text("$ python -m core train\nerror: the <disk> is full\n")
    write_run(root / "other", Plan(structural_phases=1, end="failed"))  # someone else's loop: it told them there
    app = opened(run="runs.other")
    assert "the &lt;disk&gt; is full" in bar(app)
    assert [ended.folder for ended in glance(root).ended] == [folder]
    assert "disk" in bar(checked(app.run()))
    app.button(key="status-dismiss-mine").click()
    assert "Nothing is training" in bar(checked(app.run()))
    assert "Nothing is training" in bar(opened(run="runs.other"))
    os.utime(folder / LOG, (time.time() + 5, time.time() + 5))
    assert "failed" in bar(checked(app.run()))
    dismiss(folder)
    assert [job.state for job in jobs(root) if job.folder == folder] == ["failed"]  # the list of runs still shows it


def test_a_run_that_was_stopped_before_it_began_is_no_failure(root: Path) -> None:
    (root / "mine").mkdir()
    (root / "mine" / LOG).write_text("$ python -m core train\n")
    (root / "mine" / STOP).touch()
    assert glance(root).ended == ()


def test_the_status_bar_refreshes_only_while_something_changes(root: Path) -> None:
    folder = write_run(root / "mine", Plan(structural_phases=1, end="cut"))
    assert not glance(root).changing
    Queue(root).change(paused=True)
    enqueue(new_run(small()), root)
    assert (glance(root).waiting, glance(root).changing) == (1, False)
    lives(folder)
    assert glance(root).changing
    assert "1 run in the queue, paused" in bar(opened(run="runs.mine"))


def test_a_glance_is_cheap_with_200_runs(root: Path) -> None:
    plan = Plan(structural_phases=1)
    for number in range(200):
        folder = write_run(root / f"run{number}", plan)
        (folder / LOG).write_text("$ python -m core train\n")
    lives(root / "run0")
    glance(root)  # reads how each ended, once
    took = []
    for _ in range(5):
        began = time.perf_counter()
        glance(root)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.1  # 10 ms on an idle machine


def test_a_page_sees_to_it_that_a_queue_left_behind_is_worked_off(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr("explorer.training.processes.launch", lambda folder, words: started.append(words))
    write_run(root / "mine", Plan(structural_phases=1))
    enqueue(new_run(small()), root)
    opened(run="runs.mine")
    assert started == [["queue", str(root)]] * 2


# ---- the queue on the Train page ------------------------------------------------------------------------------------


def waiting(root: Path) -> list[str]:
    return [place.run.title for place in Queue(root).waiting()]


def test_the_form_adds_to_the_queue_and_the_queue_is_put_in_order(root: Path) -> None:
    Queue(root).change(paused=True)
    app = page()
    for seed in (1, 2, 3):
        app.number_input(key="train.seed").set_value(seed)
        checked(app.run())
        app.button(key="train.queue").click()
        checked(app.run())
    one, two, three = [f"MTSL on rooms · seed {seed}" for seed in (1, 2, 3)]
    assert waiting(root) == [one, two, three]
    assert [place.run.arguments[:2] for place in Queue(root).waiting()] == [("train", "--preset")] * 3
    names = [place.run.folder.name for place in Queue(root).waiting()]
    assert app.button(key=f"queue-up-{names[0]}").disabled
    assert app.button(key=f"queue-down-{names[2]}").disabled
    for key in (f"queue-up-{names[2]}", f"queue-down-{names[0]}", f"queue-out-{names[1]}"):
        app.button(key=key).click()
        checked(app.run())
    assert waiting(root) == [three, one]
    app.selectbox(key="queue.at-once").set_value(2)
    checked(app.run())
    assert Queue(root).settings().at_once == 2
    assert jobs(root) == []  # nothing was started


def test_pausing_keeps_the_queue_from_starting_and_go_on_starts_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr("explorer.training.processes.launch", lambda folder, words: started.append(words))
    enqueue(new_run(small()), root)
    app = page()
    started.clear()
    app.button(key="queue.pause").click()
    checked(app.run())
    assert "The queue is paused" in "\n".join(caption.value for caption in app.caption)
    assert (Queue(root).settings().paused, started) == (True, [])
    app.button(key="queue.go").click()
    checked(app.run())
    assert (Queue(root).settings().paused, started) == (False, [["queue", str(root)]])


def test_a_sweep_adds_methods_and_seeds_at_once(root: Path) -> None:
    Queue(root).change(paused=True)
    app = page()
    app.segmented_control(key="train.data").set_value("digits")
    app.number_input(key="train.seed").set_value(5)
    checked(app.run())
    app.button_group(key="train.sweep.methods.mtsl").set_value(["mtsl", "one"])
    app.number_input(key="train.sweep.seeds").set_value(2)
    checked(app.run())
    assert app.button(key="train.sweep.add").label == "Add 4 runs to queue"
    app.button(key="train.sweep.add").click()
    checked(app.run())
    assert waiting(root) == [
        f"{method} on digits · seed {seed}" for seed in (5, 6) for method in ("MTSL", "One network")
    ]
    folders = {place.run.folder for place in Queue(root).waiting()}
    assert len(folders) == 4
    assert QUEUE not in {folder.name for folder in folders}


# ---- forks on the Train page ----------------------------------------------------------------------------------------


def fork_page(root: Path) -> AppTest:
    app = page()
    app.segmented_control(key="train.mode").set_value("fork")
    return checked(app.run())


def command(app: AppTest) -> list[str]:
    shown = next(code.value for code in app.code if code.value.startswith("python -m core fork"))
    return shlex.split(shown.replace("\\\n", ""))[3:]


def test_without_a_state_the_fork_form_says_how_to_get_one(root: Path) -> None:
    write_run(root / "mine", Plan(structural_phases=1))
    assert "Keep checkpoints" in fork_page(root).info[0].value


def test_a_fork_changes_what_may_change(root: Path) -> None:
    source = forkable(root)
    app = fork_page(root)
    assert app.selectbox(key="fork.run.mine").options == [
        "phase 1 · structural-learning · after epoch 2",
        "phase 2 · task-learning · after epoch 2",
        "phase 3 · structural-learning · after epoch 4",
    ]
    assert "as it is, the fork repeats it" in "\n".join(caption.value for caption in app.caption)
    app.selectbox(key="fork.run.mine").set_value(3)
    checked(app.run())
    app.number_input(key="fork.mine.3.mtsl.min_similarity").set_value(0.5)
    app.number_input(key="fork.mine.3.seed").set_value(9)
    checked(app.run())
    assert command(app)[:4] == ["fork", str(source), "--phase", "3"]
    assert command(app)[6:] == ["--seed", "9", "--set", "mtsl.min_similarity=0.5"]
    keys = {str(part.key) for kind in ("number_input", "selectbox", "text_input", "toggle") for part in app.get(kind)}
    assert "fork.mine.3.training.learning_rate" in keys
    assert not keys & {"fork.mine.3.training.samples", "fork.mine.3.mtsl.similarity_samples"}
    Queue(root).change(paused=True)
    app.button(key="fork.queue").click()
    checked(app.run())
    [place] = Queue(root).waiting()
    assert place.run.title == "mine from phase 3"
    assert place.run.arguments[:4] == ("fork", str(source), "--phase", "3")
    assert place.run.folder.name.startswith("mtsl-digits-s9-p3-")


def test_a_schedule_that_does_not_fit_is_said_and_not_started(root: Path) -> None:
    forkable(root)
    app = fork_page(root)
    app.text_input(key="fork.mine.1.mtsl.structural_epochs").set_value("2, 5")
    checked(app.run())
    assert "should begin with the 1 phases that are done" in app.error[0].value.replace("\\", "")
    assert app.button(key="fork.start").disabled
    assert app.button(key="fork.queue").disabled


def test_the_structure_page_leads_to_the_fork_of_its_moment(root: Path) -> None:
    forkable(root)
    app = opened(run="runs.mine", at=0)
    assert app.button(key="fork-here").disabled
    events = events_of(DIGITS)
    index = next(number for number, event in enumerate(events) if event.phase == 3)
    app = opened(run="runs.mine", at=index)
    assert app.button(key="fork-here").label == "Fork from phase 3"
    write_run(root / "other", Plan(structural_phases=1))
    assert "fork-here" not in {button.key for button in opened(run="runs.other", at=5).button}
    app.button(key="fork-here").click()
    checked(app.run())
    app.switch_page("views/train.py")  # the harness does not follow a page by itself
    checked(app.run())
    assert app.segmented_control(key="train.mode").value == "fork"
    assert app.selectbox(key="fork.run.mine").value == 3


def test_a_forked_run_says_where_it_comes_from(root: Path) -> None:
    folder = write_run(root / "child", DIGITS)
    events = events_of(DIGITS)
    shared = next(number for number, event in enumerate(events) if event.phase == 1)
    parent = Parent(
        run="the_parent", created="", seed=0, phase=1, events=shared, sha256="0" * 64, changes=("training.epochs=9",)
    )
    header = read_header(folder).model_copy(update={"parent": parent})
    write_whole(folder / HEADER, header.as_json())
    captions = "\n".join(caption.value for caption in page().caption).replace("\\", "")
    assert "fork of the_parent from phase 1 with training.epochs=9" in captions
    app = opened(run="runs.child", at=shared)
    assert "Here this run was forked from the_parent with training.epochs=9." in said(app)
    assert "fork of the_parent from phase 1" in "\n".join(c.value for c in app.sidebar.caption).replace("\\", "")
    marks = {trace.name: trace for trace in timeline_figure(History(header, events), 0, "neuron").data}
    assert [mark[0] for mark in marks["forked here"].customdata] == [shared]
    plain = timeline_figure(History(header_of(DIGITS), events), 0, "neuron").data
    assert "forked here" not in {trace.name for trace in plain}


@pytest.mark.parametrize("word", ["fork", "queue", "sweep", "checkpoint"])
def test_the_words_of_training_are_explained(word: str) -> None:
    assert word in GLOSSARY


# ---- what a run should cost -----------------------------------------------------------------------------------------


def test_what_a_run_costs_is_known_from_own_runs_first(root: Path, tmp_path: Path) -> None:
    config, plan = preset("quick", "digits"), Plan(tasks=IMAGE_LEVEL, structural_phases=1)
    header = header_of(plan).model_copy(update={"config": config.model_dump(mode="json")})

    def finished(folder: Path, slower: float) -> None:
        with RunWriter(folder, header) as writer:
            for event in events_of(plan):
                writer.write(event.model_copy(update={"seconds": slower * event.seconds}))
        write_whole(folder / "usage.json", Usage(peak_memory=int(slower * 10**9)).model_dump_json().encode())

    assert expectation(config, [], [], None).source == "unknown"
    finished(tmp_path / "examples" / "recorded", 2)
    recorded = jobs(tmp_path / "examples")
    found = expectation(config, [], recorded, None)
    took = recorded[0].seconds
    assert (found.source, found.seconds, found.memory) == ("recorded", (took, took), 2 * 10**9)
    finished(root / "a", 1)
    finished(root / "b", 3)
    found = expectation(config, jobs(root), recorded, None)
    assert (found.source, found.memory, len(found.runs)) == ("here", 3 * 10**9, 2)
    assert found.seconds == pytest.approx((took / 2, took * 1.5))
    start = next(event for event in events_of(plan) if event.kind == "structure_changed")
    assert (found.parameters, found.macs) == (start.parameters, start.macs)
    states = 8 + 1 + 1  # one at the start of each phase but the first, the last one, and one that is being written
    assert found.disk == 12 * start.parameters * states
    probe = expectation(
        config, jobs(root), recorded, {"parameters": 5, "macs": 7, "seconds": (1.0, 2.0), "memory": None}
    )
    assert (probe.source, probe.seconds, probe.parameters, probe.memory) == ("probe", (1.0, 2.0), 5, None)


def awaited(probe: Probe, seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while not probe.poll():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_probe_trains_a_few_steps_and_is_remembered(root: Path) -> None:
    config = small("training.epochs=4", method="one")
    assert probed(config) is None
    probe = Probe(config, "quick")
    assert probe.of(config.model_copy(update={"seed": 8}))
    assert not probe.of(small("training.epochs=5", method="one"))
    awaited(probe)
    found = probed(config)
    assert found is not None
    assert found["seconds"] is not None
    assert 0 < found["seconds"][0] == found["seconds"][1]
    assert found["memory"] is None or found["memory"] > 10**8
    assert found["parameters"] > 10**4


def test_the_page_shows_the_cost_and_offers_to_work_it_out(root: Path) -> None:
    app = page()
    assert "No finished run is like this one." in "\n".join(caption.value for caption in app.caption)
    assert tiles(app).count("unknown") == 5
    app.button(key="train.cost").click()
    checked(app.run())
    app.button(key="train.cost.cancel").click()
    checked(app.run())
    assert app.button(key="train.cost")


def test_a_probe_that_fails_says_why(root: Path) -> None:
    probe = Probe(small("training.epochs=2", "mtsl.phases=9"), "quick")
    with pytest.raises(ValueError, match="should exceed the number of structural phases"):
        awaited(probe)
