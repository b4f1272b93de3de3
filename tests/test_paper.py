"""Figures for papers as values: size, text, colours, the line below; and the screen's figure does not change."""

import copy
import itertools
import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import plotly.graph_objects as go
import pytest

from core.tasks import image_class
from explorer import theme
from explorer.export.paper import FONTS, MILLIMETRES, PaperLook, Width, paper_figure
from explorer.figures import Drawing
from explorer.figures.catalogue import Where, chapters, drawings
from explorer.moments import History
from tests._runs import Plan, events_of, header_of

ROOT = Path(__file__).parents[1]
ROOMS = Plan(structural_phases=3)
MANY = Plan(
    tasks=tuple(image_class(f"task{index}", f"Attribute number {index}", 2) for index in range(12)),
    structural_phases=2,
)


def history(plan: Plan = ROOMS) -> History:
    return History(header_of(plan), events_of(plan))


HISTORIES = {"rooms": history(), "many": history(MANY)}
DRAWINGS = [
    pytest.param(found, drawing, id=f"{name}-{drawing.key}")
    for name, found in HISTORIES.items()
    for drawing in drawings(found, len(found) - 1)
]


def sizes(value: Any, parent: str = "") -> list[float]:
    """Every text size in a figure."""
    found: list[float] = []
    if isinstance(value, dict):
        for key, below in value.items():
            if key == "size" and parent.endswith("font"):
                found += [float(one) for one in (below if isinstance(below, list | tuple) else [below])]
            found += sizes(below, key)
    elif isinstance(value, list | tuple):
        for below in value:
            found += sizes(below, parent)
    return found


@pytest.mark.parametrize(("found", "drawing"), DRAWINGS)
@pytest.mark.parametrize("width", get_args(Width))
def test_every_drawing_becomes_a_figure_of_the_asked_size(found: History, drawing: Drawing, width: Width) -> None:
    before = copy.deepcopy(drawing.figure.to_plotly_json())
    look = PaperLook(width=width, text=8)
    figure = paper_figure(drawing.figure, look, "which run")
    assert figure.layout.width == pytest.approx(MILLIMETRES[width] / 25.4 * 96, abs=0.5)
    assert 100 < figure.layout.height < 1700
    assert figure.layout.font.size == pytest.approx(8 * 96 / 72)  # points -> pixels
    assert max(sizes(figure.to_plotly_json())) <= 8 * 96 / 72 + 1e-6
    assert "which run" in figure.layout.title.text
    assert str(drawing.figure.to_plotly_json()) == str(before)
    assert len(figure.data) == len(drawing.figure.data)


@pytest.mark.parametrize("page", get_args(theme.Shade))
@pytest.mark.parametrize("font", list(FONTS))
def test_paper_and_font_are_those_asked_for(page: theme.Shade, font: Any) -> None:
    found = HISTORIES["rooms"]
    figure = paper_figure(drawings(found, len(found) - 1)[1].figure, PaperLook(page=page, font=font))
    background, text = theme.PAGES[page]
    assert (figure.layout.paper_bgcolor, figure.layout.plot_bgcolor) == (background, background)
    assert (figure.layout.font.color, figure.layout.font.family) == (text, FONTS[font])
    assert theme.contrast(text, background) > 10
    assert not figure.layout.title.text  # no line was given


def test_the_pages_are_those_of_the_app() -> None:
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
    for shade in get_args(theme.Shade):
        shown = settings[shade]
        assert theme.PAGES[shade] == (shown["backgroundColor"], shown["textColor"])
        assert theme.LINES[shade] == shown["borderColor"]


def test_the_line_below_says_run_and_phase_and_wraps() -> None:
    found = HISTORIES["rooms"]
    index = len(found) - 1
    where = Where(found.header, found.event(index), "my-run")
    for drawing in drawings(found, index):
        said = where.below(drawing.figure)
        assert re.search(r"phase \d", said), drawing.key
        assert said.endswith("run my-run")
        title = paper_figure(drawing.figure, PaperLook("one"), said).layout.title
        lines = title.text.split("<br>")
        assert max(map(len, lines)) * 0.6 * title.font.size <= PaperLook("one").pixels
        assert " · ".join(lines).endswith(said)
    matrix = next(drawing for drawing in drawings(found, index) if drawing.key == "matrix")
    measured = found.measurements[-1].similarity.phase
    assert f"phase {measured}" in where.below(matrix.figure)  # its own phase, not the cursor's
    assert paper_figure(matrix.figure, PaperLook(note=False), "no").layout.title.text == ""


def test_letters_in_narrow_nodes_get_small_or_go() -> None:
    found = HISTORIES["many"]
    graph = next(drawing for drawing in drawings(found, 4) if drawing.key == "sharing")
    wide, narrow = (paper_figure(graph.figure, PaperLook(width)) for width in ("screen", "one"))

    def letters(figure: go.Figure) -> Any:
        return next(trace for trace in figure.data if trace.name == "letters")

    assert max(letters(narrow).textfont.size) < max(letters(wide).textfont.size)
    assert all(
        size >= 3.5 or not text for size, text in zip(letters(narrow).textfont.size, letters(narrow).text, strict=True)
    )


def test_short_labels_in_a_narrow_matrix_are_explained_below() -> None:
    found = HISTORIES["many"]
    matrix = next(drawing for drawing in drawings(found, len(found) - 1) if drawing.key == "matrix")
    narrow = paper_figure(matrix.figure, PaperLook("one"), "which run")
    assert narrow.layout.yaxis.ticktext == narrow.layout.xaxis.ticktext
    for label in matrix.figure.layout.yaxis.ticktext:
        assert label.rpartition(" (")[0] in narrow.layout.title.text.replace("<br>", " ")
    wide = paper_figure(matrix.figure, PaperLook("screen"), "which run")
    assert wide.layout.yaxis.ticktext == matrix.figure.layout.yaxis.ticktext


def test_titles_of_rows_fit_their_rows() -> None:
    found = HISTORIES["many"]
    metrics = next(drawing for drawing in drawings(found, len(found) - 1) if drawing.key == "metrics")
    figure = paper_figure(metrics.figure, PaperLook("one"))
    for name, axis in figure.to_plotly_json()["layout"].items():
        if name.startswith("yaxis"):
            low, high = axis["domain"]
            longest = max(len(re.sub("<.*?>", "", line)) for line in axis["title"]["text"].split("<br>"))
            assert longest * 0.6 * axis["title"]["font"]["size"] <= (high - low) * figure.layout.height


def test_the_catalogue_names_every_drawing_once() -> None:
    for found in HISTORIES.values():
        for index in (0, 5, len(found) - 1):
            keys = [drawing.key for drawing in drawings(found, index)]
            assert len(keys) == len(set(keys))
            assert {"timeline", "sharing"} <= set(keys)
        told = [planned.key for planned in chapters(found)]
        assert told == [planned.draw().key for planned in chapters(found)]
        assert len(told) == len(set(told))
        assert sum(key.startswith("sharing") for key in told) == sum(
            phase.role == "structural-learning" for phase in found.phases
        )
        assert sum(key.startswith("matrix") for key in told) == len(found.measurements)
    assert drawings(History(header_of(ROOMS)), 0) == []


def test_looks_are_values() -> None:
    looks = [PaperLook(width, page) for width, page in itertools.product(get_args(Width), get_args(theme.Shade))]
    assert len(set(looks)) == len(looks)
