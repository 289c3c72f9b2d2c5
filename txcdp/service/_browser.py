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

#: Seconds that a command waits while there is no browser, unless the policy says otherwise.
WAIT = 60.0


class BrowserService(Service):
    """Launches or connects to a browser when it starts, keeps it, and closes it when it stops.

    While the service runs, there is a browser, or the service tries to get one: the policy replaces a lost connection
    and restarts a browser that has ended, with the same :class:`Browser` object. If the policy gives up, or somebody
    closes the browser, the service starts over with a new one: call :meth:`whenConnected` for each piece of work.
    Commands that are sent while there is no browser wait for it, for up to a minute unless the policy says otherwise.
    If the program is missing before there was a first browser, the service stops trying; later, it waits for the
    program, as it may be being upgraded.

    :param reactor: the reactor.
    :param url: the URL of a running browser, as :func:`txcdp.connect` takes it; None: launch one.
    :param policy: when and how often to try to replace a lost browser. The first browser is tried for with the same
        delays, however often that fails.
    :param options: further options for :func:`txcdp.connect` or :func:`txcdp.launch`.
    :ivar reactor: the reactor, as given.
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
        """The current browser, perhaps while its connection is being replaced; None before the first one, and between
        two.
        """
        found = self._browser
        return None if found is None or found.connection.lost is not None else found

    def open(self) -> Deferred[Browser]:
        """Launch the browser, or connect to it; override this if that takes more.

        :returns: fires with the :class:`Browser`; fails as :func:`txcdp.launch` and :func:`txcdp.connect` do.
        """
        if self._url is None:
            return launch(self.reactor, restart=self._policy, **{"end_with_reactor": False, **self._options})
        return connect(self.reactor, self._url, reconnect=self._policy, **self._options)

    def startService(self) -> None:
        """Begin to launch the browser or to connect to it."""
        if not self.running:
            super().startService()
            self._attempts, self._failure, self._hopeless = 0, None, False
            self._keeping = self._keep().addErrback(self._give_up)

    @returns_deferred
    async def stopService(self) -> None:
        """Close a launched browser, or the connection to one that was connected to.

        :returns: fires once that is done, within a limited time; Deferreds that wait for the browser fail.
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
        """Wait for a browser that is connected.

        :param failAfterFailures: the number of consecutive failed attempts after which this fails, too; None: never.
        :returns: fires with the :class:`Browser`. Fails with the error of the last attempt, at once if no attempt can
            succeed, as when the program does not exist; and with :exc:`~twisted.internet.defer.CancelledError` if the
            service is not running, or is stopped.
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
        raise CancelledError(f"{self} is not running")

    @returns_deferred
    async def _keep(self) -> None:
        while True:
            browser = self._browser = await self._look_for_one()
            self._had_one = True
            log.info("{service}: a browser is available", service=self)
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
                    log.warn(
                        "{service}: {error}; retrying in {seconds:.1f} s", service=self, error=error, seconds=seconds
                    )
                self._changed.notify(None)
                await deferLater(whole(self.reactor), seconds)
            else:
                self._attempts, self._failure = 0, None
                return browser

    def _give_up(self, failure: Failure) -> None:
        if failure.check(CancelledError) and not self.running:
            return
        self._hopeless, self._failure = True, failure.value
        log.failure("{service}: giving up; no attempt can succeed", failure=failure, service=self)
        self._changed.notify(None)
