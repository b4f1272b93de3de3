"""Pictures of predictions that stay in place while the cursor moves, wrap on narrow screens and can be clicked.

The same as the figures of `explorer.figures.predictions`, in plain elements: every picture has a description of its
own, and every frame of a strip can be reached by keyboard.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st
import streamlit.components.v2 as components

from core.runs import RunHeader
from explorer import theme
from explorer.figures.predictions import COLUMNS, Bars, Frame, Picture, TaskPanel
from explorer.figures.predictions.film import current, frame_title, short
from explorer.focus import Focus
from explorer.moments import History

_GALLERY = components.component(
    "mtsl_explorer.gallery",
    html='<div class="gallery" role="group"></div>',
    css=(Path(__file__).parent / "gallery.css").read_text(encoding="utf-8"),
    js=(Path(__file__).parent / "gallery.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)

Json = dict[str, object]


def show_panels(
    header: RunHeader, panels: Sequence[TaskPanel], focus: Focus, label: str, on_pick: Callable[[int | str], None]
) -> None:
    """Show a row of pictures for each task; a click on its name picks the task."""
    images: list[str] = []
    rows = [_row(header, panel, focus, images) for panel in panels]
    _show("predictions-gallery", {"label": label, "images": images, "rows": rows}, on_pick)


def show_frames(
    history: History, frames: Sequence[Frame], index: int, label: str, on_pick: Callable[[int | str], None]
) -> None:
    """Show a strip of frames; a click on one goes to its moment."""
    structural = {phase.number for phase in history.phases if phase.role == "structural-learning"}
    now, images = current(frames, index), list[str]()
    shown = [
        _cell(picture, images)
        | {
            "name": frame_title(history, frame),
            "note": short(history.header, frame),
            "pick": str(frame.index),
            "now": frame is now,
            "later": frame.index > index,
            "structural": history.event(frame.index).phase in structural,
            "hint": f"{frame.panel.number}; go to this moment",
        }
        for frame in frames
        for picture in frame.panel.pictures[:1]
    ]
    _show("film-gallery", {"label": label, "images": images, "frames": shown}, on_pick)


def _show(key: str, data: Json, on_pick: Callable[[int | str], None]) -> None:
    def picked() -> None:
        found = st.session_state[key].get("picked")
        if found is not None:
            on_pick(found)

    _GALLERY(data=data, key=key, on_picked_change=picked)


def _row(header: RunHeader, panel: TaskPanel, focus: Focus, images: list[str]) -> Json:
    look = theme.looks(header)[panel.task]
    cells = [_cell(picture, images) | {"name": picture.column} for picture in panel.pictures]
    if panel.bars:
        cells.append(_bars(panel.bars, look.colour))
    return {
        "title": look.label,
        "letter": look.letter,
        "colour": look.colour,
        "on": look.on_colour,
        "mark": Focus(None, (panel.task,)).mark(),
        "picked": bool(focus.tasks) and panel.task in focus.tasks,
        "number": panel.number,
        "cells": cells,
        "keys": [{"colour": key.colour, "label": key.label, "hatched": key.hatched} for key in panel.keys],
        "ramps": [
            {"title": ramp.title, "low": ramp.low, "high": ramp.high, "colours": ramp.colours} for ramp in panel.ramps
        ],
    }


def _cell(picture: Picture, images: list[str]) -> Json:
    if picture.uri not in images:
        images.append(picture.uri)
    return {"image": images.index(picture.uri), "alt": picture.alt}


def _bars(bars: Bars, colour: str) -> Json:
    shown = {"labels": bars.labels, "values": bars.values, "truth": bars.truth, "colour": colour}
    return {"bars": shown, "name": f"{COLUMNS[2]}: probability of each class, ✓ is the truth", "alt": bars.alt}
