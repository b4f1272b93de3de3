"""The nested mapping in which the MTSL authors publish converged architectures, to and from a `Structure`.

The mapping holds `BRANCHING_INFO` (at the top, or below `DICT_CONFIG` as in their files): stem name -> `stage_range`
[first, last] and `branches` [names]. A stem's name is its tasks joined by `|`; only the root may be called anything.
A range of [-1, -1] is empty. A branch that is a task owns the remaining stages up to the last.
"""

from collections.abc import Mapping, Sequence

from core.structure import Group, Structure
from core.tasks import ALIASES


class BranchingError(ValueError):
    """A branching mapping that is no tree of the tasks; the message names the stem and the reason."""

    def __init__(self, stem: str, reason: str) -> None:
        super().__init__(f"stem `{stem}`: {reason}")
        self.stem, self.reason = stem, reason


def read_branching(
    branching: Mapping[str, object], n_stages: int = 10, tasks: Sequence[str] | None = None
) -> Structure:
    """The structure that a branching mapping describes, for a backbone of `n_stages` (10: the paper's).

    The authors' task names (`segment`, `sem_cont`, `sur_nor`, `ae`) become ours. Tasks come in the order of `tasks`,
    or as they first appear below the root. Raises `BranchingError` for a task that is lost or named twice, stages that
    overlap or are missing, an unknown branch, and anything that is not a mapping of this form.

    >>> info = {"one": {"stage_range": [0, 1], "branches": ["segment", "depth"]}}
    >>> read_branching({"BRANCHING_INFO": info}, n_stages=3).stages
    (((0, 1),), ((0, 1),), ((0,), (1,)))
    """
    info = _info(branching)
    stems = {name: _stem(name, entry, n_stages) for name, entry in info.items()}
    listed = [branch for _, branches in stems.values() for branch in branches]
    roots = [name for name in stems if name not in listed]
    if len(roots) != 1:
        reason = f"expected one stem that is nobody's branch, found {len(roots)} ({', '.join(roots) or 'a circle'})."
        raise BranchingError(roots[-1] if roots else next(iter(stems)), reason)
    paths: dict[str, list[str]] = {}  # task -> the stem it shares at each stage, or itself
    visited: set[str] = set()
    _walk(roots[0], stems, [], paths, visited, n_stages)
    for name in stems:
        if name not in visited:
            raise BranchingError(name, "cannot be reached from the root: its branches form a circle.")
    if tasks is None:  # the order in which the root names them; `_walk` follows the branches instead
        written = [roots[0]] if "|" in roots[0] else stems[roots[0]][1]
        tasks = sorted(paths, key=[ALIASES.get(task, task) for name in written for task in name.split("|")].index)
    names = tuple(tasks)
    if lost := [name for name in names if name not in paths]:
        raise BranchingError(roots[0], f"the task {lost[0]} is lost; expected {', '.join(names)}.")
    if unknown := [name for name in paths if name not in names]:
        raise BranchingError(roots[0], f"unknown branch `{unknown[0]}`: neither a stem nor one of {', '.join(names)}.")
    stages = []
    for stage in range(n_stages):
        groups: dict[str, list[int]] = {}
        for index, name in enumerate(names):
            groups.setdefault(paths[name][stage], []).append(index)
        stages.append(tuple(tuple(group) for group in groups.values()))
    return Structure(names, tuple(stages))


def write_branching(structure: Structure, authors_names: bool = False) -> dict[str, object]:
    """The branching mapping of a structure; `read_branching` gives the same structure back.

    `authors_names` writes the task names that the authors' own code knows instead of ours.

    >>> write_branching(Structure.separate(("depth", "edges"), 10))
    {'BRANCHING_INFO': {'depth|edges': {'stage_range': [-1, -1], 'branches': ['depth', 'edges']}}}
    """
    theirs = {ours: name for name, ours in ALIASES.items()} if authors_names else {}
    info: dict[str, object] = {}

    def name(group: Group) -> str:
        return "|".join(theirs.get(structure.tasks[task], structure.tasks[task]) for task in group)

    def add(group: Group, first: int) -> None:
        last = first - 1
        while last + 1 < structure.n_stages and group in structure.stages[last + 1]:
            last += 1
        above = structure.stages[last + 1] if last + 1 < structure.n_stages else tuple((task,) for task in group)
        branches = [branch for branch in above if set(branch) <= set(group)]
        info[name(group)] = {
            "stage_range": [first, last] if last >= first else [-1, -1],
            "branches": [name(branch) for branch in branches],
        }
        for branch in branches:
            if len(branch) > 1:
                add(branch, last + 1)

    everyone = tuple(range(len(structure.tasks)))
    if len(everyone) > 1:
        add(everyone, 0)
    else:
        info["base_stem"] = {"stage_range": [-1, -1], "branches": [name(everyone)]}
    return {"BRANCHING_INFO": info}


def _info(branching: Mapping[str, object]) -> Mapping[str, object]:
    holder = branching.get("DICT_CONFIG", branching)
    info = holder.get("BRANCHING_INFO") if isinstance(holder, Mapping) else None
    if not isinstance(info, Mapping) or not info:
        found = ", ".join(map(str, branching)) or "nothing"
        raise BranchingError("BRANCHING_INFO", f"expected a mapping of stems under this key, found the keys: {found}.")
    return info


def _stem(name: str, entry: object, n_stages: int) -> tuple[range, list[str]]:
    if not isinstance(entry, Mapping) or not {"stage_range", "branches"} <= set(entry):
        raise BranchingError(name, f"expected `stage_range` and `branches`, found {entry!r}.")
    span, branches = entry["stage_range"], entry["branches"]
    if not (isinstance(span, list | tuple) and len(span) == 2 and all(isinstance(stage, int) for stage in span)):
        raise BranchingError(name, f"`stage_range` should be [first, last]. Found {span!r}.")
    if not (isinstance(branches, list | tuple) and branches and all(isinstance(b, str) for b in branches)):
        raise BranchingError(name, f"`branches` should be a list of names. Found {branches!r}.")
    first, last = span
    if [first, last] == [-1, -1]:
        return range(0), list(branches)
    if not 0 <= first <= last < n_stages:
        raise BranchingError(name, f"`stage_range` should lie in 0..{n_stages - 1}, in order. Found [{first}, {last}].")
    return range(first, last + 1), list(branches)


def _walk(
    name: str,
    stems: Mapping[str, tuple[range, list[str]]],
    below: list[str],
    paths: dict[str, list[str]],
    visited: set[str],
    n_stages: int,
) -> set[str]:
    """Follow a stem to its tasks and give each its path; returns the tasks below this stem."""
    if name in visited:
        raise BranchingError(name, "is a branch of two stems.")
    visited.add(name)
    span, branches = stems[name]
    if span and span.start != len(below):
        what = "are missing" if span.start > len(below) else "overlap"
        raise BranchingError(name, f"starts at stage {span.start}, expected {len(below)}: stages {what}.")
    path = below + [name] * len(span)
    tasks: set[str] = set()
    for branch in branches:
        if branch in stems and branch != name:
            found = _walk(branch, stems, path, paths, visited, n_stages)
        elif "|" in branch:
            raise BranchingError(name, f"unknown branch `{branch}`: no stem has this name.")
        else:
            task = ALIASES.get(branch, branch)
            if task in paths:
                raise BranchingError(name, f"the task {task} appears twice.")
            paths[task] = path + [branch] * (n_stages - len(path))
            found = {task}
        tasks |= found
    if "|" in name:
        expected = {ALIASES.get(task, task) for task in name.split("|")}  # the format's own naming rule
        if unknown := sorted(tasks - expected):
            raise BranchingError(name, f"unknown branch: {unknown[0]} is not part of this stem's name.")
        if lost := sorted(expected - tasks):
            raise BranchingError(name, f"the task {lost[0]} is lost: no branch leads to it.")
    return tasks
