"""Who steps together: the groups of tasks of Selective Task Group Updates over the epochs."""

import plotly.graph_objects as go

from explorer import theme, words
from explorer.figures.affinity import groups_order
from explorer.figures.axis import run_axis
from explorer.figures.curves.panels import Panel, panels_figure
from explorer.figures.drawing import Drawing
from explorer.moments import History
from explorer.theme import Properties

GROUPS_ALT = "One lane a task over the epochs; tasks that step together wear the colour and letter of the same task."


def groups_drawing(history: History, index: int) -> Drawing:
    """Who steps together over the epochs, ready to be shown and exported."""
    names = [task.name for task in history.header.tasks]
    return Drawing(
        key="task-groups",
        title="Who steps together",
        figure=groups_figure(history, index),
        alt=GROUPS_ALT,
        caption=f"Groups of tasks that share an optimizer step over the epochs of {words.run_title(history.header)}. "
        "Tasks of one group wear the colour and letter of its first task; later than "
        f"{words.place(history.event(index))} is pale.",
        rows=lambda: [
            {"epoch": event.epoch, "task": names[task], "group": number, "first_of_group": names[group[0]]}
            for _, event in history.affinities
            for number, group in enumerate(event.groups)
            for task in group
        ],
    )


def groups_figure(history: History, index: int) -> go.Figure:
    """One lane a task; a bar as long as its group stays the same, in the colour of the group's first task.

    Bars after the event at `index` are pale. A click gives the position of the event at which the bar begins.
    """
    axis, looks, order = run_axis(history), theme.looks(history.header), groups_order(history)
    lanes = {task: len(order) - 1 - place for place, task in enumerate(order)}
    ends = [float(axis.positions[position]) for position, _ in history.affinities]
    starts = [max(0.0, end - 1.0) for end in ends[:1]] + ends[:-1]  # an update speaks of the epoch that it ends
    traces: list[Properties] = []
    for name, opacity, past in (("later", 0.35, False), ("so far", 1.0, True)):
        bars = [
            (task, sorted(group), starts[first], ends[last], history.affinities[first])
            for task in order
            for first, last, group in _stretches(history, task, index, past)
        ]
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "base": [start for _, _, start, _, _ in bars],
                "x": [end - start for _, _, start, end, _ in bars],
                "y": [lanes[task] for task, *_ in bars],
                "width": 0.72,
                "opacity": opacity,
                "marker": {
                    "color": [looks[group[0]].colour for _, group, *_ in bars],
                    "line": {"width": 1, "color": theme.NEUTRAL},
                },
                "text": [
                    _letters([looks[member].letter for member in group], (end - start) / axis.end)
                    for _, group, start, end, _ in bars
                ],
                "textposition": "inside",
                "insidetextanchor": "middle",
                "textangle": 0,
                "constraintext": "none",
                "textfont": {"color": [looks[group[0]].on_colour for _, group, *_ in bars]},
                "customdata": [
                    [position, looks[task].label, words.task_names(history.header, group), event.epoch]
                    for task, group, _, _, (position, event) in bars
                ],
                "hovertemplate": "%{customdata[1]} steps with: %{customdata[2]}<br>since epoch %{customdata[3]}"
                "<extra></extra>",
                "name": name,
            }
        )
    lanes_axis: Properties = {
        "tickvals": list(lanes.values()),
        "ticktext": [f"{looks[task].label} ({looks[task].letter})" for task in lanes],
        "range": [-0.6, len(order) - 0.4],
        "showgrid": False,
        "ticklabelstandoff": 5,
    }
    panel = Panel("", traces, lanes_axis)
    height = 30 * max(len(order), 2)
    figure = panels_figure(history, axis, index, [panel], height, words.run_title(history.header))
    return figure.update_layout(barmode="overlay")  # both traces in one lane


def _stretches(history: History, task: int, index: int, past: bool) -> list[tuple[int, int, tuple[int, ...]]]:
    """Runs of updates, up to `index` or after it, at which the task's group stays the same: first, last, group."""
    found: list[tuple[int, int, tuple[int, ...]]] = []
    for number, (position, event) in enumerate(history.affinities):
        if (position <= index) != past:
            continue
        group = next(group for group in event.groups if task in group)
        if found and found[-1][1] == number - 1 and found[-1][2] == group:
            found[-1] = (found[-1][0], number, group)
        else:
            found.append((number, number, group))
    return found


def _letters(letters: list[str], share: float) -> str:
    """All letters of a group on a bar that takes this share of the width, or the first one where they do not fit.

    >>> _letters(["S", "D", "Ed"], 0.5), _letters(["S", "D", "Ed"], 0.05), _letters(["S"], 0.001)
    ('S D Ed', 'S', '')
    """
    room = int(60 * share)  # letters that fit, on a figure of half a page
    return next((text for text in (" ".join(letters), letters[0]) if len(text) <= room), "")
