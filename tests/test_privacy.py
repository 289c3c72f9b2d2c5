"""Secrets are shown by nothing that is made for people or logs, and nothing from outside can forge a line."""

from __future__ import annotations

import unicodedata
from typing import Any, ClassVar

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import formatEvent, formatEventAsClassicLogText, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.support import Opening, Watcher, WireCase, event, over_pipe, server_frame
from txcdp import errors
from txcdp._privacy import indented, printable, shortened, shown_url
from txcdp._transports.websocket import WebSocketOptions
from txcdp.chrome import discovery
from txcdp.chrome._addresses import Address
from txcdp.domains import fetch, network, page, runtime
from txcdp.errors import (
    CommandError,
    CommandTimeout,
    ConnectionLost,
    ConnectTimeout,
    DownloadStarted,
    EvaluationError,
    HandshakeFailed,
    InvalidURL,
    LaunchError,
    MalformedMessage,
    NavigationError,
    NavigationInterrupted,
    NavigationTimeout,
    NotABrowser,
    Overloaded,
    SessionDetached,
    TargetCrashed,
    TxcdpError,
)
from txcdp.page._evaluation import thrown
from txcdp.testing import FakeChrome

SECRET = "hunter2-s3cr3t"
#: Where one is, in a URL.
URLS = (
    f"wss://127.0.0.1:9222/devtools/browser/x?token={SECRET}",
    f"https://user:{SECRET}@example.com/a/b",
    f"https://{SECRET}@example.com/",
    f"https://example.com/callback#access_token={SECRET}",
    f"https://user:{SECRET}@example.com:8443/x?key={SECRET}#{SECRET}",
    f"data:text/html,<input value={SECRET}>",
    f"javascript:alert('{SECRET}')",
    f"ws://user:a/{SECRET}@127.0.0.1/x",
    f"ws://user:a?{SECRET}@127.0.0.1/x",
    f"//user:{SECRET}@example.com/",
    f"127.0.0.1:9222/?token={SECRET}",
)
#: What would forge a line, or paint one.
EVIL = "a\r\n2026-11-21T00:00:00+0000 [forged] all is well\x1b[31m\x9b0m\u2028\u2029\u202e\u0085\ud800\x00\x7fz"


def is_harmless(text: str) -> bool:
    """Whether nothing in a text is obeyed by a terminal, or by what reads logs."""
    forbidden = ("Cc", "Zl", "Zp", "Cs")
    return not any(unicodedata.category(each) in forbidden or each in "\u202a\u202e\u2066" for each in text)


class ListeningCase(WireCase):
    """Hears everything that is logged, at any level."""

    def setUp(self) -> None:
        super().setUp()
        self.events: list[Any] = []
        observer: Any = self.events.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def logged_text(self) -> str:
        """Return all that was logged, tracebacks and values included."""
        texts = []
        for each in self.events:
            failure = each.get("log_failure")
            values = [value for name, value in each.items() if not name.startswith("log_") and name != "log_source"]
            texts += [formatEvent(each), formatEventAsClassicLogText(each) or "", *map(repr, values)]
            texts += [failure.getTraceback()] if failure is not None else []
        return "\n".join(texts)

    def assert_secret(self, *texts: object) -> None:
        for each in (*texts, self.logged_text()):
            self.assertNotIn(SECRET, str(each))
            self.assertNotIn(SECRET, repr(each))


class ConversationTests(ListeningCase):
    """Nothing that goes to and fro is logged or shown."""

    def test_commands_and_replies(self):
        session = self.wire.attach()
        commands: list[Any] = [
            page.navigate(url=URLS[4]),
            runtime.evaluate(expression=f"login('{SECRET}')"),
            network.set_extra_http_headers(headers={"Authorization": SECRET}),
            network.set_cookie(name="sid", value=SECRET, url=URLS[1]),
            fetch.continue_request(request_id="1", post_data=SECRET.encode()),
        ]
        sent = [session.execute(each, timeout=5) for each in commands]
        for each in self.wire.heard()[:2]:
            self.wire.reply(each, error={"code": -32000, "message": "no"})
        refusals = [self.failureResultOf(each, CommandError).value for each in sent[:2]]
        self.wire.reply(self.wire.heard()[2], [SECRET])
        self.wire.say({"id": self.wire.heard()[3]["id"], "resulT": SECRET})
        self.wire.reactor.advance(5)
        late = [self.failureResultOf(sent[4], CommandTimeout).value]
        broken = [self.failureResultOf(sent[3]).value]
        self.assert_secret(
            session, self.connection, *refusals, *late, *broken, self.connection.stats, self.connection.stats.as_dict()
        )
        sent[2].addErrback(lambda failure: self.assert_secret(failure.value))

    def test_events_that_cannot_be_read(self):
        session = self.wire.attach()
        watchers = [Watcher(session.events(kind)) for kind in (network.RequestWillBeSent, network.ResponseReceived)]
        tap = Watcher(self.connection.events_raw())
        cookie = f'"params":{{"request":{{"headers":{{"Cookie":"{SECRET}'.encode()
        tail = f',"sessionId":"{session.id}"}}'.encode()
        for message in (
            b'{"method":"Network.requestWillBeSent",' + cookie,
            b'{"method":"Network.requestWillBeSent",' + cookie + b'\xff"}}}' + tail,
            b'{"method":"Network.responseReceived",' + cookie + b'"},1e999:2}}' + tail,
            b'{"method":"' + SECRET.encode() + b'"' + b"[" * 5000,
            SECRET.encode(),
            f'["{SECRET}"]'.encode(),
            f'{{"{SECRET}":1}}'.encode(),
            f'{{"id":"{SECRET}","result":1}}'.encode(),
        ):
            self.wire.say(message)
            self.wire.reactor.advance(20)
        self.assertGreater(self.connection.stats.malformed, 3)
        self.assert_secret(self.connection, *watchers[0].errors, *tap.errors)
        self.assertGreater(len(self.events), 3)

    def test_a_reply_that_cannot_be_read(self):
        sent = self.connection.session.execute(network.get_cookies())
        self.wire.heard()
        self.wire.say(b'{"id":1,"result":{"cookies":[{"value":"' + SECRET.encode() + b"\xff")
        self.assert_secret(self.failureResultOf(sent, MalformedMessage).value)

    def test_parameters_that_cannot_be_written(self):
        sent = self.connection.session.execute_raw("A.b", {SECRET: object()})
        self.assert_secret(self.failureResultOf(sent, TypeError).value)

    def test_the_line(self):
        session = self.wire.attach()
        session.execute(runtime.evaluate(expression=SECRET)).addErrback(lambda _: None)
        self.wire.lose()
        self.assert_secret(self.connection, session, self.connection.lost, self.connection.transport.describe())


ConversationOverPipeTests = over_pipe(ConversationTests)


class OpeningTests(ListeningCase):
    """Where a WebSocket goes, and what is said in its handshake, is shown by none of the ways to fail."""

    options_: ClassVar[dict[str, Any]] = {"headers": {"Authorization": f"Bearer {SECRET}", "Cookie": SECRET}}
    url = f"ws://127.0.0.1:9222/devtools/browser/x?token={SECRET}"

    def begin(self) -> Opening:
        opening = Opening(self.url, ping_interval=None, **self.options_)
        self.assertIn(SECRET.encode(), opening.connect())
        return opening

    def test_options(self):
        self.assert_secret(WebSocketOptions(**self.options_))

    def test_open(self):
        opening = self.begin()
        opening.answer()
        transport = opening.transport
        self.assert_secret(transport, transport.describe(), transport.factory)
        transport.abort()

    def test_refused(self):
        for status in (b"403 Forbidden", b"404 Not Found", b"500 No such target id"):
            opening = self.begin()
            opening.tcp.protocol.dataReceived(b"HTTP/1.1 " + status + b"\r\n\r\n")
            opening.tcp.end()
            self.assertIsInstance(opening.failure, HandshakeFailed)
            self.assert_secret(opening.failure)

    def test_noise(self):
        opening = self.begin()
        opening.tcp.protocol.dataReceived(b"SSH-2.0-OpenSSH\r\n")
        self.assert_secret(opening.failure)

    def test_silence(self):
        opening = self.begin()
        opening.reactor.advance(11)
        self.assertIsInstance(opening.failure, ConnectTimeout)
        opening.tcp.end()
        self.assert_secret(opening.failure)

    def test_a_line_that_is_lost(self):
        opening = self.begin()
        opening.answer()
        transport = opening.transport
        reasons: list[Any] = []

        class Receiver:
            def message_received(self, message: bytes) -> None:
                reasons.append(message)

            def transport_closed(self, reason: ConnectionLost) -> None:
                reasons.append(reason)

        transport.receiver = Receiver()
        opening.tcp.protocol.dataReceived(server_frame(b"\x03\xe9" + b"bye\r\nforged", 8))
        opening.reactor.advance(3)
        opening.tcp.end()
        self.assertEqual(len(reasons), 1)
        self.assert_secret(*reasons, transport.describe())
        self.assertTrue(is_harmless(str(reasons[0])) and is_harmless(str(transport.describe()["close_reason"])))

    def test_what_is_no_url(self):
        for url in (
            f"wss://user:{SECRET}@[::1/x",
            f"nonsense://h/{'?' + SECRET}",
            f"ws://h:{SECRET}/",
            f"ws://h/#{SECRET}",
            f"ws://user:{SECRET}@/",
        ):
            opening = Opening(url)
            self.assertIsInstance(opening.failure, InvalidURL)
            self.assert_secret(opening.failure)

    def test_addresses(self):
        for url in (
            *(each for each in URLS if not each.startswith(("wss", "127", "https://example.com/callback"))),
            f"http://h:{SECRET}/",
            f"http://u:{SECRET}@h\u2100/",
        ):
            self.assert_secret(self.assertRaises(InvalidURL, Address.parse, url).args[0])
        self.assert_secret(Address.parse(URLS[0]))

    def test_discovery(self):
        reactor = MemoryReactorClock()
        asked = discovery.version(reactor, f"http://127.0.0.1:9222/?token={SECRET}", timeout=1)
        reactor.advance(2)
        self.assert_secret(self.failureResultOf(asked).value)


class ErrorTests(SynchronousTestCase):
    def test_no_error_shows_what_a_url_hides(self):
        for url in URLS:
            for error in (
                NavigationError(url, "net::ERR_FAILED"),
                NavigationTimeout(url, "load", 5, ""),
                NavigationInterrupted("https://example.com/", url),
                DownloadStarted(url),
                TargetCrashed("5E55", url),
            ):
                self.assertNotIn(SECRET, str(error))
                self.assertNotIn(SECRET, repr(error))
                self.assertIn(url, vars(error).values())

    def test_which_page_it_was_can_be_told(self):
        error = NavigationError("https://me:pw@example.com/shop/cart?id=1#x", "net::ERR_FAILED")
        self.assertEqual(str(error), "could not load https://...@example.com/shop/cart?...: net::ERR_FAILED")

    def test_no_error_forges_a_line(self):
        made = [
            CommandError("A.b", -32000, EVIL, EVIL),
            ConnectionLost(EVIL),
            SessionDetached(EVIL, EVIL),
            TargetCrashed(EVIL, EVIL),
            HandshakeFailed(EVIL),
            NavigationError(f"http://x/{EVIL}", EVIL),
            NavigationTimeout(EVIL, "load", 1, ""),
            NavigationInterrupted(EVIL, EVIL),
            DownloadStarted(EVIL),
            NotABrowser(EVIL, EVIL),
            MalformedMessage(EVIL),
            Overloaded("A.b", EVIL),
            TxcdpError(EVIL),
        ]
        for error in made:
            self.assertTrue(is_harmless(str(error)), ascii(str(error)))
            self.assertTrue(is_harmless(repr(error)), ascii(repr(error)))

    def test_what_has_several_lines_is_indented(self):
        for error in (LaunchError("it ended", EVIL), EvaluationError(EVIL)):
            first, *rest = str(error).split("\n")
            self.assertTrue(rest)
            for line in rest:
                self.assertTrue(line.startswith("    "), ascii(line))
            self.assertTrue(all(map(is_harmless, [first, *rest])))

    def test_every_error_has_a_text_of_its_own(self):
        self.assertEqual(repr(TxcdpError("so")), "<TxcdpError: so>")
        kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, TxcdpError)]
        self.assertGreater(len(kinds), 20)
        for kind in kinds:
            self.assertIs(kind.__repr__, TxcdpError.__repr__)

    def test_an_endless_text_is_cut(self):
        self.assertLess(len(str(CommandError("A.b", 1, "x" * 1_000_000))), 3000)
        self.assertLess(len(str(EvaluationError("x\n" * 1_000_000))), 30_000)

    def test_what_javascript_threw(self):
        details = runtime.ExceptionDetails(
            exception_id=1, text=EVIL, line_number=0, column_number=0, url=EVIL, exception=None
        )
        self.assertTrue(all(is_harmless(line) for line in str(thrown(details)).split("\n")))


class ForgingTests(ListeningCase):
    """A page has its say in titles, URLs, messages and errors; none of it reaches a log as it is."""

    def test_what_the_browser_says(self):
        self.wire.say({"error": {"code": -32700, "message": EVIL.replace("\ud800", "")}})
        self.wire.reactor.advance(20)
        self.wire.say(event(EVIL))
        self.wire.say(b"\x1b[31m\r\n")
        for each in self.events:
            self.assertTrue(is_harmless(formatEvent(each)), ascii(formatEvent(each)))
        self.assertGreater(len(self.events), 1)

    def test_ids_of_targets(self):
        session = self.wire.attach("5E55\r\n\x1b[2J", "7A26\x1b[2J\u202e")
        self.assertTrue(is_harmless(repr(session)) and is_harmless(repr(self.connection)))
        chrome = FakeChrome()
        tab = chrome.run(chrome.browser().new_page())
        self.assertTrue(is_harmless(repr(tab)))


class TextTests(SynchronousTestCase):
    @given(st.text(st.characters(), max_size=200))
    def test_printable(self, text: str) -> None:
        shown = printable(text)
        self.assertTrue(is_harmless(shown), ascii(shown))
        self.assertEqual(printable(shown), shown)
        if text.isprintable():
            self.assertEqual(shown, text)

    @given(st.text(st.sampled_from("a\n\r\t \u2028\x1b\x85"), max_size=50))
    def test_indented(self, text: str) -> None:
        first, *rest = indented(text).split("\n")
        self.assertTrue(is_harmless(first))
        self.assertEqual(len(rest), text.count("\n"))
        for line in rest:
            self.assertTrue(line.startswith("    ") and is_harmless(line))

    @given(st.text(max_size=5000))
    def test_shortened(self, text: str) -> None:
        self.assertLessEqual(len(shortened(text[:10])), 100)
        self.assertTrue(is_harmless(shortened(text)))

    @given(
        st.sampled_from(["http", "https", "ws", "wss", "ftp", "HTTP", "x-y+z"]),
        st.sampled_from(["example.com", "[::1]", "127.0.0.1", "localhost:80", "[::1]:443", ""]),
        st.text(st.characters(exclude_characters="/?#", exclude_categories=["Cs"]), max_size=20),
        st.text(max_size=20),
        st.booleans(),
    )
    def test_a_secret_in_a_url_is_never_shown(self, scheme: str, host: str, user: str, rest: str, hashed: bool) -> None:
        for url in (
            f"{scheme}://{user}{SECRET}@{host}/path",
            f"{scheme}://{host}/path{'#' if hashed else '?'}{rest}{SECRET}",
            f"{scheme}://u:{user}/{SECRET}@{host}/path" if not user.isdigit() and user else "",
        ):
            self.assertNotIn(SECRET, shown_url(url))
            self.assertTrue(is_harmless(shown_url(url)))

    def test_every_planted_one(self):
        for url in URLS:
            self.assertNotIn(SECRET, shown_url(url))
            self.assertTrue(shown_url(url))

    def test_what_is_left(self):
        for url, shown in {
            "https://example.com/a/b": "https://example.com/a/b",
            "https://example.com/a?b=c": "https://example.com/a?...",
            "https://example.com/a#b": "https://example.com/a#...",
            "about:blank": "about:blank",
            "chrome://crash/": "chrome://crash/",
            "ws://[::1]:9222/x": "ws://[::1]:9222/x",
            "9222": "9222",
            "localhost:9222": "localhost:9222",
            "data:,": "data:...",
            "https://medium.com/@user/x": "https://medium.com/@user/x",
            "https://x/" + "y" * 1000: "https://x/" + "y" * 190 + "...",
            "": "",
        }.items():
            self.assertEqual(shown_url(url), shown)
