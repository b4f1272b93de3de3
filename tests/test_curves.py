"""Curves over the epochs: smoothing, baselines, Δm and structural phases as numbers, figures and a page."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.delta import relative_gain
from core.events import EpochFinished, Evaluated, PhaseStarted, RunStarted
from core.runs import MetricInfo, RunHeader, StageInfo, TaskInfo, read_run
from core.tasks import RMSE, image_class
from explorer import library, state
from explorer.baselines import baselines
from explorer.figures import delta_drawing, effects_drawing, metrics_drawing, training_drawing
from explorer.figures.curves.delta import delta_figure, undefined_note
from explorer.figures.curves.effects import effect_rows, effects, effects_figure
from explorer.figures.curves.series import (
    Baseline,
    Measure,
    change,
    comparable,
    deltas,
    gains,
    measures,
    points,
    series,
    smoothed,
)
from explorer.figures.curves.training import training_figure
from explorer.figures.metrics import metrics_figure
from explorer.figures.tables import metric_rows
from explorer.library import Entry
from explorer.moments import History
from tests._runs import DENSE, IMAGE_LEVEL, Plan, events_of, header_of, write_run
from tests.test_pages import PAGES, charts, figure, opened, places, runs  # noqa: F401  (fixtures)

EXAMPLES = Path(__file__).parents[1] / "assets" / "runs"
METRICS = next(info for info in PAGES if info.title == "Metrics")


def toy(values: dict[int, dict[str, float]], phases: tuple[tuple[str, int], ...] = ()) -> History:
    """A run of two tasks, `depth` (RMSE, lower is better) and `left` (accuracy), with these values at these epochs.

    `phases` holds the role of each phase and the number of epochs evaluated in it.
    """
    rmse = MetricInfo(key="rmse", label="RMSE", direction="lower")
    tasks = (
        TaskInfo(name="depth", label="Depth", kind="depth", metrics=(rmse,)),
        TaskInfo.of(image_class("left", "Left digit", 10)),
    )
    header = RunHeader(method="mine", data="toys", seed=0, tasks=tasks, stages=(StageInfo(name="stem", neurons=8),))
    keys = {"depth": "rmse", "left": "accuracy"}
    place = {"step": 0, "seconds": 0.0}
    history = History(header, [RunStarted(epoch=0, phase=0, **place)])
    epochs = iter(values)
    epoch = 0
    for phase, (role, count) in enumerate(phases or (("task-learning", len(values)),)):
        history.extend([PhaseStarted(role=role, epochs=count, epoch=epoch, phase=phase, **place)])  # type: ignore[arg-type]
        for epoch in [next(epochs) for _ in range(count)]:
            metrics = {name: {keys[name]: value} for name, value in values[epoch].items()}
            history.extend(
                [Evaluated(split="validation", metrics=metrics, samples=8, epoch=epoch, phase=phase, **place)]
            )
    return history


@pytest.fixture(scope="module")
def rooms() -> History:
    run = read_run(EXAMPLES / "mtsl-rooms")
    return History(run.header, run.events)


@pytest.fixture(scope="module")
def separate() -> Baseline:
    run = read_run(EXAMPLES / "separate-rooms")
    return Baseline(History(run.header, run.events), "separate-rooms")


# numbers


def test_smoothing_is_that_of_tensorboard() -> None:
    values = [3.0, 1.0, 4.0, 1.0, 5.0]
    mean, expected = 0.0, []
    for number, value in enumerate(values, start=1):
        mean = 0.6 * mean + 0.4 * value
        expected.append(mean / (1 - 0.6**number))
    assert smoothed(values, 0.6) == pytest.approx(expected)
    assert smoothed(values, 0.0) == values
    assert smoothed([2.0, None, 2.0], 0.9) == [pytest.approx(2.0), None, pytest.approx(2.0)]


def test_gains_are_turned_so_that_up_is_better_and_aligned_by_epoch() -> None:
    ours = toy({1: {"depth": 1.0, "left": 0.5}, 2: {"depth": 0.5, "left": 0.6}, 4: {"depth": 0.9, "left": 0.9}})
    theirs = Baseline(toy({2: {"depth": 1.0, "left": 0.5}, 3: {"depth": 0.6, "left": 0.75}}), "theirs")
    depth, left = (measures(ours.header, task, "metric")[0] for task in (0, 1))
    # nothing up to epoch 1; the same epoch; its last one after it ended
    assert [gain for _, gain in gains(ours, depth, theirs)] == [None, pytest.approx(50), pytest.approx(-50)]
    assert [gain for _, gain in gains(ours, left, theirs)] == [None, pytest.approx(20), pytest.approx(20)]
    values = [delta.value for delta in deltas(ours, theirs)]
    assert values == [None, pytest.approx(35), pytest.approx(-15)]
    assert undefined_note(ours, theirs) == (
        "Δm is not defined at 1 of 3 evaluations: the baseline has no evaluation up to epoch 1 (first at epoch 1)."
    )


def test_a_missing_value_and_a_baseline_of_zero_leave_delta_m_undefined() -> None:
    ours = toy({1: {"depth": 1.0}, 2: {"depth": 1.0, "left": 0.5}})
    theirs = Baseline(toy({1: {"depth": 1.0, "left": 0.0}}), "theirs")
    found = deltas(ours, theirs)
    assert [delta.value for delta in found] == [None, None]
    assert "'accuracy' of task 'left'" in found[0].reason
    assert "above 0" in found[1].reason
    assert gains(ours, measures(ours.header, 1, "metric")[0], theirs) == [(3, None)]


def test_the_baseline_may_list_its_tasks_in_another_order() -> None:
    ours, theirs = History(header_of(Plan()), events_of(Plan())), Plan(tasks=DENSE[::-1], structural_phases=2, seed=1)
    baseline = Baseline(History(header_of(theirs), events_of(theirs)), "theirs")
    measure = measures(ours.header, 1, "metric")[0]
    same_epoch = {baseline.history.event(i).epoch: value for i, value in series(baseline.history, 3, "metric")}
    for (index, gain), (_, value) in zip(gains(ours, measure, baseline), points(ours, measure), strict=True):
        epoch = min(ours.event(index).epoch, max(same_epoch))
        assert gain == pytest.approx(relative_gain(value, same_epoch[epoch], RMSE))


def test_a_run_is_level_with_itself(rooms: History) -> None:
    for delta in deltas(rooms, Baseline(rooms, "itself")):
        assert delta.value == 0


def test_change_is_counted_from_before_the_last_structural_phase() -> None:
    phases = (("task-learning", 2), ("structural-learning", 0), ("task-learning", 2), ("structural-learning", 0))
    history = toy({epoch: {"depth": value} for epoch, value in enumerate((4.0, 3.0, 5.0, 2.0), start=1)}, phases)
    found = series(history, 0, "metric")
    assert change(history, found) == [None, None, 2.0, -1.0]


def test_effects_compare_before_with_first_and_second_after() -> None:
    phases = (
        ("task-learning", 1),
        ("structural-learning", 0),
        ("task-learning", 1),
        ("structural-learning", 0),
        ("task-learning", 2),
        ("structural-learning", 0),
    )
    history = toy({epoch: {"depth": value} for epoch, value in enumerate((4.0, 5.0, 4.0, 2.0), start=1)}, phases)
    first, second, third = effects(history, 0)
    assert first.before is not None
    assert first.before[1] == 4.0
    assert first.changes == (pytest.approx(-25), None)  # the second evaluation comes after another structural phase
    assert second.changes == (pytest.approx(20), pytest.approx(60))
    assert third.after == (None, None)
    assert effects(history, 1)[0].before is None


def test_effects_of_the_recorded_run_say_what_fused(rooms: History) -> None:
    rows = effect_rows(rooms)
    assert len(rows) == 8 * 5
    assert {row["What fused"] for row in rows if row["Phase"] == 3} == {"nothing"}
    assert "Segmentation + Edges" in str(next(row["What fused"] for row in rows if row["Phase"] == 5))
    before = next(row for row in rows if row["Phase"] == 1 and row["Task"] == "Depth")
    values = [value for _, value in series(rooms, 1, "metric")]
    assert (before["Before"], before["First after"]) == (values[0], values[1])
    assert before["Change [%]"] == pytest.approx(relative_gain(values[1], values[0], RMSE))


def test_every_measure_of_a_task() -> None:
    header = header_of(Plan())
    assert [measure.title for measure in measures(header, 1, "all")] == [
        "RMSE [m] ↓",
        "relative error ↓",
        "training loss ↓",
    ]
    digits = header_of(Plan(tasks=IMAGE_LEVEL))
    assert measures(digits, 0, "second") == measures(digits, 0, "metric")


def test_a_metric_may_be_called_loss() -> None:
    key = MetricInfo(key="loss", label="loss", direction="lower")
    tasks = (TaskInfo(name="a", label="A", kind="class", metrics=(key,)),)
    header = RunHeader(method="mine", data="toys", seed=0, tasks=tasks, stages=(StageInfo(name="stem", neurons=8),))
    at = {"step": 0, "epoch": 1, "phase": 0, "seconds": 0.0}
    trained = EpochFinished(losses={"a": 2.0}, learning_rate=1, samples_per_second=1, **at)
    evaluated = Evaluated(split="validation", metrics={"a": {"loss": 3.0}}, samples=8, **at)
    history = History(header, [trained, evaluated])
    assert [points(history, measure)[0][1] for measure in measures(history.header, 0, "all")] == [3.0, 2.0]


def test_only_runs_with_the_same_tasks_and_metrics_can_be_baselines(tmp_path: Path) -> None:
    header = header_of(Plan())
    assert comparable(header, header_of(Plan(tasks=(*DENSE[::-1], IMAGE_LEVEL[0]))))
    assert not comparable(header, header_of(Plan(tasks=DENSE[:4])))
    flipped = header.tasks[0].model_copy(
        update={"metrics": (header.tasks[0].metrics[0].model_copy(update={"direction": "lower"}),)}
    )
    assert not comparable(header, header.model_copy(update={"tasks": (flipped, *header.tasks[1:])}))
    for name, plan in (("one", Plan(seed=1)), ("two", Plan()), ("digits", Plan(tasks=IMAGE_LEVEL))):
        write_run(tmp_path / name, plan)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")
    entries = [Entry("runs", path, False) for path in sorted(tmp_path.iterdir())]
    assert baselines(tmp_path / "two", header, entries) == {"runs.one": "one · MTSL on rooms"}


# figures


def test_smoothed_curves_have_what_was_measured_behind_them(rooms: History) -> None:
    index = len(rooms) // 2
    drawn = {trace.name: trace for trace in metrics_figure(rooms, index, "metric", (), 0.6).data}
    values = [value for _, value in series(rooms, 1, "metric")]
    assert list(drawn["Depth, as measured"].y) == values
    joined = [*drawn["Depth, so far"].y[:-1], *drawn["Depth, later"].y]
    assert joined == pytest.approx(smoothed(values, 0.6))
    figure_ = metrics_figure(rooms, index, "metric", (), 0.6)
    assert "smoothed: exponential, weight 0.6, bias-corrected" in figure_.layout.annotations[0].text
    assert "weight 0.6 of the past" in metrics_drawing(rooms, index, "metric", (), 0.6).caption


def test_relative_curves_are_gains_with_a_line_at_zero(rooms: History, separate: Baseline) -> None:
    found = metrics_figure(rooms, len(rooms) - 1, "metric", (), 0.0, separate)
    drawn = {trace.name: trace for trace in found.data}
    measure = measures(rooms.header, 1, "metric")[0]
    assert list(drawn["Depth, so far"].y) == [gain for _, gain in gains(rooms, measure, separate)]
    assert sum(shape.name == "zero" for shape in found.layout.shapes) == 5
    assert "relative to separate-rooms at the same epoch" in found.layout.annotations[0].text
    last = metric_rows(rooms, len(rooms) - 1, "metric", separate, (1,))
    assert last[0]["Gain over the baseline [%]"] == pytest.approx(100 * (1 - 0.6099 / 0.6238), abs=0.05)


def test_a_point_knows_its_evaluation_and_the_change(rooms: History) -> None:
    trace = next(t for t in metrics_figure(rooms, len(rooms) - 1, "metric").data if t.name == "Depth, so far")
    positions = [index for index, _ in series(rooms, 1, "metric")]
    assert [point[0] for point in trace.customdata] == positions
    assert trace.customdata[0][4] == ""
    assert trace.customdata[1][4].startswith("−")
    assert "since before the last structural phase" in trace.hovertemplate


def test_everything_gives_a_row_for_each_measure(rooms: History) -> None:
    found = metrics_figure(rooms, 3, "all", (1,))
    titles = [found.layout[name].title.text for name in ("yaxis", "yaxis2", "yaxis3")]
    assert titles == [f"<b>Depth</b><br>{name}" for name in ("RMSE [m] ↓", "relative error ↓", "training loss ↓")]
    assert len({trace.name for trace in found.data}) == 6


def test_delta_m_is_drawn_over_the_tasks(rooms: History, separate: Baseline) -> None:
    index = len(rooms) // 2
    drawn = {trace.name: trace for trace in delta_figure(rooms, index, separate).data}
    values = [delta.value for delta in deltas(rooms, separate)]
    assert [*drawn["Δm, so far"].y[:-1], *drawn["Δm, later"].y] == values
    assert set(drawn) >= {task.label for task in rooms.header.tasks}
    row = delta_drawing(rooms, index, separate).rows()[-1]
    assert row["delta_m"] == pytest.approx(sum(float(row[task.name]) for task in rooms.header.tasks) / 5)  # type: ignore[arg-type]


def test_effect_bars_stand_in_their_phase_and_are_hollow_where_nothing_fused(rooms: History) -> None:
    found = effects_figure(rooms, len(rooms) // 2, (1,))
    drawn = {trace.name: trace for trace in found.data}
    assert len(drawn["Depth, first after"].x) == 7
    hollow = drawn["Depth, first after, nothing fused"]
    assert (len(hollow.x), hollow.marker.color) == (1, "rgba(0,0,0,0)")
    bands = sorted((shape.x0, shape.x1) for shape in found.layout.shapes if shape.name == "structural")
    for trace in drawn.values():
        for x, width in zip(trace.x, trace.width, strict=True):
            assert any(low <= x - width / 2 and x + width / 2 <= high for low, high in bands)
    assert min(drawn["Depth, first after"].marker.opacity) < max(drawn["Depth, first after"].marker.opacity)


def test_training_leaves_out_an_alignment_that_no_epoch_has(rooms: History, separate: Baseline) -> None:
    assert len(training_figure(rooms, 9).layout.to_plotly_json()["shapes"]) > 1
    names = {trace.name for trace in training_figure(separate.history, 9).data}
    assert {name.split(",")[0] for name in names} == {"Learning rate", "Speed"}
    assert {t.name.split(",")[0] for t in training_figure(rooms, 9).data} == {"Alignment", "Learning rate", "Speed"}


def test_drawings_hold_their_data(rooms: History, separate: Baseline) -> None:
    for drawing in (
        metrics_drawing(rooms, 9, "all", (), 0.5, separate),
        delta_drawing(rooms, 9, separate),
        effects_drawing(rooms, 9),
        training_drawing(rooms, 9),
    ):
        assert len(json.loads(drawing.json())["rows"]) > 10
        assert drawing.csv().count("\n") == len(drawing.rows()) + 1
        assert "rooms" in drawing.caption
        assert len(drawing.alt) > 40


def test_measures_know_their_metric_as_the_engine_does() -> None:
    assert Measure(0, header_of(Plan()).tasks[1].metrics[0]).in_engine == RMSE


# the page


def page(**params: str | float) -> AppTest:
    return opened(METRICS, run="runs.rooms", **params)  # type: ignore[arg-type]


def test_a_baseline_can_be_chosen_and_taken_back(runs: Path) -> None:  # noqa: F811
    app = page()
    assert "delta" not in charts(app)
    box = app.selectbox(key=state.BASE)
    assert set(box.options) == {
        "None",
        "undefined · MTSL on rooms",
        "short · MTSL on rooms",
        "selective · Selective updates on rooms",
    }
    box.set_value("runs.undefined").run()
    assert app.query_params["base"] in ("runs.undefined", ["runs.undefined"])
    assert "gain [%]" in figure(app, "metrics")["layout"]["yaxis"]["title"]["text"]
    assert "delta" in charts(app)
    app.selectbox(key=state.BASE).set_value("").run()
    assert "base" not in app.query_params
    assert "delta" not in charts(app)
    assert not app.exception


@pytest.mark.parametrize("base", ["runs.digits", "runs.rooms", "../../etc/passwd"])
def test_a_baseline_that_cannot_be_is_let_go_of_with_a_notice(base: str) -> None:
    app = page(base=base)
    assert any("is not among the runs" in warning.value for warning in app.warning)
    assert "base" not in app.query_params


def test_a_broken_baseline_is_named(runs: Path) -> None:  # noqa: F811
    folder = write_run(runs / "cracked", Plan(structural_phases=1))
    try:
        with (folder / "events.jsonl").open("a") as file:
            file.write("{}\n")
        app = page(base="runs.cracked")
        assert any("events.jsonl, line" in warning.value for warning in app.warning)
        assert "metrics" in charts(app)
    finally:
        for path in sorted(folder.rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        folder.rmdir()
        library._open.clear()


def test_smoothing_is_in_the_url_and_in_the_picture() -> None:
    app = page(smooth=0.5)
    assert app.slider(key=state.SMOOTH).value == 0.5
    app.slider(key=state.SMOOTH).set_value(0.8).run()
    assert app.query_params["smooth"] in ("0.8", ["0.8"])
    assert "Depth, as measured" in {trace["name"] for trace in figure(app, "metrics")["data"]}


def test_a_run_without_structural_phases_says_so() -> None:
    app = opened(METRICS, run="runs.short")
    assert any("no structural-learning phase" in info.value for info in app.info)
    assert "effects" not in charts(app)
