"""Splits in memory: items, batches, and the small helpers every data set uses."""

import pytest
import torch
from torch.utils.data import DataLoader, Subset

from core.data.base import DataSplits, TensorData, collate, edges_between, normalise
from core.data.parameters import ROOM_TASKS


def numbered(count: int) -> TensorData:
    """Images and targets that say their own index."""
    index = torch.arange(count)
    return TensorData(index.view(-1, 1, 1, 1).expand(-1, 2, 3, 4).float(), {"left": index, "map": index.view(-1, 1, 1)})


@pytest.mark.parametrize("subset", [False, True], ids=["whole", "subset"])
def test_batches_of_a_loader_are_stacked_items(subset: bool) -> None:
    data = numbered(7)
    split = Subset(data, [6, 2, 4, 1]) if subset else data
    batches = list(DataLoader(split, batch_size=3, collate_fn=collate))
    items = [split[index] for index in range(len(split))]
    images = torch.stack([image for image, _ in items])
    assert torch.equal(torch.cat([batch for batch, _ in batches]), images)
    for name in ("left", "map"):
        expected = torch.stack([targets[name] for _, targets in items])
        assert torch.equal(torch.cat([targets[name] for _, targets in batches]), expected)


def test_plain_items_are_collated_alike() -> None:
    data = numbered(4)
    images, targets = collate([data[2], data[0]])
    fast, fast_targets = data.__getitems__([2, 0])
    assert torch.equal(images, fast)
    assert torch.equal(targets["left"], fast_targets["left"])


def test_batches_are_copies() -> None:
    data = numbered(4)
    data.__getitems__([1, 2])[0].zero_()
    assert data.images.sum() > 0


def test_errors_name_the_argument() -> None:
    with pytest.raises(ValueError, match=r"`targets\['left'\]` should have 3 entries, one an image. Found 2."):
        TensorData(torch.zeros(3, 1, 2, 2), {"left": torch.zeros(2)})
    with pytest.raises(ValueError, match=r"`images` should be of shape \[n, C, H, W\]. Found \[3, 2, 2\]."):
        TensorData(torch.zeros(3, 2, 2), {})
    with pytest.raises(IndexError, match=r"`index` should be below 4. Found 4."):
        numbered(4)[4]


def test_a_picture_undoes_the_normalisation() -> None:
    pictures = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    mean, std = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    data = DataSplits("toy", ROOM_TASKS, numbered(1), numbered(1), mean, std)
    torch.testing.assert_close(data.picture(normalise(pictures, mean, std)), pictures)
    assert data.picture(torch.full((3, 1, 1), 9.0)).max() == 1


def test_edges_are_both_sides_of_every_border() -> None:
    instances = torch.tensor([[[1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 1, 7, 7], [1, 1, 1, 7, 7]]])
    expected = [[0, 0, 0, 0, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0]]
    assert edges_between(instances)[0, 0].int().tolist() == expected
    assert edges_between(torch.full((1, 3, 3), 4, dtype=torch.uint8)).sum() == 0
