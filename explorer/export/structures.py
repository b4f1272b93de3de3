"""The structure at a moment as files: GraphML, DOT, JSON, and the YAML that the MTSL authors publish.

A group node on its way is in the first three, too, with the state "being born" and an edge from each task node that it
learns from. The YAML holds what stands, and there is none for a structure that is no tree.
"""

import io
import json
import re
from collections.abc import Callable
from typing import Literal

import networkx
import yaml

from core.sharing import SharingNode
from core.structure import Structure
from explorer import theme, words
from explorer.moments import History, Snapshot

StructureKind = Literal["graphml", "dot", "json", "yaml"]
STRUCTURE_LABELS: dict[StructureKind, str] = {"graphml": "GraphML", "dot": "DOT", "json": "JSON", "yaml": "YAML"}


def structure_text(history: History, index: int, kind: StructureKind) -> str:
    """The structure after the event at `index` as a file of this kind.

    Raises `ValueError` for the YAML of a structure that is no tree, with the reason.
    """
    writers: dict[StructureKind, Callable[[History, Snapshot], str]] = {
        "graphml": _graphml,
        "dot": _dot,
        "json": _json,
        "yaml": _yaml,
    }
    return writers[kind](history, history.snapshot(index))


def tree(history: History, snapshot: Snapshot) -> Structure:
    """What stands at a moment as a tree. Raises `ValueError` if it is none, with the reason."""
    names = tuple(task.name for task in history.header.tasks)
    nodes = [node for node in snapshot.graph.nodes if node.kind != "head"]
    if not nodes:
        raise ValueError("no structure stands at this moment.")
    if any(node.kind == "skip" for node in nodes):
        raise ValueError("the structure skips stages, so it is no tree of shared stages.")
    stages = range(len(history.header.stages))
    return Structure(names, tuple(tuple(node.tasks for node in nodes if node.stage == stage) for stage in stages))


def structure_graph(history: History, snapshot: Snapshot) -> "networkx.DiGraph[int]":
    """A directed graph of plain values: stage, kind, state, tasks, neurons, parameters and MACs of every node."""
    header = history.header
    graph = snapshot.graph.to_networkx()
    graph.graph.update(
        {
            "run": _clean(words.run_title(header)),
            "moment": snapshot.index,
            "phase": snapshot.event.phase,
            "epoch": snapshot.event.epoch,
            "step": snapshot.event.step,
        }
    )
    for index, node in enumerate(snapshot.graph.nodes):
        graph.nodes[index].update(_facts(history, node), state="stands")
    for birth in snapshot.births:
        new, node = graph.number_of_nodes(), birth.node
        graph.add_node(new, **node.model_dump(exclude={"tasks"}), tasks=",".join(map(str, node.tasks)))
        graph.nodes[new].update(_facts(history, node), state="being born")
        for index, old in enumerate(snapshot.graph.nodes):
            if old.stage == node.stage and old.kind != "head" and set(old.tasks) <= set(node.tasks):
                graph.add_edge(index, new, weight=float(birth.done))
    for _, _, edge in graph.edges(data=True):
        edge["weight"] = float(edge["weight"])
    return graph


def _facts(history: History, node: SharingNode) -> dict[str, str]:
    stage = "head" if node.kind == "head" else _clean(words.stage_name(history.header, node.stage))
    return {"name": stage, "task_names": _clean(words.task_names(history.header, node.tasks))}


def _graphml(history: History, snapshot: Snapshot) -> str:
    out = io.BytesIO()
    networkx.write_graphml_xml(structure_graph(history, snapshot), out, encoding="utf-8", prettyprint=True)
    return out.getvalue().decode()


def _json(history: History, snapshot: Snapshot) -> str:
    header, event = history.header, snapshot.event
    return json.dumps(
        {
            "run": {"method": header.method, "data": header.data, "seed": header.seed},
            "moment": {"event": snapshot.index, "phase": event.phase, "epoch": event.epoch, "step": event.step},
            "tasks": [{"name": task.name, "label": task.label} for task in header.tasks],
            "stages": [stage.model_dump() for stage in header.stages],
            "graph": snapshot.graph.model_dump(),
            "being_born": [
                {"node": birth.node.model_dump(), "start": birth.start, "done": birth.done, "losses": birth.losses}
                for birth in snapshot.births
            ],
        },
        indent=1,
    )


def _dot(history: History, snapshot: Snapshot) -> str:
    """Graphviz' own language: one rank a stage, every node in the colours of its tasks."""
    looks = theme.looks(history.header)
    graph = structure_graph(history, snapshot)
    lines = [
        "digraph structure {",
        f"  label={_quoted(words.run_title(history.header) + ' · ' + words.place(snapshot.event))};",
        "  rankdir=BT;",
        '  node [shape=box, style="filled,striped", fontname="Helvetica"];',
    ]
    ranks: dict[int, list[int]] = {}
    for index, node in graph.nodes(data=True):
        tasks = [int(task) for task in node["tasks"].split(",")]
        ranks.setdefault(node["stage"], []).append(index)
        colours = ":".join(looks[task].colour for task in tasks)
        style = "filled" if len(tasks) == 1 else "filled,striped"
        style += ",dashed" if node["state"] == "being born" else ""
        label = f"{node['name']}\n{node['task_names']}\n{node['neurons']} neurons"
        dark = len(tasks) == 1 and looks[tasks[0]].on_colour == "#ffffff"
        lines.append(
            f"  n{index} [label={_quoted(label)}, style={_quoted(style)}, fillcolor={_quoted(colours)}, "
            f'fontcolor="{"#ffffff" if dark else "#000000"}"];'
        )
    lines += [f"  {{rank=same; {' '.join(f'n{index};' for index in found)}}}" for found in ranks.values()]
    lines += [
        f"  n{source} -> n{target} [weight={1 + round(9 * edge['weight'])}, penwidth={1 + 2 * edge['weight']:g}];"
        for source, target, edge in graph.edges(data=True)
        if ranks and graph.nodes[source]["stage"] != graph.nodes[target]["stage"]
    ]
    lines += [
        f"  n{source} -> n{target} [style=dashed, constraint=false, penwidth={1 + 2 * edge['weight']:g}];"
        for source, target, edge in graph.edges(data=True)
        if graph.nodes[source]["stage"] == graph.nodes[target]["stage"]
    ]
    return "\n".join([*lines, "}", ""])


def _yaml(history: History, snapshot: Snapshot) -> str:
    structure = tree(history, snapshot)
    mapping = structure.to_branching(authors_names=True)
    if Structure.from_branching(mapping, structure.n_stages, structure.tasks) != structure:
        raise ValueError("the names of the tasks cannot be told apart in the authors' format.")
    return yaml.safe_dump(mapping, sort_keys=False, allow_unicode=True)


def _quoted(text: str) -> str:
    r"""A string of the DOT language.

    >>> _quoted('a "b"')
    '"a \\"b\\""'
    """
    escaped = _clean(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _clean(text: str) -> str:
    """Text without the control characters that XML cannot hold."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
