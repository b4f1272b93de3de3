"""The queue and forks in a real browser: a sweep runs one after the other, and one of its runs is forked."""

import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import expect

from core.heartbeat import HEARTBEAT, beat_of, write_whole
from core.runs import read_header
from explorer.training import Queue, jobs
from tests._runs import Plan, write_run
from tests.browser.conftest import Open, serve
from tests.browser.test_train import CHIP, card, number, opened, runs
from tests.test_training_jobs import await_job

pytestmark = pytest.mark.browser
__all__ = ["runs"]  # a fixture


def test_a_sweep_waits_and_trains_one_by_one_and_a_run_is_forked(visit: Open, runs: Path) -> None:
    with serve(runs) as app:
        page = opened(visit("train", at=app))
        status = page.locator(".st-key-status-bar")
        expect(status).to_contain_text("Nothing is training")
        page.get_by_role("radio", name="Digits").click()
        expect(page.get_by_text("4 tasks: Left digit")).to_be_visible()
        page.get_by_text("Training", exact=True).click()
        number(page, "Epochs", "5")
        page.get_by_text("Data", exact=True).last.click()
        number(page, "Training pairs", "384")
        page.get_by_role("button", name="Sweep").click()
        number(page, "Seeds", "2")
        page.get_by_role("button", name="Add 2 runs to queue").click()
        expect(page.get_by_text("2 runs will start when those before are done")).to_be_visible()
        page.keyboard.press("Escape")

        expect(status).to_contain_text(re.compile(r"mtsl-digits-s0.*heard from \d+ s ago", re.S))
        first = next(job for job in jobs(runs) if "-s0-" in job.folder.name)
        await_job(first.folder, lambda job: job.state == "finished", seconds=180)
        expect(card(page, first).locator(CHIP)).to_have_text(re.compile("finished"))
        expect(status).to_contain_text("mtsl-digits-s1")
        second = next(job for job in jobs(runs) if "-s1-" in job.folder.name)
        await_job(second.folder, lambda job: job.state == "finished", seconds=180)
        assert (first.folder / "events.jsonl").stat().st_mtime <= (second.folder / "run.json").stat().st_mtime
        expect(card(page, second).locator(CHIP)).to_have_text(re.compile("finished"))
        expect(status).to_contain_text("Nothing is training")
        assert not Queue(runs).waiting()

        page.get_by_role("radio", name="Fork a run").click()
        expect(page.get_by_text("as it is, the fork repeats it")).to_be_visible()
        page.locator(".st-key-fork-start").get_by_role("button").click()
        expect(page.get_by_text("fork of mtsl-digits-s")).to_be_visible()
        fork = next(job for job in jobs(runs) if "-p1-" in job.folder.name)
        done = await_job(fork.folder, lambda job: job.state == "finished", seconds=180)
        expect(card(page, done).locator(CHIP)).to_have_text(re.compile("finished"))
        parent = read_header(fork.folder).parent
        assert parent is not None
        assert (parent.phase, parent.run in {first.folder.name, second.folder.name}) == (1, True)
        assert "torch" not in app.libraries()
        page.close()


def test_the_status_bar_does_not_move_the_cursor(visit: Open, runs: Path) -> None:
    """A run trains while one looks at a moment of another run; then it ends."""
    folder = write_run(runs / "mine", Plan(structural_phases=1, end="cut"))
    write_run(runs / "looked-at", Plan(structural_phases=1))
    process = subprocess.Popen(["sleep", "600"])

    def beats(message: str) -> None:
        write_whole(folder / HEARTBEAT, beat_of(process.pid, message, 0.25).model_dump_json().encode())

    try:
        beats("phase 1 of 3 · epoch 2 of 4")
        with serve(runs) as app:
            page = visit("?run=runs.looked-at&at=9", at=app)
            where, status = page.locator(".moment .where"), page.locator(".st-key-status-bar .does")
            expect(status).to_have_text("running · phase 1 of 3 · epoch 2 of 4")
            before = where.inner_text()
            beats("phase 1 of 3 · epoch 3 of 4")
            expect(status).to_have_text("running · phase 1 of 3 · epoch 3 of 4")
            assert where.inner_text() == before
            (folder / HEARTBEAT).unlink()
            expect(page.locator(".st-key-status-bar")).to_contain_text("Nothing is training")
            assert where.inner_text() == before
            expect(page).to_have_url(re.compile(r"at=9"))
            page.close()
    finally:
        process.kill()
        process.wait()
