"""WebSockets that a program mocks, watches or changes.

Chromium's protocol cannot intercept WebSockets. So documents and dedicated workers whose sockets are routed get another
constructor (``web_socket.js``), which reports each socket to the program and follows its instructions; the connection
to the server is made by the document itself. The reports are:

============ =========================================================================================
made         a socket was made: a route that matches gets it, else it is connected as if nothing were there
sent         the page has sent a message
closing      the page closes it
connected    the connection to the server is there
received     the server has sent a message
disconnected the connection to the server is closed
============ =========================================================================================
"""

from __future__ import annotations

import json
import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._core.sessions import Session
from txcdp._deferreds import failing_deferreds, ignore_failure, returns_deferred
from txcdp._privacy import printable, shown_url
from txcdp._url_patterns import url_matcher
from txcdp.domains import runtime
from txcdp.errors import CommandError, Gone
from txcdp.network._routes import RouteMatch
from txcdp.streams import Registration, Stream, StreamSubject

if TYPE_CHECKING:
    from txcdp.page import Page

#: A handler of a WebSocket, which may return a Deferred or a coroutine.
WebSocketRouteHandler: TypeAlias = Callable[["WebSocketRoute"], object]

#: Handlers of a message, and of a close with its code and reason.
OnMessage: TypeAlias = Callable[[str | bytes], object]
OnClose: TypeAlias = Callable[[int | None, str | None], object]

_SOURCE: Final = re.sub(
    r"^\s+|\s+$|^ *//.*\n", "", files("txcdp.network").joinpath("web_socket.js").read_text("utf-8"), flags=re.MULTILINE
)

#: The close code that tells servers that the document was left.
_GOING_AWAY: Final = 1001

log = Logger()


@failing_deferreds
class WebSocketRoute:
    """One side of a routed WebSocket: a handler gets the page's side, and the server's is another one.

    While a side's messages have no handler, they go to the other side, if there is one; the same holds for closing.

    :ivar url: the URL of the WebSocket.
    :ivar protocols: the subprotocols that the page has requested.
    """

    def __init__(self, socket: _Socket, of_server: bool) -> None:
        self.url = socket.url
        self.protocols = socket.protocols
        self._socket = socket
        self._of_server = of_server
        self._on_message: OnMessage | None = None
        self._on_close: OnClose | None = None
        context = socket.session.context
        self._messages: StreamSubject[str | bytes] = StreamSubject(context, "messages of a WebSocket")

    def __repr__(self) -> str:
        side = "server" if self._of_server else "page"
        return printable(f"<WebSocketRoute {side} {shown_url(self.url)}>")

    @property
    def messages(self) -> Stream[str | bytes]:
        """The messages that this side sends, a stream of str and bytes; subscribing counts as handling them."""
        return self._messages

    def connect_to_server(self) -> WebSocketRoute:
        """Connect to the server, as the page would have done.

        :returns: the server's side: its ``on_message`` handles what the server sends, its ``send`` sends to the server.
        :raises RuntimeError: it is already connected, or this is the server's side.
        """
        if self._of_server:
            raise RuntimeError("the server's side is already connected: call connect_to_server() on the page's side")
        return self._socket.connect()

    def on_message(self, handler: OnMessage) -> None:
        """Handle the messages that this side sends, which are then no longer forwarded.

        :param handler: called with a str or bytes; it may return a Deferred, or be a coroutine function.
        """
        self._on_message = handler

    def on_close(self, handler: OnClose) -> None:
        """Handle the closing of this side, which then no longer closes the other side.

        :param handler: called with the code and the reason, each None if there is none; the code is 1001 if the
            document or worker is gone. It may return a Deferred, or be a coroutine function.
        """
        self._on_close = handler

    def send(self, message: str | bytes) -> None:
        """Send a message to this side: to the page, as if it came from the server, or to the server.

        :param message: a str or bytes.
        :raises TypeError: it is neither.
        """
        if not isinstance(message, str | bytes | bytearray | memoryview):
            raise TypeError(f"message={type(message).__name__}: expected a str or bytes")
        data = {"text": message} if isinstance(message, str) else {"bytes": b64encode(bytes(message)).decode()}
        self._socket.say(self._of_server, "message", data)

    def close(self, code: int | None = None, reason: str | None = None) -> Deferred[None]:
        """Close this side; closing the page's also closes the connection to the server.

        :param code: 1000, or 3000 to 4999; None means none.
        :param reason: the reason, in words.
        :returns: fires with None once the close was sent. Fails like ``Session.execute``.
        """
        how: dict[str, Any] = {"code": code, "reason": reason, "clean": True}
        return self._socket.say(
            self._of_server, "close", {key: value for key, value in how.items() if value is not None}
        )

    def _handles_messages(self) -> bool:
        return self._on_message is not None or self._messages.listened

    def _told(self, message: str | bytes) -> None:
        self._messages.push(message)
        if self._on_message is not None:
            _call(self._on_message, self.url, message)


class _Socket:
    """One socket of a document or worker.

    :ivar session: the session of the document or worker.
    """

    def __init__(self, place: _SocketPlace, number: int, url: str, protocols: list[str]) -> None:
        self.session = place.session
        self.url = url
        self.protocols = protocols
        self.page = WebSocketRoute(self, False)
        self.server: WebSocketRoute | None = None
        self._place = place
        self._number = number
        self._is_connected = False
        self._is_closed = False
        self._unsent: list[dict[str, Any]] = []

    def connect(self) -> WebSocketRoute:
        """Make the document connect to the server."""
        if self.server is not None:
            raise RuntimeError("it is already connected to the server")
        self.server = WebSocketRoute(self, True)
        self._place.say(self._number, "connect", {}).addErrback(ignore_failure)
        return self.server

    def direct(self) -> None:
        """Connect it to the server without interception."""
        self._place.say(self._number, "connect", {"direct": True}).addErrback(ignore_failure)

    def open(self) -> None:
        """Open it for the page, if there is no server that does so."""
        if self.server is None:
            self._place.say(self._number, "open", {}).addErrback(ignore_failure)

    def say(self, to_server: bool, what: str, more: dict[str, Any]) -> Deferred[None]:
        """Send a message to one of the sides; to a server once it is connected."""
        if not to_server:
            if what == "message":
                self.open()  # a mocked one is open as soon as it sends
            else:
                self._is_closed = True
            sent = self._place.say(self._number, what, more)
            sent.addErrback(_unless_gone)
            return sent
        do = {"message": "send", "close": "end"}[what]
        if not self._is_connected and what == "message":
            self._unsent.append(more)
            return succeed(None)
        return self._place.say(self._number, do, more).addErrback(_unless_gone)

    def told(self, what: str, said: dict[str, Any]) -> None:
        """Handle a report of the document about it."""
        if what == "sent":
            self._message(self.page, self.server, said)
        elif what == "received" and self.server is not None:
            self._message(self.server, self.page, said)
        elif what == "connected":
            self._is_connected = True
            self._place.say(self._number, "open", {"protocol": said["protocol"]}).addErrback(ignore_failure)
            for each in self._unsent:
                self._place.say(self._number, "send", each).addErrback(ignore_failure)
        elif what == "closing":
            self._closes(self.page, said)
        elif what == "disconnected" and self.server is not None:
            self._closes(self.server, said)

    def gone(self) -> None:
        """Note that the document or worker is gone."""
        for side in (self.page, self.server):
            if side is not None:
                side._messages.end(None)
        if not self._is_closed:
            self._is_closed = True
            if self.page._on_close is not None:
                _call(self.page._on_close, self.url, _GOING_AWAY, None)

    def _message(self, sender: WebSocketRoute, receiver: WebSocketRoute | None, said: dict[str, Any]) -> None:
        message: str | bytes = said["text"] if "text" in said else b64decode(said["bytes"])
        if sender._handles_messages():
            sender._told(message)
        elif receiver is not None:
            receiver.send(message)

    def _closes(self, side: WebSocketRoute, said: dict[str, Any]) -> None:
        code, reason = said.get("code"), said.get("reason")
        side._messages.end(None)
        self._is_closed = self._is_closed or side is self.page
        how = {key: said[key] for key in ("code", "reason", "clean", "failed") if said.get(key) is not None}
        if side._on_close is not None:
            _call(side._on_close, self.url, code, reason)
        elif side is self.page and self.server is not None and not self._is_connected:
            self._place.say(self._number, "fail", {}).addErrback(ignore_failure)
        elif side is self.page and self.server is not None:
            self.say(True, "close", how)  # its end closes the page's side
        else:
            self._is_closed = True
            self._place.say(self._number, "close", how).addErrback(ignore_failure)


class _SocketPlace:
    """A document or worker whose sockets are routed.

    :param routes: the routes that decide about them.
    :param session: its session.
    :param context_id: the execution context of its script.
    """

    def __init__(self, routes: PageSocketRoutes, session: Session, context_id: int) -> None:
        self.session = session
        self._routes = routes
        self._context_id = context_id
        self._sockets: dict[int, _Socket] = {}

    def told(self, said: dict[str, Any]) -> None:
        """Handle a report of the document or worker."""
        number, what = int(said["id"]), str(said["what"])
        if what != "made":
            socket = self._sockets.get(number)
            if socket is not None:
                socket.told(what, said)
            return
        socket = _Socket(self, number, str(said["url"]), [str(each) for each in said["protocols"]])
        handler = self._routes.handler_of(socket.url)
        if handler is None:
            socket.direct()
            return
        self._sockets[number] = socket
        self._begin(socket, handler)

    def say(self, number: int, do: str, more: dict[str, Any]) -> Deferred[None]:
        """Tell the document or worker what to do with a socket."""
        text = json.dumps(json.dumps([{"id": number, "do": do, **more}]))
        command = runtime.evaluate(expression=f"{self._routes.name}.receive({text})", context_id=self._context_id)
        return self.session.execute(command).addCallback(lambda _: None)

    def gone(self) -> None:
        """Note that it is gone, along with its sockets."""
        sockets, self._sockets = self._sockets, {}
        for each in sockets.values():
            each.gone()

    def _begin(self, socket: _Socket, handler: WebSocketRouteHandler) -> None:
        def done(result: object) -> None:
            if isinstance(result, Failure):
                url = shown_url(socket.url)
                log.failure("A WebSocket handler failed for {url}: connected to the server", failure=result, url=url)
                if socket.server is None:
                    socket.connect()
                return
            socket.open()

        maybeDeferred(handler, socket.page).addBoth(done)


class SocketTable:
    """The WebSocket routes of a page or a context.

    :param began: called when there is a first route; returns a Deferred that fires when documents apply it.
    """

    def __init__(self, began: Callable[[], Deferred[None]]) -> None:
        self.entries: list[tuple[Callable[[str], bool], WebSocketRouteHandler]] = []
        self._began = began

    @returns_deferred
    async def add(self, pattern: RouteMatch, handler: WebSocketRouteHandler, base_url: str | None) -> Registration:
        """Register a route; see ``Page.route_web_socket``."""
        if not callable(handler):
            raise TypeError(f"handler={handler!r}: expected a function that takes the WebSocketRoute")
        if base_url is not None and isinstance(pattern, str):
            base_url = re.sub(r"\Ahttp", "ws", base_url)
        test = None if isinstance(pattern, str | re.Pattern) else getattr(pattern, "test", None)
        entry = (url_matcher(pattern if test is None else test, base_url), handler)  # type: ignore[arg-type]
        self.entries.insert(0, entry)
        await self._began()

        def remove() -> Deferred[None]:
            self.entries.remove(entry)
            return succeed(None)

        return Registration(remove)


class PageSocketRoutes:
    """The WebSockets of a page, in its documents and dedicated workers.

    :param page: the page.
    :param of_context: the routes of its context.
    :ivar own: its own routes.
    :ivar name: the name of the constant through which a document's script is called.
    """

    def __init__(self, page: Page, of_context: SocketTable) -> None:
        self.own = SocketTable(self.begin)
        self.name = f"_{secrets.token_hex(12)}"
        self._page = page
        self._of_context = of_context
        self._binding = f"_{secrets.token_hex(12)}"
        self._sessions: list[Session] = [page.session]
        self._places: dict[tuple[Session, int], _SocketPlace] = {}
        self._begun: Deferred[Registration] | None = None

    @property
    def _source(self) -> str:
        return f"const {self.name}={_SOURCE}({json.dumps(self._binding)})"

    def begin_if_wanted(self) -> None:
        """Begin if the context has routes, before the page runs."""
        if self._of_context.entries:
            self.begin().addErrback(ignore_failure)

    @returns_deferred
    async def begin(self) -> None:
        """Make documents report the sockets that they create from now on."""
        if self._begun is None:
            page = self._page.session
            page._feed_into(ended=lambda _: self._ended(page))
            bound = [self._bind(each) for each in self._sessions]
            adding = self._begun = self._page._scripts.add(self._source, now=True)
            for each in bound:
                await each
            await adding

    def add(self, session: Session) -> None:
        """Add the session of one of the page's frames, before that runs."""
        self._sessions.append(session)
        session._feed_into(ended=lambda _: self._ended(session))
        if self._begun is not None:
            self._bind(session).addErrback(ignore_failure)

    def add_worker(self, session: Session) -> None:
        """Add a dedicated worker, before it runs."""
        if self._begun is not None:
            self._bind(session).addErrback(ignore_failure)
            session._feed_into(ended=lambda _: self._ended(session))
            session.execute(runtime.evaluate(expression=self._source)).addErrback(ignore_failure)

    def handler_of(self, url: str) -> WebSocketRouteHandler | None:
        """Return the handler for a URL."""
        for matches, handler in [*self.own.entries, *self._of_context.entries]:
            try:
                if matches(url):
                    return handler
            except Exception:
                log.failure("A route's pattern failed for {url}", url=shown_url(url))
        return None

    def _bind(self, session: Session) -> Deferred[None]:
        session._keep_enabled("Runtime")  # in another process the browser makes bindings only where it is
        session._observe(runtime.BindingCalled).subscribe(lambda event: self._called(session, event), ignore_failure)
        session._observe(runtime.ExecutionContextDestroyed).subscribe(
            lambda event: self._gone(session, event.execution_context_id), ignore_failure
        )
        session._observe(runtime.ExecutionContextsCleared).subscribe(lambda _: self._gone(session), ignore_failure)
        return session.execute(runtime.add_binding(name=self._binding))

    def _called(self, session: Session, event: runtime.BindingCalled) -> None:
        if event.name != self._binding:
            return
        key = (session, event.execution_context_id)
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = _SocketPlace(self, session, event.execution_context_id)
        place.told(json.loads(event.payload))

    def _ended(self, session: Session) -> None:
        if session in self._sessions:
            self._sessions.remove(session)
        self._gone(session)

    def _gone(self, session: Session, context_id: int | None = None) -> None:
        """Note that one document or worker of a session, or all of them, are gone."""
        for key in list(self._places):
            if key[0] is session and context_id in (None, key[1]):
                self._places.pop(key).gone()


def _call(handler: Callable[..., object], url: str, *args: object) -> None:
    """Call a handler of the program; if it fails, the error is logged."""

    def failed(failure: Failure) -> None:
        log.failure("A WebSocket handler failed for {url}", failure=failure, url=shown_url(url))

    maybeDeferred(handler, *args).addErrback(failed)


def _unless_gone(failure: Failure) -> None:
    """Ignore that a document is gone."""
    failure.trap(Gone, CommandError)
