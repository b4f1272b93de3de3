"""The common corruptions: the library's own, alike in every process and order, at any size, and what moves pixels."""

import sys
from collections.abc import Iterator

import imagecorruptions
import numpy as np
import pytest

from core.data.parameters import SceneParameters
from core.data.rooms import render
from core.data.scenes import draw_scene
from core.robustness.corruptions import (
    CORRUPTIONS,
    GROUPS,
    MOVES_PIXELS,
    SEVERITIES,
    Image,
    MissingLibraryError,
    _load,
    corrupt,
    missing,
    tool,
)
from core.robustness.workers import Job, Supply

RANDOM = set(CORRUPTIONS) - {"defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression"}


def room(index: int, size: int = 64) -> Image:
    view = render(draw_scene(SceneParameters(), 0, "val", index), size, size)
    return np.ascontiguousarray(view.image.permute(1, 2, 0).numpy())


ROOMS = [room(index) for index in range(6)]


@pytest.fixture
def global_state() -> Iterator[None]:
    before = np.random.get_state()
    yield
    np.random.set_state(before)


def test_they_are_the_fifteen_of_the_paper() -> None:
    assert list(CORRUPTIONS) == imagecorruptions.get_corruption_names()
    assert {kind: len(names) for kind, names in GROUPS.items()} == {"noise": 3, "blur": 4, "weather": 4, "digital": 4}
    for kind, names in GROUPS.items():
        assert list(names) == imagecorruptions.get_corruption_names(kind)
    assert tool().startswith("imagecorruptions-imaug 1.1.")


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_an_image_is_corrupted_alike_for_equal_arguments_only(name: str, global_state: None) -> None:
    np.random.seed(7)
    first = corrupt(ROOMS[0], name, 3, seed=0, index=4)
    after = np.random.random()
    np.random.seed(99)
    again = corrupt(ROOMS[0], name, 3, seed=0, index=4)
    np.random.seed(7)
    assert np.random.random() == after  # numpy's own stream is where it was
    assert np.array_equal(first, again)
    assert first.shape == ROOMS[0].shape
    assert first.dtype == np.uint8
    other_image, other_seed = corrupt(ROOMS[0], name, 3, seed=0, index=5), corrupt(ROOMS[0], name, 3, seed=1, index=4)
    assert np.array_equal(first, other_image) == (name not in RANDOM)
    assert np.array_equal(first, other_seed) == (name not in RANDOM)


@pytest.mark.parametrize("name", ["defocus_blur", "contrast", "jpeg_compression", "zoom_blur", "brightness"])
def test_it_is_the_librarys_own_where_nothing_is_random(name: str) -> None:
    for severity in SEVERITIES:
        theirs = imagecorruptions.corrupt(ROOMS[1], severity=severity, corruption_name=name)
        assert np.array_equal(corrupt(ROOMS[1], name, severity, 0, 0), theirs)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_higher_severity_changes_more(name: str) -> None:
    means = [
        np.mean([np.abs(corrupt(r, name, s, 0, i).astype(int) - r.astype(int)).mean() for i, r in enumerate(ROOMS)])
        for s in (1, 5)
    ]
    assert 0 < means[0] < means[1]


@pytest.mark.parametrize("shape", [(16, 24, 1), (64, 40, 3), (33, 100, 1), (128, 32, 3)])
def test_images_of_any_size_and_channels_keep_their_shape(shape: tuple[int, int, int]) -> None:
    image = np.broadcast_to(np.linspace(20, 230, shape[1]).astype(np.uint8)[None, :, None], shape).copy()
    for name in CORRUPTIONS:
        for severity in SEVERITIES:
            found = corrupt(image, name, severity, 0, 0)
            assert found.shape == shape
            assert np.any(found != image), (name, severity)


def test_noise_on_small_grey_images_is_as_strong_as_the_paper_says() -> None:
    """Enlarging to the library's 32 pixels and averaging back would halve it: 0.12 of 255 at severity 2."""
    grey = np.full((16, 24, 1), 128, np.uint8)
    found = np.stack([corrupt(grey, "gaussian_noise", 2, 0, index) for index in range(60)])
    assert found.std() / 255 == pytest.approx(0.12, rel=0.03)


def test_what_is_marked_moves_things_and_nothing_else_does() -> None:
    """A bright square on grey: where is the centre of what it changed? (Noise by photons, and fog, change all of the
    image with what is in it, so that this says nothing of them.)"""
    rows, columns = np.mgrid[:64, :64]
    grey = np.full((64, 64, 3), 60, np.uint8)

    def shift(name: str, severity: int) -> float:
        found = []
        for index, (x, y) in enumerate([(16, 16), (48, 20), (20, 44), (44, 48), (40, 12)]):
            square = grey.copy()
            square[y - 2 : y + 3, x - 2 : x + 3] = 220
            change = corrupt(square, name, severity, 0, index).astype(int) - corrupt(grey, name, severity, 0, index)
            weight = np.abs(change).mean(axis=2)
            weight[weight < 0.1 * weight.max()] = 0
            centre = (weight * columns).sum() / weight.sum(), (weight * rows).sum() / weight.sum()
            found.append(np.hypot(centre[0] - x, centre[1] - y))
        return float(np.mean(found))

    for name in set(CORRUPTIONS) - {"shot_noise", "fog"}:
        if name in MOVES_PIXELS:
            assert shift(name, 5) > 0.6, name
        else:
            assert shift(name, 5) < 0.4, name


def test_workers_make_the_same_images_as_this_process() -> None:
    images = np.stack([room(index, 32) for index in range(30)])  # more than a worker makes at a time
    jobs = [
        Job("corruption", name, severity) for name in ("glass_blur", "impulse_noise", "frost") for severity in (1, 4)
    ]
    jobs.append(Job("image shift", "gamma", 2))
    with Supply(images, 3, None, jobs=0) as alone, Supply(images, 3, None, jobs=2) as several:
        for here, there in zip(alone.made(jobs), several.made(jobs), strict=True):
            assert np.array_equal(here["image"], there["image"])


def test_wrong_arguments_and_a_missing_library_are_said_clearly(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"severity 1 to 5\. Found fog at 6"):
        corrupt(ROOMS[0], "fog", 6, 0, 0)
    with pytest.raises(ValueError, match=r"uint8 \[H, W, 1 or 3\]. Found float64"):
        corrupt(ROOMS[0] / 255, "fog", 1, 0, 0)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "imagecorruptions", None)
    _load.cache_clear()
    with pytest.raises(MissingLibraryError, match=r"corruptions need the package imagecorruptions-imaug .*pip install"):
        tool()
    assert "libgl1" in missing("x", "y", ImportError("libGL.so.1: cannot open shared object file"))
