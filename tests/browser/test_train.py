"""Training from the Train page in a real browser: start, see it live, reload, find it again, stop, resume."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from core.config import preset
from core.events import EpochFinished
from core.heartbeat import heartbeat, process_alive
from core.runs import read_run
from explorer.training import Job, jobs, new_run, start
from tests.browser.conftest import Open, serve
from tests.test_training_jobs import await_job, small

pytestmark = pytest.mark.browser
CHIP = ".stMarkdownBadge"


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Path]:
    """Where the app of a test finds runs; what still trains there afterwards is ended."""
    yield tmp_path
    for job in jobs(tmp_path):
        beat = heartbeat(job.folder)
        if beat is not None and process_alive(beat):
            os.kill(beat.pid, signal.SIGKILL)
            await_job(job.folder, lambda job: not job.live, seconds=20)


def opened(page: Page) -> Page:
    page.get_by_role("heading", name="Runs", exact=True).wait_for()
    return page


def card(page: Page, job: Job) -> Locator:
    return page.locator(f".st-key-job-{job.folder.name}")


def button(page: Page, what: str, job: Job) -> Locator:
    """A button of a card, as a role: Streamlit also draws a hidden twin without the tooltip."""
    return page.locator(f".st-key-{what}-{job.folder.name}").get_by_role("button")


def number(page: Page, label: str, value: str) -> None:
    """Type into a number input of the form and wait until the page has taken it."""
    field = page.get_by_role("spinbutton", name=label, exact=True)
    field.fill(value)
    field.press("Enter")
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def test_a_run_is_started_seen_live_found_again_stopped_and_resumed(visit: Open, runs: Path) -> None:
    with serve(runs) as app:
        page = opened(visit("train", at=app))
        expect(page.get_by_text("No runs here yet")).to_be_visible()
        page.get_by_role("radio", name="Digits").click()
        expect(page.get_by_text("4 tasks: Left digit")).to_be_visible()
        page.get_by_text("Training", exact=True).click()
        number(page, "Epochs", "500")
        page.get_by_text("Data", exact=True).last.click()
        number(page, "Training pairs", "512")
        expect(page.get_by_text("Reset 2 changed settings")).to_be_visible()
        expect(page.get_by_test_id("stCode").first).to_contain_text("--set training.epochs=500")
        page.get_by_role("button", name="Start now").click()
        expect(page.locator(CHIP).filter(has_text="starting")).to_be_visible()
        [job] = jobs(runs)
        expect(card(page, job)).to_contain_text(re.compile(r"epoch \d+ of 500.* left"))
        expect(card(page, job)).to_contain_text(re.compile(r"Left digit\s*accuracy 0\.\d+"))

        button(page, "open", job).click()
        moment = page.locator(".moment .where")
        expect(page.get_by_role("heading", name="Structure", exact=True)).to_be_visible()
        expect(page).to_have_url(re.compile(rf"run=runs\.{job.folder.name}"))
        before = moment.inner_text()
        expect(moment).not_to_have_text(before)  # events appear while one looks
        page.reload()
        expect(moment).to_be_visible()
        expect(page.get_by_test_id("stSidebar").locator(CHIP).filter(has_text="running").first).to_be_visible()

        page.get_by_role("link", name="Train").click()
        button(opened(page), "stop", job).click()
        expect(card(page, job).locator(CHIP)).to_have_text(re.compile("stopping|paused"))
        expect(card(page, job).locator(CHIP)).to_have_text(re.compile("paused"))
        epochs = sum(isinstance(event, EpochFinished) for event in read_run(job.folder).events)
        button(page, "resume", job).click()
        expect(card(page, job).locator(CHIP)).to_have_text(re.compile("starting"))
        expect(card(page, job).locator(CHIP)).to_have_text(re.compile("running"))
        expect(button(page, "stop", job)).to_be_enabled()
        now = await_job(job.folder, lambda job: job.epoch is not None and job.epoch.epoch > epochs)
        assert now.state == "running"
        page.close()


def test_a_run_outlives_the_server_and_the_next_one_finds_it(visit: Open, runs: Path) -> None:
    folder = start(new_run(small("training.epochs=5000", "training.samples=0")), runs)
    with serve(runs) as app:
        page = opened(visit("train", at=app))
        expect(page.locator(CHIP).filter(has_text=re.compile("starting|running")).last).to_be_visible()
        page.close()
    job = await_job(folder, lambda job: job.state == "running")
    with serve(runs) as app:
        page = opened(visit("train", at=app))
        expect(card(page, job).locator(CHIP)).to_have_text(re.compile("running"))
        assert "torch" not in app.libraries()
        button(page, "stop", job).click()
        expect(card(page, job).locator(CHIP)).to_have_text(re.compile("paused"))
        page.close()


def test_a_process_that_dies_at_once_shows_its_error(visit: Open, runs: Path) -> None:
    config = preset("quick", "digits", overrides=["training.epochs=2"])
    folder = start(new_run(config), runs)  # the form would refuse it
    with serve(runs) as app:
        page = opened(visit("train", at=app))
        alert = page.get_by_role("alert").filter(has_text="should exceed the number of structural phases")
        expect(alert).to_be_visible()
        expect(page.locator(CHIP).filter(has_text="failed")).to_be_visible()
        page.locator(f".st-key-remove-{folder.name}").get_by_role("button").click()
        expect(page.get_by_text("No runs here yet")).to_be_visible()
        page.close()
    assert not folder.exists()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 480])
def test_the_page_fits_the_screen(visit: Open, width: int, theme: str) -> None:
    page = opened(visit("train", width=width, theme=theme))
    expect(page.get_by_role("button", name="Start now")).to_be_enabled()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    main = page.get_by_test_id("stMain")
    assert main.evaluate("part => part.scrollWidth <= part.clientWidth")
