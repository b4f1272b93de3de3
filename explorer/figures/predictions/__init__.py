"""Predictions on sample images as pictures: what the network sees, what is true, what it says, and where it is wrong.

scores.py  one number and one error map an image, for every kind of task
paint.py   arrays -> RGB -> PNG
parts.py     what a panel is made of
painters.py  every kind of dense task as pictures
panels.py  everything about one task and one image, ready to be shown
figure.py  predictions_figure: all tasks of one image
film.py    film_figure, classes_figure and values_figure: one task over the phases
table.py   agreement_figure: all examples of a run without pictures, such as rows of a table
"""

from explorer.figures.predictions.figure import predictions_drawing, predictions_figure
from explorer.figures.predictions.film import (
    Frame,
    classes_drawing,
    classes_figure,
    film_drawing,
    film_figure,
    values_drawing,
    values_figure,
)
from explorer.figures.predictions.panels import task_panel
from explorer.figures.predictions.parts import COLUMNS, ArraysError, Bars, Key, Picture, Ramp, Scalar, TaskPanel
from explorer.figures.predictions.table import (
    agreement_drawing,
    agreement_figure,
    check_arrays,
    count,
    example_rows,
)

__all__ = [
    "COLUMNS",
    "ArraysError",
    "Bars",
    "Frame",
    "Key",
    "Picture",
    "Ramp",
    "Scalar",
    "TaskPanel",
    "agreement_drawing",
    "agreement_figure",
    "check_arrays",
    "classes_drawing",
    "classes_figure",
    "count",
    "example_rows",
    "film_drawing",
    "film_figure",
    "predictions_drawing",
    "predictions_figure",
    "task_panel",
    "values_drawing",
    "values_figure",
]
