"""Pieces of an HTML page: tables, figures and data for scripts. Everything that comes from a run is escaped."""

from collections.abc import Sequence
from html import escape

from core.tables import Row
from explorer import words
from explorer.export.images import for_script
from explorer.figures import Drawing

_MOST_ROWS = 400  # of a figure's data inside the page; the export of a run has all of it in files


def table(rows: Sequence[Row], caption: str = "") -> str:
    """Rows as a table with a header, numbers to the right; long ones say how many rows are left out."""
    if not rows:
        return ""
    columns = list(rows[0])
    numeric = {column for column in columns if all(isinstance(row.get(column), int | float | None) for row in rows)} - {
        column for column in columns if all(row.get(column) is None for row in rows)
    }
    shown = rows[:_MOST_ROWS]
    kind = {column: ' class="number"' if column in numeric else "" for column in columns}
    head = "".join(f'<th scope="col"{kind[column]}>{escape(column)}</th>' for column in columns)
    body = "".join(
        f"<tr>{''.join(f'<td{kind[column]}>{escape(_cell(row.get(column)))}</td>' for column in columns)}</tr>"
        for row in shown
    )
    left_out = f"; {len(rows) - len(shown):,} more rows are left out here" if len(rows) > len(shown) else ""
    said = f"<caption>{escape(caption + left_out)}</caption>" if caption or left_out else ""
    return f'<div class="table"><table>{said}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def figure(drawing: Drawing, name: str, with_data: bool = True) -> str:
    """A figure that the report's script draws, with its caption, its description and its data as a table."""
    identity = f"figure-{drawing.key}"
    height = int(drawing.figure.layout.height)
    data = (
        f"<details><summary>The same as a table</summary>{table(drawing.rows(), drawing.title)}</details>"
        if with_data
        else ""
    )
    return (
        f'<figure><div class="chart" role="img" aria-label="{escape(drawing.alt)}" data-figure="{identity}" '
        f'data-name="{escape(name)}-{drawing.key}" style="height:{height}px"></div>'
        f'<script type="application/json" id="{identity}">{for_script(drawing.figure)}</script>'
        f"<figcaption>{escape(drawing.caption)}</figcaption></figure>{data}"
    )


def tiles(facts: Sequence[tuple[str, str, str]]) -> str:
    """Facts in small boxes: name, value and a line below it."""
    boxes = (
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}{f'<small>{escape(more)}</small>' if more else ''}</dd></div>"
        for name, value, more in facts
    )
    return f'<dl class="tiles">{"".join(boxes)}</dl>'


def _cell(value: str | int | float | None) -> str:
    if value is None:
        return words.NOT_DEFINED
    if isinstance(value, float):
        return f"{value:.5g}"
    return f"{value:,}" if isinstance(value, int) else value
