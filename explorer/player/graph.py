"""The sharing graph as a film on a canvas, which glides to the cursor, plays by itself and can be scrubbed."""

from pathlib import Path
from typing import Any

import streamlit as st
import streamlit.components.v2 as components

from explorer.figures.sharing import ALT, graph_height
from explorer.films import film_of
from explorer.player import play
from explorer.player.bar import Scene, jump, pick

SCRIPT = (Path(__file__).parent / "graph.js").read_text(encoding="utf-8")
"""The drawing and the player, an ES module that exports `mountGraph`; standalone pages use it too."""

_HOST = (Path(__file__).parent / "graph_host.js").read_text(encoding="utf-8")
_GRAPH = components.component(
    "mtsl_explorer.graph", html='<div class="graph"></div>', js=SCRIPT + _HOST, isolate_styles=False
)
_BELOW = 40  # pixels of the scrub bar
_HEARD, _FAILED = "_heard", "_graph_failed"


def graph_works() -> bool:
    """Whether this session's browser can draw the graph; if not, the still figure stands in for it."""
    return not st.session_state.get(_FAILED)


def show_graph(scene: Scene, key: str = "sharing") -> None:
    """Draw the graph at the scene's moment. It moves the cursor when it comes to rest, and picks what is clicked."""
    view, history, index = scene.view, scene.history, scene.snapshot.index
    packed = film_of(history, view.grain, index)
    height = graph_height(history.header, view.orient)
    focus = {"stage": view.stage, "tasks": list(view.tasks)} if view.focus else None

    def reported() -> None:
        found = st.session_state[key].get("cursor")
        if found is not None:
            _take(scene, found)

    def picked() -> None:
        found = st.session_state[key].get("picked")
        if isinstance(found, str):
            pick(found)

    def failed() -> None:
        st.session_state[_FAILED] = True

    data = {
        "run": view.run,
        "key": packed.key,
        "film": packed.text,
        "alt": ALT,
        "height": height,
        "orient": view.orient,
        "moment": index,
        "playing": play.playing(),
        "loose": play.loose(),
        "speed": view.speed,
        "focus": focus,
        "heard": st.session_state.get(_HEARD, 0),
    }
    _GRAPH(
        data=data,
        key=key,
        height=height + _BELOW,
        on_cursor_change=reported,
        on_picked_change=picked,
        on_failed_change=failed,
    )


def _take(scene: Scene, found: dict[str, Any]) -> None:
    """Take over what the graph reported: where it rests, or that it began to play."""
    index = min(max(int(found["index"]), 0), len(scene.history) - 1)
    st.session_state[_HEARD] = int(found["n"])
    if found["playing"]:
        play.start(scene.history, index, in_browser=True)
    else:
        jump(index)
