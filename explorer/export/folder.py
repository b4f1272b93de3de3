"""All of a run in one folder: the report, every figure with its data, captions, tables and structures.

    report.html     the whole run, offline
    captions.md     the caption of every figure
    figures/        each figure as PNG, SVG and PDF, its data as CSV and JSON
    animation/      the sharing graph over the run as a page with the player, a GIF and an MP4
    tables/         each table as CSV, JSON, Markdown and LaTeX
    structure/      the last structure as GraphML, DOT, JSON and the authors' YAML
    manifest.json   every file with its SHA-256, and what was left out and why

The folder is written beside its place and renamed when it is whole, so that nothing half-written stays behind.
"""

import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

from core.heartbeat import write_whole
from core.runs import Run
from core.tables import TABLE_LABELS, table_text
from explorer import theme, words
from explorer.export import images
from explorer.export.film import FilmError, film_gif, film_mp4, film_page
from explorer.export.film import Look as FilmLook
from explorer.export.paper import PaperLook, paper_figure
from explorer.export.provenance import sha256
from explorer.export.report import report
from explorer.export.run_tables import run_tables
from explorer.export.structures import STRUCTURE_LABELS, structure_text
from explorer.figures import Drawing
from explorer.figures.camera import film
from explorer.figures.catalogue import Planned, Where, chapters, drawings
from explorer.figures.film import Film
from explorer.moments import GRAINS, Grain, History

MANIFEST = "manifest.json"
MADE_BY = "MTSL Explorer export"
_MOST_STOPS = 60  # of the animation; beyond, it stops less often
_SECONDS = 0.5  # from stop to stop

Tell = Callable[[int, int, str], None]
"""Is told how many steps are done, of how many, and what comes next."""


@dataclass(frozen=True)
class Exported:
    """What an export wrote, and what it left out and why."""

    folder: Path
    files: int
    left_out: tuple[str, ...]
    zipped: Path | None


@dataclass(frozen=True)
class _Step:
    label: str
    write: Callable[[Path], None]


class _LeftOut(Exception):
    """Something cannot be exported; its message says what and why."""


def export_run(
    run: Run,
    history: History,
    out: Path,
    look: PaperLook | None = None,
    zipped: bool = False,
    force: bool = False,
    animation: bool = True,
    tell: Tell = lambda done, total, label: None,
) -> Exported:
    """Write everything about a run into the folder `out`, and the same into `out`.zip if wanted.

    The animation files take about as long as all figures together; without `animation` they are left out.

    Raises `ValueError` for a run without events, and for an `out` that holds anything but an earlier export; `force`
    replaces an earlier export even if files were changed or added since.
    """
    if not len(history):
        raise ValueError(f"{run.folder}: expected a run with events, found none; there is nothing to export yet.")
    _check_place(out, force)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    packed = out.with_name(f"{out.name}.zip")
    left_out: list[str] = []
    try:
        part.mkdir()
        steps = list(_steps(run, history, look or PaperLook(), animation, left_out))
        for done, step in enumerate(steps):
            tell(done, len(steps), step.label)
            try:
                step.write(part)
            except _LeftOut as problem:
                left_out.append(str(problem))
        _write_manifest(part, run, left_out)
        tell(len(steps), len(steps), "packing" if zipped else "done")
        if zipped:
            write_whole(packed, lambda file: _pack(part, out.name, file))
        _put_in_place(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    files = sum(path.is_file() for path in out.rglob("*"))
    return Exported(out, files, tuple(left_out), packed if zipped else None)


def _check_place(out: Path, force: bool) -> None:
    """Raise `ValueError` if writing to `out` could destroy something that no export wrote."""
    if not out.exists():
        return
    if not out.is_dir():
        raise ValueError(f"{out}: expected a folder to write to, found a file.")
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir()}
    if not found:
        return
    try:
        manifest = json.loads((out / MANIFEST).read_bytes())
        listed = dict(manifest["files"]) if manifest["made_by"] == MADE_BY else None
    except (OSError, ValueError, KeyError, TypeError):
        listed = None
    if listed is None:
        raise ValueError(
            f"{out}: expected an empty folder or an earlier export, found other files. Choose another one."
        )
    added = sorted(found - set(listed) - {MANIFEST})
    changed = [name for name in sorted(found & set(listed)) if sha256(out / name) != listed[name]]
    if (added or changed) and not force:
        what = f"{added[0]} was added" if added else f"{changed[0]} was changed"
        raise ValueError(f"{out}: {what} since it was exported. Choose another folder, or replace it with --force.")


def _steps(run: Run, history: History, look: PaperLook, animation: bool, left_out: list[str]) -> Iterator[_Step]:
    last, name = len(history) - 1, run.folder.name
    found = [Planned(drawing.key, last, partial(_same, drawing)) for drawing in drawings(history, last)]
    found += chapters(history)
    captions: list[str] = []
    kinds = images.PICTURES
    if problem := images.missing():
        left_out.append(problem)
        kinds = ()
    yield _Step("report.html", lambda folder: _write(folder / "report.html", report(run, history)))
    for one in found:
        where = Where(run.header, history.event(one.index), name)
        yield _Step(f"figure {one.key}", partial(_figure, one, where, look, kinds, captions))
    if animation and history.start is not None:
        story = film(history, _grain(history))
        for kind, make in _FILMS.items():
            yield _Step(
                f"animation {kind}",
                lambda folder, kind=kind, make=make: _animation(  # type: ignore[misc]
                    folder / "animation" / f"sharing.{kind}", make, story, look.page
                ),
            )
    yield _Step("captions.md", lambda folder: _write(folder / "captions.md", _captions(run, captions)))
    yield _Step("tables", lambda folder: _tables(folder / "tables", history, last))
    yield _Step("structure", lambda folder: _structure(folder / "structure", history, last))


def _figure(
    planned: Planned,
    where: Where,
    look: PaperLook,
    kinds: tuple[images.Picture, ...],
    captions: list[str],
    folder: Path,
) -> None:
    drawing, folder = planned.draw(), folder / "figures"
    captions.append(f"## {drawing.key}\n\n**{words.plain(drawing.title)}.** {words.plain(drawing.caption)}\n")
    _write(folder / f"{drawing.key}.csv", drawing.csv())
    _write(folder / f"{drawing.key}.json", drawing.json())
    paper = paper_figure(drawing.figure, look, where.below(drawing.figure)) if kinds else None
    for kind in kinds:
        assert paper is not None
        try:
            _write(folder / f"{drawing.key}.{kind}", images.render(paper, kind, look.scale))
        except images.ImageError as error:
            raise _LeftOut(f"{drawing.key}.{kind}: {error}") from error


_FILMS: dict[str, Callable[[Film, theme.Shade], str | bytes]] = {
    "html": lambda story, shade: film_page(story),
    "gif": lambda story, shade: film_gif(story, FilmLook(shade=shade), _SECONDS),
    "mp4": lambda story, shade: film_mp4(story, FilmLook(shade=shade), _SECONDS),
}


def _animation(path: Path, make: Callable[[Film, theme.Shade], str | bytes], story: Film, shade: theme.Shade) -> None:
    try:
        _write(path, make(story, shade))
    except FilmError as error:
        raise _LeftOut(f"{path.name}: {error}") from error


def _grain(history: History) -> Grain:
    """The finest grain whose film does not get very long."""
    return next((grain for grain in reversed(GRAINS) if len(history.stops(grain)) <= _MOST_STOPS), GRAINS[0])


def _same(drawing: Drawing) -> Drawing:
    return drawing


def _captions(run: Run, captions: list[str]) -> str:
    return "\n".join([f"# Captions of {words.plain(words.run_title(run.header))}\n", *captions])


def _tables(folder: Path, history: History, index: int) -> None:
    title = words.run_title(history.header)
    for found in run_tables(history, index):
        for kind in TABLE_LABELS:
            _write(folder / f"{found.key}.{kind}", table_text(found.rows, kind, f"{found.title} of {title}."))


def _structure(folder: Path, history: History, index: int) -> None:
    problem = ""
    for kind in STRUCTURE_LABELS:
        try:
            _write(folder / f"structure.{kind}", structure_text(history, index, kind))
        except ValueError as error:
            problem = f"structure.{kind}: {error}"
    if problem:
        raise _LeftOut(problem)


def _write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))


def _write_manifest(folder: Path, run: Run, left_out: list[str]) -> None:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    manifest = {
        "made_by": MADE_BY,
        "run": run.folder.name,
        "title": words.run_title(run.header),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "left_out": left_out,
        "files": {path.relative_to(folder).as_posix(): sha256(path) for path in paths},
    }
    _write(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n")


def _pack(folder: Path, name: str, file: BinaryIO) -> None:
    """Write a zip file that unpacks into a folder called `name`."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            packed.write(path, f"{name}/{path.relative_to(folder).as_posix()}")


def _put_in_place(part: Path, out: Path) -> None:
    """Rename the whole folder into its place; an earlier export is only removed when the new one stands."""
    old = out.with_name(f".{out.name}.{os.getpid()}.old")
    if out.exists():
        out.rename(old)
    try:
        part.rename(out)
    except OSError:
        if old.exists():
            old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)
