"""Predictions on sample images: numbers against hand values and the engine's metrics, pictures, files, and the page."""

import base64
import io
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.metrics import DepthMetric, EdgesMetric, NormalsMetric, ReconstructionMetric, SegmentationMetric
from core.runs import ARRAYS, Run, RunWriter, read_run
from explorer import library, samples, state, theme, words
from explorer.app import PAGES
from explorer.figures.predictions import (
    ArraysError,
    TaskPanel,
    classes_figure,
    film_figure,
    paint,
    predictions_drawing,
    predictions_figure,
    scores,
    task_panel,
)
from explorer.figures.predictions.parts import class_name, class_names
from explorer.moments import History
from explorer.predictions import frames_of, image_count, panels_at
from explorer.samples import SamplesError, inputs_of, predictions_at, read_image, saved
from tests._runs import DENSE, IMAGE_LEVEL, Plan, events_of, header_of, sample_arrays, write_run
from tests.test_pages import charts, components, figure, opened, walk

EXAMPLES = Path(__file__).parents[1] / "assets" / "runs"
PAGE = next(info for info in PAGES if info.title == "Predictions")
ROOMS = Plan(structural_phases=2, samples=3)
DIGITS = Plan(tasks=IMAGE_LEVEL, structural_phases=1, samples=2, data="digits")
Array = NDArray[Any]


@pytest.fixture(scope="module", params=["mtsl-rooms", "mtsl-digits"])
def recorded(request: pytest.FixtureRequest) -> tuple[Run, History]:
    run = read_run(EXAMPLES / request.param)
    return run, History(run.header, run.events)


@pytest.fixture(scope="module")
def rooms() -> tuple[Run, History]:
    run = read_run(EXAMPLES / "mtsl-rooms")
    return run, History(run.header, run.events)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "runs"
    write_run(root / "rooms", ROOMS)
    write_run(root / "digits", DIGITS)
    write_run(root / "none", Plan(structural_phases=0))
    monkeypatch.setattr(library, "EXAMPLES", tmp_path / "nothing")
    monkeypatch.setenv(library.RUNS_VARIABLE, str(root))
    return root


def decoded(uri: str) -> Array:
    """The pixels of a PNG in a data address."""
    kind, _, data = uri.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def arrays(plan: Plan, holds: str) -> dict[str, Array]:
    """The arrays of the first image of a planned run."""
    event = next(event for event in events_of(plan) if event.kind == "samples_saved" and event.holds == holds)
    return {name: values[0] for name, values in sample_arrays(plan, event).items()}  # type: ignore[arg-type]


def panel(plan: Plan, task: int, inputs: dict[str, Array], predictions: dict[str, Array]) -> TaskPanel:
    return task_panel(header_of(plan), task, inputs, predictions, "image 1")


# numbers


def test_numbers_on_images_that_can_be_counted_by_hand() -> None:
    truth = np.array([[0, 0], [1, 255]], dtype=np.uint8)
    said = np.array([[0, 1], [1, 2]], dtype=np.uint8)
    assert scores.mean_iou(truth, said) == 0.5  # 1/2 for both; what is ignored counts not at all
    depth = scores.depth_error(np.array([[0.0, 2.0, 3.0]]), np.array([[9.0, 5.0, 7.0]]))
    assert np.isnan(depth[0, 0])
    assert scores.root_mean_square(depth) == pytest.approx((12.5) ** 0.5)  # errors 3 and 4
    truth = np.array([[[127, 0, 0], [0, 127, 0], [0, 0, 0], [0, 0, 127]]], dtype=np.int8)
    said = np.array([[[5, 0, 0], [0, 0, 9], [1, 1, 1], [0, 0, -100]]], dtype=np.int8)
    assert scores.angles(truth, said)[0] == pytest.approx([0, 90, np.nan, 180], nan_ok=True)
    assert scores.mean(scores.angles(truth, said)) == pytest.approx(90)
    error = scores.squared_error(np.array([[[0], [255]]], dtype=np.uint8), np.array([[[51], [0]]], dtype=np.uint8))
    assert error[0] == pytest.approx([0.04, 1.0])
    edge = np.array([[0, 0, 255, 255, 1]], dtype=np.uint8)
    said = np.array([[10, 200, 200, 250, 255]], dtype=np.uint8)
    assert scores.edge_score(edge, said) == (pytest.approx(0.8), pytest.approx(0.04))  # 2·2 / (2·2 + 1 + 0)


def test_numbers_are_those_of_the_engine_for_a_set_of_one_image() -> None:
    random = np.random.default_rng(0)
    shape = (12, 20)
    truth, said = (random.integers(0, 5, shape).astype(np.uint8) for _ in range(2))
    truth[0] = 255
    metric = SegmentationMetric(6)
    logits = torch.nn.functional.one_hot(torch.from_numpy(said).long(), 6).permute(2, 0, 1)[None].float()
    metric.update(logits, torch.from_numpy(truth).long()[None])
    assert scores.mean_iou(truth, said) == pytest.approx(metric.compute()["miou"])

    true, guess = random.uniform(1, 5, shape), random.uniform(1, 5, shape)
    true[:3] = 0
    metric = DepthMetric()
    metric.update(*(torch.from_numpy(values).float()[None, None] for values in (guess, true)))
    assert scores.root_mean_square(scores.depth_error(true, guess)) == pytest.approx(metric.compute()["rmse"], rel=1e-5)

    vectors, other = (random.integers(-127, 128, (*shape, 3)).astype(np.int8) for _ in range(2))
    vectors[0] = 0
    metric = NormalsMetric()
    metric.update(*(torch.from_numpy(values).float().permute(2, 0, 1)[None] for values in (other, vectors)))
    assert scores.mean(scores.angles(vectors, other)) == pytest.approx(metric.compute()["mean_angle"], rel=1e-5)

    edges = (random.integers(0, 2, shape) * 255).astype(np.uint8)
    chance = random.integers(1, 255, shape).astype(np.uint8)
    metric = EdgesMetric()
    metric.update(torch.from_numpy(chance / 255).logit()[None, None], torch.from_numpy(edges / 255).float()[None, None])
    assert scores.edge_score(edges, chance)[0] == pytest.approx(metric.compute()["f_measure"], rel=1e-3)

    image, copy = (random.integers(0, 256, (*shape, 3)).astype(np.uint8) for _ in range(2))
    metric = ReconstructionMetric([1.0, 1.0, 1.0])
    metric.update(*(torch.from_numpy(values / 255).permute(2, 0, 1)[None] for values in (copy, image)))
    assert scores.mean(scores.squared_error(image, copy)) == pytest.approx(metric.compute()["mse"], rel=1e-5)


def test_nothing_known_gives_no_number() -> None:
    assert np.isnan(scores.mean_iou(np.full((2, 2), 255), np.zeros((2, 2))))
    assert np.isnan(scores.root_mean_square(scores.depth_error(np.zeros((2, 2)), np.ones((2, 2)))))
    assert np.isnan(scores.edge_score(np.full((2, 2), 7, np.uint8), np.zeros((2, 2), np.uint8))[0])


# pictures


def test_pictures_keep_every_pixel_as_a_block() -> None:
    small = np.random.default_rng(0).integers(0, 256, (4, 6, 3)).astype(np.uint8)
    large = paint.enlarged(small, 24)
    assert large.shape == (16, 24, 3)
    assert np.array_equal(large[::4, ::4], small)
    assert np.array_equal(decoded(paint.png(large)), large)
    assert max(paint.enlarged(np.zeros((256, 512, 3), np.uint8), 96).shape) <= 192


def test_maps_use_the_whole_scale_and_hold_its_ends() -> None:
    found = paint.mapped(np.array([[0.0, 1.0, 2.0, 9.0, np.nan]]), 1.0, 2.0, theme.DEPTH_SCALE)
    ramp = paint.ramp(theme.DEPTH_SCALE)
    assert np.array_equal(found[0, :4], ramp[[0, 0, 255, 255]])
    assert f"#{bytes(found[0, 4]).hex()}" == theme.NEUTRAL
    assert np.array_equal(paint.normals(np.array([[[127, 0, -127]]], np.int8))[0, 0], [255, 128, 0])


def test_classes_have_different_colours_and_unknown_pixels_are_chequered() -> None:
    assert len({theme.class_colour(label) for label in range(30)}) == 30
    found = paint.classes(np.array([[0, 1], [255, 255]], dtype=np.uint8))
    assert f"#{bytes(found[0, 1]).hex()}" == theme.class_colour(1)
    assert len({tuple(pixel) for pixel in found[1]}) == 2


def test_wrong_pixels_are_marked_and_false_edges_hatched() -> None:
    inputs, predictions = arrays(ROOMS, "inputs"), arrays(ROOMS, "predictions")
    error = decoded(panel(ROOMS, 0, inputs, predictions).pictures[3].uri)
    times = error.shape[0] // 16
    marked = (error[::times, ::times] == decoded_colour(theme.WRONG)).all(axis=-1)
    assert np.array_equal(marked, inputs["segmentation"] != predictions["segmentation"])
    edges = panel(ROOMS, 2, inputs, predictions)
    assert [key.label for key in edges.keys if key.hatched] == ["false positive"]
    _, threshold = scores.edge_score(inputs["edges"], predictions["edges"])
    extra = (inputs["edges"] == 0) & (predictions["edges"] / 255 >= threshold)
    error = decoded(edges.pictures[3].uri)
    blocks = error.reshape(16, error.shape[0] // 16, 24, -1, 3)
    for row, column in np.argwhere(extra):
        assert len(np.unique(blocks[row, :, column].reshape(-1, 3), axis=0)) == 2
    missed = np.argwhere((inputs["edges"] == 255) & (predictions["edges"] / 255 < threshold))
    for row, column in missed:
        assert (blocks[row, :, column] == decoded_colour(theme.FALSE_NEGATIVE)).all()


def decoded_colour(colour: str) -> Array:
    return np.frombuffer(bytes.fromhex(colour[1:]), dtype=np.uint8)


@pytest.mark.parametrize("task", range(len(DENSE)))
def test_a_perfect_prediction_has_no_error(task: int) -> None:
    inputs = arrays(ROOMS, "inputs")
    name = DENSE[task].name
    truth = inputs["image"] if name == "reconstruction" else inputs[name]
    found = panel(ROOMS, task, inputs, {name: truth})
    assert found.value in (0.0, 1.0)
    assert [picture.column for picture in found.pictures] == ["Input", "Truth", "Prediction", "Error"]
    assert found.pictures[1].uri == found.pictures[2].uri
    for picture in found.pictures:
        assert DENSE[task].label in picture.alt
    assert found.number in found.pictures[3].alt


@pytest.mark.parametrize("plan", [ROOMS, DIGITS], ids=["rooms", "digits"])
def test_what_is_missing_is_left_out(plan: Plan) -> None:
    inputs, predictions = arrays(plan, "inputs"), arrays(plan, "predictions")
    for task, info in enumerate(plan.tasks):
        before = panel(plan, task, inputs, {})
        assert [picture.column for picture in before.pictures][: 2 if info.dense else 1] == ["Input", "Truth"][
            : 2 if info.dense else 1
        ]
        assert before.value is None
        alone = panel(plan, task, {}, predictions)
        assert alone.value is None
        assert alone.bars if info.kind == "class" else [p.column for p in alone.pictures] == ["Prediction"]


def test_probabilities_name_truth_and_choice() -> None:
    chance = np.array([0.1, 0.7, 0.2] + [0.0] * 7)
    right = panel(DIGITS, 0, {"left": np.array(1)}, {"left": chance})
    assert right.number == "truth 1 · says 1 (70 %), right"
    wrong = panel(DIGITS, 0, {"left": np.array(2)}, {"left": chance})
    assert wrong.number == "truth 2 · says 1 (70 %), wrong, gives the truth 20 %"
    assert wrong.bars is not None
    assert (wrong.bars.truth, wrong.bars.likely, wrong.value) == (2, 1, pytest.approx(0.2))
    assert wrong.number in wrong.bars.alt


def test_class_names_come_from_the_config_or_the_data_set() -> None:
    header = header_of(ROOMS)
    assert class_name(class_names(header, 0), 1) == "floor"
    own = header.model_copy(update={"data": "mine", "config": {"class_names": {"segmentation": ["a", "b"]}}})
    assert [class_name(class_names(own, 0), label) for label in (1, 2)] == ["b", "class 2"]
    assert class_names(header.model_copy(update={"data": "mine"}), 0) is None


@pytest.mark.parametrize(
    ("task", "name", "shape", "expected"),
    [
        (0, "segmentation", (16,), r"\[H, W\]"),
        (1, "depth", (16, 24, 1), r"\[H, W\]"),
        (3, "normals", (16, 24, 2), r"\[H, W, C\]"),
        (4, "reconstruction", (16, 24), r"\[H, W, C\]"),
        (1, "depth", (8, 24), "of one size"),
    ],
)
def test_arrays_that_do_not_fit_are_named(task: int, name: str, shape: tuple[int, ...], expected: str) -> None:
    with pytest.raises(ArraysError, match=f"`{name}.*{expected}"):
        panel(ROOMS, task, arrays(ROOMS, "inputs"), {name: np.ones(shape)})


# files


def test_the_latest_predictions_up_to_the_cursor(rooms: tuple[Run, History]) -> None:
    run, history = rooms
    files = saved(history, "predictions")
    assert len(files) == len(history.phases)
    assert predictions_at(history, files[0][0] - 1) is None
    for (index, event), (following, _) in pairwise(files):
        assert predictions_at(history, index) == predictions_at(history, following - 1) == (index, event)
    inputs = inputs_of(history)
    assert inputs is not None
    found = read_image(run.folder, inputs[1].file, 1)
    with np.load(run.folder / ARRAYS / inputs[1].file) as file:
        assert np.array_equal(found["depth"], file["depth"][1])
    assert read_image(run.folder, inputs[1].file, 1) is found
    with pytest.raises(ValueError, match="read-only"):
        found["depth"][0, 0] = 1  # type: ignore[index]


def test_damaged_files_are_named(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", ROOMS)
    file = "inputs-phase000.npz"
    path = folder / ARRAYS / file
    whole = path.read_bytes()
    cases = {
        b"": "damaged",
        b"no npz at all": "damaged",
        whole[: len(whole) // 2]: "damaged",
        whole[:300] + b"\0" * 200 + whole[500:]: "damaged",
    }
    for content, expected in cases.items():
        path.write_bytes(content)
        with pytest.raises(SamplesError, match=f"{ARRAYS}/{file} is {expected}"):
            read_image(folder, file, 0)
    np.save(path.with_suffix(".npy"), np.zeros(3))
    path.with_suffix(".npy").replace(path)
    with pytest.raises(SamplesError, match="damaged or no npz file"):
        read_image(folder, file, 0)
    np.savez(path, image=np.array([{"a": 1}], dtype=object))
    with pytest.raises(SamplesError, match="damaged"):
        read_image(folder, file, 0)
    np.savez(path, image=np.array(["text"]))
    with pytest.raises(SamplesError, match="array `image` should hold numbers"):
        read_image(folder, file, 0)
    np.savez(path, image=np.zeros((2, 4, 4, 3), np.uint8))
    with pytest.raises(SamplesError, match="holds 2 images, so no number 2"):
        read_image(folder, file, 2)
    path.unlink()
    with pytest.raises(SamplesError, match=f"{ARRAYS}/{file} of this run is missing"):
        read_image(folder, file, 0)


def test_a_file_that_is_too_large_unpacked_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_run(tmp_path / "run", Plan(structural_phases=0))
    np.savez_compressed(folder / ARRAYS / "huge.npz", image=np.zeros((1, 3 * 2**20), np.uint8))
    assert len(read_image(folder, "huge.npz", 0)["image"]) == 3 * 2**20
    samples._kept.clear()
    monkeypatch.setattr(samples, "_LARGEST_FILE", 2**21)
    with pytest.raises(SamplesError, match=r"huge\.npz is larger than 2 MiB"):
        read_image(folder, "huge.npz", 0)


def test_a_problem_in_one_task_leaves_the_others(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", ROOMS)
    history = History(header_of(ROOMS), events_of(ROOMS))
    index, event = saved(history, "predictions")[1]
    path = folder / ARRAYS / event.file
    with np.load(path) as file:
        kept = dict(file)
    np.savez(path, **{**kept, "depth": np.zeros((3, 5), np.float16)})
    shown = panels_at(folder, history, index, 0)
    assert [history.header.tasks[found.task].name for found in shown.panels] == [
        history.header.tasks[task].name for task in history.order() if history.header.tasks[task].name != "depth"
    ]
    assert len(shown.problems) == 1
    assert event.file in shown.problems[0]
    path.unlink()
    shown = panels_at(folder, history, index, 0)
    assert f"{event.file} of this run is missing" in shown.problems[0]
    assert all(found.value is None for found in shown.panels)
    assert len(shown.panels) == len(DENSE)


# the recorded runs, and figures


def test_recorded_runs_get_better_and_every_picture_is_described(recorded: tuple[Run, History]) -> None:
    run, history = recorded
    assert image_count(history) == 4
    files = saved(history, "predictions")
    first, last = (panels_at(run.folder, history, index, 1) for index in (files[0][0], len(history) - 1))
    assert not first.problems + last.problems
    better = 0
    for before, after in zip(first.panels, last.panels, strict=True):
        assert before.value is not None
        assert after.value is not None
        lower = history.header.tasks[after.task].kind in ("depth", "normals", "reconstruction")
        better += (after.value < before.value) is lower
        for picture in after.pictures:
            assert min(decoded(picture.uri).shape[:2]) >= 160
            assert "image 2" in picture.alt
    assert better >= 4


def test_a_step_within_a_phase_costs_nothing(recorded: tuple[Run, History]) -> None:
    run, history = recorded
    index = saved(history, "predictions")[2][0]
    one, other = panels_at(run.folder, history, index, 0), panels_at(run.folder, history, index + 1, 0)
    assert all(before is after for before, after in zip(one.panels, other.panels, strict=True))


def test_the_figure_holds_what_the_page_shows(recorded: tuple[Run, History]) -> None:
    run, history = recorded
    shown = panels_at(run.folder, history, len(history) - 1, 0)
    found = predictions_figure(history.header, shown.panels, shown.where)
    uris = [image.source for image in found.layout.images]
    notes = " ".join(note.text for note in found.layout.annotations)
    for one in shown.panels:
        assert one.number in notes
        for picture in one.pictures:
            assert picture.uri in uris
        for ramp in one.ramps:
            assert f"{ramp.low} – {ramp.high}" in notes
    bars = [one.bars for one in shown.panels if one.bars]
    assert [list(trace.y) for trace in found.data] == [list(one.values) for one in bars]
    for trace, one in zip(found.data, bars, strict=True):
        assert [label for label in trace.x if label.endswith("✓")] == [f"{one.truth} ✓"]
    drawing = predictions_drawing(history.header, shown.panels, shown.where)
    assert [row["value"] for row in json.loads(drawing.json())["rows"]] == [one.value for one in shown.panels]
    assert len(found.to_json()) < 600_000


def test_the_film_shows_every_phase_and_frames_the_one_at_the_cursor(rooms: tuple[Run, History]) -> None:
    run, history = rooms
    frames = frames_of(run.folder, history, 0, 1).frames
    assert [frame.index for frame in frames] == [index for index, _ in saved(history, "predictions")]
    found = film_figure(history, 100, frames)
    assert len(found.layout.images) == len(frames)
    assert len(found.layout.shapes) == 1
    now = max(index for index, _ in saved(history, "predictions") if index <= 100)
    bold = [note.text for note in found.layout.annotations if "<b>" in note.text]
    value = next(frame.panel.value for frame in frames if frame.index == now)
    event = history.event(now)
    assert bold == [f"<b>phase {event.phase}<br>epoch {event.epoch}</b><br>RMSE {words.value(value or 0, 'm')}"]
    assert sum(len(picture.uri) for frame in frames for picture in frame.panel.pictures) < 300_000


def test_probabilities_over_the_phases() -> None:
    run = read_run(EXAMPLES / "mtsl-digits")
    history = History(run.header, run.events)
    frames = frames_of(run.folder, history, 2, 0).frames
    found = classes_figure(history, 50, frames, 0)
    cells = np.array(found.data[0].z)
    assert cells.shape == (10, len(frames))
    assert cells.sum(axis=0) == pytest.approx(1, abs=0.01)
    truth = frames[0].panel.bars.truth  # type: ignore[union-attr]
    frame = found.layout.shapes[0]
    assert (frame.y0, frame.y1) == (truth - 0.5, truth + 0.5)  # type: ignore[operator]
    assert [point[0] for point in found.data[1].customdata] == [one.index for one in frames]
    assert found.data[1].marker.symbol.count("triangle-down") == 1


def test_many_phases_stay_small(tmp_path: Path) -> None:
    plan = Plan(structural_phases=60, epochs=1, samples=1)
    folder = write_run(tmp_path / "long", plan)
    history = History(header_of(plan), events_of(plan))
    frames = frames_of(folder, history, 0, 3).frames
    assert len(frames) == 121
    assert sum(len(frame.panel.pictures[0].uri) for frame in frames) < 1_000_000


# the page


def gallery(app: AppTest, key: str = "predictions-gallery") -> dict[str, Any]:
    return components(app)[key]


def test_the_page_follows_the_cursor(runs: Path) -> None:
    history = History(header_of(ROOMS), events_of(ROOMS))
    (first, _), (second, _), *_ = saved(history, "predictions")
    app = opened(PAGE, run="runs.rooms", at=second - 1)
    before = gallery(app)
    assert [row["title"] for row in before["rows"]] == [history.header.tasks[t].label for t in history.order()]
    assert any(f"saved at event {first}" in caption.value for caption in app.caption)
    app.button(key=state.NEXT).click().run()
    after = gallery(app)
    assert [row["number"] for row in after["rows"]] != [row["number"] for row in before["rows"]]
    assert [frame["pick"] for frame in gallery(app, "film-gallery")["frames"] if frame["now"]] == [str(second)]
    depth = next(row for row in after["rows"] if row["title"] == "Depth")
    with np.load(runs / "rooms" / ARRAYS / "predictions-phase001.npz") as file:
        said = file["depth"][0].astype(float)
    with np.load(runs / "rooms" / ARRAYS / "inputs-phase000.npz") as file:
        true = file["depth"][0].astype(float)
    assert f"{np.sqrt(np.mean((said - true) ** 2)):.3g}"[:3] in depth["number"]


def test_before_the_first_predictions_there_are_inputs_and_targets(runs: Path) -> None:
    app = opened(PAGE, run="runs.rooms", at=3)
    assert any("No predictions up to this moment" in info.value for info in app.info)
    assert {cell["name"] for row in gallery(app)["rows"] for cell in row["cells"]} == {"Input", "Truth"}


def test_image_and_task_can_be_chosen(runs: Path) -> None:
    app = opened(PAGE, run="runs.rooms")
    before = gallery(app)["images"]
    app.segmented_control(key=state.IMAGE).set_value(2).run()
    assert app.query_params["image"] in ("2", ["2"])
    assert gallery(app)["images"] != before
    app.selectbox(key=state.TASK).set_value((3,)).run()
    assert [(row["title"], row["picked"]) for row in gallery(app)["rows"]] == [("Normals", True)]
    assert any("Normals over the phases" in heading.value for heading in app.subheader)


def test_an_image_that_the_run_lacks_falls_back_with_a_notice(runs: Path) -> None:
    app = opened(PAGE, run="runs.rooms", image=3)
    assert any("image=3" in warning.value for warning in app.warning)
    assert "image" not in app.query_params


def test_tasks_at_image_level_are_bars_and_a_matrix(runs: Path) -> None:
    app = opened(PAGE, run="runs.digits")
    found = {row["title"]: row for row in gallery(app)["rows"]}
    assert len(found["Sum"]["cells"][1]["bars"]["values"]) == 19
    assert "bars" not in found["Reconstruction"]["cells"][1]
    assert len(figure(app, "classes")["data"][0]["z"]) == 10


def test_a_run_without_samples_says_how_to_have_some(runs: Path) -> None:
    app = opened(PAGE, run="runs.none")
    assert "training.samples" in app.info[0].value
    assert set(charts(app)) == {"timeline"}


def test_a_live_run_shows_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(library.RUNS_VARIABLE, str(tmp_path / "live"))
    events = events_of(ROOMS)
    with RunWriter(tmp_path / "live" / "now", header_of(ROOMS)) as writer:
        for event in events[:5]:
            if event.kind == "samples_saved":
                writer.save_arrays(event.file, sample_arrays(ROOMS, event))  # type: ignore[arg-type, union-attr]
            writer.write(event)
        app = opened(PAGE, run="runs.now")
        assert any("No predictions up to this moment" in info.value for info in app.info)
        assert any("No predictions of this task" in info.value for info in app.info)


def test_a_damaged_file_is_named_on_the_page(runs: Path) -> None:
    history = History(header_of(ROOMS), events_of(ROOMS))
    _, event = saved(history, "predictions")[-1]
    (runs / "rooms" / ARRAYS / event.file).write_bytes(b"broken")
    app = opened(PAGE, run="runs.rooms")
    assert any(event.file.split(".")[0].replace("-", "\\-") in error.value for error in app.error)
    assert len(gallery(app)["rows"]) == len(DENSE)


def test_hostile_names_stay_text(runs: Path) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    plan = replace(ROOMS, tasks=(replace(DENSE[1], label=hostile),))
    write_run(runs / "hostile", plan)
    app = opened(PAGE, run="runs.hostile")
    assert gallery(app)["rows"][0]["title"] == hostile  # set as text by the script
    assert not [element for element in walk(app) if element.type == "html" and "<img" in element.proto.body]
