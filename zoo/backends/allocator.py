"""Memory that a training process keeps from step to step."""

import contextlib
import ctypes

# Options of glibc's malloc.h. Left alone, both thresholds grow with the blocks that are freed, up to these values;
# once set, they stay as they are.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_AFTERWARDS = {_TRIM_THRESHOLD: 64 * 2**20, _MMAP_THRESHOLD: 32 * 2**20, _MMAP_MAX: 65_536}


@contextlib.contextmanager
def retain_freed_memory():
    """Let the process keep what tensors free, until the block ends.

    By default glibc returns large blocks to the system at once. A training step frees and takes the same ones
    again, and the system clears every page of them again: tens of thousands of page faults per step
    (benchmarks/allocator.py). Without glibc nothing is changed.
    """
    try:
        libc = ctypes.CDLL(None)
        set_option, trim = libc.mallopt, libc.malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library, or none that can be asked
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
