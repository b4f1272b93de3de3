"""The typed events of a run: everything that happens, in order, and the only source that figures draw from.

Each event is one frozen record; `kind` tells them apart. All carry where they stand: `step` (optimizer steps so far),
`epoch` (task epochs finished so far), `phase` (number of the phase, from 0) and `seconds` (training time so far,
without the time a run lay stopped). Tasks are indices into the run's task list, stages into its stage list.
`parse_event` and `dump_event` turn one into a line of JSON and back; a similarity that is not defined is `null`.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from core.sharing import SharingGraph
from core.structure import Group, Partition

SCHEMA_VERSION = 1

Tasks = Annotated[Group, Field(min_length=1)]
Matrix = tuple[tuple[float | None, ...], ...]
Values = dict[str, float]
ARRAY_FILE = r"^[\w.-]+\.npz$"
"""Names of files below `arrays/`."""

Probabilities = tuple[float, float, float]
Role = Literal["task-learning", "structural-learning"]


class Event(BaseModel):
    """Where an event stands in its run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: int = Field(ge=0, description="optimizer steps so far")
    epoch: int = Field(ge=0, description="task epochs finished so far")
    phase: int = Field(ge=0, description="number of the phase, from 0")
    seconds: float = Field(ge=0, description="training time so far, stops left out")


class RunStarted(Event):
    """Training begins. The structure follows as a `structure_changed` event."""

    kind: Literal["run_started"] = "run_started"


class PhaseStarted(Event):
    """A task-learning or a structural-learning phase begins."""

    kind: Literal["phase_started"] = "phase_started"
    role: Role
    epochs: int = Field(ge=0, description="epochs planned: of training, or of amalgamation")


class EpochFinished(Event):
    """One pass of joint training over the data: mean losses on the training images."""

    kind: Literal["epoch_finished"] = "epoch_finished"
    losses: Values = Field(description="task name -> mean training loss")
    alignment: float | None = Field(default=None, description="mean alignment loss, weight included; None: no term")
    penalty: float | None = Field(
        default=None, description="mean of what the method adds for its structure, weight included; None: no term"
    )
    learning_rate: float = Field(gt=0)
    samples_per_second: float = Field(ge=0)


class Evaluated(Event):
    """Metrics of every task on a whole split."""

    kind: Literal["evaluated"] = "evaluated"
    split: Literal["validation", "test"]
    metrics: dict[str, Values] = Field(
        description="task name -> metric key -> value; a metric the split does not define is left out"
    )
    samples: int = Field(ge=1)


class SimilarityMeasured(Event):
    """Debiased linear CKA between the task nodes of one candidate group."""

    kind: Literal["similarity_measured"] = "similarity_measured"
    stage: int = Field(ge=0)
    tasks: Tasks
    matrix: Matrix = Field(description="[T, T] in the order of `tasks`; null: not defined (constant features)")
    samples: int = Field(ge=4, description="images measured")
    undefined: Group = Field(default=(), description="tasks whose features were constant, hence not similar")


class Candidate(BaseModel):
    """The best partition into at most `k` groups and its score."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    k: int = Field(ge=1)
    groups: Partition
    score: float


class TasksGrouped(Event):
    """The decision that follows a similarity measurement: who fuses, and why."""

    kind: Literal["tasks_grouped"] = "tasks_grouped"
    stage: int = Field(ge=0)
    tasks: Tasks
    candidates: tuple[Candidate, ...] = Field(description="the best partition for each number of groups")
    min_similarity: float = Field(description="threshold")
    rule: str = Field(description="name of the grouping rule")
    groups: Partition = Field(description="the chosen partition")
    score: float = Field(description="its score")
    fused: Partition = Field(description="those of its groups that fuse")
    reason: str = Field(description="one sentence for people")


class NodeCreated(Event):
    """Neurons are born: a group node that will take the place of task nodes."""

    kind: Literal["node_created"] = "node_created"
    stage: int = Field(ge=0)
    tasks: Tasks
    neurons: int = Field(ge=1)
    parameters: int = Field(ge=0)
    start: Literal["average", "copy", "fresh"] = Field(description="where its first weights come from")


class AmalgamationProgressed(Event):
    """The group node learns what its task nodes know (channel-coding distillation)."""

    kind: Literal["amalgamation_progressed"] = "amalgamation_progressed"
    stage: int = Field(ge=0)
    tasks: Tasks
    done: float = Field(ge=0, le=1, description="share of this phase's amalgamation")
    losses: Values = Field(description="task name -> mean squared error since the last such event")


class NodesRemoved(Event):
    """Neurons are removed: the task nodes whose knowledge the group node holds now."""

    kind: Literal["nodes_removed"] = "nodes_removed"
    stage: int = Field(ge=0)
    tasks: Tasks = Field(description="each of these tasks lost its own node of this stage")
    neurons: int = Field(ge=1, description="of one removed node")
    parameters: int = Field(ge=0, description="of one removed node")


class StructureChanged(Event):
    """The structure from here on, also written once at the start."""

    kind: Literal["structure_changed"] = "structure_changed"
    graph: SharingGraph
    parameters: int = Field(ge=0, description="of the whole network, heads included")
    macs: int = Field(ge=0, description="of the whole network for one image")
    partitions: tuple[Partition, ...] | None = Field(
        default=None, description="stage -> groups, for methods whose structure is a tree"
    )


class SamplesSaved(Event):
    """Sample images in a file below `arrays/`: images and targets once, predictions at the end of every phase."""

    kind: Literal["samples_saved"] = "samples_saved"
    holds: Literal["inputs", "predictions"]
    file: str = Field(pattern=ARRAY_FILE, description="name below arrays/")
    split: Literal["train", "validation", "test"]
    samples: int = Field(ge=1)


class RobustnessMeasured(Event):
    """Metrics under one corruption, shift or attack, of the network as it was where this event stands.

    `core.robustness` appends these to a file of their own (`core.robustness.records`), since they come after a run has
    ended; a foreign training loop may also write them among its events.
    """

    kind: Literal["robustness_measured"] = "robustness_measured"
    family: Literal["clean", "corruption", "shift", "attack"]
    name: str = Field(description="of the corruption, shift or attack; clean for none")
    severity: float = Field(ge=0, description="0: clean; 1 to 5 for corruptions and shifts; of attacks the radius")
    metrics: dict[str, Values] = Field(description="task name -> metric key -> value")
    samples: int = Field(ge=1)
    conditions: str = Field(default="", description="digest of what it was measured under, as `Conditions` says")
    setting: str = Field(default="", description="what the severity stands for, for people")
    attacked: Group = Field(default=(), description="the tasks whose loss an attack raised")
    moves_pixels: bool = Field(default=False, description="whether things are seen elsewhere than their truth says")
    intervals: dict[str, dict[str, tuple[float, float]]] = Field(
        default={}, description="task name -> metric key -> 95 % interval of the value (bootstrap over images)"
    )
    file: str | None = Field(
        default=None, pattern=ARRAY_FILE, description="name below arrays/: a few images and their predictions"
    )


class PolicyUpdated(Event):
    """AutoMTL: probability of shared, task-specific and skip for every task at one stage."""

    kind: Literal["policy_updated"] = "policy_updated"
    stage: int = Field(ge=0)
    probabilities: tuple[Probabilities, ...] = Field(
        description="[T, 3]: shared, specific, skip; mean over the stage's nodes"
    )
    nodes: tuple[tuple[Probabilities, ...], ...] = Field(
        default=(),
        description="[nodes, T, 3]: of every convolution of the stage, where they have policies of their own",
    )
    temperature: float | None = Field(default=None, gt=0, description="of the samples that training sees now")


class GatesUpdated(Event):
    """SNR and mixtures of experts: the gate of every connection from the sub-networks of a stage to those who read it.

    Every stage that is read through gates has an event of its own, and a second one if the heads read it too.
    """

    kind: Literal["gates_updated"] = "gates_updated"
    stage: int = Field(ge=0, description="whose outputs pass the gates")
    readers: Literal["stage", "heads"] = Field(
        default="stage", description="who reads them: the sub-networks of the next stage, or each task's head"
    )
    gates: Matrix = Field(description="[readers, sub-networks of the stage] in [0, 1]")


class AffinityUpdated(Event):
    """Selective updates: proximal inter-task affinity and the groups it gives."""

    kind: Literal["affinity_updated"] = "affinity_updated"
    affinity: Matrix = Field(description="[T, T]: row acts on column")
    groups: Partition


class RunPaused(Event):
    """Training stopped on request after writing a checkpoint; `resume` goes on from here."""

    kind: Literal["run_paused"] = "run_paused"
    reason: str


class RunFinished(Event):
    """Training reached its last epoch."""

    kind: Literal["run_finished"] = "run_finished"


class RunFailed(Event):
    """Training cannot go on; the reason names task and step where it can."""

    kind: Literal["run_failed"] = "run_failed"
    reason: str


AnyEvent = (
    RunStarted
    | PhaseStarted
    | EpochFinished
    | Evaluated
    | SimilarityMeasured
    | TasksGrouped
    | NodeCreated
    | AmalgamationProgressed
    | NodesRemoved
    | StructureChanged
    | SamplesSaved
    | RobustnessMeasured
    | PolicyUpdated
    | GatesUpdated
    | AffinityUpdated
    | RunPaused
    | RunFinished
    | RunFailed
)

_ADAPTER: TypeAdapter[AnyEvent] = TypeAdapter(Annotated[AnyEvent, Field(discriminator="kind")])


def parse_event(line: str | bytes) -> AnyEvent:
    """The event in one line of JSON. Raises pydantic's `ValidationError`, which names every wrong field.

    >>> parse_event('{"kind": "run_finished", "step": 8, "epoch": 2, "phase": 1, "seconds": 3.5}').step
    8
    """
    return _ADAPTER.validate_json(line)


def dump_event(event: AnyEvent) -> str:
    """One line of JSON without a line break; floats keep every digit, so parsing gives an equal event.

    Raises `ValueError` for NaN or an infinity: events say null where a value is not defined.
    """
    line = event.model_dump_json()
    if parse_event(line) != event:  # NaN and infinities become null on the way
        raise ValueError(f"`{event.kind}` event holds a NaN or an infinity: {event!r}.")
    return line
