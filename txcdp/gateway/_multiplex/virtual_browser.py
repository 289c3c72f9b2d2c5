"""One client's view of a shared browser: its commands are checked against what is its own, and carried out.

Ids of others are not found in a virtual browser's tables. So they are answered exactly as ids that do not exist,
because in this virtual browser they do not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from txcdp.gateway._client_messages import Command, CommandRefusal, read_command, write_refusal
from txcdp.gateway._multiplex.commands import VERBS
from txcdp.gateway._multiplex.downloads import Downloads
from txcdp.gateway._multiplex.limits import Limits
from txcdp.gateway._multiplex.messages import invalid, no_session, no_target, write_reply
from txcdp.gateway._multiplex.parameters import params_of
from txcdp.gateway._multiplex.rules import RuleKind, rule_of
from txcdp.gateway._multiplex.sessions import ROOT, ClientSession
from txcdp.gateway._multiplex.state import ClientState
from txcdp.gateway._multiplex.target_watch import RESUME
from txcdp.gateway._multiplex.url_check import check_address
from txcdp.protocol._error_codes import INVALID_PARAMS, METHOD_NOT_FOUND, PARSE_ERROR, SERVER_ERROR

if TYPE_CHECKING:
    from txcdp.gateway._multiplex.shared_browser import SharedBrowser


class VirtualBrowser(ClientState):
    """One client's view of the browser, and all that it can touch; made by ``SharedBrowser.open_client``."""

    def __init__(
        self,
        browser: SharedBrowser,
        deliver: Callable[[bytes], None],
        close: Callable[[int, str], None],
        limits: Limits,
    ) -> None:
        super().__init__(browser, deliver, close, limits)
        self._early: list[Command] | None = []

    def receive(self, message: bytes) -> None:
        """Take one message from the client."""
        try:
            command = read_command(message)
        except CommandRefusal as refusal:
            self.deliver(write_refusal(refusal, refusal.id, ""))
        else:
            self.execute(command)

    def execute(self, command: Command) -> None:
        """Take one command from the client."""
        if self.closed:
            return
        if self._early is None:
            self._obey(command)
        elif len(self._early) < self.limits.commands:
            self._early.append(command)
        else:
            self.deliver(write_refusal(self._busy(), command.id, command.session_id))

    def on_ready(self) -> None:
        """Do what was said before there was room for it."""
        if self.default and self.sessions and not self.first_page and self._early is not None:
            downloads = self.default_downloads()
            if downloads:
                params = {**downloads, "browserContextId": self.default}
                self.browser.line.tell("Browser.setDownloadBehavior", params, self.root_session.key)
            early, self._early = self._early, None
            for command in early:
                if not self.closed:
                    self._obey(command)

    def suspend(self, ended: Callable[[int, str], None]) -> bool:
        """End the client's sessions because it has left and may come back; its contexts and targets stay.

        :param ended: called in place of ``close`` where all ends meanwhile.
        :returns: whether it is so; where it was not ready yet, nothing has been done.
        """
        root = self.sessions.get("")
        if self._early is not None or root is None or self.closed:
            return False
        self._deliver, self._close = _unheard, ended
        self.browser.line.give_up(self)
        for session in list(root.children.values()):
            if session.parent_key != root.key:
                self.browser.line.detach(session.id, session.parent_key)
            self._remove(session)
        self.browser.line.detach(root.id, ROOT)
        self.browser.sessions.pop(root.key, None)
        self.sessions.clear()
        self.roots.clear()
        self.discovering.clear()
        self.downloads = Downloads(self)
        self._early = []
        return True

    def resume(self, deliver: Callable[[bytes], None], close: Callable[[int, str], None]) -> VirtualBrowser:
        """Take a client again, with what is there; what it says before it has a session waits."""
        self._deliver, self._close = deliver, close
        self.browser.line.ask("Target.attachToBrowserTarget", {}, then=self.on_root_session)
        return self

    def _obey(self, command: Command) -> None:
        session = self.sessions.get(command.session_id)
        if session is None or session.nested:
            self.deliver(write_refusal(no_session(), command.id, ""))
        else:
            self._obey_on(session, command)

    def receive_nested(self, session: ClientSession, message: str) -> None:
        """Take a message to a session that is not flat."""
        try:
            command = read_command(message.encode("utf-8", "surrogatepass"))
            if command.session_id:
                raise no_session()
        except CommandRefusal as refusal:
            session.deliver(write_refusal(refusal, refusal.id, ""))
        else:
            self._obey_on(session, command)

    def _obey_on(self, session: ClientSession, command: Command) -> None:
        try:
            if len(self.waiting) >= self.limits.commands:
                raise self._busy()
            self._carry_out(session, command)
        except CommandRefusal as refusal:
            session.deliver(write_refusal(refusal, command.id, session.name))

    def _carry_out(self, session: ClientSession, command: Command) -> None:
        """Do what the table of rules says.

        :raises CommandRefusal: where that is to refuse it.
        """
        rule = rule_of(command.method)
        kind = rule.browser if session.is_browser else rule.page
        if kind is RuleKind.PASS:
            resumes = command.method == RESUME and self.browser.watch.has_waiting(session)
            then = partial(self._resumed, session, command) if resumes else None
            self.forward(session, command, command.params, then)
        elif kind is RuleKind.OWN:
            if command.doubled:
                raise CommandRefusal(PARSE_ERROR, "CBOR: duplicate map key")
            VERBS[command.method](self, session, command)
        elif kind is RuleKind.REFUSED:
            raise CommandRefusal(SERVER_ERROR, f"{command.method} is refused where a browser is shared: {rule.why}")
        elif kind is RuleKind.UNKNOWN:
            raise CommandRefusal(METHOD_NOT_FOUND, f"'{command.method}' wasn't found")
        else:
            if command.doubled:
                raise CommandRefusal(PARSE_ERROR, "CBOR: duplicate map key")
            params = self._checked(kind, params_of(command))
            if kind is RuleKind.DEFAULT_CONTEXT:
                self.forward(self.root_session, command, params, partial(self.pass_on, session, command))
            else:
                self.forward(session, command, params)

    def _checked(self, kind: RuleKind, params: dict[str, Any]) -> dict[str, Any]:
        """Return parameters that name nothing but the client's own.

        :raises CommandRefusal: where they name anything else.
        """
        if kind is RuleKind.CONTEXT:
            return self.in_context(params, INVALID_PARAMS, "Failed to find browser context for id ")
        if kind is RuleKind.TARGET:
            self.target_of(params)
        elif kind is RuleKind.WINDOW:
            if params.get("windowId", 0) not in self.windows.values() and "windowId" in params:
                raise CommandRefusal(SERVER_ERROR, "Browser window not found")
        elif kind is RuleKind.ADDRESS:
            check_address(params)
        elif kind is RuleKind.DEFAULT_CONTEXT:
            if "browserContextId" in params:
                raise CommandRefusal(INVALID_PARAMS, "browserContextId is only allowed for Browser target")
            return {**params, "browserContextId": self.default}
        return params

    # What verbs call:

    @property
    def root_session(self) -> ClientSession:
        """Its first session with the browser itself."""
        return self.sessions[""]

    def in_context(self, params: dict[str, Any], code: int, unknown: str) -> dict[str, Any]:
        """Return parameters that name one of the client's contexts: its default one where they name none.

        :param code: of the refusal of any other.
        :param unknown: what it says, but for the id.
        """
        context = params.get("browserContextId", self.default)
        if not isinstance(context, str):
            raise invalid("browserContextId", "string value expected")
        if context not in self.contexts:
            raise CommandRefusal(code, unknown + context)
        return {**params, "browserContextId": context}

    def target_of(self, params: dict[str, Any]) -> str:
        """Return the target that parameters name.

        :raises CommandRefusal: where that is not one of the client's.
        """
        target_id = params.get("targetId")
        if target_id is None:
            raise invalid("targetId", "mandatory field missing")
        if not isinstance(target_id, str):
            raise invalid("targetId", "string value expected")
        if target_id not in self.targets and self.browser_session(target_id) is None:
            raise no_target()
        return target_id

    def forward(
        self,
        session: ClientSession | None,
        command: Command,
        params: dict[str, Any] | list[Any] | None,
        then: Callable[[dict[str, Any]], None] | None = None,
        method: str = "",
    ) -> None:
        """Send a command to the browser.

        :param session: where to; None for the line's own session.
        :param then: called with the reply, to answer it; by default that goes to the client as it comes.
        :param method: of another command that is sent in its place.
        """
        self.browser.line.ask(
            method or command.method, params, session=session, virtual=self, number=command.id, then=then
        )

    def answer(self, session: ClientSession, command: Command, result: Any) -> None:
        """Answer a command."""
        session.deliver(write_reply(command.id, result, session.name))

    def _resumed(self, session: ClientSession, command: Command, reply: dict[str, Any]) -> None:
        self.pass_on(session, command, reply)
        self.browser.watch.resumed(session)

    def pass_on(self, session: ClientSession, command: Command, reply: dict[str, Any]) -> None:
        """Answer a command with what the browser has said to one that was sent in its place."""
        if "result" in reply:
            self.answer(session, command, reply["result"])
        else:
            error = reply.get("error", {})
            refusal = CommandRefusal(error.get("code", SERVER_ERROR), error.get("message", ""), data=error.get("data"))
            session.deliver(write_refusal(refusal, command.id, session.name))

    def _busy(self) -> CommandRefusal:
        return CommandRefusal(SERVER_ERROR, f"{self.limits.commands} commands wait for an answer: let some come first")


#: Opens a virtual browser, of what takes each message for its client and, once, its end.
OpenOtherEnd = Callable[[Callable[[bytes], None], Callable[[int, str], None]], VirtualBrowser]


def _unheard(message: bytes) -> None:
    """Take what is told to a client that is not there."""
