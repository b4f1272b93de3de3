"""The sharing graphs of several runs side by side, each small and at its own moment."""

from collections.abc import Sequence
from dataclasses import replace

import plotly.graph_objects as go

from core.structure import Group
from explorer import theme, words
from explorer.figures import layout
from explorer.figures.compare.cells import texts
from explorer.figures.compare.members import Member
from explorer.figures.drawing import Drawing
from explorer.figures.layout import Box
from explorer.figures.sharing import sharing_drawing
from explorer.theme import Properties, TaskLook

_MOST, _LEAST = 430, 250
_ROW, _AROUND = 32, 96
_LETTER = 0.04  # share of all columns that a letter needs in a third of a page


def side_drawing(member: Member) -> Drawing:
    """The sharing graph of a member at its moment, small enough to stand beside others."""
    drawing = sharing_drawing(member.history, member.snapshot)
    return replace(
        drawing,
        key=f"sharing-{member.letter.lower()}",
        title=f"Sharing graph of {member.label}",
        figure=_small(drawing.figure, member),
    )


def _small(figure: go.Figure, member: Member) -> go.Figure:
    """The figure with less height, letters for the names of tasks, and letters only where they have room."""
    header, order = member.header, member.history.order()
    looks = theme.looks(header)
    boxes = layout.boxes(member.snapshot.graph, order, max(stage.neurons for stage in header.stages))
    roomy = [box for box in boxes if _has_room(box, looks)]
    crowded = [box for box in boxes if len(box.tasks) > 1 and not _has_room(box, looks)]
    changed = {"letters": _inside(roomy, looks), "beside": _beside(crowded, looks)}
    plain: Properties = figure.to_plotly_json()
    traces, frame = plain["data"], plain["layout"]
    assert isinstance(traces, list | tuple)
    assert isinstance(frame, dict)
    names = [words.stage_name(header, stage) for stage in range(len(header.stages))]
    frame["height"] = min(max(_ROW * (len(names) + 2) + _AROUND, _LEAST), _MOST)
    frame["xaxis"] |= {"ticktext": [f"<b>{looks[task].letter}</b>" for task in order], "tickangle": 0}
    frame["yaxis"] |= {"ticktext": ["image", *(f"<b>{name}</b>" for name in names), "heads"]}
    frame["yaxis"]["title"] = {**frame["yaxis"]["title"], "text": "stage"}
    return go.Figure({"data": [changed.get(trace.get("name"), trace) for trace in traces], "layout": frame})


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
