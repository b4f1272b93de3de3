"""The two reference models of the MTSL paper: One shares everything but the heads, Separate shares nothing."""

from collections.abc import Sequence

from core.methods.base import Method
from core.structure import Structure


class One(Method):
    """One shared network, with a head for each task."""

    def start(self, tasks: Sequence[str], n_stages: int) -> Structure:
        return Structure.shared(tasks, n_stages)


class Separate(Method):
    """A network for each task: the single-task models that other methods are measured against."""

    def start(self, tasks: Sequence[str], n_stages: int) -> Structure:
        return Structure.separate(tasks, n_stages)
