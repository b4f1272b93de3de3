"""The sharing graph at a moment: who shares which stage, what is being born and what was removed."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence

import numpy as np
import plotly.graph_objects as go

from core.runs import RunHeader
from core.sharing import SharingNode
from core.structure import Node
from explorer import theme, words
from explorer.figures import layout
from explorer.figures.drawing import Drawing
from explorer.figures.facts import node_facts
from explorer.figures.layout import Box, Floats, Orientation
from explorer.figures.tables import node_rows
from explorer.focus import Focus
from explorer.moments import Birth, History, Snapshot
from explorer.reading import examples, reading
from explorer.theme import Properties, TaskLook

ALT = (
    "Sharing graph: stages in rows from the image to the task heads; every task is a coloured strand, and a node that "
    "several tasks share shows the letters and colours of all of them."
)
_ROW_PIXELS, _TALLEST, _AROUND = (26, 58), 650, 110
_LANE_PIXELS, _WIDEST = (44, 76), 460  # to the right: a task's lane, and all lanes
_DIM = 0.18
_SHADES = 8  # strands of about the same weight are one trace
_LETTER = 0.0135  # share of all columns that a small letter needs; nodes with less room carry letters beside them

NOTHING = Focus()
Lines = list[tuple[Floats, Floats]]
Rising = list[tuple[Box, Birth]]


def sharing_drawing(
    history: History, snapshot: Snapshot, orient: Orientation = "up", focus: Focus = NOTHING
) -> Drawing:
    """The sharing graph of `snapshot`, ready to be shown and exported; what belongs to `focus` stands out."""
    return Drawing(
        key="sharing",
        title="Sharing graph",
        figure=sharing_figure(history, snapshot, orient, focus),
        alt=ALT,
        caption=f"Sharing graph of {words.run_title(history.header)} at {words.place(snapshot.event)}. "
        f"{reading(history.header)}",
        rows=lambda: node_rows(history, snapshot),
    )


def graph_height(header: RunHeader, orient: Orientation) -> int:
    """Height of the sharing graph of a run, in pixels."""
    n_stages, n_tasks = len(header.stages), len(header.tasks)
    if orient == "right":
        return round(n_tasks * min(max(_WIDEST / n_tasks, _LANE_PIXELS[0]), _LANE_PIXELS[1])) + _AROUND
    rows = n_stages + 2
    return round(rows * min(max(_TALLEST / rows, _ROW_PIXELS[0]), _ROW_PIXELS[1])) + _AROUND


def sharing_figure(
    history: History,
    snapshot: Snapshot,
    orient: Orientation = "up",
    focus: Focus = NOTHING,
    facts: Callable[[SharingNode], str] | None = None,
    unsure: Collection[Node] = (),
) -> go.Figure:
    """The sharing graph of `snapshot`: one strand and one colour a task, widths by neurons.

    Group nodes on their way stand dashed above their task nodes and fill up as amalgamation goes on; those that took
    their place in this phase have a strong outline; nodes removed in this phase lie dotted and crossed below their row.
    The graph grows upwards or to the right. With a `focus`, everything else is pale. For a structure that the run never
    had, `facts` says what the pointer finds at a node; `unsure` nodes are dotted.
    """
    header = history.header
    looks = theme.looks(header)
    order = history.order()
    most = max(stage.neurons for stage in header.stages)
    boxes = layout.boxes(snapshot.graph, order, most)
    rising = [(layout.raised_box(birth.node, order, most), birth) for birth in snapshot.births]
    ghosts = [layout.fallen_box(node, order) for node in snapshot.ghosts]
    fresh = [box for box in boxes if Node(box.node.stage, box.node.tasks) in snapshot.created]

    traces = [_image(len(order))]
    for task in order:
        traces += _task(task, looks[task], snapshot, boxes, rising, focus)
    traces += _outlines([box for box in boxes if len(box.tasks) > 1], "shared", theme.NEUTRAL, 1.2)
    traces += _outlines([box for box in boxes if box.node.kind == "skip"], "skip", theme.NEUTRAL, 1.2, "dot")
    traces += _outlines(fresh, "new", theme.ACCENT, 2.6)
    doubtful = [box for box in boxes if Node(box.node.stage, box.node.tasks) in unsure and box.node.kind != "head"]
    traces += _outlines(doubtful, "not known", theme.NEUTRAL, 2.6, "dot")
    traces += _outlines([box for box, _ in rising], "being born", theme.ACCENT, 1.8, "dash")
    traces += _outlines(ghosts, "removed", theme.NEUTRAL, 1.2, "dot")
    traces += [_crosses(ghosts), _inside(boxes, looks), _beside(boxes, looks), _progress(rising)]
    picked = [box for box in (*boxes, *(box for box, _ in rising)) if focus == Focus(box.node.stage, box.node.tasks)]
    traces += _outlines(picked, "picked", theme.ACCENT, 3.4) if picked else []
    known = facts or (lambda node: node_facts(history, node, snapshot.index))
    traces.append(_hover(known, [*boxes, *(box for box, _ in rising)]))

    frame: Properties = {"showlegend": False}
    frame |= _axes(header, [looks[task] for task in order], orient)
    if orient == "right":
        for trace in traces:
            trace["x"], trace["y"] = trace["y"], trace["x"]
            if trace.get("textposition") == "middle right":
                trace["textposition"] = "top center"
    caption = f"{words.run_title(header)} · {words.place(snapshot.event)}"
    return theme.figure(traces, frame, graph_height(header, orient), caption)


def _axes(header: RunHeader, looks: Sequence[TaskLook], orient: Orientation) -> Properties:
    """Both axes, and the margins that go with them."""
    n_stages, n_tasks = len(header.stages), len(looks)
    across, along = [-0.62, n_tasks - 0.38], [-1.32, n_stages + 0.42]
    task: Properties = {
        "tickvals": list(range(n_tasks)),
        "ticktext": [f"<b>{look.label}</b>" for look in looks],
        "showgrid": False,
    }
    stage: Properties = {
        "tickvals": [layout.IMAGE_ROW, *range(n_stages), n_stages],
        "ticktext": [
            examples(header)[:-1],
            *(f"<b>{stage.name}</b> · {stage.neurons}" for stage in header.stages),
            "heads",
        ],
        "showgrid": False,
    }
    title = "stage · neurons, from image to heads"
    if orient == "right":
        return {
            "xaxis": theme.axis(title, range=along, **stage),
            "yaxis": theme.axis("task", range=across[::-1], **task),
            "margin": {"l": 8, "r": 8, "t": 12, "b": 58},
        }
    return {
        "xaxis": theme.axis("task", range=across, side="top", **task),
        "yaxis": theme.axis(title, range=along, **stage),
        "margin": {"l": 8, "r": 8, "t": 12, "b": 26},  # the axis is above
    }


def _task(
    task: int, look: TaskLook, snapshot: Snapshot, boxes: Sequence[Box], rising: Rising, focus: Focus
) -> list[Properties]:
    """What wears the colour of a task: its strands by weight, what it gives to nodes on their way, its segments."""
    traces = []
    for (weight, stands_out), lines in _strands(task, snapshot, boxes, focus).items():
        opacity = (layout.FAINTEST + (1 - layout.FAINTEST) * weight) * (1.0 if stands_out else _DIM)
        line = {"color": theme.see_through(look.colour, opacity), "width": 1 + 2.5 * weight}
        traces.append(_path(lines, line, f"strand {look.name}"))
    flows: dict[float, Lines] = {}
    for birth_box, birth in rising:
        for box in boxes:
            if task in birth_box.tasks and (box.node.stage, box.node.tasks) == (birth_box.node.stage, (task,)):
                flow = layout.strand(box.middle(task), box.top, birth_box.middle(task), birth_box.bottom)
                flows.setdefault(round(2 + 7 * _share(birth, look.name), 1), []).append(flow)
    for width, lines in (flows or {1.0: []}).items():
        traces.append(_path(lines, {"color": look.colour, "width": width, "dash": "dot"}, f"flow {look.name}"))
    full = [box for box in boxes if task in box.tasks and box.node.kind != "skip"]
    full += [layout.filling(box, birth.done) for box, birth in rising if task in box.tasks and birth.done > 0]
    for stands_out in (True, False) if focus else (True,):
        filled = [layout.segment_outline(box, task) for box in full if _stands_out(focus, box, task) == stands_out]
        segments = _path(filled, {"width": 0}, f"{look.letter} {look.label}")
        colour = look.colour if stands_out else theme.see_through(look.colour, _DIM)
        traces.append(segments | {"fill": "toself", "fillcolor": colour})
    return traces


def _share(birth: Birth, name: str) -> float:
    """The part of a task in the distillation of a node on its way, in [0, 1]."""
    total = sum(birth.losses.values())
    return birth.losses.get(name, 0.0) / total if total > 0 else 1 / len(birth.node.tasks)


def _stands_out(focus: Focus, box: Box, task: int) -> bool:
    """Whether the segment of `task` is picked, or nothing is."""
    return not focus or (focus.has(box.node.stage, box.node.tasks) and (not focus.tasks or task in focus.tasks))


def _strands(task: int, snapshot: Snapshot, boxes: Sequence[Box], focus: Focus) -> dict[tuple[float, bool], Lines]:
    """The lines of a task by weight and whether they stand out: from the image to its first nodes, then every edge."""
    found: dict[tuple[float, bool], Lines] = {}
    fed = {edge.target for edge in snapshot.graph.edges}
    mine = not focus or not focus.tasks or task in focus.tasks

    def stands_out(*stages: int) -> bool:
        return mine and (focus.stage is None or focus.stage in stages)

    for index, box in enumerate(boxes):
        if index not in fed and task in box.tasks:
            x = box.middle(task)
            line = layout.strand(x, layout.IMAGE_ROW, x, box.bottom)
            found.setdefault((1.0, stands_out(box.node.stage)), []).append(line)
    for edge in snapshot.graph.edges:
        source, target = boxes[edge.source], boxes[edge.target]
        if task in source.tasks and task in target.tasks:
            line = layout.strand(source.middle(task), source.top, target.middle(task), target.bottom)
            kind = round(_SHADES * edge.weight) / _SHADES, stands_out(source.node.stage, target.node.stage)
            found.setdefault(kind, []).append(line)
    return found


def _path(lines: Lines, line: Properties, name: str) -> Properties:
    x, y = (np.concatenate(part) for part in zip(*lines, strict=True)) if lines else ([], [])
    return {
        "type": "scatter",
        "x": x,
        "y": y,
        "mode": "lines",
        "line": line,
        "name": name,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _outlines(boxes: Sequence[Box], name: str, colour: str, width: float, dash: str = "solid") -> list[Properties]:
    return [_path([box.outline() for box in boxes], {"color": colour, "width": width, "dash": dash}, name)]


def _image(n_tasks: int) -> Properties:
    below, above = layout.IMAGE_ROW - 0.14, layout.IMAGE_ROW + 0.14
    outline = layout.rounded(-0.45, n_tasks - 0.55, below, above)
    return _path([outline], {"color": theme.NEUTRAL, "width": 1}, "image") | {
        "fill": "toself",
        "fillcolor": theme.FAINT,
    }


def _texts(spots: Sequence[tuple[float, float, str]], name: str, font: Properties) -> Properties:
    return {
        "type": "scatter",
        "x": [x for x, _, _ in spots],
        "y": [y for _, y, _ in spots],
        "mode": "text",
        "text": [text for _, _, text in spots],
        "textfont": font,
        "name": name,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _inside(boxes: Sequence[Box], looks: Sequence[TaskLook]) -> Properties:
    """The letters of tasks, in their segments."""
    found = [(box, task) for box in boxes if _room(box, looks) >= 1 for task in box.tasks]
    font: Properties = {
        "size": [theme.SMALL_TEXT if _room(box, looks) >= 2 else theme.SMALL_TEXT - 2 for box, _ in found],
        "color": [theme.NEUTRAL if box.node.kind == "skip" else looks[task].on_colour for box, task in found],
    }
    return _texts([(box.middle(task), box.y, f"<b>{looks[task].letter}</b>") for box, task in found], "letters", font)


def _beside(boxes: Sequence[Box], looks: Sequence[TaskLook]) -> Properties:
    """The letters of nodes too narrow to hold them."""

    def said(box: Box) -> str:
        return "all" if len(box.tasks) == len(looks) else "+".join(looks[task].letter for task in box.tasks)

    # in a full row there is no room beside a node, nor among parallel ones that serve the same tasks
    alike = Counter((box.node.stage, box.tasks) for box in boxes)
    spots = [
        (box.x + box.width / 2 + 0.03, box.y, said(box))
        for box in boxes
        if _room(box, looks) < 1 and box.width >= layout.NARROWEST - 1e-6 and alike[box.node.stage, box.tasks] == 1
    ]
    return _texts(spots, "beside", {"size": theme.SMALL_TEXT}) | {"textposition": "middle right"}


def _progress(rising: Rising) -> Properties:
    """How far each amalgamation is, in its node; a dark rim keeps the text legible on any filling and either theme."""
    spots = [(box.x, box.y, f"<b>{100 * birth.done:.0f} %</b>") for box, birth in rising]
    rim = ", ".join(["0 0 2px #14171c"] * 3)
    return _texts(spots, "progress", {"size": theme.SMALL_TEXT, "color": "#ffffff", "shadow": rim})


def _crosses(ghosts: Sequence[Box]) -> Properties:
    return {
        "type": "scatter",
        "x": [box.x for box in ghosts],
        "y": [box.y for box in ghosts],
        "mode": "markers",
        "marker": {"symbol": "x-thin", "size": 7, "line": {"width": 1.6, "color": theme.NEUTRAL}},
        "name": "crosses",
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _hover(facts: Callable[[SharingNode], str], boxes: Sequence[Box]) -> Properties:
    """What the pointer finds: an unseen square on every segment, with the facts of its node."""
    spots = [(box, task, facts(box.node)) for box in boxes for task in box.tasks]
    return {
        "type": "scatter",
        "x": [box.middle(task) for box, task, _ in spots],
        "y": [box.y for box, _, _ in spots],
        "mode": "markers",
        "marker": {"size": 22, "symbol": "square", "color": theme.NEUTRAL, "opacity": 0},
        "customdata": [[Focus(box.node.stage, box.node.tasks).mark(), said] for box, _, said in spots],
        "hovertemplate": "%{customdata[1]}<extra></extra>",
        "name": "nodes",
        "showlegend": False,
    }


def _room(box: Box, looks: Sequence[TaskLook]) -> float:
    """How many times a small name of each of its tasks fits into its segment of a node, side by side."""
    needed = _LETTER * len(looks) * max(len(looks[task].letter) for task in box.tasks)
    return box.width / len(box.tasks) / needed
