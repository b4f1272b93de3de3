"""Shifts: what moves and what stays, exact truth after them, graded strengths; and those of plain images."""

from random import Random

import numpy as np
import pytest
import torch

from core.data.base import IGNORED
from core.data.cache import Arrays
from core.data.parameters import ROOM_CLASSES, RoomsParameters
from core.data.rooms import as_data, load_rooms
from core.data.scenes import draw_scene
from core.robustness.images import LEVELS, cropped, image_shifts, meaning, shift_image
from core.robustness.shifts import (
    SCENE_SHIFTS,
    UNSEEN,
    cast_shifted,
    scene_shift_settings,
    shifted_parameters,
    with_cones,
)

ROOMS = RoomsParameters(train=1, val=4, height=32, width=32)
LABELS = ("depth", "normals", "classes", "instances")


def cast(name: str, level: int) -> Arrays:
    return cast_shifted(ROOMS, "val", name, level, 0, 4)


@pytest.mark.parametrize("name", SCENE_SHIFTS)
def test_strength_0_is_the_runs_own_data(name: str) -> None:
    split, found = load_rooms(ROOMS).val, as_data(cast(name, 0))
    for index in range(4):
        image, targets = split[index]
        assert torch.equal(found.images[index], image)
        for task, target in targets.items():
            assert torch.equal(found.targets[task][index], target), task


@pytest.mark.parametrize("name", ["darkness", "lamp_colour", "textures"])
def test_light_and_textures_leave_all_truth_in_place(name: str) -> None:
    clean, shifted = cast(name, 0), cast(name, 5)
    assert np.any(clean["image"] != shifted["image"])
    for label in LABELS:
        assert np.array_equal(clean[label], shifted[label])


@pytest.mark.parametrize("name", ["camera_height", "field_of_view", "clutter"])
def test_other_views_and_things_have_other_truth(name: str) -> None:
    clean, shifted = cast(name, 0), cast(name, 5)
    for label in LABELS:
        assert np.any(clean[label] != shifted[label]), label


@pytest.mark.parametrize("name", SCENE_SHIFTS)
def test_a_higher_strength_is_farther_away(name: str) -> None:
    clean = cast(name, 0)["image"].astype(float)
    away = [np.abs(cast(name, level)["image"] - clean).mean() for level in (1, 3, 5)]
    assert 0 < away[0] < away[2]
    assert away[1] < away[2] * 1.2


def test_unseen_objects_have_depth_but_no_class() -> None:
    clean, shifted = cast(UNSEEN, 0), cast(UNSEEN, 5)
    unknown = shifted["classes"] == IGNORED
    assert unknown.mean() > 0.02
    solids = [ROOM_CLASSES.index(name) for name in ("sphere", "box", "cylinder")]
    assert np.isin(shifted["classes"], solids).sum() < 0.3 * np.isin(clean["classes"], solids).sum()  # carriers stay
    assert np.isfinite(shifted["depth"]).all()
    assert np.allclose((shifted["normals"] ** 2).sum(axis=1), 1, atol=1e-5)
    assert (as_data(shifted).targets["segmentation"][torch.from_numpy(unknown)] == IGNORED).all()


def test_a_larger_share_keeps_the_cones_of_a_smaller_one_and_carriers_stay() -> None:
    many = ROOMS.scene.model_copy(update={"objects": (8, 12), "stacked": 1.0})
    carriers = 0
    for index in range(20):
        scene = draw_scene(many, 0, "val", index)
        few, all_of_them = (with_cones(scene, share, Random(index)).solids for share in (0.4, 1.0))
        assert all(b.shape == "cone" for a, b in zip(few, all_of_them, strict=True) if a.shape == "cone")
        assert sum(solid.shape == "cone" for solid in few) <= sum(solid.shape == "cone" for solid in all_of_them)
        carriers += sum(solid.shape != "cone" for solid in all_of_them)
        floating = [solid for solid in all_of_them if solid.centre[1] - solid.half[1] > 1e-9]
        assert sum(solid.shape == "box" for solid in all_of_them) == len(floating)  # each stands on its box
    assert carriers > 5


def test_every_strength_is_possible_and_said() -> None:
    settings = scene_shift_settings(ROOMS.scene)
    assert len(settings) == 35
    assert len({setting.text for setting in settings}) == 35
    for setting in settings:
        shifted_parameters(ROOMS.scene, setting.name, int(setting.severity))  # within its limits
    assert settings[4].text == "textured 1, texture size 0.05 to 0.12 m, contrast 1, saturation 1"


@pytest.mark.parametrize("name", LEVELS)
def test_image_shifts_are_graded(name: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    away = [np.abs(shift_image(image, name, level).astype(int) - image).mean() for level in range(1, 6)]
    assert 0 < away[0] < away[4]
    assert len({meaning(name, level) for level in range(1, 6)}) == 5
    for shape in ((24, 32, 1), (16, 24, 3)):
        if name in image_shifts(shape[2]):
            assert shift_image(image[: shape[0], : shape[1], : shape[2]], name, 3).shape == shape


def test_image_shifts_by_hand() -> None:
    image = np.array([[[0], [64]], [[128], [255]]], np.uint8)
    assert shift_image(image, "gamma", 3).ravel().tolist() == [0, 12, 56, 255]  # (v / 255) ** 2.2
    colours = np.array([[[100, 100, 100], [200, 0, 255]]], np.uint8)
    assert shift_image(colours, "colour", 4).tolist() == [[[150, 100, 50], [255, 0, 128]]]


def test_a_crop_shows_the_middle_and_its_truth_the_same_pixels() -> None:
    assert cropped(10, 0.6).tolist() == [2, 2, 3, 4, 4, 5, 5, 6, 7, 7]
    labels = np.arange(24 * 32, dtype=np.uint8).reshape(24, 32, 1)
    share = LEVELS["crop"][4]
    moved = labels[cropped(24, share)][:, cropped(32, share)]
    assert np.array_equal(shift_image(labels, "crop", 5), moved)
