"""Several processes, one run: gradients and statistics are averaged, decisions are the first process's.

The structure changes while training goes on, so gradients are averaged here, by hand, and not by a wrapper that would
have to be built anew around every structure. With a single process all of this does nothing.
"""

from typing import TypeVar, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

Value = TypeVar("Value", str, Tensor)


def average_gradients(fabric: Fabric, optimizer: torch.optim.Optimizer) -> None:
    """Replace every gradient that `optimizer` is about to use by its mean over all processes, in one exchange."""
    if fabric.world_size > 1:
        grads = [w.grad for group in optimizer.param_groups for w in group["params"] if w.grad is not None]
        flat = torch.cat([grad.reshape(-1) for grad in grads])
        flat = cast(Tensor, fabric.all_reduce(flat, reduce_op="mean"))
        for grad, part in zip(grads, torch.split(flat, [grad.numel() for grad in grads]), strict=True):
            grad.copy_(part.view_as(grad))


def average_statistics(fabric: Fabric, module: nn.Module) -> None:
    """Replace running statistics, which every process made from other images, by their mean over all processes."""
    if fabric.world_size > 1:
        for buffer in module.buffers():
            if buffer.is_floating_point():
                buffer.copy_(cast(Tensor, fabric.all_reduce(buffer, reduce_op="mean")))


def same_everywhere(fabric: Fabric, value: Value) -> Value:
    """The first process's `value`, so that all processes take the same decision."""
    return cast(Value, fabric.broadcast(value)) if fabric.world_size > 1 else value
