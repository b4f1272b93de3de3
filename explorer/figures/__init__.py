"""Pure figures: run data -> `plotly.graph_objects.Figure`. Nothing here imports Streamlit.

    timeline.py    timeline_figure: phases, decisions, neuron events and the cursor
    sharing.py     sharing_figure: the sharing graph at a moment (geometry in layout.py)
    film.py        Film: a whole run as differences from stop to stop (camera.py takes it), for player and animations
    similarity.py  matrix_figure, scores_figure: one measurement and why its decision fell
    grid.py        grid_figure: all measurements of a run, stages × phases
    metrics.py     metrics_figure: every task over the epochs
    tables.py      the same facts as rows of tables (facts.py: in words)
    rows.py        a row of a table, and CSV
    axis.py        the axis of a run that timeline and metrics share
    drawing.py     Drawing: a figure with title, caption, alt text and data, as pages show and export it

Every module has `…_figure`, the bare picture, and `…_drawing`, the same with all that goes with it.

Backgrounds and fonts are left to the theme of whoever shows them; task colours, marks and sizes come from
`explorer.theme`.
"""

from explorer.figures.drawing import Drawing
from explorer.figures.grid import grid_drawing, grid_figure
from explorer.figures.metrics import metrics_drawing, metrics_figure
from explorer.figures.sharing import sharing_drawing, sharing_figure
from explorer.figures.similarity import matrix_drawing, matrix_figure, scores_drawing, scores_figure
from explorer.figures.timeline import timeline_drawing, timeline_figure

__all__ = [
    "Drawing",
    "grid_drawing",
    "grid_figure",
    "matrix_drawing",
    "matrix_figure",
    "metrics_drawing",
    "metrics_figure",
    "scores_drawing",
    "scores_figure",
    "sharing_drawing",
    "sharing_figure",
    "timeline_drawing",
    "timeline_figure",
]
