"""What is true of a node or a moment, in words: for hover texts, tables and the sentence under the cursor bar."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from core.events import Evaluated, PolicyUpdated, TasksGrouped
from core.sharing import SharingNode
from core.structure import Group, Node
from explorer import theme
from explorer.moments import Grain, History, group_similarity
from explorer.reading import is_routed
from explorer.words import POLICY, count, sentence, stage_name, task_names


def story(history: History, index: int, grain: Grain) -> str:
    """What happened between the stop before `index` and `index`: the decisions, else what the tasks reached.

    At the finest grain, and where the event at `index` says it best, that is the event's own sentence.
    """
    header, event = history.header, history.event(index)
    if grain == "neuron":
        return sentence(event, header)
    stops = history.stops(grain)
    before = bisect_left(stops, index) - 1
    span = [history.event(position) for position in range(stops[before] + 1 if before >= 0 else 0, index + 1)]
    if grain in ("phase", "stage"):
        decisions = [past for past in span if isinstance(past, TasksGrouped)]
        if decisions:
            return " ".join(sentence(past, header) for past in decisions)
    if event.kind == "samples_saved":
        telling = [past for past in span if isinstance(past, Evaluated)] or span[:-1]
        return sentence(telling[-1], header) if telling else sentence(event, header)
    return sentence(event, header)


def node_facts(history: History, node: SharingNode, index: int) -> str:
    """What a node is and why it is so, up to the event at `index`, in lines joined by `<br>` for a hover text."""
    header = history.header
    size = node_size(node)
    if node.kind == "head":
        return f"<b>head of {task_names(header, node.tasks)}</b><br>{size}<br>never shared"
    name = f"<b>{stage_name(header, node.stage)}</b> · {task_names(header, node.tasks)}"
    why = node_why(history, Node(node.stage, node.tasks), index).replace("\n", "<br>")
    return f"{name}<br>{node.kind} · {size}<br>{why}"


def node_size(node: SharingNode) -> str:
    """What a node costs."""
    return f"{node.neurons} neurons · {count(node.parameters)} parameters · {count(node.macs)} MACs"


def node_why(history: History, node: Node, index: int) -> str:
    """Why a node is shared or not, and for a group node what stood in its place before, in one or two lines."""
    reason, fusion = node_reason(history, node, index), history.fusion(node, index)
    if fusion is None or fusion.decision_index is None:
        return reason
    before = [
        old
        for old in history.snapshot(fusion.decision_index).graph.nodes
        if old.stage == node.stage and old.kind != "head" and set(old.tasks) < set(node.tasks)
    ]
    neurons, parameters = sum(old.neurons for old in before), sum(old.parameters for old in before)
    return f"{reason}\nbefore: {len(before)} nodes · {neurons} neurons · {count(parameters)} parameters"


def node_reason(history: History, node: Node, index: int) -> str:
    """Why a node is shared or not, as far as is known at the event `index`."""
    fusion = history.fusion(node, index)
    if fusion and fusion.decision:
        similarity = group_similarity(fusion, node.tasks)
        mean = "not defined" if similarity is None else f"{similarity:.3f}"
        threshold = f"threshold {fusion.decision.min_similarity:.3f}"
        return f"fused in phase {fusion.decision.phase}: mean similarity {mean}, {threshold}"
    for found in reversed(history.measurements):
        known = found.decision is not None and found.decision_index is not None and found.decision_index <= index
        if known and found.similarity.stage == node.stage and set(node.tasks) <= set(found.similarity.tasks):
            asked = found.decision
            assert asked is not None
            score = f"best partition scored {asked.score:.3f}, threshold {asked.min_similarity:.3f}"
            return f"not fused in phase {asked.phase}: {score}"
    if learned := _learned(history, node, index):
        return learned
    if len(node.tasks) > 1:
        return "shared from the start"
    return "never compared so far" if history.header.method == "mtsl" else "of its own from the start"


def policy_at(history: History, stage: int, index: int) -> PolicyUpdated | None:
    """The latest policies of a stage up to the event at `index`."""
    past = bisect_right(history.policies, index, key=lambda found: found[0])
    return next((found for at in range(past - 1, -1, -1) if (found := history.policies[at][1]).stage == stage), None)


def _learned(history: History, node: Node, index: int) -> str:
    """What policies or gates say of a node; "" where there are none."""
    header = history.header
    policy = policy_at(history, node.stage, index)
    if policy and len(node.tasks) == 1:
        ways = zip(policy.probabilities[node.tasks[0]], POLICY, strict=True)
        return "its policy: " + ", ".join(f"{100 * share:.0f} % {way}" for share, way in ways)
    if policy:
        shares = [f"{header.tasks[task].label} {100 * policy.probabilities[task][0]:.0f} %" for task in node.tasks]
        return f"shared by policy: {', '.join(shares)}"
    if not is_routed(header):
        return ""
    others = [task for task in range(len(header.tasks)) if task not in node.tasks]
    if not others:
        return "one of the parallel sub-networks; every task reaches it through open gates"
    return f"one of the parallel sub-networks; no open gates lead from it to {task_names(header, others)}"


class Letters:
    """Writes groups as letters of their tasks, from left to right as in figures."""

    def __init__(self, history: History) -> None:
        looks = theme.looks(history.header)
        self._rank = {task: place for place, task in enumerate(history.order())}
        self._plain = [look.letter for look in looks]
        self._coloured = [f'<span style="color:{look.colour}"><b>{look.letter}</b></span>' for look in looks]

    def __call__(self, groups: Iterable[Group], coloured: bool = False) -> str:
        """The groups, each letter in its task's colour if wanted."""
        letters = self._coloured if coloured else self._plain
        return " | ".join(
            "+".join(letters[task] for task in sorted(group, key=self._rank.__getitem__)) for group in groups
        )
