"""`rooms`: small furnished rooms with exact labels for five dense tasks, ray-cast on first use and cached.

Labels belong to the ray through each pixel's centre. Depth is z-depth: metres along the optical axis, not along the
ray. Normals are unit vectors in camera axes (x right, y up, z towards the viewer) and point towards the camera. Edges
separate instances; the four walls are one instance, each picture, rug and object its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.data.base import (
    IGNORED,
    IMAGENET_MEAN,
    IMAGENET_STD,
    DataSplits,
    Progress,
    SplitName,
    TensorData,
    count_images_with_class,
    edges_between,
    normalise,
)
from core.data.cache import Arrays, Layout, cache_folder, cached, content_key
from core.data.parameters import ROOM_CLASSES, ROOM_TASKS, RoomsParameters
from core.data.raycast import FACES, Geometry, Hits, Point, as_rays, triple
from core.data.scenes import Scene, draw_scene
from core.data.shading import expose, shade

GENERATOR = 1
"""Version of the generator. Raise it with every change that changes a scene, so that no old cache is read."""

_FACE_CLASSES = ("wall", "wall", "floor", "ceiling", "wall", "wall")
# Rays of a pixel: its centre, which the labels belong to, and a rotated grid around it (x, y in pixels).
_SUBPIXELS = ((0.0, 0.0), (-0.125, -0.375), (0.375, -0.125), (0.125, 0.375), (-0.375, 0.125))


@dataclass(frozen=True)
class View:
    """What the camera sees.

    image uint8 [3, H, W]; depth float32 [H, W] in metres; normals float32 [3, H, W]; classes uint8 [H, W], indices into
    `ROOM_CLASSES`; instances uint8 [H, W], 0 wall, 1 floor, 2 ceiling, then pictures, rug and objects.
    """

    image: Tensor
    depth: Tensor
    normals: Tensor
    classes: Tensor
    instances: Tensor


def load_rooms(
    parameters: RoomsParameters, *, folder: Path | None = None, progress: Progress | None = None
) -> DataSplits:
    """The splits of `rooms`, from the cache `folder` (default: `cache_folder()`) or cast and then cached there.

    `progress` is called with (scenes done, scenes in all splits). Images are float32 [n, 3, H, W], normalised as for
    ImageNet; for targets see `core.data.base.Split`.
    """
    sizes: dict[SplitName, int] = {"train": parameters.train, "val": parameters.val, "test": parameters.test}
    total, done = sum(sizes.values()), 0
    splits: dict[SplitName, TensorData] = {}
    counts: tuple[int, ...] = ()
    for split, count in sizes.items():
        if not count:
            continue
        report = None if progress is None else partial(_report, progress, done, total)
        arrays = _load_split(parameters, split, count, folder or cache_folder(), report)
        done += count
        if progress is not None:
            progress(done, total)
        if split == "train":
            counts = count_images_with_class(torch.from_numpy(arrays["classes"]), len(ROOM_CLASSES))
        splits[split] = as_data(arrays)
    return DataSplits(
        name="rooms",
        tasks=ROOM_TASKS,
        train=splits["train"],
        val=splits["val"],
        test=splits.get("test"),
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        class_names={"segmentation": ROOM_CLASSES},
        class_counts={"segmentation": counts},
    )


def render(scene: Scene, height: int, width: int, *, antialias: bool = True) -> View:
    """Cast a scene into an image and its exact labels, `height` x `width` pixels.

    >>> from core.data.parameters import SceneParameters
    >>> view = render(draw_scene(SceneParameters(), 0, "train", 0), height=16, width=24)
    >>> view.image.shape, view.depth.shape
    (torch.Size([3, 16, 24]), torch.Size([16, 24]))
    """
    geometry, pixels = Geometry(scene.size, scene.solids), height * width
    subpixels = _SUBPIXELS if antialias else _SUBPIXELS[:1]
    rays = [scene.camera.rays(height, width, offset) for offset in subpixels]
    direction = triple(torch.cat([ray[axis] for ray in rays]) for axis in range(3))  # [subpixels * pixels]
    hits = geometry.first_hits(as_rays([scene.camera.position]), direction)
    material = _material_index(scene, hits)
    # Each ray of a pixel is lit from another point of the lamp: soft shadows at no further cost.
    points = [_lamp_point(scene, offset) for offset in subpixels]
    light = triple(part.repeat_interleave(pixels) for part in as_rays(points))
    colours = shade(geometry, hits, direction, scene.materials, material, scene.lamp, light)
    image = torch.stack([_mean_of_rows(part.view(len(subpixels), pixels)) for part in colours])  # [3, pixels]

    centre = slice(0, pixels)
    classes, instances = _labels(scene)
    normals = scene.camera.to_camera(triple(part[centre] for part in hits.normal))
    return View(
        image=expose(image).view(3, height, width),
        depth=hits.distance[centre].view(height, width).clone(),
        normals=torch.stack(normals).view(3, height, width),
        classes=classes[material[centre]].view(height, width),
        instances=instances[material[centre]].view(height, width),
    )


def _mean_of_rows(rows: Tensor) -> Tensor:
    """Mean of [k, n] over k, added in order (a library's sum may add in another order for another n)."""
    total = rows[0]
    for row in rows[1:]:
        total = total + row
    return total / len(rows)


def _lamp_point(scene: Scene, offset: tuple[float, float]) -> Point:
    """The point of the round lamp that a subpixel's rays are lit from."""
    x, y, z = scene.lamp.position
    reach = 2.5 * scene.lamp.radius  # the outermost subpixels are 0.4 pixels from the centre
    return x + reach * offset[0], y, z + reach * offset[1]


def _material_index(scene: Scene, hits: Hits) -> Tensor:
    """Which of the scene's materials each ray meets: faces, then two a decal (inside, rim), then solids; int64 [n]."""
    index = torch.where(hits.surface < len(FACES), hits.surface, hits.surface + 2 * len(scene.decals))
    for number, decal in enumerate(scene.decals):
        first, second = (hits.position[axis] for axis in decal.axes)
        # Metres from the nearest side of the rectangle, negative outside of it.
        inside = torch.minimum(
            torch.minimum(first - decal.low[0], decal.high[0] - first),
            torch.minimum(second - decal.low[1], decal.high[1] - second),
        )
        material = len(FACES) + 2 * number + (inside < decal.border).long()
        index = torch.where((hits.surface == decal.face) & (inside > 0), material, index)
    return index


def _labels(scene: Scene) -> tuple[Tensor, Tensor]:
    """Class and instance of each material, uint8; the class of a shape that has none is `IGNORED`."""
    names = list(_FACE_CLASSES)
    instances = [("wall", "floor", "ceiling").index(name) for name in names]
    for decal in scene.decals:
        names += ["rug" if decal.face == 2 else "picture"] * 2
        instances += [max(instances) + 1] * 2
    for solid in scene.solids:
        names.append(solid.shape)
        instances.append(max(instances) + 1)
    classes = [ROOM_CLASSES.index(name) if name in ROOM_CLASSES else IGNORED for name in names]
    return torch.tensor(classes, dtype=torch.uint8), torch.tensor(instances, dtype=torch.uint8)


def _report(progress: Progress, before: int, total: int, scenes: int) -> None:
    """Pass on the progress within one split."""
    progress(before + scenes, total)


def _load_split(
    parameters: RoomsParameters, split: SplitName, count: int, folder: Path, report: Callable[[int], None] | None
) -> Arrays:
    """The arrays of one split, from the cache or cast."""
    height, width = parameters.height, parameters.width
    look = parameters.scene.model_dump_json()
    key = content_key(f"rooms {GENERATOR} {look} {height}x{width} {parameters.seed} {split} {count}")
    layout = {
        "image": ("uint8", (count, 3, height, width)),
        "depth": ("float32", (count, height, width)),
        "normals": ("float32", (count, 3, height, width)),
        "classes": ("uint8", (count, height, width)),
        "instances": ("uint8", (count, height, width)),
    }
    return cached(folder / f"rooms-{split}-{key}.npz", lambda: _cast_split(parameters, split, layout, report), layout)


def _cast_split(
    parameters: RoomsParameters, split: SplitName, layout: Layout, report: Callable[[int], None] | None
) -> Arrays:
    """Cast every scene of a split."""
    arrays: Arrays = {name: np.empty(shape, dtype) for name, (dtype, shape) in layout.items()}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the operations of one scene are too short to be worth sharing out
    try:
        for index in range(len(arrays["image"])):
            scene = draw_scene(parameters.scene, parameters.seed, split, index)
            view = render(scene, parameters.height, parameters.width, antialias=parameters.scene.antialias)
            for name, stack in arrays.items():
                stack[index] = getattr(view, name).numpy()
            if report is not None:
                report(index + 1)
    finally:
        torch.set_num_threads(threads)
    return arrays


def as_data(arrays: Arrays) -> TensorData:
    """Images and targets as the network meets them; reconstruction shares its memory with the images."""
    stored = {name: torch.from_numpy(array) for name, array in arrays.items()}
    images = normalise(stored["image"].float() / 255, IMAGENET_MEAN, IMAGENET_STD)
    targets = {
        "segmentation": stored["classes"].long(),
        "depth": stored["depth"].unsqueeze(1),
        "edges": edges_between(stored["instances"]),
        "normals": stored["normals"],
        "reconstruction": images,
    }
    return TensorData(images, targets)
