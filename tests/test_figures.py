"""Figures as values: what their traces hold, what their axes say, and that nothing is colour alone."""

import math
from collections.abc import Iterator
from itertools import combinations

import numpy as np
import plotly.graph_objects as go
import pytest

from core.events import AnyEvent, NodeCreated, NodesRemoved, RunStarted, StructureChanged
from core.sharing import SharingEdge, SharingGraph, SharingNode
from explorer import theme
from explorer.figures import (
    grid_figure,
    layout,
    matrix_figure,
    metrics_figure,
    scores_figure,
    sharing_figure,
    timeline_figure,
)
from explorer.figures.axis import run_axis
from explorer.figures.curves.series import Show, series
from explorer.figures.facts import node_facts, story
from explorer.figures.tables import (
    birth_rows,
    candidate_rows,
    count_rows,
    curve_rows,
    group_rows,
    measurement_rows,
    metric_rows,
    node_rows,
)
from explorer.moments import GRAINS, History, Snapshot
from tests._runs import IMAGE_LEVEL, Plan, events_of, header_of

ROOMS, DIGITS = Plan(structural_phases=4), Plan(tasks=IMAGE_LEVEL, structural_phases=3, data="digits", seed=3)
UNDEFINED = Plan(undefined=True, structural_phases=2)


@pytest.fixture(scope="module")
def rooms() -> History:
    return History(header_of(ROOMS), events_of(ROOMS))


@pytest.fixture(scope="module")
def undefined() -> History:
    return History(header_of(UNDEFINED), events_of(UNDEFINED))


@pytest.fixture(scope="module", params=[ROOMS, DIGITS, UNDEFINED, Plan(structural_phases=0, end="cut")])
def history(request: pytest.FixtureRequest) -> History:
    return History(header_of(request.param), events_of(request.param))


def trace(figure: go.Figure, name: str) -> go.Scatter:
    return next(found for found in figure.data if found.name == name)


def shapes(figure: go.Figure, name: str) -> list[go.layout.Shape]:
    return [shape for shape in figure.layout.shapes if shape.name == name]


def first(history: History, kind: type[AnyEvent]) -> int:
    return next(index for index in range(len(history)) if isinstance(history.event(index), kind))


def all_figures(history: History) -> Iterator[go.Figure]:
    for index in range(0, len(history), 7):
        yield timeline_figure(history, index, "neuron")
        yield sharing_figure(history, history.snapshot(index))
        yield grid_figure(history, index)
        yield metrics_figure(history, index, "metric")
    for measurement in history.measurements:
        yield matrix_figure(history, measurement)
        yield scores_figure(history, measurement)


def test_every_axis_has_a_title(history: History) -> None:
    for figure in all_figures(history):
        for name in figure.layout:
            if name.startswith(("xaxis", "yaxis")):
                axis = figure.layout[name]
                assert axis.title.text or axis.ticktext, name  # the lanes of the timeline are named by their ticks


def test_figures_leave_page_and_font_to_the_theme(history: History) -> None:
    for figure in all_figures(history):
        assert figure.layout.paper_bgcolor is figure.layout.plot_bgcolor is figure.layout.font.color is None
        assert figure.layout.height > 100


# the axis of a run and the timeline


def test_the_axis_never_goes_back_and_keeps_structural_events_apart(history: History) -> None:
    axis = run_axis(history)
    assert len(axis.positions) == len(history)
    assert (np.diff(axis.positions) >= 0).all()
    for span in axis.spans:
        phase = next(phase for phase in history.phases if phase.number == span.number)
        inside = axis.positions[phase.first : phase.last + 1]
        assert span.start <= inside.min()
        assert inside.max() <= span.end
        if span.role == "structural-learning":
            assert len(set(inside)) == len(inside)


def test_the_axis_gives_every_epoch_one_unit(rooms: History) -> None:
    axis = run_axis(rooms)
    assert [epoch for _, epoch in axis.epoch_ends] == list(range(1, 11))
    assert [span.end - span.start for span in axis.spans] == [2, 1.5] * 4 + [2]


def test_the_timeline_has_a_mark_for_every_event_of_its_kind(rooms: History) -> None:
    figure = timeline_figure(rooms, 0, "neuron")
    decided = [found for found in rooms.measurements if found.decision]
    fused = [found.decision_index for found in decided if found.decision and found.decision.fused]
    assert [point[0] for point in trace(figure, "decision: groups fuse").customdata] == fused
    assert len(trace(figure, "decision: nothing fuses").x) == len(decided) - len(fused)
    created = [index for index in range(len(rooms)) if isinstance(rooms.event(index), NodeCreated)]
    removed = [index for index in range(len(rooms)) if isinstance(rooms.event(index), NodesRemoved)]
    assert [point[0] for point in trace(figure, "neurons created").customdata] == created
    assert [point[0] for point in trace(figure, "neurons removed").customdata] == removed


@pytest.mark.parametrize("grain", GRAINS)
def test_the_timeline_offers_exactly_the_stops_of_the_grain(history: History, grain: str) -> None:
    figure = timeline_figure(history, 0, grain)  # type: ignore[arg-type]
    assert [point[0] for point in trace(figure, "stops").customdata] == history.stops(grain)  # type: ignore[arg-type]


def test_the_cursor_stands_at_its_event(rooms: History) -> None:
    axis = run_axis(rooms)
    for index in (0, 9, len(rooms) - 1):
        (line,) = shapes(timeline_figure(rooms, index, "phase"), "cursor")
        assert line.x0 == line.x1 == axis.positions[index]


def test_phases_differ_by_more_than_colour(rooms: History) -> None:
    figure = timeline_figure(rooms, 0, "phase")
    plain, hatched = trace(figure, "task-learning"), trace(figure, "structural-learning")
    assert plain.marker.pattern.shape != hatched.marker.pattern.shape == "/"
    assert len(plain.x) == 5
    assert len(hatched.x) == 4


# the sharing graph


def polygons(found: go.Scatter) -> int:
    return sum(math.isnan(x) for x in found.x)


def test_each_task_wears_its_colour_in_every_node_that_serves_it(rooms: History) -> None:
    looks = theme.looks(rooms.header)
    for index in range(0, len(rooms), 5):
        snapshot = rooms.snapshot(index)
        figure = sharing_figure(rooms, snapshot)
        for task, look in enumerate(looks):
            segments = trace(figure, f"{look.letter} {look.label}")
            filling = [birth for birth in snapshot.births if task in birth.node.tasks and birth.done > 0]
            nodes = [node for node in snapshot.graph.nodes if task in node.tasks]
            assert segments.fillcolor == look.colour
            assert polygons(segments) == len(nodes) + len(filling) if nodes else len(segments.x) == 0


def test_letters_stand_in_every_segment(rooms: History) -> None:
    snapshot = rooms.latest
    figure = sharing_figure(rooms, snapshot)
    assert len(trace(figure, "letters").text) == sum(len(node.tasks) for node in snapshot.graph.nodes)
    assert len(trace(figure, "nodes").customdata) == sum(len(node.tasks) for node in snapshot.graph.nodes)


def test_each_strand_runs_from_the_image_to_the_head(rooms: History) -> None:
    figure = sharing_figure(rooms, rooms.latest)
    n_stages = len(rooms.header.stages)
    for look in theme.looks(rooms.header):
        strand = trace(figure, f"strand {look.name}")
        assert polygons(strand) == n_stages + 1
        assert np.nanmin(strand.y) == layout.IMAGE_ROW
        assert np.nanmax(strand.y) == n_stages - layout.HEIGHT / 2


def test_a_group_node_on_its_way_stands_above_its_row_and_fills_up(rooms: History) -> None:
    index = first(rooms, NodeCreated)
    event = rooms.event(index)
    assert isinstance(event, NodeCreated)
    look = theme.looks(rooms.header)[event.tasks[0]]
    heights = []
    for step in (1, 2, 3):
        figure = sharing_figure(rooms, rooms.snapshot(index + step))
        outline = trace(figure, "being born")
        assert np.nanmin(outline.y) > event.stage + layout.HEIGHT / 2
        assert outline.line.dash == "dash"
        filling = np.asarray(trace(figure, f"{look.letter} {look.label}").y, dtype=float)
        inside = filling[(filling > np.nanmin(outline.y) - 1e-9) & (filling < np.nanmax(outline.y) + 1e-9)]
        heights.append(inside.max() - inside.min())
        assert trace(figure, "progress").text == (f"<b>{100 * step / 3:.0f} %</b>",)
        assert polygons(trace(figure, f"flow {look.name}")) == 1
    assert heights == pytest.approx([heights[-1] / 3, 2 * heights[-1] / 3, heights[-1]])


def test_removed_nodes_lie_crossed_below_their_row(rooms: History) -> None:
    index = first(rooms, NodesRemoved)
    event = rooms.event(index)
    assert isinstance(event, NodesRemoved)
    figure = sharing_figure(rooms, rooms.snapshot(index))
    crosses = trace(figure, "crosses")
    assert len(crosses.x) == polygons(trace(figure, "removed")) == len(event.tasks)
    assert set(crosses.y) == {event.stage - layout.FALL}
    assert polygons(trace(figure, "new")) == 1


def test_widths_grow_with_neurons_and_shared_ones_gain_none(rooms: History) -> None:
    most = max(stage.neurons for stage in rooms.header.stages)
    boxes = layout.boxes(rooms.latest.graph, rooms.order(), most)
    widths = {(box.node.neurons, box.width) for box in boxes if box.node.kind != "head"}
    assert len(widths) == len({neurons for neurons, _ in widths})
    assert [width for _, width in sorted(widths)] == sorted(width for _, width in widths)
    assert max(widths)[1] == layout.WIDEST


def test_no_two_nodes_of_a_row_overlap_whatever_the_graph() -> None:
    def node(stage: int, tasks: tuple[int, ...], kind: str) -> SharingNode:
        return SharingNode(stage=stage, tasks=tasks, kind=kind, neurons=8, parameters=1, macs=1)

    nodes = [node(0, (0, 1, 2), "shared")]
    nodes += [node(0, (task,), "specific") for task in range(3)] + [node(0, (task,), "skip") for task in range(3)]
    boxes = layout.boxes(SharingGraph(nodes=tuple(nodes), edges=()), (0, 1, 2), 8)
    for one, other in combinations(boxes, 2):
        assert abs(one.x - other.x) >= (one.width + other.width) / 2


def test_policies_are_drawn_with_skips_hollow_and_weights_as_widths() -> None:
    header = header_of(Plan(tasks=IMAGE_LEVEL[:2], stages=(("stem", 8), ("top", 8))))
    cost = {"neurons": 8, "parameters": 10, "macs": 100}
    nodes = (
        SharingNode(stage=0, tasks=(0, 1), kind="shared", **cost),
        SharingNode(stage=1, tasks=(0,), kind="specific", **cost),
        SharingNode(stage=1, tasks=(1,), kind="skip", **cost),
    )
    edges = (SharingEdge(source=0, target=1, weight=0.25), SharingEdge(source=0, target=2, weight=1.0))
    graph = SharingGraph(nodes=nodes, edges=edges)
    place = {"step": 0, "epoch": 0, "phase": 0, "seconds": 0}
    events: list[AnyEvent] = [RunStarted(**place), StructureChanged(graph=graph, parameters=30, macs=300, **place)]
    history = History(header, events)
    figure = sharing_figure(history, history.latest)
    look, other = theme.looks(header)
    widths = [found.line.width for found in figure.data if found.name == f"strand {look.name}"]
    assert sorted(widths) == [1.625, 3.5]
    assert polygons(trace(figure, "skip")) == 1
    assert polygons(trace(figure, f"{other.letter} {other.label}")) == 1


def test_hover_says_why_a_node_is_shared(rooms: History) -> None:
    fused = next(found for found in rooms.measurements if found.decision and found.decision.fused)
    assert fused.decision is not None
    group = fused.decision.fused[0]
    node = next(n for n in rooms.latest.graph.nodes if (n.stage, n.tasks) == (fused.similarity.stage, group))
    said = node_facts(rooms, node, len(rooms) - 1)
    assert f"fused in phase {fused.decision.phase}" in said
    assert "threshold 0.950" in said
    assert f"{node.neurons} neurons" in said
    assert "never compared so far" in node_facts(rooms, rooms.latest.graph.nodes[-6], 1)


def test_a_run_without_structure_draws_the_image_alone(rooms: History) -> None:
    figure = sharing_figure(rooms, rooms.snapshot(0))
    assert len(trace(figure, "image").x) > 4
    assert len(trace(figure, "letters").text) == 0


# similarity


def test_the_matrix_holds_every_number_and_no_diagonal(rooms: History) -> None:
    measurement = rooms.measurements[0]
    figure = matrix_figure(rooms, measurement)
    order = [task for task in rooms.order() if task in measurement.similarity.tasks]
    cells = trace(figure, "similarity").z
    for row, one in enumerate(order):
        for column, other in enumerate(order):
            expected = None if one == other else measurement.similarity.matrix[one][other]
            assert cells[row][column] == expected
    assert len(trace(figure, "undefined").x) == 0
    assert len(shapes(figure, "fuses")) == len(measurement.decision.fused)  # type: ignore[union-attr]


def test_an_undefined_similarity_is_crossed_and_says_so(undefined: History) -> None:
    measurement = undefined.measurements[0]
    figure = matrix_figure(undefined, measurement)
    n_tasks = len(measurement.similarity.tasks)
    assert len(trace(figure, "undefined").x) == 2 * (n_tasks - 1)
    assert trace(figure, "not measured").text.count("n/a") == 2 * (n_tasks - 1)


def test_the_colour_scale_is_printed(rooms: History) -> None:
    found = [v for m in rooms.measurements for i, row in enumerate(m.similarity.matrix) for v in row[:i]]
    for scale, low, high in (("unit", 0.0, 1.0), ("run", min(found), max(found))):  # type: ignore[type-var]
        for figure in (matrix_figure(rooms, rooms.measurements[0], scale), grid_figure(rooms, 0, scale)):  # type: ignore[arg-type]
            cells = figure.data[0]
            assert (cells.zmin, cells.zmax) == (low, high)
            assert cells.colorbar.ticktext[0] == f"{low:.3f}"
            assert cells.colorbar.ticktext[-1] == f"{high:.3f}"


def test_the_scores_show_candidates_threshold_and_choice(history: History) -> None:
    for measurement in history.measurements:
        decision = measurement.decision
        assert decision is not None
        figure = scores_figure(history, measurement)
        assert list(trace(figure, "best partition").y) == [candidate.score for candidate in decision.candidates]
        assert list(trace(figure, "chosen").y) == [decision.score]
        assert set(trace(figure, "threshold 0.950").y) == {0.95}


def test_scores_need_a_decision(rooms: History) -> None:
    undecided = rooms.measured(rooms.measurements[0].index)[-1]
    with pytest.raises(ValueError, match="`measurement` should have a decision"):
        scores_figure(rooms, undecided)
    assert candidate_rows(rooms, undecided) == []


def test_the_grid_holds_every_measurement_once_and_frames_the_last(history: History) -> None:
    defined = sum(
        value is not None
        for found in history.measurements
        for row, line in enumerate(found.similarity.matrix)
        for column, value in enumerate(line)
        if row != column
    )
    for index in (0, len(history) // 2, len(history) - 1):
        figure = grid_figure(history, index)
        cells = [
            (row + found.y0, column + found.x0)
            for found in figure.data
            if found.type == "heatmap"
            for row, column in np.argwhere(np.isfinite(np.asarray(found.z, dtype=float)))
        ]
        assert len(cells) == len(set(cells)) == defined
        assert len(trace(figure, "measurements").x) == len(history.measurements)
        past = [found for found in history.measurements if found.index <= index]
        assert len(shapes(figure, "current")) == bool(past)


# metrics


@pytest.mark.parametrize("show", ["metric", "second", "loss"])
def test_metrics_join_at_the_cursor(history: History, show: Show) -> None:
    index = len(history) // 2
    figure = metrics_figure(history, index, show)
    for task, info in enumerate(history.header.tasks):
        points = series(history, task, show)
        so_far, later = trace(figure, f"{info.label}, so far"), trace(figure, f"{info.label}, later")
        assert list(so_far.y) == [value for position, value in points if position <= index]
        assert list(so_far.y)[:-1] + list(later.y) == [value for _, value in points]
    bands = [phase for phase in history.phases if phase.role == "structural-learning"]
    assert len(shapes(figure, "structural")) == len(bands)


def test_metric_axes_say_unit_and_direction(rooms: History) -> None:
    figure = metrics_figure(rooms, 0, "metric")
    titles = {figure.layout[name].title.text for name in figure.layout if name.startswith("yaxis")}
    assert "<b>Depth</b><br>RMSE [m] ↓" in titles
    assert "<b>Segmentation</b><br>mIoU ↑" in titles


def test_one_task_alone(rooms: History) -> None:
    figure = metrics_figure(rooms, 0, "metric", only=(1,))
    assert {found.name for found in figure.data} == {"Depth, so far", "Depth, later"}


# tables and words


def test_tables_hold_what_the_figures_draw(rooms: History) -> None:
    for index in range(0, len(rooms), 9):
        snapshot: Snapshot = rooms.snapshot(index)
        rows = node_rows(rooms, snapshot)
        assert len(rows) == len(snapshot.graph.nodes) + len(snapshot.births) + len(snapshot.ghosts)
        assert sum(int(row["Parameters"] or 0) for row in rows) == snapshot.parameters
        assert len(birth_rows(rooms, snapshot)) == len(snapshot.births)
        nodes = sum(int(row["Nodes"] or 0) for row in group_rows(rooms, snapshot))
        assert nodes == snapshot.nodes - len(snapshot.births)
    assert len(count_rows(rooms)) == len(rooms)
    pairs = sum(len(m.similarity.tasks) * (len(m.similarity.tasks) - 1) // 2 for m in rooms.measurements)
    assert len(measurement_rows(rooms)) == pairs


def test_the_metric_table_knows_which_way_is_better(rooms: History) -> None:
    rows = {row["Task"]: row for row in metric_rows(rooms, len(rooms) - 1, "metric")}
    for label, best in (("Depth", min), ("Segmentation", max)):
        task = next(i for i, info in enumerate(rooms.header.tasks) if info.label == label)
        values = [value for _, value in series(rooms, task, "metric")]
        assert rows[label]["Best"] == best(values)
        assert rows[label]["Last"] == rows[label]["At the cursor"] == values[-1]
    assert len(curve_rows(rooms)) == sum(len(e.losses) for _, e in rooms.epochs) + sum(
        len(values) for _, e in rooms.evaluations for values in e.metrics.values()
    )


def test_the_story_of_a_phase_is_its_decisions(rooms: History) -> None:
    for phase in rooms.phases:
        said = story(rooms, phase.last, "phase")
        decided = [found for found in rooms.measurements if found.similarity.phase == phase.number]
        assert said.count("Decision at") == len(decided)


# colours


def test_task_colours_can_be_read_on_both_themes() -> None:
    for colour in (*theme.TASK_COLOURS, theme.ACCENT, theme.NEUTRAL):
        for page in ("#ffffff", "#14171c"):
            assert theme.contrast(colour, page) >= 2.8, (colour, page)


def test_letters_can_be_read_on_their_colour() -> None:
    for plan in (ROOMS, DIGITS):
        for look in theme.looks(header_of(plan)):
            assert theme.contrast(look.on_colour, look.colour) >= 4.5


@pytest.mark.parametrize(
    "labels",
    [
        ["Segmentation", "Depth", "Edges", "Normals", "Reconstruction"],
        ["Left digit", "Right digit", "Sum", "Reconstruction"],
        [f"Task {letter}" for letter in "ABCDEFGHIJKL"],
        ["Depth", "depth", "Depth"],
        ["Segmentation", "Segments", "Segment"],
    ],
)
def test_short_names_tell_tasks_apart(labels: list[str]) -> None:
    names = theme.short_names(labels)
    assert len(set(names)) == len(names)
    assert all(1 <= len(name) <= 2 for name in names)


def test_tasks_differ_by_letter_dash_and_symbol_as_well() -> None:
    looks = theme.looks(header_of(ROOMS))
    for field in ("letter", "colour", "dash", "symbol"):
        assert len({getattr(look, field) for look in looks}) == len(looks)
