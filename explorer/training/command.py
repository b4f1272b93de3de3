"""The command line that trains with a given config: what the app runs, and what a person can type instead."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import yaml
from pydantic import BaseModel, JsonValue

from core.config import Config, ConfigError, Preset, parse_config, preset
from core.grouping import Rule
from core.runs import RunHeader


def overrides(config: Config, name: Preset) -> tuple[str, ...]:
    """The settings `key=value` that lead from a preset to `config`; method, data set and seed have their own options.

    `preset(name, …, overrides=overrides(config, name))` gives `config` again.

    >>> overrides(preset("quick", "digits", overrides=["training.epochs=3", "mtsl.phases=2"]), "quick")
    ('training.epochs=3', 'mtsl.phases=2')
    """
    return tuple(_differences(config, preset(name, config.data.dataset, config.method, config.seed), ""))


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


def _differences(wanted: BaseModel, given: BaseModel, below: str) -> list[str]:
    found: list[str] = []
    for field in type(wanted).model_fields:
        key, new, old = f"{below}{field}", getattr(wanted, field), getattr(given, field)
        if new == old:
            continue
        if isinstance(new, BaseModel) and type(new) is type(old):
            found += _differences(new, old, f"{key}.")
        else:
            found.append(f"{key}={_yaml(wanted.model_dump(mode='json', include={field})[field])}")
    return found


def _yaml(value: JsonValue) -> str:
    """One line of YAML, as `--set` reads it."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")
