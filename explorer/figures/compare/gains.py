"""How far every run is ahead of the baseline, task by task and on average."""

from collections.abc import Sequence

import plotly.graph_objects as go

from explorer import theme
from explorer.figures.compare.members import Member, method_symbols, moments, title
from explorer.figures.compare.scores import common_tasks, delta, gain, scores_at
from explorer.figures.compare.table import score_rows
from explorer.figures.drawing import Drawing
from explorer.focus import Focus
from explorer.names import get_name
from explorer.theme import Properties

ALT = (
    "One row a task and one for their mean: how far each run is ahead of the baseline in per cent, as a mark with the "
    "run's letter; to the right of the line at 0 is better."
)
_ROW, _EACH, _AROUND = 22, 13, 124  # pixels of a row, of each run in it, and around all rows


def gains_drawing(members: Sequence[Member], baseline: Member, focus: Focus) -> Drawing:
    """Gains over the baseline, ready to be shown and exported; its data are the whole table of metrics."""
    return Drawing(
        key="gains",
        title="Gain over the baseline",
        figure=gains_figure(members, baseline, focus),
        alt=ALT,
        caption=f"Relative gain of the key metric of each task over {baseline.label}, in per cent, turned so that more "
        f"is better; Δm is the mean over tasks. Validation images. {title(members)}.",
        rows=lambda: score_rows(members, baseline),
    )


def gains_figure(members: Sequence[Member], baseline: Member, focus: Focus) -> go.Figure:
    """The gain of every member but the baseline, one row a task, Δm below; gains that are not defined are left out."""
    tasks, reference = common_tasks(members), scores_at(baseline)
    looks = {look.name: look for look in theme.looks(members[0].header)}
    symbols = method_symbols(members)
    numbers = {task.name: number for number, task in enumerate(members[0].header.tasks)}
    rows = {task.name: len(tasks) - place for place, task in enumerate(tasks)}  # Δm in row 0
    shown = [member for member in members if member != baseline]
    row_pixels = _ROW + _EACH * len(shown)

    def dots(member: Member) -> Properties:
        down = (shown.index(member) - (len(shown) - 1) / 2) * _EACH / row_pixels  # so that no two runs overlap
        scores = scores_at(member)
        found = [(task, ahead) for task in tasks if (ahead := gain(scores, reference, task)) is not None]
        mean = delta(scores, reference, tasks)
        held = [focus.has(None, (numbers[task.name],)) for task, _ in found]
        ends = [mean] if mean is not None else []
        return {
            "type": "scatter",
            "x": [ahead for _, ahead in found] + ends,
            "y": [rows[task.name] - down for task, _ in found] + [-down] * len(ends),
            "mode": "markers+text",
            "text": [f"<b>{member.letter}</b>"] * (len(found) + len(ends)),
            "textposition": "middle right",
            "textfont": {"size": theme.SMALL_TEXT - 1},
            "marker": {
                "symbol": symbols[member.header.method],
                "size": 10,
                "color": [looks[task.name].colour for task, _ in found] + [theme.NEUTRAL] * len(ends),
                "line": {"color": theme.ACCENT, "width": [2.5 if picked else 0 for picked in held] + [0] * len(ends)},
            },
            "customdata": [[Focus(None, (numbers[task.name],)).mark(), task.label] for task, _ in found]
            + [["", "Δm"]] * len(ends),
            "hovertemplate": f"{member.label}<br>%{{customdata[1]}}: %{{x:+.2f}} %<extra></extra>",
            "name": f"{member.label} ({get_name(member.header.method)})",
            "showlegend": True,
        }

    lines: list[Properties] = [
        {"type": "line", "x0": 0, "x1": 0, "y0": 0, "y1": 1, "yref": "paper", "name": "baseline"}
        | {"line": {"color": theme.NEUTRAL, "width": 1.5}},
        {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": 0.5, "y1": 0.5, "name": "mean below"}
        | {"line": {"color": theme.NEUTRAL, "width": 1, "dash": "dot"}},
    ]
    layout: Properties = {
        "xaxis": theme.axis(f"gain over {baseline.label} [%] →", ticksuffix=" %"),
        "yaxis": theme.axis(
            "",
            range=[-0.6, len(tasks) + 0.6],
            tickvals=list(range(len(tasks) + 1)),
            ticktext=["<b>Δm</b>", *(f"{task.label} ({looks[task.name].letter})" for task in reversed(tasks))],
            showgrid=False,
        ),
        "margin": {"l": 8, "r": 16, "t": 12, "b": 58},
    }
    traces = [dots(member) for member in shown]
    return theme.figure(traces, layout, row_pixels * (len(tasks) + 1) + _AROUND, moments(members), lines)
