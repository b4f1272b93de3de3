"""Colours, dashes, symbols and sizes of every figure, in one place.

Colour belongs to a task, everywhere, and is never alone: a task also has a letter, a dash and a symbol. All colours are
mid-tones that keep a contrast of about 3:1 or more on both the light and the dark page, so figures leave background and
font to the page's theme. The first five differ by at least 14 units of CIE94 for normal, red-, green- and blue-blind
eyes (simulation of Machado et al. 2009).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import plotly.graph_objects as go

from core.runs import RunHeader

TASK_COLOURS = (
    "#2d64d2",
    "#e07000",
    "#0b9f9f",
    "#a6503f",
    "#a077f5",
    "#1b7e4e",
    "#8f7a00",
    "#7a818c",
    "#4d8fcf",
    "#c4625a",
    "#7d9a2e",
    "#8d5bb5",
)
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "pentagon", "star", "hexagon", "triangle-down")

ACCENT = "#d6336c"
"""The cursor, and what is new at it. No task has it."""
NEUTRAL = "#868e99"
"""Outlines, guides and marks that must be read on both themes."""
FAINT = "rgba(134, 142, 153, 0.22)"
"""Quiet areas: bands, the image, ghosts."""

Shade = Literal["light", "dark"]
PAGES: Mapping[Shade, tuple[str, str]] = {"light": ("#ffffff", "#1c2026"), "dark": ("#14171c", "#e6e9ee")}
"""Background and text of files that bring their own page; those of the app's themes in .streamlit/config.toml."""
LINES: Mapping[Shade, str] = {"light": "#dfe2e7", "dark": "#323842"}
"""Thin lines on those pages: grids and axes."""

SIMILARITY_SCALE = "Viridis"
"""Sequential and safe for colour blindness; never red against green for fuse and keep."""

EFFECT_SCALE = [[0.0, "#b35806"], [0.25, "#f1a340"], [0.5, "#f2f0ee"], [0.75, "#998ec3"], [1.0, "#542788"]]
"""Diverging and safe for colour blindness (ColorBrewer PuOr): orange hurts, purple helps, nearly white is no effect."""

DEPTH_SCALE, ERROR_SCALE = "Viridis", "Inferno"
"""Scales of depth and of errors in pictures; an error of 0 is black."""
CLASS_COLOURS = (
    "#88ccee",
    "#ddcc77",
    "#bbbbbb",
    "#aa4499",
    "#332288",
    "#cc6677",
    "#117733",
    "#999933",
    "#44aa99",
    "#882255",
)
"""Classes of a segmentation, told apart by colour-blind eyes (Tol 2021, muted)."""
WRONG, FALSE_POSITIVE, FALSE_NEGATIVE = "#ff4f9a", "#ffb000", "#5ec8ff"
"""Marks on a dim grey image: a wrong pixel, an edge that is none, and one that was missed."""
FOUND, GROUND = "#e8e8e8", "#1e1e1e"
"""An edge that was found, and where there is none."""
NORMAL_AXES = ("#ff8080", "#80ff80", "#8080ff")
"""Pictures of normals along x, y and z."""

Properties = dict[str, object]
"""Properties of a trace, a shape or a layout, as plotly names them."""

TEXT_SIZE = 12
SMALL_TEXT = 11


@dataclass(frozen=True)
class TaskLook:
    """How one task is drawn and named; `letter` is its short name, of one or two letters."""

    name: str
    label: str
    letter: str
    colour: str
    dash: str
    symbol: str

    @property
    def on_colour(self) -> str:
        """Black or white, whichever reads better on the task's colour."""
        return "#ffffff" if contrast("#ffffff", self.colour) >= contrast("#000000", self.colour) else "#000000"


def looks(header: RunHeader) -> tuple[TaskLook, ...]:
    """The look of every task of a run [T], by its position in the run's task list.

    >>> from core.runs import MetricInfo, RunHeader, StageInfo, TaskInfo
    >>> key = MetricInfo(key="rmse", label="RMSE", unit="m", direction="lower")
    >>> task = TaskInfo(name="depth", label="Depth", kind="depth", metrics=(key,))
    >>> stage = StageInfo(name="stem", neurons=8)
    >>> looks(RunHeader(method="mtsl", data="rooms", seed=0, tasks=(task,), stages=(stage,)))[0].letter
    'D'
    """
    letters = short_names([task.label for task in header.tasks])
    return tuple(
        TaskLook(
            task.name,
            task.label,
            letter,
            TASK_COLOURS[index % len(TASK_COLOURS)],
            DASHES[index % len(DASHES)],
            SYMBOLS[index % len(SYMBOLS)],
        )
        for index, (task, letter) in enumerate(zip(header.tasks, letters, strict=True))
    )


def class_colour(label: int) -> str:
    """The colour of a class of a segmentation; from the eleventh on paler and then darker ones.

    >>> class_colour(0), class_colour(10)
    ('#88ccee', '#c4e6f6')
    """
    colour, level = CLASS_COLOURS[label % len(CLASS_COLOURS)], label // len(CLASS_COLOURS) % 3
    share, ground = ((0.0, 0), (0.5, 255), (0.45, 0))[level]
    mixed = (round(int(colour[start : start + 2], 16) * (1 - share) + ground * share) for start in (1, 3, 5))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def short_names(labels: Sequence[str]) -> list[str]:
    """A name of one or two letters for each label, different for different ones.

    The first letter where no other label has it; else the initials of the words, the first two letters, the first and
    the last letter, or the first letter and a number: the first of these that tells apart all labels of that letter.

    >>> short_names(["Depth", "Right digit", "Reconstruction", "Task A", "Task B"])
    ['D', 'Ri', 'Re', 'TA', 'TB']
    """
    found = dict.fromkeys(range(len(labels)), "")
    for index, label in enumerate(labels):
        rivals = [other for other in range(len(labels)) if labels[other][:1].upper() == label[:1].upper()]
        ways = (
            [labels[rival][:1].upper() for rival in rivals],
            ["".join(word[0] for word in labels[rival].split()[:2]).upper() for rival in rivals],
            [labels[rival][:2].capitalize() for rival in rivals],
            [labels[rival][:1].upper() + labels[rival][-1:] for rival in rivals],
            [labels[rival][:1].upper() + str(number) for number, rival in enumerate(rivals, start=1)],
        )
        lengths = (1, 2, 2, 2)
        way = next(
            (way for way, length in zip(ways, lengths, strict=False) if _tells_apart(way, length)),
            ways[-1],
        )
        found[index] = way[rivals.index(index)]
    return list(found.values())


def key(shown: Sequence[TaskLook], letters: bool = False) -> str:
    """The names of tasks in their colours, four a line so that they fit a phone; with their letters if asked for."""
    names = [
        f'<span style="color:{look.colour}"><b>{look.letter}</b> {look.label}</span>'
        if letters
        else f'<span style="color:{look.colour}"><b>{look.label}</b></span>'
        for look in shown
    ]
    return "<br>".join(" · ".join(names[start : start + 4]) for start in range(0, len(names), 4))


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours "#rrggbb", in [1, 21] (WCAG 2.2).

    >>> round(contrast("#000000", "#ffffff"))
    21
    """
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def see_through(colour: str, opacity: float) -> str:
    """A colour "#rrggbb" with an opacity in [0, 1].

    >>> see_through("#2d64d2", 0.5)
    'rgba(45, 100, 210, 0.5)'
    """
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity:g})"


def axis(title: str, **rest: object) -> Properties:
    """An axis with its title, no zero line and no zooming; `rest` adds or overrides properties."""
    text = {"text": title, "font": {"size": SMALL_TEXT}, "standoff": 6}
    ticks: Properties = {"tickfont": {"size": SMALL_TEXT}, "ticks": "", "showline": False}
    return {"title": text, "automargin": True, "zeroline": False, "fixedrange": True, **ticks, **rest}


def figure(
    traces: Sequence[Properties],
    layout: Properties,
    height: int,
    caption: str = "",
    shapes: Sequence[Properties] = (),
) -> go.Figure:
    """A figure of these traces, shapes and layout, with what all figures share; `height` in pixels.

    The caption stands small below, so that an exported figure says what it shows. Everything is checked by plotly, but
    in one go: adding traces and shapes one by one takes many times as long.
    """
    shared: Properties = {
        "template": {},  # colours of page and text belong to whoever shows the figure
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 12, "b": 58 if caption else 8},
        "hovermode": "closest",
        "font": {"size": TEXT_SIZE},
        "legend": {
            "orientation": "h",
            "yanchor": "bottom",
            "y": 1.0,
            "xanchor": "left",
            "x": 0.0,
            "font": {"size": SMALL_TEXT},
            "itemclick": False,
            "itemdoubleclick": False,
        },
        "uirevision": "keep",
        "shapes": list(shapes),
    }
    if caption:
        shared["title"] = {
            "text": caption,
            "font": {"size": SMALL_TEXT - 1, "color": NEUTRAL, "weight": "normal"},
            "x": 1,
            "xref": "container",
            "xanchor": "right",
            "pad": {"r": 8, "b": 3},
            "y": 0.004,
            "yref": "container",
            "yanchor": "bottom",
        }
    return go.Figure({"data": list(traces), "layout": shared | layout})


def _tells_apart(names: Sequence[str], length: int) -> bool:
    return len(set(names)) == len(names) and all(len(name) == length for name in names)


def _luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
