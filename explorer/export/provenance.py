"""Where a run comes from: settings, seed, versions, times and the hashes of its files."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import JsonValue

from core.runs import EVENTS, HEADER, RunHeader
from core.tables import Row


def sha256(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal; "" if there is no such file."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def provenance_rows(header: RunHeader, folder: Path) -> list[Row]:
    """What identifies a run, one fact a row."""
    facts = {
        "run": folder.name,
        "method": header.method,
        "data": header.data,
        "seed": str(header.seed),
        "created": header.created or "not recorded",
        "schema version": str(header.schema_version),
        f"SHA-256 of {HEADER}": sha256(folder / HEADER),
        f"SHA-256 of {EVENTS}": sha256(folder / EVENTS),
    }
    return [{"What": what, "Value": value} for what, value in facts.items()]


def version_rows(header: RunHeader) -> list[Row]:
    """The versions of the packages that trained the run."""
    return [{"Package": name, "Version": version} for name, version in header.versions.items()]


def setting_rows(header: RunHeader) -> list[Row]:
    """Every setting of the run, nested ones joined by dots."""
    return [{"Setting": name, "Value": value} for name, value in _flat(header.config)]


def _flat(settings: Mapping[str, JsonValue], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        elif isinstance(value, list):
            yield f"{above}{name}", ", ".join(str(part) for part in value)
        else:
            yield f"{above}{name}", str(value)
