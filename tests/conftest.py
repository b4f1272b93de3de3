"""What every test shares: a fixed seed, few threads, and global state put back."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def same_start(request: pytest.FixtureRequest) -> Iterator[None]:
    """Seed torch for tests that have imported it; one thread, so that results do not depend on the machine's load."""
    import sys

    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    threads = torch.get_num_threads()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
