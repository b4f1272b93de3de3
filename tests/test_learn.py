"""The Learn page: steps in the URL, the cursor that follows, and the glossary."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.runs import read_run
from explorer import library, words
from explorer.app import PAGES
from explorer.glossary import GLOSSARY
from explorer.lessons import LESSONS
from explorer.moments import History
from tests.test_pages import charts, opened, said

LEARN = next(info for info in PAGES if info.title == "Learn")
RECORDED = Path(__file__).parents[1] / "assets" / "runs"


@pytest.fixture(autouse=True)
def no_own_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(library.RUNS_VARIABLE, str(tmp_path))


@pytest.fixture(scope="module")
def history() -> History:
    run = read_run(RECORDED / "mtsl-rooms")
    return History(run.header, run.events)


def formulas(app: AppTest) -> list[str]:
    return [found.value for found in app.latex]


def test_steps_walk_the_cursor_through_the_run(history: History) -> None:
    app = opened(LEARN, run="example.mtsl-rooms")
    assert app.subheader[0].value == f"1. {LESSONS[0].title}"
    for step in range(1, len(LESSONS)):
        app.button(key="lesson-next").click().run()
        assert app.subheader[0].value == f"{step + 1}. {LESSONS[step].title}"
        place = LESSONS[step].place(history)
        assert words.when(history.snapshot(place or 0)) in said(app)
        assert app.query_params["step"][0] == str(step)
        assert len(formulas(app)) == 2
        assert not app.exception
    assert app.button(key="lesson-next").disabled
    app.button(key="lesson-back").click().run()
    assert app.subheader[0].value.startswith("7.")


def test_the_numbers_follow_the_cursor(history: History) -> None:
    place = LESSONS[3].place(history)
    assert place is not None
    app = opened(LEARN, run="example.mtsl-rooms", step=3, at=place)
    before = formulas(app)
    assert set(charts(app)) == {"timeline", "scores"}
    app.button(key="last").click().run()
    assert formulas(app)[0] == before[0]
    assert formulas(app)[1] != before[1]
    app.button(key="lesson-place").click().run()
    assert formulas(app) == before


def test_a_run_that_never_does_a_step_says_so() -> None:
    app = opened(LEARN, run="example.one-rooms", step=4)
    assert any("never does this step" in info.value for info in app.info)


def test_a_step_that_does_not_exist_falls_back_with_a_notice() -> None:
    app = opened(LEARN, run="example.mtsl-rooms", step=12)
    assert any("no step 12" in warning.value for warning in app.warning)
    assert app.subheader[0].value.startswith("8.")


def test_the_glossary_finds_words() -> None:
    app = opened(LEARN, run="example.mtsl-rooms")
    listed = [found.value for found in app.markdown if found.value.startswith("**")]
    assert len(listed) >= len(GLOSSARY)
    app.text_input(key="glossary").set_value("channel coding").run()
    assert len([found for found in app.markdown if found.value.startswith("**amalgamation** ")]) == 1
    app.text_input(key="glossary").set_value("zebra").run()
    assert any("zebra" in info.value for info in app.info)
