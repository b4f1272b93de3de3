"""What a run found, as settings of another run: its structure to train from scratch, its size for a random tree."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from core.config import METHOD_SETTINGS, ConfigError
from core.events import StructureChanged
from core.runs import RunError, read_run


def like_run(method: str, folder: Path) -> str:
    """The override that makes a run of `method` like the one in `folder`.

    Raises `ConfigError` for a method that cannot be like another run, and `RunError` as below.
    """
    takes = {**LIKE, **MAY_BE_LIKE}
    if method not in takes:
        raise ConfigError(f"`--like` goes with the methods {', '.join(takes)}. Found {method}.")
    return takes[method](folder)


def structure_setting(folder: Path, method: str = "retrain") -> str:
    """The override that gives the last structure of a run to a method.

    Raises `RunError` if the run cannot be read, or its structure is no tree.
    """
    partitions = _last_structure(folder).partitions
    if partitions is None:
        raise RunError(f"{folder}: expected a run whose structure is a tree, found one that has no partitions.")
    return f"{METHOD_SETTINGS[method]}.partitions={json.dumps(partitions)}"


def size_setting(folder: Path) -> str:
    """The override that gives the last size of a run to the method `random`. Raises `RunError` as above."""
    return f"random.parameters={_last_structure(folder).parameters}"


LIKE: Mapping[str, Callable[[Path], str]] = {"retrain": structure_setting, "random": size_setting}
"""Method that is like another run -> what it takes over from that run's folder, as an override."""

MAY_BE_LIKE: Mapping[str, Callable[[Path], str]] = {"selective": partial(structure_setting, method="selective")}
"""The same for methods that have a structure of their own where nothing is asked for."""


def _last_structure(folder: Path) -> StructureChanged:
    changes = [event for event in read_run(folder).events if isinstance(event, StructureChanged)]
    if not changes:
        raise RunError(f"{folder}: expected a run with a structure, found none yet.")
    return changes[-1]
