"""One WebSocket as an application sees it, at either end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from twisted.internet.defer import Deferred, fail

from txcdp._deferreds import EndedByBlock, OneShot
from txcdp._privacy import printable
from txcdp._reactor import Clock
from txcdp.errors import ConnectionLost
from txcdp.stats import Stats
from txcdp.streams import Stream, StreamContext, StreamSubject

#: A text message is a ``str``, a binary one ``bytes``.
Message: TypeAlias = str | bytes

#: The codes of a WebSocket that was closed cleanly: normally, or because an end goes away.
_GOOD = (1000, 1001)

_NO_FRAME = 1006

#: The codes with which an end closes when the other one violates the protocol.
_PEERS_FAULT = (1002, 1003, 1007, 1009, 1010)


@dataclass(frozen=True)
class Closed:
    """The end of a WebSocket.

    :ivar code: the peer's close code, as in RFC 6455, section 7.4; 1000 if its close frame had none. If the peer sent
        no close frame: the code that answered its protocol violation, such as 1009 for a message that is too long,
        otherwise 1006.
    :ivar reason: the reason in the close frame, or what went wrong.
    :ivar clean: whether the closing handshake was completed.
    """

    code: int
    reason: str = ""
    clean: bool = True

    @classmethod
    def of(cls, end: Any, lost: ConnectionLost) -> Closed:
        """Make it from one of Autobahn's protocols."""
        code = end.remoteCloseCode
        if code is None:
            code = end.localCloseCode if end.localCloseCode in _PEERS_FAULT else _NO_FRAME
        return cls(
            code,
            printable(end.remoteCloseReason or "") or ("" if end.wasClean else lost.reason),
            bool(end.wasClean),
        )


class _End(Protocol):
    """The protocol that is one end of a WebSocket; see ``LineEnd``."""

    def send(self, payload: bytes) -> None: ...
    def send_message(self, payload: bytes, binary: bool) -> None: ...
    def when_drained(self) -> Deferred[None]: ...
    def ping(self, payload: bytes = b"") -> Deferred[float]: ...
    def end(self, code: int = 1000, reason: str = "") -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


@dataclass
class _Flow:
    """Stops reading while a queue is full, so that TCP makes the peer wait."""

    line: _End
    stats: Stats = field(default_factory=Stats)
    paused: bool = False
    _holders: set[object] = field(default_factory=set)

    @property
    def held(self) -> bool:
        """Whether a queue is holding up the reading."""
        return bool(self._holders)

    def hold(self, holder: object, give_up: Callable[[float], None]) -> None:
        """Stop reading."""
        self._holders.add(holder)
        self._update()

    def release(self, holder: object) -> None:
        """Continue reading, unless another queue holds it up."""
        self._holders.discard(holder)
        self._update()

    def _update(self) -> None:
        if self.held != self.paused:
            self.paused = self.held
            if self.held:
                self.line.pause()
            else:
                self.line.resume()


class WebSocket(EndedByBlock):
    """An open WebSocket: what :func:`connect` fires with, and what a server's handler is called with.

    ``async with`` closes it.

    :ivar messages: the messages of the peer, each a ``str`` or ``bytes``; the stream completes when the WebSocket is
        closed cleanly, and otherwise fails with :exc:`ConnectionLost`. Messages are not kept for later subscribers:
        subscribe before you await anything else. ``queue(line.messages, overflow="pause")`` makes a fast peer wait.
    :ivar subprotocol: the subprotocol that both ends agreed on; None if there is none.
    :ivar path: the path of the request, with its query; on the client's side, that of the URL.
    :ivar headers: the headers of the handshake, by lower-case name: those of the request on the server's side, those of
        the response on the client's.
    :ivar peer: the address of the peer, for people.
    """

    def __init__(
        self,
        clock: Clock,
        end: Any,
        *,
        subprotocol: str | None,
        path: str,
        headers: Mapping[str, str],
        peer: str,
    ) -> None:
        self._end: _End = end
        self._open = True
        self._closed: OneShot[Closed] = OneShot()
        self._messages: StreamSubject[Message] = StreamSubject(StreamContext(clock, _Flow(end)), "messages")
        self.subprotocol = subprotocol
        self.path = path
        self.headers = headers
        self.peer = peer

    def __repr__(self) -> str:
        return f"<WebSocket {self.peer} {'open' if self.is_open else 'closed'}>"

    @property
    def messages(self) -> Stream[Message]:
        """The messages of the peer, as a stream."""
        return self._messages

    @property
    def is_open(self) -> bool:
        """Whether the WebSocket has not ended."""
        return self._open

    def send(self, message: Message) -> Deferred[None]:
        """Send one message: text for a ``str``, binary for ``bytes``.

        :returns: a Deferred that fires once there is room for another message: at once, unless the peer reads too
            slowly. If you do not wait for it, messages pile up in this process. It fails with :exc:`ConnectionLost`.
        :raises TypeError: the message is neither.
        """
        if not self.is_open:
            return fail(ConnectionLost("the WebSocket is closed", clean=True))
        given: object = message
        if isinstance(given, str):
            self._end.send(given.encode("utf-8"))
        elif isinstance(given, bytes):
            self._end.send_message(given, True)
        else:  # of a program that is not checked
            kind = type(given).__name__
            raise TypeError(f"a message must be a str or bytes, not {kind}; use json.dumps to make a str of a value")
        return self._end.when_drained()

    def ping(self, payload: bytes = b"") -> Deferred[float]:
        """Send a ping and wait for its pong.

        :param payload: up to 125 bytes that the pong has to carry; random ones by default.
        :returns: a Deferred that fires with the round-trip time in seconds; it fails with :exc:`ConnectionLost`.
        :raises ValueError: the payload is too long, or is that of another ping that has not been answered yet.
        """
        return self._end.ping(payload)

    def close(self, code: int = 1000, reason: str = "") -> Deferred[Closed]:
        """Close the WebSocket; if the peer does not respond within ``close_timeout``, the connection is dropped.

        :param code: the close code, as in RFC 6455, section 7.4.
        :param reason: the reason, for people; up to 123 bytes of UTF-8 are sent.
        :returns: a Deferred that fires with how the WebSocket ended; it does not fail.
        """
        if self.is_open:
            self._end.end(code, reason)
        return self.when_closed()

    def when_closed(self) -> Deferred[Closed]:
        """Return a new Deferred that fires with how the WebSocket ended; it does not fail."""
        return self._closed.wait()

    def _received(self, message: Message) -> None:
        self._messages.push(message)

    def _received_text(self, payload: bytes) -> None:
        self._messages.push(payload.decode("utf-8"))

    def _has_ended(self, closed: Closed, lost: ConnectionLost) -> None:
        self._open = False
        good = closed.clean and closed.code in _GOOD
        self._messages.end(None if good else lost)
        self._closed.fire(closed)
