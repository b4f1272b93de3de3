"""Examples without a picture, such as rows of a table: what is true and what the network says, in rows and points."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from core.data.columns import FEATURES, describe
from core.runs import RunHeader
from core.tables import Row
from explorer import theme, words
from explorer.figures.curves.panels import cells
from explorer.figures.drawing import Drawing
from explorer.figures.predictions.parts import ArraysError, class_names
from explorer.figures.predictions.scores import Array
from explorer.focus import Focus
from explorer.theme import Properties

Arrays = Mapping[str, Array]
"""Array of all examples [n, ...] by its name: a task, or `features`."""

ALT = (
    "A panel a task: for values the prediction of every example against its truth, where a dot on the dotted line is "
    "right; for classes how many examples of each true class got each predicted class."
)
_PANEL, _AROUND, _GAP, _COLUMNS = 280, 96, 0.13, 2
_NOTHING = Focus()


def check_arrays(header: RunHeader, inputs: Arrays, predictions: Arrays) -> None:
    """Raise `ArraysError` for an array that does not fit the kind of its task."""
    for task in header.tasks:
        for role, arrays in (("truth", inputs), ("prediction", predictions)):
            array = arrays.get(task.name)
            dims = 2 if task.kind == "class" and role == "prediction" else 1
            if array is not None and array.ndim != dims:
                wanted = "[n, classes]" if dims == 2 else "[n]"
                raise ArraysError(f"`{task.name}` ({role}) should be {wanted}. Found {list(array.shape)}.")


def example_rows(header: RunHeader, tasks: Sequence[int], inputs: Arrays, predictions: Arrays) -> list[Row]:
    """A row for each example: which one it is, and for every task the truth, what the network says, and how wrong."""
    rows: list[Row] = []
    features = inputs.get("features")
    known = header.data == "flights" and features is not None and features.shape[1:] == (len(FEATURES),)
    for example in range(count(inputs, predictions)):
        row: Row = {"Example": example + 1}
        if known and features is not None:
            row["Flight"] = describe(features[example].tolist())
        for task in tasks:
            row |= _cells(header, task, inputs, predictions, example)
        rows.append(row)
    return rows


def count(inputs: Arrays, predictions: Arrays) -> int:
    """How many examples there are."""
    return min((len(array) for array in (*inputs.values(), *predictions.values())), default=0)


def agreement_drawing(
    header: RunHeader,
    tasks: Sequence[int],
    inputs: Arrays,
    predictions: Arrays,
    where: str,
    example: int | None = None,
    focus: Focus = _NOTHING,
) -> Drawing:
    """Predictions against truths, ready to be shown and exported; `where` says which examples and which moment."""
    return Drawing(
        key="agreement",
        title="Predicted against true",
        figure=agreement_figure(header, tasks, inputs, predictions, where, example, focus),
        alt=ALT,
        caption=f"Prediction against truth of {where}, {words.run_title(header)}. On the dotted line a value is right; "
        "numbers in squares count examples. Errors are of these examples alone.",
        rows=lambda: example_rows(header, tasks, inputs, predictions),
    )


def agreement_figure(
    header: RunHeader,
    tasks: Sequence[int],
    inputs: Arrays,
    predictions: Arrays,
    where: str,
    example: int | None = None,
    focus: Focus = _NOTHING,
) -> go.Figure:
    """Two panels a row, one a task: values as points, classes as squares with counts; the chosen example is ringed."""
    traces: list[Properties] = []
    shapes: list[Properties] = []
    layout: Properties = {"showlegend": False}
    shown = [task for task in tasks if header.tasks[task].name in inputs and header.tasks[task].name in predictions]
    rows = max(1, -(-len(shown) // _COLUMNS))
    n = count(inputs, predictions)
    for place, task in enumerate(shown):
        row, column = divmod(place, _COLUMNS)
        end = "" if place == 0 else str(place + 1)
        wide, high = 1 / _COLUMNS, 1 / rows
        x = [column * wide + (_GAP / 2 if column else 0), (column + 1) * wide - (0 if column else _GAP / 2)]
        y = [1 - (row + 1) * high + (0.16 if row + 1 < rows else 0) * high, 1 - row * high - 0.13 * high]
        info, look = header.tasks[task], theme.looks(header)[task]
        truth, says = inputs[info.name][:n], predictions[info.name][:n]
        unit = f" [{info.metrics[0].unit}]" if info.metrics[0].unit else ""
        kind = _value_panel if info.kind == "value" else _class_panel
        made, axes, note = kind(header, task, truth, says, example)
        lit = not focus.tasks or task in focus.tasks
        for trace in made:
            traces.append({**trace, "xaxis": f"x{end}", "yaxis": f"y{end}", "opacity": 1.0 if lit else 0.3})
        layout[f"xaxis{end}"] = theme.axis(f"truth{unit}", **{"domain": x, "anchor": f"y{end}", **axes})
        layout[f"yaxis{end}"] = theme.axis(f"prediction{unit}", **{"domain": y, "anchor": f"x{end}", **axes})
        if info.kind == "value":
            ends = {"x0": 0, "x1": 1, "y0": 0, "y1": 1, "xref": f"x{end} domain", "yref": f"y{end} domain"}
            line = {"color": theme.NEUTRAL, "width": 1.2, "dash": "dot"}
            shapes.append({"type": "line", **ends, "line": line, "layer": "below", "name": "right"})
        title = f'<span style="color:{look.colour}"><b>{look.letter}</b></span> <b>{look.label}</b><br>{note}'
        layout.setdefault("annotations", []).append(_title(title, x[0], y[1]))  # type: ignore[attr-defined]
    return theme.figure(traces, layout, _PANEL * rows + _AROUND, f"{words.run_title(header)} · {where}", shapes)


def _cells(header: RunHeader, task: int, inputs: Arrays, predictions: Arrays, example: int) -> Row:
    info = header.tasks[task]
    truth, answers = inputs.get(info.name), predictions.get(info.name)
    true, says = (None if array is None else array[example] for array in (truth, answers))
    if info.kind == "class":
        names = class_names(header, task)
        likely = None if says is None else int(np.argmax(says))
        right = None if true is None or likely is None else "right" if int(true) == likely else "wrong"
        sure = "" if says is None or likely is None else f" ({100 * float(says[likely]):.0f} %)"
        return {
            f"{info.label}, truth": None if true is None else _label(names, int(true)),
            f"{info.label}, said": None if likely is None else f"{_label(names, likely)}{sure}",
            f"{info.label}, verdict": right,
        }
    unit = f" [{info.metrics[0].unit}]" if info.metrics[0].unit else ""
    return {
        f"{info.label}, truth{unit}": _short(true),
        f"{info.label}, said{unit}": _short(says),
        f"{info.label}, error{unit}": None if true is None or says is None else _short(says - true),
    }


def _value_panel(
    header: RunHeader, task: int, truth: Array, says: Array, example: int | None
) -> tuple[list[Properties], Properties, str]:
    """Points of a task with values, the range of both axes, and the error in words."""
    look, unit = theme.looks(header)[task], header.tasks[task].metrics[0].unit
    x, y = truth.astype(np.float64), says.astype(np.float64)
    low, high = (float(end) for end in (min(x.min(), y.min()), max(x.max(), y.max())))
    pad = 0.06 * (high - low) or 1.0
    rings = [2.5 if place == example else 0.6 for place in range(len(x))]
    points: Properties = {
        "type": "scatter",
        "x": x,
        "y": y,
        "mode": "markers",
        "marker": {
            "symbol": look.symbol,
            "size": [13 if place == example else 8 for place in range(len(x))],
            "color": theme.see_through(look.colour, 0.75),
            "line": {"color": [theme.ACCENT if ring > 1 else look.colour for ring in rings], "width": rings},
        },
        "customdata": cells(
            (
                Focus(None, (task,)).mark(),
                f"example {place + 1}: truth {words.value(true, unit)}, says {words.value(said, unit)}",
            )
            for place, (true, said) in enumerate(zip(x.tolist(), y.tolist(), strict=True))
        ),
        "hovertemplate": "%{customdata[1]}<extra></extra>",
        "name": look.label,
    }
    error = float(np.sqrt(np.mean((y - x) ** 2)))
    return [points], {"range": [low - pad, high + pad], "nticks": 6}, f"RMSE {words.value(error, unit)}"


def _class_panel(
    header: RunHeader, task: int, truth: Array, says: Array, example: int | None
) -> tuple[list[Properties], Properties, str]:
    """How many examples of each true class (to the right) got each predicted class (upwards), and the share right."""
    look, names = theme.looks(header)[task], class_names(header, task)
    classes = max(says.shape[1], int(truth.max()) + 1)
    likely = says.argmax(axis=1)
    table = np.zeros((classes, classes), dtype=int)
    np.add.at(table, (likely, truth.astype(int)), 1)
    places = list(range(classes))
    squares: Properties = {
        "type": "heatmap",
        "x": places,
        "y": places,
        "z": table,
        "colorscale": [[0, theme.see_through(look.colour, 0.06)], [1, look.colour]],
        "zmin": 0,
        "zmax": max(1, int(table.max())),
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "hoverinfo": "skip",
        "name": look.label,
    }
    unseen: Properties = {
        "type": "scatter",
        "x": [column for _ in places for column in places],
        "y": [row for row in places for _ in places],
        "mode": "markers+text",
        "marker": {"symbol": "square", "size": 22, "color": theme.see_through(theme.NEUTRAL, 0)},
        "text": [f"<b>{number}</b>" if number else "" for number in table.ravel().tolist()],
        "textfont": {
            "color": [
                look.on_colour if number > 0.6 * table.max() else theme.NEUTRAL for number in table.ravel().tolist()
            ]
        },
        "customdata": cells(
            (
                Focus(None, (task,)).mark(),
                f"truth {_label(names, column)}, says {_label(names, row)}: "
                f"{table[row, column]} of {len(truth)} examples",
            )
            for row in places
            for column in places
        ),
        "hovertemplate": "%{customdata[1]}<extra></extra>",
        "name": f"{look.label} counts",
    }
    labels = [_label(names, label) for label in places]
    axes: Properties = {"tickvals": places, "ticktext": labels, "range": [-0.5, classes - 0.5], "showgrid": False}
    right = float(np.mean(likely == truth))
    return [squares, unseen], axes, f"{100 * right:.0f} % right"


def _label(names: Sequence[str] | None, label: int) -> str:
    return names[label] if names is not None and label < len(names) else str(label)


def _short(value: object) -> float | None:
    return None if value is None else float(f"{float(value):.4g}")  # type: ignore[arg-type]


def _title(text: str, x: float, y: float) -> Properties:
    return {
        "text": text,
        "xref": "paper",
        "yref": "paper",
        "x": x,
        "y": y,
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
        "align": "left",
        "font": {"size": theme.SMALL_TEXT},
    }
