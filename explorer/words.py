"""All that the explorer says: numbers for people, the sentence of a moment, tooltips, keys, glossary. No Streamlit."""

from collections.abc import Iterable
from typing import Literal

from core.events import (
    AffinityUpdated,
    AmalgamationProgressed,
    AnyEvent,
    EpochFinished,
    Evaluated,
    GatesUpdated,
    NodeCreated,
    NodesRemoved,
    PhaseStarted,
    PolicyUpdated,
    RobustnessMeasured,
    RunFailed,
    RunFinished,
    RunPaused,
    RunStarted,
    SamplesSaved,
    SimilarityMeasured,
    StructureChanged,
    TasksGrouped,
)
from core.runs import MetricInfo, RunHeader, State
from explorer.moments import Grain, Snapshot
from explorer.names import get_name
from explorer.origin import forked_here
from explorer.reading import examples

NOT_DEFINED = "n/a"
NO_ROBUSTNESS = (
    "Nothing was measured yet of how this run holds up when images are corrupted, shifted or attacked. Measure it "
    "here, or from a terminal with python -m core robustness RUN; what is found is kept in the run folder."
)
POLICY = ("shared", "own", "skipped")
"""What a policy offers a task, in the order of its probabilities."""

GRAIN_LABELS: dict[Grain, str] = {
    "phase": "Phase",
    "stage": "Stage",
    "decision": "Decision",
    "neuron": "Neuron event",
}
GRAIN_HELP = (
    "How far one step of the cursor goes. **Phase**: to the end of a phase. **Stage**: also to the end of each stage "
    "that a structural phase works on. **Decision**: also to each similarity measurement and grouping. "
    "**Neuron event**: to every recorded event: creation, amalgamation, removal, and each epoch between."
)

StateLabel = Literal["recorded", "running", "paused", "interrupted", "finished", "failed"]
STATE_WORDS: dict[StateLabel, tuple[str, str]] = {
    "recorded": ("inventory_2", "an example that comes with the explorer"),
    "running": ("play_circle", "a training process is writing this run now"),
    "paused": ("pause_circle", "stopped on request; it can be resumed on the Train page"),
    "interrupted": ("error", "its process ended without saying why; it can be resumed from its last checkpoint"),
    "finished": ("check_circle", "training reached its last epoch"),
    "failed": ("cancel", "training could not go on; the last moment says why"),
}
"""State of a run -> icon and meaning."""

KEYS = (
    ("← or J", "previous moment"),
    ("→ or L", "next moment"),
    ("Home", "first moment"),
    ("End", "last moment; of a running run: follow it"),
    ("P", "play, pause"),
    ("S", "speed of play"),
    ("V", "jump to live, while a run grows"),
    ("X", "clear what is picked"),
    ("N, B", "next and previous step of the Learn page"),
)
"""Key -> what it does; keys rest while a text field has the focus."""


def count(value: float) -> str:
    """A count with three digits and a unit prefix.

    >>> count(17), count(9536), count(107_099_227)
    ('17', '9.54 k', '107 M')
    """
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * 0.9995:
            return f"{float(f'{value / size:.3g}'):g} {prefix}"
    return f"{float(f'{value:.3g}'):g}"


def change(now: float, before: float) -> str:
    """A relative change in per cent, with its sign.

    >>> change(75, 100), change(100, 100)
    ('−25 %', '±0 %')
    """
    if not before or round(1000 * (now / before - 1)) == 0:
        return "±0 %"
    return f"{100 * (now / before - 1):+.3g} %".replace("-", "−")


def threshold(number: float) -> str:
    """A threshold or a similarity with three decimals, more where it needs them.

    >>> threshold(0.93), threshold(0.92815)
    ('0.930', '0.92815')
    """
    digits = f"{number:.6f}".rstrip("0")
    return max(digits, f"{number:.3f}", key=len).replace("-", "−")


def duration(seconds: float) -> str:
    """A time span.

    >>> duration(7.24), duration(125), duration(4000)
    ('7.2 s', '2 min 5 s', '1 h 6 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def value(number: float, unit: str = "") -> str:
    """A measured value with three significant digits and its unit.

    >>> value(0.4), value(12.3456, "°"), value(1234.5, "m")
    ('0.400', '12.3°', '1,234 m')
    """
    digits = f"{number:,.0f}" if abs(number) >= 100 else f"{number:#.3g}"
    return f"{digits}{'' if unit in ('', '°', '%') else ' '}{unit}".replace("-", "−")


def metric_title(metric: MetricInfo) -> str:
    """A metric with its unit and the direction in which it improves, for axes and tables.

    >>> metric_title(MetricInfo(key="rmse", label="RMSE", unit="m", direction="lower"))
    'RMSE [m] ↓'
    """
    unit = f" [{metric.unit}]" if metric.unit else ""
    return f"{metric.label}{unit} {'↑' if metric.direction == 'higher' else '↓'}"


def task_names(header: RunHeader, tasks: Iterable[int], joint: str = " + ") -> str:
    """Labels of tasks, joined."""
    return joint.join(header.tasks[task].label for task in tasks)


def stage_name(header: RunHeader, stage: int) -> str:
    """A stage as figures call it; the heads stand above the last stage."""
    return header.stages[stage].name if stage < len(header.stages) else "heads"


def run_title(header: RunHeader) -> str:
    """Method, data and seed of a run in a few words."""
    return f"{get_name(header.method)} on {header.data} · seed {header.seed}"


def when(snapshot: Snapshot) -> str:
    """Where a moment stands: phase, epoch, step and time together."""
    event = snapshot.event
    phase = f"phase {event.phase}" + (f" · {snapshot.role}" if snapshot.role else "")
    return f"{phase} · epoch {event.epoch} · step {event.step:,} · {duration(event.seconds)}"


def place(event: AnyEvent) -> str:
    """Where an event stands, for the captions of figures."""
    return f"phase {event.phase} · epoch {event.epoch} · step {event.step:,}"


def title(event: AnyEvent, header: RunHeader) -> str:
    """An event in a few words, for lists and hover texts."""
    match event:
        case PhaseStarted():
            return f"{event.role} phase begins{' · forked here' if forked_here(event, header) else ''}"
        case EpochFinished():
            return f"epoch {event.epoch} finished"
        case Evaluated():
            return f"evaluated on {event.split} {examples(header)}"
        case SimilarityMeasured():
            return f"{stage_name(header, event.stage)}: similarity of {task_names(header, event.tasks)}"
        case TasksGrouped() if event.fused:
            fused = ", ".join(task_names(header, group) for group in event.fused)
            return f"{stage_name(header, event.stage)}: {fused} fuse"
        case TasksGrouped():
            return f"{stage_name(header, event.stage)}: nothing fuses"
        case NodeCreated():
            return f"{stage_name(header, event.stage)}: neurons created for {task_names(header, event.tasks)}"
        case AmalgamationProgressed():
            done = f"{100 * event.done:.0f} %"
            return f"{stage_name(header, event.stage)}: amalgamation {done} ({task_names(header, event.tasks)})"
        case NodesRemoved():
            return f"{stage_name(header, event.stage)}: task nodes of {task_names(header, event.tasks)} removed"
        case GatesUpdated():
            return f"gates from {_gated(event, header)}"
        case PolicyUpdated():
            return f"{stage_name(header, event.stage)}: policies updated"
    return event.kind.replace("_", " ")


def sentence(event: AnyEvent, header: RunHeader) -> str:
    """What happens at an event, in one or two sentences."""
    match event:
        case RunStarted():
            return f"Training starts: {len(header.tasks)} tasks on {header.data}, {len(header.stages)} stages."
        case PhaseStarted(role="task-learning"):
            joint = f"A task-learning phase of {_epochs(event.epochs)} begins: all tasks train jointly."
            return joint + forked_here(event, header)
        case PhaseStarted():
            if header.method == "automtl":
                asked = f"Policy training of {_epochs(event.epochs)} begins: what does each task share, own or skip?"
            else:
                asked = "A structural-learning phase begins: which task nodes are similar enough to share?"
            return asked + forked_here(event, header)
        case EpochFinished():
            rate = f"{event.samples_per_second:,.0f} {examples(header)}/s"
            losses = _listed(header, event.losses)
            return f"Epoch {event.epoch} finished at {rate}. Training losses: {losses}."
        case Evaluated():
            return f"On {event.samples:,} {event.split} {examples(header)}: {_key_metrics(event, header)}."
        case SimilarityMeasured():
            return _similarity_sentence(event, header)
        case TasksGrouped():
            return f"Decision at {stage_name(header, event.stage)}. {event.reason}"
        case NodeCreated():
            origin = {
                "average": "starting as the average of their task nodes",
                "copy": "starting as a copy of a task node",
                "fresh": "starting fresh",
            }[event.start]
            return (
                f"Neurons are created at {stage_name(header, event.stage)}: {event.neurons} for "
                f"{task_names(header, event.tasks)} ({count(event.parameters)} parameters), {origin}."
            )
        case AmalgamationProgressed():
            return (
                f"What the task nodes of {task_names(header, event.tasks)} know flows into their group node at "
                f"{stage_name(header, event.stage)}: {100 * event.done:.0f} % of this amalgamation is done."
            )
        case NodesRemoved():
            return (
                f"Neurons are removed at {stage_name(header, event.stage)}: {len(event.tasks)} × {event.neurons}. The "
                f"group node now stands for the task nodes of {task_names(header, event.tasks)}."
            )
        case StructureChanged():
            return (
                f"The structure stands: {sum(node.kind != 'head' for node in event.graph.nodes)} nodes, "
                f"{count(event.parameters)} parameters, {count(event.macs)} MACs for one {examples(header)[:-1]}."
            )
        case SamplesSaved():
            what = "Predictions on" if event.holds == "predictions" else "Input and truth of"
            return f"{what} {event.samples} {event.split} {examples(header)} were saved."
        case RobustnessMeasured():
            meant = f" ({event.setting})" if event.setting else ""
            if event.family == "attack" and event.attacked:
                return f"The attack {event.name} on {task_names(header, event.attacked)}{meant} was measured."
            return f"Robustness to {event.name.replace('_', ' ')} at severity {event.severity:g}{meant} was measured."
        case PolicyUpdated():
            likeliest = ", ".join(
                f"{task.label} {POLICY[max(range(3), key=ways.__getitem__)]} {100 * max(ways):.0f} %"
                for task, ways in zip(header.tasks, event.probabilities, strict=True)
            )
            return f"The sharing policy of {stage_name(header, event.stage)}, each task's likeliest way: {likeliest}."
        case GatesUpdated():
            return f"The gates from {_gated(event, header)} were updated: {_open(event)}."
        case AffinityUpdated():
            return "The affinity between tasks was measured anew: " + " | ".join(
                task_names(header, group) for group in event.groups
            )
        case RunPaused():
            return f"Training paused: {event.reason}"
        case RunFinished():
            return "Training reached its last epoch."
        case RunFailed():
            return f"Training failed: {event.reason}"


def plain(text: str) -> str:
    """Text for Markdown that shows as it is, whatever a run folder or a link holds; lines stay lines.

    >>> plain("a_b")
    'a\\\\_b'
    """
    quoted = "".join(f"\\{letter}" if letter in r"\`*_{}[]()#+-!|<>$:~" else letter for letter in text)
    return quoted.replace("\n", "  \n")


def state_label(state: State, example: bool) -> StateLabel:
    """The state of a run as its chip says it: a finished example is "recorded"."""
    return "recorded" if example and state == "finished" else state


def _gated(event: GatesUpdated, header: RunHeader) -> str:
    """From where to where gates lead."""
    readers = "the heads" if event.readers == "heads" else stage_name(header, event.stage + 1)
    return f"{stage_name(header, event.stage)} to {readers}"


def _open(event: GatesUpdated) -> str:
    found = [gate for row in event.gates for gate in row if gate is not None]
    return f"{sum(gate > 0 for gate in found)} of {len(found)} are open"


def _epochs(number: int) -> str:
    return "1 epoch" if number == 1 else f"{number} epochs"


def _listed(header: RunHeader, values: dict[str, float]) -> str:
    return ", ".join(f"{task.label} {value(values[task.name])}" for task in header.tasks if task.name in values)


def _key_metrics(event: Evaluated, header: RunHeader) -> str:
    found = []
    for task in header.tasks:
        key = task.metrics[0]
        if key.key in event.metrics.get(task.name, {}):
            found.append(f"{task.label} {key.label} {value(event.metrics[task.name][key.key], key.unit)}")
    return ", ".join(found) or "no metric of this run's tasks"


def _similarity_sentence(event: SimilarityMeasured, header: RunHeader) -> str:
    pairs = [
        (found, one, other)
        for position, one in enumerate(event.tasks)
        for offset, other in enumerate(event.tasks[position + 1 :], start=position + 1)
        if (found := event.matrix[position][offset]) is not None
    ]
    where = f"{stage_name(header, event.stage)} on {event.samples:,} images"
    start = f"Similarity of {len(event.tasks)} task nodes at {where}"
    if not pairs:
        return f"{start}: not defined for any pair, as their features are constant."
    ends = [max(pairs), min(pairs)] if len(pairs) > 1 else [pairs[0]]
    said = ", ".join(
        f"{word}{header.tasks[one].label}–{header.tasks[other].label} {found:.3f}"
        for word, (found, one, other) in zip(("highest ", "lowest ") if len(ends) > 1 else ("",), ends, strict=True)
    )
    note = f" Constant features: {task_names(header, event.undefined, ', ')}." if event.undefined else ""
    return f"{start}: {said}.{note}"
