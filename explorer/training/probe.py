"""What a run would cost, worked out by a process that trains a few steps of it: `python -m core inspect --measure`."""

import json
import os
import subprocess
import sys
from typing import TypedDict, cast

from core.config import Config, Preset
from core.detached import REPOSITORY
from explorer.training.command import overrides


class Cost(TypedDict):
    """What the process finds out; see `core.probe`."""

    parameters: int
    macs: int
    seconds: tuple[float, float] | None
    memory: int | None


_known: dict[str, Cost] = {}


def probed(config: Config) -> Cost | None:
    """What was found out about these settings since the app started; the seed does not matter."""
    return _known.get(_key(config))


class Probe:
    """A process that works out what a config costs; `poll` until it is done, or `cancel`."""

    def __init__(self, config: Config, preset: Preset) -> None:
        self.key = _key(config)
        command = ["inspect", "--preset", preset, "--dataset", config.data.dataset, "--method", config.method]
        for override in overrides(config, preset):
            command += ["--set", override]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "core", *command, "--measure", "--json"],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"NO_COLOR": "1", "COLUMNS": "200"},
            text=True,
        )

    def of(self, config: Config) -> bool:
        """Whether it is about these settings."""
        return self.key == _key(config)

    def poll(self) -> bool:
        """Whether it is done; then `probed` knows the answer. Raises `ValueError` that says why there is none."""
        if self._process.poll() is None:
            return False
        out, complaint = self._process.communicate()  # a few kilobytes, which the pipes have held
        if self._process.returncode:
            lines = complaint.strip().removeprefix("error: ").splitlines() or ["it ended without a word"]
            raise ValueError(lines[-1] if "Traceback" in complaint else "\n".join(lines))
        found = json.loads(out.splitlines()[-1])
        _known[self.key] = cast(Cost, {key: found[key] for key in Cost.__annotations__})
        return True

    def cancel(self) -> None:
        """End the process; there will be no answer."""
        self._process.kill()
        self._process.communicate()


def _key(config: Config) -> str:
    return config.model_dump_json(exclude={"seed"})
