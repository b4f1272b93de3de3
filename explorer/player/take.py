"""Taking a whole run away: its report as one HTML file, or everything in a ZIP, made by a process of its own.

The process is found again after a reload; nothing is built until somebody asks.
"""

import shlex
from pathlib import Path

import streamlit as st

from explorer import words
from explorer.export import images
from explorer.export.jobs import ExportJob, Kind, cancel_export, read_export, start_export
from explorer.library import Entry
from explorer.player.download import TYPES
from explorer.player.ticker import ticker
from explorer.training import shown_path

_REFRESH_SECONDS = 1.0
_KINDS: dict[Kind, tuple[str, str]] = {
    "report": ("Report (HTML)", "One file that opens in any browser, with the network cut: all figures and tables."),
    "all": ("Everything (ZIP)", "Report, every figure with its data, captions, tables and structures."),
}


def take_run(entry: Entry) -> None:
    """Draw the menu that takes a run away, and the progress of what is being made."""
    st.fragment(_frame)(entry.folder)


def _frame(folder: Path) -> None:
    menu = st.popover("Export this run", icon=":material/archive:", type="tertiary", key="export", on_change="rerun")
    found = _jobs(folder)
    ticker(_REFRESH_SECONDS if any(job and job.live for job in found.values()) else None, "export")
    if menu.open:
        with menu:
            for kind, job in found.items():
                _one(folder, kind, job)
            st.caption("The same from a terminal:")
            st.code(
                f"python -m core export {shlex.quote(shown_path(folder))} --out DIR --zip",
                language="bash",
                wrap_lines=True,
            )
    else:
        for kind, job in found.items():
            if job and job.live:
                st.progress(min(1.0, job.done), text=words.plain(f"{_KINDS[kind][0]}: {job.label}"))


def _one(folder: Path, kind: Kind, job: ExportJob | None) -> None:
    title, meaning = _KINDS[kind]
    st.markdown(f"**{title}** · {meaning}")
    if kind == "all" and (missing := images.missing()):
        st.caption(words.plain(f"Without pictures. {missing}"))
    if job and job.live:
        st.progress(min(1.0, job.done), text=words.plain(job.label))
        st.button(
            "Cancel", icon=":material/close:", key=f"export-{kind}-cancel", on_click=cancel_export, args=(folder, kind)
        )
        return
    if job and job.file:
        st.download_button(
            f"{job.file.name} · {words.count(job.file.stat().st_size)}B",
            job.file.read_bytes,
            job.file.name,
            TYPES[job.file.suffix[1:]],
            icon=":material/download:",
            type="primary",
            on_click="ignore",
            key=f"export-{kind}-get",
        )
        for note in job.notes:
            st.caption(words.plain(note))
    label = "Make it again" if job and job.file else f"Make {title}"
    if job and job.problem and job.problem != "cancelled":
        st.error(words.plain(job.problem), icon=":material/error:")
    if st.button(label, icon=":material/archive:", key=f"export-{kind}-make"):
        try:
            start_export(folder, kind)
        except OSError as error:
            st.error(words.plain(f"The export cannot be started: {error}."), icon=":material/error:")
        else:
            st.rerun()


def _jobs(folder: Path) -> dict[Kind, ExportJob | None]:
    return {kind: read_export(folder, kind) for kind in _KINDS}
