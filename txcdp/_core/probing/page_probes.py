"""The probes that check whether each attached page responds, and if not, why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred

from txcdp._core.dispatch.tap import RawEvent
from txcdp._core.probing.rounds import ProbeOptions, Rounds, failed_with, give_up
from txcdp._core.sessions import Session
from txcdp._deferreds import ignore_failure
from txcdp.domains import performance, runtime, target
from txcdp.errors import Gone
from txcdp.health import PageCause, PageResponsive, PageUnresponsive

if TYPE_CHECKING:
    from reactivex.abc import DisposableBase

    from txcdp._core.connection import Connection

#: The events that report that a page starts or stops waiting, with the cause.
_WAITS: dict[str, tuple[PageCause, bool]] = {
    "Page.javascriptDialogOpening": ("dialog", True),
    "Page.javascriptDialogClosed": ("dialog", False),
    "Debugger.paused": ("debugger", True),
    "Debugger.resumed": ("debugger", False),
}


@dataclass(eq=False)
class _PageState:
    """The state of one page's probes.

    :ivar probe: the probe that is waiting for its answer.
    :ivar asking: the second probe, which only a busy page answers.
    :ivar since: when the probe was sent that was not answered in time; None: the page responds.
    """

    session: Session
    probe: Deferred[Any] | None = None
    asking: Deferred[Any] | None = None
    since: float | None = None

    def drop(self) -> None:
        """Stop waiting for answers."""
        give_up(self.probe)
        give_up(self.asking)


class PageProbes(Rounds):
    """Asks all attached pages for a constant, and finds out what blocks those that do not answer."""

    def __init__(self, connection: Connection, options: ProbeOptions, interval: float) -> None:
        super().__init__(connection, options, interval)
        self._pages: dict[Session, _PageState] = {}
        self._waiting: dict[tuple[str | None, PageCause], float] = {}
        self._root_is_page = False
        self._begun = 0.0
        self._tap: DisposableBase | None = None

    def start(self) -> None:
        """Start the first round after the interval."""
        super().start()
        self._tap = self._connection.events_raw(_WAITS.__contains__).subscribe(self._told, ignore_failure)
        self._send(self._connection.session, target.get_target_info()).addCallbacks(
            self._root_described, ignore_failure
        )

    def stop(self) -> None:
        """Stop probing, and leave neither a DelayedCall nor a command behind."""
        super().stop()
        if self._tap is not None:
            self._tap.dispose()
        pages, self._pages = self._pages, {}
        for page in pages.values():
            page.drop()

    def _root_described(self, result: target.GetTargetInfoResult) -> None:
        info: target.TargetInfo | None = result.target_info  # tolerant reading may lack it
        self._root_is_page = info is not None and info.type == "page"

    def _told(self, message: RawEvent) -> None:
        cause, begins = _WAITS[message.method]
        if begins:
            self._waiting[message.session_id, cause] = self._clock.seconds()
        else:
            self._waiting.pop((message.session_id, cause), None)

    def _is_page(self, session: Session) -> bool:
        if session.target is None:
            return self._root_is_page
        return session.target.type == "page" and not session.target.subtype and session._apart is None

    def _begin(self) -> None:
        now = self._begun = self._clock.seconds()
        sessions = [each for each in self._connection.sessions if self._is_page(each)]
        self._pages = {each: self._pages.get(each) or _PageState(each) for each in sessions}
        known = {each.id for each in sessions if not each.crashed}
        self._waiting = {key: since for key, since in self._waiting.items() if key[0] in known}
        self._after(self._options.page_timeout, self._look)
        for page in self._all():
            paused = self._waiting.get((page.session.id, "debugger"), now)
            if page.session.crashed:
                page.since = None  # its session says so
            elif now - paused >= self._options.page_timeout:
                self._report(page, "debugger", paused)
            else:
                page.probe = self._send(page.session, runtime.evaluate(expression="0", silent=True))
                page.probe.addBoth(self._answered, page)
        self._rest_if_done()

    def _answered(self, result: object, page: _PageState) -> None:
        page.probe = None
        if failed_with(result, CancelledError):
            return
        page.drop()
        self._rest_if_done()
        since, page.since = page.since, None
        if since is not None and not failed_with(result, Gone):
            self._connection.health.push(PageResponsive(page.session, self._clock.seconds() - since))

    def _look(self) -> None:
        """Ask the pages that have not answered whether they are busy, unless the cause is known."""
        for page in self._all():
            if page.probe is None:
                continue
            cause = self._known_cause(page)
            if page.since is not None:
                page.drop()
            elif cause is not None:
                self._report(page, cause, self._begun)
            else:
                page.asking = self._send(page.session, performance.get_metrics())
                page.asking.addBoth(self._interrupted, page)
        if any(page.asking is not None for page in self._all()):
            self._after(self._options.page_timeout, self._judge)
        else:
            self._rest()

    def _interrupted(self, result: object, page: _PageState) -> None:
        page.asking = None
        if not failed_with(result, CancelledError, Gone) and page.probe is not None:
            self._report(page, "busy", self._begun)
            self._rest_if_done()

    def _judge(self) -> None:
        for page in self._all():
            if page.asking is not None:
                self._report(page, self._known_cause(page) or "stopped", self._begun)
        self._rest()

    def _known_cause(self, page: _PageState) -> PageCause | None:
        causes: tuple[PageCause, ...] = ("dialog", "debugger")
        return next((each for each in causes if (page.session.id, each) in self._waiting), None)

    def _report(self, page: _PageState, cause: PageCause, since: float) -> None:
        page.drop()
        if page.since is None:
            page.since = since
            self._connection.health.push(PageUnresponsive(page.session, cause, self._clock.seconds() - since))

    def _rest_if_done(self) -> None:
        """End the round early if all pages have answered."""
        if all(page.probe is None for page in self._all()):
            self._rest()

    def _rest(self) -> None:
        self._after(max(0.0, self._begun + self._interval - self._clock.seconds()), self._begin)

    def _all(self) -> list[_PageState]:
        """Return all pages, as a list that callbacks cannot change."""
        return list(self._pages.values())
