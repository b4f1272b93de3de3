"""Robustness as figures: what each task keeps under corruptions, shifts and attacks.

kept.py      the number that all of them draw: how much of its clean performance a task keeps, and in which order
heat.py      heat_figure: every corruption or shift × severity, one map a task
severity.py  severity_figure: the same as curves over the severity, one panel a kind
attacks.py   attacks_figure: curves over the strength; transfer_figure: who falls when whom is attacked
table.py     summary rows: degradation, corruption error, robustness relative to a reference
"""

from explorer.figures.robustness.attacks import attacks_drawing, attacks_figure, transfer_drawing, transfer_figure
from explorer.figures.robustness.heat import heat_drawing, heat_figure
from explorer.figures.robustness.severity import severity_drawing, severity_figure
from explorer.figures.robustness.table import summary_rows

__all__ = [
    "attacks_drawing",
    "attacks_figure",
    "heat_drawing",
    "heat_figure",
    "severity_drawing",
    "severity_figure",
    "summary_rows",
    "transfer_drawing",
    "transfer_figure",
]
