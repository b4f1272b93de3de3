"""The command line that trains with a given config: what the app runs, and what a person can type instead."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from core.config import Config, Preset, differences, preset


def overrides(config: Config, name: Preset) -> tuple[str, ...]:
    """The settings `key=value` that lead from a preset to `config`; method, data set and seed have their own options.

    `preset(name, …, overrides=overrides(config, name))` gives `config` again.

    >>> overrides(preset("quick", "digits", overrides=["training.epochs=3", "mtsl.phases=2"]), "quick")
    ('training.epochs=3', 'mtsl.phases=2')
    """
    return differences(config, preset(name, config.data.dataset, config.method, config.seed))


def train_arguments(config: Config, name: Preset, folder: str) -> list[str]:
    """What follows `python -m core` to train `config` into `folder`."""
    arguments = ["train", "--preset", name, "--data", config.data.dataset, "--method", config.method]
    arguments += ["--seed", str(config.seed), "--out", folder]
    for override in overrides(config, name):
        arguments += ["--set", override]
    return arguments


def as_typed(arguments: Sequence[str], width: int | None = None) -> str:
    """`python -m core` with `arguments`, quoted for a shell; with `width`, in lines of about so many characters.

    >>> as_typed(["train", "--set", "data.scene.room_size=[4, 7]"])
    "python -m core train --set 'data.scene.room_size=[4, 7]'"
    >>> print(as_typed(["train", "--data", "digits", "--seed", "0"], width=36))
    python -m core train --data digits \\
      --seed 0
    """
    lines = [f"python -m core {arguments[0]}"]
    options = [*arguments[1:]]
    for first, word in enumerate(options):
        if first and not word.startswith("--"):
            continue
        last = next((end for end in range(first + 1, len(options)) if options[end].startswith("--")), len(options))
        part = shlex.join(options[first:last])
        if width is None or len(lines[-1]) + 1 + len(part) <= width:
            lines[-1] += f" {part}"
        else:
            lines.append(f"  {part}")
    return " \\\n".join(lines)


def shown_path(path: Path) -> str:
    """A path as one would type it here: relative where that is shorter."""
    relative = os.path.relpath(path)
    return relative if len(relative) < len(str(path)) else str(path)
