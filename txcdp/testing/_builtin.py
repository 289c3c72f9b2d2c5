"""The built-in answers of a FakeChrome: targets, sessions, contexts, the version, and commands without a result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from txcdp.domains import browser, inspector, page, runtime, target
from txcdp.errors import CommandError, ConnectionLost
from txcdp.protocol import Command, Event, result_type
from txcdp.protocol._error_codes import INVALID_PARAMS, SERVER_ERROR
from txcdp.testing._messages import Received
from txcdp.testing._script import NEVER, Never
from txcdp.testing._targets import DEFAULT_FILTER, FakeSession, FakeTarget, FakeTargets, accepts

Answer = Callable[[Any, FakeSession, Received], Any]

VERSION = browser.GetVersionResult(
    protocol_version="1.3",
    product="HeadlessChrome/156.0.8078.79",
    revision="@fake",
    user_agent="Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/156.0.0.0 Safari/537.36",
    js_version="15.6.1",
)

PAGES_BY_TABS = 'Filter should not simultaneously allow "tab" and "page", page targets are attached via tab targets'


class Chrome(Protocol):
    """The part of a FakeChrome that the built-in answers need."""

    targets: FakeTargets

    def reply(self, received: Received, answer: Any) -> None:
        """Answer a command."""

    def post(self, event: Event, session: FakeSession) -> None:
        """Send an event."""


class Builtin:
    """The answers that a FakeChrome has by itself.

    :param chrome: whose they are.
    """

    def __init__(self, chrome: Chrome) -> None:
        self._chrome = chrome
        self._targets = chrome.targets
        self.answers: dict[str, Answer] = {
            browser.get_version.method: lambda *_: VERSION,
            browser.close.method: self._browser_close,
            target.get_targets.method: self._get_targets,
            target.get_target_info.method: self._get_target_info,
            target.create_target.method: self._create_target,
            target.close_target.method: self._close_target,
            target.attach_to_target.method: self._attach,
            target.attach_to_browser_target.method: self._attach_to_browser,
            target.detach_from_target.method: self._detach,
            target.set_auto_attach.method: self._auto_attach,
            target.set_discover_targets.method: self._discover,
            target.create_browser_context.method: self._create_context,
            target.get_browser_contexts.method: self._get_contexts,
            target.dispose_browser_context.method: self._dispose_context,
            runtime.run_if_waiting_for_debugger.method: self._run,
            inspector.enable.method: self._inspect,
            page.close.method: self._page_close,
        }

    def _inspect(self, command: Any, session: FakeSession, received: Received) -> None:
        """Say it again where the target's process is gone."""
        if session.target is not None and session.target.crashed:
            self._chrome.post(inspector.TargetCrashed(), session)

    def covers(self, received: Received) -> bool:
        """Whether there is an answer."""
        kind = type(received.command)
        return received.method in self.answers or (isinstance(received.command, Command) and has_no_result(kind))

    def answer(self, received: Received, session: FakeSession) -> Any:
        """Return the answer."""
        domain, _, verb = received.method.partition(".")
        if verb == "enable":
            session.enabled.add(domain)
        elif verb == "disable":
            session.enabled.discard(domain)
        found = self.answers.get(received.method)
        return None if found is None else found(received.command, session, received)

    def _browser_close(self, command: Any, session: FakeSession, received: Received) -> Never:
        self._chrome.reply(received, None)
        for root in list(self._targets.roots.values()):
            root.line.end(ConnectionLost("the browser disconnected without a closing handshake", 1006))
        return NEVER

    def _get_targets(
        self, command: target.get_targets, session: FakeSession, received: Received
    ) -> target.GetTargetsResult:
        return target.GetTargetsResult(target_infos=self._targets.infos(command.filter))

    def _get_target_info(
        self, command: target.get_target_info, session: FakeSession, received: Received
    ) -> target.GetTargetInfoResult:
        if command.target_id is None:
            of = session.target or FakeTarget(self._targets.browser_id, "browser", "")
            return target.GetTargetInfoResult(target_info=of.info(attached=True))
        return target.GetTargetInfoResult(target_info=self._targets.info(self._targets.known(command.target_id)))

    def _create_target(
        self, command: target.create_target, session: FakeSession, received: Received
    ) -> target.CreateTargetResult:
        context = command.browser_context_id
        if context is not None and context not in (*self._targets.contexts, self._targets.default_context):
            raise CommandError(received.method, SERVER_ERROR, f"Failed to find browser context with id {context}")
        made = FakeTarget(self._targets.new_id("7A26"), url=command.url or "about:blank", browser_context_id=context)
        self._targets.open(made)
        return target.CreateTargetResult(target_id=made.id)

    def _close_target(self, command: target.close_target, session: FakeSession, received: Received) -> Never:
        gone = self._targets.known(command.target_id)
        if gone.type == "browser":
            raise CommandError(received.method, INVALID_PARAMS, "Specified target doesn't support closing")
        self._chrome.reply(received, target.CloseTargetResult(success=True))
        self._targets.close(gone)
        return NEVER

    def _page_close(self, command: Any, session: FakeSession, received: Received) -> Never:
        self._chrome.reply(received, None)
        if session.target is not None:
            self._targets.close(session.target)
        return NEVER

    def _attach(
        self, command: target.attach_to_target, session: FakeSession, received: Received
    ) -> target.AttachToTargetResult:
        made = self._targets.attach(self._targets.known(command.target_id), session)
        return target.AttachToTargetResult(session_id=made.id or "")

    def _attach_to_browser(
        self, command: Any, session: FakeSession, received: Received
    ) -> target.AttachToBrowserTargetResult:
        of = self._targets.add(FakeTarget(self._targets.new_id("B205"), type="browser", url=""))
        made = self._targets.attach(of, session)
        return target.AttachToBrowserTargetResult(session_id=made.id or "")

    def _detach(self, command: target.detach_from_target, session: FakeSession, received: Received) -> None:
        found = self._targets.session_for(command.session_id, session.line)
        if found is None or found.id is None:
            raise CommandError(received.method, INVALID_PARAMS, "No session with given id")
        self._targets.detach(found)

    def _auto_attach(self, command: target.set_auto_attach, session: FakeSession, received: Received) -> None:
        if command.filter and session.is_browser and all(accepts(command.filter, each) for each in ("tab", "page")):
            raise CommandError(received.method, INVALID_PARAMS, PAGES_BY_TABS)
        session.auto_attach = command if command.auto_attach else None
        self._targets.attach_all(session)

    def _discover(self, command: target.set_discover_targets, session: FakeSession, received: Received) -> None:
        if not command.discover and command.filter:
            raise CommandError(received.method, INVALID_PARAMS, "Filter should not be present with `discover` is off")
        self._targets.discover(session, (command.filter or DEFAULT_FILTER) if command.discover else None)

    def _create_context(
        self, command: Any, session: FakeSession, received: Received
    ) -> target.CreateBrowserContextResult:
        made = self._targets.new_id("C047")
        self._targets.contexts.append(made)
        if command.dispose_on_detach:
            self._targets.contexts_of[made] = session.line
        return target.CreateBrowserContextResult(browser_context_id=made)

    def _get_contexts(self, command: Any, session: FakeSession, received: Received) -> target.GetBrowserContextsResult:
        return target.GetBrowserContextsResult(
            browser_context_ids=list(self._targets.contexts), default_browser_context_id=self._targets.default_context
        )

    def _dispose_context(
        self, command: target.dispose_browser_context, session: FakeSession, received: Received
    ) -> None:
        context = command.browser_context_id
        if context == self._targets.default_context:
            raise CommandError(received.method, SERVER_ERROR, "Cannot dispose default browser context.")
        if context not in self._targets.contexts:
            raise CommandError(received.method, SERVER_ERROR, f"Failed to find context with id {context}")
        self._targets.dispose(context)

    def _run(self, command: Any, session: FakeSession, received: Received) -> None:
        self._targets.run(session)


def has_no_result(kind: type[Any]) -> bool:
    """Whether a command class results in nothing."""
    return result_type(kind) is None
