"""The part of the Save menu that takes the whole film of a run away: as a page, a GIF or an MP4."""

from dataclasses import dataclass
from typing import Literal

import streamlit as st

from explorer import theme, words
from explorer.export.film import FilmError, Look, film_gif, film_length, film_mp4, film_page
from explorer.figures.film import Film
from explorer.films import film_of
from explorer.moments import GRAINS, Grain
from explorer.player.bar import Scene
from explorer.player.download import offer_file
from explorer.theme import Shade

_Kind = Literal["GIF", "MP4"]
_SIZES = {"640 × 480": (640, 480), "960 × 720": (960, 720), "1280 × 960": (1280, 960), "1920 × 1080": (1920, 1080)}
_PER_STOP = (0.25, 0.5, 1.0, 2.0)
_SHADES: dict[Shade, str] = {"light": "Light", "dark": "Dark"}
_MADE = "_animation"
_MOST = 90  # stops of the grain that is proposed; more make long films


@dataclass(frozen=True)
class _Made:
    """A file that was made, and from which choices."""

    kind: _Kind
    wanted: tuple[object, ...]
    data: bytes


def offer_animation(scene: Scene) -> None:
    """Draw the choices and the buttons; a GIF or an MP4 is made only when it is asked for, with its progress."""
    st.markdown("**Animation**")
    grain = _grain(scene)
    shade = st.segmented_control(
        "Page",
        list(theme.PAGES),
        default="light",
        format_func=lambda name: _SHADES[name],
        required=True,
        key="film-shade",
    )
    history, orient = scene.history, scene.view.orient
    name = scene.file(f"film-{grain}").rpartition("-")[0]
    offer_file("Animation as HTML", lambda: film_page(film_of(history, grain).film, shade, orient), f"{name}.html")
    with st.container(horizontal=True):
        size = st.selectbox("Size", list(_SIZES), index=1, key="film-size", width=150)
        seconds = st.selectbox("Seconds per moment", _PER_STOP, index=1, key="film-seconds", width=170)
    n_stops = len(history.stops(grain))
    st.caption(f"{n_stops} moments, {words.duration(film_length(n_stops, seconds))} of film.")
    kinds: tuple[_Kind, ...] = ("GIF", "MP4")
    with st.container(horizontal=True):
        asked = [kind for kind in kinds if st.button(f"Make {kind}", icon=":material/movie:", key=f"film-{kind}")]
    wanted = (scene.opened.run.folder, len(history), grain, size, shade, orient, seconds)
    for kind in asked:
        _make(kind, film_of(history, grain).film, Look(_SIZES[size], shade, orient), seconds, wanted)
    made = st.session_state.get(_MADE)
    if made is not None and made.wanted == wanted:
        label = f"Save the {made.kind} ({len(made.data) / 1e6:.1f} MB)"
        offer_file(label, lambda: made.data, f"{name}.{made.kind.lower()}")


def _grain(scene: Scene) -> Grain:
    """Which moments the film stops at; the finest grain that does not make it very long is proposed."""
    stops: dict[Grain, int] = {grain: len(scene.history.stops(grain)) for grain in GRAINS}
    short = [grain for grain in GRAINS if stops[grain] <= _MOST]
    return st.selectbox(
        "Moments",
        list(GRAINS),
        index=GRAINS.index(short[-1] if short else "phase"),
        format_func=lambda grain: f"{words.GRAIN_LABELS[grain]} ({stops[grain]})",
        help=words.GRAIN_HELP,
        key="film-grain",
    )


def _make(kind: _Kind, film: Film, look: Look, seconds: float, wanted: tuple[object, ...]) -> None:
    """Draw the film with a progress bar; the newest file is kept in the session until another is made."""
    bar = st.progress(0.0, text=f"Drawing the {kind}")

    def progress(share: float) -> None:
        bar.progress(share, text=f"Drawing the {kind}")

    try:
        data = (film_gif if kind == "GIF" else film_mp4)(film, look, seconds, progress)
    except FilmError as error:
        st.error(str(error), icon=":material/error:")
    else:
        st.session_state[_MADE] = _Made(kind, wanted, data)
    bar.empty()
