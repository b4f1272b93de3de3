"""The cache of arrays: found again, rebuilt when damaged, and never in the way when nothing can be written."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep

import numpy as np
import pytest

from core.data.cache import Arrays, CacheWarning, cache_folder, cached

LAYOUT = {"values": ("float32", (50, 40)), "labels": ("uint8", (50,))}


class Builder:
    """Makes the same arrays each time and counts how often."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.calls, self.seconds = 0, seconds

    def __call__(self) -> Arrays:
        self.calls += 1
        sleep(self.seconds)
        generator = np.random.default_rng(0)
        return {
            "values": generator.random((50, 40), dtype=np.float32),
            "labels": generator.integers(0, 8, 50, dtype=np.uint8),
        }


def assert_equal(first: Arrays, second: Arrays) -> None:
    """The same arrays, bit for bit."""
    assert first.keys() == second.keys()
    for name, array in first.items():
        assert array.dtype == second[name].dtype
        np.testing.assert_array_equal(array, second[name])


def test_second_time_reads_what_the_first_stored(tmp_path: Path) -> None:
    build = Builder()
    first = cached(tmp_path / "new" / "a.npz", build, LAYOUT)
    second = cached(tmp_path / "new" / "a.npz", build, LAYOUT)
    assert build.calls == 1
    assert_equal(first, second)
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "foreign"])
def test_a_damaged_file_is_noticed_and_built_again(tmp_path: Path, damage: str) -> None:
    build, path = Builder(), tmp_path / "a.npz"
    first = cached(path, build, LAYOUT)
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(
        {
            "flip": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
            "cut": whole[:middle],
            "empty": b"",
            "foreign": b"not an archive",
        }[damage]
    )
    with pytest.warns(CacheWarning, match="is damaged .* and is built again"):
        assert_equal(cached(path, build, LAYOUT), first)
    assert build.calls == 2
    assert path.read_bytes() == whole
    assert_equal(cached(path, build, LAYOUT), first)


@pytest.mark.parametrize(
    "wrong", [{"values": ("float32", (50, 41))}, {"labels": ("int64", (50,))}, {"more": ("u1", ())}]
)
def test_a_file_of_another_layout_is_damaged(tmp_path: Path, wrong: dict[str, tuple[str, tuple[int, ...]]]) -> None:
    build = Builder()
    cached(tmp_path / "a.npz", build, LAYOUT)
    with pytest.warns(CacheWarning, match="is damaged"):
        cached(tmp_path / "a.npz", build, LAYOUT | wrong)
    assert build.calls == 2


def test_no_folder_gives_a_warning_and_the_arrays(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    build = Builder()
    with pytest.warns(CacheWarning, match="no data are cached in"):
        arrays = cached(tmp_path / "file" / "a.npz", build, LAYOUT)
    assert_equal(arrays, Builder()())


def test_a_full_disk_gives_a_warning_and_the_arrays(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="limits on file size are a Unix matter")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))  # bytes; the arrays need four times as many
    try:
        with pytest.warns(CacheWarning, match="no data are cached in"):
            arrays = cached(tmp_path / "a.npz", Builder(), LAYOUT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert_equal(arrays, Builder()())
    assert not list(tmp_path.glob("*.part"))
    assert not (tmp_path / "a.npz").exists()


def test_only_one_of_several_builds(tmp_path: Path) -> None:
    build = Builder(seconds=0.2)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: cached(tmp_path / "a.npz", build, LAYOUT), range(4)))
    assert build.calls == 1
    for result in results:
        assert_equal(result, results[0])


def test_folder_is_the_users_unless_the_environment_names_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MTSL_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("MTSL_CACHE")
    assert "mtsl-explorer" in str(cache_folder())
