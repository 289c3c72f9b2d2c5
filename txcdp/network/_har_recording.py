"""Records network activity as a HAR 1.2 file.

Each exchange is written once it has ended and its late details have arrived, or do not arrive in time; then it is no
longer kept. Messages of a WebSocket are kept in an unnamed file until it ends.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from twisted.internet.defer import CancelledError, Deferred, DeferredList, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._arguments import check_choice
from txcdp._deferreds import EndedByBlock, OneShot, in_thread, returns_deferred, with_deadline
from txcdp._reactor import Clock
from txcdp._url_patterns import URLMatch, url_matcher
from txcdp.domains import network
from txcdp.errors import TxcdpError
from txcdp.model import ExchangeState
from txcdp.network import _masking as masking
from txcdp.network._exchange import Exchange
from txcdp.network._har import EntryWriter, HarBodies, HarMode, timestamp
from txcdp.network._har_file import HarArchive, HarFile
from txcdp.network._responses import Body
from txcdp.protocol import to_json
from txcdp.streams import Stream

if TYPE_CHECKING:
    from reactivex.abc import DisposableBase

    from txcdp.page import Page

log = Logger()

#: Seconds for which a recording that is stopped waits for the bodies of ended exchanges.
_STOPPING: Final = 5.0

#: The maximum number of bytes of a socket's messages held in memory; beyond that they are in a file.
_HELD: Final = 1 << 18

#: The size of the chunks in which that file is read.
_PIECE: Final = 1 << 16

#: The maximum size in bytes of a request body that is written; the browser keeps no larger response bodies either.
_MOST_SENT: Final = 10_000_000

#: URL schemes that use the network, unlike ``data:``.
_SCHEMES: Final = frozenset({"http", "https", "ws", "wss"})


class Messages:
    """The messages of a WebSocket, in the format of Chromium's own export.

    :param secrets: whether secrets are kept, too.
    """

    def __init__(self, secrets: bool) -> None:
        self._secrets = secrets
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(_HELD)  # noqa: SIM115  (until the socket is closed)
        self._count = 0

    def take(self, sent: bool, time: float, frame: network.WebSocketFrame) -> None:
        """Keep a message."""
        data = frame.payload_data if self._secrets else masking.masked_text(frame.payload_data, "")
        message = {"type": "send" if sent else "receive", "time": time, "opcode": int(frame.opcode), "data": data}
        self._file.write((b"," if self._count else b"") + to_json(message))
        self._count += 1

    def pieces(self, entry: bytes) -> Iterator[bytes]:
        """Return an entry with the messages, in chunks."""
        yield entry[:-1] + b',"_webSocketMessages":['
        self._file.seek(0)
        while piece := self._file.read(_PIECE):
            yield piece
        yield b"]}"
        self._file.close()


class Pages:
    """The pages of a file: one for each navigation of a page's main frame, with the requests that follow.

    :param file: the file that contains them.
    :param clock: the reactor.
    :param title: returns a URL as it is to be written.
    """

    def __init__(self, file: HarFile, clock: Clock, title: Callable[[str], str]) -> None:
        self._file = file
        self._clock = clock
        self._title = title
        self._present: dict[Page | None, dict[str, Any]] = {}
        self._begun: dict[str, tuple[dict[str, Any], float]] = {}

    def of(self, exchange: Exchange) -> str:
        """Return the id of the page that an exchange belongs to."""
        page, row = exchange.page, exchange._row
        navigates = (
            page is not None
            and row.is_navigation
            and exchange.redirected_from is None
            and exchange.frame is page.main_frame
        )
        if not navigates and page in self._present:
            return str(self._present[page]["id"])
        url = "" if page is None else exchange._row.url if navigates else page.url
        made = {
            "startedDateTime": timestamp(row.wall_time or self._clock.seconds()),
            "id": f"page_{len(self._file.pages) + 1}",
            "title": self._title(url) if url else "workers",
            "pageTimings": {"onContentLoad": -1, "onLoad": -1},
        }
        self._file.pages.append(made)
        self._file.changed()
        if page is not None and page not in self._present:
            for stream in (page.dom_content_loaded, page.loaded):
                stream.subscribe(self._reached, lambda _: None)
            page.session._feed_into(ended=lambda _: self._left(page))
        self._present[page] = made
        if navigates:
            self._begun[row.loader_id] = made, row.started
        return str(made["id"])

    def _reached(self, page: Page) -> None:
        document = page._tree.document(page.main_frame._row)
        begun = None if document is None else self._begun.get(document.loader_id)
        if document is None or begun is None:
            return
        made, started = begun
        for name, event in (("onContentLoad", "DOMContentLoaded"), ("onLoad", "load")):
            if document.reached.get(event):
                made["pageTimings"][name] = round(max(document.reached[event] - started, 0.0) * 1000, 3)
        if "load" in document.reached:
            del self._begun[document.loader_id]
        self._file.changed()

    def _left(self, page: Page) -> None:
        self._present.pop(page, None)


class HarRecording(EndedByBlock):
    """A recording of network traffic; made by ``Page.record_har`` and ``BrowserContext.record_har``.

    ``async with`` stops it at the end.

    :param exchanges: the exchanges to record.
    :param path: the file.
    :param head: the creator and the browser, for the beginning of the file.
    :param bodies: where bodies go.
    :param pattern: which URLs to record; None means all.
    :param base_url: the URL that a pattern may be relative to.
    :param secrets: whether to write secrets.
    :param mode: ``"full"``, or ``"minimal"``: what is needed to answer requests from it.
    :raises OSError: the file cannot be written.
    :ivar path: the file.
    """

    _end_by = "stop"

    def __init__(
        self,
        exchanges: Stream[Exchange],
        path: str | os.PathLike[str],
        head: Mapping[str, Any],
        *,
        bodies: HarBodies = "embed",
        pattern: URLMatch | None = None,
        base_url: str | None = None,
        secrets: bool = False,
        mode: HarMode = "full",
    ) -> None:
        check_choice("mode", mode, ("full", "minimal"))
        check_choice("bodies", bodies, ("embed", "attach", "omit"))
        self.path = Path(os.path.abspath(path))
        self._matches = None if pattern is None else url_matcher(pattern, base_url)
        self._clock = exchanges.context.clock
        self._bodies = bodies
        self._secrets = secrets
        self._archive = HarArchive(self.path) if self.path.suffix.lower() == ".zip" else None
        har = self.path if self._archive is None else self._archive.har
        self._entries = EntryWriter(bodies, secrets, har.parent, mode)
        self._file = HarFile(har, {"version": "1.2", **head}, self._clock)
        title: Callable[[str], str] = str if secrets else masking.masked_url
        self._pages = None if mode == "minimal" else Pages(self._file, self._clock, title)
        self._under_way: dict[Exchange, Deferred[None]] = {}
        self._stopping = False
        self._stopped: OneShot[Path] = OneShot()
        self._error: OSError | None = None
        self._listening: DisposableBase | None = None  # as it is where the exchanges have ended
        self._listening = exchanges.subscribe(self._begun, lambda _: self._stop(), self._stop)

    def __repr__(self) -> str:
        return f"<HarRecording {self.path.name}: {self._file.entries} entries>"

    @property
    def entries(self) -> int:
        """The number of exchanges written so far."""
        return self._file.entries

    @returns_deferred
    async def stop(self) -> Path:
        """Stop recording and close the file.

        Exchanges that have ended are waited for, up to 5 s; those in progress are written as far as they got, and
        marked as such.

        :returns: fires with the path once the file is closed; it may be called any number of times. Fails with
            :exc:`OSError` if the file could not be written.
        """
        self._stop()
        path = await self._stopped.wait()
        if self._error is not None:
            raise self._error
        return path

    def _begun(self, exchange: Exchange) -> None:
        url = exchange._row.url
        if urlsplit(url).scheme not in _SCHEMES or not (self._matches is None or self._matches(url)):
            return
        page = "" if self._pages is None else self._pages.of(exchange)
        recording = Deferred.fromCoroutine(self._record(exchange, page, self._clock.seconds()))
        if not recording.called:
            self._under_way[exchange] = recording
        recording.addErrback(self._failed).addCallback(lambda _: self._left(exchange))

    def _left(self, exchange: Exchange) -> None:
        self._under_way.pop(exchange, None)

    async def _record(self, exchange: Exchange, page: str, now: float) -> None:
        messages = None
        socket = exchange.web_socket
        if socket is not None:
            messages = Messages(self._secrets)
            socket._recorders.append(messages.take)
        body: Body | None = None
        sent: bytes | None = None
        comment = ""
        try:
            await exchange.when_finished()
            if self._bodies != "omit":
                sent = await self._sent(exchange)
                body, comment = await self._body(exchange)
            await exchange._when_response_told()
            await exchange._when_request_told()
        except CancelledError:
            if self._bodies != "omit" and body is None and not comment:
                comment = "its body was not available when the recording ended"
        entry = to_json(self._entries.entry(exchange, page, now, body, comment, sent))
        self._file.add((entry,) if messages is None else messages.pieces(entry))

    async def _sent(self, exchange: Exchange) -> bytes | None:
        """Return a request body that was too large to be reported with the request, unless it exceeds the limit."""
        request = exchange.request
        if request._told_body() is not None or not 0 < request._body_size() <= _MOST_SENT:
            return None
        try:
            return await request.fetch_post_data()
        except TxcdpError:  # what has sent it is gone
            return None

    async def _body(self, exchange: Exchange) -> tuple[Body | None, str]:
        """Return the body of an ended exchange, or why there is none."""
        if exchange.response is None or exchange._row.state in _WITHOUT or exchange._has_none:
            return None, ""
        if exchange.response.status == 304 and not exchange._row.body_decoded:
            return None, ""
        try:
            return await exchange._read(), ""
        except TxcdpError as error:
            return None, f"its body could not be read: {error}"

    def _failed(self, failure: Failure) -> None:
        """Note that an entry could not be written, which does not affect others."""
        if failure.check(OSError) and self._error is None:
            self._error = failure.value  # type: ignore[assignment]
            log.error("Writing {path} failed: {error}", path=self.path.name, error=failure.getErrorMessage())
        elif not failure.check(OSError):
            log.failure("An exchange could not be recorded", failure=failure)

    def _stop(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        if self._listening is not None:
            self._listening.dispose()
        for exchange, recording in list(self._under_way.items()):
            if not exchange.finished:
                recording.cancel()
        waiting: Deferred[Any] = DeferredList(list(self._under_way.values()))
        with_deadline(self._clock, waiting, _STOPPING, TimeoutError).addBoth(self._close)

    def _close(self, _: object) -> None:
        for recording in list(self._under_way.values()):
            recording.cancel()
        try:
            self._file.close()
        except OSError as error:
            self._error = self._error or error
        self._error = self._error or self._file.error
        packing = succeed(None) if self._archive is None else in_thread(self._clock, self._archive.pack)
        packing.addErrback(self._failed).addCallback(lambda _: self._stopped.fire(self.path))


#: States in which the browser has no complete body.
_WITHOUT: Final = frozenset(ExchangeState) - {ExchangeState.FINISHED}


async def stop_all(recordings: list[HarRecording]) -> None:
    """Stop recordings whose owner is about to end; errors of writing their files have been logged."""
    await DeferredList([each.stop() for each in recordings], consumeErrors=True)
    recordings.clear()


def head_of(product: str) -> dict[str, Any]:
    """Return the creator and the browser for a file, given the result of ``Browser.getVersion``."""
    from importlib.metadata import version

    name, _, number = product.partition("/")
    return {
        "creator": {"name": "txcdp", "version": version("txcdp")},
        "browser": {"name": name or "Chromium", "version": number or "0"},
    }
