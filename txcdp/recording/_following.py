"""Attaches to every target of a browser before it runs, and enables what is recorded of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from twisted.python.failure import Failure

from txcdp._arguments import instead_of
from txcdp._core.sessions import Session
from txcdp._core.sessions.enabling import NEEDS, TAKES_DECISIONS
from txcdp._deferreds import ignore_failure
from txcdp._following import Choice, Following, enabling
from txcdp.browser import Browser
from txcdp.domains import PLAIN_ENABLE, target
from txcdp.errors import CommandError
from txcdp.model import TARGET_KINDS
from txcdp.protocol._error_codes import METHOD_NOT_FOUND
from txcdp.recording._frame_trees import FrameTrees

#: The domains that are enabled in every target by default.
DOMAINS = ("Network", "Page", "Runtime", "Log")

#: Seconds for other followers of a page, over another connection, to answer its dialogs before they are dismissed.
_GRACE = 1.0


class AllExcept(Choice):
    """All targets except those of some types.

    :param unwanted: the types.
    """

    def __init__(self, unwanted: Collection[str]) -> None:
        self._unwanted = unwanted

    def wants_below(self, info: target.TargetInfo) -> bool:
        """Return whether its type is none of them."""
        return info.type not in self._unwanted

    wants_above = wants_below


def check_domains(domains: Iterable[str]) -> None:
    """Refuse domains that a recorder does not enable.

    :raises ValueError: one of them cannot be enabled, or only by a program that handles what it stops.
    """
    for each in domains:
        if each in TAKES_DECISIONS:
            raise ValueError(f"a recorder does not enable {each}, because that changes what a page does")
        if each not in PLAIN_ENABLE:
            raise ValueError(
                f"unknown domain {each!r}, or it cannot be enabled; {instead_of(each, sorted(PLAIN_ENABLE))}"
            )


def with_needed(domains: Iterable[str]) -> Iterator[str]:
    """Return domains, each preceded by the one that it needs."""
    return (each for name in domains for each in (NEEDS.get(name), name) if each)


class Recording:
    """Follows the targets that a browser has and opens, and enables what is recorded of them.

    :param domains: the domains to enable.
    :param targets: types of targets to include although they are internal to the browser.
    :param begin: called with each session before anything is sent to it.
    :param trees: asks existing targets for their frames.
    :raises ValueError: one of them cannot be enabled, or only by a program that handles what it stops.
    """

    def __init__(
        self,
        browser: Browser,
        domains: Sequence[str],
        targets: Sequence[str],
        begin: Callable[[Session], object],
        trees: FrameTrees | None = None,
    ) -> None:
        check_domains(domains)
        self.trees = trees
        self._browser = browser
        self._following = Following(
            AllExcept({name for name, kind in TARGET_KINDS.items() if kind.is_internal} - set(targets)),
            enabling(with_needed(domains)),
            answer_dialogs=lambda session: browser._dialogs.follow(session, grace=_GRACE),
            begin=begin,
            timeout=None,
        )

    async def root_kind(self) -> str:
        """Ask what the root session belongs to: ``"browser"``, a page, or something without targets."""
        try:
            return str((await self._browser.session.execute(target.get_target_info())).target_info.type)
        except CommandError as error:
            return "other" if error.code == METHOD_NOT_FOUND else "browser"

    async def start(self, with_root: bool) -> None:
        """Attach to everything.

        :param with_root: whether to enable domains on the root session.
        """
        root = self._browser.session
        for session in self._browser.connection.sessions:
            if session is not root:
                self.follow(session)
        if with_root:
            self._following.set_up_quietly(root)
        if self.trees is not None:
            for session in self._browser.connection.sessions:
                self.trees.began(session)
        root.execute(target.set_discover_targets(discover=True)).addErrback(ignore_failure)
        await self._following.start(root).addErrback(_without_targets)
        if self.trees is not None:
            self.trees.starting = False

    def follow(self, session: Session) -> None:
        """Follow a session, whoever attached it; everything sent to it leaves in one write."""
        for sent in self._following.follow(session):
            sent.addErrback(ignore_failure)

    def stop(self) -> None:
        """Stop following; what is attached stays attached."""
        self._following.stop()
        if self.trees is not None:
            self.trees.stop()


def _without_targets(failure: Failure) -> None:
    """Ignore the failure: Node and the like have no targets."""
    failure.trap(CommandError)
