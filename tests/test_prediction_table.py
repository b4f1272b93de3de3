"""Predictions of runs without pictures: examples as rows, predictions against truths, values over the phases."""

from pathlib import Path

import numpy as np
import pytest

from core.data.columns import FEATURES
from core.data.parameters import FLIGHT_TASKS
from core.runs import ARRAYS, read_run
from explorer import library, state
from explorer.app import PAGES
from explorer.figures.predictions import (
    ArraysError,
    agreement_drawing,
    agreement_figure,
    check_arrays,
    example_rows,
    task_panel,
    values_figure,
)
from explorer.figures.predictions.film import short
from explorer.focus import Focus
from explorer.moments import History
from explorer.predictions import frames_of, table_at
from explorer.samples import saved
from tests._runs import IMAGE_LEVEL, Plan, header_of, write_run
from tests.test_pages import components, figure, opened

FLIGHTS = Plan(
    tasks=FLIGHT_TASKS, stages=(("layer1", 8), ("layer2", 4)), structural_phases=2, samples=5, data="flights"
)
HEADER = header_of(FLIGHTS)
PAGE = next(info for info in PAGES if info.title == "Predictions")
TASKS = range(4)
FLAT = np.zeros(2, dtype=np.float32)
TRUTH = {
    "dep_delay": np.array([10, -5], dtype=np.float32),
    "arr_delay": FLAT,
    "air_time": FLAT,
    "late": np.array([1, 0]),
}
SAID = {
    "dep_delay": np.array([4, -5], dtype=np.float32),
    "arr_delay": FLAT,
    "air_time": FLAT,
    "late": np.array([[0.75, 0.25], [0.5, 0.5]], dtype=np.float16),
}


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "runs"
    write_run(root / "flights", FLIGHTS)
    monkeypatch.setattr(library, "EXAMPLES", tmp_path / "nothing")
    monkeypatch.setenv(library.RUNS_VARIABLE, str(root))
    return root


def history_of(folder: Path) -> History:
    run = read_run(folder)
    return History(run.header, run.events)


def test_rows_say_truth_prediction_and_error_of_every_task() -> None:
    first, second = example_rows(HEADER, TASKS, TRUTH, SAID)
    assert first["Departure delay, truth [min]"] == 10
    assert first["Departure delay, said [min]"] == 4
    assert first["Departure delay, error [min]"] == -6
    assert first["Arrives late, truth"] == "late"
    assert first["Arrives late, said"] == "on time (75 %)"
    assert (first["Arrives late, verdict"], second["Arrives late, verdict"]) == ("wrong", "right")
    assert [*example_rows(HEADER, [0], TRUTH, {})[0].values()] == [1, 10, None, None]
    features = np.zeros((2, len(FEATURES)), dtype=np.float32)
    features[0, FEATURES.index("dest LAX")] = 1
    assert "→ LAX" in str(example_rows(HEADER, TASKS, TRUTH | {"features": features}, SAID)[0]["Flight"])


def test_values_lie_on_the_line_where_they_are_right_and_classes_are_counted() -> None:
    drawn = agreement_figure(HEADER, TASKS, TRUTH, SAID, "2 examples", example=0)
    delay = drawn.data[0]
    assert (list(delay.x), list(delay.y)) == ([10, -5], [4, -5])
    assert delay.marker.size[0] > delay.marker.size[1]  # the chosen one
    assert delay.customdata[0].tolist() == ["focus::0", "example 1: truth 10.0 min, says 4.00 min"]
    assert sum(shape.name == "right" for shape in drawn.layout.shapes) == 3
    assert drawn.layout.xaxis.range == drawn.layout.yaxis.range
    counts = next(trace for trace in drawn.data if trace.type == "heatmap")
    assert counts.z.tolist() == [[1, 1], [0, 0]]  # both said to be on time, one of them is
    notes = [note.text for note in drawn.layout.annotations]
    assert notes[0].endswith("RMSE 4.24 min")  # errors 6 and 0
    assert notes[3].endswith("50 % right")
    pale = agreement_figure(HEADER, TASKS, TRUTH, SAID, "2 examples", focus=Focus(None, (1,))).data
    assert [trace.opacity for trace in pale[:2]] == [0.3, 1.0]
    assert len(agreement_drawing(HEADER, TASKS, TRUTH, SAID, "2 examples").rows()) == 2


def test_arrays_of_another_form_are_refused_by_name() -> None:
    with pytest.raises(ArraysError, match=r"`dep_delay` \(truth\) should be \[n\]\. Found \[2, 1\]"):
        check_arrays(HEADER, {"dep_delay": np.zeros((2, 1))}, {})
    with pytest.raises(ArraysError, match=r"`late` \(prediction\) should be \[n, classes\]"):
        check_arrays(HEADER, {}, {"late": np.zeros(2)})
    with pytest.raises(ArraysError, match=r"`dep_delay \(prediction\)` should be one number"):
        task_panel(HEADER, 0, {}, {"dep_delay": np.zeros(3)}, "example 1")


def test_a_value_is_told_with_how_far_it_is_off() -> None:
    panel = task_panel(HEADER, 0, {"dep_delay": np.array(10.0)}, {"dep_delay": np.array(4.0)}, "example 1")
    assert panel.value == 6
    assert panel.number == "truth 10.0 min · says 4.00 min · 6.00 min too little"
    assert panel.scalar is not None
    assert (panel.scalar.truth, panel.scalar.prediction) == (10, 4)


def test_a_value_over_the_phases(runs: Path) -> None:
    history = history_of(runs / "flights")
    frames = frames_of(runs / "flights", history, 2, 0).frames
    files = saved(history, "predictions")
    assert [frame.index for frame in frames] == [index for index, _ in files]
    assert short(history.header, frames[0]).startswith("error ")
    drawn = values_figure(history, files[1][0], frames, 0)
    with np.load(runs / "flights" / ARRAYS / files[0][1].file) as file:
        assert drawn.data[0].y[0] == pytest.approx(float(file["dep_delay"][2]))
    assert [symbol.endswith("-open") for symbol in drawn.data[0].marker.symbol] == [False, False, True, True, True]
    assert [shape.name for shape in drawn.layout.shapes] == ["truth"]
    assert drawn.data[0].customdata[0][0] == files[0][0]


def test_only_runs_without_pictures_are_tables(runs: Path) -> None:
    history = history_of(runs / "flights")
    assert table_at(runs / "flights", history, len(history) - 1) is not None
    digits = write_run(runs / "digits", Plan(tasks=IMAGE_LEVEL[:2], structural_phases=1, samples=2, data="digits"))
    pictures = history_of(digits)
    assert table_at(digits, pictures, len(pictures) - 1) is None


def test_the_page_shows_examples_instead_of_pictures(runs: Path) -> None:
    app = opened(PAGE, run="runs.flights", image=1)
    assert figure(app, "agreement")["data"]
    assert "predictions-gallery" not in components(app)
    assert app.segmented_control(key=state.IMAGE).label == "Example"
    assert any("5 examples of the validation split, after epoch" in caption.value for caption in app.caption)
    assert figure(app, "values")["data"]
    app.selectbox(key=state.TASK).set_value((3,)).run()
    assert not app.exception
    assert figure(app, "classes")["data"]
    early = opened(PAGE, run="runs.flights", at=2)
    assert any("No predictions up to this moment" in info.value for info in early.info)
    assert "agreement" not in components(early)
    assert len(early.dataframe) == 1


def test_a_broken_file_is_named(runs: Path) -> None:
    history = history_of(runs / "flights")
    (runs / "flights" / ARRAYS / saved(history, "predictions")[-1][1].file).write_bytes(b"no zip")
    app = opened(PAGE, run="runs.flights")
    assert any("is damaged" in error.value for error in app.error)
    assert len(app.dataframe) == 1  # truths are still told
