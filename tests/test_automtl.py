"""AutoMTL from end to end: its three stages, whose turn it is, and that a stopped run goes on to the same numbers."""

from pathlib import Path

import pytest
import torch

from core import events
from core.checkpoints import load_checkpoint
from core.config import Config, ConfigError, parse_config, preset
from core.data.load import load_data
from core.launch import METHODS, build_backbone, build_fabric, fork_run, resume_run, run_header, start_run
from core.methods.automtl import AutoMtl
from core.policy_search import PolicySearch, turn_at, turn_batch
from core.runs import RunWriter, read_run, validate_run
from core.supermodel import AutoMtlNet
from core.training import Trainer
from tests.test_training import StopWhen, assert_same_run, weights

SMALL = (
    "data.train=64",
    "data.val=16",
    "backbone.width=4",
    "backbone.encoder_stages=2",
    "training.epochs=2",
    "training.batch_size=16",
    "training.samples=2",
    "automtl.pretrain_epochs=1",
    "automtl.policy_epochs=2",
    "automtl.policy_iterations=1",
    "automtl.network_iterations=1",
    "automtl.policy_learning_rate=0.1",
)
ROOMS = ("data.width=32", "data.height=32", "backbone.decoder_stages=1")


def settings(*changes: str, data: str = "digits") -> Config:
    return preset("quick", data, "automtl", 0, (*SMALL, *changes))


def run(folder: Path, config: Config, show: StopWhen | None = None) -> str:
    return start_run(config, folder, build_fabric(config, "cpu"), show)


def in_training(folder: Path, config: Config) -> Trainer:
    """A run in training whose files are closed already: nothing here writes events."""
    backbone = build_backbone(config)
    writer = RunWriter(folder / "run", run_header(config, backbone))
    writer.close()
    method = METHODS[config.method](config)
    return Trainer(config, method, load_data(config.data), backbone, writer, build_fabric(config, "cpu"))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    assert run(folder, settings()) == "finished"
    return folder


def test_a_run_tells_its_three_stages(uninterrupted: Path) -> None:
    found = validate_run(uninterrupted)
    phases = [(e.role, e.epochs) for e in found.events if isinstance(e, events.PhaseStarted)]
    assert phases == [("task-learning", 1), ("structural-learning", 2), ("task-learning", 2)]
    epochs = [e for e in found.events if isinstance(e, events.EpochFinished)]
    # four batches an epoch; in policy training every second one is the policies'
    assert [(e.phase, e.epoch, e.step) for e in epochs] == [(0, 1, 4), (1, 2, 6), (1, 3, 8), (2, 4, 12), (2, 5, 16)]
    assert all(e.losses.keys() == {"left", "right", "sum", "reconstruction"} for e in epochs)
    told = [e for e in found.events if isinstance(e, events.PolicyUpdated)]
    assert [(e.stage, e.epoch) for e in told] == [(stage, epoch) for epoch in (1, 2, 3) for stage in range(3)]
    assert all(sum(of_task) == pytest.approx(1) for e in told for of_task in e.probabilities)
    assert told[0].probabilities[0] == pytest.approx((1 / 3,) * 3)
    assert told[-1].probabilities[0] != pytest.approx((1 / 3,) * 3)
    graphs = [e for e in found.events if isinstance(e, events.StructureChanged)]
    assert [e.phase for e in graphs] == [0, 1, 1, 1]
    assert graphs[-1].parameters < graphs[0].parameters
    trained = {name: w for name, w in weights(uninterrupted).items() if not name.endswith(("mean", "var", "tracked"))}
    once = {w.untyped_storage().data_ptr(): w.numel() for w in trained.values()}  # shared ones lie there once
    assert graphs[-1].parameters == sum(once.values())


@pytest.mark.parametrize(
    "where",
    ["phase 1 of 3 · epoch 1", "phase 2 of 3 · epoch 2", "phase 2 of 3 · epoch 3", "phase 3 of 3 · epoch 5"],
)
def test_a_stopped_run_goes_on_to_the_same_numbers(uninterrupted: Path, tmp_path: Path, where: str) -> None:
    folder = tmp_path / "run"
    assert run(folder, settings(), StopWhen(folder, lambda message: message.startswith(where))) == "paused"
    assert resume_run(folder, lambda config: build_fabric(config, "cpu")) == "finished"
    assert_same_run(folder, uninterrupted)


def test_a_dense_run_of_convolutions_with_every_option(tmp_path: Path) -> None:
    changes = ("automtl.grain=convolution", "automtl.steps=per-task", "automtl.choose=likeliest")
    changes += ("automtl.post_training=continue", "automtl.network_optimizer=adam", "automtl.forced_shared=2")
    folder = tmp_path / "run"
    assert run(folder, settings(*ROOMS, *changes, data="rooms")) == "finished"
    found = validate_run(folder)
    epochs = [e for e in found.events if isinstance(e, events.EpochFinished)]
    assert [e.step for e in epochs] == [20, 30, 40, 60, 80]  # five tasks, a step each
    told = [e for e in found.events if isinstance(e, events.PolicyUpdated)]
    assert [len(e.nodes) for e in told[:4]] == [1, 2, 3, 2]
    for event in told:
        mean = torch.tensor(event.nodes).mean(0)
        torch.testing.assert_close(torch.tensor(event.probabilities), mean)
    assert read_run(folder).state() == "finished"
    described = load_checkpoint(folder)["structure"]
    assert isinstance(described, dict)
    assert all(of_task[:2] == ["shared", "shared"] for of_task in described["choices"])


def test_only_those_whose_turn_it_is_move(tmp_path: Path) -> None:
    running = in_training(tmp_path, settings("automtl.pretrain_epochs=0"))
    method, net = running.method, running.net
    assert isinstance(method, AutoMtl)
    assert isinstance(net, AutoMtlNet)
    assert net.policies is not None
    method.searching = True
    running.use(net)
    method.search = PolicySearch(method.config.automtl, 0, net)
    for place, (images, targets) in enumerate(method.epoch_batches(running)):
        before = {name: weight.detach().clone() for name, weight in net.named_parameters()}
        net.train()
        method.train_batch(running, images, targets)
        running.at.batch += 1
        moved = {name for name, weight in net.named_parameters() if not torch.equal(weight, before[name])}
        assert moved == {"policies"} if place % 2 == 0 else moved == set(before) - {"policies"}
        assert all(weight.requires_grad for weight in net.parameters())


def test_policies_do_not_depend_on_the_order_of_tasks() -> None:
    """Samples follow tasks' names, and so do draws: another order of the tasks gives the same in another order."""
    config = settings()
    tasks, order = config.data.tasks, (2, 0, 3, 1)
    turned = [tasks[task] for task in order]
    backbone = build_backbone(config)
    one, other = (AutoMtlNet(backbone, of, "stage") for of in (tasks, turned))
    for net in (one, other):
        assert net.policies is not None
        names = [task.name for task in net.tasks]
        net.policies.data = torch.stack([torch.arange(9.0).reshape(3, 3).sin() * len(name) for name in names])
    place = list(order)
    first, second = (PolicySearch(config.automtl, 0, net).sample(5, "sample") for net in (one, other))
    assert torch.equal(first[place], second)
    x = torch.randn(2, 1, *(28, 56))
    answers, others = one.eval()(x, probabilities=first), other.eval()(x, probabilities=second)
    assert all(torch.equal(answers.predictions[task], others.predictions[at]) for at, task in enumerate(order))
    method = AutoMtl(config)
    drawn = [method.choices(net.policies.detach(), [t.name for t in net.tasks]) for net in (one, other)]  # type: ignore[union-attr]
    assert [drawn[0][task] for task in order] == drawn[1]


def test_draws_follow_the_seed_and_the_bottom_can_be_forced() -> None:
    logits, names = torch.zeros(3, 40, 3), ["a", "b", "c"]
    drawn = AutoMtl(settings()).choices(logits, names)
    assert drawn == AutoMtl(settings()).choices(logits, names)
    assert drawn != AutoMtl(settings("automtl.sample_seed=1")).choices(logits, names)
    forced = AutoMtl(settings("automtl.forced_shared=10")).choices(logits, names)
    assert all(of_task[:10] == ("shared",) * 10 for of_task in forced)
    assert [of_task[10:] for of_task in forced] == [of_task[10:] for of_task in drawn]
    logits[:, :, 2] = 0.1
    likeliest = AutoMtl(settings("automtl.choose=likeliest")).choices(logits, names)
    assert {choice for of_task in likeliest for choice in of_task} == {"skip"}


def test_given_choices_are_trained_at_once(tmp_path: Path) -> None:
    config = settings("automtl.choices=[[0,0,1],[0,1,1],[0,0,2],[0,0,0]]")
    assert run(tmp_path / "run", config) == "finished"
    found = validate_run(tmp_path / "run")
    assert [e.epochs for e in found.events if isinstance(e, events.PhaseStarted)] == [2]
    assert not [e for e in found.events if isinstance(e, events.PolicyUpdated)]
    graph = next(e for e in found.events if isinstance(e, events.StructureChanged)).graph
    placed = [(n.stage, n.kind, n.tasks) for n in graph.nodes if n.kind != "head"]
    assert placed == [
        (0, "shared", (0, 1, 2, 3)),
        (1, "shared", (0, 2, 3)),
        (1, "specific", (1,)),
        (2, "specific", (0,)),
        (2, "specific", (1,)),
        (2, "specific", (3,)),
        (2, "skip", (2,)),
    ]


def test_choices_from_scratch_start_as_a_fresh_network_and_else_go_on(tmp_path: Path) -> None:
    for start in ("scratch", "continue"):
        running = in_training(tmp_path / start, settings(f"automtl.post_training={start}"))
        method, trained = running.method, running.net
        assert isinstance(method, AutoMtl)
        with torch.no_grad():
            for weight in trained.parameters():
                weight.add_(1)
        method._settle(running)
        assert isinstance(running.net, AutoMtlNet)
        fresh = method._net(running.net.backbone, running.net.tasks, running.net.choices).state_dict()
        expected = fresh if start == "scratch" else trained.state_dict()
        assert all(torch.equal(value, expected[name]) for name, value in running.net.state_dict().items())
        settled = running.net
        method._settle(running)
        assert running.net is settled


def test_milestones_count_the_epochs_of_post_training(tmp_path: Path) -> None:
    config = settings("training.milestones=[0.5]", "training.learning_rate=0.01", "automtl.network_learning_rate=0.003")
    run(tmp_path / "run", config)
    epochs = [e for e in read_run(tmp_path / "run").events if isinstance(e, events.EpochFinished)]
    assert [e.learning_rate for e in epochs] == pytest.approx([0.01, 0.003, 0.003, 0.01, 0.001])


def test_the_two_learners_have_their_own_halves() -> None:
    seen: dict[bool, list[int]] = {True: [], False: []}
    for iteration in range(12):  # two passes of each
        turn = turn_at(iteration, 1, 1)
        for rank in range(2):
            seen[turn.policy] += turn_batch(turn, 37, 3, seed=0, rank=rank, ranks=2)
    assert not set(seen[True]) & set(seen[False])
    for indices in seen.values():
        assert len(set(indices[:18])) == len(set(indices[18:])) == 18
        assert indices[:18] != indices[18:]
    with pytest.raises(ValueError, match=r"`images` should be at least 16"):
        turn_batch(turn_at(1, 1, 1), 15, 8, seed=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("automtl.forced_shared=4", r"`automtl.forced_shared` should be at most 3, the operations"),
        ("automtl.choices=[[0, 1]]", r"`automtl.choices` should hold 3 choices for each of 4 tasks"),
        ("data.train=31", r"`data.train` should be at least 32, a batch for each half"),
    ],
)
def test_settings_that_do_not_fit_leave_no_folder_behind(tmp_path: Path, change: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run(tmp_path / "run", settings(change))
    assert not (tmp_path / "run").exists()
    with pytest.raises(ConfigError, match=r"automtl\.choices"):
        parse_config(settings().model_dump(mode="json") | {"automtl": {"choices": [[0, 3]]}})


def test_a_fork_settles_the_same_policies_in_another_way(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "fork"
    assert run(source, settings("training.keep_checkpoints=phases", "automtl.choose=sampled")) == "finished"
    outcome = fork_run(source, 2, folder, ["automtl.choose=likeliest"], lambda config: build_fabric(config, "cpu"))
    assert outcome == "finished"
    found, parent = validate_run(folder), validate_run(source)
    learned = [[event for event in one.events if isinstance(event, events.PolicyUpdated)] for one in (found, parent)]
    assert learned[0] == learned[1]
    last = learned[0][-1]
    ways = [max(range(3), key=way.__getitem__) for way in last.probabilities]
    graph = [event for event in found.events if isinstance(event, events.StructureChanged)][-1].graph
    for task, way in enumerate(ways):
        [kind] = {node.kind for node in graph.nodes if node.stage == last.stage and task in node.tasks}
        assert kind in (("shared", "specific"), ("specific",), ("skip",))[way]
    with pytest.raises(ConfigError, match=r"`automtl\.grain`: the weights are those of these operations"):
        fork_run(
            source, 2, tmp_path / "other", ["automtl.grain=convolution"], lambda config: build_fabric(config, "cpu")
        )
