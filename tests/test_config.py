"""Settings: presets, overrides, and errors that list every problem."""

import pytest

from core.config import Config, ConfigError, parse_config, preset


@pytest.mark.parametrize("name", ["quick", "paper"])
@pytest.mark.parametrize("data", ["rooms", "digits", "flights"])
def test_presets_survive_the_run_folder(name: str, data: str) -> None:
    config = preset(name, data)  # type: ignore[arg-type]
    assert parse_config(config.model_dump(mode="json")) == config


def test_overrides_reach_every_record() -> None:
    config = preset(
        "quick",
        "rooms",
        seed=3,
        overrides=[
            "training.epochs=4",
            "mtsl.structural_epochs=[2, 3]",
            "data.scene.room_size=[4, 5]",
            "backbone.width=8",
            "mtsl.phases=null",
        ],
    )
    assert (config.seed, config.training.epochs, config.mtsl.structural_epochs) == (3, 4, (2, 3))
    assert config.data.model_dump()["scene"]["room_size"] == (4.0, 5.0)


def test_errors_list_every_problem() -> None:
    with pytest.raises(ConfigError, match=r"(?s)`training\.epochs`.*Found 0.*`mtsl\.min_similarity`.*Found 7"):
        preset(overrides=["training.epochs=0", "mtsl.min_similarity=7"])
    with pytest.raises(ConfigError, match=r"no preset `fast` for data `rooms`; there are: quick on rooms"):
        preset("fast")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"should look like training\.epochs=4\. Found 'training'"):
        preset(overrides=["training"])
    with pytest.raises(ConfigError, match=r"`training\.epoch`: Extra inputs are not permitted"):
        preset(overrides=["training.epoch=4"])
    with pytest.raises(ConfigError, match=r"`method` has no settings below it"):
        preset(overrides=["method.x=4"])
    with pytest.raises(ConfigError, match=r"`data\.train`: .*Found 0"):
        preset(overrides=["data.train=0"])
    with pytest.raises(ConfigError, match=r"one entry for each of the 2 `structural_epochs`"):
        preset(overrides=["mtsl.structural_epochs=[2, 3]", "mtsl.amalgamation_epochs=[1]"])


def test_configs_are_frozen() -> None:
    config = preset()
    with pytest.raises(ValueError, match=r"(?s)frozen"):
        config.seed = 1  # type: ignore[misc]
    assert isinstance(config, Config)
