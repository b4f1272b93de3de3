"""The Train page as a script: what the form leads to, what the list of runs says, and what its buttons do."""

import os
import shlex
import time
from pathlib import Path
from typing import get_args

import pytest
from streamlit.testing.v1 import AppTest

from core.config import Config, Method, Preset, preset
from core.heartbeat import HEARTBEAT, STOP, write_whole
from core.runs import RunWriter, read_run
from explorer.forms import variants
from explorer.training import jobs, log_tail, read_job, stop
from explorer.words import duration, plain
from explorer.work.cost import about_time
from tests._runs import IMAGE_LEVEL, Plan, events_of, header_of, write_run
from tests.test_training_jobs import await_job, beat_of

PAGE = Path(__file__).parents[1] / "explorer" / "views" / "train.py"
START = "train.start"
PRESETS = [
    (name, data, method)
    for name in get_args(Preset)
    for data in variants(Config, "data")
    for method in get_args(Method)
]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the page looks for runs."""
    monkeypatch.setenv("MTSL_RUNS", str(tmp_path))
    return tmp_path


def page() -> AppTest:
    return checked(AppTest.from_file(str(PAGE), default_timeout=30).run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception, [error.message for error in app.exception]
    return app


def pick(app: AppTest, what: str, choice: str) -> AppTest:
    app.segmented_control(key=f"train.{what}").set_value(choice)
    return checked(app.run())


def shown_config(app: AppTest) -> Config:
    """The config of the command line on the page, read as the command line reads it."""
    command = next(code.value for code in app.code if code.value.startswith("python -m core train"))
    words = shlex.split(command.replace("\\\n", ""))
    options = dict(zip(words[4::2], words[5::2], strict=True))
    settings = [words[place + 1] for place, word in enumerate(words) if word == "--set"]
    return preset(
        options["--preset"],  # type: ignore[arg-type]
        options["--data"],
        options["--method"],
        int(options["--seed"]),
        settings,
    )


def said(app: AppTest) -> str:
    """All text on the page but the form's."""
    return "\n".join(str(part.value) for part in [*app.markdown, *app.caption, *app.error, *app.info, *app.warning])


def tiles(app: AppTest) -> str:
    """What is drawn as HTML: numbers of runs, and what a run should cost."""
    return "".join(str(part.proto.body) for part in app.get("html"))


def opens(app: AppTest) -> list[str]:
    """The keys of the buttons that open a run, in order."""
    return [key for button in app.button if (key := str(button.key)).startswith("open-")]


# ---- the form -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["retrain", "random"])
def test_a_method_that_needs_another_run_says_what_is_missing(root: Path, method: str) -> None:
    app = page()
    app.segmented_control(key="train.method").set_value(method)
    checked(app.run())
    assert any(f"`{method}." in found.value.replace("\\", "") for found in app.error)
    assert app.button(key=START).disabled


@pytest.mark.parametrize(("name", "data", "method"), [case for case in PRESETS if case[2] not in ("retrain", "random")])
def test_the_page_starts_from_the_preset(root: Path, name: Preset, data: str, method: str) -> None:
    app = page()
    for what, choice in (("method", method), ("data", data), ("preset", name)):
        app.segmented_control(key=f"train.{what}").set_value(choice)
    app.number_input(key="train.seed").set_value(3)
    checked(app.run())
    assert shown_config(app) == preset(name, data, method, 3)
    assert not app.button(key=START).disabled
    labels = [expander.label for expander in app.expander]
    assert ("MTSL" in labels) == (method == "mtsl")
    assert ("Scene" in labels) == (data == "rooms")


def test_a_changed_setting_shows_in_the_command_and_goes_back(root: Path) -> None:
    app = page()
    app.number_input(key="train.0.quick.rooms.training.epochs").set_value(31)
    app.slider(key="train.0.quick.rooms.data.scene.room_size").set_range(4.0, 7.0)
    checked(app.run())
    expected = preset(overrides=["training.epochs=31", "data.scene.room_size=[4, 7]"])
    assert shown_config(app) == expected
    assert app.button(key="train.reset").label == "Reset 2 changed settings"
    app.button(key="train.reset").click()
    checked(app.run())
    assert shown_config(app) == preset()


def test_settings_of_another_data_set_are_kept_apart(root: Path) -> None:
    app = page()
    app.number_input(key="train.0.quick.rooms.training.epochs").set_value(31)
    pick(app, "data", "digits")
    assert shown_config(app) == preset("quick", "digits")
    pick(app, "data", "rooms")
    assert shown_config(app).training.epochs == 31


def test_settings_that_cannot_be_are_said_in_words_and_not_started(root: Path) -> None:
    app = page()
    app.number_input(key="train.0.quick.rooms.training.learning_rate").set_value(0.0)
    app.text_input(key="train.0.quick.rooms.training.milestones").set_value("soon")
    checked(app.run())
    [error] = app.error
    assert "training.learning\\_rate" in error.value
    assert "greater than 0" in error.value
    assert "training.milestones" in error.value
    assert app.button(key=START).disabled
    app.button(key="train.reset").click()
    checked(app.run())
    app.number_input(key="train.1.quick.rooms.training.epochs").set_value(1)
    checked(app.run())
    assert "raise" in app.error[0].value
    assert app.button(key=START).disabled


def test_start_trains_what_the_page_shows(root: Path) -> None:
    app = pick(page(), "data", "digits")
    app.number_input(key="train.0.quick.digits.training.epochs").set_value(77)
    checked(app.run())
    app.button(key=START).click()
    checked(app.run())
    [job] = jobs(root)
    try:
        assert job.live
        assert any(job.folder.name in plain_text.value.replace("\\", "") for plain_text in app.toast)
        assert app.button(key=f"stop-{job.folder.name}")
        first_line = (job.folder / "log.txt").read_text().splitlines()[0]
        assert "--set training.epochs=77" in first_line
    finally:
        stop(job.folder)
    await_job(job.folder, lambda job: not job.live, seconds=30)


# ---- the list of runs -----------------------------------------------------------------------------------------------


def test_without_runs_the_page_says_what_to_do(root: Path) -> None:
    assert "No runs here yet" in said(page())


def test_a_finished_run_shows_its_numbers(root: Path) -> None:
    run = read_run(write_run(root / "mine", Plan(tasks=IMAGE_LEVEL, structural_phases=1, data="digits")))
    app = page()
    assert "MTSL on digits · seed 0" in said(app)
    assert app.button(key="open-mine")
    html = "".join(str(part.proto.body) for part in app.get("html"))
    assert all(task.label in html for task in run.header.tasks)
    assert [button.key for button in app.button if "mine" in str(button.key)] == ["open-mine"]


def test_stop_asks_the_process_and_says_so_at_once(root: Path) -> None:
    folder = write_run(root / "mine", Plan(structural_phases=1, end="cut"))
    write_whole(folder / HEARTBEAT, beat_of(os.getpid(), "phase 2 of 3 · epoch 3 of 9", 0.25, eta=4000.0))
    app = page()
    assert "phase 2 of 3 · epoch 3 of 9 · 1 h 6 min left" in [bar.proto.text for bar in app.get("progress")]
    app.button(key="stop-mine").click()
    checked(app.run())
    assert (folder / STOP).exists()
    assert app.button(key="stop-mine").disabled
    assert "stopping: writes a checkpoint first" in [bar.proto.text for bar in app.get("progress")]


def test_several_runs_are_too_much_for_few_cores(root: Path) -> None:
    for name in ("one", "two"):
        folder = write_run(root / name, Plan(structural_phases=1, end="cut"))
        write_whole(folder / HEARTBEAT, beat_of(os.getpid(), "training", 0.5))
    app = page()
    cores = len(os.sched_getaffinity(0))
    assert f"2 runs share {cores} processor cores" in said(app)
    assert "2 other runs are training" in said(app)


def test_the_time_of_a_like_run_is_what_to_expect(root: Path) -> None:
    plan = Plan(structural_phases=1)
    header = header_of(plan).model_copy(update={"config": preset().model_dump(mode="json")})
    with RunWriter(root / "mine", header) as writer:
        for event in events_of(plan):
            writer.write(event)
    seconds = read_job(root / "mine").seconds
    app = page()
    assert f"As mine ({duration(seconds)}) took here;" in said(app).replace("\\", "")
    assert f"about {about_time(seconds)}" in tiles(app)
    app.number_input(key="train.0.quick.rooms.training.epochs").set_value(2 * preset().training.epochs)
    assert f"about {about_time(2 * seconds)}" in tiles(checked(app.run()))
    assert "recorded it" in said(pick(app, "method", "one"))
    assert "No finished run is like this one." in said(pick(app, "preset", "paper"))


def test_a_failed_start_says_why_and_can_be_removed(root: Path) -> None:
    folder = root / "mine"
    folder.mkdir()
    (folder / "log.txt").write_text("$ python -m core train\nerror: `epochs` should be *more*.\n")
    app = page()
    assert "\\`epochs\\` should be \\*more\\*." in app.error[0].value
    assert app.button(key="open-mine").disabled
    assert log_tail(folder) in [code.value for code in app.code]
    app.button(key="remove-mine").click()
    checked(app.run())
    assert not folder.exists()
    assert "No runs here yet" in said(app)


def test_resume_starts_a_process_and_an_impossible_one_says_why(root: Path) -> None:
    config = preset("quick", "digits")
    header = header_of(Plan(tasks=IMAGE_LEVEL)).model_copy(update={"config": config.model_dump(mode="json")})
    with RunWriter(root / "mine", header):
        pass
    app = page()
    app.button(key="resume-mine").click()
    checked(app.run())
    job = read_job(root / "mine")
    assert job.live
    stop(job.folder)
    await_job(job.folder, lambda job: not job.live, seconds=30)
    (root / "mine" / STOP).unlink()
    app = page()
    write_whole(root / "mine" / HEARTBEAT, beat_of(os.getpid(), "elsewhere", 0.5))
    app.button(key="resume-mine").click()
    checked(app.run())
    assert "a process is training this run already" in app.error[0].value


def test_older_runs_are_folded_away(root: Path) -> None:
    for number in range(9):
        folder = write_run(root / f"run{number}", Plan(structural_phases=1))
        os.utime(folder / "run.json", (1e9 + number, 1e9 + number))
    app = page()
    assert opens(app) == [f"open-run{number}" for number in (8, 7, 6, 5, 4, 3)]
    app.toggle(key="train.older").set_value(True)
    checked(app.run())
    assert opens(app) == [f"open-run{number}" for number in range(8, -1, -1)]


def test_the_page_stays_quick_with_many_long_runs(root: Path) -> None:
    for number in range(20):
        write_run(root / f"run{number}", Plan(structural_phases=60, progress=6))
    app = page()
    began = time.monotonic()
    checked(app.run())
    assert time.monotonic() - began < 3


def test_text_of_a_run_is_never_markdown() -> None:
    assert plain("a_b [x](y) $z$ :red[q]") == r"a\_b \[x\]\(y\) \$z\$ \:red\[q\]"
