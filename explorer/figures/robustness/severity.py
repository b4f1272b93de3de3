"""What each task keeps as the severity rises: a panel a kind of corruption or a shift, with a reference run behind."""

from collections.abc import Sequence

import plotly.graph_objects as go

from core.robustness.records import Suite
from core.runs import RunHeader
from explorer import theme, words
from explorer.figures.drawing import Drawing
from explorer.figures.robustness.kept import by_place, kinds, mean_kept, panel_title, setting_rows, severities, task_key
from explorer.focus import Focus
from explorer.theme import Properties, TaskLook

ALT = "Curves of what each task keeps of its clean performance over the severity, one panel a kind, with bands."
_ROW, _AROUND, _GAP, _COLUMNS = 190, 124, 62, 4


def severity_drawing(
    header: RunHeader, suite: Suite, order: Sequence[int], focus: Focus, where: str, reference: tuple[str, Suite] | None
) -> Drawing:
    """The panels of all kinds, ready to be shown and exported; `reference`: the name of another run, and its suite."""
    beside = f" Thin lines: {reference[0]}." if reference else ""
    return Drawing(
        key="robustness-severity",
        title="What each task keeps as severity rises",
        figure=severity_figure(header, suite, order, focus, where, reference),
        alt=ALT,
        caption=f"Performance in percent of the clean one over the severity, mean over the members of a kind; "
        f"{words.run_title(header)}, {where}. Bands: mean of the 95 % bootstrap intervals over images.{beside}",
        rows=lambda: setting_rows(header, suite, order),
    )


def severity_figure(
    header: RunHeader, suite: Suite, order: Sequence[int], focus: Focus, where: str, reference: tuple[str, Suite] | None
) -> go.Figure:
    """Panels side by side: a curve a task from 100 at severity 0, its interval as a band, the reference thin."""
    shown = [task for task in order if not focus.tasks or task in focus.tasks]
    groups, looks = kinds(suite), theme.looks(header)
    columns = min(_COLUMNS, max(len(groups), 1))
    rows = -(-len(groups) // columns) or 1
    height = (_ROW + _GAP) * rows + _AROUND
    inside = height - _AROUND
    each = 1.04 / columns
    traces: list[Properties] = []
    notes: list[Properties] = []
    layout: Properties = {"margin": {"l": 8, "r": 8, "t": 80, "b": 58}}
    for place, (kind, names) in enumerate(groups.items()):
        number = "" if place == 0 else str(place + 1)
        row, column = divmod(place, columns)
        top = 1 - row * (_ROW + _GAP) / inside
        domain = [each * column, min(1.0, each * (column + 1) - 0.04)]
        layout[f"xaxis{number}"] = theme.axis(
            "severity", domain=domain, anchor=f"y{number}", range=[-0.15, max(severities(suite), default=1) + 0.15]
        )
        layout[f"yaxis{number}"] = theme.axis(
            "kept [% of clean]" if column == 0 else "",
            domain=[max(0.0, top - _ROW / inside), top],
            anchor=f"x{number}",
            range=[0, 112],
            nticks=5,
        )
        axes = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
        for task in shown:
            if reference is not None:
                traces.append(_curve(header, reference[1], names, task, looks[task], axes, reference[0]))
            traces += [
                _band(header, suite, names, task, looks[task], axes),
                _curve(header, suite, names, task, looks[task], axes, ""),
            ]
        notes.append(panel_title(kind, number))
    layout["annotations"] = [*notes, task_key(header, shown, 1 + 24 / inside)]
    layout["showlegend"] = False
    return theme.figure(traces, layout, height, f"{words.run_title(header)} · {where}")


def _points(
    header: RunHeader, suite: Suite, names: Sequence[str], task: int
) -> list[tuple[float, float | None, float | None, float | None]]:
    """Severity, share, low and high end: 100 at 0, then the mean over `names`."""
    info, places = header.tasks[task], by_place(suite)
    found: list[tuple[float, float | None, float | None, float | None]] = [(0.0, 100.0, 100.0, 100.0)]
    for level in severities(suite):
        settings = [places[name, level, ()] for name in names if (name, level, ()) in places]
        one = mean_kept(suite, settings, info.name, info.metrics[0]) if len(settings) == len(names) else None
        found.append((level, one.share, one.low, one.high) if one else (level, None, None, None))
    return found


def _curve(
    header: RunHeader,
    suite: Suite,
    names: Sequence[str],
    task: int,
    look: TaskLook,
    axes: dict[str, str],
    reference: str,
) -> Properties:
    points = _points(header, suite, names, task)
    of = f" of {reference}" if reference else ""
    return {
        "type": "scatter",
        **axes,
        "x": [level for level, *_ in points],
        "y": [share for _, share, *_ in points],
        "mode": "lines" if reference else "lines+markers",
        "line": {"color": look.colour, "dash": look.dash, "width": 1 if reference else 2.2},
        "marker": {"symbol": look.symbol, "size": 6, "color": look.colour},
        "opacity": 0.75 if reference else 1,
        "customdata": [[Focus(None, (task,)).mark()] for _ in points],
        "hovertemplate": f"<b>{look.label}</b>{of}, severity %{{x:g}}<br>keeps %{{y:.1f}} %<extra></extra>",
        "showlegend": False,
        "name": f"{look.label}{of}" if reference else look.label,
    }


def _band(
    header: RunHeader, suite: Suite, names: Sequence[str], task: int, look: TaskLook, axes: dict[str, str]
) -> Properties:
    points = [point for point in _points(header, suite, names, task) if point[1] is not None]
    xs = [level for level, *_ in points]
    return {
        "type": "scatter",
        **axes,
        "x": [*xs, *reversed(xs)],
        "y": [*(high for *_, high in points), *(low for *_, low, _ in reversed(points))],
        "mode": "lines",
        "line": {"width": 0, "color": look.colour},
        "fill": "toself",
        "fillcolor": theme.see_through(look.colour, 0.16),
        "hoverinfo": "skip",
        "showlegend": False,
        "name": f"{look.label}, 95 %",
    }
