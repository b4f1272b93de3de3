"""The command line in real processes: what it prints, and one clear message for every mistake."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

NAMES = ["segmentation", "depth", "edges", "normals", "reconstruction"]


def core(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "core", *words], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("dataset", "structure", "parameters", "gmacs"),
    [
        ("cityscapes", "separate", 107_099_227, 30.86),
        ("cityscapes", "one", 21_699_419, 7.02),
        ("nyuv2", "one", 21_704_816, 7.73),
        ("nyuv2", "separate", 107_104_624, 33.80),
    ],
)
def test_inspect_gives_the_papers_sizes(dataset: str, structure: str, parameters: int, gmacs: float) -> None:
    done = core("inspect", "--backbone", "paper", "--dataset", dataset, "--structure", structure, "--json")
    found = json.loads(done.stdout)
    assert found["parameters"] == parameters
    assert found["macs"] / 1e9 == pytest.approx(gmacs, abs=0.005)
    assert found["stages"] == [[NAMES] if structure == "one" else [[name] for name in NAMES]] * 10


BRANCHING = """
DICT_CONFIG:
  BRANCHING_INFO:
    base_stem: {stage_range: [-1, -1], branches: ["segment|depth|sem_cont|sur_nor|ae"]}
    "segment|depth|sem_cont|sur_nor|ae": {stage_range: [0, 5], branches: ["segment|sem_cont|ae", "depth|sur_nor"]}
    "segment|sem_cont|ae": {stage_range: [6, 9], branches: [segment, sem_cont, ae]}
    "depth|sur_nor": {stage_range: [6, LAST], branches: [depth, sur_nor]}
"""


def test_inspect_reads_the_authors_files(tmp_path: Path) -> None:
    """The learned structure of Cityscapes, seed 1: 22.83 M parameters and 8.69 GMAC."""
    path = tmp_path / "mtsl.yaml"
    path.write_text(BRANCHING.replace("LAST", "7"))
    found = json.loads(core("inspect", "--branching", str(path), "--dataset", "cityscapes", "--json").stdout)
    assert found["parameters"] / 1e6 == pytest.approx(22.83, abs=0.005)
    assert found["macs"] / 1e9 == pytest.approx(8.69, abs=0.005)
    assert found["stages"][6] == [["segmentation", "edges", "reconstruction"], ["depth", "normals"]]
    assert found["stages"][9] == [["segmentation", "edges", "reconstruction"], ["depth"], ["normals"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            BRANCHING.replace("LAST", "12"),
            "stem `depth|sur_nor`: `stage_range` should lie in 0..9, in order. Found [6, 12].",
        ),
        (BRANCHING.replace("LAST", "7").replace("[depth, sur_nor]", "[depth]"), "the task normals is lost"),
        ("a: [", "not valid YAML"),
        ("- 1", "expected a mapping with the key BRANCHING_INFO, found list."),
    ],
)
def test_a_wrong_file_gives_one_message_and_no_traceback(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    done = core("inspect", "--branching", str(path))
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert str(path) in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("validate", "nowhere"), "expected a run folder with a run.json, found none"),
        (("resume", "nowhere"), "expected a run folder with a run.json, found none"),
        (("stop", "nowhere"), "expected a run folder with a run.json, found none"),
        (("train", "--out", "x", "--set", "training.epochs=0"), "`training.epochs`: Input should be greater than"),
        (("train", "--out", "x", "--set", "mtsl.speed=1"), "`mtsl.speed`: Extra inputs are not permitted"),
        (
            ("train", "--out", "x", "--set", "training.epochs=5"),
            "`epochs` should exceed the number of structural phases",
        ),
        (("train", "--out", "x", "--device", "tpu"), "`device` should be auto, cpu or cuda. Found 'tpu'."),
        (("inspect", "--branching", "nowhere.yaml"), "nowhere.yaml: cannot be read (No such file or directory)"),
    ],
)
def test_mistakes_are_told_in_one_message(words: tuple[str, ...], message: str) -> None:
    done = core(*words)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not (ROOT / "x").exists()


def test_help_teaches() -> None:
    shown = core("--help").stdout
    assert all(name in shown for name in ("train", "resume", "stop", "validate", "compare", "inspect", "bench"))
    assert "KEY=VALUE" in core("train", "--help").stdout
    assert "python -m core compare --methods mtsl,one,separate" in " ".join(core("compare", "--help").stdout.split())


def test_train_and_validate(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    done = core(
        *("train", "--data", "digits", "--device", "cpu", "--method", "one", "--out", str(folder)),
        *("--set", "training.epochs=1", "--set", "data.train=128", "--set", "data.val=32"),
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert sum("metrics" in line for line in lines) == 1  # one line an epoch where there is no terminal
    assert any(line.startswith("one on digits, seed 0") for line in lines)
    assert "valid" in core("validate", str(folder)).stdout
    (folder / "events.jsonl").write_text('{"kind":"run_started"}\n')
    done = core("validate", str(folder))
    assert done.returncode == 2
    assert "events.jsonl, line 1: field `run_started.step`: Field required" in done.stderr
