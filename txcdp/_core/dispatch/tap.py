"""Taps: every event, command and reply of all sessions, for observers and recorders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from twisted.logger import Logger

from txcdp._core.dispatch.inbox import Inbox
from txcdp._core.dispatch.outbox import Outbox
from txcdp._core.dispatch.routing import EventRoutes
from txcdp.errors import MalformedMessage
from txcdp.protocol import from_json
from txcdp.streams import EventStream

log = Logger()


class RawEvent(NamedTuple):
    """One event as the browser sent it.

    :ivar method: the event's name, such as ``"Network.requestWillBeSent"``.
    :ivar params: its parameters as plain data.
    :ivar session_id: the session's id; None for the root session.
    """

    method: str
    params: dict[str, Any]
    session_id: str | None


def read_message(message: bytes) -> RawEvent:
    """Decode an event's message.

    :raises MalformedMessage: if it is not an event.
    """
    value = from_json(message)
    if not isinstance(value, dict) or not isinstance(value.get("method"), str):
        raise MalformedMessage("no event")
    params = value.get("params")
    return RawEvent(value["method"], params if isinstance(params, dict) else {}, value.get("sessionId"))


class Tap:
    """Routes events to one stream while that has subscribers.

    :param wanted: decides by an event's name whether the stream carries it; None: it carries all events.
    """

    def __init__(self, routes: EventRoutes, wanted: Callable[[str], bool] | None) -> None:
        self._routes = routes
        self._wanted = wanted or (lambda _: True)

    def stream_wanted(self, stream: EventStream[Any]) -> None:
        """Start feeding the stream."""
        self._routes.add_tap(stream, self._wanted)

    def stream_unwanted(self, stream: EventStream[Any]) -> None:
        """Stop feeding the stream."""
        self._routes.remove_tap(stream)

    def stream_harmed(self, stream: EventStream[Any], message: bytes) -> None:
        """Do nothing: a tap answers nothing that an event might hold up."""

    def handler_failed(self, stream: EventStream[Any], item: Any) -> None:
        """Do nothing: a tap answers nothing that an event might hold up."""


class CommandObserver(NamedTuple):
    """Two functions that are called for each command and each reply.

    :ivar sent: called with each command's message, before it leaves.
    :ivar replied: called with the id and the message of each reply, before it is handled.
    """

    sent: Callable[[bytes], object]
    replied: Callable[[int, bytes], object]


def observe_commands(outbox: Outbox, inbox: Inbox, observer: CommandObserver) -> Callable[[], None]:
    """Observe commands and replies, at no cost without observers; return a function that stops it."""
    transmit, reply = outbox.transmit, inbox.reply
    listening = True

    def heard_transmit(message: bytes) -> None:
        if listening:
            _guarded(observer.sent, message)
        transmit(message)

    def heard_reply(number: int, message: bytes) -> None:
        if listening:
            _guarded(observer.replied, number, message)
        reply(number, message)
        del message  # see the inbox

    def end() -> None:
        nonlocal listening
        listening = False
        if outbox.transmit is heard_transmit:  # else somebody else came later, and goes through us
            outbox.transmit, inbox.reply = transmit, reply

    outbox.transmit, inbox.reply = heard_transmit, heard_reply
    return end


def _guarded(hear: Callable[..., object], *args: object) -> None:
    try:
        hear(*args)
    except Exception:
        log.failure("A command observer raised; the command is not affected")
