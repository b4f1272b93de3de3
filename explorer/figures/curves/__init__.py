"""Curves over the epochs of a run, one panel under the other, on the axis that the timeline has.

series.py    what is drawn: losses and metrics as points, smoothed, and compared with a baseline run
panels.py    panels that share the run's axis, with structural-learning phases as bands and the cursor as a line
delta.py     delta_figure: Δm against the baseline
effects.py   effects_figure: every task before and after each structural-learning phase
training.py  training_figure: alignment loss, learning rate and speed
"""

from explorer.figures.curves.delta import delta_drawing, delta_figure
from explorer.figures.curves.effects import effects_drawing, effects_figure
from explorer.figures.curves.training import training_drawing, training_figure

__all__ = [
    "delta_drawing",
    "delta_figure",
    "effects_drawing",
    "effects_figure",
    "training_drawing",
    "training_figure",
]
