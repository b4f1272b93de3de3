"""Everything about one task and one image: the pictures with their descriptions, the number, scales and legend."""

from collections.abc import Mapping, Sequence

from core.runs import RunHeader
from explorer import words
from explorer.figures.predictions import paint, scores
from explorer.figures.predictions.painters import PAINTERS
from explorer.figures.predictions.parts import COLUMNS, ArraysError, Bars, Picture, Scalar, TaskPanel, class_names
from explorer.figures.predictions.scores import Array

_SIDE = 256


def task_panel(
    header: RunHeader,
    task: int,
    inputs: Mapping[str, Array],
    predictions: Mapping[str, Array],
    where: str,
    side: int = _SIDE,
    columns: Sequence[str] = COLUMNS,
) -> TaskPanel:
    """The panel of a task from the arrays of one image by name; what is missing is left out.

    `where` says which image and which moment it is, for the descriptions; pictures are about `side` pixels large, and
    only those of `columns` are made. Raises `ArraysError` for arrays that do not fit the kind of the task.
    """
    info = header.tasks[task]
    truth = inputs.get(info.name)
    if truth is None and info.kind == "reconstruction":
        truth = inputs.get("image")
    prediction, image = predictions.get(info.name), inputs.get("image")
    _check(info.name, info.kind, truth, prediction, image)
    pictures: dict[str, tuple[paint.Picture, scores.Mask | None]] = {}
    if image is not None:
        pictures["Input"] = (paint.rgb(image), None)
    if info.kind == "class":
        bars, value, number = _class(header, task, truth, prediction, where)
        return TaskPanel(task, _made(pictures, side, columns, f"{info.label}, {where}", ""), bars, value, number)
    if info.kind == "value":
        scalar, value, number = _value(header, task, truth, prediction)
        made = _made(pictures, side, columns, f"{info.label}, {where}", "")
        return TaskPanel(task, made, None, value, number, scalar=scalar)
    found = PAINTERS[info.kind](header, task, truth, prediction, image)
    for column, picture in zip(COLUMNS[1:], (found.truth, found.prediction, found.error), strict=True):
        if picture is not None:
            pictures[column] = (picture, found.hatch if column == "Error" else None)
    made = _made(pictures, side, columns, f"{info.label}, {where}", found.number)
    return TaskPanel(task, made, None, found.value, found.number, found.keys, found.ramps)


def _made(
    pictures: Mapping[str, tuple[paint.Picture, scores.Mask | None]],
    side: int,
    columns: Sequence[str],
    what: str,
    number: str,
) -> tuple[Picture, ...]:
    return tuple(
        Picture(
            column,
            paint.png(paint.enlarged(picture, side, hatch)),
            f"{what}: {column.lower()}" + (f", {number}" if number and column in COLUMNS[2:] else ""),
        )
        for column, (picture, hatch) in pictures.items()
        if column in columns
    )


def _check(name: str, kind: str, truth: Array | None, prediction: Array | None, image: Array | None) -> None:
    dims = {"class": 0, "value": 0, "normals": 3, "reconstruction": 3}.get(kind, 2)
    wanted = ("one number", "[classes]", "[H, W]", "[H, W, C]")
    for role, array, expected in (
        ("image", image, 3),
        (f"{name} (truth)", truth, dims),
        (f"{name} (prediction)", prediction, 1 if kind == "class" else dims),
    ):
        wrong = array is not None and array.ndim != expected
        if array is not None and expected == 3 and not wrong:
            wrong = array.shape[-1] not in ((3,) if kind == "normals" and role != "image" else (1, 3))
        if array is not None and wrong:
            raise ArraysError(f"`{role}` should be {wanted[expected]} for an image. Found {list(array.shape)}.")
    same = {array.shape[:2] for array in (truth, prediction, image) if array is not None}
    if dims and len(same) > 1:
        raise ArraysError(f"`{name}`: image, truth and prediction should be of one size. Found {sorted(same)}.")


def _class(
    header: RunHeader, task: int, truth: Array | None, prediction: Array | None, where: str
) -> tuple[Bars | None, float | None, str]:
    names = class_names(header, task)
    right = None if truth is None else int(truth)
    said = "" if right is None else f"truth {_label(names, right)}"
    if prediction is None:
        return None, None, said
    values = tuple(float(value) for value in prediction)
    labels = tuple(_label(names, label) for label in range(len(values)))
    bars = Bars(labels, values, right if right is not None and right < len(values) else None, "")
    likely = bars.likely
    number = f"says {labels[likely]} ({100 * values[likely]:.0f} %)"
    value = None
    if bars.truth is not None:
        value = values[bars.truth]
        verdict = "right" if likely == bars.truth else f"wrong, gives the truth {100 * value:.0f} %"
        number = f"{said} · {number}, {verdict}"
    alt = f"{header.tasks[task].label}, {where}: probability of each class; {number}"
    return Bars(labels, values, bars.truth, alt), value, number


def _label(names: Sequence[str] | None, label: int) -> str:
    return names[label] if names is not None and label < len(names) else str(label)


def _value(
    header: RunHeader, task: int, truth: Array | None, prediction: Array | None
) -> tuple[Scalar, float | None, str]:
    unit = header.tasks[task].metrics[0].unit
    true, says = (None if array is None else float(array) for array in (truth, prediction))
    parts = [] if true is None else [f"truth {words.value(true, unit)}"]
    parts += [] if says is None else [f"says {words.value(says, unit)}"]
    error = None if true is None or says is None else abs(says - true)
    if error is not None and true is not None and says is not None:
        parts.append(f"{words.value(error, unit)} too {'much' if says > true else 'little'}" if error else "exact")
    return Scalar(true, says, unit), error, " · ".join(parts)
