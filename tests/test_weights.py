"""The weights of a run: final ones, those of a phase, and those that stay when its states are taken away."""

from pathlib import Path

import numpy as np
import pytest
import torch

from core.checkpoints import has_checkpoint, kept_phases
from core.runs import RunError, RunWriter, read_run, validate_run
from core.weights import WEIGHTS, load_weights, slim
from tests._trained import copy_of, trained


def test_final_weights_and_those_of_a_phase(tmp_path: Path) -> None:
    run = read_run(trained("digits", "mtsl"))
    final, early = load_weights(run), load_weights(run, 1)
    last = run.events[-1]
    assert (final.step, final.epoch, final.phase) == (last.step, last.epoch, last.phase)
    assert (early.phase, early.epoch) == (1, 2)
    assert final.digest() != early.digest()
    assert final.digest() == load_weights(run).digest()
    assert len(early.net) >= len(final.net)
    with pytest.raises(RunError, match=r"no state was kept at the start of phase 7; there are those of phases 1, 2"):
        load_weights(run, 7)


def test_a_slim_run_keeps_its_weights_at_half_precision(tmp_path: Path) -> None:
    run = read_run(copy_of(trained("digits", "mtsl"), tmp_path))
    before = load_weights(run)
    size = sum(path.stat().st_size for path in run.folder.rglob("*") if path.is_file())
    freed = slim(run)
    assert size - sum(path.stat().st_size for path in run.folder.rglob("*") if path.is_file()) == freed > 0
    assert not has_checkpoint(run.folder)
    assert not kept_phases(run.folder)
    after = load_weights(validate_run(run.folder))
    assert (after.form, after.step, after.phase) == (before.form, before.step, before.phase)
    assert set(after.net) == set(before.net)
    for name, value in before.net.items():
        assert after.net[name].dtype == value.dtype
        torch.testing.assert_close(after.net[name], value, rtol=1e-3, atol=1e-6)
        if value.ndim < 2:
            assert torch.equal(after.net[name], value)
    most = 2 * sum(value.numel() for value in before.net.values()) + 400 * len(before.net)  # and the names
    assert (run.folder / WEIGHTS).stat().st_size < most
    with pytest.raises(RunError, match="no state to take away"):
        slim(run)


def test_no_weights_is_one_clear_message(tmp_path: Path) -> None:
    run = read_run(copy_of(trained("rooms"), tmp_path))
    slim(run)
    path = run.folder / WEIGHTS
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RunError, match="damaged"):
        load_weights(run)
    np.savez(path, something=np.zeros(3))
    with pytest.raises(RunError, match="damaged"):
        load_weights(run)
    path.unlink()
    with pytest.raises(RunError, match=r"no weights\. Its states were deleted.*Train it anew"):
        load_weights(run)


def test_a_run_that_is_not_finished_has_no_final_weights(tmp_path: Path) -> None:
    source = read_run(trained("rooms"))
    with RunWriter(tmp_path / "cut", source.header) as writer:
        for event in source.events[:-1]:
            writer.write(event)
    run = read_run(tmp_path / "cut")
    with pytest.raises(RunError, match=r"this run is interrupted, so it has no final weights.*resume"):
        load_weights(run)
    with pytest.raises(RunError, match="no final weights"):
        slim(run)
