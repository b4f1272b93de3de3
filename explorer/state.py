"""What a person looks at, as one record that travels in the URL and lives in the session.

The session's record is the truth; the URL is written from it and read when a session begins, and when someone changes
it by hand or with the browser's back button. A value that makes no sense falls back to its default, with a notice.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, get_args

import streamlit as st

from core.grouping import Rule
from core.robustness.records import Family
from core.structure import Group
from explorer.catalogue import FACETS, Sort, read_choice
from explorer.figures.compare.members import Lock
from explorer.figures.compare.quality import Size
from explorer.figures.curves.series import Show
from explorer.figures.layout import Orientation
from explorer.figures.similarity import Scale
from explorer.focus import Focus, read_tasks
from explorer.moments import GRAINS, Grain

SPEEDS = (0.5, 1.0, 2.0, 4.0)
"""Steps of play in a second."""

# widget keys
RUN, GRAIN, GOTO, TIMELINE, GRID = "run", "grain", "goto", "timeline", "grid"
FIRST, BACK, PLAY, NEXT, LAST, SPEED, LIVE = "first", "back", "play", "next", "last", "speed", "live"
SHOW, TASK, SCALE, CLEAR = "show", "task", "scale", "clear"
OTHERS, LOCK, VERSUS, BASE, MEASURE, SIZE = "others", "lock", "versus", "base", "measure", "size"
SMOOTH, IMAGE = "smooth", "image"
ORIENT = "orient"
FAMILY, UNDER, LEVEL = "family", "under", "level"
THRESHOLD, RULE, RECORDED, TREE, LOWER, HIGHER = "threshold", "rule", "recorded", "tree", "lower", "higher"
PICK_STAGE, PICK_PAIR, MEASUREMENT = "pick-stage", "pick-pair", "measurement"

QUERY, ONLY, SORT = "query", "only", "sort"

# what else the session remembers
_VIEW, _PAGE, _WRITTEN, _WRITTEN_AT, _NOTICES = "_view", "_page", "_written", "_written_at", "_notices"

_SETTLING = 3.0
"""Seconds in which a browser may still answer with the URL as it was before we wrote it."""


@dataclass(frozen=True)
class View:
    """Everything that decides what is on screen, but the page and the theme."""

    run: str = ""
    """Id of the run in the library; "" is the one that opens by itself."""
    grain: Grain = "neuron"
    moment: int | None = None
    """Position of the cursor among the run's events; None follows the last one."""
    speed: float = 2.0
    stage: int | None = None
    """Stage of what is picked; None: no stage in particular."""
    tasks: Group = ()
    """Sorted tasks of what is picked; none: all of them."""
    orient: Orientation = "up"
    show: Show = "metric"
    smooth: float = 0.0
    """Weight of the past in smoothed curves, in [0, 0.95]; 0 does not smooth."""
    scale: Scale = "run"
    base: str = ""
    """Id of the run that metrics are compared with; "" is none."""
    others: tuple[str, ...] = ()
    """Ids of the runs beside `run` on the Compare page."""
    lock: Lock = "share"
    versus: str = ""
    """Id of the run whose structure is compared with that of `run`; "" is the first of `others`."""
    size: Size = "parameters"
    """What counts as the size of a network on the Compare page."""
    threshold: float | None = None
    """Threshold of the what-if; None is the recorded one."""
    rule: Rule | None = None
    """Grouping rule of the what-if; None is the recorded one."""
    image: int = 0
    """Number of the sample image on the Predictions page."""
    family: str = ""
    """What the Robustness page shows: a family of `core.robustness`; "" is the first that was measured."""
    under: str = ""
    """The corruption, shift or attack that it looks into; "" is the first."""
    level: int = 3
    """The severity of that, or the number of the strength of an attack, from 1."""
    step: int = 0
    """Step of the Learn page."""
    query: str = ""
    """What the Overview searches for."""
    sort: Sort = "newest"
    only: tuple[str, ...] = ()
    """What the Overview filters by, as `catalogue.Choice.text`."""

    @property
    def focus(self) -> Focus:
        """What is picked, on every page."""
        return Focus(self.stage, self.tasks)


def _choice(*known: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in known:
            raise ValueError(f"expected one of {', '.join(known)}")
        return text

    return parse


def _position(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ValueError("expected a whole number, 0 or more")
    return int(text)


def _number(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = math.nan
        if not low <= found <= high:
            raise ValueError(f"expected a number from {low:g} to {high:g}")
        return found

    return parse


def _ids(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part for part in text.split(",") if part))


def _only(text: str) -> tuple[str, ...]:
    found = _ids(text)
    if not all(read_choice(part) for part in found):
        raise ValueError(f"expected {', '.join(f'{facet}:…' for facet in FACETS)}, parted by commas")
    return found


def _speed(text: str) -> float:
    try:
        return SPEEDS[[f"{speed:g}" for speed in SPEEDS].index(text)]
    except ValueError:
        raise ValueError(f"expected one of {', '.join(f'{speed:g}' for speed in SPEEDS)}") from None


@dataclass(frozen=True)
class Field:
    """One field of `View` in the URL: its short key, and how its text is read (`ValueError`: what was expected)."""

    name: str
    key: str
    parse: Callable[[str], Any]


FIELDS = (
    Field("run", "run", str),
    Field("grain", "grain", _choice(*GRAINS)),
    Field("moment", "at", _position),
    Field("speed", "speed", _speed),
    Field("stage", "stage", _position),
    Field("tasks", "tasks", read_tasks),
    Field("orient", "orient", _choice(*get_args(Orientation))),
    Field("show", "show", _choice(*get_args(Show))),
    Field("smooth", "smooth", _number(0, 0.95)),
    Field("scale", "scale", _choice(*get_args(Scale))),
    Field("base", "base", str),
    Field("others", "with", _ids),
    Field("lock", "lock", _choice(*get_args(Lock))),
    Field("versus", "vs", str),
    Field("size", "size", _choice(*get_args(Size))),
    Field("threshold", "min", _number(-1, 1)),
    Field("rule", "rule", _choice(*get_args(Rule))),
    Field("image", "image", _position),
    Field("family", "family", _choice(*get_args(Family))),
    Field("under", "under", str),
    Field("level", "level", _position),
    Field("step", "step", _position),
    Field("query", "q", str),
    Field("sort", "sort", _choice(*get_args(Sort))),
    Field("only", "only", _only),
)
"""The one list from which the URL is read and written."""


def from_url(params: Mapping[str, str]) -> tuple[View, list[str]]:
    """The view in the parameters of a URL, and a notice for each value that was not understood.

    >>> from_url({"at": "12", "grain": "phase"})[0].moment
    12
    >>> from_url({"grain": "minute"})[1]
    ['The link says grain=minute, but that is not known: expected one of phase, stage, decision, neuron.']
    """
    values: dict[str, Any] = {}
    notices = []
    for field in FIELDS:
        if field.key in params:
            try:
                values[field.name] = field.parse(params[field.key])
            except ValueError as error:
                notices.append(f"The link says {field.key}={params[field.key]}, but that is not known: {error}.")
    return View(**values), notices


def to_url(view: View) -> dict[str, str]:
    """The parameters of a URL that give `view` again; defaults are left out.

    >>> to_url(View(run="example.rooms", moment=12))
    {'run': 'example.rooms', 'at': '12'}
    """
    default = View()
    return {
        field.key: _text(value)
        for field in FIELDS
        if (value := getattr(view, field.name)) != getattr(default, field.name)
    }


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, tuple):
        return ("," if isinstance(value[0], str) else "-").join(map(str, value))
    return str(value)


def begin(page: str) -> None:
    """Take over the URL where a session begins on `page`, or where the browser went back since it was written."""
    params = st.query_params.to_dict()
    session = st.session_state
    turned = session.get(_PAGE) not in (None, page)  # turning a page drops the parameters; the view stays
    settled = time.monotonic() - session.get(_WRITTEN_AT, 0.0) > _SETTLING
    session[_NOTICES] = []
    if _VIEW not in session or (params != session[_WRITTEN] and settled and not turned):
        session[_VIEW], session[_NOTICES] = from_url(params)
        session[_WRITTEN] = params
    session[_PAGE] = page


def current() -> View:
    """The session's view."""
    view: View = st.session_state[_VIEW]
    return view


def change(**values: Any) -> None:
    """Set fields of the session's view."""
    assert set(values) <= {field.name for field in fields(View)}
    st.session_state[_VIEW] = replace(current(), **values)


def pick(focus: Focus) -> None:
    """Pick something on every page; the empty focus clears it."""
    change(stage=focus.stage, tasks=focus.tasks)


def open_view(run: str, moment: int | None = None) -> None:
    """Look at another run: the cursor and what was picked belong to the old one."""
    change(run=run, moment=moment, stage=None, tasks=(), threshold=None, rule=None, image=0)


def held(key: str, value: str | int | float | Group | list[str] | None) -> str:
    """Set the widget `key` before it is drawn, so that the view rules and not what the widget remembers; its key."""
    st.session_state[key] = value
    return key


def note(text: str) -> None:
    """Tell the person something about the view until the next full run of the page."""
    st.session_state[_NOTICES].append(text)


def notices() -> list[str]:
    """What the person should be told."""
    found: list[str] = st.session_state[_NOTICES]
    return found


def sync() -> None:
    """Write the session's view into the URL."""
    wanted = to_url(current())
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)
    if st.session_state[_WRITTEN] != wanted:
        st.session_state[_WRITTEN], st.session_state[_WRITTEN_AT] = wanted, time.monotonic()
