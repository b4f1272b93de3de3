"""A zipped run folder from somebody else becomes a run here: checked member by member, then as a whole, then moved in.

Only what the explorer reads is unpacked, and all of it is distrusted: names, sizes, links, what arrays hold, and every
event. Nothing is visible in the folder of own runs until the run has passed. No Streamlit here.
"""

import re
import stat
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

import numpy as np

from core.detached import LOG
from core.heartbeat import HEARTBEAT, STOP
from core.robustness.records import MEASURING, RECORDS
from core.runs import ARRAYS, CHECKPOINTS, EVENTS, HEADER, RunError, validate_run
from core.usage import USAGE
from core.weights import WEIGHTS

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What an upload may hold; sizes in bytes, unpacked."""

    zipped: int = 64 * MIB
    files: int = 1000
    header: int = MIB
    events: int = 32 * MIB
    """About ten times the events of the largest run that the explorer promises to show."""
    arrays: int = 256 * MIB
    """All arrays together, both as files and as they lie in memory."""


LIMITS = Limits()
_ARRAY = re.compile(r"[\w.-]{1,100}\.npz")
_UNREAD = (HEARTBEAT, STOP, LOG, USAGE, WEIGHTS)  # files of a run that only its own machine reads
_TEMPORARY = ".uploads"
_PIECE = 1 << 16


class UploadError(ValueError):
    """An upload that is not taken; the message says which file, line and field where it can."""


def unpack_run(file: BinaryIO, name: str, root: Path, limits: Limits = LIMITS) -> Path:
    """Unpack the zipped run `file`, called `name`, into a new folder below `root`; returns that folder.

    The archive holds a run folder's files, at its top or in one folder: `run.json`, `events.jsonl` and `arrays/*.npz`.
    Checkpoints, logs and heartbeats are left out. Raises `UploadError` for anything else, `OSError` for a full disk.
    """
    file.seek(0, 2)
    if file.tell() > limits.zipped:
        raise UploadError(f"{name}: {_size(file.tell())} are too large. An upload may have {_size(limits.zipped)}.")
    try:
        with zipfile.ZipFile(file) as archive:
            top, members = _members(archive, name, limits)
            (root / _TEMPORARY).mkdir(parents=True, exist_ok=True)  # below it, so that no half a run is ever listed
            with tempfile.TemporaryDirectory(dir=root / _TEMPORARY) as temporary:
                folder = Path(temporary) / "run"
                (folder / ARRAYS).mkdir(parents=True)
                for path, member in members.items():
                    _unpack(archive, member, folder / path, _limit(path, limits))
                _check(folder, name, limits)
                return _move(folder, root, top or PurePosixPath(name).stem)
    except zipfile.BadZipFile as error:
        raise UploadError(f"{name}: not a zip archive, or a damaged one ({error}).") from None
    except (NotImplementedError, zipfile.LargeZipFile) as error:
        raise UploadError(f"{name}: packed in a way that is not supported ({error}). Use plain zip.") from None


def _members(archive: zipfile.ZipFile, name: str, limits: Limits) -> tuple[str, dict[str, zipfile.ZipInfo]]:
    """The name of the one folder on top ("" for none), and the members to unpack by their path inside the run."""
    infos = [info for info in archive.infolist() if not _litter(info.filename)]
    if len(infos) > limits.files:
        raise UploadError(f"{name}: {len(infos):,} files are too many. An upload may have {limits.files:,}.")
    for info in infos:
        _check_name(info, name)
    files = [info for info in infos if not info.is_dir()]
    heads = [PurePosixPath(info.filename) for info in files if PurePosixPath(info.filename).name == HEADER]
    if not heads:
        raise UploadError(f"{name}: expected a run folder with a {HEADER}, found none among {len(files)} files.")
    if len(heads) > 1:
        raise UploadError(f"{name}: expected one run, found {len(heads)}: {', '.join(map(str, sorted(heads)[:3]))}.")
    above = heads[0].parent
    if len(above.parts) > 1:
        raise UploadError(f"{name}: {heads[0]} lies too deep. Zip the run folder itself.")
    found: dict[str, zipfile.ZipInfo] = {}
    for info in files:
        path = PurePosixPath(info.filename)
        if path.is_relative_to(above):
            inside = path.relative_to(above)
            if inside.parts[0] in (CHECKPOINTS, MEASURING) or str(inside) in _UNREAD:
                continue
            if str(inside) in found:
                raise UploadError(f"{name}: {path} stands in the archive twice.")
            if str(inside) in (HEADER, EVENTS, RECORDS) or (
                str(inside.parent) == ARRAYS and _ARRAY.fullmatch(inside.name)
            ):
                found[str(inside)] = info
                continue
        raise UploadError(f"{name}: {path} is no file of a run. Expected {HEADER}, {EVENTS} and {ARRAYS}/*.npz.")
    total = sum(info.file_size for path, info in found.items() if path not in (HEADER, EVENTS, RECORDS))
    if total > limits.arrays:
        raise UploadError(f"{name}: its arrays have {_size(total)} unpacked. They may have {_size(limits.arrays)}.")
    return above.name, found


def _litter(path: str) -> bool:
    """Whether file managers put this into archives by themselves."""
    parts = PurePosixPath(path).parts
    return bool(parts) and (parts[0] == "__MACOSX" or parts[-1] in (".DS_Store", "Thumbs.db", "desktop.ini"))


def _check_name(info: zipfile.ZipInfo, name: str) -> None:
    path = info.filename
    if path.startswith("/") or "\\" in info.orig_filename or ":" in path or "\0" in info.orig_filename:
        raise UploadError(f"{name}: {path!r} is no path inside of a folder.")
    if ".." in path.split("/"):
        raise UploadError(f"{name}: {path!r} leads out of the folder.")
    mode = info.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UploadError(f"{name}: {path} is a link or a device. Only plain files are taken.")
    if info.flag_bits & 1:
        raise UploadError(f"{name}: {path} is locked with a password. Zip the run without one.")


def _limit(path: str, limits: Limits) -> int:
    return {HEADER: limits.header, EVENTS: limits.events, RECORDS: limits.events}.get(path, limits.arrays)


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, to: Path, most: int) -> None:
    """Write one member, piece by piece: what an archive says about sizes may be wrong."""
    if member.file_size > most:
        raise UploadError(f"{member.filename}: {_size(member.file_size)} unpacked. It may have {_size(most)}.")
    written = 0
    try:
        with archive.open(member) as packed, to.open("wb") as file:
            while piece := packed.read(_PIECE):
                written += len(piece)
                if written > most:
                    raise UploadError(f"{member.filename}: more than {_size(most)} unpacked, which is too large.")
                file.write(piece)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
        raise UploadError(f"{member.filename}: cannot be unpacked ({error}).") from None


def _check(folder: Path, name: str, limits: Limits) -> None:
    """Read the whole unpacked run. Messages name its files as they are in the archive."""
    left = limits.arrays
    for path in sorted((folder / ARRAYS).iterdir()):
        left -= _check_arrays(path, name, left)
    try:
        validate_run(folder)
    except RunError as error:
        raise UploadError(f"{name}: {str(error).replace(f'{folder}/', '').replace(str(folder), 'the run')}") from None


def _check_arrays(path: Path, name: str, most: int) -> int:
    """Load every array of a file without running code from it; returns the bytes that they have together."""
    where, total = f"{name}: {ARRAYS}/{path.name}", 0
    try:
        with zipfile.ZipFile(path) as archive:  # sizes first: an array says its own before anything is made for it
            for info in archive.infolist():
                with archive.open(info) as file:
                    shape, dtype = _shape(file)
                if dtype.hasobject:
                    raise UploadError(f"{where}: array {info.filename} holds pickled objects, which could run code.")
                total += int(np.prod(shape, dtype=object)) * dtype.itemsize
        if total > most:
            raise UploadError(f"{where}: its arrays have {_size(total)} in memory. They may have {_size(most)}.")
        with np.load(path, allow_pickle=False) as arrays:
            for key in arrays.files:
                arrays[key]
    except UploadError:
        raise
    except (ValueError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise UploadError(f"{where}: not a file of plain arrays ({error}).") from None
    return total


def _shape(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    """Shape and type that an array in the npy format says it has. Raises `ValueError` if it is none."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    else:
        raise ValueError(f"version {version} of the npy format")
    return shape, dtype


def _move(folder: Path, root: Path, wanted: str) -> Path:
    """Move a checked run into a new folder of `root` with a name that is free."""
    plain = re.sub(r"[^\w.-]+", "-", wanted, flags=re.ASCII).strip("-._")[:60] or "uploaded"
    number = 1
    while True:
        target = root / (plain if number == 1 else f"{plain}-{number}")
        try:
            target.mkdir()
        except FileExistsError:
            number += 1
            continue
        folder.replace(target)  # an empty folder is replaced, in one step
        return target


def _size(number: int) -> str:
    return f"{number / MIB:.3g} MiB"
