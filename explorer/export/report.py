"""A whole run as one HTML file that opens from disk with the network cut, on screen and on paper.

It holds plotly's script once (4.8 MB); everything else is small. Figures are drawn when they come into sight.
"""

from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from core.runs import Run
from explorer import words
from explorer.export.html import figure, table, tiles
from explorer.export.images import CONFIG, for_script, plotly_script, safe_json
from explorer.export.provenance import provenance_rows, setting_rows, version_rows
from explorer.export.run_tables import decision_rows, robustness_rows
from explorer.figures import Drawing
from explorer.figures.camera import film
from explorer.figures.catalogue import decision_drawings, drawings
from explorer.figures.sharing import ALT as SHARING_ALT
from explorer.figures.sharing import graph_height
from explorer.figures.tables import group_rows, metric_rows, node_rows
from explorer.glossary import GLOSSARY
from explorer.moments import Grain, History
from explorer.reading import reading

_HERE = Path(__file__).parent
_PLAYER = _HERE.parent / "player" / "graph.js"
_MOST_TABLES = 60  # measurements with their numbers as a table, too
_MOST_STOPS = 4000  # of the film inside the report; beyond, it stops at decisions only


@dataclass(frozen=True)
class Section:
    """One section: `key` is its anchor."""

    key: str
    title: str
    body: str


def report(run: Run, history: History) -> str:
    """The report of a run as far as it was read."""
    name = run.folder.name
    sections = [section for section in _sections(run, history) if section.body]
    links = "".join(f'<li><a href="#{one.key}">{escape(one.title)}</a></li>' for one in sections)
    body = "".join(
        f'<section id="{one.key}" aria-labelledby="{one.key}-title"><h2 id="{one.key}-title">{escape(one.title)}</h2>'
        f"{one.body}</section>"
        for one in sections
    )
    title = words.run_title(run.header)
    style, script = ((_HERE / file).read_text(encoding="utf-8") for file in ("report.css", "report.js"))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8">'
        f"<title>{escape(title)} · {escape(name)}</title>\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">\n'
        f"<style>{style}</style></head>\n<body>\n"
        '<a class="skip" href="#content">Skip to the content</a>\n'
        f'<header><p class="quiet">Report of the run {escape(name)} · MTSL Explorer</p><h1>{escape(title)}</h1>'
        f"<p>{escape(_abstract(run, history))}</p></header>\n"
        f'<nav aria-label="Contents"><h2>Contents</h2><ol>{links}</ol></nav>\n<main id="content">{body}</main>\n'
        '<footer class="quiet">Made by MTSL Explorer from the recorded events of the run. Every figure saves itself as '
        "SVG through the button at its top right.</footer>\n"
        f'<script type="application/json" id="config">{for_script(CONFIG)}</script>\n'
        f"<script>{plotly_script()}</script>\n<script>{script}</script>\n</body></html>\n"
    )


def _sections(run: Run, history: History) -> list[Section]:
    last = len(history) - 1
    shown = {drawing.key: drawing for drawing in drawings(history, last)}
    used = {"timeline", "sharing", "grid", "matrix", "scores", "metrics", "second-metrics", "losses"}
    name = run.folder.name

    def drawn(*keys: str) -> str:
        return "".join(f"<h3>{escape(shown[key].title)}</h3>{figure(shown[key], name)}" for key in keys if key in shown)

    structure = ""
    if "sharing" in shown:
        snapshot = history.snapshot(last)
        structure = (
            figure(shown["sharing"], name, with_data=False)
            + table(group_rows(history, snapshot), "Who shares each stage, last stage first")
            + f"<details><summary>All nodes</summary>{table(node_rows(history, snapshot))}</details>"
        )
    metrics = drawn("metrics", "second-metrics", "losses")
    if metrics:
        metrics = table(metric_rows(history, last, "metric"), "Key metric of every task") + metrics
    return [
        Section("summary", "Summary", _summary(history)),
        Section("timeline", "Timeline", figure(shown["timeline"], name) if "timeline" in shown else ""),
        Section("growth", "How the structure grew", player_section(history)),
        Section("structure", "The structure at the end", structure),
        Section("similarity", "Similarity", _similarity(history, name, shown)),
        Section("decisions", "Decisions", table(decision_rows(history), "Every decision, in the order of the run")),
        Section("metrics", "Metrics", metrics),
        Section("robustness", "Robustness", table(robustness_rows(history))),
        Section("more", "More figures", drawn(*(key for key in shown if key not in used))),
        Section("provenance", "Provenance", _provenance(run)),
        Section("words", "Words", _glossary()),
    ]


def _abstract(run: Run, history: History) -> str:
    header = run.header
    tasks = ", ".join(task.label for task in header.tasks)
    state = {
        "running": "it was still training when this report was made",
        "paused": "it was paused when this report was made",
        "interrupted": "it was interrupted",
        "finished": "it reached its last epoch",
        "failed": "it failed",
    }[run.state()]
    return (
        f"{len(header.tasks)} tasks ({tasks}) on {header.data}, {len(header.stages)} stages, seed {header.seed}; "
        f"{len(history):,} recorded events; {state}."
    )


def _summary(history: History) -> str:
    if not len(history):
        return "<p>No events were recorded so far.</p>"
    now, start = history.latest, history.start or history.latest
    epochs = [event for _, event in history.epochs]
    facts = [
        ("Phases", str(len(history.phases)), ""),
        ("Task epochs", str(epochs[-1].epoch if epochs else 0), ""),
        ("Training time", words.duration(now.event.seconds), ""),
    ]
    for name, value, before in (
        ("Parameters", now.parameters, start.parameters),
        ("MACs an image", now.macs, start.macs),
        ("Neurons", now.neurons, start.neurons),
        ("Nodes", now.nodes, start.nodes),
    ):
        facts.append((name, words.count(value), f"{words.change(value, before)} since the start"))
    for task, found in zip(history.order(), metric_rows(history, len(history) - 1, "metric"), strict=True):
        last = found["Last"]
        unit = history.header.tasks[task].metrics[0].unit
        shown = words.value(last, unit) if isinstance(last, int | float) else words.NOT_DEFINED
        facts.append((history.header.tasks[task].label, shown, str(found["Measure"])))
    return tiles(facts) + f"<p>{escape(words.sentence(now.event, history.header))}</p>"


def player_section(history: History) -> str:
    """The sharing graph that moves from stop to stop: the same player as in the app, on a film inside the page."""
    if history.start is None:
        return ""
    grain: Grain = "neuron" if len(history) <= _MOST_STOPS else "decision"
    player = _PLAYER.read_text(encoding="utf-8")
    options = {"alt": SHARING_ALT, "height": graph_height(history.header, "up"), "story": True}
    return (
        f'<p>{escape(reading(history.header))}</p><div id="player" class="player"></div>'
        f'<script type="application/json" id="film">{safe_json(film(history, grain).to_json())}</script>'
        f"<script type=\"module\">{player}\nmountGraph(document.getElementById('player'), "
        f"JSON.parse(document.getElementById('film').textContent), {for_script(options)})</script>"
    )


def _similarity(history: History, name: str, shown: dict[str, Drawing]) -> str:
    """All measurements at a glance, then each with its decision."""
    if "grid" not in shown:
        return ""
    few = len(history.measurements) <= _MOST_TABLES
    parts = [figure(shown["grid"], name, with_data=False)]
    for number, found in enumerate(history.measurements, start=1):
        title = words.title(found.decision or found.similarity, history.header)
        pair = [replace(one, key=f"{one.key}-{number}") for one in decision_drawings(history, found)]
        parts.append(
            f"<h3>Phase {found.similarity.phase} · {escape(title)}</h3>"
            f'<div class="pair">{"".join(f"<div>{figure(one, name, few)}</div>" for one in pair)}</div>'
        )
    return "".join(parts)


def _provenance(run: Run) -> str:
    return (
        table(provenance_rows(run.header, run.folder))
        + table(version_rows(run.header), "Versions that trained it")
        + f"<details open><summary>All settings</summary>{table(setting_rows(run.header))}</details>"
    )


def _glossary() -> str:
    entries = "".join(f"<dt>{escape(word)}</dt><dd>{escape(said)}</dd>" for word, said in GLOSSARY.items())
    return f'<dl class="words">{entries}</dl>'
