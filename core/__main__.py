"""The command line: `python -m core --help`."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape

from core.config import Method

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Multi-Task Structural Learning: train it, look into it, measure it. "
    "Start with: python -m core train --data digits --out runs/first",
)
errors = Console(stderr=True, highlight=False)

Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Devices = Annotated[int, typer.Option(help="Number of devices, each with a process of its own.", min=1)]


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="Run folder to write; must not hold a run yet.")],
    preset: Annotated[
        Literal["quick", "paper"],
        typer.Option(help="quick: minutes on a CPU. paper: the paper's network and schedule."),
    ] = "quick",
    data: Annotated[Literal["rooms", "digits", "flights"], typer.Option(help="Data set.")] = "rooms",
    method: Annotated[
        Method,
        typer.Option(
            help="mtsl learns the structure; one shares all, separate nothing; retrain takes a run's structure, random "
            "a run's size; selective groups the updates; snr-trans and snr-aver learn which sub-networks a task uses, "
            "mmoe and ml-mmoe mix experts."
        ),
    ] = "mtsl",
    like: Annotated[
        Path | None,
        typer.Option(help="Run folder: retrain trains its last structure from scratch, random a tree of its size."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights and order.", min=0)] = 0,
    device: Device = "auto",
    devices: Devices = 1,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a setting, e.g. --set mtsl.min_similarity=0.9."),
    ] = None,
) -> None:
    """Train a network and write a run folder that the explorer opens, also while it is being written.

    Ctrl-C writes a checkpoint first; `python -m core resume DIR` goes on from there.
    """
    from core.config import preset as settings
    from core.found import like_run
    from core.launch import build_fabric, start_run
    from core.terminal import TerminalShow

    overrides = [*([] if like is None else [like_run(method, like)]), *(setting or ())]
    config = settings(preset, data, method, seed, overrides)
    with TerminalShow(Console()) as show:
        outcome = start_run(config, out, build_fabric(config, device, devices), show)
    _end(out, outcome)


@app.command()
def resume(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Run folder.")],
    device: Device = "auto",
    devices: Devices = 1,
) -> None:
    """Go on with a run that was paused, killed or failed, from its last checkpoint to the same numbers."""
    from core.launch import build_fabric, resume_run
    from core.terminal import TerminalShow

    with TerminalShow(Console()) as show:
        outcome = resume_run(folder, lambda config: build_fabric(config, device, devices), show)
    _end(folder, outcome)


@app.command()
def stop(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Run folder.")]) -> None:
    """Ask a run that trains to write a checkpoint and stop."""
    from core.heartbeat import heartbeat, process_alive, request_stop
    from core.runs import read_header

    read_header(folder)
    if not process_alive(heartbeat(folder)):
        raise ValueError(f"{folder}: no process is training this run.")
    request_stop(folder)
    typer.echo(f"asked the process that trains {folder} to stop")


@app.command()
def validate(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Run folder.")]) -> None:
    """Check a run folder line by line and say what it holds."""
    from core.runs import validate_run
    from core.summary import summary

    run = validate_run(folder)
    typer.echo(f"{folder}: valid\n{summary(run.header, run.events)}")


@app.command()
def inspect(
    backbone: Annotated[Literal["paper", "small", "mlp"], typer.Option(help="Network to wire.")] = "paper",
    dataset: Annotated[
        Literal["cityscapes", "nyuv2", "rooms", "digits", "flights"], typer.Option(help="Whose tasks and image size.")
    ] = "cityscapes",
    structure: Annotated[Literal["one", "separate"], typer.Option(help="All shared or nothing.")] = "separate",
    branching: Annotated[
        Path | None, typer.Option(help="YAML file with BRANCHING_INFO, as the MTSL authors publish them.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Parameters, MACs and groups of a structure, without training anything."""
    from core.inspection import inspect_structure

    found = inspect_structure(backbone, dataset, structure, branching)
    if as_json:
        typer.echo(json.dumps(found))
        return
    typer.echo(f"parameters  {found['parameters']:,}\nMACs        {found['macs']:,}")
    stages = found["stages"]
    assert isinstance(stages, list)
    for stage, groups in enumerate(stages):
        typer.echo(f"stage {stage:<5} {' | '.join('+'.join(group) for group in groups)}")


@app.command()
def bench(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Time the engine against plain references in the same process; each row is a ratio."""
    from core.bench import as_json as row_as_json
    from core.bench import as_line as row_as_line
    from core.bench import run_benchmarks

    for row in run_benchmarks():
        typer.echo(row_as_json(row) if as_json else row_as_line(row))


def _end(folder: Path, outcome: Literal["finished", "paused", "failed"]) -> None:
    """Say how a run ended and leave with the fitting exit status."""
    from core.events import RunFailed
    from core.runs import read_run
    from core.summary import summary

    run = read_run(folder)
    if outcome == "failed":
        reason = next(event.reason for event in reversed(run.events) if isinstance(event, RunFailed))
        raise ValueError(f"training failed: {reason}")
    typer.echo(summary(run.header, run.events))
    if outcome == "paused":
        typer.echo(f"paused; go on with: python -m core resume {folder}")


def main(run: Callable[[], object] = app) -> None:
    """Run the command line; a wrong input gives one message and exit status 2, never a traceback."""
    try:
        run()
    except (ValueError, OSError) as error:
        errors.print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        errors.print("stopped at once; the last checkpoint is whole")
        sys.exit(130)


if __name__ == "__main__":
    main()
