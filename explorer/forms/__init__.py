"""Settings forms built from the config records, so that no label, limit or default is written twice.

controls.py   what the widget of a field is: kind, label, help, limits, unit, choices, default (no streamlit)
names.py      what the choices are called
widgets.py    draws them with Streamlit and gives back plain values
"""

from explorer.forms.controls import Control, control, controls, records, variants, words
from explorer.forms.widgets import choice_bar, field_input, record_form, variant_form

__all__ = [
    "Control",
    "choice_bar",
    "control",
    "controls",
    "field_input",
    "record_form",
    "records",
    "variant_form",
    "variants",
    "words",
]
