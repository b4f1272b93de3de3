"""The view in the URL: every field there and back, and wrong values named."""

from dataclasses import fields, replace
from typing import Any

import pytest

from explorer.moments import GRAINS
from explorer.state import FIELDS, SPEEDS, View, from_url, to_url

OTHER: dict[str, Any] = {
    "run": "runs.other",
    "grain": "phase",
    "moment": 17,
    "speed": 0.5,
    "show": "loss",
    "stage": 3,
    "tasks": (0, 2),
    "orient": "right",
    "smooth": 0.6,
    "scale": "unit",
    "base": "runs.base",
    "others": ("runs.a", "example.b"),
    "lock": "phase",
    "versus": "example.b",
    "size": "macs",
    "threshold": 0.925,
    "rule": "best-pairs",
    "image": 2,
    "step": 4,
    "family": "shift",
    "under": "fog",
    "level": 5,
    "query": "rooms",
    "sort": "parameters",
    "only": ("method:mtsl", "tag:a%2Cb"),
}
WRONG = {
    "grain": ("minute", "phase, stage, decision, neuron"),
    "at": ("-3", "whole number"),
    "stage": ("top", "whole number"),
    "tasks": ("0+2", "numbers of tasks such as 0-2"),
    "orient": ("down", "up, right"),
    "smooth": ("2", "a number from 0 to 0.95"),
    "lock": ("time", "share, phase, epoch"),
    "size": ("weight", "parameters, macs"),
    "min": ("nan", "a number from -1 to 1"),
    "rule": ("worst", "best-partition, best-pairs"),
    "speed": ("7", "0.5, 1, 2, 4"),
    "show": ("best", "metric, second, loss, all"),
    "scale": ("log", "run, stage, phase, unit"),
    "sort": ("luck", "newest, name, method, parameters, metric"),
    "only": ("colour:red", "method:…, data:…, state:…, tag:…"),
}


def test_the_url_knows_every_field_of_the_view_once() -> None:
    assert [field.name for field in FIELDS] == [field.name for field in fields(View)]
    assert len({field.key for field in FIELDS}) == len(FIELDS)


@pytest.mark.parametrize("name", [field.name for field in fields(View)])
def test_each_field_comes_back_from_the_url(name: str) -> None:
    view = replace(View(), **{name: OTHER[name]})
    assert view != View()
    assert from_url(to_url(view)) == (view, [])
    assert len(to_url(view)) == 1


def test_all_fields_come_back_together() -> None:
    view = View(**OTHER)
    assert from_url(to_url(view)) == (view, [])


@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("grain", GRAINS)
def test_every_choice_comes_back(speed: float, grain: str) -> None:
    view = View(speed=speed, grain=grain)  # type: ignore[arg-type]
    assert from_url(to_url(view))[0] == view


def test_the_default_view_leaves_the_url_empty() -> None:
    assert to_url(View()) == {}
    assert from_url({}) == (View(), [])


@pytest.mark.parametrize("key", list(WRONG))
def test_a_wrong_value_falls_back_and_says_what_was_expected(key: str) -> None:
    text, expected = WRONG[key]
    view, notices = from_url({key: text, "run": "runs.other"})
    assert view == View(run="runs.other")
    assert len(notices) == 1
    assert f"{key}={text}" in notices[0]
    assert expected in notices[0]


@pytest.mark.parametrize("text", ["1.5", "", " 3", "٣", "1e3", "../../etc"])
def test_only_plain_numbers_are_moments(text: str) -> None:
    assert from_url({"at": text})[0].moment is None
    assert from_url({"at": text})[1]


def test_unknown_parameters_are_ignored() -> None:
    assert from_url({"utm_source": "mail"}) == (View(), [])
