"""A browser that tests share, and a test case that uses it: with a context and a page for each test."""

from __future__ import annotations

import atexit
import contextlib
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar
from unittest import SkipTest
from unittest.mock import patch

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from txcdp._core.dispatch.deadlines import Deadlines
from txcdp._deferreds import returns_deferred, with_deadline
from txcdp._transports.websocket import WebSocketOptions
from txcdp.assertions import expect
from txcdp.browser import Browser, BrowserContext, launch
from txcdp.page import Page
from txcdp.testing._evidence import Evidence, folder_of

#: Seconds that a browser may take to start and to end on a busy machine.
PATIENCE = 60.0


def run_until(reactor: Any, deferred: Deferred[Any], seconds: float | None = PATIENCE) -> Any:
    """Run the reactor, if it is not running, until a Deferred has fired, and return its result.

    It is stopped as Twisted's own test runner does it, so that it can run again.

    :param seconds: after which the Deferred is cancelled; None: never.
    """
    results: list[Any] = []
    stopped = False
    with_deadline(reactor, deferred, seconds, TimeoutError).addBoth(results.append)
    if not results:

        def interrupt() -> None:
            nonlocal stopped
            stopped = True
            reactor.crash()

        deferred.addBoth(lambda _: reactor.crash())
        with patch.object(reactor, "stop", interrupt, create=True):  # what Ctrl-C calls
            reactor.run()
    if stopped and not results:
        deferred.addErrback(lambda _: None)
        deferred.cancel()
        raise KeyboardInterrupt
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]


def is_of_commands(call: Any) -> bool:
    """Whether a pending call is the one that checks a connection's commands for timeouts."""
    return isinstance(getattr(call.func, "__self__", None), Deadlines)


class SharedBrowser:
    """A browser used by many tests.

    Trial runs the reactor once for each test, and removes all of its readers at a test's end. This browser has neither
    pings nor probes, so that only one call may be pending between two tests: the one that checks commands for timeouts.

    :param options: of :func:`txcdp.launch`.
    """

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        self._options = dict(options or {})
        self._browser: Browser | None = None
        self._readers: set[Any] = set()

    @property
    def browser(self) -> Browser:
        """The browser, while it is kept."""
        assert self._browser is not None, "it is not kept"
        return self._browser

    @property
    def _reactor(self) -> Any:
        from twisted.internet import reactor  # the one that the program has chosen by now

        return reactor

    def keep(self) -> Browser:
        """Start it if it is not running; one that a test has ended is replaced."""
        if self._browser is not None and self._browser.connection.lost is not None:
            self.close()
        if self._browser is None:
            reactor = self._reactor
            before = set(reactor.getReaders())
            silent = {"options": WebSocketOptions(ping_interval=None), "probes": None}
            starting = launch(reactor, **{"start_timeout": PATIENCE, **silent, **self._options})
            self._browser = run_until(reactor, starting)
            self._readers = set(reactor.getReaders()) - before
        return self.browser

    def close(self) -> None:
        """End it."""
        browser, self._browser = self._browser, None
        if browser is not None:
            run_until(self._reactor, browser.close())

    def when_closed(self) -> Deferred[None] | None:
        """End it while the reactor runs."""
        browser, self._browser = self._browser, None
        return browser.close() if browser is not None else None

    @contextlib.contextmanager
    def set_aside(self) -> Iterator[None]:
        """Protect it from the removal of all readers from the reactor."""
        reactor = self._reactor
        kept = self._readers & set(reactor.getReaders())
        for reader in kept:
            reactor.removeReader(reader)
        get = reactor.getDelayedCalls
        with patch.object(reactor, "getDelayedCalls", lambda: [each for each in get() if not is_of_commands(each)]):
            yield
        for reader in kept:
            reactor.addReader(reader)


class _Run:
    """The browsers of a whole run of tests, by their options."""

    def __init__(self) -> None:
        self._shared: list[tuple[dict[str, Any], SharedBrowser]] = []
        self._reactor: Any = None

    def browser(self, options: Mapping[str, Any]) -> SharedBrowser:
        """Return the browser that is started with such options; at the run's end it is closed."""
        for known, shared in self._shared:
            if known == options:
                return shared
        if not self._shared:
            from twisted.internet import reactor

            atexit.register(self.end)
            self._reactor = reactor
            self._reactor.addSystemEventTrigger("before", "shutdown", self._close)  # which trial fires at its end
        shared = SharedBrowser(options)
        self._shared.append((dict(options), shared))
        return shared

    def end(self) -> None:
        """End all that the reactor has begun, as trial does at the end of its run: browsers, and threads."""
        if self._shared:
            ended: Deferred[None] = Deferred()
            self._reactor.addSystemEventTrigger("after", "shutdown", ended.callback, None)
            self._reactor.fireSystemEvent("shutdown")
            run_until(self._reactor, ended)

    def _close(self) -> Deferred[Any]:
        closing = [each.when_closed() for _, each in self._shared]
        self._shared.clear()
        return gatherResults([each for each in closing if each is not None])


#: There is one for each process.
run = _Run()


class BrowserTestCase(TestCase):
    """A test case with a browser shared by the whole run, and a context and a page of its own.

    Test methods may be coroutine functions. It runs under trial and pytest. If a test fails, screenshots and
    accessibility trees of its pages, the console and the last exchanges are saved to a folder.

    :cvar launch_options: the options of :func:`txcdp.launch`; classes with the same options share one browser.
    :cvar context_options: the options of ``Browser.new_context``.
    :cvar kept_in: the folder in which each failing test gets a folder of its own; None saves nothing.
    :ivar browser: the :class:`~txcdp.browser.Browser`.
    :ivar context: the test's :class:`~txcdp.browser.BrowserContext`, which is closed at the end of the test.
    :ivar page: a :class:`~txcdp.page.Page` in that context.
    """

    timeout = 120
    launch_options: ClassVar[Mapping[str, Any]] = {}
    context_options: ClassVar[Mapping[str, Any]] = {}
    kept_in: ClassVar[str | Path | None] = "test-results"

    browser: Browser
    context: BrowserContext
    page: Page

    @returns_deferred  # trial waits for it, though typeshed's TestCase says that there is nothing to wait for
    async def setUp(self) -> None:  # type: ignore[override]
        """Open the context and the page.

        If your test case has its own ``setUp``, make it a coroutine function that begins with ``await
        super().setUp()``.

        :returns: fires with None, or fails like ``Browser.new_context`` and ``BrowserContext.new_page``.
        """
        self.browser = self._shared.browser
        self.context = await self.browser.new_context(**self.context_options)
        self.addCleanup(self.context.close)
        evidence = None
        if self.kept_in is not None:
            evidence = Evidence(self.context)
            self.addCleanup(evidence.stop)
        self._collect(evidence)
        self.page = await self.context.new_page()

    def run(self, result: Any = None) -> Any:
        """Run the test, with the browser."""
        try:
            self._shared = run.browser(self.launch_options)
            self._shared.keep()
        except Exception:
            result.startTest(self)
            result.addError(self, Failure())
            result.stopTest(self)
            return result
        return super().run(result)

    def _collect(self, evidence: Evidence | None) -> None:
        """Have the test method fail with what ``expect.soft`` has found, and the evidence saved where it fails."""
        method = getattr(self, self._testMethodName)

        @functools.wraps(method)
        async def collecting() -> None:
            try:
                with expect._of_a_test():
                    await maybeDeferred(method)
            except SkipTest:
                raise
            except Exception as error:
                if evidence is not None and self.kept_in is not None:
                    folder = folder_of(self.id(), Path(self.kept_in))
                    await evidence.save(folder)
                    error.add_note(f"What the pages showed and said is in {folder.absolute()}")
                raise

        setattr(self, self._testMethodName, collecting)

    def _cleanUp(self, result: Any) -> None:
        with self._shared.set_aside():
            super()._cleanUp(result)

    def _classCleanUp(self, result: Any) -> None:
        # Trial calls it after each test, in spite of its name.
        with self._shared.set_aside():
            super()._classCleanUp(result)
