"""What a process may have of open files, in words.

The limits are the program's and the system's: nothing here raises them. A higher one would hold for all that the
program starts and does, ``select`` among it, which knows no more than 1024 files; and it would not help a browser,
which raises its own soft limit as far as the hard one allows.
"""

from __future__ import annotations

import errno
import sys

#: Open files that a browser has with a page or two; with fewer it ends without a word about it.
BROWSER_NEEDS = 192


def limits() -> tuple[int, int] | None:
    """Return how many files this process may have open, and up to how many it may raise that; None: it is not known."""
    if sys.platform == "win32":
        return None
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return tuple(sys.maxsize if each == resource.RLIM_INFINITY else each for each in (soft, hard))  # type: ignore[return-value]


def about_open_files(error: BaseException) -> str:
    """Return what to do about an error for which too many files are open, to follow its text; ``""`` for any other."""
    number = getattr(error, "osError", None) or getattr(error, "errno", None)
    if number == errno.ENFILE:
        return "; the whole system has reached its limit of open files (fs.file-max)"
    found = limits()
    # Where the limit was lowered, what is open above it cannot be named when a program is executed.
    if number not in (errno.EMFILE, errno.EBADF) or found is None:
        return ""
    return (
        f"; this process may open {found[0]} files: raise the limit with ulimit -n, or LimitNOFILE= in a systemd unit"
    )


def too_few_for_a_browser() -> str:
    """Return in words that browsers cannot work here; ``""`` where they can."""
    found = limits()
    if found is None or found[1] >= BROWSER_NEEDS:
        return ""
    return (
        f"a process may open at most {found[1]} files here, and a browser needs {BROWSER_NEEDS}: "
        "raise the hard limit (ulimit -Hn, or LimitNOFILE= in a systemd unit)"
    )
