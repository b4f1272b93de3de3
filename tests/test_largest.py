"""The largest runs that the explorer promises to show: figures stay small, say what they draw together, and miss
nothing in stepping."""

import json
from typing import Any

import numpy as np
import pytest

from explorer.figures import coarse, grid_figure, metrics_figure, sharing_figure, timeline_figure
from explorer.figures.axis import run_axis
from explorer.figures.grid import grid_drawing
from explorer.figures.timeline import MOST_MARKS
from explorer.moments import GRAINS, Grain, History
from explorer.player import bar
from tests._runs import FULLEST, LARGEST, Plan, events_of, header_of

MOST_BYTES = 2_000_000


@pytest.fixture(scope="module")
def largest() -> History:
    return History(header_of(LARGEST), events_of(LARGEST))


@pytest.fixture(scope="module")
def fullest() -> History:
    return History(header_of(FULLEST), events_of(FULLEST))


@pytest.fixture(scope="module")
def rooms() -> History:
    plan = Plan(structural_phases=3)
    return History(header_of(plan), events_of(plan))


def trace(figure: Any, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in json.loads(figure.to_json())["data"] if one["name"] == name)
    return found


def test_the_largest_run_is_as_large_as_it_says(largest: History) -> None:
    assert (len(largest.header.tasks), len(largest.header.stages)) == (12, 30)
    assert [phase.role for phase in largest.phases].count("structural-learning") == 200
    assert len(largest.phases) == 401
    assert len(largest) == 3406
    assert len(largest.evaluations) == 402


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_all_figures_of_a_page_together_stay_below_the_limit(largest: History, fullest: History, share: float) -> None:
    for history in (largest, fullest):
        index = round(share * (len(history) - 1))
        timeline = len(timeline_figure(history, index, "neuron").to_json(validate=False))
        for figure in (
            sharing_figure(history, history.snapshot(index)),
            grid_figure(history, index),
            metrics_figure(history, index, "metric"),
        ):
            assert timeline + len(figure.to_json(validate=False)) < MOST_BYTES


@pytest.mark.parametrize("grain", GRAINS)
def test_every_stop_is_in_a_mark_and_the_rule_is_on_the_axis(largest: History, grain: Grain) -> None:
    figure, stops = timeline_figure(largest, 100, grain), largest.stops(grain)
    marks = trace(figure, "stops")["customdata"]
    assert len(marks) <= MOST_MARKS + 1
    positions = [mark[0] for mark in marks]
    assert positions == sorted(set(positions))
    assert set(positions) <= set(stops)
    ends = [int(text.rpartition("event ")[2]) if "more up to" in text else first for first, text in marks]
    said = sum(int(text.rpartition("and ")[2].split()[0]) if "more up to" in text else 0 for _, text in marks)
    assert len(marks) + said == len(stops)
    assert all(before < after for before, after in zip(ends, positions[1:], strict=False))
    assert "drawn as one" in figure.layout.xaxis.title.text


def test_a_run_of_common_size_is_drawn_mark_by_mark(rooms: History) -> None:
    figure = timeline_figure(rooms, 5, "neuron")
    assert [mark[0] for mark in trace(figure, "stops")["customdata"]] == rooms.stops("neuron")
    assert "drawn as one" not in figure.layout.xaxis.title.text


def test_what_is_kept_of_a_run_follows_its_growth() -> None:
    plan = Plan(structural_phases=2)
    header, events = header_of(plan), events_of(plan)
    growing = History(header)
    for start in range(0, len(events), 13):
        growing.extend(events[start : start + 13])
        whole = History(header, events[: start + 13])
        index = len(growing) - 1
        assert np.array_equal(run_axis(growing).positions, run_axis(whole).positions)
        assert timeline_figure(growing, index, "neuron") == timeline_figure(whole, index, "neuron")
        assert timeline_figure(growing, index, "phase") == timeline_figure(whole, index, "phase")


def test_the_cursor_alone_moves_in_a_timeline_made_before(largest: History) -> None:
    one, other = (timeline_figure(largest, index, "phase").to_dict() for index in (10, 2000))
    assert one["data"][:-1] == other["data"][:-1]
    assert one["data"][-1]["x"] == [run_axis(largest).positions[10]]
    assert other["data"][-1]["x"] == [run_axis(largest).positions[2000]]


def test_small_runs_keep_whole_matrices_and_large_ones_say_their_rule(rooms: History, largest: History) -> None:
    assert not coarse.too_many(rooms)
    assert coarse.too_many(largest)
    assert coarse.RULE not in grid_drawing(rooms, 10).caption
    assert coarse.RULE in grid_drawing(largest, 10).caption
    assert "mean over its pairs" in grid_figure(largest, 10).layout.xaxis.title.text


def test_a_coarse_cell_is_the_mean_of_all_pairs_measured_there(fullest: History) -> None:
    index = len(fullest) // 2
    figure = grid_figure(fullest, index)
    stages = sorted({found.similarity.stage for found in fullest.measurements})
    phases = sorted({found.similarity.phase for found in fullest.measurements})
    cells = {name: np.asarray(next(one for one in figure.data if one.name == name).z) for name in ("measured", "later")}
    assert cells["measured"].shape == (len(stages), len(phases))
    for stage, phase in ((0, 1), (3, phases[40]), (29, phases[-1]), (7, phases[-2])):
        asked = [(found.index, found.similarity) for found in fullest.measurements]
        here = [(at, one) for at, one in asked if (one.stage, one.phase) == (stage, phase)]
        for name, kept in (("measured", True), ("later", False)):
            values = [
                value
                for at, one in here
                if (at <= index) == kept
                for row, line in enumerate(one.matrix)
                for column, value in enumerate(line)
                if row != column and value is not None
            ]
            drawn = cells[name][stages.index(stage), phases.index(phase)]
            assert np.isnan(drawn) if not values else drawn == pytest.approx(np.mean(values), abs=1e-6)


def test_every_coarse_cell_can_be_clicked_and_leads_to_its_decision(largest: History) -> None:
    marks = trace(grid_figure(largest, 300), "measurements")
    places = {(found.similarity.stage, found.similarity.phase) for found in largest.measurements}
    assert len(marks["customdata"]) == len(places)
    decisions = {found.decision_index: found for found in largest.measurements}
    for (position, *_), opacity in zip(marks["customdata"], marks["marker"]["opacity"], strict=True):
        decision = decisions[position].decision
        assert decision is not None
        assert opacity == bool(decision.fused)


def test_the_list_of_moments_holds_those_near_and_all_ends_of_phases(largest: History) -> None:
    stops = largest.stops("neuron")
    found = bar._choices(largest, 1500, stops)
    assert len(found) < 1000
    assert set(range(1400, 1600)) <= set(found)
    assert set(largest.stops("phase")) <= set(found) <= set(stops)
    assert bar._choices(largest, 1500, largest.stops("phase")) == largest.stops("phase")
