"""A run that is being collected, from a page or from a whole browser."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred

from txcdp._core.sessions import Session
from txcdp._deferreds import EndedByBlock, ignore_failure, returns_deferred
from txcdp.browser import Browser
from txcdp.domains import network, page, target
from txcdp.errors import TxcdpError
from txcdp.model import Exchange, ExchangeState
from txcdp.page import Page
from txcdp.protocol import Event
from txcdp.report._bodies import MOST_TOGETHER, wants_body
from txcdp.report._collector import Collector
from txcdp.report._observation import Observation, all_of
from txcdp.report._observing import FLUSH, WORLD
from txcdp.report._run import Run

#: Seconds to wait at the end for bodies, titles and the latest observations.
_PATIENCE: Final = 5.0


class Collection(EndedByBlock):
    """A run that is being collected; what :func:`collect` fires with. ``async with`` stops it at the end of the block.

    :param of: the page or the browser.
    :param bodies: whether to keep the beginnings of bodies.
    :param pictures: whether to take a screencast.
    :param name: the name of the run; None: the last URL of the page.
    :param wall: returns the time, in seconds since 1970.
    """

    _end_by = "stop"

    def __init__(
        self,
        of: Page | Browser,
        bodies: bool,
        pictures: bool,
        name: str | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._of = of
        self._wall = wall
        self._name = name
        self._collector = Collector(name or "", "page")
        self._observation = Observation(of, pictures, self._follow)
        self._sessions: dict[str, Session] = {}
        self._asked_for = 0
        self._asking: set[Deferred[None]] = set()
        self._run: Run | None = None
        self._browser = of if isinstance(of, Browser) else of.browser
        if bodies:
            self._collector.ended = self._exchange_ended

    def __repr__(self) -> str:
        return f"<Collection of {self._of!r}>"

    async def _start(self) -> None:
        await self._observation._start()

    @returns_deferred
    async def stop(self) -> Run:
        """Stop collecting.

        :returns: fires with the :class:`Run`, once the bodies that were asked for have arrived, waiting up to 5 s for
            each; may be called any number of times. What the browser can no longer report, as when it has ended, is
            missing from the run.
        """
        if self._run is not None:
            return self._run
        for each in list(self._asking):
            await each
        await self._flush()
        await self._observation.stop()
        product = ""
        with contextlib.suppress(TxcdpError):
            product = (await self._browser.version()).product
        if self._run is None:
            self._run = run = self._collector.run(product)
            run.name = run.name or next((each.url for each in reversed(run.documents)), "")
        return self._run

    async def _flush(self) -> None:
        """Make the documents report what their observers have not reported yet."""
        model = self._collector.model
        asked = []
        for frame in list(model.frames.frames.values()):
            session = self._sessions.get(frame.session_id or "")
            world = None if frame.parent_id else model.contexts.in_frame(frame.id, WORLD)
            if world is not None and session is not None and not session.ended:
                params = {"expression": FLUSH, "contextId": world.id, "awaitPromise": True}
                asked.append(session.execute_raw("Runtime.evaluate", params, timeout=_PATIENCE))
        await all_of(asked)

    # What sessions say:

    def _follow(self, session: Session) -> None:
        """Feed the collector with a session's events, until it ends."""
        info = session.target
        if info is not None:
            self._feed(
                session.parent,
                target.AttachedToTarget(session_id=session.id or "", target_info=info, waiting_for_debugger=False),
            )
        self._sessions[session.id or ""] = session
        session._feed_into(
            self._collector.events,
            lambda event: self._feed(session, event),
            gap=lambda _: self._lost(session),
            ended=lambda _: self._ended(session),
        )
        if info is not None and info.type in ("page", "iframe"):
            asked = session.execute(page.get_frame_tree(), timeout=_PATIENCE)
            asked.addCallback(lambda tree: self._feed_result(session, tree)).addErrback(ignore_failure)

    def _feed(self, session: Session | None, event: Event) -> None:
        key = "" if session is None else session.id or ""
        if self._run is None:
            self._collector.take(self._wall(), key, event)

    def _feed_result(self, session: Session, tree: page.GetFrameTreeResult) -> None:
        if self._run is None:
            self._collector.take(self._wall(), session.id or "", tree)

    def _lost(self, session: Session) -> None:
        if self._run is None:
            self._sessions[session.id or ""] = session
            self._collector.lose(self._wall(), session.id or "")

    def _ended(self, session: Session) -> None:
        key = session.id or ""
        self._sessions.pop(key, None)
        info = session.target
        if self._run is None:
            detached = target.DetachedFromTarget(session_id=key, target_id=None if info is None else info.target_id)
            self._feed(session.parent, detached)

    # Bodies:

    def _exchange_ended(self, row: Exchange) -> None:
        session = self._sessions.get(row.session_id)
        if row.state is not ExchangeState.FINISHED or session is None or session.ended or self._run is not None:
            return
        if wants_body(row) and self._asked_for < MOST_TOGETHER * 4:
            self._asked_for += row.body_decoded
            asking = Deferred.fromCoroutine(self._ask(session, row))
            if not asking.called:
                self._asking.add(asking)
                asking.addBoth(lambda _: self._asking.discard(asking))

    async def _ask(self, session: Session, row: Exchange) -> None:
        try:
            got = await session.execute(network.get_response_body(request_id=row.request_id), timeout=_PATIENCE)
        except TxcdpError:  # the browser has it no more, or there was none: the report says how large it was
            return
        self._collector.add_body(row.request_id, got.body, got.base64_encoded)


@returns_deferred
async def collect(
    of: Page | Browser, *, bodies: bool = True, pictures: bool = True, name: str | None = None
) -> Collection:
    """Begin to collect the data for a report.

    Begin before navigating: what happened earlier is not reported any more.

    :param of: the page, with its frames and workers and the pages that it opens; or the browser, with everything in it.
    :param bodies: whether to keep the beginnings of bodies: the first 16,384 characters of text, and images of up to 64
        KB; 8 MB in total.
    :param pictures: whether to take a screencast.
    :param name: the name of the run; None: the URL of the page's last document.
    :returns: fires with the :class:`Collection` once all existing targets have responded. Fails like
        ``Session.execute``.
    """
    collection = Collection(of, bodies, pictures, name)
    await collection._start()
    return collection
