"""The form of a network of sub-networks: how many at each stage, where gates are, and how wide a sub-network is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from core.backbones import Backbone
from core.cost import stage_costs
from core.gates import HardConcrete
from core.tasks import Task

Width = Literal["equal", "split", "full"]
"""Of a sub-network: so that all have the weights of one shared network, one part in as many as there are, or full."""

Numbers = tuple[int, ...]
_GRAIN = 64  # widths are tried in steps of one part in so many


@dataclass(frozen=True)
class Layout:
    """The form of a `SubnetworkNet`: sub-networks a stage, where gates are, and of which kind.

    `counts` [S] sub-networks stand at each stage; the next stage reads the stages in `gated` through gates, else each
    sub-network reads its own predecessor (the only one where there is one). `law` is the distribution of hard-concrete
    gates, which begin at log alpha `start`; None: softmax gates over what stage `source` gives (None: the images), seen
    as `grid` x `grid` fields. `transform`: connections hold weights (SNR-Trans), for hard-concrete gates only.
    """

    counts: Numbers
    gated: Numbers
    law: HardConcrete | None = None
    start: float = 0.0
    transform: bool = False
    source: int | None = None
    grid: int = 1

    def own(self, stage: int, number: int) -> int:
        """The sub-network of a stage that belongs to one with this number at another stage."""
        return number if self.counts[stage] > 1 else 0

    def check(self, inner: Backbone) -> None:
        """Raise `ValueError`, saying what is wrong, if sub-networks of `inner` cannot be wired this way."""
        stages = inner.stages
        if len(self.counts) != len(stages) or min(self.counts) < 1:
            raise ValueError(f"`counts` should be {len(stages)} numbers of at least 1. Found {self.counts}.")
        most = max(self.counts)
        for stage, count in enumerate(self.counts):
            if count not in (1, most):
                raise ValueError(f"{inner.describe(stage)}: there should be 1 or {most} sub-networks. Found {count}.")
            skip = stages[stage].skip
            for below in (stage - 1, skip):
                if below is not None and below >= 0 and self.counts[below] > count and below not in self.gated:
                    raise ValueError(f"{inner.describe(stage)}: one sub-network cannot read {self.counts[below]}.")
        if any(not 0 <= stage < len(stages) - 1 for stage in self.gated):
            raise ValueError(f"`gated` should be stages below the last. Found {self.gated}.")
        if self.law is None and (self.transform or (self.source is not None and self.counts[self.source] != 1)):
            raise ValueError("softmax gates read one sub-network and go without transformations.")
        if self.law is None and len({self.counts[stage] for stage in inner.head_stages}) > 1:
            raise ValueError("softmax gates need as many sub-networks at every stage that heads read.")


class Wiring(NamedTuple):
    """Who is there and who reads whom: all of a layout, or what pruning leaves of it."""

    alive: tuple[Numbers, ...]
    """[S]: numbers of the sub-networks of each stage."""
    reads: tuple[tuple[Numbers, ...], ...]
    """[S]: for each of these, the sub-networks of the stage below that it reads; none at stage 0."""
    heads: tuple[tuple[Numbers, ...], ...]
    """[head stages]: for each task, the sub-networks of that stage that its head reads."""


def full_wiring(layout: Layout, inner: Backbone, n_tasks: int) -> Wiring:
    """Everything that a layout has."""
    alive = tuple(tuple(range(count)) for count in layout.counts)
    reads: list[tuple[Numbers, ...]] = [((),) * len(alive[0])]
    for stage in range(1, len(alive)):
        if stage - 1 in layout.gated:
            reads.append((alive[stage - 1],) * len(alive[stage]))
        else:
            reads.append(tuple((layout.own(stage - 1, number),) for number in alive[stage]))
    heads = tuple((alive[stage],) * n_tasks for stage in inner.head_stages)
    return Wiring(alive, tuple(reads), heads)


def count_weights(inner: Backbone, tasks: Sequence[Task], layout: Layout) -> int:
    """The weights of all sub-networks, connections and heads; hard-concrete gates are left out: serving needs none."""
    stages, heads = stage_costs(inner, tuple(tasks), (64, 64))  # weights do not depend on the images' size
    total = sum(count * stage.parameters for count, stage in zip(layout.counts, stages, strict=True))
    total += sum(head.parameters for head in heads)
    between = [(layout.counts[stage + 1], stage) for stage in layout.gated]
    to_heads = [(len(tasks), stage) for stage in inner.head_stages]
    if layout.transform:
        total += sum(
            readers * layout.counts[stage] * inner.stages[stage].neurons ** 2 for readers, stage in between + to_heads
        )
    if layout.law is None:
        channels = inner.image_channels if layout.source is None else inner.stages[layout.source].neurons
        gates = between + to_heads[:1]  # one set for all stages that heads read
        total += sum(readers * layout.counts[stage] * (channels * layout.grid**2 + 1) for readers, stage in gates)
    return total


def fitted(backbone: Backbone, tasks: Sequence[Task], layout: Layout, width: Width) -> Backbone:
    """The backbone of one sub-network: `backbone`, narrowed as `width` says.

    "equal" takes the width at which the whole network has the number of weights nearest to that of one shared network
    on `backbone` (SNR, experiments: all models of a comparison have one size); full width if even that has fewer.
    Raises `ValueError` for a backbone that comes in one width only, unless `width` is "full".

    >>> from core.backbones import mlp
    >>> layout = Layout(counts=(4, 4), gated=(0,), law=HardConcrete(), transform=True)
    >>> [fitted(mlp(10, hidden=(64, 32)), (), layout, width).stages[0].neurons for width in ("equal", "split", "full")]
    [11, 16, 64]
    """
    if width == "full":
        return backbone
    if width == "split":
        return backbone.narrowed(1 / max(layout.counts))
    goal = count_weights(backbone, tasks, Layout((1,) * len(layout.counts), (), HardConcrete()))
    low, high = 1, _GRAIN

    def weights(step: int) -> int:
        return count_weights(backbone.narrowed(step / _GRAIN), tasks, layout)

    while low < high:  # the first step that reaches the goal
        middle = (low + high) // 2
        low, high = (low, middle) if weights(middle) >= goal else (middle + 1, high)
    nearest = min((step for step in (low - 1, low) if step), key=lambda step: abs(weights(step) - goal))
    return backbone.narrowed(nearest / _GRAIN)
