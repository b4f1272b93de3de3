"""The Save menus of pages as a person meets them: empty while closed, honest about what this machine can do."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from explorer import library, words
from explorer.app import PAGES, PageInfo
from explorer.export import images
from explorer.player import save
from tests._runs import Plan, write_run
from tests.test_pages import opened

ROOMS = Plan(structural_phases=3)
PAGE = {info.title: info for info in PAGES}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    write_run(root / "rooms", ROOMS)
    return root


@pytest.fixture(autouse=True)
def places(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "EXAMPLES", tmp_path)
    monkeypatch.setenv(library.RUNS_VARIABLE, str(runs))
    monkeypatch.setenv("MTSL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv(images.BROWSER_VARIABLE, str(tmp_path / "nothing"))


def labels(app: AppTest) -> list[str]:
    """Of all buttons that fetch a file."""
    return [found.label for found in app.get("download_button")]


def with_menu(key: str, page: PageInfo = PAGES[0]) -> AppTest:
    app = opened(page, run="runs.rooms", at=30)
    app.session_state[key] = True
    app.run()
    assert not app.exception
    return app


def test_a_closed_menu_holds_nothing_and_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a closed menu drew a figure")

    monkeypatch.setattr(save, "paper_figure", never)
    for page in (info for info in PAGES if info.cursor):
        app = opened(page, run="runs.rooms", at=30)
        assert not {"CSV", "LaTeX", "GraphML"} & set(labels(app))


def test_without_a_browser_the_menu_says_so_and_makes_a_page() -> None:
    app = with_menu("save-sharing")
    assert app.segmented_control(key="save-sharing-kind").options == ["HTML"]
    assert any("BROWSER" in caption.value and "CSV" in caption.value for caption in app.caption)
    assert {"CSV", "JSON", "Markdown", "LaTeX"} <= set(labels(app))
    app.button(key="save-sharing-make").click().run()
    assert not app.exception
    assert any(label.startswith("HTML · ") for label in labels(app))
    assert not [button for button in app.button if button.key == "save-sharing-make"]
    app.selectbox(key="save-sharing-width").set_value("one").run()
    assert [button for button in app.button if button.key == "save-sharing-make"]  # another look is another file
    app.selectbox(key="save-sharing-width").set_value("two").run()
    assert any(label.startswith("HTML · ") for label in labels(app))  # kept by its content


def test_the_choices_of_one_menu_are_those_of_the_next() -> None:
    app = with_menu("save-matrix", PAGE["Similarity"])
    app.selectbox(key="save-matrix-font").set_value("serif").run()
    app.session_state["save-grid"] = True
    app.run()
    assert app.selectbox(key="save-grid-font").value == "serif"


def test_a_table_and_the_structure_are_offered() -> None:
    assert {"CSV", "JSON", "Markdown", "LaTeX"} <= set(labels(with_menu("save-candidates", PAGE["Similarity"])))
    app = with_menu("save-structure")
    assert {"GraphML", "DOT", "JSON", "YAML of the MTSL authors"} <= set(labels(app))
    begun = opened(run="runs.rooms", at=0)
    begun.session_state["save-structure"] = True
    begun.run()
    assert any(words.plain("no structure stands") in caption.value for caption in begun.caption)


def test_the_sidebar_offers_the_whole_run_and_says_what_goes_without_pictures() -> None:
    app = with_menu("export")
    assert {"Make Report (HTML)", "Make Everything (ZIP)"} <= {button.label for button in app.button}
    assert any("Without pictures" in caption.value for caption in app.caption)
    assert any(code.value.startswith("python -m core export ") for code in app.code)
