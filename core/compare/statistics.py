"""What a few seeds can say: mean and standard deviation, and whether paired differences are more than chance.

Pure and without torch. Seeds pair runs: with one seed two methods get the same data, and first weights that are alike
where their networks are, so differences seed by seed vary less than runs do.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

MOST_FLIPPED = 20
"""Pairs up to which all signs are flipped, 2**20 patterns."""


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation (n - 1) of `n` values; None where there are too few for it."""

    n: int
    mean: float | None
    sd: float | None


@dataclass(frozen=True)
class Paired:
    """The differences of `n` pairs; None stands for what is not defined with so few of them, or without variation."""

    n: int
    mean: float | None
    sd: float | None
    low: float | None
    """The mean's 95 % confidence interval, by Student's t."""
    high: float | None
    p_t: float | None
    """Of the paired t-test, two-sided."""
    p_flips: float | None
    """Of the exact permutation test that flips the signs of differences, two-sided."""
    least_p: float | None
    """The smallest p that `p_flips` could have with so many pairs."""


def spread(values: Sequence[float]) -> Spread:
    """Mean and sample standard deviation. Raises `ValueError` for a value that is not finite.

    >>> spread([1.0, 2.0, 3.0])
    Spread(n=3, mean=2.0, sd=1.0)
    >>> spread([4.0])
    Spread(n=1, mean=4.0, sd=None)
    """
    _check(values)
    n = len(values)
    if not n:
        return Spread(0, None, None)
    mean = math.fsum(values) / n
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1)) if n > 1 else None
    return Spread(n, mean, sd)


def paired(differences: Sequence[float], confidence: float = 0.95) -> Paired:
    """What differences between pairs (one method's value less the other's, seed by seed) say about their mean.

    The t-test takes them to be normal. The permutation test takes them to be symmetric about 0 if there is no effect:
    its p is the share of all 2**n patterns of signs that give a mean as far from 0 as the one found, so with n pairs it
    cannot be below 2**(1-n); of more than `MOST_FLIPPED` pairs it is left out. Raises `ValueError` for a difference
    that is not finite, or a confidence outside of (0, 1).

    >>> found = paired([1.0, 2.0, 3.0])
    >>> found.mean, round(found.low, 3), round(found.high, 3), round(found.p_t, 4), found.p_flips, found.least_p
    (2.0, -0.484, 4.484, 0.0742, 0.25, 0.25)
    """
    if not 0 < confidence < 1:
        raise ValueError(f"`confidence` should lie between 0 and 1. Found {confidence}.")
    found, n = spread(differences), len(differences)
    if found.mean is None or found.sd is None:
        return Paired(n, found.mean, None, None, None, None, None, None)
    error = found.sd / math.sqrt(n)
    half = error * float(stdtrit(n - 1, 0.5 + confidence / 2))
    p_t = 2 * float(stdtr(n - 1, -abs(found.mean) / error)) if error > 0 else None
    flips = flipped_p(differences) if n <= MOST_FLIPPED else None
    least = 2.0 ** (1 - n) if flips is not None else None
    return Paired(n, found.mean, found.sd, found.mean - half, found.mean + half, p_t, flips, least)


def flipped_p(differences: Sequence[float]) -> float:
    """Share of all patterns of signs whose sum is as far from 0 as that of the differences as they are.

    Raises `ValueError` for none, more than `MOST_FLIPPED`, or one that is not finite.

    >>> flipped_p([1.0, 2.0, 3.0]), flipped_p([3.0, -1.0, -2.0]), flipped_p([1.0, 1.0, 1.0, 1.0])
    (0.25, 1.0, 0.125)
    """
    _check(differences)
    if not 1 <= len(differences) <= MOST_FLIPPED:
        raise ValueError(f"`differences` should be 1 to {MOST_FLIPPED}. Found {len(differences)}.")
    sums = np.zeros(1)
    for difference in differences:
        sums = np.concatenate([sums + difference, sums - difference])  # [2**k]
    # sums of the same numbers in another order differ in their last digits
    slack = 1e-12 * math.fsum(abs(difference) for difference in differences)
    return float(np.mean(np.abs(sums) >= abs(math.fsum(differences)) - slack))


def _check(values: Sequence[float]) -> None:
    if wrong := [value for value in values if not math.isfinite(value)]:
        raise ValueError(f"values should be finite. Found {wrong[0]}.")
