"""What methods on parallel sub-networks have in common: their network, its graph, and their gates as events."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from core import events
from core.backbones import Backbone
from core.config import METHOD_SETTINGS, ConfigError
from core.layout import Layout, Width, fitted
from core.methods.base import Method
from core.network import TaskNet
from core.sharing import SharingGraph
from core.structure import Partition, Structure
from core.subnetwork_graph import subnetwork_graph
from core.subnetworks import SubnetworkNet
from core.tasks import Task

if TYPE_CHECKING:
    from core.training import Trainer


class Routed(Method):
    """A method on a `SubnetworkNet`."""

    @abstractmethod
    def layout(self, backbone: Backbone) -> Layout:
        """The sub-networks and gates on this backbone. Raises `ConfigError` if it has too few stages."""

    @property
    @abstractmethod
    def width(self) -> Width:
        """How wide a sub-network is."""

    @abstractmethod
    def gates(self, trainer: "Trainer", net: SubnetworkNet) -> Mapping[str, Tensor]:
        """The gates [R, L] of this epoch by connections, on the CPU, as an event and the graph shall show them."""

    def start(self, tasks: Sequence[str], n_stages: int) -> Structure:
        """One shared network: all gates are open at the start."""
        return Structure.shared(tasks, n_stages)

    def check(self, backbone: Backbone, tasks: Sequence[Task]) -> None:
        """Raise `ConfigError` for too few stages, or a backbone that cannot be narrowed where it should be."""
        super().check(backbone, tasks)
        self._network(backbone, tasks)

    def _network(self, backbone: Backbone, tasks: Sequence[Task]) -> tuple[Backbone, Layout]:
        """The backbone of one sub-network, and the layout."""
        layout = self.layout(backbone)
        try:
            return fitted(backbone, tasks, layout, self.width), layout
        except ValueError as error:
            settings = METHOD_SETTINGS[self.config.method]
            raise ConfigError(f"`{settings}.width`: {error} Use {settings}.width=full.") from None

    def build(self, backbone: Backbone, tasks: Sequence[Task], load_pretrained: bool = True) -> TaskNet:
        """The network that training begins with, on the CPU."""
        inner, layout = self._network(backbone, tasks)
        return SubnetworkNet(backbone, inner, tasks, layout, self.config.seed, load_pretrained)

    def describe(self, net: TaskNet) -> object:
        """Nothing: settings and backbone say it all, as nothing is pruned before training ends."""
        return None

    def rebuild(self, backbone: Backbone, tasks: Sequence[Task], description: object) -> TaskNet:
        """The same network without its weights."""
        return self.build(backbone, tasks, load_pretrained=False)

    def drawn(self, net: TaskNet, size: tuple[int, int]) -> tuple[SharingGraph, tuple[Partition, ...] | None]:
        """The graph of `net` as it would serve now: pruned, with what that costs; it is no tree."""
        assert isinstance(net, SubnetworkNet)
        return subnetwork_graph(net, size), None

    def after_epoch(self, trainer: "Trainer") -> None:
        """Write all gates."""
        net = trainer.net
        assert isinstance(net, SubnetworkNet)
        found = self.gates(trainer, net)
        for stage in net.layout.gated:
            self._write(trainer, found[net.gates_of(f"stage{stage}")], stage, "stage")
        for stage in net.inner.head_stages:
            self._write(trainer, found[net.gates_of(f"heads{stage}")], stage, "heads")

    def _write(self, trainer: "Trainer", gates: Tensor, stage: int, readers: str) -> None:
        rows = tuple(tuple(round(value, 6) for value in row) for row in gates.tolist())
        trainer.write(events.GatesUpdated, stage=stage, readers=readers, gates=rows)
