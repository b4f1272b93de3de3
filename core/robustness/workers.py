"""Images under corruptions and shifts, made in worker processes while the network looks at those before.

A worker is a fresh process with the clean images in its memory; what comes back depends on the arguments alone, so it
is the same for any number of workers, and for none, when this process makes the images itself. Workers leave Ctrl-C to
the process that started them, and end with it however it ends.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np

from core.data.cache import Arrays
from core.data.parameters import RoomsParameters
from core.robustness.corruptions import corrupt
from core.robustness.images import shift_image

CHUNK = 25
"""Images made at a time: a fraction of a second, and an eighth of the usual number."""

AHEAD = 3
"""Settings in the making or ready at once, so that neither side waits and memory stays small."""


class Job(NamedTuple):
    """What shall be made: a corruption, a shift of images, or a shift of the scenes of `rooms`."""

    kind: str
    name: str
    severity: int


class Supply:
    """Images under one job after the other; a context manager, at whose end the workers are gone.

    `images` uint8 [n, H, W, C] are clean; `rooms` are the parameters of their scenes, if they are any. `jobs` workers,
    0 for none.
    """

    def __init__(self, images: np.ndarray, seed: int, rooms: RoomsParameters | None, jobs: int) -> None:
        self.count = len(images)
        self._start = (images, seed, rooms)
        self._executor = (
            ProcessPoolExecutor(
                jobs, multiprocessing.get_context("spawn"), initializer=_begin_worker, initargs=self._start
            )
            if jobs
            else None
        )
        if not jobs:
            _begin(*self._start)

    def made(self, jobs: Sequence[Job]) -> Iterator[Arrays]:
        """For each job, in order: `image` uint8 [n, H, W, C], and for scenes their labels as `rooms` stores them."""
        if self._executor is None:
            for job in jobs:
                _begin(*self._start)
                yield _joined([_make(job, *span) for span in self._spans()])
            return
        waiting: deque[list[Future[Arrays]]] = deque()
        left = deque(jobs)
        while waiting or left:
            while left and len(waiting) < AHEAD:
                job = left.popleft()
                waiting.append([self._executor.submit(_make, job, *span) for span in self._spans()])
            yield _joined([part.result() for part in waiting.popleft()])

    def _spans(self) -> list[tuple[int, int]]:
        return [(first, min(first + CHUNK, self.count)) for first in range(0, self.count, CHUNK)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)


def default_jobs(threads: int | None) -> int:
    """Workers beside a network that computes with `threads`; one at least.

    >>> default_jobs(10**6)
    1
    """
    return max(1, (os.cpu_count() or 1) - (threads or 1))


_made: dict[str, Callable[[str, int, int, int], Arrays]] = {}
"""How each kind of job is made in this process."""


def _begin(images: np.ndarray, seed: int, rooms: RoomsParameters | None) -> None:
    def corrupted(name: str, severity: int, first: int, end: int) -> Arrays:
        return {"image": np.stack([corrupt(images[i], name, severity, seed, i) for i in range(first, end)])}

    def shifted(name: str, level: int, first: int, end: int) -> Arrays:
        return {"image": np.stack([shift_image(images[i], name, level) for i in range(first, end)])}

    def cast(name: str, level: int, first: int, end: int) -> Arrays:
        from core.robustness.shifts import cast_shifted  # brings torch, which the other kinds do without

        assert rooms is not None
        arrays = cast_shifted(rooms, "val", name, level, first, end)
        return arrays | {"image": arrays["image"].transpose(0, 2, 3, 1)}

    _made.update({"corruption": corrupted, "image shift": shifted, "scene shift": cast})


def _begin_worker(images: np.ndarray, seed: int, rooms: RoomsParameters | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = "1"  # there is a process a core already
    _begin(images, seed, rooms)


def _end_with_parent() -> None:
    """A parent that is killed cannot say so: without this, its workers would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _make(job: Job, first: int, end: int) -> Arrays:
    return _made[job.kind](job.name, job.severity, first, end)


def _joined(parts: Sequence[Arrays]) -> Arrays:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
