"""The plan of a comparison and its tables, from run folders written by hand: numbers by hand, nothing dropped."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from core.compare.measures import cell, measures
from core.compare.plan import (
    Request,
    Trial,
    asked,
    check_folders,
    note_asked,
    other_settings,
    parse_methods,
    parse_seeds,
    plan,
)
from core.compare.report import number_rows, report, write_report
from core.compare.results import Comparison, read_comparison
from core.compare.rows import budget_notes, pairing_notes, pairing_rows, pairings, quality_notes, rows_of, speed_notes
from core.config import METHOD_SETTINGS, Config, ConfigError, preset
from core.events import AmalgamationProgressed, Evaluated, PhaseStarted, RunFailed, RunFinished, RunStarted
from core.found import LIKE
from core.latency import Latency, Machine, Timed, read_latency, write_latency
from core.runs import HEADER, RunError, RunHeader, RunWriter, StageInfo, TaskInfo
from core.tasks import DEPTH, segmentation

TASKS = (segmentation(6), DEPTH)
Numbers = Mapping[tuple[str, int], tuple[float, float | None]]


def header_of(config: Config) -> RunHeader:
    return RunHeader(
        method=config.method,
        data=config.data.dataset,
        seed=config.seed,
        tasks=tuple(TaskInfo.of(task) for task in TASKS),
        stages=(StageInfo(name="stem", neurons=4),),
        config=config.model_dump(mode="json"),
    )


def finished_run(
    out: Path, method: str, seed: int, miou: float, rmse: float | None, *settings: str, steps: int = 40
) -> Path:
    """A finished run with these key metrics; None: not defined."""
    config = preset("quick", "rooms", method, seed, settings)
    at = {"step": steps, "epoch": 4, "phase": 0, "seconds": 10.0 + seed}
    with RunWriter(out / f"{method}-rooms-s{seed}", header_of(config)) as run:
        run.write(RunStarted(step=0, epoch=0, phase=0, seconds=0))
        for value in (0.1, miou):  # only the last evaluation counts
            depth = {"abs_rel": 0.2} | ({} if rmse is None else {"rmse": rmse})
            metrics = {"segmentation": {"miou": value, "pixel_accuracy": 0.9}, "depth": depth}
            run.write(Evaluated(split="validation", samples=4, metrics=metrics, **at))
        run.write(RunFinished(**at))
    return run.folder


def compared(out: Path, numbers: Numbers, *settings: str) -> Comparison:
    for (method, seed), (miou, rmse) in numbers.items():
        finished_run(out, method, seed, miou, rmse, *settings)
    return read_comparison(out)


def latency(seconds: float, sitting: str = "now", threads: int = 1) -> Latency:
    machine = Machine(
        processor="one", cores=2, threads=threads, precision="32-true", system="this", versions={"torch": "2"}
    )
    timed = tuple(Timed(batch=n, calls=9, seconds=n * seconds, low=seconds, high=n * seconds) for n in (1, 8))
    return Latency(parameters=100, macs=1000, timed=timed, machine=machine, sitting=sitting)


THREE: Numbers = {
    ("mtsl", 0): (0.6, 0.5),
    ("mtsl", 1): (0.55, 0.4),
    ("mtsl", 2): (0.5, 0.45),
    ("separate", 0): (0.5, 0.4),
    ("separate", 1): (0.5, 0.5),
    ("separate", 2): (0.4, 0.5),
}

# ---- the plan -------------------------------------------------------------------------------------------------------


def test_methods_and_seeds_are_read_and_checked() -> None:
    assert parse_methods(" mtsl,one ,") == ("mtsl", "one")
    assert parse_seeds("3,0-2") == (3, 0, 1, 2)
    with pytest.raises(ConfigError, match=r"there is no method max; there are: mtsl, one, separate"):
        parse_methods("one,max")
    with pytest.raises(ConfigError, match=r"`--methods` names one twice"):
        parse_methods("one,one")
    with pytest.raises(ConfigError, match=r"`--seeds` should name at least one"):
        parse_seeds("2-1")
    with pytest.raises(ConfigError, match=r"whole numbers such as 0,1,2 or 0-2. Found '-1'"):
        parse_seeds("-1")


def test_the_work_goes_seed_by_seed_and_what_is_like_another_run_comes_last(tmp_path: Path) -> None:
    like = next(iter(LIKE))
    trials = plan(Request((like, "one", "mtsl"), (4, 5), "digits"), tmp_path)
    expected = ["one-digits-s4", "mtsl-digits-s4", "one-digits-s5", "mtsl-digits-s5"]
    assert [trial.name for trial in trials] == [*expected, f"{like}-digits-s4", f"{like}-digits-s5"]
    assert [trial.source for trial in trials[4:]] == [tmp_path / "mtsl-digits-s4", tmp_path / "mtsl-digits-s5"]


@pytest.mark.parametrize("method", LIKE)
def test_what_is_like_another_run_needs_it_or_what_it_would_tell(tmp_path: Path, method: str) -> None:
    with pytest.raises(ConfigError, match=rf"{method} takes over what mtsl finds with the same seed; add mtsl"):
        plan(Request(("one", method), (0,)), tmp_path)
    given = {"retrain": "retrain.partitions=[[[0]]]", "random": "random.parameters=9"}[method]
    [trial] = plan(Request((method,), (0,), settings=(given,)), tmp_path)
    assert trial.source is None


def trial_of(out: Path, method: str, *settings: str) -> Trial:
    return plan(Request((method,), (0,), settings=settings), out)[0]


def test_a_run_of_other_settings_is_told_with_what_differs(tmp_path: Path) -> None:
    finished_run(tmp_path, "one", 0, 0.5, 0.5, "training.epochs=7", "data.train=99")
    assert other_settings(trial_of(tmp_path, "one", "training.epochs=7", "data.train=99")) == ()
    with pytest.raises(RunError, match=r"one-rooms-s0: data.train=99, training.epochs=7"):
        check_folders([trial_of(tmp_path, "one")])


def test_settings_that_a_method_does_not_use_and_those_of_the_machine_do_not_count(tmp_path: Path) -> None:
    finished_run(tmp_path, "one", 0, 0.5, 0.5, "mtsl.min_similarity=0.5", "training.threads=3", "training.workers=1")
    finished_run(tmp_path, "mtsl", 0, 0.5, 0.5, "mtsl.min_similarity=0.5")
    check_folders([trial_of(tmp_path, "one")])
    with pytest.raises(RunError, match=r"mtsl-rooms-s0: mtsl.min_similarity=0.5\n"):
        check_folders([trial_of(tmp_path, "mtsl")])


def test_every_method_can_be_asked_for_and_asking_again_adds(tmp_path: Path) -> None:
    methods = parse_methods(",".join({"mtsl", *METHOD_SETTINGS}))
    note_asked(tmp_path, plan(Request(methods, (0,)), tmp_path))
    note_asked(tmp_path, plan(Request(("mtsl",), (0, 1)), tmp_path))
    assert [(one.method, one.seed) for one in asked(tmp_path)][-1] == ("mtsl", 1)
    assert len(asked(tmp_path)) == len(methods) + 1


# ---- numbers --------------------------------------------------------------------------------------------------------


def test_means_and_deltas_by_hand(tmp_path: Path) -> None:
    """mIoU 0.6, 0.55, 0.5: mean 0.55, sd 0.05. Δm: (20 - 25)/2, (10 + 20)/2, (25 + 10)/2 = -2.5, 15, 17.5."""
    found = compared(tmp_path, THREE)
    [mtsl, separate] = number_rows(found)
    assert mtsl["segmentation.miou.mean"] == pytest.approx(0.55)
    assert mtsl["segmentation.miou.sd"] == pytest.approx(0.05)
    assert mtsl["segmentation.miou.n"] == mtsl["runs"] == 3
    assert [found.delta(run) for run in found.of("mtsl")] == pytest.approx([-2.5, 15, 17.5])
    assert mtsl["delta_m.mean"] == pytest.approx(10)
    assert mtsl["delta_m.sd"] == pytest.approx(((12.5**2 + 5**2 + 7.5**2) / 2) ** 0.5)
    assert (separate["delta_m.mean"], separate["delta_m.sd"]) == (0, 0)
    assert rows_of(found, "quality")[0] == {
        "method": "mtsl",
        "runs": "3",
        "Segmentation mIoU ↑": "0.550 ± 0.050",
        "Depth RMSE (m) ↓": "0.450 ± 0.050",
        "Δm (%) ↑": "10 ± 11",
    }


def test_pairs_by_hand(tmp_path: Path) -> None:
    """Differences of mIoU: 0.1, 0.05, 0.1; t = mean 0.08333 / (0.028868 / sqrt(3)) = 5, p = 1 - 5 / sqrt(27)."""
    [delta, miou, rmse] = pairings(compared(tmp_path, THREE), "separate")
    assert (delta.measure.key, miou.measure.key, rmse.measure.key) == ("delta_m", "segmentation.miou", "depth.rmse")
    assert miou.found.mean == pytest.approx(0.25 / 3)
    assert miou.found.p_t == pytest.approx(1 - 5 / 27**0.5)
    assert (miou.found.p_flips, miou.seeds) == (0.25, (0, 1, 2))
    rows = pairing_rows([delta, miou, rmse])
    assert [row["reads as"] for row in rows] == ["not told apart", "better", "not told apart"]
    assert rows[1]["95 % interval"] == "+0.01162 to +0.155"
    notes = " ".join(pairing_notes([delta, miou, rmse]))
    assert "With 3 pairs the smallest possible p of the sign flips is 0.25." in notes
    assert "No p is corrected for the 3 comparisons made." in notes


def test_a_lower_value_reads_as_better_where_lower_is_better(tmp_path: Path) -> None:
    numbers: dict[tuple[str, int], tuple[float, float | None]] = {
        ("one", 0): (0.5, 0.2),
        ("one", 1): (0.5, 0.211),
        ("separate", 0): (0.5, 0.5),
        ("separate", 1): (0.5, 0.51),
    }
    [_, _, rmse] = pairings(compared(tmp_path, numbers), "separate")
    assert pairing_rows([rmse])[0]["reads as"] == "better"


def test_one_seed_has_no_deviation_and_no_test(tmp_path: Path) -> None:
    found = compared(tmp_path, {("mtsl", 0): (0.6, 0.5), ("separate", 0): (0.5, 0.4)})
    assert rows_of(found, "quality")[0]["Segmentation mIoU ↑"] == "0.6"
    assert number_rows(found)[0]["segmentation.miou.sd"] is None
    text = report(found, "separate")
    assert "nothing can be tested" in text
    assert "too few pairs" in text


# ---- nothing is dropped ---------------------------------------------------------------------------------------------


def test_an_undefined_metric_is_shown_and_its_delta_with_it(tmp_path: Path) -> None:
    found = compared(tmp_path, {**THREE, ("mtsl", 1): (0.55, None)})
    row = rows_of(found, "quality")[0]
    assert row["Depth RMSE (m) ↓"] == "0.475 ± 0.035 (2 of 3 defined)"
    assert str(row["Δm (%) ↑"]).endswith("(2 of 3 defined)")
    assert "Undefined for mtsl, seed 1: Depth RMSE (m) ↓." in quality_notes(found)
    assert [pairing.found.n for pairing in pairings(found, "separate")] == [2, 3, 2]
    assert cell([None, None]) == "undefined"


def test_missing_failed_and_unreadable_runs_are_shown(tmp_path: Path) -> None:
    compared(tmp_path, {key: value for key, value in THREE.items() if key != ("mtsl", 2)})
    config = preset("quick", "rooms", "one", 0)
    with RunWriter(tmp_path / "one-rooms-s0", header_of(config)) as run:
        run.write(RunFailed(step=1, epoch=0, phase=0, seconds=1, reason="the loss of depth is nan."))
    (tmp_path / "one-rooms-s1").mkdir()
    (tmp_path / "one-rooms-s1" / HEADER).write_text("{")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / HEADER).write_text("[]")
    note_asked(tmp_path, plan(Request(("selective",), (0,)), tmp_path))
    found = read_comparison(tmp_path)
    assert found.methods == ("selective", "mtsl", "one", "separate")
    assert [row["runs"] for row in rows_of(found, "quality")] == ["0 of 3", "2 of 3", "0 of 3", "3"]
    assert rows_of(found, "quality")[0]["Δm (%) ↑"] == "no run"
    notes = "\n".join(quality_notes(found))
    for sentence in (
        "Missing: selective, seeds 0, 1, 2; mtsl, one, seed 2.",
        "Not counted: one, seed 0, failed: the loss of depth is nan.",
        "Not counted: one, seed 1, cannot be read: ",
        "odd is left out, as it cannot be read: ",
    ):
        assert sentence in notes
    assert "Without a pair, as no seed of both is finished: selective, one." in pairing_notes(
        pairings(found, "separate")
    )


def test_without_separate_delta_is_undefined_and_said_so(tmp_path: Path) -> None:
    found = compared(tmp_path, {("mtsl", 0): (0.6, 0.5), ("one", 0): (0.5, 0.4)})
    assert {row["Δm (%) ↑"] for row in rows_of(found, "quality")} == {"undefined"}
    assert any("there are no runs of `separate`" in note for note in quality_notes(found))


def test_only_some_methods_and_seeds_can_be_shown(tmp_path: Path) -> None:
    compared(tmp_path, THREE)
    found = read_comparison(tmp_path, methods=("separate",), seeds=(2, 7))
    assert [(run.method, run.seed, run.state) for run in found.results.values()] == [
        ("separate", 2, "finished"),
        ("separate", 7, "missing"),
    ]


def test_a_folder_of_several_data_sets_needs_a_choice(tmp_path: Path) -> None:
    compared(tmp_path, {("one", 0): (0.5, 0.4)})
    with RunWriter(tmp_path / "other", header_of(preset("quick", "digits", "one", 0))):
        pass
    with pytest.raises(RunError, match=r"expected runs on one data set. Found runs on digits and rooms"):
        read_comparison(tmp_path)
    assert read_comparison(tmp_path, "rooms").methods == ("one",)
    with pytest.raises(RunError, match=r"Found no run that can be read"):
        read_comparison(tmp_path / "nowhere")


def test_of_two_runs_of_one_method_and_seed_the_one_with_our_name_counts(tmp_path: Path) -> None:
    compared(tmp_path, {("one", 0): (0.5, 0.4)})
    finished_run(tmp_path / "elsewhere", "one", 0, 0.9, 0.1).rename(tmp_path / "again")
    assert read_comparison(tmp_path).results["one", 0].value("segmentation", "miou") == 0.5
    (tmp_path / "one-rooms-s0").rename(tmp_path / "first")
    with pytest.raises(RunError, match=r"expected one run of one with seed 0. Found again, first"):
        read_comparison(tmp_path)


def test_runs_of_other_settings_are_told(tmp_path: Path) -> None:
    compared(tmp_path, {("one", 0): (0.5, 0.4)}, "training.epochs=9")
    compared(tmp_path, {("separate", 0): (0.5, 0.4)}, "mtsl.min_similarity=0.5")
    finished_run(tmp_path, "mtsl", 0, 0.5, 0.4, "training.epochs=9")
    finished_run(tmp_path, "mtsl", 1, 0.5, 0.4, "training.epochs=9", "mtsl.min_similarity=0.5")
    assert read_comparison(tmp_path).oddities == (
        "mtsl, seed 1 was trained with other settings than mtsl, seed 0: mtsl.min_similarity=0.5.",
        "separate, seed 0 was trained with other settings than mtsl, seed 0: training.epochs=16.",
    )


# ---- budget, size, speed --------------------------------------------------------------------------------------------


def test_budgets_are_stated(tmp_path: Path) -> None:
    compared(tmp_path, {("one", 0): (0.5, 0.4), ("separate", 0): (0.5, 0.4)})
    notes = budget_notes(read_comparison(tmp_path))
    assert notes[:2] == [
        "All runs had the same number of epochs: 4.",
        "All runs had the same number of optimizer steps: 40.",
    ]
    finished_run(tmp_path, "selective", 0, 0.5, 0.4, steps=120)
    notes = budget_notes(read_comparison(tmp_path))
    assert notes[1] == "The number of optimizer steps differs: one 40, selective 120, separate 40."


def test_passes_of_amalgamation_are_counted_once_a_phase(tmp_path: Path) -> None:
    folder = finished_run(tmp_path, "mtsl", 0, 0.5, 0.4)
    at = {"step": 1, "epoch": 1, "seconds": 1.0}
    with RunWriter.resume(folder, keep=0) as run:
        for phase, epochs in ((1, 2), (3, 3), (5, 8)):
            run.write(PhaseStarted(role="structural-learning", epochs=epochs, phase=phase, **at))
            for done in (0.5, 1.0) if phase < 5 else ():  # nothing fused in the last
                losses = {"stage": 0, "tasks": (0, 1), "done": done, "losses": {"depth": 1.0}}
                run.write(AmalgamationProgressed(phase=phase, **at, **losses))
        run.write(RunFinished(phase=6, **at))
    found = read_comparison(tmp_path)
    assert found.results["mtsl", 0].amalgamation == 5
    assert any(note.startswith("Beside its epochs, mtsl distils single layers") for note in budget_notes(found))


def test_speed_is_that_of_the_folders_and_what_is_not_measured_is_told(tmp_path: Path) -> None:
    found = compared(tmp_path, THREE)
    assert any("Latency was not measured" in note for note in speed_notes(found))
    assert "not measured" in rows_of(found, "size and speed")[0].values()
    for seed, seconds in enumerate((0.001, 0.002)):
        write_latency(tmp_path / f"mtsl-rooms-s{seed}", latency(seconds))
        write_latency(tmp_path / f"separate-rooms-s{seed}", latency(seconds, sitting="later"))
    found = read_comparison(tmp_path)
    row = rows_of(found, "size and speed")[0]
    assert row["latency of 1 image (ms) ↓"] == "1.50 ± 0.71 (2 of 3 measured)"
    assert row["images a second"] == "750 ± 354 (2 of 3 measured)"
    assert any("Not all runs were measured in one go" in note for note in speed_notes(found))
    write_latency(tmp_path / "mtsl-rooms-s2", latency(0.001, threads=2))
    assert any(
        "Not all runs were measured on the same machine" in note for note in speed_notes(read_comparison(tmp_path))
    )
    assert read_latency(tmp_path / "separate-rooms-s2") is None


def test_the_files_hold_the_same_numbers(tmp_path: Path) -> None:
    found = compared(tmp_path, {**THREE, ("mtsl", 1): (0.55, None)})
    files = write_report(found, "separate", tmp_path)
    assert [file.name for file in files] == [f"comparison.{kind}" for kind in ("md", "csv", "json", "tex")]
    markdown, _, numbers, latex = (file.read_text() for file in files)
    assert markdown == report(found, "separate")
    assert "± 0.035 (2 of 3 defined)" in markdown
    assert r"0.475 $\pm$ 0.035 (2 of 3 defined)" in latex
    with files[1].open(newline="") as file:
        [mtsl, _] = csv.DictReader(file)
    told = json.loads(numbers)
    assert float(mtsl["depth.rmse.mean"]) == told["over seeds"]["mtsl"]["depth.rmse"]["mean"] == pytest.approx(0.475)
    assert told["runs"][1]["values"]["depth.rmse"] is None
    assert set(told["measures"]) == {measure.key for measure in measures(found)}
    assert told["paired"]["against"] == "separate"
