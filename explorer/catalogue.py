"""Which runs the overview shows, and in which order: search, filters and sorting over summaries. No Streamlit here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, unquote

from explorer.names import get_name
from explorer.summaries import Summary

Sort = Literal["newest", "name", "method", "parameters", "metric"]
Facet = Literal["method", "data", "state", "tag"]
FACETS: tuple[Facet, ...] = ("method", "data", "state", "tag")

Tags = Mapping[str, tuple[str, ...]]
"""Tags of the runs that have some, by their id."""


@dataclass(frozen=True, order=True)
class Choice:
    """One value of a facet by which runs are filtered; `text` is its form in a URL."""

    facet: str
    value: str

    @property
    def name(self) -> str:
        """The value, for people."""
        return get_name(self.value) if self.facet == "method" else self.value

    @property
    def text(self) -> str:
        """Without a comma, which parts choices.

        >>> Choice("method", "mine, all mine").text
        'method:mine%2C all mine'
        """
        return f"{self.facet}:{quote(self.value, safe=' ~')}"


def read_choice(text: str) -> Choice | None:
    """The choice that has this `text`, None if no facet is called so.

    >>> read_choice(Choice("tag", "a,b").text), read_choice("colour:red")
    (Choice(facet='tag', value='a,b'), None)
    """
    facet, _, value = text.partition(":")
    return Choice(facet, unquote(value)) if facet in FACETS and value else None


def values(summary: Summary, tags: Tags) -> set[Choice]:
    """Every choice that a run fits."""
    found = {Choice("state", summary.state)} | {Choice("tag", tag) for tag in tags.get(summary.entry.id, ())}
    if summary.facts:
        header = summary.facts.header
        found |= {Choice("method", header.method), Choice("data", header.data)}
    return found


def choices(summaries: Iterable[Summary], tags: Tags) -> dict[Choice, int]:
    """Every choice that some run fits with the number of such runs, in the order of the facets."""
    number: dict[Choice, int] = {}
    for summary in summaries:
        for choice in values(summary, tags):
            number[choice] = number.get(choice, 0) + 1
    places = {facet: place for place, facet in enumerate(FACETS)}
    return dict(sorted(number.items(), key=lambda item: (places[item[0].facet], item[0])))  # type: ignore[index]


def select(summaries: Iterable[Summary], tags: Tags, query: str, only: Sequence[Choice]) -> list[Summary]:
    """Runs that hold every word of the query, and of each facet that is filtered by fit one of its choices."""
    words = query.casefold().split()
    facets = {choice.facet: {other for other in only if other.facet == choice.facet} for choice in only}
    return [
        summary
        for summary in summaries
        if all(values(summary, tags) & wanted for wanted in facets.values())
        and all(word in _text(summary, tags) for word in words)
    ]


def arrange(summaries: Iterable[Summary], by: Sort) -> list[Summary]:
    """Runs in order, those that have no such value last; of equal ones the newest first.

    metric: runs of the same data and first task stand together, the best key metric of that task first.
    """
    newest = sorted(summaries, key=lambda summary: -summary.created)
    if by == "newest":
        return sorted(newest, key=lambda summary: not summary.entry.live)
    return sorted(newest, key=lambda summary: _rank(summary, by))


def _rank(summary: Summary, by: Sort) -> tuple[bool, tuple[str, ...], float]:
    name, facts = summary.entry.name.casefold(), summary.facts
    if by == "name":
        return False, (name,), 0.0
    if facts is None:
        return True, (name,), 0.0
    header = facts.header
    if by == "method":
        return False, (header.method, header.data), float(header.seed)
    if by == "parameters":
        return facts.parameters is None, (), float(facts.parameters or 0)
    value, metric = summary.key_metric(0), header.tasks[0].metrics[0]
    sign = -1.0 if metric.direction == "higher" else 1.0
    return value is None, (header.data, header.tasks[0].name, metric.key), sign * (value or 0.0)


def _text(summary: Summary, tags: Tags) -> str:
    """All that can be searched for, in small letters."""
    parts = [summary.entry.name, summary.state, *tags.get(summary.entry.id, ())]
    if summary.facts:
        header = summary.facts.header
        parts += [
            header.method,
            get_name(header.method),
            header.data,
            f"seed {header.seed}",
            *(task.label for task in header.tasks),
        ]
    return " ".join(parts).casefold()
