"""Attacks: what each task keeps as their strength grows, and who falls when whom is attacked."""

from collections.abc import Sequence

import plotly.graph_objects as go

from core.robustness.records import Suite
from core.runs import RunHeader
from core.structure import Group
from core.tables import Row
from explorer import theme, words
from explorer.figures.drawing import Drawing
from explorer.figures.robustness.kept import by_place, heat_of_kept, kept, panel_title, setting_rows, task_key
from explorer.focus import Focus
from explorer.theme import Properties

ATTACKS_ALT = "Curves of what each task keeps over the strength of an attack, one panel for each task attacked."
TRANSFER_ALT = "Matrix: rows are the tasks attacked, columns the tasks watched, numbers what those keep."
_ROW, _AROUND, _GAP, _COLUMNS = 180, 124, 62, 3
_CELL = 62


def attack_names(suite: Suite) -> list[str]:
    """The attacks that were measured, the strongest last."""
    return list(dict.fromkeys(setting.name for setting in suite.settings))


def radii(suite: Suite, attack: str) -> list[float]:
    """The strengths of an attack that were measured, rising; how far a value may move, in [0, 1]."""
    return sorted({setting.severity for setting in suite.settings if setting.name == attack})


def victims(header: RunHeader, suite: Suite, attack: str, order: Sequence[int]) -> list[Group]:
    """Who is attacked: the tasks alone in `order`, then all together."""
    found = {setting.attacked for setting in suite.settings if setting.name == attack}
    alone: list[Group] = [(task,) for task in order if (task,) in found]
    return [*alone, *sorted(group for group in found if len(group) > 1)]


def attacks_drawing(
    header: RunHeader, suite: Suite, attack: str, order: Sequence[int], focus: Focus, where: str
) -> Drawing:
    """The curves of one attack, ready to be shown and exported."""
    return Drawing(
        key="attack-curves",
        title=f"What each task keeps under {attack.upper()}",
        figure=attacks_figure(header, suite, attack, order, focus, where),
        alt=ATTACKS_ALT,
        caption=f"Performance under {attack.upper()} in percent of the clean one over the largest change of a value of "
        f"the image, one panel for whose loss is raised; {words.run_title(header)}, {where}, {suite.conditions.tool}.",
        rows=lambda: [row for row in setting_rows(header, suite, order) if row["name"] == attack],
    )


def attacks_figure(
    header: RunHeader, suite: Suite, attack: str, order: Sequence[int], focus: Focus, where: str
) -> go.Figure:
    """A panel for each that is attacked, a curve a watched task; the attacked one is drawn strong."""
    watched = [task for task in order if not focus.tasks or task in focus.tasks]
    strengths, places, looks = radii(suite, attack), by_place(suite), theme.looks(header)
    groups = victims(header, suite, attack, order)
    columns = min(_COLUMNS, max(len(groups), 1))
    rows = -(-len(groups) // columns) or 1
    height = (_ROW + _GAP) * rows + _AROUND
    inside, each = height - _AROUND, 1.05 / columns
    traces: list[Properties] = []
    notes: list[Properties] = []
    layout: Properties = {"margin": {"l": 8, "r": 8, "t": 80, "b": 58}}
    for place, group in enumerate(groups):
        number = "" if place == 0 else str(place + 1)
        row, column = divmod(place, columns)
        top = 1 - row * (_ROW + _GAP) / inside
        layout[f"xaxis{number}"] = theme.axis(
            "largest change [of 255]" if place == min(len(groups) - 1, (rows - 1) * columns + columns // 2) else "",
            domain=[each * column, min(1.0, each * (column + 1) - 0.05)],
            anchor=f"y{number}",
            tickvals=list(range(len(strengths) + 1)),
            ticktext=["0", *(f"{255 * strength:g}" for strength in strengths)],
        )
        layout[f"yaxis{number}"] = theme.axis(
            "kept [% of clean]" if column == 0 else "",
            domain=[max(0.0, top - _ROW / inside), top],
            anchor=f"x{number}",
            range=[0, 112],
            nticks=5,
        )
        for task in watched:
            info, look = header.tasks[task], looks[task]
            settings = [places.get((attack, strength, group)) for strength in strengths]
            found = [kept(suite, one, info.name, info.metrics[0]) if one else None for one in settings]
            metric = info.metrics[0]
            said = [f"{metric.label} {words.value(one.value, metric.unit)}" if one else "" for one in found]
            own = task in group
            traces.append(
                {
                    "type": "scatter",
                    "xaxis": f"x{number}",
                    "yaxis": f"y{number}",
                    "x": list(range(len(strengths) + 1)),
                    "y": [100.0, *(one.share if one else None for one in found)],
                    "mode": "lines+markers",
                    "line": {"color": look.colour, "dash": look.dash, "width": 3 if own else 1.6},
                    "marker": {"symbol": look.symbol, "size": 7 if own else 5, "color": look.colour},
                    "customdata": [[Focus(None, (task,)).mark(), text] for text in ("clean", *said)],
                    "hovertemplate": f"<b>{look.label}</b>, %{{customdata[1]}}<br>keeps %{{y:.1f}} %<extra></extra>",
                    "name": look.label,
                }
            )
        label = looks[group[0]].label if len(group) == 1 else attacked_label(header, group)
        notes.append(panel_title(label, number))
    layout["annotations"] = [*notes, task_key(header, watched, 1 + 24 / inside)]
    layout["showlegend"] = False
    return theme.figure(traces, layout, height, f"{words.run_title(header)} · {where}")


def transfer_drawing(
    header: RunHeader, suite: Suite, attack: str, radius: float, order: Sequence[int], focus: Focus, where: str
) -> Drawing:
    """Who falls when whom is attacked, ready to be shown and exported."""

    def rows() -> list[Row]:
        wanted = {"name": attack, "severity": radius}
        return [row for row in setting_rows(header, suite, order) if all(row[key] == wanted[key] for key in wanted)]

    return Drawing(
        key="attack-transfer",
        title="Transfer between tasks",
        figure=transfer_figure(header, suite, attack, radius, order, focus, where),
        alt=TRANSFER_ALT,
        caption=f"What the column's task keeps of its clean performance when {attack.upper()} of radius "
        f"{255 * radius:g}/255 raises the loss of the row's; {words.run_title(header)}, {where}.",
        rows=rows,
    )


def transfer_figure(
    header: RunHeader, suite: Suite, attack: str, radius: float, order: Sequence[int], focus: Focus, where: str
) -> go.Figure:
    """Attacked × watched tasks, with the number in every cell; the attacked task itself is framed."""
    looks, places = theme.looks(header), by_place(suite)
    groups = victims(header, suite, attack, order)
    found = [
        [
            kept(suite, setting, header.tasks[task].name, header.tasks[task].metrics[0])
            if (setting := places.get((attack, radius, group)))
            else None
            for task in order
        ]
        for group in groups
    ]
    heat = heat_of_kept(
        list(range(len(order))),
        list(range(len(groups))),
        [[min(one.share, 100) if one else None for one in line] for line in found],
        [[f"{one.share:.0f}" if one else "" for one in line] for line in found],
        gap=2,
    )
    spots = [(row, column) for row in range(len(groups)) for column in range(len(order))]
    unseen: Properties = {
        "type": "scatter",
        "x": [column for _, column in spots],
        "y": [row for row, _ in spots],
        "mode": "markers",
        "marker": {"symbol": "square", "size": _CELL - 8, "color": theme.NEUTRAL, "opacity": 0},
        "customdata": [
            [
                Focus(None, (order[column],)).mark(),
                f"{attacked_label(header, groups[row])} attacked<br>{looks[order[column]].label} keeps "
                f"{f'{one.share:.1f} %' if (one := found[row][column]) else words.NOT_DEFINED}",
            ]
            for row, column in spots
        ],
        "hovertemplate": "%{customdata[1]}<extra></extra>",
        "showlegend": False,
        "name": "cells",
    }
    frames = [
        _frame(row, column, theme.NEUTRAL, "attacked")
        for row, column in spots
        if len(groups[row]) == 1 and order[column] in groups[row]
    ]
    frames += [_frame(row, column, theme.ACCENT, "picked") for row, column in spots if order[column] in focus.tasks]
    layout: Properties = {
        "xaxis": theme.axis(
            "watched",
            tickvals=list(range(len(order))),
            ticktext=[looks[task].letter for task in order],
            showgrid=False,
            constrain="domain",
        ),
        "yaxis": theme.axis(
            "attacked",
            tickvals=list(range(len(groups))),
            ticktext=[attacked_label(header, group) for group in groups],
            autorange="reversed",
            scaleanchor="x",
            showgrid=False,
            constrain="domain",
        ),
    }
    height = _CELL * max(len(groups), 3) + 110
    return theme.figure([heat, unseen], layout, height, f"{words.run_title(header)} · {where}", frames)


def attacked_label(header: RunHeader, group: Group) -> str:
    """Who is attacked, in words."""
    looks = theme.looks(header)
    return (
        "all tasks"
        if len(group) == len(header.tasks)
        else " + ".join(f"{looks[task].label} ({looks[task].letter})" for task in group)
    )


def _frame(row: int, column: int, colour: str, name: str) -> Properties:
    edge = 0.46 if name == "attacked" else 0.4
    ends = {"x0": column - edge, "x1": column + edge, "y0": row - edge, "y1": row + edge}
    return {"type": "rect", **ends, "line": {"color": colour, "width": 2}, "name": name}
