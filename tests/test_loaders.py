"""Batches: every item once a pass, from any place within it, shared out between processes, and by workers too."""

from itertools import chain

import pytest
import torch

from core.data.base import Item, Split, TensorData
from core.loaders import Batches, Loaders
from core.seeds import generator


def numbered(count: int) -> TensorData:
    return TensorData(torch.arange(count).float().view(-1, 1, 1, 1), {"n": torch.arange(count)})


def seen(batches: Batches) -> list[list[int]]:
    return [targets["n"].tolist() for _, targets in batches]


def loaders(batch_size: int = 4, workers: int = 0) -> Loaders:
    return Loaders(batch_size, workers, torch.device("cpu"))


def test_a_pass_shows_every_item_once_in_an_order_of_its_own() -> None:
    first = loaders().shuffled(numbered(20), 20, generator(0, "training", 0, 0))
    again = loaders().shuffled(numbered(20), 20, generator(0, "training", 0, 0))
    other = loaders().shuffled(numbered(20), 20, generator(0, "training", 0, 1))
    order = seen(first)
    assert first.total == 5
    assert sorted(chain(*order)) == list(range(20))
    assert order == seen(again)
    assert order != seen(other)


def test_a_pass_goes_on_in_the_middle() -> None:
    whole = seen(loaders().shuffled(numbered(20), 20, generator(0, "x")))
    rest = loaders().shuffled(numbered(20), 20, generator(0, "x"), first=3)
    assert seen(rest) == whole[3:]
    assert rest.total == 5
    assert seen(loaders().shuffled(numbered(20), 20, generator(0, "x"), first=5)) == []


def test_held_out_items_are_never_trained_on() -> None:
    found = chain(*seen(loaders().shuffled(numbered(20), 12, generator(0, "x"))))
    assert sorted(found) == list(range(12))


def test_processes_share_a_pass_without_overlap() -> None:
    parts = [seen(loaders().shuffled(numbered(26), 26, generator(0, "x"), rank=rank, ranks=3)) for rank in range(3)]
    assert [len(part) for part in parts] == [2, 2, 2]  # 26 items fill two batches of 4 for each of three
    found = [item for part in parts for batch in part for item in batch]
    assert len(found) == len(set(found)) == 24


def test_in_order_the_last_batch_may_be_smaller() -> None:
    assert seen(loaders().ordered(numbered(20), range(5, 11))) == [[5, 6, 7, 8], [9, 10]]


class Files(Split):
    """Items read one by one, as from files."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Item:
        return torch.full((1, 2, 2), float(index)), {"n": torch.tensor(index)}


@pytest.mark.parametrize("workers", [0, 2])
def test_items_read_one_by_one_come_in_the_same_batches(workers: int) -> None:
    images, targets = zip(*loaders(workers=workers).ordered(Files(), range(8)), strict=True)
    assert [t["n"].tolist() for t in targets] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert images[1].shape == (4, 1, 2, 2)
    assert images[1].is_contiguous(memory_format=torch.channels_last)


def test_seeds_are_those_of_their_purpose() -> None:
    drawn = {
        torch.randint(2**40, (1,), generator=generator(*what)).item()
        for what in [(0, "a"), (1, "a"), (0, "b"), (0, "a", 1), (0, "a", 1, 2), (0, "a", 12)]
    }
    assert len(drawn) == 6
