"""Uploaded runs: good ones come in whole, bad ones leave no trace and say what is wrong and where."""

import io
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.heartbeat import HEARTBEAT
from core.runs import ARRAYS, CHECKPOINTS, EVENTS, HEADER, find_runs, read_run
from explorer.uploads import LIMITS, UploadError, unpack_run
from tests._zips import BAD, Files, files_of, small_run, zipped


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return small_run(tmp_path / "source")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "own"


def everything_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("top", ["", "my run"])
def test_a_good_run_comes_in_whole(files: Files, root: Path, tmp_path: Path, top: str) -> None:
    folder = unpack_run(io.BytesIO(zipped(files, top)), "upload.zip", root)
    assert folder == root / ("my-run" if top else "upload")
    assert files_of(folder) == files
    assert read_run(folder).events == read_run(tmp_path / "source").events
    assert find_runs(root) == [folder]


def test_each_upload_gets_a_name_of_its_own(files: Files, root: Path) -> None:
    names = [unpack_run(io.BytesIO(zipped(files)), "../a b/..zip", root).name for _ in range(3)]
    assert names == [names[0], f"{names[0]}-2", f"{names[0]}-3"]
    assert all(re.fullmatch(r"[\w-][\w.-]*", name) for name in names)
    assert {path.parent for path in find_runs(root)} == {root}


def test_what_only_the_other_machine_reads_is_left_out(files: Files, root: Path) -> None:
    more = {f"{CHECKPOINTS}/last.pt": b"weights", "log.txt": b"words", HEARTBEAT: b"{}", "stop": b""}
    litter = {"__MACOSX/x/._run.json": b"x", "x/.DS_Store": b"x"}
    in_a_folder = {f"x/{path}": content for path, content in (files | more).items()}
    folder = unpack_run(io.BytesIO(zipped(in_a_folder | litter)), "upload.zip", root)
    assert files_of(folder) == files


@pytest.mark.parametrize("kind", list(BAD))
def test_a_bad_upload_says_why_and_leaves_no_trace(files: Files, root: Path, tmp_path: Path, kind: str) -> None:
    before = everything_below(tmp_path)
    with pytest.raises(UploadError, match=BAD[kind].says) as caught:
        unpack_run(io.BytesIO(BAD[kind].make(files)), "bad.zip", root)
    assert str(root) not in str(caught.value)
    assert everything_below(tmp_path) == before
    assert find_runs(root) == []


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (replace(LIMITS, zipped=1000), r"too large\. An upload may have"),
        (replace(LIMITS, files=2), r"3 files are too many\. An upload may have 2"),
        (replace(LIMITS, events=1000), r"events\.jsonl: .* unpacked\. It may have"),
        (replace(LIMITS, header=100), r"run\.json: .* unpacked\. It may have"),
        (replace(LIMITS, arrays=100), r"its arrays have .* unpacked"),
        (replace(LIMITS, arrays=400), r"arrays/in\.npz: its arrays have .* in memory"),
    ],
)
def test_an_upload_that_is_too_large_is_refused(files: Files, root: Path, limits: object, says: str) -> None:
    files[f"{ARRAYS}/in.npz"] = zipped({"images.npy": _packed_array()})
    with pytest.raises(UploadError, match=says):
        unpack_run(io.BytesIO(zipped(files)), "big.zip", root, limits)  # type: ignore[arg-type]
    assert find_runs(root) == []


def _packed_array() -> bytes:
    out = io.BytesIO()
    np.save(out, np.zeros(100))
    return out.getvalue()


def test_a_locked_archive_and_a_file_that_stands_twice_are_refused(files: Files, root: Path) -> None:
    data = zipped(files)
    locked = data.replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00")
    assert locked != data
    with pytest.raises(UploadError, match="locked with a password"):
        unpack_run(io.BytesIO(locked), "locked.zip", root)
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = _twice(files)
    with pytest.raises(UploadError, match=r"run\.json stands in the archive twice|expected one run, found 2"):
        unpack_run(io.BytesIO(twice), "twice.zip", root)


def _twice(files: Files) -> bytes:
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path in (HEADER, EVENTS, HEADER):
            archive.writestr(path, files[path])
    return out.getvalue()


def test_nothing_is_listed_while_a_run_is_checked(files: Files, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[Path]] = []
    replace_it = os.replace

    def watched(self: Path, target: Path) -> Path:
        seen.append([path for path in find_runs(root) if path != target])
        replace_it(self, target)
        return target

    monkeypatch.setattr(Path, "replace", watched)
    folder = unpack_run(io.BytesIO(zipped(files)), "upload.zip", root)
    assert seen == [[]]
    assert find_runs(root) == [folder]
