"""`mlp`: fully connected layers for tables, as 1x1 convolutions, so that a row is an image of one pixel."""

from dataclasses import dataclass, replace

from torch import Tensor, nn

from core.backbones.base import Backbone, DenseHead, ImageHead, Stage
from core.tasks import Task


@dataclass(frozen=True)
class Mlp(Backbone):
    """The backbone for rows of a table; build it with `core.backbones.mlp`."""

    image_channels: int = 3
    hidden: tuple[int, ...] = (128, 64)
    tower: int = 16

    name = "mlp"

    def __post_init__(self) -> None:
        problems = []
        if not self.hidden or min(self.hidden) < 1:
            problems.append(f"`hidden` should be neurons of at least one layer, 1 or more each. Found {self.hidden}.")
        for field in ("image_channels", "tower"):
            if getattr(self, field) < 1:
                problems.append(f"`{field}` should be at least 1. Found {getattr(self, field)}.")
        if problems:
            raise ValueError("backbone `mlp`: " + " ".join(problems))

    @property
    def stages(self) -> tuple[Stage, ...]:
        """One fully connected layer each."""
        return tuple(Stage(f"layer{k}", neurons) for k, neurons in enumerate(self.hidden, start=1))

    @property
    def head_stages(self) -> tuple[int, ...]:
        """The last layer."""
        return (len(self.hidden) - 1,)

    def build_stage(self, stage: int) -> nn.Module:
        """A new layer with ReLU, initialised for it (He et al. 2015)."""
        self.check_stage(stage)
        return Layer(self.hidden[stage - 1] if stage else self.image_channels, self.hidden[stage])

    def build_head(self, task: Task) -> nn.Module:
        """A hidden layer of `tower` units, then the answer (SNR, experiments); for a dense task one a pixel."""
        if task.dense:
            return DenseHead([self.hidden[-1]], self.tower, task, "softplus", kernel=1, bias=True)
        return ImageHead([self.hidden[-1]], task.outputs, self.tower)

    def narrowed(self, share: float) -> Backbone:
        """Every layer with `share` of its neurons; the towers stay."""
        return replace(self, hidden=tuple(max(1, round(neurons * share)) for neurons in self.hidden))


class Layer(nn.Module):
    """A fully connected layer on every pixel, and ReLU."""

    def __init__(self, below: int, neurons: int) -> None:
        super().__init__()
        self.linear = nn.Conv2d(below, neurons, 1)
        nn.init.kaiming_normal_(self.linear.weight, nonlinearity="relu")
        nn.init.zeros_(self.linear.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).relu_()  # type: ignore[no-any-return]
