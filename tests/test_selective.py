"""Selective updates: what a step moves, affinities against a plain version, and one group as joint training."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from core import events
from core.affinity import decayed, step_affinity
from core.config import preset
from core.data.load import load_data
from core.events import StructureChanged
from core.found import like_run
from core.launch import build_backbone, build_fabric, resume_run, run_header, start_run
from core.methods.fixed import One
from core.methods.selective import Selective
from core.network import MultiTaskNet
from core.runs import RunWriter, read_run, validate_run
from core.seeds import generator
from core.training import Trainer
from tests.test_training import StopWhen, assert_same_run

SMALL = (
    "data.train=64",
    "data.val=16",
    "backbone.width=4",
    "backbone.encoder_stages=2",
    "training.epochs=2",
    "training.batch_size=16",
    "selective.single_iterations=2",
)
RECORDED = Path(__file__).parents[1] / "assets" / "runs"
TOGETHER = ((0, 1, 2, 3),)


def trainer(folder: Path, *changes: str, method: str = "selective") -> Trainer:
    """A run in training whose files are closed already: nothing here writes events."""
    config = preset("quick", "digits", method, 0, (*SMALL, *changes))
    backbone = build_backbone(config)
    made = Selective(config) if method == "selective" else One(config)
    writer = RunWriter(folder / "run", run_header(config, backbone))
    writer.close()
    return Trainer(config, made, load_data(config.data), backbone, writer, build_fabric(config, "cpu"))


def method_of(running: Trainer) -> Selective:
    assert isinstance(running.method, Selective)
    return running.method


def batch(running: Trainer) -> tuple[Tensor, dict[str, Tensor]]:
    return next(iter(running.batches("training")))


def weights(running: Trainer) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in running.net.state_dict().items()}


def test_one_group_is_plain_joint_training_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.methods.selective.affinity_groups", lambda affinity, before, seed: TOGETHER)
    selective = trainer(tmp_path / "selective", "selective.single_iterations=0", "selective.head_factor=1")
    joint = trainer(tmp_path / "joint", method="one")
    images, targets = batch(joint)
    selective.net.train()
    joint.net.train()
    selective.method.train_batch(selective, images, targets)
    for _ in range(2):
        joint.joint_step(images, targets)
    for name, value in weights(joint).items():
        assert torch.equal(value, weights(selective)[name]), name
    assert selective.at.step == 1  # the loop counts the other one


def test_it_works_on_the_tree_of_another_run(tmp_path: Path) -> None:
    tree = "[[[0,1,2,3]],[[0,1],[2,3]],[[0,1],[2],[3]]]"
    running = trainer(tmp_path, f"selective.partitions={tree}")
    assert isinstance(running.net, MultiTaskNet)
    assert [len(stage) for stage in running.net.structure.stages] == [1, 2, 3]
    before = weights(running)
    images, targets = batch(running)
    losses = method_of(running)._losses(running, images, targets)
    method_of(running)._step(running, [losses["right"]])
    trained = [name for name, _ in running.net.named_parameters()]
    moved = {name.split(".")[1] for name in trained if not torch.equal(weights(running)[name], before[name])}
    assert len(moved) == 4  # its node of each stage, the shared ones too, and its head
    recorded = like_run("selective", RECORDED / "mtsl-rooms")
    found = preset("quick", "rooms", "selective", 0, [recorded]).selective.partitions
    assert (
        found == [e for e in read_run(RECORDED / "mtsl-rooms").events if isinstance(e, StructureChanged)][-1].partitions
    )


def test_a_step_moves_only_what_its_group_reads(tmp_path: Path) -> None:
    running = trainer(tmp_path)
    images, targets = batch(running)
    before = weights(running)
    losses = method_of(running)._losses(running, images, targets)
    method_of(running)._step(running, [losses["left"]])
    moved = {name for name, value in weights(running).items() if not torch.equal(value, before[name])}
    trained = {name for name, _ in running.net.named_parameters()}
    assert {name for name in moved & trained if name.startswith("heads.")} == {
        name for name in trained if name.startswith("heads.0.")
    }
    assert any(name.startswith("nodes.") for name in moved)


@pytest.mark.parametrize("attribution", ["stepped", "official"])
def test_affinity_is_what_a_slow_plain_version_finds(tmp_path: Path, attribution: str) -> None:
    running = trainer(tmp_path, f"selective.attribution={attribution}", "selective.decay=0.5")
    plain = copy.deepcopy(running.net)
    images, targets = batch(running)
    running.net.train()
    plain.train()
    method_of(running).train_batch(running, images, targets)

    rates = [(group["lr"], group["params"]) for group in running.optimizer.param_groups]
    assert [rate for rate, _ in rates] == pytest.approx([0.002, 0.008])  # four tasks
    named = dict(plain.named_parameters())
    heads = [weight for name, weight in named.items() if name.startswith("heads.")]
    rest = [weight for name, weight in named.items() if not name.startswith("heads.")]
    adam = torch.optim.Adam([{"params": rest}, {"params": heads, "lr": 0.008}], lr=0.002, weight_decay=5e-5)
    order = torch.randperm(4, generator=generator(0, "groups", 0)).tolist()
    affinity, history = np.zeros((4, 4)), []
    for task in order:
        found = running.task_losses(plain(images).predictions, targets)
        history.append([float(loss.detach()) for loss in found.values()])
        adam.zero_grad()
        list(found.values())[task].backward()
        adam.step()
    for place in range(1, 4):
        stepped = order[place - 1] if attribution == "stepped" else order[place]
        affinity = decayed(affinity, step_affinity((stepped,), history[place - 1], history[place]), 0.5)
    assert method_of(running).affinity == pytest.approx(affinity, abs=1e-5)


def test_a_run_tells_affinities_and_groups_and_counts_every_step(tmp_path: Path) -> None:
    config = preset("quick", "digits", "selective", 0, SMALL)
    assert start_run(config, tmp_path / "run", build_fabric(config, "cpu")) == "finished"
    found = validate_run(tmp_path / "run")
    told = [event for event in found.events if isinstance(event, events.AffinityUpdated)]
    assert len(told) == 2
    assert sorted(task for group in told[-1].groups for task in group) == [0, 1, 2, 3]
    assert any(value for row in told[-1].affinity for value in row)
    assert told[0].step >= 4 * 2  # singletons at first: four steps a batch


def test_a_stopped_run_goes_on_to_the_same_numbers(tmp_path: Path) -> None:
    config = preset("quick", "digits", "selective", 0, SMALL)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    start_run(config, whole, build_fabric(config, "cpu"))
    show = StopWhen(cut, lambda message: "epoch 2" in message)
    assert start_run(config, cut, build_fabric(config, "cpu"), show) == "paused"
    assert resume_run(cut, lambda config: build_fabric(config, "cpu")) == "finished"
    assert_same_run(cut, whole)
    assert read_run(cut).state() == "finished"
