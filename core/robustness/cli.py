"""The commands `robustness` and `slim` of `python -m core`; what they use is imported when they run."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def robustness(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder; what is measured is kept there.")],
    reference: Annotated[
        Path | None, typer.Option(help="Run folder that the errors are compared with; measured alike if it is not yet.")
    ] = None,
    at: Annotated[
        int | None, typer.Option(metavar="PHASE", help="Take the weights at the start of this phase.", min=0)
    ] = None,
    corruptions: Annotated[bool, typer.Option(help="The 15 common corruptions at 5 severities.")] = True,
    shifts: Annotated[bool, typer.Option(help="Shifts of the scenes, or of the images where there are none.")] = True,
    attacks: Annotated[bool, typer.Option(help="FGSM, PGD and the smallest attack; these take longest.")] = False,
    images: Annotated[int, typer.Option(help="Validation images; more are drawn where there are fewer.", min=1)] = 200,
    attack_images: Annotated[int, typer.Option(help="Of these, for attacks.", min=1)] = 64,
    seed: Annotated[int, typer.Option(help="Seed of corruptions and attacks.", min=0)] = 0,
    previews: Annotated[int, typer.Option(help="Images kept with their predictions.", min=0, max=16)] = 1,
    preview_severity: Annotated[
        list[int] | None, typer.Option(help="Severities that keep them (default: 1, 3 and 5).", min=1, max=5)
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(help="Processes that make images; 0: none (default: the cores left).", min=0)
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    estimate: Annotated[bool, typer.Option(help="Only say how long it would take.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the measures, or the estimate, as JSON.")] = False,
) -> None:
    """Measure how the tasks of a run hold up under corruptions, shifts and attacks.

    Ctrl-C ends it; the same command goes on from there, and does nothing once all is measured.
    """
    from core.robustness.command import estimated
    from core.robustness.command import robustness as command
    from core.robustness.settings import FAMILIES, Plan
    from core.terminal import TerminalShow

    if not (corruptions or shifts or attacks):
        raise ValueError("nothing to measure: ask for --corruptions, --shifts or --attacks.")
    wanted = {"corruption": corruptions, "shift": shifts, "attack": attacks}
    plan = Plan(
        families=tuple(family for family in FAMILIES if wanted[family]),
        phase=at,
        images=images,
        attack_images=attack_images,
        seed=seed,
        previews=previews,
        preview_severities=tuple(preview_severity or (1, 3, 5)),
    )
    if estimate:
        typer.echo(estimated([folder] if reference is None else [folder, reference], plan, device, jobs, as_json))
        return
    console = Console(stderr=as_json)
    with TerminalShow(console) as show:
        found = command(folder, reference, plan, device, jobs, show, as_json)
    typer.echo(found)


def slim(folder: Annotated[Path, typer.Argument(metavar="DIR", help="Run folder of a finished run.")]) -> None:
    """Take the training states of a finished run away, and keep its final weights at half precision.

    It cannot be forked any more; its robustness can still be measured.
    """
    from core.runs import read_run
    from core.weights import slim as take_away

    typer.echo(f"{folder}: {take_away(read_run(folder)) / 2**20:.1f} MiB set free")
