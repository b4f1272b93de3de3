"""The policies of AutoMTL at a moment: how likely each task shares a stage, has it as its own, or skips it."""

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from core.tables import Row
from explorer import theme, words
from explorer.figures.curves.panels import cells
from explorer.figures.drawing import Drawing
from explorer.figures.facts import policy_at
from explorer.focus import Focus
from explorer.moments import History, Snapshot
from explorer.theme import Properties

ALT = (
    "For every task and stage a bar cut into three: how likely the task shares the stage with others, has it as its "
    "own, or skips it."
)
READING = (
    "Each bar is cut by probability: filled is shared, hatched is the task's own, empty is skipped. A strong outline "
    "is what was chosen once policies were settled."
)
_KINDS = ("shared", "specific", "skip")
_PATTERNS = ("", "/", "")
_ROW_PIXELS, _TALLEST, _AROUND = (40, 18), 620, 104
_WIDTH, _ROW = 0.92, 0.84  # of a bar in columns, and of all bars of a stage in rows
_LEGIBLE = 0.18  # share of a bar that holds a number
_NOTHING = Focus()


class _Bar(NamedTuple):
    """One segment of a bar: one way of a task at a stage, or at one of its convolutions."""

    stage: int
    task: int
    left: float
    y: float
    share: float
    height: float
    chosen: bool
    said: str


def policy_rows(history: History, index: int) -> list[Row]:
    """The probabilities of every stage and task at a moment, and the temperature of samples."""
    header = history.header
    rows: list[Row] = []
    for stage in reversed(range(len(header.stages))):
        event = policy_at(history, stage, index)
        for task, ways in zip(header.tasks, event.probabilities if event else (), strict=False):
            row: Row = {"stage": words.stage_name(header, stage), "task": task.name}
            row |= dict(zip(words.POLICY, ways, strict=True))
            rows.append(row | {"temperature": event.temperature if event else None})
    return rows


def policies_drawing(history: History, snapshot: Snapshot, focus: Focus = _NOTHING) -> Drawing:
    """All policies at `snapshot`, ready to be shown and exported."""
    heat = _temperature(history, snapshot.index)
    return Drawing(
        key="policies",
        title="Policies",
        figure=policies_figure(history, snapshot, focus),
        alt=ALT,
        caption=f"Policies of {words.run_title(history.header)} at {words.place(snapshot.event)}"
        f"{f', temperature of the samples {heat:.3g}' if heat else ''}. {READING}",
        rows=lambda: policy_rows(history, snapshot.index),
    )


def policies_figure(history: History, snapshot: Snapshot, focus: Focus = _NOTHING) -> go.Figure:
    """A bar for each task (to the right) and stage (upwards) with its three probabilities side by side.

    Where convolutions have policies of their own, each has a thinner bar in its stage, the first one below.
    """
    header, order = history.header, history.order()
    looks = theme.looks(header)
    bars: dict[tuple[int, int], list[_Bar]] = {}
    most = 1
    for stage in range(len(header.stages)):
        event = policy_at(history, stage, snapshot.index)
        nodes = (event.nodes or (event.probabilities,)) if event else ()
        most = max(most, len(nodes))
        for place, node in enumerate(nodes):
            height = _ROW / len(nodes)
            y = stage - _ROW / 2 + height * (place + 0.5)
            for column, task in enumerate(order):
                chosen = _chosen(snapshot, stage, task) if len(nodes) == 1 else None
                left = column - _WIDTH / 2
                for way, share in enumerate(node[task]):
                    said = f"{looks[task].label} at {words.stage_name(header, stage)}"
                    said += f", convolution {place + 1}" if len(nodes) > 1 else ""
                    said += f": {100 * share:.0f} % {words.POLICY[way]}" + (", chosen" if way == chosen else "")
                    bar = _Bar(stage, task, left, y, share, height, way == chosen, said)
                    bars.setdefault((task, way), []).append(bar)
                    left += _WIDTH * share
    traces = [_bars(found, looks[task], way, focus) for (task, way), found in sorted(bars.items())]
    stages = len(header.stages)
    layout: Properties = {
        "barmode": "overlay",
        "xaxis": theme.axis(
            "task",
            side="top",
            tickvals=list(range(len(order))),
            ticktext=[f"<b>{looks[task].letter}</b> {looks[task].label}" for task in order],
            range=[-0.55, len(order) - 0.45],
            showgrid=False,
        ),
        "yaxis": theme.axis(
            "stage, from image to heads",
            tickvals=list(range(stages)),
            ticktext=[words.stage_name(header, stage) for stage in range(stages)],
            range=[-0.6, stages - 0.4],
            showgrid=False,
        ),
        "showlegend": False,
        "margin": {"l": 8, "r": 8, "t": 12, "b": 26},  # the axis is above
    }
    row = max(min(_ROW_PIXELS[0], _TALLEST / stages), _ROW_PIXELS[1], 7 * most)
    caption = f"{words.run_title(header)} · {words.place(snapshot.event)}"
    return theme.figure(traces, layout, round(stages * row) + _AROUND, caption)


def _chosen(snapshot: Snapshot, stage: int, task: int) -> int | None:
    """Which way a task takes a stage in the structure that stands, None while it still has several."""
    kinds = {node.kind for node in snapshot.graph.nodes if node.stage == stage and task in node.tasks}
    alone = kinds.pop() if len(kinds) == 1 else None
    return _KINDS.index(alone) if alone in _KINDS else None


def _bars(found: Sequence[_Bar], look: theme.TaskLook, way: int, focus: Focus) -> Properties:
    """The segments of one task that go one way; what is not picked is pale."""
    lit = [not focus or focus.has(bar.stage, (bar.task,)) for bar in found]
    return {
        "type": "bar",
        "orientation": "h",
        "base": [bar.left for bar in found],
        "y": [bar.y for bar in found],
        "x": [_WIDTH * bar.share for bar in found],
        "width": [0.88 * bar.height for bar in found],
        "marker": {
            "color": (look.colour, theme.see_through(look.colour, 0.3), theme.FAINT)[way],
            "opacity": [1.0 if one else 0.25 for one in lit],
            "line": {
                "color": [theme.ACCENT if bar.chosen else look.colour for bar in found],
                "width": [2.6 if bar.chosen else 0.8 for bar in found],
            },
            "pattern": {"shape": _PATTERNS[way], "fgcolor": look.colour, "fgopacity": 0.5, "size": 6, "solidity": 0.25},
        },
        "text": [f"{100 * bar.share:.0f}" if bar.share >= _LEGIBLE and bar.height == _ROW else "" for bar in found],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "textfont": {"size": theme.SMALL_TEXT - 1, "color": theme.NEUTRAL if way else look.on_colour, "weight": "bold"},
        "customdata": cells([(Focus(bar.stage, (bar.task,)).mark(), bar.said) for bar in found]),
        "hovertemplate": "%{customdata[1]}<extra></extra>",
        "name": f"{look.letter} {words.POLICY[way]}",
    }


def _temperature(history: History, index: int) -> float | None:
    found = [policy_at(history, stage, index) for stage in range(len(history.header.stages))]
    return next((event.temperature for event in found if event), None)
