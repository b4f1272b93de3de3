"""What the explorer remembers about runs, in two small JSON files in the folder of own runs: tags, and other folders.

    tags.json      id of a run -> its tags
    folders.json   name -> path of a run folder elsewhere on this machine that somebody opened

Nothing is ever written into a run folder. No Streamlit here.
"""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from core.heartbeat import write_whole

TAGS, FOLDERS = "tags.json", "folders.json"
LONGEST_TAG, MOST_TAGS = 24, 8

_TAG_FILE: TypeAdapter[dict[str, tuple[str, ...]]] = TypeAdapter(dict[str, tuple[str, ...]])
_FOLDER_FILE: TypeAdapter[dict[str, Path]] = TypeAdapter(dict[str, Path])
_lock = threading.Lock()

Value = TypeVar("Value")


class RememberedError(ValueError):
    """A file that cannot be read, or a tag that cannot be kept; the message says which and why."""


def tags(root: Path) -> dict[str, tuple[str, ...]]:
    """Tags of the runs that have some, by their id. Raises `RememberedError` if the file is damaged."""
    return _read(root / TAGS, _TAG_FILE)


def set_tags(root: Path, run: str, wanted: Iterable[str]) -> None:
    """Give a run these tags and no others.

    Raises `RememberedError` for a tag that is too long, for too many, and if the file is damaged, which then stays as
    it is; `OSError` if it cannot be written.
    """
    cleaned = tuple(dict.fromkeys(tag for text in wanted if (tag := " ".join(text.split()))))
    if long := [tag for tag in cleaned if len(tag) > LONGEST_TAG]:
        raise RememberedError(f"A tag should have at most {LONGEST_TAG} characters. Found {long[0]!r}.")
    if len(cleaned) > MOST_TAGS:
        raise RememberedError(f"A run should have at most {MOST_TAGS} tags. Found {len(cleaned)}.")
    with _lock:
        known = tags(root)
        if known.pop(run, ()) == cleaned:
            return
        _write(root / TAGS, _TAG_FILE.dump_json(known | ({run: cleaned} if cleaned else {}), indent=1))


def folders(root: Path) -> dict[str, Path]:
    """Run folders elsewhere on this machine, by name. Raises `RememberedError` if the file is damaged."""
    return _read(root / FOLDERS, _FOLDER_FILE)


def add_folder(root: Path, folder: Path) -> str:
    """Remember a folder and return its name, a free one; one that is known already keeps its own."""
    with _lock:
        known = folders(root)
        for name, path in known.items():
            if path == folder:
                return name
        name, number = folder.name, 1
        while name in known:
            number += 1
            name = f"{folder.name}-{number}"
        _write(root / FOLDERS, _FOLDER_FILE.dump_json(known | {name: folder}, indent=1))
        return name


def forget_folder(root: Path, name: str) -> None:
    """Take a folder off the list; the folder itself stays as it is."""
    with _lock:
        known = folders(root)
        if known.pop(name, None) is not None:
            _write(root / FOLDERS, _FOLDER_FILE.dump_json(known, indent=1))


def _read(path: Path, kind: TypeAdapter[dict[str, Value]]) -> dict[str, Value]:
    try:
        return kind.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (ValidationError, UnicodeDecodeError, OSError) as error:
        why = str(error).splitlines()[0]
        raise RememberedError(f"{path} cannot be read, so it is left alone: repair or remove it. ({why})") from None


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content + b"\n")
