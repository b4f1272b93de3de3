"""The tables of a comparison as rows, and the sentences that belong below them (no torch)."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.compare.measures import UNDEFINED, Measure, Table, cell, measures, number, steady_cell, values
from core.compare.plan import BASELINE
from core.compare.results import Comparison, Result
from core.compare.statistics import MOST_FLIPPED, Paired, paired
from core.summary import duration
from core.tables import Row


@dataclass(frozen=True)
class Pairing:
    """One measure of one method against another method, over the seeds that both have."""

    method: str
    measure: Measure
    seeds: tuple[int, ...]
    found: Paired


def rows_of(comparison: Comparison, table: Table) -> list[Row]:
    """One row a method: mean ± standard deviation over its finished runs; of robustness only where it was measured."""
    columns = [measure for measure in measures(comparison) if measure.table == table]
    rows: list[Row] = []
    for method in comparison.methods:
        if table == "robustness" and not any(run.corrupted for run in comparison.of(method)):
            continue
        row: Row = {"method": method, "runs": _runs(comparison.of(method))}
        for measure in columns:
            row[measure.title] = _cell(comparison, method, measure)
        rows.append(row)
    return rows if columns else []


def _cell(comparison: Comparison, method: str, measure: Measure) -> str:
    found = values(comparison, method, measure)
    if not found:
        return "no run"
    return (steady_cell if measure.table in ("size and speed", "budget") else cell)(found, measure.absent)


def pairings(comparison: Comparison, against: str) -> list[Pairing]:
    """Every method against another one: Δm and the key metric of each task, seed by seed."""
    judged = [measure for measure in measures(comparison) if measure.table == "quality"]
    judged.sort(key=lambda measure: measure.key != "delta_m")
    found = []
    for method in comparison.methods:
        if method == against:
            continue
        for measure in judged:
            pairs: dict[int, float] = {
                seed: ours - theirs
                for seed in comparison.seeds
                if (ours := _value(comparison.results[method, seed], measure)) is not None
                and (theirs := _value(comparison.results[against, seed], measure)) is not None
            }
            found.append(Pairing(method, measure, tuple(pairs), paired([*pairs.values()])))
    return found


def _value(run: Result, measure: Measure) -> float | None:
    return measure.value(run) if run.counts else None


def pairing_rows(found: Sequence[Pairing]) -> list[Row]:
    """The tests for people; methods without any pair are left to the notes."""
    alone = _alone(found)
    return [
        {
            "method": pairing.method,
            "measure": pairing.measure.title,
            "pairs": pairing.found.n,
            "mean difference": UNDEFINED if pairing.found.mean is None else signed(pairing.found.mean),
            "95 % interval": _interval(pairing.found),
            "p, paired t": _p(pairing.found.p_t),
            "p, sign flips": _p(pairing.found.p_flips),
            "reads as": verdict(pairing),
        }
        for pairing in found
        if pairing.method not in alone
    ]


def _alone(found: Sequence[Pairing]) -> list[str]:
    """The methods that have no seed in common with the other one."""
    pairs: dict[str, int] = {}
    for pairing in found:
        pairs[pairing.method] = pairs.get(pairing.method, 0) + pairing.found.n
    return [method for method, n in pairs.items() if not n]


def verdict(pairing: Pairing) -> str:
    """What the confidence interval says: better, worse, or that the two cannot be told apart."""
    found = pairing.found
    if found.low is None or found.high is None:
        return "too few pairs"
    if found.low <= 0 <= found.high:
        return "not told apart"
    return "better" if (found.low > 0) == (pairing.measure.direction == "higher") else "worse"


def signed(value: float) -> str:
    """A difference with its sign.

    >>> signed(0.01234), signed(-2.0), signed(0.0)
    ('+0.01234', '−2', '0')
    """
    return f"{value:+.4g}".replace("-", "−") if value else "0"


def _interval(found: Paired) -> str:
    return UNDEFINED if found.low is None or found.high is None else f"{signed(found.low)} to {signed(found.high)}"


def _p(value: float | None) -> str:
    return UNDEFINED if value is None else f"{value:.2g}"


def _runs(found: Sequence[Result]) -> str:
    counted = sum(run.counts for run in found)
    return str(counted) if counted == len(found) else f"{counted} of {len(found)}"


# ---- sentences ------------------------------------------------------------------------------------------------------


def robustness_notes() -> list[str]:
    """What the columns of robustness are."""
    return [
        "15 common corruptions at five severities (Hendrycks & Dietterich 2019). rPC: the mean key metric under them, "
        "in percent of the clean one, turned over where lower is better (Michaelis et al. 2019). mCE: errors under "
        f"them over those of `{BASELINE}` with the same seed, mean over corruptions and tasks; below 100 is better."
    ]


def quality_notes(comparison: Comparison) -> list[str]:
    """What the metrics are, what is missing among them, and what is not defined."""
    judged = [measure for measure in measures(comparison) if measure.table in ("quality", "other metrics")]
    judged = [measure for measure in judged if measure.key != "delta_m"]  # which follows from the others
    notes = [
        "Metrics on validation images after the last epoch: mean ± sample standard deviation (n − 1) over the finished "
        f"runs; one run has no deviation. Seeds: {', '.join(map(str, comparison.seeds))}."
    ]
    if BASELINE in comparison.methods:
        notes.append(
            f"Δm: mean over tasks of the relative gain of the key metric over `{BASELINE}` with the same seed."
        )
    else:
        notes.append(f"Δm is undefined: there are no runs of `{BASELINE}`, which it is measured against.")
    if missing := _missing(comparison):
        notes.append(f"Missing: {missing}.")
    for run in comparison.results.values():
        if run.state == "missing":
            continue
        if not run.counts:
            notes.append(f"Not counted: {run.name}, {run.ending}.")
            continue
        lost = [
            measure.title
            for measure in measures(comparison)
            if measure.table in ("quality", "other metrics")
            and measure.key != "delta_m"
            and _value(run, measure) is None
        ]
        if lost:
            notes.append(f"Undefined for {run.name}: {', '.join(lost)}.")
    return [*notes, *comparison.oddities]


def _missing(comparison: Comparison) -> str:
    """Runs of which there is no trace, by method; seeds that the same methods lack are named once."""
    of_seeds: dict[tuple[int, ...], list[str]] = {}
    for method in comparison.methods:
        if seeds := tuple(run.seed for run in comparison.of(method) if run.state == "missing"):
            of_seeds.setdefault(seeds, []).append(method)
    return "; ".join(
        f"{', '.join(methods)}, seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
        for seeds, methods in of_seeds.items()
    )


def budget_notes(comparison: Comparison) -> list[str]:
    """Whether all methods had the same budget, in epochs and in optimizer steps."""
    notes = []
    for title, amounts in (
        ("epochs", {m: {run.epochs for run in comparison.of(m) if run.counts} for m in comparison.methods}),
        ("optimizer steps", {m: {run.steps for run in comparison.of(m) if run.counts} for m in comparison.methods}),
    ):
        known = {method: found for method, found in amounts.items() if found}
        if len(set().union(*known.values())) == 1:
            notes.append(f"All runs had the same number of {title}: {number(min(min(known.values())))}.")
        elif known:
            said = ", ".join(f"{method} {' or '.join(map(number, sorted(of)))}" for method, of in known.items())
            notes.append(f"The number of {title} differs: {said}.")
    more = sorted({run.method for run in comparison.results.values() if run.counts and run.amalgamation})
    if more:
        notes.append(
            f"Beside its epochs, {' and '.join(more)} distils single layers; each pass of that is one over the data, "
            "and none counts as an epoch or a step."
        )
    total = sum(run.seconds for run in comparison.results.values())
    notes.append(f"Training times ({duration(total)} in all) depend on what else the machine did meanwhile.")
    return notes


def speed_notes(comparison: Comparison) -> list[str]:
    """How latency was measured, and whether it was so for all."""
    measured = [run.latency for run in comparison.results.values() if run.latency and run.counts]
    notes = [
        "Parameters and MACs are those of the network that a finished run serves, heads included."
        + ("" if measured else " Latency was not measured; `--measure` does it.")
    ]
    if not measured:
        return notes
    machine = measured[0].machine
    batch = measured[0].timed[-1].batch
    notes.append(
        "Latency: median of a pass that answers all tasks, runs measured one after the other; throughput in batches of "
        f"{batch}. On {machine.processor}, {machine.threads} CPU thread{'s' if machine.threads > 1 else ''}, "
        f"precision {machine.precision}, torch {machine.versions.get('torch', 'unknown')}."
    )
    if len({found.machine.model_dump_json() for found in measured}) > 1:
        notes.append("Not all runs were measured on the same machine in the same way; their times are not comparable.")
    elif len({found.sitting for found in measured}) > 1:
        notes.append("Not all runs were measured in one go; compare their times with care, or use `--measure`.")
    loads = [found.load for found in measured if found.load is not None]
    if loads and max(loads) > 1.5 * machine.cores:
        notes.append("The machine was busy meanwhile, so times are too long.")
    return notes


def pairing_notes(found: Sequence[Pairing]) -> list[str]:
    """What the tests can say with so few seeds."""
    most = max((pairing.found.n for pairing in found), default=0)
    notes = [
        "Differences are paired by seed. Intervals and the t-test take them to be normal; the other test flips their "
        "signs in all ways and takes them to be symmetric."
    ]
    if alone := _alone(found):
        notes.append(f"Without a pair, as no seed of both is finished: {', '.join(alone)}.")
    if most < 2:
        return [*notes, "With fewer than two seeds that both methods have, nothing can be tested."]
    if most <= MOST_FLIPPED:
        notes.append(f"With {most} pairs the smallest possible p of the sign flips is {2.0 ** (1 - most):.2g}.")
    notes.append(f"No p is corrected for the {sum(pairing.found.n > 1 for pairing in found)} comparisons made.")
    return notes
