"""The whole training state on disk: written whole, then renamed; read without running any code from the file.

The last state is `last.pt`. Where the settings keep states to fork from, `phase-003.pt` beside it is the state at the
start of phase 3. Torch is imported on use: whoever only asks which states there are needs none.
"""

import errno
import os
import pickle
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.heartbeat import write_whole
from core.runs import CHECKPOINTS, RunError

State = dict[str, object]
"""Tensors, numbers, strings, lists and dicts only."""

LAST = "last.pt"
_PHASE = re.compile(r"phase-(\d{3,})\.pt")


def save_checkpoint(folder: Path, state: State) -> None:
    """Write `state` as the run's last checkpoint. The one before stays in place until the new one is whole.

    Raises `OSError` (a full disk, say) with the old checkpoint untouched.
    """
    import torch

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


def phase_file(folder: Path, phase: int) -> Path:
    """Where a run keeps its state at the start of `phase`."""
    return folder / CHECKPOINTS / f"phase-{phase:03d}.pt"


def kept_phases(folder: Path) -> list[int]:
    """The phases, rising, at whose start the run can be forked; from 1, as phase 0 starts like any new run."""
    found = (_PHASE.fullmatch(path.name) for path in (folder / CHECKPOINTS).glob("phase-*.pt"))
    return sorted(int(match[1]) for match in found if match)


def keep_phase(folder: Path, phase: int) -> None:
    """Keep the last checkpoint, which must be the state at the start of `phase`, as that phase's too.

    Both names mean one file until the next checkpoint, so nothing is copied. Raises `OSError`, with both as they were.
    """
    link_or_copy(folder / CHECKPOINTS / LAST, phase_file(folder, phase))


def drop_phases(folder: Path) -> None:
    """Delete the states of all phases; the last checkpoint stays."""
    for phase in kept_phases(folder):
        phase_file(folder, phase).unlink(missing_ok=True)


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file that is never changed in place, only replaced, a second name; a copy where there are no hard links.

    `target` is there whole or not at all. Raises `OSError`.
    """
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    try:
        try:
            part.hardlink_to(source)
        except OSError:  # another disk, or a file system without links
            shutil.copyfile(source, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def load_checkpoint(folder: Path, phase: int | None = None) -> State:
    """The run's last checkpoint, or that of the start of `phase`, on the CPU.

    Raises `RunError` if there is none or it is damaged.
    """
    import torch

    path = folder / CHECKPOINTS / LAST if phase is None else phase_file(folder, phase)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise RunError(f"{path}: no checkpoint. The run stopped before its first one; start it anew.") from None
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise RunError(f"{path}: the checkpoint is damaged ({str(error).partition(chr(10))[0]}).") from None
    if not isinstance(state, dict):
        raise RunError(f"{path}: expected a dictionary, found {type(state).__name__}.")
    return state


@dataclass
class Checkpoints:
    """The states of one run in training. Those kept for forks give way where the disk is short: training goes on."""

    folder: Path
    keep_phases: bool
    """Whether the state at the start of every phase is kept; set to False when the disk gets short."""
    warn: Callable[[str], None]

    def save(self, state: State) -> None:
        """Write the last checkpoint; a full disk costs the states of phases first. Raises `OSError`."""
        try:
            save_checkpoint(self.folder, state)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not kept_phases(self.folder):
                raise
            drop_phases(self.folder)
            self._only_last("the disk is full, so the states of earlier phases were deleted")
            save_checkpoint(self.folder, state)

    def keep(self, phase: int) -> None:
        """Keep the last checkpoint as the state at the start of `phase`, unless that costs what training needs."""
        if not self.keep_phases:
            return
        try:
            # from now on the file is one more, and the next checkpoint stands beside the last while it is written
            short = shutil.disk_usage(self.folder).free < 2 * (self.folder / CHECKPOINTS / LAST).stat().st_size
            if not short:
                keep_phase(self.folder, phase)
        except OSError as error:
            self._only_last(f"the state at the start of phase {phase} cannot be kept ({error.strerror})")
        else:
            if short:
                self._only_last(f"the disk has no room to keep the state at the start of phase {phase}")

    def _only_last(self, why: str) -> None:
        self.keep_phases = False
        self.warn(f"{why}; training goes on and keeps its last state only")
