"""The loss of each kind of task (MTSL, section on tasks; all weighted 1), a float32 scalar even under autocast.

Pixels without a truth do not count. A batch without a single valid pixel has loss 0 and a gradient of 0.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.nn import functional

from core.data.base import IGNORED, DataSplits
from core.tasks import Task

Loss = Callable[[Tensor, Tensor], Tensor]
"""(prediction [n, outputs, H, W] or [n, outputs], target as in `core.data.base.Split`, batched) -> scalar float32."""

BETA = 0.999
"""Of the effective number of samples (Cui et al. 2019), as in MTSL."""

POSITIVE_WEIGHT = 0.95
"""Weight of edge pixels in the balanced cross-entropy; the others weigh 0.05 (Maninis et al. 2019)."""

_SHORT = 1e-3  # predicted normals shorter than this are scaled up no further, so that gradients stay bounded


def build_losses(tasks: Iterable[Task], data: DataSplits, *, device: torch.device | str = "cpu") -> dict[str, Loss]:
    """The loss of each task by its name; class weights come from `data.class_counts` and lie on `device`.

    Raises `ValueError` for a segmentation task whose class counts are missing or of another length, and for a value
    task without a scale.
    """
    losses: dict[str, Loss] = {}
    for task in tasks:
        if task.kind == "segmentation":
            counts = data.class_counts.get(task.name, ())
            if len(counts) != task.outputs:
                raise ValueError(
                    f"`data.class_counts[{task.name!r}]` should hold {task.outputs} counts, one a class. "
                    f"Found {len(counts)}."
                )
            losses[task.name] = balanced_cross_entropy(class_weights(counts).to(device))
        elif task.kind == "value":
            losses[task.name] = standardised_error(*data.scale(task.name))
        else:
            losses[task.name] = _PLAIN[task.kind]
    return losses


def class_weights(counts: Iterable[int], beta: float = BETA) -> Tensor:
    """Weights [n_classes]: one over the effective number (1 - beta^n) / (1 - beta) of samples (Cui et al. 2019, eq. 2).

    A sample is an image: n is the number of training images that hold the class (of pixels there are too many: beta^n
    would be 0 and all weights equal). They are scaled to a mean of 1 over the classes that occur; the others weigh 0.

    >>> class_weights([1, 1000, 0], beta=0.9).tolist()
    [1.81..., 0.18..., 0.0]
    """
    n = torch.as_tensor(list(counts), dtype=torch.float64)
    occurs = n > 0
    weights = torch.where(occurs, (1 - beta) / (1 - beta ** n.clamp_min(1)), 0.0)
    return (weights * occurs.sum() / weights.sum().clamp_min(1e-12)).float()


def balanced_cross_entropy(weights: Tensor) -> Loss:
    """Cross-entropy of logits [n, classes, H, W] and labels [n, H, W]: mean over valid pixels, weighted by class."""

    def loss(prediction: Tensor, target: Tensor) -> Tensor:
        _check(prediction, target, (prediction.shape[0], *prediction.shape[2:]))
        total = functional.cross_entropy(
            prediction.float(), target, weight=weights, ignore_index=IGNORED, reduction="sum"
        )
        valid = target != IGNORED
        weight = (weights[torch.where(valid, target, 0)] * valid).sum()
        return total / weight.clamp_min(1e-12)

    return loss


def depth_rmse(prediction: Tensor, target: Tensor) -> Tensor:
    """Root of the mean squared error over pixels of known depth (> 0); [n, 1, H, W] each, in metres.

    >>> depth_rmse(torch.tensor([[[[1.0, 5.0]]]]), torch.tensor([[[[3.0, 0.0]]]])).item()
    2.0
    """
    _check(prediction, target, prediction.shape)
    valid = target > 0
    error = torch.where(valid, prediction.float() - target, 0.0)
    mean = error.square().sum() / valid.sum().clamp_min(1)
    wrong = mean > 0  # the slope of the root is infinite at 0
    return torch.where(wrong, torch.where(wrong, mean, 1.0).sqrt(), mean)


def balanced_binary_cross_entropy(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean over pixels of binary cross-entropy, edges weighted 0.95 and others 0.05; logits and {0, 1} [n, 1, H, W].

    >>> balanced_binary_cross_entropy(torch.zeros(1, 1, 1, 2), torch.tensor([[[[1.0, 0.0]]]])).item()
    0.346...
    """
    _check(prediction, target, prediction.shape)
    valid = target != IGNORED
    return edge_costs(prediction, target).sum() / valid.sum().clamp_min(1)


def edge_costs(prediction: Tensor, target: Tensor) -> Tensor:
    """The weighted binary cross-entropy of each pixel, 0 where ignored."""
    valid = target != IGNORED
    truth = torch.where(valid, target, 0.0).float()
    weight = torch.where(truth > 0.5, POSITIVE_WEIGHT, 1 - POSITIVE_WEIGHT) * valid
    return functional.binary_cross_entropy_with_logits(prediction.float(), truth, weight=weight, reduction="none")


def normals_l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of parts after normalising the prediction; [n, 3, H, W] each, all-0 targets are unknown.

    >>> normals_l1(torch.tensor([[[[2.0]], [[0.0]], [[0.0]]]]), torch.tensor([[[[0.0]], [[1.0]], [[0.0]]]])).item()
    0.666...
    """
    _check(prediction, target, prediction.shape)
    valid = (target != 0).any(dim=1, keepdim=True)  # [n, 1, H, W]
    unit = unit_vectors(prediction.float(), shortest=_SHORT)
    return ((unit - target).abs() * valid).sum() / (valid.sum() * prediction.shape[1]).clamp_min(1)


def unit_vectors(vectors: Tensor, shortest: float = 1e-12) -> Tensor:
    """Vectors [n, 3, H, W] over their length, or over `shortest` if that is more; gradients are finite at length 0.

    (`torch.nn.functional.normalize` does the same a hundred times slower where channels are not the last dimension.)

    >>> unit_vectors(torch.tensor([3.0, 0.0, 4.0]).view(1, 3, 1, 1)).flatten().tolist()
    [0.6..., 0.0, 0.8...]
    """
    squared = vectors.square().sum(dim=1, keepdim=True)
    return vectors / squared.clamp_min(shortest * shortest).sqrt()


def mean_squared_error(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of the normalised input, [n, C, H, W] each."""
    _check(prediction, target, prediction.shape)
    return functional.mse_loss(prediction.float(), target)


def standardised_error(mean: float, std: float) -> Loss:
    """Mean squared error of standardised values: predictions [n, 1] against targets [n, 1] less `mean` over `std`.

    >>> standardised_error(10.0, 4.0)(torch.tensor([[1.0]]), torch.tensor([[18.0]])).item()
    1.0
    """

    def loss(prediction: Tensor, target: Tensor) -> Tensor:
        _check(prediction, target, prediction.shape)
        return functional.mse_loss(prediction.float(), (target - mean) / std)

    return loss


def cross_entropy(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy of logits [n, classes] and labels [n]."""
    _check(prediction, target, prediction.shape[:1])
    return functional.cross_entropy(prediction.float(), target)


_PLAIN: dict[str, Loss] = {
    "depth": depth_rmse,
    "edges": balanced_binary_cross_entropy,
    "normals": normals_l1,
    "reconstruction": mean_squared_error,
    "class": cross_entropy,
}


def _check(prediction: Tensor, target: Tensor, expected: tuple[int, ...]) -> None:
    """`ValueError` unless the target has the shape that the prediction asks for (no silent broadcasting)."""
    if target.shape != expected:
        raise ValueError(
            f"`target` should be of shape {list(expected)} for a prediction of shape {list(prediction.shape)}. "
            f"Found {list(target.shape)}."
        )
