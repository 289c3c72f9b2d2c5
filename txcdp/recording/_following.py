"""Every target of a browser, attached to before it runs, with what is recorded of it enabled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from twisted.python.failure import Failure

from txcdp._core.sessions import AutoAttach, Session
from txcdp._core.sessions.enabling import NEEDS, TAKES_DECISIONS
from txcdp.browser import Browser
from txcdp.domains import PLAIN_ENABLE, target
from txcdp.errors import CommandError, TxcdpError

#: The code for a method that the other end does not have, as Node has no targets.
_NO_METHOD: Final = -32601

#: What is enabled in every target unless something else is asked for.
DOMAINS = ("Network", "Page", "Runtime", "Log")

#: What targets without a document do not have.
_DOCUMENTS_ONLY = frozenset({"Page", "DOM", "CSS", "Overlay"})
_DOCUMENTS = ("page", "iframe")

#: Parts of the browser's own window that are pages, too.
_BROWSERS_OWN = frozenset({"browser_ui"})

#: Seconds for whoever else follows a page, over another connection, to answer its dialogs before nobody does.
_GRACE = 1.0


class Following:
    """Attaches to what a browser has and opens, and enables domains there.

    :param domains: what is enabled.
    :param targets: types of targets that are wanted although they are the browser's own.
    :raises ValueError: one of them cannot be enabled, or only by somebody who decides what comes of it.
    """

    def __init__(self, browser: Browser, domains: Sequence[str], targets: Sequence[str] = ()) -> None:
        for each in domains:
            if each in TAKES_DECISIONS:
                raise ValueError(f"{each} is not enabled by a recorder, for that changes what a page does")
            if each not in PLAIN_ENABLE:
                raise ValueError(f"there is no domain {each!r} that can be enabled")
        self._browser = browser
        self._unwanted = _BROWSERS_OWN - set(targets)
        self._policy = AutoAttach(keep=lambda info: info.type not in self._unwanted)
        self._domains = [each for name in domains for each in (NEEDS.get(name), name) if each]

    async def root_kind(self) -> str:
        """Ask what the root session is the session of: ``"browser"``, a page, or something without targets."""
        try:
            return str((await self._browser.session.execute(target.get_target_info())).target_info.type)
        except CommandError as error:
            return "other" if error.code == _NO_METHOD else "browser"

    async def start(self, add: Callable[[Session], object], with_root: bool) -> None:
        """Attach to everything.

        :param add: called with each session that is there already.
        :param with_root: whether the root session has domains to be enabled.
        """
        root = self._browser.session
        for session in self._browser.connection.sessions:
            if session is not root:
                add(session)
                self.set_up(session)
        if with_root:
            self._enable(root)
        root.execute(target.set_discover_targets(discover=True)).addErrback(_needless)
        if root.auto_attach is None:
            await self._policy.start(root).addErrback(_without_targets)

    def set_up(self, session: Session) -> None:
        """Enable what is recorded of a target, and attach to what it opens; all of it leaves in one write."""
        self._enable(session)
        if session.auto_attach is None:
            self._policy.start(session).addErrback(_needless)

    def _enable(self, session: Session) -> None:
        """Enable what a kind of target has; the rest it would refuse."""
        has_document = session.target is None or session.target.type in _DOCUMENTS
        if has_document and "Page" in self._domains:  # from now on, its dialogs wait for an answer
            self._browser._dialogs.follow(session, grace=_GRACE)
        for domain in self._domains:
            if has_document or domain not in _DOCUMENTS_ONLY:
                session.execute_raw(f"{domain}.enable", timeout=None).addErrback(_needless)


def _without_targets(failure: Failure) -> None:
    """Node and the like open none."""
    failure.trap(CommandError)


def _needless(failure: Failure) -> None:
    """What a target does not have, or no longer needs, is not missed."""
    failure.trap(TxcdpError)
