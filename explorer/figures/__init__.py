"""Pure figures: run data -> `plotly.graph_objects.Figure`. Nothing here imports Streamlit.

    timeline.py    timeline_figure: phases, decisions, neuron events and the cursor
    sharing.py     sharing_figure: the sharing graph at a moment (geometry in layout.py)
    film.py        Film: a whole run as differences from stop to stop (camera.py takes it), for player and animations
    similarity.py  matrix_figure, scores_figure: one measurement and why its decision fell
    dendrogram.py  dendrogram_figure: the same measurement as a tree of clusters
    affinity.py    affinity_figure, affinities_figure: which tasks help each other as they train
    task_groups.py groups_figure: who steps together
    pairs.py       pairs_figure: each pair of tasks over the structural phases
    grid.py        grid_figure: all measurements of a run, stages × phases (coarse.py: those of a long run)
    gates.py       gates_figure: who reads which sub-network, of networks with gates
    policies.py    policies_figure: what every task shares, owns or skips, of AutoMTL
    what_if.py     what_if_figure, recorded_figure: the tree of another threshold or rule beside the recorded one
    flips.py       flips_figure: at which thresholds decisions and tree change
    metrics.py     metrics_figure: every task over the epochs
    curves/        its parts, and delta_figure, effects_figure, training_figure on the same axis
    predictions/   predictions_figure, film_figure, classes_figure: sample images and what the network says
    tables.py      the same facts as rows of tables (facts.py: in words)
    axis.py        the axis of a run that timeline and metrics share
    compare/       several runs at one cursor (own list of modules there)
    drawing.py     Drawing: a figure with title, caption, alt text and data, as pages show and export it

Every module has `…_figure`, the bare picture, and `…_drawing`, the same with all that goes with it.

Backgrounds and fonts are left to the theme of whoever shows them; task colours, marks and sizes come from
`explorer.theme`.
"""

from explorer.figures.affinity import (
    affinities_drawing,
    affinities_figure,
    affinity_drawing,
    affinity_figure,
)
from explorer.figures.curves import (
    delta_drawing,
    delta_figure,
    effects_drawing,
    effects_figure,
    training_drawing,
    training_figure,
)
from explorer.figures.dendrogram import dendrogram_drawing, dendrogram_figure
from explorer.figures.drawing import Drawing
from explorer.figures.flips import flips_drawing, flips_figure
from explorer.figures.grid import grid_drawing, grid_figure
from explorer.figures.metrics import metrics_drawing, metrics_figure
from explorer.figures.pairs import pairs_drawing, pairs_figure
from explorer.figures.sharing import sharing_drawing, sharing_figure
from explorer.figures.similarity import matrix_drawing, matrix_figure, scores_drawing, scores_figure
from explorer.figures.task_groups import groups_drawing, groups_figure
from explorer.figures.timeline import timeline_drawing, timeline_figure
from explorer.figures.what_if import recorded_drawing, recorded_figure, what_if_drawing, what_if_figure

__all__ = [
    "Drawing",
    "affinities_drawing",
    "affinities_figure",
    "affinity_drawing",
    "affinity_figure",
    "delta_drawing",
    "delta_figure",
    "dendrogram_drawing",
    "dendrogram_figure",
    "effects_drawing",
    "effects_figure",
    "flips_drawing",
    "flips_figure",
    "grid_drawing",
    "grid_figure",
    "groups_drawing",
    "groups_figure",
    "matrix_drawing",
    "matrix_figure",
    "metrics_drawing",
    "metrics_figure",
    "pairs_drawing",
    "pairs_figure",
    "recorded_drawing",
    "recorded_figure",
    "scores_drawing",
    "scores_figure",
    "sharing_drawing",
    "sharing_figure",
    "timeline_drawing",
    "timeline_figure",
    "training_drawing",
    "training_figure",
    "what_if_drawing",
    "what_if_figure",
]
