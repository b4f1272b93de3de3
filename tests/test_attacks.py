"""Attacks: inside their ball and inside [0, 1], stronger where they look longer, the same again, and the smallest."""

import sys
from functools import cache

import pytest
import torch
from torch import Tensor

from core.config import parse_config
from core.data.base import DataSplits
from core.data.load import load_data
from core.launch import METHODS, build_backbone
from core.network import TaskNet
from core.robustness import attacks
from core.robustness.attacks import ATTACKS, Attack, Attacker
from core.robustness.corruptions import MissingLibraryError
from core.runs import read_run
from core.weights import load_weights
from tests._trained import trained

CPU = torch.device("cpu")


@cache
def attacked_net(data: str) -> tuple[TaskNet, DataSplits]:
    run = read_run(trained("rooms") if data == "rooms" else trained("digits", "mtsl"))
    config = parse_config(run.header.config)
    weights = load_weights(run)
    net = METHODS[config.method](config).rebuild(build_backbone(config), config.data.tasks, weights.form)
    net.load_state_dict(dict(weights.net))
    return net.eval().requires_grad_(False), load_data(config.data)


def batch(data: str, count: int = 24) -> tuple[Attacker, Tensor, dict[str, Tensor]]:
    net, splits = attacked_net(data)
    images, targets = splits.val.__getitems__(range(count))  # type: ignore[attr-defined]
    attacker = Attacker(net, splits, 0, CPU)
    return attacker, attacker.images(images), targets


def losses(attacker: Attacker, images: Tensor, targets: dict[str, Tensor]) -> list[float]:
    answers = attacker.net(attacker.normalised(images)).predictions
    names = [task.name for task in attacker.data.tasks]
    return [attacker.losses[name](answers[index], targets[name]).item() for index, name in enumerate(names)]


@pytest.mark.parametrize("data", ["rooms", "digits"])
@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("radius", [1 / 255, 16 / 255])
def test_an_attack_stays_in_its_ball_and_in_the_range_of_images(data: str, attack: Attack, radius: float) -> None:
    attacker, images, targets = batch(data)
    for tasks in ((0,), tuple(range(len(attacker.data.tasks)))):
        moved = attacker.attack(attack, images, targets, tasks, radius)
        assert (moved - images).abs().max() <= radius + 1e-6
        assert moved.min() >= 0
        assert moved.max() <= 1
        # what the network gets stays as far from what it got, in units of the values that images were normalised with
        away = (attacker.normalised(moved) - attacker.normalised(images)).abs().amax(dim=(0, 2, 3))
        assert (away <= radius / torch.tensor(attacker.data.std) + 1e-5).all()
        assert ((moved - images).abs() > 0.2 * radius).float().mean() > 0.5  # small gradients are gradients
        assert not moved.requires_grad


@pytest.mark.parametrize("data", ["rooms", "digits"])
def test_pgd_is_stronger_than_fgsm_and_a_wider_ball_than_a_narrow_one(data: str) -> None:
    attacker, images, targets = batch(data)
    clean = losses(attacker, images, targets)
    raised = {}
    for attack in ATTACKS:
        for radius in (1, 4, 16):
            gains = []
            for task in range(len(clean)):
                moved = attacker.attack(attack, images, targets, (task,), radius / 255)
                gains.append(losses(attacker, moved, targets)[task] / clean[task])
            assert min(gains) > 1, (attack, radius)
            raised[attack, radius] = sum(gains) / len(gains)
    for radius in (1, 4, 16):
        assert raised["pgd", radius] > raised["fgsm", radius]
    assert 1 < raised["pgd", 1] < raised["pgd", 4] < raised["pgd", 16]


def test_an_attack_on_one_task_hurts_it_more_than_others_do() -> None:
    attacker, images, targets = batch("rooms")
    n = len(attacker.data.tasks)
    after = [losses(attacker, attacker.attack("pgd", images, targets, (t,), 4 / 255), targets) for t in range(n)]
    for task in range(n):
        assert after[task][task] == max(row[task] for row in after)


def test_attacks_repeat_and_leave_torchs_generator_alone() -> None:
    attacker, images, targets = batch("digits")
    torch.manual_seed(5)
    first = attacker.attack("pgd", images, targets, (0,), 4 / 255)
    after = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), after)
    assert torch.equal(attacker.attack("pgd", images, targets, (0,), 4 / 255), first)
    assert not torch.equal(attacker.attack("pgd", images, targets, (0,), 4 / 255, number=1), first)
    other = Attacker(attacker.net, attacker.data, 1, CPU)
    assert not torch.equal(other.attack("pgd", images, targets, (0,), 4 / 255), first)


def test_a_radius_for_each_image_is_kept_for_each() -> None:
    attacker, images, targets = batch("digits", 4)
    radii = torch.tensor([0.0, 1.0, 4.0, 16.0]).view(4, 1, 1, 1) / 255
    moved = attacker.attack("pgd", images, targets, (0,), radii)
    away = (moved - images).abs().amax(dim=(1, 2, 3))
    assert (away <= radii.flatten() + 1e-6).all()
    assert (away >= 0.9 * radii.flatten()).all()


def test_the_smallest_attack_breaks_and_a_little_less_does_not() -> None:
    attacker, images, targets = batch("digits", 12)
    labels = targets["left"]

    def wrong(moved: Tensor) -> list[bool]:
        answers = attacker.net(attacker.normalised(moved), tasks=(0,)).predictions[0]
        return list((answers.argmax(dim=1) != labels).tolist())

    largest, halvings = 0.25, 5
    radii = attacker.breaking_radii(images, targets, 0, wrong, largest, halvings)
    already = wrong(images)
    assert [radius == 0 for radius in radii] == already
    found = [index for index, radius in enumerate(radii) if radius]
    assert len(found) > 6
    sized = torch.tensor([radius or 0.0 for radius in radii]).view(-1, 1, 1, 1)
    broken = wrong(attacker.attack("pgd", images, targets, (0,), sized))
    less = wrong(attacker.attack("pgd", images, targets, (0,), (sized - largest / 2**halvings).clamp_min(0)))
    assert all(broken[index] for index in found)
    assert not any(less[index] for index in found)
    assert attacker.breaking_radii(images, targets, 0, wrong, 1e-6, 1) == [0.0 if bad else None for bad in already]


def test_a_missing_library_is_said_clearly(monkeypatch: pytest.MonkeyPatch) -> None:
    assert attacks.tool().startswith("captum 0.")
    monkeypatch.setitem(sys.modules, "captum.robust", None)
    with pytest.raises(MissingLibraryError, match=r"attacks need the package captum .*pip install"):
        attacks.tool()
