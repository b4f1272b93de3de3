"""From hits to colours: procedural textures, a round lamp with soft shadows, ambient light, and a camera's tone curve.

As in `core.data.raycast`, a pixel meets only operations that round alike everywhere (no power, no exponential), so
pictures repeat to the last bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from core.data.raycast import FACES, Geometry, Hits, Point, Vector, dot, triple

Pattern = Literal["plain", "checker", "stripes", "noise"]

_PATTERNS: tuple[Pattern, ...] = ("plain", "checker", "stripes", "noise")
_LAMP_REACH = 2.6  # metres after which the lamp's light has fallen to half
_SHADOW_LIFT = 1e-3  # metres that a shadow ray starts above its surface


@dataclass(frozen=True)
class Material:
    """Colours (linear RGB in [0, 1]) mixed by a pattern over local position: `frequency` per axis (1 / m) and `offset`.

    `gloss` in [0, 1] is the strength of the highlight.
    """

    first: Point
    second: Point
    pattern: Pattern = "plain"
    frequency: Point = (1.0, 1.0, 1.0)
    offset: Point = (0.0, 0.0, 0.0)
    gloss: float = 0.0


@dataclass(frozen=True)
class Lamp:
    """A lamp at `position` (m) of `radius` (m), its linear RGB `colour` and how much `ambient` light goes with it."""

    position: Point
    colour: Point
    radius: float
    ambient: float
    shadows: bool = True


def shade(
    geometry: Geometry,
    hits: Hits,
    direction: Vector,
    materials: Sequence[Material],
    surface: Tensor,
    lamp: Lamp,
    light: Vector,
) -> Vector:
    """Linear RGB [n_rays] of what rays see.

    `surface` [n_rays] picks the material of each ray (it may tell more apart than `hits.surface`); `light` [n_rays] are
    points of the lamp, the one that each ray is lit from. Diffuse (Lambert) plus a Blinn-Phong highlight, the lamp
    fading with the square of distance, ambient light dimmed near the faces of the room.
    """
    table = _material_table(materials)[:, surface]  # [14, n]
    colour = _texture(table, hits.local)
    segment = triple(end - start for end, start in zip(light, hits.position, strict=True))
    squared = dot(segment, segment).clamp_min(1e-6)
    length = torch.sqrt(squared)
    facing = (dot(segment, hits.normal) / length).clamp_min(0)
    if lamp.shadows:
        start = triple(p + _SHADOW_LIFT * n for p, n in zip(hits.position, hits.normal, strict=True))
        rest = triple(end - begin for end, begin in zip(light, start, strict=True))
        facing = torch.where(geometry.blocked(start, rest), 0.0, facing)
    received = facing / (1.0 + squared / (_LAMP_REACH * _LAMP_REACH))
    ambient = lamp.ambient * (0.8 + 0.2 * hits.normal[1]) * _openness(geometry.size, hits)
    view = torch.sqrt(dot(direction, direction))
    half = triple(s / length - d / view for s, d in zip(segment, direction, strict=True))
    highlight = dot(half, hits.normal).clamp_min(0) / torch.sqrt(dot(half, half).clamp_min(1e-6))
    for _ in range(5):  # to the power of 32
        highlight = highlight * highlight
    highlight = table[13] * highlight * (received > 0)
    return triple(
        part * (ambient * (0.4 + 0.6 * rgb) + received * rgb) + 0.6 * highlight * rgb
        for part, rgb in zip(colour, lamp.colour, strict=True)
    )


def expose(linear: Tensor) -> Tensor:
    """Linear light to 8-bit values as a camera stores them: a soft shoulder towards white, gamma 2, rounded.

    >>> expose(torch.tensor([0.0, 0.25, 4.0])).tolist()
    [0, 125, 255]
    """
    white = 1.0 / (2.2 * 2.2)
    toned = linear * (1.0 + linear * white) / (1.0 + 0.35 * linear)
    return torch.floor(torch.sqrt(toned.clamp(0, 1)) * 255.0 + 0.5).to(torch.uint8)


def _material_table(materials: Sequence[Material]) -> Tensor:
    """Columns of numbers, one a material: two colours, pattern, frequency, offset, gloss; [14, n_materials]."""
    rows = [
        (*m.first, *m.second, float(_PATTERNS.index(m.pattern)), *m.frequency, *m.offset, m.gloss) for m in materials
    ]
    return torch.tensor(rows, dtype=torch.float32).T.contiguous()


def _texture(table: Tensor, local: Vector) -> Vector:
    """Surface colours [n]: the first where the pattern is 0, the second where it is 1, mixed between."""
    pattern = table[6]
    x, y, z = (table[7 + axis] * local[axis] + table[10 + axis] for axis in range(3))
    cell_x, cell_y, cell_z = torch.floor(x), torch.floor(y), torch.floor(z)
    checker = torch.remainder(cell_x + cell_y + cell_z, 2.0)
    stripes = torch.remainder(torch.floor(x + y + z), 2.0)
    mix = torch.where(pattern == 1, checker, torch.where(pattern == 2, stripes, 0.0))
    noisy = (pattern == 3).nonzero().squeeze(1)
    if len(noisy):
        x, y, z = x[noisy], y[noisy], z[noisy]
        mix[noisy] = 0.65 * _value_noise(x, y, z) + 0.35 * _value_noise(2.7 * x, 2.7 * y, 2.7 * z)
    return triple(table[axis] + (table[3 + axis] - table[axis]) * mix for axis in range(3))


def _value_noise(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Smooth noise in [0, 1]: random values at whole numbers, blended between them."""
    cells = [torch.floor(part) for part in (x, y, z)]
    fractions = [part - cell for part, cell in zip((x, y, z), cells, strict=True)]
    fade = [f * f * (3.0 - 2.0 * f) for f in fractions]
    # Factors of the usual spatial hash (large primes); int32 products wrap around, as they do everywhere.
    hashed = [
        (cell.int() * prime, (cell.int() + 1) * prime)
        for cell, prime in zip(cells, (73856093, 19349663, 83492791), strict=True)
    ]
    corners = []
    for hash_x in hashed[0]:
        for hash_y in hashed[1]:
            low, high = (_unit(hash_x ^ hash_y ^ hash_z) for hash_z in hashed[2])
            corners.append(low + (high - low) * fade[2])
    near, far = (corners[i] + (corners[i + 1] - corners[i]) * fade[1] for i in (0, 2))
    return near + (far - near) * fade[0]


def _unit(hashed: Tensor) -> Tensor:
    """Scrambled integers as numbers in [0, 1)."""
    mixed = (hashed ^ (hashed >> 15)) * 739982445
    mixed = (mixed ^ (mixed >> 12)) * 695872825
    return ((mixed >> 8) & 0xFFFF).float() / 65536.0


def _openness(size: Point, hits: Hits) -> Tensor:
    """How much of the ambient light reaches a point, in (0.5, 1]: less in the corners of the room and under objects."""
    openness = torch.ones_like(hits.distance)
    in_room = hits.surface < len(FACES)
    for axis, (part, extent) in enumerate(zip(hits.position, size, strict=True)):
        gap = torch.minimum(part, extent - part).clamp_min(0)
        dimmed = 0.55 + 0.45 * (gap / (gap + 0.12))
        own = in_room & (hits.surface // 2 == axis)  # a face does not dim itself
        openness = openness * torch.where(own, 1.0, dimmed)
    return openness
