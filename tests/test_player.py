"""The sharing graph that moves, as the server sees it: what it is given, and play that the browser does."""

import base64
import json
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from explorer import library, state
from explorer.app import PAGES
from explorer.figures.camera import film
from explorer.figures.sharing import graph_height
from explorer.moments import History
from explorer.player import play
from tests._runs import Plan, events_of, header_of, write_run
from tests.test_pages import charts, components, opened

ROOMS = Plan(structural_phases=3)
HISTORY = History(header_of(ROOMS), events_of(ROOMS))


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "EXAMPLES", tmp_path / "none")
    monkeypatch.setenv(library.RUNS_VARIABLE, str(tmp_path))
    write_run(tmp_path / "rooms", ROOMS)


def graph(app: AppTest) -> dict[str, Any]:
    return components(app)["sharing"]


def moment(app: AppTest) -> int | None:
    found: int | None = app.session_state["_view"].moment
    return found


@pytest.mark.parametrize("grain", ["phase", "neuron"])
def test_the_page_gives_the_film_of_its_grain_and_the_moment(grain: Any) -> None:
    app = opened(run="runs.rooms", at=13, grain=grain)
    given = graph(app)
    assert given["moment"] == 13
    found = json.loads(zlib.decompress(base64.b64decode(given["film"])))
    assert found == json.loads(film(HISTORY, grain, 13).to_json())
    assert 13 in [frame[0] for frame in found["frames"]]
    assert len(json.dumps(given)) < 50_000
    step = app.button(key=state.NEXT).click().run()
    assert grain == "phase" or graph(step)["key"] == given["key"]


def test_orientation_and_what_is_picked_come_from_the_view() -> None:
    app = opened(run="runs.rooms", stage="2", tasks="0-1")
    assert graph(app)["focus"] == {"stage": 2, "tasks": [0, 1]}
    assert graph(app)["orient"] == "up"
    app.segmented_control(key=state.ORIENT).set_value("right").run()
    assert "right" in app.query_params["orient"]
    assert graph(app)["orient"] == "right"
    assert graph(app)["height"] == graph_height(HISTORY.header, "right")
    app.button(key=state.CLEAR).click().run()
    assert graph(app)["focus"] is None


def test_play_runs_in_the_browser_and_the_server_knows_about_where(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = time.monotonic()
    monkeypatch.setattr(play.time, "monotonic", lambda: clock)
    app = opened(run="runs.rooms", at=10, speed=2)
    app.button(key=state.PLAY).click().run()
    assert graph(app)["playing"] is True
    assert components(app)["ticks-cursor"]["seconds"] is None  # no step asks the server
    assert moment(app) == 10
    clock += 3.2
    app.button(key=state.SPEED).click().run()  # 2 to 4 steps a second
    assert moment(app) == 16
    assert graph(app)["playing"] is True
    clock += 1.1
    app.button(key=state.PLAY).click().run()
    assert moment(app) == 20
    assert (graph(app)["playing"], graph(app)["loose"]) == (False, True)
    assert "20" in app.query_params["at"]
    app.button(key=state.NEXT).click().run()
    assert (graph(app)["moment"], graph(app)["loose"]) == (21, False)


def test_a_step_while_it_plays_goes_on_from_where_play_is(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = time.monotonic()
    monkeypatch.setattr(play.time, "monotonic", lambda: clock)
    app = opened(run="runs.rooms", at=10, speed=2)
    app.button(key=state.PLAY).click().run()
    clock += 2.1
    app.button(key=state.NEXT).click().run()
    assert (graph(app)["moment"], graph(app)["playing"], graph(app)["loose"]) == (15, False, False)


def test_another_page_goes_on_playing_from_there_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = time.monotonic()
    monkeypatch.setattr(play.time, "monotonic", lambda: clock)
    app = opened(run="runs.rooms", at=10, speed=2)
    app.button(key=state.PLAY).click().run()
    clock += 2.1
    metrics = next(info for info in PAGES if info.title == "Metrics")
    app.switch_page(metrics.file).run()
    assert moment(app) == 14
    assert components(app)["ticks-cursor"]["seconds"] == 0.5
    clock += 0.5
    app.run()
    assert moment(app) == 15
    app.switch_page(PAGES[0].file).run()
    assert graph(app)["playing"] is True
    assert components(app)["ticks-cursor"]["seconds"] is None


def test_play_from_the_end_starts_over() -> None:
    app = opened(run="runs.rooms", grain="phase")
    app.button(key=state.PLAY).click().run()
    assert moment(app) == HISTORY.stops("phase")[0]
    assert graph(app)["playing"] is True


def test_a_browser_without_a_canvas_gets_the_still_figure() -> None:
    app = opened(run="runs.rooms", at=20, orient="right", stage="7", tasks="0")
    app.session_state["_graph_failed"] = True
    app.run()
    figure = json.loads(charts(app)["sharing"]["figure"])
    assert figure["layout"]["yaxis"]["title"]["text"] == "task"
    assert "picked" in [trace["name"] for trace in figure["data"]]
    app.button(key=state.PLAY).click().run()
    assert components(app)["ticks-cursor"]["seconds"] == 0.5  # the server steps


def test_a_gif_is_made_on_request_and_offered_until_the_choices_change() -> None:
    app = opened(run="runs.rooms", grain="phase")
    assert not app.session_state["_animation"] if "_animation" in app.session_state else True
    app.session_state["save-sharing"] = True  # the menu is open; closed, it has no content
    app.run()
    app.selectbox(key="film-grain").set_value("phase")
    app.selectbox(key="film-size").set_value("640 × 480")
    app.selectbox(key="film-seconds").set_value(0.25).run()
    assert any(f"{len(HISTORY.stops('phase'))} moments" in caption.value for caption in app.caption)
    app.button(key="film-GIF").click().run()
    assert app.session_state["_animation"].data[:6] == b"GIF89a"
    assert any(found.label.startswith("Save the GIF") for found in app.get("download_button"))
    app.selectbox(key="film-seconds").set_value(1.0).run()
    assert not any(found.label.startswith("Save the GIF") for found in app.get("download_button"))
