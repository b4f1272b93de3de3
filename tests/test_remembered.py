"""Tags and opened folders: kept beside the runs, whole or not at all; and what may be deleted."""

import json
from pathlib import Path

import pytest

from core.runs import ARRAYS, CHECKPOINTS, HEADER, RunError, RunWriter
from explorer import library, remembered
from explorer.library import Entry
from explorer.remembered import FOLDERS, MOST_TAGS, TAGS, RememberedError
from explorer.removal import delete_run, refusal
from tests._runs import Plan, events_of, header_of, write_run
from tests._zips import files_of

SMALL = Plan(structural_phases=1, epochs=1)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(library, "EXAMPLES", tmp_path / "examples")
    monkeypatch.setenv(library.RUNS_VARIABLE, str(tmp_path / "own"))
    return tmp_path / "own"


def listed(name: str) -> Entry:
    return next(entry for entry in library.listing() if entry.name == name)


def test_tags_are_kept_per_run_and_cleaned(own: Path) -> None:
    assert remembered.tags(own) == {}
    remembered.set_tags(own, "runs.a", [" paper  1 ", "best", "paper 1", " "])
    remembered.set_tags(own, "example.b", ["best"])
    assert remembered.tags(own) == {"runs.a": ("paper 1", "best"), "example.b": ("best",)}
    remembered.set_tags(own, "runs.a", [])
    assert remembered.tags(own) == {"example.b": ("best",)}
    assert [path.name for path in own.iterdir()] == [TAGS]


@pytest.mark.parametrize(
    ("wanted", "says"),
    [(["x" * 25], "at most 24 characters"), ([str(number) for number in range(MOST_TAGS + 1)], "at most 8 tags")],
)
def test_tags_that_cannot_be_kept_change_nothing(own: Path, wanted: list[str], says: str) -> None:
    remembered.set_tags(own, "runs.a", ["old"])
    with pytest.raises(RememberedError, match=says):
        remembered.set_tags(own, "runs.a", wanted)
    assert remembered.tags(own) == {"runs.a": ("old",)}


@pytest.mark.parametrize("content", ["{", "[1]", '{"runs.a": 3}', "\udcff"])
def test_a_damaged_file_is_left_alone(own: Path, content: str) -> None:
    own.mkdir()
    (own / TAGS).write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(RememberedError, match=r"tags\.json cannot be read, so it is left alone"):
        remembered.set_tags(own, "runs.a", ["new"])
    assert (own / TAGS).read_bytes() == content.encode(errors="surrogateescape")


def test_an_opened_folder_is_listed_read_and_left_as_it_is(own: Path, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "elsewhere" / "mine", SMALL)
    before = files_of(folder)
    entry = library.open_folder(folder)
    assert (entry.place, entry.id, entry.live) == ("opened", "opened.mine", False)
    assert library.listing() == [entry]
    assert library.open_run(entry).run.header == header_of(SMALL)
    assert library.open_folder(folder / ".." / "mine") == entry
    assert files_of(folder) == before
    remembered.forget_folder(own, entry.name)
    assert library.listing() == []
    assert files_of(folder) == before


def test_folders_of_one_name_get_names_of_their_own(own: Path, tmp_path: Path) -> None:
    folders = [write_run(tmp_path / place / "mine", SMALL) for place in ("a", "b", "c")]
    assert [library.open_folder(folder).id for folder in folders] == ["opened.mine", "opened.mine-2", "opened.mine-3"]
    assert {entry.id: entry.folder for entry in library.listing()} == dict(
        zip(("opened.mine", "opened.mine-2", "opened.mine-3"), folders, strict=True)
    )


def test_a_folder_that_is_listed_already_stays_what_it_is(own: Path) -> None:
    folder = write_run(own / "mine", SMALL)
    assert library.open_folder(folder).id == "runs.mine"
    assert not (own / FOLDERS).exists()


@pytest.mark.parametrize(
    ("name", "says"),
    [("nothing", "found none"), ("", "found none"), ("~no-such-user/x", "cannot be read"), ("file", "cannot be read")],
)
def test_a_folder_without_a_run_is_not_opened(own: Path, tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RunError, match=says):
        library.open_folder(Path(name) if name.startswith("~") else tmp_path / name)
    assert not (own / FOLDERS).exists()


def test_a_folder_that_vanished_is_not_listed_until_it_is_back(own: Path, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "elsewhere" / "mine", SMALL)
    library.open_folder(folder)
    folder.rename(folder.with_name("away"))
    assert library.listing() == []
    folder.with_name("away").rename(folder)
    assert [entry.id for entry in library.listing()] == ["opened.mine"]


def test_a_damaged_list_of_folders_hides_no_other_run(own: Path) -> None:
    write_run(own / "mine", SMALL)
    (own / FOLDERS).write_text("{")
    assert [entry.id for entry in library.listing()] == ["runs.mine"]


def test_an_own_run_is_deleted_whole(own: Path) -> None:
    folder = write_run(own / "mine", SMALL)
    write_run(own / "other", SMALL)
    for path in (f"{ARRAYS}/a.npz", f"{CHECKPOINTS}/last.pt", "log.txt", "usage.json", "latency.json", "a.7.part"):
        (folder / path).write_bytes(b"x")
    delete_run(listed("mine"))
    assert not folder.exists()
    assert [entry.name for entry in library.listing()] == ["other"]


def test_a_run_of_a_comparison_is_deleted_and_its_folder_stays(own: Path, tmp_path: Path) -> None:
    write_run(own / "study" / "one", SMALL), write_run(own / "study" / "two", SMALL)
    delete_run(listed("study/one"))
    assert [entry.id for entry in library.listing()] == ["runs.study/two"]
    elsewhere = tmp_path / "elsewhere"
    (own / "study").rename(elsewhere)
    (own / "study").symlink_to(elsewhere)
    with pytest.raises(RunError, match="expected a folder directly in"):
        delete_run(listed("study/two"))
    assert (elsewhere / "two" / HEADER).exists()


@pytest.mark.parametrize("name", ["notes.txt", f"{ARRAYS}/notes.txt", f"{CHECKPOINTS}/more/last.pt", "src/main.py"])
def test_a_folder_with_anything_else_is_not_deleted(own: Path, name: str) -> None:
    folder = write_run(own / "mine", SMALL)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("mine")
    before = files_of(folder)
    with pytest.raises(RunError, match=r"which no run writes\. Nothing was deleted") as caught:
        delete_run(listed("mine"))
    assert name.split("/")[0] in str(caught.value)
    assert files_of(folder) == before


def test_nothing_is_deleted_through_a_link(own: Path, tmp_path: Path) -> None:
    elsewhere = write_run(tmp_path / "elsewhere", SMALL)
    (elsewhere / "arrays" / "kept.npz").write_bytes(b"x")
    own.mkdir()
    (own / "linked").symlink_to(elsewhere)
    with pytest.raises(RunError, match="expected a folder directly in"):
        delete_run(listed("linked"))
    mine = write_run(own / "mine", SMALL)
    (mine / ARRAYS).rmdir()
    (mine / ARRAYS).symlink_to(elsewhere / ARRAYS)
    with pytest.raises(RunError, match=r"also holds arrays, which no run writes"):
        delete_run(listed("mine"))
    assert (elsewhere / "arrays" / "kept.npz").exists()
    assert (mine / HEADER).exists()


def test_live_runs_examples_and_opened_folders_are_not_deleted(own: Path, tmp_path: Path) -> None:
    write_run(tmp_path / "examples" / "recorded", SMALL)
    with pytest.raises(RunError, match="an example that comes with the explorer"):
        delete_run(listed("recorded"))
    library.open_folder(write_run(tmp_path / "elsewhere" / "opened", SMALL))
    with pytest.raises(RunError, match="take it off the list instead"):
        delete_run(listed("opened"))
    with RunWriter(own / "live", header_of(SMALL)) as writer:
        writer.write(events_of(SMALL)[0])
        entry = listed("live")
        assert "A process is writing it now" in refusal(entry)
        for known in (entry, Entry("runs", entry.folder, live=False)):  # it may have begun since it was listed
            with pytest.raises(RunError, match="A process is writing it now"):
                delete_run(known)
    assert {entry.name for entry in library.listing()} == {"recorded", "opened", "live"}
    assert json.loads((own / FOLDERS).read_text()) == {"opened": str(tmp_path / "elsewhere" / "opened")}
