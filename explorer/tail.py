"""The last events of a run, found from the end of its file, so that a look at hundreds of long runs stays cheap.

Lines are only searched for their kind; those that are wanted are parsed. No Streamlit here.
"""

import re
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from core.events import AnyEvent, parse_event
from core.runs import RunError

_CHUNK = 1 << 16


def last_events(path: Path, size: int, kinds: Collection[str]) -> tuple[AnyEvent | None, dict[str, AnyEvent]]:
    """The last event in the first `size` bytes of a file of events, and the last one of each of `kinds` that occurs.

    A cut last line is left out. Raises `RunError` for one of these lines that is no event, `OSError` if the file
    cannot be read.
    """
    last: AnyEvent | None = None
    found: dict[str, AnyEvent] = {}
    for line in _lines_backwards(path, size):
        kind = next((kind for kind in kinds if kind not in found and _names(kind).search(line)), None)
        if last is not None and kind is None:
            continue
        event = _parsed(line, path)
        last = last or event
        if event.kind in kinds:
            found.setdefault(event.kind, event)
        if len(found) == len(kinds):
            break
    return last, found


def _lines_backwards(path: Path, size: int) -> Iterator[bytes]:
    """The whole lines in the first `size` bytes, the last one first."""
    with path.open("rb") as file:
        end, rest, cut = size, b"", True
        while end > 0:
            begin = max(0, end - _CHUNK)
            file.seek(begin)
            data = file.read(end - begin) + rest
            end = begin
            if cut:
                whole = data.rfind(b"\n") + 1
                cut, data = not whole, data[:whole] if whole else data
            if begin:
                head, newline, body = data.partition(b"\n")
                rest = head + newline  # its first line may begin further to the front
            else:
                body = b"" if cut else data
            if not cut:
                yield from reversed(body.splitlines())


@cache
def _names(kind: str) -> re.Pattern[bytes]:
    """What a line of this kind holds; quotes inside of texts are escaped, so no text looks like it."""
    return re.compile(rb'"kind"\s*:\s*"' + kind.encode() + b'"')


def _parsed(line: bytes, path: Path) -> AnyEvent:
    try:
        return parse_event(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise RunError(f"{path}: field `{'.'.join(map(str, first['loc']))}`: {first['msg']}.") from None
