"""How much memory a browser takes: its whole process tree, if the system has ``/proc``.

A browser's processes share most of their resident memory: the sum of that counted a browser of 400 MB as 980 MB. So the
proportional set size (PSS) is used, in which memory shared by n processes counts as an n-th for each. For that, the
kernel walks a process's page tables, which takes 1 to 2 ms; so the caller decides when to continue with the next
process.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

PROC = Path("/proc")

_PSS = b"\nPss:"


def measure(pids: Iterable[int], proc: Path = PROC) -> Iterator[tuple[int, int]]:
    """Add up the proportional set sizes of process trees, one process at each step.

    If the kernel does not report them (before Linux 4.14, or for a process of another user), a process's resident bytes
    minus the shared ones are used.

    :param pids: the roots of the trees.
    :param proc: the path of ``/proc``.
    :returns: an iterator of each process's root and bytes. A tree whose root has ended yields nothing; nor does any
        tree if there is no ``/proc``.
    """
    wanted = list(pids)
    if not wanted or not (proc / "self").exists():
        return
    place = str(proc)
    children: dict[int, list[int]] = {}
    alive: set[int] = set()
    for name in os.listdir(place):
        if name.isdigit() and (parent := _parent_of(f"{place}/{name}/stat")) is not None:
            children.setdefault(parent, []).append(int(name))
            alive.add(int(name))
    for root in wanted:
        waiting = [root] if root in alive else []
        while waiting:
            pid = waiting.pop()
            waiting += children.get(pid, ())
            yield root, _proportional(f"{place}/{pid}")


def _parent_of(path: str) -> int | None:
    stat = _read(path)
    # "pid (name) state parent ...", where the name may be anything.
    return int(stat[stat.rindex(b")") + 2 :].split(None, 2)[1]) if stat else None


def _proportional(place: str) -> int:
    rollup = _read(f"{place}/smaps_rollup")
    at = rollup.find(_PSS)
    if at >= 0:
        return int(rollup[at + len(_PSS) :].split(None, 1)[0]) * 1024
    statm = _read(f"{place}/statm").split(None, 3)
    return (int(statm[1]) - int(statm[2])) * os.sysconf("SC_PAGE_SIZE") if statm else 0


def _read(path: str) -> bytes:
    """Return the beginning of a file; empty if its process has ended meanwhile.

    There may be a thousand processes: ``open`` takes twice as long.
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
