"""One measure of every run over the epochs, each up to where it stands strong and from there on pale."""

from collections.abc import Sequence

import plotly.graph_objects as go

from core.runs import TaskInfo
from core.tables import Row
from explorer import theme
from explorer.figures.compare.cells import apart
from explorer.figures.compare.members import Member, method_symbols, moments, title
from explorer.figures.compare.quality import quality_title
from explorer.figures.compare.scores import course
from explorer.figures.drawing import Drawing
from explorer.focus import Focus
from explorer.theme import Properties

ALT = (
    "One curve a run over its epochs, told apart by dash, symbol and letter, pale after the moment at which the run "
    "stands, which a large open mark shows."
)
_HEIGHT, _PLOT_PIXELS = 360, 260


def curves_drawing(members: Sequence[Member], baseline: Member, task: TaskInfo | None) -> Drawing:
    """A measure of every run over the epochs, ready to be shown and exported. Without a `task` it is Δm."""
    measure = quality_title(baseline, task)

    def rows() -> list[Row]:
        return [
            {
                "run": member.label,
                "epoch": member.history.event(position).epoch,
                "phase": member.history.event(position).phase,
                measure: value,
                "up to its moment": "yes" if position <= member.index else "no",
            }
            for member in members
            for position, value in course(member, baseline, task)
        ]

    return Drawing(
        key="curves",
        title=f"{measure} over the epochs",
        figure=curves_figure(members, baseline, task),
        alt=ALT,
        caption=f"{measure} of every run over its epochs, validation images"
        + ("; against the baseline at the same epoch" if task is None else "")
        + f". Pale after the moment at which a run stands: {title(members)}.",
        rows=rows,
    )


def curves_figure(members: Sequence[Member], baseline: Member, task: TaskInfo | None) -> go.Figure:
    """The key metric of `task` (or Δm) of every member over its epochs, with a mark where each one stands."""
    symbols = method_symbols(members)
    first = members[0].header
    number = next((number for number, found in enumerate(first.tasks) if task and found.name == task.name), None)
    colour = theme.NEUTRAL if number is None else theme.looks(first)[number].colour
    mark = Focus(None, (number,)).mark() if number is not None else ""
    traces: list[Properties] = []
    ends: list[tuple[Member, int, float]] = []
    values: list[float] = []
    for member in members:
        found = course(member, baseline, task)
        values += [value for _, value in found]
        reached = max((position for position, _ in found if position <= member.index), default=-1)
        for name, opacity, kept in (
            ("later", 0.35, [point for point in found if point[0] >= reached]),
            ("so far", 1.0, [point for point in found if point[0] <= reached]),
        ):
            traces.append(
                {
                    "type": "scatter",
                    "x": [member.history.event(position).epoch for position, _ in kept],
                    "y": [value for _, value in kept],
                    "mode": "lines+markers",
                    "line": {"color": colour, "dash": member.dash, "width": 2},
                    "marker": {"symbol": symbols[member.header.method], "size": 6, "color": colour},
                    "opacity": opacity,
                    "customdata": [[mark]] * len(kept),
                    "hovertemplate": f"{member.label}<br>epoch %{{x}}: %{{y:.4g}}<extra></extra>",
                    "name": member.label if name == "so far" else f"{member.label}, later",
                    "showlegend": name == "so far",
                }
            )
        traces.append(_stand(member, [point for point in found if point[0] == reached], symbols, colour))
        if found:
            ends.append((member, member.history.event(found[-1][0]).epoch, found[-1][1]))
    shifts = apart([value for _, _, value in ends], min(values, default=0), max(values, default=0), _PLOT_PIXELS)
    last = max((epoch for _, epoch, _ in ends), default=1)
    layout: Properties = {
        "xaxis": theme.axis("task epochs", range=[0, last * 1.04 + 0.3], showgrid=False),
        "yaxis": theme.axis(quality_title(baseline, task)),
        "annotations": [_end(*end, shift) for end, shift in zip(ends, shifts, strict=True)],
        "margin": {"l": 8, "r": 30, "t": 12, "b": 58},
    }
    return theme.figure(traces, layout, _HEIGHT, moments(members))


def _stand(member: Member, here: Sequence[tuple[int, float]], symbols: dict[str, str], colour: str) -> Properties:
    """The large open mark at the last value up to a member's moment."""
    return {
        "type": "scatter",
        "x": [member.history.event(position).epoch for position, _ in here],
        "y": [value for _, value in here],
        "mode": "markers",
        "marker": {
            "symbol": f"{symbols[member.header.method]}-open",
            "size": 15,
            "color": theme.ACCENT,
            "line": {"width": 2},
        },
        "hoverinfo": "skip",
        "name": f"{member.letter} stands here",
        "showlegend": False,
    }


def _end(member: Member, epoch: int, value: float, shift: float) -> Properties:
    """The letter of a run at the end of its curve."""
    return {
        "x": epoch,
        "y": value,
        "text": f"<b>{member.letter}</b>",
        "showarrow": False,
        "xanchor": "left",
        "xshift": 8,
        "yshift": shift,
        "font": {"size": theme.SMALL_TEXT},
    }
