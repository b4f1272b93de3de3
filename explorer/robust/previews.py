"""Pictures of the Robustness page: an image under a corruption or shift, and what every task says about it."""

from core.robustness.records import Suite
from explorer.figures.predictions import COLUMNS, ArraysError, TaskPanel, task_panel
from explorer.figures.robustness.kept import plain_name
from explorer.player import Scene
from explorer.predictions import Shown
from explorer.robust.controls import choose_level
from explorer.robust.records import previews
from explorer.samples import Array, Arrays, SamplesError, read_image

_SIDE = 256
_TRUTH = "truth."


def preview_names(suite: Suite) -> list[str]:
    """What there are pictures of, in the order of measurement."""
    return list(dict.fromkeys(setting.name for setting in suite.settings if setting.file))


def preview_at(scene: Scene, suite: Suite, name: str) -> Shown:
    """Draw the choice of the severity, and return every task's panel on the first image at it."""
    settings = previews(suite, name)
    texts = ["clean" if setting.family == "clean" else f"{setting.severity:g}" for setting in settings]
    wanted = settings[choose_level("Severity", texts)]
    folder, header = scene.opened.run.folder, scene.history.header
    where = "image 1 as it is" if wanted.family == "clean" else f"image 1 under {plain_name(name)}, {wanted.setting}"
    assert wanted.file is not None
    try:
        arrays = dict(read_image(folder, wanted.file, 0))
        clean = dict(read_image(folder, suite.clean.file, 0)) if suite.clean and suite.clean.file else {}
    except SamplesError as error:
        return Shown(where, problems=(str(error),))
    moved = any(key.startswith(_TRUTH) for key in arrays)  # a shift that brings its truth along
    inputs: dict[str, Array] = {"image": arrays["image"]}
    inputs |= {key.removeprefix(_TRUTH): value for key, value in (clean | arrays).items() if key.startswith(_TRUTH)}
    if not moved and "image" in clean:  # who reconstructs should say what was there before
        inputs |= {task.name: clean["image"] for task in header.tasks if task.kind == "reconstruction"}
    predictions: Arrays = {key: value for key, value in arrays.items() if key != "image" and not key.startswith(_TRUTH)}
    panels: list[TaskPanel] = []
    problems = []
    for task in scene.history.order():
        if scene.view.tasks and task not in scene.view.tasks:
            continue
        try:
            panels.append(task_panel(header, task, inputs, predictions, where, _SIDE, COLUMNS))
        except ArraysError as error:
            problems.append(f"{wanted.file}: {error}")
    return Shown(where, tuple(panels), problems=tuple(problems))
