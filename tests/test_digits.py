"""`digits`: pairs of real digits, targets that add up, splits of disjoint digits."""

import pytest
import torch
from sklearn.datasets import load_digits

from core.data.base import DataSplits, TensorData
from core.data.digits import load_digit_pairs, split_sources
from core.data.load import load_data
from core.data.parameters import DIGIT_TASKS, DigitsParameters

PARAMETERS = DigitsParameters(train=60, val=20, test=20)


def splits_of(data: DataSplits) -> list[TensorData]:
    """Its three splits as what they are."""
    found = [split for split in (data.train, data.val, data.test) if isinstance(split, TensorData)]
    assert len(found) == 3
    return found


def test_pictures_are_two_of_the_digits_of_scikit_learn() -> None:
    data = load_digit_pairs(DigitsParameters(train=30, val=2, overlap=0, scale=1))
    source = load_digits()
    known = {tuple(image.flatten().tolist()): label for image, label in zip(source.images, source.target, strict=True)}
    for image, targets in (data.train[index] for index in range(30)):
        ink = (data.picture(image)[0] * 16).round()
        assert ink.shape == (8, 16)
        assert known[tuple(ink[:, :8].flatten().tolist())] == targets["left"]
        assert known[tuple(ink[:, 8:].flatten().tolist())] == targets["right"]


@pytest.mark.parametrize("scale", [1, 2])
def test_overlapping_columns_blend(scale: int) -> None:
    apart = load_digit_pairs(PARAMETERS.model_copy(update={"overlap": 0, "scale": scale}))
    size, shared = 8 * scale, 3 * scale
    for blend in ("max", "sum"):
        joined = load_digit_pairs(PARAMETERS.model_copy(update={"overlap": 3, "scale": scale, "blend": blend}))
        for split, reference in zip(splits_of(joined), splits_of(apart), strict=True):
            whole, pictures = apart.picture(reference.images), joined.picture(split.images)
            assert pictures.shape == (len(split), 1, size, 2 * size - shared)
            first, second = whole[..., :size], whole[..., size:]
            torch.testing.assert_close(pictures[..., : size - shared], first[..., : size - shared])
            torch.testing.assert_close(pictures[..., size:], second[..., shared:])
            left, right = first[..., size - shared :], second[..., :shared]
            expected = torch.maximum(left, right) if blend == "max" else (left + right).clamp(max=1)
            torch.testing.assert_close(pictures[..., size - shared : size], expected)


def test_targets_are_those_of_the_tasks_and_add_up() -> None:
    data = load_digit_pairs(PARAMETERS)
    assert data.tasks == DIGIT_TASKS
    for split in splits_of(data):
        assert list(split.targets) == [task.name for task in DIGIT_TASKS]
        assert torch.equal(split.targets["left"] + split.targets["right"], split.targets["sum"])
        assert torch.equal(split.targets["reconstruction"], split.images)
        assert split.images.shape[1:] == (1, 16, 24)
    assert len(data.class_names["sum"]) == 19


def test_splits_have_disjoint_digits_whatever_their_size() -> None:
    sources = split_sources(1797, seed=3)
    assert sorted(sources["train"] + sources["val"] + sources["test"]) == list(range(1797))


def test_pairs_of_a_split_come_from_its_own_digits() -> None:
    data = load_digit_pairs(DigitsParameters(train=400, val=400, test=400, overlap=0, scale=1))
    pictures = [data.picture(split.images) for split in splits_of(data)]
    digits = [{tuple(half.flatten().tolist()) for half in (*p[..., :8], *p[..., 8:])} for p in pictures]
    assert not digits[0] & digits[1]
    assert not digits[0] & digits[2]
    assert not digits[1] & digits[2]


def test_a_longer_split_begins_with_a_shorter_one_bit_for_bit() -> None:
    short, long = (load_digit_pairs(PARAMETERS.model_copy(update={"train": count})) for count in (60, 90))
    first, second = splits_of(short)[0], splits_of(long)[0]
    assert torch.equal(second.images[:60], first.images)
    for name, target in first.targets.items():
        assert torch.equal(second.targets[name][:60], target)
    assert torch.equal(splits_of(short)[1].images, splits_of(long)[1].images)


def test_seeds_make_other_pairs() -> None:
    first, second = (load_digit_pairs(PARAMETERS.model_copy(update={"seed": seed})) for seed in (0, 1))
    assert not torch.equal(splits_of(first)[0].images, splits_of(second)[0].images)


def test_images_are_about_normalised() -> None:
    images = splits_of(load_data(DigitsParameters(train=2000, val=2, test=2)))[0].images
    assert abs(images.mean()) < 0.02
    assert abs(images.std() - 1) < 0.02


def test_a_split_of_no_pairs_is_none() -> None:
    assert load_digit_pairs(DigitsParameters(train=2, val=2)).test is None
