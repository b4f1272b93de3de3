"""The Adam that trains networks: fused, whatever the memory layout of the weights."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

_CHANNELS_LAST = (0, 2, 3, 1)  # the order of dimensions in which such a tensor is contiguous
_INVERSE = (0, 3, 1, 2)


class FusedAdam(torch.optim.Adam):
    """torch's Adam, fused, also for channels-last weights: same settings, same state, same numbers as the plain one.

    On a CPU torch 2.14's kernel walks over weights, gradients and moments in memory order and takes for granted that
    all lie alike. That goes wrong without a word when moments come from a checkpoint of another layout; and it copies
    every channels-last gradient for nothing. Here the kernel gets contiguous views in the order in which the weights
    lie, and moments that lie otherwise are laid out anew. Weights and state change in place.

    >>> weights = torch.nn.Parameter(torch.ones(2, 3, 3, 3).to(memory_format=torch.channels_last))
    >>> weights.grad = torch.ones_like(weights)
    >>> FusedAdam([weights], lr=0.25).step()
    >>> weights.unique()
    tensor([0.7500], grad_fn=<Unique2Backward0>)
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float = 1e-3, weight_decay: float = 0.0) -> None:
        super().__init__(parameters, lr=lr, weight_decay=weight_decay, fused=True)

    # torch gathers here, per group, the tensors its kernel works on; lists of arguments, as they are filled in place
    def _init_group(self, group: dict[str, Any], *lists: list[Tensor]) -> bool:
        has_complex: bool = super()._init_group(group, *lists)  # type: ignore[no-untyped-call]
        weights, gradients, *moments = lists[:4]
        for index, parameter in enumerate(weights):
            turned = parameter.ndim == 4 and not parameter.is_contiguous()
            if turned:
                weights[index] = parameter.permute(_CHANNELS_LAST)
                if not weights[index].is_contiguous():
                    raise ValueError(
                        f"`parameters` should be contiguous or channels-last. Found strides {parameter.stride()}."
                    )
            gradients[index] = _contiguous(gradients[index], turned)
            for name, moment in zip(("exp_avg", "exp_avg_sq"), moments, strict=True):
                view = _contiguous(moment[index], turned)
                if view.data_ptr() != moment[index].data_ptr():  # it lay otherwise; from here on as the weights do
                    self.state[parameter][name] = view.permute(_INVERSE) if turned else view
                moment[index] = view
        return has_complex


def _contiguous(tensor: Tensor, turned: bool) -> Tensor:
    """`tensor` in the order of its weights: a view where it lies that way, else a copy."""
    return (tensor.permute(_CHANNELS_LAST) if turned else tensor).contiguous()
