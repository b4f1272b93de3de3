"""What the machine a process trains on is good at, and what it is asked to do for it."""

import ctypes
import os

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # parameters of glibc's mallopt
_LARGEST_TRIM, _LARGEST_MMAP = (1 << 31) - 1, 1 << 25  # in bytes: the largest values it accepts


def cpu_has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself; without that, bfloat16 is slower than float32."""
    import torch

    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def keep_freed_memory() -> bool:
    """Ask the C library to keep the memory that tensors free for those to come: for this process, from now on.

    By default glibc hands much of it back to the system after every step and gets it page by page in the next: five
    separate `paper` networks touch 50,000 to 100,000 new pages a step, a tenth of its time. No number changes, and the
    process stays at its peak memory. Returns whether the C library understood; others than glibc are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP)) and bool(mallopt(_TRIM_THRESHOLD, _LARGEST_TRIM))


def cores() -> int:
    """Processor cores that this process, and hence training, may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
