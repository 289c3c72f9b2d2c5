"""File choosers: dialogs in which somebody is to choose files, for an input of a page.

They are intercepted while anybody subscribes to ``page.file_choosers``, and only then: no dialog is shown, and the
program gives the files. Where the browser was launched here, paths of this machine are paths of the browser's as well;
elsewhere the files' content travels.
"""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypedDict

from twisted.internet.defer import Deferred

from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure, returns_deferred
from txcdp.domains import dom, page
from txcdp.errors import AlreadyHandled
from txcdp.page._evaluation import KEPT, Evaluator, Kept
from txcdp.page._handles import ElementHandle, handle_of
from txcdp.streams import Stream

if TYPE_CHECKING:
    from txcdp.page._page import Page
    from txcdp.streams._gathered import OnDemandStreams


class FilePayload(TypedDict):
    """A file that is nowhere but here."""

    name: str
    mimeType: str
    buffer: bytes


#: Files that are given: paths of this machine, or what is in them; one, or any number.
Files: TypeAlias = str | os.PathLike[str] | FilePayload | Sequence[str | os.PathLike[str] | FilePayload]

#: Puts files into an input as if they had been chosen.
PUT_FILES: Final = """(input, files) => {
    const transfer = new DataTransfer();
    for (const each of files)
        transfer.items.add(new File([each.buffer], each.name, {type: each.mimeType}));
    input.files = transfer.files;
    input.dispatchEvent(new Event('input', {bubbles: true, composed: true}));
    input.dispatchEvent(new Event('change', {bubbles: true}));
}"""


class FileChooser:
    """A file chooser that a page has opened; an item of ``page.file_choosers``.

    The first answer counts. Without one nothing was chosen.

    :ivar page: whose it is.
    :ivar element: the input that the files are for.
    """

    def __init__(self, owner: Page, element: ElementHandle, multiple: bool) -> None:
        self.page = owner
        self.element = element
        self._multiple = multiple
        self._answered = False

    def __repr__(self) -> str:
        return f"<FileChooser of {self.element!r}{' (answered)' if self._answered else ''}>"

    def is_multiple(self) -> bool:
        """Return whether it takes several files."""
        return self._multiple

    @returns_deferred
    async def set_files(self, files: Files) -> None:
        """Choose files (``DOM.setFileInputFiles``).

        :param files: a path or several, or as many dicts of what is in them, such as ``{"name": "a.txt", "mimeType":
            "text/plain", "buffer": b"..."}``; an empty list: none.
        :returns: fires with None when the input has them, and its handlers have run. Fails with
            :exc:`AlreadyHandled` where it was answered before, with :exc:`ValueError` for several files where one is
            wanted, with :exc:`OSError` where a file cannot be read; otherwise like ``Page.evaluate``.
        """
        given = _listed(files)
        if len(given) > 1 and not self._multiple:
            raise ValueError(f"{len(given)} files for an input that takes one: is_multiple() tells")
        if self._answered:
            raise AlreadyHandled("the file chooser has been answered already: the first answer counts")
        given = [_checked(each) for each in given]
        self._answered = True
        try:
            await put_files(self.element, given, self.page.browser.process is not None)
        except BaseException:
            self._answered = False
            raise


class FileChoosers:
    """Intercepts the file choosers of a page, while somebody wants them.

    :param owner: the page.
    :param streams: the page's.
    """

    def __init__(self, owner: Page, streams: OnDemandStreams) -> None:
        self._page = owner
        self._streams = streams
        self._heard: dict[Session, Evaluator] = {}

    @property
    def stream(self) -> Stream[FileChooser]:
        """The stream of those that open."""
        return self._streams.on_demand("file_choosers", self._begin, self._leave)

    def add(self, session: Session, evaluator: Evaluator) -> None:
        """Intercept those of a further session of the page, a frame's; before its target runs."""
        if self._streams.listened("file_choosers"):
            self._intercept(session, evaluator)

    def _begin(self) -> None:
        for session, evaluator in self._page._tree.evaluators():
            self._intercept(session, evaluator)

    def _leave(self) -> None:
        for session in self._heard:
            self._send(session, False)

    def _intercept(self, session: Session, evaluator: Evaluator) -> None:
        if session not in self._heard:
            self._heard[session] = evaluator
            session._feed_into(
                (page.FileChooserOpened,),
                lambda event: self._opened(session, event),
                ended=lambda _: self._heard.pop(session, None),
            )
        self._send(session, True)

    def _send(self, session: Session, enabled: bool) -> None:
        session.execute(page.set_intercept_file_chooser_dialog(enabled=enabled)).addErrback(ignore_failure)

    def _opened(self, session: Session, event: page.FileChooserOpened) -> None:
        if event.backend_node_id is not None and self._streams.listened("file_choosers"):
            self._resolve(session, event.backend_node_id, event.mode == "selectMultiple").addErrback(ignore_failure)

    @returns_deferred
    async def _resolve(self, session: Session, node_id: int, multiple: bool) -> None:
        """Push one as soon as there is a handle of its input."""
        command = dom.resolve_node(backend_node_id=node_id, object_group=KEPT)
        found = (await session.execute(command)).object
        element = handle_of(Kept(self._heard[session], found)).as_element()
        if element is not None:
            self._streams.push("file_choosers", FileChooser(self._page, element, multiple))


def put_files(element: ElementHandle, files: Sequence[Any], by_path: bool) -> Deferred[None]:
    """Put files into an input as if they had been chosen, and have its handlers run.

    :param files: whole paths of this machine, and payloads.
    :param by_path: whether the browser can read those paths.
    """
    return Deferred.fromCoroutine(_put_files(element, files, by_path))


async def _put_files(element: ElementHandle, files: Sequence[Any], by_path: bool) -> None:
    if by_path and files and not any(isinstance(each, dict) for each in files):
        command = dom.set_file_input_files(files=[str(each) for each in files], object_id=element._remote.object_id)
        await element._injected.session.execute(command)
        return
    await element.evaluate(PUT_FILES, [each if isinstance(each, dict) else _payload(Path(each)) for each in files])


def _checked(file: Any) -> Any:
    """Return a payload, or the path of a file that is there."""
    if isinstance(file, dict):
        if not {"name", "buffer"} <= file.keys():
            raise ValueError(
                f'a file with {", ".join(map(repr, file)) or "nothing"}: it has a "name" and "buffer", its bytes; and '
                'may have a "mimeType"'
            )
        return file
    path = Path(file).absolute()
    path.stat()
    return path


def _payload(path: Path) -> FilePayload:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return FilePayload(name=path.name, mimeType=kind, buffer=path.read_bytes())


def _listed(files: Any) -> list[Any]:
    return [files] if isinstance(files, str | os.PathLike | dict) else list(files)
