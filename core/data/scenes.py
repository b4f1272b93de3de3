"""Random rooms: what stands where, in which materials, seen from where and lit how.

Every scene has its own random streams, one each for room, camera, objects, decals, materials and light, seeded by
(seed, split, index, stream). So scenes do not depend on each other, and shifting the light, the textures or the
camera's height, pitch and angle leaves everything else in place.
"""

import colorsys
import math
from dataclasses import dataclass
from random import Random
from typing import Literal

from core.data.base import SplitName
from core.data.parameters import Count, SceneParameters, Span
from core.data.raycast import Camera, Point, Shape, Solid
from core.data.shading import Lamp, Material, Pattern

Role = Literal["wall", "floor", "thing"]

_STREAMS = ("room", "camera", "objects", "decals", "materials", "light")
_TRIES = 30  # places tried for an object before it is left out
_MARGIN = 0.1  # metres between objects, and between them and the walls
_HEADROOM = 0.6  # metres below the ceiling that no object reaches into: the lamp hangs there
_CLEARANCE = 1.1  # metres kept free around the camera
_OUT_OF_VIEW = 0.15  # share of the places out of view that are kept, so that objects also stand half in the picture
_SHAPES: tuple[Shape, ...] = ("sphere", "box", "cylinder")
_PICTURE_WALLS = (0, 1, 4)  # faces in front of the camera


@dataclass(frozen=True)
class Decal:
    """A flat rectangle on face `face` (index into `FACES`) of the room: low and high corner (m) along its two axes.

    The axes are those of the world that span the face, in their order; a rim `border` metres wide has its own material.
    """

    face: int
    low: tuple[float, float]
    high: tuple[float, float]
    border: float

    @property
    def axes(self) -> tuple[int, int]:
        """World axes that span the face."""
        normal = self.face // 2
        return (1 if normal == 0 else 0), (1 if normal == 2 else 2)


@dataclass(frozen=True)
class Scene:
    """A room ready to be cast. `materials`: those of the 6 faces, two a decal (inside, rim), one a solid."""

    size: Point
    camera: Camera
    solids: tuple[Solid, ...]
    decals: tuple[Decal, ...]
    materials: tuple[Material, ...]
    lamp: Lamp


def draw_scene(parameters: SceneParameters, seed: int, split: SplitName, index: int) -> Scene:
    """Scene `index` of a split: the same for the same arguments, whatever was drawn before.

    >>> draw_scene(SceneParameters(), 0, "train", 3) == draw_scene(SceneParameters(), 0, "train", 3)
    True
    """
    # Only `random()` is drawn from: it alone is promised to repeat in every version of Python.
    # Text seeds are hashed whole (SHA-512), so that neighbouring scenes have unrelated streams.
    streams = {name: Random(f"rooms/{seed}/{split}/{index}/{name}") for name in _STREAMS}
    width, depth = _within(streams["room"], parameters.room_size), _within(streams["room"], parameters.room_size)
    size = (width, _within(streams["room"], parameters.room_height), depth)
    camera = _draw_camera(parameters, size, streams["camera"])
    solids = _draw_solids(parameters, size, camera, streams["objects"])
    decals = _draw_decals(parameters, size, streams["decals"])
    materials = _draw_materials(parameters, solids, decals, streams["materials"])
    return Scene(size, camera, solids, decals, materials, _draw_lamp(parameters, size, streams["light"]))


def _draw_camera(parameters: SceneParameters, size: Point, stream: Random) -> Camera:
    """A camera in the back of the room that looks across it."""
    width, height, depth = size
    x, z = width * _between(stream, 0.25, 0.75), depth - _between(stream, 0.3, 0.8)
    y = min(_within(stream, parameters.camera_height), height - 0.2)
    target_x, target_z = width * _between(stream, 0.3, 0.7), depth * _between(stream, 0.1, 0.4)
    yaw = math.atan2(x - target_x, z - target_z)
    pitch, view = _within(stream, parameters.camera_pitch), _within(stream, parameters.field_of_view)
    return Camera((x, y, z), yaw, math.radians(pitch), math.radians(view))


def _draw_solids(parameters: SceneParameters, size: Point, camera: Camera, stream: Random) -> tuple[Solid, ...]:
    """Objects on the floor that stand clear of each other, the walls and the camera, some with another on top."""
    solids: list[Solid] = []
    occupied = [(camera.position[0], camera.position[2], _CLEARANCE)]
    count = _count(stream, parameters.objects)
    for _ in range(_TRIES * count):
        if len(solids) >= count:
            break
        solid = _draw_solid(parameters, stream)
        radius = math.hypot(solid.half[0], solid.half[2]) if solid.shape == "box" else solid.half[0]
        reach = radius + _MARGIN
        if 2 * solid.half[1] > size[1] - _HEADROOM or 2 * reach > min(size[0], camera.position[2]):
            continue
        x, z = _between(stream, reach, size[0] - reach), _between(stream, reach, camera.position[2] - reach)
        if any(math.hypot(x - other_x, z - other_z) < reach + other for other_x, other_z, other in occupied):
            continue
        if stream.random() > _OUT_OF_VIEW and not _in_view(camera, x, z):
            continue
        occupied.append((x, z, radius))
        solids.append(Solid(solid.shape, (x, solid.half[1], z), solid.half, solid.yaw))
        if solid.shape == "box" and stream.random() < parameters.stacked and len(solids) < count:
            solids.extend(_draw_top(solids[-1], size, stream))
    return tuple(solids)


def _in_view(camera: Camera, x: float, z: float) -> bool:
    """Whether a place on the floor lies before the camera, within an angle that does not depend on the parameters."""
    right, ahead = x - camera.position[0], camera.position[2] - z
    turned = math.atan2(-right, ahead) - camera.yaw  # to the left of the optical axis
    return abs(turned) < math.radians(34)


def _draw_solid(parameters: SceneParameters, stream: Random) -> Solid:
    """An object of random shape around the origin."""
    shape = _SHAPES[int(len(_SHAPES) * stream.random())]
    radius, yaw = _within(stream, parameters.object_size), _between(stream, -math.pi, math.pi)
    stretch, depth = _between(stream, 0.7, 1.9), _between(stream, 0.7, 1.3)
    if shape == "sphere":
        return Solid("sphere", (0.0, 0.0, 0.0), (radius, radius, radius), yaw)
    if shape == "box":
        return Solid("box", (0.0, 0.0, 0.0), (radius, radius * stretch, radius * depth), yaw)
    slim = 0.75 * radius
    return Solid("cylinder", (0.0, 0.0, 0.0), (slim, radius * stretch, slim), yaw)


def _draw_top(box: Solid, size: Point, stream: Random) -> list[Solid]:
    """A sphere or cylinder on top of a box, where the lamp leaves room for one."""
    radius = min(box.half[0], box.half[2]) * _between(stream, 0.5, 0.9)
    half = radius if stream.random() < 0.6 else radius * _between(stream, 0.6, 1.6)
    top = 2 * box.half[1]
    if top + 2 * half > size[1] - _HEADROOM:
        return []
    shape: Shape = "sphere" if half == radius else "cylinder"
    return [Solid(shape, (box.centre[0], top + half, box.centre[2]), (radius, half, radius), box.yaw)]


def _draw_decals(parameters: SceneParameters, size: Point, stream: Random) -> tuple[Decal, ...]:
    """Pictures that do not overlap, at eye level on the walls in view, and perhaps a rug."""
    width, height, depth = size
    decals: list[Decal] = []
    count = _count(stream, parameters.pictures)
    for _ in range(_TRIES * count):
        if len(decals) >= count:
            break
        face = _PICTURE_WALLS[int(len(_PICTURE_WALLS) * stream.random())]
        half_along, half_up = _between(stream, 0.3, 0.8), _between(stream, 0.25, 0.5)
        length = width if face == 4 else depth
        along = _between(stream, half_along + _MARGIN, length - half_along - _MARGIN)
        up = min(_between(stream, 1.3, 1.8), height - half_up - _MARGIN)
        low, high = (along - half_along, up - half_up), (along + half_along, up + half_up)
        if any(
            other.face == face and low[0] < _along(other)[1] + _MARGIN and high[0] > _along(other)[0] - _MARGIN
            for other in decals
        ):
            continue
        if face != 4:  # side walls are spanned by (y, z), the far wall by (x, y)
            low, high = low[::-1], high[::-1]
        decals.append(Decal(face, low, high, border=0.05))
    if stream.random() < parameters.rug:
        half_x, half_z = _between(stream, 0.18, 0.32) * width, _between(stream, 0.15, 0.28) * depth
        x, z = width * _between(stream, 0.4, 0.6), depth * _between(stream, 0.35, 0.55)
        decals.append(Decal(2, (x - half_x, z - half_z), (x + half_x, z + half_z), border=0.12))
    return tuple(decals)


def _along(decal: Decal) -> tuple[float, float]:
    """Where a picture begins and ends along its wall."""
    axis = 0 if decal.face == 4 else 1
    return decal.low[axis], decal.high[axis]


def _draw_lamp(parameters: SceneParameters, size: Point, stream: Random) -> Lamp:
    """A lamp below the ceiling, near the middle of the room."""
    position = (
        size[0] * _between(stream, 0.3, 0.7),
        size[1] - _between(stream, 0.25, 0.5),
        size[2] * _between(stream, 0.35, 0.75),
    )
    strength, warmth = 1.6 * _within(stream, parameters.light_intensity), _within(stream, parameters.light_warmth)
    tint = (
        (1.0, 1.0 - 0.22 * warmth, 1.0 - 0.5 * warmth)
        if warmth > 0
        else (1.0 + 0.35 * warmth, 1.0 + 0.12 * warmth, 1.0)
    )
    colour = (strength * tint[0], strength * tint[1], strength * tint[2])
    return Lamp(position, colour, parameters.light_radius, parameters.ambient, parameters.shadows)


def _draw_materials(
    parameters: SceneParameters, solids: tuple[Solid, ...], decals: tuple[Decal, ...], stream: Random
) -> tuple[Material, ...]:
    """Materials of the 6 faces, the decals (inside, rim) and the solids; the four walls share one."""
    hue = stream.random()
    wall = _draw_material(
        parameters, stream, hue, saturation=_between(stream, 0.05, 0.3), value=_between(stream, 0.75, 0.95), role="wall"
    )
    floor_hue, floor_saturation = _between(stream, 0.04, 0.12), _between(stream, 0.1, 0.55)
    floor = _draw_material(
        parameters, stream, floor_hue, floor_saturation, value=_between(stream, 0.4, 0.75), role="floor"
    )
    ceiling = Material(*(_linear(hue, 0.03, 0.95),) * 2)
    materials = [wall, wall, floor, ceiling, wall, wall]
    for decal in decals:
        saturation = parameters.saturation * _between(stream, 0.5, 1.0)
        inside = _draw_material(
            parameters, stream, stream.random(), saturation, _between(stream, 0.5, 0.95), role="thing"
        )
        value = _between(stream, 0.08, 0.3) if decal.face != 2 else _between(stream, 0.3, 0.9)
        rim = _linear(stream.random(), 0.35, value)
        materials += [inside, Material(rim, rim)]
    for _ in solids:
        saturation = parameters.saturation * _between(stream, 0.7, 1.2)
        value = _between(stream, 0.6, 0.95)
        materials.append(_draw_material(parameters, stream, stream.random(), min(saturation, 1.0), value, role="thing"))
    return tuple(materials)


def _draw_material(
    parameters: SceneParameters, stream: Random, hue: float, saturation: float, value: float, role: Role
) -> Material:
    """A material of about the given colour; on walls and floors, to stay calm, the second colour is only a shade."""
    patterned, pattern_choice, period = stream.random(), stream.random(), _within(stream, parameters.texture_size)
    hue_shift, shade, gloss, axis = (
        _between(stream, 0.08, 0.5),
        _between(stream, 0.5, 1.0),
        stream.random(),
        stream.random(),
    )
    offset = (stream.random(), stream.random(), stream.random())
    first = _linear(hue, saturation, value)
    depth = parameters.contrast * shade * (0.35 if role == "wall" else 0.65)
    other_hue = hue + (hue_shift if role == "thing" else 0.0)
    second = _linear(other_hue, saturation, value * (1.0 - depth))
    pattern: Pattern = "plain"
    if patterned < parameters.textured:
        pattern = ("checker", "stripes", "noise")[min(int(3 * pattern_choice), 2)]
    f = 1.0 / period if role != "thing" else 1.6 / period  # finer on smaller things
    frequency = _frequency(pattern, f, axis, role)
    return Material(first, second, pattern, frequency, offset, gloss=0.8 * gloss * gloss if role == "thing" else 0.0)


def _frequency(pattern: Pattern, f: float, axis: float, role: Role) -> Point:
    """Frequencies along x, y and z; `axis` in [0, 1) chooses the direction of stripes and grain."""
    if pattern == "stripes" and role != "floor" and axis < 0.7:
        return (0.0, f, 0.0) if axis < 0.35 else (f, 0.0, f)  # lying, or upright on walls of either direction
    if pattern == "stripes":
        return f, 0.0, 0.0
    if pattern == "noise" and axis < 0.5:
        return (4 * f, 0.5 * f, 0.5 * f) if role == "floor" else (f, 3 * f, f)
    return f, f, f


def _linear(hue: float, saturation: float, value: float) -> Point:
    """A colour in linear light from display hue, saturation and value (gamma 2, the camera's)."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return red * red, green * green, blue * blue


def _between(stream: Random, low: float, high: float) -> float:
    """A number drawn uniformly from [low, high)."""
    return low + (high - low) * stream.random()


def _within(stream: Random, span: Span) -> float:
    """A number drawn uniformly from a range."""
    return _between(stream, *span)


def _count(stream: Random, count: Count) -> int:
    """A whole number drawn uniformly from a range, both ends included."""
    return count[0] + min(int(stream.random() * (count[1] - count[0] + 1)), count[1] - count[0])
