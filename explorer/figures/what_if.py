"""Two trees side by side, the recorded one and the one of another threshold or rule, and their decisions in rows."""

from collections.abc import Sequence

import plotly.graph_objects as go

from core.grouping import Rule
from core.sharing import SharingNode
from core.structure import Group, Node, Partition, Structure
from core.tables import Row
from explorer import theme, words
from explorer.figures.drawing import Drawing
from explorer.figures.facts import Letters
from explorer.figures.sharing import sharing_figure
from explorer.moments import History, Snapshot
from explorer.theme import Properties
from explorer.what_if.evidence import Evidence
from explorer.what_if.replay import Decision, Replay, Study
from explorer.what_if.trees import Tree, trees

ALT = "Sharing graph of the structure that the recorded matrices give under another threshold or rule: hypothetical."
RECORDED_ALT = "Sharing graph of the structure that the run has recorded, for comparison with the hypothetical one."

APART = "Strong outline: not in the other tree."
UNSURE = "Dotted: stands apart only because these tasks were never compared there."


def what_if_drawing(history: History, study: Study, replay: Replay, snapshot: Snapshot) -> Drawing:
    """The hypothetical tree of `replay`, ready to be shown and exported."""
    return Drawing(
        key="what-if",
        title="What-if sharing graph (hypothetical)",
        figure=what_if_figure(history, study, replay, snapshot),
        alt=ALT,
        caption=f"Hypothetical sharing graph of {words.run_title(history.header)} {after(replay)}, by "
        f"{setting(study, replay)}, replayed on the recorded similarities without training. {known(replay)} {APART} "
        f"{UNSURE}",
        rows=lambda: stage_rows(history, study, replay),
    )


def recorded_drawing(history: History, study: Study, replay: Replay, snapshot: Snapshot) -> Drawing:
    """The recorded tree beside it, ready to be shown and exported."""
    return Drawing(
        key="recorded-tree",
        title="Recorded sharing graph",
        figure=recorded_figure(history, study, replay, snapshot),
        alt=RECORDED_ALT,
        caption=f"Sharing graph of {words.run_title(history.header)} {after(replay)}, as recorded. {APART}",
        rows=lambda: stage_rows(history, study, replay),
    )


def what_if_figure(history: History, study: Study, replay: Replay, snapshot: Snapshot) -> go.Figure:
    """The tree of `replay` after its last phase, in a dashed frame and named hypothetical in the figure.

    Nodes that the recorded tree lacks have a strong outline; those that stand apart from others only for pairs that
    were never measured are dotted.
    """
    structure, other = study.structure(replay.nodes), study.structure(replay.recorded)
    moment = _moment(study, snapshot, structure, other)
    unsure, letters = replay.unsure(structure), Letters(history)
    asked: dict[int, list[Decision]] = {}
    for decision in (one for step in replay.steps for one in step.decisions if one.fused is not None):
        asked.setdefault(decision.stage, []).append(decision)

    def facts(node: SharingNode) -> str:
        why = _reason(letters, asked.get(node.stage, ()), node)
        return _facts(history, node, why, Node(node.stage, node.tasks) in unsure)

    figure = sharing_figure(history, moment, facts=facts, unsure=unsure)
    frame: Properties = {
        "type": "rect",
        "xref": "paper",
        "yref": "paper",
        "x0": 0.015,
        "x1": 0.998,
        "y0": 0.002,
        "y1": 1,
        "line": {"color": theme.ACCENT, "width": 1.5, "dash": "dash"},
        "fillcolor": theme.see_through(theme.ACCENT, 0.05),
        "layer": "below",
        "name": "hypothetical",
    }
    figure.update_layout(shapes=[*figure.layout.shapes, frame])
    title = f"<b>hypothetical</b> · {setting(study, replay)} · {after(replay)}"
    return figure.update_layout(title={"text": title, "font": {"color": theme.ACCENT}})


def recorded_figure(history: History, study: Study, replay: Replay, snapshot: Snapshot) -> go.Figure:
    """The recorded tree after the same phases; nodes that the hypothetical tree lacks have a strong outline."""
    structure, other = study.structure(replay.recorded), study.structure(replay.nodes)
    figure = sharing_figure(history, _moment(study, snapshot, structure, other))
    return figure.update_layout(title={"text": f"recorded · {words.run_title(history.header)} · {after(replay)}"})


def stage_rows(history: History, study: Study, replay: Replay) -> list[Row]:
    """Who shares each stage, recorded and hypothetical, last stage first."""
    structure, other = study.structure(replay.nodes), study.structure(replay.recorded)
    unsure, letters = replay.unsure(structure), Letters(history)
    return [
        {
            "Stage": words.stage_name(history.header, stage),
            "Recorded": letters(other.stages[stage]),
            "What if": letters(structure.stages[stage]),
            "Differs": "differs" if structure.stages[stage] != other.stages[stage] else "",
            "Rests on unmeasured pairs": "yes" if any(node.stage == stage for node in unsure) else "",
        }
        for stage in reversed(range(study.n_stages))
    ]


def decision_rows(history: History, replay: Replay) -> list[Row]:
    """Every decision of the replay beside the recorded one, phase by phase."""
    letters = Letters(history)
    return [
        {
            "Phase": decision.phase,
            "Stage": words.stage_name(history.header, decision.stage),
            "Candidates": letters((decision.tasks,)),
            "Recorded": _outcome(letters, decision.recorded),
            "What if": _outcome(letters, decision.fused),
            "Differs": "differs" if decision.changed else "",
            "Similarities": _evidence(letters, decision.evidence),
        }
        for step in replay.steps
        for decision in step.decisions
    ]


def tree_rows(history: History, study: Study, rule: Rule | None) -> list[Row]:
    """Every final tree with the thresholds between which it stands, its size, and what it lacks of the one before."""
    rows: list[Row] = []
    letters = Letters(history)
    before: Tree | None = None
    for tree in trees(study, rule):
        lost = [node for node in (before.nodes if before else ()) if node not in tree.nodes]
        gained = [node for node in tree.nodes if before and node not in before.nodes]

        rows.append(
            {
                "From": tree.low,
                "To": tree.high,
                "Nodes": tree.counts.nodes,
                "Parameters": tree.counts.parameters,
                "MACs": tree.counts.macs,
                "Group nodes lost": _named_nodes(history, letters, lost),
                "Group nodes gained": _named_nodes(history, letters, gained),
            }
        )
        before = tree
    return rows


def setting(study: Study, replay: Replay) -> str:
    """Threshold and rule of a replay in words."""
    threshold = study.threshold if replay.threshold is None else replay.threshold
    return f"threshold {words.threshold(threshold)}, {replay.rule or study.rule}"


def after(replay: Replay) -> str:
    """How far a replay goes, in words."""
    return f"after phase {replay.steps[-1].phase}" if replay.steps else "before the first decision"


def known(replay: Replay) -> str:
    """How far the outcome of a replay is known, in one or two sentences."""
    if replay.parted is None:
        return "Every decision is as recorded."
    later = any(step.phase > replay.parted for step in replay.steps)
    rest = " What follows is an estimate: from there on the matrices come from the network as it was recorded."
    return f"Exact up to the decisions of phase {replay.parted}, the first to differ.{rest if later else ''}"


def _named_nodes(history: History, letters: Letters, nodes: Sequence[Node]) -> str:
    """Some group nodes in words."""
    shown = [f"{words.stage_name(history.header, stage)} {letters((group,))}" for stage, group in nodes[:4]]
    return ", ".join(shown) + (f" and {len(nodes) - 4} more" if len(nodes) > 4 else "")


def _moment(study: Study, snapshot: Snapshot, structure: Structure, other: Structure) -> Snapshot:
    """`structure` as a moment whose new nodes are those that `other` lacks."""
    created = other.difference(structure).created
    return Snapshot(snapshot.index, snapshot.event, snapshot.role, study.graph(structure), (), created, ())


def _facts(history: History, node: SharingNode, why: str, unsure: bool) -> str:
    header = history.header
    size = f"{node.neurons} neurons · {words.count(node.parameters)} parameters · {words.count(node.macs)} MACs"
    if node.kind == "head":
        return f"<b>head of {words.task_names(header, node.tasks)}</b><br>{size}<br>never shared"
    name = f"<b>{words.stage_name(header, node.stage)}</b> · {words.task_names(header, node.tasks)} · hypothetical"
    doubt = "<br>with others it was never measured at this stage" if unsure else ""
    return f"{name}<br>{node.kind} · {size}<br>{why}{doubt}"


def _reason(letters: Letters, asked: Sequence[Decision], node: SharingNode) -> str:
    """Why a node stands, by the decisions `asked` at its stage."""
    about = [one for one in asked if set(node.tasks) <= set(one.tasks)]
    if not about:
        return "shared from the start" if len(node.tasks) > 1 else "never compared so far"
    made = next((one for one in about if node.tasks in (one.fused or ())), None)
    if made is None:
        return f"stays apart in phase {about[-1].phase} · {_evidence(letters, about[-1].evidence)}"
    found = f"would fuse in phase {made.phase}: mean similarity {_mean(made, node.tasks)}"
    return f"{found} · {_evidence(letters, made.evidence)}"


def _mean(decision: Decision, group: Group) -> str:
    places = [decision.tasks.index(task) for task in group]
    matrix = decision.evidence.matrix if decision.evidence else ()
    found = [matrix[one][other] for one in places for other in places if one < other]
    values = [value for value in found if value is not None]
    return f"{sum(values) / len(values):.3f}" if values else words.NOT_DEFINED


def _evidence(letters: Letters, evidence: Evidence | None) -> str:
    """Where the similarities of a decision come from."""
    if evidence is None:
        return ""
    phases = ", ".join(map(str, evidence.phases))
    pairs = ", ".join(map(letters, ((pair,) for pair in evidence.missing[:4])))
    more = f" and {len(evidence.missing) - 4} more pairs" if len(evidence.missing) > 4 else ""
    return {
        "measured": "measured in this phase",
        "part": "part of a larger group, this phase",
        "moved": f"matrix of phase {phases}",
        "mixed": f"pieced together from phases {phases}",
        "partly": f"partly known (phases {phases}); never measured: {pairs}{more}",
        "unmeasured": "not measured, so they stay apart",
    }[evidence.kind]


def _outcome(letters: Letters, groups: Partition | None) -> str:
    if groups is None:
        return "not asked"
    return letters(groups) if groups else "nothing fuses"
