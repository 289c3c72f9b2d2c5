"""Forwards a client's commands to its browser, and tracks the pending ones.

A command is forwarded in one of two ways. To a browser of the client's own, it goes unchanged: its method is read from
its first bytes, and it is decoded if something about it may be forbidden. To a shared browser, it goes decoded: what is
checked here is the very value that is executed there. Of a reply, only the id is read, and whether it is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import structs

from txcdp._transports.interface import Transport
from txcdp._transports.short_path import ShortPath
from txcdp.gateway._client_messages import Command, CommandRefusal, peek, read_command, rewritten, write_refusal
from txcdp.gateway._counters import DENIED, ERROR, LOST, OK, DomainCounters
from txcdp.gateway._egress import BadProxy
from txcdp.gateway._proxy.method_info import MethodInfo, MethodTable, denial
from txcdp.gateway._saving import SAVING, with_folder
from txcdp.protocol._wire import REPLY_START, peek_digits

#: The maximum number of pending commands tracked to count their outcomes; beyond that, the oldest are forgotten.
_WAITED_FOR = 10_000

_ID_AT: Final = len(REPLY_START)

#: The command by which clients set a proxy.
_CONTEXT: Final = "Target.createBrowserContext"


class PendingCommands:
    """The commands that a browser has not answered yet; each is counted once, by its outcome."""

    def __init__(self) -> None:
        self._sent: dict[bytes, tuple[DomainCounters, float]] = {}  # by the digits of their ids

    def add(self, number: bytes, domain: DomainCounters, now: float) -> None:
        """Register a command whose reply is expected."""
        sent = self._sent
        if len(sent) >= _WAITED_FOR:
            sent.pop(next(iter(sent)))[0].outcomes[LOST] += 1
        sent[number] = (domain, now)

    def answered(self, reply: bytes, now: float) -> None:
        """Count the command that a reply belongs to."""
        number = peek_digits(reply)
        found = self._sent.pop(number, None)
        if found is not None:  # else one that was forgotten, or an id twice
            domain, since = found
            failed = reply.startswith(b'"error"', _ID_AT + len(number) + 1)
            domain.answered(ERROR if failed else OK, now - since)

    def lose(self) -> None:
        """Count the commands without a reply as lost."""
        for domain, _ in self._sent.values():
            domain.outcomes[LOST] += 1
        self._sent.clear()


class _Denied(Exception):
    def __init__(self, info: MethodInfo, reply: bytes) -> None:
        super().__init__()
        self.info = info
        self.reply = reply


class CommandForwarder:
    """Forwards one client's commands to its browser.

    :param upstream: the transport of the browser's connection.
    :param execute: takes decoded commands; None: they are sent over the transport unchanged.
    :param closing: called when the client has told the browser to close.
    :param table: how the commands of each method are handled.
    :param pending: the commands whose replies are expected.
    :param downloads: the folder for downloads if the client names none; ``""``: it is chosen elsewhere.
    """

    def __init__(
        self,
        upstream: Transport,
        execute: Callable[[Command], None] | None,
        closing: Callable[[], object],
        table: MethodTable,
        pending: PendingCommands,
        downloads: str = "",
    ) -> None:
        self._upstream = upstream
        self._short_path = upstream if isinstance(upstream, ShortPath) else None
        self._execute = execute
        self._closing = closing
        self._table = table
        self._pending = pending
        self._downloads = downloads

    def forward(self, message: bytes, frame: bytes, now: float) -> bytes | None:
        """Forward a command, unless it is refused.

        :param frame: the whole WebSocket frame of the message, if it can be forwarded as it is.
        :returns: the error reply if it is refused, or None.
        """
        try:
            if self._execute is None:
                self._send(message, frame, now)
            else:
                self._hand_over(message, self._execute, now)
        except _Denied as denied:
            denied.info.domain.outcomes[DENIED] += 1
            return denied.reply
        return None

    def close(self) -> None:
        """Release the resources of the client's commands."""
        if self._table.egress is not None:
            self._table.egress.release(self)

    def _send(self, message: bytes, frame: bytes, now: float) -> None:
        table = self._table
        peeked = peek(message)
        if peeked is None:
            number, info = b"", table.unreadable
        else:
            number, info = peeked.id, table.info(peeked.method)
        if info.special:
            try:
                command = read_command(message)
            except CommandRefusal as refusal:
                if not table.command_filter.idle:
                    raise _Denied(info, write_refusal(refusal, refusal.id, "")) from None
                info = table.unreadable  # the browser says what is wrong with it
            else:
                number, info = b"%d" % command.id, table.info(command.method.encode())
                checked = self._checked(info, command)
                if checked is not command:
                    message, frame = rewritten(checked), b""
        if number:
            self._pending.add(number, info.domain, now)
        if frame and self._short_path is not None:
            self._short_path.pass_on(frame)
        else:
            self._upstream.send(message)

    def _hand_over(self, message: bytes, execute: Callable[[Command], None], now: float) -> None:
        try:
            command = read_command(message)
        except CommandRefusal as refusal:
            raise _Denied(self._table.unreadable, write_refusal(refusal, refusal.id, "")) from None
        info = self._table.info(command.method.encode())
        checked = self._checked(info, command) if info.special else command
        self._pending.add(b"%d" % command.id, info.domain, now)
        execute(checked)

    def _checked(self, info: MethodInfo, command: Command) -> Command:
        """Return the command to execute.

        :raises _Denied: it is refused.
        """
        objection = self._table.command_filter.objection(command)
        egress = self._table.egress
        if objection is None and egress is not None and command.method == _CONTEXT and isinstance(command.params, dict):
            try:
                return structs.replace(command, params=egress.context_params(self, command.params))
            except BadProxy as error:
                objection = str(error)
        if objection is not None:
            raise _Denied(info, denial(command, objection))
        if info.method == "Browser.close":
            self._closing()
        elif info.method == SAVING and self._downloads and isinstance(command.params, dict):
            return structs.replace(command, params=with_folder(command.params, self._downloads))
        return command
