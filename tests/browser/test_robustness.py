"""The Robustness page in a real browser: it fits every screen, and what is clicked is picked."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open, Server, serve
from tests.test_robustness_figures import records, write_measured

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    runs = tmp_path_factory.mktemp("measured")
    write_measured(runs / "mine", records("corruption"), records("attack", 2.0))
    write_measured(runs / "other", records("corruption", 0.2))
    with serve(runs) as running:
        yield running


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 480])
def test_every_family_fits_the_screen(visit: Open, app: Server, width: int, theme: str) -> None:
    page = visit("robustness?run=runs.mine&base=runs.other", width=width, theme=theme, at=app)
    expect(page.get_by_role("heading", name="In numbers")).to_be_visible()
    expect(page.locator(".st-key-robustness-heat .main-svg").first).to_be_visible()
    expect(page.get_by_text("Image 1 under fog, severity 3.")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("radio", name="Attacks").click()
    expect(page.get_by_role("heading", name="Who falls when whom is attacked")).to_be_visible()
    expect(page.locator(".st-key-attack-transfer .main-svg").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_a_severity_is_chosen_and_travels_in_the_address(visit: Open, app: Server) -> None:
    page = visit("robustness?run=runs.mine", at=app)
    expect(page.get_by_text("Image 1 under fog, severity 3.")).to_be_visible()
    page.get_by_role("radio", name="clean").click()
    expect(page.get_by_text("Image 1 as it is.")).to_be_visible()
    expect(page).to_have_url(re.compile("level=1"))
    page.reload()
    expect(page.get_by_text("Image 1 as it is.")).to_be_visible()
    page.close()


def test_a_run_without_weights_says_what_to_do(visit: Open, app: Server) -> None:
    page = visit("robustness?run=runs.mine&family=shift", at=app)
    expect(page.get_by_text("this run keeps no weights").first).to_be_visible()
    page.close()
