"""Benchmarks, one module a subject: each has `rows()`, which times ours and a plain reference in the same process.

A row is honest only if both sides compute the same thing, so every module checks that before it times anything.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class BenchRow:
    """One comparison; times in milliseconds.

    >>> BenchRow("similarity", ours_ms=2.0, reference_ms=100.0, reference="per-pair Gram matrices").ratio
    50.0
    """

    name: str
    """What is computed, with its sizes."""
    ours_ms: float
    """Median time of ours, in milliseconds."""
    reference_ms: float | None
    """Median time of the reference, in milliseconds; None where it does not end in reasonable time."""
    reference: str
    """What the reference is, in words."""
    target: str | None = None
    """What was promised, such as ">= 50x" (a ratio) or "<= 5 ms" (an absolute time); None for nothing."""
    note: str = ""
    """What a reader must know to read the numbers rightly."""

    @property
    def ratio(self) -> float | None:
        """How many times faster ours is than the reference, or None without a reference."""
        return None if self.reference_ms is None else self.reference_ms / self.ours_ms


def time_ms(function: Callable[[], object], repeats: int = 5) -> float:
    """Median wall time of `function()` in milliseconds over `repeats` calls, after one call to warm up."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)
