"""PNG, SVG and PDF of a figure through a browser on this machine, and a page that needs nothing at all.

plotly.js draws in a browser, so pictures need one: Chrome, Chromium or another of their family. `browser` looks for it
once, `render` makes the picture. One browser is started on first use, serves one figure at a time and is closed when it
has been idle, after a failure, and with the process; a figure that takes too long fails with a clear message.

The ladder, from what always works to what needs most: the SVG of the chart's own menu, the page from `figure_html`,
pictures from `render`; the data as CSV and JSON in any case.
"""

import asyncio
import atexit
import json
import os
import shutil
import threading
from collections.abc import Coroutine, Mapping
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import plotly
import plotly.graph_objects as go

from explorer import theme

Picture = Literal["png", "svg", "pdf"]
PICTURES: tuple[Picture, ...] = ("png", "svg", "pdf")

BROWSER_VARIABLE = "BROWSER_PATH"
"""Environment variable that names the browser's program."""
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "msedge")
STILL = "The chart's own menu still saves an SVG, and HTML, CSV and JSON need no browser."

_SECONDS = 60.0  # for one picture, the start of the browser included
_IDLE_SECONDS = 120.0  # after which the browser gives its memory back
_Result = TypeVar("_Result")


class ImageError(RuntimeError):
    """A picture that cannot be made; the message says what is missing and what still works."""


def browser() -> str | None:
    """The program of a browser that can draw, or None. `BROWSER_PATH` goes before what is found on the path.

    >>> browser() is None or Path(browser() or "").is_file()
    True
    """
    return _browser(os.environ.get(BROWSER_VARIABLE), os.environ.get("PATH", ""))


@lru_cache(maxsize=4)
def _browser(named: str | None, path: str) -> str | None:
    if named:
        return named if Path(named).is_file() else None
    found = next((found for name in NAMES if (found := shutil.which(name, path=path))), None)
    if found is not None:
        return found
    try:
        from choreographer.browsers.chromium import Chromium  # knows where browsers lie that are not on the path
    except ImportError:
        return None
    return str(found) if (found := Chromium.find_browser(skip_local=False)) else None


def missing() -> str:
    """Why `render` cannot work on this machine, for people; "" if it can."""
    named = os.environ.get(BROWSER_VARIABLE)
    if browser() is not None:
        return ""
    if named:
        return f"PNG, SVG and PDF need a browser, but {BROWSER_VARIABLE} names `{named}`, which is no file. {STILL}"
    return (
        "PNG, SVG and PDF need Chrome or Chromium on this machine, and none was found. Install one (Debian: "
        f"`apt-get install chromium`) or name its program in the environment variable {BROWSER_VARIABLE}. {STILL}"
    )


def render(figure: go.Figure, kind: Picture, scale: float = 1.0) -> bytes:
    """The picture of a figure that has a width and a height; PNG files have `scale` pixels for each of the figure's.

    Raises `ImageError` if there is no browser, or it fails or takes too long.
    """
    if problem := missing():
        raise ImageError(problem)
    size = {"width": int(figure.layout.width), "height": int(figure.layout.height)}
    options = {"format": kind, "scale": scale if kind == "png" else 1.0, **size}
    picture = _RENDERER.draw(json.loads(figure.to_json(validate=False)), options)
    return _with_dpi(picture, round(96 * scale)) if kind == "png" else picture


def figure_html(figure: go.Figure, title: str, caption: str, page: theme.Shade = "light") -> str:
    """A whole page with the figure and plotly's script inside: opens from disk with the network cut."""
    background, text = theme.PAGES[page]
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<style>body{{margin:2rem auto;max-width:{int(figure.layout.width or 960)}px;padding:0 1rem;"
        f"background:{background};color:{text};font-family:system-ui,sans-serif;line-height:1.5}}"
        f"figure{{margin:0;overflow-x:auto}}h1{{font-size:1.2rem}}</style></head><body><h1>{escape(title)}</h1>"
        f'<figure><div id="figure" role="img" aria-label="{escape(title)}"></div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        f"<script>{plotly_script()}</script><script>const figure = {for_script(figure)};"
        f'Plotly.newPlot("figure", figure.data, figure.layout, {for_script(CONFIG)})</script></body></html>\n'
    )


CONFIG: dict[str, object] = {
    "displaylogo": False,
    "modeBarButtons": [["toImage"]],
    "toImageButtonOptions": {"format": "svg"},
    "responsive": True,
    "showSendToCloud": False,
}
"""How plotly draws outside of the app: one button that saves an SVG, and none that sends data anywhere."""


@lru_cache(maxsize=1)
def plotly_script() -> str:
    """plotly.js from the installed package, about 4.8 MB."""
    path = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    return path.read_text(encoding="utf-8").replace("</script", "<\\/script")


def for_script(value: object) -> str:
    """JSON that is safe inside a script element, whatever texts it holds."""
    return safe_json(str(value.to_json(validate=False)) if isinstance(value, go.Figure) else json.dumps(value))


def safe_json(text: str) -> str:
    """The same JSON without anything that could end a script element.

    >>> "</" in safe_json('["</script>"]')
    False
    """
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


class _Renderer:
    """One browser, in a thread with a loop of its own; `draw` may be called from any thread, one figure at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._kaleido: Any = None
        self._path: str | None = None
        self._idle: threading.Timer | None = None

    def draw(self, figure: dict[str, object], options: Mapping[str, object]) -> bytes:
        """The picture; the browser is started if it does not run, and put away if it fails."""
        if not self._lock.acquire(timeout=2 * _SECONDS):
            raise ImageError(f"The browser that draws pictures is busy. Try again in a minute. {STILL}")
        try:
            if self._idle is not None:
                self._idle.cancel()
            if self._path != browser():
                self._close()
            try:
                picture = self._run(self._draw(figure, options), _SECONDS)
            except ImageError:
                raise
            except TimeoutError:
                self._close()
                raise ImageError(f"The picture took longer than {_SECONDS:.0f} s and was given up. {STILL}") from None
            except Exception as error:  # whatever a browser does wrong, the person gets one message
                self._close()
                reason = " ".join(str(error).split())[:300] or type(error).__name__
                raise ImageError(f"The browser {browser()} could not draw the figure: {reason}. {STILL}") from error
            self._idle = threading.Timer(_IDLE_SECONDS, self.close)
            self._idle.daemon = True
            self._idle.start()
            return picture
        finally:
            self._lock.release()

    def close(self) -> None:
        """Put the browser away."""
        with self._lock:
            self._close()

    def _run(self, work: Coroutine[Any, Any, _Result], seconds: float) -> _Result:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, name="pictures", daemon=True).start()
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        except TimeoutError:
            future.cancel()
            raise

    async def _draw(self, figure: dict[str, object], options: Mapping[str, object]) -> bytes:
        if self._kaleido is None:
            try:
                import kaleido
            except ImportError:
                raise ImageError(f"PNG, SVG and PDF need the package kaleido (see requirements.txt). {STILL}") from None
            self._path = browser()
            # no MathJax: it would come from the network. Kaleido leaves the sandbox off, so a root user can draw, too
            opened = kaleido.Kaleido(n=1, timeout=_SECONDS, path=self._path, mathjax=False)
            await opened.open()
            self._kaleido = opened
            atexit.unregister(self.close)
            atexit.register(self.close)  # now, so that it runs before the clean-up of what the browser made
        return cast(bytes, await self._kaleido.calc_fig(figure, opts=dict(options)))

    def _close(self) -> None:
        found, self._kaleido = self._kaleido, None
        if found is None or self._loop is None:
            return
        try:
            self._run(found.close(), 15.0)
        except Exception:  # it is being thrown away; what is left of the process is ended the hard way
            found.subprocess.kill()


_RENDERER = _Renderer()


def close() -> None:
    """Put the browser away that drew pictures; the next picture starts another one."""
    _RENDERER.close()


def _with_dpi(picture: bytes, dpi: int) -> bytes:
    """A PNG that says how large it is on paper: a pHYs chunk right after the header."""
    import struct
    import zlib

    body = b"pHYs" + struct.pack(">IIB", *[round(dpi / 0.0254)] * 2, 1)
    chunk = struct.pack(">I", 9) + body + struct.pack(">I", zlib.crc32(body))
    end_of_header = 8 + 25
    return picture[:end_of_header] + chunk + picture[end_of_header:]
