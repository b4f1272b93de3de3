"""Every setting of a run as frozen, validated records; presets; and `key=value` overrides (no torch).

Each field carries its meaning, its unit and its limits, and the command line and the Train page are built from them, so
that no default is written twice.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from core.data.parameters import DataParameters
from core.presets import PRESETS


class Settings(BaseModel):
    """A frozen group of settings; unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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


class Mtsl(Settings):
    """Multi-Task Structural Learning: alignment, similarity, grouping, amalgamation and their schedule."""

    min_similarity: float = Field(0.8, ge=-1, le=1, description="threshold of similarity above which a group fuses")
    rule: Literal["best-partition", "best-pairs"] = Field("best-partition", description="how tasks are grouped")
    alignment_weight: float = Field(0.2, ge=0, le=100, description="weight of the loss that pulls task nodes together")
    alignment_until: float = Field(0.6, ge=0, le=1, description="share of the epochs during which alignment acts")
    similarity_from: Literal["held-out", "train", "validation"] = Field(
        "held-out", description="images that similarity is measured on; held-out: taken away from training"
    )
    similarity_samples: int = Field(800, ge=4, le=100_000, description="images that similarity is measured on")
    fuser: Literal["amalgamation", "average"] = Field(
        "amalgamation", description="the group node learns from its task nodes, or is their mean"
    )
    start: Literal["average", "copy", "fresh"] = Field(
        "fresh", description="first weights of a group node: mean of its task nodes, copy of the first, or new"
    )
    amalgamation_learning_rate: float = Field(1e-4, gt=0, le=1, description="of the Adam that trains group nodes")
    copy_moments: bool = Field(True, description="group nodes inherit the mean of their task nodes' Adam moments")
    structural_epochs: tuple[int, ...] | None = Field(
        None, description="epochs right before which the structure is learned, from 1; none: the paper's, scaled"
    )
    amalgamation_epochs: tuple[int, ...] | None = Field(
        None, description="epochs of amalgamation of each structural phase; none: the paper's, scaled"
    )
    phases: int | None = Field(
        None, ge=1, le=100, description="number of structural phases when scaled; none: one a stage"
    )

    @model_validator(mode="after")
    def _check_lists(self) -> "Mtsl":
        epochs, amalgamation = self.structural_epochs, self.amalgamation_epochs
        if epochs is not None and (not epochs or list(epochs) != sorted(set(epochs)) or epochs[0] < 1):
            raise ValueError(f"`structural_epochs` should be rising numbers from 1. Found {list(epochs)}.")
        if amalgamation is not None and (not amalgamation or min(amalgamation) < 1):
            raise ValueError(f"`amalgamation_epochs` should be numbers of at least 1. Found {list(amalgamation)}.")
        if epochs and amalgamation and len(epochs) != len(amalgamation):
            raise ValueError(
                f"`amalgamation_epochs` should have one entry for each of the {len(epochs)} `structural_epochs`. "
                f"Found {len(amalgamation)}."
            )
        return self


class Selective(Settings):
    """Selective Task Group Updates: tasks are grouped by how one's step changes another's loss, and step in turn."""

    decay: float = Field(1e-3, gt=0, le=1, description="weight of the newest affinity in its running mean")
    single_iterations: int = Field(
        100, ge=0, le=1_000_000, description="batches during which every task steps alone, to get to know affinities"
    )
    attribution: Literal["stepped", "official"] = Field(
        "stepped",
        description="whose row an effect is written to: the group that stepped, or, as the authors' code does, the "
        "group that steps next",
    )
    group_loss: Literal["sum", "mean"] = Field("sum", description="of the losses of a group, for its step")
    head_factor: float | None = Field(
        None, gt=0, le=1000, description="learning rate of the heads over that of the rest; none: the number of tasks"
    )
    structure: Literal["one", "separate"] = Field("one", description="what is shared: all but the heads, or nothing")


class Retrain(Settings):
    """A structure that was found before, trained from scratch."""

    partitions: tuple[tuple[tuple[int, ...], ...], ...] | None = Field(
        None, description="who shares which stage: for every stage the groups of task numbers, such as [[0, 1], [2]]"
    )


class Random(Settings):
    """A random structure of a given size, as a control."""

    parameters: int | None = Field(
        None, ge=1, description="weights that the network should have, heads included; the nearest tree is taken"
    )


class Snr(Settings):
    """Sub-Network Routing: parallel sub-networks, and gates that learn which of them a task uses."""

    subnetworks: int = Field(4, ge=2, le=64, description="parallel sub-networks of every stage")
    width: Literal["equal", "split", "full"] = Field(
        "equal",
        description="neurons of a sub-network; equal: as many as give the whole network the weights of one shared "
        "network, split: those of a stage over the number of sub-networks, full: those of a stage",
    )
    penalty: float = Field(1e-4, ge=0, le=100, description="weight of the number of open gates in the loss (lambda)")
    beta: float = Field(2 / 3, gt=0, le=10, description="temperature of the gates; near 0 they are 0 or 1")
    gamma: float = Field(-0.1, ge=-10, lt=0, description="lower end of the stretch that lets gates be exactly 0")
    zeta: float = Field(1.1, gt=1, le=10, description="upper end of the stretch that lets gates be exactly 1")
    start: float = Field(
        1.0, ge=-10, le=10, description="log alpha of every gate at the start; gates are half open at 0"
    )
    gate_factor: float = Field(
        1.0, gt=0, le=10_000, description="learning rate of the gates over that of all other weights"
    )


class Mmoe(Settings):
    """Mixtures of experts, one level or two: every task weighs the experts anew for every example."""

    experts: int = Field(8, ge=2, le=64, description="parallel sub-networks above the shared stages")
    expert_stages: int = Field(
        1, ge=1, le=8, description="encoder stages of an expert, the last ones; its decoder is its own too"
    )
    width: Literal["equal", "split", "full"] = Field(
        "equal",
        description="neurons of every stage; equal: as many as give the whole network the weights of one shared "
        "network, split: those of a stage over the number of experts, full: those of a stage",
    )
    grid: int = Field(
        4, ge=1, le=32, description="gates see what they read averaged over so many by so many fields of an image"
    )


Method = Literal[
    "mtsl", "one", "separate", "retrain", "random", "selective", "snr-trans", "snr-aver", "mmoe", "ml-mmoe"
]
Backbone = Annotated[SmallBackbone | PaperBackbone | MlpBackbone, Field(discriminator="name")]

METHOD_SETTINGS: dict[str, str] = {
    "mtsl": "mtsl",
    "retrain": "retrain",
    "random": "random",
    "selective": "selective",
    "snr-trans": "snr",
    "snr-aver": "snr",
    "mmoe": "mmoe",
    "ml-mmoe": "mmoe",
}
"""Method -> the field of `Config` that holds its own settings; One and Separate have none."""


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
