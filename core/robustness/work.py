"""What a plan comes to on one run: the conditions of each family, its settings, and those not measured yet."""

from collections.abc import Sequence
from dataclasses import dataclass

from lightning_fabric import Fabric
from pydantic import JsonValue

from core.config import Config
from core.data import rooms
from core.data.parameters import RoomsParameters
from core.robustness import attacks, corruptions, images, shifts
from core.robustness.journal import measured_keys
from core.robustness.records import Conditions, Family, Record, digest_of
from core.robustness.settings import CLEAN, Plan, Setting, attack_settings, corruption_settings, image_shift_settings
from core.weights import Weights

SEARCH_COST = 120.0
"""Passes of the network that the search for the smallest attack on a task comes to."""


@dataclass(frozen=True)
class Work:
    """What is left to measure of one family."""

    conditions: Conditions
    settings: tuple[Setting, ...]
    searched: tuple[int, ...] = ()
    """Tasks whose smallest attack is looked for."""

    def cost(self) -> float:
        """Roughly, in images that the network sees."""
        search = self.conditions.details.get("search", 0)
        assert isinstance(search, int)
        samples = self.conditions.samples
        return samples * sum(setting.cost for setting in self.settings) + SEARCH_COST * search * len(self.searched)


def planned(config: Config, plan: Plan, weights: Weights, fabric: Fabric) -> tuple[Work, ...]:
    """All that a plan asks for, by family. Raises `RunError` for data without images and `MissingLibraryError`."""
    data, n_tasks = config.data, len(config.data.tasks)
    channels = getattr(data, "image_channels", 3 if isinstance(data, RoomsParameters) else 1)
    evaluation = f"{fabric.device.type} {config.training.precision} batch {config.training.batch_size}"
    of_images = data.model_dump(mode="json", exclude={"train", "val", "test"})

    def conditions(family: Family, tool: str, samples: int, details: dict[str, JsonValue]) -> Conditions:
        return Conditions.of(
            family=family,
            phase=plan.phase,
            weights=weights.digest(),
            images=digest_of(of_images),
            samples=samples,
            seed=plan.seed,
            tool=tool,
            evaluation=evaluation,
            details=details,
        )

    found = []
    for family in plan.families:
        if family == "corruption":
            settings = corruption_settings()
            found.append(Work(conditions(family, corruptions.tool(), plan.images, {}), (CLEAN, *settings)))
        elif family == "shift":
            if isinstance(data, RoomsParameters):
                settings, tool = shifts.scene_shift_settings(data.scene), f"rooms {rooms.GENERATOR}.{shifts.VERSION}"
            else:
                settings, tool = image_shift_settings(channels), f"images {images.VERSION}"
            found.append(Work(conditions(family, tool, plan.images, {}), (CLEAN, *settings)))
        else:
            settings = attack_settings(attacks.ATTACKS, plan.radii, n_tasks)
            samples = min(plan.images, plan.attack_images)
            details: dict[str, JsonValue] = {
                "steps": attacks.STEPS,
                "step": attacks.STEP,
                "search": min(plan.search_images, samples),
            }
            searched = tuple(range(n_tasks)) if plan.search_images else ()
            found.append(Work(conditions(family, attacks.tool(), samples, details), (CLEAN, *settings), searched))
    return tuple(found)


def left(records: Sequence[Record], works: Sequence[Work]) -> tuple[Work, ...]:
    """What of these works no record holds yet."""
    found = []
    for work in works:
        done = measured_keys(list(records), work.conditions)
        settings = tuple(setting for setting in work.settings if setting.key not in done)
        searched = tuple(task for task in work.searched if ("smallest pgd", 0.0, (task,)) not in done)
        if settings or searched:
            found.append(Work(work.conditions, settings, searched))
    return tuple(found)
