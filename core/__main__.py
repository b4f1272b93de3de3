"""The command line: `python -m core --help`."""

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, get_args

import typer
from rich.console import Console
from rich.markup import escape

from core.config import Method
from core.robustness.cli import robustness, slim

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
            "a run's size; selective groups the updates; automtl learns what tasks share, own or skip; snr-trans and "
            "snr-aver learn which sub-networks a task uses, mmoe and ml-mmoe mix experts."
        ),
    ] = "mtsl",
    like: Annotated[
        Path | None,
        typer.Option(
            help="Run folder: retrain trains its last structure from scratch, random a tree of its size; selective "
            "updates its structure."
        ),
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
def fork(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder to go on from.")],
    phase: Annotated[int, typer.Option(help="Go on from the start of this phase, from 1.", min=0)],
    out: Annotated[Path, typer.Option(help="Run folder to write; must not hold a run yet.")],
    seed: Annotated[int | None, typer.Option(help="Seed from there on (default: the run's).", min=0)] = None,
    device: Device = "auto",
    devices: Devices = 1,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override a setting from there on."),
    ] = None,
) -> None:
    """Train a new run that shares another run's history up to a phase and goes on with other settings.

    The run must have kept the state at the start of that phase (setting training.keep_checkpoints=phases, as the quick
    presets have). Without any change the fork repeats what the run did.
    """
    from core.launch import build_fabric, fork_run
    from core.terminal import TerminalShow

    overrides = [*(setting or ()), *([] if seed is None else [f"seed={seed}"])]
    with TerminalShow(Console()) as show:
        outcome = fork_run(folder, phase, out, overrides, lambda config: build_fabric(config, device, devices), show)
    _end(out, outcome)


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
def queue(root: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that run folders lie in.")]) -> None:
    """Start the runs that wait in DIR one after the other; the Train page of the explorer adds them.

    Every run trains in a process of its own and goes on if this one ends; the next call picks up where it stands.
    """
    from core.queue import work_off

    work_off(root.resolve(), typer.echo)


app.command()(robustness)
app.command()(slim)


@app.command()
def validate(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Run folder.")]) -> None:
    """Check a run folder line by line and say what it holds."""
    from core.runs import validate_run
    from core.summary import summary

    run = validate_run(folder)
    typer.echo(f"{folder}: valid\n{summary(run.header, run.events)}")


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")],
    out: Annotated[Path, typer.Option(help="Folder to write to: a new or empty one, or an earlier export.")],
    zipped: Annotated[bool, typer.Option("--zip", help="Write the same into a zip file beside the folder.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an export that was changed since.")] = False,
    width: Annotated[
        Literal["one", "two", "screen"], typer.Option(help="Of figures: one column (85 mm), two (178 mm), or a slide.")
    ] = "two",
    theme: Annotated[Literal["light", "dark"], typer.Option(help="Paper of figures.")] = "light",
    font: Annotated[
        Literal["sans", "serif", "modern", "dejavu"],
        typer.Option(help="Of figures: Helvetica or Arial, Times, Computer Modern, DejaVu Sans."),
    ] = "sans",
    text: Annotated[float, typer.Option(help="Size of text in figures, in points.", min=4, max=24)] = 8.0,
    animation: Annotated[bool, typer.Option(help="Write the sharing graph over the run as GIF and MP4, too.")] = True,
) -> None:
    """Write all of a run into a folder: report (HTML), figures (PNG, SVG, PDF), animation, data, tables, structures.

    PNG, SVG and PDF need Chrome or Chromium on this machine; without one everything else is written.
    """
    # by name and only here: the engine never depends on the explorer, which may be absent
    module = importlib.import_module("explorer.export.command")
    paper = importlib.import_module("explorer.export.paper")
    module.export(folder, out, paper.PaperLook(width, theme, font, text), zipped, force, animation, Console())


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
    preset: Annotated[
        Literal["quick", "paper"] | None,
        typer.Option(help="Instead: the network that a run on rooms or digits starts with."),
    ] = None,
    method: Annotated[Literal["mtsl", "one", "separate"], typer.Option(help="Method of that run.")] = "mtsl",
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting of that run.")
    ] = None,
    measure: Annotated[bool, typer.Option(help="Train a few steps of that run for its time and memory.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Parameters, MACs and groups of a structure, without training anything; or what a run would cost."""
    from core.inspection import inspect_run, inspect_structure

    if preset is not None:
        found = inspect_run(preset, dataset, method, setting or (), measure)
    else:
        found = inspect_structure(backbone, dataset, structure, branching)
    if as_json:
        typer.echo(json.dumps(found))
        return
    typer.echo(f"parameters  {found['parameters']:,}\nMACs        {found['macs']:,}")
    stages = found["stages"]
    assert isinstance(stages, list)
    for stage, groups in enumerate(stages):
        typer.echo(f"stage {stage:<5} {' | '.join('+'.join(group) for group in groups)}")
    if measure:
        from core.summary import cost_lines

        typer.echo(cost_lines(found))


@app.command()
def compare(
    out: Annotated[Path, typer.Option(help="Folder for the runs, a run folder each, and for the tables.")],
    methods: Annotated[
        str | None,
        typer.Option(help=f"Parted by commas, of {', '.join(get_args(Method))} (default: mtsl,one,separate)."),
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Parted by commas, or as 0-2 (default: 0,1,2).")] = None,
    data: Annotated[str | None, typer.Option(help="Data set (default: rooms).")] = None,
    preset: Annotated[
        Literal["quick", "paper"],
        typer.Option(help="quick: minutes a run on a CPU. paper: the paper's network and schedule."),
    ] = "quick",
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting of all runs.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Runs that train at the same time, the cores shared out.", min=1)] = 1,
    device: Device = "auto",
    table: Annotated[bool, typer.Option("--table", help="Only make the tables of what lies in the folder.")] = False,
    measure: Annotated[bool, typer.Option("--measure", help="Measure latency anew, also where it is known.")] = False,
    against: Annotated[
        str | None, typer.Option(help="Method that others are tested against (default: separate, else the first).")
    ] = None,
) -> None:
    """Train several methods over several seeds and lay them side by side.

    Example: python -m core compare --methods mtsl,one,separate --seeds 0,1,2 --data digits --out runs/digits --jobs 2

    Every method and seed is a run folder in OUT that the explorer opens.

    The same call again trains what is missing: finished runs stay, others
    go on, also after a crash. Ctrl-C writes checkpoints first. retrain and
    random take over what the mtsl run of the same seed found.

    In the end every network is timed; the tables are printed and written as
    comparison.md, .csv, .json and .tex. To make them anew from the folders:
    python -m core compare --out runs/digits --table
    """
    from core.compare.command import run_comparison, show_table
    from core.compare.plan import Request, parse_methods, parse_seeds

    out = out.expanduser().resolve()
    chosen = None if methods is None else parse_methods(methods)
    numbers = None if seeds is None else parse_seeds(seeds)
    if table:
        show_table(out, data, chosen, numbers, device if measure else None, against)
        return
    request = Request(
        chosen or parse_methods("mtsl,one,separate"),
        numbers or parse_seeds("0-2"),
        data or "rooms",
        preset,
        tuple(setting or ()),
        device,
    )
    if not run_comparison(request, out, jobs, measure, against):
        typer.echo("paused; go on with the same command")


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
