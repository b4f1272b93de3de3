"""The explorer's benchmark: one step of the cursor on the recorded run, as JSON lines (`python -m core bench` runs it).

A step is all that the server computes anew: the moment, the timeline and the sharing graph, as the JSON that is sent.
The reference reads the history from its events at every step, as a page without an index would.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from core.runs import read_run
from explorer.figures.sharing import sharing_figure
from explorer.figures.timeline import timeline_figure
from explorer.moments import History

RUN = Path(__file__).resolve().parents[1] / "assets" / "runs" / "mtsl-rooms"


def main() -> None:
    """Print the row."""
    run = read_run(RUN)
    history = History(run.header, run.events)
    moments = range(0, len(history), 3)

    def step(index: int) -> None:
        show(history, index)

    def plain_step(index: int) -> None:
        show(History(run.header, run.events), index)

    row = {
        "name": f"cursor step in the app, recorded run of {len(history)} moments",
        "ours_ms": median_ms(step, moments),
        "reference_ms": median_ms(plain_step, moments),
        "reference": "the same figures with the history read from the events at every step",
        "target": "<= 100 ms",
        "note": "",
    }
    sys.stdout.write(json.dumps(row) + "\n")


def show(history: History, index: int) -> tuple[str, str]:
    """The JSON of both figures of the Structure page at the event at `index`."""
    graph = sharing_figure(history, history.snapshot(index)).to_json(validate=False)
    return graph, timeline_figure(history, index, "neuron").to_json(validate=False)


def median_ms(step: Callable[[int], None], moments: range) -> float:
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
