"""The formulas of the lesson with the numbers of a run, as lines of LaTeX: what was recorded up to the cursor.

Each function takes a history and the position of the cursor; it gives no lines while the step has not happened yet. An
`&` in each line says where the lines are aligned; `block` joins them.
"""

from collections.abc import Sequence

from core.events import (
    AmalgamationProgressed,
    AnyEvent,
    EpochFinished,
    Evaluated,
    NodeCreated,
    NodesRemoved,
    TasksGrouped,
)
from explorer import theme, words
from explorer.moments import History, Measurement

Lines = list[str]

_TERMS = 3
"""Terms of a sum in one line: what a narrow screen holds."""


def block(lines: Lines) -> str:
    """Lines as one formula, aligned.

    >>> block(["a &= 1", "b &= 2"])
    '\\\\begin{aligned}a &= 1\\\\\\\\b &= 2\\\\end{aligned}'
    """
    return r"\begin{aligned}" + r"\\".join(lines) + r"\end{aligned}"


def _before(history: History, index: int, kind: type[AnyEvent]) -> AnyEvent | None:
    """The last event of a kind up to the one at `index`."""
    return next((e for i in range(index, -1, -1) if isinstance(e := history.event(i), kind)), None)


def _symbols(history: History) -> list[str]:
    """Short names of the tasks [T] that are safe in a formula."""
    letters = [look.letter for look in theme.looks(history.header)]
    return [rf"\mathrm{{{letter}}}" if letter.isalnum() else f"t_{{{i}}}" for i, letter in enumerate(letters)]


def _amount(number: float) -> str:
    return f"{number:,.0f}".replace(",", r"\,")


def size_at_start(history: History, index: int) -> Lines:
    """Step 1: the parameters that training begins with."""
    if history.start is None or index < history.start.index:
        return []
    graph, n_tasks = history.start.graph, len(history.header.tasks)
    heads = sum(node.parameters for node in graph.nodes if node.kind == "head")
    backbone = graph.parameters - heads
    if len({node.tasks for node in graph.nodes if node.kind != "head"}) != n_tasks:
        return [rf"P &= {_amount(backbone)} + {_amount(heads)} = {_amount(graph.parameters)}"]
    each = rf"{n_tasks} \cdot {_amount(backbone / n_tasks)}"
    return [rf"P &= {each} + {_amount(heads)} = {_amount(graph.parameters)}"]


def losses(history: History, index: int) -> Lines:
    """Step 2: the losses of the last epoch and their sum."""
    found = _before(history, index, EpochFinished)
    if not isinstance(found, EpochFinished):
        return []
    symbols = _symbols(history)
    terms = [
        rf"\underbrace{{{found.losses[task.name]:.3g}}}_{{{symbols[number]}}}"
        for number, task in enumerate(history.header.tasks)
        if task.name in found.losses
    ]
    total = sum(found.losses.values())
    if found.alignment is not None:
        terms.append(rf"\underbrace{{{found.alignment:.2g}}}_{{\text{{alignment}}}}")
        total += found.alignment
    rows = [" + ".join(terms[first : first + _TERMS]) for first in range(0, len(terms), _TERMS)]
    lines = [("L &= " if not number else r"&\quad + ") + row for number, row in enumerate(rows)]
    return [*lines, rf"&= {total:.3g} \qquad \text{{(means of epoch {found.epoch})}}"]


def _latest(history: History, index: int) -> Measurement | None:
    measured = history.measured(index)
    return measured[-1] if measured else None


def similarities(history: History, index: int) -> Lines:
    """Step 3: the largest and the smallest similarity of the last measurement."""
    found = _latest(history, index)
    if found is None:
        return []
    symbols, tasks, matrix = _symbols(history), found.similarity.tasks, found.similarity.matrix
    pairs = [
        (value, one, other)
        for row, one in enumerate(tasks)
        for column, other in enumerate(tasks)
        if row < column and (value := matrix[row][column]) is not None
    ]
    ends = [max(pairs), min(pairs)] if len(pairs) > 1 else pairs
    where = rf"n = {found.similarity.samples}"
    return [
        rf"\mathrm{{CKA}}(F_{{{symbols[one]}}}, F_{{{symbols[other]}}}) &= {value:.3f} \quad ({where})"
        for value, one, other in ends
    ]


def scores(history: History, index: int) -> Lines:
    """Step 4: the score of every task in the chosen partition, its mean and the threshold."""
    found = _latest(history, index)
    if found is None or found.decision is None:
        return []
    decision, symbols = found.decision, _symbols(history)
    where = {task: position for position, task in enumerate(found.similarity.tasks)}
    lines, of_tasks = [], []
    for group in decision.groups:
        for task in group:
            values = [found.similarity.matrix[where[task]][where[other]] or 0.0 for other in group if other != task]
            score = sum(values) / len(values) if values else 0.0
            of_tasks.append(score)
            lines.append(rf"s_{{{symbols[task]}}} &= {_mean(values)}" if values else _alone(symbols[task]))
    sign = r"\geq" if decision.score >= decision.min_similarity else "<"
    rows = [of_tasks[first : first + _TERMS] for first in range(0, len(of_tasks), _TERMS)]
    sums = [" + ".join(f"{score:.3f}" for score in row) for row in rows]
    lines.append(rf"\text{{score}} &= \tfrac{{1}}{{{len(of_tasks)}}} ({sums[0]}" + (")" if len(sums) == 1 else ""))
    lines += [rf"&\qquad + {row}" + (")" if row is sums[-1] else "") for row in sums[1:]]
    return [*lines, rf"&= {decision.score:.3f} \;{sign}\; \theta = {decision.min_similarity:.3f}"]


def _mean(values: Sequence[float]) -> str:
    """The mean of some similarities, written out if there are few."""
    mean = f"{sum(values) / len(values):.3f}"
    if len(values) == 1:
        return mean
    joined = " + ".join(f"{value:.3f}" for value in values) if len(values) <= _TERMS else r"\ldots"
    return rf"\tfrac{{1}}{{{len(values)}}} ({joined}) = {mean}"


def _alone(symbol: str) -> str:
    return rf"s_{{{symbol}}} &= 0 \quad \text{{(alone)}}"


def created(history: History, index: int) -> Lines:
    """Step 5: neurons and parameters before and after the last creation."""
    found = _before(history, index, NodeCreated)
    if not isinstance(found, NodeCreated):
        return []
    at = next(i for i in range(index, -1, -1) if history.event(i) is found)
    now, before = history.snapshot(at), history.snapshot(max(at - 1, 0))
    return [
        rf"N &= {before.neurons} + {found.neurons} = {now.neurons}",
        rf"P &= {_amount(before.parameters)} + {_amount(found.parameters)} = {_amount(now.parameters)}",
    ]


def distilled(history: History, index: int) -> Lines:
    """Step 6: the distillation loss of every task, at first and at the cursor."""
    found = _before(history, index, AmalgamationProgressed)
    if not isinstance(found, AmalgamationProgressed):
        return []
    first = next(
        e
        for i in range(index + 1)
        if isinstance(e := history.event(i), AmalgamationProgressed)
        and (e.phase, e.stage, e.tasks) == (found.phase, found.stage, found.tasks)
    )
    symbols = _symbols(history)
    return [
        rf"\mathrm{{MSE}}_{{{symbols[task]}}} &: {first.losses[name]:.3g} \;\rightarrow\; {found.losses[name]:.3g}"
        for task in found.tasks
        if (name := history.header.tasks[task].name) in found.losses and name in first.losses
    ] + [rf"&\text{{after {100 * found.done:.0f} \% of this amalgamation}}"]


def removed(history: History, index: int) -> Lines:
    """Step 7: neurons and parameters before and after the last removal."""
    found = _before(history, index, NodesRemoved)
    if not isinstance(found, NodesRemoved):
        return []
    at = next(i for i in range(index, -1, -1) if history.event(i) is found)
    before, now = history.snapshot(max(at - 1, 0)), history.snapshot(at)
    many = len(found.tasks)
    return [
        rf"N &= {before.neurons} - {many} \cdot {found.neurons} = {now.neurons}",
        rf"P &= {_amount(before.parameters)} - {many} \cdot {_amount(found.parameters)} = {_amount(now.parameters)}",
    ]


def result(history: History, index: int) -> Lines:
    """Step 8: how large the network is now, and how well every task fares."""
    if history.start is None or index < history.start.index:
        return []
    now, start = history.snapshot(index), history.start
    lines = [
        rf"\frac{{P}}{{P_0}} &= \frac{{{_amount(now.parameters)}}}{{{_amount(start.parameters)}}} = "
        rf"{now.parameters / start.parameters:.2f}"
        if start.parameters
        else "P_0 &= 0"
    ]
    decisions = sum(isinstance(history.event(i), TasksGrouped) for i in range(index + 1))
    removed = sum(len(e.tasks) for i in range(index + 1) if isinstance(e := history.event(i), NodesRemoved))
    created = sum(isinstance(history.event(i), NodesRemoved) for i in range(index + 1))
    lines.append(rf"&\text{{{decisions} decisions, {created} group nodes for {removed} task nodes}}")
    measured = _before(history, index, Evaluated)
    if isinstance(measured, Evaluated):
        for number, task in enumerate(history.header.tasks):
            key = task.metrics[0]
            if key.key in measured.metrics.get(task.name, {}):
                value = words.value(measured.metrics[task.name][key.key]).replace("−", "-")
                unit = {"°": r"^\circ", "%": r"\%"}.get(
                    key.unit, rf"\,\text{{{key.unit}}}" if key.unit.isalnum() else ""
                )
                label = "".join(letter for letter in key.label if letter.isalnum() or letter in " -")
                lines.append(rf"{_symbols(history)[number]} &: \text{{{label}}} = {value}{unit}")
    return lines
