"""The timeline of a run: phases, decisions, neuron events, the stops of the cursor and the cursor itself."""

from collections.abc import Sequence

import plotly.graph_objects as go

from core.events import NodeCreated, NodesRemoved, Role
from explorer import theme, words
from explorer.figures.axis import RunAxis, epoch_axis, run_axis
from explorer.figures.drawing import Drawing
from explorer.figures.rows import Row
from explorer.moments import Grain, History
from explorer.theme import Properties

ALT = (
    "Timeline of the run: task-learning phases plain, structural-learning phases hatched, with a mark for every "
    "decision, creation and removal, and a line where the cursor stands."
)
HEIGHT = 188
_PHASES, _DECISIONS, _NEURONS = 0.0, 1.0, 2.0
_STOPS = -0.72


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
    traces = [
        _phases(axis, "task-learning", "", theme.FAINT),
        _phases(axis, "structural-learning", "/", theme.see_through(theme.ACCENT, 0.28)),
        _marks(history, axis, fused, _DECISIONS, "decision: groups fuse", "diamond", filled),
        _marks(history, axis, kept, _DECISIONS, "decision: nothing fuses", "diamond", hollow),
        _marks(history, axis, born, _NEURONS, "neurons created", "triangle-up", filled),
        _marks(history, axis, gone, _NEURONS, "neurons removed", "x-thin", crossed),
        _marks(history, axis, history.stops(grain), _STOPS, "stops", "line-ns", ticks) | {"showlegend": False},
    ]
    parent = history.header.parent
    if parent is not None and parent.events < len(history):
        traces.insert(-1, _marks(history, axis, [parent.events], _NEURONS, "forked here", "y-down", crossed))
    shapes = []
    if len(history):
        x = float(axis.positions[index])
        line = {"color": theme.ACCENT, "width": 2}
        shapes.append({"type": "line", "x0": x, "x1": x, "y0": -1.0, "y1": 2.45, "line": line, "name": "cursor"})
        head = {"symbol": "triangle-down", "size": 11, "color": theme.ACCENT}
        traces.append(_quiet({"x": [x], "y": [2.55], "mode": "markers", "marker": head, "name": "cursor"}))
    layout = {
        "xaxis": epoch_axis(axis, "hatched"),
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
    found = [index for index in indices if index is not None]
    events = [history.event(index) for index in found]
    return {
        "type": "scatter",
        "x": [float(axis.positions[index]) for index in found],
        "y": [lane] * len(found),
        "mode": "markers",
        "marker": {"symbol": symbol, "size": 9, **marker},
        "customdata": [
            [index, f"phase {event.phase} · epoch {event.epoch}<br>{words.title(event, history.header)}"]
            for index, event in zip(found, events, strict=True)
        ],
        "hovertemplate": "%{customdata[1]}<extra></extra>",
        "name": name,
        "showlegend": True,
    }


def _quiet(trace: Properties) -> Properties:
    return {"type": "scatter", "hoverinfo": "skip", "showlegend": False, **trace}
