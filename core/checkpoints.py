"""The whole training state on disk: written whole, then renamed; read without running any code from the file."""

from pathlib import Path

import torch

from core.heartbeat import write_whole
from core.runs import CHECKPOINTS, RunError

State = dict[str, object]
"""Tensors, numbers, strings, lists and dicts only."""

LAST = "last.pt"


def save_checkpoint(folder: Path, state: State) -> None:
    """Write `state` as the run's last checkpoint. The one before stays in place until the new one is whole.

    Raises `OSError` (a full disk, say) with the old checkpoint untouched.
    """
    try:
        write_whole(folder / CHECKPOINTS / LAST, lambda file: torch.save(state, file))
    except RuntimeError as error:  # torch's own, made while it closes a file that could not be written
        cause = error.__context__
        while cause is not None and not isinstance(cause, OSError):
            cause = cause.__context__
        raise cause or error from None


def has_checkpoint(folder: Path) -> bool:
    """Whether the run got as far as its first checkpoint."""
    return (folder / CHECKPOINTS / LAST).exists()


def load_checkpoint(folder: Path) -> State:
    """The run's last checkpoint, on the CPU. Raises `RunError` if there is none or it is damaged."""
    path = folder / CHECKPOINTS / LAST
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise RunError(f"{path}: no checkpoint. The run stopped before its first one; start it anew.") from None
    except (OSError, RuntimeError, EOFError, ValueError) as error:
        raise RunError(f"{path}: the checkpoint is damaged ({error}).") from None
    if not isinstance(state, dict):
        raise RunError(f"{path}: expected a dictionary, found {type(state).__name__}.")
    return state
