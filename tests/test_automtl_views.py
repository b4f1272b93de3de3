"""AutoMTL's runs in the explorer: a supermodel's rows fit the columns, and every epoch is on the axis."""

from itertools import pairwise

import pytest

from core import events
from core.runs import read_run
from explorer.figures import layout
from explorer.figures.axis import run_axis
from explorer.figures.sharing import sharing_figure
from explorer.figures.tables import node_rows
from explorer.moments import History
from tests.test_automtl import run, settings


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert run(folder, settings("training.epochs=1")) == "finished"
    found = read_run(folder)
    return History(found.header, found.events)


def test_shared_own_and_skipped_nodes_of_all_tasks_fit_a_row(history: History) -> None:
    most = max(stage.neurons for stage in history.header.stages)
    changes = [index for index in range(len(history)) if isinstance(history.event(index), events.StructureChanged)]
    for index in changes:
        snapshot = history.snapshot(index)
        boxes = layout.boxes(snapshot.graph, history.order(), most)
        assert min(box.x - box.width / 2 for box in boxes) >= -0.62  # the axis ends there
        assert max(box.x + box.width / 2 for box in boxes) <= len(history.header.tasks) - 0.38
        for stage in range(len(history.header.stages)):
            row = sorted((box for box in boxes if box.y == stage), key=lambda box: box.x)
            for left, right in pairwise(row):
                assert left.x + left.width / 2 < right.x - right.width / 2
        assert sharing_figure(history, snapshot).data
        assert len(node_rows(history, snapshot)) == len(snapshot.graph.nodes)
    assert len(history.snapshot(changes[0]).graph.nodes) == 3 * 9 + 4


def test_epochs_of_policy_training_are_on_the_axis(history: History) -> None:
    axis = run_axis(history)
    assert [epoch for _, epoch in axis.epoch_ends] == [1, 2, 3, 4]
    places = [place for place, _ in axis.epoch_ends]
    assert places == sorted(places)
    policy = axis.spans[1]
    assert policy.role == "structural-learning"
    assert all(policy.start < place < policy.end for place in places[1:3])
