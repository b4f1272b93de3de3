"""Mixtures of experts, the baselines of Sub-Network Routing: tasks weigh parallel sub-networks example by example.

MMoE (Ma et al., KDD 2018): the first stages are shared; above them stand experts, each with the last stages of the
encoder and a decoder of its own, side by side. Every task has a gate, the softmax of a linear function of what the
experts read; its head reads the sum of all experts' outputs weighted by it, the same weights at every stage that heads
read. Multi-level MMoE (Ma et al., AAAI 2019, baselines) has two such levels: each expert of the upper one has a gate
over those of the lower one, and all gates read the images.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from torch import Tensor

from core.backbones import Backbone
from core.config import Config, ConfigError
from core.layout import Layout, Width
from core.methods.routed import Routed
from core.network import TaskNet
from core.sharing import SharingGraph
from core.structure import Partition
from core.subnetwork_graph import subnetwork_graph
from core.subnetworks import SubnetworkNet

if TYPE_CHECKING:
    from core.training import Trainer


class Mmoe(Routed):
    """MMoE and multi-level MMoE with the settings of `config.mmoe`."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.sums: dict[str, Tensor] = {}
        """Of every gate over the batches of the epoch under way [R, L], float64 on the CPU."""
        self.batches = 0
        self.means: dict[str, Tensor] = {}

    @property
    def width(self) -> Width:
        """That of the settings."""
        return self.config.mmoe.width

    def layout(self, backbone: Backbone) -> Layout:
        """Shared stages, and one or two levels of experts above them."""
        settings, stages = self.config.mmoe, backbone.stages
        encoder = max(index for index, stage in enumerate(stages) if stage.skip is None) + 1
        upper = encoder - settings.expert_stages  # where the experts that heads read begin
        levels = 2 if self.config.method == "ml-mmoe" else 1
        first = encoder - levels * settings.expert_stages
        if first < 0:
            raise ConfigError(
                f"`mmoe.expert_stages`: {levels} level{'s' if levels > 1 else ''} of {settings.expert_stages} need "
                f"{levels * settings.expert_stages} encoder stages, but `{backbone.name}` has {encoder}."
            )
        counts = tuple(1 if stage < first else settings.experts for stage in range(len(stages)))
        if levels == 2:
            return Layout(counts, gated=(upper - 1,), grid=settings.grid)
        return Layout(counts, gated=(), source=upper - 1 if upper else None, grid=settings.grid)

    def train_batch(self, trainer: "Trainer", images: Tensor, targets: dict[str, Tensor]) -> None:
        """One joint step; the gates' values count into the mean of the epoch."""
        trainer.joint_step(images, targets)
        net = trainer.net
        assert isinstance(net, SubnetworkNet)
        for key, gates in net.seen.items():
            now = gates.double().cpu()
            self.sums[key] = self.sums[key] + now if key in self.sums else now
        self.batches += 1

    def gates(self, trainer: "Trainer", net: SubnetworkNet) -> Mapping[str, Tensor]:
        """The mean over the training images of this epoch."""
        return self.means

    def drawn(self, net: TaskNet, size: tuple[int, int]) -> tuple[SharingGraph, tuple[Partition, ...] | None]:
        """All sub-networks, which all serve: edges weigh what gates were in the mean of the last epoch."""
        assert isinstance(net, SubnetworkNet)
        return subnetwork_graph(net, size, self.means), None

    def after_epoch(self, trainer: "Trainer") -> None:
        """Write the mean gates of the epoch, and at the end of training the structure with them."""
        means = {key: total / self.batches for key, total in self.sums.items()}
        if trainer.fabric.world_size > 1:
            reduced = {key: trainer.fabric.all_reduce(mean, reduce_op="mean") for key, mean in means.items()}
            means = {key: cast(Tensor, mean).cpu() for key, mean in reduced.items()}
        self.means, self.sums, self.batches = means, {}, 0
        super().after_epoch(trainer)
        if trainer.at.epoch == self.config.training.epochs:
            trainer.write_structure()

    def state_dict(self) -> dict[str, object] | None:
        """The sums of the epoch under way."""
        return {"sums": dict(self.sums), "batches": self.batches}

    def load_state_dict(self, state: dict[str, object], trainer: "Trainer") -> None:
        """Take over a saved state."""
        self.sums, self.batches = dict(cast(dict[str, Tensor], state["sums"])), cast(int, state["batches"])
