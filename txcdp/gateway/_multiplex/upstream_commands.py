"""The pending commands on the shared connection to a browser, and who has sent them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from txcdp.gateway._multiplex.client_state import ROOT, ClientSession
from txcdp.gateway._multiplex.message_writing import write_command
from txcdp.protocol import from_json, to_json

_MAX_ID: Final = 2**31 - 1

#: So many commands of a session may have an id that is in flight already, and leave with one of the line's, too.
_MOST_AGAIN: Final = 10

#: From this many bytes on, a view is faster to make than a copy.
_LARGE: Final = 10_000

Answered = Callable[[dict[str, Any]], object]


class UnansweredCommand(NamedTuple):
    """A command that the browser has not answered.

    :ivar waiting: the ids of the commands that its connection waits for; None for the gateway itself.
    :ivar number: the client's own id for it.
    :ivar session: the session that it was sent on; None for the gateway's own.
    :ivar then: called with the decoded reply; None if the reply is passed on unchanged.
    """

    waiting: set[int] | None
    number: int
    session: ClientSession | None
    then: Answered | None


class UpstreamCommands:
    """The commands on the shared connection, each with a unique id.

    :param send: called with each message for the browser.
    :ivar asked: the pending commands, by their ids on that connection.
    :ivar swallowed: the number of replies that nobody was waiting for.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.asked: dict[int, UnansweredCommand] = {}
        self.swallowed = 0
        self._again: dict[int, int] = {}
        self._send = send
        self._last = 0

    def ask(
        self,
        method: str,
        params: dict[str, Any] | list[Any] | None,
        *,
        session: ClientSession | None = None,
        waiting: set[int] | None = None,
        number: int = 0,
        then: Answered | None = None,
        key: bytes = ROOT,
    ) -> int:
        """Send a command, and remember who sent it; return its id.

        :param session: the client's session that it is for.
        :param waiting: contains the id until there is a reply.
        :param key: if there is no such session, the session of the gateway's own to send it on.
        """
        in_flight = None if session is None or then is not None else session.forwarded.get(number)
        if in_flight is not None and self._again.get(in_flight, 0) < _MOST_AGAIN:
            # An id that is in flight stays one, since what comes of that is the browser's affair: for what is carried
            # out in the renderer it refuses the second command, for what it carries out itself it answers both.
            line_id = in_flight
            self._again[line_id] = self._again.get(line_id, 0) + 1
        else:
            line_id = self._number()
            self.asked[line_id] = UnansweredCommand(waiting, number, session, then)
        if waiting is not None:
            waiting.add(line_id)
        if session is not None:
            session.waiting.add(line_id)
            key = session.key
            if then is None:
                session.forwarded[number] = line_id
        self._send(write_command(line_id, method, params, key))
        return line_id

    def tell(self, method: str, params: dict[str, Any], key: bytes) -> None:
        """Send a command whose outcome does not matter."""
        self._send(write_command(self._number(), method, params, key))

    def detach(self, session_id: str, key: bytes) -> None:
        """Let go of a session that was attached on another."""
        self.tell("Target.detachFromTarget", {"sessionId": session_id}, key)

    def answered(self, line_id: int, message: bytes, at: int) -> None:
        """Deliver a reply to the sender of its command.

        :param at: where its id ends; 0 if it is not written as Chromium writes it.
        """
        again = self._again.pop(line_id, 0)
        if again > 1:
            self._again[line_id] = again - 1
        asked = self.asked.get(line_id) if again else self.forget(line_id)
        if asked is None:
            self.swallowed += 1
        elif asked.then is not None:
            asked.then(from_json(message))
        elif asked.session is not None:
            asked.session.deliver(_readdressed(message, at, asked.number, asked.session.strip))

    def forget(self, line_id: int) -> UnansweredCommand | None:
        """Stop waiting for a reply; return the command."""
        asked = self.asked.pop(line_id, None)
        self._again.pop(line_id, None)
        if asked is not None:
            if asked.waiting is not None:
                asked.waiting.discard(line_id)
            if asked.session is not None:
                asked.session.waiting.discard(line_id)
                if asked.session.forwarded.get(asked.number) == line_id:
                    del asked.session.forwarded[asked.number]
        return asked

    def _number(self) -> int:
        self._last = self._last % _MAX_ID + 1
        while self._last in self.asked:
            self._last = self._last % _MAX_ID + 1
        return self._last


def _readdressed(message: bytes, at: int, number: int, strip: bytes) -> bytes:
    """Return a reply with the client's own id, and without the session's if that is its root session."""
    if at:
        head = b'{"id":%d' % number
        if strip and message.endswith(strip):
            return b"".join((head, memoryview(message)[at : -len(strip)], b"}"))
        if len(message) < _LARGE:
            return head + message[at:]
        return b"".join((head, memoryview(message)[at:]))
    value = from_json(message)
    value["id"] = number
    if strip:
        value.pop("sessionId", None)
    return to_json(value)


def without_session(message: bytes, strip: bytes) -> bytes:
    """Return an event without its session's id.

    :param strip: how it ends if it is written as Chromium writes it.
    """
    if message.endswith(strip):
        return message[: -len(strip)] + b"}"
    value = from_json(message)
    value.pop("sessionId", None)
    return to_json(value)
