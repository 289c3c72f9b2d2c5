"""Simple pages for a FakeChrome: they navigate, and send Chromium's events to sessions that have enabled them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urldefrag

from txcdp.domains import dom, page, runtime
from txcdp.errors import CommandError
from txcdp.protocol import Event
from txcdp.protocol._error_codes import METHOD_NOT_FOUND, SERVER_ERROR
from txcdp.testing._builtin import Answer, Chrome
from txcdp.testing._frames import FakeFrames, context_of, frame_of
from txcdp.testing._messages import Received
from txcdp.testing._script import NEVER
from txcdp.testing._targets import FakeSession, FakeTarget

#: What a page without further resources goes through.
LIFECYCLE = ("init", "commit", "DOMContentLoaded", "load", "networkAlmostIdle", "networkIdle")


class FakePages:
    """The answers and events of pages without content.

    :param chrome: whose they are.
    :ivar frames: their frames, but for the main ones.
    """

    def __init__(self, chrome: Chrome) -> None:
        self._chrome = chrome
        self.frames = FakeFrames(chrome.targets.new_id, self._new_context, self)
        self._loaders: dict[str, str] = {}
        self._lifecycle: set[str] = set()
        self._contexts: dict[str, int] = {}
        self._worlds = self._places = self._nodes = 0
        self._intercepting: set[str] = set()
        self._dialogs: set[str] = set()
        self._time = 1000.0
        self.answers: dict[str, Answer] = {
            page.get_frame_tree.method: self._get_frame_tree,
            page.set_lifecycle_events_enabled.method: self._set_lifecycle,
            page.navigate.method: self._navigate,
            page.reload.method: self._reload,
            page.add_script_to_evaluate_on_new_document.method: self._add_script,
            page.create_isolated_world.method: self._create_world,
            runtime.enable.method: self._runtime_enable,
            page.handle_java_script_dialog.method: self._handle_dialog,
            page.set_intercept_file_chooser_dialog.method: self._intercept,
            dom.resolve_node.method: self._resolve_node,
        }

    def open_dialog(self, target: FakeTarget, kind: page.DialogType, message: str, default_prompt: str) -> None:
        """Let a page show a dialog, until it is answered."""
        self._dialogs.add(target.id)
        self.tell(
            target,
            page.JavascriptDialogOpening(
                url=target.url,
                frame_id=target.id,
                message=message,
                type=kind,
                has_browser_handler=True,
                default_prompt=default_prompt,
            ),
        )

    def open_file_chooser(self, target: FakeTarget, multiple: bool) -> None:
        """Let a page open a file chooser, where these are intercepted."""
        self._nodes += 1
        mode: Any = "selectMultiple" if multiple else "selectSingle"
        for session in self._chrome.targets.sessions_of(target):
            if (session.id or "") in self._intercepting:
                event = page.FileChooserOpened(frame_id=target.id, mode=mode, backend_node_id=self._nodes)
                self._chrome.post(event, session)

    def _intercept(
        self, command: page.set_intercept_file_chooser_dialog, session: FakeSession, received: Received
    ) -> None:
        (self._intercepting.add if command.enabled else self._intercepting.discard)(session.id or "")

    def _resolve_node(self, command: dom.resolve_node, session: FakeSession, received: Received) -> Any:
        if not command.backend_node_id or command.backend_node_id > self._nodes:
            raise CommandError(received.method, SERVER_ERROR, "No node with given id found")
        node = runtime.RemoteObject(
            type="object",
            subtype="node",
            class_name="HTMLInputElement",
            description="input",
            object_id=f"1.1.{-command.backend_node_id}",
        )
        return dom.ResolveNodeResult(object=node)

    def _handle_dialog(self, command: page.handle_java_script_dialog, session: FakeSession, received: Received) -> None:
        target = _target(session)
        if target.id in self._dialogs:  # others are the test's own, which emits what becomes of them too
            self._dialogs.remove(target.id)
            said = command.prompt_text or ""
            self.tell(target, page.JavascriptDialogClosed(frame_id=target.id, result=command.accept, user_input=said))

    def _get_frame_tree(self, command: Any, session: FakeSession, received: Received) -> page.GetFrameTreeResult:
        target = _target(session)
        return page.GetFrameTreeResult(frame_tree=self.frames.tree(target, self._frame(target)))

    def _set_lifecycle(
        self, command: page.set_lifecycle_events_enabled, session: FakeSession, received: Received
    ) -> None:
        if command.enabled:
            self._lifecycle.add(session.id or "")
            for name in LIFECYCLE[1:]:
                self._say_lifecycle(session, _target(session), name)
        else:
            self._lifecycle.discard(session.id or "")

    def go(self, target: FakeTarget, url: str) -> None:
        """Let a page go somewhere by itself."""
        target.url = url
        self._renew(target)
        asked = page.FrameRequestedNavigation(
            frame_id=target.id, reason="scriptInitiated", url=url, disposition="currentTab"
        )
        self.tell(target, asked)
        self._begin(target, "differentDocument")
        self._load(target)

    def _navigate(self, command: page.navigate, session: FakeSession, received: Received) -> Any:
        target = _target(session)
        frame = None if command.frame_id is None else self.frames.get(command.frame_id)
        if frame is not None:
            reply, frame_id = self._chrome.reply, frame.id

            def begun(loader: str) -> None:
                reply(received, page.NavigateResult(frame_id=frame_id, loader_id=loader, is_download=False))

            self.frames.navigate(frame, command.url, begun)
            return NEVER
        old, _ = urldefrag(target.url)
        new, fragment = urldefrag(command.url)
        if fragment and old == new:
            target.url = command.url
            self._begin(target, "sameDocument", self._chrome.targets.new_id("10AD"))
            self._chrome.reply(received, page.NavigateResult(frame_id=target.id, is_download=False))
            self._chrome.targets.changed(target)
            self.tell(
                target, page.NavigatedWithinDocument(frame_id=target.id, url=command.url, navigation_type="fragment")
            )
            self.tell(target, page.FrameStoppedLoading(frame_id=target.id))
            return NEVER
        target.url = command.url
        self._renew(target)
        answer = page.NavigateResult(frame_id=target.id, loader_id=self._loaders[target.id], is_download=False)
        self._begin(target, "differentDocument")
        self._chrome.reply(received, answer)
        self._load(target)
        return NEVER

    def _reload(self, command: page.reload, session: FakeSession, received: Received) -> Any:
        target = _target(session)
        self._renew(target)
        self._chrome.reply(received, None)
        self._begin(target, "reloadBypassingCache" if command.ignore_cache else "reload")
        self._load(target)
        return NEVER

    def _add_script(
        self, command: Any, session: FakeSession, received: Received
    ) -> page.AddScriptToEvaluateOnNewDocumentResult:
        self._worlds += 1
        return page.AddScriptToEvaluateOnNewDocumentResult(identifier=str(self._worlds))

    def _create_world(
        self, command: page.create_isolated_world, session: FakeSession, received: Received
    ) -> page.CreateIsolatedWorldResult:
        target = _target(session)
        self._worlds += 1
        context = 1_000_000 + self._worlds
        self._tell_context(session, target, context, command.world_name or "", "isolated")
        return page.CreateIsolatedWorldResult(execution_context_id=context)

    def _runtime_enable(self, command: Any, session: FakeSession, received: Received) -> None:
        target = _target(session)
        self._tell_context(session, target, self._contexts.setdefault(target.id, 1), "", "default")
        for each in self.frames.of(target):
            self._chrome.post(runtime.ExecutionContextCreated(context=each.place()), session)

    def _new_context(self, target: FakeTarget) -> int:
        """Return the number of another place in which scripts of a page's frames run."""
        self._places += 1
        return 1000 + self._places

    def _renew(self, target: FakeTarget) -> None:
        """Give a page a new document."""
        self._loaders[target.id] = self._chrome.targets.new_id("10AD")
        self._contexts[target.id] = self._contexts.get(target.id, 1) + 1
        self.frames.clear(target)
        if target.crashed:
            self._chrome.targets.revive(target)

    def _begin(self, target: FakeTarget, kind: page.FrameStartedNavigatingNavigationType, loader: str = "") -> None:
        """Emit that a navigation begins; ``loader`` is that of the page's document by default."""
        loader = loader or self._loaders[target.id]
        self.tell(
            target,
            page.FrameStartedNavigating(frame_id=target.id, url=target.url, loader_id=loader, navigation_type=kind),
        )
        self.tell(target, page.FrameStartedLoading(frame_id=target.id))

    def _load(self, target: FakeTarget) -> None:
        """Load a new document, with events in the order in which Chromium was recorded to send them."""
        self.tell(target, runtime.ExecutionContextsCleared())
        for session in self._chrome.targets.sessions_of(target):
            self._say_lifecycle(session, target, "init")
        self.tell(target, runtime.ExecutionContextsCleared())
        self.tell(target, page.FrameNavigated(frame=self._frame(target), type="Navigation"))
        self._chrome.targets.changed(target)
        for session in self._chrome.targets.sessions_of(target):
            if "Runtime" in session.enabled:
                self._tell_context(session, target, self._contexts[target.id], "", "default")
        self._time += 0.1
        for name, event in (
            ("DOMContentLoaded", page.DomContentEventFired(timestamp=self._time)),
            ("load", page.LoadEventFired(timestamp=self._time)),
            ("", page.FrameStoppedLoading(frame_id=target.id)),
        ):
            self.tell(target, event)
            for session in self._chrome.targets.sessions_of(target) if name else ():
                self._say_lifecycle(session, target, name)
        for session in self._chrome.targets.sessions_of(target):
            for name in LIFECYCLE[4:]:
                self._say_lifecycle(session, target, name)

    def tell(self, target: FakeTarget, event: Event) -> None:
        """Send an event to those sessions of a page that have its domain enabled."""
        for session in self._chrome.targets.sessions_of(target):
            if event.method.partition(".")[0] in session.enabled:
                self._chrome.post(event, session)

    def _say_lifecycle(self, session: FakeSession, target: FakeTarget, name: str) -> None:
        if (session.id or "") in self._lifecycle and "Page" in session.enabled:
            loader = self._loaders.setdefault(target.id, f"{target.id}-0")
            self._chrome.post(
                page.LifecycleEvent(frame_id=target.id, loader_id=loader, name=name, timestamp=self._time), session
            )

    def tell_lifecycle(self, target: FakeTarget, frame_id: str, loader_id: str, name: str) -> None:
        """Tell those sessions of a page that have asked for it what state a document of its frames has."""
        for session in self._chrome.targets.sessions_of(target):
            if (session.id or "") in self._lifecycle and "Page" in session.enabled:
                event = page.LifecycleEvent(frame_id=frame_id, loader_id=loader_id, name=name, timestamp=self._time)
                self._chrome.post(event, session)

    def tell_context(self, target: FakeTarget, context: runtime.ExecutionContextDescription) -> None:
        """Tell those sessions of a page that have asked for it where scripts run."""
        self.tell(target, runtime.ExecutionContextCreated(context=context))

    def _tell_context(self, session: FakeSession, target: FakeTarget, number: int, name: str, kind: str) -> None:
        described = context_of(number, target.id, target.url, name, kind)
        self._chrome.post(runtime.ExecutionContextCreated(context=described), session)

    def _frame(self, target: FakeTarget) -> page.Frame:
        return frame_of(target.id, self._loaders.setdefault(target.id, f"{target.id}-0"), target.url)

    def context(self, target: FakeTarget) -> int:
        """Return the number of the place in which the scripts of a page's main frame run."""
        return self._contexts.setdefault(target.id, 1)


def _target(session: FakeSession) -> FakeTarget:
    if session.target is None:
        raise CommandError("", METHOD_NOT_FOUND, "the root session is the browser's: it has no page")
    return session.target
