"""What a structure costs on a backbone: parameters and MACs, without training anything (`python -m core inspect`)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import yaml

from core.backbones import Backbone, mlp, paper, small
from core.config import Preset
from core.config import preset as settings_of
from core.cost import measure_cost
from core.data.parameters import DIGIT_TASKS, FLIGHT_TASKS, ROOM_TASKS, FlightsParameters
from core.structure import Structure
from core.tasks import DEPTH, EDGES, NORMALS, RECONSTRUCTION, Task, segmentation

Dataset = Literal["cityscapes", "nyuv2", "rooms", "digits", "flights"]

# tasks, channels and size (height, width) of the images: the paper's, and the defaults of ours
_DATASETS: dict[Dataset, tuple[tuple[Task, ...], tuple[int, int, int]]] = {
    "cityscapes": ((segmentation(19), DEPTH, EDGES, NORMALS, RECONSTRUCTION), (3, 256, 512)),
    "nyuv2": ((segmentation(40), DEPTH, EDGES, NORMALS, RECONSTRUCTION), (3, 320, 448)),
    "rooms": (ROOM_TASKS, (3, 64, 64)),
    "digits": (DIGIT_TASKS, (1, 16, 24)),
    "flights": (FLIGHT_TASKS, (FlightsParameters().image_channels, 1, 1)),
}


def inspect_structure(
    backbone: Literal["paper", "small", "mlp"],
    dataset: Dataset,
    structure: Literal["one", "separate"] = "separate",
    branching: Path | None = None,
) -> dict[str, object]:
    """Parameters, MACs of one image (heads included) and groups of task names a stage, of `structure` or a file's.

    Raises `ValueError` that says which stem of the file is wrong and why.
    """
    tasks, image = _DATASETS[dataset]
    built = _backbone(backbone, image[0])
    names, n_stages = tuple(task.name for task in tasks), len(built.stages)
    if branching is not None:
        shape = _read_branching(branching, n_stages, names)
    else:
        shape = (Structure.shared if structure == "one" else Structure.separate)(names, n_stages)
    graph = measure_cost(built, shape, tasks, image[1:])
    groups = [[[names[task] for task in group] for group in partition] for partition in shape.stages]
    return {"parameters": graph.parameters, "macs": graph.macs, "stages": groups}


def inspect_run(
    preset: Preset, dataset: Dataset, method: str, overrides: Sequence[str], measure: bool
) -> dict[str, object]:
    """The same of the structure that a run starts with; with `measure` also its time and memory (`core.probe`).

    Raises `ConfigError` for settings that training would refuse.
    """
    from core.probe import run_cost  # what trains is not needed to look at a structure

    return dict(run_cost(settings_of(preset, dataset, method, overrides=overrides), measure))


def _backbone(name: Literal["paper", "small", "mlp"], channels: int) -> Backbone:
    if name == "paper":
        return paper(image_channels=channels)
    return small(image_channels=channels) if name == "small" else mlp(channels)


def _read_branching(path: Path, n_stages: int, names: tuple[str, ...]) -> Structure:
    try:
        mapping = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}).") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not valid YAML ({' '.join(str(error).split())}).") from None
    if not isinstance(mapping, dict):
        raise ValueError(f"{path}: expected a mapping with the key BRANCHING_INFO, found {type(mapping).__name__}.")
    try:
        return Structure.from_branching(mapping, n_stages, names)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
