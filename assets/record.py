"""Rebuild the recorded runs in assets/runs/: `python assets/record.py [NAME ...]`, about six minutes on two cores.

Every run is trained for real by the command that anybody can type; the same seed on the same kind of processor gives
the same run. Training states are left out, so that a recorded run stays small. At the end the README's table of
results is printed, made from the recorded runs alone.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

RUNS = {
    "mtsl-rooms": ["--data", "rooms", "--method", "mtsl"],
    "one-rooms": ["--data", "rooms", "--method", "one"],
    "separate-rooms": ["--data", "rooms", "--method", "separate"],
    "mtsl-digits": ["--data", "digits", "--method", "mtsl"],
}


def record(name: str) -> None:
    """Train one run in a temporary folder, then put it in the place of the recorded one."""
    with tempfile.TemporaryDirectory(dir=ROOT / "assets") as folder:
        made = Path(folder) / name
        command = [sys.executable, "-m", "core", "train", "--preset", "quick", "--device", "cpu", "--seed", "0"]
        subprocess.run([*command, *RUNS[name], "--out", str(made)], cwd=ROOT, check=True)
        shutil.rmtree(made / "checkpoints")
        target = ROOT / "assets" / "runs" / name
        if target.exists():
            shutil.rmtree(target)
        made.rename(target)


def table() -> str:
    """The last metrics of the recorded runs on `rooms`, a row a method, as the README shows them."""
    sys.path.insert(0, str(ROOT))  # this file is started by its path
    from core.compare.report import readme_rows
    from core.compare.results import read_comparison
    from core.tables import markdown_table

    return markdown_table(readme_rows(read_comparison(ROOT / "assets" / "runs", "rooms")))


def main() -> None:
    """Record the runs named on the command line, or all of them."""
    names = sys.argv[1:] or list(RUNS)
    if unknown := [name for name in names if name not in RUNS]:
        raise SystemExit(f"unknown run {unknown[0]}; there are: {', '.join(RUNS)}.")
    for name in names:
        record(name)
    print(table())


if __name__ == "__main__":
    main()
