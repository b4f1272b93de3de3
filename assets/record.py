"""Rebuild the recorded runs in assets/runs/ and the tables made from them: `python assets/record.py`.

All methods are trained for real by `python -m core compare`, which anybody can type: three seeds of MTSL and its two
reference models, one of every other method, on `rooms` with the quick preset; and MTSL on `digits`. The first three
are measured under corruptions and shifts, too. All of it happens in assets/.recording/, one and a half hours on two
cores, and what was stopped there goes on at the next call. Then they take the
place of the recorded ones, without training states, so that each stays below 3 MB, and the tables of README.md and
METHODS.md are written from them. The same seed on the same kind of processor gives the same metrics.

`--tables` only writes the tables; METHOD ... takes over those methods alone.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUNS, WORK = ROOT / "assets" / "runs", ROOT / "assets" / ".recording"
sys.path.insert(0, str(ROOT))  # this file is started by its path

from core.compare.plan import folder_name  # noqa: E402
from core.compare.report import readme_rows, report  # noqa: E402
from core.compare.results import read_comparison  # noqa: E402
from core.detached import LOG  # noqa: E402
from core.runs import CHECKPOINTS  # noqa: E402
from core.tables import markdown_table  # noqa: E402

SEEDS = {"mtsl": (0, 1, 2), "one": (0, 1, 2), "separate": (0, 1, 2)}
ONCE = ("selective", "automtl", "snr-trans", "snr-aver", "mmoe", "ml-mmoe", "retrain", "random")
WANTED = (
    *((method, "rooms", seed) for method, seeds in SEEDS.items() for seed in seeds),
    *((method, "rooms", 0) for method in ONCE),
    ("mtsl", "digits", 0),
)
"""Method, data and seed of every recorded run."""


def recorded_name(method: str, data: str, seed: int) -> str:
    """What the recorded run is called: `mtsl-rooms`, and `mtsl-rooms-s1` for another seed than 0."""
    return f"{method}-{data}" if seed == 0 else folder_name(method, data, seed)


def compare(*options: str) -> None:
    """Let the working folder's comparison do something: train what is missing there, or measure all runs."""
    command = [sys.executable, "-m", "core", "compare", "--out", str(WORK), "--device", "cpu", *options]
    subprocess.run(command, cwd=ROOT, check=True)


def measure_robustness(run: Path, pictures: bool) -> None:
    """Measure corruptions and shifts of a run; with some pictures, which take a third of a megabyte."""
    command = [sys.executable, "-m", "core", "robustness", str(run), "--device", "cpu", "--preview-severity", "3"]
    subprocess.run([*command, "--previews", "1" if pictures else "0"], cwd=ROOT, check=True)


def take_over(method: str, data: str, seed: int) -> None:
    """Put a run that was trained in the place of the recorded one, without its training states."""
    made, target = WORK / folder_name(method, data, seed), RUNS / recorded_name(method, data, seed)
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(made, target, ignore=shutil.ignore_patterns(CHECKPOINTS, LOG, ".*"))


def tables() -> dict[str, str]:
    """File -> what stands between its two `results` marks, made from the recorded runs alone.

    All methods are in the tables; the paired tests are of those with several seeds.
    """
    everything = read_comparison(RUNS, "rooms", (*SEEDS, *ONCE))
    text, paired = report(everything, None), report(read_comparison(RUNS, "rooms", tuple(SEEDS)), "mtsl")
    whole = re.sub(r"^# .*\n", "", text).strip() + "\n\n" + paired[paired.index("## Against") :]
    return {
        "README.md": markdown_table(readme_rows(everything)),
        "METHODS.md": whole.strip().replace("## ", "### "),
    }


def write_tables() -> None:
    """Write the tables of both files."""
    for name, text in tables().items():
        before, _, after = (ROOT / name).read_text().partition("<!-- results -->\n")
        _, mark, rest = after.partition("<!-- end of results -->")
        assert mark, f"{name} has no place for results"
        (ROOT / name).write_text(f"{before}<!-- results -->\n{text}\n{mark}{rest}")


def main() -> None:
    """Train, measure, take over and write the tables, as the command line says."""
    asked = sys.argv[1:]
    if asked != ["--tables"]:
        if unknown := [method for method in asked if method not in (*SEEDS, *ONCE)]:
            raise SystemExit(f"unknown method {unknown[0]}; there are: {', '.join((*SEEDS, *ONCE))}.")
        compare("--methods", ",".join(SEEDS), "--seeds", "0,1,2", "--data", "rooms")
        compare("--methods", ",".join((*SEEDS, *ONCE)), "--seeds", "0", "--data", "rooms")
        compare("--methods", "mtsl", "--seeds", "0", "--data", "digits")
        for method, seeds in SEEDS.items():
            for seed in seeds:
                measure_robustness(WORK / folder_name(method, "rooms", seed), pictures=seed == 0)
        compare("--table", "--data", "rooms", "--measure")  # all in one sitting, so that times can be compared
        for method, data, seed in WANTED:
            if not asked or method in asked:
                take_over(method, data, seed)
    write_tables()


if __name__ == "__main__":
    main()
