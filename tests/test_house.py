"""The house itself: who imports whom, what loads without torch, and that the README says what is true."""

import ast
import os
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from core.events import EpochFinished, Evaluated, StructureChanged
from core.runs import ARRAYS, find_runs, validate_run

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()

TORCH_FREE = (
    "structure",
    "branching",
    "sharing",
    "grouping",
    "flips",
    "config",
    "events",
    "runs",
    "heartbeat",
    "provenance",
    "checkpoints",
    "schedule",
    "fork",
    "detached",
    "queue",
    "tasks",
    "delta",
    "found",
    "latency",
    "signals",
    "tables",
    "compare.plan",
    "compare.work",
    "compare.report",
    "compare.command",
    "lines",
    "weights",
    "robustness.records",
    "robustness.measures",
    "robustness.settings",
)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield node.module or ""


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def test_imports_go_one_way() -> None:
    for path in sources("core"):
        for name in imports(path):
            assert name.split(".")[0] not in {"streamlit", "plotly", "explorer"}, f"{path} imports {name}"
    for path in sources("explorer/figures"):
        for name in imports(path):
            assert name.split(".")[0] not in {"streamlit", "torch"}, f"{path} imports {name}"
    for path in sources("explorer/export"):
        for name in imports(path):
            assert name.split(".")[0] != "streamlit", f"{path} imports {name}"
    for path in sources("explorer"):
        for name in imports(path):
            assert name.split(".")[0] not in {"torch", "torchvision"}, f"{path} imports {name}"


@pytest.mark.parametrize("path", [p for f in ("core", "explorer") for p in sources(f)], ids=str)
def test_modules_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 350


def test_looking_at_a_run_needs_no_torch() -> None:
    names = [f"core.{name}" for name in TORCH_FREE]
    names += [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in sources("explorer/figures")]
    script = f"import sys\nfor name in {names!r}: __import__(name)\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


def test_every_engine_module_imports_alone() -> None:
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in sources("core")]
    names = [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]
    for start in range(0, len(names), 12):  # a few processes, so that no module leans on a neighbour's import
        script = "\n".join(f"import {name}" for name in reversed(names[start : start + 12]))
        subprocess.run([sys.executable, "-W", "error", "-c", script], cwd=ROOT, check=True)


@pytest.mark.parametrize("folder", find_runs(ROOT / "assets" / "runs"), ids=lambda folder: folder.name)
def test_recorded_runs_are_whole_and_small(folder: Path) -> None:
    run = validate_run(folder)
    assert run.state() == "finished"
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 3 * 2**20
    assert any((folder / ARRAYS).iterdir())
    assert [e for e in run.events if isinstance(e, EpochFinished)]
    assert [e for e in run.events if isinstance(e, Evaluated)]


def test_the_recorded_run_tells_a_story() -> None:
    """Shared by all at the bottom, parted into groups further up: the outcome that `quick` promises."""
    run = validate_run(ROOT / "assets" / "runs" / "mtsl-rooms")
    partitions = [event for event in run.events if isinstance(event, StructureChanged)][-1].partitions
    assert partitions is not None
    assert any(len(partition) == 1 for partition in partitions)
    assert any(len(partition) > 1 and max(map(len, partition)) > 1 for partition in partitions)


def test_readme_commands_are_those_of_the_house() -> None:
    """Paths and options that the README's commands name exist."""
    commands = [line for block in re.findall(r"```(?:bash|sh)\n(.*?)```", README, re.S) for line in block.splitlines()]
    assert any("streamlit run explorer/app.py" in command for command in commands)
    assert any(command.endswith("python -m pytest") for command in commands)
    for command in commands:
        for part in command.split("&&"):
            words = shlex.split(part, comments=True)
            for word in words:
                if re.fullmatch(r"(explorer|tests|assets|core)/[\w./-]+|requirements\.txt", word):
                    assert (ROOT / word).exists(), f"README: {word} does not exist"
            if words[:3] == ["python", "-m", "core"]:
                name, options = words[3], [word.split("=")[0] for word in words if word.startswith("--")]
                shown = subprocess.run(
                    [sys.executable, "-m", "core", name, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
                ).stdout
                for option in options:
                    assert option in shown, f"README: `{name}` has no option {option}"


@pytest.mark.parametrize("name", ["README.md", "METHODS.md"])
def test_results_are_those_of_the_recorded_runs(name: str) -> None:
    tables = runpy.run_path(str(ROOT / "assets" / "record.py"))["tables"]()
    assert f"<!-- results -->\n{tables[name]}\n<!-- end of results -->" in (ROOT / name).read_text()


def test_readme_links_and_pictures_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), f"README: {target} does not exist"


def test_one_place_for_every_tool() -> None:
    """Pre-commit runs what CI runs, and CI runs the README's command."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    ci = (ROOT / ".ci" / "run").read_text()
    for hook in hooks:
        assert hook["entry"] in ci
    marked = README.split("<!-- test command -->")[1].split("<!-- end -->")[0]
    assert "pip install -r requirements.txt -r tests/requirements.txt && python -m pytest" in marked


def test_every_requirement_has_bounds_and_a_reason() -> None:
    for file in ("requirements.txt", "tests/requirements.txt"):
        lines = [line for line in (ROOT / file).read_text().splitlines() if line and not line.startswith("#")]
        for line in lines:
            assert ">=" in line, line
            assert "<" in line, line
            assert "#" in line or line.startswith("torch"), line  # torch and its sibling share one comment above


def test_the_readmes_example_writes_a_valid_run(tmp_path: Path) -> None:
    example = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(example) == 1
    subprocess.run(
        [sys.executable, "-c", example[0]], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True
    )
    run = validate_run(tmp_path / "runs" / "mine")
    assert [event.kind for event in run.events] == ["run_started", "similarity_measured", "evaluated", "run_finished"]
