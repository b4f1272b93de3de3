"""Sub-Network Routing and mixtures of experts in training: penalty, gates as events, stopping, every data set."""

import copy
from pathlib import Path

import pytest
import torch

from core import events
from core.checkpoints import load_checkpoint
from core.config import ConfigError, preset
from core.data.load import load_data
from core.launch import METHODS, build_backbone, build_fabric, resume_run, run_header, start_run
from core.position import TrainingError
from core.runs import Run, RunWriter, validate_run
from core.sharing import SharingGraph
from core.subnetworks import SubnetworkNet
from core.training import Trainer
from explorer.figures import sharing_figure
from explorer.moments import History
from tests.test_training import StopWhen, assert_same_run

SMALL = {
    "digits": ("backbone.width=8", "backbone.encoder_stages=2", "data.train=64", "data.val=16", "mmoe.experts=3"),
    "rooms": (
        *("data.height=16", "data.width=16", "data.train=32", "data.val=8", "mmoe.experts=2"),
        *("backbone.width=8", "backbone.encoder_stages=2", "backbone.decoder_stages=1"),
    ),
}
SHORT = ("training.epochs=2", "training.batch_size=16", "snr.subnetworks=3")
CLOSING = ("snr.penalty=2", "snr.gate_factor=500")  # a penalty that closes all gates within a few batches
ROUTED = ("snr-trans", "snr-aver", "mmoe", "ml-mmoe")


def trained(folder: Path, method: str, data: str, *changes: str) -> Run:
    config = preset("quick", data, method, 0, (*SMALL[data], *SHORT, *changes))
    assert start_run(config, folder, build_fabric(config, "cpu")) == "finished"
    return validate_run(folder)


def graphs(run: Run) -> list[SharingGraph]:
    return [event.graph for event in run.events if isinstance(event, events.StructureChanged)]


def told(run: Run) -> list[events.GatesUpdated]:
    return [event for event in run.events if isinstance(event, events.GatesUpdated)]


def trainer(folder: Path, method: str, *changes: str) -> Trainer:
    """A run in training whose files are closed already: nothing here writes events."""
    config = preset("quick", "digits", method, 0, (*SMALL["digits"], *SHORT, *changes))
    backbone = build_backbone(config)
    writer = RunWriter(folder / "run", run_header(config, backbone))
    writer.close()
    fabric = build_fabric(config, "cpu")
    return Trainer(config, METHODS[method](config), load_data(config.data), backbone, writer, fabric)


@pytest.mark.parametrize("method", ROUTED)
@pytest.mark.parametrize("data", ["rooms", "digits"])
def test_every_method_trains_and_is_seen(tmp_path: Path, method: str, data: str) -> None:
    run = trained(tmp_path / "run", method, data)
    boundaries = {(event.stage, event.readers) for event in told(run)}
    heads = {(stage, "heads") for stage in ([3] if data == "rooms" else [2])}
    between = {"mmoe": set(), "ml-mmoe": {(1, "stage")}}.get(
        method, {(stage, "stage") for stage in range(len(run.header.stages) - 1)}
    )
    assert boundaries == heads | between
    assert len(told(run)) == 2 * len(boundaries)  # once an epoch each
    for event in told(run):
        lowers = 3 if method.startswith("snr") or data == "digits" else 2
        readers = len(run.header.tasks) if event.readers == "heads" else lowers
        assert [len(row) for row in event.gates] == [lowers] * readers
        assert all(value is not None and 0 <= value <= 1 for row in event.gates for value in row)
        if "mmoe" in method:
            assert all(sum(filter(None, row)) == pytest.approx(1, abs=1e-5) for row in event.gates)
    history = History(run.header, run.events)
    for stop in history.stops("phase"):
        assert sharing_figure(history, history.snapshot(stop)).data
    penalties = [event.penalty for event in run.events if isinstance(event, events.EpochFinished)]
    assert all((penalty is not None) == method.startswith("snr") for penalty in penalties)


def test_a_step_is_one_on_the_sum_of_losses_and_penalty(tmp_path: Path) -> None:
    running = trainer(tmp_path, "snr-trans", "snr.penalty=0.5", "training.weight_decay=0.01")
    net = running.net
    assert isinstance(net, SubnetworkNet)
    plain = copy.deepcopy(net).train()
    gates = plain.log_alphas()
    rest = [weight for weight in plain.parameters() if all(weight is not gate for gate in gates)]
    rate = running.config.training.learning_rate
    adam = torch.optim.Adam(
        [
            {"params": rest, "weight_decay": 0.01},
            {"params": gates, "lr": rate * running.config.snr.gate_factor, "weight_decay": 0.0},
        ],
        lr=rate,
    )
    images, targets = next(iter(running.batches("training")))
    net.train()
    for step in range(2):
        running.at.step = step
        running.method.train_batch(running, images, targets)
        plain.draw(0, step)
        losses = running.task_losses(plain(images).predictions, targets)
        n_gates = 3 * 3 * 2 + 4 * 3
        opened = torch.stack([torch.sigmoid(g + 2 / 3 * 2.3978952728).sum() for g in gates]).sum()
        assert opened.item() < n_gates
        adam.zero_grad()
        (torch.stack(list(losses.values())).sum() + 0.5 * opened).backward()
        adam.step()
        assert running.at.sums["penalty"][0] == pytest.approx((step + 1) * 0.5 * opened.item(), rel=0.05)
    for name, weight in plain.named_parameters():
        torch.testing.assert_close(dict(net.named_parameters())[name], weight, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("method", ["snr-trans", "snr-aver"])
def test_what_closes_is_pruned_and_the_run_says_how_much_is_left(tmp_path: Path, method: str) -> None:
    run = trained(tmp_path / "run", method, "digits", *CLOSING)
    first, *between, last = graphs(run)
    assert len(between) <= 1  # at most one an epoch
    assert last.parameters < first.parameters
    assert last.macs < first.macs
    assert len(last.nodes) < len(first.nodes)
    assert not any(value for row in told(run)[-1].gates for value in row)
    config = preset("quick", "digits", method, 0, (*SMALL["digits"], *SHORT, *CLOSING))
    net = METHODS[method](config).rebuild(build_backbone(config), config.data.tasks, None)
    net.load_state_dict(load_checkpoint(tmp_path / "run")["net"])  # type: ignore[arg-type]
    assert isinstance(net, SubnetworkNet)
    pruned = net.pruned()
    assert last.parameters == sum(weight.numel() for weight in pruned.parameters())
    x = load_data(config.data).val[0][0][None]
    for task, answer in net.eval()(x).predictions.items():
        torch.testing.assert_close(pruned(x).predictions[task], answer, atol=1e-5, rtol=1e-4)
    ended = [event for event in run.events if isinstance(event, events.StructureChanged)][-1]
    assert (ended.parameters, ended.epoch) == (last.parameters, 2)


def test_the_structure_is_not_written_while_the_same_gates_are_open(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", "snr-aver", "digits", "training.epochs=3")
    assert [event.epoch for event in run.events if isinstance(event, events.StructureChanged)] == [0, 3]
    first, last = graphs(run)
    assert first.parameters == last.parameters
    assert {edge.weight for edge in first.edges} != {edge.weight for edge in last.edges}


@pytest.mark.parametrize("method", ["snr-trans", "ml-mmoe"])
@pytest.mark.parametrize("where", ["epoch 1", "epoch 2"])
def test_a_stopped_run_goes_on_to_the_same_numbers(tmp_path: Path, method: str, where: str) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    changes = (*SMALL["digits"], *SHORT, "training.epochs=3", *(CLOSING if method == "snr-trans" else ()))
    config = preset("quick", "digits", method, 0, changes)
    start_run(config, whole, build_fabric(config, "cpu"))
    assert start_run(config, cut, build_fabric(config, "cpu"), StopWhen(cut, lambda text: where in text)) == "paused"
    assert resume_run(cut, lambda config: build_fabric(config, "cpu")) == "finished"
    assert_same_run(cut, whole)


def test_gates_keep_their_rate_and_no_weight_decay_over_a_checkpoint(tmp_path: Path) -> None:
    trained(tmp_path / "run", "snr-trans", "digits", "training.weight_decay=0.1", "snr.gate_factor=7")
    after = trainer(tmp_path / "after", "snr-trans", "training.weight_decay=0.1", "snr.gate_factor=3")  # as a fork may
    after.load(load_checkpoint(tmp_path / "run"))
    kept = [(group.get("factor"), group["weight_decay"]) for group in after.optimizer.param_groups]
    assert kept == [(None, 0.1), (3, 0.0)]


@pytest.mark.parametrize("method", ["snr-aver", "mmoe"])
def test_a_loss_that_is_no_number_stops_with_task_and_step(tmp_path: Path, method: str) -> None:
    running = trainer(tmp_path, method)
    next(running.net.parameters()).data.fill_(torch.nan)
    running.net.train()
    running.at.step = 7
    with pytest.raises(TrainingError, match=r"the loss of left is nan at step 7 \(epoch 1\)"):
        running.method.train_batch(running, *next(iter(running.batches("training"))))


@pytest.mark.parametrize(
    ("method", "changes", "message"),
    [
        ("snr-aver", ["backbone={name: paper}"], r"`snr\.width`: backbone `paper` comes in one width only.*width=full"),
        ("mmoe", ["backbone={name: paper}"], r"`mmoe\.width`: backbone `paper` comes in one width only.*width=full"),
        ("ml-mmoe", ["mmoe.expert_stages=3"], r"2 levels of 3 need 6 encoder stages, but `small` has 5"),
        ("mmoe", ["mmoe.expert_stages=6"], r"1 level of 6 need 6 encoder stages, but `small` has 5"),
    ],
)
def test_settings_that_cannot_be_are_named(tmp_path: Path, method: str, changes: list[str], message: str) -> None:
    config = preset("quick", "rooms", method, 0, changes)
    with pytest.raises(ConfigError, match=message):
        start_run(config, tmp_path / "run", build_fabric(config, "cpu"))
    assert not (tmp_path / "run").exists()


def test_experts_stand_where_the_encoder_ends() -> None:
    config = preset("quick", "rooms", "mmoe")
    backbone = build_backbone(config)
    layouts = [METHODS[name](config.model_copy(update={"method": name})) for name in ("mmoe", "ml-mmoe")]
    one, two = (method.layout(backbone) for method in layouts)  # type: ignore[attr-defined]
    assert (one.counts, one.gated, one.source) == ((1, 1, 1, 1, 8, 8, 8, 8), (), 3)
    assert (two.counts, two.gated, two.source) == ((1, 1, 1, 8, 8, 8, 8, 8), (3,), None)
