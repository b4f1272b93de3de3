"""A figure for a paper: as wide as a column, on light or dark paper, in its font, with a line that says what it shows.

Figures of pages are laid out for a screen and take fonts and backgrounds from their page. `paper_figure` gives the same
figure a page of its own: sizes are physical (a PDF of 85 mm is 85 mm wide), all text follows one size in points, and
marks and lines keep their proportion to it.
"""

import copy
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

from explorer import theme

Width = Literal["one", "two", "screen"]
Font = Literal["sans", "serif", "modern", "dejavu"]

MILLIMETRES: dict[Width, float] = {"one": 85, "two": 178, "screen": 254}
WIDTH_LABELS: dict[Width, str] = {"one": "One column, 85 mm", "two": "Two columns, 178 mm", "screen": "Slide, 254 mm"}
FONTS: dict[Font, str] = {
    "sans": "Helvetica, Arial, 'Liberation Sans', 'Nimbus Sans', sans-serif",
    "serif": "'Times New Roman', Times, 'Liberation Serif', 'Nimbus Roman', serif",
    "modern": "'CMU Serif', 'Latin Modern Roman', 'Computer Modern', 'DejaVu Serif', serif",
    "dejavu": "'DejaVu Sans', Verdana, sans-serif",
}
FONT_LABELS: dict[Font, str] = {
    "sans": "Helvetica or Arial",
    "serif": "Times",
    "modern": "Computer Modern",
    "dejavu": "DejaVu Sans",
}
TEXT_POINTS = (6.0, 7.0, 8.0, 9.0, 10.0, 12.0)
DPI = 300
"""Pixels an inch of PNG files."""

_PIXELS_PER_MM = 96 / 25.4
_SHRINK: dict[Width, float] = {"one": 0.78, "two": 0.86, "screen": 1.0}  # of heights that were made for a screen
_GLYPH = 0.62  # width of an average letter of the widest of our fonts, in text sizes
_LEGEND_KEY = 46  # pixels of a legend entry beside its text
_LEAST_LETTER = 3.5


@dataclass(frozen=True)
class PaperLook:
    """How an exported figure looks; the same look gives the same file."""

    width: Width = "two"
    page: theme.Shade = "light"
    font: Font = "sans"
    text: float = 8.0
    """Size of the text, in points."""
    note: bool = True
    """Whether a line below says which run and moment it shows."""

    @property
    def pixels(self) -> int:
        """Width in CSS pixels, of which an inch has 96."""
        return round(MILLIMETRES[self.width] * _PIXELS_PER_MM)

    @property
    def scale(self) -> float:
        """Pixels of a PNG for each CSS pixel."""
        return DPI / 96


def paper_figure(figure: go.Figure, look: PaperLook, note: str = "") -> go.Figure:
    """`figure` under `look`, with `note` as the line below; the figure itself is not changed.

    Text, marks and lines are scaled together, so that the text has `look.text` points; heights are shrunk with the
    width, and grow by what a wrapped legend needs.
    """
    found: dict[str, Any] = copy.deepcopy(figure.to_plotly_json())
    factor = look.text * 96 / 72 / theme.TEXT_SIZE
    found = _scaled(found, factor)
    layout = found["layout"]
    background, text = theme.PAGES[look.page]
    _set_colours(layout, background, theme.LINES[look.page])
    layout["font"] = {**layout.get("font", {}), "family": FONTS[look.font], "color": text}
    layout["width"], layout["autosize"] = look.pixels, False
    screen = float(figure.layout.height)
    layout["height"] = round(screen * _SHRINK[look.width] * max(factor, 0.85)) + _legend_height(found, look, factor)
    key = _fit_square(layout)
    _fit_titles(layout)
    lines = [line for text in (key, note if look.note else "") if text for line in _wrapped(text, look, factor)]
    _set_note(layout, lines, (theme.SMALL_TEXT - 1) * factor)
    _fit_letters(found, layout)
    return go.Figure(found)


def _scaled(value: Any, factor: float, key: str = "", parent: str = "") -> Any:
    """Sizes of text and marks, widths of lines and margins times `factor`, wherever they stand."""
    if isinstance(value, dict):
        return {inner: _scaled(below, factor, inner, key) for inner, below in value.items()}
    sized = key == "size" and (parent.endswith("font") or parent in ("marker", "pattern"))
    wide = key == "width" and parent == "line"
    spaced = parent == "margin" or key in ("standoff", "thickness", "xgap", "ygap", "ax", "ay", "xshift", "yshift")
    if sized or wide or spaced:
        if isinstance(value, int | float):
            return value * factor
        if isinstance(value, list | tuple | np.ndarray):
            return [float(one) * factor for one in value]
    if isinstance(value, list | tuple) and value and isinstance(value[0], dict):
        return [_scaled(one, factor, key, parent) for one in value]
    return value


def _set_colours(layout: dict[str, Any], background: str, line: str) -> None:
    """The page's colours under what the figure says itself. Mutates `layout`."""
    layout["paper_bgcolor"] = layout["plot_bgcolor"] = background
    for name in [key for key in layout if key.startswith(("xaxis", "yaxis"))]:
        lines = {"gridcolor": line, "linecolor": line, "tickcolor": line}
        layout[name] = {**lines, **layout[name]}


def _legend_height(found: dict[str, Any], look: PaperLook, factor: float) -> int:
    """Pixels that a legend above the plot needs beyond its first line."""
    shown = [trace for trace in found["data"] if trace.get("showlegend", True) and trace.get("type") != "heatmap"]
    if found["layout"].get("showlegend") is False or len(shown) < 2:
        return 0
    size = theme.SMALL_TEXT * factor
    entry = max(len(str(trace.get("name", ""))) * _GLYPH * size + _LEGEND_KEY for trace in shown)
    across = max(1, int(look.pixels // entry))
    return round((-(-len(shown) // across) - 1) * size * 1.75)


def _wrapped(note: str, look: PaperLook, factor: float) -> list[str]:
    """The note in lines that fit into the width, broken between its parts where possible."""
    room = max(12, int(look.pixels * 0.96 / (_GLYPH * (theme.SMALL_TEXT - 1) * factor)))
    lines: list[str] = []
    for part in note.split(" · "):
        if lines and len(lines[-1]) + len(part) + 3 <= room:
            lines[-1] += f" · {part}"
        else:
            lines += textwrap.wrap(part, room) or [""]
    return lines


def _set_note(layout: dict[str, Any], lines: Sequence[str], size: float) -> None:
    """Put lines of this size in pixels below everything else, in place of a screen's caption. Mutates `layout`."""
    layout["margin"]["b"] = 4  # the space for a caption; axes make what they need by themselves
    layout["title"] = {"text": ""}
    if lines:
        layout["height"] += round((len(lines) - 1) * size * 1.3)
        layout["title"] = {
            "text": "<br>".join(lines),
            "font": {"size": size, "color": theme.NEUTRAL, "weight": "normal"},
            "x": 1,
            "xref": "container",
            "xanchor": "right",
            "pad": {"r": 6, "t": 0.5 * size, "b": 0.3 * size},
            "y": 1e-4,  # at 0 plotly moves all lines but the first below the figure
            "yref": "container",
            "yanchor": "bottom",
            "automargin": True,
        }


def _plain(text: object) -> str:
    """A label without its bold marks."""
    return str(text).replace("<b>", "").replace("</b>", "")


def _longest(labels: Sequence[object] | None) -> int:
    return max((len(_plain(label)) for label in labels or ()), default=0)


def _fit_square(layout: dict[str, Any]) -> str:
    """Give a plot with square cells the height that its width allows, and short labels where long ones leave no room.

    Mutates `layout`; returns what the short labels mean, "" if the long ones stayed.
    """
    x, y = layout.get("xaxis", {}), layout.get("yaxis", {})
    key = ""
    if "scaleanchor" not in y:
        return key
    size, width = float(layout["font"].get("size", theme.TEXT_SIZE)), layout["width"]
    colour_bar = 7.5 * size
    beside = (_longest(y.get("ticktext")) * _GLYPH + 2) * size
    if beside > 0.35 * width and _longest(x.get("ticktext")) < _longest(y.get("ticktext")):
        pairs = zip(x["ticktext"], y["ticktext"], strict=True)
        key = " · ".join(f"{short}: {str(label).removesuffix(f' ({short})')}" for short, label in pairs)
        y["ticktext"] = x["ticktext"]
        beside = (_longest(y["ticktext"]) * _GLYPH + 2) * size
    room = max(width - beside - colour_bar, 0.3 * width)
    layout["height"] = round(min(max(layout["height"], 0.55 * width), room + 6 * size))
    return key


def _fit_titles(layout: dict[str, Any]) -> None:
    """Make the titles of axes that stand above each other small enough for their rows. Mutates `layout`."""
    for name in [name for name in layout if name.startswith("yaxis")]:
        title = layout[name].get("title", {})
        low, high = layout[name].get("domain", (0.0, 1.0))
        if not title.get("text") or "domain" not in layout[name]:
            continue
        lines = title["text"].split("<br>")
        size = float(title.get("font", {}).get("size", theme.TEXT_SIZE))
        room = 0.97 * (high - low) * layout["height"] * 0.92  # axis and note below take the rest
        least = 0.7 * size
        fits = room / (1.08 * _GLYPH * max(_longest(lines), 1))
        if fits < least:
            most = max(4, int(room / (1.08 * _GLYPH * least)))
            lines = [line.replace(_plain(line), _cut(_plain(line), most)) for line in lines]
        title["text"] = "<br>".join(lines)
        title["font"] = {**title.get("font", {}), "size": min(size, max(least, fits))}


def _fit_letters(found: dict[str, Any], layout: dict[str, Any]) -> None:
    """Make letters that stand side by side small enough for their place, or leave them out. Mutates the traces.

    Letters are texts whose trace gives each a size of its own. How wide the plot becomes is known only to the browser,
    so it is estimated from the labels of the axis beside it.
    """
    size = float(layout["font"].get("size", theme.TEXT_SIZE))
    beside = max(_longest(layout.get("yaxis", {}).get("ticktext")), 4) * _GLYPH * size
    plot = max(60.0, layout["width"] - beside - 3 * size)
    axis = layout.get("xaxis", {}).get("range")
    texts = [trace for trace in found["data"] if trace.get("mode") == "text"]
    if axis is None or not texts:
        return
    span = abs(axis[1] - axis[0])
    over = max(_overhang(trace, plot / span, axis[1]) for trace in texts)
    if over > 0:
        layout["margin"]["r"] += over
        plot = max(60.0, plot - over)
    for trace in texts:
        sizes = trace.get("textfont", {}).get("size")
        if not isinstance(sizes, list):
            continue
        x, y = np.asarray(trace["x"], dtype=float), np.asarray(trace["y"], dtype=float)
        shown = list(trace["text"])
        for index, letters in enumerate(shown):
            same = np.abs(x[np.isclose(y, y[index])] - x[index])
            near = same[same > 1e-6]
            room = near.min() * plot / span if len(near) else plot
            count = max(1, len(_plain(letters)))
            sizes[index] = min(sizes[index], (0.9 if count == 1 else 0.7) * room / (0.75 * count))
            if sizes[index] < _LEAST_LETTER:
                shown[index], sizes[index] = "", _LEAST_LETTER
        trace["text"], trace["textfont"]["size"] = shown, sizes


def _cut(text: str, most: int) -> str:
    """A text of at most `most` letters that keeps its beginning and its end.

    >>> _cut("Attribute number 11", 12)
    'Attribut… 11'
    """
    return text if len(text) <= most else f"{text[: most - 4]}…{text[-3:]}"


def _overhang(trace: dict[str, Any], unit: float, end: float) -> int:
    """Pixels by which texts to the right of their place reach beyond the plot, where they may. Mutates `trace`."""
    if trace.get("textposition") != "middle right" or not len(trace["x"]):
        return 0
    trace["cliponaxis"] = False
    size = float(trace["textfont"].get("size", theme.TEXT_SIZE))
    ends = [
        (float(x) - end) * unit + (len(_plain(text)) + 1) * _GLYPH * 1.1 * size
        for x, text in zip(trace["x"], trace["text"], strict=True)
    ]
    return max(0, round(max(ends)))
