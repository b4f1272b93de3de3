"""The explorer's benchmarks on the recorded run, as JSON lines (`python -m core bench` runs them).

A step of the cursor is all that the server computes anew: the moment, the timeline and the sharing graph, as the JSON
that is sent; its reference reads the history from its events at every step, as a page without an index would. A move of
the what-if slider is compared with one that keeps no search.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from core.runs import Run, read_run
from explorer.figures.flips import flips_figure
from explorer.figures.rows import Row
from explorer.figures.sharing import sharing_figure
from explorer.figures.timeline import timeline_figure
from explorer.figures.what_if import what_if_figure
from explorer.focus import Focus
from explorer.moments import History
from explorer.what_if.replay import find_all_flips, study
from explorer.what_if.trees import trees

RUN = Path(__file__).resolve().parents[1] / "assets" / "runs" / "mtsl-rooms"


def main() -> None:
    """Print the rows."""
    run = read_run(RUN)
    history = History(run.header, run.events)
    for row in (cursor_row(run, history), what_if_row(history)):
        sys.stdout.write(json.dumps(row) + "\n")


def cursor_row(run: Run, history: History) -> Row:
    """A step of the cursor."""

    def plain_step(index: int) -> None:
        show(History(run.header, run.events), index)

    moments = range(0, len(history), 3)
    return {
        "name": f"cursor step in the app, recorded run of {len(history)} moments",
        "ours_ms": median_ms(lambda index: show(history, index), moments),
        "reference_ms": median_ms(plain_step, moments),
        "reference": "the same figures with the history read from the events at every step",
        "target": "<= 100 ms",
        "note": "",
    }


def what_if_row(history: History) -> Row:
    """A move of the what-if slider: the replay, its tree and the flip points, as the JSON that is sent."""
    asked, last = study(history), history.latest

    def move(step: int) -> None:
        threshold = 0.88 + step / 1000
        replay = asked.replay(threshold)
        what_if_figure(history, asked, replay, last).to_json(validate=False)
        flips_figure(history, asked, last.index, threshold, None, Focus()).to_json(validate=False)

    def plain_move(step: int) -> None:
        find_all_flips.cache_clear()
        trees.cache_clear()
        move(step)

    return {
        "name": f"what-if slider move, recorded run of {len(history.measurements)} decisions",
        "ours_ms": median_ms(move, range(0, 120, 5)),
        "reference_ms": median_ms(plain_move, range(0, 120, 30)),
        "reference": "the same with every matrix searched anew at every move",
        "target": "<= 150 ms",
        "note": "",
    }


def show(history: History, index: int) -> tuple[str, str]:
    """The JSON of both figures of the Structure page at the event at `index`."""
    graph = sharing_figure(history, history.snapshot(index)).to_json(validate=False)
    return graph, timeline_figure(history, index, "neuron").to_json(validate=False)


def median_ms(step: Callable[[int], object], moments: range) -> float:
    """Median time of a step over the moments, in milliseconds, after one to warm up."""
    step(moments[0])
    times = []
    for index in moments:
        start = time.perf_counter()
        step(index)
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


if __name__ == "__main__":
    main()
