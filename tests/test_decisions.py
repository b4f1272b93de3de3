"""The Decisions and Similarity pages: figures as values, and what each control does."""

from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform
from streamlit.testing.v1 import AppTest

from core.runs import read_run
from core.tasks import image_class
from explorer import library, state, theme, words
from explorer.app import PAGES
from explorer.figures import (
    Drawing,
    dendrogram_drawing,
    dendrogram_figure,
    flips_drawing,
    flips_figure,
    grid_figure,
    matrix_figure,
    pairs_drawing,
    pairs_figure,
    recorded_drawing,
    recorded_figure,
    what_if_drawing,
    what_if_figure,
)
from explorer.figures.flips import MOST_ROWS, flip_rows
from explorer.figures.linkage import average_linkage
from explorer.figures.pairs import MOST_PANELS, pair_points, shown_pairs
from explorer.figures.similarity import SCALE_WORDS, Scale
from explorer.figures.what_if import decision_rows, known, stage_rows, tree_rows
from explorer.focus import Focus, read_mark
from explorer.moments import History
from explorer.training import what_if_command
from explorer.what_if.replay import study
from explorer.what_if.trees import roundest, threshold_range, trees
from tests._runs import IMAGE_LEVEL, Plan, events_of, header_of, write_run
from tests.test_pages import charts, figure, opened

ROOMS = Plan(structural_phases=5)
UNDEFINED = Plan(undefined=True, structural_phases=2)
SEVEN = Plan(tasks=tuple(image_class(f"t{n}", f"Task {n}", 4) for n in range(7)), structural_phases=24, seed=2)
RUNS = {"rooms": ROOMS, "undefined": UNDEFINED, "seven": SEVEN, "short": Plan(structural_phases=0, epochs=1, end="cut")}
DECISIONS = next(info for info in PAGES if info.title == "Decisions")
SIMILARITY = next(info for info in PAGES if info.title == "Similarity")
EXAMPLES = Path(__file__).parents[1] / "assets" / "runs"


@pytest.fixture(scope="module", params=list(RUNS)[:3])
def history(request: pytest.FixtureRequest) -> History:
    plan = RUNS[request.param]
    return History(header_of(plan), events_of(plan))


@pytest.fixture(scope="module")
def rooms() -> History:
    return History(header_of(ROOMS), events_of(ROOMS))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    for name, plan in RUNS.items():
        write_run(root / name, plan)
    return root


@pytest.fixture(autouse=True)
def places(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "EXAMPLES", tmp_path)
    monkeypatch.setenv(library.RUNS_VARIABLE, str(runs))


def trace(found: go.Figure, name: str) -> go.Scatter:
    return next(one for one in found.data if one.name == name)


def shapes(found: go.Figure, name: str) -> list[go.layout.Shape]:
    return [shape for shape in found.layout.shapes if shape.name == name]


def other_threshold(history: History) -> float:
    """A threshold that gives another final tree than the recorded one."""
    asked = study(history)
    tree = next(one for one in trees(asked)[::-1] if one.high <= asked.threshold)
    return roundest(max(tree.low, threshold_range(asked, None, asked.threshold)[0]), tree.high)


def all_drawings(history: History) -> Iterator[Drawing]:
    asked, focus = study(history), Focus(1, (0, 1))
    for index in (len(history) // 2, len(history) - 1):
        replay = asked.replay(other_threshold(history)).until(index)
        yield what_if_drawing(history, asked, replay, history.snapshot(index))
        yield recorded_drawing(history, asked, replay, history.snapshot(index))
        yield flips_drawing(history, asked, index, other_threshold(history), None, focus)
        yield pairs_drawing(history, index, focus)
        yield dendrogram_drawing(history, history.measured(index)[-1], focus)


def test_drawings_have_titled_axes_rows_captions_and_leave_the_page_its_theme(history: History) -> None:
    for drawing in all_drawings(history):
        for name in drawing.figure.layout:
            if name.startswith(("xaxis", "yaxis")):
                assert drawing.figure.layout[name].title.text, (drawing.key, name)
        assert drawing.figure.layout.paper_bgcolor is drawing.figure.layout.font.color is None
        assert drawing.figure.layout.height > 100
        assert len(drawing.alt) > 40
        assert words.run_title(history.header) in drawing.caption
        assert drawing.rows()
        assert drawing.csv().count("\n") == len(drawing.rows()) + 1


def test_whatever_can_be_clicked_carries_a_focus_of_the_run(history: History) -> None:
    for drawing in all_drawings(history):
        for one in drawing.figure.data:
            for data in one.customdata if one.customdata is not None and drawing.key != "what-if" else ():
                focus = read_mark(data[0]) if str(data[0]).startswith("focus:") else Focus()
                assert focus is not None
                assert focus.fits(history.header)


# the two trees


def test_the_hypothetical_tree_is_marked_and_differs_where_it_says(history: History) -> None:
    asked, snapshot = study(history), history.latest
    replay = asked.replay(other_threshold(history))
    hypothetical = what_if_figure(history, asked, replay, snapshot)
    record = recorded_figure(history, asked, replay, snapshot)
    assert "hypothetical" in hypothetical.layout.title.text
    assert len(shapes(hypothetical, "hypothetical")) == 1
    assert "hypothetical" not in record.layout.title.text
    assert not shapes(record, "hypothetical")
    structure, recorded = asked.structure(replay.nodes), asked.structure(replay.recorded)
    letters = sum(len(tasks) for _, tasks in structure.nodes()) + len(history.header.tasks)
    assert len(trace(hypothetical, "nodes").customdata) == letters
    difference = recorded.difference(structure)
    for found, nodes in ((hypothetical, difference.created), (record, difference.removed)):
        assert np.isnan(np.asarray(trace(found, "new").x, dtype=float)).sum() == len(nodes)
    rows = stage_rows(history, asked, replay)
    assert [row["Differs"] for row in rows[::-1]] == [
        "differs" if one != other else "" for one, other in zip(structure.stages, recorded.stages, strict=True)
    ]


def test_the_recorded_setting_shows_no_difference(history: History) -> None:
    asked = study(history)
    replay = asked.replay(asked.threshold, "best-partition")
    for found in (
        what_if_figure(history, asked, replay, history.latest),
        recorded_figure(history, asked, replay, history.latest),
    ):
        assert len(trace(found, "new").x) == 0
    assert not any(row["Differs"] for row in stage_rows(history, asked, replay))
    assert not any(row["Differs"] for row in decision_rows(history, replay))
    assert known(replay) == "Every decision is as recorded."


def test_nodes_that_rest_on_unmeasured_pairs_are_dotted_and_said() -> None:
    run = read_run(EXAMPLES / "mtsl-rooms")
    history = History(run.header, run.events)
    asked = study(history)
    replay = asked.replay(0.89)
    drawn = what_if_figure(history, asked, replay, history.latest)
    unsure = replay.unsure(asked.structure(replay.nodes))
    assert unsure
    dotted = trace(drawn, "not known")
    assert dotted.line.dash == "dot"
    assert np.isnan(np.asarray(dotted.x, dtype=float)).sum() == len(unsure)
    assert any("never measured" in str(row["Similarities"]) for row in decision_rows(history, replay))
    assert any("not measured" in str(row["Similarities"]) for row in decision_rows(history, replay))
    assert "Exact up to the decisions of phase 3" in known(replay)


def test_every_decision_has_one_row_and_changed_ones_are_marked(history: History) -> None:
    asked = study(history)
    replay = asked.replay(other_threshold(history))
    rows = decision_rows(history, replay)
    recorded = [row for row in rows if row["Recorded"] != "not asked"]
    assert len(recorded) == len(history.measurements)
    assert all((row["Recorded"] != row["What if"]) == (row["Differs"] == "differs") for row in rows)
    assert any(row["Differs"] for row in rows)


# flip points


def test_bars_tile_the_axis_and_stairs_are_the_trees(history: History) -> None:
    asked = study(history)
    threshold = other_threshold(history)
    found = flips_figure(history, asked, len(history) - 1, threshold, None, Focus())
    low, high = threshold_range(asked, None, threshold)
    assert list(found.layout.xaxis.range) == [low, high]
    length: dict[int, float] = {}
    for name in ("nothing fuses", "some fuse", "all fuse into one"):
        for row, width in zip(trace(found, name).y, trace(found, name).x, strict=True):
            length[row] = length.get(row, 0.0) + width
    assert len(length) == min(len(history.measurements), MOST_ROWS)
    assert np.allclose(list(length.values()), high - low)
    stairs = trace(found, "final tree")
    inside = [tree for tree in trees(asked) if tree.high > low and tree.low < high]
    assert list(stairs.y)[:-1] == [tree.counts.parameters for tree in inside]
    assert [shape.x0 for shape in (*shapes(found, "recorded"), *shapes(found, "what if"))] == [
        asked.threshold,
        threshold,
    ]
    (now,) = trace(found, "what-if tree").y
    assert now == asked.counts(asked.replay(threshold).nodes).parameters


def test_outcomes_differ_by_more_than_colour(rooms: History) -> None:
    found = flips_figure(rooms, study(rooms), 0, 0.9, None, Focus())
    assert trace(found, "some fuse").marker.pattern.shape == "/"
    assert trace(found, "all fuse into one").marker.color != trace(found, "nothing fuses").marker.color
    assert all("<span" in text for text in trace(found, "letters").text)


def test_too_many_decisions_are_those_around_the_cursor_or_of_the_picked_stage() -> None:
    history = History(header_of(SEVEN), events_of(SEVEN))
    asked = study(history)
    assert len(history.measurements) > MOST_ROWS
    drawn = flips_drawing(history, asked, len(history) - 1, 0.9, None, Focus())
    labels = drawn.figure.layout.yaxis.ticktext
    assert len(labels) == MOST_ROWS
    assert f"{MOST_ROWS} of {len(history.measurements)} decisions" in drawn.caption
    picked = flips_figure(history, asked, len(history) - 1, 0.9, None, Focus(7))
    stage = words.stage_name(history.header, 7)
    assert all(f" {stage} " in label for label in picked.layout.yaxis.ticktext)


def test_flip_tables_cover_the_whole_axis(history: History) -> None:
    asked = study(history)
    for rule in ("best-partition", "best-pairs"):
        rows = tree_rows(history, asked, rule)  # type: ignore[arg-type]
        assert (rows[0]["From"], rows[-1]["To"]) == (-1.0, 1.0)
        assert all(below["To"] == above["From"] for below, above in pairwise(rows))
        assert all(row["Group nodes lost"] or row["Group nodes gained"] for row in rows[1:])
        flips = flip_rows(history, asked, rule)  # type: ignore[arg-type]
        assert sum(row["From"] == -1.0 for row in flips) == len(history.measurements)
        assert sum(row["To"] == 1.0 for row in flips) == len(history.measurements)


# similarity


@pytest.mark.parametrize("scale", list(SCALE_WORDS))
def test_each_scale_is_printed_and_has_its_own_ends(history: History, scale: Scale) -> None:
    def values(kept: list[int]) -> list[float]:
        found = [history.measurements[position].similarity for position in kept]
        return [v for one in found for i, row in enumerate(one.matrix) for v in row[:i] if v is not None]

    for position, one in enumerate(history.measurements[:6]):
        same = {
            "run": list(range(len(history.measurements))),
            "stage": [p for p, m in enumerate(history.measurements) if m.similarity.stage == one.similarity.stage],
            "phase": [p for p, m in enumerate(history.measurements) if m.similarity.phase == one.similarity.phase],
            "unit": [position],
        }[scale]
        cells = matrix_figure(history, one, scale).data[0]
        found = values(same)
        if scale == "unit":
            assert (cells.zmin, cells.zmax) == (0, 1)
        elif max(found) - min(found) > 1e-6:
            assert (cells.zmin, cells.zmax) == (min(found), max(found))
        assert SCALE_WORDS[scale] in cells.colorbar.title.text
    rows = [one for one in grid_figure(history, len(history) - 1, scale).data if one.type == "heatmap"]
    grid = next(one for one in rows if one.showscale)
    assert SCALE_WORDS[scale] in grid.colorbar.title.text
    if scale in ("stage", "phase"):
        drawn = np.concatenate([np.asarray(one.z, dtype=float).ravel() for one in rows])
        assert np.nanmin(drawn) == pytest.approx(0)
        assert np.nanmax(drawn) == pytest.approx(1)
        assert list(grid.colorbar.ticktext) == ["lowest", "highest"]


def test_every_cell_can_be_picked_and_picked_ones_are_ringed(history: History) -> None:
    for one in history.measurements[:6]:
        stage, tasks = one.similarity.stage, one.similarity.tasks
        pair = tasks[:2]
        plain = matrix_figure(history, one)
        picked = matrix_figure(history, one, "run", Focus(stage, pair))
        marks = [read_mark(data[0]) for data in trace(plain, "cells").customdata]
        assert len(marks) == len(tasks) * (len(tasks) - 1)
        assert set(marks) == {Focus(stage, one) for one in combinations(tasks, 2)}
        assert not shapes(plain, "picked")
        assert [shape.line.dash for shape in shapes(picked, "picked")] == ["solid"] * 2
        elsewhere = matrix_figure(history, one, "run", Focus(stage + 1, pair))
        assert [shape.line.dash for shape in shapes(elsewhere, "picked")] == ["dash"] * 2
        alone = matrix_figure(history, one, "run", Focus(None, tasks[:1]))
        assert len(shapes(alone, "picked")) == 2 * (len(tasks) - 1)


def test_the_grid_marks_what_is_picked_and_each_matrix_leads_to_its_moment(rooms: History) -> None:
    found = grid_figure(rooms, len(rooms) - 1, "run", Focus(1, (0, 1)))
    holding = [one for one in rooms.measurements if {0, 1} <= set(one.similarity.tasks)]
    assert len(trace(found, "picked").x) == 2 * len(holding)
    assert len(shapes(found, "picked")) == 1
    assert [data[0] for data in trace(found, "matrices").customdata] == [
        one.decision_index for one in rooms.measurements
    ]


def test_each_pair_is_followed_over_its_measurements(history: History) -> None:
    focus = Focus(1, (0, 1))
    index = len(history) // 2
    found = pairs_figure(history, index, focus)
    looks = theme.looks(history.header)
    for pair in shown_pairs(history, focus):
        points = pair_points(history, pair)
        first, second = (looks[task] for task in pair)
        so_far = trace(found, f"{first.label} – {second.label}, so far")
        later = trace(found, f"{first.label} – {second.label}, later")
        assert list(so_far.y) == [point.value for point in points if point.index <= index]
        assert [*so_far.y][:-1] + list(later.y) == [point.value for point in points]
        assert (so_far.line.color, so_far.line.dash, so_far.marker.color) == (first.colour, first.dash, second.colour)
        for point, symbol in zip(points, so_far.marker.symbol, strict=False):
            assert symbol == (second.symbol if point.fused else f"{second.symbol}-open")
        assert (so_far.line.width > 3) == (pair == (0, 1))
    assert len(shapes(found, "picked")) == 1
    letters = " ".join(note.text for note in found.layout.annotations)
    assert all(look.letter in letters for look in looks)


def test_many_tasks_show_the_pairs_of_the_picked_one() -> None:
    history = History(header_of(SEVEN), events_of(SEVEN))
    assert all(4 in pair for pair in shown_pairs(history, Focus(None, (4,))))
    assert len(shown_pairs(history, Focus(None, (4,)))) == 6 < MOST_PANELS
    assert "6 of 21 pairs" in pairs_drawing(history, 0, Focus()).caption


def test_average_linkage_equals_that_of_scipy(history: History) -> None:
    for one in history.measurements:
        asked = one.similarity
        distance = 1 - np.array([[v or 0.0 for v in row] for row in asked.matrix], dtype=float)
        np.fill_diagonal(distance, 0)
        expected = linkage(squareform(distance, checks=False), "average")
        joins = average_linkage(asked.matrix, asked.tasks)
        assert np.allclose([1 - join.similarity for join in joins], expected[:, 2])
        clusters = {number: (task,) for number, task in enumerate(asked.tasks)}
        for step, (left, right) in enumerate(expected[:, :2].astype(int)):
            clusters[len(asked.tasks) + step] = tuple(sorted((*clusters[left], *clusters[right])))
        if len(set(expected[:, 2])) == len(expected):  # without ties the clusters are the same too
            assert {join.tasks for join in joins} == {found for found in clusters.values() if len(found) > 1}


def test_the_dendrogram_joins_all_tasks_and_says_that_the_method_does_not_use_it(history: History) -> None:
    for one in history.measurements[:8]:
        drawing = dendrogram_drawing(history, one, Focus(None, one.similarity.tasks[:1]))
        found = drawing.figure
        assert len(trace(found, "joins").x) == len(one.similarity.tasks) - 1
        assert "MTSL does not use this tree" in drawing.caption
        assert "not used by MTSL" in found.layout.title.text
        assert one.decision is not None
        filled = [symbol for symbol in trace(found, "joins").marker.symbol if symbol == "diamond"]
        assert len(filled) <= len(one.decision.fused)
        (line,) = shapes(found, "threshold")
        assert line.y0 == one.decision.min_similarity
        picked = theme.looks(history.header)[one.similarity.tasks[0]]
        assert trace(found, f"stem {picked.name}").line.width == 5
    undecided = history.measured(history.measurements[0].index)[-1]
    assert not shapes(dendrogram_figure(history, undecided, Focus()), "threshold")


# the pages


def hypothetical(app: AppTest) -> bool:
    return any("Hypothetical" in found.value for found in app.warning)


def nodes(app: AppTest, key: str) -> int:
    """Segments of nodes in a tree on the page."""
    return len(next(one for one in figure(app, key)["data"] if one["name"] == "nodes")["customdata"])


def test_the_slider_changes_the_tree_and_the_way_back_undoes_it(rooms: History) -> None:
    asked, threshold = study(rooms), other_threshold(rooms)
    app = opened(DECISIONS, run="runs.rooms")
    assert set(charts(app)) == {"timeline", "recorded-tree", "what-if", "flips"}
    assert not hypothetical(app)
    assert app.slider(key=state.THRESHOLD).value == pytest.approx(asked.threshold)
    assert app.button(key=state.RECORDED).disabled
    before = figure(app, "what-if")["data"]
    assert all(metric.delta == "±0 %" for metric in app.metric)
    app.slider(key=state.THRESHOLD).set_value(threshold).run()
    assert hypothetical(app)
    assert app.query_params["min"] in (f"{threshold:g}", [f"{threshold:g}"])
    assert figure(app, "what-if")["data"] != before
    counts = asked.counts(asked.replay(threshold).nodes)
    assert app.metric[1].value == words.count(counts.parameters)
    assert any("mtsl.min_similarity" in code.value for code in app.code)
    app.button(key=state.RECORDED).click().run()
    assert not hypothetical(app)
    assert "min" not in app.query_params
    assert figure(app, "what-if")["data"] == before


def test_the_recorded_value_on_the_slider_is_the_record(rooms: History) -> None:
    app = opened(DECISIONS, run="runs.rooms", min="0.9")
    app.slider(key=state.THRESHOLD).set_value(0.95).run()
    assert "min" not in app.query_params
    assert not hypothetical(app)


def test_the_slider_keeps_its_ends_while_it_moves(rooms: History) -> None:
    asked = study(rooms)
    low, high = threshold_range(asked, None, asked.threshold)
    assert all(threshold_range(asked, None, value) == (low, high) for value in np.linspace(low, high, 40))
    points = [point for phase, one in asked.decided.items() for c in one for point in asked.flips(phase, c).points]
    assert all(low < point < high for point in (*points, *(tree.low for tree in trees(asked)[1:])))
    assert threshold_range(asked, None, -0.5) == (-0.5, high)


def test_the_rule_is_asked_too_and_a_link_gives_the_same_picture() -> None:
    app = opened(DECISIONS, run="runs.rooms")
    app.segmented_control(key=state.RULE).set_value("best-pairs").run()
    assert "best-pairs" in app.query_params["rule"]
    assert hypothetical(app)
    app.slider(key=state.THRESHOLD).set_value(0.9).run()
    link = {key: value[0] if isinstance(value, list) else value for key, value in app.query_params.items()}
    again = opened(DECISIONS, **link)
    for key in ("recorded-tree", "what-if", "flips"):
        assert figure(again, key) == figure(app, key)
    app.segmented_control(key=state.RULE).set_value("best-partition").run()
    assert "rule" not in app.query_params


def test_steps_go_from_tree_to_tree(rooms: History) -> None:
    found = trees(study(rooms))
    app = opened(DECISIONS, run="runs.rooms")
    here = app.selectbox(key=state.TREE).value
    seen = [app.metric[1].value]
    while not app.button(key=state.LOWER).disabled:
        app.button(key=state.LOWER).click().run()
        seen.append(app.metric[1].value)
    assert seen == [words.count(tree.counts.parameters) for tree in found[here::-1]]
    app.selectbox(key=state.TREE).set_value(here).run()
    assert "min" not in app.query_params  # the recorded tree is the record itself
    app.selectbox(key=state.TREE).set_value(len(found) - 1).run()
    assert app.button(key=state.HIGHER).disabled
    assert nodes(app, "what-if") == (len(rooms.header.stages) + 1) * len(rooms.header.tasks)


def test_the_trees_stand_after_the_phase_of_the_cursor(rooms: History) -> None:
    first = rooms.measurements[0]
    app = opened(DECISIONS, run="runs.rooms", at=first.index, min="0.5")
    separate = (len(rooms.header.stages) + 1) * len(rooms.header.tasks)
    assert nodes(app, "what-if") == nodes(app, "recorded-tree") == separate
    app = opened(DECISIONS, run="runs.rooms", at=first.decision_index or 0)
    assert "after phase 1" in figure(app, "what-if")["layout"]["title"]["text"]


def test_a_run_without_decisions_says_so() -> None:
    app = opened(DECISIONS, run="runs.short")
    assert any("no similarity decisions" in info.value for info in app.info)
    assert set(charts(app)) == {"timeline"}


def test_a_threshold_in_the_link_beyond_all_similarities_is_shown() -> None:
    app = opened(DECISIONS, run="runs.rooms", min="-0.5")
    assert app.slider(key=state.THRESHOLD).value == -0.5
    assert hypothetical(app)


def test_stage_and_pair_can_be_picked_without_a_pointer_and_lead_to_their_measurement(rooms: History) -> None:
    last = rooms.measurements[-1]
    app = opened(SIMILARITY, run="runs.rooms", at=rooms.measurements[0].decision_index or 0)
    app.selectbox(key=state.PICK_STAGE).set_value(last.similarity.stage).run()
    app.selectbox(key=state.PICK_PAIR).set_value(last.similarity.tasks[:2]).run()
    assert app.query_params["stage"] in (str(last.similarity.stage), [str(last.similarity.stage)])
    assert any("Picked" in found.value for found in app.markdown)
    app.button(key=state.MEASUREMENT).click().run()
    shown = figure(app, "matrix")["layout"]["title"]["text"]
    assert words.stage_name(rooms.header, last.similarity.stage) in shown
    assert [shape for shape in figure(app, "matrix")["layout"]["shapes"] if shape["name"] == "picked"]
    app.selectbox(key=state.PICK_PAIR).set_value(()).run()
    assert "tasks" not in app.query_params


@pytest.mark.parametrize("scale", list(SCALE_WORDS))
def test_the_scale_is_chosen_on_the_page(scale: Scale) -> None:
    app = opened(SIMILARITY, run="runs.rooms")
    app.segmented_control(key=state.SCALE).set_value(scale).run()
    for key in ("matrix", "grid"):
        assert SCALE_WORDS[scale] in figure(app, key)["data"][0]["colorbar"]["title"]["text"]


# the command


def test_the_command_trains_the_same_run_with_the_other_setting() -> None:
    header = read_run(EXAMPLES / "mtsl-rooms").header
    command = what_if_command(header, 0.9, "best-pairs")
    assert "--data rooms --method mtsl --seed 0" in command
    assert [part.partition("=")[0] for part in command.split("--set ")[1:] if part.startswith("mtsl")] == [
        "mtsl.min_similarity",
        "mtsl.rule",
    ]
    assert "mtsl.min_similarity=0.9" in command
    assert "mtsl.rule=best-pairs" in command


def test_of_a_foreign_run_the_command_holds_what_differs() -> None:
    plan = Plan(tasks=IMAGE_LEVEL)
    assert what_if_command(header_of(plan), 0.9, None) == "python -m core train --set mtsl.min_similarity=0.9"
