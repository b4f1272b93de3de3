"""Affinities of Selective Task Group Updates on screen: the matrix, who steps together, and both over time."""

import numpy as np
import plotly.graph_objects as go
import pytest

from core.events import AffinityUpdated, Evaluated
from explorer.figures.affinity import (
    affinities_drawing,
    affinities_figure,
    affinity_at,
    affinity_drawing,
    affinity_figure,
    groups_order,
)
from explorer.figures.axis import run_axis
from explorer.figures.catalogue import drawings
from explorer.figures.task_groups import groups_drawing, groups_figure
from explorer.focus import Focus, read_mark
from explorer.moments import History
from tests._runs import Plan, events_of, header_of

PLAN = Plan(affinities=True, structural_phases=0, epochs=8)


@pytest.fixture(scope="module")
def history() -> History:
    return History(header_of(PLAN), events_of(PLAN))


def regrouped(*groups: tuple[tuple[int, ...], ...]) -> History:
    """A run whose updates give these groups, one after the other."""
    events, left = [], list(groups)
    for event in events_of(Plan(affinities=True, structural_phases=0, epochs=len(groups))):
        events.append(event.model_copy(update={"groups": left.pop(0)}) if isinstance(event, AffinityUpdated) else event)
    return History(header_of(PLAN), events)


def trace(figure: go.Figure, name: str) -> go.Heatmap:
    return next(found for found in figure.data if found.name == name)


def test_every_update_is_known_and_each_moment_shows_the_last_one(history: History) -> None:
    assert len(history.affinities) == 8
    first, second = (position for position, _ in history.affinities[:2])
    assert affinity_at(history, first - 1) is None
    assert affinity_at(history, first) is affinity_at(history, second - 1) is history.event(first)
    assert affinity_at(history, second) is history.event(second)
    assert isinstance(history.event(first + 1), Evaluated)


def test_the_matrix_holds_the_measured_values_row_by_row(history: History) -> None:
    index, event = history.affinities[3]
    order, cells = groups_order(history), trace(affinity_figure(history, index), "affinity")
    expected = np.array(event.affinity)[np.ix_(order, order)]
    np.fill_diagonal(expected, np.nan)  # numbers alone there, see the trace `own`
    assert np.array_equal(np.array(cells.z, float), expected, equal_nan=True)
    assert (
        cells.zmax
        == -cells.zmin
        == max(
            abs(value)
            for _, one in history.affinities
            for row, line in enumerate(one.affinity)
            for column, value in enumerate(line)
            if row != column and value is not None
        )
    )
    texts = [text for row, line in enumerate(cells.text) for column, text in enumerate(line) if row != column]
    assert all(text[0] in "+−" and float(text[1:]) >= 0 for text in texts)  # never colour alone


def test_tasks_that_step_together_are_framed_and_picked_ones_ringed() -> None:
    history = regrouped(((0, 1), (2,), (3, 4)), ((0, 1), (2,), (3, 4)))
    figure = affinity_figure(history, len(history) - 1, Focus(None, (0, 2)))
    names = [shape.name for shape in figure.layout.shapes]
    assert (names.count("group"), names.count("picked")) == (8, 2)
    marks = [read_mark(point[0]) for point in trace(figure, "cells").customdata]
    assert Focus(None, (0, 2)) in marks
    assert Focus(None, (1,)) in marks


def test_a_bar_lasts_as_long_as_its_group_and_wears_its_first_task() -> None:
    apart, joined = ((0,), (1,), (2,), (3,), (4,)), ((0, 2), (1,), (3, 4))
    history = regrouped(apart, apart, joined, joined)
    figure = groups_figure(history, len(history) - 1)
    bars = trace(figure, "so far")
    assert len(bars.base) == 2 * 5 - 1  # the group of task 1 stays the same
    axis = run_axis(history)
    length = dict.fromkeys(range(5), 0.0)
    for lane, width in zip(bars.y, bars.x, strict=True):
        length[lane] += width
    assert np.allclose(list(length.values()), axis.end)  # no gap from the start to the last update
    assert trace(figure, "later").base == ()
    half = groups_figure(history, history.affinities[1][0])
    assert (len(trace(half, "so far").base), len(trace(half, "later").base)) == (5, 5)
    of_task_two = [colour for lane, colour in zip(bars.y, bars.marker.color, strict=True) if lane == 3]
    letters = [letter for lane, letter in zip(bars.y, bars.text, strict=True) if lane == 3]
    assert len(set(of_task_two)) == 2  # order: 0, 2, 1, 3, 4, from the top
    assert letters == ["E", "S E"]


def test_one_panel_a_task_shows_what_its_step_does_to_the_others(history: History) -> None:
    figure = affinities_figure(history, len(history) - 1)
    assert len([name for name in figure.layout if name.startswith("yaxis")]) == 5
    order = groups_order(history)
    first = figure.data[1]  # so far, of the first panel's first other task
    assert list(first.y) == pytest.approx([100 * event.affinity[order[0]][order[1]] for _, event in history.affinities])
    assert len(figure.data) == 5 * 4 * 2


@pytest.mark.parametrize("make", [affinity_drawing, groups_drawing, affinities_drawing])
def test_a_drawing_brings_its_data(make: object, history: History) -> None:
    drawing = make(history, len(history) - 1)  # type: ignore[operator]
    assert len(drawing.rows()) in (25, 8 * 5, 8 * 25)
    assert "rooms" in drawing.caption
    assert drawing.key in {found.key for found in drawings(history, len(history) - 1)}


def test_before_the_first_update_there_is_an_empty_matrix_and_no_bar(history: History) -> None:
    assert [found.name for found in affinity_figure(history, 0).data] == ["affinity", "own", "cells"]
    assert affinity_drawing(history, 0).rows() == []
    assert trace(groups_figure(history, 0), "so far").base == ()
