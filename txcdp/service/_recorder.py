"""A recorder that runs unattended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from txcdp._arguments import refuse_bare_string
from txcdp._core.reconnecting import ReconnectPolicy
from txcdp._deferreds import returns_deferred
from txcdp._privacy import shown_url
from txcdp._reactor import whole
from txcdp.browser import Browser
from txcdp.errors import TxcdpError
from txcdp.recording import MissingLibrary, Recorder
from txcdp.recording._failures import is_lasting
from txcdp.recording._sinks import Sink
from txcdp.report import observe
from txcdp.service._browser import BrowserService

log = Logger()

#: The delays before recording again, when a recording has ended by itself, or could not begin, as when the disk is
#: full.
_AGAIN = ReconnectPolicy(initial_delay=5.0, max_delay=60.0, factor=2.0, jitter=lambda: 0.0)


class RecorderService(MultiService):
    """Records what a browser does while the service runs.

    If the connection is lost or the browser restarts, the same recording continues, with a note about the gap. A
    recording that has ended, because its buffer overflowed, is followed by a new one; one that cannot begin, because
    the disk is full or the database locked, is tried again, with delays that grow to a minute. If no later attempt can
    succeed (the directory is not writable, the database belongs to something else, there is no browser), the service
    logs that and gives up.

    :param browsers: the service whose browser is recorded; it becomes a child of this service, unless it has a parent.
    :param sink: makes the sink of a recording: :class:`~txcdp.recording.JsonLines` or :class:`~txcdp.recording.SQLite`.
    :param urls: pages to open in each new browser.
    :param observe: whether to make pages report web vitals, long tasks and what they look like, so that a report of the
        recording contains them: see :func:`txcdp.report.observe`.
    :param given_up: called when nothing will be recorded any more, after that was logged; ``twistd txcdp record`` ends
        the process with :func:`end_process`. By default the application continues.
    :param options: further arguments for :class:`~txcdp.recording.Recorder`.
    """

    def __init__(
        self,
        browsers: BrowserService,
        sink: Callable[[], Sink],
        *,
        urls: Sequence[str] = (),
        observe: bool = False,
        given_up: Callable[[], object] = lambda: None,
        **options: Any,
    ) -> None:
        super().__init__()
        refuse_bare_string("urls", urls)
        self.browsers = browsers
        if browsers.parent is None:
            browsers.setServiceParent(self)
        self._sink = sink
        self._urls = list(urls)
        self._observes = observe
        self._given_up = given_up
        self._options = options
        self._recorder: Recorder | None = None
        self._seen: Browser | None = None  # has its pages
        self._recording: Deferred[None] = succeed(None)

    @property
    def recorder(self) -> Recorder | None:
        """The current recording; None between two."""
        return self._recorder

    def startService(self) -> None:
        """Begin to record as soon as there is a browser."""
        super().startService()
        self._recording = self._record().addErrback(self._give_up)

    @returns_deferred
    async def stopService(self) -> None:
        """Finish the recording, then close the browser.

        :returns: fires once everything is written and the browser is closed.
        """
        recorder, recording = self._recorder, self._recording
        self.running = False
        if recorder is not None:
            await self._finish(recorder)
        recording.cancel()
        await recording
        await super().stopService()

    @returns_deferred
    async def _record(self) -> None:
        delay, failures = _AGAIN.delays(), 0
        while True:
            browser = await self.browsers.whenConnected()
            try:
                recorder = self._recorder = Recorder(browser, self._sink(), **self._options)
                await recorder.start()
            except (OSError, TxcdpError) as error:
                self._recorder = None
                if not self.running:  # meanwhile; the cancelling came too late for what had failed
                    log.error("Recording is not possible now: {error}", error=error)
                    return
                if is_lasting(error):
                    raise
                failures += 1
                seconds = delay(failures)
                log.error(
                    "Recording is not possible now: {error}; retrying in {seconds} s", error=error, seconds=seconds
                )
            else:
                failures, seconds = 0, delay(1)
                log.info("{recorder} started", recorder=recorder)
                await self._observe(browser)
                await self._open_pages(browser)
                error_or_none = await recorder.when_ended()
                self._recorder = None
                if not self.running:
                    return
                log.error("{recorder} ended: {error}", recorder=recorder, error=error_or_none)
                if error_or_none is not None and is_lasting(error_or_none):
                    raise error_or_none
            await deferLater(whole(self.browsers.reactor), seconds)

    async def _observe(self, browser: Browser) -> None:
        """Observe each browser once, for reports; if that fails, the recording continues."""
        if not self._observes or browser is self._seen:
            return
        try:
            await observe(browser)
        except TxcdpError as error:
            log.warn("Reports of this recording will have no web vitals and pictures: {error}", error=error)

    async def _open_pages(self, browser: Browser) -> None:
        seen, self._seen = self._seen, browser
        for url in self._urls if browser is not seen else ():
            try:
                await browser.new_page(url)
            except TxcdpError as error:
                log.warn("{url} could not be opened: {error}", url=shown_url(url), error=error)

    async def _finish(self, recorder: Recorder) -> None:
        try:
            await recorder.stop()
        except Exception as error:  # whatever it is: the browser has to be let go of
            log.error("The end of {recorder} could not be written: {error}", recorder=recorder, error=error)
        else:
            log.info("{recorder} is finished: {stats}", recorder=recorder, stats=recorder.stats)

    def _give_up(self, failure: Failure) -> None:
        if failure.check(CancelledError) or not self.running:
            return
        if failure.check(OSError, TxcdpError, MissingLibrary):
            log.critical("Recording has stopped: {error}", error=failure.value)
        else:
            log.failure("Recording has stopped", failure=failure)
        self._given_up()
