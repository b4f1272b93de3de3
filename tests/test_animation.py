"""The film of a run as files: GIF and MP4 read back picture by picture, the page with hostile names."""

import builtins
import io
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image, ImageColor

from explorer import theme
from explorer.export.canvas import Canvas, Look
from explorer.export.film import GIF_RATE, MP4_RATE, FilmError, film_gif, film_length, film_mp4, film_page
from explorer.export.scene import GHOST, Scene, mixed, scene
from explorer.figures.film import RISING, Film, film, states
from explorer.moments import History
from tests._runs import DENSE, Plan, events_of, header_of

SMALL = Look(size=(480, 360))


def film_from(plan: Plan, grain: Any = "phase") -> Film:
    return film(History(header_of(plan), events_of(plan)), grain)


@pytest.fixture(scope="module")
def rooms() -> Film:
    return film_from(Plan(structural_phases=2))


@pytest.fixture(scope="module")
def events() -> Film:
    return film_from(Plan(structural_phases=2), "neuron")


def scenes(found: Film) -> list[Scene]:
    return [scene(found, state) for state in states(found)]


def test_a_mixed_scene_begins_as_the_one_and_ends_as_the_other(events: Film) -> None:
    shown = scenes(events)
    for before, after in pairwise(shown):
        start, end = mixed(events, before, after, 0.0), mixed(events, before, after, 1.0)
        for key, box in before.boxes.items():
            assert start.boxes[key].rect == pytest.approx(box.rect)
            assert start.boxes[key].alpha == 1
        for key, piece in after.pieces.items():
            assert end.pieces[key].rect == pytest.approx(piece.rect)
        unseen = [box for key, box in end.boxes.items() if key not in after.boxes]
        unseen += [piece for key, piece in end.pieces.items() if key not in after.pieces]  # type: ignore[misc]
        assert all(thing.alpha == 0 or thing.status == RISING for thing in unseen)


def test_task_nodes_glide_into_the_node_that_took_their_place(rooms: Film) -> None:
    shown = scenes(rooms)
    number, node = next(
        (number, box.node)
        for number in range(1, len(shown))
        for key, box in shown[number].boxes.items()
        if key not in shown[number - 1].boxes and box.status != GHOST and len(rooms.nodes[box.node].tasks) > 1
    )
    before, after = shown[number - 1], shown[number]
    for task in rooms.nodes[node].tasks:
        there = after.pieces[node, task].rect
        was = next(
            piece.rect
            for piece in before.pieces.values()
            if piece.task == task and rooms.nodes[piece.node].stage == rooms.nodes[node].stage
        )
        half = mixed(rooms, before, after, 0.5).pieces[node, task].rect
        assert half == pytest.approx(was.mixed(there, 0.5))
        assert half.left != pytest.approx(there.left)


def test_a_group_node_on_its_way_fills_and_sinks_and_what_was_removed_falls(events: Film) -> None:
    shown = scenes(events)
    removal = next(number for number, now in enumerate(shown) if any(box.status == GHOST for box in now.boxes.values()))
    rising = [key for key, box in shown[removal - 1].boxes.items() if box.status == RISING]
    sunk = [key for key in rising if shown[removal].boxes[key].status != RISING]
    assert sunk
    half = mixed(events, shown[removal - 1], shown[removal], 0.5)
    for key in sunk:
        heights = [now.boxes[key].rect.bottom for now in (shown[removal - 1], half, shown[removal])]
        assert heights == sorted(heights, reverse=True)
    fallen = [box for box in half.boxes.values() if box.status == GHOST]
    assert all(0 < box.alpha < 1 for box in fallen)
    flows = [flow for now in shown for flow in now.flows.values()]
    assert flows
    for now in shown:
        for target in {key[1] for key in now.flows}:  # type: ignore[index]
            shares = [flow.size for key, flow in now.flows.items() if key[1] == target]  # type: ignore[index]
            assert sum(shares) == pytest.approx(1)


@pytest.mark.parametrize("shade", ["light", "dark"])
@pytest.mark.parametrize("orient", ["up", "right"])
def test_pictures_wear_task_colours_on_their_page(rooms: Film, shade: Any, orient: Any) -> None:
    look = Look((640, 480), shade, orient)
    picture = Canvas(rooms, look).picture(scenes(rooms)[-1], "phase 4", "It stands.")
    assert picture.size == (640, 480)
    assert picture.getpixel((2, 2)) == ImageColor.getrgb(theme.PAGES[look.shade][0])
    colours = {colour for _, colour in picture.getcolors(1 << 20) or []}
    for task in rooms.tasks:
        assert ImageColor.getrgb(task.colour) in colours


def gif_pictures(data: bytes) -> Iterator[tuple[Image.Image, int]]:
    with Image.open(io.BytesIO(data)) as image:
        for number in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(number)
            yield image.convert("RGB"), int(image.info["duration"])


def test_a_gif_shows_every_stop_for_its_time_and_moves_between_them(rooms: Film) -> None:
    shares: list[float] = []
    found = list(gif_pictures(film_gif(rooms, SMALL, 0.5, shares.append)))
    assert {picture.size for picture, _ in found} == {SMALL.size}
    length = sum(duration for _, duration in found) / 1000
    assert length == pytest.approx(film_length(len(rooms.frames), 0.5), abs=0.02 * len(found))
    long = [picture for picture, duration in found if duration > 1000 / GIF_RATE + 10]
    assert len(long) >= len(rooms.frames) - 1
    assert len(found) > 2 * len(rooms.frames)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_an_mp4_has_the_pictures_of_its_length(rooms: Film, tmp_path: Any) -> None:
    file = tmp_path / "film.mp4"
    file.write_bytes(film_mp4(rooms, Look(size=(481, 361)), 0.5))
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(file), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    read = subprocess.run(command, capture_output=True, check=True)
    assert b"480x360" in read.stderr
    assert f"{MP4_RATE} fps".encode() in read.stderr
    pictures = np.frombuffer(read.stdout, np.uint8).reshape(-1, 360, 480, 3)
    assert len(pictures) == pytest.approx(MP4_RATE * film_length(len(rooms.frames), 0.5), abs=2)
    assert np.abs(pictures[0].astype(int) - pictures[-1]).mean() > 1


def test_without_an_encoder_only_the_mp4_is_missing_and_says_why(rooms: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name == "imageio_ffmpeg":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(FilmError, match="pip install imageio-ffmpeg"):
        film_mp4(rooms, SMALL)
    assert film_gif(rooms, SMALL, 0.25)[:6] == b"GIF89a"


def test_progress_can_end_the_work(rooms: Film) -> None:
    class Enough(Exception):
        pass

    def progress(share: float) -> None:
        raise Enough

    with pytest.raises(Enough):
        film_gif(rooms, SMALL, 1, progress)
    with pytest.raises(Enough):
        film_mp4(rooms, SMALL, 1, progress)


def test_a_page_holds_the_film_whatever_tasks_are_called() -> None:
    hostile = "</script><img src=x onerror=alert(1)>&amp;\u2028<!--"
    tasks = (replace(DENSE[0], label=hostile), *DENSE[1:3])
    found = film_from(Plan(tasks=tasks, stages=(("stem", 8), (hostile, 8)), structural_phases=1))
    page = film_page(found, "dark")
    assert page.count("</script>") == 1
    assert "<img" not in page
    assert "http" not in re.sub(r'http-equiv="[^"]*"', "", page.replace("http://www.w3.org", ""))
    inside = re.search(r'^host\.graph = mountGraph\(host, (\{.*\}), (\{"alt".*\})\)$', page, re.M)
    assert inside is not None
    assert json.loads(inside[1]) == json.loads(found.to_json())
    assert json.loads(inside[2])["story"] is True
    assert theme.PAGES["dark"][0] in page
