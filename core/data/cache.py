"""A folder of arrays that are costly to make: written whole, shared by processes, never trusted blindly."""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from warnings import warn

import numpy as np
import platformdirs
from filelock import FileLock
from numpy.typing import NDArray

Arrays = dict[str, NDArray[np.generic]]
Layout = Mapping[str, tuple[str, tuple[int, ...]]]
"""What a file must hold: dtype and shape of each array."""


class CacheWarning(UserWarning):
    """Something is wrong with the cache; the data are right, they only had to be made (again)."""


class _Damaged(Exception):
    """A cache file that does not hold what it should."""


def cache_folder() -> Path:
    """Where data sets are kept: `MTSL_CACHE` if set, else the user's cache folder."""
    chosen = os.environ.get("MTSL_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("mtsl-explorer"))


def content_key(description: str) -> str:
    """A file name part that stands for a description of the content.

    >>> content_key("a") == content_key("a"), content_key("a") == content_key("b"), len(content_key("a"))
    (True, False, 20)
    """
    return hashlib.blake2b(description.encode(), digest_size=10).hexdigest()


def cached(path: Path, build: Callable[[], Arrays], layout: Layout) -> Arrays:
    """The arrays stored at `path` (.npz), or what `build` makes, stored there for the next time.

    One process builds while others wait for it. The file's checksums and `layout` are checked when it is read; a
    damaged file is built again with a `CacheWarning`. Where nothing can be written (full disk, no permission) the
    arrays are given all the same, with a `CacheWarning`.
    """
    lock = FileLock(f"{path}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        warn(f"no data are cached in {path.parent}: {error}.", CacheWarning, stacklevel=2)
        return build()
    try:
        try:
            return _read(path, layout)
        except FileNotFoundError:
            pass
        except (_Damaged, OSError) as error:
            warn(f"{path} is damaged ({error}) and is built again.", CacheWarning, stacklevel=2)
        arrays = build()
        try:
            _write(path, arrays)
        except OSError as error:
            warn(f"no data are cached in {path.parent}: {error}.", CacheWarning, stacklevel=2)
        return arrays
    finally:
        lock.release()


def _read(path: Path, layout: Layout) -> Arrays:
    """All arrays of a file; `_Damaged` unless each is whole and of the layout's dtype and shape."""
    try:
        # Opened here: numpy does not close a file that turns out not to be an archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in layout}
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError) as error:
        raise _Damaged(str(error)) from error
    for name, (dtype, shape) in layout.items():
        if arrays[name].dtype != dtype or arrays[name].shape != shape:
            raise _Damaged(f"`{name}` is {arrays[name].dtype} {arrays[name].shape}, not {dtype} {shape}")
    return arrays


def _write(path: Path, arrays: Arrays) -> None:
    """Store arrays under another name, then rename, so that a file is there whole or not at all."""
    with NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.", suffix=".part", delete=False) as file:
        part = Path(file.name)
    try:
        with part.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)  # gone by now, unless something went wrong
