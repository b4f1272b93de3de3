"""Comparing runs in a real browser: choose two, step them together, see where they differ, pick what differs."""

import pytest
from playwright.sync_api import expect

from explorer.figures.compare import difference_sentence, gather, where
from explorer.moments import History
from tests._runs import Plan, events_of, header_of, write_run
from tests.browser.conftest import ROOMS, Open, Server
from tests.browser.test_views import button, chart, drawn, stands_at

pytestmark = pytest.mark.browser

OTHER = Plan(structural_phases=3, seed=3)
RUNS = [("runs.rooms", "rooms", ROOMS), ("runs.other", "other", OTHER)]
HISTORIES = [(name, folder, History(header_of(plan), events_of(plan))) for name, folder, plan in RUNS]


def test_two_runs_are_chosen_step_together_and_show_their_difference(visit: Open, server: Server) -> None:
    if not (server.runs / "other").exists():
        write_run(server.runs / "other", OTHER)
    page = visit("compare?run=runs.rooms&at=36&lock=phase")
    drawn(page, "sharing-a")
    page.locator(".st-key-others input").click()
    page.get_by_role("option", name="other", exact=True).click()
    drawn(page, "difference")
    page.wait_for_function("new URL(location).searchParams.get('with') === 'runs.other'")
    page.keyboard.press("Escape")
    before = chart(page, "sharing-b")
    for index in (36, 37, 38):
        if index > 36:
            button(page, "next").click()
        stands_at(page, index)
        members = gather(HISTORIES, index, "phase")
        for member in members:
            expect(page.get_by_text(where(member).split("\n")[0], exact=False).first).to_be_visible()
        expect(page.get_by_test_id("stMain")).to_contain_text(difference_sentence(members[0], members[1]))
    button(page, "last").click()
    stands_at(page, len(HISTORIES[0][2]) - 1)
    page.wait_for_function(
        "(old) => document.querySelector('.st-key-sharing-b .chart').layout.title.text !== old", arg=before["title"]
    )
    outlines = {name: x for name, _, _, x, _ in chart(page, "difference")["data"]}
    assert {"both", "A only", "B only"} <= set(outlines)
    expect(page.locator(".st-key-difference .legend")).to_contain_text("B only")


def test_a_cell_of_the_pairs_picks_it_and_the_difference_frames_it(visit: Open, server: Server) -> None:
    page = visit("compare?run=runs.rooms&at=54&with=example.one-rooms")
    drawn(page, "pairs")
    drawn(page, "curves")
    place = page.evaluate(
        """() => {
            const host = document.querySelector(".st-key-pairs .chart")
            host.scrollIntoView({ block: "center" })
            const trace = host.data.find((trace) => trace.name === "letters")
            const { xaxis, yaxis } = host._fullLayout
            const box = host.getBoundingClientRect()
            const [x, y] = [trace.x, trace.y].map((values) => (values._inputArray ?? values)[0])
            return [box.x + xaxis._offset + xaxis.l2p(x), box.y + yaxis._offset + yaxis.l2p(y)]
        }"""
    )
    page.mouse.move(place[0] + 2, place[1] + 2)
    page.mouse.click(*place)
    expect(page.locator(".st-key-focus")).to_contain_text("Segmentation + Depth")
    page.wait_for_function("new URL(location).searchParams.get('tasks') === '0-1'")


@pytest.mark.parametrize("width", [400, 1440])
def test_the_comparison_is_never_wider_than_the_screen(visit: Open, width: int) -> None:
    page = visit("compare?run=example.mtsl-rooms&at=100&with=example.one-rooms,example.separate-rooms", width=width)
    for key in ("sharing-c", "difference", "pairs", "quality", "curves"):
        drawn(page, key)
    overflow = page.evaluate(
        """() => {
            const main = document.querySelector('[data-testid="stMain"]')
            return [main.scrollWidth - main.clientWidth, document.documentElement.scrollWidth - innerWidth]
        }"""
    )
    assert max(overflow) <= 0
