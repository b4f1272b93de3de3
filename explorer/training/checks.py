"""Whether a config can be trained, as far as that is known before a process starts and without torch."""

from importlib.util import find_spec

from core.config import Config, ConfigError, MlpBackbone, SmallBackbone
from core.data.parameters import FLIGHTS_PACKAGE
from core.schedule import planned

_PAPER_STAGES = 10


def check_config(config: Config) -> None:
    """Raises `ConfigError` that lists why training would refuse this config at once: its schedule, its data.

    >>> from core.config import preset
    >>> check_config(preset("quick", "digits"))
    >>> check_config(preset("quick", "digits", overrides=["mtsl.similarity_samples=1990"]))
    Traceback (most recent call last):
    core.config.ConfigError: 2,000 training images less 1,990 for similarity leave 10, less than a batch of 64.
    """
    problems = []
    try:
        planned(config, n_stages(config))
    except ConfigError as error:
        problems.append(str(error))
    if config.data.dataset == "flights" and find_spec(FLIGHTS_PACKAGE) is None:
        problems.append(f"The data set `flights` needs one more package: pip install {FLIGHTS_PACKAGE}")
    held_out = config.mtsl.similarity_samples if _holds_out(config) else 0
    left = config.data.train - held_out
    if left < config.training.batch_size:
        less = f" less {held_out:,} for similarity leave {left:,}," if held_out else " are"
        problems.append(
            f"{config.data.train:,} training images{less} less than a batch of {config.training.batch_size}."
        )
    halves = 2 * config.training.batch_size  # policies learn on one half of the images, the network on the other
    if config.method == "automtl" and config.automtl.choices is None and left < halves:
        problems.append(f"{left:,} training images are less than {halves:,}, a batch for each half of policy training.")
    if config.method == "retrain" and config.retrain.partitions is None:
        problems.append("`retrain.partitions`: expected who shares which stage, found none.")
    if config.method == "random" and config.random.parameters is None:
        problems.append("`random.parameters`: expected the number of weights, found none.")
    if problems:
        raise ConfigError("\n".join(problems))


def n_stages(config: Config) -> int:
    """Stages of the backbone that a config asks for."""
    backbone = config.backbone
    if isinstance(backbone, SmallBackbone):
        return 1 + backbone.encoder_stages + backbone.decoder_stages
    if isinstance(backbone, MlpBackbone):
        return len(backbone.hidden)
    return _PAPER_STAGES


def _holds_out(config: Config) -> bool:
    return config.method == "mtsl" and config.mtsl.similarity_from == "held-out"
