"""Pure figures: run data -> `plotly.graph_objects.Figure`. Nothing here imports Streamlit.

    timeline.py    timeline_figure: phases, decisions, neuron events and the cursor
    sharing.py     sharing_figure: the sharing graph at a moment (geometry in layout.py)
    similarity.py  matrix_figure, scores_figure: one measurement and why its decision fell
    grid.py        grid_figure: all measurements of a run, stages × phases
    metrics.py     metrics_figure: every task over the epochs
    tables.py      the same facts as rows of tables (facts.py: in words)
    axis.py        the axis of a run that timeline and metrics share

Backgrounds and fonts are left to the theme of whoever shows them; task colours, marks and sizes come from
`explorer.theme`.
"""

from explorer.figures.grid import grid_figure
from explorer.figures.metrics import metrics_figure
from explorer.figures.sharing import sharing_figure
from explorer.figures.similarity import matrix_figure, scores_figure
from explorer.figures.timeline import timeline_figure

__all__ = [
    "grid_figure",
    "matrix_figure",
    "metrics_figure",
    "scores_figure",
    "sharing_figure",
    "timeline_figure",
]
