"""The storage of a browser's downloads, and how their files reach this machine.

A browser on this machine writes into a folder that it is given. A browser behind a txcdp gateway writes into a folder
of the gateway's, which serves the files. The files of a browser on any other machine cannot be accessed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from twisted.internet.defer import Deferred, DeferredLock, maybeDeferred

from txcdp._deferreds import OneShot, in_thread, returns_deferred
from txcdp._reactor import AnyReactor
from txcdp.chrome._profile import Workspace
from txcdp.errors import DownloadError, DownloadUnreachable

if TYPE_CHECKING:
    from txcdp.browser._lines import Remote

T = TypeVar("T")

#: The suffix that the browser appends to the name of an incomplete file.
_UNFINISHED = ".crdownload"

#: The id of a download, which is its file name. It is validated because files are read, written and deleted by it, and
#: the other end may not be a browser.
_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,100}")


class BrowserFiles:
    """The files of one browser's downloads.

    The temporary folder exists from its first use until the browser is closed, not only while contexts need it: when a
    context ends, the browser completes its downloads later, and would create the folder again.

    :param reactor: the reactor.
    :param folder: the user's folder for them; None: a temporary one.
    :param remote: how the browser was reached; None: it was started here.
    """

    def __init__(
        self, reactor: AnyReactor, folder: str | os.PathLike[str] | None = None, remote: Remote | None = None
    ) -> None:
        self._reactor = reactor
        self._given = None if folder is None else os.path.abspath(os.path.expanduser(os.fspath(folder)))
        self._remote = remote
        self._workspace: Workspace | None = None
        self._is_closed = False
        #: Held during deletions: closing waits for all of them.
        self._deleting = DeferredLock()
        #: Whether a gateway serves the files; fires when that is known.
        self._through_gateway: OneShot[bool] = OneShot()
        if remote is None:
            self._through_gateway.fire(False)

    @property
    def is_asked(self) -> bool:
        """Whether it has to be found out if a gateway serves the files."""
        return self._remote is not None

    @property
    def folder(self) -> str | None:
        """The folder of this machine for the browser's downloads; None if it is on another one, or closed."""
        if self._given is not None:
            return self._given
        return None if self._is_elsewhere or self._is_closed else self._own().path

    @property
    def _is_elsewhere(self) -> bool:
        return self._remote is not None and not self._remote.is_local

    def answered(self, through_gateway: bool) -> None:
        """Note whether a gateway serves the files."""
        self._through_gateway.fire(through_gateway)

    @returns_deferred
    async def check(self, url: str) -> None:
        """Fail if its files cannot be accessed; see :class:`~txcdp.page._downloads.DownloadFiles`."""
        if not await self._through_gateway.wait() and self._is_elsewhere:
            raise DownloadUnreachable(url)

    @returns_deferred
    async def bring(self, guid: str, url: str) -> Path:
        """Return the path of a file on this machine; see :class:`~txcdp.page._downloads.DownloadFiles`."""
        _check_id(guid, url)
        remote = self._remote
        through_gateway = remote is not None and await self._through_gateway.wait()
        path = self._found(guid)
        if path is not None:
            return path
        if remote is not None and not self._is_closed:
            if through_gateway:
                return await self._fetch(remote, guid, url, Path(self._own().path, guid))
            if self._workspace is not None:  # what listens here leads to another machine
                raise DownloadUnreachable(url)
        raise DownloadError(url, "its file is gone: it is deleted with its context")

    @returns_deferred
    async def save(self, guid: str, url: str, target: Path) -> None:
        """Write a file to a path of this machine."""
        _check_id(guid, url)
        remote = self._remote
        if remote is not None and await self._through_gateway.wait() and self._found(guid) is None:
            target.parent.mkdir(parents=True, exist_ok=True)
            await self._fetch(remote, guid, url, target)
            return
        source = await self.bring(guid, url)
        await self._in_thread(_copy, source, target)

    @returns_deferred
    async def delete(self, guid: str) -> None:
        """Delete a file, if it exists."""
        await self.delete_all([guid])

    @returns_deferred
    async def delete_all(self, guids: Iterable[str], *, everywhere: bool = True) -> None:
        """Delete files, if they exist.

        :param everywhere: whether to delete them on a gateway's machine, too; it does so itself when its client has
            gone.
        """
        guids = list(filter(_ID.fullmatch, guids))
        remote = self._remote
        if remote is not None and everywhere and await self._through_gateway.wait():
            asking = [remote.fetch("DELETE", guid) for guid in guids]
            for waiting in asking:
                with contextlib.suppress(Exception):
                    await waiting
        paths = [os.path.join(folder, guid) for folder in self._folders for guid in guids]
        await self._deleting.run(self._in_thread, _delete, paths)

    @returns_deferred
    async def remove(self) -> None:
        """Remove the temporary folder with its contents, because the browser is closed.

        :returns: a Deferred that fires with None when it is gone, along with all files whose deletion had begun.
        """
        self._is_closed = True
        workspace, self._workspace = self._workspace, None
        await self._deleting.run(self._in_thread, (lambda: True) if workspace is None else workspace.remove)

    def _own(self) -> Workspace:
        if self._workspace is None:
            self._workspace = Workspace.empty()
        return self._workspace

    def _found(self, guid: str) -> Path | None:
        """Return the path of a file that is on this machine."""
        for folder in self._folders:
            path = Path(folder, guid)
            if path.exists():
                return path
        return None

    @property
    def _folders(self) -> list[str]:
        """The existing folders of this machine."""
        return [each for each in (self._given, self._workspace and self._workspace.path) if each]

    async def _fetch(self, remote: Remote, guid: str, url: str, target: Path) -> Path:
        """Fetch a file from the gateway; it appears under its name only when it is complete."""
        part = target.with_name(f"{target.name}{_UNFINISHED}")
        try:
            with open(part, "wb") as file:  # noqa: ASYNC230  (no more than a piece of the body at a time is written)
                status = await remote.fetch("GET", guid, file.write)
            if status != 200:
                raise DownloadError(url, f"the gateway did not hand over its file (status {status})")
            os.replace(part, target)
            return target
        finally:
            with contextlib.suppress(FileNotFoundError):
                part.unlink()

    def _in_thread(self, function: Callable[..., T], *args: Any) -> Deferred[T]:
        """Run blocking disk access in the reactor's thread pool, if that exists."""
        if not hasattr(self._reactor, "getThreadPool"):
            return maybeDeferred(function, *args)
        return in_thread(self._reactor, function, *args)


def _check_id(guid: str, url: str) -> None:
    if not _ID.fullmatch(guid):
        raise DownloadError(url, "the browser's name for it is not a file name")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _delete(paths: Iterable[str]) -> None:
    for path in paths:
        for name in (path, path + _UNFINISHED):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
