"""Measure the robustness of a run: `python -m core robustness RUN`.

Workers make corrupted and shifted images while the network looks at those before; every setting that is done is one
line in the run folder, so a second call finds what the first one did and does the rest, if any.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import torch
from lightning_fabric import Fabric
from torch import Tensor

from core.config import Config, parse_config
from core.data import rooms
from core.data.base import TensorData, normalise
from core.data.cache import Arrays
from core.events import RobustnessMeasured
from core.launch import Show, use_threads
from core.loaders import Loaders
from core.position import ASKED, StopTraining, Tick
from core.robustness import images
from core.robustness.attacks import Attacker
from core.robustness.evaluation import Found
from core.robustness.journal import Journal
from core.robustness.records import BreakingPoints, read_records
from core.robustness.settings import CLEAN, Plan, Setting
from core.robustness.subject import Subject, kind_of, rooms_of, stored_images
from core.robustness.work import SEARCH_COST, Work, left, planned
from core.robustness.workers import Job, Supply
from core.runs import Run, read_run
from core.signals import stop_signals
from core.weights import Weights, load_weights

BROKEN_AT = 50.0
"""Relative degradation of an image's own key metric, in percent, from which an attack has broken a task."""

Outcome = Literal["measured", "nothing to do", "stopped"]


def measure(
    folder: Path, plan: Plan, fabric_for: Callable[[Config], Fabric], jobs: int, show: Show | None = None
) -> Outcome:
    """Measure what is not measured yet of a run.

    Raises `RunError` where a run has no weights, or is being trained or measured, and `MissingLibraryError`.
    """
    run, show = read_run(folder), show or Show()
    config = parse_config(run.header.config)
    weights = load_weights(run, plan.phase)
    fabric = fabric_for(config)
    todo = left(read_records(folder).records, planned(config, plan, weights, fabric))
    if not todo:
        return "nothing to do"
    with use_threads(config.training.threads), stop_signals() as stop_asked, Journal(folder) as journal:
        try:
            _Session(run, config, weights, plan, fabric, journal, show, stop_asked, jobs).measure(todo)
        except StopTraining:
            return "stopped"
    return "measured"


class _Session:
    """One process that measures: the network, the images, and where everything is written."""

    def __init__(
        self,
        run: Run,
        config: Config,
        weights: Weights,
        plan: Plan,
        fabric: Fabric,
        journal: Journal,
        show: Show,
        stop_asked: Callable[[], str],
        jobs: int,
    ) -> None:
        self.run, self.config, self.weights, self.plan, self.jobs = run, config, weights, plan, jobs
        self.fabric, self.journal, self.show, self.stop_asked = fabric, journal, show, stop_asked
        self._begun, self._cost, self._total = time.monotonic(), 0.0, 1.0

    def measure(self, todo: Sequence[Work]) -> None:
        """Measure everything that is left. Raises `StopTraining` when asked to stop."""
        self._total = sum(work.cost() for work in todo)

        def building(done: int, total: int) -> None:
            self._pulse(f"making data: {done} of {total}")

        samples = max(work.conditions.samples for work in todo)
        subject = Subject(self.run.folder, self.config, self.weights, self.fabric, samples, self.plan.seed, building)
        self.data, self.evaluator, self.loaders = subject.data, subject.evaluator, subject.loaders
        self._clean = subject.clean
        self._begun = time.monotonic()
        for work in todo:
            self.journal.open(work.conditions)
            if work.conditions.family == "attack":
                self._attack(work)
            else:
                self._supply(work)

    # ---- corruptions and shifts -------------------------------------------------------------------------------------

    def _supply(self, work: Work) -> None:
        clean = self._clean(work.conditions.samples)
        asked = [setting for setting in work.settings if setting is not CLEAN]
        if len(asked) < len(work.settings):
            self._write(work, CLEAN, self.evaluator.evaluate(clean, self.plan.previews, truths=True))
        parameters = rooms_of(self.config)
        kind = kind_of(work.conditions.family, self.config)
        stored = stored_images(self.data, clean.images)
        jobs = [Job(kind, setting.name, int(setting.severity)) for setting in asked]
        with Supply(stored, self.plan.seed, parameters, self.jobs) as supply:
            for setting, arrays in zip(asked, supply.made(jobs), strict=True):
                shown = setting.severity in self.plan.preview_severities
                moved = self._moved(clean, setting, kind, arrays)
                found = self.evaluator.evaluate(
                    moved, self.plan.previews * shown, truths=moved.targets is not clean.targets
                )
                self._write(work, setting, found)

    def _moved(self, clean: TensorData, setting: Setting, kind: str, arrays: Arrays) -> TensorData:
        """The images that were made, and their truth: untouched by corruptions, cast anew for scenes."""
        if kind == "scene shift":
            return rooms.as_data(arrays | {"image": arrays["image"].transpose(0, 3, 1, 2)})
        stored = torch.from_numpy(arrays["image"]).permute(0, 3, 1, 2)
        moved = TensorData(normalise(stored.float() / 255, self.data.mean, self.data.std), {})
        moved.targets = clean.targets
        if setting.name == "crop":
            share = images.LEVELS["crop"][int(setting.severity) - 1]
            moved.targets = {name: _cropped(target, share) for name, target in clean.targets.items()}
        return moved

    # ---- attacks ----------------------------------------------------------------------------------------------------

    def _attack(self, work: Work) -> None:
        clean, evaluator = self._clean(work.conditions.samples), self.evaluator
        attacker = Attacker(evaluator.net, self.data, self.plan.seed, self.fabric.device)
        for setting in work.settings:
            if setting is CLEAN:
                self._write(work, setting, evaluator.evaluate(clean, self.plan.previews, truths=True))
                continue
            parts = []
            for number, (normalised, targets) in enumerate(self.loaders.ordered(clean, range(len(clean)))):
                attacked = attacker.attack(
                    "pgd" if setting.name == "pgd" else "fgsm",
                    attacker.images(normalised),
                    targets,
                    setting.attacked,
                    setting.severity,
                    number,
                )
                parts.append(attacker.normalised(attacked).cpu())
                self._pulse(_title(work, setting))
            shown = setting.name == "pgd" and setting.text == _SHOWN_RADIUS
            moved = TensorData(torch.cat(parts), clean.targets)
            self._write(work, setting, evaluator.evaluate(moved, self.plan.previews * shown))
        for task in work.searched:
            self._search(work, attacker, task)

    def _search(self, work: Work, attacker: Attacker, task: int) -> None:
        """The smallest PGD on a task that breaks it, image by image, all images at once."""
        samples = min(self.plan.search_images, work.conditions.samples)
        name, metric = self.data.tasks[task].name, self.data.tasks[task].metric
        normalised, targets = next(
            iter(Loaders(samples, 0, self.fabric.device).ordered(self._clean(samples), range(samples)))
        )
        before = self.evaluator.each(normalised, targets, task)

        def broken(attacked: Tensor) -> list[bool]:
            self._pulse(f"attack · smallest PGD that breaks {name}")
            after = self.evaluator.each(attacker.normalised(attacked), targets, task)
            return [is_broken(value, clean, metric.direction) for value, clean in zip(after, before, strict=True)]

        largest = max(self.plan.radii) / 255
        radii = attacker.breaking_radii(attacker.images(normalised), targets, task, broken, largest)
        self._cost += SEARCH_COST * self.plan.search_images
        self.journal.write(
            BreakingPoints(
                **self._place(),
                conditions=work.conditions.digest,
                name="pgd",
                attacked=task,
                radii=tuple(radii),
                largest=largest,
                broken_at=BROKEN_AT,
            )
        )

    # ---- what is written and shown ----------------------------------------------------------------------------------

    def _place(self) -> dict[str, int | float]:
        at = self.weights
        return {"step": at.step, "epoch": at.epoch, "phase": at.phase, "seconds": at.seconds}

    def _write(self, work: Work, setting: Setting, found: Found) -> None:
        family, digest = work.conditions.family, work.conditions.digest
        whom = "".join(f"-{task}" for task in setting.attacked)
        file = f"robustness-{digest}-{setting.name}-{setting.severity:.4g}{whom}.npz" if found.previews else None
        record = RobustnessMeasured(
            **self._place(),
            family="clean" if setting is CLEAN else family,
            name=setting.name,
            severity=setting.severity,
            metrics=found.metrics,
            samples=work.conditions.samples,
            conditions=digest,
            setting=setting.text,
            attacked=setting.attacked,
            moves_pixels=setting.moves_pixels,
            intervals=found.intervals,
            file=file,
        )
        self.journal.write(record, None if file is None else (file, found.previews))
        self._cost += setting.cost * work.conditions.samples
        self.show.tell(record)
        self._pulse(_title(work, setting))

    def _pulse(self, message: str) -> None:
        """Renew heartbeat and progress bar; raises `StopTraining` when a stop is asked for."""
        done, elapsed = self._cost / self._total, time.monotonic() - self._begun
        eta = elapsed / done * (1 - done) if done > 0.02 else None
        self.journal.beat(message, done, eta)
        self.show.tick(Tick(message, min(1.0, done), eta))
        if reason := self.stop_asked() or (ASKED if self.journal.stop_requested() else ""):
            raise StopTraining(reason)


_SHOWN_RADIUS = "up to 8 of 255"  # the attacks that keep previews: what a person just sees


def is_broken(value: float, clean: float, direction: Literal["higher", "lower"]) -> bool:
    """Whether an image's own value is `BROKEN_AT` percent worse than its clean one, or cannot get worse.

    >>> is_broken(0.4, 0.9, "higher"), is_broken(1.4, 1.0, "lower"), is_broken(0.0, 0.0, "higher")
    (True, False, True)
    """
    share = BROKEN_AT / 100
    if direction == "higher":
        return value <= (1 - share) * clean
    return value >= (1 + share) * clean and value > clean


def _cropped(target: Tensor, share: float) -> Tensor:
    """A dense truth [n, ..., H, W] of cropped images; one at image level stays as it is."""
    if target.ndim < 3:
        return target
    rows, columns = (torch.from_numpy(images.cropped(size, share)) for size in target.shape[-2:])
    return target[..., rows, :][..., columns]


def _title(work: Work, setting: Setting) -> str:
    return f"{work.conditions.family} · {setting.name.replace('_', ' ')}, {setting.text}"
