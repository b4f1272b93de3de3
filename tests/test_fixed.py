"""Structures that stay: a given one, and a random one of a given size."""

from pathlib import Path

import pytest

from core.config import ConfigError, preset
from core.cost import stage_costs
from core.events import StructureChanged
from core.found import like_run, size_setting, structure_setting
from core.launch import METHODS, build_backbone, build_fabric, start_run
from core.random_structure import random_structure
from core.runs import RunError, validate_run
from core.structure import Structure

RECORDED = Path(__file__).parents[1] / "assets" / "runs"
TASKS = ("a", "b", "c", "d", "e")
COSTS = [10, 20, 40, 80]


def size(structure: Structure) -> int:
    return sum(cost * len(partition) for cost, partition in zip(COSTS, structure.stages, strict=True))


@pytest.mark.parametrize("share", [0.2, 0.35, 0.5, 0.75, 1.0])
def test_a_random_tree_has_the_wanted_size(share: float) -> None:
    wanted = round(share * 5 * sum(COSTS))
    found = random_structure(TASKS, COSTS, wanted, seed=1)
    assert abs(size(found) - wanted) <= 10
    assert found == random_structure(TASKS, COSTS, wanted, seed=1)


def test_other_seeds_give_other_trees() -> None:
    wanted = round(0.5 * 5 * sum(COSTS))
    assert len({random_structure(TASKS, COSTS, wanted, seed).stages for seed in range(6)}) > 3


def test_nothing_to_draw_from_is_named() -> None:
    with pytest.raises(ValueError, match=r"`tasks` and `costs` should not be empty"):
        random_structure((), COSTS, 100, 0)


def test_retrain_starts_with_what_the_run_found() -> None:
    last = [e for e in validate_run(RECORDED / "mtsl-rooms").events if isinstance(e, StructureChanged)][-1]
    config = preset("quick", "rooms", "retrain", 0, [structure_setting(RECORDED / "mtsl-rooms")])
    assert config.retrain.partitions == last.partitions
    net = METHODS["retrain"](config).build(build_backbone(config), config.data.tasks)
    assert sum(weight.numel() for weight in net.parameters()) == last.parameters


def test_random_has_nearly_the_size_of_the_run_and_another_structure() -> None:
    last = [e for e in validate_run(RECORDED / "mtsl-rooms").events if isinstance(e, StructureChanged)][-1]
    config = preset("quick", "rooms", "random", 0, [size_setting(RECORDED / "mtsl-rooms")])
    net = METHODS["random"](config).build(build_backbone(config), config.data.tasks)
    assert sum(weight.numel() for weight in net.parameters()) == pytest.approx(last.parameters, rel=0.01)
    graph, partitions = METHODS["random"](config).drawn(net, (64, 64))
    assert graph.parameters == sum(weight.numel() for weight in net.parameters())
    assert partitions != last.partitions


def test_costs_are_those_of_the_network() -> None:
    config = preset("quick", "rooms", "one")
    stages, heads = stage_costs(build_backbone(config), config.data.tasks, (64, 64))
    net = METHODS["one"](config).build(build_backbone(config), config.data.tasks)
    parts = [*stages, *heads]
    assert sum(part.parameters for part in parts) == sum(weight.numel() for weight in net.parameters())


def test_both_train_from_the_settings_alone(tmp_path: Path) -> None:
    small = ("data.train=64", "data.val=16", "backbone.width=4", "training.epochs=1", "training.batch_size=16")
    given = "retrain.partitions=[[[0,1,2,3]],[[0,1],[2,3]],[[0,1],[2],[3]],[[0],[1],[2],[3]]]"
    config = preset("quick", "digits", "retrain", 0, (*small, given))
    assert start_run(config, tmp_path / "retrain", build_fabric(config, "cpu")) == "finished"
    config = preset("quick", "digits", "random", 0, (*small, size_setting(tmp_path / "retrain")))
    assert start_run(config, tmp_path / "random", build_fabric(config, "cpu")) == "finished"
    sizes = [
        [e for e in validate_run(tmp_path / name).events if isinstance(e, StructureChanged)][-1].parameters
        for name in ("retrain", "random")
    ]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.05)


@pytest.mark.parametrize(
    ("method", "changes", "message"),
    [
        ("retrain", [], r"expected stage -> groups of tasks, found none\. Use --like RUN"),
        ("retrain", ["retrain.partitions=[[[0,1,2,3]]]"], r"expected 4 stages, found 1"),
        ("selective", ["selective.partitions=[[[0,1,2,3]]]"], r"`selective.partitions`: expected 4 stages, found 1"),
        ("retrain", ["retrain.partitions=[[[0,1]],[[0]],[[0]],[[0]]]"], r"sum\+reconstruction in no group"),
        ("random", [], r"expected a number of weights, found none\. Use --like RUN"),
    ],
)
def test_settings_that_cannot_be_are_named(method: str, changes: list[str], message: str) -> None:
    config = preset("quick", "digits", method, 0, changes)
    with pytest.raises(ConfigError, match=message):
        METHODS[method](config).build(build_backbone(config), config.data.tasks)


def test_like_needs_a_fitting_method_and_a_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"`--like` goes with the methods retrain, random, selective\. Found mtsl"):
        like_run("mtsl", RECORDED / "mtsl-rooms")
    with pytest.raises(RunError, match=r"expected a run folder"):
        like_run("retrain", tmp_path)
