"""What the tests with a real browser share: a web server of their own, and a browser that surely ends.

A browser costs most of a second of the processor's time, a page a tenth of that: tests that neither end nor configure
their browser are of a :class:`SharedBrowserTestCase`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.policies import WrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.http import HTTPChannel, Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

import txcdp
from tests.support import PATIENCE
from txcdp._deferreds import Timer, returns_deferred
from txcdp.domains.storage import clear_cookies
from txcdp.domains.target import close_target
from txcdp.errors import CommandError, ContextDestroyed, SessionDetached
from txcdp.network import Response, _exchange
from txcdp.page import Frame, Page
from txcdp.page._commits import _TargetClosing
from txcdp.testing._browsers import SharedBrowser

reactor: Any = _reactor

HTML = "text/html; charset=utf-8"


def got(response: Response | None) -> Response:
    """Return a response that has to be there."""
    assert response is not None
    return response


@returns_deferred
async def evaluate_leaving(where: Page | Frame, source: str, arg: Any = None) -> None:
    """Evaluate what makes its own document go away: a navigation, or the page's end.

    The new document may have taken the old one's place before the answer was read, or after that: which of them it was
    is nobody's fault. All else that goes wrong does so here, too.
    """
    with contextlib.suppress(ContextDestroyed, SessionDetached):
        await where.evaluate(source, arg)


class Answer:
    """What is answered at one path."""

    def __init__(self, body: bytes, status: int, headers: dict[str, str]) -> None:
        self.body = body
        self.status = status
        self.headers = headers

    def give(self, request: Request) -> object:
        self.begin(request)
        return self.body

    def begin(self, request: Request) -> None:
        request.setResponseCode(self.status)
        for name, value in self.headers.items():
            request.setHeader(name, value)


class Held(Answer):
    """An answer of which the end, or all, is kept back until :meth:`release`.

    :ivar asked: fires when it is asked for.
    """

    def __init__(self, body: bytes, headers: dict[str, str]) -> None:
        super().__init__(body, 200, headers)
        self.asked: Deferred[None] = Deferred()
        self._requests: list[Request] = []
        self._rest: bytes | None = None

    def give(self, request: Request) -> object:
        self.begin(request)
        if self.body:
            request.write(self.body)
        gone: Deferred[None] = request.notifyFinish()
        gone.addBoth(lambda _: self._requests.remove(request) if request in self._requests else None)
        self._requests.append(request)
        if not self.asked.called:
            self.asked.callback(None)
        if self._rest is not None:
            self.release(self._rest)
        return NOT_DONE_YET

    def release(self, rest: bytes = b"") -> None:
        """Let it end, now and for those who ask later."""
        self._rest = rest
        requests, self._requests = self._requests, []
        for request in requests:
            request.write(rest)
            request.finish()


class Echo(Answer):
    """An answer that repeats a header of the request."""

    def __init__(self, name: str) -> None:
        super().__init__(b"", 200, {"content-type": "text/plain; charset=utf-8"})
        self._name = name

    def give(self, request: Request) -> object:
        self.begin(request)
        return request.getHeader(self._name.encode()) or b""


class _Pages(Resource):
    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, Answer] = {"/favicon.ico": Answer(b"", 404, {})}
        self.asked: list[str] = []

    def render(self, request: Any) -> Any:
        path = request.path.decode()
        self.asked.append(path)
        answer = self.answers.get(path)
        return answer.give(request) if answer is not None else Answer(b"no such page", 404, {}).give(request)


class Server:
    """A web server on this machine with the pages that a test puts there.

    :ivar asked: the paths that were asked for.
    """

    def __init__(self) -> None:
        self._pages = _Pages()
        self._channels: set[Any] = set()
        self._port = reactor.listenTCP(0, self._site(), interface="127.0.0.1")
        self.port: int = self._port.getHost().port
        self.asked = self._pages.asked

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def page(self, path: str, body: str = "", status: int = 200, **headers: str) -> str:
        """Put a page there, and return its URL."""
        named = {"content-type": HTML} | {name.replace("_", "-"): value for name, value in headers.items()}
        self._pages.answers[path] = Answer(body.encode(), status, named)
        return self.url(path)

    def echo(self, path: str, name: str) -> None:
        """Put something there that repeats a header."""
        self._pages.answers[path] = Echo(name)

    def held(self, path: str, body: str = "", content_type: str = HTML) -> Held:
        """Put something there of which the end is kept back."""
        held = self._pages.answers[path] = Held(body.encode(), {"content-type": content_type})
        return held

    async def stop(self) -> None:
        """Listen no more, and wait until all connections are gone."""
        gone = [each.gone for each in self._channels]
        for each in list(self._channels):
            each.transport.abortConnection()
        await gatherResults([*gone, maybeDeferred(self._port.stopListening)])

    def _site(self) -> Site:
        site = Site(self._pages)
        site.displayTracebacks = False
        channels = self._channels

        class Channel(HTTPChannel):
            gone: Deferred[None]

            def connectionMade(self) -> None:
                self.gone = Deferred()
                channels.add(self)
                super().connectionMade()

            def connectionLost(self, reason: Failure = connectionDone) -> None:
                super().connectionLost(reason)
                channels.discard(self)
                self.gone.callback(None)

        site.protocol = Channel  # type: ignore[method-assign,assignment]
        return site


class Silent(Protocol):
    """Accepts, and says nothing."""


class _Connections(WrappingFactory):
    """Knows when all connections to a factory's port are gone."""

    noisy = False
    _gone: Deferred[None] | None = None

    def unregisterProtocol(self, protocol: Any) -> None:
        super().unregisterProtocol(protocol)
        self._look()

    @returns_deferred
    async def stop(self, port: Any) -> None:
        """Listen no more, end all connections (a browser keeps them as long as it likes), and wait for that."""
        await maybeDeferred(port.stopListening)
        self._gone = Deferred()
        for each in list(self.protocols):
            each.transport.abortConnection()
        self._look()
        await self._gone

    def _look(self) -> None:
        if self._gone is not None and not self._gone.called and not self.protocols:
            self._gone.callback(None)


def listen(case: TestCase, factory: Any, tls: Any = None, interface: str = "127.0.0.1") -> int:
    """Return the port of a server that is there for the length of a test, and leaves no connection behind.

    :param tls: makes the contexts of its TLS; None: it has none.
    """
    connections = _Connections(factory if tls is None else TLSMemoryBIOFactory(tls, False, factory))
    port = reactor.listenTCP(0, connections, interface=interface)
    case.addCleanup(connections.stop, port)
    return int(port.getHost().port)


def listen_silently(case: TestCase) -> int:
    """Return a port that accepts connections and answers nothing."""
    return listen(case, Factory.forProtocol(Silent))


def refusing_port() -> int:
    """Return a port that refuses connections: it stays taken, by a socket that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
        probe.detach()
    return port


def free_port() -> int:
    """Return a port for somebody who cannot take any one that is free; another one may be quicker."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def halt(pid: int) -> None:
    """Stop a process, and return when each thread of it stands: after the signal alone they go on for a moment.

    It blocks on purpose, and asks again and again: the kernel tells the parent alone, which may be another process, and
    no event of the browser's may be handled before it stands.
    """
    os.kill(pid, signal.SIGSTOP)
    while not set(thread_states(pid)) <= {"T", "Z", "X"}:
        time.sleep(0.001)


def thread_states(pid: int) -> list[str]:
    """Return what Linux tells of the threads of a process; nothing elsewhere."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            found.append(path.read_text().rpartition(")")[2].split()[0])
    return found


class BrowserTestCase(TestCase):
    """A test with a web server and, where it asks for them, browsers and pages."""

    timeout = 240

    def setUp(self) -> None:
        self.server = Server()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.server.stop()))

    async def launch(self, **options: Any) -> txcdp.Browser:
        """Start a browser that is closed at the test's end."""
        browser = await txcdp.launch(reactor, **{"start_timeout": PATIENCE, **options})
        self.addCleanup(browser.close)
        return browser

    async def page(self, **options: Any) -> Page:
        """Start a browser and open a page in it."""
        browser = await self.launch(**options)
        self.browser = browser
        return await browser.new_page()

    async def fails(self, deferred: Any, *kinds: type[BaseException]) -> Any:
        """Await a failure of one of the kinds, and return it."""
        return await self.assertFailure(deferred, *kinds)

    async def late(
        self, kind: type[BaseException], method: Callable[..., Any], *args: Any, words: Sequence[str], **options: Any
    ) -> Any:
        """Await the failure at a deadline that says how far it had come, and return it.

        On a busy machine it may not have come as far as it can: then it is tried again, with more time.

        :param words: what the failure says when it has.
        """
        for seconds in (2, 10, 50):
            error = await self.fails(method(*args, timeout=seconds, **options), kind)
            if all(each in str(error) for each in words):
                break
        for each in words:
            self.assertIn(each, str(error))
        return error


def pages_are_closing() -> bool:
    """Whether the library still sees to it that a page is closed."""
    timers = (getattr(call.func, "__self__", None) for call in reactor.getDelayedCalls())
    owners = (getattr(each._function, "__self__", None) for each in timers if isinstance(each, Timer))
    return any(isinstance(each, _TargetClosing) for each in owners)


def wait_for_what_was_sent(case: TestCase, seconds: float = PATIENCE) -> None:
    """Let all headers be waited for so long: a browser on a busy machine may tell of them later than programs wait."""
    case.patch(_exchange, "_EXTRA_INFO", seconds)


#: There is one for each process.
shared_browser = SharedBrowser({"start_timeout": PATIENCE})


class WithSharedBrowser(TestCase):
    """A test with a browser that others have used before it."""

    async def borrowed(self) -> txcdp.Browser:
        """Return that browser; at the test's end its new pages are closed, and its cookies cleared."""
        browser = shared_browser.browser
        before = {each.target_id for each in await browser.targets()}

        @returns_deferred
        async def end() -> None:
            opened = {each.target_id for each in await browser.targets() if each.type == "page"} - before
            ours = [each for each in browser.connection.sessions if each.target and each.target.target_id in opened]
            ending = [each.when_ended() for each in ours]
            for each in opened:
                with contextlib.suppress(CommandError):  # its context has just ended
                    await browser.session.execute(close_target(target_id=each))
            await gatherResults(ending)
            await browser.session.execute(clear_cookies())  # those of its own context, which others have, too

        self.addCleanup(end)
        return browser

    def _cleanUp(self, result: Any) -> None:
        with shared_browser.set_aside():
            super()._cleanUp(result)

    def _classCleanUp(self, result: Any) -> None:
        # Trial calls it after each test, in spite of its name.
        with shared_browser.set_aside():
            super()._classCleanUp(result)


class SharedBrowserTestCase(WithSharedBrowser, BrowserTestCase):
    """A test with a shared browser and a web server: it has contexts of its own there, and ends nothing else.

    :ivar browser: the browser.
    """

    def setUp(self) -> None:
        super().setUp()
        self.browser = shared_browser.browser

    async def context(self, **options: Any) -> txcdp.BrowserContext:
        """Make a context that is disposed of at the test's end."""
        context = await self.browser.new_context(**options)
        self.addCleanup(context.close)
        return context

    async def page(self, **options: Any) -> Page:
        """Open a page in a context of its own; with options of a browser, in a browser of its own."""
        if options:
            return await super().page(**options)
        return await (await self.context()).new_page()
