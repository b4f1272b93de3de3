"""The final structure of a run as a small SVG picture: tasks as strands from the image up, capsules where they share.

No plotly: hundreds of these stand on one page. Colours are mid-tones that read on both themes, and the letter of each
task stands above its strand.
"""

import base64
from collections.abc import Sequence
from html import escape

from core.sharing import SharingGraph
from core.structure import Group
from explorer import theme
from explorer.figures import layout
from explorer.moments import task_order
from explorer.theme import TaskLook

WIDTH, HEIGHT = 160, 120
MOST_BYTES = 4096
_MOST_TASKS, _MOST_LETTERS = 40, 14
_SIDE, _TOP, _BOTTOM = 12, 16, 5
_BUNDLE = 0.42
"""Distance of strands that share a node, in columns."""

Point = tuple[float, float]


def thumbnail_svg(graph: SharingGraph, looks: Sequence[TaskLook], n_stages: int) -> str:
    """A structure as one `<svg>` of at most `MOST_BYTES`; what names tasks is escaped.

    Of a graph with too much to draw, capsules and rounding are left out, then every second stage, and so on; of more
    than 40 tasks the first are drawn.
    """
    order = [task for task in task_order(graph.nodes, len(looks)) if task < _MOST_TASKS]
    for step, plain in ((1, False), (1, True), (2, True), (4, True), (8, True), (16, True)):
        svg = _draw(graph, looks, order, range(0, n_stages, step), plain)
        if len(svg.encode()) <= MOST_BYTES:
            break
    return svg


def as_source(svg: str) -> str:
    """A picture as the `src` of an `<img>`.

    >>> as_source("<svg/>")
    'data:image/svg+xml;base64,PHN2Zy8+'
    """
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _draw(
    graph: SharingGraph, looks: Sequence[TaskLook], order: Sequence[int], stages: Sequence[int], plain: bool
) -> str:
    across = (WIDTH - 2 * _SIDE) / max(len(order) - 1, 1)
    up = (HEIGHT - _TOP - _BOTTOM) / (len(stages) + 1.1)
    bundle = min(_BUNDLE * across, 9.0)
    thick = min(max(0.8 * bundle, 1.2), 4.0)
    bottom = HEIGHT - _BOTTOM
    strands: dict[int, list[Point]] = {}
    capsules: list[tuple[Group, float, float, float]] = []  # tasks, middle, lowest and highest row
    column = {task: _SIDE + across * place if len(order) > 1 else WIDTH / 2 for place, task in enumerate(order)}
    for row, stage in enumerate(stages):
        y = bottom - up * (row + 0.75)
        placed = _stage(graph, stage, order)
        for tasks, x in placed:
            middle = _SIDE + across * x if len(order) > 1 else WIDTH / 2
            for place, task in enumerate(tasks):
                strands.setdefault(task, []).append((middle + bundle * (place - (len(tasks) - 1) / 2), y))
            if len(tasks) > 1:
                last = next((one for one in capsules if one[0] == tasks and abs(one[3] - up - y) < 0.01), None)
                low = last[2] if last else y
                if last:
                    capsules.remove(last)
                capsules.append((tasks, middle, low, y))
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">']
    if not plain:
        parts.append(f'<g fill="{theme.NEUTRAL}" fill-opacity=".2" stroke="{theme.NEUTRAL}" stroke-width="1">')
        for tasks, middle, low, high in capsules:
            half, rise = bundle * (len(tasks) - 1) / 2 + thick / 2 + 2, min(0.38 * up, 6)
            parts.append(
                f'<rect x="{middle - half:.1f}" y="{high - rise:.0f}" width="{2 * half:.1f}" '
                f'height="{low - high + 2 * rise:.0f}" rx="4"/>'
            )
        parts.append("</g>")
    parts.append(f'<g fill="none" stroke-width="{thick:.1f}" stroke-linejoin="round">')
    for task in order:
        points = strands.get(task, [])
        first = (points[0][0] if points else column[task], float(bottom))
        line = _path([first, *points, (column[task], float(_TOP - 3))], plain)
        parts.append(f'<path stroke="{looks[task].colour}" d="{line}"/>')
    parts.append("</g>")
    if len(order) <= _MOST_LETTERS:
        size = 9 if len(order) <= 8 else 7
        parts.append(
            f'<g font-family="system-ui,sans-serif" font-weight="700" font-size="{size}" text-anchor="middle">'
        )
        for task in order:
            parts.append(f'<text x="{column[task]:.0f}" y="9" fill="{looks[task].colour}">')
            parts.append(f"{escape(looks[task].letter)}</text>")
        parts.append("</g>")
    return "".join([*parts, "</svg>"])


def _stage(graph: SharingGraph, stage: int, order: Sequence[int]) -> list[tuple[Group, float]]:
    """The groups of one stage with their tasks from left to right and their middle, in columns."""
    nodes = tuple(node for node in graph.nodes if node.stage == stage and node.kind in ("shared", "specific"))
    shown = tuple(
        node.model_copy(update={"tasks": kept})
        for node in nodes
        if (kept := tuple(task for task in node.tasks if task in order))
    )
    seen: set[int] = set()
    ways = []
    for node in shown:  # of several nodes that serve a task, the first one is its way
        if not seen & set(node.tasks):
            ways.append(node)
            seen |= set(node.tasks)
    return [(box.tasks, box.x) for box in layout.boxes(SharingGraph(nodes=tuple(ways), edges=()), order, 0)]


def _path(points: Sequence[Point], plain: bool) -> str:
    """A line upwards through points, whole pixels; smooth where it turns aside, unless `plain`."""
    (x, y), *rest = [(round(x), round(y)) for x, y in points]
    line = [f"M{x} {y}"]
    for to_x, to_y in rest:
        if to_x == x:
            if line[-1].startswith("V"):
                line.pop()
            line.append(f"V{to_y}")
        elif plain:
            line.append(f"L{to_x} {to_y}")
        else:
            middle = (y + to_y) // 2
            line.append(f"C{x} {middle} {to_x} {middle} {to_x} {to_y}")
        x, y = to_x, to_y
    return "".join(line)
