"""The film of a run as a file: a page for any browser, an animated GIF or an MP4.

The page holds the player of the explorer and opens from disk, without a network. GIF and MP4 are drawn by Pillow, so
no browser is needed; for MP4 the package `imageio-ffmpeg` brings its own encoder. `progress` is called with the share
that is done; an exception it raises ends the work.
"""

import html
import io
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from explorer import theme
from explorer.export.canvas import Canvas, Look
from explorer.export.scene import Scene, ease, mixed, scene
from explorer.figures.film import Film, states
from explorer.figures.layout import Orientation
from explorer.figures.sharing import ALT
from explorer.theme import Shade

Progress = Callable[[float], None]
GIF_RATE, MP4_RATE = 12, 24
"""Pictures in a second while the graph moves."""

_MOTION = 0.6  # longest time of a move, in seconds, and its greatest share of the time from stop to stop
_PLAYER = Path(__file__).parents[1] / "player" / "graph.js"


class FilmError(RuntimeError):
    """A film cannot be made here; the message says what is missing."""


def _ignore(share: float) -> None:
    pass


def film_page(found: Film, shade: Shade | None = None, orient: Orientation = "up", height: int = 560) -> str:
    """A page with the player and the film inside; `shade` None follows the reader's system."""
    title = html.escape(f"Sharing graph of {found.title}")
    options = json.dumps({"alt": ALT, "orient": orient, "height": height, "story": True, "index": 0})
    return _PAGE.format(
        title=title,
        style="\n".join(_page_style(shade)),
        player=_PLAYER.read_text(encoding="utf-8"),
        film=_in_script(found.to_json()),
        options=_in_script(options),
    )


def film_gif(found: Film, look: Look | None = None, seconds: float = 1.0, progress: Progress = _ignore) -> bytes:
    """An endless GIF; `seconds` from stop to stop."""
    look = look or Look()
    pictures: list[Image.Image] = []
    durations: list[int] = []
    palette: Image.Image | None = None
    for picture, lasts, share in _pictures(found, look, seconds, GIF_RATE):
        if palette is None:
            palette = _palette(found, look)
        pictures.append(picture.quantize(palette=palette, dither=Image.Dither.NONE))
        durations.append(round(1000 * lasts))
        progress(share)
    file = io.BytesIO()
    first, *rest = pictures
    first.save(file, "GIF", save_all=True, append_images=rest, duration=durations, loop=0, optimize=False)
    return file.getvalue()


def film_mp4(found: Film, look: Look | None = None, seconds: float = 1.0, progress: Progress = _ignore) -> bytes:
    """A film for every player (H.264); `seconds` from stop to stop. Raises `FilmError` without an encoder."""
    try:
        import imageio_ffmpeg
    except ImportError:
        raise FilmError("An MP4 needs the package imageio-ffmpeg: pip install imageio-ffmpeg.") from None
    look = look or Look()
    size = look.size[0] // 2 * 2, look.size[1] // 2 * 2  # H.264 wants even sides
    look = Look(size, look.shade, look.orient)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as complaints:
        file = Path(folder) / "film.mp4"
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
        command += ["-s", f"{size[0]}x{size[1]}", "-r", str(MP4_RATE), "-i", "-", "-an", "-vcodec", "libx264"]
        command += ["-pix_fmt", "yuv420p", "-crf", "20", "-movflags", "+faststart", str(file)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=complaints) as encoder:
            assert encoder.stdin is not None
            try:
                for data in _timed(found, look, seconds, progress):
                    encoder.stdin.write(data)
            except BrokenPipeError:
                pass  # the encoder ended; what it said follows
            except BaseException:
                encoder.kill()
                raise
        if encoder.returncode:
            complaints.seek(0)
            raise FilmError(f"The encoder failed: {complaints.read().decode(errors='replace').strip()}")
        return file.read_bytes()


def _timed(found: Film, look: Look, seconds: float, progress: Progress) -> Iterator[bytes]:
    """The raw pictures of a film at a fixed rate."""
    left = 0.0  # of a picture's time, so that roundings do not add up
    for picture, lasts, share in _pictures(found, look, seconds, MP4_RATE):
        left += lasts * MP4_RATE
        data = picture.tobytes()
        for _ in range(round(left)):
            yield data
        left -= round(left)
        progress(share)


def film_length(n_stops: int, seconds: float) -> float:
    """How long a GIF or MP4 runs, in seconds; the last stop stays twice as long.

    >>> film_length(18, 0.5)
    9.5
    """
    return seconds * (n_stops + 1)


def _pictures(found: Film, look: Look, seconds: float, rate: int) -> Iterator[tuple[Image.Image, float, float]]:
    """Every picture with the seconds it stays and the share that is done by then."""
    canvas = Canvas(found, look)
    scenes = [scene(found, state) for state in states(found)]
    moving = min(_MOTION, _MOTION * seconds)
    steps = max(round(moving * rate), 1)
    clock = 0.0
    for number, frame in enumerate(found.frames):
        now, after = scenes[number], scenes[min(number + 1, len(scenes) - 1)]
        moves = number + 1 < len(scenes) and not _same(found, number + 1)
        stays = 2 * seconds if number + 1 == len(scenes) else seconds - (moving if moves else 0)
        done = (number + 1) / len(found.frames)
        yield canvas.picture(now, frame.where, frame.what, clock), stays, done
        clock += stays
        for step in range(1, steps + 1) if moves else ():
            between = mixed(found, now, after, ease(step / (steps + 1)))
            clock += moving / steps
            yield canvas.picture(between, frame.where, frame.what, clock), moving / steps, done


def _same(found: Film, number: int) -> bool:
    """Whether nothing moves from the stop before to this one."""
    change = found.frames[number].change
    return not (change.nodes or change.edges or change.ghosts)


def _palette(found: Film, look: Look) -> Image.Image:
    """One palette for the whole film, from its first, middle and last picture, so that colours do not flicker."""
    canvas = Canvas(found, look)
    everything = list(states(found))
    shown = [everything[0], everything[len(everything) // 2], everything[-1]]
    busiest = max(everything, key=lambda state: sum(there.status for there in state.nodes.values()))
    pictures = [canvas.picture(scene(found, state), "", "") for state in (*shown, busiest)]
    sheet = Image.new("RGB", (look.size[0], look.size[1] * len(pictures)))
    for row, picture in enumerate(pictures):
        sheet.paste(picture, (0, row * look.size[1]))
    return sheet.quantize(255, dither=Image.Dither.NONE)


def _page_style(shade: Shade | None) -> Iterator[str]:
    def colours(name: Shade) -> str:
        page, text = theme.PAGES[name]
        return f"--st-background-color: {page}; --st-text-color: {text}; --st-primary-color: {theme.ACCENT};"

    yield f":root {{ color-scheme: {shade or 'light dark'}; {colours(shade or 'light')} }}"
    if shade is None:
        yield f"@media (prefers-color-scheme: dark) {{ :root {{ {colours('dark')} }} }}"
    yield ":root { --st-border-color: #8888; --st-secondary-background-color: var(--st-background-color);"
    yield "  --st-font: system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif; }"


def _in_script(text: str) -> str:
    """JSON that stays inside its script element, whatever names a run holds."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
{style}
body {{ margin: 0 auto; max-width: 960px; padding: 16px; font-family: var(--st-font);
  color: var(--st-text-color); background: var(--st-background-color); }}
h1 {{ font-size: 1.15rem; margin: 0 0 10px; }}
</style>
</head>
<body>
<h1>{title}</h1>
<div id="graph"></div>
<script type="module">
{player}
const host = document.getElementById("graph")
host.graph = mountGraph(host, {film}, {options})
</script>
</body>
</html>
"""

__all__ = ["FilmError", "Look", "Scene", "film_gif", "film_length", "film_mp4", "film_page"]
