"""The Overview page, run by Streamlit's own test harness: every control and what it does to the URL and to the disk."""

from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.runs import RunWriter
from explorer import add_run, library, remembered, state
from explorer.app import PAGES
from explorer.run_cards import MOST_COMPARED
from tests._runs import IMAGE_LEVEL, Plan, events_of, header_of, write_many, write_run
from tests._zips import BAD, Files, small_run, zipped
from tests.test_pages import opened, walk

OVERVIEW = next(info for info in PAGES if info.title == "Overview")
ROOMS = Plan(structural_phases=1, epochs=1)
DIGITS = Plan(tasks=IMAGE_LEVEL, structural_phases=1, epochs=1, data="digits", end="paused")


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(library, "EXAMPLES", tmp_path / "examples")
    monkeypatch.setenv(library.RUNS_VARIABLE, str(tmp_path / "own"))
    write_run(tmp_path / "examples" / "recorded", ROOMS)
    write_run(tmp_path / "own" / "rooms", ROOMS)
    write_run(tmp_path / "own" / "digits", DIGITS)
    return tmp_path / "own"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return small_run(tmp_path / "source")


def cards(app: AppTest) -> list[str]:
    """Names of the runs that have a card, in order."""
    return [button.key.removeprefix("open-") for button in app.button if (button.key or "").startswith("open-")]


def said(app: AppTest) -> str:
    return " ".join(element.proto.body for element in walk(app) if element.type == "html")


def url(app: AppTest, key: str) -> str:
    found: Any = app.query_params.get(key, "")
    return found if isinstance(found, str) else found[0]


def uploader(app: AppTest) -> Any:
    return app.get("file_uploader")[0]


def test_every_run_has_a_card_with_picture_size_state_and_key_metrics() -> None:
    app = opened(OVERVIEW)
    assert cards(app) == ["runs.digits", "runs.rooms", "example.recorded"]
    bodies = [
        element.proto.body for element in walk(app) if element.type == "html" and "run-card" in element.proto.body
    ]
    assert len(bodies) == 3
    for body, plan in zip(bodies, (DIGITS, ROOMS, ROOMS), strict=True):
        assert 'src="data:image/svg+xml;base64,' in body
        assert f"MTSL on {plan.data}" in body
        assert "parameters" in body
        assert "2026-01-01 00:00 UTC" in body
        for task in plan.tasks:
            assert f"{task.label} <i>{task.metrics[0].label}" in body
    badges = [element.value for element in app.main.markdown if "badge" in element.value]
    assert [next(word for word in ("paused", "finished", "recorded") if word in badge) for badge in badges] == [
        "paused",
        "finished",
        "recorded",
    ]


def test_search_filter_and_order_are_in_the_url_and_come_back_from_it() -> None:
    app = opened(OVERVIEW)
    app.text_input(key=state.QUERY).set_value("digit").run()
    assert cards(app) == ["runs.digits"]
    assert url(app, "q") == "digit"
    app.text_input(key=state.QUERY).set_value("").run()
    app.selectbox(key=state.SORT).set_value("name").run()
    assert (url(app, "q"), url(app, "sort")) == ("", "name")
    assert cards(app) == ["runs.digits", "example.recorded", "runs.rooms"]
    found = app.multiselect(key=state.ONLY)
    found.set_value([choice for choice in found.options if choice.startswith(("data: rooms", "state: finished"))]).run()
    assert cards(app) == ["runs.rooms"]
    assert url(app, "only") == "data:rooms,state:finished"
    again = opened(OVERVIEW, only=url(app, "only"), sort="name", q="seg")
    assert cards(again) == ["runs.rooms"]
    assert again.text_input(key=state.QUERY).value == "seg"


def test_a_search_that_finds_nothing_says_what_to_do() -> None:
    app = opened(OVERVIEW, q="no such run")
    assert cards(app) == []
    assert "take a filter away" in app.info[0].value


def test_a_wrong_filter_or_order_in_the_link_is_named() -> None:
    app = opened(only="colour:red", sort="luck")
    assert ["sort=luck" in app.warning[0].value, "only=colour" in app.warning[1].value] == [True, True]
    assert len(cards(app.switch_page(OVERVIEW.file).run())) == 3


def test_open_goes_to_the_run() -> None:
    app = opened(OVERVIEW, at=3)
    app.button(key="open-runs.digits").click().run()
    assert app.title[0].value == "Structure"
    assert (url(app, "run"), url(app, "at")) == ("runs.digits", "")


def test_runs_are_chosen_for_a_comparison_up_to_a_limit(own: Path) -> None:
    write_many(own, MOST_COMPARED)
    app = opened(OVERVIEW)
    chosen = cards(app)[: MOST_COMPARED - 1]
    for run in chosen:
        app.button(key=f"compare-{run}").click().run()
    assert url(app, "with") == ",".join(chosen)
    assert app.button(key=f"compare-{cards(app)[-1]}").disabled
    app.button(key=f"compare-{chosen[0]}").click().run()
    assert url(app, "with") == ",".join(chosen[1:])
    assert not app.button(key=f"compare-{cards(app)[-1]}").disabled
    app.button(key="compare-clear").click().run()
    assert "with" not in app.query_params


def test_tags_are_given_and_taken_and_can_be_filtered_by(own: Path) -> None:
    app = opened(OVERVIEW)
    app.menu_button(key="more-example.recorded").click("Tags").run()
    app.multiselect(key="tags-example.recorded").set_value(["paper <1>"]).run()
    assert remembered.tags(own) == {"example.recorded": ("paper <1>",)}
    assert '<span class="run-tag">paper &lt;1&gt;</span>' in said(app.run())
    assert cards(opened(OVERVIEW, only="tag:paper %3C1%3E")) == ["example.recorded"]
    app.multiselect(key="tags-example.recorded").set_value(["x" * 30]).run()
    assert "at most 24 characters" in app.error[0].value
    assert remembered.tags(own) == {"example.recorded": ("paper <1>",)}
    app.multiselect(key="tags-example.recorded").set_value([]).run()
    assert remembered.tags(own) == {}


def test_an_own_run_is_deleted_only_after_a_second_look(own: Path) -> None:
    remembered.set_tags(own, "runs.digits", ["old"])
    app = opened(OVERVIEW, **{"run": "runs.digits", "at": 4, "with": "runs.digits,runs.rooms", "base": "runs.digits"})
    app.menu_button(key="more-runs.digits").click("Delete").run()
    assert (own / "digits").exists()
    assert any("cannot be undone" in element.value for element in app.markdown)
    app.button(key="remove-sure").click().run()
    assert not (own / "digits").exists()
    assert cards(app) == ["runs.rooms", "example.recorded"]
    assert (url(app, "run"), url(app, "at"), url(app, "with"), url(app, "base")) == ("", "", "runs.rooms", "")
    assert remembered.tags(own) == {}
    assert not app.warning


@pytest.mark.parametrize("run", ["example.recorded", "runs.live"])
def test_examples_and_live_runs_cannot_be_deleted(own: Path, run: str) -> None:
    with RunWriter(own / "live", header_of(ROOMS)) as writer:
        for event in events_of(ROOMS)[:5]:
            writer.write(event)
        app = opened(OVERVIEW)
        app.menu_button(key=f"more-{run}").click("Delete").run()
        assert "cannot be deleted" in app.warning[0].value
        assert not [button for button in app.button if button.key == "remove-sure"]
    assert (own / "live").exists()


def test_a_folder_that_holds_more_than_a_run_is_not_deleted(own: Path) -> None:
    (own / "digits" / "thesis.tex").write_text("mine")
    app = opened(OVERVIEW)
    app.menu_button(key="more-runs.digits").click("Delete").run()
    app.button(key="remove-sure").click().run()
    assert "thesis.tex" in app.error[0].value
    assert (own / "digits" / "events.jsonl").exists()


@pytest.mark.parametrize("top", ["", "their-run"])
def test_an_uploaded_run_opens(own: Path, files: Files, top: str) -> None:
    app = opened(OVERVIEW)
    uploader(app).upload("new.zip", zipped(files, top), "application/zip").run()
    assert not app.exception
    assert app.title[0].value == "Structure"
    assert url(app, "run") == f"runs.{top or 'new'}"
    assert (own / (top or "new") / "events.jsonl").exists()


@pytest.mark.parametrize("kind", ["not a zip", "broken line", "pickle"])
def test_a_bad_upload_says_why_and_the_page_goes_on(own: Path, files: Files, kind: str) -> None:
    app = opened(OVERVIEW)
    uploader(app).upload("bad.zip", BAD[kind].make(files), "application/zip").run()
    assert not app.exception
    assert len(app.error) == 1
    assert app.error[0].value.startswith("This upload was not taken")
    assert len(cards(app)) == 3
    app.run()
    assert not app.error


def test_a_folder_of_this_machine_is_opened_and_taken_off_the_list(own: Path, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "elsewhere" / "mine", ROOMS)
    app = opened(OVERVIEW)
    app.text_input(key="folder").set_value(f" {folder} ")
    submit = next(button for button in app.button if button.label == "Open the folder")
    submit.click().run()
    assert (app.title[0].value, url(app, "run")) == ("Structure", "opened.mine")
    app.switch_page(OVERVIEW.file).run()
    app.menu_button(key="more-opened.mine").click("Take off the list").run()
    app.button(key="remove-sure").click().run()
    assert "opened.mine" not in cards(app)
    assert (folder / "events.jsonl").exists()


@pytest.mark.parametrize(("path", "says"), [("/nowhere/at/all", "found none"), ("", "Type the path")])
def test_a_folder_without_a_run_says_so(path: str, says: str) -> None:
    app = opened(OVERVIEW)
    app.text_input(key="folder").set_value(path)
    next(button for button in app.button if button.label == "Open the folder").click().run()
    assert says in app.error[0].value


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1", False), ("::1", False), ("localhost", False), ("0.0.0.0", True), ("", True), ("example.org", True)],
)
def test_a_hosted_explorer_opens_no_paths(monkeypatch: pytest.MonkeyPatch, address: str, expected: bool) -> None:
    get = st.get_option
    monkeypatch.setattr(st, "get_option", lambda key: address if key == "server.address" else get(key))
    assert add_run.hosted() == expected
    app = opened(OVERVIEW)
    assert [field.key for field in app.text_input if field.key == "folder"] == ([] if expected else ["folder"])
    assert uploader(app) is not None


def test_a_folder_of_many_runs_is_shown_in_parts(own: Path) -> None:
    write_many(own, 60)
    app = opened(OVERVIEW)
    assert len(cards(app)) == 24
    assert any("63 of 63 runs, 24 shown" in caption.value for caption in app.caption)
    app.button(key="more-runs").click().run()
    assert len(cards(app)) == 48
    app.button(key="more-runs").click().run()
    assert len(cards(app)) == 63
    assert not [button for button in app.button if button.key == "more-runs"]
    payload = sum(
        element.proto.ByteSize()
        for element in walk(app)
        if hasattr(getattr(element, "proto", None), "ByteSize") and not hasattr(element, "children")
    )
    assert payload < 2_000_000


def test_damaged_files_of_tags_and_folders_are_said_once(own: Path) -> None:
    (own / "tags.json").write_text("{")
    app = opened(OVERVIEW)
    assert "tags.json cannot be read" in app.warning[0].value
    assert len(cards(app)) == 3


def test_no_runs_at_all_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(library.RUNS_VARIABLE, str(tmp_path / "nothing"))
    monkeypatch.setattr(library, "EXAMPLES", tmp_path / "none")
    app = opened(OVERVIEW)
    assert "Add a run" in app.info[0].value
    assert not (tmp_path / "nothing").exists()
