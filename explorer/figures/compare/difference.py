"""The structures of two runs laid over each other: nodes of both, of the first only, of the second only."""

from collections.abc import Sequence
from itertools import pairwise

import plotly.graph_objects as go

from core.tables import Row
from explorer import theme, words
from explorer.figures import layout
from explorer.figures.compare.cells import (
    HALF,
    LANES,
    Cell,
    cells_of,
    column_order,
    own_tasks,
    parts,
    path,
    segment,
    texts,
)
from explorer.figures.compare.members import Member, moments
from explorer.figures.compare.sharing import Difference, Ground, Side, common_ground, difference
from explorer.figures.drawing import Drawing
from explorer.focus import Focus
from explorer.theme import Properties, TaskLook

ALT = (
    "Two structures laid over each other, stages upwards and one column a task: nodes that both runs have are whole "
    "boxes; where they differ, the first run's nodes are dashed above and the second's dotted below."
)
_ROW_PIXELS, _TALLEST, _AROUND = (26, 60), 720, 100
_LETTERS_FROM = 36  # pixels a row needs before half a row can hold a letter
PALE = 0.32
"""Opacity of nodes that only one run has: the page's text reads on it."""
_DASHES: dict[Side, str] = {"both": "solid", "one": "dash", "other": "dot"}


def difference_drawing(one: Member, other: Member, focus: Focus) -> Drawing:
    """Where the structures of two members differ, ready to be shown and exported. Raises `ValueError` as the figure."""
    ground = common_ground([one, other])

    def rows() -> list[Row]:
        found = difference(one.snapshot.graph, other.snapshot.graph, ground)
        sides = {"both": "both", "one": f"{one.label} only", "other": f"{other.label} only"}
        return [
            {
                "stage": words.stage_name(one.header, ground.stages[0][node.stage]),
                "tasks": words.task_names(one.header, own_tasks(ground, node.tasks)),
                "shared": "yes" if len(node.tasks) > 1 else "no",
                "in": sides[node.side],
            }
            for node in reversed(found.nodes)
        ]

    return Drawing(
        key="difference",
        title=f"Structures of {one.name} and {other.name}",
        figure=difference_figure(one, other, focus),
        alt=ALT,
        caption=f"{difference_sentence(one, other)} Whole boxes: nodes of both. Dashed, above: only in {one.label} "
        f"({words.place(one.event)}). Dotted, below: only in {other.label} ({words.place(other.event)}). Numbers on "
        "the right: pairs of tasks of which both runs say the same, together or apart.",
        rows=rows,
    )


def difference_sentence(one: Member, other: Member) -> str:
    """How alike two structures are, in two sentences. Raises `ValueError` as `difference_figure`."""
    ground = _checked_ground(one, other)
    found = difference(one.snapshot.graph, other.snapshot.graph, ground)
    counts, total = found.counts, found.one.size
    return (
        f"{one.letter} and {other.letter} agree on {100 * found.agreement:.0f} % of {total} entries (a stage and a "
        f"pair of tasks). The pair shares in both {counts['both']} times, only in {one.letter} {counts['one']}, only "
        f"in {other.letter} {counts['other']}, in neither {counts['neither']}."
    )


def difference_figure(one: Member, other: Member, focus: Focus) -> go.Figure:
    """The structures of two members, one column a task in its colour, one row a stage.

    Raises `ValueError` if the runs have no two tasks or no stage in common.
    """
    ground = _checked_ground(one, other)
    found = difference(one.snapshot.graph, other.snapshot.graph, ground)
    order = column_order(one, other, ground)
    looks = [theme.looks(one.header)[task] for task in ground.tasks[0]]
    cells = cells_of(found, order)
    n_stages = len(ground.stages[0])
    pixels = min(max(_TALLEST / (n_stages + 1), _ROW_PIXELS[0]), _ROW_PIXELS[1])

    traces = [_image(len(order))]
    for task in order:
        strong = focus == Focus(None, (ground.tasks[0][task],))
        traces.append(_strand(looks[task], [cell for cell in cells if cell.task == task], n_stages, strong))
    traces += [_bridges(cells, side) for side in LANES]
    for task in order:
        traces += [_segments(cells, task, looks[task], whole) for whole in (True, False)]
    traces += [_outlines(cells, side, (one, other)) for side in LANES]
    traces.append(_picked(cells, ground, focus))
    if pixels >= _LETTERS_FROM:
        traces += [_letters(cells, looks, whole=True), _letters(cells, looks, whole=False)]
    traces += [*_gutters(found, one, other, len(order)), _hover(cells, ground, (one, other))]

    stages = [words.stage_name(one.header, stage) for stage in ground.stages[0]]
    columns = list(range(len(order)))
    names = [f"<b>{looks[task].label}</b>" if len(order) <= 6 else f"<b>{looks[task].letter}</b>" for task in order]
    frame: Properties = {
        "xaxis": theme.axis(
            "task",
            range=[-0.85, 1.11 * len(order) - 0.4],
            tickvals=columns,
            ticktext=names,
            showgrid=False,
            side="top",
        ),
        "yaxis": theme.axis(
            "stage",
            range=[-1.3, n_stages - 0.4],
            tickvals=[-1, *range(n_stages)],
            ticktext=["image", *(f"<b>{stage}</b>" for stage in stages)],
            showgrid=False,
        ),
        "legend": {"orientation": "h", "y": -0.01, "yanchor": "top", "x": 0, "itemclick": False},
        "margin": {"l": 8, "r": 8, "t": 12, "b": 64},
    }
    return theme.figure(traces, frame, round((n_stages + 1) * pixels) + _AROUND, moments([one, other]))


def _checked_ground(one: Member, other: Member) -> Ground:
    ground = common_ground([one, other])
    if ground.empty:
        raise ValueError(
            f"{one.name} and {other.name} should have two tasks and a stage in common. "
            f"Found {len(ground.tasks[0])} and {len(ground.stages[0])}."
        )
    return ground


def _segments(cells: Sequence[Cell], task: int, look: TaskLook, whole: bool) -> Properties:
    """The cells of a task in its colour: strong in nodes that both runs have (`whole`), else pale."""
    lines = [
        segment(cell, cell.left, cell.right)
        for cell in cells
        if cell.task == task and (cell.node.side == "both") == whole
    ]
    colour = look.colour if whole else theme.see_through(look.colour, PALE)
    name = f"{look.label}, {'both' if whole else 'one'}"
    return path(lines, {"width": 0}, name) | {"fill": "toself", "fillcolor": colour}


def _outlines(cells: Sequence[Cell], side: Side, members: tuple[Member, Member]) -> Properties:
    """The outlines of all nodes of a side, and its entry in the legend."""
    lines = []
    for run in parts([cell for cell in cells if cell.node.side == side]):
        low, high = LANES[side]
        bottom, top = run[0].node.stage + low, run[0].node.stage + high
        lines.append(layout.rounded(run[0].column - HALF, run[-1].column + HALF, bottom, top))
    one, other = members
    names: dict[Side, str] = {"both": "both", "one": f"{one.letter} only", "other": f"{other.letter} only"}
    line: Properties = {"color": theme.NEUTRAL, "width": 1.6 if side == "both" else 2, "dash": _DASHES[side]}
    return path(lines, line, names[side]) | {"showlegend": True}


def _bridges(cells: Sequence[Cell], side: Side) -> Properties:
    """Bars that join the parts of a node whose tasks do not stand side by side, behind the nodes between them."""
    lines = []
    found = parts([cell for cell in cells if cell.node.side == side])
    low, high = LANES[side]
    for before, after in pairwise(found):
        if before[0].node == after[0].node:
            y = before[0].node.stage + (low + high) / 2
            lines.append(layout.rounded(before[-1].column + HALF, after[0].column - HALF, y - 0.04, y + 0.04))
    return path(lines, {"width": 0}, f"bridges, {side}") | {"fill": "toself", "fillcolor": theme.NEUTRAL}


def _picked(cells: Sequence[Cell], ground: Ground, focus: Focus) -> Properties:
    """A strong outline around every node that is picked; a task alone shows in its strand."""
    alone = focus.stage is None and len(focus.tasks) < 2
    served = {cell.node: own_tasks(ground, cell.node.tasks) for cell in cells}
    chosen = [cell for cell in cells if not alone and focus.has(ground.stages[0][cell.node.stage], served[cell.node])]
    lines = []
    for run in parts(chosen):
        low, high = LANES[run[0].node.side]
        bottom, top = run[0].node.stage + low, run[0].node.stage + high
        lines.append(layout.rounded(run[0].column - HALF, run[-1].column + HALF, bottom, top))
    return path(lines, {"color": theme.ACCENT, "width": 3}, "picked")


def _letters(cells: Sequence[Cell], looks: Sequence[TaskLook], whole: bool) -> Properties:
    """The letters of the tasks in their cells; in half rows smaller and in the colour of the page's text."""
    chosen = [cell for cell in cells if (cell.node.side == "both") == whole]
    middles = {side: sum(lane) / 2 for side, lane in LANES.items()}
    spots = [
        (cell.column, cell.node.stage + middles[cell.node.side], f"<b>{looks[cell.task].letter}</b>") for cell in chosen
    ]
    font: Properties = {"size": theme.SMALL_TEXT if whole else theme.SMALL_TEXT - 1}
    if whole:
        font["color"] = [looks[cell.task].on_colour for cell in chosen]
    return texts(spots, "letters of both" if whole else "letters of one", font)


def _gutters(found: Difference, one: Member, other: Member, n_tasks: int) -> list[Properties]:
    """On the left which half belongs to whom, on the right how many pairs agree."""
    differing = sorted({node.stage for node in found.nodes if node.side != "both"})
    halves: tuple[tuple[Side, Member], ...] = (("one", one), ("other", other))
    left = [
        (-0.68, stage + sum(LANES[side]) / 2, f"<b>{member.letter}</b>")
        for stage in differing
        for side, member in halves
    ]
    n_pairs = found.one.shape[1]
    right = [(n_tasks - 0.52, stage, f"{round(share * n_pairs)}/{n_pairs}") for stage, share in enumerate(found.rand)]
    small: Properties = {"size": theme.SMALL_TEXT - 1}
    return [
        texts(left, "whose", small),
        texts(right, "pairs that agree", small | {"color": theme.NEUTRAL}) | {"textposition": "middle right"},
    ]


def _hover(cells: Sequence[Cell], ground: Ground, members: tuple[Member, Member]) -> Properties:
    """What the pointer finds and a click picks: an unseen square on every cell."""
    one, other = members
    whose = {"both": "in both runs", "one": f"only in {one.label}", "other": f"only in {other.label}"}
    found = []
    for cell in cells:
        stage, tasks = ground.stages[0][cell.node.stage], own_tasks(ground, cell.node.tasks)
        facts = f"<b>{words.stage_name(one.header, stage)}</b> · {words.task_names(one.header, tasks)}"
        found.append([Focus(stage, tasks).mark(), f"{facts}<br>{whose[cell.node.side]}"])
    return {
        "type": "scatter",
        "x": [cell.column for cell in cells],
        "y": [cell.node.stage + sum(LANES[cell.node.side]) / 2 for cell in cells],
        "mode": "markers",
        "marker": {
            "size": [24 if cell.node.side == "both" else 16 for cell in cells],
            "symbol": "square",
            "color": theme.NEUTRAL,
            "opacity": 0,
        },
        "customdata": found,
        "hovertemplate": "%{customdata[1]}<extra></extra>",
        "name": "nodes",
        "showlegend": False,
    }


def _strand(look: TaskLook, cells: Sequence[Cell], n_stages: int, strong: bool) -> Properties:
    """The strand of a task from the image to the top, behind no node, so that letters stay clear."""
    column = cells[0].column
    ends = [(-1.0, -1.0)] * (n_stages + 1) + [(n_stages - 0.45, n_stages - 0.45)]
    for stage in range(n_stages):
        spans = [LANES[cell.node.side] for cell in cells if cell.node.stage == stage] or [(0.0, 0.0)]
        ends[stage + 1] = stage + min(low for low, _ in spans), stage + max(high for _, high in spans)
    lines = [layout.strand(column, below[1], column, above[0]) for below, above in pairwise(ends)]
    return path(lines, {"color": look.colour, "width": 7 if strong else 3}, f"strand {look.label}")


def _image(n_tasks: int) -> Properties:
    outline = layout.rounded(-0.45, n_tasks - 0.55, -1.14, -0.86)
    line = {"color": theme.NEUTRAL, "width": 1}
    return path([outline], line, "image") | {"fill": "toself", "fillcolor": theme.FAINT}
