"""Every target of a browser, attached to before it runs, with what is recorded of it enabled."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.python.failure import Failure

from txcdp._core.sessions import AutoAttach, Session
from txcdp._core.sessions.enabling import NEEDS, TAKES_DECISIONS
from txcdp._deferreds import ignore_failure
from txcdp._following import enable
from txcdp.browser import Browser
from txcdp.domains import PLAIN_ENABLE, target
from txcdp.errors import CommandError
from txcdp.model import TARGET_KINDS
from txcdp.protocol._error_codes import METHOD_NOT_FOUND

#: The code for a method that the other end does not have, as Node has no targets.

#: What is enabled in every target unless something else is asked for.
DOMAINS = ("Network", "Page", "Runtime", "Log")


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
        self._unwanted = {name for name, kind in TARGET_KINDS.items() if kind.is_internal} - set(targets)
        self._policy = AutoAttach(keep=lambda info: info.type not in self._unwanted)
        self._domains = [each for name in domains for each in (NEEDS.get(name), name) if each]

    async def root_kind(self) -> str:
        """Ask what the root session is the session of: ``"browser"``, a page, or something without targets."""
        try:
            return str((await self._browser.session.execute(target.get_target_info())).target_info.type)
        except CommandError as error:
            return "other" if error.code == METHOD_NOT_FOUND else "browser"

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
        root.execute(target.set_discover_targets(discover=True)).addErrback(ignore_failure)
        if root.auto_attach is None:
            await self._policy.start(root).addErrback(_without_targets)

    def set_up(self, session: Session) -> None:
        """Enable what is recorded of a target, and attach to what it opens; all of it leaves in one write."""
        self._enable(session)
        if session.auto_attach is None:
            self._policy.start(session).addErrback(ignore_failure)

    def _enable(self, session: Session) -> None:
        for sent in enable(session, self._domains, self._browser._dialogs, grace=_GRACE):
            sent.addErrback(ignore_failure)


def _without_targets(failure: Failure) -> None:
    """Node and the like open none."""
    failure.trap(CommandError)
