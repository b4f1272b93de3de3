"""Zipped runs for tests: a good one, and each kind of bad one with what its message says."""

import io
import json
import stat
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.events import SamplesSaved, dump_event
from core.runs import ARRAYS, EVENTS, HEADER
from tests._runs import Plan, write_run

Files = dict[str, bytes]


def files_of(folder: Path) -> Files:
    """The files of a run folder by their path inside of it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def small_run(folder: Path) -> Files:
    """The files of a small valid run with one array, written into `folder`."""
    write_run(folder, Plan(structural_phases=1, epochs=1))
    saved = SamplesSaved(step=99, epoch=2, phase=2, seconds=9.0, holds="inputs", file="in.npz", split="test", samples=2)
    with (folder / EVENTS).open("a") as events:
        events.write(f"{dump_event(saved)}\n")
    np.savez_compressed(folder / ARRAYS / "in.npz", images=np.zeros((2, 4, 4)))
    return files_of(folder)


def zipped(files: Files, top: str = "") -> bytes:
    """A zip archive of files, in one folder `top` if wanted."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(f"{top}/{path}" if top else path, content)
    return out.getvalue()


def _without(name: str) -> Callable[[Files], bytes]:
    return lambda files: zipped({path: content for path, content in files.items() if path != name})


def _with(name: str, content: bytes) -> Callable[[Files], bytes]:
    return lambda files: zipped(files | {name: content})


def _event(change: Callable[[list[bytes]], None]) -> Callable[[Files], bytes]:
    def make(files: Files) -> bytes:
        lines = files[EVENTS].splitlines(keepends=True)
        change(lines)
        return zipped(files | {EVENTS: b"".join(lines)})

    return make


def _broken_line(lines: list[bytes]) -> None:
    lines[4] = b'{"kind": "evaluated", "step": -1}\n'


def _other_task(lines: list[bytes]) -> None:
    place = next(place for place, line in enumerate(lines) if b"node_created" in line)
    lines[place] = json.dumps(json.loads(lines[place]) | {"tasks": [0, 77]}).encode() + b"\n"


def _newer(files: Files) -> bytes:
    return zipped(files | {HEADER: json.dumps(json.loads(files[HEADER]) | {"schema_version": 99}).encode()})


def _npz(**arrays: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.savez(out, allow_pickle=True, **arrays)  # type: ignore[arg-type]
    return out.getvalue()


def _claims_much(files: Files) -> bytes:
    """An array whose header says that it has a million million numbers."""
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
    return zipped(files | {"arrays/in.npz": zipped({"images.npy": member.getvalue()})})


def _link(files: Files) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
        link = zipfile.ZipInfo("arrays/link.npz")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    return out.getvalue()


def _damaged(files: Files) -> bytes:
    data = bytearray(zipped(files))
    place = data.find(b"events.jsonl") + 60
    data[place : place + 40] = b"\xff" * 40
    return bytes(data)


@dataclass(frozen=True)
class Bad:
    """A bad upload: how it is made of a good run's files, and what its message says, as a regular expression."""

    make: Callable[[Files], bytes]
    says: str


BAD = {
    "not a zip": Bad(lambda _: b"Hello, I am no archive.", r"bad\.zip: not a zip archive"),
    "damaged": Bad(_damaged, r"cannot be unpacked|damaged"),
    "leads out": Bad(_with("../outside.npz", b"x"), r"'\.\./outside\.npz' leads out of the folder"),
    "absolute": Bad(_with("/etc/cron.d/x", b"x"), r"'/etc/cron\.d/x' is no path inside"),
    "a link": Bad(_link, r"arrays/link\.npz is a link or a device"),
    "no header": Bad(_without(HEADER), r"expected a run folder with a run\.json, found none"),
    "no events": Bad(_without(EVENTS), r"events\.jsonl: no events"),
    "two runs": Bad(lambda files: zipped({f"{top}/{HEADER}": files[HEADER] for top in "ab"}), r"found 2: a/run\.json"),
    "too deep": Bad(lambda files: zipped(files, "a/b"), r"a/b/run\.json lies too deep"),
    "stranger": Bad(_with("setup.py", b"import os"), r"setup\.py is no file of a run"),
    "nested array": Bad(_with("deep/arrays/in.npz", b""), r"deep/arrays/in\.npz is no file of a run"),
    "broken header": Bad(_with(HEADER, b"{"), r"run\.json: not valid JSON"),
    "newer schema": Bad(_newer, r"run\.json: schema version 99 is newer than 1"),
    "broken line": Bad(_event(_broken_line), r"events\.jsonl, line 5: field `evaluated\."),
    "other task": Bad(_event(_other_task), r"events\.jsonl, line \d+: field `tasks`: 77, but the run has 5 tasks"),
    "missing array": Bad(_without("arrays/in.npz"), r"line \d+: field `file`: arrays/in\.npz does not exist"),
    "pickle": Bad(
        _with("arrays/in.npz", _npz(images=np.array([{"a": 1}], dtype=object))), r"arrays/in\.npz: array .* pickled"
    ),
    "no array": Bad(_with("arrays/in.npz", b"cos\nsystem\n(S'true'\ntR."), r"arrays/in\.npz: not a file of plain"),
    "claims much": Bad(_claims_much, r"arrays/in\.npz: its arrays have 7\.63e\+06 MiB in memory"),
}
"""Each kind of bad upload."""
