"""A network of parallel sub-networks at every stage, with gated connections between levels and from there to the heads.

Any `Backbone` is taken apart stage by stage: at each there are one or more sub-networks of its form, usually narrower
ones. What a sub-network reads from the stage below comes through gates from all of them, or from its own predecessor;
a skip comes from its own sub-network of the earlier stage. Every task's head reads every stage that heads read through
gates. With hard-concrete gates this is Sub-Network Routing; shared stages with experts on top are mixtures of experts.
"""

from collections.abc import Collection, Sequence
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn

from core.backbones import Backbone
from core.layout import Layout, Numbers, Wiring, full_wiring
from core.network import Outputs, TaskNet, new_stage, seeded
from core.routing import ConcreteGates, Connections, FixedGates, SoftmaxGates, gated_weight, transformation
from core.structure import Node
from core.tasks import Task


class SubnetworkNet(TaskNet):
    """Sub-networks of `inner`, the backbone of one of them, wired by `layout`.

    Weights depend on the seed and on names of stages and tasks alone. In training mode with hard-concrete gates, call
    `draw` before every batch. Raises `ValueError` if layout and backbone do not fit together.
    """

    def __init__(
        self,
        backbone: Backbone,
        inner: Backbone,
        tasks: Sequence[Task],
        layout: Layout,
        seed: int = 0,
        load_pretrained: bool = True,
    ) -> None:
        super().__init__()
        inner.check()
        layout.check(inner)
        self.backbone, self.inner, self.tasks, self.layout = backbone, inner, tuple(tasks), layout
        self.wiring = full_wiring(layout, inner, len(self.tasks))
        self.seen: dict[str, Tensor] = {}
        """Mean over the examples of each softmax gate [R, L], of the last batch in training mode."""
        names = [stage.name for stage in inner.stages]
        pretrained = inner.pretrained() if load_pretrained else {}
        self.subnetworks = nn.ModuleDict(
            {
                _key(stage, number): new_stage(inner, stage, seed, f"{names[stage]} {number}", pretrained)
                for stage, numbers in enumerate(self.wiring.alive)
                for number in numbers
            }
        )
        self.heads = nn.ModuleList(seeded(partial(inner.build_head, task), seed, task.name) for task in self.tasks)
        self.gates, self.connections = nn.ModuleDict(), nn.ModuleDict()
        for stage in layout.gated:
            readers = [f"{names[stage + 1]} {number}" for number in self.wiring.alive[stage + 1]]
            self._connect(f"stage{stage}", stage, self.wiring.reads[stage + 1], readers, [names[stage + 1]], seed)
        for stage, reads in zip(inner.head_stages, self.wiring.heads, strict=True):
            readers = [f"{names[stage]} {task.name}" for task in self.tasks]
            self._connect(f"heads{stage}", stage, reads, readers, readers, seed)

    def _connect(
        self, key: str, stage: int, reads: tuple[Numbers, ...], readers: list[str], streams: list[str], seed: int
    ) -> None:
        layout, neurons = self.layout, self.inner.stages[stage].neurons
        self.connections[key] = Connections(reads, neurons, readers if layout.transform else None, seed)
        lowers, gates = layout.counts[stage], self.gates_of(key)
        if layout.law is not None:
            self.gates[gates] = ConcreteGates(streams, len(reads), lowers, layout.law, layout.start)
        elif gates not in self.gates:
            source = layout.source
            channels = self.inner.image_channels if source is None else self.inner.stages[source].neurons
            self.gates[gates] = SoftmaxGates(len(reads), lowers, channels, layout.grid)

    def gates_of(self, key: str) -> str:
        """The key of the gates of these connections: a mixture of experts has one set for all stages heads read."""
        return "heads" if key.startswith("heads") and self.layout.law is None else key

    # ---- forward ----------------------------------------------------------------------------------------------------

    def draw(self, seed: int, step: int) -> None:
        """Draw the noise of all hard-concrete gates for one mini-batch; it depends on seed and step alone."""
        for gates in self._concrete().values():
            gates.draw(seed, step)

    def log_alphas(self) -> list[nn.Parameter]:
        """The weights of all hard-concrete gates."""
        return [gates.log_alpha for gates in self._concrete().values()]

    def _concrete(self) -> dict[str, ConcreteGates]:
        return {key: gates for key, gates in self.gates.items() if isinstance(gates, ConcreteGates)}

    def penalty(self) -> Tensor:
        """The L0 penalty: the sum over all hard-concrete gates of the probability that they are open."""
        return torch.stack([gates.penalty() for gates in self._concrete().values()]).sum()

    def forward(self, images: Tensor, tasks: Sequence[int] | None = None, keep: Collection[Node] = ()) -> Outputs:
        """Answers of `tasks` (all by default). There are no nodes to `keep`.

        `images` are [n, image_channels, H, W]; a dense answer is [n, outputs, H, W], one at image level [n, outputs].
        Raises `ValueError` for images of another shape, an unknown task, or anything in `keep`.
        """
        asked = range(len(self.tasks)) if tasks is None else tasks
        self._check_call(images, asked, keep)
        features: list[dict[int, Tensor]] = []
        values: dict[str, Tensor | None] = {}
        for stage, numbers in enumerate(self.wiring.alive):
            if stage and stage - 1 in self.layout.gated:
                key = f"stage{stage - 1}"
                gates = self._values(key, images, features, values)
                inputs = self.connections[key](features[-1], gates, range(len(numbers)))
            elif stage:
                inputs = [features[-1][own] for (own,) in self.wiring.reads[stage]]
            else:
                inputs = [images] * len(numbers)
            skip = self.inner.stages[stage].skip
            features.append(
                {
                    number: self.subnetworks[_key(stage, number)](
                        x, *(() if skip is None else (features[skip][self.layout.own(skip, number)],))
                    )
                    for number, x in zip(numbers, inputs, strict=True)
                }
            )
        read: list[list[Tensor]] = []  # [head stages][asked tasks]
        for stage in self.inner.head_stages:
            gates = self._values(f"heads{stage}", images, features, values)
            read.append(self.connections[f"heads{stage}"](features[stage], gates, list(asked)))
        size = (images.shape[2], images.shape[3])
        answers = {task: self.heads[task]([scale[at] for scale in read], size) for at, task in enumerate(asked)}
        return Outputs(answers, {})

    def _values(
        self, key: str, images: Tensor, features: list[dict[int, Tensor]], known: dict[str, Tensor | None]
    ) -> Tensor | None:
        """The gates of a set of connections, computed once a pass; None: part of the transformations."""
        key = self.gates_of(key)
        if key not in known:
            gates = _find(self.gates, key)
            if isinstance(gates, SoftmaxGates):
                source = self.layout.source
                found: Tensor = gates(images if source is None else features[source][0])
                known[key] = found
                if self.training:
                    self.seen[key] = found.detach().float().mean(0)
            else:
                known[key] = None if gates is None else gates()
        return known[key]

    def _check_call(self, images: Tensor, asked: Sequence[int], keep: Collection[Node]) -> None:
        channels = self.inner.image_channels
        if images.ndim != 4 or images.shape[1] != channels:
            raise ValueError(f"`images` should be [n, {channels}, H, W]. Found shape {tuple(images.shape)}.")
        for task in asked:
            if not 0 <= task < len(self.tasks):
                raise ValueError(f"`tasks` should be in 0..{len(self.tasks) - 1}. Found {task}.")
        if keep:
            raise ValueError(f"`keep` should be empty: sub-networks are no nodes of a tree. Found {sorted(keep)}.")

    # ---- serving ----------------------------------------------------------------------------------------------------

    def serving_gates(self) -> dict[str, Tensor]:
        """The gates [R, L] without noise, by connections (`stage3`: to stage 4; `heads3`: to the heads), on the CPU.

        Softmax gates have no such value; theirs are left out.
        """
        return {key: gates.serving().detach().float().cpu() for key, gates in self._concrete().items()}

    def kept(self) -> Wiring:
        """What pruning leaves: connections whose serving gate is not 0, and sub-networks that somebody reads.

        A reader whose gates are all 0 keeps the connection of its largest log alpha, so that it still reads something,
        which is 0.
        """
        gates = self._concrete()

        def chosen(key: str, row: int, all_of_them: Numbers) -> Numbers:
            if key not in gates:
                return all_of_them
            found = tuple(torch.nonzero(gates[key].serving()[row] > 0).flatten().tolist())
            return found or (int(gates[key].log_alpha[row].argmax()),)

        stages, alive = self.inner.stages, [set[int]() for _ in self.inner.stages]
        heads = []
        for stage, reads in zip(self.inner.head_stages, self.wiring.heads, strict=True):
            heads.append(tuple(chosen(f"heads{stage}", task, found) for task, found in enumerate(reads)))
            alive[stage].update(number for found in heads[-1] for number in found)
        kept: list[tuple[Numbers, ...]] = []
        for stage in reversed(range(len(stages))):
            rows = [self.wiring.alive[stage].index(number) for number in sorted(alive[stage])]
            found = [chosen(f"stage{stage - 1}", row, self.wiring.reads[stage][row]) for row in rows]
            kept.insert(0, tuple(found))
            if stage:
                alive[stage - 1].update(number for read in found for number in read)
            skip = stages[stage].skip
            if skip is not None:
                alive[skip].update(self.layout.own(skip, number) for number in alive[stage])
        return Wiring(tuple(tuple(sorted(numbers)) for numbers in alive), tuple(kept), tuple(heads))

    def serving(self) -> "SubnetworkNet":
        """What is left after pruning."""
        return self.pruned()

    def pruned(self) -> "SubnetworkNet":
        """A new network with the same answers (in evaluation mode) that holds only what is `kept`, its gates fixed.

        Gates before transformations are multiplied into them; the others are constants, no weights. Softmax gates
        depend on the example and stay. This network is left as it is.
        """
        kept, net = self.kept(), deepcopy(self)
        net.wiring = kept
        for stage, numbers in enumerate(self.wiring.alive):
            for number in set(numbers) - set(kept.alive[stage]):
                del net.subnetworks[_key(stage, number)]
        for stage in self.layout.gated:
            rows = [self.wiring.alive[stage + 1].index(number) for number in kept.alive[stage + 1]]
            net._fix(f"stage{stage}", rows, kept.reads[stage + 1])
        for stage, reads in zip(self.inner.head_stages, kept.heads, strict=True):
            net._fix(f"heads{stage}", range(len(self.tasks)), reads)
        return net.eval()

    def _fix(self, key: str, rows: Sequence[int], reads: tuple[Numbers, ...]) -> None:
        """Leave only these readers and what they read, with the serving gates as they are now."""
        gates, connections = _find(self.gates, key), self.connections[key]
        assert isinstance(connections, Connections)
        if not isinstance(gates, ConcreteGates):
            return
        values = gates.serving().detach()[list(rows)]  # [R, L]
        before = [connections.reads[row] for row in rows]
        connections.reads = reads
        if connections.transforms is None:
            self.gates[key] = FixedGates(values)
            return
        transforms = []
        for row, had, keeps, value in zip(rows, before, reads, values, strict=True):
            old = connections.transforms[row]
            assert isinstance(old, nn.Conv2d)
            blocks = old.weight.detach().chunk(len(had), dim=1)  # [c, c, 1, 1] each
            new = transformation(len(keeps), connections.neurons).to(old.weight)
            weight = torch.cat([blocks[had.index(number)] for number in keeps], dim=1)
            new.weight = nn.Parameter(gated_weight(weight, value[list(keeps)]))
            transforms.append(new)
        connections.transforms = nn.ModuleList(transforms)
        del self.gates[key]

    def served(self) -> list[dict[int, Numbers]]:
        """[S]: for each sub-network that is there, the tasks whose answers depend on it."""
        found: list[dict[int, set[int]]] = [{number: set() for number in numbers} for numbers in self.wiring.alive]
        for stage, reads in zip(self.inner.head_stages, self.wiring.heads, strict=True):
            for task, numbers in enumerate(reads):
                for number in numbers:
                    found[stage][number].add(task)
        for stage in reversed(range(1, len(found))):
            skip = self.inner.stages[stage].skip
            for (number, tasks), read in zip(found[stage].items(), self.wiring.reads[stage], strict=True):
                for lower in read:
                    found[stage - 1][lower] |= tasks
                if skip is not None:
                    found[skip][self.layout.own(skip, number)] |= tasks
        return [{number: tuple(sorted(tasks)) for number, tasks in stage.items()} for stage in found]

    def parts(self, stage: int, row: int) -> list[nn.Module]:
        """All modules with weights of the sub-network at place `row` of a stage, its connections included."""
        below = f"stage{stage - 1}"
        return [self.subnetworks[_key(stage, self.wiring.alive[stage][row])], *self._of_reader(below, row)]

    def head_parts(self, task: int) -> list[nn.Module]:
        """All modules with weights that belong to the head of a task alone."""
        keys = [f"heads{stage}" for stage in self.inner.head_stages]
        found = {id(part): part for key in keys for part in self._of_reader(key, task)}  # gates may be those of all
        return [self.heads[task], *found.values()]

    def _of_reader(self, key: str, row: int) -> list[nn.Module]:
        found: list[nn.Module] = []
        connections = _find(self.connections, key)
        if isinstance(connections, Connections) and connections.transforms is not None:
            found.append(connections.transforms[row])
        gates = _find(self.gates, self.gates_of(key))
        if isinstance(gates, SoftmaxGates):
            found.append(gates.linears[row])
        return found


def _find(parts: nn.ModuleDict, key: str) -> nn.Module | None:
    return next((part for name, part in parts.items() if name == key), None)


def _key(stage: int, number: int) -> str:
    """Name of a sub-network's module in the state; never parsed back."""
    return f"stage{stage}_{number}"
