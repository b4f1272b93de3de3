"""Runs of one method with several seeds as one: mean and standard deviation, as the engine's comparison gives them."""

from collections.abc import Mapping, Sequence

from core.compare.measures import cell, steady_cell
from core.tables import Row
from explorer.figures.compare.members import Member
from explorer.figures.compare.scores import common_tasks, delta, key_value, measures, scores_at


def seed_groups(members: Sequence[Member]) -> dict[str, list[Member]]:
    """Method -> its runs of different seeds, if there are several of any; of two with one seed the first counts."""
    found: dict[str, dict[int, Member]] = {}
    if len({member.header.data for member in members}) == 1:
        for member in members:
            found.setdefault(member.header.method, {}).setdefault(member.header.seed, member)
    groups = {method: [*of.values()] for method, of in found.items()}
    return groups if any(len(of) > 1 for of in groups.values()) else {}


def seed_rows(members: Sequence[Member], baseline: Member) -> list[Row]:
    """One row a measure, one column a method with its number of seeds; none where no method has several.

    Δm is that over the baseline's method with the same seed; runs without such a partner have none.
    """
    groups = seed_groups(members)
    partners = {member.header.seed: member for member in groups.get(baseline.header.method, [])}
    titles = {method: f"{method} (n = {len(of)})" for method, of in groups.items()}

    def line(title: str, values: Mapping[str, Sequence[float | None]]) -> Row:
        return {"Measure": title, **{titles[method]: cell(values[method]) for method in groups}}

    if not groups:
        return []
    rows = [
        line(
            f"Δm over {baseline.header.method}, paired by seed (%) ↑",
            {method: [_paired(member, partners, members) for member in of] for method, of in groups.items()},
        )
    ]
    for title, task in measures(members).items():
        values = {method: [key_value(scores_at(member), task) for member in of] for method, of in groups.items()}
        rows.append(line(title, values))
    sizes = {method: [member.snapshot for member in of] for method, of in groups.items()}
    parameters = {titles[method]: steady_cell([now.parameters for now in of]) for method, of in sizes.items()}
    macs = {titles[method]: steady_cell([now.macs for now in of]) for method, of in sizes.items()}
    return [*rows, {"Measure": "Parameters", **parameters}, {"Measure": "MACs per image", **macs}]


def _paired(member: Member, partners: Mapping[int, Member], members: Sequence[Member]) -> float | None:
    partner = partners.get(member.header.seed)
    return None if partner is None else delta(scores_at(member), scores_at(partner), common_tasks(members))
