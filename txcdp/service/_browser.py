"""A browser for as long as an application runs."""

from __future__ import annotations

import copy
from contextlib import suppress
from dataclasses import replace
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._core.reconnecting import ReconnectPolicy
from txcdp._deferreds import Waiters, returns_deferred
from txcdp._privacy import shown_url
from txcdp._reactor import AnyReactor, whole
from txcdp.browser import Browser, connect, launch
from txcdp.errors import ConnectError, ConnectionLost, ExecutableNotFound, InvalidURL, LaunchError

log = Logger()

#: Seconds that a command waits for a browser that is being looked for, unless the policy says otherwise.
WAIT = 60.0


class BrowserService(Service):
    """Launches or connects to a browser when it starts, keeps it, and closes it when it stops.

    While it runs there is a browser, or one is being looked for: a lost line is replaced, and a browser that has ended
    is restarted, under the same :class:`Browser`, by the policy. Where the policy gives up, or somebody has closed the
    browser, the service begins again, with a new one: ask :meth:`whenConnected` for each piece of work. Commands that
    are sent while there is no browser wait for it, a minute unless the policy says otherwise. A program
    that is missing ends the search before the first browser; after it, it is waited for, as while it is being upgraded.

    :param reactor: the reactor.
    :param url: of a browser that runs, as :func:`txcdp.connect` takes it; None: launch one.
    :param policy: when a lost browser is looked for, and how often. The first one is looked for with its delays, too,
        however often that fails.
    :param options: more that :func:`txcdp.connect` or :func:`txcdp.launch` takes.
    :ivar reactor: as it was given.
    """

    def __init__(
        self, reactor: AnyReactor, url: str | None = None, *, policy: ReconnectPolicy | None = None, **options: Any
    ) -> None:
        self.reactor = reactor
        self._url = url
        policy = ReconnectPolicy() if policy is None else policy
        self._policy = replace(policy, wait=WAIT) if policy.wait is None else policy
        self._options = options
        self._browser: Browser | None = None
        self._keeping: Deferred[None] = succeed(None)
        self._changed: Waiters[None] = Waiters()
        self._attempts = 0  # that have failed in a row
        self._failure: BaseException | None = None  # of the last one
        self._hopeless = False
        self._had_one = False

    def __repr__(self) -> str:
        what = "launched" if self._url is None else shown_url(self._url)
        return f"<{type(self).__name__} {what}>"

    @property
    def browser(self) -> Browser | None:
        """The browser that there is, perhaps with its line lost; None before the first one, and between two."""
        found = self._browser
        return None if found is None or found.connection.lost is not None else found

    def open(self) -> Deferred[Browser]:
        """Launch the browser, or connect to it; to be overridden where that takes more.

        :returns: fires with the :class:`Browser`; fails as :func:`txcdp.launch` and :func:`txcdp.connect` do.
        """
        if self._url is None:
            return launch(self.reactor, restart=self._policy, **{"end_with_reactor": False, **self._options})
        return connect(self.reactor, self._url, reconnect=self._policy, **self._options)

    def startService(self) -> None:
        """Begin to look for the browser."""
        if not self.running:
            super().startService()
            self._attempts, self._failure, self._hopeless = 0, None, False
            self._keeping = self._keep().addErrback(self._give_up)

    @returns_deferred
    async def stopService(self) -> None:
        """Close a launched browser, or the line to one that was connected to.

        :returns: fires when that is done, which is bounded in time; whoever waits for the browser fails.
        """
        if not self.running:
            return
        super().stopService()
        browser, self._browser = self._browser, None
        keeping, self._keeping = self._keeping, succeed(None)
        self._changed.notify(None)
        keeping.cancel()
        await keeping
        if browser is not None:
            await browser.close()

    @returns_deferred
    async def whenConnected(self, failAfterFailures: int | None = None) -> Browser:
        """Wait for a browser with a line to it.

        :param failAfterFailures: attempts in a row that may fail before this does; None: any number.
        :returns: fires with the :class:`Browser`. Fails with what the last attempt has failed with, at once where no
            attempt can succeed, as when there is no such program; and with
            :exc:`~twisted.internet.defer.CancelledError` where the service does not run, or is stopped.
        """
        while self.running:
            given_up = failAfterFailures is not None and self._attempts >= failAfterFailures
            if self._failure is not None and (self._hopeless or given_up):
                raise copy.copy(self._failure)
            browser = self.browser
            if browser is None:
                await self._changed.wait()
                continue
            with suppress(ConnectionLost):
                await browser.connection.when_connected()
                if self.browser is browser:
                    return browser
        raise CancelledError(f"{self} does not run")

    @returns_deferred
    async def _keep(self) -> None:
        while True:
            browser = self._browser = await self._look_for_one()
            self._had_one = True
            log.info("{service}: there is a browser", service=self)
            self._changed.notify(None)
            lost = await browser.connection.when_closed()
            log.warn("{service}: the browser is gone: {reason}", service=self, reason=lost)
            await browser.close()
            await deferLater(whole(self.reactor), self._policy.delays()(1))

    async def _look_for_one(self) -> Browser:
        delay = self._policy.delays()
        while True:
            try:
                browser = await self.open()
            except (ConnectError, ConnectionLost, LaunchError) as error:
                missing = isinstance(error, ExecutableNotFound)
                if isinstance(error, InvalidURL) or (missing and not self._had_one):
                    raise
                known = missing and isinstance(self._failure, ExecutableNotFound)
                self._attempts, self._failure = self._attempts + 1, error
                seconds = delay(self._attempts)
                if not known:  # it may be long in coming
                    log.warn("{service}: {error}; again in {seconds:.1f} s", service=self, error=error, seconds=seconds)
                self._changed.notify(None)
                await deferLater(whole(self.reactor), seconds)
            else:
                self._attempts, self._failure = 0, None
                return browser

    def _give_up(self, failure: Failure) -> None:
        if failure.check(CancelledError) and not self.running:
            return
        self._hopeless, self._failure = True, failure.value
        log.failure("{service}: no attempt can succeed", failure=failure, service=self)
        self._changed.notify(None)
