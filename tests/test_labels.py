"""Every label on every page has an entry that explains it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.robustness.records import Family
from core.robustness.settings import FAMILIES
from core.tasks import DEPTH, EDGES, NORMALS, RECONSTRUCTION, image_class, segmentation
from explorer import labels, library
from explorer.app import PAGES, PageInfo
from explorer.glossary import GLOSSARY
from tests.test_pages import charts, opened, walk
from tests.test_robustness_figures import records, write_measured

WIDGETS_OF_ACTIONS = ("button", "download_button", "link_button", "expander", "popover", "tab")
"""What they say is what they do."""
SHOWN = {
    "Compare": {"with": "example.one-rooms,example.separate-rooms"},
    "Metrics": {"base": "example.separate-rooms", "show": "all"},
}
NAMES = re.compile(r"[A-F] [\w-]+|Segmentation|Depth|Edges|Normals|Reconstruction|\w+ steps:|per step|\[images/s\]")
"""Labels that are names of runs and tasks, or the unit below another label."""


@pytest.fixture(autouse=True)
def no_own_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(library.RUNS_VARIABLE, str(tmp_path))


def found(app: AppTest) -> Iterator[str]:
    for element in walk(app):
        if element.type == "arrow_data_frame":
            yield from map(str, element.value.columns)
        elif element.type not in WIDGETS_OF_ACTIONS and getattr(element, "label", ""):
            yield element.label
    for chart in charts(app).values():
        for name, axis in json.loads(chart["figure"])["layout"].items():
            if re.match(r"[xy]axis", name):
                title = (axis.get("title") or {}).get("text") or ""
                yield from (re.sub(r"<[^>]+>", "", part).strip() for part in title.split("<br>"))


@pytest.mark.parametrize("page", PAGES, ids=lambda info: info.title)
def test_every_label_has_an_entry(page: PageInfo) -> None:
    place = {"at": "70"} if page.cursor else {}
    app = opened(page, run="example.mtsl-rooms", **place, **SHOWN.get(page.title, {}))
    known = {label for label in found(app) if label and not NAMES.fullmatch(label)}
    assert known
    assert {label for label in known if labels.entry(label) is None} == set()


@pytest.mark.parametrize("run", ["selective-rooms", "snr-trans-rooms", "automtl-rooms", "ml-mmoe-rooms"])
@pytest.mark.parametrize("page", [info for info in PAGES if info.cursor], ids=lambda info: info.title)
def test_every_label_of_other_methods_has_an_entry(page: PageInfo, run: str) -> None:
    known = {label for label in found(opened(page, run=f"example.{run}")) if label and not NAMES.fullmatch(label)}
    assert {label for label in known if labels.entry(label) is None} == set()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_label_of_robustness_has_an_entry(family: Family, tmp_path: Path) -> None:
    write_measured(tmp_path / "mine", records(family, 0.1))
    write_measured(tmp_path / "other", records(family, 0.2))
    page = next(info for info in PAGES if info.title == "Robustness")
    known = {label for label in found(opened(page, run="runs.mine", base="runs.other")) if label}
    assert {label for label in known - {"here"} if not NAMES.fullmatch(label) and labels.entry(label) is None} == set()


def test_every_metric_of_every_task_is_explained() -> None:
    tasks = (segmentation(4), DEPTH, EDGES, NORMALS, RECONSTRUCTION, image_class("left", "Left", 10))
    for task in tasks:
        for metric in task.metrics:
            assert labels.entry(metric.label) == labels.METRICS[metric.label]


def test_entries_are_sentences() -> None:
    for known in (GLOSSARY, labels.LABELS, labels.METRICS):
        for word, meaning in known.items():
            assert meaning[0].isupper() or meaning[0] == "Δ", word
            assert meaning.rstrip().endswith((".", ")")), word


def test_what_nobody_wrote_has_no_entry() -> None:
    assert labels.entry("Frobnication [m] ↓") is None
