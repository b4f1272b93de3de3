"""Sub-Network Routing: which sub-networks a task uses is learned, connection by connection, and pruned in the end.

Ma et al., "SNR: Sub-Network Routing for Flexible Parameter Sharing in Multi-Task Learning", AAAI 2019. Every stage of
the backbone is split into parallel sub-networks. On every connection between those of consecutive stages, and from them
to the tasks' heads, there is a hard-concrete gate, trained with the weights on noise that is drawn once a mini-batch;
open gates cost a penalty. SNR-Trans transforms what a connection carries, SNR-Aver adds it up. Without noise many gates
are exactly 0; the network that serves goes without them.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from core.backbones import Backbone
from core.config import Config
from core.gates import HardConcrete
from core.layout import Layout, Width
from core.methods.routed import Routed
from core.network import TaskNet
from core.optimizer import FusedAdam
from core.subnetworks import SubnetworkNet

if TYPE_CHECKING:
    from core.training import Trainer

Open = dict[str, list[list[bool]]]


class Snr(Routed):
    """SNR-Trans and SNR-Aver with the settings of `config.snr`."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.open: Open | None = None
        """Which serving gates were open when the structure was last written; None: those at the start."""

    @property
    def width(self) -> Width:
        """That of the settings."""
        return self.config.snr.width

    def layout(self, backbone: Backbone) -> Layout:
        """So many sub-networks at every stage, and gates between all of them."""
        settings, stages = self.config.snr, len(backbone.stages)
        return Layout(
            counts=(settings.subnetworks,) * stages,
            gated=tuple(range(stages - 1)),
            law=HardConcrete(settings.beta, settings.gamma, settings.zeta),
            start=settings.start,
            transform=self.config.method == "snr-trans",
        )

    def optimizer(self, net: TaskNet) -> torch.optim.Optimizer:
        """Adam, in which the gates have a rate of their own and no weight decay: that would half-open them all."""
        assert isinstance(net, SubnetworkNet)
        training, factor = self.config.training, self.config.snr.gate_factor
        gates = net.log_alphas()
        known = {id(weight) for weight in gates}
        rest = [weight for weight in net.parameters() if id(weight) not in known]
        optimizer = FusedAdam(rest, training.learning_rate, training.weight_decay)
        rate = training.learning_rate * factor
        optimizer.add_param_group({"params": gates, "lr": rate, "factor": factor, "weight_decay": 0.0})
        return optimizer

    def train_batch(self, trainer: "Trainer", images: Tensor, targets: dict[str, Tensor]) -> None:
        """One joint step under one draw of noise for all gates, with the penalty on open gates in the loss."""
        net = trainer.net
        assert isinstance(net, SubnetworkNet)
        net.draw(self.config.seed, trainer.at.step)  # the same in every process: one sample a mini-batch
        trainer.joint_step(images, targets, self.config.snr.penalty * net.penalty())

    def gates(self, trainer: "Trainer", net: SubnetworkNet) -> Mapping[str, Tensor]:
        """The serving gates as they are now."""
        return net.serving_gates()

    def after_epoch(self, trainer: "Trainer") -> None:
        """Write all gates, and the structure if other gates are open than before, or training ends."""
        super().after_epoch(trainer)
        net = trainer.net
        assert isinstance(net, SubnetworkNet)
        found: Open = {key: (gates > 0).tolist() for key, gates in net.serving_gates().items()}
        at_start = bool(net.layout.law and net.layout.law.serving(torch.tensor(net.layout.start)) > 0)
        before = self.open or {key: [[at_start] * len(row) for row in rows] for key, rows in found.items()}
        if found != before or trainer.at.epoch == self.config.training.epochs:
            trainer.write_structure()
        self.open = found

    def state_dict(self) -> dict[str, object] | None:
        """Which gates were open."""
        return {"open": self.open}

    def load_state_dict(self, state: dict[str, object], trainer: "Trainer") -> None:
        """Take over a saved state."""
        self.open = cast("Open | None", state["open"])
