"""MTSL's own parts: alignment, decisions on hand-made features, and tasks without a similarity."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from core import events
from core.amalgamation import pooled
from core.config import preset
from core.data.load import load_data
from core.launch import build_backbone, build_fabric, run_header
from core.methods.mtsl import Mtsl, measured_features, task_nodes
from core.runs import RunWriter, validate_run
from core.similarity import cka
from core.structure import Candidate, Node, Structure
from core.training import Trainer

SMALL = (
    "data.train=64",
    "data.val=16",
    "backbone.width=4",
    "backbone.encoder_stages=2",
    "training.epochs=2",
    "training.batch_size=16",
    "mtsl.similarity_samples=32",
    "mtsl.structural_epochs=[2]",
)


def trainer(folder: Path, *changes: str) -> Trainer:
    config = preset("quick", "digits", overrides=(*SMALL, *changes))
    backbone = build_backbone(config)
    writer = RunWriter(folder / "run", run_header(config, backbone))
    return Trainer(config, Mtsl(config), load_data(config.data), backbone, writer, build_fabric(config, "cpu"))


def test_alignment_is_weight_times_one_minus_mean_pairwise_cka() -> None:
    config = preset("quick", "digits", overrides=["mtsl.alignment_weight=0.3"])
    structure = Structure.separate(("a", "b", "c", "d"), 2).merge(0, (0, 1))
    features = {
        node: torch.randn(12, 5, 3, 3, generator=torch.Generator().manual_seed(index))
        for index, node in enumerate(task_nodes(structure))
    }
    found = Mtsl(config).extra_loss(features, structure)
    expected = 0.0
    for stage, tasks in structure.candidates():
        matrix = cka([pooled(features[Node(stage, (task,))]) for task in tasks])
        expected += 0.3 * (1 - matrix[0, 1].item())  # both candidates hold two tasks
    assert found is not None
    assert found.item() == pytest.approx(expected, abs=1e-5)


def test_alignment_ends_with_its_share_of_the_epochs_and_with_the_candidates() -> None:
    config = preset("quick", "digits", overrides=["training.epochs=10", "mtsl.alignment_until=0.6"])
    structure = Structure.separate(("a", "b"), 2)
    method = Mtsl(config)
    assert [bool(method.watched(structure, epoch)) for epoch in (0, 5, 6)] == [True, True, False]
    assert not method.watched(Structure.shared(("a", "b"), 2), 0)
    off = Mtsl(preset("quick", "digits", overrides=["mtsl.alignment_weight=0"]))
    assert not off.watched(structure, 0)
    assert off.extra_loss({}, structure) is None


class Constant(nn.Module):
    """A stage whose output does not depend on its input, as a dead layer's."""

    def __init__(self, stage: nn.Module) -> None:
        super().__init__()
        self.stage = stage

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(self.stage(x))


def test_constant_features_are_not_similar_and_the_event_says_so(tmp_path: Path) -> None:
    """One dead task node: its similarity is not defined, it fuses with nobody, the others still may."""
    running = trainer(tmp_path, "mtsl.min_similarity=0.5")
    for key, module in running.net.nodes.items():
        if module is running.net.module(Node(0, (1,))):
            running.net.nodes[key] = Constant(module)
    running.method.learn_structure(running, running.plan[1])
    running.writer.close()
    found = validate_run(tmp_path / "run").events
    measured = next(event for event in found if isinstance(event, events.SimilarityMeasured))
    decided = next(event for event in found if isinstance(event, events.TasksGrouped))
    assert measured.undefined == (1,)
    assert measured.matrix[1][0] is None
    assert measured.matrix[0][2] is not None
    assert all(1 not in group for group in decided.fused)
    assert "right" in decided.reason
    # the other task nodes are still identical copies, so nothing but the dead one keeps them apart
    assert decided.fused == ((0, 2, 3),)
    assert running.net.structure.candidates() == (Candidate(1, (0, 2, 3)),)


def test_identical_networks_fuse_at_once_and_averaging_changes_nothing(tmp_path: Path) -> None:
    """All task nodes are equal at the start, so CKA is 1; the mean of equal nodes is bit for bit the same."""
    running = trainer(tmp_path, "mtsl.fuser=average")
    running.net.eval()
    batch = torch.randn(4, 1, 16, 24, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = running.net(batch).predictions
        running.method.learn_structure(running, running.plan[1])
        running.net.eval()
        after = running.net(batch).predictions
    running.writer.close()
    assert running.net.structure.stages[0] == ((0, 1, 2, 3),)
    assert all(torch.equal(before[task], after[task]) for task in before)


def test_tasks_outside_a_fused_group_answer_bit_for_bit_as_before(tmp_path: Path) -> None:
    running = trainer(tmp_path)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in running.net.parameters():
            weight += 0.05 * torch.randn(weight.shape, generator=generator)
    running.net.eval()
    batch = torch.randn(4, 1, 16, 24, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = {task: answer.clone() for task, answer in running.net(batch).predictions.items()}
    method = running.method
    assert isinstance(method, Mtsl)
    method._create(running, [Node(0, (0, 2))])
    assert method.amalgamation is not None
    method._amalgamate(running, method.amalgamation, epochs=1)
    method._remove(running, method.amalgamation)
    running.net.eval()
    with torch.no_grad():
        after = running.net(batch).predictions
    running.writer.close()
    assert torch.equal(before[1], after[1])
    assert torch.equal(before[3], after[3])
    assert not torch.equal(before[0], after[0])


@pytest.mark.parametrize("source", ["held-out", "train", "validation"])
def test_similarity_is_measured_on_the_images_that_were_asked_for(tmp_path: Path, source: str) -> None:
    """By default on the last training images, which are then never trained on."""
    running = trainer(tmp_path, f"mtsl.similarity_from={source}", "mtsl.similarity_samples=12")
    assert running.trained_on == (64 - 12 if source == "held-out" else 64)
    split = running.data.val if source == "validation" else running.data.train
    images, _ = split.__getitems__(range(52, 64) if source == "held-out" else range(12))  # type: ignore[attr-defined]
    node = Node(1, (0,))
    found = measured_features(running, [node])[node]
    running.net.eval()
    with torch.no_grad():
        plain = pooled(running.net.features(images, [node])[node])
    running.writer.close()
    torch.testing.assert_close(found, plain)


def test_the_optimizer_follows_the_fusion(tmp_path: Path) -> None:
    """The group node's moments are the mean of the removed nodes', all others keep theirs; copy_moments=false drops."""
    for copies in (True, False):
        running = trainer(tmp_path / str(copies), f"mtsl.copy_moments={str(copies).lower()}", "mtsl.fuser=average")
        images, targets = next(iter(running.batches("training")))
        running.net.train()
        running.joint_step(images, targets)
        removed = [running.net.module(Node(0, (task,))) for task in range(4)]
        moments = [[running.optimizer.state[w]["exp_avg"].clone() for w in module.parameters()] for module in removed]
        other = next(running.net.module(Node(1, (0,))).parameters())
        kept = copy.deepcopy(running.optimizer.state[other])
        running.method.learn_structure(running, running.plan[1])
        running.writer.close()
        created = list(running.net.module(Node(0, (0, 1, 2, 3))).parameters())
        assert torch.equal(running.optimizer.state[other]["exp_avg"], kept["exp_avg"])
        for index, weight in enumerate(created):
            if copies:
                mean = torch.stack([found[index] for found in moments]).double().mean(0).float()
                torch.testing.assert_close(running.optimizer.state[weight]["exp_avg"], mean)
            else:
                assert weight not in running.optimizer.state
        held = {id(weight) for group in running.optimizer.param_groups for weight in group["params"]}
        assert held == {id(weight) for weight in running.net.parameters()}
