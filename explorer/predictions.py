"""What the Predictions page shows at a moment: every task on one sample image, and one task over the phases.

Panels are kept, so that a step of the cursor within a phase, and back to an earlier one, costs nothing. A file that
cannot be used, or an array that does not fit its task, becomes a sentence in `problems`. No Streamlit.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.runs import ARRAYS
from core.structure import Group
from explorer.figures.predictions import COLUMNS, ArraysError, Frame, TaskPanel, check_arrays, task_panel
from explorer.moments import History
from explorer.reading import examples
from explorer.samples import Arrays, SamplesError, Saved, inputs_of, predictions_at, read_all, read_image, saved

_MOST_PANELS = 1024
_SIDE = 256
_FILM_SIDES = ((40, 96), (100, 48))  # up to so many frames: pixels of their longer side
_SMALLEST = 24


@dataclass(frozen=True)
class Shown:
    """Panels of the tasks at a moment, or the frames of one; `where` says which image and, of panels, which moment."""

    where: str
    panels: tuple[TaskPanel, ...] = ()
    frames: tuple[Frame, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """All examples of a run that has no pictures: arrays [n, ...] by name, and what cannot be used."""

    where: str
    inputs: Arrays
    predictions: Arrays
    problems: tuple[str, ...] = ()


def image_count(history: History) -> int:
    """How many sample images the run keeps; 0 if none are known yet."""
    found = inputs_of(history) or next(iter(saved(history, "predictions")), None)
    return found[1].samples if found else 0


def panels_at(folder: Path, history: History, index: int, image: int, only: Group = ()) -> Shown:
    """Every task (or only some) on image number `image`, with the latest predictions up to the event at `index`."""
    inputs, predictions = inputs_of(history), predictions_at(history, index)
    problems: list[str] = []
    named = inputs or predictions
    where = f"{examples(history.header)[:-1]} {image + 1}" + (f" of the {named[1].split} split" if named else "")
    if predictions:
        event = predictions[1]
        where += f", after epoch {event.epoch} (phase {event.phase})"
    tasks = [task for task in history.order() if not only or task in only]
    panels = _panels(folder, history, tasks, (inputs, predictions), image, where, _SIDE, COLUMNS, problems)
    return Shown(where, tuple(panels), problems=tuple(problems))


def table_at(folder: Path, history: History, index: int) -> Table | None:
    """All examples with the latest predictions up to the event at `index`; None where there are pictures to show."""
    if any(task.kind not in ("class", "value") for task in history.header.tasks):
        return None
    inputs, predictions = inputs_of(history), predictions_at(history, index)
    arrays: list[Arrays] = []
    problems: list[str] = []
    for found in (inputs, predictions):
        try:
            arrays.append(read_all(folder, found[1].file) if found else {})
        except SamplesError as error:
            problems.append(str(error))
            arrays.append({})
    if "image" in arrays[0]:
        return None
    named = inputs or predictions
    number = named[1].samples if named else 0
    where = f"{number} examples" + (f" of the {named[1].split} split" if named else "")
    if predictions:
        where += f", after epoch {predictions[1].epoch} (phase {predictions[1].phase})"
    try:
        check_arrays(history.header, arrays[0], arrays[1])
    except ArraysError as error:
        problems.append(f"{' and '.join(found[1].file for found in (inputs, predictions) if found)}: {error}")
        arrays = [{}, {}]
    return Table(where, arrays[0], arrays[1], tuple(problems))


def frames_of(folder: Path, history: History, image: int, task: int) -> Shown:
    """The prediction of one task on image number `image` after every phase."""
    inputs, files = inputs_of(history), saved(history, "predictions")
    kind = examples(history.header)[:-1]
    side = next((side for most, side in _FILM_SIDES if len(files) <= most), _SMALLEST)
    frames, problems = [], list[str]()
    for found in files:
        where = f"{kind} {image + 1}, after epoch {found[1].epoch} (phase {found[1].phase})"
        made = _panels(folder, history, [task], (inputs, found), image, where, side, COLUMNS[2:3], problems)
        frames += [Frame(found[0], panel) for panel in made if panel.pictures or panel.bars or _says(panel)]
    return Shown(f"{kind} {image + 1}", frames=tuple(frames), problems=tuple(dict.fromkeys(problems)))


def _says(panel: TaskPanel) -> bool:
    return panel.scalar is not None and panel.scalar.prediction is not None


def _panels(
    folder: Path,
    history: History,
    tasks: Sequence[int],
    files: tuple[Saved | None, Saved | None],
    image: int,
    where: str,
    side: int,
    columns: Sequence[str],
    problems: list[str],
) -> list[TaskPanel]:
    """Panels of some tasks from the files of inputs and predictions; what goes wrong is added to `problems`."""
    stamps = tuple(_stamp(folder, found) for found in files)
    arrays: list[Arrays] = []
    for found in files:
        try:
            arrays.append(read_image(folder, found[1].file, image) if found else {})
        except SamplesError as error:
            problems.append(str(error))
            arrays.append({})
    panels = []
    for task in tasks:

        def make(task: int = task) -> TaskPanel:
            return task_panel(history.header, task, arrays[0], arrays[1], where, side, columns)

        try:
            panels.append(_kept_panel((folder, stamps, task, image, where, side, tuple(columns)), make))
        except ArraysError as error:
            problems.append(f"{' and '.join(found[1].file for found in files if found)}: {error}")
    return panels


_kept: "OrderedDict[tuple[object, ...], TaskPanel]" = OrderedDict()  # least recently used first
_lock = threading.Lock()


def _kept_panel(key: tuple[object, ...], make: Callable[[], TaskPanel]) -> TaskPanel:
    with _lock:
        if key not in _kept:
            _kept[key] = make()
            if len(_kept) > _MOST_PANELS:
                _kept.popitem(last=False)
        _kept.move_to_end(key)
        return _kept[key]


def _stamp(folder: Path, found: Saved | None) -> tuple[str, int, int] | None:
    """What changes when a file is written anew."""
    if found is None:
        return None
    path = folder / ARRAYS / found[1].file
    try:
        now = path.stat()
    except OSError:
        return path.name, 0, 0
    return path.name, now.st_mtime_ns, now.st_size
