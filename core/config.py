"""Every setting of a run as frozen, validated records; presets; and `key=value` overrides (no torch).

Each field carries its meaning, its unit and its limits, and the command line and the Train page are built from them, so
that no default is written twice.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from core.data.parameters import DataParameters


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


class AutoMtl(Settings):
    """AutoMTL: every task shares, owns or skips each operation, as policies learn it; then training from scratch."""

    grain: Literal["stage", "convolution"] = Field("stage", description="what has a policy: stages, or convolutions")
    pretrain_epochs: int = Field(54, ge=0, le=10_000, description="epochs on the mean of all three branches, at first")
    policy_epochs: int = Field(108, ge=1, le=10_000, description="epochs in which policies are learned")
    policy_iterations: int = Field(100, ge=1, le=100_000, description="batches in a row that train the policies")
    network_iterations: int = Field(
        400, ge=1, le=100_000, description="batches in a row, of the other half of the data, that train the network"
    )
    policy_learning_rate: float = Field(0.01, gt=0, le=10, description="of the Adam that trains the policies")
    policy_weight_decay: float = Field(5e-4, ge=0, le=1, description="of the Adam that trains the policies")
    network_optimizer: Literal["sgd", "adam"] = Field(
        "sgd", description="what trains the network while policies are learned; sgd: with momentum 0.9"
    )
    network_learning_rate: float = Field(1e-3, gt=0, le=1, description="of the network while policies are learned")
    network_weight_decay: float = Field(1e-4, ge=0, le=1, description="of the network while policies are learned")
    temperature: float = Field(5.0, gt=0, le=1000, description="of the Gumbel-softmax at first; low: hard choices")
    temperature_factor: float = Field(0.965, gt=0, le=1, description="by which the temperature falls at a time")
    temperature_every: int = Field(101, ge=1, le=100_000, description="policy batches after which it falls")
    regulariser_weight: float = Field(5e-4, ge=0, le=100, description="of the pull towards sharing")
    regulariser_scale: float = Field(6.0, gt=0, le=100, description="how steep that pull is")
    choose: Literal["sampled", "likeliest"] = Field(
        "sampled", description="how policies become choices: drawn by their probabilities, as in the paper, or the best"
    )
    sample_seed: int | None = Field(None, ge=0, lt=2**31, description="of drawn choices; none: the run's seed")
    forced_shared: int = Field(
        0, ge=0, le=10_000, description="operations, from the image up, that all tasks share whatever policies say"
    )
    post_training: Literal["scratch", "continue"] = Field(
        "scratch", description="weights that training starts from once choices are made: new ones, or those of before"
    )
    steps: Literal["joint", "per-task"] = Field(
        "joint", description="optimizer steps a batch: one on all losses, or, as the authors' code does, one a task"
    )
    choices: tuple[tuple[Annotated[int, Field(ge=0, le=2)], ...], ...] | None = Field(
        None, description="choices of every task, 0 shared, 1 own, 2 skip, such as [[0, 1], [0, 2]]; none: learned"
    )


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


Method = Literal["mtsl", "one", "separate", "retrain", "random", "selective", "automtl"]
Backbone = Annotated[SmallBackbone | PaperBackbone, Field(discriminator="name")]


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


Preset = Literal["quick", "paper"]

# `quick`: the whole story on two cores in minutes. Reasons for what differs from the paper's settings:
# - 64x64 rooms and a network of width 16: an epoch of five such networks takes seconds.
# - learning rate 1e-3 and batch 32: the paper's 1e-4 fine-tunes ImageNet weights, here all weights are new.
# - 16 epochs, as many as it takes to leave one between all eight structural phases and a third of them for the end.
# - alignment 0.05 and threshold 0.93: with the paper's 0.2 every similarity exceeds 0.97 within two epochs and all
#   tasks fuse everywhere; with 0 almost nothing fuses. Between them the stem is shared by all, two groups part above
#   it, and the last stages stay private: tried on seeds 0, 1 and 2, and on 0.02 to 0.1 with thresholds 0.9 to 0.95.
# - one thread: with networks this small a second one saves a third of the time on an idle machine, but as soon as
#   anything else runs (the app, a second run) the two wait for each other and training takes ten times as long.
# - group nodes start as the mean of their task nodes: with one pass of amalgamation, new weights would not catch up.
# - AutoMTL: policies have 60 batches to learn from, in the paper 4,000. So they take turns every five batches, with 5
#   times the learning rate, ten times the pull to sharing, and a temperature that falls from 5 to 1.7 meanwhile. The
#   network goes on with Adam, as the paper's SGD at 1e-3 would hardly move it in as many.
_QUICK_AUTOMTL: dict[str, JsonValue] = {
    "pretrain_epochs": 3,
    "policy_epochs": 6,
    "policy_iterations": 5,
    "network_iterations": 5,
    "policy_learning_rate": 0.05,
    "network_optimizer": "adam",
    "temperature_every": 2,
    "regulariser_weight": 5e-3,
}
_QUICK_ROOMS: dict[str, JsonValue] = {
    "data": {"dataset": "rooms"},
    "backbone": {"name": "small"},
    "training": {"epochs": 16, "batch_size": 32, "learning_rate": 1e-3, "precision": "float32", "threads": 1},
    "mtsl": {
        "min_similarity": 0.93,
        "alignment_weight": 0.05,
        "similarity_samples": 128,
        "start": "average",
        "amalgamation_learning_rate": 1e-3,
    },
    "automtl": _QUICK_AUTOMTL,
}
# on digits: small images and no decoder, since answers are at image level; a lower threshold, as its tasks differ more
_QUICK_DIGITS: dict[str, JsonValue] = {
    "data": {"dataset": "digits"},
    "backbone": {"name": "small", "decoder_stages": 0, "encoder_stages": 3, "stem_stride": 1},
    "training": {"epochs": 10, "batch_size": 64, "learning_rate": 2e-3, "precision": "float32", "threads": 1},
    "mtsl": {
        "min_similarity": 0.85,
        "alignment_weight": 0.05,
        "similarity_samples": 256,
        "start": "average",
        "amalgamation_learning_rate": 1e-3,
    },
    "automtl": {**_QUICK_AUTOMTL, "pretrain_epochs": 2, "policy_epochs": 4},
}
# `paper`: the network and every setting of the MTSL paper; only the data set is ours, in the paper's number of images.
_PAPER: dict[str, JsonValue] = {"backbone": {"name": "paper"}}
_PAPER_ROOMS: dict[str, JsonValue] = {"dataset": "rooms", "train": 2975, "val": 500, "height": 128, "width": 128}

_PRESETS: dict[tuple[Preset, str], dict[str, JsonValue]] = {
    ("quick", "rooms"): _QUICK_ROOMS,
    ("quick", "digits"): _QUICK_DIGITS,
    ("paper", "rooms"): _PAPER | {"data": _PAPER_ROOMS},
    ("paper", "digits"): _PAPER | {"data": {"dataset": "digits", "train": 2975}},
}


def preset(
    name: Preset = "quick", data: str = "rooms", method: str = "mtsl", seed: int = 0, overrides: Iterable[str] = ()
) -> Config:
    """The settings of a preset with `overrides` such as `training.epochs=4` (values are read as YAML).

    Raises `ConfigError` for an unknown preset or data set, and one that lists every wrong override.

    >>> preset("quick", "digits", overrides=["training.epochs=3"]).training.epochs
    3
    """
    if (name, data) not in _PRESETS:
        known = ", ".join(f"{preset} on {of}" for preset, of in _PRESETS)
        raise ConfigError(f"no preset `{name}` for data `{data}`; there are: {known}.")
    values: dict[str, JsonValue] = {**_PRESETS[name, data], "method": method, "seed": seed}
    for override in overrides:
        values = _override(values, override)
    return parse_config(values)


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
