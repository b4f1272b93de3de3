"""Predictions on sample images as pictures: what the network sees, what is true, what it says, and where it is wrong.

scores.py  one number and one error map an image, for every kind of task
paint.py   arrays -> RGB -> PNG
panels.py  everything about one task and one image, ready to be shown
figure.py  predictions_figure: all tasks of one image
film.py    film_figure and classes_figure: one task over the phases
"""

from explorer.figures.predictions.figure import predictions_drawing, predictions_figure
from explorer.figures.predictions.film import Frame, classes_drawing, classes_figure, film_drawing, film_figure
from explorer.figures.predictions.panels import COLUMNS, ArraysError, Bars, Key, Picture, Ramp, TaskPanel, task_panel

__all__ = [
    "COLUMNS",
    "ArraysError",
    "Bars",
    "Frame",
    "Key",
    "Picture",
    "Ramp",
    "TaskPanel",
    "classes_drawing",
    "classes_figure",
    "film_drawing",
    "film_figure",
    "predictions_drawing",
    "predictions_figure",
    "task_panel",
]
