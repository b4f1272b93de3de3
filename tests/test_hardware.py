"""What the machine is asked to do."""

import platform
import subprocess
import sys

import pytest

from core.hardware import cpu_has_bfloat16

SCRIPT = """
import resource, sys
import numpy as np
from core.hardware import keep_freed_memory
understood = keep_freed_memory() if sys.argv[1] == "keep" else None
def use():  # as much as a pass uses and frees
    return [np.ones(2**19) for _ in range(40)]
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    use()
print(understood, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be asked to keep memory")
def test_freed_memory_is_kept_for_what_comes_next() -> None:
    def pages(mode: str) -> tuple[str, int]:
        command = [sys.executable, "-c", SCRIPT, mode]
        understood, count = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        return understood, int(count)

    understood, kept = pages("keep")
    assert understood == "True"
    assert kept < pages("default")[1] / 10


def test_bfloat16_is_a_plain_answer() -> None:
    assert cpu_has_bfloat16() in (True, False)
