"""What a long run costs: memory, descriptors, objects."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections import Counter

_PAGE = os.sysconf("SC_PAGE_SIZE")

#: Gives the memory that C's allocator keeps back to the system; None where there is no such thing.
_give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)

#: Seconds between two samples.
_EVERY = 10.0

#: Of these no object may be left at the end.
_KINDS = (
    "Connection",
    "Session",
    "Page",
    "Browser",
    "BrowserProcess",
    "EventStream",
    "EventQueue",
    "WebSocketTransport",
)


def rss() -> int:
    """Return the memory of this process that is in RAM, in bytes."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * _PAGE


def open_files() -> list[str]:
    """Name what our descriptors are."""
    names = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            names.append(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError:
            continue  # the directory's own
    return sorted(names)


class Measures:
    """Samples of the memory in use, and how fast it grows."""

    def __init__(self) -> None:
        self.samples: list[tuple[float, int]] = []

    def take(self, now: float) -> None:
        """Take a sample, where it is time; of what is in use, not of what once was: the free is given back before."""
        if not self.samples or now - self.samples[-1][0] >= _EVERY:
            gc.collect()
            if _give_back is not None:
                _give_back(0)
            self.samples.append((now, rss()))

    def slope(self) -> float:
        """Fit a line through the second half of the samples; its slope in bytes a second."""
        half = self.samples[len(self.samples) // 2 :]
        if len(half) < 2:
            return 0.0
        mean_time = sum(time for time, _ in half) / len(half)
        mean_size = sum(size for _, size in half) / len(half)
        spread = sum((time - mean_time) ** 2 for time, _ in half)
        return sum((time - mean_time) * (size - mean_size) for time, size in half) / spread

    def now(self) -> str:
        """Say how things are."""
        slope = self.slope() * 3600 / 1e6
        blocks = sys.getallocatedblocks()
        return f"rss={rss() / 1e6:.1f}MB slope={slope:+.1f}MB/h blocks={blocks} fds={len(open_files())}"

    @staticmethod
    def living() -> dict[str, int]:
        """Count the objects of ours that are still there."""
        kinds = (type(each) for each in gc.get_objects())
        found = Counter(kind.__name__ for kind in kinds if str(kind.__module__).startswith("txcdp."))
        return {kind: found[kind] for kind in _KINDS if found[kind]}
