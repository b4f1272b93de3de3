"""The algorithm of MTSL in eight short steps, each told with the numbers of the run that is looked at.

Every step has a place in the run to which it takes the cursor, a formula, and the same formula with the numbers at the
cursor. All steps tell of one structural phase, the first that parts the tasks, so that together they are one story; who
moves the cursor reads the same steps with other numbers. Formulas are LaTeX. No Streamlit here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from core.events import AmalgamationProgressed, NodeCreated, NodesRemoved
from explorer.lessons import numbers, places
from explorer.lessons.numbers import Lines
from explorer.moments import History

Shows = Literal["graph", "losses", "matrix", "scores"]


@dataclass(frozen=True)
class Lesson:
    """One step: what it says, its formula, and how to find place and numbers in a run."""

    title: str
    text: str
    """Markdown; of ours, so it needs no quoting."""
    formula: str
    shows: Shows
    """Which view of the run stands beside it."""
    place: Callable[[History], int | None]
    """Position of the event to which the step takes the cursor; None if the run has none."""
    numbers: Callable[[History, int], Lines]
    """The formula with the numbers up to the event at the cursor, in lines; none if they were not recorded yet."""


LESSONS = (
    Lesson(
        "Start separate",
        "Training begins with **one identical network for each task**. Nothing is shared yet, so nobody has decided "
        "anything. The first stage of every network is its *task node*: the next thing that may be shared.",
        r"P = T \sum_{s} P_s + \sum_{t} P_{\text{head}, t}",
        "graph",
        places.start,
        numbers.size_at_start,
    ),
    Lesson(
        "Learn the tasks, gently aligned",
        "In a *task-learning phase* all networks train jointly. A small **alignment** term pulls the features $F_i$ of "
        "the task nodes of a candidate group $g$ towards each other, so that similar tasks may become similar "
        "in what they compute. The structure stays as it is.",
        r"L = \sum_i L_i + \lambda \sum_{g} \bigl(1 - \overline{\mathrm{CKA}}_{i, j \in g}(F_i, F_j)\bigr)",
        "losses",
        places.learning,
        numbers.losses,
    ),
    Lesson(
        "Measure similarity",
        "A *structural-learning phase* begins. The pooled outputs of every task node on the same $n$ images are "
        "compared pair by pair with debiased linear **CKA**: 1 means the same up to rotation and scale, 0 unrelated.",
        r"\mathrm{CKA}(X, Y) = \frac{\mathrm{HSIC}(X, Y)}{\sqrt{\mathrm{HSIC}(X, X)\,\mathrm{HSIC}(Y, Y)}}",
        "matrix",
        places.measured,
        numbers.similarities,
    ),
    Lesson(
        "Group the tasks",
        "For every number of groups the **best partition** of the tasks is found. A task scores its mean similarity "
        "to the others in its group, 0 if it is alone. Chosen is the partition with the fewest groups that reaches the "
        "threshold $\\theta$; of its groups, those that score above $\\theta$ fuse.",
        r"\begin{aligned}s_t &= \frac{1}{|g| - 1} \sum_{u \in g,\, u \neq t} \mathrm{CKA}(F_t, F_u) \\"
        r"\text{score} &= \frac{1}{T} \sum_t s_t \;\geq\; \theta\end{aligned}",
        "scores",
        places.decided,
        numbers.scores,
    ),
    Lesson(
        "Create neurons",
        "For each group that fuses, a **group node** is born: as many new neurons $c_s$ as one task node of this stage "
        "has. For a while both exist, so the network is larger than before.",
        r"\begin{aligned}N' &= N + c_s \\ P' &= P + P_s\end{aligned}",
        "graph",
        places.of_story(NodeCreated, last=False),
        numbers.created,
    ),
    Lesson(
        "Let knowledge flow",
        "The group node $G$ learns to reproduce what each of its task nodes computes (**amalgamation**). A small "
        "channel coding $c_i$ per task, thrown away afterwards, may rescale its channels; everything else is frozen.",
        r"L = \sum_{i \in g} \mathrm{MSE}\bigl(F_i,\; c_i(\mathrm{GAP}(G)) \odot G\bigr)",
        "graph",
        places.of_story(AmalgamationProgressed, last=True),
        numbers.distilled,
    ),
    Lesson(
        "Remove neurons",
        "Now the task nodes of the group are **removed**, and the group node takes their place. Each of its tasks "
        "reads from it, and their next stage becomes their new task node. They may fuse again, but never with a task "
        "that took another way: the structure is a tree.",
        r"\begin{aligned}N' &= N - |g|\, c_s \\ P' &= P - |g|\, P_s\end{aligned}",
        "graph",
        places.of_story(NodesRemoved, last=True),
        numbers.removed,
    ),
    Lesson(
        "Repeat, one stage deeper",
        "Task-learning and structural-learning phases **take turns** until the schedule ends; tasks that stayed "
        "behind try again. What remains is one network whose sharing was learned while it trained.",
        r"\frac{P}{P_0} = \frac{\text{parameters now}}{\text{parameters at the start}}",
        "graph",
        places.end,
        numbers.result,
    ),
)
"""The eight steps, in order."""
