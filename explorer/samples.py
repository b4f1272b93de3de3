"""Sample images of a run: which files hold them at a moment, and the arrays of one image, read once and kept.

What the arrays are stands in `core.samples`. No Streamlit, and nothing in a file is ever run: an npz of a stranger may
be broken, too large or no npz at all, and then a `SamplesError` names it.
"""

import threading
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.events import SamplesSaved
from core.runs import ARRAYS
from explorer.moments import History

Array = NDArray[np.generic]
Arrays = Mapping[str, Array]
"""Array of one image [...] by its name: `image`, or the name of a task."""
Saved = tuple[int, SamplesSaved]
"""Position of the event that names a file, and the event."""

_MOST_BYTES = 128 * 2**20
_LARGEST_FILE = 512 * 2**20  # unpacked; 64 images of the paper's size take a fifth of it


class SamplesError(ValueError):
    """A file of sample images that cannot be used; the message names it and says why."""


def saved(history: History, holds: Literal["inputs", "predictions"]) -> list[Saved]:
    """Every file of inputs or of predictions that the run names so far, in order."""
    events = ((index, history.event(index)) for index in range(len(history)))
    return [(index, event) for index, event in events if isinstance(event, SamplesSaved) and event.holds == holds]


def inputs_of(history: History) -> Saved | None:
    """The file with images and targets; they do not change in a run, so the first one serves every moment."""
    return next(iter(saved(history, "inputs")), None)


def predictions_at(history: History, index: int) -> Saved | None:
    """The latest predictions at or before the event at `index`."""
    return next((found for found in reversed(saved(history, "predictions")) if found[0] <= index), None)


_kept: "OrderedDict[tuple[Path, int, int, int | None], Arrays]" = OrderedDict()  # least recently used first
_lock = threading.Lock()


def read_all(folder: Path, file: str) -> Arrays:
    """The whole arrays [n, ...] of a file: for examples that are numbers. Raises `SamplesError`."""
    return _known(folder, file, None)


def read_image(folder: Path, file: str, image: int) -> Arrays:
    """All arrays of image number `image` in a file of the run in `folder`. Raises `SamplesError`."""
    return _known(folder, file, image)


def _known(folder: Path, file: str, image: int | None) -> Arrays:
    path = folder / ARRAYS / file
    try:
        now = path.stat()
    except OSError:
        raise SamplesError(f"{ARRAYS}/{file} of this run is missing.") from None
    key = (path, now.st_mtime_ns, now.st_size, image)
    with _lock:
        if key not in _kept:
            _kept[key] = _read(path, image)
            while sum(map(_bytes, _kept.values())) > _MOST_BYTES and len(_kept) > 1:
                _kept.popitem(last=False)
        _kept.move_to_end(key)
        return _kept[key]


def _read(path: Path, image: int | None) -> Arrays:
    name = f"{path.parent.name}/{path.name}"
    found: dict[str, Array] = {}
    try:
        with path.open("rb") as raw, zipfile.ZipFile(raw) as whole:
            if sum(part.file_size for part in whole.infolist()) > _LARGEST_FILE:
                raise SamplesError(f"{name} is larger than {_LARGEST_FILE // 2**20} MiB when unpacked.")
            raw.seek(0)
            file = np.load(raw, allow_pickle=False)
            for array in file.files:
                values = file[array]
                if values.dtype.kind not in "biuf" or values.ndim == 0:
                    raise SamplesError(f"{name}: array `{array}` should hold numbers [n, ...]. Found {values.dtype}.")
                if image is not None and image >= len(values):
                    raise SamplesError(f"{name}: array `{array}` holds {len(values)} images, so no number {image}.")
                found[array] = np.array(values if image is None else values[image])
                found[array].flags.writeable = False
    except SamplesError:
        raise
    except (OSError, ValueError, KeyError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise SamplesError(f"{name} is damaged or no npz file ({error}).") from None
    return found


def _bytes(arrays: Arrays) -> int:
    return sum(array.nbytes for array in arrays.values())
