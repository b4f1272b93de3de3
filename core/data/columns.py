"""The columns of `flights` as a network reads them, in order: their number is known without the data (no torch)."""

from collections.abc import Sequence
from datetime import date, timedelta
from math import atan2, pi

ORIGINS = ("EWR", "JFK", "LGA")
CARRIERS = ("9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV")
_CODES = """
ABQ ACK ALB ANC ATL AUS AVL BDL BGR BHM BNA BOS BQN BTV BUF BUR BWI BZN CAE CAK CHO CHS CLE CLT CMH CRW CVG
DAY DCA DEN DFW DSM DTW EGE EYW FLL GRR GSO GSP HDN HNL HOU IAD IAH ILM IND JAC JAX LAS LAX LEX LGB MCI MCO
MDW MEM MHT MIA MKE MSN MSP MSY MTJ MVY MYR OAK OKC OMA ORD ORF PBI PDX PHL PHX PIT PSE PSP PVD PWM RDU RIC
ROC RSW SAN SAT SAV SBN SDF SEA SFO SJC SJU SLC SMF SNA SRQ STL STT SYR TPA TUL TVC TYS XNA
"""
DESTINATIONS = tuple(_CODES.split())
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

CYCLES = ("day of the year", "scheduled departure", "scheduled arrival")
"""Each as sine and cosine of its share of a year or a day, so that midnight is next to midnight."""

NUMBERS = ("distance", "scheduled duration")
"""Standardised: miles, and minutes from departure to arrival on the two airports' clocks."""

WEATHER = ("temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")
"""Standardised: the weather at the airport of departure in the hour of the scheduled departure."""

CATEGORIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("origin", ORIGINS),
    ("carrier", CARRIERS),
    ("dest", DESTINATIONS),
    ("weekday", WEEKDAYS),
)
"""Each as one column of 0 and 1 a value."""

FEATURES: tuple[str, ...] = (
    *(f"{name} {value}" for name, values in CATEGORIES for value in values),
    *(f"{wave} of {name}" for name in CYCLES for wave in ("sine", "cosine")),
    *NUMBERS,
    *WEATHER,
)
"""The names of all columns, in order."""


def describe(row: Sequence[float]) -> str:
    """The flight in a row of features, for people.

    >>> row = [0.0] * len(FEATURES)
    >>> for name in ("origin JFK", "carrier B6", "dest BQN", "weekday Tuesday", "cosine of scheduled departure"):
    ...     row[FEATURES.index(name)] = 1.0
    >>> describe(row)
    'B6 JFK → BQN, 31 Dec 00:00'
    """
    where = {name: place for place, name in enumerate(FEATURES)}
    chosen = {
        name: max(values, key=lambda value, name=name: row[where[f"{name} {value}"]])  # type: ignore[misc]
        for name, values in CATEGORIES
    }

    def share(name: str) -> float:
        return atan2(row[where[f"sine of {name}"]], row[where[f"cosine of {name}"]]) / (2 * pi) % 1

    day = date(2013, 1, 1) + timedelta(days=(round(365 * share("day of the year")) - 1) % 365)
    minutes = round(24 * 60 * share("scheduled departure")) % (24 * 60)
    clock = f"{minutes // 60:02d}:{minutes % 60:02d}"
    return f"{chosen['carrier']} {chosen['origin']} → {chosen['dest']}, {day.day} {day:%b} {clock}"
