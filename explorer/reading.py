"""How structures and predictions of a run are read, and what its network learns from. No Streamlit."""

from typing import get_args

from core.config import METHOD_SETTINGS, Method
from core.runs import RunHeader
from explorer.names import get_name

_READING = (
    "Each task is one strand from the image to its head; a box is a stage, shared by the tasks whose letters it shows, "
    "and the wider, the more neurons. "
)
_READING_MTSL = (
    "Dashed: a group node being born. Dots: what task nodes know flows into it, the "
    "thicker, the larger the task's part of the distillation loss. Strong outline: new in this phase. "
    "Dotted and crossed: removed in this phase."
)
_READING_AUTOMTL = (
    "While policies are learned, a strand is the stronger, the likelier the task goes that way; dotted boxes without "
    "filling are skips."
)
_READING_ROUTED = (
    "Boxes side by side are parallel sub-networks; a strand is the stronger, the wider its gate is open. What no open "
    "gate leads to is left out, as in the network that serves."
)

FILM = (
    "What the network says after every phase; hatched: after a structural phase. The one at the cursor is framed, pale "
    "ones come later. Click one to go there; pick another task above."
)
CLASSES = (
    "Probability of every class after every phase, to the right; the framed one is the truth. The filled triangle is "
    "the phase at the cursor. Click a triangle to go there; pick another task above."
)
VALUES = (
    "What the network says of this example after every phase; the dotted line is the truth. The ringed point is the "
    "phase at the cursor, hollow ones come later. Click one to go there; pick another task above."
)
"""How to read one task over the phases: its pictures, its probabilities, its values."""


def reading(header: RunHeader) -> str:
    """How to read the sharing graph of a run."""
    if header.method == "automtl":
        return _READING + _READING_AUTOMTL
    return _READING + (_READING_ROUTED if is_routed(header) else _READING_MTSL)


def no_decisions(header: RunHeader) -> str:
    """Why there are no decisions to ask about."""
    if where := _elsewhere(header):
        return f"{get_name(header.method)} takes no grouping decisions by similarity. {where}"
    return (
        "This run has no similarity decisions so far, so there is nothing to ask. MTSL decides in "
        "structural-learning phases; open one of its runs, or train one on the **Train** page."
    )


def no_similarity(header: RunHeader) -> str:
    """Why there is no similarity to show."""
    if where := _elsewhere(header):
        return f"{get_name(header.method)} measures no similarity between tasks. {where}"
    return "No similarity was measured in this run so far. MTSL measures it in structural-learning phases."


def around_phases(header: RunHeader) -> str:
    """How to read the bars around structural-learning phases; "" where a method has no such phases."""
    if header.method == "automtl":
        return (
            "How the key metric of each task changed from the last evaluation before policy training to the first and, "
            "hatched, the second after it; up is better. Between the two, the chosen network takes over."
        )
    if header.method in get_args(Method) and header.method != "mtsl":
        return ""
    return (
        "How the key metric of each task changed from the last evaluation before a structural phase to the first and, "
        "hatched, the second after it; up is better. Hollow bars: nothing fused. This is not a causal effect: the "
        "tasks also trained between the two evaluations, and phases in which nothing fused show what that alone does."
    )


def _elsewhere(header: RunHeader) -> str:
    """Where the structure of a run that learns it otherwise comes from."""
    if header.method == "automtl":
        return "Its policies, on the **Structure** page, say what each task shares, owns or skips."
    if is_routed(header):
        return "Its gates, on the **Structure** page, say which sub-networks a task uses."
    return ""


def learns_otherwise(header: RunHeader) -> bool:
    """Whether a run's network is learned in another way than MTSL's, so that its numbers fit no step of MTSL."""
    return header.method == "automtl" or is_routed(header)


def is_routed(header: RunHeader) -> bool:
    """Whether a run's network is one of gated sub-networks."""
    return METHOD_SETTINGS.get(header.method) in ("snr", "mmoe")


def examples(header: RunHeader) -> str:
    """What a run learns from: images, or rows of a table."""
    return "examples" if header.data == "flights" else "images"
