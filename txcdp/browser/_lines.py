"""Opens transports to a browser: to a running one, or to one that is started here."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from twisted.internet.defer import Deferred

from txcdp._core.reconnecting import Opened
from txcdp._deferreds import returns_deferred
from txcdp._limits import too_few_for_a_browser
from txcdp._reactor import AnyReactor
from txcdp._transports.endpoints import is_description
from txcdp._transports.websocket import WebSocketOptions, open_websocket
from txcdp.chrome import BrowserProcess
from txcdp.chrome._fetching import transfer
from txcdp.chrome.discovery import resolve
from txcdp.errors import ConnectError, HandshakeFailed, LaunchError

_BROWSER_PATH = "/devtools/browser/"

#: The ``Host`` for a browser behind an endpoint: it refuses any other name.
_BEHIND_AN_ENDPOINT = "http://localhost"


class Remote:
    """Opens transports to a running browser.

    :param reactor: the reactor.
    :param url: as :func:`txcdp.connect` takes it.
    :param options: the WebSocket options.
    """

    def __init__(self, reactor: AnyReactor, url: str, options: WebSocketOptions) -> None:
        given: object = url
        if not isinstance(given, str):
            raise TypeError(
                f"url={given!r}: expected a str, such as 'http://127.0.0.1:9222', or '9222' for a local port"
            )
        self._reactor = reactor
        self._url = url
        self._options = options
        #: The URL of the WebSocket that was last opened.
        self._opened = ""
        if is_description(url):
            self._url = _BEHIND_AN_ENDPOINT
            self._options = replace(options, endpoint=url)

    @returns_deferred
    async def open(self) -> Opened:
        """Find the browser and open a transport; see :func:`txcdp.connect`."""
        return await self._open(await self._resolve(self._url))

    @returns_deferred
    async def open_again(self) -> Opened:
        """Open another transport, to the same browser or to one that was restarted at the same address."""
        found = await self._resolve(self._url)
        try:
            return await self._open(found)
        except HandshakeFailed:
            # A browser that was restarted listens at the same port, by another name.
            parts = urlsplit(found)
            if parts.scheme != "ws" or not parts.path.startswith(_BROWSER_PATH):
                raise
            newer = await self._resolve(f"http://{parts.netloc}")
            if newer == found:
                raise
            return await self._open(newer)

    @property
    def is_local(self) -> bool:
        """Whether the server connected to is on this machine, by its address; it may forward to another one."""
        options = self._options
        if options.proxy is not None:
            return False
        if options.endpoint is not None:
            return str(options.endpoint).startswith("unix:")
        host = urlsplit(self._opened).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")

    @returns_deferred
    async def fetch(self, method: str, guid: str, write: Callable[[bytes], object] = lambda data: None) -> int:
        """Fetch the file of a download from the gateway that was last connected to.

        :param guid: the download's id.
        :param write: called with each chunk of the response.
        :returns: a Deferred that fires with the status; it fails with Twisted's errors.
        """
        parts = urlsplit(self._opened)
        scheme = "https" if parts.scheme == "wss" else "http"
        above, _, behind = parts.path.partition("/devtools/")
        # One of several gateways behind one address has put its name into the browser's id.
        node, dot, _ = behind.rpartition("/")[2].partition(".")
        path = f"{above}/downloads/{node + dot if dot else ''}{guid}"
        url = urlunsplit((scheme, parts.netloc, path, parts.query, ""))
        return await transfer(self._reactor, method, url, self._options.open_timeout, self._options, write)

    async def _open(self, url: str) -> Opened:
        self._opened = url
        return Opened(await open_websocket(self._reactor, url, self._options), url)

    def _resolve(self, url: str) -> Deferred[str]:
        return resolve(self._reactor, url, timeout=self._options.open_timeout, options=self._options)


class Launched:
    """Opens transports to a browser of our own, which is started if it does not run or does not answer.

    :param reactor: the reactor.
    :param start: starts a browser.
    :param options: the WebSocket options.
    :param start_timeout: the minimum timeout in seconds of the handshake with a browser that was just started, even if
        ``options`` have a shorter one: a machine that starts many browsers is slow.
    :ivar process: the current browser.
    :ivar on_start: called with each browser that was started.
    """

    def __init__(
        self,
        reactor: AnyReactor,
        start: Callable[[], Deferred[BrowserProcess]],
        options: WebSocketOptions | None,
        start_timeout: float = 0.0,
    ) -> None:
        self.process: BrowserProcess | None = None
        self.on_start: Callable[[BrowserProcess], object] = lambda _: None
        self._reactor = reactor
        self._start = start
        self._options = options or WebSocketOptions()
        self._patient = replace(self._options, open_timeout=max(self._options.open_timeout, start_timeout))

    @returns_deferred
    async def open(self) -> Opened:
        """Open a transport to the browser, or to another one; see :func:`txcdp.launch`."""
        process = self.process
        if process is not None:
            if process.running and process.pipe is None:
                with contextlib.suppress(ConnectError):  # it is about to end, or hangs
                    return await self._connect(process, self._options)
            await process.close(kill_after=0)
        process = await self._start()
        try:
            opened = await self._connect(process, self._patient)
        except BaseException as error:
            await process.close(kill_after=0)
            too_few = too_few_for_a_browser() if isinstance(error, ConnectError) else ""
            if too_few:
                what = f"{process.command_line[0]} ended before the connection was made: {too_few}"
                raise LaunchError(what, process.stderr_tail) from error
            raise
        self.process = process
        self.on_start(process)
        return opened

    async def _connect(self, process: BrowserProcess, options: WebSocketOptions) -> Opened:
        line = process.pipe or await open_websocket(self._reactor, process.ws_url, options)
        return Opened(line, f"{process.pid} {process.ws_url}")
