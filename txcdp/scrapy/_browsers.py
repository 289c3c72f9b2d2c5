"""The browsers of a process: shared by crawlers whose settings ask for the same ones, with a count of the users."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from txcdp._deferreds import returns_deferred, when_all
from txcdp._reactor import AnyReactor
from txcdp.browser import Browser, connect, launch
from txcdp.scrapy._settings import RenderSettings
from txcdp.service import BrowserService

#: Consecutive failed attempts to get a browser after which a request fails; Scrapy tries the request again.
_ATTEMPTS = 3


class CrawlBrowser(BrowserService):
    """A browser that is replaced by a new, empty one when it ends.

    A page whose browser is gone is useless to a crawl: its request is tried again.

    :ivar started: the number of browsers so far.
    """

    started = 0

    def open(self) -> Deferred[Browser]:
        """Launch the browser, or connect to it, without reconnecting or restarting."""

        def opened(browser: Browser) -> Browser:
            self.started += 1
            return browser

        if self._url is None:
            opening = launch(self.reactor, **{"end_with_reactor": False, **self._options})
        else:
            opening = connect(self.reactor, self._url, **self._options)
        return opening.addCallback(opened)


class Browsers:
    """A group of browsers, which run from the first request for one until the last user has left.

    :param settings: the settings, with their number and kind.
    """

    def __init__(self, reactor: AnyReactor, settings: RenderSettings) -> None:
        self.users = 0
        self._services = [
            CrawlBrowser(reactor, settings.endpoint, policy=settings.restart, **settings.options)
            for _ in range(settings.browsers)
        ]
        self._load = [0] * settings.browsers

    @property
    def started(self) -> int:
        """The number of browsers that were started, or connected to, so far."""
        return sum(each.started for each in self._services)

    @returns_deferred
    async def take(self) -> tuple[int, Browser]:
        """Return the least loaded browser, and its number, which has to be given back.

        :returns: fails like ``BrowserService.whenConnected``.
        """
        number = self._load.index(min(self._load))
        self._load[number] += 1
        service = self._services[number]
        try:
            if not service.running:
                service.startService()
            return number, await service.whenConnected(_ATTEMPTS)
        except BaseException:
            self._load[number] -= 1
            raise

    def give_back(self, number: int) -> None:
        """Note that something that was made in a browser is gone."""
        self._load[number] -= 1

    async def stop(self) -> None:
        """End all of them."""
        await when_all([each.stopService() for each in self._services])


#: The running browsers, by the settings that they were started for.
_running: dict[tuple[Any, ...], Browsers] = {}


def browsers_for(reactor: AnyReactor, settings: RenderSettings) -> Browsers:
    """Return the browsers for some settings, and count one more user; see :func:`leave`."""
    found = _running.get(_key(reactor, settings))
    if found is None:
        found = _running[_key(reactor, settings)] = Browsers(reactor, settings)
    found.users += 1
    return found


@returns_deferred
async def leave(reactor: AnyReactor, settings: RenderSettings, browsers: Browsers) -> None:
    """Count one user less; after the last one, the browsers are closed."""
    browsers.users -= 1
    if browsers.users == 0:
        _running.pop(_key(reactor, settings), None)
        await browsers.stop()


def _key(reactor: AnyReactor, settings: RenderSettings) -> tuple[Any, ...]:
    return id(reactor), settings.browsers, settings.endpoint, repr(sorted(settings.options.items())), settings.restart
