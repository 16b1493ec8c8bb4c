"""Memory kept from step to step: pages are taken from the system once, and given back at the end."""

import ctypes
import platform
import resource

import pytest

from zoo.backends.allocator import retain_freed_memory

SIZE = 48 * 2**20


def page_faults(rounds: int = 5) -> int:
    """Take, write and free a large block some times; returns the page faults of all rounds but the first."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    before = 0
    for i in range(rounds):
        if i == 1:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        block = libc.malloc(SIZE)
        ctypes.memset(block, 1, SIZE)
        libc.free(block)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="without glibc nothing is changed")
def test_a_large_block_is_not_taken_anew_and_all_is_as_before_afterwards():
    usual = page_faults()
    with pytest.raises(ValueError, match="as asked"), retain_freed_memory():
        kept = page_faults()
        raise ValueError("as asked")
    assert kept < usual / 10
    assert page_faults() > usual / 2


def test_without_such_a_library_the_block_runs_as_it_is(monkeypatch):
    def missing(name):
        raise OSError("no such library")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    with retain_freed_memory():
        ran = True
    assert ran
