"""What a method may do in the loop that all methods share: choose the start, add a loss, change the structure."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from core.config import Config
from core.schedule import Phase, planned
from core.structure import Node, Structure

if TYPE_CHECKING:
    from core.training import Trainer


class Method(ABC):
    """One way to a structure; made anew for every run from its config."""

    def __init__(self, config: Config) -> None:
        self.config = config

    @abstractmethod
    def start(self, tasks: Sequence[str], n_stages: int) -> Structure:
        """The structure that training begins with."""

    def plan(self, n_stages: int) -> tuple[Phase, ...]:
        """The phases of the run."""
        return planned(self.config, n_stages)

    def held_out(self) -> int:
        """How many training images, the last ones, this method keeps for itself."""
        return 0

    def watched(self, structure: Structure, epoch: int) -> Collection[Node]:
        """Nodes whose outputs `extra_loss` wants to see in this epoch."""
        return ()

    def extra_loss(self, features: Mapping[Node, Tensor], structure: Structure) -> Tensor | None:
        """A term beside the tasks' losses, from the outputs of the watched nodes; None: no such term."""
        return None

    def learn_structure(self, trainer: "Trainer", phase: Phase) -> None:
        """A whole structural-learning phase, resumable where `trainer.at` says."""
        raise AssertionError(f"{type(self).__name__} plans no structural phases")

    def state_dict(self) -> dict[str, object] | None:
        """What a checkpoint must hold of this method, in plain values and tensors."""
        return None

    def load_state_dict(self, state: dict[str, object], trainer: "Trainer") -> None:
        """Take over a saved state."""
        raise AssertionError(f"{type(self).__name__} saves no state")
