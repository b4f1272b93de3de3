"""The authors' nested mapping, to and from structures; every way to get it wrong has its message."""

from typing import Any

import pytest

from core.branching import BranchingError
from core.structure import Structure

TASKS = ("segmentation", "depth", "edges", "normals", "reconstruction")

# the learned structure "Cityscapes, seed 3" of the paper, in the published form
CITYSCAPES_3: dict[str, Any] = {
    "base_stem": {"stage_range": [-1, -1], "branches": ["segment|depth|sem_cont|sur_nor|ae"]},
    "segment|depth|sem_cont|sur_nor|ae": {"stage_range": [0, 5], "branches": ["segment|sem_cont", "depth|sur_nor|ae"]},
    "segment|sem_cont": {"stage_range": [6, 9], "branches": ["segment", "sem_cont"]},
    "depth|sur_nor|ae": {"stage_range": [6, 8], "branches": ["ae", "depth|sur_nor"]},
    "depth|sur_nor": {"stage_range": [9, 9], "branches": ["depth", "sur_nor"]},
}


def changed(**stems: Any) -> dict[str, Any]:
    """The mapping above with some stems replaced (None: removed)."""
    info = {**CITYSCAPES_3, **{name.replace("__", "|"): entry for name, entry in stems.items()}}
    return {"BRANCHING_INFO": {name: entry for name, entry in info.items() if entry is not None}}


def test_reads_a_published_structure() -> None:
    found = Structure.from_branching({"DICT_CONFIG": {"BRANCHING_INFO": CITYSCAPES_3}}, tasks=TASKS)
    assert found.tasks == TASKS
    assert found.stages[:6] == (((0, 1, 2, 3, 4),),) * 6
    assert found.stages[6:9] == (((0, 2), (1, 3, 4)),) * 3
    assert found.stages[9] == ((0, 2), (1, 3), (4,))


def test_reads_one_and_separate() -> None:
    names = ["segment", "depth", "sem_cont", "sur_nor", "ae"]
    one = {"BRANCHING_INFO": {"one": {"stage_range": [0, 9], "branches": names}}}
    separate = {"BRANCHING_INFO": {"base_stem": {"stage_range": [-1, -1], "branches": names}}}
    assert Structure.from_branching(one) == Structure.shared(TASKS, 10)
    assert Structure.from_branching(separate) == Structure.separate(TASKS, 10)


@pytest.mark.parametrize(
    "structure",
    [
        Structure.separate(TASKS, 4),
        Structure.shared(TASKS, 4),
        Structure.separate(TASKS, 4).merge(0, (0, 3)),
        Structure.separate(TASKS, 4).merge(0, (0, 1, 2, 3, 4)).merge(1, (1, 4)).merge(2, (1, 4)),
        Structure.separate(TASKS, 4).merge(0, (0, 4)).merge(0, (1, 2, 3)).merge(1, (1, 2)),
        Structure.separate(("depth",), 3),
    ],
)
@pytest.mark.parametrize("authors_names", [False, True])
def test_written_and_read_back(structure: Structure, authors_names: bool) -> None:
    written = structure.to_branching(authors_names)
    assert Structure.from_branching(written, structure.n_stages) == structure


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({}, r"stem `BRANCHING_INFO`: expected a mapping of stems under this key, found the keys: nothing"),
        (changed(segment__sem_cont=None), r"stem `segment\|depth.*`: unknown branch `segment\|sem_cont`: no stem"),
        (
            changed(segment__sem_cont={"stage_range": [6, 9], "branches": ["segment"]}),
            r"stem `segment\|sem_cont`: the task edges is lost",
        ),
        (
            changed(segment__sem_cont={"stage_range": [6, 9], "branches": ["segment", "sem_cont", "depth"]}),
            r"stem `.*`: (the task depth appears twice|unknown branch: depth is not part)",
        ),
        (
            changed(segment__sem_cont={"stage_range": [6, 9], "branches": ["segment", "segment"]}),
            r"stem `segment\|sem_cont`: the task segmentation appears twice",
        ),
        (
            changed(segment__sem_cont={"stage_range": [6, 9], "branches": ["segment", "sem_conts"]}),
            r"stem `segment\|sem_cont`: unknown branch: sem_conts is not part of this stem's name",
        ),
        (
            changed(segment__sem_cont={"stage_range": [5, 9], "branches": ["segment", "sem_cont"]}),
            r"stem `segment\|sem_cont`: starts at stage 5, expected 6: stages overlap",
        ),
        (
            changed(segment__sem_cont={"stage_range": [7, 9], "branches": ["segment", "sem_cont"]}),
            r"stem `segment\|sem_cont`: starts at stage 7, expected 6: stages are missing",
        ),
        (
            changed(segment__sem_cont={"stage_range": [6, 10], "branches": ["segment", "sem_cont"]}),
            r"stem `segment\|sem_cont`: `stage_range` should lie in 0\.\.9, in order\. Found \[6, 10\]",
        ),
        (
            changed(segment__sem_cont={"stage_range": [6], "branches": ["segment", "sem_cont"]}),
            r"stem `segment\|sem_cont`: `stage_range` should be \[first, last\]",
        ),
        (changed(segment__sem_cont={"branches": []}), r"expected `stage_range` and `branches`"),
        (
            changed(other={"stage_range": [0, 1], "branches": ["x"]}),
            r"expected one stem that is nobody's branch, found 2 \(base_stem, other\)",
        ),
        (
            {"BRANCHING_INFO": {"x": {"stage_range": [0, 9], "branches": ["segment", "deep"]}}},
            r"stem `x`: (the task depth is lost|unknown branch `deep`)",
        ),
    ],
)
def test_errors_name_the_stem_and_the_reason(mapping: dict[str, Any], message: str) -> None:
    with pytest.raises(BranchingError, match=message):
        Structure.from_branching(mapping, tasks=TASKS)
