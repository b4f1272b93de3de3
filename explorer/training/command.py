"""The command line that trains with a given config: what the app runs, and what a person can type instead."""

import os
from pathlib import Path
from typing import get_args

from core.config import Config, ConfigError, Preset, differences, parse_config, preset
from core.detached import as_typed
from core.fork import Fork
from core.grouping import Rule
from core.runs import RunHeader


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


def what_if_command(header: RunHeader, threshold: float | None, rule: Rule | None) -> str:
    """The command that trains a run anew under another threshold or rule (None: its own), from the nearest preset.

    Of a run whose settings are not those of this engine it holds what differs only.
    """
    asked = {"min_similarity": threshold, "rule": rule}
    changed = {name: value for name, value in asked.items() if value is not None}
    try:
        config = parse_config(header.config)
    except ConfigError:
        settings = [part for name, value in changed.items() for part in ("--set", f"mtsl.{name}={value}")]
        return as_typed(["train", *settings])
    config = config.model_copy(update={"mtsl": config.mtsl.model_copy(update=changed)})
    name: Preset = min(get_args(Preset), key=lambda name: len(overrides(config, name)))
    folder = "-".join([f"runs/{config.method}-{config.data.dataset}-s{config.seed}", *map(str, changed.values())])
    return as_typed(train_arguments(config, name, folder), width=100)


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
