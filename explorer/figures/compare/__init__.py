"""Several runs at one cursor: figures and numbers for two to six runs. Pure: nothing here imports Streamlit.

members.py     the runs, their letters and dashes, and where each stands (locks)
sharing.py     common ground of runs, who shares what, differences, agreement
cells.py       geometry of two structures laid over each other
difference.py  difference_figure: nodes of both, of the first only, of the second only
pairs.py       pairs_figure: stages × pairs, in which runs they share; agreement_figure: every two runs
side.py        the sharing graphs side by side
scores.py      metrics at a moment, gains over a baseline, Δm, speed
table.py       the same as rows, the best marked (seeds.py: mean and standard deviation over seeds)
gains.py       gains_figure: every run against the baseline, task by task
front.py       the Pareto front
quality.py     quality_figure: quality against size
curves.py      curves_figure: one measure of every run over the epochs
traces.py      traces that these figures share
"""

from explorer.figures.compare.curves import curves_drawing, curves_figure
from explorer.figures.compare.difference import difference_drawing, difference_figure, difference_sentence
from explorer.figures.compare.gains import gains_drawing, gains_figure
from explorer.figures.compare.members import MOST_RUNS, Lock, Member, gather, where
from explorer.figures.compare.pairs import agreement_drawing, agreement_figure, pairs_drawing, pairs_figure
from explorer.figures.compare.quality import SIZES, Size, quality_drawing, quality_figure
from explorer.figures.compare.scores import default_baseline, measure_title, other_conditions
from explorer.figures.compare.seeds import seed_rows
from explorer.figures.compare.sharing import common_ground, comparable
from explorer.figures.compare.side import side_drawing
from explorer.figures.compare.table import BEST, table_rows

__all__ = [
    "BEST",
    "MOST_RUNS",
    "SIZES",
    "Lock",
    "Member",
    "Size",
    "agreement_drawing",
    "agreement_figure",
    "common_ground",
    "comparable",
    "curves_drawing",
    "curves_figure",
    "default_baseline",
    "difference_drawing",
    "difference_figure",
    "difference_sentence",
    "gains_drawing",
    "gains_figure",
    "gather",
    "measure_title",
    "other_conditions",
    "pairs_drawing",
    "pairs_figure",
    "quality_drawing",
    "quality_figure",
    "seed_rows",
    "side_drawing",
    "table_rows",
    "where",
]
