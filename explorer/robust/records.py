"""What was measured of the robustness of a run: its records, read once and read on as they grow. No Streamlit."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from core.events import RobustnessMeasured
from core.lines import Lines
from core.robustness.records import RECORDS, Family, Record, Suite, read_records, suites
from core.runs import RunError

_MOST_OPEN = 16


@dataclass
class _Kept:
    """Records of one run; `stamp` is the identity of their file, `count` how many `suites` were made of."""

    stamp: tuple[int, int] | None
    lines: Lines[Record]
    count: int = -1
    suites: tuple[Suite, ...] = field(default=())


_open: "OrderedDict[Path, _Kept]" = OrderedDict()  # least recently used first
_lock = threading.Lock()


def measured(folder: Path) -> tuple[Suite, ...]:
    """Everything that was measured of a run so far, by its conditions. Raises `RunError` for a file that is damaged."""
    try:
        found = (folder / RECORDS).stat()
        stamp = (found.st_dev, found.st_ino)
    except OSError:
        return ()
    with _lock:
        kept = _open.get(folder)
        if kept is None or kept.stamp != stamp or found.st_size < kept.lines.whole_bytes():
            kept = _open[folder] = _Kept(stamp, read_records(folder))
        else:
            kept.lines.refresh()
        if kept.count != len(kept.lines.records):
            kept.count = len(kept.lines.records)
            kept.suites = suites(kept.lines.records)
        _open.move_to_end(folder)
        if len(_open) > _MOST_OPEN:
            _open.popitem(last=False)
        return kept.suites


def families(found: tuple[Suite, ...]) -> list[Family]:
    """The families that were measured, in the order of the page."""
    known = {suite.conditions.family for suite in found if suite.settings}
    order: tuple[Family, ...] = ("corruption", "shift", "attack")
    return [family for family in order if family in known]


def latest(found: tuple[Suite, ...], family: Family, epoch: int) -> Suite | None:
    """The suite of a family that shows the network at an epoch: of weights not later if there are any, else the first.

    Of several that stand at the same place, the one with most images counts.
    """
    of_family = [suite for suite in found if suite.conditions.family == family and suite.settings]
    if not of_family:
        return None
    past = [suite for suite in of_family if _epoch(suite) <= epoch]
    if past:
        return max(past, key=lambda suite: (_epoch(suite), suite.conditions.samples))
    return min(of_family, key=lambda suite: (_epoch(suite), -suite.conditions.samples))


def reference_for(suite: Suite, folder: Path) -> Suite | None:
    """What another run has that can be compared with `suite`; None if there is nothing."""
    try:
        found = measured(folder)
    except RunError:
        return None
    fitting = [other for other in found if other.settings and suite.comparable(other)]
    return max(fitting, key=_epoch, default=None)


def previews(suite: Suite, name: str) -> list[RobustnessMeasured]:
    """The settings of one corruption, shift or attack that keep pictures, rising, after the clean one."""
    clean = [suite.clean] if suite.clean is not None and suite.clean.file else []
    return [*clean, *sorted((s for s in suite.settings if s.name == name and s.file), key=lambda s: s.severity)]


def _epoch(suite: Suite) -> int:
    return suite.settings[0].epoch
