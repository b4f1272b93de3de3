"""Shifts of images, for data that cannot be rendered anew: resolution, crop, colour, JPEG and gamma, in five strengths.

All but the crop leave everything where it is, so the truth stays. A crop comes closer: the middle of the image fills
it, and `cropped` brings the truth along. No torch here, so that worker processes start quickly.
"""

from io import BytesIO

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL.Image import Resampling

from core.robustness.corruptions import Image

VERSION = 1
"""Raise it with every change that changes an image, so that no old measurement is taken for a new one."""

LEVELS: dict[str, tuple[float, ...]] = {
    "resolution": (0.8, 0.6, 0.45, 0.35, 0.25),
    "crop": (0.9, 0.8, 0.7, 0.6, 0.5),
    "colour": (0.1, 0.2, 0.35, 0.5, 0.7),
    "jpeg": (40, 25, 15, 10, 5),
    "gamma": (1.3, 1.7, 2.2, 3.0, 4.0),
}
"""Shift -> what its severities 1 to 5 stand for."""

_MEANING = {
    "resolution": "{:.0%} of the pixels along each side",
    "crop": "the middle {:.0%} of each side, enlarged",
    "colour": "red raised and blue lowered by {:.0%}",
    "jpeg": "JPEG of quality {:.0f}",
    "gamma": "values to the power of {:g}, as at night",
}


def image_shifts(channels: int) -> tuple[str, ...]:
    """The shifts that images of so many channels can have: grey ones have no colour to shift.

    >>> image_shifts(1)
    ('resolution', 'crop', 'jpeg', 'gamma')
    """
    return tuple(name for name in LEVELS if channels == 3 or name != "colour")


def meaning(name: str, level: int) -> str:
    """What a shift does at a level from 1 to 5, for people.

    >>> meaning("jpeg", 5)
    'JPEG of quality 5'
    """
    return _MEANING[name].format(LEVELS[name][level - 1])


def shift_image(image: Image, name: str, level: int) -> Image:
    """An image [H, W, 1 or 3] under a shift at a level from 1 to 5.

    >>> shift_image(np.full((8, 8, 1), 128, np.uint8), "gamma", 5).max()
    np.uint8(16)
    """
    amount, height, width = LEVELS[name][level - 1], *image.shape[:2]
    if name == "crop":
        rows, columns = cropped(height, amount), cropped(width, amount)
        return np.ascontiguousarray(image[rows][:, columns])
    if name == "colour":
        factors = np.array([1 + amount, 1.0, 1 - amount])
        return np.asarray(np.clip(image * factors + 0.5, 0, 255), dtype=np.uint8)
    if name == "gamma":
        return np.round(255 * (image / 255) ** amount).astype(np.uint8)
    picture = PIL.Image.fromarray(image if image.shape[2] == 3 else image[..., 0])
    if name == "jpeg":
        file = BytesIO()
        picture.save(file, "JPEG", quality=int(amount))
        picture = PIL.Image.open(file)
    else:
        small = (max(1, round(width * amount)), max(1, round(height * amount)))
        picture = picture.resize(small, Resampling.BOX).resize((width, height), Resampling.BILINEAR)
    return np.asarray(picture, dtype=np.uint8).reshape(image.shape)


def cropped(size: int, share: float) -> NDArray[np.int64]:
    """Which of `size` pixels each pixel shows once the middle `share` of them is enlarged to all: the nearest one.

    >>> cropped(8, 0.5).tolist()
    [2, 2, 3, 3, 4, 4, 5, 5]
    """
    centres = (np.arange(size) + 0.5) * share + 0.5 * size * (1 - share)
    return np.asarray(np.floor(centres), dtype=np.int64)
