"""The export of a whole run: what the folder holds with and without a browser, and that nothing half-written stays."""

import json
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from core.runs import RunWriter, read_run
from explorer.export import images
from explorer.export.folder import MANIFEST, export_run
from explorer.export.images import ImageError, figure_html, render
from explorer.export.jobs import cancel_export, read_export, start_export
from explorer.export.paper import PaperLook, paper_figure
from explorer.export.provenance import sha256
from explorer.export.report import report
from explorer.figures import sharing_drawing
from explorer.moments import History
from tests._runs import Plan, header_of, write_run
from tests.test_export_data import HISTORY, HOSTILE, hostile_history

ROOT = Path(__file__).parents[1]
SMALL = Plan(structural_phases=1, epochs=1)


@pytest.fixture
def no_browser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(images.BROWSER_VARIABLE, str(tmp_path / "nothing"))


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setenv("MTSL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def opened(folder: Path) -> tuple[object, History]:
    run = read_run(folder)
    return run, History(run.header, run.events)


class Page(HTMLParser):
    """Counts what a page holds, and checks that elements are nested as they should be."""

    VOID = ("meta", "link", "br", "input", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.sources: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        self.ids += [str(found["id"])] if "id" in found else []
        self.links += [str(found["href"])] if "href" in found else []
        self.sources += [str(found["src"])] if "src" in found else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_report_is_one_page_that_needs_nothing(tmp_path: Path) -> None:
    run, history = opened(write_run(tmp_path / "rooms", Plan(structural_phases=3)))
    text = report(run, history)  # type: ignore[arg-type]
    page = Page(text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert page.sources == []
    assert all(link.startswith(("#", "data:")) for link in page.links)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    sections = {"summary", "timeline", "growth", "structure", "similarity", "decisions", "metrics", "provenance"}
    assert sections <= set(page.ids)
    assert "robustness" not in page.ids
    assert text.count("plotly.js v") == 1
    assert len(text.encode()) < 6.5e6
    for file in ("run.json", "events.jsonl"):
        assert sha256(tmp_path / "rooms" / file) in text


def test_a_report_of_hostile_names_runs_nothing(tmp_path: Path) -> None:
    history = hostile_history()
    folder = tmp_path / "<i>run"
    with RunWriter(folder, history.header) as writer:
        for index in range(len(history)):
            writer.write(history.event(index))
    run, history = opened(folder)
    page = Page(report(run, history))  # type: ignore[arg-type]
    assert page.open == []
    assert "b" not in page.tags
    assert "i" not in page.tags


def test_a_figure_as_a_page_holds_caption_and_script() -> None:
    drawing = sharing_drawing(HISTORY, HISTORY.latest)
    figure = paper_figure(drawing.figure, PaperLook(page="dark"), HOSTILE)
    text = figure_html(figure, f"{HOSTILE}title", f"{HOSTILE}caption", "dark")
    page = Page(text)
    assert page.open == []
    assert page.sources == []
    assert "b" not in page.tags
    assert "plotlyServerURL:" not in re.sub(r"<script>.*?</script>", "", text, flags=re.S)
    assert '"showSendToCloud": false' in text


@pytest.mark.usefixtures("no_browser")
def test_without_a_browser_everything_but_pictures(tmp_path: Path) -> None:
    run, history = opened(write_run(tmp_path / "rooms", SMALL))
    told: list[str] = []
    found = export_run(run, history, tmp_path / "out", zipped=True, tell=lambda done, total, label: told.append(label))  # type: ignore[arg-type]
    assert "BROWSER_PATH" in found.left_out[0]
    assert "CSV" in found.left_out[0]
    names = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert not [name for name in names if name.endswith((".png", ".svg", ".pdf"))]
    assert {
        "report.html",
        "captions.md",
        "animation/sharing.gif",
        "animation/sharing.mp4",
        MANIFEST,
        "tables/metrics.tex",
        "structure/structure.yaml",
    } <= names
    for key in ("timeline", "sharing", "grid", "matrix", "metrics", "sharing-phase01"):
        assert {f"figures/{key}.csv", f"figures/{key}.json"} <= names
    manifest = json.loads((tmp_path / "out" / MANIFEST).read_text())
    assert set(manifest["files"]) == names - {MANIFEST}
    for name, digest in manifest["files"].items():
        assert sha256(tmp_path / "out" / name) == digest
    with zipfile.ZipFile(tmp_path / "out.zip") as packed:
        assert {name.removeprefix("out/") for name in packed.namelist()} == names
        for name in names:
            assert packed.read(f"out/{name}") == (tmp_path / "out" / name).read_bytes()
    assert told[0] == "report.html"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out.zip", "rooms"]


@pytest.mark.usefixtures("no_browser")
def test_only_an_earlier_export_is_replaced(tmp_path: Path) -> None:
    run, history = opened(write_run(tmp_path / "rooms", SMALL))
    out = tmp_path / "out"

    def export(force: bool = False) -> None:
        export_run(run, history, out, force=force, animation=False)  # type: ignore[arg-type]

    out.mkdir()
    (out / "mine.txt").write_text("precious")
    with pytest.raises(ValueError, match="an empty folder or an earlier export"):
        export(force=True)
    (out / "mine.txt").unlink()
    export()
    export()
    (out / "captions.md").write_text("edited")
    with pytest.raises(ValueError, match=r"captions.md was changed since it was exported"):
        export()
    export(force=True)
    (out / "mine.txt").write_text("precious")
    with pytest.raises(ValueError, match=r"mine.txt was added since it was exported"):
        export()
    assert (out / "mine.txt").read_text() == "precious"
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="found a file"):
        export_run(run, history, tmp_path / "file")  # type: ignore[arg-type]


@pytest.mark.usefixtures("no_browser")
def test_an_interrupted_export_leaves_nothing_behind(tmp_path: Path) -> None:
    run, history = opened(write_run(tmp_path / "rooms", SMALL))

    def interrupted(done: int, total: int, label: str) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_run(run, history, tmp_path / "out", zipped=True, tell=interrupted)  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["rooms"]


def test_a_run_without_events_says_so(tmp_path: Path) -> None:
    RunWriter(tmp_path / "empty", header_of(SMALL)).close()
    run, history = opened(tmp_path / "empty")
    with pytest.raises(ValueError, match="expected a run with events"):
        export_run(run, history, tmp_path / "out")  # type: ignore[arg-type]
    assert "No events were recorded" in report(run, history)  # type: ignore[arg-type]


@pytest.mark.usefixtures("no_browser")
def test_a_missing_browser_is_named_with_what_still_works() -> None:
    figure = paper_figure(sharing_drawing(HISTORY, HISTORY.latest).figure, PaperLook())
    with pytest.raises(ImageError, match=r"BROWSER_PATH names .* HTML, CSV and JSON need no browser"):
        render(figure, "png")


def test_the_command_exports_without_a_browser_in_an_empty_path(tmp_path: Path) -> None:
    folder = ROOT / "assets" / "runs" / "mtsl-rooms"
    environment = {
        **os.environ,
        "PATH": str(tmp_path),
        images.BROWSER_VARIABLE: str(tmp_path / "none"),
        "COLUMNS": "300",
    }
    command = [sys.executable, "-m", "core", "export", str(folder), "--no-animation", "--out", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert re.match(r"0/\d+ report.html", lines[0])
    assert any(line.startswith("left out: PNG, SVG and PDF need a browser") for line in lines)
    assert re.fullmatch(rf"exported \d+ files to {re.escape(str(tmp_path / 'out'))} in .*", lines[-1])
    again = subprocess.run([*command, "--out", str(folder)], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert again.returncode == 2
    assert "expected an empty folder or an earlier export" in again.stderr
    missing = subprocess.run(
        [sys.executable, "-m", "core", "export", str(tmp_path / "no"), "--out", str(tmp_path / "x")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert missing.returncode == 2
    assert "expected a run folder" in missing.stderr


def test_exporting_needs_neither_torch_nor_streamlit() -> None:
    names = [f"explorer.export.{path.stem}" for path in (ROOT / "explorer" / "export").glob("*.py")]
    script = (
        f"import sys\nfor name in {names!r}: __import__(name)\n"
        "assert not {'torch', 'streamlit', 'kaleido'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


def wait(folder: Path, kind: str) -> None:
    for _ in range(600):
        found = read_export(folder, kind)  # type: ignore[arg-type]
        if found is None or not found.live:
            return
        time.sleep(0.1)
    pytest.fail("the export does not end")


@pytest.mark.usefixtures("no_browser", "cache")
def test_an_export_of_the_app_is_a_process_that_is_found_again(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "rooms", SMALL)
    assert read_export(folder, "all") is None
    start_export(folder, "all")
    assert read_export(folder, "all") is not None
    wait(folder, "all")
    found = read_export(folder, "all")
    assert found is not None
    assert found.file is not None, found.problem
    assert zipfile.is_zipfile(found.file)
    assert found.done == 1
    assert "BROWSER_PATH" in found.notes[0]
    start_export(folder, "report")
    wait(folder, "report")
    page = read_export(folder, "report")
    assert page is not None
    assert page.file is not None, page.problem
    assert page.file.read_text().startswith("<!DOCTYPE html>")
    with (folder / "events.jsonl").open("a") as file:
        file.write("\n")
    assert read_export(folder, "all") is None  # the run went on: what was made is not the run any more


@pytest.mark.usefixtures("no_browser", "cache")
def test_an_export_can_be_cancelled(tmp_path: Path, cache: Path) -> None:
    folder = write_run(tmp_path / "rooms", Plan(structural_phases=8))
    start_export(folder, "all")
    for _ in range(200):  # until its signal handler stands
        found = read_export(folder, "all")
        assert found is not None
        if found.label != "starting" or not found.live:
            break
        time.sleep(0.05)
    cancel_export(folder, "all")
    wait(folder, "all")
    found = read_export(folder, "all")
    assert found is not None
    assert (found.problem, found.file) == ("cancelled", None)
    assert not [path for path in cache.rglob("*") if path.name.endswith(".part")]


def test_a_broken_run_says_why(tmp_path: Path, cache: Path) -> None:
    folder = write_run(tmp_path / "rooms", SMALL)
    with (folder / "events.jsonl").open("a") as file:
        file.write("{}\n")
    start_export(folder, "report")
    wait(folder, "report")
    found = read_export(folder, "report")
    assert found is not None
    assert "events.jsonl, line" in found.problem
