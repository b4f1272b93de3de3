"""The explorer's benchmarks, as JSON lines (`python -m core bench` runs them): cursor steps, many runs, payloads.

A step of the figures is all that the server computes anew: the moment, the timeline and the sharing graph, as the JSON
that is sent; the reference reads the history from its events at every step, as a page without an index would. A step of
a page is all that Streamlit does for it, in its own test harness. The largest run and the folder of many runs are those
of the tests' generator, made on the spot. A move of the what-if slider is compared with one that keeps no search, and
the film of the largest run with writing out the whole graph at every stop.
"""

import json
import os
import statistics
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block

from core.runs import EVENTS, read_run
from explorer import library, state
from explorer.app import PAGES, PageInfo
from explorer.figures.camera import film
from explorer.figures.flips import flips_figure
from explorer.figures.sharing import sharing_figure
from explorer.figures.timeline import timeline_figure
from explorer.figures.what_if import what_if_figure
from explorer.focus import Focus
from explorer.moments import History
from explorer.what_if.replay import find_all_flips, study
from explorer.what_if.trees import trees
from tests._runs import LARGEST, events_of, header_of, write_many, write_run

APP = Path(__file__).with_name("app.py")
RUN = library.EXAMPLES / "mtsl-rooms"
MANY = 200


def main() -> None:
    """Print the rows."""
    write(_figures())
    write(_what_if())
    write(_film())
    with tempfile.TemporaryDirectory() as temporary:
        roots = Path(temporary) / "largest", Path(temporary) / "many"
        write_run(roots[0] / "largest", LARGEST)
        write_many(roots[1], MANY)
        write(_opening(roots[0] / "largest"))
        for run, most in ((f"example.{RUN.name}", 150), ("runs.largest", 500)):
            for page in (page for page in PAGES if page.cursor):
                write(_page_step(page, run, roots[0], most))
        write(_overview(roots[1]))


def write(row: Mapping[str, object]) -> None:
    """Print one row."""
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


def _figures() -> dict[str, object]:
    run = read_run(RUN)
    history = History(run.header, run.events)
    moments = range(0, len(history), 3)

    def step(index: int) -> None:
        show(history, index)

    def plain_step(index: int) -> None:
        show(History(run.header, run.events), index)

    return {
        "name": f"cursor step in the app, recorded run of {len(history)} moments",
        "ours_ms": median_ms(step, moments),
        "reference_ms": median_ms(plain_step, moments),
        "reference": "the same figures with the history read from the events at every step",
        "target": "<= 100 ms",
        "note": "",
    }


def _what_if() -> dict[str, object]:
    """A move of the what-if slider: the replay, its tree and the flip points, as the JSON that is sent."""
    run = read_run(RUN)
    history = History(run.header, run.events)
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


def _film() -> dict[str, object]:
    """The film of the largest run."""
    history = History(header_of(LARGEST), events_of(LARGEST))
    stops = history.stops("neuron")

    def ours(_: int) -> str:
        return film(history, "neuron").to_json()

    def plain(_: int) -> list[str]:
        return [history.snapshot(stop).graph.model_dump_json() for stop in stops]

    text, whole = ours(0), "".join(plain(0))
    packed, size = len(zlib.compress(text.encode())), len(text)
    return {
        "name": f"film of the largest run, {len(stops)} stops",
        "ours_ms": median_ms(ours, range(3)),
        "reference_ms": median_ms(plain, range(3)),
        "reference": f"the whole graph at every stop, {len(whole) / 1e6:.0f} MB",
        "target": "<= 500 ms, <= 2 MB",
        "note": f"{packed / 1e3:.0f} kB packed, {size / 1e3:.0f} kB as JSON",
    }


def _opening(folder: Path) -> dict[str, object]:
    def opened(_: int) -> None:
        run = read_run(folder)
        History(run.header, run.events)

    size = (folder / EVENTS).stat().st_size / 1e6
    return _row(
        f"first opening of the largest run, {size:.1f} MB of events", medians_ms(opened, range(5)), "<= 2000 ms"
    )


def _page_step(page: PageInfo, run: str, root: Path, most: int) -> dict[str, object]:
    """Time of a step on a whole page, widgets and all, as Streamlit runs it; the payload is all that it sends."""
    os.environ[library.RUNS_VARIABLE] = str(root)
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.query_params["run"] = run
    app.query_params["at"] = "60"
    app.run()
    if page is not PAGES[0]:
        app.switch_page(page.file).run()

    def step(_: int) -> None:
        app.button(key=state.NEXT).click().run()
        if app.exception:
            raise RuntimeError(f"{page.title}: {app.exception[0].value}")

    name = f"cursor step, whole {page.title} page, {run.partition('.')[2]}"
    return _row(name, medians_ms(step, range(9)), f"<= {most} ms", app)


def _overview(root: Path) -> dict[str, object]:
    """Time of the whole Overview page when its runs have never been looked at; the reference reads all of each run."""
    os.environ[library.RUNS_VARIABLE] = str(root)
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    page = next(page for page in PAGES if page.url == "overview")
    start = time.perf_counter(), time.process_time()
    app.switch_page(page.file).run()
    cold = 1e3 * (time.perf_counter() - start[0]), 1e3 * (time.process_time() - start[1])

    def once_more(_: int) -> None:
        app.run()

    def whole(_: int) -> None:
        for entry in library.listing():
            run = read_run(entry.folder)
            History(run.header, run.events)

    again = median_ms(once_more, range(5))
    row = _row(f"overview of {MANY} runs, read for the first time", cold, "<= 1500 ms", app)
    reference = {"reference_ms": median_ms(whole, range(1)), "reference": "reading every run whole, nothing drawn"}
    return row | reference | {"note": f"{row['note']}; {again:.0f} ms once they are known"}


def _row(name: str, ours_ms: tuple[float, float], target: str, app: AppTest | None = None) -> dict[str, object]:
    note = f"{ours_ms[1]:.0f} ms on the processor"
    if app:
        note += f"; payload {payload(app) / 1e6:.2f} MB (target <= 2 MB)"
    absolute = {"reference_ms": None, "reference": "nothing: an absolute time"}
    return {"name": name, "ours_ms": ours_ms[0], **absolute, "target": target, "note": note}


def payload(app: AppTest) -> int:
    """Bytes of all elements on a page of the test harness."""
    nodes = [node for part in (app.main, app.sidebar) for node in part if not isinstance(node, Block)]
    return sum(node.proto.ByteSize() for node in nodes)


def show(history: History, index: int) -> tuple[str, str]:
    """The JSON of both figures of the Structure page at the event at `index`."""
    graph = sharing_figure(history, history.snapshot(index)).to_json(validate=False)
    return graph, timeline_figure(history, index, "neuron").to_json(validate=False)


def median_ms(step: Callable[[int], object], moments: range) -> float:
    """Median time of a step over the moments, in milliseconds, after one to warm up."""
    return medians_ms(step, moments)[0]


def medians_ms(step: Callable[[int], object], moments: range) -> tuple[float, float]:
    """Median time of a step on the clock and on the processor, which differ on a machine that is busy otherwise."""
    step(moments[0])
    times = []
    for index in moments:
        start = time.perf_counter(), time.process_time()
        step(index)
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    clock, processor = (1e3 * statistics.median(part) for part in zip(*times, strict=True))
    return clock, processor


if __name__ == "__main__":
    main()
