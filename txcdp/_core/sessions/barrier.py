"""Barriers: commands whose replies show that everything that the browser sent before has been read."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txcdp._core.dispatch.pending import Decode
from txcdp._core.sessions.session import Session
from txcdp._timeouts import DEFAULT, Default
from txcdp.errors import CommandError
from txcdp.protocol._wire import ReplyDecoder

#: Answered by the browser's main process, even for a page whose own process hangs; other targets refuse it.
_METHOD = "Browser.getVersion"

_decode: ReplyDecoder[Any] = ReplyDecoder(_METHOD, None)


class Sender(Protocol):
    """The part of a connection that a barrier needs."""

    def _send(self, session: Session, params: object, decode: Decode, timeout: Default, urgent: bool) -> Deferred[Any]:
        """Send a command."""


def send_barrier(connection: Sender, root: Session) -> Deferred[object]:
    """Send a barrier.

    :param root: the root session.
    :returns: a Deferred that fires when its reply has arrived, even if that is an error; it fails when none arrives.
    """

    def refused(failure: Failure) -> None:
        failure.trap(CommandError)

    return connection._send(root, {}, _decode, DEFAULT, True).addErrback(refused)
