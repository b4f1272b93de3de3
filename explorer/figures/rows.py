"""Rows of a table, as every figure and every download gives them, and as CSV."""

import csv
import io
from collections.abc import Sequence

Row = dict[str, str | int | float | None]
"""One row: column -> value; None where there is none."""


def csv_text(rows: Sequence[Row]) -> str:
    """Rows as CSV with a header line; None is an empty cell.

    >>> csv_text([{"task": "depth", "value": 0.5}])
    'task,value\\r\\ndepth,0.5\\r\\n'
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else [])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
