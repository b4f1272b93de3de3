"""From a config or a run folder to a run in training: the one place where all parts meet."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import torch
from lightning_fabric import Fabric

from core.backbones import Backbone, mlp, paper, small
from core.checkpoints import State, drop_phases, has_checkpoint, load_checkpoint
from core.config import Config, MlpBackbone, PaperBackbone, parse_config
from core.data.load import check_data, load_data
from core.events import Event, RunFailed, RunPaused
from core.fork import make_fork, plan_fork
from core.hardware import cpu_has_bfloat16, keep_freed_memory
from core.methods.automtl import AutoMtl
from core.methods.base import Method
from core.methods.fixed import One, Random, Retrain, Separate
from core.methods.mmoe import Mmoe
from core.methods.mtsl import Mtsl
from core.methods.selective import Selective
from core.methods.snr import Snr
from core.position import ASKED, Position, StopTraining, Tick, TrainingError
from core.provenance import package_versions, utc_now
from core.runs import RunError, RunHeader, RunWriter, StageInfo, TaskInfo, read_run
from core.signals import stop_signals
from core.training import Trainer
from core.usage import note_usage

METHODS: dict[str, type[Method]] = {
    "mtsl": Mtsl,
    "one": One,
    "separate": Separate,
    "retrain": Retrain,
    "random": Random,
    "selective": Selective,
    "snr-trans": Snr,
    "snr-aver": Snr,
    "mmoe": Mmoe,
    "ml-mmoe": Mmoe,
    "automtl": AutoMtl,
}

Outcome = Literal["finished", "paused", "failed"]


class Show:
    """What a run shows while it trains; this one shows nothing."""

    def tick(self, tick: Tick) -> None:
        """Called after every batch."""

    def tell(self, event: Event) -> None:
        """Called for every event."""

    def warn(self, text: str) -> None:
        """Called with what went wrong without ending the run."""


def build_backbone(config: Config) -> Backbone:
    """The backbone that a config asks for, for the images of its data."""
    settings = config.backbone
    channels = config.data.image_channels
    if isinstance(settings, PaperBackbone):
        return paper(settings.weights, depth_activation="relu", image_channels=channels)  # depth is in metres
    if isinstance(settings, MlpBackbone):
        return mlp(channels, settings.hidden, settings.tower)
    return small(image_channels=channels, **settings.model_dump(exclude={"name"}))


def run_header(config: Config, backbone: Backbone) -> RunHeader:
    """What a run's `run.json` says: all that is known before training begins."""
    return RunHeader(
        method=config.method,
        data=config.data.dataset,
        seed=config.seed,
        tasks=tuple(TaskInfo.of(task) for task in config.data.tasks),
        stages=tuple(StageInfo(name=stage.name, neurons=stage.neurons) for stage in backbone.stages),
        config=config.model_dump(mode="json"),
        versions=package_versions(),
        created=utc_now(),
    )


def build_fabric(config: Config, device: str = "auto", devices: int = 1) -> Fabric:
    """Device, processes and precision. `device` is `auto`, `cpu` or `cuda`; raises `ValueError` where it is missing."""
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"`device` should be auto, cpu or cuda. Found {device!r}.")
    cuda = torch.cuda.is_available()
    if device == "cuda" and not cuda:
        raise ValueError("`device` is cuda, but torch finds no CUDA device here. Use cpu, or auto.")
    on_cuda = cuda and device != "cpu"
    fast = torch.cuda.is_bf16_supported() if on_cuda else cpu_has_bfloat16()
    wanted = config.training.precision
    use_bfloat16 = wanted == "bfloat16" or (wanted == "auto" and fast)
    return Fabric(
        accelerator="cuda" if on_cuda else "cpu",
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        precision="bf16-mixed" if use_bfloat16 else "32-true",
    )


def start_run(config: Config, folder: Path, fabric: Fabric, show: Show | None = None) -> Outcome:
    """Train a new run into `folder`. Raises `RunError` if it holds one already, `ValueError` for unusable settings."""
    backbone = build_backbone(config)
    header = run_header(config, backbone)
    METHODS[config.method](config).check(backbone, config.data.tasks)  # what cannot be should leave no folder behind
    check_data(config.data)
    with _processes(fabric), _scratch(fabric, header) or RunWriter(folder, header) as writer:
        return _train(config, backbone, writer, fabric, None, show or Show())


def resume_run(folder: Path, fabric_for: Callable[[Config], Fabric], show: Show | None = None) -> Outcome:
    """Go on with a run from its last checkpoint, to the same numbers as if it had never stopped.

    Raises `RunError` if there is no run, if it is finished, or if another process is writing it.
    """
    run = read_run(folder)
    if run.state() == "finished":
        raise RunError(f"{folder}: this run is finished; there is nothing to go on with.")
    config = parse_config(run.header.config)
    with _processes(fabric := fabric_for(config)):
        state = load_checkpoint(folder) if has_checkpoint(folder) else None
        if state is None:
            drop_phases(folder)  # what another beginning left behind
        keep = state["events"] if state else 0
        assert isinstance(keep, int)
        with _scratch(fabric, run.header) or RunWriter.resume(folder, keep) as writer:
            return _train(config, build_backbone(config), writer, fabric, state, show or Show())


@contextlib.contextmanager
def _processes(fabric: Fabric) -> Iterator[None]:
    """Start the other processes, if there are any, and take the group apart at the end: left to the interpreter's
    exit, its threads may still run when they are destroyed, which ends the process with an abort."""
    fabric.launch()
    try:
        yield
    finally:
        if fabric.world_size > 1 and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def fork_run(
    source: Path,
    phase: int,
    folder: Path,
    overrides: Sequence[str],
    fabric_for: Callable[[Config], Fabric],
    show: Show | None = None,
) -> Outcome:
    """Train a new run into `folder` that goes on from the start of `phase` of the run in `source`; see `core.fork`.

    Raises `RunError` and `ConfigError` as `plan_fork` and `make_fork` do.
    """
    fork = plan_fork(source, phase, overrides)
    if fabric_for(fork.config).local_rank == 0:  # the first process makes the folder before it starts the others
        make_fork(fork, folder)
    return resume_run(folder, fabric_for, show)


def _scratch(fabric: Fabric, header: RunHeader) -> RunWriter | None:
    """A writer into a folder that nobody reads, for all processes but the first: only that one writes the run."""
    return None if fabric.is_global_zero else RunWriter(Path(tempfile.mkdtemp(prefix="mtsl-rank-")) / "run", header)


def _train(
    config: Config, backbone: Backbone, writer: RunWriter, fabric: Fabric, state: State | None, show: Show
) -> Outcome:
    trainer: Trainer | None = None

    def end(kind: type[RunPaused | RunFailed], reason: str) -> None:
        """Say how the run ended; before there is a trainer, where the checkpoint stands, or at the very start."""
        if trainer is not None:
            trainer.write(kind, reason=reason)
        else:
            at = Position(**state["at"]) if state else Position()  # type: ignore[arg-type]
            writer.write(kind(step=at.step, epoch=at.epoch, phase=at.phase, seconds=at.seconds, reason=reason))

    keep_freed_memory()  # this process does nothing else
    try:
        with use_threads(config.training.threads), stop_signals() as stop_asked:

            def building(done: int, total: int) -> None:
                writer.beat(f"making data: {done} of {total}", 0.0)
                show.tick(Tick(f"making data: {done} of {total}", done / max(total, 1), None))
                if reason := stop_asked() or (ASKED if writer.stop_requested() else ""):
                    raise StopTraining(reason)

            data = load_data(config.data, progress=building)
            method = METHODS[config.method](config)
            trainer = Trainer(
                config, method, data, backbone, writer, fabric, show.tick, show.tell, stop_asked, show.warn
            )
            if state:
                trainer.load(state)
            trainer.run()
    except StopTraining as stop:
        end(RunPaused, str(stop))
        return "paused"
    except TrainingError as error:
        end(RunFailed, str(error))
        return "failed"
    except Exception as error:
        # on a full disk not even this line fits; the last checkpoint is whole all the same
        with contextlib.suppress(OSError):
            end(RunFailed, str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}")
        raise
    finally:
        note_usage(writer.folder)
    return "finished"


@contextlib.contextmanager
def use_threads(count: int | None) -> Iterator[None]:
    """Compute with `count` threads: for small networks one is fastest, and waiting for a busy core slows all others."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
