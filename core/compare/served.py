"""Measures the network that a finished run would serve: its size, and how long it takes to answer all tasks.

Runs are measured in one process, one after the other, with the same number of threads, so that their times can be
compared; on a machine that does something else meanwhile they are too long. Images are those of the validation split.
"""

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import cast

import torch
from lightning_fabric import Fabric
from torch import Tensor

from core.checkpoints import load_checkpoint
from core.config import Config, parse_config
from core.cost import count_macs
from core.data.base import DataSplits
from core.data.load import load_data
from core.data.parameters import DataParameters
from core.hardware import cores
from core.latency import Latency, Machine, Timed, write_latency
from core.launch import METHODS, build_backbone, build_fabric
from core.loaders import MEMORY_FORMAT, Loaders
from core.network import TaskNet
from core.provenance import package_versions, utc_now
from core.runs import read_header

_WARM_UP_CALLS, _WARM_UP_SECONDS = 3, 0.2
_LEAST_CALLS, _MOST_CALLS, _SECONDS = 7, 200, 1.0
"""Timing stops once there are so many calls, or at least the fewest in so many seconds."""


def served_network(folder: Path) -> tuple[Config, TaskNet]:
    """The network of a run's last checkpoint as it would serve, on the CPU, in evaluation mode; and the run's config.

    Raises `RunError` if there is no run or no checkpoint.
    """
    config, state = parse_config(read_header(folder).config), load_checkpoint(folder)
    net = METHODS[config.method](config).rebuild(build_backbone(config), config.data.tasks, state["structure"])
    net.load_state_dict(cast(dict[str, Tensor], state["net"]))
    return config, net.eval().serving().eval()


def measure_served(folders: Sequence[Path], device: str, tell: Callable[[str], None]) -> None:
    """Measure finished runs one after the other and keep what is found in their folders.

    Raises `RunError` for one without a checkpoint.
    """
    sitting = utc_now()
    for folder in folders:
        config, net = served_network(folder)
        fabric = build_fabric(config, device)
        before = torch.get_num_threads()
        torch.set_num_threads(config.training.threads or cores())
        try:
            found = _measure(net, config, fabric, sitting)
        finally:
            torch.set_num_threads(before)
        write_latency(folder, found)
        one, many = found.timed[0], found.timed[-1]
        tell(f"{folder.name}: {1e3 * one.seconds:.3g} ms an image, {many.images_per_second:,.0f} images a second")


def _measure(net: TaskNet, config: Config, fabric: Fabric, sitting: str) -> Latency:
    load = os.getloadavg()[0]
    batch = config.training.batch_size
    images = _images(config.data, batch).to(fabric.device, memory_format=MEMORY_FORMAT)
    _, macs = count_macs(deepcopy(net).to("meta"), images[:1].to("meta"))
    net = net.to(fabric.device, memory_format=MEMORY_FORMAT)  # type: ignore[call-overload]
    with torch.inference_mode(), fabric.autocast():
        timed = tuple(_time(net, images[:size], fabric.device) for size in (1, batch))
    cuda = fabric.device.type == "cuda"
    return Latency(
        parameters=sum(weight.numel() for weight in net.parameters()),
        macs=sum(macs.values()),
        timed=timed,
        machine=Machine(
            processor=torch.cuda.get_device_name(fabric.device) if cuda else _processor(),
            cores=cores(),
            threads=torch.get_num_threads(),
            precision=str(fabric._precision.precision),
            system=platform.platform(),
            versions=package_versions(),
        ),
        sitting=sitting,
        load=round(load, 2),
    )


def _time(net: TaskNet, images: Tensor, device: torch.device) -> Timed:
    """Times of whole passes over `images`, from the call to the last answer."""

    def call() -> float:
        start = time.perf_counter()
        net(images)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - start

    begun, calls = time.perf_counter(), 0
    while calls < _WARM_UP_CALLS or time.perf_counter() - begun < _WARM_UP_SECONDS:
        call()
        calls += 1
    begun = time.perf_counter()
    times: list[float] = []
    while len(times) < _MOST_CALLS and (len(times) < _LEAST_CALLS or time.perf_counter() - begun < _SECONDS):
        times.append(call())
    low, median, high = statistics.quantiles(times, n=4, method="inclusive")
    return Timed(batch=len(images), calls=len(times), seconds=median, low=low, high=high)


def _images(data: DataParameters, count: int) -> Tensor:
    """`count` images [count, C, H, W] of the validation split, from the first on again where it has fewer."""
    split = _data(data).val
    places = [place % len(split) for place in range(count)]
    [(images, _)] = Loaders(count, 0, torch.device("cpu")).ordered(split, places)
    return images


@lru_cache(maxsize=1)
def _data(data: DataParameters) -> DataSplits:
    return load_data(data)


def _processor() -> str:
    """What Linux calls this processor; elsewhere what Python knows of it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()
