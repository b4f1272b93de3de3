"""Pictures of a film's scenes, drawn by Pillow alone: no browser, no display."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from PIL import Image, ImageColor, ImageDraw, ImageFont

from explorer import theme
from explorer.export.scene import GHOST, Box, Line, Piece, Rect, Scene
from explorer.figures import layout
from explorer.figures.film import NEW, RISING, Film
from explorer.figures.layout import Orientation
from explorer.theme import Shade

Point = tuple[float, float]
_FINER = 2  # drawn so many times as large, then made smaller
_DOTS = 1.7  # distance of the dots of a flow, in its widths


@dataclass(frozen=True)
class Look:
    """How the pictures look: size in pixels, light or dark, and where the graph grows to."""

    size: tuple[int, int] = (960, 720)
    shade: Shade = "light"
    orient: Orientation = "up"


class Canvas:
    """Draws the scenes of one film in one look."""

    def __init__(self, found: Film, look: Look) -> None:
        self._film, self._look = found, look
        self._page, self._text = theme.PAGES[look.shade]
        self._unit = _FINER * max(0.7, min(look.size[0] / 960, look.size[1] / 720))
        width, height = (side * _FINER for side in look.size)
        up = look.orient == "up"
        across, along = (-0.62, len(found.order) - 0.38), (-1.32, len(found.stages) + 0.42)
        names = [f"{name} · {neurons}" for name, neurons in found.stages] if up else [t.label for t in found.tasks]
        widest = max(self._wide(name, 12, True) for name in [*names, "heads"])
        gutter = min(widest + self._px(54 if up else 80), 0.3 * width)
        top, bottom = (self._px(104), self._px(84)) if up else (self._px(56), self._px(180))
        self._area = (gutter, top, width - self._px(16), height - bottom)
        left, high, right, low = self._area
        wide, tall = (across, along) if up else (along, across)
        self._scale = (right - left) / (wide[1] - wide[0]), (low - high) / (tall[1] - tall[0])
        self._start = across[0], along[0]

    def picture(self, now: Scene, where: str, what: str, clock: float = 0.0) -> Image.Image:
        """One picture: the scene under its title, with where it stands and what happens below; `clock` moves flows."""
        image = Image.new("RGB", (self._look.size[0] * _FINER, self._look.size[1] * _FINER), self._page)
        draw = ImageDraw.Draw(image, "RGBA")
        self._frame(image, draw)
        for strand in now.strands.values():
            colour = self._film.tasks[strand.task].colour
            width = round(self._px(1.2 + 2.5 * strand.size))
            draw.line(self._curve(strand), fill=_alpha(colour, strand.alpha), width=width, joint="curve")
        for flow in now.flows.values():
            self._flow(draw, flow, clock)
        for piece in now.pieces.values():
            self._piece(draw, piece)
        for box in now.boxes.values():
            self._outline(draw, box)
        for piece in now.pieces.values():
            self._letter(draw, piece)
        self._progress(draw, now)
        self._words(draw, where, what)
        return image.resize(self._look.size, Image.Resampling.BOX)

    def _px(self, length: float) -> float:
        return length * self._unit

    def _point(self, across: float, along: float) -> Point:
        x, y = across - self._start[0], along - self._start[1]
        if self._look.orient == "up":
            return self._area[0] + x * self._scale[0], self._area[3] - y * self._scale[1]
        return self._area[0] + y * self._scale[0], self._area[1] + x * self._scale[1]

    def _corners(self, rect: Rect) -> tuple[float, float, float, float]:
        (x0, y0), (x1, y1) = self._point(rect.left, rect.bottom), self._point(rect.right, rect.top)
        return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)

    def _curve(self, line: Line, steps: int = 14) -> list[Point]:
        x0, y0, x1, y1 = line.ends
        shares = [step / steps for step in range(steps + 1)]
        return [self._point(x0 + (x1 - x0) * t * t * (3 - 2 * t), y0 + (y1 - y0) * t) for t in shares]

    def _round(
        self, draw: ImageDraw.ImageDraw, rect: Rect, first: bool = True, last: bool = True, **how: object
    ) -> None:
        left, top, right, bottom = (round(side) for side in self._corners(rect))
        radius = min(self._px(5), (right - left) / 2 - 1, (bottom - top) / 2 - 1)
        sides = (first, last, last, first) if self._look.orient == "up" else (first, first, last, last)
        if radius < 1:  # Pillow's rounded rectangles need room for their corners
            draw.rectangle((left, top, right, bottom), **how)  # type: ignore[arg-type]
        else:
            draw.rounded_rectangle((left, top, right, bottom), radius, corners=sides, **how)  # type: ignore[arg-type]

    def _piece(self, draw: ImageDraw.ImageDraw, piece: Piece) -> None:
        if self._film.nodes[piece.node].kind != "skip" and piece.rect.top - piece.rect.bottom > 0.004:
            fill = _alpha(self._film.tasks[piece.task].colour, piece.alpha)
            self._round(draw, piece.rect, piece.first, piece.last, fill=fill)

    def _outline(self, draw: ImageDraw.ImageDraw, box: Box) -> None:
        node = self._film.nodes[box.node]
        if box.status == NEW:
            self._round(draw, box.rect, outline=_alpha(theme.ACCENT, box.alpha), width=round(self._px(2.6)))
        elif box.status == RISING:
            self._dashes(draw, box, theme.ACCENT, self._px(1.8), self._px(5), self._px(4))
        elif box.status == GHOST or node.kind == "skip":
            self._dashes(draw, box, theme.NEUTRAL, self._px(1.3), self._px(1.6), self._px(3))
        elif len(node.tasks) > 1:
            self._round(draw, box.rect, outline=_alpha(theme.NEUTRAL, box.alpha), width=round(self._px(1.2)))
        if box.status == GHOST:
            left, top, right, bottom = self._corners(box.rect)
            x, y, arm = (left + right) / 2, (top + bottom) / 2, self._px(3.5)
            for way in (1, -1):
                ends = [(x - arm, y - arm * way), (x + arm, y + arm * way)]
                draw.line(ends, fill=_alpha(theme.NEUTRAL, box.alpha), width=round(self._px(1.6)))

    def _dashes(self, draw: ImageDraw.ImageDraw, box: Box, colour: str, width: float, dash: float, gap: float) -> None:
        xs, ys = layout.rounded(*box.rect)
        path = [self._point(x, y) for x, y in zip(xs[:-1], ys[:-1], strict=True)]
        at = 0.0
        for (x0, y0), (x1, y1) in pairwise(path):
            long = math.hypot(x1 - x0, y1 - y0)
            start = -(at % (dash + gap))
            while start < long:
                ends = [min(max(end / long, 0), 1) for end in (start, start + dash)] if long else [0, 0]
                if ends[1] > ends[0]:
                    points = [(x0 + (x1 - x0) * t, y0 + (y1 - y0) * t) for t in ends]
                    draw.line(points, fill=_alpha(colour, box.alpha), width=round(width))
                start += dash + gap
            at += long

    def _flow(self, draw: ImageDraw.ImageDraw, flow: Line, clock: float) -> None:
        path = self._curve(flow, 24)
        width = self._px(2 + 7 * flow.size)
        colour = _alpha(self._film.tasks[flow.task].colour, flow.alpha)
        wait = (clock * self._px(30)) % (width * _DOTS)
        for (x0, y0), (x1, y1) in pairwise(path):
            long = math.hypot(x1 - x0, y1 - y0)
            while wait <= long and long:
                x, y = x0 + (x1 - x0) * wait / long, y0 + (y1 - y0) * wait / long
                draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=colour)
                wait += width * _DOTS
            wait -= long

    def _letter(self, draw: ImageDraw.ImageDraw, piece: Piece) -> None:
        task = self._film.tasks[piece.task]
        left, top, right, bottom = self._corners(piece.rect)
        size = 12 if right - left > self._px(8 * len(task.letter) + 6) else 9
        if piece.status == RISING or piece.alpha < 0.3 or right - left < self._wide(task.letter, size, True):
            return
        colour = theme.NEUTRAL if self._film.nodes[piece.node].kind == "skip" else task.on_colour
        self._say(draw, ((left + right) / 2, (top + bottom) / 2), task.letter, size, _alpha(colour, piece.alpha), True)

    def _progress(self, draw: ImageDraw.ImageDraw, now: Scene) -> None:
        """How far each amalgamation is, and the loss of each task on its way."""
        for box in now.boxes.values():
            if box.status == RISING and box.alpha > 0.3:
                left, top, right, bottom = self._corners(box.rect)
                middle = (left + right) / 2, (top + bottom) / 2
                self._say(draw, middle, f"{100 * box.done:.0f} %", 12, self._text, True, rim=True)
        for flow in now.flows.values():
            if flow.loss is not None and flow.alpha > 0.3:
                up = self._look.orient == "up"  # below the task node, or in it below its letter
                x, y = self._point(flow.ends[0], flow.ends[1] - layout.HEIGHT * (1.0 if up else 0.5))
                said = f"{self._film.tasks[flow.task].letter} {flow.loss:.3g}"
                self._say(draw, (x, y + self._px(8 if up else 18)), said, 10, self._text, rim=True)

    def _frame(self, image: Image.Image, draw: ImageDraw.ImageDraw) -> None:
        """Title, image and both axes."""
        film, up = self._film, self._look.orient == "up"
        left, high, right, low = self._area
        self._say(draw, (self._px(16), self._px(24)), film.title, 17, self._text, True, "lm")
        bar = Rect(-0.45, len(film.order) - 0.55, layout.IMAGE_ROW - 0.14, layout.IMAGE_ROW + 0.14)
        self._round(draw, bar, fill=_alpha(theme.NEUTRAL, 0.22), outline=theme.NEUTRAL, width=round(self._px(1)))
        stages = [("image", layout.IMAGE_ROW), *((f"{n} · {c}", i) for i, (n, c) in enumerate(film.stages))]
        for name, row in [*stages, ("heads", len(film.stages))]:
            if up:
                text = self._cut(name, left - self._px(40), 12, True)
                self._say(draw, (left - self._px(8), self._point(0, row)[1]), text, 12, self._text, True, "rm")
            else:
                self._turned(image, name, (self._point(0, row)[0], low + self._px(8)), 45, 12, True)
        for column, task in enumerate(film.order):
            self._legend(draw, task, column)
        along, across = "stage · neurons, from image to heads", "task"
        middle = (left + right) / 2
        below = self._look.size[1] * _FINER - self._px(76)
        self._say(draw, (middle, self._px(52) if up else below), across if up else along, 11, self._text)
        self._turned(image, along if up else across, (self._px(14), (high + low) / 2), 90, 11, False)

    def _legend(self, draw: ImageDraw.ImageDraw, number: int, column: int) -> None:
        task, up = self._film.tasks[number], self._look.orient == "up"
        x, y = self._point(column, 0)
        x, y = (x, self._px(70)) if up else (self._area[0] - self._px(20), y)
        half = self._px(5 + 3.5 * len(task.letter)), self._px(8)
        draw.rounded_rectangle((x - half[0], y - half[1], x + half[0], y + half[1]), self._px(4), fill=task.colour)
        self._say(draw, (x, y), task.letter, 11, task.on_colour, True)
        if up:
            label = self._cut(task.label, self._scale[0] - self._px(4), 12, True)
            self._say(draw, (x, y + self._px(18)), label, 12, self._text, True)
        else:
            label = self._cut(task.label, self._area[0] - self._px(64), 12, True)
            self._say(draw, (x - half[0] - self._px(5), y), label, 12, self._text, True, "rm")

    def _words(self, draw: ImageDraw.ImageDraw, where: str, what: str) -> None:
        width, height = (side * _FINER for side in self._look.size)
        room = width - self._px(32)
        self._say(draw, (self._px(16), height - self._px(58)), self._cut(where, room, 12), 12, self._text, False, "lm")
        for number, line in enumerate(self._lines(what, room, 13)):
            spot = self._px(16), height - self._px(38 - 19 * number)
            self._say(draw, spot, line, 13, self._text, False, "lm")

    def _say(
        self,
        draw: ImageDraw.ImageDraw,
        spot: Point,
        text: str,
        size: float,
        fill: str | tuple[int, int, int, int],
        bold: bool = False,
        anchor: str = "mm",
        rim: bool = False,
    ) -> None:
        font, edge = _font(round(self._px(size)), bold), round(self._px(2)) if rim else 0
        draw.text(spot, text, fill=fill, font=font, anchor=anchor, stroke_width=edge, stroke_fill=self._page)

    def _turned(
        self, image: Image.Image, text: str, spot: Point, angle: Literal[45, 90], size: float, bold: bool
    ) -> None:
        """Text turned left; its middle (90 degrees) or its upper right end (45) lies at the spot."""
        font = _font(round(self._px(size)), bold)
        wide, tall = round(self._wide(text, size, bold)) + 4, round(self._px(size * 1.5))
        mask = Image.new("L", (wide, tall))
        ImageDraw.Draw(mask).text((2, tall / 2), text, fill=255, font=font, anchor="lm")
        turned = mask.rotate(angle, expand=True, resample=Image.Resampling.BICUBIC)
        x, y = spot
        place = (x - turned.width / 2, y - turned.height / 2) if angle == 90 else (x - turned.width + tall / 2, y)
        image.paste(Image.new("RGB", turned.size, self._text), (round(place[0]), round(place[1])), turned)

    def _wide(self, text: str, size: float, bold: bool = False) -> float:
        return _font(round(self._px(size)), bold).getlength(text)

    def _cut(self, text: str, room: float, size: float, bold: bool = False) -> str:
        if self._wide(text, size, bold) <= room:
            return text
        while len(text) > 1 and self._wide(f"{text}…", size, bold) > room:
            text = text[:-1]
        return f"{text.rstrip()}…"

    def _lines(self, text: str, room: float, size: float) -> list[str]:
        """Text in two lines at most."""
        words = text.split()
        first: list[str] = []
        while words and self._wide(" ".join([*first, words[0]]), size) <= room:
            first.append(words.pop(0))
        rest = self._cut(" ".join(words), room, size) if words else ""
        return [line for line in (" ".join(first), rest) if line]


def _alpha(colour: str, share: float) -> tuple[int, int, int, int]:
    red, green, blue = ImageColor.getrgb(colour)[:3]
    return red, green, blue, round(255 * min(max(share, 0.0), 1.0))


@lru_cache(maxsize=64)
def _font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    """DejaVu Sans where the system has it, else the font that comes with Pillow."""
    for name in _FONTS[bold]:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    found = ImageFont.load_default(size)
    assert isinstance(found, ImageFont.FreeTypeFont), "Pillow was built without FreeType"
    return found


_FONTS: tuple[Sequence[str], Sequence[str]] = (("DejaVuSans.ttf",), ("DejaVuSans-Bold.ttf",))
