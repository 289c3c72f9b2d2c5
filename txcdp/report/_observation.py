"""Makes pages report what a report needs: the domains, the script in each document, the screencast."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

from twisted.internet.defer import Deferred, DeferredList

from txcdp._core.sessions import Session
from txcdp._deferreds import EndedByBlock, Timer, ignore_failure, returns_deferred
from txcdp._following import Choice, Following, OpenedBy, enabling
from txcdp.browser import Browser
from txcdp.domains import page as page_domain
from txcdp.domains import target
from txcdp.model import TARGET_KINDS, kind_of
from txcdp.page import Page
from txcdp.report._observing import BINDING, WORLD, script

#: The domains that are enabled in every target.
DOMAINS: Final = ("Network", "Page", "Runtime", "Log")

#: The screencast: the maximum size in pixels, and the quality. In a report, pictures are 160 pixels wide, on screens
#: with two device pixels for one.
_PICTURES: Final = {"format": "jpeg", "quality": 60, "maxWidth": 480, "maxHeight": 480}

#: Seconds from one picture to the request for the next.
_PAUSE: Final = 0.05

#: Seconds by which a page's own process may delay the start of the observation.
_PATIENCE: Final = 5.0


class _All(Choice):
    """All targets of a browser, except those that are internal to it."""

    def wants_below(self, info: target.TargetInfo) -> bool:
        return not kind_of(info.type).is_internal

    wants_above = wants_below


#: Kinds of targets that have documents, and so get the script.
_WITH_SCRIPT: Final = frozenset(
    name for name, kind in TARGET_KINDS.items() if kind.has_document and not kind.is_internal
)


class _Observed:
    """One session that is observed.

    :param pictures: whether to take a screencast.
    """

    def __init__(self, session: Session, pictures: bool) -> None:
        self.session = session
        self._script: str | None = None
        self._next = Timer(session.context.clock, self._ask)
        self._number = 0
        self._send = partial(session.execute_raw, timeout=_PATIENCE)
        # The world's name has to be known to whoever hears of the binding.
        self._quietly("Runtime.enable", {})
        self._quietly("Page.setLifecycleEventsEnabled", {"enabled": True})
        self._quietly("Runtime.addBinding", {"name": BINDING, "executionContextName": WORLD})
        params = {"source": script(), "worldName": WORLD, "runImmediately": True}
        added = self._send("Page.addScriptToEvaluateOnNewDocument", params)
        added.addCallback(self._added).addErrback(ignore_failure)
        self._shows = pictures and session.kind == "page"
        session._feed_into((page_domain.ScreencastFrame,), self._shown, ended=lambda _: self._next.stop())
        if self._shows:
            self._quietly("Page.startScreencast", _PICTURES)

    def stop(self) -> list[Deferred[Any]]:
        """Undo everything; return a Deferred that fires once that is done."""
        self._next.stop()
        shows, self._shows = self._shows, False
        if self.session.ended:
            return []
        sent = [self._send("Runtime.removeBinding", {"name": BINDING})]
        if shows:
            sent.append(self._send("Page.stopScreencast", {}))
        if self._script is not None:
            sent.append(self._send("Page.removeScriptToEvaluateOnNewDocument", {"identifier": self._script}))
        return sent

    def _quietly(self, method: str, params: Mapping[str, Any]) -> None:
        self._send(method, params).addErrback(ignore_failure)

    def _added(self, result: dict[str, Any]) -> None:
        self._script = str(result.get("identifier"))

    def _shown(self, frame: page_domain.ScreencastFrame) -> None:
        if self._shows:
            self._number = frame.session_id
            self._next.set(_PAUSE)  # a page that moves all the time would do nothing else

    def _ask(self) -> None:
        if not self.session.ended:
            self._quietly("Page.screencastFrameAck", {"sessionId": self._number})


class Observation(EndedByBlock):
    """Pages that are made to report what a report needs; what :func:`observe` fires with. ``async with`` stops it.

    :param of: the page, with its frames and workers and the pages that it opens; or the browser, with everything in it.
    :param pictures: whether to take a screencast.
    :param begin: called with each session before anything is sent to it.
    """

    _end_by = "stop"

    def __init__(
        self, of: Page | Browser, pictures: bool = True, begin: Callable[[Session], object] | None = None
    ) -> None:
        self._browser = of if isinstance(of, Browser) else of.browser
        self._page = of if isinstance(of, Page) else None
        self._pictures = pictures
        self._begin = begin
        self._observed: list[_Observed] = []
        self._following: Following | None = None

    def __repr__(self) -> str:
        return f"<Observation of {self._page or self._browser!r}>"

    async def _start(self) -> None:
        """Start observing; returns once all existing targets have responded, in whatever way."""
        root = self._browser.session
        choice: Choice = _All()
        if self._page is not None:
            there = (await root.execute(target.get_targets())).target_infos
            choice = OpenedBy(each.target_id for each in there)
        self._following = following = Following(
            choice,
            enabling(DOMAINS),
            answer_dialogs=self._browser._dialogs.follow,
            begin=self._begins,
            timeout=_PATIENCE,
        )
        first = self._browser.connection.sessions if self._page is None else [self._page.session]
        sent = [each for session in first if session is not root for each in following.follow(session)]
        await all_of([*sent, following.start(root)])

    @returns_deferred
    async def stop(self) -> None:
        """Stop observing: remove the scripts, bindings and screencasts.

        Domains that were enabled stay enabled.

        :returns: fires with None once the browser has responded; may be called any number of times.
        """
        if self._following is not None:
            self._following.stop()
        observed, self._observed = self._observed, []
        await all_of(sent for each in observed for sent in each.stop())

    def _begins(self, session: Session) -> None:
        if self._begin is not None:
            self._begin(session)
        if (session.kind or "page") in _WITH_SCRIPT:
            self._observed.append(_Observed(session, self._pictures))


@returns_deferred
async def observe(of: Page | Browser, *, pictures: bool = True) -> Observation:
    """Make a page report what a report needs, so that a recording contains it.

    In each document, a script in an isolated world reports what its ``PerformanceObserver`` sees, by the event
    ``Runtime.bindingCalled``; a screencast shows what the page looks like. So a :class:`~txcdp.recording.Recorder` of
    the same browser records web vitals, long tasks and pictures.

    :param of: the page, with its frames and workers and the pages that it opens; or the browser, with everything in it.
    :param pictures: whether to take a screencast.
    :returns: fires with the :class:`Observation` once all existing targets have responded. Fails like
        ``Session.execute``.
    """
    observation = Observation(of, pictures)
    await observation._start()
    return observation


def all_of(waiting: Iterable[Deferred[Any]]) -> Deferred[Any]:
    """Return a Deferred that fires with None when all have fired or failed."""
    done: Deferred[Any] = DeferredList(list(waiting), consumeErrors=True)
    return done.addCallback(lambda _: None)
