"""Search, filters and order of the overview."""

from pathlib import Path

import pytest

from core.runs import HEADER
from explorer.catalogue import Choice, Sort, arrange, choices, read_choice, select
from explorer.library import Entry
from explorer.summaries import Summary, summarise
from tests._runs import IMAGE_LEVEL, Plan, write_run

PLANS = {
    "alpha": Plan(structural_phases=2),
    "Beta": Plan(structural_phases=0, seed=3),
    "digits-one": Plan(tasks=IMAGE_LEVEL, structural_phases=1, data="digits", end="paused"),
}
TAGS = {"runs.alpha": ("paper", "first, best"), "runs.digits-one": ("paper",)}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Summary]:
    root = tmp_path_factory.mktemp("runs")
    folders = [write_run(root / name, plan) for name, plan in PLANS.items()]
    broken = root / "broken"
    broken.mkdir()
    (broken / HEADER).write_text("{")
    return [summarise(Entry("runs", folder, live=False)) for folder in (*folders, broken)]


def names(summaries: list[Summary]) -> list[str]:
    return [summary.entry.name for summary in summaries]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["alpha", "Beta", "digits-one", "broken"]),
        ("beta", ["Beta"]),
        ("ROOMS", ["alpha", "Beta"]),
        ("seed 3", ["Beta"]),
        ("left mtsl", ["digits-one"]),
        ("paper", ["alpha", "digits-one"]),
        ("paper rooms", ["alpha"]),
        ("paused", ["digits-one"]),
        ("unreadable", ["broken"]),
        ("no such thing", []),
    ],
)
def test_every_word_must_be_found(found: list[Summary], query: str, expected: list[str]) -> None:
    assert names(select(found, TAGS, query, [])) == expected


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ([Choice("data", "rooms")], ["alpha", "Beta"]),
        ([Choice("data", "rooms"), Choice("data", "digits")], ["alpha", "Beta", "digits-one"]),
        ([Choice("data", "rooms"), Choice("tag", "paper")], ["alpha"]),
        ([Choice("state", "paused"), Choice("data", "rooms")], []),
        ([Choice("tag", "first, best")], ["alpha"]),
        ([Choice("method", "mtsl"), Choice("state", "unreadable")], []),
    ],
)
def test_choices_of_one_kind_widen_and_of_different_kinds_narrow(
    found: list[Summary], only: list[Choice], expected: list[str]
) -> None:
    assert names(select(found, TAGS, "", only)) == expected


def test_choices_are_counted_in_the_order_of_their_kinds(found: list[Summary]) -> None:
    assert choices(found, TAGS) == {
        Choice("method", "mtsl"): 3,
        Choice("data", "digits"): 1,
        Choice("data", "rooms"): 2,
        Choice("state", "finished"): 2,
        Choice("state", "paused"): 1,
        Choice("state", "unreadable"): 1,
        Choice("tag", "first, best"): 1,
        Choice("tag", "paper"): 2,
    }
    assert [choice.facet for choice in choices(found, TAGS)] == sorted(
        (choice.facet for choice in choices(found, TAGS)), key=["method", "data", "state", "tag"].index
    )


@pytest.mark.parametrize("choice", [Choice("tag", "a,b:c%"), Choice("method", "ütf 8"), Choice("data", "rooms")])
def test_a_choice_comes_back_from_its_text(choice: Choice) -> None:
    assert "," not in choice.text
    assert read_choice(choice.text) == choice


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("name", ["alpha", "Beta", "broken", "digits-one"]),
        ("method", ["digits-one", "alpha", "Beta", "broken"]),
        ("parameters", ["digits-one", "alpha", "Beta", "broken"]),
        ("metric", ["digits-one", "alpha", "Beta", "broken"]),
    ],
)
def test_runs_without_a_value_come_last(found: list[Summary], by: Sort, expected: list[str]) -> None:
    assert names(arrange(found, by)) == expected
    assert names(arrange(list(reversed(found)), by)) == expected


def test_best_means_best_in_the_metrics_own_direction(found: list[Summary]) -> None:
    rooms = [summary for summary in found if summary.facts and summary.facts.header.data == "rooms"]
    best = [summary.key_metric(0) or 0.0 for summary in arrange(rooms, "metric")]
    assert best == sorted(best, reverse=True)  # of segmentation, higher is better


def test_newest_first_with_live_runs_before_all(found: list[Summary]) -> None:
    live = Summary(Entry("runs", Path("live"), live=True), "running", 0.0, None)
    order = arrange([*found, live], "newest")
    assert order[0] == live
    created = [summary.created for summary in order[1:]]
    assert created == sorted(created, reverse=True)
