"""The tasks of one measurement as a dendrogram: which are alike, and which only through others."""

import plotly.graph_objects as go

from core.structure import Group
from core.tables import Row
from explorer import theme, words
from explorer.figures.drawing import Drawing
from explorer.figures.linkage import Join, average_linkage
from explorer.focus import Focus
from explorer.moments import History, Measurement
from explorer.theme import Properties

ALT = (
    "Dendrogram of the tasks by average similarity, the most alike joined lowest, with the threshold as a dashed line "
    "and filled diamonds where a cluster is a group that fuses."
)
NOTE = (
    "For the eye only: MTSL does not use this tree. It scores whole partitions, so a branch that joins above the "
    "threshold need not be a group that fuses."
)
_HEIGHT = 330


def dendrogram_drawing(history: History, measurement: Measurement, focus: Focus) -> Drawing:
    """The dendrogram of `measurement`, ready to be shown and exported."""
    asked = measurement.similarity

    def rows() -> list[Row]:
        return [
            {
                "joins": words.task_names(history.header, join.left),
                "with": words.task_names(history.header, join.right),
                "similarity": join.similarity,
                "fuses": "yes" if _fuses(measurement, join.tasks) else "no",
            }
            for join in average_linkage(asked.matrix, asked.tasks)
        ]

    return Drawing(
        key="dendrogram",
        title="Dendrogram of the tasks",
        figure=dendrogram_figure(history, measurement, focus),
        alt=ALT,
        caption=f"Average linkage of the similarities at {words.stage_name(history.header, asked.stage)}, "
        f"{words.run_title(history.header)}, {words.place(asked)}; undefined ones count as 0. {NOTE}",
        rows=rows,
    )


def dendrogram_figure(history: History, measurement: Measurement, focus: Focus) -> go.Figure:
    """Tasks below, each on its stem; two clusters join at their mean similarity, higher up the less alike they are.

    A join can be picked; it is a filled diamond where its tasks are a group that fuses. Picked tasks have strong stems.
    """
    looks = theme.looks(history.header)
    asked, decision = measurement.similarity, measurement.decision
    joins = average_linkage(asked.matrix, asked.tasks)
    order = _leaves(joins, history.order())
    x: dict[Group, float] = {(task,): float(place) for place, task in enumerate(order)}
    height: dict[Group, float] = {(task,): 1.0 for task in order}
    traces: list[Properties] = []
    for join in joins:
        for side in (join.left, join.right):
            task = side[0] if len(side) == 1 else None
            line: Properties = {"color": theme.NEUTRAL, "width": 1.8}
            if task is not None:
                strong = task in focus.tasks
                line = {"color": looks[task].colour, "width": 5 if strong else 2.5, "dash": looks[task].dash}
            name = f"stem {looks[task].name}" if task is not None else "branch"
            traces.append(_line([x[side]] * 2, [height[side], join.similarity], line, name))
        ends = [x[join.left], x[join.right]]
        traces.append(_line(ends, [join.similarity] * 2, {"color": theme.NEUTRAL, "width": 1.8}, "joint"))
        x[join.tasks], height[join.tasks] = sum(ends) / 2, join.similarity
    traces += [_joins(history, measurement, joins, x), _tips(history, order, focus)]
    shapes: list[Properties] = []
    least = min([*height.values(), *([decision.min_similarity] if decision else [])])
    margin = 0.07 * (1 - least) or 0.01
    if decision is not None:
        line = {"color": theme.NEUTRAL, "width": 1.6, "dash": "dash"}
        threshold: Properties = {"y0": decision.min_similarity, "y1": decision.min_similarity, "line": line}
        shapes.append({"type": "line", "xref": "paper", "x0": 0, "x1": 1, "name": "threshold", **threshold})
    layout: Properties = {
        "xaxis": theme.axis(
            "task",
            tickvals=list(range(len(order))),
            ticktext=[f"<b>{looks[task].letter}</b>" for task in order],
            range=[-0.6, len(order) - 0.4],
            showgrid=False,
        ),
        "yaxis": theme.axis("mean similarity at which they join", range=[1 + margin, least - margin]),
        "showlegend": False,
    }
    stage = words.stage_name(history.header, asked.stage)
    caption = f"{words.run_title(history.header)} · {stage}, phase {asked.phase} · not used by MTSL"
    return theme.figure(traces, layout, _HEIGHT, caption, shapes)


def _leaves(joins: list[Join], order: Group) -> Group:
    """The tasks from left to right so that no branches cross, as near to the run's order as that allows."""
    rank = {task: place for place, task in enumerate(order)}
    placed: dict[Group, Group] = {}
    for join in joins:
        sides = [placed.get(side, side) for side in (join.left, join.right)]
        sides.sort(key=lambda side: sum(rank[task] for task in side) / len(side))
        placed[join.tasks] = (*sides[0], *sides[1])
    return placed[joins[-1].tasks]


def _fuses(measurement: Measurement, tasks: Group) -> bool:
    return measurement.decision is not None and tasks in measurement.decision.fused


def _line(x: list[float], y: list[float], line: Properties, name: str) -> Properties:
    return {"type": "scatter", "x": x, "y": y, "mode": "lines", "line": line, "name": name, "hoverinfo": "skip"}


def _joins(history: History, measurement: Measurement, joins: list[Join], x: dict[Group, float]) -> Properties:
    stage = measurement.similarity.stage
    fuses = [_fuses(measurement, join.tasks) for join in joins]
    return {
        "type": "scatter",
        "x": [x[join.tasks] for join in joins],
        "y": [join.similarity for join in joins],
        "mode": "markers",
        "marker": {
            "symbol": ["diamond" if found else "circle-open" for found in fuses],
            "size": [12 if found else 9 for found in fuses],
            "color": [theme.ACCENT if found else theme.NEUTRAL for found in fuses],
            "line": {"width": 2, "color": [theme.ACCENT if found else theme.NEUTRAL for found in fuses]},
        },
        "customdata": [
            [
                Focus(stage, join.tasks).mark(),
                f"{words.task_names(history.header, join.left)} with {words.task_names(history.header, join.right)}<br>"
                f"mean similarity {join.similarity:.4f}{' · fuses' if found else ''}",
            ]
            for join, found in zip(joins, fuses, strict=True)
        ],
        "hovertemplate": "%{customdata[1]}<extra></extra>",
        "name": "joins",
    }


def _tips(history: History, order: Group, focus: Focus) -> Properties:
    looks = [theme.looks(history.header)[task] for task in order]
    return {
        "type": "scatter",
        "x": list(range(len(order))),
        "y": [1.0] * len(order),
        "mode": "markers",
        "marker": {
            "symbol": [look.symbol for look in looks],
            "size": [14 if task in focus.tasks else 10 for task in order],
            "color": [look.colour for look in looks],
        },
        "customdata": [[Focus(None, (task,)).mark(), look.label] for task, look in zip(order, looks, strict=True)],
        "hovertemplate": "%{customdata[1]}<extra></extra>",
        "name": "tasks",
    }
