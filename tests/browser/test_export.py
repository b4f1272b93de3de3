"""Everything that can be taken away, taken away in a real browser and opened: pictures, pages, data and whole runs."""

import io
import itertools
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import networkx
import pytest
import yaml
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

from core.runs import read_run
from explorer.export import images
from explorer.export.images import render
from explorer.export.jobs import place
from explorer.export.paper import MILLIMETRES, PaperLook, Width, paper_figure
from explorer.export.report import report
from explorer.figures.catalogue import drawings
from explorer.moments import History
from tests._runs import Plan, events_of, header_of, write_run
from tests.browser.conftest import ROOMS, ROOT, Open, Server, Watch

pytestmark = pytest.mark.browser

HISTORY = History(header_of(ROOMS), events_of(ROOMS))
LAST = len(HISTORY) - 1
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module", autouse=True)
def no_browser_stays(browser: Browser) -> Iterator[None]:
    yield
    images.close()


def svg_text(picture: bytes) -> str:
    return " ".join("".join(element.itertext()) for element in ElementTree.fromstring(picture).iter(f"{SVG}text"))


def pdf_text(content: bytes) -> str:
    (page,) = PdfReader(io.BytesIO(content)).pages
    return str(page.extract_text())


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


def test_pictures_have_the_size_of_the_paper_and_say_what_they_show() -> None:
    graph, matrix = (next(one for one in drawings(HISTORY, LAST) if one.key == key) for key in ("sharing", "matrix"))
    look = PaperLook("one")
    figure = paper_figure(graph.figure, look, "MTSL on rooms · seed 0 · phase 6 · run my-run")
    with Image.open(io.BytesIO(render(figure, "png", look.scale))) as picture:
        assert picture.size[0] == pytest.approx(MILLIMETRES["one"] / 25.4 * 300, abs=3)
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert picture.getpixel((1, 1))[:3] == (255, 255, 255)  # type: ignore[index]
    said = svg_text(render(figure, "svg"))
    for text in ("Segmentation", "Reconstruction", "stem", "stage", "phase 6", "run my-run"):
        assert text in said
    content = render(figure, "pdf")
    (page,) = PdfReader(io.BytesIO(content)).pages
    assert float(page.mediabox.width) / 72 * 25.4 == pytest.approx(MILLIMETRES["one"], abs=0.5)
    for text in ("Segmentation", "decoder3", "runmy-run"):
        assert text in squeezed(pdf_text(content))
    dark = paper_figure(matrix.figure, PaperLook("two", "dark"), "x")
    with Image.open(io.BytesIO(render(dark, "png"))) as picture:
        assert picture.getpixel((1, 1))[:3] == (0x14, 0x17, 0x1C)  # type: ignore[index]


def test_no_text_of_a_figure_is_cut_at_any_width(browser: Browser) -> None:
    page = browser.new_page()
    widths: tuple[Width, ...] = ("one", "two", "screen")
    try:
        for drawing, width in itertools.product(drawings(HISTORY, LAST), widths):
            figure = paper_figure(drawing.figure, PaperLook(width), "MTSL on rooms · seed 0 · phase 6 · run my-run")
            page.set_content(render(figure, "svg").decode())
            outside = page.evaluate(
                """() => {
                    const svg = document.querySelector("svg.main-svg").getBoundingClientRect()
                    return [...document.querySelectorAll("svg text")].filter((text) => {
                        const box = text.getBoundingClientRect()
                        if (!box.width || !text.textContent.trim()) return false
                        const across = Math.max(svg.left - box.left, box.right - svg.right)
                        return Math.max(across, svg.top - box.top, box.bottom - svg.bottom) > 1.5
                    }).map((text) => text.textContent)
                }"""
            )
            assert outside == [], (drawing.key, width)
    finally:
        page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_report_opens_from_disk_with_the_network_cut(browser: Browser, tmp_path: Path, theme: str) -> None:
    run = read_run(write_run(tmp_path / "rooms", ROOMS))
    (tmp_path / "report.html").write_text(report(run, History(run.header, run.events)), encoding="utf-8")
    context = browser.new_context(offline=True, color_scheme=theme, viewport={"width": 1200, "height": 900})  # type: ignore[arg-type]
    page = context.new_page()
    asked: list[str] = []
    watch = Watch()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: watch.complaints.append(message.text))
    page.on("pageerror", lambda error: watch.complaints.append(str(error)))
    page.goto((tmp_path / "report.html").as_uri())
    for section in ("Timeline", "How the structure grew", "Similarity", "Decisions", "Metrics", "Provenance", "Words"):
        expect(page.get_by_role("heading", name=section, exact=True)).to_be_visible()
    charts = page.locator(".chart")
    assert charts.count() > 8
    for number in range(charts.count()):
        charts.nth(number).scroll_into_view_if_needed()
        expect(charts.nth(number).locator(".main-svg").first).to_be_visible()
    player = page.locator("#player")
    player.scroll_into_view_if_needed()
    expect(player.locator("canvas")).to_be_visible()
    count = player.locator(".graph-count")
    before = count.inner_text()
    player.locator("input").press("Home")
    expect(count).not_to_have_text(before)
    page.get_by_role("link", name="Provenance").click()
    expect(page.locator("#provenance")).to_be_in_viewport()
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 28)"}[theme]
    assert asked == [(tmp_path / "report.html").as_uri()]
    assert watch.complaints == []
    context.close()


def test_the_command_exports_pictures_of_every_figure(tmp_path: Path) -> None:
    write_run(tmp_path / "rooms", Plan(structural_phases=1, epochs=1))
    command = [sys.executable, "-m", "core", "export", str(tmp_path / "rooms"), "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [*command, "--zip", "--width", "one", "--no-animation"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "left out" not in done.stdout
    keys = sorted(path.stem for path in (tmp_path / "out" / "figures").glob("*.csv"))
    assert {"timeline", "sharing", "grid", "matrix", "scores", "metrics", "sharing-phase01"} <= set(keys)
    for key in keys:
        with Image.open(tmp_path / "out" / "figures" / f"{key}.png") as picture:
            assert picture.size[0] == pytest.approx(1004, abs=3)
        assert "run rooms" in svg_text((tmp_path / "out" / "figures" / f"{key}.svg").read_bytes())
        assert "runrooms" in squeezed(pdf_text((tmp_path / "out" / "figures" / f"{key}.pdf").read_bytes()))
    with zipfile.ZipFile(tmp_path / "out.zip") as packed:
        assert packed.testzip() is None
        assert len(packed.namelist()) == sum(path.is_file() for path in (tmp_path / "out").rglob("*"))


def menu(page: Page, key: str) -> None:
    page.locator(f".st-key-{key} button").first.click()
    page.get_by_test_id("stPopoverBody").wait_for()


def fetched(page: Page, key: str) -> tuple[str, bytes]:
    """The name and content of the file behind a button."""
    with page.expect_download() as waiting:
        page.locator(f".st-key-{key} button").click()
    return waiting.value.suggested_filename, waiting.value.path().read_bytes()


def test_the_save_menu_gives_every_kind_of_file(visit: Open) -> None:
    page = visit("?run=runs.rooms&at=30")
    menu(page, "save-sharing")
    for kind in ("PNG", "SVG", "PDF", "HTML"):
        page.get_by_test_id("stPopoverBody").get_by_role("radio", name=kind, exact=True).click()
        page.get_by_role("button", name=f"Make {kind}").click()
        expect(page.locator(".st-key-save-sharing-get button")).to_contain_text(f"{kind} ·", timeout=60_000)
        name, content = fetched(page, "save-sharing-get")
        assert name == f"rooms-structure-30.{kind.lower()}"
        if kind == "PNG":
            with Image.open(io.BytesIO(content)) as picture:
                assert picture.size[0] == pytest.approx(178 / 25.4 * 300, abs=3)
        elif kind == "SVG":
            assert "run rooms" in svg_text(content)
        elif kind == "PDF":
            assert "Segmentation" in pdf_text(content)
        else:
            assert content.startswith(b"<!DOCTYPE html>")
    for kind in ("csv", "json", "md", "tex"):
        name, content = fetched(page, f"save-sharing-{kind}")
        assert name.endswith(f".{kind}")
        assert "Segmentation" in content.decode()
    expect(page.get_by_test_id("stPopoverBody")).to_contain_text("Sharing graph of MTSL on rooms")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stPopoverBody")).to_have_count(0, timeout=20_000)
    menu(page, "save-structure")
    files = {kind: fetched(page, f"save-structure-{kind}")[1] for kind in ("graphml", "dot", "json", "yaml")}
    assert networkx.read_graphml(io.BytesIO(files["graphml"])).number_of_nodes() > 10
    assert files["dot"].startswith(b"digraph")
    assert json.loads(files["json"])["moment"]["event"] == 30
    assert "BRANCHING_INFO" in yaml.safe_load(files["yaml"])


def test_a_report_is_made_beside_the_page_and_found_again_after_a_reload(visit: Open, server: Server) -> None:
    folder = place(server.runs / "rooms", "report")
    shutil.rmtree(folder.parent, ignore_errors=True)
    page = visit("metrics?run=runs.rooms&at=30")
    menu(page, "export")
    page.get_by_role("button", name="Make Report (HTML)").click()
    page.reload()
    menu(page, "export")
    expect(page.locator(".st-key-export-report-get button")).to_be_visible(timeout=60_000)
    name, content = fetched(page, "export-report-get")
    assert name == "rooms.html"
    assert content.startswith(b"<!DOCTYPE html>")
    shutil.rmtree(folder.parent)
