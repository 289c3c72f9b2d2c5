"""The directory of one browser: its profile, its temporary files, and its owner's mark.

A workspace looks like this, and all of it is removed with the browser::

    /tmp/txcdp-x7c3_k1d/     owner      locked as long as our process, or the browser, lives
                             profile/   --user-data-dir, unless the user has given one
                             t/         TMPDIR of the browser
                             crashes/   what its crash handler keeps

The kernel releases the lock on ``owner`` when our process ends, however it ends, so that the next launch recognizes
what was left behind: unlike a process id, a lock is never reused, and it means the same to the processes of two
containers that share a folder. The browser inherits the open file, and with it the lock. Otherwise a browser that
outlives us for a moment, or is stopped, would write into a removed directory, and so create it again without a mark.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import stat
import sys
import tempfile
import time
from typing import IO

PREFIX = "txcdp-"
_OWNER = "owner"
_UNNAMED_OWNER = "owner.new"
_OURS = re.compile(rf"{PREFIX}[a-z0-9_]{{8}}")

#: Seconds after which an empty directory of ours is considered abandoned, without a mark to come.
_UNBORN = 60.0

# A Unix socket's path has at most 104 (macOS) or 108 bytes; Chromium puts
# "org.chromium.Chromium.XXXXXX/SingletonSocket" below TMPDIR.
_LONGEST_TMPDIR = 103 - len("/org.chromium.Chromium.XXXXXX/SingletonSocket")


class Workspace:
    """A browser's own directory; made by :meth:`create`, gone after :meth:`remove`."""

    def __init__(self, path: str, profile: str, mark: IO[str] | None) -> None:
        self.path = path
        self.profile = profile
        self._mark = mark

    @classmethod
    def create(cls, profile: str | os.PathLike[str] | None = None) -> Workspace:
        """Make a workspace, with a profile in it unless one is given.

        :param profile: a directory of the user's, made if it is missing, and never removed.
        :raises OSError: there is no room, or no permission.
        """
        if profile is not None:
            profile = _absolute(profile)
            os.makedirs(profile, exist_ok=True)
            _delete_stale_port(profile)
        path = tempfile.mkdtemp(prefix=PREFIX, dir=temporary_folder())
        try:
            mark = _mark(path)
            os.mkdir(os.path.join(path, "t"), 0o700)
            if profile is None:
                profile = os.path.join(path, "profile")
                os.mkdir(profile, 0o700)
        except BaseException:
            _unlink(os.path.join(path, _UNNAMED_OWNER))
            if not _remove_unused(path):
                shutil.rmtree(path, ignore_errors=True)
            raise
        return cls(path, profile, mark)

    @classmethod
    def empty(cls) -> Workspace:
        """Create one without a browser, as a folder for files of this process.

        :raises OSError: if there is no space, or no permission.
        """
        path = tempfile.mkdtemp(prefix=PREFIX, dir=temporary_folder())
        try:
            return cls(path, path, _mark(path))
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise

    @property
    def lock(self) -> int | None:
        """The descriptor that holds the lock, for the browser to inherit; None where there are no locks."""
        return None if self._mark is None else self._mark.fileno()

    @property
    def keeps_profile(self) -> bool:
        """Whether the profile is the user's, and is kept."""
        return os.path.dirname(self.profile) != self.path

    @property
    def crashes(self) -> str:
        """Where the browser's crash handler, which cannot be switched off, keeps its files."""
        return os.path.join(self.path, "crashes")

    @property
    def tmpdir(self) -> str | None:
        """The directory for the browser's temporary files; ``None`` if its path would be too long."""
        path = os.path.join(self.path, "t")
        return path if _has_room_for_a_socket(path) else None

    def remove(self, attempts: int = 20, pause: float = 0.05) -> bool:
        """Remove all of it; blocks, so call it in a thread.

        A browser's last children may still write for a moment: so there are several attempts.

        :param attempts: how often to try.
        :param pause: seconds between two attempts.
        :return: whether it is gone; if not, the next launch's :func:`sweep` tries again.
        """
        gone = _remove(self.path, attempts, pause)
        if self._mark is not None:
            self._mark.close()
            self._mark = None
        return gone


def is_in_use(profile: str | os.PathLike[str]) -> bool:
    """Return whether a browser runs in a profile.

    A browser with a window that finds its profile in use has the first one open its page, and ends as if all were well.
    So we ask beforehand, and as it does: whether anybody listens on the profile's socket. A crash leaves only the file.
    """
    if sys.platform == "win32":
        return False  # there is none: a message finds the first browser's window
    with socket.socket(socket.AF_UNIX) as asking:
        asking.setblocking(False)
        try:
            # Its target, since the path of a profile may be too long for a socket.
            asking.connect(os.readlink(os.path.join(_absolute(profile), "SingletonSocket")))
        except BlockingIOError:
            return True  # it is busy
        except OSError:
            return False
    return True


def sweep(folder: str | None = None) -> list[str]:
    """Remove the workspaces whose owners have died; blocks, so call it in a thread.

    Only directories of ours are looked at: a name like ours, our user, an ``owner`` file, and that
    not locked; or empty for a minute, as a process leaves it that was killed before it could put
    its mark there. Costs one listing of the temporary folder if there is nothing to do.

    :param folder: where to look, the temporary folder by default.
    :return: the paths that were removed.
    """
    if sys.platform == "win32":
        return []  # no flock there; Windows has a clean-up of its own for temporary files
    removed = []
    folder = folder or temporary_folder()
    try:
        names = [name for name in os.listdir(folder) if _OURS.fullmatch(name)]
    except OSError:
        return []
    for name in names:
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError):  # not ours, or its owner lives
            facts = os.lstat(path)
            if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid():
                continue
            if _sweep_one(path, time.time() - facts.st_mtime):
                removed.append(path)
    return removed


def temporary_folder() -> str:
    """Return where workspaces are made: the temporary folder, or /tmp where a socket's path would be too long in it.

    Chromium on Linux ends itself when it is.
    """
    folder = tempfile.gettempdir()
    if sys.platform in ("win32", "darwin") or _has_room_for_a_socket(os.path.join(folder, PREFIX + "12345678", "t")):
        return folder
    return "/tmp" if os.access("/tmp", os.W_OK | os.X_OK) else folder  # noqa: S108  (mkdtemp is what makes it safe)


def _has_room_for_a_socket(path: str) -> bool:
    return len(os.fsencode(path)) <= _LONGEST_TMPDIR


def _sweep_one(path: str, age: float) -> bool:
    import fcntl

    try:
        mark = open(os.path.join(path, _OWNER), encoding="ascii")  # noqa: SIM115
    except FileNotFoundError:
        if age > _UNBORN and set(os.listdir(path)) <= {_UNNAMED_OWNER}:
            _unlink(os.path.join(path, _UNNAMED_OWNER))
            os.rmdir(path)
            return True
        return False
    with mark:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return _remove(path, attempts=3, pause=0.05)


def _absolute(profile: str | os.PathLike[str]) -> str:
    return os.path.abspath(os.path.expanduser(os.fspath(profile)))


def _delete_stale_port(profile: str) -> None:
    """Delete the port file of an earlier browser: it is never removed, and misleads programs that read it too early."""
    try:
        pid = int(os.readlink(os.path.join(profile, "SingletonLock")).rpartition("-")[2])
        os.kill(pid, 0)
    except PermissionError:
        return  # somebody else's browser
    except (OSError, ValueError):
        _unlink(os.path.join(profile, "DevToolsActivePort"))


def _mark(path: str) -> IO[str] | None:
    """Write the owner's mark and hold it locked; it gets its name only when it is locked."""
    if sys.platform == "win32":
        return None
    import fcntl

    mark = open(os.path.join(path, _UNNAMED_OWNER), "w", encoding="ascii")  # noqa: SIM115
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mark.write(f"{os.getpid()}\n")
        mark.flush()
        os.rename(mark.name, os.path.join(path, _OWNER))
    except BaseException:
        mark.close()
        raise
    return mark


def _remove(path: str, attempts: int, pause: float) -> bool:
    """Remove everything, the owner's mark last: without it nobody would sweep the rest."""
    if _remove_unused(path):
        return True
    for attempt in range(attempts):
        if attempt:
            time.sleep(pause)
        try:
            names = os.listdir(path)
        except FileNotFoundError:
            return True
        except OSError:
            continue
        for name in names:
            if name != _OWNER:
                below = os.path.join(path, name)
                if os.path.isdir(below) and not os.path.islink(below):
                    shutil.rmtree(below, ignore_errors=True)
                else:
                    _unlink(below)
        if set(os.listdir(path)) <= {_OWNER}:
            _unlink(os.path.join(path, _OWNER))
            try:
                os.rmdir(path)
            except OSError:
                continue
            return True
    with contextlib.suppress(OSError):  # somebody still writes there: without a mark it would stay for ever
        open(os.path.join(path, _OWNER), "a", encoding="ascii").close()
    return False


def _remove_unused(path: str) -> bool:
    """Remove a workspace that no browser has written to.

    This needs no file descriptor, unlike listing a directory: the browser may have failed to start for lack of them.
    """
    mark, aside = os.path.join(path, _OWNER), f"{path}.{_OWNER}"
    try:
        for name in ("profile", "t"):
            with contextlib.suppress(FileNotFoundError):
                os.rmdir(os.path.join(path, name))
        with contextlib.suppress(FileNotFoundError):
            os.rename(mark, aside)
        os.rmdir(path)
    except OSError:
        with contextlib.suppress(OSError):
            os.rename(aside, mark)
        return False
    _unlink(aside)
    return True


def _unlink(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)
