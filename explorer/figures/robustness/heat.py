"""Every corruption or shift at every severity: one map a task, of how much of its clean performance is left."""

from collections.abc import Sequence

import plotly.graph_objects as go

from core.robustness.records import Suite
from core.runs import RunHeader
from explorer import theme, words
from explorer.figures.drawing import Drawing
from explorer.figures.robustness.kept import (
    by_place,
    heat_of_kept,
    kept,
    kinds,
    plain_name,
    setting_rows,
    severities,
    task_key,
)
from explorer.focus import Focus
from explorer.theme import Properties

ALT = "Heat maps, one a task: rows are corruptions or shifts, columns their severities, colours what the task keeps."
READING = (
    "Each number is how much of its clean performance a task keeps, in percent, by its key metric. ↝ marks what moves "
    "pixels, where the untouched truth is not quite right any more."
)
_CELL, _AROUND, _GAP = 24, 136, 0.7


def heat_drawing(header: RunHeader, suite: Suite, order: Sequence[int], focus: Focus, where: str) -> Drawing:
    """The maps of all tasks in `order`, ready to be shown and exported; `where` says of which weights and images."""
    return Drawing(
        key="robustness-heat",
        title="What each task keeps",
        figure=heat_figure(header, suite, order, focus, where),
        alt=ALT,
        caption=f"Performance under every {suite.conditions.family} at severities from low to high, in percent of the "
        f"clean one, by the key metric of each task; {words.run_title(header)}, {where}, {suite.conditions.tool}.",
        rows=lambda: setting_rows(header, suite, order),
    )


def heat_figure(header: RunHeader, suite: Suite, order: Sequence[int], focus: Focus, where: str) -> go.Figure:
    """One block of columns a task, one row a corruption; kinds stand apart. Tasks that are not picked are left out."""
    shown = [task for task in order if not focus.tasks or task in focus.tasks]
    levels, places = severities(suite), by_place(suite)
    names = [name for found in kinds(suite).values() for name in found]
    rows: dict[str, float] = {}
    y = 0.0
    grouped = len(kinds(suite)) < len(names)
    for found in kinds(suite).values():
        for name in found:
            rows[name] = y
            y += 1
        y += _GAP if grouped else 0
    looks = theme.looks(header)
    xs, ys, values, texts, said = [], [], [], [], []
    width = len(levels) + 0.8
    for block, task in enumerate(shown):
        info = header.tasks[task]
        for name, row in rows.items():
            for column, level in enumerate(levels):
                setting = places.get((name, level, ()))
                one = kept(suite, setting, info.name, info.metrics[0]) if setting else None
                if setting is None or one is None:
                    continue
                xs.append(block * width + column)
                ys.append(row)
                values.append(min(one.share, 100.0))
                texts.append(f"{one.share:.0f}")
                value = words.value(one.value, info.metrics[0].unit)
                said.append(
                    [
                        Focus(None, (task,)).mark(),
                        f"<b>{looks[task].label}</b> · {plain_name(name)}, {setting.setting}<br>"
                        f"{info.metrics[0].label} {value}: keeps {one.share:.1f} % "
                        f"(95 %: {one.low:.1f} to {one.high:.1f})",
                    ]
                )
    heat = heat_of_kept(xs, ys, values, texts, gap=1)
    unseen: Properties = {
        "type": "scatter",
        "x": xs,
        "y": ys,
        "mode": "markers",
        "marker": {"symbol": "square", "size": _CELL - 4, "color": theme.NEUTRAL, "opacity": 0},
        "customdata": said,
        "hovertemplate": "%{customdata[1]}<extra></extra>",
        "showlegend": False,
        "name": "cells",
    }
    moved = {setting.name for setting in suite.settings if setting.moves_pixels}
    heads = [
        {
            "text": f'<b><span style="color:{looks[task].colour}">{looks[task].letter}</span></b>',
            "x": block * width - 0.5,
            "y": 1,
            "xref": "x",
            "yref": "paper",
            "xanchor": "left",
            "yanchor": "bottom",
            "showarrow": False,
        }
        for block, task in enumerate(shown)
    ]
    layout: Properties = {
        "xaxis": theme.axis(
            "severity",
            tickvals=[block * width + column for block in range(len(shown)) for column in (0, len(levels) - 1)],
            ticktext=[f"{levels[column]:g}" for _ in shown for column in (0, -1)] if levels else [],
            range=[-0.8, max(width * len(shown) - 0.9, 1)],
            showgrid=False,
        ),
        "yaxis": theme.axis(
            suite.conditions.family,
            tickvals=list(rows.values()),
            ticktext=[f"{plain_name(name)}{' ↝' if name in moved else ''}" for name in rows],
            range=[y - 0.3, -0.7],
            showgrid=False,
        ),
        "annotations": [*heads, task_key(header, shown, 1 + 18 / (_CELL * max(y, 2)))],
        "margin": {"l": 8, "r": 8, "t": 58, "b": 58},
    }
    height = round(_CELL * max(y, 2)) + _AROUND
    return theme.figure([heat, unseen], layout, height, f"{words.run_title(header)} · {where}")
