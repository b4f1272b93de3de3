"""The sharing graphs of several runs side by side, each small and at its own moment."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from core.structure import Group
from explorer import theme, words
from explorer.figures import layout
from explorer.figures.compare.cells import texts
from explorer.figures.compare.members import Member
from explorer.figures.drawing import Drawing
from explorer.figures.layout import Box
from explorer.figures.sharing import sharing_drawing
from explorer.moments import History
from explorer.theme import Properties, TaskLook

_MOST, _LEAST = 430, 250
_ROW, _AROUND = 32, 96
_LETTER = 0.04  # share of all columns that a letter needs in a third of a page


def side_drawing(member: Member) -> Drawing:
    """The sharing graph of a member at its moment, small enough to stand beside others."""
    drawing = _small(member.history, len(member.history), member.index)
    name = f"sharing-{member.letter.lower()}"
    return replace(drawing, key=name, title=f"Sharing graph of {member.label}")


@lru_cache(maxsize=64)  # the other runs stand still at most steps; nobody changes the figure of a drawing
def _small(history: History, n_events: int, index: int) -> Drawing:
    """The sharing graph with less height, letters for the names of tasks, and letters only where they have room.

    `n_events` tells apart the states of a run that grows: the order of its tasks follows from its last structure.
    """
    snapshot, header, order = history.snapshot(index), history.header, history.order()
    drawing = sharing_drawing(history, snapshot)
    looks = theme.looks(header)
    boxes = layout.boxes(snapshot.graph, order, max(stage.neurons for stage in header.stages))
    roomy = [box for box in boxes if _has_room(box, looks)]
    crowded = [box for box in boxes if len(box.tasks) > 1 and not _has_room(box, looks)]
    changed = {"letters": _inside(roomy, looks), "beside": _beside(crowded, looks)}
    for trace in drawing.figure.data:
        if trace.name in changed:
            trace.update(changed[trace.name])
    frame = drawing.figure.layout
    names = [words.stage_name(header, stage) for stage in range(len(header.stages))]
    frame.height = min(max(_ROW * (len(names) + 2) + _AROUND, _LEAST), _MOST)
    frame.xaxis.update(ticktext=[f"<b>{looks[task].letter}</b>" for task in order], tickangle=0)
    frame.yaxis.update(ticktext=["image", *(f"<b>{name}</b>" for name in names), "heads"])
    frame.yaxis.title.text = "stage"
    return drawing


def _inside(boxes: Sequence[Box], looks: Sequence[TaskLook]) -> Properties:
    found = [(box, task) for box in boxes for task in box.tasks]
    font: Properties = {"size": theme.SMALL_TEXT - 1, "color": [looks[task].on_colour for _, task in found]}
    return texts([(box.middle(task), box.y, f"<b>{looks[task].letter}</b>") for box, task in found], "letters", font)


def _beside(boxes: Sequence[Box], looks: Sequence[TaskLook]) -> Properties:
    spots = [(box.x + box.width / 2 + 0.05, box.y, _said(box.tasks, looks)) for box in boxes]
    return texts(spots, "beside", {"size": theme.SMALL_TEXT - 1}) | {"textposition": "middle right"}


def _said(tasks: Group, looks: Sequence[TaskLook]) -> str:
    if len(tasks) == len(looks):
        return "all"
    return "+".join(looks[task].letter for task in tasks) if len(tasks) <= 3 else f"{len(tasks)} tasks"


def _has_room(box: Box, looks: Sequence[TaskLook]) -> bool:
    longest = max(len(looks[task].letter) for task in box.tasks)
    return box.width / len(box.tasks) >= _LETTER * len(looks) * longest
