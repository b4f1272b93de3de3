"""Where decisions flip: the outcomes of every recorded decision over the threshold, and the tree that comes of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from core.flips import Outcome
from core.grouping import Rule
from core.structure import Candidate, Partition
from core.tables import Row
from explorer import theme, words
from explorer.figures.drawing import Drawing
from explorer.figures.facts import Letters
from explorer.focus import Focus
from explorer.moments import History
from explorer.theme import Properties
from explorer.what_if.replay import Study, named
from explorer.what_if.trees import Tree, threshold_range, tree_at, trees

ALT = (
    "Above, the parameters of the final network over the threshold, as stairs; below, one bar a recorded decision over "
    "the same threshold, cut where its outcome changes, with the groups that fuse as letters."
)
MOST_ROWS = 40
_ROW, _STAIRS, _GAP, _AROUND = 24, 130, 34, 96
_LETTER = 0.011  # share of the axis that a letter needs

_STYLES: dict[str, Properties] = {
    "nothing fuses": {"color": "rgba(0,0,0,0)"},
    "some fuse": {
        "color": "rgba(0,0,0,0)",
        "pattern": {"shape": "/", "size": 7, "solidity": 0.25, "fgcolor": theme.NEUTRAL, "fillmode": "overlay"},
    },
    "all fuse into one": {"color": theme.FAINT},
}


@dataclass(frozen=True)
class Line:
    """One recorded decision and all its outcomes."""

    phase: int
    candidate: Candidate
    outcomes: tuple[Outcome, ...]
    current: bool
    """Whether it is the last one up to the cursor."""


@dataclass(frozen=True)
class Piece:
    """One outcome of a decision in its row, cut to the axis."""

    row: int
    line: Line
    low: float
    high: float
    groups: Partition

    @property
    def kind(self) -> str:
        """Which of `_STYLES` it has."""
        if self.groups == (self.line.candidate.tasks,):
            return "all fuse into one"
        return "some fuse" if self.groups else "nothing fuses"


def flips_drawing(
    history: History, study: Study, index: int, threshold: float, rule: Rule | None, focus: Focus
) -> Drawing:
    """Flip points of the decisions and of the final tree, ready to be shown and exported."""
    shown, all_lines = _shown(study, index, rule, focus), len(_lines(study, index, rule))
    some = f" {len(shown)} of {all_lines} decisions, {_which(history, focus)}." if len(shown) < all_lines else ""
    return Drawing(
        key="flips",
        title="Flip points",
        figure=flips_figure(history, study, index, threshold, rule, focus),
        alt=ALT,
        caption=f"Parameters of the final network (top) and outcome of each recorded decision (bars) over the "
        f"threshold, {rule or study.rule}, {words.run_title(history.header)}. Letters: groups that fuse; filled: all "
        f"candidates into one; hatched: some; empty: nothing fuses. Solid line: recorded threshold; dashed: what-if."
        f"{some}",
        rows=lambda: flip_rows(history, study, rule),
    )


def flips_figure(
    history: History, study: Study, index: int, threshold: float, rule: Rule | None, focus: Focus
) -> go.Figure:
    """Stairs of the final tree's parameters above one bar a decision; both over the threshold.

    At most `MOST_ROWS` decisions are drawn: of the picked stage, else those around the event at `index`.
    """
    low, high = threshold_range(study, rule, threshold)
    lines = _shown(study, index, rule, focus)
    letters = Letters(history)
    height = _ROW * max(len(lines), 1) + _STAIRS + _GAP + _AROUND
    inside = height - _AROUND
    pieces = _pieces(lines, (low, high))
    traces = [_bars(history, pieces, name, style) for name, style in _STYLES.items()]
    traces.append(_texts(history, pieces, high - low))
    found = trees(study, rule)
    traces += [_stairs(found, (low, high)), _spots(found, (low, high))]
    here = found[tree_at(found, threshold)]
    traces.append(
        {
            "type": "scatter",
            "x": [threshold],
            "y": [here.counts.parameters],
            "yaxis": "y2",
            "mode": "markers",
            "marker": {"symbol": "diamond", "size": 10, "color": theme.ACCENT},
            "hoverinfo": "skip",
            "name": "what-if tree",
            "showlegend": False,
        }
    )
    layout: Properties = {
        "xaxis": theme.axis("threshold (least similarity to fuse)", range=[low, high], anchor="y"),
        "yaxis": theme.axis(
            "decision: phase · stage · candidates",
            domain=[0, 1 - (_STAIRS + _GAP) / inside],
            tickvals=list(range(len(lines))),
            ticktext=[_label(history, letters, line, focus) for line in lines],
            range=[len(lines) - 0.4, -0.6],
            ticklabelstandoff=4,
            showgrid=False,
        ),
        "yaxis2": theme.axis(
            "parameters", domain=[1 - _STAIRS / inside, 1], anchor="x", rangemode="tozero", nticks=5, tickformat="~s"
        ),
        "annotations": _names(study.threshold, threshold, 1 - (_STAIRS + _GAP / 2) / inside),
        "barmode": "overlay",
        "bargap": 0,
    }
    shapes = [
        _line(study.threshold, "recorded", theme.NEUTRAL, "solid"),
        _line(threshold, "what if", theme.ACCENT, "dash"),
    ]
    return theme.figure(traces, layout, height, f"{words.run_title(history.header)} · {rule or study.rule}", shapes)


def flip_rows(history: History, study: Study, rule: Rule | None) -> list[Row]:
    """Every outcome of every recorded decision with the thresholds between which it holds."""
    letters = Letters(history)
    return [
        {
            "Phase": line.phase,
            "Stage": words.stage_name(history.header, line.candidate.stage),
            "Candidates": letters((line.candidate.tasks,)),
            "From": max(outcome.low, -1.0),
            "To": min(outcome.high, 1.0),
            "Fuses": letters(named(outcome.fused, line.candidate)) or "nothing",
        }
        for line in _lines(study, -1, rule)
        for outcome in line.outcomes
        if outcome.high > -1 and outcome.low < 1
    ]


def _lines(study: Study, index: int, rule: Rule | None) -> list[Line]:
    """All recorded decisions in order."""
    found = [(phase, candidate) for phase, decided in sorted(study.decided.items()) for candidate in sorted(decided)]
    past = [place for place, (phase, _) in enumerate(found) if study.indices[phase] <= index]
    return [
        Line(phase, candidate, study.flips(phase, candidate, rule).outcomes, bool(past) and place == past[-1])
        for place, (phase, candidate) in enumerate(found)
    ]


def _shown(study: Study, index: int, rule: Rule | None, focus: Focus) -> list[Line]:
    """The decisions that the figure has room for."""
    lines = _lines(study, index, rule)
    if len(lines) > MOST_ROWS and focus.stage is not None:
        lines = [line for line in lines if line.candidate.stage == focus.stage] or lines
    middle = next((place for place, line in enumerate(lines) if line.current), 0)
    first = max(0, min(middle - MOST_ROWS // 2, len(lines) - MOST_ROWS))
    return lines[first : first + MOST_ROWS]


def _which(history: History, focus: Focus) -> str:
    if focus.stage is not None:
        return f"those of {words.stage_name(history.header, focus.stage)}"
    return "those around the cursor; pick a stage to see its own"


def _pieces(lines: Sequence[Line], ends: tuple[float, float]) -> list[Piece]:
    """Every outcome of the decisions that lies within the axis."""
    found = []
    for row, line in enumerate(lines):
        for outcome in line.outcomes:
            low, high = max(outcome.low, ends[0]), min(outcome.high, ends[1])
            if low < high:
                found.append(Piece(row, line, low, high, named(outcome.fused, line.candidate)))
    return found


def _bars(history: History, pieces: Sequence[Piece], name: str, style: Properties) -> Properties:
    """All outcomes of one kind, as pieces of bars."""
    kept = [piece for piece in pieces if piece.kind == name]
    return {
        "type": "bar",
        "orientation": "h",
        "y": [piece.row for piece in kept],
        "x": [piece.high - piece.low for piece in kept],
        "base": [piece.low for piece in kept],
        "width": 0.78,
        "marker": {"line": {"color": theme.NEUTRAL, "width": 1}, **style},
        "customdata": [
            [
                Focus(*piece.line.candidate).mark(),
                f"phase {piece.line.phase} · {words.stage_name(history.header, piece.line.candidate.stage)}<br>"
                f"threshold {words.threshold(piece.low)} to {words.threshold(piece.high)}: "
                + (" | ".join(words.task_names(history.header, group) for group in piece.groups) or "nothing fuses"),
            ]
            for piece in kept
        ],
        "hovertemplate": "%{customdata[1]}<extra></extra>",
        "name": name,
        "showlegend": True,
    }


def _texts(history: History, pieces: Sequence[Piece], width: float) -> Properties:
    """The groups that fuse as letters, where a piece has room for them."""
    letters = Letters(history)
    kept = [
        piece
        for piece in pieces
        if piece.groups and piece.high - piece.low > _LETTER * width * (len(letters(piece.groups)) + 1)
    ]
    return {
        "type": "scatter",
        "x": [piece.low for piece in kept],
        "y": [piece.row for piece in kept],
        "mode": "text",
        "text": [f" {letters(piece.groups, coloured=True)}" for piece in kept],
        "textposition": "middle right",
        "textfont": {"size": theme.SMALL_TEXT},
        "hoverinfo": "skip",
        "name": "letters",
        "showlegend": False,
    }


def _stairs(found: Sequence[Tree], ends: tuple[float, float]) -> Properties:
    """Parameters of the final tree over the threshold."""
    seen = [tree for tree in found if tree.high > ends[0] and tree.low < ends[1]]
    return {
        "type": "scatter",
        "x": [max(seen[0].low, ends[0]), *(tree.low for tree in seen[1:]), ends[1]],
        "y": [*(tree.counts.parameters for tree in seen), seen[-1].counts.parameters],
        "yaxis": "y2",
        "mode": "lines",
        "line": {"shape": "hv", "color": theme.NEUTRAL, "width": 2},
        "hoverinfo": "skip",
        "name": "final tree",
        "showlegend": False,
    }


def _spots(found: Sequence[Tree], ends: tuple[float, float]) -> Properties:
    """What the pointer finds on each stair."""
    seen = [tree for tree in found if tree.high > ends[0] and tree.low < ends[1]]
    return {
        "type": "scatter",
        "x": [(max(tree.low, ends[0]) + min(tree.high, ends[1])) / 2 for tree in seen],
        "y": [tree.counts.parameters for tree in seen],
        "yaxis": "y2",
        "mode": "markers",
        "marker": {"size": 6, "color": theme.NEUTRAL},
        "text": [
            f"threshold {words.threshold(tree.low)} to {words.threshold(tree.high)}<br>{tree.counts.nodes} nodes · "
            f"{words.count(tree.counts.parameters)} parameters · {words.count(tree.counts.macs)} MACs"
            for tree in seen
        ],
        "hovertemplate": "%{text}<extra></extra>",
        "name": "trees",
        "showlegend": False,
    }


def _line(x: float, name: str, colour: str, dash: str) -> Properties:
    line = {"color": colour, "width": 2, "dash": dash}
    return {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": line, "name": name}


def _names(recorded: float, asked: float, y: float) -> list[Properties]:
    """What the two lines are, each on its outer side, between the panels; one name where they are one line."""
    lines = [(recorded, "recorded", theme.NEUTRAL)]
    if asked != recorded:
        lines.append((asked, "what if", theme.ACCENT))
    return [
        {
            "text": f"{name} {words.threshold(x)}",
            "x": x,
            "y": y,
            "yref": "paper",
            "xanchor": "left" if x == max(recorded, asked) else "right",
            "yanchor": "middle",
            "showarrow": False,
            "font": {"size": theme.SMALL_TEXT, "color": colour},
        }
        for x, name, colour in lines
    ]


def _label(history: History, letters: Letters, line: Line, focus: Focus) -> str:
    stage, tasks = line.candidate
    group = "all" if len(tasks) == len(history.header.tasks) else letters((tasks,))
    text = f"{line.phase} · {words.stage_name(history.header, stage)} · {group}"
    return f"<b>{text}</b>" if line.current or focus.has(stage, tasks) else text
