"""The timeline of a run: phases, decisions, neuron events, the stops of the cursor and the cursor itself.

Of a kind of which there are more than `MOST_MARKS`, marks that would lie on each other are drawn as one, which the axis
says; the cursor still stops at each. Everything but the cursor is made once for a run of a given length.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import plotly.graph_objects as go

from core.events import NodeCreated, NodesRemoved, Role
from core.tables import Row
from explorer import theme, words
from explorer.figures.axis import RunAxis, epoch_axis, run_axis
from explorer.figures.drawing import Drawing
from explorer.moments import Grain, History
from explorer.theme import Properties

ALT = (
    "Timeline of the run: task-learning phases plain, structural-learning phases hatched, with a mark for every "
    "decision, creation and removal, and a line where the cursor stands."
)
HEIGHT = 188
MOST_MARKS = 400
"""Marks of one kind that are drawn; on a wide screen they are then three pixels apart."""
_PHASES, _DECISIONS, _NEURONS = 0.0, 1.0, 2.0
_STOPS = -0.72

_RULE = f"; marks closer than 1/{MOST_MARKS} of the run are drawn as one"


@dataclass(frozen=True)
class _Marked:
    """The traces of a run of `length` events; `crowded` if some marks stand for several events."""

    length: int
    traces: tuple[Properties, ...]
    crowded: bool


_made: WeakKeyDictionary[History, dict[Grain, _Marked]] = WeakKeyDictionary()


def timeline_drawing(history: History, index: int, grain: Grain) -> Drawing:
    """The timeline of the run, ready to be shown and exported."""

    def rows() -> list[Row]:
        return [
            {
                "event": position,
                "kind": event.kind,
                "phase": event.phase,
                "epoch": event.epoch,
                "step": event.step,
                "seconds": event.seconds,
                "what": words.title(event, history.header),
            }
            for position, event in ((stop, history.event(stop)) for stop in history.stops(grain))
        ]

    return Drawing(
        key="timeline",
        title="Timeline",
        figure=timeline_figure(history, index, grain),
        alt=ALT,
        caption=f"Phases, decisions and neuron events of {words.run_title(history.header)}. Hatched: "
        "structural-learning phases. Filled diamonds: groups fuse; triangles: neurons are created; crosses: removed.",
        rows=rows,
    )


def timeline_figure(history: History, index: int, grain: Grain) -> go.Figure:
    """The phases of a run along its axis, its decisions and neuron events above, the cursor at the event `index`.

    The trace `stops` holds the moments at which the cursor can stop; every mark carries its position in `customdata`.
    """
    axis = run_axis(history)
    made = _marked(history, grain)
    traces = list(made.traces)
    shapes = []
    if len(history):
        x = float(axis.positions[index])
        line = {"color": theme.ACCENT, "width": 2}
        shapes.append({"type": "line", "x0": x, "x1": x, "y0": -1.0, "y1": 2.45, "line": line, "name": "cursor"})
        head = {"symbol": "triangle-down", "size": 11, "color": theme.ACCENT}
        traces.append(_quiet({"x": [x], "y": [2.55], "mode": "markers", "marker": head, "name": "cursor"}))
    layout = {
        "xaxis": epoch_axis(axis, "hatched", note=_RULE if made.crowded else ""),
        "yaxis": theme.axis(
            "",
            range=[-1.05, 2.75],
            tickvals=[_PHASES, _DECISIONS, _NEURONS],
            ticktext=["phases", "decisions", "neurons"],
            showgrid=False,
        ),
        "barmode": "overlay",
        "bargap": 0,
    }
    return theme.figure(traces, layout, HEIGHT, shapes=shapes)


def _marked(history: History, grain: Grain) -> _Marked:
    """All traces but the cursor, made anew when the run has grown."""
    known = _made.setdefault(history, {})
    found = known.get(grain)
    if found is None or found.length != len(history):
        found = known[grain] = _mark(history, grain)
    return found


def _mark(history: History, grain: Grain) -> _Marked:
    axis = run_axis(history)
    decided = [found for found in history.measurements if found.decision is not None]
    fused = [found.decision_index for found in decided if found.decision and found.decision.fused]
    kept = [found.decision_index for found in decided if found.decision and not found.decision.fused]
    events = [(position, history.event(position)) for position in range(len(history))]
    born = [position for position, event in events if isinstance(event, NodeCreated)]
    gone = [position for position, event in events if isinstance(event, NodesRemoved)]
    filled: Properties = {"color": theme.ACCENT}
    hollow: Properties = {"color": "rgba(0,0,0,0)", "line": {"color": theme.NEUTRAL, "width": 1.6}}
    crossed: Properties = {"color": theme.NEUTRAL, "line": {"color": theme.NEUTRAL, "width": 2}}
    ticks: Properties = {"color": theme.NEUTRAL, "line": {"color": theme.NEUTRAL, "width": 1.5}, "opacity": 0.9}
    stops = history.stops(grain)
    traces: tuple[Properties, ...] = (
        _phases(axis, "task-learning", "", theme.FAINT),
        _phases(axis, "structural-learning", "/", theme.see_through(theme.ACCENT, 0.28)),
        _marks(history, axis, fused, _DECISIONS, "decision: groups fuse", "diamond", filled),
        _marks(history, axis, kept, _DECISIONS, "decision: nothing fuses", "diamond", hollow),
        _marks(history, axis, born, _NEURONS, "neurons created", "triangle-up", filled),
        _marks(history, axis, gone, _NEURONS, "neurons removed", "x-thin", crossed),
        _marks(history, axis, stops, _STOPS, "stops", "line-ns", ticks) | {"showlegend": False},
    )
    parent = history.header.parent
    if parent is not None and parent.events < len(history):
        fork = _marks(history, axis, [parent.events], _NEURONS, "forked here", "y-down", crossed)
        traces = (*traces[:-1], fork, traces[-1])
    crowded = any(len(kind) > MOST_MARKS for kind in (fused, kept, born, gone, stops))
    return _Marked(len(history), traces, crowded)


def _phases(axis: RunAxis, role: Role, pattern: str, colour: str) -> Properties:
    spans = [span for span in axis.spans if span.role == role]
    return {
        "type": "bar",
        "x": [span.end - span.start for span in spans],
        "base": [span.start for span in spans],
        "y": [_PHASES] * len(spans),
        "orientation": "h",
        "width": 0.86,
        "marker": {
            "color": colour,
            "line": {"color": theme.NEUTRAL, "width": 1},
            "pattern": {"shape": pattern, "fgcolor": theme.ACCENT, "size": 6, "solidity": 0.25},
        },
        "customdata": [[f"phase {span.number} · {role}"] for span in spans],
        "hovertemplate": "%{customdata[0]}<extra></extra>",
        "name": role,
        "showlegend": True,
    }


def _marks(
    history: History,
    axis: RunAxis,
    indices: Sequence[int | None],
    lane: float,
    name: str,
    symbol: str,
    marker: Properties,
) -> Properties:
    together = _together(axis, [index for index in indices if index is not None])
    return {
        "type": "scatter",
        "x": [float(axis.positions[marks[0]]) for marks in together],
        "y": [lane] * len(together),
        "mode": "markers",
        "marker": {"symbol": symbol, "size": 9, **marker},
        "customdata": [[marks[0], _said(history, marks)] for marks in together],
        "hovertemplate": "%{customdata[1]}<extra></extra>",
        "name": name,
        "showlegend": True,
    }


def _together(axis: RunAxis, indices: Sequence[int]) -> list[list[int]]:
    """The events that each mark stands for, in order: one, or, of too many, all in the same small part of the axis."""
    if len(indices) <= MOST_MARKS:
        return [[index] for index in indices]
    found: dict[int, list[int]] = {}
    for index in indices:
        found.setdefault(int(MOST_MARKS * axis.positions[index] / axis.end), []).append(index)
    return list(found.values())


def _said(history: History, marks: Sequence[int]) -> str:
    event = history.event(marks[0])
    more = f"<br>and {len(marks) - 1} more up to event {marks[-1]}" if len(marks) > 1 else ""
    return f"phase {event.phase} · epoch {event.epoch}<br>{words.title(event, history.header)}{more}"


def _quiet(trace: Properties) -> Properties:
    return {"type": "scatter", "hoverinfo": "skip", "showlegend": False, **trace}
