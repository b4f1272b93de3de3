"""Tables and structures as files, read back by others' readers; names that try to break them."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import networkx
import pydot
import pytest
import yaml

from core.events import RobustnessMeasured
from core.inspection import inspect_structure
from core.sharing import SharingGraph
from core.structure import Structure
from core.tables import Row, latex, latex_table, markdown_table, table_text
from core.tasks import Task
from explorer.export.run_tables import run_tables
from explorer.export.structures import STRUCTURE_LABELS, structure_graph, structure_text, tree
from explorer.moments import History
from tests._runs import DENSE, Plan, events_of, header_of

ROOMS = Plan(structural_phases=3)
HISTORY = History(header_of(ROOMS), events_of(ROOMS))
BORN = next(index for index in range(len(HISTORY)) if HISTORY.snapshot(index).births)
END = len(HISTORY) - 1
HOSTILE = '</script><b>"q" | \\ & % $ # _ { } ~ ^ \x07 é\n'
ROWS: list[Row] = [
    {"task": "a_b & c", "note": 'x|y\n"z"', "value": 0.123456789, "count": 3},
    {"task": "ü", "note": "", "value": None, "count": 1234},
]


def hostile_history() -> History:
    tasks = [replace(task, label=f"{HOSTILE}{number}") for number, task in enumerate(DENSE)]
    plan = replace(ROOMS, tasks=tasks, stages=[(f"{HOSTILE}{number}", 8) for number in range(4)], data=HOSTILE)
    return History(header_of(plan), events_of(plan))


def test_csv_and_json_hold_every_value() -> None:
    read = list(csv.DictReader(io.StringIO(table_text(ROWS, "csv"))))
    assert [row["note"] for row in read] == ['x|y\n"z"', ""]
    assert float(read[0]["value"]) == ROWS[0]["value"]
    assert json.loads(table_text(ROWS, "json")) == ROWS


def test_markdown_keeps_one_line_a_row_and_its_columns() -> None:
    lines = markdown_table(ROWS).splitlines()
    assert len(lines) == 4
    assert lines[1] == "| :--- | :--- | ---: | ---: |"
    for line in lines:
        assert len(line.replace("\\|", "").split("|")) == 6


def test_latex_escapes_everything_special() -> None:
    said = latex(r"\{}$&#_%^~<>|")
    assert said == (
        r"\textbackslash{}\{\}\$\&\#\_\%\textasciicircum{}\textasciitilde{}\textless{}\textgreater{}\textbar{}"
    )
    assert latex("RMSE [m] ↓, 21.9°, −3 ×") == r"RMSE [m] $\downarrow$, 21.9$^\circ$, $-$3 $\times$"
    text = latex_table(ROWS, "50 % of it")
    assert r"\begin{tabular}{llrr}" in text
    assert r"\caption{50 \% of it}" in text
    assert text.count(r"\\") == 3
    for rule in (r"\toprule", r"\midrule", r"\bottomrule"):
        assert text.count(rule) == 1


def test_an_empty_table_is_a_table() -> None:
    assert table_text([], "md").count("\n") == 2
    assert r"\begin{tabular}{l}" in table_text([], "tex")


@pytest.mark.parametrize("index", [BORN, END])
def test_graphml_loads_back_equal(index: int) -> None:
    snapshot = HISTORY.snapshot(index)
    text = structure_text(HISTORY, index, "graphml")
    read = networkx.read_graphml(io.BytesIO(text.encode()), node_type=int)
    made = structure_graph(HISTORY, snapshot)
    assert dict(read.nodes(data=True)) == dict(made.nodes(data=True))
    assert {edge[:2]: edge[2] for edge in read.edges(data=True)} == {
        edge[:2]: edge[2] for edge in made.edges(data=True)
    }
    assert read.graph["moment"] == index
    born = [node for _, node in read.nodes(data=True) if node["state"] == "being born"]
    assert len(born) == len(snapshot.births)
    assert read.number_of_nodes() == len(snapshot.graph.nodes) + len(born)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the reader is behind its own parser
@pytest.mark.parametrize("index", [BORN, END])
def test_dot_loads_back_with_every_node_and_edge(index: int) -> None:
    (read,) = pydot.graph_from_dot_data(structure_text(HISTORY, index, "dot")) or ()
    made = structure_graph(HISTORY, HISTORY.snapshot(index))
    named = {node.get_name(): node for node in read.get_nodes() if node.get_name().startswith("n") and node.get_label()}
    assert set(named) == {f"n{index}" for index in made.nodes}
    assert {(edge.get_source(), edge.get_destination()) for edge in read.get_edges()} == {
        (f"n{source}", f"n{target}") for source, target in made.edges
    }
    for number, node in made.nodes(data=True):
        assert node["task_names"] in named[f"n{number}"].get_label()


def test_json_loads_back_equal() -> None:
    read = json.loads(structure_text(HISTORY, END, "json"))
    assert SharingGraph.model_validate(read["graph"]) == HISTORY.snapshot(END).graph
    assert read["moment"]["event"] == END
    assert len(json.loads(structure_text(HISTORY, BORN, "json"))["being_born"]) == len(HISTORY.snapshot(BORN).births)


def test_yaml_is_what_the_engine_reads(tmp_path: Path) -> None:
    structure = tree(HISTORY, HISTORY.snapshot(END))
    text = structure_text(HISTORY, END, "yaml")
    assert Structure.from_branching(yaml.safe_load(text), structure.n_stages, structure.tasks) == structure
    assert "sem_cont" in text  # the authors' names
    (tmp_path / "structure.yaml").write_text(text)
    shown = inspect_structure("small", "rooms", branching=tmp_path / "structure.yaml")
    groups = [[[structure.tasks[task] for task in group] for group in stage] for stage in structure.stages]
    assert shown["stages"] == groups


def test_no_tree_no_yaml() -> None:
    with pytest.raises(ValueError, match="no structure stands"):
        structure_text(HISTORY, 0, "yaml")
    assert structure_text(HISTORY, 0, "graphml")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_hostile_names_survive_every_format() -> None:
    found = hostile_history()
    end = len(found) - 1
    for kind in STRUCTURE_LABELS:
        text = structure_text(found, end, kind)
        assert "\x07" not in text
    read = networkx.read_graphml(io.BytesIO(structure_text(found, end, "graphml").encode()), node_type=int)
    assert "</script>" in read.nodes[0]["name"]
    (graph,) = pydot.graph_from_dot_data(structure_text(found, end, "dot")) or ()
    assert len(graph.get_edges()) == read.number_of_edges()
    for one in run_tables(found, end):
        assert len(table_text(one.rows, "md").splitlines()) == len(one.rows) + 2
        assert "\x07" not in table_text(one.rows, "tex")


def test_a_task_that_no_name_can_carry_gets_no_yaml() -> None:
    task = DENSE[0]
    odd = replace(ROOMS, tasks=[Task("a|b", task.label, task.kind, task.outputs, task.metrics), *DENSE[1:]])
    found = History(header_of(odd), events_of(odd))
    with pytest.raises(ValueError, match="a"):
        structure_text(found, len(found) - 1, "yaml")


def test_the_tables_of_a_run() -> None:
    tables = {table.key: table.rows for table in run_tables(HISTORY, END)}
    assert set(tables) >= {"metrics", "losses", "groups", "nodes", "decisions", "similarities", "curves", "moments"}
    assert "robustness" not in tables
    assert len(tables["decisions"]) == sum(found.decision is not None for found in HISTORY.measurements)
    first = HISTORY.measurements[0].decision
    assert first is not None
    assert tables["decisions"][0]["Reason"] == first.reason
    noisy = RobustnessMeasured(
        step=1,
        epoch=1,
        phase=1,
        seconds=1.0,
        family="corruption",
        name="noise",
        severity=2,
        metrics={"depth": {"rmse": 0.5}, "edges": {}},
        samples=8,
    )
    measured = History(header_of(ROOMS), [*events_of(ROOMS), noisy])
    (row,) = next(table.rows for table in run_tables(measured, 3) if table.key == "robustness")
    assert (row["Task"], row["Metric"], row["Value"]) == ("Depth", "RMSE [m] ↓", 0.5)
