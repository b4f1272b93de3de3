"""Who shares in how many runs: one cell a stage and pair of tasks; and how far every two runs agree."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import plotly.graph_objects as go

from core.tables import Row
from explorer import theme, words
from explorer.figures.compare.members import Member, moments, title
from explorer.figures.compare.sharing import agreements, common_ground, member_pairs
from explorer.figures.drawing import Drawing
from explorer.focus import Focus
from explorer.theme import Properties, TaskLook

PAIRS_ALT = (
    "One cell for each stage, upwards, and each pair of tasks, to the right: the letters, or the number, of the runs "
    "in which the pair shares the stage; the darker, the more runs."
)
AGREEMENT_ALT = "Matrix of runs: how far the structures of every two runs agree, in per cent of all stages and pairs."
_MOST_NAMED = 30  # pairs whose letters have room in a figure
_ROW_PIXELS, _TALLEST, _AROUND = (22, 42), 660, 112
STRENGTH = (0.05, 0.6)  # opacity of no run and of all runs: any text of the page's theme reads on both


def pairs_drawing(members: Sequence[Member], focus: Focus) -> Drawing:
    """In which runs each pair shares each stage, ready to be shown and exported."""

    def rows() -> list[Row]:
        ground = common_ground(members)
        header, flags = members[0].header, member_pairs(members, ground)
        found: list[Row] = []
        for row, stage in enumerate(ground.stages[0]):
            for column, (one, other) in enumerate(ground.pairs):
                who: Row = {
                    member.label: "yes" if flag[row, column] else "no"
                    for member, flag in zip(members, flags, strict=True)
                }
                found.append(
                    {
                        "stage": words.stage_name(header, stage),
                        "task": header.tasks[ground.tasks[0][one]].label,
                        "other": header.tasks[ground.tasks[0][other]].label,
                        **who,
                        "runs that share": sum(bool(flag[row, column]) for flag in flags),
                    }
                )
        return found

    return Drawing(
        key="pairs",
        title="Who shares in which runs",
        figure=pairs_figure(members, focus),
        alt=PAIRS_ALT,
        caption="For each stage and pair of tasks the runs in which the pair shares the stage (of more than three runs "
        "how many): " + ", ".join(f"{member.label} ({words.place(member.event)})" for member in members) + ".",
        rows=rows,
    )


def pairs_figure(members: Sequence[Member], focus: Focus) -> go.Figure:
    """One cell a stage and pair of tasks, with the letters of the runs in which the pair shares it."""
    ground = common_ground(members)
    header = members[0].header
    flags = member_pairs(members, ground)
    counts = np.sum(flags, axis=0)  # [S, P]
    looks = theme.looks(header)
    names = ["–".join(_letter(ground.tasks[0][position], looks, focus) for position in pair) for pair in ground.pairs]
    marks, texts, facts = [], [], []
    for row, stage in enumerate(ground.stages[0]):
        for column, pair in enumerate(ground.pairs):
            tasks = tuple(sorted(ground.tasks[0][position] for position in pair))
            who = [member.letter for member, flag in zip(members, flags, strict=True) if flag[row, column]]
            marks.append(Focus(stage, tasks).mark())
            texts.append(_who(who, len(members)))
            labels = words.task_names(header, tasks, " – ")
            shared = f"share in {', '.join(who)}" if who else "share in none"
            facts.append(f"<b>{words.stage_name(header, stage)}</b> · {labels}<br>{shared}")
    n_stages, n_pairs = counts.shape
    where = [(column, row) for row in range(n_stages) for column in range(n_pairs)]
    low, high = STRENGTH
    cells: Properties = {
        "type": "heatmap",
        "z": counts,
        "x": list(range(n_pairs)),
        "y": list(range(n_stages)),
        "zmin": 0,
        "zmax": len(members),
        "colorscale": [[0, theme.see_through(theme.NEUTRAL, low)], [1, theme.see_through(theme.NEUTRAL, high)]],
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "hoverinfo": "skip",
        "name": "runs that share",
    }
    letters: Properties = {
        "type": "scatter",
        "x": [x for x, _ in where],
        "y": [y for _, y in where],
        "mode": "text+markers" if n_pairs <= _MOST_NAMED else "markers",
        "text": texts if n_pairs <= _MOST_NAMED else None,
        "textfont": {"size": theme.SMALL_TEXT if n_pairs <= 12 else theme.SMALL_TEXT - 3},
        "marker": {"symbol": "square", "size": 20, "opacity": 0, "color": theme.NEUTRAL},
        "customdata": [list(found) for found in zip(marks, facts, strict=True)],
        "hovertemplate": "%{customdata[1]}<extra></extra>",
        "name": "letters",
        "showlegend": False,
    }
    alone = focus.stage is None and len(focus.tasks) < 2  # a task alone shows in the names of its pairs
    picked = [
        _frame(column, row)
        for column, row in where
        if not alone
        and focus.has(ground.stages[0][row], [ground.tasks[0][position] for position in ground.pairs[column]])
    ]
    layout: Properties = {
        "xaxis": theme.axis(
            "pair of tasks" if n_pairs <= _MOST_NAMED else f"{n_pairs} pairs of tasks, named under the pointer",
            tickvals=list(range(n_pairs)) if n_pairs <= _MOST_NAMED else [],
            ticktext=names if n_pairs <= _MOST_NAMED else [],
            showgrid=False,
            range=[-0.6, n_pairs - 0.4],
        ),
        "yaxis": theme.axis(
            "stage",
            tickvals=list(range(n_stages)),
            ticktext=[f"<b>{words.stage_name(header, stage)}</b>" for stage in ground.stages[0]],
            showgrid=False,
            range=[-0.6, n_stages - 0.4],
        ),
    }
    pixels = min(max(_TALLEST / (n_stages + 1), _ROW_PIXELS[0]), _ROW_PIXELS[1])
    return theme.figure([cells, letters], layout, round(n_stages * pixels) + _AROUND, moments(members), picked)


def agreement_drawing(members: Sequence[Member]) -> Drawing:
    """How far every two runs agree, ready to be shown and exported."""

    def rows() -> list[Row]:
        found = agreements(members)
        return [
            {"run": one.label, "other": other.label, "agreement": found[row][column]}
            for (row, one), (column, other) in combinations(enumerate(members), 2)
        ]

    return Drawing(
        key="agreement",
        title="Agreement of every two runs",
        figure=agreement_figure(members),
        alt=AGREEMENT_ALT,
        caption="Share of entries (a stage and a pair of tasks) on which two runs say the same, together or apart, in "
        "per cent: the Rand index, averaged over stages. " + title(members) + ".",
        rows=rows,
    )


def agreement_figure(members: Sequence[Member]) -> go.Figure:
    """The agreement of every two runs in per cent; the diagonal is left empty."""
    found = agreements(members)
    values = [
        [None if row == column or share is None else 100 * share for column, share in enumerate(line)]
        for row, line in enumerate(found)
    ]
    places = list(range(len(members)))
    low, high = STRENGTH
    cells: Properties = {
        "type": "heatmap",
        "z": values,
        "x": places,
        "y": places,
        "zmin": 0,
        "zmax": 100,
        "colorscale": [[0, theme.see_through(theme.NEUTRAL, low)], [1, theme.see_through(theme.NEUTRAL, high)]],
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "customdata": [[f"{one.label} and {other.label}" for other in members] for one in members],
        "hovertemplate": "%{customdata}<br>agree on %{z:.1f} %<extra></extra>",
        "hoverongaps": False,
        "name": "agreement",
    }
    spots = [(column, row) for row in places for column in places]
    texts: Properties = {
        "type": "scatter",
        "x": [x for x, _ in spots],
        "y": [y for _, y in spots],
        "mode": "text",
        "text": [_said(found[y][x]) if x != y else "–" for x, y in spots],
        "hoverinfo": "skip",
        "name": "numbers",
        "showlegend": False,
    }
    ticks: Properties = {"tickvals": places, "showgrid": False}
    layout: Properties = {
        "xaxis": theme.axis("run", ticktext=[member.letter for member in members], **ticks),
        "yaxis": theme.axis("run", ticktext=[member.label for member in members], autorange="reversed", **ticks),
    }
    return theme.figure([cells, texts], layout, 38 * len(members) + 112, moments(members))


def _said(share: float | None) -> str:
    return words.NOT_DEFINED if share is None else f"{100 * share:.0f} %"


def _who(letters: Sequence[str], n_runs: int) -> str:
    """Which runs share, in a cell: their letters, or how many of more than three."""
    if len(letters) == n_runs:
        return "all"
    return ("".join(letters) if n_runs <= 3 else str(len(letters))) if letters else "·"


def _letter(task: int, looks: Sequence[TaskLook], focus: Focus) -> str:
    letter = looks[task].letter
    return f"<b><u>{letter}</u></b>" if task in focus.tasks else letter


def _frame(column: int, row: int) -> Properties:
    line = {"color": theme.ACCENT, "width": 2.5}
    box = {"x0": column - 0.48, "x1": column + 0.48, "y0": row - 0.48, "y1": row + 0.48}
    return {"type": "rect", **box, "line": line, "name": "picked"}
