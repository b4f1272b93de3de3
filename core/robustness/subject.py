"""What is measured: the network of a run with its weights, and as many of its validation images as are asked for."""

from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from core.config import Config
from core.data.base import DataSplits, Progress, TensorData
from core.data.load import load_data
from core.data.parameters import RoomsParameters
from core.launch import METHODS, build_backbone
from core.loaders import Loaders
from core.robustness.evaluation import Evaluator
from core.robustness.records import Family
from core.runs import RunError
from core.weights import Weights

_SMALLEST = 4  # pixels; what is smaller is no image, but a row of a table


class Subject:
    """A network ready to be measured. Raises `RunError` if the run's data hold no images."""

    def __init__(
        self,
        folder: Path,
        config: Config,
        weights: Weights,
        fabric: Fabric,
        samples: int,
        seed: int,
        progress: Progress | None = None,
    ) -> None:
        self.config, self.fabric = config, fabric
        # a longer split begins with the items of a shorter one, so the first are those that training evaluated on
        wanted = config.data.model_copy(update={"val": max(samples, config.data.val)})
        self.data = load_data(wanted, progress=progress)
        if min(self.data.val[0][0].shape[-2:]) < _SMALLEST:
            raise RunError(f"{folder}: robustness is measured on images, and {self.data.name} holds none.")
        net = METHODS[config.method](config).rebuild(build_backbone(config), self.data.tasks, weights.form)
        net.load_state_dict(dict(weights.net))
        self.loaders = Loaders(config.training.batch_size, 0, fabric.device)
        self.evaluator = Evaluator(net, self.data, fabric, self.loaders, seed)

    def clean(self, samples: int) -> TensorData:
        """The first validation images as they are."""
        images, targets = self.data.val.__getitems__(range(samples))  # type: ignore[attr-defined]
        return TensorData(images, targets)


def stored_images(data: DataSplits, normalised: Tensor) -> np.ndarray:
    """Normalised images as 8-bit pictures [n, H, W, C], as corruptions take them."""
    return (data.picture(normalised) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def rooms_of(config: Config) -> RoomsParameters | None:
    """The parameters of the scenes, where there are any."""
    return config.data if isinstance(config.data, RoomsParameters) else None


def kind_of(family: Family, config: Config) -> str:
    """How the images of a family are made, as `core.robustness.workers` calls it."""
    if family == "corruption":
        return "corruption"
    return "image shift" if rooms_of(config) is None else "scene shift"
