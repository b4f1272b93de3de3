"""The weights of a run, to look into its network again: from its states, or from the one file that `slim` leaves.

A state holds weights, moments and the place in training, and a run may keep one for every phase. `slim` takes the
states of a finished run away and keeps `weights.npz`: the final weights as float16 (vectors, which are few and hold
statistics, as float32) and what it takes to rebuild the network around them, 2 MB for a million weights. It is plain
arrays, so loading it runs no code. Torch is imported on use.
"""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.checkpoints import LAST, drop_phases, has_checkpoint, kept_phases, load_checkpoint, phase_file
from core.heartbeat import heartbeat, process_alive, write_whole
from core.position import Position
from core.runs import CHECKPOINTS, Run, RunError

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = "weights.npz"
_FORM = "form"  # name of the array that holds the description as JSON; weights are named "net." and their key


@dataclass(frozen=True)
class Weights:
    """The weights of a network, and what `Method.rebuild` needs to build it."""

    form: object
    net: Mapping[str, "Tensor"]
    step: int
    epoch: int
    phase: int
    seconds: float

    def digest(self) -> str:
        """Sixteen hexadecimal digits that stand for form and values."""
        found = hashlib.sha256(json.dumps(self.form, sort_keys=True).encode())
        for name, value in sorted(self.net.items()):
            array = value.detach().cpu().contiguous().numpy()
            found.update(f"{name} {array.dtype} {array.shape}".encode())
            found.update(array.tobytes())
        return found.hexdigest()[:16]


def load_weights(run: Run, phase: int | None = None) -> Weights:
    """The final weights of a finished run, or those at the start of `phase`.

    Raises `RunError` that says what to do where there are none.
    """
    folder = run.folder
    if phase is not None:
        if phase not in kept_phases(folder):
            raise RunError(_no_phase(folder, phase))
        state = load_checkpoint(folder, phase)
        at = Position(**state["at"])  # type: ignore[arg-type]
        return Weights(state["structure"], _tensors(state["net"]), at.step, at.epoch, at.phase, at.seconds)
    if run.state() != "finished":
        raise RunError(
            f"{folder}: this run is {run.state()}, so it has no final weights. Let it finish first (python -m core "
            f"resume {folder}), or name a phase whose state it kept: {_listed(folder)}."
        )
    last = run.events[-1]
    if has_checkpoint(folder):
        state = load_checkpoint(folder)
        form, net = state["structure"], _tensors(state["net"])
    else:
        form, net = _read(folder)
    return Weights(form, net, last.step, last.epoch, last.phase, last.seconds)


def slim(run: Run) -> int:
    """Keep the final weights of a finished run at half precision in place of its states; returns the bytes set free.

    Raises `RunError` if a process writes the run, if it is not finished, or if it has no state.
    """
    folder = run.folder
    if process_alive(heartbeat(folder)):
        raise RunError(f"{folder}: a process is writing this run. Stop it first.")
    if run.state() == "finished" and not has_checkpoint(folder):
        raise RunError(f"{folder}: no state to take away.")
    weights = load_weights(run)
    files = [folder / CHECKPOINTS / LAST, *(phase_file(folder, phase) for phase in kept_phases(folder))]
    freed = sum(path.stat().st_size for path in files)
    arrays = {f"net.{name}": _halved(value.detach().cpu().numpy()) for name, value in weights.net.items()}
    arrays[_FORM] = np.frombuffer(json.dumps(weights.form).encode(), np.uint8)
    write_whole(folder / WEIGHTS, lambda file: np.savez_compressed(file, allow_pickle=False, **arrays))
    drop_phases(folder)
    files[0].unlink(missing_ok=True)
    return freed - (folder / WEIGHTS).stat().st_size


def _halved(values: np.ndarray) -> np.ndarray:
    """Matrices and kernels as float16 where they fit; the rest as it is."""
    if values.ndim < 2 or values.dtype != np.float32 or not np.abs(values).max(initial=0) <= np.finfo(np.float16).max:
        return values
    return values.astype(np.float16)


def _read(folder: Path) -> tuple[object, dict[str, "Tensor"]]:
    import torch

    path = folder / WEIGHTS
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            form = json.loads(stored[_FORM].tobytes())
            arrays = {name.removeprefix("net."): stored[name] for name in stored.files if name != _FORM}
    except FileNotFoundError:
        raise RunError(
            f"{folder}: no weights. Its states were deleted, and no {WEIGHTS} is kept. Train it anew (the same seed "
            "gives the same run), and make it small with: python -m core slim DIR"
        ) from None
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise RunError(f"{path}: damaged ({error}).") from None
    whole = {name: value.astype(np.float32) if value.dtype == np.float16 else value for name, value in arrays.items()}
    return form, {name: torch.from_numpy(value) for name, value in whole.items()}


def _tensors(net: object) -> dict[str, "Tensor"]:
    assert isinstance(net, dict)
    return net


def _no_phase(folder: Path, phase: int) -> str:
    return (
        f"{folder}: no state was kept at the start of phase {phase}; there are those of {_listed(folder)}. Training "
        "with `--set training.keep_checkpoints=phases` keeps them."
    )


def _listed(folder: Path) -> str:
    kept = kept_phases(folder)
    return f"phases {', '.join(map(str, kept))}" if kept else "no phase"
