"""The FakeChrome itself: it takes turns, and has something to say to every command."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txcdp._core.connection import Connection
from txcdp._core.sessions import Session
from txcdp._reactor import Clock
from txcdp.domains.page import DialogType
from txcdp.errors import CommandError
from txcdp.protocol import Command, Event
from txcdp.protocol._error_codes import METHOD_NOT_FOUND, SESSION_NOT_FOUND
from txcdp.testing._builtin import Builtin
from txcdp.testing._faults import Faults
from txcdp.testing._line import FakeTransport
from txcdp.testing._messages import Received, error_message, event_message, read_command, result_message
from txcdp.testing._pages import FakePages
from txcdp.testing._script import BY_ITSELF, NEVER, Script, as_refusal, method_of
from txcdp.testing._targets import FakeSession, FakeTarget, FakeTargets

if TYPE_CHECKING:
    from txcdp._core.reconnecting import ReconnectPolicy
    from txcdp.browser import Browser

T = TypeVar("T")
C = TypeVar("C", bound=Command[Any])


class FakeChrome(Faults):
    """A scriptable browser in memory; the package's docstring shows how it is used.

    :param clock: what lets time pass: a :class:`~twisted.internet.task.Clock`, of which one is made
        by default, or a reactor.
    :param strict: whether a command that nothing answers fails the test, see :exc:`UnexpectedCommand`.
    :param salt: a number below 65,536 that all ids of this browser have in them, so that they are not another one's.
    :ivar commands: every :class:`Received` command, in order.
    :ivar current: the command that is being answered, for functions given to :meth:`on`.
    :ivar lines: the transports of its clients, in order.
    """

    def __init__(self, clock: Clock | None = None, *, strict: bool = False, salt: int = 0) -> None:
        super().__init__(clock)
        self.strict = strict
        self.commands: list[Received] = []
        self.current: Received | None = None
        self.lines: list[FakeTransport] = []
        self.targets = FakeTargets(self.post, self.reply, salt)
        self._script = Script()
        self._builtin = Builtin(self)
        self._pages = FakePages(self)
        self._builtin.answers.update(self._pages.answers)
        self._noted: dict[int, deque[tuple[Received | None, CommandError | None]]] = {}

    # Clients:

    def connect(self, **options: Any) -> Connection:
        """Return a new connection to this browser; ``options`` are those of ``Connection``."""
        return Connection(self.line(), self.clock, **options)

    def browser(self, reconnect: ReconnectPolicy | None = None, **options: Any) -> Browser:
        """Return a :class:`~txcdp.browser.Browser` on a new connection.

        :param reconnect: as for :func:`txcdp.connect`: lost lines are replaced by others to this browser.
        """
        from txcdp._core.reconnecting import Opened
        from txcdp.browser import Browser

        async def open_line() -> Opened:
            return Opened(await self.open_line(), self.targets.browser_id)

        made = Browser(self.connect(**options))
        if reconnect is not None:
            made._keep(
                reconnect, self.targets.browser_id, lambda: Deferred.fromCoroutine(open_line()), "the FakeChrome"
            )
        return made

    def attach(
        self,
        connection: Connection,
        target_type: str = "page",
        url: str = "about:blank",
        *,
        parent: Session | None = None,
        waiting: bool = False,
        target_id: str = "",
        session_id: str | None = None,
    ) -> Session:
        """Open a target, attach a connection to it, unasked, and return the session.

        :param parent: the session that it is attached through; the root session by default.
        :param waiting: whether the target waits for ``Runtime.runIfWaitingForDebugger``.
        :param target_id: the target's id, which may be one that exists; by default a new one.
        :param session_id: the session's id; by default a new one.
        """
        through = self._session(parent or connection.session)
        found = self.targets.all.get(target_id)
        if found is None:
            new_id = target_id or self.targets.new_id("7A26")
            top = None if through.is_browser else through.target
            context = None if top is None else top.browser_context_id
            found = self.targets.add(FakeTarget(new_id, target_type, url, parent=top, browser_context_id=context))
        made = self.targets.attach(found, through, waiting, session_id)
        self.flush()
        for session in connection.sessions:
            if session.id == made.id:
                return session
        raise AssertionError(f"the connection did not keep the session of {target_type} {found.id}")

    # The script:

    def on(self, command: type[Command[T]] | str, answer: Any = None) -> FakeChrome:
        """Set what a command is answered with, every time.

        :param command: the command's class, or its protocol name.
        :param answer: its result (a record, or plain data), an exception to refuse it with
            (:exc:`CommandError`), :data:`NEVER`, :data:`BY_ITSELF`, or a function that is given the command and returns
            or raises one of these; it may also return a Deferred of one. What the function emits is
            sent before the reply.
        :returns: this FakeChrome.
        """
        self._script.on(method_of(command), answer)
        return self

    def once(self, command: type[Command[T]] | str, answer: Any = None) -> FakeChrome:
        """Set what a command is answered with the next time; several queue up, before what ``on`` has set."""
        self._script.once(method_of(command), answer)
        return self

    def off(self, command: type[Command[T]] | str) -> FakeChrome:
        """Forget what :meth:`on` and :meth:`once` have set for a command: it is answered as if they had not been."""
        self._script.off(method_of(command))
        return self

    def otherwise(self, answer: Any) -> FakeChrome:
        """Set what commands are answered with that neither the script nor the FakeChrome itself has an answer for.

        :param answer: as for :meth:`on`.
        """
        self._script.otherwise = answer
        return self

    def received(self, command: type[C]) -> list[C]:
        """Return the commands of one class that have been received."""
        return [each.command for each in self.commands if isinstance(each.command, command)]

    def reply(self, received: Received, answer: Any) -> None:
        """Answer a command that was received: late, twice or out of order as the test wants it.

        :param answer: as for :meth:`on`, but for functions.
        """
        if isinstance(answer, Deferred):
            answer.addBoth(lambda result: self.reply(received, result))
            return
        if isinstance(answer, Failure):
            answer = answer.value
        if isinstance(answer, Exception):
            self._send_reply(received, error_message(received, as_refusal(answer, received.method)))
        else:
            self._send_reply(received, result_message(received, answer))

    # What the browser does:

    def emit(self, event: Event, session: Session | str | None = None) -> None:
        """Send an event.

        :param session: to which session, or its id; None: the root session of the latest connection.
        """
        self.post(event, self._session(session))

    def emit_raw(self, method: str, params: Any, session: Session | str | None = None) -> None:
        """Send an event that the bindings do not know, or that does not fit them."""
        to = self._session(session)
        to.line.put(event_message(method, params, to.id))

    def open_target(
        self,
        target_type: str = "page",
        url: str = "about:blank",
        opener: Session | str | None = None,
        browser_context_id: str | None = None,
    ) -> str:
        """Let a target come to be, and be attached by whoever has asked for that; return its id.

        :param opener: a session, or its id: of the page that has opened it, or, for a frame or a worker, of the
            target that it belongs to.
        :param browser_context_id: the browser context that it is in; by default that of its opener, or the default one.
        """
        opened_by = None if opener is None else self._session(opener).target
        made = FakeTarget(self.targets.new_id("7A26"), target_type, url)
        if target_type == "page":
            made.opener = opened_by
        else:
            made.parent = opened_by
        made.browser_context_id = browser_context_id or (opened_by.browser_context_id if opened_by else None)
        self.targets.open(made)
        return made.id

    def open_dialog(
        self, session: Session | str, kind: DialogType = "alert", message: str = "", default_prompt: str = ""
    ) -> None:
        """Let a page show a dialog; it is closed, and that is told, by ``Page.handleJavaScriptDialog``.

        :param session: a session of the page, or its id.
        :param kind: what it is: ``alert``, ``confirm``, ``prompt`` or ``beforeunload``.
        :param message: what it says.
        :param default_prompt: what a prompt's field has in it.
        """
        self._pages.open_dialog(self._target(session), kind, message, default_prompt)

    # Inside:

    def post(self, event: Event, session: FakeSession) -> None:
        """Send an event to one of this browser's own sessions."""
        session.line.put(event_message(event.method, event, session.id))

    def _latest(self) -> FakeTransport:
        if not self.lines:
            raise AssertionError("nobody is connected: use connect() first")
        return next((line for line in reversed(self.lines) if not line.ending), self.lines[-1])

    def _session(self, session: Session | str | None) -> FakeSession:
        if session is None:
            found = self.targets.roots.get(id(self._latest()))
        elif isinstance(session, str):
            found = self.targets.sessions.get(session)
        elif session.id is None:
            owner: Any = session._channel
            found = self.targets.roots.get(id(owner.transport))
        else:
            found = self.targets.sessions.get(session.id)
        if found is None:
            raise AssertionError(f"this browser has no {session or 'open line'}")
        return found

    def _note(self, line: FakeTransport, message: bytes) -> None:
        """Note a message as a client sends it; it is answered in the next turn."""
        noted = self._noted.setdefault(id(line), deque())
        try:
            received, refusal = read_command(message, line)
        except msgspec.MsgspecError:
            noted.append((None, None))
            return
        noted.append((received, refusal))
        self.commands.append(received)
        self._unanswered[id(line), received.id] = received

    def carry_out(self) -> bool:
        """Carry out what clients have sent so far, and deliver nothing: replies and events are on their lines.

        For tests that let messages arrive one by one, with :meth:`FakeTransport.deliver`.

        :returns: whether there was anything.
        """
        moved = bool(self._freed)
        while self._freed:
            self._treat(*self._freed.popleft())
        for line in list(self.lines):
            for _ in line.take():
                moved = True
                self._handle(line)
        return moved

    def _do_turn(self) -> bool:
        moved = self._answer_handshakes()
        moved = self.carry_out() or moved
        for line in list(self.lines):
            moved = line.deliver() or moved
            if line.closed is not None and id(line) in self.targets.roots:
                self._drop_line(line)
        return moved

    def _waited_for(self) -> list[str]:
        return [received.method for received in self._unanswered.values()]

    def _handle(self, line: FakeTransport) -> None:
        """Answer one command."""
        received, refusal = self._noted[id(line)].popleft()
        if received is None:
            line.put(b'{"error":{"code":-32700,"message":"JSON: invalid token at position 0"}}')
            return
        self._treat(received, refusal)

    def _treat(self, received: Received, refusal: CommandError | None) -> None:
        session = self.targets.session_for(received.session_id, received.line)
        if session is None:
            self.reply(received, CommandError(received.method, SESSION_NOT_FOUND, "Session with given id not found."))
        elif self._holds(received, session, refusal):
            return
        elif refusal is not None:
            self.reply(received, refusal)
        else:
            self._answer(received, session)

    def _answer(self, received: Received, session: FakeSession) -> None:
        self.current = received
        try:
            answer = self._script.answer(received) if self._script.covers(received.method) else BY_ITSELF
            if answer is not BY_ITSELF:
                pass
            elif self._builtin.covers(received):
                answer = self._builtin.answer(received, session)
            elif self._script.otherwise is not None:
                answer = self._script.apply(self._script.otherwise, received)
            else:
                answer = self._unknown(received)
        except CommandError as error:
            answer = error
        finally:
            self.current = None
        if answer is not NEVER:
            self.reply(received, answer)

    def _unknown(self, received: Received) -> CommandError:
        said = f"'{received.method}' wasn't found"
        if self.strict:
            self._unexpected.append(
                f"{received.method} was not expected (sent to {received.session_id or 'the root session'}: "
                f"{received.command!r}); the script expects {self._script}"
            )
        if isinstance(received.command, Command):
            return CommandError(
                received.method, METHOD_NOT_FOUND, said, "the FakeChrome has no answer: give it one with on()"
            )
        return CommandError(received.method, METHOD_NOT_FOUND, said)
