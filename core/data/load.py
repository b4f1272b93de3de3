"""From the parameters of any built-in data set to its splits."""

from pathlib import Path

from core.data.base import DataSplits, Progress
from core.data.digits import load_digit_pairs
from core.data.parameters import DataParameters, RoomsParameters
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
    return load_digit_pairs(parameters)
