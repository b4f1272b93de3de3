"""The Compare page as a person meets it: which runs it takes, what a link says, what its controls change."""

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from explorer import library, state, words
from explorer.app import PAGES
from explorer.moments import History
from tests._runs import IMAGE_LEVEL, Plan, events_of, header_of, write_run
from tests.test_pages import charts, figure, opened

COMPARE = next(info for info in PAGES if info.title == "Compare")
ROOMS = Plan(structural_phases=3)
RUNS = {f"seed{seed}": Plan(structural_phases=3, seed=seed) for seed in range(7)} | {
    "digits": Plan(tasks=IMAGE_LEVEL, structural_phases=2, data="digits"),
    "alone": Plan(structural_phases=1, data="elsewhere"),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    for name, plan in RUNS.items():
        write_run(root / name, plan)
    return root


@pytest.fixture(autouse=True)
def places(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(library.RUNS_VARIABLE, str(runs))


def compared(*others: str, **params: str | int) -> AppTest:
    names = ",".join(name if "." in name else f"runs.{name}" for name in others)
    return opened(COMPARE, **({"run": "runs.seed0"} | ({"with": names} if names else {}) | params))


def url(app: AppTest, key: str) -> str | None:
    """A parameter of the URL, which the test harness gives as a list or as itself."""
    found: Any = app.query_params.get(key)
    return found[0] if isinstance(found, list) else found


def asked(app: AppTest, key: str) -> list[str]:
    return (url(app, key) or "").split(",")


def captions(app: AppTest) -> str:
    return "\n".join(found.value for found in app.caption)


def test_two_runs_stand_side_by_side_with_all_that_is_said_of_them() -> None:
    app = compared("seed1", at=30)
    assert set(charts(app)) == {
        "timeline",
        "sharing-a",
        "sharing-b",
        "difference",
        "pairs",
        "gains",
        "quality",
        "curves",
    }
    assert any("A and B agree on" in found.value for found in app.markdown)
    assert list(app.dataframe[0].value.columns) == ["Measure", "A seed0", "B seed1"]
    assert not app.warning
    assert not app.error


def test_more_runs_add_the_agreement_of_every_two() -> None:
    app = compared("seed1", "seed2", at=30)
    assert {"agreement", "sharing-c"} <= set(charts(app))
    assert app.selectbox(key=state.VERSUS).options == ["B seed1", "C seed2"]


def test_an_empty_choice_offers_runs_on_the_same_data() -> None:
    app = opened(COMPARE, run="example.mtsl-rooms")
    assert "sharing-a" in charts(app)
    app.button(key="offer").click().run()
    assert not app.exception
    assert asked(app, "with") == ["example.one-rooms", "example.separate-rooms"]
    assert "difference" in charts(app)
    assert app.multiselect(key=state.OTHERS).value == ["example.one-rooms", "example.separate-rooms"]
    assert app.selectbox(key=state.BASE).value == "example.separate-rooms"


def test_own_runs_are_offered_where_no_example_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "EXAMPLES", tmp_path)
    app = compared()
    assert "seed" in app.button(key="offer").label
    none = opened(COMPARE, run="runs.alone")
    assert any("Train" in found.value for found in none.info)
    assert not [button for button in none.button if button.key == "offer"]


def test_runs_are_chosen_and_dropped_with_the_url() -> None:
    app = compared("seed1")
    app.multiselect(key=state.OTHERS).select("runs.seed3").run()
    assert asked(app, "with") == ["runs.seed1", "runs.seed3"]
    assert "sharing-c" in charts(app)
    app.multiselect(key=state.OTHERS).unselect("runs.seed1").run()
    assert asked(app, "with") == ["runs.seed3"]
    assert "B seed3" in app.dataframe[0].value.columns
    again = opened(COMPARE, **{key: url(app, key) or "" for key in app.query_params})
    assert figure(again, "difference") == figure(app, "difference")


def test_an_unknown_run_in_a_link_is_named_and_dropped() -> None:
    app = compared("nope_x", "seed1", "../../etc/passwd")
    assert len(app.warning) == 1
    for name in ("runs.nope_x", "../../etc/passwd"):
        assert words.plain(name) in app.warning[0].value
    assert asked(app, "with") == ["runs.seed1"]
    assert "sharing-c" not in charts(app)


def test_at_most_six_runs_are_compared() -> None:
    app = compared(*(f"seed{seed}" for seed in range(1, 7)))
    assert len(app.warning) == 1
    assert "at most 6" in app.warning[0].value
    assert len(asked(app, "with")) == 5
    assert {"sharing-f", "agreement"} <= set(charts(app))
    assert app.multiselect(key=state.OTHERS).proto.max_selections == 5


def test_a_run_is_never_compared_with_itself() -> None:
    app = compared("seed0", "seed1")
    assert asked(app, "with") == ["runs.seed1"]
    app.selectbox(key=state.RUN).set_value("runs.seed1").run()
    assert not app.exception
    assert "sharing-b" not in charts(app)


def test_a_run_that_cannot_be_read_is_left_out(runs: Path) -> None:
    folder = write_run(runs / "broken", ROOMS)
    try:
        with (folder / "events.jsonl").open("a") as file:
            file.write("{}\n")
        app = compared("broken", "seed1")
        assert len(app.warning) == 1
        assert "events.jsonl, line" in app.warning[0].value
        assert "B seed1" in app.dataframe[0].value.columns
    finally:
        for file in sorted(folder.rglob("*"), reverse=True):
            file.unlink() if file.is_file() else file.rmdir()
        folder.rmdir()


def test_runs_on_other_tasks_say_what_cannot_be_compared() -> None:
    app = compared("digits")
    assert any("structures cannot be compared" in found.value for found in app.info)
    assert "Tasks left, right, sum are only in B" in captions(app)
    assert "other data" in captions(app)
    assert "difference" not in charts(app)
    assert {"gains", "quality", "curves"} <= set(charts(app))


def test_locked_runs_move_with_the_cursor() -> None:
    history = History(header_of(ROOMS), events_of(ROOMS))
    ends = [phase.last for phase in history.phases]
    app = compared("seed1", lock="phase", grain="phase", at=ends[1])
    for end in ends[2:5]:
        app.button(key=state.NEXT).click().run()
        phase = history.event(end).phase
        places = [found.value for found in app.caption if "% of the run" in found.value]
        assert len(places) == 2
        assert all(f"phase {phase} ·" in place for place in places)
    app.segmented_control(key=state.LOCK).set_value("epoch").run()
    assert url(app, "lock") == "epoch"
    epochs = {place.rsplit("epoch ", 1)[1] for place in captions(app).splitlines() if "· epoch" in place}
    assert epochs == {str(history.event(ends[4]).epoch)}


def test_controls_go_into_the_url_and_change_what_they_say() -> None:
    app = compared("seed1", "seed2")
    app.selectbox(key=state.BASE).set_value("runs.seed2").run()
    assert url(app, "base") == "runs.seed2"
    assert "gain over C seed2" in figure(app, "gains")["layout"]["xaxis"]["title"]["text"]
    app.selectbox(key=state.VERSUS).set_value("runs.seed2").run()
    assert url(app, "vs") == "runs.seed2"
    assert any("A and C agree on" in found.value for found in app.markdown)
    app.segmented_control(key=state.SIZE).set_value("macs").run()
    assert url(app, "size") == "macs"
    assert "MACs" in figure(app, "quality")["layout"]["xaxis"]["title"]["text"]
    app.selectbox(key=state.MEASURE).set_value((1,)).run()
    assert url(app, "tasks") == "1"
    assert "Depth RMSE" in figure(app, "quality")["layout"]["yaxis"]["title"]["text"]
    assert "Depth RMSE" in figure(app, "curves")["layout"]["yaxis"]["title"]["text"]


def test_a_picked_node_is_framed_and_named() -> None:
    app = compared("seed1", stage=1, tasks="0-1")
    assert any("Picked" in found.value for found in app.markdown)
    frames = [shape for shape in figure(app, "pairs")["layout"]["shapes"] if shape["name"] == "picked"]
    assert len(frames) == 1


def test_several_seeds_of_a_method_get_a_mean_and_a_deviation() -> None:
    app = compared("seed1", "seed2")
    assert any("mean ± sample standard deviation" in caption.value for caption in app.caption)
    [table] = [found.value for found in app.dataframe if "mtsl (n = 3)" in found.value.columns]
    assert any("±" in text for text in table["mtsl (n = 3)"])
    alone = compared("digits")
    assert not any("(n = " in str(found.value.columns) for found in alone.dataframe)
