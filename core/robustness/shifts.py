"""Shifts of `rooms`: the same scenes in other textures, light, cameras, or with other things in them, cast anew.

A scene has a random stream of its own for everything in it, so a shift of the light or the camera leaves all else in
place, and the truth is as exact as that of the scene before. Strength 0 is the run's own data and strength 5 the far
end named here; between them every quantity moves evenly. Unseen objects are cones: no class was ever learned for them,
so their pixels count in depth, normals and edges, and are ignored in segmentation.
"""

from dataclasses import replace
from random import Random

import numpy as np

from core.data.base import SplitName
from core.data.cache import Arrays
from core.data.parameters import RoomsParameters, SceneParameters
from core.data.raycast import Solid
from core.data.rooms import render
from core.data.scenes import Scene, draw_scene
from core.robustness.settings import Setting

VERSION = 1
"""Raise it with every change that changes a scene, so that no old measurement is taken for a new one."""

FAR_ENDS: dict[str, dict[str, tuple[float, float] | float]] = {
    "textures": {"textured": 1.0, "texture_size": (0.05, 0.12), "contrast": 1.0, "saturation": 1.0},
    "darkness": {"light_intensity": (0.1, 0.15), "ambient": 0.08},
    "lamp_colour": {"light_warmth": (-1.0, -1.0)},
    "camera_height": {"camera_height": (0.3, 0.4)},
    "field_of_view": {"field_of_view": (105.0, 110.0)},
    "clutter": {"objects": (16.0, 16.0), "stacked": 0.8},
}
"""Shift -> the settings of the scene that it moves, and where to at strength 5."""

UNSEEN = "unseen_objects"
SCENE_SHIFTS = (*FAR_ENDS, UNSEEN)
LEVELS = 5

_WORDS = {"objects": "number of objects"}


def shifted_parameters(scene: SceneParameters, name: str, level: int) -> SceneParameters:
    """How rooms look under a shift at a strength from 0 (as they are) to 5 (its far end).

    >>> shifted_parameters(SceneParameters(), "field_of_view", 5).field_of_view
    (105.0, 110.0)
    """
    ends = FAR_ENDS.get(name, {})
    changes = {key: _between(getattr(scene, key), end, level / LEVELS) for key, end in ends.items()}
    return SceneParameters.model_validate(scene.model_dump() | changes)


def meaning(scene: SceneParameters, name: str, level: int) -> str:
    """What a shift does at a strength, for people.

    >>> meaning(SceneParameters(), "camera_height", 5), meaning(SceneParameters(), "unseen_objects", 1)
    ('camera height 0.3 to 0.4 m', 'cones in the place of 20% of the objects')
    """
    if name == UNSEEN:
        return f"cones in the place of {level / LEVELS:.0%} of the objects"
    changed = shifted_parameters(scene, name, level)
    return ", ".join(_said(changed, key) for key in FAR_ENDS[name])


def scene_shift_settings(scene: SceneParameters) -> tuple[Setting, ...]:
    """Every shift of rooms that look like `scene`, at strengths 1 to 5.

    >>> len(scene_shift_settings(SceneParameters()))
    35
    """
    return tuple(
        Setting(name, level, meaning(scene, name, level)) for name in SCENE_SHIFTS for level in range(1, LEVELS + 1)
    )


def cast_shifted(parameters: RoomsParameters, split: SplitName, name: str, level: int, first: int, end: int) -> Arrays:
    """Images and labels of scenes `first` to `end` (left out) of a split, as the cache of `rooms` holds them."""
    look = shifted_parameters(parameters.scene, name, level)
    views = []
    for index in range(first, end):
        scene = draw_scene(look, parameters.seed, split, index)
        if name == UNSEEN:
            scene = with_cones(scene, level / LEVELS, Random(f"rooms/{parameters.seed}/{split}/{index}/unseen"))
        views.append(render(scene, parameters.height, parameters.width, antialias=look.antialias))
    names = ("image", "depth", "normals", "classes", "instances")
    return {name: np.stack([getattr(view, name).numpy() for view in views]) for name in names}


def with_cones(scene: Scene, share: float, stream: Random) -> Scene:
    """A scene in which about `share` of the objects are cones of their size; what carries another stays as it is.

    A larger share keeps the cones of a smaller one.
    """
    solids = []
    for solid in scene.solids:
        changed = stream.random() < share and not _carries(solid, scene.solids)
        radius = min(solid.half[0], solid.half[2])
        solids.append(replace(solid, shape="cone", half=(radius, solid.half[1], radius)) if changed else solid)
    return replace(scene, solids=tuple(solids))


def _carries(solid: Solid, solids: tuple[Solid, ...]) -> bool:
    """Whether another object stands on this one."""
    top = solid.centre[1] + solid.half[1]
    return any(
        (other.centre[0], other.centre[2]) == (solid.centre[0], solid.centre[2])
        and abs(other.centre[1] - other.half[1] - top) < 1e-9
        for other in solids
        if other is not solid
    )


def _between(start: object, end: tuple[float, float] | float, share: float) -> object:
    """`start` moved towards `end`; whole numbers stay whole."""
    if isinstance(end, tuple):
        assert isinstance(start, tuple)
        low, high = (a + share * (b - a) for a, b in zip(start, end, strict=True))
        return (round(low), round(high)) if isinstance(start[0], int) else (low, high)
    assert isinstance(start, int | float)
    return start + share * (end - start)


def _said(scene: SceneParameters, key: str) -> str:
    value, name = getattr(scene, key), _WORDS.get(key, key.replace("_", " "))
    extra = SceneParameters.model_fields[key].json_schema_extra
    unit = str(extra.get("unit", "")) if isinstance(extra, dict) else ""
    text = f"{value[0]:.3g} to {value[1]:.3g}" if isinstance(value, tuple) else f"{value:.3g}"
    if isinstance(value, tuple) and value[0] == value[1]:
        text = f"{value[0]:.3g}"
    return f"{name} {text} {unit}".strip()
