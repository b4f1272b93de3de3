"""How much of its clean performance a task keeps, in percent: one number that reads the same for every metric.

Where higher is better it is value / clean, where lower is better clean / value, so 100 is as good as clean and 0 is
nothing left; rPC of Michaelis et al. (2019) is its mean. Above 100 a task got better.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.events import RobustnessMeasured
from core.robustness.corruptions import GROUPS
from core.robustness.records import Suite
from core.runs import MetricInfo, RunHeader
from core.structure import Group
from core.tables import Row
from explorer import theme
from explorer.theme import Properties


@dataclass(frozen=True)
class Kept:
    """One metric of one task in one setting: its value, what is kept of the clean one, and both with their interval."""

    value: float
    share: float
    """Percent of clean."""
    low: float
    high: float
    """The 95 % interval of `share`, the clean value taken as it is."""


def kept(suite: Suite, setting: RobustnessMeasured, task: str, metric: MetricInfo) -> Kept | None:
    """What a task keeps in a setting; None where the metric or its clean value is not defined, or that is 0."""
    value = setting.metrics.get(task, {}).get(metric.key)
    clean = None if suite.clean is None else suite.clean.metrics.get(task, {}).get(metric.key)
    if value is None or not clean:
        return None
    ends = setting.intervals.get(task, {}).get(metric.key, (value, value))
    low, high = sorted(_share(end, clean, metric) for end in ends)
    return Kept(value, _share(value, clean, metric), low, high)


def _share(value: float, clean: float, metric: MetricInfo) -> float:
    if metric.direction == "higher":
        return 100 * value / clean
    return 100 * clean / value if value > 0 else 1000.0  # a perfect answer where the clean one is not


def kinds(suite: Suite) -> dict[str, list[str]]:
    """The names that were measured by their kind, in the order of the paper; shifts are a kind each."""
    measured = list(dict.fromkeys(setting.name for setting in suite.settings))
    if suite.conditions.family == "corruption":
        grouped = {kind: [name for name in names if name in measured] for kind, names in GROUPS.items()}
        rest = [name for name in measured if not any(name in names for names in GROUPS.values())]
        return {kind: names for kind, names in (grouped | {"other": rest}).items() if names}
    return {plain_name(name): [name] for name in measured}


def plain_name(name: str) -> str:
    """A name for people.

    >>> plain_name("jpeg_compression"), plain_name("field_of_view")
    ('JPEG compression', 'field of view')
    """
    return name.replace("_", " ").replace("jpeg", "JPEG")


def severities(suite: Suite) -> list[float]:
    """All severities that were measured, rising, without clean."""
    return sorted({setting.severity for setting in suite.settings})


def by_place(suite: Suite) -> dict[tuple[str, float, Group], RobustnessMeasured]:
    """Settings by name, severity and who is attacked."""
    return {(setting.name, setting.severity, setting.attacked): setting for setting in suite.settings}


def mean_kept(suite: Suite, settings: Iterable[RobustnessMeasured], task: str, metric: MetricInfo) -> Kept | None:
    """The mean over settings; its interval is the mean of theirs, which is on the safe side. None: one is undefined."""
    found = [kept(suite, setting, task, metric) for setting in settings]
    known = [one for one in found if one is not None]
    if not known or len(known) < len(found):
        return None
    count = len(known)
    return Kept(
        sum(one.value for one in known) / count,
        sum(one.share for one in known) / count,
        sum(one.low for one in known) / count,
        sum(one.high for one in known) / count,
    )


def task_key(header: RunHeader, tasks: Sequence[int], y: float) -> Properties:
    """The tasks' names in their colours above a figure at the height `y` of the paper: a legend that fits a phone."""
    looks = theme.looks(header)
    return {
        "text": theme.key([looks[task] for task in tasks], letters=True),
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": y,
        "xanchor": "left",
        "yanchor": "bottom",
        "align": "left",
        "showarrow": False,
        "font": {"size": theme.SMALL_TEXT},
        "name": "key",
    }


def panel_title(text: str, number: str) -> Properties:
    """The title above the panel whose axes have this number ("" for the first)."""
    return {
        "text": f"<b>{text}</b>",
        "xref": f"x{number} domain",
        "yref": f"y{number} domain",
        "x": 0,
        "y": 1,
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
    }


def heat_of_kept(x: Sequence[float], y: Sequence[float], z: object, text: object, gap: int) -> Properties:
    """A heat map of what is kept, from 0 to 100, with the number in every cell; `gap` pixels between cells."""
    return {
        "type": "heatmap",
        "x": list(x),
        "y": list(y),
        "z": z,
        "zmin": 0,
        "zmax": 100,
        "colorscale": theme.SIMILARITY_SCALE,
        "text": text,
        "texttemplate": "%{text}",
        "hoverinfo": "skip",
        "xgap": gap,
        "ygap": gap,
        "colorbar": {
            "title": {"text": "kept [% of clean]", "side": "right", "font": {"size": theme.SMALL_TEXT}},
            "tickfont": {"size": theme.SMALL_TEXT},
            "thickness": 10,
            "outlinewidth": 0,
        },
        "name": "kept",
    }


def setting_rows(header: RunHeader, suite: Suite, order: Sequence[int]) -> list[Row]:
    """Every setting and task as a row: what figures of this suite show."""
    rows: list[Row] = []
    for setting in suite.settings:
        for place in order:
            task = header.tasks[place]
            found = kept(suite, setting, task.name, task.metrics[0])
            rows.append(
                {
                    "family": setting.family,
                    "name": setting.name,
                    "severity": setting.severity,
                    "setting": setting.setting,
                    "attacked": " ".join(header.tasks[one].name for one in setting.attacked),
                    "task": task.name,
                    "metric": task.metrics[0].key,
                    "value": found.value if found else None,
                    "percent_of_clean": found.share if found else None,
                    "low": found.low if found else None,
                    "high": found.high if found else None,
                }
            )
    return rows
