"""File choosers: the dialogs in which a user chooses files for an input of a page.

They are intercepted only while ``page.file_choosers`` has subscribers: then no dialog is shown, and the program
provides the files. If the browser was launched here, it can read the paths of this machine; otherwise the files'
contents are transferred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import Deferred

from txcdp._core.sessions import Session
from txcdp._deferreds import failing_deferreds, ignore_failure, returns_deferred, with_deadline
from txcdp._other_names import NearNames
from txcdp._timeouts import DEFAULT, Timeout
from txcdp.domains import dom, page
from txcdp.errors import ActionTimeout, AlreadyHandled
from txcdp.page._action_options import Files
from txcdp.page._evaluation import KEPT, Evaluator, KeptObject
from txcdp.page._handles import ElementHandle, handle_of
from txcdp.page._uploads import checked, is_folder, listed, put_files
from txcdp.streams import Stream

if TYPE_CHECKING:
    from txcdp.page._page import Page
    from txcdp.streams._gathered import OnDemandStreams

#: Whether an input accepts a folder.
TAKES_FOLDER: Final = "input => !!input.webkitdirectory"


@failing_deferreds
class FileChooser(NearNames):
    """A file chooser that a page has opened; an item of ``page.file_choosers``.

    The first answer counts. Without one, nothing is chosen.

    :ivar page: the page that it belongs to.
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
        """Return whether it accepts several files."""
        return self._multiple

    def set_files(self, files: Files, *, timeout: Timeout = DEFAULT, no_wait_after: bool = False) -> Deferred[None]:
        """Choose files (``DOM.setFileInputFiles``).

        Paths are local. If the browser runs on another machine, the files' contents are sent to it; the timeout
        includes that.

        :param files: a path or several, a folder for an input that accepts one, or dicts with contents, such as
            ``{"name": "a.txt", "mimeType": "text/plain", "buffer": b"..."}``; an empty list clears the input.
        :param timeout: seconds, or a timedelta, as for :meth:`Locator.click`.
        :param no_wait_after: it has no effect.
        :returns: fires with None once the input has the files and its handlers have run. Fails with
            :exc:`AlreadyHandled` if it was already answered, with :exc:`ValueError` for several files if it accepts
            one, for a folder if it accepts files, or for files if it accepts a folder, with :exc:`OSError` if a file
            cannot be read, and with :exc:`ActionTimeout` if it times out; otherwise like ``Page.evaluate``.
        """
        seconds = self.page._seconds(timeout)
        return with_deadline(
            self.page.session.context.clock,
            self._set_files(listed(files)),
            seconds,
            lambda: ActionTimeout(f"{self!r}.set_files()", seconds or 0, self.page.session.blocked_by or ""),
        )

    @returns_deferred
    async def _set_files(self, given: list[Any]) -> None:
        if len(given) > 1 and not self._multiple:
            raise ValueError(f"{len(given)} files for an input that takes one: check is_multiple()")
        if self._answered:
            raise AlreadyHandled("the file chooser was already answered: the first answer counts")
        given = [checked(each) for each in given]
        folder = is_folder(given)
        self._answered = True
        try:
            takes = self.element.evaluate(TAKES_FOLDER, timeout=None) if given else None
            if takes is not None and bool(await takes) is not folder:
                raise ValueError(
                    "a folder for an input that takes files" if folder else "files for an input that takes a folder"
                )
            await put_files(self.element, given, self.page.browser.process is not None)
        except BaseException:
            self._answered = False
            raise


class FileChoosers:
    """Intercepts the file choosers of a page while there are subscribers.

    :param owner: the page.
    :param streams: the page's streams.
    """

    def __init__(self, owner: Page, streams: OnDemandStreams) -> None:
        self._page = owner
        self._streams = streams
        self._heard: dict[Session, Evaluator] = {}

    @property
    def stream(self) -> Stream[FileChooser]:
        """The stream of file choosers that open."""
        return self._streams.on_demand("file_choosers", self._begin, self._leave)

    def add(self, session: Session, evaluator: Evaluator) -> None:
        """Intercept those of a frame's session as well, before its target runs."""
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
        """Emit a file chooser as soon as there is a handle to its input."""
        command = dom.resolve_node(backend_node_id=node_id, object_group=KEPT)
        found = (await session.execute(command)).object
        element = handle_of(KeptObject(self._heard[session], found)).as_element()
        if element is not None:
            self._streams.push("file_choosers", FileChooser(self._page, element, multiple))
