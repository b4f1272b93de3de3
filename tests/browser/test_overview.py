"""The Overview page in a real browser: many runs, search in the URL, tags, uploads, opened folders, deletion."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Locator, Page, expect

from core.runs import find_runs
from explorer import remembered
from explorer.library import EXAMPLES
from tests._runs import Plan, write_many, write_run
from tests._zips import BAD, small_run, zipped
from tests.browser.conftest import Open, Server, serve

pytestmark = pytest.mark.browser
MANY = 200
SHOWN_BAD = ("not a zip", "leads out", "newer schema", "broken line", "pickle", "no header")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server over a folder of 200 runs."""
    root = tmp_path_factory.mktemp("many")
    write_many(root, MANY)
    with serve(root) as running:
        yield running


def opened(page: Page) -> Page:
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    expect(cards(page).first).to_be_visible()
    return page


def cards(page: Page) -> Locator:
    return page.locator(".st-key-run-cards > div")


def card(page: Page, run: str) -> Locator:
    return page.locator(f".st-key-run-{run.replace('.', '-')}")


def choose(page: Page, run: str, action: str) -> None:
    """Choose something from the menu of a card."""
    card(page, run).get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name=action).or_(page.get_by_role("option", name=action)).click()


def upload(page: Page, name: str, content: bytes) -> None:
    page.get_by_role("button", name="Add a run").click()
    field = page.locator('input[type="file"]').first  # a second one adds more files once there is one
    field.set_input_files(FilePayload(name=name, mimeType="application/zip", buffer=content))


def test_a_folder_of_many_runs_is_shown_in_parts_and_searched(visit: Open, app: Server) -> None:
    page = opened(visit("overview", at=app))
    expect(cards(page)).to_have_count(24)
    expect(page.get_by_text(re.compile(rf"\d+ of {MANY + len(find_runs(EXAMPLES))} runs, 24 shown"))).to_be_visible()
    pictures = cards(page).locator("img")
    expect(pictures).to_have_count(24)
    assert pictures.evaluate_all("all => all.every((one) => one.complete && one.naturalWidth > 0 && one.alt)")
    page.get_by_role("button", name="Show 24 more").click()
    expect(cards(page)).to_have_count(48)
    page.get_by_label("Search").press_sequentially("digits-007", delay=20)
    expect(cards(page)).to_have_count(1)
    expect(page).to_have_url(re.compile(r"q=digits-007"))
    link = page.url.partition("/overview")[2]
    again = opened(visit(f"overview{link}", at=app))
    expect(cards(again)).to_have_count(1)
    expect(again.get_by_label("Search")).to_have_value("digits-007")
    again.close()
    page.close()


def test_a_good_upload_opens_and_bad_ones_say_why(visit: Open, app: Server, tmp_path: Path) -> None:
    files = small_run(tmp_path / "source")
    page = opened(visit("overview", at=app))
    for kind in SHOWN_BAD:
        upload(page, "bad.zip", BAD[kind].make(files))
        alert = page.get_by_role("alert").filter(has_text=re.compile(BAD[kind].says))
        expect(alert).to_be_visible()
        expect(alert).to_contain_text("This upload was not taken. bad.zip")
        page.keyboard.press("Escape")
        expect(page.locator('input[type="file"]')).to_have_count(0)
    assert not list(app.runs.glob("bad*"))
    upload(page, "good run.zip", zipped(files))
    expect(page.get_by_role("heading", name="Structure", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(r"run=runs\.good-run"))
    expect(page.locator(".st-key-sharing .graph-player[data-at] canvas").first).to_be_visible()
    page.close()


def test_tags_and_deletion_with_a_second_look(visit: Open, app: Server) -> None:
    run = "mtsl-rooms-100"
    page = opened(visit(f"overview?q={run}", at=app))
    choose(page, f"runs.{run}", "Tags")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox").fill("to go")
    dialog.get_by_role("combobox").press("Enter")
    expect(dialog).to_contain_text("to go")
    page.keyboard.press("Escape")  # the list
    page.keyboard.press("Escape")  # the dialog
    expect(card(page, f"runs.{run}").locator(".run-tag")).to_have_text("to go")
    assert remembered.tags(app.runs) == {f"runs.{run}": ("to go",)}
    choose(page, f"runs.{run}", "Delete")
    expect(dialog).to_contain_text("cannot be undone")
    dialog.get_by_role("button", name="Keep it").click()
    expect(dialog).to_have_count(0)
    assert (app.runs / run).exists()
    choose(page, f"runs.{run}", "Delete")
    dialog.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("No run fits")).to_be_visible()
    assert not (app.runs / run).exists()
    assert remembered.tags(app.runs) == {}
    page.close()


def test_a_folder_is_opened_where_it_lies(visit: Open, app: Server, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "elsewhere", Plan(structural_phases=1, epochs=1))
    page = opened(visit("overview", at=app))
    page.get_by_role("button", name="Add a run").click()
    page.get_by_role("textbox", name="Open a folder of this machine").fill(str(folder))
    page.get_by_role("button", name="Open the folder").click()
    expect(page).to_have_url(re.compile(r"run=opened\.elsewhere"))
    expect(page.locator(".st-key-sharing .graph-player[data-at] canvas").first).to_be_visible()
    page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 420])
def test_the_page_fits_the_screen(visit: Open, app: Server, width: int, theme: str) -> None:
    page = opened(visit("overview", width=width, theme=theme, at=app))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    main = page.get_by_test_id("stMain")
    assert main.evaluate("part => part.scrollWidth <= part.clientWidth")
    if width < 600:
        lefts = cards(page).evaluate_all("all => new Set(all.map((one) => one.getBoundingClientRect().left)).size")
        assert lefts == 1
    page.close()
