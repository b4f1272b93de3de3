"""Measuring the robustness of a run from the app: a process of its own that is found again from the run folder.

It is the command `python -m core robustness`; it goes on when the app ends. No Streamlit and no torch here.
"""

from dataclasses import dataclass
from pathlib import Path

from core.checkpoints import has_checkpoint
from core.detached import complaint, launch, log_tail
from core.heartbeat import heartbeat, process_alive, request_stop
from core.robustness.records import MEASURING, Family
from core.runs import RunError
from core.weights import WEIGHTS

OPTIONS: dict[Family, str] = {"corruption": "corruptions", "shift": "shifts", "attack": "attacks"}


@dataclass(frozen=True)
class Measuring:
    """A measurement as it stands; `problem` is why the last one ended, if it ended badly."""

    live: bool
    done: float
    message: str
    eta_seconds: float | None
    problem: str


def has_weights(folder: Path) -> bool:
    """Whether a run keeps what it takes to look into its network again."""
    return has_checkpoint(folder) or (folder / WEIGHTS).is_file()


def arguments(folder: Path, families: list[Family]) -> list[str]:
    """What follows `python -m core` to measure these families of a run.

    >>> arguments(Path("run"), ["shift"])
    ['robustness', 'run', '--no-corruptions', '--shifts', '--no-attacks']
    """
    options = [f"--{'' if family in families else 'no-'}{option}" for family, option in OPTIONS.items()]
    return ["robustness", str(folder), *options]


def measure(folder: Path, families: list[Family]) -> None:
    """Measure these families in a process of its own.

    Raises `RunError` if a process is at it, and `OSError` if it cannot be started.
    """
    if process_alive(heartbeat(folder / MEASURING)):
        raise RunError(f"{folder.name}: its robustness is being measured already.")
    launch(folder / MEASURING, arguments(folder, families))


def stop(folder: Path) -> None:
    """Ask the measurement to stop; what is measured stays."""
    request_stop(folder / MEASURING)


def read_measuring(folder: Path) -> Measuring | None:
    """The measurement of a run as it stands; None if there is none and the last one ended well."""
    place = folder / MEASURING
    beat = heartbeat(place)
    if beat is not None and process_alive(beat):
        return Measuring(True, beat.done, beat.message, beat.eta_seconds, "")
    if not place.is_dir():
        return None
    problem = complaint(log_tail(place, lines=60))
    if beat is not None and not problem:
        problem = "Its process ended without saying why. What was measured is kept; measure again to go on."
    return Measuring(False, 0.0, "", None, problem) if problem else None
