"""Robustness on screen: what is kept, the figures as values, the page over made-up records, and its empty states."""

from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from core.compare.report import report
from core.compare.results import read_comparison
from core.compare.rows import rows_of
from core.events import RobustnessMeasured
from core.robustness.records import RECORDS, Conditions, Record, Suite, dump_record, suites
from core.runs import ARRAYS, MetricInfo, RunHeader
from explorer import library, words
from explorer.app import PAGES
from explorer.figures.robustness import (
    attacks_figure,
    heat_figure,
    severity_figure,
    summary_rows,
    transfer_figure,
)
from explorer.figures.robustness.kept import kept, kinds, mean_kept
from explorer.focus import Focus, read_mark
from explorer.robust.job import Measuring, has_weights, read_measuring
from explorer.robust.records import families, latest, measured, reference_for
from tests._runs import Plan, header_of, sample_arrays, write_run
from tests.test_pages import charts, opened, walk

PLAN = Plan(structural_phases=1, samples=1)
ROBUSTNESS = next(info for info in PAGES if info.title == "Robustness")
NAMES = {"corruption": ("gaussian_noise", "fog", "glass_blur"), "shift": ("darkness",), "attack": ("fgsm", "pgd")}


def conditions(family: str, samples: int = 8, phase: int | None = None) -> Conditions:
    return Conditions.of(
        family=family,
        weights="w",
        images="i",
        samples=samples,
        seed=0,
        phase=phase,
        tool="a library 1.0",
        evaluation="cpu",
    )


def records(family: str, slope: float = 0.1, epoch: int = 4, **rest: int) -> list[Record]:
    """Clean and every setting of a family; where higher is better a value falls by `slope` of clean a severity."""
    made = conditions(family, **rest)
    tasks = header_of(PLAN).tasks
    found: list[Record] = [made]

    def write(name: str, severity: float, attacked: tuple[int, ...] = ()) -> None:
        lost = slope * severity * (3 if family == "attack" and severity < 1 else 1)
        metrics, intervals = {}, {}
        for place, task in enumerate(tasks):
            worse = lost if not attacked or place in attacked else lost / 4
            metric = task.metrics[0]
            value = 0.8 * (1 - worse) if metric.direction == "higher" else 0.8 / (1 - worse)
            metrics[task.name] = {metric.key: value}
            intervals[task.name] = {metric.key: (0.95 * value, 1.05 * value)}
        found.append(
            RobustnessMeasured(
                step=1,
                epoch=epoch,
                phase=2,
                seconds=1,
                family="clean" if name == "clean" else family,  # type: ignore[arg-type]
                name=name,
                severity=severity,
                metrics=metrics,
                samples=made.samples,
                conditions=made.digest,
                setting=f"severity {severity:g}",
                attacked=attacked,
                moves_pixels=name == "glass_blur",
                intervals=intervals,
                file="clean.npz" if name == "clean" else "fog.npz" if (name, severity) == ("fog", 3) else None,
            )
        )

    write("clean", 0)
    for name in NAMES[family]:
        for severity in (1, 2, 3) if family != "attack" else (1 / 255, 4 / 255):
            for attacked in [(0,), (1,), (0, 1, 2, 3, 4)] if family == "attack" else [()]:
                write(name, severity, attacked)
    return found


def suite(family: str, slope: float = 0.1) -> Suite:
    return suites(records(family, slope))[0]


def write_measured(folder: Path, *parts: list[Record]) -> Path:
    write_run(folder, PLAN)
    (folder / RECORDS).write_text("".join(f"{dump_record(record)}\n" for part in parts for record in part))
    inputs = next(e for e in library.read_run(folder).events if getattr(e, "holds", "") == "inputs")
    said = next(e for e in library.read_run(folder).events if getattr(e, "holds", "") == "predictions")
    truth, answers = sample_arrays(PLAN, inputs), sample_arrays(PLAN, said)  # type: ignore[arg-type]
    image = truth.pop("image")
    np.savez(folder / ARRAYS / "fog.npz", image=image // 2, **answers)
    np.savez(
        folder / ARRAYS / "clean.npz",
        image=image,
        **answers,
        **{f"truth.{name}": value for name, value in truth.items()},
    )
    return folder


@pytest.fixture
def header() -> RunHeader:
    return header_of(PLAN)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(library, "EXAMPLES", tmp_path / "none")
    monkeypatch.setenv(library.RUNS_VARIABLE, str(tmp_path))
    return tmp_path


def test_what_is_kept_reads_the_same_for_both_directions(header: RunHeader) -> None:
    found = suite("corruption")
    third = next(s for s in found.settings if (s.name, s.severity) == ("fog", 3))
    for task in header.tasks:
        one = kept(found, third, task.name, task.metrics[0])
        assert one is not None
        assert one.share == pytest.approx(70)
        assert one.low < one.share < one.high
    undefined = MetricInfo(key="none", label="None", direction="higher")
    assert kept(found, third, header.tasks[0].name, undefined) is None
    mean = mean_kept(
        found, [s for s in found.settings if s.name == "fog"], header.tasks[0].name, header.tasks[0].metrics[0]
    )
    assert mean is not None
    assert mean.share == pytest.approx(80)


def test_kinds_are_those_of_the_paper_and_shifts_stand_alone() -> None:
    assert kinds(suite("corruption")) == {"noise": ["gaussian_noise"], "blur": ["glass_blur"], "weather": ["fog"]}
    assert kinds(suite("shift")) == {"darkness": ["darkness"]}


def trace(figure: go.Figure, name: str) -> go.Heatmap:
    return next(found for found in figure.data if found.name == name)


def test_the_map_has_a_number_in_every_cell(header: RunHeader) -> None:
    figure = heat_figure(header, suite("corruption"), range(5), Focus(), "here")
    cells = trace(figure, "kept")
    assert len(cells.z) == 3 * 3 * 5
    assert sorted(set(cells.text)) == ["70", "80", "90"]
    assert [text for text in figure.layout.yaxis.ticktext if "↝" in text] == ["glass blur ↝"]
    picked = heat_figure(header, suite("corruption"), range(5), Focus(None, (1, 3)), "here")
    assert len(trace(picked, "kept").z) == 3 * 3 * 2
    assert {read_mark(cell[0]) for cell in trace(picked, "cells").customdata} == {Focus(None, (1,)), Focus(None, (3,))}


def test_curves_begin_at_clean_and_the_reference_is_thin(header: RunHeader) -> None:
    figure = severity_figure(
        header, suite("corruption"), range(5), Focus(), "here", ("other", suite("corruption", 0.2))
    )
    label = header.tasks[0].label
    ours, theirs = trace(figure, label), trace(figure, f"{label} of other")
    assert list(ours.y) == pytest.approx([100, 90, 80, 70])
    assert list(theirs.y) == pytest.approx([100, 80, 60, 40])
    assert theirs.line.width < ours.line.width
    assert len([name for name in figure.layout if name.startswith("xaxis")]) == 3


def test_attacks_have_a_panel_for_each_that_is_attacked_and_a_matrix(header: RunHeader) -> None:
    found = suite("attack", 2.0)
    figure = attacks_figure(header, found, "pgd", range(5), Focus(), "here")
    assert len([name for name in figure.layout if name.startswith("xaxis")]) == 3
    assert len(figure.data) == 3 * 5
    matrix = trace(transfer_figure(header, found, "pgd", 4 / 255, range(5), Focus(), "here"), "kept")
    assert np.array(matrix.z).shape == (3, 5)
    own, other = matrix.z[0][0], matrix.z[0][1]
    assert own < other < 100
    assert matrix.text[0][0] == f"{own:.0f}"


def test_the_table_compares_with_the_reference(header: RunHeader) -> None:
    alone = summary_rows(header, suite("corruption"), range(5), None)
    assert len(alone) == 5
    assert "mCE (%)" not in alone[0]
    beside = summary_rows(header, suite("corruption"), range(5), suite("corruption", 0.2))
    found = [float(str(row["mCE (%)"])) for row in beside if row["mCE (%)"] != words.NOT_DEFINED]
    assert found
    assert max(found) < 100
    assert beside[0]["rPC (%)"] == "80.0"
    assert beside[0]["rPC of the baseline (%)"] == "60.0"


def test_records_are_read_on_as_they_grow(root: Path) -> None:
    folder = write_measured(root / "mine", records("corruption"))
    assert [suite.conditions.family for suite in measured(folder)] == ["corruption"]
    assert families(measured(folder)) == ["corruption"]
    with (folder / RECORDS).open("a") as file:
        file.writelines(f"{dump_record(record)}\n" for record in records("attack"))
    assert families(measured(folder)) == ["corruption", "attack"]
    (folder / RECORDS).unlink()
    assert measured(folder) == ()


def test_the_suite_of_the_cursor_and_the_reference_that_fits(root: Path) -> None:
    parts = [records("corruption", epoch=2, phase=1), records("corruption", epoch=4)]
    found = measured(write_measured(root / "mine", *parts))
    for at, expected in ((0, 2), (3, 2), (4, 4), (9, 4)):
        shown = latest(found, "corruption", at)
        assert shown is not None
        assert shown.settings[0].epoch == expected
    assert latest(found, "attack", 4) is None
    other = write_measured(root / "other", records("corruption", 0.2))
    fewer = write_measured(root / "fewer", records("corruption", samples=4))
    assert reference_for(found[1], other) is not None
    assert reference_for(found[1], fewer) is None


def said(app: AppTest) -> str:
    return " ".join(str(getattr(element, "value", "")) for element in walk(app))


def test_the_page_shows_every_family(root: Path) -> None:
    write_measured(root / "mine", records("corruption"), records("shift"), records("attack", 2.0))
    write_measured(root / "other", records("corruption", 0.2))
    app = opened(ROBUSTNESS, run="runs.mine", base="runs.other")
    assert {"robustness-severity", "robustness-heat"} <= set(charts(app))
    assert "mCE (%)" in app.dataframe[0].value.columns
    told = [caption.value.replace("\\", "") for caption in app.caption]
    assert "Image 1 under fog, severity 3." in told
    for choice, expected in (("shift", "robustness-severity"), ("attack", "attack-transfer")):
        app = opened(ROBUSTNESS, run="runs.mine", family=choice)
        assert expected in charts(app)
        assert not app.error


def test_without_records_it_says_what_to_do_and_what_is_missing(root: Path) -> None:
    write_run(root / "mine", PLAN)
    app = opened(ROBUSTNESS, run="runs.mine")
    assert [info.value for info in app.info] == [words.NO_ROBUSTNESS]
    assert any("keeps no weights" in caption.value for caption in app.caption)
    assert not has_weights(root / "mine")


def test_a_damaged_line_names_file_and_line(root: Path) -> None:
    folder = write_measured(root / "mine", records("corruption"))
    with (folder / RECORDS).open("a") as file:
        file.write('{"kind": "conditions"}\n')
    app = opened(ROBUSTNESS, run="runs.mine")
    assert any("line 12" in error.value for error in app.error)


def test_a_measurement_that_failed_says_why(root: Path) -> None:
    folder = write_run(root / "mine", PLAN)
    assert read_measuring(folder) is None
    (folder / "measuring").mkdir()
    (folder / "measuring" / "log.txt").write_text("$ python -m core robustness mine\nerror: no weights.\n")
    assert read_measuring(folder) == Measuring(False, 0.0, "", None, "no weights.")


def test_a_comparison_has_columns_of_robustness(root: Path) -> None:
    write_measured(root / "mtsl-rooms-s0", records("corruption"))
    folder = write_measured(root / "separate-rooms-s0", records("corruption", 0.2))
    header = folder / "run.json"
    header.write_text(header.read_text().replace('"mtsl"', '"separate"', 1))
    comparison = read_comparison(root)
    mtsl, separate = rows_of(comparison, "robustness")
    first = header_of(PLAN).tasks[0].label
    assert (mtsl[f"{first} rPC (%) ↑"], separate[f"{first} rPC (%) ↑"]) == ("80", "60")
    assert separate["mCE (%) ↓"] == "100"
    assert float(str(mtsl["mCE (%) ↓"])) < 100
    assert "## Robustness to corruptions" in report(comparison, None)
    (folder / RECORDS).unlink()
    (only,) = rows_of(read_comparison(root), "robustness")
    assert only["mCE (%) ↓"] == "not measured"
