"""Arrays of one image as pictures: RGB uint8 [H, W, 3], and those as PNG in a data address."""

import base64
import io
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from plotly.colors import get_colorscale, sample_colorscale, unlabel_rgb

from explorer import theme
from explorer.figures.predictions.scores import IGNORED, Array, Floats, Mask

Picture = NDArray[np.uint8]
"""RGB [H, W, 3]."""


@lru_cache(maxsize=8)
def ramp(name: str) -> Picture:
    """The 256 colours [256, 3] of one of plotly's scales."""
    colours = sample_colorscale(get_colorscale(name), 256)
    return np.array([unlabel_rgb(colour) for colour in colours]).round().astype(np.uint8)


def rgb(image: Array) -> Picture:
    """An image [H, W, C] of 0..255 with one channel or three."""
    return np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3)), dtype=np.uint8)


def grey(image: Array) -> Picture:
    """A dim grey version of an image [H, W, C], as the ground of marks."""
    bright = rgb(image).mean(axis=-1, keepdims=True)  # [H, W, 1]
    return rgb((35 + bright * 0.45).astype(np.uint8))


def classes(labels: Array) -> Picture:
    """A class map [H, W] in the colours of `theme.class_colour`; pixels without a known class are chequered grey."""
    table = np.array([_channels(theme.class_colour(label)) for label in range(256)], dtype=np.uint8)
    found = table[labels.astype(np.uint8)]
    chequers = np.indices(labels.shape).sum(axis=0) % 2  # [H, W]
    found[labels == IGNORED] = np.where(chequers, 120, 160)[labels == IGNORED][:, None]
    return found


def mapped(values: Array, low: float, high: float, scale: str) -> Picture:
    """Numbers [H, W] on one of plotly's scales, held at its ends; NaN is grey."""
    numbers = values.astype(np.float64)
    share = np.nan_to_num(np.clip((numbers - low) / max(high - low, 1e-12), 0, 1))
    found = ramp(scale)[(share * 255).round().astype(np.intp)]
    found[np.isnan(numbers)] = _channels(theme.NEUTRAL)
    return found


def normals(vectors: Array) -> Picture:
    """Normals [H, W, 3] of -127..127: x, y and z from -1 to 1 as red, green and blue; unknown (all 0) is mid grey."""
    return ((vectors.astype(np.float64) / 127 + 1) * 127.5).round().clip(0, 255).astype(np.uint8)


def marked(ground: Picture, mask: Mask, colour: str) -> Picture:
    """A picture with the pixels of `mask` in one colour."""
    found = ground.copy()
    found[mask] = _channels(colour)
    return found


def enlarged(picture: Picture, side: int, hatch: Mask | None = None) -> Picture:
    """Every pixel as a square block, so that the longer side has `side` pixels or more; a much larger one is thinned.

    Pixels of `hatch` are hatched with dark lines, so that they differ by more than their colour.
    """
    longest = max(picture.shape[:2])
    if longest > 2 * side:
        step = -(-longest // (2 * side))
        picture, hatch = picture[::step, ::step], None if hatch is None else hatch[::step, ::step]
    times = max(1, -(-side // max(picture.shape[:2])))
    found = picture.repeat(times, axis=0).repeat(times, axis=1)
    if hatch is not None and hatch.any():
        wide = hatch.repeat(times, axis=0).repeat(times, axis=1)
        period = max(3, times)
        found[wide & (np.indices(wide.shape).sum(axis=0) % period < max(1, period // 3))] = 20
    return found


def png(picture: Picture) -> str:
    """A picture as PNG in a data address."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG", compress_level=3)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode("ascii")


def colours(scale: str, count: int = 9) -> list[str]:
    """Some colours "#rrggbb" along one of plotly's scales, from low to high."""
    return [
        f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in ramp(scale)[np.linspace(0, 255, count).astype(int)]
    ]


def depth_range(truth: Floats | None, prediction: Floats | None) -> tuple[float, float]:
    """Ends of the depth scale: those of the known truth, else of the prediction, else 0 and 1."""
    for values in (truth, prediction):
        known = values[np.isfinite(values) & (values > 0)] if values is not None else np.zeros(0)
        if known.size:
            low, high = float(known.min()), float(known.max())
            return (low, high) if high > low else (low - 0.5, high + 0.5)
    return 0.0, 1.0


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
