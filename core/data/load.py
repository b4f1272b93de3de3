"""From the parameters of any built-in data set to its splits."""

from pathlib import Path

from core.data.base import DataSplits, Progress
from core.data.digits import load_digit_pairs
from core.data.flights import check_flights, load_flights
from core.data.parameters import DataParameters, FlightsParameters, RoomsParameters
from core.data.rooms import load_rooms


def load_data(
    parameters: DataParameters, *, folder: Path | None = None, progress: Progress | None = None
) -> DataSplits:
    """The data set that `parameters` describe.

    What is costly to make is kept in `folder` (default: `core.data.cache.cache_folder()`); `progress` is called with
    (done, total) while it is made.
    """
    if isinstance(parameters, RoomsParameters):
        return load_rooms(parameters, folder=folder, progress=progress)
    if isinstance(parameters, FlightsParameters):
        return load_flights(parameters)
    return load_digit_pairs(parameters)


def check_data(parameters: DataParameters) -> None:
    """Raise `ValueError`, with the command that helps, if the data need a package that is not installed."""
    if isinstance(parameters, FlightsParameters):
        check_flights()
