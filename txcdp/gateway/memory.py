"""How much memory a browser takes: all its processes together, where the system has a ``/proc`` to tell."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")


def memory_of(pids: Iterable[int], proc: Path = PROC) -> dict[int, int]:
    """Return for each process the resident bytes of it and of all that descend from it.

    What processes share is counted for each. A process that is gone is left out; so are all where there is no
    ``/proc``.

    :param proc: where that is.
    """
    wanted = list(pids)
    if not wanted or not (proc / "self").exists():
        return {}
    children: dict[int, list[int]] = {}
    alive: set[int] = set()
    for name in os.listdir(proc):
        if name.isdigit() and (parent := _parent_of(proc / name)) is not None:
            children.setdefault(parent, []).append(int(name))
            alive.add(int(name))
    return {pid: _sum(pid, children, proc) for pid in wanted if pid in alive}


def _parent_of(process: Path) -> int | None:
    try:
        stat = (process / "stat").read_bytes()
    except OSError:
        return None  # it has ended meanwhile
    # "pid (name) state parent ...", where the name may be anything.
    return int(stat[stat.rindex(b")") + 2 :].split()[1])


def _sum(pid: int, children: dict[int, list[int]], proc: Path) -> int:
    total, waiting = 0, [pid]
    while waiting:
        each = waiting.pop()
        waiting += children.get(each, ())
        try:
            pages = int((proc / str(each) / "statm").read_bytes().split()[1])
        except OSError:
            continue
        total += pages * os.sysconf("SC_PAGE_SIZE")
    return total
