"""How structures and predictions of a run are read, and what its network learns from. No Streamlit."""

from core.config import METHOD_SETTINGS
from core.runs import RunHeader

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


def is_routed(header: RunHeader) -> bool:
    """Whether a run's network is one of gated sub-networks."""
    return METHOD_SETTINGS.get(header.method) in ("snr", "mmoe")


def examples(header: RunHeader) -> str:
    """What a run learns from: images, or rows of a table."""
    return "examples" if header.data == "flights" else "images"
