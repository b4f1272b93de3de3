"""Pages as a person meets them, run by Streamlit's own test harness: each page of the app's list, and each control."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.runs import RunWriter
from explorer import library, state, words
from explorer.app import PAGES, PageInfo
from explorer.moments import GRAINS, History
from explorer.player import play
from tests._runs import IMAGE_LEVEL, Plan, events_of, header_of, write_run

APP = Path(__file__).parents[1] / "explorer" / "app.py"
ROOMS = Plan(structural_phases=3)
RUNS = {
    "rooms": ROOMS,
    "digits": Plan(tasks=IMAGE_LEVEL, structural_phases=2, data="digits"),
    "selective": Plan(affinities=True, structural_phases=0, epochs=6),
    "undefined": Plan(undefined=True, structural_phases=1, end="failed"),
    "short": Plan(structural_phases=0, epochs=1, end="cut"),
}
CURSOR_PAGES = [info for info in PAGES if info.cursor]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    for name, plan in RUNS.items():
        write_run(root / name, plan)
    return root


@pytest.fixture(autouse=True)
def places(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "EXAMPLES", tmp_path)
    monkeypatch.setenv(library.RUNS_VARIABLE, str(runs))


def opened(page: PageInfo = PAGES[0], **params: str | int) -> AppTest:
    """The app in a new session, opened on `page` with these parameters in its URL."""
    app = AppTest.from_file(str(APP), default_timeout=30)
    for key, value in params.items():
        app.query_params[key] = str(value)
    app.run()
    if page is not PAGES[0]:
        app.switch_page(page.file).run()
    assert not app.exception
    return app


def charts(app: AppTest) -> dict[str, dict[str, Any]]:
    """The charts on the page by key: what their component is given."""
    return {key: data for key, data in components(app).items() if "figure" in data}


def components(app: AppTest, part: Any = None) -> dict[str, dict[str, Any]]:
    """What each component on the page, or in another part of the app, is given, by key."""
    found = [element for element in walk(part or app) if element.type == "bidi_component"]
    return {element.key: json.loads(element.proto.json or element.proto.mixed.json) for element in found}


def figure(app: AppTest, key: str) -> dict[str, Any]:
    """The figure of one chart."""
    loaded: dict[str, Any] = json.loads(charts(app)[key]["figure"])
    return loaded


def walk(block: Any) -> Iterator[Any]:
    for child in (block.main if isinstance(block, AppTest) else block).children.values():
        yield child
        if hasattr(child, "children"):
            yield from walk(child)


def said(app: AppTest) -> str:
    """The sentence of the moment, with its place."""
    return " ".join(element.proto.body for element in walk(app) if element.type == "html")


def at(app: AppTest) -> str | None:
    """The cursor in the URL."""
    return (app.query_params.get("at") or [None])[0]


@pytest.mark.parametrize("run", list(RUNS))
@pytest.mark.parametrize("page", PAGES, ids=lambda info: info.title)
def test_every_page_shows_every_run_from_end_to_end(page: PageInfo, run: str) -> None:
    n_events = len(events_of(RUNS[run]))
    for index in [None] if not page.cursor else [None, *range(0, n_events, 11), n_events - 1]:
        params = {} if index is None else {"at": index}
        app = opened(page, run=f"runs.{run}", **params)
        assert app.title[0].value == page.title
        assert not app.warning
        assert not app.error or not page.cursor  # the Train page says what failed in which run


@pytest.mark.parametrize("page", CURSOR_PAGES, ids=lambda info: info.title)
def test_every_chart_is_described_and_has_a_height(page: PageInfo) -> None:
    app = opened(page, run="runs.rooms", at=30)
    found = {key: data for key, data in components(app).items() if "alt" in data}
    assert "timeline" in found
    assert len(found) > 1 or page.title in ("Predictions", "Robustness")  # of which this run has none
    for data in found.values():
        assert len(data["alt"]) > 40
    for data in charts(app).values():
        assert json.loads(data["figure"])["layout"]["height"] > 100
        assert data["script"].endswith("/plotly.min.js")


def test_the_description_of_a_chart_does_not_change_with_the_cursor() -> None:
    one, other = components(opened(run="runs.rooms", at=3)), components(opened(run="runs.rooms", at=40))
    assert {key: data.get("alt") for key, data in one.items()} == {key: data.get("alt") for key, data in other.items()}


def test_a_finished_run_opens_at_its_end_and_the_url_stays_short() -> None:
    app = opened(run="runs.rooms")
    assert "Training reached its last epoch." in said(app)
    assert app.query_params == {"run": ["runs.rooms"]} or app.query_params == {"run": "runs.rooms"}


@pytest.mark.parametrize("grain", GRAINS)
def test_buttons_step_over_the_stops_of_the_grain(grain: str) -> None:
    history = History(header_of(ROOMS), events_of(ROOMS))
    stops = history.stops(grain)  # type: ignore[arg-type]
    app = opened(run="runs.rooms", at=stops[2], grain=grain)
    for button, expected in (
        (state.NEXT, stops[3]),
        (state.NEXT, stops[4]),
        (state.BACK, stops[3]),
        (state.FIRST, stops[0]),
        (f"{state.NEXT}-letter", stops[1]),
        (f"{state.BACK}-letter", stops[0]),
    ):
        app.button(key=button).click().run()
        assert app.query_params["at"] in (str(expected), [str(expected)])
    assert app.button(key=state.BACK).disabled
    app.button(key=state.LAST).click().run()
    assert at(app) is None
    assert app.button(key=state.NEXT).disabled


def test_each_step_draws_its_moment() -> None:
    history = History(header_of(ROOMS), events_of(ROOMS))
    app = opened(run="runs.rooms", at=0, grain="neuron")
    for index in range(1, 40):
        app.button(key=state.NEXT).click().run()
        assert not app.exception
        snapshot = history.snapshot(index)
        assert words.when(snapshot) in said(app)
        assert app.metric[1].value == words.count(snapshot.parameters)
        assert components(app)["sharing"]["moment"] == index


def test_the_sidebar_sets_grain_and_run() -> None:
    app = opened(run="runs.rooms", at=12)
    app.segmented_control(key=state.GRAIN).set_value("phase").run()
    assert "phase" in app.query_params["grain"]
    assert at(app) == "1" or "12" in app.query_params["at"]
    app.selectbox(key=state.RUN).set_value("runs.digits").run()
    assert "runs.digits" in app.query_params["run"]
    assert at(app) is None
    assert not app.exception


def test_a_moment_can_be_picked_from_the_list() -> None:
    app = opened(run="runs.rooms", at=12)
    app.selectbox(key=f"{state.GOTO}-12").set_value(25).run()
    assert "25" in app.query_params["at"]
    assert "25 · " in app.selectbox(key=f"{state.GOTO}-25").format_func(25)


def test_the_view_stays_when_the_page_is_turned() -> None:
    app = opened(run="runs.rooms", at=12, grain="decision")
    before = said(app)
    for page in CURSOR_PAGES[1:]:
        app.switch_page(page.file).run()
        assert said(app) == before
        assert "12" in app.query_params["at"]
        assert "decision" in app.query_params["grain"]


def test_play_steps_by_itself_and_stops_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    n_events = len(events_of(RUNS["short"]))
    metrics = next(info for info in PAGES if info.title == "Metrics")
    app = opened(metrics, run="runs.short", at=n_events - 3)
    clock = time.monotonic()
    monkeypatch.setattr(play.time, "monotonic", lambda: clock)
    app.button(key=state.PLAY).click().run()
    assert app.button(key=state.PLAY).label == "Pause"
    places = []
    for _ in range(3):
        clock += 10
        app.run()
        places.append(app.session_state["_view"].moment)
    assert places == [n_events - 2, n_events - 1, n_events - 1]
    assert app.button(key=state.PLAY).label == "Play"
    assert str(n_events - 1) in app.query_params["at"]


def test_play_from_the_end_starts_over_and_a_click_pauses_it() -> None:
    app = opened(run="runs.rooms")
    app.button(key=state.PLAY).click().run()
    assert app.session_state["_view"].moment == 0
    app.button(key=state.NEXT).click().run()
    assert app.button(key=state.PLAY).label == "Play"


def test_speed_goes_round() -> None:
    app = opened(run="runs.rooms", at=3)
    for speed in ("4×", "0.5×", "1×", "2×"):
        app.button(key=state.SPEED).click().run()
        assert app.button(key=state.SPEED).label == speed


@pytest.mark.parametrize(
    ("params", "notice"),
    [
        ({"grain": "minute"}, "grain=minute"),
        ({"at": "-3"}, "at=-3"),
        ({"run": "runs.nope"}, "run=runs.nope"),
        ({"run": "../../etc/passwd"}, "run=../../etc/passwd"),
        ({"run": "runs.rooms", "at": "99999"}, "There is no moment 99999"),
    ],
)
def test_a_wrong_link_falls_back_with_a_notice(params: dict[str, str], notice: str) -> None:
    app = opened(**params)
    assert any(words.plain(notice) in warning.value for warning in app.warning)
    assert not app.error
    assert {"timeline", "sharing"} <= set(components(app))


def test_a_wrong_task_in_the_link_picks_nothing() -> None:
    app = opened(run="runs.rooms", tasks="7", stage="2")
    assert any("stage=2 tasks=7" in warning.value for warning in app.warning)
    assert "tasks" not in app.query_params


def test_what_is_picked_is_said_and_can_be_cleared() -> None:
    app = opened(run="runs.rooms", stage="2", tasks="0-1")
    assert any("layer2 · Segmentation \\+ Depth" in found.value for found in app.markdown)
    app.button(key=state.CLEAR).click().run()
    assert "tasks" not in app.query_params
    assert not any("Picked" in found.value for found in app.markdown)


def test_metrics_controls_choose_what_is_drawn() -> None:
    metrics = next(info for info in PAGES if info.title == "Metrics")
    app = opened(metrics, run="runs.rooms")
    app.segmented_control(key=state.SHOW).set_value("loss").run()
    assert "loss" in app.query_params["show"]
    app.selectbox(key=state.TASK).set_value((1,)).run()
    drawn = {found["name"] for found in figure(app, "metrics")["data"]}
    assert drawn == {"Depth, so far", "Depth, later"}
    assert "training loss" in figure(app, "metrics")["layout"]["yaxis"]["title"]["text"]


def test_similarity_says_whether_it_is_decided_and_scales() -> None:
    similarity = next(info for info in PAGES if info.title == "Similarity")
    history = History(header_of(ROOMS), events_of(ROOMS))
    found = history.measurements[0]
    before = opened(similarity, run="runs.rooms", at=found.index - 1)
    assert any("Nothing was measured before" in info.value for info in before.info)
    measured = opened(similarity, run="runs.rooms", at=found.index)
    assert any("not decided yet" in info.value for info in measured.info)
    decided = opened(similarity, run="runs.rooms", at=found.decision_index or 0)
    assert not decided.info
    assert set(charts(decided)) == {"timeline", "matrix", "scores", "dendrogram", "pairs", "grid"}
    decided.segmented_control(key=state.SCALE).set_value("unit").run()
    assert figure(decided, "matrix")["data"][0]["zmax"] == 1


def test_a_run_without_similarity_says_so() -> None:
    similarity = next(info for info in PAGES if info.title == "Similarity")
    app = opened(similarity, run="runs.short")
    assert any("No similarity was measured" in info.value for info in app.info)


def test_a_broken_run_names_file_and_line_without_a_traceback(runs: Path) -> None:
    folder = write_run(runs / "broken", RUNS["short"])
    try:
        with (folder / "events.jsonl").open("a") as file:
            file.write("{}\n")
        for page in CURSOR_PAGES:
            app = opened(page, run="runs.broken")
            assert len(app.error) == 1
            assert "events.jsonl, line" in app.error[0].value
    finally:
        for file in sorted(folder.rglob("*"), reverse=True):
            file.unlink() if file.is_file() else file.rmdir()
        folder.rmdir()


def test_no_runs_at_all_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(library.RUNS_VARIABLE, str(tmp_path / "nothing"))
    for page in CURSOR_PAGES:
        app = opened(page)
        assert "Train" in app.info[0].value
        assert library.RUNS_VARIABLE in app.info[0].value


def test_live_events_move_a_free_cursor_but_never_one_that_was_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(library.RUNS_VARIABLE, str(tmp_path / "live"))
    events = events_of(ROOMS)
    with RunWriter(tmp_path / "live" / "now", header_of(ROOMS)) as writer:
        waiting = opened()
        assert any("no events yet" in info.value for info in waiting.info)
        for event in events[:10]:
            writer.write(event)
        app = opened()
        header = header_of(ROOMS)
        assert words.sentence(events[9], header).split(".")[0] in said(app).replace("&gt;", ">")
        writer.write(events[10])
        app.run()
        assert words.when(History(header, events[:11]).latest) in said(app)
        app.button(key=state.BACK).click().run()
        place, before = app.query_params["at"], said(app)
        for event in events[11:30]:
            writer.write(event)
        app.run()
        assert (app.query_params["at"], said(app)) == (place, before)
        app.button(key=state.LIVE).click().run()
        assert words.when(History(header, events[:30]).latest) in said(app)
        assert not [button for button in app.button if button.key == state.LIVE]


def test_a_finished_run_sets_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(run="runs.rooms")
    clocks = {**components(app), **components(app, app.sidebar)}
    seconds = {key: data["seconds"] for key, data in clocks.items() if key.startswith("ticks-")}
    assert seconds == {"ticks-status": None, "ticks-export": None, "ticks-cursor": None}


def test_every_page_of_the_list_exists_and_fits_the_limit() -> None:
    for info in PAGES:
        lines = (APP.parent / info.file).read_text().splitlines()
        assert len(lines) <= 120, info.file
        assert info.url in info.file
