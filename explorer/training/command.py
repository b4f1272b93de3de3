"""The command line that trains with a given config: what the app runs, and what a person can type instead."""

import os
from pathlib import Path

from core.config import Config, Preset, differences, preset
from core.fork import Fork


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


def fork_arguments(fork: Fork, folder: str) -> list[str]:
    """What follows `python -m core` to train a fork into `folder`."""
    arguments = ["fork", str(fork.source), "--phase", str(fork.phase), "--out", folder]
    for change in fork.changes:
        key, _, text = change.partition("=")
        arguments += ["--seed", text] if key == "seed" else ["--set", change]
    return arguments


def shown_path(path: Path) -> str:
    """A path as one would type it here: relative where that is shorter."""
    relative = os.path.relpath(path)
    return relative if len(relative) < len(str(path)) else str(path)
