"""Rows of a table, as figures, downloads and comparisons give them; as CSV, JSON, Markdown and LaTeX (no torch)."""

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from typing import Literal

Row = dict[str, str | int | float | None]
"""One row: column -> value; None where there is none."""

TableKind = Literal["csv", "json", "md", "tex"]
TABLE_LABELS: dict[TableKind, str] = {"csv": "CSV", "json": "JSON", "md": "Markdown", "tex": "LaTeX"}

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "°": r"$^\circ$",
    "Δ": r"$\Delta$",
    "×": r"$\times$",
    "−": "$-$",
    "±": r"$\pm$",
    "·": r"$\cdot$",
    "→": r"$\rightarrow$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "…": r"\dots{}",
    "–": "--",
    "—": "---",
}


def table_text(rows: Sequence[Row], kind: TableKind, caption: str = "") -> str:
    """The rows as a file of this kind; the caption goes into LaTeX only."""
    writers: dict[TableKind, Callable[[], str]] = {
        "csv": lambda: csv_text(rows),
        "json": lambda: json.dumps(rows, indent=1, ensure_ascii=False),
        "md": lambda: markdown_table(rows),
        "tex": lambda: latex_table(rows, caption),
    }
    return writers[kind]()


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


def markdown_table(rows: Sequence[Row]) -> str:
    """Rows as a Markdown table, numbers to the right.

    >>> print(markdown_table([{"task": "a|b", "value": 0.5}]))
    | task | value |
    | :--- | ---: |
    | a\\|b | 0.5 |
    <BLANKLINE>
    """
    columns = _columns(rows)
    numeric = _numeric(rows, columns)
    lines = [
        columns,
        ["---:" if column in numeric else ":---" for column in columns],
        *([_shown(row.get(column)) for column in columns] for row in rows),
    ]
    return "".join(
        f"| {' | '.join(line if index == 1 else _markdown(line) for line in cells)} |\n"
        for index, cells in enumerate(lines)
    )


def aligned_table(rows: Sequence[Row]) -> str:
    """The same Markdown with columns filled up to one width, so that it can be read as it is.

    >>> print(aligned_table([{"method": "one", "value": 0.5}, {"method": "separate", "value": 12}]))
    | method   | value |
    | :------- | ----: |
    | one      |   0.5 |
    | separate |    12 |
    <BLANKLINE>
    """
    lines = [line[2:-2].split(" | ") for line in markdown_table(rows).splitlines()]  # a bar in a cell is "\\|"
    right = [mark.endswith(":") for mark in lines[1]]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines[1] = ["-" * (w - 1) + ":" if r else ":" + "-" * (w - 1) for w, r in zip(widths, right, strict=True)]
    return "".join(
        f"| {' | '.join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right, strict=True))} |\n"
        for line in lines
    )


def latex_table(rows: Sequence[Row], caption: str = "") -> str:
    """Rows as a LaTeX table with the rules of the package booktabs, numbers to the right.

    >>> print(latex_table([{"task_name": "R&D", "value": 0.5}]))
    % needs \\usepackage{booktabs}
    \\begin{table}
      \\centering
      \\begin{tabular}{lr}
        \\toprule
        task\\_name & value \\\\
        \\midrule
        R\\&D & 0.5 \\\\
        \\bottomrule
      \\end{tabular}
    \\end{table}
    <BLANKLINE>
    """
    columns = _columns(rows)
    numeric = _numeric(rows, columns)
    body = [[latex(_shown(row.get(column))) for column in columns] for row in rows]
    lines = [
        "% needs \\usepackage{booktabs}",
        "\\begin{table}",
        "  \\centering",
        *([f"  \\caption{{{latex(caption)}}}"] if caption else []),
        f"  \\begin{{tabular}}{{{''.join('r' if column in numeric else 'l' for column in columns) or 'l'}}}",
        "    \\toprule",
        f"    {' & '.join(map(latex, columns))} \\\\",
        "    \\midrule",
        *(f"    {' & '.join(cells)} \\\\" for cells in body),
        "    \\bottomrule",
        "  \\end{tabular}",
        "\\end{table}",
    ]
    return "\n".join(lines) + "\n"


def latex(text: str) -> str:
    """Text that LaTeX prints as it is, whatever it holds.

    >>> latex("50 % of {a_b}")
    '50 \\\\% of \\\\{a\\\\_b\\\\}'
    """
    return "".join(_LATEX.get(letter, letter) for letter in _one_line(text))


def _columns(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(column for row in rows for column in row))


def _numeric(rows: Sequence[Row], columns: Sequence[str]) -> set[str]:
    """Columns that hold numbers and nothing else."""
    return {
        column
        for column in columns
        if (found := [row.get(column) for row in rows if row.get(column) is not None])
        and all(isinstance(value, int | float) for value in found)
    }


def _shown(value: str | int | float | None) -> str:
    if value is None:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _one_line(text: str) -> str:
    return " ".join(re.sub(r"[\x00-\x1f\x7f\u2028\u2029]", " ", text).split())


def _markdown(text: str) -> str:
    quoted = _one_line(text).replace("\\", "\\\\")
    return re.sub(r"([|`*_<>\[\]])", r"\\\1", quoted)
