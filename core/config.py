"""Every setting of a run as frozen, validated records; presets; and `key=value` overrides (no torch).

Each field carries its meaning, its unit and its limits, and the command line and the Train page are built from them, so
that no default is written twice.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, Field, JsonValue, ValidationError, model_validator

from core.data.parameters import DataParameters
from core.method_settings import (
    METHOD_SETTINGS,
    AutoMtl,
    Method,
    Mmoe,
    Mtsl,
    Random,
    Retrain,
    Selective,
    Settings,
    Snr,
)
from core.presets import PRESETS

__all__ = [
    "METHOD_SETTINGS",
    "AutoMtl",
    "Backbone",
    "Config",
    "ConfigError",
    "Method",
    "MlpBackbone",
    "Mmoe",
    "Mtsl",
    "PaperBackbone",
    "Preset",
    "Random",
    "Retrain",
    "Selective",
    "Settings",
    "SmallBackbone",
    "Snr",
    "Training",
    "changed_config",
    "differences",
    "parse_config",
    "preset",
]


class ConfigError(ValueError):
    """Settings that cannot be used; the message lists every problem."""


class SmallBackbone(Settings):
    """A narrow convolutional network for small images."""

    name: Literal["small"] = "small"
    width: int = Field(16, ge=4, le=256, description="output channels of the stem; deeper stages have more")
    encoder_stages: int = Field(4, ge=1, le=8, description="residual stages after the stem")
    decoder_stages: int = Field(3, ge=0, le=8, description="skip decoder stages; 0: heads read the encoder")
    stem_stride: int = Field(2, ge=1, le=4, description="pixels the stem moves at a time")

    @model_validator(mode="after")
    def _check_decoder(self) -> "SmallBackbone":
        if self.decoder_stages >= self.encoder_stages:
            raise ValueError(
                f"`decoder_stages` should be less than `encoder_stages` ({self.encoder_stages}), each needs an earlier "
                f"stage of twice its size. Found {self.decoder_stages}"
            )
        return self


class PaperBackbone(Settings):
    """The network of the MTSL paper: ResNet-18, one more stage, a skip decoder; ten stages."""

    name: Literal["paper"] = "paper"
    weights: Literal["imagenet"] | None = Field(None, description="start of the encoder: ImageNet weights or random")


class MlpBackbone(Settings):
    """Fully connected layers, for tables; on images every pixel goes through them on its own."""

    name: Literal["mlp"] = "mlp"
    hidden: tuple[int, ...] = Field((128, 64), description="neurons of each layer, which is a stage")
    tower: int = Field(16, ge=1, le=65_536, description="hidden units of each task's head")

    @model_validator(mode="after")
    def _check_hidden(self) -> "MlpBackbone":
        if not 1 <= len(self.hidden) <= 64 or not all(1 <= neurons <= 65_536 for neurons in self.hidden):
            raise ValueError(
                f"`hidden` should be neurons of 1 to 64 layers, 1 to 65536 each. Found {list(self.hidden)}"
            )
        return self


class Training(Settings):
    """The loop that all methods share."""

    epochs: int = Field(80, ge=1, le=10_000, description="passes of joint training over the data")
    batch_size: int = Field(16, ge=4, le=4096, description="images in an optimizer step")
    learning_rate: float = Field(1e-4, gt=0, le=1, description="of Adam")
    weight_decay: float = Field(5e-5, ge=0, le=1, description="of Adam")
    milestones: tuple[float, ...] = Field(
        (0.75, 0.875), description="shares of the epochs after which the learning rate drops tenfold"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: bfloat16 autocast where the device is fast at it"
    )
    workers: int = Field(0, ge=0, le=64, description="data loading processes; 0: none, right for data in memory")
    threads: int | None = Field(
        None, ge=1, le=1024, description="CPU threads; none: all cores. Numbers differ in the last digits with others"
    )
    samples: int = Field(4, ge=0, le=64, description="validation images whose predictions each phase saves")
    keep_checkpoints: Literal["last", "phases"] = Field(
        "last",
        description="training states kept: the last one; or also one at the start of every phase, for `fork` to go on "
        "from, each three times the size of the network (quick: 4 to 15 MB; paper: up to 1.3 GB)",
    )


Backbone = Annotated[SmallBackbone | PaperBackbone | MlpBackbone, Field(discriminator="name")]


class Config(Settings):
    """A whole run: same config and seed, same run (bit for bit on one CPU)."""

    method: Method = Field("mtsl", description="how the structure comes about")
    seed: int = Field(0, ge=0, lt=2**31, description="of weights, data and their order")
    data: DataParameters
    backbone: Backbone
    training: Training = Training()
    mtsl: Mtsl = Mtsl()
    retrain: Retrain = Retrain()
    random: Random = Random()
    selective: Selective = Selective()
    automtl: AutoMtl = AutoMtl()
    snr: Snr = Snr()
    mmoe: Mmoe = Mmoe()


Preset = Literal["quick", "paper"]


def preset(
    name: Preset = "quick", data: str = "rooms", method: str = "mtsl", seed: int = 0, overrides: Iterable[str] = ()
) -> Config:
    """The settings of a preset with `overrides` such as `training.epochs=4` (values are read as YAML).

    Raises `ConfigError` for an unknown preset or data set, and one that lists every wrong override.

    >>> preset("quick", "digits", overrides=["training.epochs=3"]).training.epochs
    3
    """
    if (name, data) not in PRESETS:
        known = ", ".join(f"{preset} on {of}" for preset, of in PRESETS)
        raise ConfigError(f"no preset `{name}` for data `{data}`; there are: {known}.")
    values: dict[str, JsonValue] = {**PRESETS[name, data], "method": method, "seed": seed}
    for override in overrides:
        values = _override(values, override)
    return parse_config(values)


def changed_config(config: Config, overrides: Iterable[str]) -> Config:
    """`config` with `overrides` such as `training.epochs=4`. Raises `ConfigError` that lists every wrong one."""
    values: dict[str, JsonValue] = config.model_dump(mode="json")
    for override in overrides:
        values = _override(values, override)
    return parse_config(values)


def differences(wanted: BaseModel, given: BaseModel, below: str = "") -> tuple[str, ...]:
    """The overrides `key=value` that lead from the settings `given` to `wanted`, one for each that differs.

    >>> differences(preset(overrides=["training.epochs=3", "mtsl.phases=2"]), preset())
    ('training.epochs=3', 'mtsl.phases=2')
    """
    found: list[str] = []
    for field in type(wanted).model_fields:
        key, new, old = f"{below}{field}", getattr(wanted, field), getattr(given, field)
        if new == old:
            continue
        if isinstance(new, BaseModel) and type(new) is type(old):
            found += differences(new, old, f"{key}.")
        else:
            found.append(f"{key}={_one_line(wanted.model_dump(mode='json', include={field})[field])}")
    return tuple(found)


def _one_line(value: JsonValue) -> str:
    """One line of YAML, as an override is read."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def parse_config(values: object) -> Config:
    """The config in plain values, as a run folder keeps them. Raises `ConfigError` that lists every problem."""
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        lines = [
            f"`{_key(problem['loc'])}`: {problem['msg']}. Found {problem['input']!r}."
            for problem in error.errors(include_url=False)
        ]
        raise ConfigError("settings that cannot be used:\n  " + "\n  ".join(lines)) from None


def _key(loc: tuple[int | str, ...]) -> str:
    """The dotted key a problem has in `--set`, without the tag that pydantic puts behind a choice of records."""
    chosen = loc[:1] + loc[2:] if loc and loc[0] in ("data", "backbone") else loc
    return ".".join(str(part) for part in chosen)


def _override(values: dict[str, JsonValue], override: str) -> dict[str, JsonValue]:
    """`values` with one dotted key set; the given records stay as they are."""
    key, equals, text = override.partition("=")
    if not equals:
        raise ConfigError(f"a setting should look like training.epochs=4. Found {override!r}.")
    head, _, rest = key.strip().partition(".")
    if rest:
        inner = values.get(head) or {}
        if not isinstance(inner, dict):
            raise ConfigError(f"`{head}` has no settings below it. Found {override!r}.")
        return {**values, head: _override(inner, f"{rest}={text}")}
    return {**values, head: yaml.safe_load(text)}
