"""A file of typed lines that grows while it is read: one record of JSON a line, appended and flushed (no torch).

A cut last line waits for its rest; any other bad line is an error that names file, line and field. A file that went
back to an earlier state (its writer resumed from a checkpoint) is read anew.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

from pydantic import ValidationError

Record = TypeVar("Record")


class RunError(ValueError):
    """A run folder that cannot be read; the message names the file, the line and what is wrong."""


@dataclass
class Lines(Generic[Record]):
    """The records of a file as far as they have been read; `refresh` reads what was appended since.

    `generation` counts up when the file went back, so that whoever cached something from `records` knows.
    """

    path: Path
    parse: Callable[[bytes], Record]
    """One line to its record; raises pydantic's `ValidationError`."""
    records: list[Record] = field(default_factory=list)
    generation: int = 0
    _offset: int = 0
    _tail: bytes = b""

    def refresh(self) -> list[Record]:
        """Read the records appended since the last call; none if there is no file.

        Raises `RunError` naming file, line and field for anything that is no record.
        """
        try:
            with self.path.open("rb") as file:
                if self._went_back(file):
                    self.records, self._offset, self._tail = [], 0, b""
                    self.generation += 1
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        new = [self._record(line, number) for number, line in enumerate(whole.splitlines(), len(self.records) + 1)]
        self.records.extend(new)
        self._offset += len(whole)
        if whole:
            self._tail = whole.splitlines(keepends=True)[-1]
        return new

    def whole_bytes(self) -> int:
        """How many bytes the whole lines read so far take up."""
        return self._offset

    def _went_back(self, file: BinaryIO) -> bool:
        """Whether the file no longer holds, just before our offset, the line that we read last."""
        file.seek(max(0, self._offset - len(self._tail)))
        return file.read(len(self._tail)) != self._tail

    def _record(self, line: bytes, number: int) -> Record:
        try:
            return self.parse(line)
        except ValidationError as error:
            raise RunError(f"{self.path}, line {number}: {problem(error)}") from None


def problem(error: ValidationError) -> str:
    """The first problem of a validation error on one line, with its field."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    rest = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"field `{place}`: {first['msg']}{rest}." if place else f"{first['msg']}{rest}."
