"""The eight steps: each finds its place in a run, and its formula holds the run's own numbers."""

import re
from pathlib import Path

import pytest

from core.events import AmalgamationProgressed, EpochFinished, NodeCreated, NodesRemoved, TasksGrouped
from core.runs import find_runs, read_run
from explorer.lessons import LESSONS
from explorer.lessons.places import story
from explorer.moments import History
from tests._runs import IMAGE_LEVEL, Plan, events_of, header_of

RECORDED = Path(__file__).parents[1] / "assets" / "runs"
START, LEARN, MEASURE, GROUP, CREATE, FLOW, REMOVE, REPEAT = range(8)


@pytest.fixture(scope="module")
def history() -> History:
    run = read_run(RECORDED / "mtsl-rooms")
    return History(run.header, run.events)


def place(history: History, step: int) -> int:
    found = LESSONS[step].place(history)
    assert found is not None
    return found


def numbers(history: History, step: int, index: int | None = None) -> str:
    return " ".join(LESSONS[step].numbers(history, place(history, step) if index is None else index))


def test_there_are_eight_short_steps() -> None:
    assert len(LESSONS) == 8
    assert all(len(lesson.text) < 420 and lesson.formula for lesson in LESSONS)
    assert len({lesson.title for lesson in LESSONS}) == 8


def test_the_steps_tell_one_story_in_order(history: History) -> None:
    places = [place(history, step) for step in range(8)]
    assert places == sorted(places)
    told = story(history)
    assert told is not None
    assert told.decision is not None
    assert all(len(group) < len(history.header.tasks) for group in told.decision.fused)
    kinds = (TasksGrouped, NodeCreated, AmalgamationProgressed, NodesRemoved)
    for step, kind in zip((GROUP, CREATE, FLOW, REMOVE), kinds, strict=True):
        assert isinstance(history.event(places[step]), kind)
        assert history.event(places[step]).phase == told.decision.phase


def test_the_start_adds_up(history: History) -> None:
    n_tasks, each, heads, total = (
        int(text.replace(r"\,", "")) for text in re.findall(r"\d+(?:\\,\d+)*", numbers(history, START))
    )
    assert n_tasks * each + heads == total == history.snapshot(place(history, START)).parameters


def test_the_losses_are_those_of_the_epoch(history: History) -> None:
    epoch = history.event(place(history, LEARN))
    assert isinstance(epoch, EpochFinished)
    total = sum(epoch.losses.values()) + (epoch.alignment or 0)
    assert f"= {total:.3g} " in numbers(history, LEARN)
    assert all(f"{{{loss:.3g}}}" in numbers(history, LEARN) for loss in epoch.losses.values())


def test_similarity_names_the_largest_and_the_smallest_pair(history: History) -> None:
    told = story(history)
    assert told is not None
    values = [
        value for row, line in enumerate(told.similarity.matrix) for value in line[row + 1 :] if value is not None
    ]
    found = [float(text) for text in re.findall(r"&= ([\d.]+) ", numbers(history, MEASURE))]
    assert found == [round(max(values), 3), round(min(values), 3)]


def test_the_scores_have_the_decisions_mean(history: History) -> None:
    decision = history.event(place(history, GROUP))
    assert isinstance(decision, TasksGrouped)
    assert f"&= {decision.score:.3f} " in numbers(history, GROUP)
    scores = [
        float(text)
        for text in re.findall(r"s_\{[^}]+\}\} &=.*?([\d.]+) (?=s_|\\text)", numbers(history, GROUP) + r" \text")
    ]
    assert sum(scores) / len(scores) == pytest.approx(decision.score, abs=1e-3)


@pytest.mark.parametrize("step", [CREATE, REMOVE])
def test_neurons_and_parameters_before_and_after_are_those_of_the_graph(history: History, step: int) -> None:
    index = place(history, step)
    before, after = history.snapshot(index - 1), history.snapshot(index)
    said = [int(text.replace(r"\,", "")) for text in re.findall(r"\d+(?:\\,\d+)*", numbers(history, step))]
    assert (said[0], said[len(said) // 2 - 1]) == (before.neurons, after.neurons)
    assert (said[len(said) // 2], said[-1]) == (before.parameters, after.parameters)


def test_amalgamation_shows_every_task_of_the_group(history: History) -> None:
    event = history.event(place(history, FLOW))
    assert isinstance(event, AmalgamationProgressed)
    assert numbers(history, FLOW).count(r"\rightarrow") == len(event.tasks)
    assert all(f"{event.losses[history.header.tasks[task].name]:.3g}" in numbers(history, FLOW) for task in event.tasks)


def test_the_result_follows_the_cursor(history: History) -> None:
    assert "= 0.43" in numbers(history, REPEAT)
    assert "= 1.00" in numbers(history, REPEAT, place(history, START))


@pytest.mark.parametrize("step", range(8))
def test_before_its_time_a_step_has_no_numbers(history: History, step: int) -> None:
    assert LESSONS[step].numbers(history, 0) == []


@pytest.mark.parametrize("folder", find_runs(RECORDED), ids=lambda folder: folder.name)
def test_every_run_can_be_told_or_says_that_it_cannot(folder: Path) -> None:
    run = read_run(folder)
    history = History(run.header, run.events)
    for step, lesson in enumerate(LESSONS):
        if run.header.method == "mtsl" or step in (START, LEARN, REPEAT):
            assert lesson.numbers(history, place(history, step))
        else:
            assert lesson.place(history) is None
            assert lesson.numbers(history, len(history) - 1) == []


@pytest.mark.parametrize(
    "plan", [Plan(undefined=True, structural_phases=2), Plan(tasks=IMAGE_LEVEL, structural_phases=0, end="cut")]
)
def test_odd_runs_break_no_step(plan: Plan) -> None:
    history = History(header_of(plan), events_of(plan))
    for index in range(0, len(history), 3):
        for lesson in LESSONS:
            assert all("\n" not in line for line in lesson.numbers(history, index))
