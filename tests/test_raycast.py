"""The ray-caster against closed forms, a plain caster in double precision, and the normals that depth implies."""

import math
from collections.abc import Sequence
from random import Random

import pytest
import torch
from torch import Tensor

from core.data.parameters import SceneParameters
from core.data.raycast import FACES, Camera, Geometry, Hits, Point, Shape, Solid, Vector, as_rays, dot
from core.data.scenes import Scene, draw_scene
from core.robustness.shifts import with_cones

ROOM = (4.0, 3.0, 5.0)
LEVEL = Camera((2.0, 1.5, 4.5), yaw=0.0, pitch=0.0, field_of_view=math.radians(70))
TURNED = Camera((1.5, 1.2, 4.0), yaw=0.4, pitch=-0.3, field_of_view=math.radians(60))
SOLIDS = (
    Solid("box", (1.0, 0.5, 1.5), (0.4, 0.5, 0.3), yaw=0.6),
    Solid("sphere", (2.6, 0.6, 1.0), (0.6, 0.6, 0.6)),
    Solid("cylinder", (2.0, 0.4, 2.4), (0.3, 0.4, 0.3), yaw=1.0),
    Solid("sphere", (1.0, 1.25, 1.5), (0.25, 0.25, 0.25)),
)


def cast(camera: Camera, solids: Sequence[Solid], height: int = 24, width: int = 32) -> tuple[Vector, Hits]:
    """Directions and hits of all pixels."""
    direction = camera.rays(height, width)
    return direction, Geometry(ROOM, solids).first_hits(as_rays([camera.position]), direction)


def stacked(vector: Vector) -> Tensor:
    """[n, 3] in double precision."""
    return torch.stack(vector, dim=1).double()


@pytest.mark.parametrize("camera", [LEVEL, TURNED], ids=["level", "turned"])
def test_camera_axes_are_orthonormal_and_right_handed(camera: Camera) -> None:
    axes = torch.tensor(camera.axes, dtype=torch.float64)
    torch.testing.assert_close(axes @ axes.T, torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(torch.linalg.cross(axes[0], axes[1]), axes[2])


def test_camera_turns_left_and_looks_up() -> None:
    camera = Camera((0.0, 0.0, 0.0), yaw=0.3, pitch=0.2, field_of_view=1.0)
    ahead = -torch.tensor(camera.axes[2])
    assert ahead[0] < 0, "a positive yaw looks to the left"
    torch.testing.assert_close(ahead[1].item(), math.sin(0.2))


def test_border_rays_span_the_field_of_view_of_the_shorter_side() -> None:
    height, width, view = 40, 60, math.radians(70)
    camera = Camera((0.0, 0.0, 0.0), 0.0, 0.0, view)
    x, y, z = (part.view(height, width) for part in camera.rays(height, width, offset=(0.0, -0.5)))
    torch.testing.assert_close(math.atan2(y[0, 0].item(), -z[0, 0].item()), view / 2)  # top border of the first row
    torch.testing.assert_close(x[0, -1].item(), (0.5 * width - 0.5) / camera.focal_length(height, width))


@pytest.mark.parametrize("camera", [LEVEL, TURNED], ids=["level", "turned"])
def test_rays_advance_one_metre_along_the_optical_axis(camera: Camera) -> None:
    _, _, z = camera.to_camera(camera.rays(24, 32))
    torch.testing.assert_close(z, torch.full_like(z, -1.0))


def test_a_wall_seen_face_on_has_one_depth_and_faces_the_viewer() -> None:
    _, hits = cast(LEVEL, [])
    wall = hits.surface == FACES.index("far wall")
    assert wall.any()
    torch.testing.assert_close(hits.distance[wall], torch.full_like(hits.distance[wall], 4.5))
    x, y, z = LEVEL.to_camera(hits.normal)
    assert (z[wall] == 1).all()
    assert (x[wall] == 0).all()
    assert (y[wall] == 0).all()


@pytest.mark.parametrize("camera", [LEVEL, TURNED], ids=["level", "turned"])
def test_floor_depth_is_camera_height_over_descent(camera: Camera) -> None:
    direction, hits = cast(camera, [])
    floor = hits.surface == FACES.index("floor")
    assert floor.any()
    torch.testing.assert_close(hits.distance[floor], camera.position[1] / -direction[1][floor])
    assert (hits.normal[1][floor] == 1).all()


def test_sphere_depth_and_normals_solve_the_quadratic() -> None:
    sphere = SOLIDS[1]
    direction, hits = cast(TURNED, [sphere], 48, 64)
    seen = hits.surface == len(FACES)
    assert seen.sum() > 50
    d = stacked(direction)[seen]
    start = torch.tensor(TURNED.position, dtype=torch.float64) - torch.tensor(sphere.centre, dtype=torch.float64)
    a, b, c = (d * d).sum(1), 2 * d @ start, start @ start - sphere.half[0] ** 2
    t = (-b - (b * b - 4 * a * c).clamp_min(0).sqrt()) / (2 * a)
    normals = (start + t[:, None] * d) / sphere.half[0]
    # A grazing ray turns rounding errors of 1e-7 into their square root.
    torch.testing.assert_close(hits.distance[seen].double(), t, atol=2e-4, rtol=0)
    torch.testing.assert_close(stacked(hits.normal)[seen], normals, atol=1e-3, rtol=0)
    steady = (normals * d).sum(1).abs() > 0.2 * d.norm(dim=1)
    torch.testing.assert_close(hits.distance[seen].double()[steady], t[steady], atol=5e-6, rtol=0)


def plain_hit(room: Point, solids: Sequence[Solid], origin: Point, ray: Point) -> tuple[float, tuple[float, ...], int]:
    """Distance, normal and surface of one ray in double precision: every face on its own, no vectors, no slabs."""
    found: list[tuple[float, tuple[float, ...], int]] = []
    for axis in range(3):
        if ray[axis]:
            for side in (0, 1):
                t = (side * room[axis] - origin[axis]) / ray[axis]
                if t > 0:
                    normal = tuple((1.0 - 2 * side) * (axis == other) for other in range(3))
                    found.append((t, normal, 2 * axis + side))
    exit_face = min(found)
    candidates = [exit_face]
    for index, solid in enumerate(solids):
        cos, sin = math.cos(solid.yaw), math.sin(solid.yaw)

        def inward(v: Sequence[float], cos: float = cos, sin: float = sin) -> tuple[float, float, float]:
            return v[0] * cos - v[2] * sin, v[1], v[0] * sin + v[2] * cos

        def outward(v: Sequence[float], cos: float = cos, sin: float = sin) -> tuple[float, float, float]:
            return v[0] * cos + v[2] * sin, v[1], v[2] * cos - v[0] * sin

        o = inward([p - c for p, c in zip(origin, solid.centre, strict=True)])
        d = inward(ray)
        for t, normal in plain_solid_hits(solid.shape, solid.half, o, d):
            if t > 1e-9:
                candidates.append((t, outward(normal), len(FACES) + index))
    return min(candidates)


def plain_solid_hits(shape: Shape, half: Point, o: Point, d: Point) -> list[tuple[float, tuple[float, ...]]]:
    """All crossings of a ray with the surface of a solid around 0, and the outward normals there."""

    def at(t: float) -> tuple[float, ...]:
        return tuple(a + t * b for a, b in zip(o, d, strict=True))

    def roots(axes: Sequence[int], radius: float) -> list[float]:
        a = sum(d[i] ** 2 for i in axes)
        b = 2 * sum(o[i] * d[i] for i in axes)
        inside = b * b - 4 * a * (sum(o[i] ** 2 for i in axes) - radius**2)
        return [(-b + sign * math.sqrt(inside)) / (2 * a) for sign in (-1, 1)] if inside > 0 and a > 0 else []

    if shape == "sphere":
        return [(t, tuple(part / half[0] for part in at(t))) for t in roots((0, 1, 2), half[0])]
    hits: list[tuple[float, tuple[float, ...]]] = []
    flat = (0, 1, 2) if shape == "box" else (1,)
    for axis in flat:
        for side in (-1,) if shape == "cone" else (-1, 1):
            if d[axis]:
                t = (side * half[axis] - o[axis]) / d[axis]
                p = at(t)
                others = [i for i in range(3) if i != axis]
                if shape == "box":
                    within = all(abs(p[i]) <= half[i] for i in others)
                else:
                    within = p[0] ** 2 + p[2] ** 2 <= half[0] ** 2
                if within:
                    hits.append((t, tuple(float(side) * (axis == i) for i in range(3))))
    if shape == "cylinder":
        for t in roots((0, 2), half[0]):
            p = at(t)
            if abs(p[1]) <= half[1]:
                hits.append((t, (p[0] / half[0], 0.0, p[2] / half[0])))
    if shape == "cone":  # x^2 + z^2 = k^2 (half - y)^2, apex up
        k, above = half[0] / (2 * half[1]), half[1] - o[1]
        a = d[0] ** 2 + d[2] ** 2 - (k * d[1]) ** 2
        b = 2 * (o[0] * d[0] + o[2] * d[2] + k * k * above * d[1])
        room = b * b - 4 * a * (o[0] ** 2 + o[2] ** 2 - (k * above) ** 2)
        for t in [(-b + sign * math.sqrt(room)) / (2 * a) for sign in (-1, 1)] if room > 0 and a else []:
            p = at(t)
            if abs(p[1]) <= half[1]:
                across = math.hypot(p[0], p[2]) * math.hypot(1.0, k)
                hits.append((t, (p[0] / across, k / math.hypot(1.0, k), p[2] / across)))
    return hits


def scene_of(index: int) -> Scene:
    """A crowded random scene."""
    return draw_scene(SceneParameters(objects=(6, 12)), seed=5, split="train", index=index)


@pytest.mark.parametrize("cones", [0.0, 1.0], ids=["", "cones"])
@pytest.mark.parametrize("index", range(4))
def test_hits_equal_a_plain_caster_in_double_precision(index: int, cones: float) -> None:
    scene = with_cones(scene_of(index), cones, Random(0))
    assert any(solid.shape == "cone" for solid in scene.solids) == bool(cones)
    direction = scene.camera.rays(20, 28)
    hits = Geometry(scene.size, scene.solids).first_hits(as_rays([scene.camera.position]), direction)
    expected = [
        plain_hit(scene.size, scene.solids, scene.camera.position, (x.item(), y.item(), z.item()))
        for x, y, z in zip(*direction, strict=True)
    ]
    assert hits.surface.tolist() == [surface for _, _, surface in expected]
    distances = torch.tensor([t for t, _, _ in expected], dtype=torch.float64)
    normals = torch.tensor([normal for _, normal, _ in expected], dtype=torch.float64)
    torch.testing.assert_close(hits.distance.double(), distances, atol=1e-4, rtol=0)
    torch.testing.assert_close(stacked(hits.normal), normals, atol=2e-3, rtol=0)
    assert (hits.distance.double() - distances).abs().median() < 1e-6


@pytest.mark.parametrize("index", range(4))
def test_normals_are_of_unit_length_and_face_the_camera(index: int) -> None:
    scene = scene_of(index)
    direction = scene.camera.rays(48, 48)
    hits = Geometry(scene.size, scene.solids).first_hits(as_rays([scene.camera.position]), direction)
    length = dot(hits.normal, hits.normal)
    torch.testing.assert_close(length, torch.ones_like(length), atol=1e-6, rtol=0)
    assert (dot(hits.normal, direction) < 0).all()


def test_a_cone_is_hit_at_its_side_and_from_below() -> None:
    cone = Solid("cone", (2.0, 1.5, 2.0), (0.5, 1.0, 0.5))  # apex at 2.5 m, base at 0.5 m
    below = Geometry(ROOM, [cone]).first_hits(as_rays([(2.1, 0.1, 2.1)]), as_rays([(0.0, 1.0, 0.0)]))
    assert below.distance.item() == pytest.approx(0.4)
    assert [part.item() for part in below.normal] == [0.0, -1.0, 0.0]
    side = Geometry(ROOM, [cone]).first_hits(as_rays([(2.0, 1.5, 4.0)]), as_rays([(0.0, 0.0, -1.0)]))
    assert side.distance.item() == pytest.approx(1.75)  # half way up the radius is a quarter of a metre
    assert [part.item() for part in side.normal] == pytest.approx([0.0, 1 / math.sqrt(17), 4 / math.sqrt(17)])
    over = Geometry(ROOM, [cone]).first_hits(as_rays([(2.0, 2.6, 4.0)]), as_rays([(0.0, 0.0, -1.0)]))
    assert over.surface.item() == FACES.index("far wall")


def test_normals_on_planes_are_those_of_the_depth_gradient() -> None:
    height, width = 48, 64
    direction, hits = cast(TURNED, SOLIDS, height, width)
    rays = torch.stack(TURNED.to_camera(direction)).double().view(3, height, width)
    points = rays * hits.distance.double().view(height, width)  # camera axes, from z-depth alone
    right = points[:, :-1, 1:] - points[:, :-1, :-1]
    down = points[:, 1:, :-1] - points[:, :-1, :-1]
    from_depth = torch.nn.functional.normalize(torch.linalg.cross(down, right, dim=0), dim=0)
    normals = torch.stack(TURNED.to_camera(hits.normal)).double().view(3, height, width)[:, :-1, :-1]
    faces = torch.stack((*hits.normal, hits.surface.float())).view(4, height, width)
    flat = (
        (faces[:, :-1, :-1] == faces[:, :-1, 1:]).all(dim=0)
        & (faces[:, :-1, :-1] == faces[:, 1:, :-1]).all(dim=0)
        & (faces[3, :-1, :-1] != len(FACES) + 1)
        & (faces[3, :-1, :-1] != len(FACES) + 3)
    )
    assert flat.sum() > 1500
    assert (faces[3, :-1, :-1][flat] == len(FACES)).any(), "the turned box is among the planes"
    torch.testing.assert_close(normals[:, flat], from_depth[:, flat], atol=1e-3, rtol=0)


def test_a_ray_gives_the_same_bits_alone_and_in_company() -> None:
    direction, hits = cast(TURNED, SOLIDS, 96, 96)
    some = torch.arange(0, 96 * 96, 37)
    x, y, z = (part[some] for part in direction)
    alone = Geometry(ROOM, SOLIDS).first_hits(as_rays([TURNED.position]), (x, y, z))
    assert torch.equal(alone.distance, hits.distance[some])
    assert all(torch.equal(a, b[some]) for a, b in zip(alone.normal, hits.normal, strict=True))


def test_an_axis_parallel_ray_hits_what_is_straight_ahead() -> None:
    geometry = Geometry(ROOM, [Solid("cylinder", (2.0, 0.5, 2.0), (0.5, 0.5, 0.5))])
    rays = as_rays([(0.0, 0.0, -1.0), (0.0, -1.0, 0.0), (1.0, 0.0, 0.0)])
    hits = geometry.first_hits(as_rays([(2.0, 0.5, 4.0)]), rays)
    assert hits.distance.tolist() == [1.5, 0.5, 2.0]
    assert hits.surface.tolist() == [len(FACES), FACES.index("floor"), FACES.index("right wall")]
    above = geometry.first_hits(as_rays([(2.1, 2.0, 2.1)]), as_rays([(0.0, -1.0, 0.0)]))
    assert above.distance.item() == 1.0
    assert above.normal[1].item() == 1.0


def test_only_solids_between_two_points_block_the_way() -> None:
    geometry = Geometry(ROOM, SOLIDS)
    start = as_rays([(2.6, 0.6, 3.0), (2.6, 0.6, 3.0), (2.6, 2.5, 3.0)])
    segment = as_rays([(0.0, 0.0, -2.9), (0.0, 0.0, -1.3), (0.0, 0.0, -2.9)])
    assert geometry.blocked(start, segment).tolist() == [True, False, False]
    assert not Geometry(ROOM, []).blocked(start, segment).any()
