"""What the runs of a comparison reach, as rows: plain numbers for exports, words with the best marked for people."""

from collections.abc import Sequence

from core.delta import Scores
from core.tables import Row
from explorer import words
from explorer.figures.compare.members import Member
from explorer.figures.compare.scores import (
    best_places,
    common_tasks,
    delta,
    gain,
    images_per_second,
    key_value,
    measures,
    scores_at,
    shared_nodes,
    signed,
)
from explorer.names import get_name

BEST = "★"
"""Marks the best of several values; colour has no say."""


def score_rows(members: Sequence[Member], baseline: Member) -> list[Row]:
    """One row a run with plain numbers, for exports: what it reaches, what is best in it, its size and speed."""
    tasks, reference = common_tasks(members), scores_at(baseline)
    found = [scores_at(member) for member in members]
    deltas = [delta(scores, reference, tasks) for scores in found]
    best = _best(members, found, deltas)
    rows: list[Row] = []
    for place, (member, scores, mean) in enumerate(zip(members, found, deltas, strict=True)):
        row: Row = {
            "Run": member.label,
            "Method": get_name(member.header.method),
            "Seed": member.header.seed,
            "Phase": member.event.phase,
            "Epoch": member.event.epoch,
            f"Δm against {baseline.letter} [%] ↑": mean,
        }
        row |= {title: key_value(scores, task) for title, task in measures(members).items()}
        row |= {
            "Best at": ", ".join(title for title, places in best.items() if place in places),
            "Parameters": member.snapshot.parameters,
            "MACs per image": member.snapshot.macs,
            "Shared nodes": shared_nodes(member),
            "Training time [s]": round(member.event.seconds, 3),
            "Images per second": images_per_second(member),
        }
        rows.append(row)
    return rows


def table_rows(members: Sequence[Member], baseline: Member) -> list[Row]:
    """The same for people: one row a measure, one column a run, the best marked and gains in brackets."""
    tasks, reference = common_tasks(members), scores_at(baseline)
    found = [scores_at(member) for member in members]
    deltas = [delta(scores, reference, tasks) for scores in found]
    best = _best(members, found, deltas)

    def line(title: str, texts: Sequence[str]) -> Row:
        marked = [f"{BEST} {text}" if place in best.get(title, ()) else text for place, text in enumerate(texts)]
        return {"Measure": title, **{member.label: text for member, text in zip(members, marked, strict=True)}}

    rows = [
        line("Where it stands", [f"phase {member.event.phase} · epoch {member.event.epoch}" for member in members]),
        line("Δm [%] ↑", [words.NOT_DEFINED if mean is None else signed(mean) for mean in deltas]),
    ]
    for title, task in measures(members).items():
        texts = []
        for member, scores in zip(members, found, strict=True):
            value, ahead = key_value(scores, task), gain(scores, reference, task)
            text = words.NOT_DEFINED if value is None else words.value(value, task.metrics[0].unit)
            texts.append(f"{text} ({signed(ahead)})" if ahead is not None and member != baseline else text)
        rows.append(line(title, texts))
    speeds = [images_per_second(member) for member in members]
    return [
        *rows,
        line("Parameters", [words.count(member.snapshot.parameters) for member in members]),
        line("MACs per image", [words.count(member.snapshot.macs) for member in members]),
        line("Shared nodes", [str(shared_nodes(member)) for member in members]),
        line("Training time", [words.duration(member.event.seconds) for member in members]),
        line("Images per second", [words.NOT_DEFINED if speed is None else f"{speed:,.0f}" for speed in speeds]),
    ]


def _best(members: Sequence[Member], found: Sequence[Scores], deltas: Sequence[float | None]) -> dict[str, set[int]]:
    """Title of each measure that has a best run -> those runs."""
    best = {"Δm [%] ↑": best_places(deltas, higher=True)}
    for title, task in measures(members).items():
        values = [key_value(scores, task) for scores in found]
        best[title] = best_places(values, task.metrics[0].direction == "higher")
    best["Parameters"] = best_places([member.snapshot.parameters for member in members], higher=False)
    best["MACs per image"] = best_places([member.snapshot.macs for member in members], higher=False)
    best["Images per second"] = best_places([images_per_second(member) for member in members], higher=True)
    return {title: places for title, places in best.items() if places}
