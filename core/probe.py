"""What a run would cost, before it starts: its first structure, and the speed of a few real steps on little data.

The steps are those of the loop that trains, on the data set's own images, so they hold what a formula forgets. A
structure that is shared more and more only gets faster, so a run of MTSL lies between its first structure's time and
that of one shared network; the other methods do not change theirs.
"""

import os
import tempfile
import time
from pathlib import Path
from typing import TypedDict

from core.config import Config, PaperBackbone, changed_config
from core.cost import measure_cost
from core.data.load import load_data
from core.data.parameters import FlightsParameters, RoomsParameters
from core.events import EpochFinished, Event
from core.launch import METHODS, Show, build_backbone, build_fabric, start_run
from core.position import StopTraining, Tick
from core.schedule import planned
from core.structure import Structure
from core.usage import peak_memory

_STEPS = 6
"""Optimizer steps that are taken; the first one warms up and does not count."""


class Cost(TypedDict):
    """What a run costs: the network at its start, and, where measured, the whole run."""

    parameters: int
    macs: int
    stages: list[list[list[str]]]
    seconds: tuple[float, float] | None
    """Least and most time of the whole run."""
    memory: int | None
    """Bytes of main memory at the peak."""


def run_cost(config: Config, measure: bool, device: str = "auto") -> Cost:
    """The cost of a run with these settings; its time and memory only if a few steps may be trained for it.

    Raises `ConfigError` as training would.
    """
    backbone = config.backbone
    if isinstance(backbone, PaperBackbone):  # the size is the same, and nothing has to be fetched
        config = config.model_copy(update={"backbone": backbone.model_copy(update={"weights": None})})
    built, tasks = build_backbone(config), config.data.tasks
    names = tuple(task.name for task in tasks)
    method = METHODS[config.method](config)
    method.check(built, tasks)
    structure = method.start(names, len(built.stages))
    graph, _ = method.drawn(method.build(built, tasks, load_pretrained=False), image_size(config))
    seconds = memory = None
    if measure:
        shared = measure_cost(built, Structure.shared(names, len(built.stages)), tasks, image_size(config))
        most, memory = _measured(config, len(built.stages), device)
        changes = config.method == "mtsl"
        seconds = (most * shared.macs / graph.macs if changes else most, most)
    return {
        "parameters": graph.parameters,
        "macs": graph.macs,
        "stages": [[[names[task] for task in group] for group in partition] for partition in structure.stages],
        "seconds": seconds,
        "memory": memory,
    }


def image_size(config: Config) -> tuple[int, int]:
    """Height and width of the images that a config trains on."""
    data = config.data
    if isinstance(data, RoomsParameters):
        return data.height, data.width
    if isinstance(data, FlightsParameters):
        return 1, 1  # rows of a table, as images of one pixel
    return 8 * data.scale, (16 - data.overlap) * data.scale


class _Watch(Show):
    """Notes when the batches of the first epoch end, then stops the run."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def tick(self, tick: Tick) -> None:
        if "· epoch" in tick.message:
            self.ends.append(time.perf_counter())

    def tell(self, event: Event) -> None:
        if isinstance(event, EpochFinished):
            raise StopTraining("measured")


def _measured(config: Config, n_stages: int, device: str) -> tuple[float, int | None]:
    """Seconds that the whole run takes with its first structure, and its peak memory."""
    batch = config.training.batch_size
    few = [f"data.train={_STEPS * batch}", "data.val=4", "data.test=0", "training.samples=0", "training.epochs=2"]
    few += ["mtsl.similarity_from=train", "mtsl.similarity_samples=4", "training.keep_checkpoints=last"]
    few += ["mtsl.structural_epochs=[2]", "mtsl.amalgamation_epochs=[1]"]
    small, watch = changed_config(config, few), _Watch()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MTSL_CACHE"] = str(Path(folder) / "data")  # these few images are of no use to anyone else
        start_run(small, Path(folder) / "run", build_fabric(small, device), watch)
        image, targets = load_data(small.data).train[0]
    per_image = (watch.ends[-1] - watch.ends[0]) / (len(watch.ends) - 1) / batch
    plan, held_out = planned(config, n_stages), METHODS[config.method](config).held_out()
    epochs = sum(phase.epochs for phase in plan)
    seconds = per_image * (epochs * (config.data.train - held_out) + config.training.epochs * config.data.val / 3)
    peak, images = peak_memory(), config.data.train + config.data.val + config.data.test
    one = image.nbytes + sum(target.nbytes for target in targets.values())
    return seconds, None if peak is None else peak + one * max(0, images - _STEPS * batch)
