"""Charts that stay in place while the cursor moves, and tell Python which point was clicked.

`st.plotly_chart` gives a chart a new identity whenever its figure changes, so it is taken down and built again, and
flashes at every step. This component keeps one drawing and updates it. Plotly's script is served from the installed
plotly package: nothing is fetched from elsewhere.
"""

from collections.abc import Callable
from pathlib import Path

import plotly
import plotly.graph_objects as go
import streamlit as st
import streamlit.components.v1 as folders
import streamlit.components.v2 as components

from explorer.figures import Drawing
from explorer.player.save import offer_drawing

_SCRIPT = (Path(__file__).parent / "chart.js").read_text(encoding="utf-8")
_CHART = components.component(
    "mtsl_explorer.chart",
    html='<div class="chart" role="img"></div>',
    css=".chart { width: 100%; overflow: hidden; }",
    js=_SCRIPT,
    isolate_styles=False,
)
# the older kind of component is only a folder that the server gives out; here it is the one with plotly's script
_PLOTLY = folders.declare_component("plotly", path=str(Path(plotly.__file__).parent / "package_data"))


def show_drawing(drawing: Drawing, name: str, on_pick: Callable[[int | str], None] | None = None) -> None:
    """Show a drawing, with a menu that takes it away in files called `name`; `on_pick` as in `show_chart`."""
    show_chart(drawing.figure, drawing.key, drawing.alt, name, on_pick)
    offer_drawing(drawing, name)


def show_chart(
    figure: go.Figure,
    key: str,
    alt: str,
    name: str = "",
    on_pick: Callable[[int | str], None] | None = None,
) -> None:
    """Show `figure` under the page's theme; `alt` describes it for screen readers.

    With a `name`, the chart can be saved as an SVG file of that name. `on_pick` is called with the number or text that
    the clicked point carries first in its `customdata`: the position of an event, or `Focus.mark()`.
    """

    def picked() -> None:
        found = st.session_state[key].get("picked")
        if on_pick is not None and found is not None:
            on_pick(found)

    data = {
        "figure": figure.to_json(validate=False),
        "alt": alt,
        "name": name,
        "save": bool(name),
        "script": f"{_base()}/component/{_PLOTLY.name}/plotly.min.js",
    }
    _CHART(data=data, key=key, height=int(figure.layout.height), on_picked_change=picked)


def _base() -> str:
    """The path below which the server gives out everything, "" for the root."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}" if base else ""
