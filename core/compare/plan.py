"""Which runs a comparison is made of: one a method and seed, in a folder whose name says both (no torch).

A later call knows a folder by that name, and by the settings in its header whether it is the run that is asked for.
Settings that a method does not use do not count, nor do those that say how it is computed or what is kept of it.
Which runs were ever asked for stands in `.compare.json`, so that one without a trace is missed in the table.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from core.config import (
    METHOD_SETTINGS,
    Config,
    ConfigError,
    Method,
    Preset,
    changed_config,
    differences,
    parse_config,
    preset,
)
from core.found import LIKE
from core.heartbeat import write_whole
from core.runs import HEADER, RunError, read_header, read_run

T = TypeVar("T", int, str)

ASKED = ".compare.json"
SOURCE = "mtsl"
"""The method whose run of the same seed those in `core.found.LIKE` are like."""

BASELINE = "separate"
"""The single-task models that Δm is measured against."""

_UNTOLD = {"training": ("threads", "workers", "keep_checkpoints")}
"""Settings that two runs of the same numbers may differ in."""


@dataclass(frozen=True)
class Request:
    """What to compare, as it is asked for on the command line."""

    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    data: str = "rooms"
    preset: Preset = "quick"
    settings: tuple[str, ...] = ()
    """Overrides `key=value` for all runs."""
    device: str = "auto"


@dataclass(frozen=True)
class Trial:
    """One run of a comparison."""

    folder: Path
    config: Config
    source: Path | None = None
    """The run that must be finished before, as this one is like it."""

    @property
    def name(self) -> str:
        """What people call it."""
        return self.folder.name


class Asked(BaseModel):
    """A run that was asked for once."""

    model_config = ConfigDict(frozen=True)

    method: str
    data: str
    seed: int


class _AskedFile(BaseModel):
    asked: tuple[Asked, ...] = ()


def folder_name(method: str, data: str, seed: int) -> str:
    """What the folder of a run is called.

    >>> folder_name("mtsl", "digits", 0)
    'mtsl-digits-s0'
    """
    return f"{method}-{data}-s{seed}"


def parse_methods(text: str) -> tuple[str, ...]:
    """Methods parted by commas. Raises `ConfigError` for an unknown one, one twice, or none.

    >>> parse_methods("mtsl, one")
    ('mtsl', 'one')
    """
    known, found = get_args(Method), tuple(part.strip() for part in text.split(",") if part.strip())
    if unknown := [method for method in found if method not in known]:
        raise ConfigError(f"`--methods`: there is no method {unknown[0]}; there are: {', '.join(known)}.")
    return _distinct("--methods", found)


def parse_seeds(text: str) -> tuple[int, ...]:
    """Seeds parted by commas, also ranges. Raises `ConfigError` for what is no seed, one twice, or none.

    >>> parse_seeds("0,1,2"), parse_seeds("0-2,7")
    ((0, 1, 2), (0, 1, 2, 7))
    """
    found: list[int] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ConfigError(f"`--seeds` should be whole numbers such as 0,1,2 or 0-2. Found {part!r}.")
        found += range(int(first), int(last if dash else first) + 1)
    return _distinct("--seeds", tuple(found))


def plan(request: Request, out: Path) -> list[Trial]:
    """The runs of a comparison in the order of work: seed by seed, and those that are like another run last.

    Raises `ConfigError` for settings that no run can have, and for a method that is like a run of MTSL if that is not
    among the methods.
    """
    trials, late = [], []
    for seed in request.seeds:
        for method in request.methods:
            config = preset(request.preset, request.data, method, seed, request.settings)
            folder = out / folder_name(method, request.data, seed)
            if method not in LIKE or _given(config):
                trials.append(Trial(folder, config))
                continue
            if SOURCE not in request.methods:
                raise ConfigError(
                    f"`--methods`: {method} takes over what {SOURCE} finds with the same seed; add {SOURCE}, or give "
                    f"it by --set {METHOD_SETTINGS[method]}.…"
                )
            late.append(Trial(folder, config, out / folder_name(SOURCE, request.data, seed)))
    return trials + late


def check_folders(trials: Sequence[Trial]) -> None:
    """Raise `RunError` if folders hold runs of other settings than asked for; it names every difference.

    What cannot be read is no matter here: it fails when its turn comes.
    """
    problems = []
    for trial in trials:
        with contextlib.suppress(RunError):
            if differs := other_settings(trial):
                problems.append(f"{trial.folder}: {', '.join(differs)}")
    if problems:
        raise RunError(
            "these folders hold runs that were made with other settings (found there):\n  "
            + "\n  ".join(problems)
            + "\nCompare with the same settings, into another folder, or delete them."
        )


def other_settings(trial: Trial) -> tuple[str, ...]:
    """What the run in a trial's folder was made with, where that is not what is asked for, as key=value; () if all is.

    Raises `RunError` for a header that cannot be read.
    """
    if not (trial.folder / HEADER).exists():
        return ()
    try:
        made = parse_config(read_header(trial.folder).config)
    except ConfigError as error:
        raise RunError(f"{trial.folder}: {error}") from None
    return differences(told(made), told(_wanted(trial)))


def _wanted(trial: Trial) -> Config:
    """The config of the run in a trial's folder, with what it takes over from its source if that is finished."""
    if trial.source is None:
        return trial.config
    if finished(trial.source):
        return changed_config(trial.config, [LIKE[trial.config.method](trial.source)])
    field = METHOD_SETTINGS[trial.config.method]  # what was found before stands for what is to come
    return trial.config.model_copy(update={field: getattr(parse_config(read_header(trial.folder).config), field)})


def finished(folder: Path) -> bool:
    """Whether a folder holds a run that reached its end."""
    try:
        return read_run(folder).state() == "finished"
    except RunError:
        return False


def told(config: Config) -> Config:
    """The config with those settings as they are by default that its method does not use or that change no numbers."""
    return _defaults(config, {*METHOD_SETTINGS.values()} - {METHOD_SETTINGS.get(config.method, "")})


def shared(config: Config) -> Config:
    """The config with what belongs to a method as it is by default: what all runs of a comparison have in common."""
    return _defaults(config, {"method", *METHOD_SETTINGS.values()})


def _defaults(config: Config, fields: set[str]) -> Config:
    known = type(config).model_fields
    changes: dict[str, object] = {field: known[field].get_default(call_default_factory=True) for field in fields}
    for group, names in _UNTOLD.items():
        record = getattr(config, group)
        defaults = {name: type(record).model_fields[name].default for name in names}
        changes[group] = record.model_copy(update=defaults)
    return config.model_copy(update=changes)


def arguments(trial: Trial, request: Request) -> list[str]:
    """What follows `python -m core` to begin a trial, as anybody could type it."""
    config = trial.config
    words = ["train", "--preset", request.preset, "--data", request.data, "--method", config.method]
    words += ["--seed", str(config.seed), "--device", request.device, "--out", str(trial.folder)]
    if trial.source:
        words += ["--like", str(trial.source)]
    for setting in request.settings:
        words += ["--set", setting]
    return words


def asked(out: Path) -> tuple[Asked, ...]:
    """The runs that were ever asked for in a folder, in order."""
    try:
        return _AskedFile.model_validate_json((out / ASKED).read_bytes()).asked
    except (FileNotFoundError, ValidationError):
        return ()


def note_asked(out: Path, trials: Sequence[Trial]) -> None:
    """Write down that these runs are asked for, beside those of before."""
    new = (Asked(method=t.config.method, data=t.config.data.dataset, seed=t.config.seed) for t in trials)
    found = tuple(dict.fromkeys((*asked(out), *new)))
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / ASKED, _AskedFile(asked=found).model_dump_json(indent=1).encode())


def _given(config: Config) -> bool:
    """Whether a method that is like another run was told by settings what that run would tell it."""
    record = getattr(config, METHOD_SETTINGS[config.method])
    return bool(record != type(record)())


def _distinct(option: str, found: tuple[T, ...]) -> tuple[T, ...]:
    if not found:
        raise ConfigError(f"`{option}` should name at least one. Found none.")
    if double := [one for one in found if found.count(one) > 1]:
        raise ConfigError(f"`{option}` names {double[0]} twice.")
    return found
