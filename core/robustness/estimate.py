"""How long a measurement would take on this machine, from a few images really looked at, corrupted and cast."""

import time
from collections.abc import Callable
from pathlib import Path

from lightning_fabric import Fabric

from core.config import Config, parse_config
from core.launch import use_threads
from core.robustness.records import read_records
from core.robustness.settings import CLEAN, Plan
from core.robustness.subject import Subject, kind_of, rooms_of, stored_images
from core.robustness.work import Work, left, planned
from core.robustness.workers import Job, Supply
from core.runs import read_run
from core.weights import load_weights

_IMAGES = 16
_START = 5.0  # seconds until workers have begun and the first setting is done


def estimate(folder: Path, plan: Plan, fabric_for: Callable[[Config], Fabric], jobs: int) -> tuple[int, float]:
    """How many settings are left to measure, and in about how many seconds; (0, 0) if none are.

    Nothing is written into the run. Raises as `core.robustness.measuring.measure` does.
    """
    run = read_run(folder)
    config = parse_config(run.header.config)
    weights, fabric = load_weights(run, plan.phase), fabric_for(config)
    todo = left(read_records(folder).records, planned(config, plan, weights, fabric))
    if not todo:
        return 0, 0.0
    with use_threads(config.training.threads):
        subject = Subject(folder, config, weights, fabric, _IMAGES, plan.seed)
        clean = subject.clean(_IMAGES)
        subject.evaluator.evaluate(clean)  # what is slow only once
        began = time.monotonic()
        subject.evaluator.evaluate(clean)
        passing = (time.monotonic() - began) / _IMAGES
        stored = stored_images(subject.data, clean.images)[:2]
        seconds = _START
        for work in todo:
            makes = work.conditions.family != "attack"
            made = _making(work, Supply(stored, plan.seed, rooms_of(config), jobs=0), config) if makes else 0.0
            seconds += max(work.cost() * passing, made / max(1, jobs))
    return sum(len(work.settings) + len(work.searched) for work in todo), seconds


def _making(work: Work, supply: Supply, config: Config) -> float:
    """Seconds of one process for all images of a family: every kind once, in the middle of its severities."""
    kind = kind_of(work.conditions.family, config)
    names = [setting.name for setting in work.settings if setting is not CLEAN]
    total = 0.0
    for name in dict.fromkeys(names):
        list(supply.made([Job(kind, name, 3)]))  # what is slow only once
        began = time.monotonic()
        list(supply.made([Job(kind, name, 3)]))
        total += (time.monotonic() - began) / supply.count * work.conditions.samples * names.count(name)
    return total
