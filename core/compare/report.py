"""A comparison as text, and as files: Markdown, CSV, JSON and LaTeX (no torch)."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from core.compare.measures import Table, cell, measures, over_seeds, steady_cell, values
from core.compare.results import Comparison, Result
from core.compare.rows import (
    Pairing,
    budget_notes,
    pairing_notes,
    pairing_rows,
    pairings,
    quality_notes,
    robustness_notes,
    rows_of,
    speed_notes,
    verdict,
)
from core.heartbeat import write_whole
from core.tables import Row, aligned_table, csv_text, latex_table

STEM = "comparison"


def report(comparison: Comparison, against: str | None) -> str:
    """All tables with their notes as Markdown that can be read as it is; `against`: the method of the paired tests."""
    parts = [f"# {', '.join(comparison.methods)} on {comparison.data}\n"]
    parts += _part("Metrics", rows_of(comparison, "quality"), quality_notes(comparison))
    parts += _part("Other metrics", rows_of(comparison, "other metrics"), [])
    if robust := rows_of(comparison, "robustness"):
        parts += _part("Robustness to corruptions", robust, robustness_notes())
    parts += _part("Size and speed", rows_of(comparison, "size and speed"), speed_notes(comparison))
    parts += _part("Budget", rows_of(comparison, "budget"), budget_notes(comparison))
    if against is not None:
        found = pairings(comparison, against)
        parts += _part(f"Against {against}, paired over seeds", pairing_rows(found), pairing_notes(found))
    return "\n".join(parts)


def write_report(comparison: Comparison, against: str | None, out: Path) -> list[Path]:
    """Write the report and its numbers into `out`; returns the files. Raises `OSError`."""
    found = [] if against is None else pairings(comparison, against)
    what = f"{', '.join(comparison.methods)} on {comparison.data}"
    titles: dict[Table, str] = {"quality": "Metrics", "size and speed": "Size and speed", "budget": "Budget"}
    texts = {
        "md": report(comparison, against),
        "csv": csv_text(number_rows(comparison)),
        "json": json.dumps(_numbers(comparison, against, found), indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        "tex": "\n".join(
            latex_table(rows_of(comparison, table), f"{title} of {what}.") for table, title in titles.items()
        ),
    }
    files = []
    for kind, text in texts.items():
        files.append(out / f"{STEM}.{kind}")
        write_whole(files[-1], text.encode())
    return files


def number_rows(comparison: Comparison) -> list[Row]:
    """One row a method with plain numbers: for every measure its mean, standard deviation and number of runs."""
    rows: list[Row] = []
    for method in comparison.methods:
        runs = comparison.of(method)
        row: Row = {"method": method, "data": comparison.data, "runs": sum(run.counts for run in runs)}
        row["seeds"] = " ".join(str(run.seed) for run in runs if run.counts)
        for measure in measures(comparison):
            found = over_seeds(values(comparison, method, measure))
            row |= {f"{measure.key}.mean": found.mean, f"{measure.key}.sd": found.sd, f"{measure.key}.n": found.n}
        rows.append(row)
    return rows


def readme_rows(comparison: Comparison) -> list[Row]:
    """One row a method for a short table: key metrics, Δm, parameters and MACs, each mean ± standard deviation."""
    short = [m for m in measures(comparison) if m.table == "quality" or m.key in ("parameters", "macs")]
    rows: list[Row] = []
    for method in comparison.methods:
        row: Row = {"method": method}
        for measure in short:
            show = cell if measure.table == "quality" else steady_cell
            row[measure.title] = show(values(comparison, method, measure), measure.absent)
        rows.append(row)
    return rows


def _part(title: str, rows: Sequence[Row], notes: Sequence[str]) -> list[str]:
    table = [aligned_table(rows)] if rows else []
    return [f"## {title}\n", *table, *(f"{note}\n" for note in notes)] if rows or notes else []


def _numbers(comparison: Comparison, against: str | None, found: Sequence[Pairing]) -> dict[str, object]:
    known = measures(comparison)

    def run(result: Result) -> dict[str, object]:
        return {
            "method": result.method,
            "seed": result.seed,
            "state": result.state,
            "problem": result.problem,
            "values": {measure.key: measure.value(result) for measure in known} if result.counts else {},
            "latency": result.latency.model_dump(mode="json") if result.latency else None,
        }

    return {
        "data": comparison.data,
        "methods": comparison.methods,
        "seeds": comparison.seeds,
        "measures": {measure.key: measure.title for measure in known},
        "runs": [run(result) for result in comparison.results.values()],
        "over seeds": {
            method: {measure.key: asdict(over_seeds(values(comparison, method, measure))) for measure in known}
            for method in comparison.methods
        },
        "paired": {
            "against": against,
            "tests": [
                {
                    "method": pairing.method,
                    "measure": pairing.measure.key,
                    "seeds": pairing.seeds,
                    **asdict(pairing.found),
                    "reads as": verdict(pairing),
                }
                for pairing in found
            ],
        },
        "notes": [
            *quality_notes(comparison),
            *speed_notes(comparison),
            *budget_notes(comparison),
            *(pairing_notes(found) if against is not None else []),
        ],
    }
