"""Targets and predictions of every kind of task, with and without pixels of unknown truth. All seeded."""

import torch
from torch import Tensor
from torch.nn import functional

from core.data.base import DataSplits, TensorData
from core.data.parameters import DIGIT_TASKS, FLIGHT_TASKS, ROOM_TASKS

TASKS = (*ROOM_TASKS, DIGIT_TASKS[0], FLIGHT_TASKS[0])


def toy_data(counts: tuple[int, ...] = (9, 9, 8, 7, 6, 5, 4, 0)) -> DataSplits:
    """A data set record with class counts, scales and nothing in it."""
    empty = TensorData(torch.zeros(1, 3, 1, 1), {})
    known = {"class_counts": {"segmentation": counts}, "scales": {"dep_delay": (12.0, 40.0)}}
    return DataSplits("toy", TASKS, empty, empty, (0.5,) * 3, (0.25,) * 3, **known)  # type: ignore[arg-type]


def targets_of(valid: bool = True, seed: int = 0) -> dict[str, Tensor]:
    """Random targets [4, ...] of all tasks; without a single valid pixel if asked for."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 7, (4, 6, 5), generator=generator)
    normals = functional.normalize(torch.randn(4, 3, 6, 5, generator=generator), dim=1)
    return {
        "segmentation": labels if valid else torch.full_like(labels, 255),
        "depth": (1 + torch.rand(4, 1, 6, 5, generator=generator)) * valid,
        "edges": (torch.rand(4, 1, 6, 5, generator=generator) > 0.8).float()
        if valid
        else torch.full((4, 1, 6, 5), 255.0),
        "normals": normals * valid,
        "reconstruction": torch.randn(4, 3, 6, 5, generator=generator),
        "left": torch.randint(0, 10, (4,), generator=generator),
        "dep_delay": 12 + 40 * torch.randn(4, 1, generator=generator),
    }


def prediction_for(name: str, dtype: torch.dtype = torch.float32) -> Tensor:
    """Random predictions of the right shape."""
    task = next(task for task in TASKS if task.name == name)
    shape = (4, task.outputs, 6, 5) if task.dense else (4, task.outputs)
    return torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(dtype).requires_grad_()


NAMES = [task.name for task in TASKS]
