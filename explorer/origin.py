"""Where a forked run comes from, in words. No Streamlit."""

from core.events import PhaseStarted
from core.runs import RunHeader


def forked_here(event: PhaseStarted, header: RunHeader) -> str:
    """What is said at the phase where a run leaves its parent, with a space before it; "" at any other."""
    parent = header.parent
    if parent is None or parent.phase != event.phase:
        return ""
    changes = f" with {', '.join(parent.changes)}" if parent.changes else ", with nothing changed"
    return f" Here this run was forked from {parent.run}{changes}."
