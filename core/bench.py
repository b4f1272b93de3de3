"""All benchmarks: each row times ours and a plain reference in the same process and gives the ratio.

The explorer's row runs in a process of its own, because the engine imports nothing of the explorer.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from core.benches import BenchRow, amalgamation, grouping, similarity, training

ROOT = Path(__file__).parents[1]


def run_benchmarks() -> Iterator[BenchRow]:
    """Every row as soon as it is measured. Raises `RuntimeError` if the explorer's part fails."""
    for subject in (similarity, grouping, amalgamation, training):
        yield from subject.rows()
    yield from _explorer_rows()


def as_line(row: BenchRow) -> str:
    """A row for people."""
    reference = "" if row.reference_ms is None else f"{row.reference_ms:10.2f} ms  {row.ratio:7.2f}x"
    target = f"  (target {row.target})" if row.target else ""
    note = f"  {row.note}" if row.note else ""
    return f"{row.name:<72} {row.ours_ms:10.2f} ms {reference}{target}  against {row.reference}{note}"


def as_json(row: BenchRow) -> str:
    """A row as one line of JSON."""
    return json.dumps(asdict(row) | {"ratio": row.ratio})


def _explorer_rows() -> Iterator[BenchRow]:
    command = [sys.executable, "-m", "explorer.bench"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"`{' '.join(command)}` failed:\n{done.stderr}")
    for line in done.stdout.splitlines():
        yield BenchRow(**json.loads(line))
