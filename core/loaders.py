"""Batches of a split: shuffled for training, in order for everything else, and from any place within a pass."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.utils.data import DataLoader

from core.data.base import Batch, Split, collate

MEMORY_FORMAT = torch.channels_last
"""How images and weights lie in memory: convolutions are faster this way, on a CPU those of small networks by 20 %."""


@dataclass
class Batches:
    """Batches on their device; `total` counts those of the whole pass, also when it starts in the middle."""

    loader: DataLoader[Batch]
    total: int
    device: torch.device

    def __iter__(self) -> Iterator[Batch]:
        for images, targets in self.loader:
            yield (
                images.to(self.device, memory_format=MEMORY_FORMAT, non_blocking=True),
                {name: target.to(self.device, non_blocking=True) for name, target in targets.items()},
            )


@dataclass(frozen=True)
class Loaders:
    """How batches are made: their size, worker processes, and where they go."""

    batch_size: int
    workers: int
    device: torch.device

    def shuffled(
        self, split: Split, count: int, shuffle: torch.Generator, first: int = 0, rank: int = 0, ranks: int = 1
    ) -> Batches:
        """Process `rank`'s batches of one pass over the first `count` items, from batch `first` on.

        Every process gets the same number of whole batches; items that do not fill one for each are left out of this
        pass.
        """
        total = count // (self.batch_size * ranks)
        order = torch.randperm(count, generator=shuffle)[: total * self.batch_size * ranks]
        chunks = order.view(total, ranks, self.batch_size)[first:, rank].tolist()
        return self._batches(split, chunks, total, shuffle)

    def chosen(self, split: Split, chunks: list[list[int]], total: int, shuffle: torch.Generator) -> Batches:
        """A batch of the items at the indices of every chunk: the last of an epoch of `total` batches."""
        return self._batches(split, chunks, total, shuffle)

    def ordered(self, split: Split, indices: Sequence[int]) -> Batches:
        """Batches of the items at `indices`, in order; the last may be smaller."""
        size = self.batch_size
        chunks = [list(indices[first : first + size]) for first in range(0, len(indices), size)]
        return self._batches(split, chunks, len(chunks), torch.Generator())

    def _batches(self, split: Split, chunks: list[list[int]], total: int, seed: torch.Generator) -> Batches:
        loader: DataLoader[Batch] = DataLoader(
            split,
            batch_sampler=chunks,
            num_workers=self.workers,
            collate_fn=collate,
            pin_memory=self.device.type == "cuda",
            generator=seed,  # the workers' seeds come from it
        )
        return Batches(loader, total, self.device)
