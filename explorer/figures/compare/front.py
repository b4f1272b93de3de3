"""The Pareto front: which of several runs are not beaten in both size and quality by another."""

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]], higher_is_better: bool = True) -> list[int]:
    """Positions of the points (cost, quality) that no other point dominates, by rising cost.

    A point dominates another if it costs no more and is no worse, and is better in one of the two. Equal points do not
    dominate each other. One pass over the points sorted by cost.

    >>> pareto_front([(1, 0.5), (2, 0.4), (3, 0.9)])
    [0, 2]
    """
    sign = 1 if higher_is_better else -1
    order = sorted(range(len(points)), key=lambda i: (points[i][0], -sign * points[i][1], i))
    front: list[int] = []
    for position in order:
        if front:
            last = points[front[-1]]
            if sign * points[position][1] <= sign * last[1] and points[position] != last:
                continue
        front.append(position)
    return front
