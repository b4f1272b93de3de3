"""Every figure on both themes: what is drawn over the page can be told from it."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.runs import read_run
from explorer import theme
from explorer.figures import Drawing
from explorer.figures.catalogue import drawings
from explorer.moments import History

ROOT = Path(__file__).parents[1]
CONFIG = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
PAGES = {name: CONFIG["theme"][name]["backgroundColor"] for name in ("light", "dark")}
LEAST = 2.8
"""Of strokes and marks (WCAG 2.2 asks for 3 of graphics); colours serve both themes, so none can have much more."""
ON_COLOUR = ("letters", "progress", "similarity")
"""Traces of text on a coloured ground, which have tests of their own."""

RUN = read_run(ROOT / "assets" / "runs" / "mtsl-rooms")
HISTORY = History(RUN.header, RUN.events)
FIGURES = {
    f"{drawing.key} at {index}": drawing for index in (35, 70, len(HISTORY) - 1) for drawing in drawings(HISTORY, index)
}


def many(colours: object) -> Iterator[str]:
    if isinstance(colours, str):
        yield colours
    elif colours is not None and not isinstance(colours, (int, float)):
        yield from (colour for colour in colours if isinstance(colour, str))  # type: ignore[attr-defined]


def strokes(drawing: Drawing) -> Iterator[tuple[str, str]]:
    """What a figure draws with, as (name, colour): lines, marks and texts, of all that is meant to be seen."""
    for trace in drawing.figure.data:
        marker, line = getattr(trace, "marker", None), getattr(trace, "line", None)
        mode, faint = str(getattr(trace, "mode", None) or ""), (trace.opacity or 1) < 1
        if faint or trace.type != "scatter" or (marker is not None and np.all(np.equal(marker.opacity, 0))):
            continue
        if "lines" in mode and line.width != 0:
            yield from ((trace.name, colour) for colour in many(line.color))
        if "markers" in mode:
            yield from ((trace.name, colour) for colour in (*many(marker.color), *many(marker.line.color)))
        if "text" in mode and trace.name not in ON_COLOUR:
            yield from ((trace.name, colour) for colour in many(trace.textfont.color))
    for shape in drawing.figure.layout.shapes:
        if shape.line.width != 0 and (shape.opacity or 1) == 1:
            yield from ((f"shape {shape.name}", colour) for colour in many(shape.line.color))
    yield from (("caption", colour) for colour in many(drawing.figure.layout.title.font.color))


def over(colour: str, page: str) -> str | None:
    """A colour as it looks on the page; None if it is nearly or wholly see-through, hence not meant to be seen."""
    found = re.fullmatch(r"rgba?\(([^)]+)\)", colour)
    if found is None:
        return colour
    red, green, blue, *rest = (float(part) for part in found[1].split(","))
    opacity = rest[0] if rest else 1.0
    if opacity < 0.4:
        return None
    ground = [int(page[start : start + 2], 16) for start in (1, 3, 5)]
    mixed = (round(opacity * c + (1 - opacity) * g) for c, g in zip((red, green, blue), ground, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


@pytest.mark.parametrize("page", list(PAGES.values()), ids=list(PAGES))
@pytest.mark.parametrize("name", list(FIGURES))
def test_what_is_drawn_can_be_told_from_the_page(name: str, page: str) -> None:
    found = list(strokes(FIGURES[name]))
    assert found
    weak = {
        (trace, colour)
        for trace, colour in found
        if (seen := over(colour, page)) is not None and theme.contrast(seen, page) < LEAST
    }
    assert not weak


def test_nothing_but_the_page_colours_backgrounds() -> None:
    for drawing in FIGURES.values():
        layout = drawing.figure.layout
        assert (layout.paper_bgcolor, layout.plot_bgcolor, layout.font.color) == (None, None, None)
