"""The 15 common corruptions of Hendrycks & Dietterich (2019), each at five severities, by the imagecorruptions library.

The library is left as it is; what surrounds it makes it fit here. It draws from numpy's global generator and seeds two
corruptions on its own: a stream per image is set, and put back, so that an image is corrupted alike in every process
and order. It takes images of at least 32 pixels: smaller ones are enlarged by a whole factor, every pixel to a block,
and one pixel of each block is taken back, so that noise keeps its strength (`pixelate`, which makes blocks itself, is
called directly: it works at any size). It takes colours: grey images go through as grey colours, and the green channel
comes back. No torch here, so that worker processes start quickly.
"""

import functools
import importlib.metadata
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import cast

import numpy as np
import PIL.Image
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""[H, W, C] with one or three channels."""

GROUPS: dict[str, tuple[str, ...]] = {
    "noise": ("gaussian_noise", "shot_noise", "impulse_noise"),
    "blur": ("defocus_blur", "glass_blur", "motion_blur", "zoom_blur"),
    "weather": ("snow", "frost", "fog", "brightness"),
    "digital": ("contrast", "elastic_transform", "pixelate", "jpeg_compression"),
}
"""The corruptions by kind, in the order of the paper."""

CORRUPTIONS = tuple(name for names in GROUPS.values() for name in names)
SEVERITIES = (1, 2, 3, 4, 5)

MOVES_PIXELS = frozenset({"glass_blur", "motion_blur", "zoom_blur", "elastic_transform"})
"""Corruptions after which things are seen elsewhere than the untouched truth says, so that dense tasks lose more than
their network is to blame for: pixels are shuffled, smeared to one side, drawn outwards, warped."""

_PACKAGE = "imagecorruptions-imaug"
_SMALLEST = 32  # pixels, of the library
_ANY_SIZE = frozenset({"pixelate"})
_OWN_SEED = frozenset({"impulse_noise", "glass_blur"})  # these ignore numpy's global generator and take a seed


class MissingLibraryError(ValueError):
    """A library that only this part needs is not installed; the message says what to do."""


def tool() -> str:
    """Name and version of the library. Raises `MissingLibraryError`."""
    _load()
    return f"{_PACKAGE} {importlib.metadata.version(_PACKAGE)}"


def corrupt(image: Image, name: str, severity: int, seed: int, index: int) -> Image:
    """Image number `index` under a corruption at a severity from 1 to 5; the same for the same arguments.

    Raises `ValueError` for another name, severity or kind of image, and `MissingLibraryError`.
    """
    if name not in CORRUPTIONS or severity not in SEVERITIES:
        raise ValueError(f"expected one of {', '.join(CORRUPTIONS)} at severity 1 to 5. Found {name} at {severity}.")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3):
        raise ValueError(f"`image` should be uint8 [H, W, 1 or 3]. Found {image.dtype} {list(image.shape)}.")
    library = _load()
    factor = 1 if name in _ANY_SIZE else -(-_SMALLEST // min(image.shape[:2]))  # 1 for images that are large enough
    large = image.repeat(factor, axis=0).repeat(factor, axis=1) if factor > 1 else image
    colours = np.ascontiguousarray(large if image.shape[2] == 3 else large.repeat(3, axis=2))
    stream = zlib.crc32(repr((seed, name, severity, index)).encode())
    own = {"seed": stream} if name in _OWN_SEED else {}
    with _seeded(stream):
        if name in _ANY_SIZE:
            found = np.asarray(library.corruption_dict[name](PIL.Image.fromarray(colours), severity), dtype=np.uint8)
        else:
            found = library.corrupt(colours, severity=severity, corruption_name=name, **own)
    inner = slice(factor // 2, None, factor)  # the middle of each block
    return np.ascontiguousarray(found[inner, inner, slice(None) if image.shape[2] == 3 else slice(1, 2)])


@contextmanager
def _seeded(stream: int) -> Iterator[None]:
    """Numpy's global generator at the start of a stream, and back to where it was afterwards."""
    before = np.random.get_state()
    np.random.seed(stream)
    try:
        yield
    finally:
        np.random.set_state(before)


@functools.cache
def _load() -> ModuleType:
    try:
        import cv2
        import imagecorruptions
    except ImportError as error:
        raise MissingLibraryError(missing(_PACKAGE, "corruptions", error)) from None
    cv2.setNumThreads(1)  # there is a process a core already
    # glass blur is compiled on first use, which takes longer than all else: keep the result for the next process
    with suppress(AttributeError, RuntimeError):  # another release of the library, or nowhere to write
        imagecorruptions.corruptions._shuffle_pixels_njit_glass_blur.enable_caching()
    return cast(ModuleType, imagecorruptions)


def missing(package: str, what: str, error: ImportError) -> str:
    """What to do about a library that cannot be imported.

    >>> missing("captum", "attacks", ImportError("No module named 'captum'"))
    "attacks need the package captum (No module named 'captum'). Install it with: pip install -r requirements.txt"
    """
    advice = "Install it with: pip install -r requirements.txt"
    if "libGL" in str(error):  # of OpenCV's windows, which nobody opens here
        advice = "Install the system's libGL (Debian and Ubuntu: apt-get install libgl1)"
    return f"{what} need the package {package} ({error}). {advice}"
