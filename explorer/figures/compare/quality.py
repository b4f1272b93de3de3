"""Quality against size: every run at its moment, how it came there, and which runs no other beats in both."""

from collections.abc import Sequence
from typing import Literal

import plotly.graph_objects as go

from core.runs import TaskInfo
from core.tables import Row
from explorer import theme, words
from explorer.figures.compare.cells import apart
from explorer.figures.compare.front import pareto_front
from explorer.figures.compare.members import Member, method_symbols, moments, title
from explorer.figures.compare.scores import common_tasks, course, delta, key_value, measure_title, scores_at
from explorer.figures.drawing import Drawing
from explorer.names import get_name
from explorer.theme import Properties

ALT = (
    "Every run as a mark with its name, size to the right and quality upwards, a thin path behind it over its "
    "evaluations, and a dashed staircase through the runs that no other beats in both: the Pareto front."
)
_HEIGHT, _PLOT_PIXELS = 406, 300

Size = Literal["parameters", "macs"]
SIZES: dict[Size, str] = {"parameters": "parameters", "macs": "MACs per image"}


def quality_drawing(members: Sequence[Member], baseline: Member, task: TaskInfo | None, size: Size) -> Drawing:
    """Quality against size, ready to be shown and exported. Without a `task`, quality is Δm against `baseline`."""
    measure = quality_title(baseline, task)

    def rows() -> list[Row]:
        placed = placed_members(members, baseline, task, size)
        front = _front(placed, task)
        return [
            {
                "run": member.label,
                "method": member.header.method,
                "phase": member.event.phase,
                "epoch": member.event.epoch,
                SIZES[size]: cost,
                measure: value,
                "on the Pareto front": "yes" if member in front else "no",
            }
            for member, cost, value in placed
        ]

    return Drawing(
        key="quality",
        title=f"{measure} against {SIZES[size]}",
        figure=quality_figure(members, baseline, task, size),
        alt=ALT,
        caption=f"{measure} against {SIZES[size]} of the whole network, validation images; {title(members)}. Filled "
        "marks lie on the Pareto front: no other run is smaller and better. Thin lines: how a run came there.",
        rows=rows,
    )


def quality_title(baseline: Member, task: TaskInfo | None) -> str:
    """What quality is."""
    return f"Δm against {baseline.letter} [%] ↑" if task is None else measure_title(task)


def placed_members(
    members: Sequence[Member], baseline: Member, task: TaskInfo | None, size: Size
) -> list[tuple[Member, int, float]]:
    """Members with their size and quality at their moment; those without a value are left out."""
    reference, tasks = scores_at(baseline), common_tasks(members)
    found = []
    for member in members:
        scores = scores_at(member)
        value = delta(scores, reference, tasks) if task is None else key_value(scores, task)
        if value is not None:
            found.append((member, _size(member, member.index, size), value))
    return found


def quality_figure(members: Sequence[Member], baseline: Member, task: TaskInfo | None, size: Size) -> go.Figure:
    """Quality against size of every member at its moment, with its path up to there and the Pareto front."""
    placed = placed_members(members, baseline, task, size)
    front = _front(placed, task)
    symbols = method_symbols(members)
    higher = task is None or task.metrics[0].direction == "higher"
    look = next((look for look in theme.looks(members[0].header) if task and look.name == task.name), None)
    colour = look.colour if look else theme.NEUTRAL
    traces = [_path(member, cost, value, course(member, baseline, task), size) for member, cost, value in placed]
    for member, cost, value in placed:
        on_front = member in front
        symbol = symbols[member.header.method]
        traces.append(
            {
                "type": "scatter",
                "x": [cost],
                "y": [value],
                "mode": "markers",
                "marker": {
                    "symbol": symbol if on_front else f"{symbol}-open",
                    "size": 13,
                    "color": colour,
                    "line": {"width": 2, "color": colour},
                },
                "customdata": [[f"{words.place(member.event)}<br>{'on' if on_front else 'behind'} the Pareto front"]],
                "hovertemplate": f"{member.label}, {get_name(member.header.method)}<br>%{{x:.4s}} {SIZES[size]}<br>"
                "%{y:.4g}<br>%{customdata[0]}<extra></extra>",
                "name": f"{member.letter} {get_name(member.header.method)}",
                "showlegend": False,
            }
        )
    traces += [
        {
            "type": "scatter",
            "x": [None],
            "y": [None],
            "mode": "markers",
            "marker": {"symbol": symbol, "size": 9, "color": theme.NEUTRAL},
            "name": get_name(method),
            "showlegend": True,
        }
        for method, symbol in symbols.items()
    ]
    costs, values = [cost for _, cost, _ in placed] or [1], [value for _, _, value in placed] or [0.0]
    end = 1.12 * max(costs)
    steps = {member.id: (cost, value) for member, cost, value in placed}
    traces.append(_staircase([steps[member.id] for member in front], end))
    room = 0.3 * (max(values) - min(values)) or 0.1 * abs(max(values)) or 1.0
    ends = [min(values) - room, max(values) + room]
    heights = [value if higher else -value for value in values]
    shifts = apart(heights, min(heights) - room, max(heights) + room, _PLOT_PIXELS)
    layout: Properties = {
        "annotations": [_name(*found, end, shift) for found, shift in zip(placed, shifts, strict=False)],
        "xaxis": theme.axis(f"{SIZES[size]} (smaller is better ←)", range=[0, end], tickformat="~s"),
        "yaxis": theme.axis(quality_title(baseline, task), range=ends if higher else ends[::-1]),
    }
    return theme.figure(traces, layout, _HEIGHT, moments(members))


def _front(placed: Sequence[tuple[Member, int, float]], task: TaskInfo | None) -> list[Member]:
    """The members on the Pareto front, by rising size."""
    higher = task is None or task.metrics[0].direction == "higher"
    return [placed[place][0] for place in pareto_front([(cost, value) for _, cost, value in placed], higher)]


def _size(member: Member, index: int, size: Size) -> int:
    snapshot = member.history.snapshot(index)
    return snapshot.parameters if size == "parameters" else snapshot.macs


def _name(member: Member, cost: int, value: float, end: float, shift: float) -> Properties:
    """The name of a run beside its mark: on the left of large networks, where it has room."""
    left = cost > end / 2
    return {
        "x": cost,
        "y": value,
        "text": f"<b>{member.letter}</b> {member.name}",
        "showarrow": False,
        "xanchor": "right" if left else "left",
        "xshift": -6 if left else 6,
        "yshift": 12 + shift,  # above the dashed line of the front
        "font": {"size": theme.SMALL_TEXT},
    }


def _path(member: Member, cost: int, value: float, found: Sequence[tuple[int, float]], size: Size) -> Properties:
    """Where a member was at each evaluation up to its moment."""
    past = [(position, earlier) for position, earlier in found if position <= member.index]
    return {
        "type": "scatter",
        "x": [*(_size(member, position, size) for position, _ in past), cost],
        "y": [*(earlier for _, earlier in past), value],
        "mode": "lines+markers",
        "line": {"color": theme.NEUTRAL, "width": 1.2, "dash": member.dash},
        "marker": {"size": 4, "color": theme.NEUTRAL},
        "opacity": 0.55,
        "customdata": [*(member.history.event(position).epoch for position, _ in past), member.event.epoch],
        "hovertemplate": f"{member.label}, epoch %{{customdata}}<br>%{{x:.4s}}, %{{y:.4g}}<extra></extra>",
        "name": f"path of {member.label}",
        "showlegend": False,
    }


def _staircase(points: Sequence[tuple[float, float]], end: float) -> Properties:
    """Through the front's `points`, by rising cost, and on to the right `end`."""
    return {
        "type": "scatter",
        "x": [*(cost for cost, _ in points), *[end] * bool(points)],
        "y": [*(value for _, value in points), *(value for _, value in points[-1:])],
        "mode": "lines",
        "line": {"color": theme.ACCENT, "width": 1.8, "dash": "dash", "shape": "hv"},
        "hoverinfo": "skip",
        "name": "Pareto front",
        "showlegend": True,
    }
