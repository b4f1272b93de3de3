"""Hard-concrete gates against the check values worked out from the definition."""

import math

import pytest
import torch

from core.gates import HardConcrete, uniform_noise

GATES = HardConcrete()


def test_the_check_values() -> None:
    assert GATES.open_probability(torch.zeros(1)).item() == pytest.approx(0.832, abs=5e-4)
    assert GATES.serving(torch.zeros(1)).item() == pytest.approx(0.5)
    assert GATES.closed_below == pytest.approx(-2.398, abs=5e-4)
    assert GATES.serving(torch.tensor([-2.3985, 2.3985])).tolist() == [0.0, 1.0]
    assert 0 < GATES.serving(torch.tensor(-2.39)).item() < 1e-2


def test_beta_divides_the_whole_bracket() -> None:
    u, log_alpha = torch.tensor([0.3]), torch.tensor([0.7])
    s = 1 / (1 + math.exp(-((math.log(0.3) - math.log(0.7)) + 0.7) / (2 / 3)))
    assert GATES.sample(log_alpha, u).item() == pytest.approx(min(1, max(0, s * 1.2 - 0.1)), abs=1e-6)


def test_the_share_of_open_gates_is_the_closed_form() -> None:
    generator = torch.Generator().manual_seed(0)
    for value in (-2.0, 0.0, 1.5):
        log_alpha = torch.full((200_000,), value)
        share = (GATES.sample(log_alpha, uniform_noise(log_alpha, generator)) > 0).double().mean().item()
        assert share == pytest.approx(GATES.open_probability(torch.tensor(value)).item(), abs=4e-3)


def test_gates_learn_and_stay_in_range() -> None:
    log_alpha = torch.zeros(64, requires_grad=True)
    gates = GATES.sample(log_alpha, uniform_noise(log_alpha, torch.Generator().manual_seed(1)))
    assert float(gates.detach().min()) >= 0
    assert float(gates.detach().max()) <= 1
    (gates.sum() + GATES.open_probability(log_alpha).sum()).backward()
    assert log_alpha.grad is not None
    assert torch.isfinite(log_alpha.grad).all()
    assert (log_alpha.grad > 0).all()


@pytest.mark.parametrize("constants", [(0.0, -0.1, 1.1), (0.5, 0.0, 1.1), (0.5, -0.1, 1.0)])
def test_impossible_constants_are_named(constants: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match=r"`beta` should be above 0, `gamma` below 0 and `zeta` above 1"):
        HardConcrete(*constants)
