"""Sample images, targets and predictions as small arrays for the run folder: what a figure shows, not what a net sees.

Every array is [n, ...]. Images and reconstructions are uint8 [n, H, W, C], class maps uint8 [n, H, W], depth float16
[n, H, W] in metres, edges uint8 [n, H, W] (probability times 255), normals int8 [n, H, W, 3] (components times 127),
class tasks int16 [n] as targets and float16 [n, classes] probabilities as predictions, values float32 [n] in their own
unit. Of a row of a table there is no image, but `features` float32 [n, C], standardised as the network reads them.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core import events
from core.data.base import Batch, DataSplits
from core.tasks import Task

if TYPE_CHECKING:
    from core.training import Trainer

Array = NDArray[np.generic]


def input_arrays(data: DataSplits, images: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Array]:
    """Arrays `image` or `features`, and one a task by its name (reconstruction left out: its target is the image)."""
    tabular = bool(data.features)
    found = {"features": images.flatten(1).float().cpu().numpy()} if tabular else {"image": _picture(data, images)}
    for task in data.tasks:
        target = targets[task.name].detach().cpu()
        if task.kind == "class":
            found[task.name] = target.numpy().astype(np.int16)
        elif task.kind == "value":
            found[task.name] = target[:, 0].numpy().astype(np.float32)
        elif task.kind == "edges":
            found[task.name] = (target[:, 0] * 255).to(torch.uint8).numpy()
        elif task.kind != "reconstruction":
            found[task.name] = _dense(task, target)
    return found


def prediction_arrays(data: DataSplits, predictions: Mapping[int, Tensor]) -> dict[str, Array]:
    """One array a task by its name, from the raw answers of the network by task index."""
    found: dict[str, Array] = {}
    for index, task in enumerate(data.tasks):
        answer = predictions[index].detach().float().cpu()
        if task.kind == "reconstruction":
            found[task.name] = _picture(data, answer)
        elif task.kind == "class":
            found[task.name] = answer.softmax(1).numpy().astype(np.float16)
        elif task.kind == "value":
            mean, std = data.scale(task.name)
            found[task.name] = (answer[:, 0] * std + mean).numpy().astype(np.float32)
        elif task.kind == "edges":
            found[task.name] = (answer[:, 0].sigmoid() * 255).round().to(torch.uint8).numpy()
        elif task.kind == "segmentation":
            found[task.name] = _dense(task, answer.argmax(1))
        elif task.kind == "normals":
            found[task.name] = _dense(task, torch.nn.functional.normalize(answer, dim=1))
        else:
            found[task.name] = _dense(task, answer)
    return found


def _dense(task: Task, values: Tensor) -> Array:
    if task.kind == "segmentation":
        return values.to(torch.uint8).numpy()  # [n, H, W]
    if task.kind == "depth":
        return values[:, 0].numpy().astype(np.float16)  # [n, H, W]
    return (values.permute(0, 2, 3, 1) * 127).round().to(torch.int8).numpy()  # normals [n, H, W, 3]


def _picture(data: DataSplits, images: Tensor) -> Array:
    shown = data.picture(images.detach().float().cpu())
    return (shown.permute(0, 2, 3, 1) * 255).round().to(torch.uint8).numpy()  # [n, H, W, C]


def save_inputs(trainer: "Trainer") -> None:
    """Keep the first validation images and their targets in the run folder, if its settings want any."""
    if batch := _first_images(trainer):
        _save(trainer, "inputs", input_arrays(trainer.data, *batch))


@torch.no_grad()
def save_predictions(trainer: "Trainer") -> None:
    """Keep what the network answers to these images now."""
    if batch := _first_images(trainer):
        trainer.net.eval()
        with trainer.fabric.autocast():
            predictions = trainer.net(batch[0]).predictions
        _save(trainer, "predictions", prediction_arrays(trainer.data, predictions))


def _first_images(trainer: "Trainer") -> Batch | None:
    count = min(trainer.config.training.samples, len(trainer.data.val))
    return next(iter(trainer.loaders.ordered(trainer.data.val, range(count)))) if count else None


def _save(trainer: "Trainer", holds: Literal["inputs", "predictions"], arrays: dict[str, Array]) -> None:
    file, count = f"{holds}-phase{trainer.at.phase:03d}.npz", len(next(iter(arrays.values())))
    trainer.writer.save_arrays(file, arrays)
    trainer.write(events.SamplesSaved, file=file, holds=holds, split="validation", samples=count)
