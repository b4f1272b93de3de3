"""What-if and linked selection in a real browser: the slider by keyboard, a cell that is picked on every page."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from explorer import words
from explorer.focus import read_mark
from explorer.moments import History
from explorer.what_if.replay import study
from tests._runs import events_of, header_of
from tests.browser.conftest import ROOMS, Open

pytestmark = pytest.mark.browser

WAIT = 90_000
"""Milliseconds that a busy machine may take for a page."""
HISTORY = History(header_of(ROOMS), events_of(ROOMS))


def drawn(page: Page, key: str) -> None:
    """Wait until a chart is drawn."""
    page.locator(f".st-key-{key} .chart .main-svg").first.wait_for(timeout=WAIT)


def caption(page: Page, key: str) -> Any:
    return page.locator(f".st-key-{key} .chart .gtitle")


def groups(page: Page) -> int:
    """Group nodes in the hypothetical tree: outlines of nodes that tasks share."""
    script = """() => {
        const trace = document.querySelector(".st-key-what-if .chart").data.find((trace) => trace.name === "shared")
        return Array.from(trace.x._inputArray ?? trace.x).filter((x) => !Number.isFinite(x)).length
    }"""
    found: int = page.evaluate(script)
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_if_changes_the_tree_by_keyboard_alone(visit: Open, theme: str) -> None:
    page = visit("decisions?run=runs.rooms", theme=theme)
    page.set_default_timeout(WAIT)
    drawn(page, "what-if")
    drawn(page, "flips")
    asked = study(HISTORY)
    assert groups(page) == len(asked.replay().nodes)
    thumb = page.locator(".st-key-threshold").get_by_role("slider")
    moment = page.locator(".moment .where").inner_text()
    thumb.focus()
    for _ in range(3):
        thumb.press("ArrowLeft")
    expect(caption(page, "what-if")).to_contain_text("threshold 0.947", timeout=WAIT)
    page.wait_for_function("new URL(location).searchParams.get('min') === '0.947'")
    thumb.press("End")
    expect(page.get_by_test_id("stAlert").filter(has_text="Hypothetical")).to_be_visible(timeout=WAIT)
    page.wait_for_function("Number(new URL(location).searchParams.get('min')) > 0.98")
    page.wait_for_function(
        """() => {
            const trace = document.querySelector(".st-key-what-if .chart").data.find((trace) => trace.name === "shared")
            return (trace.x._inputArray ?? trace.x).length === 0
        }"""
    )
    assert page.locator(".moment .where").inner_text() == moment  # the slider's arrows do not step the cursor
    page.locator(".st-key-recorded button").press("Enter")
    expect(page.get_by_test_id("stAlert").filter(has_text="Hypothetical")).to_have_count(0, timeout=WAIT)
    page.wait_for_function("!new URL(location).searchParams.has('min')")


def test_a_cell_that_is_clicked_is_picked_on_every_page(visit: Open) -> None:
    first = HISTORY.measurements[0]
    page = visit(f"similarity?run=runs.rooms&at={first.decision_index}")
    page.set_default_timeout(WAIT)
    drawn(page, "matrix")
    drawn(page, "grid")
    spot = page.evaluate(
        """() => {
            const host = document.querySelector(".st-key-matrix .chart")
            host.scrollIntoView({ block: "center" })
            const trace = host.data.find((trace) => trace.name === "cells")
            const { xaxis, yaxis } = host._fullLayout
            const box = host.getBoundingClientRect()
            const [x, y] = [trace.x, trace.y].map((values) => (values._inputArray ?? values)[1])
            return [box.x + xaxis._offset + xaxis.l2p(x), box.y + yaxis._offset + yaxis.l2p(y), trace.customdata[1][0]]
        }"""
    )
    page.mouse.move(*spot[:2])
    page.mouse.click(*spot[:2])
    focus = read_mark(spot[2])
    assert focus is not None
    picked = page.locator(".st-key-focus")
    expect(picked).to_contain_text(f"Picked: {focus.label(HISTORY.header)}", timeout=WAIT)
    pair = page.locator(".st-key-pick-pair")
    expect(pair).to_have_count(1, timeout=WAIT)  # the page grew a line above it
    expect(pair.locator("input")).to_have_value(words.task_names(HISTORY.header, focus.tasks, " – "))
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Structure").click()
    page.locator(".st-key-sharing .graph-player[data-at] canvas").wait_for(timeout=WAIT)
    expect(picked).to_contain_text(f"Picked: {focus.label(HISTORY.header)}", timeout=WAIT)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Decisions").click()
    drawn(page, "flips")
    expect(picked).to_contain_text(f"Picked: {focus.label(HISTORY.header)}", timeout=WAIT)


def test_the_decisions_page_is_no_wider_than_a_phone(visit: Open) -> None:
    page = visit("decisions?run=runs.rooms&min=0.9", width=400)
    drawn(page, "flips")
    overflow = """() => {
        const main = document.querySelector('[data-testid="stMain"]')
        return Math.max(main.scrollWidth - main.clientWidth, document.documentElement.scrollWidth - innerWidth)
    }"""
    page.wait_for_function(f"({overflow})() <= 0")
