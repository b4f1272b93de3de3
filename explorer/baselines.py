"""Which runs of the library a run can be compared with. No Streamlit."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from core.runs import HEADER, RunError, RunHeader, read_header
from explorer.figures.curves.series import comparable
from explorer.library import Entry
from explorer.names import get_name


def baselines(folder: Path, header: RunHeader, entries: Sequence[Entry]) -> dict[str, str]:
    """Ids of the runs outside `folder` that have every task and metric of the one in it, with what they are called."""
    found = {}
    for entry in entries:
        other = known_header(entry.folder)
        if entry.folder != folder and other is not None and comparable(header, other):
            found[entry.id] = f"{entry.folder.name} · {get_name(other.method)} on {other.data}"
    return found


def known_header(folder: Path) -> RunHeader | None:
    """The header of a run, None if it cannot be read; read again only if its file changed."""
    try:
        return _read(folder, (folder / HEADER).stat().st_mtime_ns)
    except (OSError, RunError):
        return None


@lru_cache(maxsize=512)
def _read(folder: Path, _changed: int) -> RunHeader:
    return read_header(folder)
