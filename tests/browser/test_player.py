"""The sharing graph in a real browser: it moves between moments, reports where it rests, and picks what is clicked."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from core.structure import Group
from explorer import words
from explorer.export.film import film_page
from explorer.figures.camera import film
from explorer.moments import History
from tests._runs import DENSE, Plan, events_of, header_of
from tests.browser.conftest import Open, Watch
from tests.browser.test_views import EVENTS, HISTORY, at, button, opened_at, stands_at

pytestmark = pytest.mark.browser

PHASES = HISTORY.stops("phase")
LINK = f"?run=runs.rooms&grain=phase&at={PHASES[1]}"
HOST = ".st-key-sharing .graph"
FIRST_GROUP = HISTORY.snapshot(PHASES[2]).created[0]


def graph(page: Page, host: str = HOST) -> Any:
    """The player on the page, once it is drawn."""
    return page.locator(f"{host} .graph-player[data-at]")


def place(page: Page, stage: int, tasks: Group, host: str = HOST) -> list[float]:
    """Left, top, width and height of a node in the window."""
    found: list[float] | None = page.evaluate(
        """([host, stage, tasks]) => {
            const element = document.querySelector(host)
            element.scrollIntoView({ block: "center" })
            const box = element.querySelector("canvas").getBoundingClientRect()
            const found = element.graph.place(stage, tasks)
            return found && [found[0] + box.x, found[1] + box.y, found[2], found[3]]
        }""",
        [host, stage, list(tasks)],
    )
    assert found is not None, f"no node of tasks {tasks} at stage {stage}"
    return found


def scrub(page: Page, value: float, kind: str, host: str = HOST) -> None:
    """Move the scrub bar as a pointer does: `input` while it moves, `change` when it is let go."""
    page.evaluate(
        """([host, value, kind]) => {
            const bar = document.querySelector(`${host} input[type=range]`)
            bar.value = value
            bar.dispatchEvent(new Event(kind, { bubbles: true }))
        }""",
        [host, value, kind],
    )


def frames_seen(page: Page) -> Callable[[], list[float]]:
    """Watch the frames that are drawn from now on."""
    page.evaluate(
        """(host) => {
            window.seen = []
            const player = document.querySelector(`${host} .graph-player`)
            new MutationObserver(() => window.seen.push(Number(player.dataset.frame)))
                .observe(player, { attributes: true, attributeFilter: ["data-frame"] })
        }""",
        HOST,
    )
    return lambda: page.evaluate("window.seen")


def test_scrubbing_moves_nodes_between_moments_and_rest_is_reported(visit: Open) -> None:
    page = visit(LINK)
    opened_at(page, PHASES[1])
    expect(graph(page)).to_have_attribute("data-at", str(PHASES[1]))
    stage, (task, *_) = FIRST_GROUP
    start = place(page, stage, (task,))
    scrub(page, 1.5, "input")
    expect(graph(page)).to_have_attribute("data-frame", "1.500")
    half = place(page, *FIRST_GROUP)
    moving = page.evaluate("(host) => document.querySelector(host)?.graph?.mode()", HOST)
    assert moving == "drag"
    assert at(page) == str(PHASES[1])  # the page waits until it rests
    expect(page.locator(f"{HOST} .graph-story")).to_be_visible()
    scrub(page, 2.1, "input")
    scrub(page, 2.1, "change")
    expect(graph(page)).to_have_attribute("data-frame", "2.000")
    whole = place(page, *FIRST_GROUP)
    assert half[2:] == pytest.approx(whole[2:])
    assert start[0] != pytest.approx(whole[0], abs=2)
    page.wait_for_function(f"new URL(location).searchParams.get('at') === '{PHASES[2]}'")
    expect(page.locator(".moment .where")).to_have_text(words.when(HISTORY.snapshot(PHASES[2])))


def test_python_moves_the_graph_smoothly_or_at_once_where_motion_is_not_wanted(visit: Open) -> None:
    page = visit(LINK)
    opened_at(page, PHASES[1])
    expect(graph(page)).to_have_attribute("data-at", str(PHASES[1]))
    seen = frames_seen(page)
    button(page, "next").click()
    expect(graph(page)).to_have_attribute("data-frame", "2.000")
    assert [frame for frame in seen() if 1 < frame < 2]
    page.emulate_media(reduced_motion="reduce")
    seen = frames_seen(page)
    button(page, "next").click()
    expect(graph(page)).to_have_attribute("data-frame", "3.000")
    assert {frame % 1 for frame in seen()} == {0}


def test_the_scrub_bar_has_keys_and_a_name(visit: Open) -> None:
    page = visit(LINK)
    opened_at(page, PHASES[1])
    bar = page.get_by_role("slider", name="Moment of the sharing graph")
    bar.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"new URL(location).searchParams.get('at') === '{PHASES[2]}'")
    stands = words.when(HISTORY.snapshot(PHASES[2]))
    expect(page.locator(".moment .where")).to_have_text(stands)
    expect(bar).to_have_attribute("aria-valuetext", f"3 of {len(PHASES)}: {stands}")
    page.keyboard.press("End")
    page.wait_for_function(f"new URL(location).searchParams.get('at') === '{PHASES[-1]}'")


def test_play_runs_in_the_browser_pauses_in_place_and_ends_at_the_end(visit: Open) -> None:
    page = visit("?run=runs.rooms&at=12&speed=4")
    opened_at(page, 12)
    page.keyboard.press("p")
    expect(button(page, "play")).to_contain_text("Pause")
    expect(graph(page)).to_have_attribute("data-mode", "play")
    page.wait_for_function(f"document.querySelector('{HOST} .graph-player').dataset.frame > 14.5")
    page.keyboard.press("p")
    expect(button(page, "play")).to_contain_text("Play")
    expect(graph(page)).to_have_attribute("data-mode", "rest")
    page.wait_for_function(
        f"new URL(location).searchParams.get('at') === document.querySelector('{HOST} .graph-player').dataset.at"
    )
    stands_at(page, int(at(page) or 0))
    scrub(page, len(EVENTS) - 3, "input")
    scrub(page, len(EVENTS) - 3, "change")
    stands_at(page, len(EVENTS) - 3)
    page.get_by_role("button", name="Play the graph").click()
    stands_at(page, len(EVENTS) - 1)
    expect(button(page, "play")).to_contain_text("Play")
    expect(graph(page)).to_have_attribute("data-frame", f"{len(EVENTS) - 1}.000")


def colour(page: Page, stage: int, tasks: Group) -> list[int]:
    """The colour near the lower left corner of a node, as drawn."""
    found: list[int] = page.evaluate(
        """([host, stage, tasks]) => {
            const element = document.querySelector(host)
            if (!element?.graph) return false  // it is drawn anew just now
            const canvas = element.querySelector("canvas")
            const [x, y, , height] = element.graph.place(stage, tasks)
            const scale = canvas.width / canvas.clientWidth
            return [...canvas.getContext("2d").getImageData((x + 6) * scale, (y + height - 4) * scale, 1, 1).data]
        }""",
        [HOST, stage, list(tasks)],
    )
    return found


def test_a_click_picks_on_every_page_and_dims_the_rest(visit: Open) -> None:
    page = visit(f"?run=runs.rooms&at={len(EVENTS) - 1}")
    opened_at(page, len(EVENTS) - 1)
    graph(page).wait_for()
    node = next(node for node in HISTORY.latest.graph.nodes if len(node.tasks) > 1)
    head = max(HISTORY.latest.graph.nodes, key=lambda node: node.stage)
    full = colour(page, head.stage, head.tasks)
    x, y, width, height = place(page, node.stage, node.tasks)
    page.mouse.click(x + width / 2, y + height / 2)
    picked = f"{words.stage_name(HISTORY.header, node.stage)} · {words.task_names(HISTORY.header, node.tasks)}"
    expect(page.locator(".st-key-focus")).to_contain_text(picked)
    page.wait_for_function(f"new URL(location).searchParams.get('stage') === '{node.stage}'")
    page.wait_for_function("(host) => document.querySelector(host)?.graph?.mode() === 'rest'", arg=HOST)
    page.wait_for_function(
        """([host, stage, tasks, alpha]) => {
            const element = document.querySelector(host)
            if (!element?.graph) return false  // it is drawn anew just now
            const canvas = element.querySelector("canvas")
            const [x, y, , height] = element.graph.place(stage, tasks)
            const scale = canvas.width / canvas.clientWidth
            const spot = [(x + 6) * scale, (y + height - 4) * scale, 1, 1]
            return canvas.getContext("2d").getImageData(...spot).data[3] < alpha / 2
        }""",
        arg=[HOST, head.stage, list(head.tasks), full[3]],
    )
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Similarity").click()
    expect(page.get_by_role("heading", name="Similarity", exact=True)).to_be_visible()
    expect(page.locator(".st-key-focus")).to_contain_text(picked)
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Structure").click()
    graph(page).wait_for()
    box = page.locator(f"{HOST} canvas").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] - 4, box["y"] + 4)
    expect(page.locator(".st-key-focus")).to_have_count(0)
    page.wait_for_function("!new URL(location).searchParams.has('stage')")


def test_the_graph_turns_and_the_url_says_so(visit: Open) -> None:
    page = visit(LINK)
    opened_at(page, PHASES[1])
    graph(page).wait_for()
    low, high = place(page, 0, (0,)), place(page, 7, (0,))
    assert low[1] > high[1]
    page.locator(".st-key-orient").get_by_text("Right").click()
    page.wait_for_function("new URL(location).searchParams.get('orient') === 'right'")
    page.wait_for_function("(host) => document.querySelector(host).graph.place(7, [0])[0] > 300", arg=HOST)
    low, high = place(page, 0, (0,)), place(page, 7, (0,))
    assert high[0] > low[0]
    assert high[1] == pytest.approx(low[1], abs=20)


def test_the_page_to_take_away_opens_from_disk_without_a_network(browser: Browser, tmp_path: Path) -> None:
    hostile = "</script><img src='http://192.0.2.1/a.png'>"
    plan = Plan(tasks=(*DENSE[:3], replace(DENSE[3], label=hostile)), structural_phases=2)
    found = film(History(header_of(plan), events_of(plan)), "phase")
    file = tmp_path / "film.html"
    file.write_text(film_page(found), encoding="utf-8")
    context = browser.new_context(color_scheme="dark", offline=True)
    watch = Watch()
    requests: list[str] = []
    page = context.new_page()
    page.on("console", watch._console)
    page.on("pageerror", lambda error: watch.complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(file.as_uri())
    expect(graph(page, "#graph")).to_have_attribute("data-frame", "0.000")
    expect(page.locator(".graph-story")).to_contain_text(found.frames[0].where)
    scrub(page, 1.5, "input", "#graph")
    expect(graph(page, "#graph")).to_have_attribute("data-frame", "1.500")
    scrub(page, len(found.frames) - 1, "input", "#graph")
    scrub(page, len(found.frames) - 1, "change", "#graph")
    expect(page.locator(".graph-story")).to_contain_text(found.frames[-1].where)
    stage = len(found.stages)
    x, y, width, height = place(page, stage, (3,), "#graph")
    page.mouse.move(x + width / 2, y + height / 2)
    expect(page.locator(".graph-tip")).to_contain_text(f"head of {hostile}")
    assert page.locator("img").count() == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 28)"
    assert requests == [file.as_uri()]
    assert watch.complaints == []
    context.close()
