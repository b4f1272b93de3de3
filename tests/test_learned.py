"""Gates and policies on screen: their figures, their words, why nodes are so, and where a page shows them."""

from pathlib import Path

import pytest

from core.config import preset
from core.events import EpochFinished, Event, GatesUpdated, PhaseStarted, PolicyUpdated, StructureChanged
from core.launch import build_fabric, start_run
from core.runs import RunHeader, RunWriter, StageInfo, TaskInfo, read_run
from core.sharing import SharingEdge, SharingGraph, SharingNode
from core.structure import Node
from core.tasks import DEPTH, EDGES
from explorer import library, words
from explorer.app import PAGES
from explorer.figures.camera import film
from explorer.figures.catalogue import drawings
from explorer.figures.curves import training_drawing, training_figure
from explorer.figures.facts import node_reason, policy_at
from explorer.figures.gates import gate_rows, gates_at, gates_drawing, gates_figure
from explorer.figures.policies import policies_drawing, policies_figure, policy_rows
from explorer.figures.sharing import sharing_figure
from explorer.figures.tables import group_rows
from explorer.focus import Focus
from explorer.moments import History
from explorer.reading import around_phases, no_decisions, no_similarity, reading
from tests.test_automtl import run, settings
from tests.test_pages import figure, opened
from tests.test_routed import SHORT, SMALL

AT = {"step": 4, "epoch": 1, "phase": 0, "seconds": 1.0}
GATES = ((0.0, 0.5), (1.0, 0.25))
HEADS = ((0.75, 0.0), (0.5, None))


def header(method: str) -> RunHeader:
    stages = (StageInfo(name="stem", neurons=8), StageInfo(name="top", neurons=8))
    return RunHeader(method=method, data="rooms", seed=0, tasks=(TaskInfo.of(DEPTH), TaskInfo.of(EDGES)), stages=stages)


def node(stage: int, tasks: tuple[int, ...], kind: str, neurons: int = 8) -> SharingNode:
    return SharingNode(stage=stage, tasks=tasks, kind=kind, neurons=neurons, parameters=4, macs=4)  # type: ignore[arg-type]


def network(weights: tuple[float, float]) -> SharingGraph:
    """Two sub-networks a stage that serve both tasks, and heads that read the second stage through gates."""
    nodes = (*(node(stage, (0, 1), "shared") for stage in (0, 0, 1, 1)), node(2, (0,), "head"), node(2, (1,), "head"))
    edges = [SharingEdge(source=source, target=target, weight=1.0) for source in (0, 1) for target in (2, 3)]
    edges += [SharingEdge(source=2 + at, target=target, weight=w) for target in (4, 5) for at, w in enumerate(weights)]
    return SharingGraph(nodes=nodes, edges=tuple(edges))


def started(graph: SharingGraph) -> list[Event]:
    changed = StructureChanged(graph=graph, parameters=graph.parameters, macs=graph.macs, **AT)  # type: ignore[arg-type]
    return [PhaseStarted(role="task-learning", epochs=2, **AT), changed]  # type: ignore[arg-type]


def routed(method: str = "snr-trans") -> History:
    """A run of two stages with two sub-networks each, whose gates are updated twice."""
    found = started(network((0.1, 1.0)))
    for later in (False, True):
        gates = GATES[::-1] if later else GATES
        found.append(GatesUpdated(stage=0, gates=gates, **AT))  # type: ignore[arg-type]
        found.append(GatesUpdated(stage=1, readers="heads", gates=HEADS, **AT))  # type: ignore[arg-type]
        found.append(
            EpochFinished(losses={"depth": 1.0}, penalty=0.5, learning_rate=1e-3, samples_per_second=9.0, **AT)  # type: ignore[arg-type]
        )
    return History(header(method), found)  # type: ignore[arg-type]


def automtl(nodes: bool = False) -> History:
    """A run whose policies are updated once, and settle on sharing for depth and on skipping for edges at the top."""
    both = (node(0, (0, 1), "shared"), node(1, (0,), "specific"), node(1, (1,), "skip", 0))
    graph = SharingGraph(nodes=both, edges=())
    ways = ((0.5, 0.25, 0.25), (0.125, 0.25, 0.625))
    found = started(network((1.0, 1.0)))
    for stage in (0, 1):
        detail = (ways, ways[::-1]) if nodes else ()
        found.append(PolicyUpdated(stage=stage, probabilities=ways, nodes=detail, temperature=2.5, **AT))  # type: ignore[arg-type]
    changed = StructureChanged(graph=graph, parameters=8, macs=8, **AT)  # type: ignore[arg-type]
    return History(header("automtl"), [*found, changed])  # type: ignore[arg-type]


# gates


def test_gates_at_a_moment_are_the_latest_of_every_stage_and_its_readers() -> None:
    history = routed()
    assert gates_at(history, 1) == {}
    assert [event.gates for event in gates_at(history, 3).values()] == [GATES, HEADS]
    assert [event.gates for event in gates_at(history, 4).values()] == [GATES, HEADS]  # an epoch later, nothing new
    assert [event.gates for event in gates_at(history, 6).values()] == [GATES[::-1], HEADS]
    assert list(gates_at(history, 6)) == [(0, "stage"), (1, "heads")]


def test_a_heat_map_shows_who_reads_whom_and_what_is_closed() -> None:
    history = routed()
    drawn = gates_figure(history, 3)
    between, heads = (trace for trace in drawn.data if trace.type == "heatmap")
    assert between.z.tolist() == [list(row) for row in GATES]
    assert list(between.y) == [1, 0]  # the first reader on top
    assert heads.z[0].tolist() == [0.75, 0.0]
    assert heads.z[1][0] == 0.5
    assert min(heads.y) > max(between.y)
    assert (between.zmin, between.zmax) == (0, 1)
    [closed] = [trace for trace in drawn.data if trace.name == "closed"]
    assert list(zip(closed.x, closed.y, strict=True)) == [(0, 1), (heads.x[1], heads.y[0])]
    [unseen] = [trace for trace in drawn.data if trace.name == "connections"]
    said = dict(unseen.customdata.tolist())
    assert said["focus:1:1"] == "top, sub-network 2 → head of Edges: no gate"
    assert any("stem, sub-network 1 → top, sub-network 1: 0.000" in text for _, text in unseen.customdata)
    rows = gate_rows(history, 3)
    assert rows[1] == {"stage": "stem", "sub-network": 2, "read by": "top, sub-network 1", "gate": 0.5}
    assert len(rows) == 8
    assert [shape.name for shape in gates_figure(history, 3, Focus(1, (0,))).layout.shapes] == ["picked", "picked"]


def test_shares_of_experts_get_colours_up_to_the_largest_of_the_run() -> None:
    history = routed("mmoe")
    tops = {trace.zmax for trace in gates_figure(history, 3).data if trace.type == "heatmap"}
    assert tops == {1.0}
    assert "sum to 1" in gates_drawing(history, 3).caption
    assert "pruned" in gates_drawing(routed(), 3).caption


def test_words_say_from_where_to_where_gates_lead() -> None:
    history = routed()
    assert (
        words.sentence(history.event(2), history.header) == "The gates from stem to top were updated: 3 of 4 are open."
    )
    assert words.sentence(history.event(3), history.header) == (
        "The gates from top to the heads were updated: 2 of 3 are open."
    )
    assert words.title(history.event(3), history.header) == "gates from top to the heads"


def test_a_subnetwork_is_not_said_to_be_compared() -> None:
    history = routed()
    assert "every task reaches it" in node_reason(history, Node(0, (0, 1)), 3)
    assert node_reason(history, Node(0, (0,)), 3).endswith("no open gates lead from it to Edges")
    assert node_reason(History(header("separate")), Node(0, (0,)), 0) == "of its own from the start"
    assert node_reason(History(header("mtsl")), Node(0, (0,)), 0) == "never compared so far"


def test_equal_groups_are_counted() -> None:
    history = routed()
    assert [row["Groups"] for row in group_rows(history, history.snapshot(3))] == ["all ×2", "all ×2"]


def test_weak_strands_are_pale() -> None:
    history = routed()
    strands = [trace for trace in sharing_figure(history, history.snapshot(3)).data if trace.name == "strand depth"]
    opacity = {trace.line.width: float(trace.line.color.rstrip(")").rsplit(", ", 1)[1]) for trace in strands}
    assert opacity[3.5] == 1.0
    assert min(opacity.values()) < 0.3
    assert film(history, "neuron").input == "image"


def test_the_penalty_has_a_curve() -> None:
    history = routed()
    titles = [axis.title.text for axis in training_figure(history, 5).select_yaxes()]
    assert [title.split("</b>")[0] for title in titles] == ["<b>Penalty", "<b>Learning rate", "<b>Speed"]
    assert training_drawing(history, 5).caption.startswith("Penalty on open gates")


# policies


def test_a_bar_is_cut_by_the_probabilities_and_marks_what_was_chosen() -> None:
    history = automtl()
    last = history.latest
    traces = {trace.name: trace for trace in policies_figure(history, last).data}
    assert set(traces) == {f"{letter} {way}" for letter in "DE" for way in words.POLICY}
    widths = [traces[f"D {way}"].x[0] for way in words.POLICY]
    assert [width / sum(widths) for width in widths] == pytest.approx([0.5, 0.25, 0.25])
    assert traces["D own"].base[0] == pytest.approx(traces["D shared"].base[0] + widths[0])
    outlined = {
        (name, int(y))
        for name, trace in traces.items()
        for y, width in zip(trace.y, trace.marker.line.width, strict=True)
        if width > 1
    }
    assert outlined == {("D shared", 0), ("E shared", 0), ("D own", 1), ("E skipped", 1)}
    before = policies_figure(history, history.snapshot(3)).data  # several nodes a task: nothing is chosen yet
    assert not any(width > 1 for trace in before for width in trace.marker.line.width if trace.name.endswith("own"))
    assert traces["E skipped"].customdata[1][0] == "focus:1:1"
    assert traces["E skipped"].customdata[1][1] == "Edges at top: 62 % skipped, chosen"
    pale = next(trace for trace in policies_figure(history, last, Focus(0, (0,))).data if trace.name == "D shared")
    assert list(pale.marker.opacity) == [1.0, 0.25]


def test_convolutions_have_bars_of_their_own() -> None:
    history = automtl(nodes=True)
    trace = next(trace for trace in policies_figure(history, history.latest).data if trace.name == "D shared")
    assert len(trace.y) == 4
    assert trace.y[0] < trace.y[1] < 0.5 < trace.y[2]
    assert "convolution 2" in trace.customdata[1][1]


def test_policies_as_rows_words_and_reasons() -> None:
    history = automtl()
    assert policy_at(history, 1, 2) is None
    assert policy_at(history, 1, 3) == history.event(3)
    assert policy_rows(history, 3)[0] == {
        "stage": "top",
        "task": "depth",
        "shared": 0.5,
        "own": 0.25,
        "skipped": 0.25,
        "temperature": 2.5,
    }
    assert words.sentence(history.event(2), history.header) == (
        "The sharing policy of stem, each task's likeliest way: Depth shared 50 %, Edges skipped 62 %."
    )
    assert node_reason(history, Node(1, (1,)), 3) == "its policy: 12 % shared, 25 % own, 62 % skipped"
    assert node_reason(history, Node(0, (0, 1)), 3) == "shared by policy: Depth 50 %, Edges 12 %"
    assert "temperature of the samples 2.5" in policies_drawing(history, history.snapshot(3)).caption


def test_other_methods_are_not_told_what_only_mtsl_does() -> None:
    assert "group node" in reading(header("mtsl"))
    for method in ("automtl", "snr-trans", "ml-mmoe"):
        of_method = header(method)
        assert "group node" not in reading(of_method)
        for text in (no_decisions(of_method), no_similarity(of_method)):
            assert "**Structure** page" in text
            assert "MTSL decides" not in text
    assert "policy training" in around_phases(header("automtl"))
    assert around_phases(header("one")) == ""
    assert "nothing fused" in around_phases(header("somebody else's"))


# real runs


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run of AutoMTL and one of SNR-Trans."""
    root = tmp_path_factory.mktemp("runs")
    assert run(root / "automtl", settings("training.epochs=1")) == "finished"
    config = preset("quick", "digits", "snr-trans", 0, (*SMALL["digits"], *SHORT))
    assert start_run(config, root / "snr", build_fabric(config, "cpu")) == "finished"
    with RunWriter(root / "begun", read_run(root / "snr").header) as writer:
        writer.write(PhaseStarted(role="task-learning", epochs=2, **AT))  # type: ignore[arg-type]
    return root


@pytest.mark.parametrize(("name", "key"), [("snr", "gates"), ("automtl", "policies")])
def test_the_structure_page_shows_what_the_structure_follows_from(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: str, key: str
) -> None:
    monkeypatch.setattr(library, "EXAMPLES", root / "nothing")
    monkeypatch.setenv(library.RUNS_VARIABLE, str(root))
    page = next(info for info in PAGES if info.title == "Structure")
    app = opened(page, run=f"runs.{name}")
    assert key.capitalize() in [heading.value for heading in app.subheader]
    assert figure(app, key)["data"]
    assert any(f"No {key} up to this moment" in info.value for info in opened(page, run=f"runs.{name}", at=1).info)
    found = read_run(root / name)
    history = History(found.header, found.events)
    assert key in [drawing.key for drawing in drawings(history, len(history) - 1)]
    assert key not in [drawing.key for drawing in drawings(history, 1)]
    assert drawings(history, len(history) - 1)[0].rows()


@pytest.mark.parametrize("title", [info.title for info in PAGES])
@pytest.mark.parametrize("name", ["snr", "automtl"])
def test_every_page_shows_their_runs(root: Path, monkeypatch: pytest.MonkeyPatch, name: str, title: str) -> None:
    monkeypatch.setattr(library, "EXAMPLES", root / "nothing")
    monkeypatch.setenv(library.RUNS_VARIABLE, str(root))
    app = opened(next(info for info in PAGES if info.title == title), run=f"runs.{name}")
    assert not app.exception
