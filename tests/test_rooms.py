"""`rooms`: scenes depend on their seed alone, labels agree with each other, and the cache is used."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from core.data.base import TensorData, edges_between
from core.data.cache import CacheWarning
from core.data.parameters import ROOM_CLASSES, RoomsParameters, SceneParameters
from core.data.raycast import FACES
from core.data.rooms import View, load_rooms, render
from core.data.scenes import Scene, draw_scene

SMALL = RoomsParameters(train=5, val=3, test=2, height=24, width=32)


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    """Leave the number of threads as it was."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def view_of(index: int, parameters: SceneParameters | None = None, size: int = 32) -> View:
    """A rendered random scene."""
    return render(draw_scene(parameters or SceneParameters(), 3, "train", index), size, size)


def in_memory(split: object) -> TensorData:
    """The split as what it is."""
    assert isinstance(split, TensorData)
    return split


def assert_same_labels(first: View, second: View) -> None:
    """Everything but the image is the same, bit for bit."""
    for name in ("depth", "normals", "classes", "instances"):
        assert torch.equal(getattr(first, name), getattr(second, name)), name


def test_a_longer_split_begins_with_a_shorter_one_bit_for_bit(tmp_path: Path) -> None:
    short = in_memory(load_rooms(SMALL, folder=tmp_path).train)
    long = in_memory(load_rooms(SMALL.model_copy(update={"train": 8}), folder=tmp_path).train)
    assert (len(short), len(long)) == (5, 8)
    assert torch.equal(long.images[:5], short.images)
    for name, target in short.targets.items():
        assert torch.equal(long.targets[name][:5], target), name


@pytest.mark.parametrize("antialias", [True, False])
def test_a_scene_is_the_same_on_any_number_of_threads(antialias: bool) -> None:
    scene = draw_scene(SceneParameters(), 0, "val", 1)
    views = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        views.append(render(scene, 72, 72, antialias=antialias))
    assert_same_labels(*views)
    assert torch.equal(views[0].image, views[1].image)


def test_splits_share_no_scene(tmp_path: Path) -> None:
    data = load_rooms(SMALL, folder=tmp_path)
    assert data.test is not None
    images = torch.cat([in_memory(split).images for split in (data.train, data.val, data.test)])
    assert len(images) == 10
    assert len(torch.unique(images.flatten(1), dim=0)) == 10
    layouts = {
        draw_scene(SceneParameters(), 0, split, i).solids for split in ("train", "val", "test") for i in range(50)
    }
    assert len(layouts) == 150


def test_seeds_make_other_scenes() -> None:
    scenes = {draw_scene(SceneParameters(), seed, "train", 0).camera for seed in range(20)}
    assert len(scenes) == 20


def test_shifting_light_and_textures_leaves_the_labels_alone() -> None:
    shifted = SceneParameters(light_intensity=(0.3, 0.4), ambient=0.1, textured=0.0, saturation=0.1, shadows=False)
    for index in range(3):
        plain, dark = view_of(index), view_of(index, shifted)
        assert_same_labels(plain, dark)
        assert dark.image.float().mean() < 0.8 * plain.image.float().mean()


def test_shifting_the_camera_leaves_the_room_alone() -> None:
    first = draw_scene(SceneParameters(), 0, "train", 4)
    second = draw_scene(SceneParameters(camera_height=(0.4, 0.6), field_of_view=(90, 100)), 0, "train", 4)
    assert (first.solids, first.decals, first.materials) == (second.solids, second.decals, second.materials)
    assert first.camera != second.camera


def test_labels_belong_to_the_central_ray() -> None:
    scene = draw_scene(SceneParameters(), 3, "train", 0)
    smooth, plain = (render(scene, 32, 32, antialias=antialias) for antialias in (True, False))
    assert_same_labels(smooth, plain)
    assert not torch.equal(smooth.image, plain.image)


@pytest.mark.parametrize("index", range(3))
def test_classes_agree_with_normals_and_depth(index: int) -> None:
    scene = draw_scene(SceneParameters(), 3, "train", index)
    view = render(scene, 48, 48)
    axes = torch.tensor(scene.camera.axes)  # rows: camera axes in the world
    world = torch.einsum("ij,ihw->jhw", axes, view.normals)
    flat = {"floor": 1.0, "rug": 1.0, "ceiling": -1.0, "wall": 0.0, "picture": 0.0}
    for name, up in flat.items():
        pixels = view.classes == ROOM_CLASSES.index(name)
        torch.testing.assert_close(world[1][pixels], torch.full_like(world[1][pixels], up), atol=1e-6, rtol=0)
    torch.testing.assert_close(view.normals.square().sum(0), torch.ones(48, 48), atol=1e-5, rtol=0)
    assert 0.1 < view.depth.min() < view.depth.max() < 10


def test_every_class_and_every_stack_of_instances_occurs() -> None:
    views = [view_of(index) for index in range(12)]
    seen = torch.unique(torch.cat([view.classes.flatten() for view in views]))
    assert seen.tolist() == list(range(len(ROOM_CLASSES)))
    for view in views:
        for instance in torch.unique(view.instances):
            assert len(torch.unique(view.classes[view.instances == instance])) == 1, "an instance has one class"


def test_objects_stand_clear_of_walls_camera_and_each_other() -> None:
    for index in range(60):
        scene = draw_scene(SceneParameters(objects=(10, 16)), 1, "train", index)
        standing = [solid for solid in scene.solids if solid.centre[1] == solid.half[1]]
        assert len(standing) >= 1
        for solid in scene.solids:
            for axis in (0, 2):
                assert solid.half[0] < solid.centre[axis] < scene.size[axis] - solid.half[0]
            assert solid.centre[1] + solid.half[1] < scene.lamp.position[1]
            near = abs(scene.camera.position[0] - solid.centre[0]), abs(scene.camera.position[2] - solid.centre[2])
            assert max(near) > 0.7
        for number, solid in enumerate(standing):
            for other in standing[:number]:
                gap = torch.dist(torch.tensor(solid.centre)[::2], torch.tensor(other.centre)[::2])
                assert gap > min(solid.half[0], solid.half[2]) + min(other.half[0], other.half[2])


def test_limits_of_the_parameters_can_be_rendered() -> None:
    for end in ("minimum", "maximum"):
        values = {}
        for name, field in SceneParameters.model_fields.items():
            limits = field.json_schema_extra
            if isinstance(field.default, tuple) and isinstance(limits, dict):
                values[name] = (limits[end], limits[end])
        for index in range(3):
            view = render(draw_scene(SceneParameters.model_validate(values), 0, "train", index), 24, 24)
            assert torch.isfinite(view.depth).all()
            assert torch.isfinite(view.normals).all()
            assert view.depth.min() > 0


def test_no_clutter_leaves_an_empty_room() -> None:
    empty = SceneParameters(objects=(0, 0), pictures=(0, 0), rug=0.0)
    scene = draw_scene(empty, 0, "train", 0)
    assert (scene.solids, scene.decals, len(scene.materials)) == ((), (), len(FACES))
    assert set(torch.unique(render(scene, 32, 32).classes).tolist()) <= {0, 1, 2}


def test_shadows_only_darken(tmp_path: Path) -> None:
    lit, shaded = view_of(1, SceneParameters(shadows=False)), view_of(1)
    assert (shaded.image <= lit.image).all()
    assert (shaded.image < lit.image).any()


def test_targets_are_what_a_split_promises(tmp_path: Path) -> None:
    data = load_rooms(SMALL, folder=tmp_path)
    image, targets = data.train[0]
    assert list(targets) == [task.name for task in data.tasks]
    assert {name: tuple(target.shape) for name, target in targets.items()} == {
        "segmentation": (24, 32),
        "depth": (1, 24, 32),
        "edges": (1, 24, 32),
        "normals": (3, 24, 32),
        "reconstruction": (3, 24, 32),
    }
    assert targets["segmentation"].dtype == torch.int64
    assert torch.equal(targets["reconstruction"], image)
    view = render(draw_scene(SMALL.scene, SMALL.seed, "train", 0), 24, 32)
    torch.testing.assert_close(data.picture(image), view.image.float() / 255)
    assert torch.equal(targets["depth"][0], view.depth)
    assert torch.equal(targets["normals"], view.normals)
    assert torch.equal(targets["segmentation"], view.classes.long())
    assert torch.equal(targets["edges"], edges_between(view.instances.unsqueeze(0))[0])
    labels = in_memory(data.train).targets["segmentation"]
    assert data.class_counts["segmentation"] == tuple(
        sum(bool((label == index).any()) for label in labels) for index in range(len(ROOM_CLASSES))
    )


def test_scenes_are_cached_and_progress_is_reported(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    first = load_rooms(SMALL, folder=tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert calls[0] == (1, 10)
    assert calls[-1] == (10, 10)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert len(list(tmp_path.glob("rooms-*.npz"))) == 3

    calls.clear()
    again = load_rooms(SMALL, folder=tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(5, 10), (8, 10), (10, 10)], "nothing is cast a second time"
    assert torch.equal(in_memory(first.train).images, in_memory(again.train).images)


def test_a_damaged_split_is_cast_again(tmp_path: Path) -> None:
    first = load_rooms(SMALL, folder=tmp_path)
    (stored,) = tmp_path.glob("rooms-train-*.npz")
    stored.write_bytes(stored.read_bytes()[:-500])
    with pytest.warns(CacheWarning, match="is damaged"):
        again = load_rooms(SMALL, folder=tmp_path)
    assert torch.equal(in_memory(first.train).images, in_memory(again.train).images)


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"height": 32}, {"train": 6}, {"scene": SceneParameters(textured=0.5)}],
    ids=["seed", "height", "count", "scene"],
)
def test_other_parameters_have_other_files(tmp_path: Path, change: dict[str, object]) -> None:
    load_rooms(SMALL, folder=tmp_path)
    load_rooms(SMALL.model_copy(update=change), folder=tmp_path)
    assert len(list(tmp_path.glob("rooms-train-*.npz"))) == 2


def test_casting_leaves_the_number_of_threads_alone(tmp_path: Path) -> None:
    torch.set_num_threads(2)
    load_rooms(SMALL, folder=tmp_path)
    assert torch.get_num_threads() == 2


def test_the_first_scene_is_still_the_one_of_this_generator() -> None:
    """A change here changes every scene: raise `GENERATOR` with it, so that no old cache is read."""
    view = render(draw_scene(SceneParameters(), 0, "train", 0), 32, 32)
    found = [view.image.float().mean(), view.depth.mean(), view.normals.mean(), view.classes.float().mean()]
    torch.testing.assert_close(torch.stack(found), torch.tensor([119.324, 3.127, 0.129, 3.522]), atol=0.01, rtol=0)


def test_a_decal_is_flat_and_on_its_face() -> None:
    scenes: list[Scene] = [draw_scene(SceneParameters(pictures=(4, 8), rug=1.0), 2, "train", i) for i in range(30)]
    for scene in scenes:
        assert scene.decals[-1].face == FACES.index("floor")
        for decal in scene.decals:
            for axis, low, high in zip(decal.axes, decal.low, decal.high, strict=True):
                assert 0 <= low < high <= scene.size[axis]
