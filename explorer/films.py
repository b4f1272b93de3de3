"""Films of runs, made once for each length of a run and grain, and packed for the way to the browser.

A run's `History` is the key, so a run that grew, went back to a checkpoint or was recorded anew gets a new film, and
films go when their run is closed. Kept values are never changed. No Streamlit here.
"""

import base64
import hashlib
import threading
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

from explorer.figures.camera import film
from explorer.figures.film import Film
from explorer.moments import Grain, History

_MOST = 4  # films of one run: its grains

_kept: "WeakKeyDictionary[History, OrderedDict[tuple[int, Grain, int | None], Packed]]" = WeakKeyDictionary()
_lock = threading.Lock()


@dataclass(frozen=True)
class Packed:
    """A film, and its JSON deflated (zlib) and written in base64: an eighth of the size, and text as a component needs.

    Sentences repeat themselves, so even thousands of moments stay far below a megabyte.
    """

    film: Film

    @cached_property
    def json(self) -> str:
        """The film as JSON."""
        return self.film.to_json()

    @cached_property
    def text(self) -> str:
        """The packed JSON; the browser unpacks it with `DecompressionStream("deflate")`."""
        return base64.b64encode(zlib.compress(self.json.encode(), 6)).decode()

    @cached_property
    def key(self) -> str:
        """What tells this film from others."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


def film_of(history: History, grain: Grain, also: int | None = None) -> Packed:
    """The film of a run as far as it was read, at the stops of `grain` and at the event `also`."""
    extra = None if also is None or also in history.stops(grain) else also
    key = (len(history), grain, extra)
    with _lock:
        films = _kept.setdefault(history, OrderedDict())
        if key not in films:
            films[key] = Packed(film(history, grain, extra))
        films.move_to_end(key)
        while len(films) > _MOST:
            films.popitem(last=False)
        return films[key]
