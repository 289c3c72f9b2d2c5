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
    place = str(proc)
    children: dict[int, list[int]] = {}
    alive: set[int] = set()
    for name in os.listdir(place):
        if name.isdigit() and (parent := _parent_of(f"{place}/{name}/stat")) is not None:
            children.setdefault(parent, []).append(int(name))
            alive.add(int(name))
    return {pid: _sum(pid, children, place) for pid in wanted if pid in alive}


def _parent_of(path: str) -> int | None:
    stat = _read(path)
    # "pid (name) state parent ...", where the name may be anything.
    return int(stat[stat.rindex(b")") + 2 :].split(None, 2)[1]) if stat else None


def _sum(pid: int, children: dict[int, list[int]], place: str) -> int:
    pages, waiting = 0, [pid]
    while waiting:
        each = waiting.pop()
        waiting += children.get(each, ())
        statm = _read(f"{place}/{each}/statm")
        if statm:
            pages += int(statm.split(None, 2)[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _read(path: str) -> bytes:
    """Return the beginning of a file, nothing where its process has ended meanwhile.

    All clients wait for this, and there may be a thousand processes: ``open`` takes twice as long.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(file, 4096)
    except OSError:
        return b""
    finally:
        os.close(file)
