"""Δm over the epochs: how far a run is ahead of a baseline over all tasks, in one number."""

import plotly.graph_objects as go

from core.tables import Row
from explorer import theme, words
from explorer.figures.axis import run_axis
from explorer.figures.curves.panels import Curve, Panel, cells, panels_figure, told, two_parts
from explorer.figures.curves.series import Baseline, change, deltas, gains, measures
from explorer.figures.drawing import Drawing
from explorer.moments import History
from explorer.theme import Properties

ALT = (
    "Delta m over the epochs, the mean gain of all tasks over the baseline, as a strong line, with the gain of each "
    "task thin behind it and a dotted line at zero."
)
_ROW = 210


def delta_drawing(history: History, index: int, baseline: Baseline) -> Drawing:
    """Δm against `baseline`, ready to be shown and exported."""

    def rows() -> list[Row]:
        header = history.header
        by_task = {
            task.name: dict(gains(history, measures(header, position, "metric")[0], baseline))
            for position, task in enumerate(header.tasks)
        }
        return [
            {
                "epoch": history.event(found.index).epoch,
                "phase": history.event(found.index).phase,
                "delta_m": found.value,
                **{name: values.get(found.index) for name, values in by_task.items()},
                "why_undefined": found.reason,
            }
            for found in deltas(history, baseline)
        ]

    return Drawing(
        key="delta",
        title="Δm against the baseline",
        figure=delta_figure(history, index, baseline),
        alt=ALT,
        caption=f"Δm of {words.run_title(history.header)} against {baseline.title}: the mean "
        "over tasks of the gain of the key metric at the same epoch, in percent of the baseline's value, its sign "
        "turned so that positive is better. Thin: the gain of each task. Bands are structural-learning phases.",
        rows=rows,
    )


def delta_figure(history: History, index: int, baseline: Baseline) -> go.Figure:
    """Δm at every evaluation, strong up to the event at `index`; behind it the gain of each task's key metric."""
    axis = run_axis(history)
    looks = theme.looks(history.header)
    traces: list[Properties] = []
    for task, look in enumerate(looks):
        found = gains(history, measures(history.header, task, "metric")[0], baseline)
        last = max((at for at, (_, gain) in enumerate(found) if gain is not None), default=-1)
        traces.append(
            {
                "type": "scatter",
                "x": axis.positions[[position for position, _ in found]],
                "y": [gain for _, gain in found],
                "mode": "lines+text",
                "text": [f" {look.letter}" if at == last else "" for at in range(len(found))],
                "textposition": "middle right",
                "textfont": {"size": theme.SMALL_TEXT, "color": look.colour},
                "cliponaxis": False,
                "line": {"color": look.colour, "dash": look.dash, "width": 1.2},
                "opacity": 0.75,
                "customdata": cells([position, history.event(position).epoch] for position, _ in found),
                "hovertemplate": f"<b>{look.label}</b> %{{y:+.3g}}%<br>epoch %{{customdata[1]}}<extra></extra>",
                "name": look.label,
            }
        )
    values = [(found.index, found.value) for found in deltas(history, baseline)]
    texts = told(values, change(history, values), "%")
    curve = Curve("Δm", "<b>Δm</b>", values, texts, {"color": theme.NEUTRAL, "width": 4})
    traces += two_parts(history, axis, index, curve)
    note = f"relative to {baseline.name} at the same epoch"
    panel = Panel("<b>Δm</b><br>mean gain [%] ↑", traces, {"rangemode": "tozero"}, zero=True)
    return panels_figure(history, axis, index, [panel], _ROW, words.run_title(history.header), note)


def undefined_note(history: History, baseline: Baseline) -> str:
    """At how many evaluations Δm is not defined, and why at the first of them; "" if it is defined at all."""
    found = deltas(history, baseline)
    missing = [delta for delta in found if delta.value is None]
    if not missing:
        return ""
    where = f"{len(missing)} of {len(found)} evaluations"
    return (
        f"Δm is not defined at {where}: {missing[0].reason} (first at epoch {history.event(missing[0].index).epoch})."
    )
