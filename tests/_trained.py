"""Small networks that are really trained, once a test session, and copied for each test that writes beside them."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path
from typing import Literal

import torch

from core.config import preset
from core.launch import build_fabric, start_run

_FOLDER = Path(tempfile.mkdtemp(prefix="mtsl-trained-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)

_SETTINGS = {
    "rooms": (
        "data.train=96",
        "data.val=24",
        "data.height=32",
        "data.width=32",
        "backbone.width=8",
        "backbone.encoder_stages=3",
        "backbone.decoder_stages=2",
        "training.epochs=8",
        "training.batch_size=16",
        "training.learning_rate=3e-3",
    ),
    "digits": (
        "data.train=1200",
        "data.val=60",
        "backbone.width=8",
        "backbone.encoder_stages=2",
        "training.epochs=8",
        "training.learning_rate=4e-3",
        "training.batch_size=32",
        "mtsl.structural_epochs=[3]",
        "mtsl.amalgamation_epochs=[1]",
        "mtsl.similarity_samples=32",
    ),
}


@functools.cache
def trained(data: Literal["rooms", "digits"], method: str = "one", seed: int = 0) -> Path:
    """A finished run, to be read only: rooms of 32x32 pixels, or digits. Takes a few seconds."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    config = preset("quick", data, method, seed, _SETTINGS[data])
    folder = _FOLDER / f"{method}-{data}-{seed}"
    assert start_run(config, folder, build_fabric(config, "cpu")) == "finished"
    torch.set_num_threads(threads)
    return folder


def copy_of(folder: Path, to: Path) -> Path:
    """A run to write beside, below `to`."""
    return Path(shutil.copytree(folder, to / folder.name))
