"""Metrics and predictions in a real browser: scrubbing, clicking frames, tasks and points, narrow screens."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from explorer.figures.curves.series import series
from explorer.moments import History
from explorer.samples import saved
from tests._runs import Plan, events_of, header_of, write_run
from tests.browser.conftest import Open, Server

pytestmark = pytest.mark.browser

PLAN = Plan(structural_phases=2, samples=2)
HISTORY = History(header_of(PLAN), events_of(PLAN))
FILES = saved(HISTORY, "predictions")


@pytest.fixture
def pictured(server: Server) -> Path:
    """A run with sample images among those of the server."""
    folder = server.runs / "pictured"
    return folder if folder.exists() else write_run(folder, PLAN)


def row(page: Page, task: str) -> dict[str, str]:
    """The pictures of one task by their captions."""
    found = page.locator(f".gallery section[data-task='{task}'] figure")
    found.first.locator("img").wait_for()
    return {
        found.nth(at).locator("figcaption").inner_text(): found.nth(at).locator("img").get_attribute("src") or ""
        for at in range(found.count())
    }


def goes_to(page: Page, index: int) -> None:
    page.wait_for_function(f"new URL(location).searchParams.get('at') === '{index}'")


def test_scrubbing_changes_the_prediction_in_place(visit: Open, pictured: Path) -> None:
    page = visit(f"predictions?run=runs.pictured&at={FILES[1][0] - 1}")
    before = row(page, "Depth")
    assert set(before) == {"Input", "Truth", "Prediction", "Error"}
    picture = page.locator(".gallery section[data-task='Depth'] figure:nth-of-type(3) img")
    picture.evaluate("image => { image.same = true }")
    page.locator(".st-key-next button").click()
    expect(picture).not_to_have_attribute("src", before["Prediction"])
    after = row(page, "Depth")
    assert (after["Input"], after["Truth"]) == (before["Input"], before["Truth"])
    assert after["Error"] != before["Error"]
    assert picture.evaluate("image => image.same && image.complete && image.naturalWidth > 200")
    number = page.locator(".gallery section[data-task='Depth'] .number").inner_text()
    where = "image 1 of the validation split, after epoch 2 (phase 1)"
    expect(picture).to_have_attribute("alt", f"Depth, {where}: prediction, {number}")


def test_a_frame_and_a_task_can_be_clicked_and_reached_by_keyboard(visit: Open, pictured: Path) -> None:
    page = visit("predictions?run=runs.pictured")
    frames = page.locator(".gallery .frame")
    expect(frames).to_have_count(len(FILES))
    frames.nth(2).click()
    goes_to(page, FILES[2][0])
    expect(frames.nth(2)).to_have_attribute("aria-current", "step")
    frames.nth(1).focus()
    page.keyboard.press("Enter")
    goes_to(page, FILES[1][0])
    page.locator(".gallery section[data-task='Normals'] .head").click()
    expect(page.locator(".gallery section")).to_have_count(1)
    expect(page.get_by_role("heading", name="Normals over the phases")).to_be_visible()
    page.wait_for_function("new URL(location).searchParams.get('tasks') === '3'")


def test_pictures_wrap_on_a_phone(visit: Open, pictured: Path) -> None:
    page = visit("predictions?run=runs.pictured", width=420, theme="dark")
    row(page, "Depth")
    overflow, columns = page.evaluate(
        """() => {
            const main = document.querySelector('[data-testid="stMain"]')
            const cells = document.querySelector(".gallery .cells")
            return [main.scrollWidth - main.clientWidth, getComputedStyle(cells).gridTemplateColumns.split(" ").length]
        }"""
    )
    assert (overflow <= 0, columns) == (True, 2)


def test_a_point_of_a_curve_leads_to_its_evaluation(visit: Open, pictured: Path) -> None:
    page = visit("metrics?run=runs.pictured&smooth=0.5&base=runs.rooms&show=metric")
    for key in ("metrics", "delta", "effects", "training"):
        page.locator(f".st-key-{key} .chart .main-svg").first.wait_for()
    wanted = series(HISTORY, HISTORY.order()[0], "metric")[2][0]
    place = page.evaluate(
        """(index) => {
            const host = document.querySelector(".st-key-metrics .chart")
            host.scrollIntoView({ block: "center" })
            const trace = host.data.find((trace) => trace.name.endsWith("so far"))
            const { xaxis, yaxis } = host._fullLayout
            const box = host.getBoundingClientRect()
            const point = trace.customdata.findIndex((data) => data[0] === index)
            const [x, y] = [trace.x, trace.y].map((values) => (values._inputArray ?? values)[point])
            return [box.x + xaxis._offset + xaxis.l2p(x), box.y + yaxis._offset + yaxis.l2p(y)]
        }""",
        wanted,
    )
    page.mouse.move(place[0] + 2, place[1])
    page.mouse.move(*place)
    expect(page.locator(".st-key-metrics .hoverlayer")).to_contain_text("gain [%]")
    page.mouse.click(*place)
    goes_to(page, wanted)
