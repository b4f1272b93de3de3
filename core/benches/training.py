"""A training step of `paper`: ours against the plain step, for five separate networks and for a fused structure.

Each side runs in a process of its own, since ours changes how the process keeps memory; the two take turns step by
step, so that whatever else the machine does meanwhile slows both.
"""

import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Literal

import torch
from torch import Tensor

from core.backbones import paper
from core.benches import BenchRow
from core.hardware import cpu_has_bfloat16, keep_freed_memory
from core.network import MultiTaskNet
from core.optimizer import FusedAdam
from core.structure import Structure
from core.tasks import DEPTH, EDGES, NORMALS, RECONSTRUCTION, segmentation

Form = Literal["bfloat16", "float32", "plain"]

TASKS = (segmentation(19), DEPTH, EDGES, NORMALS, RECONSTRUCTION)
SEPARATE = Structure.separate(tuple(task.name for task in TASKS), 10)
# what MTSL learned on Cityscapes with seed 1: the encoder is shared, depth and normals part from the rest
FUSED = Structure(
    SEPARATE.tasks, (((0, 1, 2, 3, 4),),) * 6 + (((0, 2, 4), (1, 3)),) * 2 + (((0, 2, 4), (1,), (3,)),) * 2
)
_SIZE = (4, 3, 128, 192)
_WARM_UP, _ROUNDS = 3, 9
_TOLERANCE = {"float32": 0.01, "bfloat16": 0.1}  # of the loss: rounding grows fast in the first steps of a new network


def rows() -> list[BenchRow]:
    """Steps on images [4, 3, 128, 192], five tasks; raises `RuntimeError` if the two sides do not agree on the loss."""
    missing = "" if cpu_has_bfloat16() else "this processor has no bfloat16 instructions"
    return [
        _row("five separate `paper` networks", SEPARATE, "bfloat16", None if missing else ">= 2x", missing),
        _row("five separate `paper` networks", SEPARATE, "float32", ">= 1.15x"),
        _row("`paper` fused as learned on Cityscapes", FUSED, "bfloat16", None, missing),
        _row("`paper` fused as learned on Cityscapes", FUSED, "float32", None),
    ]


def _row(
    name: str, structure: Structure, form: Literal["bfloat16", "float32"], target: str | None, note: str = ""
) -> BenchRow:
    with _worker(form, structure) as our_step, _worker("plain", structure) as plain_step:
        for _ in range(_WARM_UP):
            our_loss, plain_loss = our_step()[1], plain_step()[1]
            if abs(our_loss - plain_loss) > _TOLERANCE[form] * plain_loss:
                raise RuntimeError(f"training step, {name}, {form}: loss {our_loss} instead of {plain_loss}.")
        times = [(our_step()[0], plain_step()[0]) for _ in range(_ROUNDS)]
    return BenchRow(
        f"training step, {name}, {form}, 4x3x128x192",
        ours_ms=statistics.median(ours for ours, _ in times),
        reference_ms=statistics.median(plain for _, plain in times),
        reference="the plain step: float32, contiguous, Adam weight by weight, hooks that keep every feature",
        target=target,
        note=note,
    )


@contextmanager
def _worker(form: Form, structure: Structure) -> Iterator[Callable[[], tuple[float, float]]]:
    """A step in a new process as a function: runs it and gives its milliseconds and its loss."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(there, form, structure), daemon=True)
    process.start()
    there.close()

    def step() -> tuple[float, float]:
        here.send(True)
        milliseconds, loss = here.recv()
        return milliseconds, loss

    try:
        yield step
    finally:
        here.close()  # the worker ends when nobody can ask it any more
        process.join()


def _work(connection: "Connection[tuple[float, float], bool]", form: Form, structure: Structure) -> None:
    step = _plain_step(structure) if form == "plain" else _our_step(structure, form == "bfloat16")
    while True:
        try:
            connection.recv()
        except EOFError:
            return
        start = time.perf_counter()
        loss = step()
        connection.send((1e3 * (time.perf_counter() - start), float(loss)))


def _our_step(structure: Structure, bfloat16: bool) -> Callable[[], Tensor]:
    """As the training loop does it: channels-last, autocast, fused Adam; the pass itself keeps what is watched."""
    keep_freed_memory()
    net = MultiTaskNet(paper(), structure, TASKS).to(memory_format=torch.channels_last)
    optimizer = FusedAdam(net.parameters(), lr=1e-4, weight_decay=5e-5)
    images, targets = _batch()
    images = images.contiguous(memory_format=torch.channels_last)
    watched = [node for node in structure.nodes() if node.stage == 0]

    def step() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            predictions = net(images, keep=watched).predictions
        loss = _loss(predictions, targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss.detach()

    return step


def _plain_step(structure: Structure) -> Callable[[], Tensor]:
    net = MultiTaskNet(paper(), structure, TASKS)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-4, weight_decay=5e-5, foreach=False)
    images, targets = _batch()
    kept: dict[torch.nn.Module, Tensor] = {}
    for module in net.nodes.values():
        module.register_forward_hook(lambda module, inputs, output: kept.update({module: output}))

    def step() -> Tensor:
        loss = _loss(net(images).predictions, targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss.detach()

    return step


def _batch() -> tuple[Tensor, list[Tensor]]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(*_SIZE, generator=generator)
    return images, [torch.randn(_SIZE[0], task.outputs, *_SIZE[2:], generator=generator) for task in TASKS]


def _loss(predictions: dict[int, Tensor], targets: list[Tensor]) -> Tensor:
    return torch.stack([torch.nn.functional.mse_loss(predictions[i], target) for i, target in enumerate(targets)]).sum()
