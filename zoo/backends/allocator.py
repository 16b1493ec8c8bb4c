"""Retain freed memory in a training process from step to step."""

import contextlib
import ctypes

# Options of glibc's malloc.h. By default both thresholds grow with the freed blocks, up to these values. Once set, they
# stay fixed.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_AFTERWARDS = {_TRIM_THRESHOLD: 64 * 2**20, _MMAP_THRESHOLD: 32 * 2**20, _MMAP_MAX: 65_536}


@contextlib.contextmanager
def retain_freed_memory():
    """Retain the memory that tensors free, until the block ends.

    By default glibc returns large blocks to the system at once. Each training step frees and allocates the same blocks,
    and the system clears every page again: tens of thousands of page faults per step (benchmarks/allocator.py). Without
    glibc this has no effect.
    """
    try:
        libc = ctypes.CDLL(None)
        set_option, trim = libc.mallopt, libc.malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library, or one that cannot be queried
        yield
        return
    trim.argtypes = [ctypes.c_size_t]
    set_option(_TRIM_THRESHOLD, -1)
    set_option(_MMAP_MAX, 0)
    try:
        yield
    finally:
        for option, value in _AFTERWARDS.items():
            set_option(option, value)
        trim(0)
