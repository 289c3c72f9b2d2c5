"""Requests with bodies: what the authorizer refuses is refused from its head, and nothing too long is taken in."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

from twisted.logger import globalLogPublisher

from tests.gateway.support import Caller, GatewayCase
from txcdp.gateway import AccessOptions, RenderOptions
from txcdp.gateway._http.requests import Answer, RoutedRequest
from txcdp.gateway._options import LONGEST_BODY, SHORT_BODY

TOKEN = "0123456789abcdef-one"
BEARER = f"Authorization: Bearer {TOKEN}"
CHUNKED = "Transfer-Encoding: chunked"
LINGER = 2.0
PATIENCE = 30.0


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class BodyCase(GatewayCase):
    """A gateway with a token, and with a place that gives back what it gets."""

    def begin(self, guarded: bool = True, max_body: int | None = None, **options: Any) -> None:
        path = Path(self.mktemp())
        path.write_text(f'[one]\ntoken = "{TOKEN}"\n')
        gateway = self.make(access=AccessOptions(tokens=str(path) if guarded else None), **options)
        self.echoed: list[bytes] = []
        gateway.add("/echo", ("POST", "PUT"), self.echo, max_body=max_body)

    def echo(self, request: RoutedRequest) -> Answer:
        self.echoed.append(request.http.content.read())
        return Answer(b"heard")

    def head(self, *headers: str, verb: str = "POST", target: str = "/echo") -> Caller:
        """Return one who has sent the head of a request."""
        caller = self.caller()
        caller.ask(verb, target, *headers)
        return caller

    def check_refused(self, caller: Caller, status: int, words: str) -> None:
        """See that there is one answer, whole, of a connection that is at its end but for the lingering."""
        self.assertEqual(caller.status, status, caller.written)
        self.assertIn("Connection: close", caller.head)
        self.assertIn("Content-Type: text/plain", caller.head)
        self.assertIn("Date: ", caller.head)
        self.assertIn(words, caller.body.decode())
        self.assertIn(f"Content-Length: {len(caller.body)}", caller.head)
        self.assertNotIn(b"HTTP/1.1 100", caller.written)
        self.assertFalse(caller.tcp.lost)


class RefusedTests(BodyCase):
    def test_whatever_the_authorizer_objects_to(self):
        self.begin()
        length = "Content-Length: 5000"
        here = "127.0.0.1"
        for verb, target, host, headers, status, words in (
            ("POST", "/echo", "evil.example", [BEARER], 403, "Host"),
            ("POST", "/echo", here, [BEARER, "Origin: http://evil.example"], 403, "origin"),
            ("POST", "/echo", here, [], 401, "A token is required"),
            ("POST", "/echo", here, ["Authorization: Bearer nonsense"], 401, "Unknown token"),
            ("POST", "/nowhere", here, [BEARER], 404, "Nothing at this path"),
            ("GET", "/echo", here, [BEARER], 405, "PUT"),
        ):
            for more in (length, CHUNKED):
                caller = self.caller()
                caller.ask(verb, target, *headers, more, host=host)
                self.check_refused(caller, status, words)
                self.reactor.advance(LINGER)
                self.assertTrue(caller.tcp.lost)
        self.assertEqual(self.echoed, [])
        self.assertEqual(self.gateway.counters.refused, {"host": 2, "origin": 2, "token": 4, "path": 2, "verb": 2})

    def test_the_rest_is_thrown_away_for_a_while(self):
        self.begin()
        caller = self.head("Content-Length: 1000000")
        said = caller.written
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(9):
                caller.feed(bytes(100_000))
            self.assertLess(tracemalloc.get_traced_memory()[0] - before, 50_000)
        finally:
            tracemalloc.stop()
        self.assertFalse(caller.tcp.lost)
        self.reactor.advance(LINGER - 0.1)
        self.assertFalse(caller.tcp.lost)
        self.reactor.advance(0.2)
        self.assertTrue(caller.tcp.lost)
        self.assertEqual(caller.written, said)

    def test_when_all_of_it_has_come_it_is_closed_at_once(self):
        self.begin()
        caller = self.head("Content-Length: 10")
        caller.feed(b"123456789")
        self.assertFalse(caller.tcp.lost)
        caller.feed(b"0")
        self.assertTrue(caller.tcp.lost)

    def test_a_body_that_came_with_its_head(self):
        self.begin()
        caller = self.caller()
        caller.feed(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab")
        self.assertEqual((caller.status, caller.tcp.lost), (401, True))

    def test_what_is_said_behind_a_refusal_is_not_heard(self):
        self.begin()
        caller = self.caller()
        following = f"GET /json/version HTTP/1.1\r\nHost: localhost\r\n{BEARER}\r\n\r\n".encode()
        caller.feed(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab" + following)
        self.assertEqual(caller.written.count(b"HTTP/1.1 "), 1)
        caller = self.head(CHUNKED)
        caller.feed(b"no chunk at all\r\n\r\n" + following)
        self.assertEqual(caller.written.count(b"HTTP/1.1 "), 1)
        self.check_refused(caller, 401, "A token")

    def test_a_refusal_without_a_body_ends_nothing(self):
        self.begin()
        caller = self.caller()
        caller.feed(
            b"GET /json HTTP/1.1\r\nHost: localhost\r\n\r\n"
            b"PUT /json/close/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
            + f"POST /echo HTTP/1.1\r\nHost: localhost\r\n{BEARER}\r\nContent-Length: 2\r\n\r\nok".encode()
            + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        lines = [line for line in caller.written.split(b"\r\n") if b"HTTP/1.1 " in line]
        self.assertEqual([line.partition(b"HTTP/1.1 ")[2][:3] for line in lines], [b"401", b"401", b"200", b"200"])
        self.assertEqual(self.echoed, [b"ok"])

    def test_nobody_is_told_to_continue_whom_the_authorizer_refuses(self):
        self.begin()
        caller = self.head("Expect: 100-continue", "Content-Length: 5")
        self.check_refused(caller, 401, "A token")
        caller.leave()
        caller = self.head("Expect: 100-continue", "Content-Length: 5", BEARER)
        self.assertEqual(caller.written, b"HTTP/1.1 100 Continue\r\n\r\n")
        caller.feed(b"12345")
        self.assertIn(b"HTTP/1.1 200 OK", caller.written)

    def test_head_gets_no_body_with_its_refusal(self):
        self.begin()
        caller = self.head("Content-Length: 5", verb="HEAD", target="/json")
        self.assertEqual((caller.status, caller.body), (401, b""))
        self.assertIn("Connection: close", caller.head)

    def test_who_does_not_wait_leaves_nothing_behind(self):
        self.begin()
        before = len(self.reactor.getDelayedCalls())
        self.head("Content-Length: 5").leave()
        self.assertEqual(len(self.reactor.getDelayedCalls()), before)
        caller = self.head("Content-Length: 5")
        self.reactor.advance(LINGER)
        caller.leave()
        self.assertEqual(len(self.reactor.getDelayedCalls()), before)

    def test_it_is_logged_without_what_is_secret(self):
        self.begin()
        logged: list[Any] = []
        observer: Any = logged.append
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.head("Content-Length: 5", target="/echo?token=hidden")
        self.head(f"Content-Length: {LONGEST_BODY + 1}", BEARER)
        (first, second) = [each for each in logged if each.get("log_format", "").startswith("Refused")]
        told = [(each["who"], each["place"], each["kind"]) for each in (first, second)]
        self.assertEqual(told, [("-", "/echo", "token"), ("one", "/echo", "body")])

    def test_a_token_that_was_taken_back_meanwhile(self):
        self.begin()
        caller = self.head("Content-Length: 2", BEARER)
        tokens = self.gateway.tokens
        assert tokens is not None
        self.patch(tokens, "find", lambda token: None)
        caller.feed(b"ab")
        self.assertEqual((caller.status, self.echoed), (401, []))


class TooLongTests(BodyCase):
    def test_a_length_that_is_too_much(self):
        self.begin(max_body=1000)
        self.check_refused(self.head("Content-Length: 1001", BEARER), 413, "at most 1,000 bytes here")
        caller = self.head("Content-Length: 1000", BEARER)
        caller.feed(bytes(1000))
        self.assertEqual((caller.status, self.echoed), (200, [bytes(1000)]))

    def test_chunks_that_are_too_much(self):
        self.begin(max_body=1000)
        caller = self.head(CHUNKED, BEARER)
        caller.feed(chunk(bytes(600)))
        self.assertEqual(caller.written, b"")
        caller.feed(chunk(bytes(401)) + chunk(b"more") + b"nonsense")
        self.check_refused(caller, 413, "1,000 bytes")
        caller.feed(b"nonsense, too")
        self.assertEqual(caller.written.count(b"HTTP/1.1 "), 1)
        self.reactor.advance(LINGER)
        self.assertTrue(caller.tcp.lost)
        self.assertEqual(self.echoed, [])

    def test_chunks_that_are_not(self):
        self.begin(max_body=1000)
        caller = self.head(CHUNKED, BEARER)
        caller.feed(chunk(bytes(600)) + chunk(bytes(400)) + b"0\r\n\r\n")
        self.assertEqual((caller.status, self.echoed), (200, [bytes(1000)]))

    def test_how_much_there_may_be_by_default(self):
        self.begin()
        self.gateway.add("/page", ("GET",), self.echo, free=True)
        for target, verb, most in (
            ("/echo", "POST", LONGEST_BODY),
            ("/page", "GET", SHORT_BODY),
            ("/json/new", "PUT", SHORT_BODY),
            ("/json/close/x", "PUT", SHORT_BODY),
            ("/healthz", "GET", SHORT_BODY),
        ):
            for size, status in ((most, 0), (most + 1, 413)):
                caller = self.head(f"Content-Length: {size}", BEARER, verb=verb, target=target)
                self.assertEqual(caller.status, status, (target, size))
                caller.leave()

    def test_renders_have_a_limit_and_a_form_of_their_own(self):
        self.begin(guarded=False, render=RenderOptions(max_body=5000))
        for headers, body in ((["Content-Length: 5001"], b""), ([CHUNKED], chunk(bytes(5001)))):
            caller = self.head("Content-Type: application/json", *headers, target="/pdf")
            caller.feed(body)
            self.assertIn("Content-Type: application/problem+json", caller.head)
            said = json.loads(caller.body)
            self.assertEqual((said["status"], said["type"]), (413, "urn:txcdp:problem:body"))
            self.assertIn("5,000 bytes", said["detail"])
        self.assertEqual(self.gateway.counters.renders, {("/pdf", 413): 2})
        self.assertEqual(self.gateway.counters.refused, {"body": 2})


class LyingTests(BodyCase):
    def test_a_length_that_says_too_little(self):
        self.begin()
        caller = self.head("Content-Length: 2", BEARER)
        caller.feed(b"abGARBAGE\r\n\r\n")
        self.assertEqual(self.echoed, [b"ab"])
        self.assertIn(b"HTTP/1.1 400 Bad Request", caller.written)
        self.assertTrue(caller.tcp.lost)

    def test_a_length_that_says_too_much(self):
        self.begin()
        caller = self.head("Content-Length: 20", BEARER)
        caller.feed(b"ab")
        self.reactor.advance(PATIENCE - 1)
        self.assertFalse(caller.tcp.lost)
        self.reactor.advance(1)
        self.assertTrue(caller.tcp.lost)
        self.assertEqual((caller.written, self.echoed), (b"", []))

    def test_lengths_that_are_none(self):
        self.begin()
        for headers in (
            ["Content-Length: -1"],
            ["Content-Length: many"],
            ["Content-Length: 1", "Content-Length: 2"],
            ["Content-Length: 1", CHUNKED],
            [CHUNKED, "Content-Length: 1"],
            ["Content-Length: " + "9" * 5000],
            ["Transfer-Encoding: gzip"],
        ):
            caller = self.head(BEARER, *headers)
            self.assertEqual((caller.status, caller.tcp.lost), (400, True), headers)
        self.assertEqual(self.echoed, [])

    def test_chunks_that_are_none(self):
        self.begin()
        caller = self.head(CHUNKED, BEARER)
        caller.feed(b"no chunk\r\n")
        self.assertEqual((caller.status, caller.tcp.lost), (400, True))


class SlowTests(BodyCase):
    def test_a_head_that_trickles_in(self):
        self.begin()
        caller = self.caller()
        caller.feed(b"GET /healthz HTTP/1.1\r\n")
        for byte in b"X: too slow":
            self.assertFalse(caller.tcp.lost)
            self.reactor.advance(PATIENCE / 11 + 0.01)
            caller.feed(bytes([byte]))
        self.assertTrue(caller.tcp.lost)

    def test_a_body_may_take_its_time_as_long_as_it_comes(self):
        self.begin()
        caller = self.head("Content-Length: 5", BEARER)
        for _ in range(4):
            self.reactor.advance(PATIENCE - 1)
            caller.feed(b"x")
            self.assertFalse(caller.tcp.lost)
        self.reactor.advance(PATIENCE)
        self.assertTrue(caller.tcp.lost)
        self.assertEqual(self.echoed, [])

    def test_a_refused_one_gains_no_time(self):
        self.begin()
        caller = self.head("Content-Length: 500")
        for _ in range(4):
            self.assertFalse(caller.tcp.lost)
            self.reactor.advance(LINGER / 4)
            caller.feed(b"x")
        self.assertTrue(caller.tcp.lost)

    def test_the_next_request_has_its_own_time(self):
        self.begin()
        caller = self.head(target="/healthz", verb="GET")
        self.reactor.advance(PATIENCE - 1)
        caller.feed(b"GET /healthz HTTP/1.1\r\n")
        self.reactor.advance(PATIENCE - 1)
        caller.feed(b"Host: localhost\r\n\r\n")
        self.assertEqual(caller.written.count(b"HTTP/1.1 200"), 2)
        self.reactor.advance(PATIENCE)
        self.assertTrue(caller.tcp.lost)


class ProtocolTests(BodyCase):
    def test_over_tls_it_speaks_what_websockets_can_take_over(self):
        self.begin()
        self.assertEqual(self.gateway.site.acceptableProtocols(), [b"http/1.1"])
