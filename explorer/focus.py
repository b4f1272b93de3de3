"""What a person has picked: a stage, some tasks, or both, the same on every page.

A node of the graph is its stage and its tasks, a cell of a similarity matrix its stage and its pair, a curve its task.
So one small record stands for whatever was clicked, and every figure can say whether a thing of its own belongs to it.
Figures put `Focus.mark()` first into the `customdata` of what can be picked. No Streamlit here.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from core.runs import RunHeader
from core.structure import Group
from explorer import words


@dataclass(frozen=True)
class Focus:
    """A stage (None: no stage in particular) and sorted tasks (none: all of them)."""

    stage: int | None = None
    tasks: Group = ()

    def __bool__(self) -> bool:
        """Whether anything is picked."""
        return self.stage is not None or bool(self.tasks)

    def mark(self) -> str:
        """What a figure's point carries so that a click on it picks this.

        >>> Focus(3, (0, 2)).mark(), Focus(None, (1,)).mark()
        ('focus:3:0-2', 'focus::1')
        """
        return f"focus:{'' if self.stage is None else self.stage}:{'-'.join(map(str, self.tasks))}"

    def has(self, stage: int | None, tasks: Iterable[int]) -> bool:
        """Whether something at `stage` (None: at no stage in particular) that belongs to `tasks` is part of this.

        A picked node or pair is whatever holds all of its tasks, a single task whatever serves it.

        >>> Focus(3, (0, 2)).has(3, (0, 1, 2)), Focus(3, (0, 2)).has(2, (0, 2)), Focus(None, (1,)).has(5, (1,))
        (True, False, True)
        """
        if not self:
            return False
        same_stage = self.stage is None or stage is None or stage == self.stage
        return same_stage and set(self.tasks) <= set(tasks)

    def fits(self, header: RunHeader) -> bool:
        """Whether the run has this stage and these tasks; the heads count as one stage above the last."""
        stage = self.stage is None or 0 <= self.stage <= len(header.stages)
        return stage and all(0 <= task < len(header.tasks) for task in self.tasks)

    def label(self, header: RunHeader) -> str:
        """What is picked, for people."""
        stage = words.stage_name(header, self.stage) if self.stage is not None else ""
        return " · ".join(part for part in (stage, words.task_names(header, self.tasks)) if part)


def read_mark(mark: str) -> Focus | None:
    """The focus of a `Focus.mark()`, None for any other text.

    >>> read_mark("focus:3:0-2"), read_mark("phase 3")
    (Focus(stage=3, tasks=(0, 2)), None)
    """
    head, _, rest = mark.partition(":")
    stage, _, tasks = rest.partition(":")
    if head != "focus":
        return None
    try:
        return Focus(int(stage) if stage else None, read_tasks(tasks))
    except ValueError:
        return None


def read_tasks(text: str) -> Group:
    """Sorted, different task numbers from "0-2"; `ValueError` for anything else.

    >>> read_tasks("2-0"), read_tasks("")
    ((0, 2), ())
    """
    parts = text.split("-") if text else []
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError("expected numbers of tasks such as 0-2")
    return tuple(sorted({int(part) for part in parts}))
