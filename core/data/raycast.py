"""A small ray-caster: a room box with spheres, turned boxes, upright cylinders and cones, hit exactly.

World axes: x right, y up, z towards the back of the room behind the camera, metres; the room is [0, width] x
[0, height] x [0, depth]. Camera axes: x right, y up, z towards the viewer, so the camera looks along -z. Camera rays
are scaled so that they advance 1 m along the optical axis: the ray parameter of a hit *is* its z-depth.

Rays are vectorised, one scene at a time. Vectors are kept as three tensors (x, y, z), and a pixel only ever meets
additions, multiplications, divisions, square roots and comparisons, all of them rounded alike wherever the element
stands. So a scene is the same to the last bit, however many rays or scenes are cast beside it.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Vector = tuple[Tensor, Tensor, Tensor]
"""x, y and z parts of many vectors."""

Point = tuple[float, float, float]

Shape = Literal["sphere", "box", "cylinder", "cone"]

_SHAPES: tuple[Shape, ...] = ("sphere", "box", "cylinder", "cone")  # in the order in which they are tabled

FACES = ("left wall", "right wall", "floor", "ceiling", "far wall", "near wall")
"""The room's faces: low and high side of x, y, z."""

NEAR = 1e-4
"""Hits closer than this many ray lengths are the surface the ray started from."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: where it stands (m), yaw to the left and pitch up (radians), angle along the shorter side."""

    position: Point
    yaw: float
    pitch: float
    field_of_view: float

    @property
    def axes(self) -> tuple[Point, Point, Point]:
        """The camera's right, up and backward directions in world axes (rows of the world-to-camera rotation)."""
        sin_yaw, cos_yaw, sin_pitch, cos_pitch = (
            math.sin(self.yaw),
            math.cos(self.yaw),
            math.sin(self.pitch),
            math.cos(self.pitch),
        )
        right = (cos_yaw, 0.0, -sin_yaw)
        up = (sin_pitch * sin_yaw, cos_pitch, sin_pitch * cos_yaw)
        back = (cos_pitch * sin_yaw, -sin_pitch, cos_pitch * cos_yaw)
        return right, up, back

    def focal_length(self, height: int, width: int) -> float:
        """Focal length in pixels; the principal point is the image centre."""
        return 0.5 * min(height, width) / math.tan(0.5 * self.field_of_view)

    def rays(self, height: int, width: int, offset: tuple[float, float] = (0.0, 0.0)) -> Vector:
        """World directions [height * width] through the pixels, moved by `offset` (x, y) pixels from their centres."""
        focal = self.focal_length(height, width)
        columns = (torch.arange(width, dtype=torch.float32) + (0.5 + offset[0] - 0.5 * width)) / focal
        rows = (torch.arange(height, dtype=torch.float32) + (0.5 + offset[1] - 0.5 * height)) / -focal
        x, y = columns.repeat(height), rows.repeat_interleave(width)  # [H * W]
        right, up, back = self.axes
        return triple(x * right[axis] + y * up[axis] - back[axis] for axis in range(3))

    def to_camera(self, world: Vector) -> Vector:
        """World directions in camera axes."""
        return triple(world[0] * axis[0] + world[1] * axis[1] + world[2] * axis[2] for axis in self.axes)


@dataclass(frozen=True)
class Solid:
    """An object: `half` are half extents (m); for a sphere all three its radius, for a cylinder radius, half height,
    radius. Cylinders and cones (apex up) stand upright; `yaw` (radians) turns them, which only their texture shows.
    """

    shape: Shape
    centre: Point
    half: Point
    yaw: float = 0.0


@dataclass(frozen=True)
class Hits:
    """What rays meet first: ray parameter, position and outward normal in the world, and which surface.

    `surface` is 0-5 for the room's `FACES`, 6 + i for solid i; `local` is the position in the surface's own axes (for a
    solid relative to its centre and turned back by its yaw), where its texture lives. All [n_rays].
    """

    distance: Tensor
    position: Vector
    normal: Vector
    local: Vector
    surface: Tensor


class Geometry:
    """A room of `size` (width, height, depth) and its solids, ready to be hit.

    >>> hits = Geometry((4.0, 3.0, 5.0), []).first_hits(as_rays([(2.0, 1.0, 4.0)]), as_rays([(0.0, 0.0, -1.0)]))
    >>> hits.distance.item(), FACES[int(hits.surface)]
    (4.0, 'far wall')
    """

    def __init__(self, size: Point, solids: Sequence[Solid]) -> None:
        self.size = size
        order = sorted(range(len(solids)), key=lambda index: _SHAPES.index(solids[index].shape))
        self._solids = [solids[index] for index in order]
        self._surface = torch.tensor([0, *(len(FACES) + index for index in order)])  # entry 0 stands for the room
        rows = [(*solid.centre, *solid.half, math.cos(solid.yaw), math.sin(solid.yaw)) for solid in self._solids]
        self._table = torch.tensor([[0.0] * 6 + [1.0, 0.0], *rows], dtype=torch.float32).T.contiguous()  # [8, 1 + K]
        shapes = [solid.shape for solid in self._solids]
        self._spheres, self._boxes = shapes.count("sphere"), shapes.count("box")
        self._cones = shapes.count("cone")

    def first_hits(self, origin: Vector, direction: Vector) -> Hits:
        """What each ray meets first; `origin` [n_rays] or [1] inside the room, `direction` [n_rays] of any length."""
        room, face = self._room_exit(origin, direction)
        distance, nearest = room, torch.zeros_like(face)
        if self._solids:
            closest, index = self._solid_hits(origin, direction).min(dim=0)
            blocked = closest < room
            distance = torch.where(blocked, closest, room)
            nearest = torch.where(blocked, index + 1, 0)
        position = triple(o + distance * d for o, d in zip(origin, direction, strict=True))
        local, normal = self._surfaces(nearest, face, position, direction)
        surface = torch.where(nearest == 0, face, self._surface[nearest])
        return Hits(distance, position, normal, local, surface)

    def blocked(self, origin: Vector, segment: Vector) -> Tensor:
        """Whether a solid stands between `origin` and `origin + segment`; bool [n_rays]."""
        if not self._solids:
            return torch.zeros_like(segment[0], dtype=torch.bool)
        return (self._solid_hits(origin, segment) < 1).any(dim=0)

    def _room_exit(self, origin: Vector, direction: Vector) -> tuple[Tensor, Tensor]:
        """Ray parameter and face index [n_rays] at which rays leave the room."""
        distances = []
        for o, d, size in zip(origin, direction, self.size, strict=True):
            safe = _nonzero(d)
            distances.append((torch.where(safe > 0, size, 0.0) - o) / safe)
        distance, axis = torch.stack(distances).min(dim=0)
        along = torch.where(axis == 0, direction[0], torch.where(axis == 1, direction[1], direction[2]))
        return distance, 2 * axis + (along > 0).long()

    def _solid_hits(self, origin: Vector, direction: Vector) -> Tensor:
        """Ray parameter at which rays enter each solid, inf for a miss; [n_solids, n_rays]."""
        x, y, z, half_x, half_y, half_z, cos, sin = self._table[:, 1:].unsqueeze(-1).unbind()  # [K, 1] each
        o = (origin[0] - x, origin[1] - y, origin[2] - z)  # [K, n]
        entries = []
        if self._spheres:
            group = slice(0, self._spheres)
            entries.append(_enter_sphere(_pick(o, group), direction, half_x[group]))
        if len(self._solids) > self._spheres:
            group = slice(self._spheres, None)
            o, d = _turn(_pick(o, group), cos[group], sin[group]), _turn(direction, cos[group], sin[group])
            near_y, far_y = _slab(o[1], d[1], half_y[group])
            rest = len(self._solids) - self._spheres - self._cones
            box, cylinder, cone = slice(0, self._boxes), slice(self._boxes, rest), slice(rest, None)
            if self._boxes:
                near_x, far_x = _slab(o[0][box], d[0][box], half_x[group][box])
                near_z, far_z = _slab(o[2][box], d[2][box], half_z[group][box])
                near = torch.maximum(torch.maximum(near_x, near_z), near_y[box])
                far = torch.minimum(torch.minimum(far_x, far_z), far_y[box])
                entries.append(_enter(near, far))
            if rest > self._boxes:
                near, far = _tube(
                    (o[0][cylinder], o[2][cylinder]), (d[0][cylinder], d[2][cylinder]), half_x[group][cylinder]
                )
                entries.append(_enter(torch.maximum(near, near_y[cylinder]), torch.minimum(far, far_y[cylinder])))
            if self._cones:
                toward = (d[0][cone], d[1], d[2][cone])  # the turn leaves y as one for all
                entries.append(_enter_cone(_pick(o, cone), toward, half_x[group][cone], half_y[group][cone]))
        return torch.cat(entries)

    def _surfaces(self, nearest: Tensor, face: Tensor, position: Vector, direction: Vector) -> tuple[Vector, Vector]:
        """Local position and world normal of hits; `nearest` is 0 for the room, 1 + solid (in table order) else."""
        x, y, z, half_x, half_y, half_z, cos, sin = self._table[:, nearest]  # [n] each
        local = _turn((position[0] - x, position[1] - y, position[2] - z), cos, sin)
        toward = _turn(direction, cos, sin)
        ball = (nearest > 0) & (nearest <= self._spheres)
        tube = nearest > self._spheres + self._boxes
        # On a box or cylinder the hit lies on the face that is farthest out, of those that the ray can see.
        radius = torch.sqrt(local[0] * local[0] + local[2] * local[2])
        outward = (
            torch.where(tube, radius / half_x, local[0].abs() / half_x),
            local[1].abs() / half_y,
            local[2].abs() / half_z,
        )
        seen = (
            torch.where(tube, local[0] * toward[0] + local[2] * toward[2], local[0] * toward[0]) < 0,
            local[1] * toward[1] < 0,
            (local[2] * toward[2] < 0) & ~tube,
        )
        score = triple(torch.where(visible, value, -1.0) for visible, value in zip(seen, outward, strict=True))
        on_y = (score[1] > score[0]) & (score[1] > score[2])
        on_x = ~on_y & (score[0] >= score[2])
        on_z = ~on_y & ~on_x
        side = tube & on_x
        flat = (
            torch.where(on_x, local[0].sign(), 0.0),
            torch.where(on_y, local[1].sign(), 0.0),
            torch.where(on_z, local[2].sign(), 0.0),
        )
        length = torch.where(ball, torch.sqrt(radius * radius + local[1] * local[1]), radius)
        normal = (
            torch.where(ball | side, local[0] / length, flat[0]),
            torch.where(ball, local[1] / length, torch.where(side, 0.0, flat[1])),
            torch.where(ball | side, local[2] / length, flat[2]),
        )
        if self._cones:
            cone = nearest > len(self._solids) - self._cones
            slanted = _cone_normal(local, toward, radius, half_x, half_y)
            normal = triple(torch.where(cone, new, old) for new, old in zip(slanted, normal, strict=True))
        normal = _turn(normal, cos, -sin)
        room, inward = nearest == 0, 1.0 - 2.0 * (face % 2)
        return local, triple(
            torch.where(room, torch.where(face // 2 == axis, inward, 0.0), part) for axis, part in enumerate(normal)
        )


def as_rays(vectors: Sequence[Point]) -> Vector:
    """Three tensors [n] from n vectors.

    >>> as_rays([(1.0, 2.0, 3.0)])[1]
    tensor([2.])
    """
    x, y, z = torch.tensor(vectors, dtype=torch.float32).T
    return x, y, z


def dot(a: Vector, b: Vector) -> Tensor:
    """Inner products, summed from left to right.

    >>> dot(as_rays([(1.0, 2.0, 3.0)]), as_rays([(1.0, 1.0, 1.0)])).item()
    6.0
    """
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def triple(parts: Iterable[Tensor]) -> Vector:
    """A vector from its three parts."""
    x, y, z = parts
    return x, y, z


def _pick(vector: Vector, group: slice) -> Vector:
    """The rows of `group` of each part."""
    return vector[0][group], vector[1][group], vector[2][group]


def _turn(vector: Vector, cos: Tensor, sin: Tensor) -> Vector:
    """World vectors in the axes of something turned about y by the angle of `cos` and `sin`."""
    x, y, z = vector
    return x * cos - z * sin, y, x * sin + z * cos


def _nonzero(values: Tensor) -> Tensor:
    """Values with those that are too small to divide by replaced; such a ray runs along the face, far from any hit."""
    return torch.where(values.abs() < 1e-12, 1e-12, values)


def _slab(o: Tensor, d: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
    """Ray parameters between which a ray is within `half` of 0 along one axis."""
    inverse = 1.0 / _nonzero(d)
    middle, reach = -o * inverse, half * inverse.abs()
    return middle - reach, middle + reach


def _enter(near: Tensor, far: Tensor) -> Tensor:
    """Where a ray enters a convex solid that it crosses between `near` and `far`; inf if it does not."""
    return torch.where((near < far) & (near > NEAR), near, torch.inf)


def _enter_sphere(o: Vector, d: Vector, radius: Tensor) -> Tensor:
    """Where rays enter spheres around 0, from the point of closest approach (no cancellation for far spheres)."""
    squared = dot(d, d)
    closest = -dot(o, d) / squared
    beside = triple(a + closest * b for a, b in zip(o, d, strict=True))
    room = (radius * radius - dot(beside, beside)) / squared
    near = closest - torch.sqrt(room.clamp_min(0))
    return torch.where((room > 0) & (near > NEAR), near, torch.inf)


def _tube(o: tuple[Tensor, Tensor], d: tuple[Tensor, Tensor], radius: Tensor) -> tuple[Tensor, Tensor]:
    """Ray parameters between which rays are inside endless upright tubes around 0 (inf, -inf if never)."""
    squared = (d[0] * d[0] + d[1] * d[1]).clamp_min(1e-12)
    closest = -(o[0] * d[0] + o[1] * d[1]) / squared
    beside = (o[0] + closest * d[0], o[1] + closest * d[1])
    room = (radius * radius - (beside[0] * beside[0] + beside[1] * beside[1])) / squared
    half = torch.sqrt(room.clamp_min(0))
    return torch.where(room > 0, closest - half, torch.inf), torch.where(room > 0, closest + half, -torch.inf)


def _enter_cone(o: Vector, d: Vector, radius: Tensor, half: Tensor) -> Tensor:
    """Where rays enter upright cones around 0 from outside: at the slanted side or through the base.

    The side is x^2 + z^2 = k^2 (half - y)^2 with k = radius / (2 half); it and the disc below close a convex solid, so
    the nearest of all hits on them is where a ray comes in.
    """
    closest = -dot(o, d) / dot(d, d)  # solved from there, so that nothing cancels for far cones
    o = triple(a + closest * b for a, b in zip(o, d, strict=True))
    k2 = (radius / (2 * half)) * (radius / (2 * half))
    below = half - o[1]  # of the apex
    a = _nonzero(d[0] * d[0] + d[2] * d[2] - k2 * d[1] * d[1])
    b = o[0] * d[0] + o[2] * d[2] + k2 * below * d[1]
    room = b * b - a * (o[0] * o[0] + o[2] * o[2] - k2 * below * below)
    root = torch.sqrt(room.clamp_min(0))
    nearest = torch.full_like(room, torch.inf)
    for t in ((-b - root) / a, (-b + root) / a):
        y = o[1] + t * d[1]
        met = (room > 0) & (closest + t > NEAR) & (y < half) & (y > -half)
        nearest = torch.where(met & (t < nearest), t, nearest)
    t = (-half - o[1]) / _nonzero(d[1])
    x, z = o[0] + t * d[0], o[2] + t * d[2]
    met = (closest + t > NEAR) & (x * x + z * z < radius * radius)
    return closest + torch.where(met & (t < nearest), t, nearest)


def _cone_normal(local: Vector, toward: Vector, distance: Tensor, radius: Tensor, half: Tensor) -> Vector:
    """Outward normals [n] of hits on cones, in their own axes; `distance` is that from the cone's axis."""
    k = radius / (2 * half)
    reach = k * (half - local[1]).clamp_min(1e-6)  # radius of the cone at this height
    base = (toward[1] > 0) & (-local[1] * reach > distance * half)  # farther out downwards than sideways
    slope = 1.0 / torch.sqrt(1.0 + k * k)
    across = distance.clamp_min(1e-6)
    return (
        torch.where(base, 0.0, slope * local[0] / across),
        torch.where(base, -1.0, slope * k),
        torch.where(base, 0.0, slope * local[2] / across),
    )
