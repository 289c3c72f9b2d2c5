"""The FakeChrome itself: it works in turns, and answers every command."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txcdp._arguments import check_function
from txcdp._core.connection import Connection
from txcdp._core.sessions import Session
from txcdp._reactor import Clock
from txcdp.domains import runtime
from txcdp.domains.page import DialogType
from txcdp.errors import CommandError
from txcdp.protocol import Command, Event
from txcdp.protocol._error_codes import METHOD_NOT_FOUND, SESSION_NOT_FOUND
from txcdp.testing._builtin import Builtin
from txcdp.testing._downloads import FakeDownloads
from txcdp.testing._evaluation import Evaluation, FakeEvaluation
from txcdp.testing._faults import Faults
from txcdp.testing._frames import FakeFrame
from txcdp.testing._line import FakeTransport
from txcdp.testing._messages import Received, error_message, event_message, read_command, result_message
from txcdp.testing._pages import FakePages
from txcdp.testing._recorded import RecordedRun
from txcdp.testing._script import BY_ITSELF, NEVER, UNANSWERED, Script, as_refusal, method_of
from txcdp.testing._targets import FakeSession, FakeTarget, FakeTargets

if TYPE_CHECKING:
    from txcdp._core.reconnecting import ReconnectPolicy
    from txcdp.browser import Browser
    from txcdp.recording._inputs import ReplaySource
    from txcdp.recording._pace import Speed

T = TypeVar("T")
C = TypeVar("C", bound=Command[Any])


class FakeChrome(Faults):
    """A scriptable in-memory browser; the package's docstring shows how to use it.

    :param clock: a :class:`~twisted.internet.task.Clock`, which is made by default, or a reactor.
    :param strict: whether a command that has no answer fails the test, see :exc:`UnexpectedCommand`.
    :param salt: a number below 65,536 that is part of all ids of this browser, to keep them apart from another one's.
    :ivar commands: every :class:`Received` command, in order.
    :ivar current: the command that is being answered, for functions passed to :meth:`on`.
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
        self._downloads = FakeDownloads(self)
        self._evaluation = FakeEvaluation()
        self._builtin.answers.update({**self._pages.answers, **self._downloads.answers})
        self._builtin.answers[runtime.call_function_on.method] = self._evaluation.answer_chooser
        self._noted: dict[int, deque[tuple[Received | None, CommandError | None]]] = {}
        self._recorded: RecordedRun | None = None

    @classmethod
    def from_recording(
        cls, source: ReplaySource, clock: Clock | None = None, *, speed: Speed = 1.0, strict: bool = False
    ) -> FakeChrome:
        """Make a browser that behaves and answers as a real one did when a program was recorded.

        Run the same program against it; :doc:`/howto/testing` says how commands are matched, and what happens to those
        that were not recorded. A script (:meth:`on`) takes precedence over the recording.

        :param source: the output of ``Recorder(..., commands=True)``, as :func:`txcdp.recording.replay` takes it.
        :param clock: as for the class.
        :param speed: seconds of the recording per second of the clock; ``"instant"``: everything arrives at once.
        :param strict: whether a command that has an effect and was not recorded fails the test, see
            :exc:`UnexpectedCommand`.
        :raises OSError: the recording cannot be read.
        :raises ValueError: the recording contains no commands.
        """
        made = cls(clock, strict=strict)
        made._recorded = RecordedRun(made, source, speed, made._expect_not if strict else None)
        return made

    # Clients:

    def connect(self, **options: Any) -> Connection:
        """Return a new connection to this browser; ``options`` are those of ``Connection``."""
        if self._recorded is not None:
            self._wake()  # what was recorded begins, though nobody may ask for anything
        return Connection(self.line(), self.clock, **options)

    def browser(self, reconnect: ReconnectPolicy | None = None, **options: Any) -> Browser:
        """Return a :class:`~txcdp.browser.Browser` on a new connection.

        :param reconnect: as for :func:`txcdp.connect`: lost connections are replaced by others to this browser.
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
        """Open a target, attach a connection to it as the browser does unasked, and return the session.

        :param parent: the session through which it is attached; the root session by default.
        :param waiting: whether the target waits for ``Runtime.runIfWaitingForDebugger``.
        :param target_id: the target's id, which may already exist; by default a new one.
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
        """Set the answer to a command, for every time that it is received.

        :param command: the command's class, or its protocol name.
        :param answer: its result (a record, or plain data), an exception to refuse it with (:exc:`CommandError`),
            :data:`NEVER`, :data:`BY_ITSELF`, or a function that is called with the command and returns or raises one of
            these; it may also return a Deferred of one. Events that the function emits are sent before the reply.
        :returns: this FakeChrome.
        """
        self._script.on(method_of(command), answer)
        return self

    def once(self, command: type[Command[T]] | str, answer: Any = None) -> FakeChrome:
        """Set the answer to a command for the next time; several are used in turn, before the one from ``on``."""
        self._script.once(method_of(command), answer)
        return self

    def off(self, command: type[Command[T]] | str) -> FakeChrome:
        """Remove the answers that :meth:`on` and :meth:`once` have set for a command."""
        self._script.off(method_of(command))
        return self

    def otherwise(self, answer: Any) -> FakeChrome:
        """Set the answer to commands for which neither the script nor the FakeChrome itself has one.

        :param answer: as for :meth:`on`.
        """
        self._script.otherwise = answer
        return self

    def received(self, command: type[C]) -> list[C]:
        """Return the commands of one class that have been received."""
        return [each.command for each in self.commands if isinstance(each.command, command)]

    def reply(self, received: Received, answer: Any) -> None:
        """Answer a command that was received: as late, repeatedly or out of order as the test needs.

        :param answer: as for :meth:`on`, except functions.
        """
        if isinstance(answer, Deferred):
            answer.addBoth(lambda result: self.reply(received, result))
            return
        if answer is NEVER:
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

        :param session: the session, or its id; None means the root session of the latest connection.
        """
        self.post(event, self._session(session))

    def emit_raw(self, method: str, params: Any, session: Session | str | None = None) -> None:
        """Send an event that the bindings do not define, or that does not match them."""
        to = self._session(session)
        to.line.put(event_message(method, params, to.id))

    def open_target(
        self,
        target_type: str = "page",
        url: str = "about:blank",
        opener: Session | str | None = None,
        browser_context_id: str | None = None,
    ) -> str:
        """Create a target, which is attached to every client that asked for that, and return its id.

        :param opener: a session, or its id: of the page that opened it, or, for a frame or a worker, of the target that
            it belongs to.
        :param browser_context_id: its browser context; by default that of its opener, or the default one.
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
        """Make a page open a dialog; ``Page.handleJavaScriptDialog`` closes it and sends the event for that.

        :param session: a session of the page, or its id.
        :param kind: the type: ``alert``, ``confirm``, ``prompt`` or ``beforeunload``.
        :param message: its text.
        :param default_prompt: the default text of a prompt.
        """
        self._pages.open_dialog(self._target(session), kind, message, default_prompt)

    def on_evaluate(self, evaluation: Evaluation) -> FakeChrome:
        """Set the results of the JavaScript that pages, frames and workers evaluate.

        ``page.title()`` evaluates ``document.title``, ``page.content()`` evaluates
        ``document.documentElement.outerHTML``. A wait (``wait_for_function``) asks once: for what becomes true
        later, return a Deferred. A FakeChrome has no documents, so locators do not work.

        :param evaluation: a function that is called with the expression and the argument, as they were given, and
            returns the value (a Python value), or a Deferred of it, or :data:`NEVER`, or raises what the page throws;
            instead of a handle it gets an object with a ``value``. Or a mapping from expressions to values, or to
            functions of the argument.
        :returns: this FakeChrome.
        """
        if not isinstance(evaluation, Mapping):
            check_function("evaluation", evaluation)
        self._evaluation.evaluation = evaluation
        self.on(runtime.evaluate, self._evaluation.answer)
        return self.on(runtime.call_function_on, self._evaluation.answer)

    def go(self, session: Session | str, url: str, frame_id: str = "") -> None:
        """Make a page, or a frame in it, navigate by itself.

        :param session: a session of the page, or its id.
        :param url: the URL to navigate to.
        :param frame_id: the frame's id; by default the main frame's.
        """
        target = self._target(session)
        if frame_id in ("", target.id):
            self._pages.go(target, url)
        else:
            self._pages.frames.go(self._frame(frame_id), url)

    def attach_frame(
        self, session: Session | str, url: str = "about:blank", name: str = "", parent_id: str = ""
    ) -> str:
        """Add a frame to a page, and load it; return its id.

        :param session: a session of the page, or its id.
        :param parent_id: the parent frame's id; by default the main frame's.
        """
        target = self._target(session)
        parent = target.id if parent_id in ("", target.id) else self._frame(parent_id).id
        return self._pages.frames.attach(target, url, name, parent).id

    def detach_frame(self, frame_id: str) -> None:
        """Remove a frame from its page, with the frames in it."""
        self._pages.frames.detach(self._frame(frame_id))

    def log(self, session: Session | str, *values: Any, type: Any = "log") -> None:  # noqa: A002  (the protocol's name)
        """Make a page or a worker write to the console.

        :param session: a session of the page or worker, or its id.
        :param values: the arguments, as Python values.
        :param type: ``log``, ``warning``, ``error`` and so on, as in ``Runtime.consoleAPICalled``.
        """
        target = self._target(session)
        args = [self._evaluation.remote(value) for value in values]
        context = self._pages.context(target)
        at = self.clock.seconds() * 1000
        event = runtime.ConsoleAPICalled(type=type, args=args, execution_context_id=context, timestamp=at)
        self._pages.tell(target, event)

    def throw(self, session: Session | str, message: str, name: str = "Error") -> None:
        """Make a page throw an error that is not caught.

        :param session: a session of the page, or its id.
        """
        target = self._target(session)
        description = f"{name}: {message}\n    at {target.url}:1:1"
        exception = runtime.RemoteObject(type="object", subtype="error", class_name=name, description=description)
        details = runtime.ExceptionDetails(
            exception_id=1,
            text="Uncaught",
            line_number=0,
            column_number=0,
            url=target.url,
            exception=exception,
            execution_context_id=self._pages.context(target),
        )
        at = self.clock.seconds() * 1000
        self._pages.tell(target, runtime.ExceptionThrown(timestamp=at, exception_details=details))

    def open_file_chooser(self, session: Session | str, *, multiple: bool = False) -> None:
        """Make a page open a file chooser, if these are intercepted; :attr:`files_chosen` has the files that are
        chosen.

        :param session: a session of the page, or its id.
        :param multiple: whether it accepts several files.
        """
        target = self._target(session)
        self._pages.open_file_chooser(target, multiple)

    @property
    def files_chosen(self) -> list[list[dict[str, Any]]]:
        """The files that file choosers were answered with, each with ``name``, ``mimeType`` and ``buffer``."""
        return self._evaluation.files_chosen

    def download(
        self,
        session: Session | str,
        url: str,
        suggested_filename: str,
        content: bytes = b"",
        *,
        end: bool = True,
        frame_id: str = "",
    ) -> str:
        """Make a page start a download; return the download's id.

        It is saved or cancelled as ``Browser.setDownloadBehavior`` was called for its context; it is cancelled if that
        was not called.

        :param session: a session of the page, or its id.
        :param content: the content of the file.
        :param end: whether it finishes immediately; otherwise use :meth:`end_download`.
        :param frame_id: the frame that starts it; by default the main one.
        """
        target = self._target(session)
        begun_by = target.id if frame_id in ("", target.id) else self._frame(frame_id).id
        guid = self._downloads.begin(target, begun_by, url, suggested_filename, content)
        if end:
            self._downloads.end(guid, whole=True)
        return guid

    def end_download(self, guid: str, *, whole: bool = True) -> None:
        """Finish a download, or break it off."""
        self._downloads.end(guid, whole=whole)

    # Inside:

    def post(self, event: Event, session: FakeSession) -> None:
        """Send an event to one of this browser's own sessions."""
        session.line.put(event_message(event.method, event, session.id))

    def _latest(self) -> FakeTransport:
        if not self.lines:
            raise AssertionError("nobody is connected: use connect() first")
        return next((line for line in reversed(self.lines) if not line.ending), self.lines[-1])

    def _frame(self, frame_id: str) -> FakeFrame:
        found = self._pages.frames.get(frame_id)
        if found is None:
            raise AssertionError(f"this browser has no frame {frame_id}")
        return found

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
        """Carry out what clients have sent so far, without delivering the replies and events, which stay queued.

        This is for tests that deliver messages one by one, with :meth:`FakeTransport.deliver`.

        :returns: whether there was anything to carry out.
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
        if self._recorded is not None and self.lines:
            if self._latest().ending:
                self._recorded.stop()
            self._recorded.begin()
            moved = self._recorded.play() or moved
        return moved

    def _waited_for(self) -> list[str]:
        waited_for = [received.method for received in self._unanswered.values()]
        return waited_for if self._recorded is None else [*waited_for, self._recorded.where()]

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
        scripted = self._script.covers(received.method)
        if self._recorded is not None and not scripted and self._recorded.answer(received):
            return
        self.current = received
        try:
            answer = self._script.answer(received) if scripted else BY_ITSELF
            if answer is BY_ITSELF:
                covered = self._builtin.covers(received)
                answer = self._builtin.answer(received, session) if covered else UNANSWERED
            if answer is UNANSWERED and self._script.otherwise is not None:
                answer = self._script.apply(self._script.otherwise, received)
            elif answer is UNANSWERED:
                answer = self._unknown(received)
        except CommandError as error:
            answer = error
        finally:
            self.current = None
        if answer is not NEVER:
            self.reply(received, answer)

    def _expect_not(self, what: str) -> None:
        self._unexpected.append(what)

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
