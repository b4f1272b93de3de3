"""Looking at runs in a real browser: stepping, keys, play, pages, links, themes, narrow screens, runs that grow."""

import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import Page, expect

from core.events import NodeCreated
from core.runs import RunWriter
from explorer import words
from explorer.app import PAGES
from explorer.moments import History
from tests._runs import DENSE, Plan, events_of, header_of, write_run
from tests.browser.conftest import ROOMS, Open, Server, serve

pytestmark = pytest.mark.browser

PAGE_ADDRESSES = {"" if info is PAGES[0] else info.url: info.title for info in PAGES}
EVENTS = events_of(ROOMS)
HISTORY = History(header_of(ROOMS), EVENTS)
LINK = "?run=runs.rooms&at=12"


def drawn(page: Page, key: str = "sharing") -> None:
    """Wait until a chart, or the sharing graph, is drawn."""
    inside = ".graph-player[data-at] canvas" if key == "sharing" else ".chart .main-svg"
    page.locator(f".st-key-{key} {inside}").first.wait_for()


def stands_at(page: Page, index: int) -> None:
    """Wait until the page shows the moment after the event at `index`."""
    expect(page.locator(".moment .where")).to_have_text(words.when(HISTORY.snapshot(index)))
    expect(page.locator(".moment .what")).to_have_text(words.sentence(EVENTS[index], HISTORY.header))


def opened_at(page: Page, index: int) -> None:
    """Wait until a page is wholly there: sentence, buttons with their keys, and the timeline, which is drawn last."""
    stands_at(page, index)
    button(page, "next").wait_for()
    drawn(page, "timeline")


def at(page: Page) -> str | None:
    return parse_qs(urlsplit(page.url).query).get("at", [None])[0]


def chart(page: Page, key: str) -> dict[str, Any]:
    """What a chart draws: its caption and its traces' numbers, letters and colours."""
    drawn(page, key)
    script = """(key) => {
        const host = document.querySelector(`.st-key-${key} .chart`)
        return JSON.stringify({ title: host.layout.title?.text, data: host.data.map((t) => [t.name, t.text, t.fillcolor,
            t.x && Array.from(t.x._inputArray ?? t.x), t.y && Array.from(t.y._inputArray ?? t.y)]) })
    }"""
    found: dict[str, Any] = json.loads(page.evaluate(script, key))
    return found


def button(page: Page, name: str) -> Any:
    return page.locator(f".st-key-{name} button")


def test_the_first_address_may_be_any_page(visit: Open, tmp_path: Path) -> None:
    write_run(tmp_path / "rooms", Plan(structural_phases=1))
    with serve(tmp_path) as fresh:
        page = visit("metrics?run=runs.rooms&at=9", at=fresh)
        drawn(page, "metrics")
        assert time.monotonic() - fresh.started < 15
        expect(page.get_by_test_id("stSidebarNav")).to_contain_text("Structure")
        assert at(page) == "9"
        assert fresh.memory() < 400e6
        assert "torch" not in fresh.libraries()
        page.close()  # before its server goes


def test_stepping_by_buttons(visit: Open) -> None:
    page = visit(LINK)
    opened_at(page, 12)
    for name, index in (("next", 13), ("next", 14), ("back", 13), ("first", 0), ("next", 1)):
        button(page, name).click()
        stands_at(page, index)
        page.wait_for_function(f"new URL(location).searchParams.get('at') === '{index}'")
    button(page, "last").click()
    stands_at(page, len(EVENTS) - 1)
    expect(button(page, "next")).to_be_disabled()


def test_stepping_by_keys(visit: Open) -> None:
    page = visit(LINK)
    opened_at(page, 12)
    keys = ("ArrowRight", 13), ("l", 14), ("j", 13), ("ArrowLeft", 12), ("Home", 0), ("End", len(EVENTS) - 1)
    for key, index in keys:
        page.keyboard.press(key)
        stands_at(page, index)


def test_letters_step_even_while_a_choice_has_the_focus_but_not_while_typing(visit: Open) -> None:
    page = visit(LINK)
    opened_at(page, 12)
    page.get_by_test_id("stSidebar").get_by_text("Neuron event").click()
    page.keyboard.press("l")
    stands_at(page, 13)
    page.locator(".st-key-run input").click()
    page.keyboard.press("l")
    page.wait_for_timeout(700)
    stands_at(page, 13)


def test_the_keys_are_listed(visit: Open) -> None:
    page = visit(LINK)
    opened_at(page, 12)
    page.locator(".st-key-cursor-bar").get_by_test_id("stPopover").locator("button").first.click()
    for key, does in words.KEYS:
        expect(page.get_by_test_id("stPopoverBody")).to_contain_text(key)
        expect(page.get_by_test_id("stPopoverBody")).to_contain_text(does)


def test_play_walks_on_and_pauses_and_no_chart_is_ever_empty(visit: Open) -> None:
    page = visit(f"metrics{LINK}&speed=4")
    drawn(page, "metrics")
    drawn(page, "timeline")
    page.evaluate(
        """() => {
            const hosts = [...document.querySelectorAll(".chart")]
            window.looks = window.empty = 0
            const look = () => {
                window.looks += 1
                const whole = (host) => host.isConnected && host.querySelector(".trace path, .trace text")
                if (!hosts.every(whole)) window.empty += 1
                requestAnimationFrame(look)
            }
            look()
        }"""
    )
    page.keyboard.press("p")
    expect(button(page, "play")).to_contain_text("Pause", timeout=20_000)
    expect(page.locator(".moment .where")).to_contain_text("phase 2", timeout=30_000)
    page.keyboard.press("p")
    expect(button(page, "play")).to_contain_text("Play", timeout=20_000)
    page.wait_for_function("Number(new URL(location).searchParams.get('at')) > 15")
    assert page.evaluate("window.looks") > 20
    assert page.evaluate("window.empty") == 0
    stopped = page.locator(".moment .where").inner_text()
    page.wait_for_timeout(1500)
    assert page.locator(".moment .where").inner_text() == stopped
    stands_at(page, int(at(page) or 0))


def test_a_mark_on_the_timeline_can_be_clicked(visit: Open) -> None:
    page = visit(LINK)
    drawn(page, "timeline")
    created = next(index for index, event in enumerate(EVENTS) if isinstance(event, NodeCreated) and index > 20)
    place = page.evaluate(
        """(index) => {
            const host = document.querySelector(".st-key-timeline .chart")
            const trace = host.data.find((trace) => trace.name === "neurons created")
            const { xaxis, yaxis } = host._fullLayout
            const box = host.getBoundingClientRect()
            const point = trace.customdata.findIndex((data) => data[0] === index)
            const [x, y] = [trace.x, trace.y].map((values) => (values._inputArray ?? values)[point])
            return [box.x + xaxis._offset + xaxis.l2p(x), box.y + yaxis._offset + yaxis.l2p(y)]
        }""",
        created,
    )
    page.mouse.move(*place)
    page.mouse.click(*place)
    stands_at(page, created)


def test_hover_says_what_a_node_is(visit: Open) -> None:
    page = visit("?run=runs.rooms")
    drawn(page)
    stem = next(node for node in HISTORY.latest.graph.nodes if node.stage == 0)
    place = page.evaluate(
        """([stage, tasks]) => {
            const host = document.querySelector(".st-key-sharing .graph")
            host.scrollIntoView({ block: "center" })
            const box = host.querySelector("canvas").getBoundingClientRect()
            const [x, y, width, height] = host.graph.place(stage, tasks)
            return [box.x + x + width / 2, box.y + y + height / 2]
        }""",
        [stem.stage, list(stem.tasks)],
    )
    page.mouse.move(place[0] + 3, place[1] + 2)
    page.mouse.move(*place)
    tip = page.locator(".st-key-sharing .graph-tip")
    expect(tip).to_contain_text("threshold 0.950")
    expect(tip).to_contain_text("before: ")


def test_turning_pages_keeps_the_view(visit: Open) -> None:
    page = visit(f"{LINK}&grain=decision")
    opened_at(page, 12)
    for name, key in (("Similarity", "matrix"), ("Metrics", "metrics"), ("Structure", "sharing")):
        page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
        drawn(page, key)
        stands_at(page, 12)
        page.wait_for_function("new URL(location).searchParams.get('at') === '12'")
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Train").click()
    expect(page.get_by_role("heading", name="Train")).to_be_visible()
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Structure").click()
    stands_at(page, 12)


def test_a_link_opens_the_same_picture_in_a_browser_that_has_never_been_here(visit: Open) -> None:
    page = visit(LINK)
    drawn(page)
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(400)
    page.wait_for_function("new URL(location).searchParams.get('at') === '15'")
    stands_at(page, 15)
    page.wait_for_timeout(500)
    other = visit(urlsplit(page.url)._replace(scheme="", netloc="").geturl().lstrip("/"))
    stands_at(other, 15)
    for shown in (page, other):
        expect(shown.locator(".st-key-sharing .graph-player")).to_have_attribute("data-at", "15")
    assert chart(other, "timeline") == chart(page, "timeline")
    page.reload()
    stands_at(page, 15)


def test_a_link_into_another_page_opens_it(visit: Open) -> None:
    page = visit("metrics?run=runs.rooms&at=12&show=loss&tasks=1")
    assert {name for name, *_ in chart(page, "metrics")["data"]} == {"Depth, so far", "Depth, later"}
    stands_at(page, 12)


def test_wrong_values_in_a_link_are_named(visit: Open) -> None:
    page = visit("?run=runs.nope&grain=minute&at=x")
    for value in ("run=runs.nope", "grain=minute", "at=x"):
        expect(page.get_by_test_id("stAlert").filter(has_text=value)).to_be_visible()
    drawn(page)


def test_the_browser_can_go_back_to_an_earlier_moment(visit: Open) -> None:
    page = visit(LINK)
    opened_at(page, 12)
    page.keyboard.press("ArrowRight")
    stands_at(page, 13)
    page.wait_for_function("new URL(location).searchParams.get('at') === '13'")
    page.wait_for_timeout(3500)  # so long a late answer of the browser is not taken for a wish
    page.go_back()
    stands_at(page, 12)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_charts_wear_the_page_theme(visit: Open, theme: str) -> None:
    page = visit(LINK, theme=theme)
    drawn(page, "timeline")
    colours = page.evaluate(
        """() => [document.querySelector(".st-key-timeline .ytick text"), document.querySelector(".moment .what")]
            .map((element) => getComputedStyle(element)[element.tagName === "text" ? "fill" : "color"])"""
    )
    bright = [sum(map(int, re.findall(r"\d+", colour)[:3])) > 384 for colour in colours]
    assert bright == [theme == "dark"] * 2


@pytest.mark.parametrize("width", [400, 768, 1600])
@pytest.mark.parametrize("path", ["", "similarity", "metrics"])
def test_nothing_is_wider_than_the_screen(visit: Open, path: str, width: int) -> None:
    page = visit(f"{path}{LINK}", width=width)
    drawn(page, {"": "sharing", "similarity": "matrix"}.get(path, path))
    page.wait_for_timeout(300)
    overflow = page.evaluate(
        """() => {
            const main = document.querySelector('[data-testid="stMain"]')
            return [main.scrollWidth - main.clientWidth, document.documentElement.scrollWidth - innerWidth]
        }"""
    )
    assert max(overflow) <= 0


def test_another_run_of_the_list_can_be_picked(visit: Open) -> None:
    page = visit(LINK)
    drawn(page)
    page.locator(".st-key-run input").click()
    page.get_by_role("option", name="digits", exact=True).click()
    expect(page.get_by_test_id("stSidebar")).to_contain_text("MTSL on digits")
    page.wait_for_function("new URL(location).searchParams.get('run') === 'runs.digits'")
    assert at(page) is None


def test_what_a_run_or_a_link_says_is_text_and_fetches_nothing(visit: Open, server: Server) -> None:
    hostile = "<img src='http://192.0.2.1/a.png'> ![x](http://192.0.2.1/b.png)"
    tasks = (*DENSE[:2], replace(DENSE[2], label=hostile), replace(DENSE[3], name=hostile))
    write_run(server.runs / "hostile", Plan(tasks=tasks, stages=(("stem", 8), (hostile, 8)), structural_phases=1))
    for path, key in (("", "sharing"), ("similarity", "matrix"), ("metrics", "metrics")):
        page = visit(f"{path}?run=runs.hostile&show={quote(hostile)}&grain={quote(hostile)}")
        drawn(page, key)
        expect(page.get_by_test_id("stAlert").filter(has_text="192.0.2.1").first).to_be_visible()
        assert page.locator("[data-testid=stMain] img, [data-testid=stSidebarUserContent] img").count() == 0


def test_a_growing_run_is_followed_until_the_cursor_is_set(visit: Open, server: Server) -> None:
    with RunWriter(server.runs / "growing", header_of(ROOMS)) as writer:
        for event in EVENTS[:9]:
            writer.write(event)
        page = visit("?run=runs.growing")
        stands_at(page, 8)
        for event in EVENTS[9:20]:
            writer.write(event)
        stands_at(page, 19)
        button(page, "back").click()
        stands_at(page, 18)
        for event in EVENTS[20:30]:
            writer.write(event)
        page.wait_for_timeout(3000)
        stands_at(page, 18)
        page.keyboard.press("v")
        stands_at(page, 29)
        for event in EVENTS[30:]:
            writer.write(event)
        stands_at(page, len(EVENTS) - 1)
    expect(page.get_by_test_id("stSidebar")).to_contain_text("finished")


def test_a_lesson_takes_the_cursor_along_by_keys(visit: Open) -> None:
    page = visit("learn?run=runs.rooms")
    expect(page.get_by_role("heading", name="1. Start separate")).to_be_visible()
    page.locator(".katex").first.wait_for()
    button(page, "lesson-next").wait_for()
    drawn(page, "timeline")
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()
    page.keyboard.press("n")
    expect(page.get_by_role("heading", name="2. Learn the tasks, gently aligned")).to_be_visible()
    page.wait_for_function("new URL(location).searchParams.get('step') === '1'")
    page.keyboard.press("b")
    expect(page.get_by_role("heading", name="1. Start separate")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("address", sorted(PAGE_ADDRESSES))
def test_every_page_opens_in_both_themes_without_a_complaint(visit: Open, address: str, theme: str) -> None:
    page = visit(f"{address}?run=runs.rooms&at=12", theme=theme)
    expect(page.get_by_role("heading", level=1)).to_have_text(PAGE_ADDRESSES[address])
    expect(page.get_by_test_id("stException")).to_have_count(0)
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for()
    dark = page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", dark)[:3])) < 384) == (theme == "dark")
