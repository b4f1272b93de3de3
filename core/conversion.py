"""Any convolutional torch module as the operations of an AutoMTL network, found by tracing it with torch.fx.

Every convolution becomes a `PolicyOp`. Normalisation and linear layers, which have no policy, become one layer a task;
activations, pooling, sums and the like stay as they are. Everything else is named in the error, with its place. This
is what AutoMTL's compiler does with a network (Zhang et al., NeurIPS 2022, section 4.1).
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from core.backbones.base import concatenate, full_precision, resize
from core.network import seeded
from core.policy import Choice
from core.policy_ops import NORMS, PerTask, PolicyOp, convolution_skip

_SPECIFIC = (*NORMS, nn.Linear, nn.PReLU)
_PASSING = (
    *(nn.Identity, nn.Flatten, nn.Upsample, nn.PixelShuffle, nn.PixelUnshuffle, nn.ZeroPad2d, nn.ReflectionPad2d),
    *(nn.Dropout, nn.Dropout2d, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Softmax),
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish, nn.Sigmoid, nn.Tanh, nn.Softplus),
    *(nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid, nn.LogSigmoid),
)
_LEAVES = (nn.Conv2d, *_SPECIFIC, *_PASSING)
_FUNCTIONS: frozenset[object] = frozenset(
    {
        *(resize, concatenate, full_precision, getattr, operator.getitem),
        *(operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.neg),
        *(torch.add, torch.sub, torch.mul, torch.div, torch.cat, torch.flatten, torch.mean, torch.clamp),
        *(torch.relu, torch.sigmoid, torch.tanh, F.relu, F.relu6, F.leaky_relu, F.elu, F.gelu, F.silu, F.mish),
        *(F.hardswish, F.hardsigmoid, F.softplus, F.sigmoid, F.tanh, F.softmax, F.interpolate, F.pad, F.dropout),
        *(F.max_pool2d, F.avg_pool2d, F.adaptive_avg_pool2d, F.adaptive_max_pool2d, F.pixel_shuffle),
    }
)
_METHODS = frozenset(
    {
        *("add", "sub", "mul", "div", "mean", "flatten", "view", "reshape", "size", "contiguous"),
        *("relu", "sigmoid", "tanh", "clamp", "float", "type_as"),
    }
)
# what writes into its input: a skipped convolution hands on its input, which others may still read
_IN_PLACE: Mapping[object, Callable[..., object]] = {
    torch.relu_: torch.relu,
    F.relu_: torch.relu,
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
}
_TASK, _WAYS = "policy_task", "policy_ways"


class Converted(nn.Module):
    """A module whose every convolution is a `PolicyOp`; called as `module(task, ways, *inputs)`.

    `ops` are its nodes in the order of computation, `depths` the number of convolutions on the longest way from the
    input through each of them, itself counted, and `depth` that of the output.
    """

    def __init__(self, graph: fx.GraphModule, depths: Sequence[int], depth: int) -> None:
        super().__init__()
        self.graph = graph
        self.depths = tuple(depths)
        self.depth = depth

    @property
    def ops(self) -> tuple[PolicyOp, ...]:
        """The nodes, in the order of computation."""
        found = (module for module in self.graph.modules() if isinstance(module, PolicyOp))
        return tuple(sorted(found, key=lambda op: op.number))

    def forward(self, task: int, ways: Tensor | None, *inputs: Tensor) -> Tensor:
        return cast(Tensor, self.graph(task, ways, *inputs))


def convert(
    module: nn.Module,
    n_tasks: int,
    choices: Sequence[Sequence[Choice]] | None = None,
    depths: Sequence[int] = (0,),
    first: int = 0,
    seed: int = 0,
    name: str = "",
) -> Converted:
    """`module` for `n_tasks` tasks, with the weights it has; it is left as it is.

    Nodes are numbered from `first`. `choices` [T][nodes of the whole network] fixes them. `depths` are those of the
    inputs; projections of skips depend on `seed` and on `name` and place. Raises `ValueError` that names every
    operation which cannot be converted, and where it is.

    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1))
    >>> convert(net, 2).depths
    (1, 2)
    >>> convert(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ConvTranspose2d(8, 8, 2)), 2)
    Traceback (most recent call last):
    ...
    ValueError: `module` cannot be converted: found ConvTranspose2d at `1`. Convolutions (Conv2d), batch norms and ...
    """
    module = nn.Sequential(deepcopy(module)) if isinstance(module, _LEAVES) else deepcopy(module)
    graph = _traced(module)
    if problems := _problems(graph, module):
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise ValueError(
            f"`module` cannot be converted: found {'; '.join(problems[:5])}{more}. Convolutions (Conv2d), batch norms "
            "and linear layers, activations, pooling, sums, concatenation, resizing, dropout and flattening can be."
        )
    inputs = [node for node in graph.nodes if node.op == "placeholder"]
    if len(inputs) != len(depths):
        raise ValueError(f"`module` should read {len(depths)} features. Found {len(inputs)}: {inputs}.")
    with graph.inserting_before(inputs[0]):
        task, ways = graph.placeholder(_TASK), graph.placeholder(_WAYS)
    made: dict[str, nn.Module] = {}
    reached = dict(zip(inputs, depths, strict=True))
    found: list[int] = []
    for node in graph.nodes:
        depth = max((reached.get(source, 0) for source in node.all_input_nodes), default=reached.get(node, 0))
        if node.op == "call_module":
            layer = module.get_submodule(str(node.target))
            if isinstance(layer, nn.Conv2d):
                depth += 1
            if str(node.target) not in made:
                if isinstance(layer, nn.Conv2d):
                    number = first + len(found)
                    chosen = None if choices is None else [of_task[number] for of_task in choices]
                    skip = convolution_skip(layer, partial(seeded, seed=seed, name=f"{name} {node.target} skip"))
                    made[str(node.target)] = PolicyOp(layer, skip, n_tasks, number, chosen)
                    found.append(depth)
                else:
                    made[str(node.target)] = _without_policy(layer, n_tasks)
            if isinstance(made[str(node.target)], PolicyOp | PerTask):
                node.args = (task, ways, *node.args)
        elif node.target is F.dropout and "training" in node.kwargs:
            made[node.name] = _dropout(node)
        elif node.op in ("call_function", "call_method"):
            _out_of_place(node)
        reached[node] = depth
    output = next(node for node in graph.nodes if node.op == "output")
    return Converted(fx.GraphModule(made, graph, "Converted"), found, reached[output])


class _Tracer(fx.Tracer):
    """Looks into everything but torch's own layers and what is built on its convolutions."""

    def __init__(self) -> None:
        super().__init__(autowrap_functions=(resize, concatenate, full_precision))

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, _LEAVES) or super().is_leaf_module(m, module_qualified_name)


def _traced(module: nn.Module) -> fx.Graph:
    try:
        return _Tracer().trace(module)
    except (fx.proxy.TraceError, TypeError, NameError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"`module` cannot be traced: {reason}. Its forward should not depend on the values or sizes of features."
        ) from error


def _problems(graph: fx.Graph, module: nn.Module) -> list[str]:
    """What cannot be converted, each with its place, in the order of computation."""
    found = []
    for node in graph.nodes:
        if node.op == "call_module":
            layer = module.get_submodule(str(node.target))
            if not isinstance(layer, _LEAVES):
                found.append(f"{type(layer).__name__} at `{node.target}`")
        elif node.op == "call_function" and node.target not in _FUNCTIONS and node.target not in _IN_PLACE:
            found.append(f"{getattr(node.target, '__name__', node.target)}() {_place(node)}")
        elif node.op == "call_method" and str(node.target).removesuffix("_") not in _METHODS:
            found.append(f".{node.target}() {_place(node)}")
        elif node.op == "get_attr":
            found.append(f"the tensor `{node.target}`, which belongs to no layer,")
        elif node.op == "output" and not isinstance(node.args[0], fx.Node):
            found.append(f"an output of several parts ({type(node.args[0]).__name__})")
    return found


def _place(node: fx.Node) -> str:
    stack = node.meta.get("nn_module_stack") or {}
    paths = [path for path, _ in stack.values() if path]
    return f"in `{paths[-1]}`" if paths else "in its forward"


def _without_policy(layer: nn.Module, n_tasks: int) -> nn.Module:
    if isinstance(layer, _SPECIFIC):
        return PerTask(layer, n_tasks)
    if getattr(layer, "inplace", False):
        layer.inplace = False  # type: ignore[assignment]
    return layer


def _dropout(node: fx.Node) -> nn.Module:
    """Let a layer take the place of the function, whose mode would stay that of the moment of tracing."""
    p = node.kwargs.get("p", node.args[1] if len(node.args) > 1 else 0.5)
    source = node.args[0] if node.args else node.kwargs["input"]
    node.op, node.target, node.args, node.kwargs = "call_module", node.name, (source,), {}
    return nn.Dropout(cast(float, p))


def _out_of_place(node: fx.Node) -> None:
    """Let a function or method leave its input as it is."""
    if node.op == "call_function":
        node.target = _IN_PLACE.get(node.target, node.target)
    else:
        node.target = str(node.target).removesuffix("_")
    if "inplace" in node.kwargs:
        node.kwargs = {**node.kwargs, "inplace": False}
