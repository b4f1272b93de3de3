"""Ctrl-C and SIGTERM as a question that is asked between two steps, so that what stops is whole (no torch)."""

import contextlib
import signal
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def stop_signals() -> Iterator[Callable[[], str]]:
    """The first Ctrl-C or SIGTERM asks to stop as soon as the state is whole, the second stops at once."""
    asked: list[str] = []

    def handle(number: int, frame: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(f"stopped by {signal.Signals(number).name}")

    numbers = [signal.SIGINT, signal.SIGTERM]
    before = [signal.signal(number, handle) for number in numbers]
    try:
        yield lambda: asked[0] if asked else ""
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
