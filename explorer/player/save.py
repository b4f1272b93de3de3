"""The Save menus: a figure as a picture for a paper, its data and caption; a table; the structure at a moment.

Nothing is drawn or written before somebody asks: a menu has no content while it is closed, a picture is made on a click
and kept by its content, and data files are made when they are fetched.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import Literal, get_args

import streamlit as st

from core.runs import RunHeader
from core.tables import TABLE_LABELS, Row, TableKind, table_text
from explorer import theme, words
from explorer.export import images
from explorer.export.paper import FONT_LABELS, TEXT_POINTS, WIDTH_LABELS, Font, PaperLook, Width, paper_figure
from explorer.export.structures import STRUCTURE_LABELS, structure_text, tree
from explorer.figures import Drawing
from explorer.figures.catalogue import Where
from explorer.moments import History, Snapshot
from explorer.player.download import TYPES, offer_file

FigureKind = Literal["png", "svg", "pdf", "html"]
_LABELS: dict[FigureKind, str] = {"png": "PNG", "svg": "SVG", "pdf": "PDF", "html": "HTML"}
_LOOK, _KIND = "_look", "_kind"
_MOST_BYTES = 64 * 2**20

_where: ContextVar[Where | None] = ContextVar("where", default=None)
_made: "OrderedDict[str, bytes]" = OrderedDict()  # least recently used first; shared by all sessions
_made_lock = threading.Lock()


@contextmanager
def at_moment(header: RunHeader, snapshot: Snapshot, run: str) -> Iterator[None]:
    """Say of which run and moment the figures are that are shown inside, for the line below exported ones."""
    token = _where.set(Where(header, snapshot.event, run))
    try:
        yield
    finally:
        _where.reset(token)


def offer_drawing(drawing: Drawing, name: str, more: Callable[[], None] | None = None) -> None:
    """Draw the menu that takes a drawing away in files called `name`; `more` draws what else it offers."""
    key = f"save-{drawing.key}"
    menu = st.popover("Save", icon=":material/download:", type="tertiary", key=key, on_change="rerun")
    if menu.open:
        with menu:
            st.markdown(f"**{words.plain(drawing.title)}**")
            _pictures(drawing, name)
            st.markdown("**Data**")
            _table_files(drawing.rows, drawing.csv, drawing.json, drawing.caption, name, key)
            st.markdown("**Caption**")
            st.code(drawing.caption, language=None, wrap_lines=True)
            if more is not None:
                more()


def show_table(rows: Sequence[Row], key: str, title: str, name: str, **rest: object) -> None:
    """Show rows as a table, with a menu that takes them away in files called `name`; `rest` goes to the table."""
    st.dataframe(rows, hide_index=True, **rest)  # type: ignore[call-overload]
    if not rows:
        return
    menu = st.popover("Save table", icon=":material/download:", type="tertiary", key=f"save-{key}", on_change="rerun")
    if menu.open:
        with menu:
            st.markdown(f"**{words.plain(title)}**")
            row = st.container(horizontal=True, gap="small")
            for kind in TABLE_LABELS:
                with row:
                    _offer_table(rows, kind, title, name, f"save-{key}")


def structure_menu(history: History, snapshot: Snapshot, name: str) -> None:
    """Draw the menu that takes the structure at a moment away in files called `name`."""
    menu = st.popover(
        "Save structure", icon=":material/account_tree:", type="tertiary", key="save-structure", on_change="rerun"
    )
    if not menu.open:
        return
    with menu:
        st.caption(f"The nodes at {words.plain(words.place(snapshot.event))}, with their tasks and costs.")
        row = st.container(horizontal=True, gap="small")
        for kind, label in STRUCTURE_LABELS.items():
            if kind == "yaml":
                try:
                    tree(history, snapshot)
                except ValueError as error:
                    st.caption(f"No YAML in the authors' format: {words.plain(str(error))}")
                    continue
                label = "YAML of the MTSL authors"
            with row:
                offer_file(
                    label,
                    lambda kind=kind: structure_text(history, snapshot.index, kind),  # type: ignore[misc]
                    f"{name}.{kind}",
                    key=f"save-structure-{kind}",
                )


def _pictures(drawing: Drawing, name: str) -> None:
    """Choices and the button that makes the file, or, if it is made, the one that fetches it."""
    missing = images.missing()
    kinds: tuple[FigureKind, ...] = ("html",) if missing else get_args(FigureKind)
    key = f"save-{drawing.key}"
    remembered: FigureKind = st.session_state.get(_KIND, "png")
    kind = st.segmented_control(
        "Format",
        kinds,
        default=remembered if remembered in kinds else kinds[0],
        format_func=lambda kind: _LABELS[kind],
        required=True,
        key=f"{key}-kind",
    )
    if missing:
        st.caption(words.plain(missing))
    look = _look(key)
    st.session_state[_KIND], st.session_state[_LOOK] = kind, look
    figure = paper_figure(drawing.figure, look, _below(drawing))
    identity = _identity(str(figure.to_json(validate=False)), drawing.caption, kind)
    file = f"{name}.{kind}"
    found = _kept(identity)
    slot = st.empty()  # the button that makes the file gives way to the one that fetches it
    if found is None and slot.button(f"Make {_LABELS[kind]}", icon=":material/image:", key=f"{key}-make"):
        try:
            with slot, st.spinner("Drawing"):
                if kind == "html":
                    page = images.figure_html(figure, drawing.title, drawing.caption, look.page)
                    found = page.encode("utf-8")
                else:
                    found = images.render(figure, kind, look.scale)
        except images.ImageError as error:
            st.error(words.plain(str(error)), icon=":material/error:")
        else:
            _keep(identity, found)
    if found is not None:
        size = f"{words.count(len(found))}B"
        label = f"{_LABELS[kind]} · {size}"
        slot.download_button(
            label,
            found,
            file,
            TYPES[kind],
            icon=":material/download:",
            type="primary",
            on_click="ignore",
            key=f"{key}-get",
        )


def _look(key: str) -> PaperLook:
    """The look that is chosen for exported figures; every menu starts with the last one."""
    last: PaperLook = st.session_state.get(_LOOK, PaperLook())
    left, right = st.columns(2)
    widths, fonts, pages = get_args(Width), get_args(Font), get_args(theme.Shade)
    with left:
        width = st.selectbox(
            "Width", widths, index=widths.index(last.width), format_func=WIDTH_LABELS.__getitem__, key=f"{key}-width"
        )
        page = st.selectbox("Paper", pages, index=pages.index(last.page), format_func=str.capitalize, key=f"{key}-page")
    with right:
        font = st.selectbox(
            "Font", fonts, index=fonts.index(last.font), format_func=FONT_LABELS.__getitem__, key=f"{key}-font"
        )
        text = st.selectbox(
            "Text size",
            TEXT_POINTS,
            index=TEXT_POINTS.index(last.text),
            format_func=lambda points: f"{points:g} pt",
            key=f"{key}-text",
        )
    note = st.toggle("Line below with run and phase", value=last.note, key=f"{key}-note")
    return replace(last, width=width, page=page, font=font, text=text, note=note)


def _below(drawing: Drawing) -> str:
    """The line below an exported figure: its own where it is shown outside of any moment."""
    where = _where.get()
    return where.below(drawing.figure) if where else str(drawing.figure.layout.title.text or "")


def _table_files(
    rows: Callable[[], list[Row]], csv: Callable[[], str], json: Callable[[], str], title: str, name: str, key: str
) -> None:
    with st.container(horizontal=True, gap="small"):
        offer_file("CSV", csv, f"{name}.csv", key=f"{key}-csv")
        offer_file("JSON", json, f"{name}.json", key=f"{key}-json")
        offer_file("Markdown", lambda: table_text(rows(), "md"), f"{name}.md", key=f"{key}-md")
        offer_file("LaTeX", lambda: table_text(rows(), "tex", title), f"{name}.tex", key=f"{key}-tex")


def _offer_table(rows: Sequence[Row], kind: TableKind, title: str, name: str, key: str) -> None:
    offer_file(TABLE_LABELS[kind], lambda: table_text(rows, kind, title), f"{name}.{kind}", key=f"{key}-{kind}")


def _identity(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()


def _kept(identity: str) -> bytes | None:
    with _made_lock:
        found = _made.get(identity)
        if found is not None:
            _made.move_to_end(identity)
        return found


def _keep(identity: str, content: bytes) -> None:
    with _made_lock:
        _made[identity] = content
        while len(_made) > 1 and sum(map(len, _made.values())) > _MOST_BYTES:
            _made.popitem(last=False)
