"""What strangers send in place of HTTP: each has its answer in time, none raises, and none leaves anything behind."""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.gateway.support import Caller
from tests.gateway.test_gateway_bodies import BEARER, PATIENCE, BodyCase

HOST = b"Host: localhost\r\n"
TOKEN = f"{BEARER}\r\n".encode()
CHUNKED = b"Transfer-Encoding: chunked\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\n" + HOST
POST = b"POST /echo HTTP/1.1\r\n" + HOST + TOKEN

STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")

#: What becomes of a connection: it is closed with the answer, goes on, or is closed when the patience is at its end.
CLOSED, OPEN, WAITED_FOR = "closed", "open", "waited for"


class Case(NamedTuple):
    """What is sent, the statuses of all answers, and what becomes of the connection."""

    data: bytes
    statuses: tuple[int, ...]
    end: str = CLOSED


CASES: dict[str, Case] = {
    # What never ends:
    "nothing": Case(b"", (), WAITED_FOR),
    "half a request line": Case(b"GET /healthz HT", (), WAITED_FOR),
    "half a head": Case(HEALTH + b"X: y", (), WAITED_FOR),
    "all but the last byte": Case(HEALTH + b"\r", (), WAITED_FOR),
    "half a body": Case(POST + b"Content-Length: 5\r\n\r\nab", (), WAITED_FOR),
    "half a chunk": Case(POST + CHUNKED + b"\r\n5\r\nab", (), WAITED_FOR),
    "lines that end otherwise": Case(b"GET /healthz HTTP/1.1\nHost: localhost\n\n", (), WAITED_FOR),
    "zeros": Case(bytes(1000), (), WAITED_FOR),
    # What is too much:
    "a header without end": Case(HEALTH + b"X: " + b"a" * 100_000, (431,)),
    "a long header": Case(HEALTH + b"X: " + b"a" * 100_000 + b"\r\n\r\n", (431,)),
    "a long target": Case(b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", (431,)),
    "thousands of headers": Case(HEALTH + b"".join(b"X%d: y\r\n" % i for i in range(5000)) + b"\r\n", (400,)),
    "hundreds of headers": Case(HEALTH + b"X:\r\n" * 600 + b"\r\n", (400,)),
    "thousands of lines of one": Case(HEALTH + b"X: y\r\n" + b" y\r\n" * 20_000 + b"\r\n", (400,)),
    "trailers without end": Case(POST + CHUNKED + b"\r\n0\r\n" + b"X: y\r\n" * 50_000, (400,)),
    "a long extension of a chunk": Case(POST + CHUNKED + b"\r\n1;" + b"x" * 100_000, (400,)),
    "a length in twenty digits": Case(POST + b"Content-Length: 99999999999999999999\r\n\r\n", (413,)),
    "a length in thousands of digits": Case(POST + b"Content-Length: " + b"9" * 6000 + b"\r\n\r\n", (400,)),
    "a chunk of exabytes": Case(POST + CHUNKED + b"\r\nffffffffffffffff\r\n", (), WAITED_FOR),
    # What is none:
    "no chunk": Case(POST + CHUNKED + b"\r\nzz\r\n", (400,)),
    "a chunk below zero": Case(POST + CHUNKED + b"\r\n-5\r\nab", (400,)),
    "a length below zero": Case(POST + b"Content-Length: -5\r\n\r\n", (400,)),
    "a length with a sign": Case(POST + b"Content-Length: +5\r\n\r\nabcde", (400,)),
    "a zero in a header": Case(HEALTH + b"X: a\0b\r\n\r\n", (400,)),
    "a zero in a name": Case(HEALTH + b"X\0: y\r\n\r\n", (400,)),
    "a zero in a target": Case(b"GET /hea\0lthz HTTP/1.1\r\n" + HOST + b"\r\n", (400,)),
    "zeros and an end": Case(bytes(10) + b"\r\n\r\n", (400,)),
    "no colon": Case(HEALTH + b"nonsense\r\n\r\n", (400,)),
    "no name": Case(HEALTH + b": y\r\n\r\n", (400,)),
    "a line before all": Case(b"GET /healthz HTTP/1.1\r\n X: y\r\n" + HOST + b"\r\n", (400,)),
    "no verb": Case(b"G@T /healthz HTTP/1.1\r\n" + HOST + b"\r\n", (400,)),
    "spaces": Case(b"GET  /healthz  HTTP/1.1\r\n" + HOST + b"\r\n", (400,)),
    "empty lines": Case(b"\r\n" * 100, (400,)),
    "what is not ASCII": Case("GET /h\u00e9 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), (400,)),
    "TLS": Case(bytes.fromhex("16030100c8010000c40303") + b"\r\n\r\n", (400,)),
    "a form that is none": Case(
        POST + b"Content-Type: multipart/form-data; boundary=\xff\r\nContent-Length: 5\r\n\r\nabcde", (400,)
    ),
    # What one server takes for one request, and another one for two:
    "two lengths": Case(POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde", (400,)),
    "a length twice": Case(POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde", (400,)),
    "lengths in one": Case(POST + b"Content-Length: 5, 5\r\n\r\nabcde", (400,)),
    "chunks and a length": Case(POST + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n", (400,)),
    "a length and chunks": Case(POST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n", (400,)),
    "chunks twice": Case(POST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n", (400,)),
    "chunks of sorts": Case(POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", (400,)),
    "chunks of something": Case(POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", (400,)),
    "a space before the colon": Case(POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", (400,)),
    "a tab before chunked": Case(POST + b"Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n", (200,), OPEN),
    # Other versions:
    "0.9": Case(b"GET /healthz\r\n", (400,)),
    "0.9 that says so": Case(b"GET /healthz HTTP/0.9\r\n" + HOST + b"\r\n", (400,)),
    "2": Case(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400,)),
    "2 asked for": Case(HEALTH + b"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n", (200,), OPEN),
    "1.0": Case(b"GET /healthz HTTP/1.0\r\n" + HOST + b"\r\n", (200,)),
    "1.0 without a host": Case(b"GET /healthz HTTP/1.0\r\n\r\n", (400,)),
    # Whom and what it asks for:
    "no host": Case(b"GET /healthz HTTP/1.1\r\n\r\n", (400,), OPEN),
    "two hosts": Case(HEALTH + HOST + b"\r\n", (400,), OPEN),
    "a URL of others": Case(b"GET http://evil.example/healthz HTTP/1.1\r\n" + HOST + TOKEN + b"\r\n", (404,), OPEN),
    "a whole URL": Case(b"GET http://localhost/healthz HTTP/1.1\r\n" + HOST + TOKEN + b"\r\n", (404,), OPEN),
    "a whole URL without a token": Case(b"GET http://localhost/json HTTP/1.1\r\n" + HOST + b"\r\n", (401,), OPEN),
    "all": Case(b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", (401,), OPEN),
    "all, with a token": Case(b"OPTIONS * HTTP/1.1\r\n" + HOST + TOKEN + b"\r\n", (404,), OPEN),
    "all, of others": Case(b"OPTIONS * HTTP/1.1\r\nHost: evil.example\r\n\r\n", (403,), OPEN),
    "all, and a body": Case(b"OPTIONS * HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\nab", (401,)),
    "what may be done": Case(b"OPTIONS /json HTTP/1.1\r\n" + HOST + TOKEN + b"\r\n", (405,), OPEN),
    "a proxy": Case(b"CONNECT localhost:22 HTTP/1.1\r\n" + HOST + b"\r\n", (401,), OPEN),
    "a proxy, with a token": Case(b"CONNECT localhost:22 HTTP/1.1\r\n" + HOST + TOKEN + b"\r\n", (404,), OPEN),
    "a mirror": Case(b"TRACE /healthz HTTP/1.1\r\n" + HOST + b"\r\n", (405,), OPEN),
    "small letters": Case(b"get /healthz HTTP/1.1\r\n" + HOST + b"\r\n", (200,), OPEN),
    "codes": Case(b"GET /%00%ff/%2e%2e/json HTTP/1.1\r\n" + HOST + TOKEN + b"\r\n", (404,), OPEN),
    "what is no token": Case(b"GET /json HTTP/1.1\r\n" + HOST + b"Authorization: Bearer \xff\r\n\r\n", (401,), OPEN),
    "cookies": Case(HEALTH + b"Cookie: nonsense; =; a=b=c;;\r\n\r\n", (200,), OPEN),
    "another time": Case(HEALTH + b"If-Modified-Since: Thu, 99 Jan 99999999 99:99:99 GMT\r\n\r\n", (200,), OPEN),
    # Many:
    "a thousand": Case((HEALTH + b"\r\n") * 1000, (200,) * 1000, OPEN),
    "a thousand without a token": Case((b"GET /json HTTP/1.1\r\n" + HOST + b"\r\n") * 1000, (401,) * 1000, OPEN),
    "a thousand, and nonsense": Case((HEALTH + b"\r\n") * 1000 + b"nonsense\r\n", (200,) * 1000 + (400,)),
}


class HostileTests(BodyCase):
    def setUp(self) -> None:
        super().setUp()
        self.begin()
        self.calls = len(self.reactor.getDelayedCalls())

    def check(self, name: str, caller: Caller) -> None:
        """See that a connection has had its answers, and is closed in its time, with nothing left."""
        _, statuses, end = CASES[name]
        self.assertEqual(tuple(map(int, STATUS.findall(caller.written))), statuses, name)
        lingers = end == CLOSED and not caller.tcp.lost
        if lingers:  # for the body that was refused
            self.assertIn(b"Connection: close", caller.written, name)
            self.reactor.advance(3)
        self.assertEqual(caller.tcp.lost, end == CLOSED, name)
        if end != CLOSED:
            self.reactor.advance(PATIENCE - 0.1)
            self.assertFalse(caller.tcp.lost, name)
            self.reactor.advance(0.2)
            self.assertTrue(caller.tcp.lost, name)
        self.assertEqual(tuple(map(int, STATUS.findall(caller.written))), statuses, name)
        self.assertEqual(self.flushLoggedErrors(), [], name)
        limiter = self.gateway.site.limiter
        self.assertEqual((len(self.reactor.getDelayedCalls()), limiter.waiting, limiter.busy), (self.calls, 0, 0), name)

    def test_at_once(self):
        for name, case in CASES.items():
            caller = self.caller()
            caller.feed(case.data)
            self.check(name, caller)

    def test_byte_by_byte(self):
        """In small pieces, that is, where it is long."""
        for name, case in CASES.items():
            caller = self.caller()
            size = max(1, len(case.data) // 2000)
            for at in range(0, len(case.data), size):
                if caller.tcp.lost:
                    break
                caller.feed(case.data[at : at + size])
            self.check(name, caller)

    def test_dripping(self):
        for data in (HEALTH + b"X: " + b"y" * 100, b"GET /" + b"x" * 100, b"\0" * 100):
            caller = self.caller()
            begun = self.reactor.seconds()
            for byte in data:
                if caller.tcp.lost:
                    break
                caller.feed(bytes([byte]))
                self.reactor.advance(1)
            self.assertTrue(caller.tcp.lost)
            self.assertLessEqual(self.reactor.seconds() - begun, PATIENCE + 1)
            self.assertEqual(len(self.reactor.getDelayedCalls()), self.calls)

    def test_gone_in_the_middle(self):
        for name, case in CASES.items():
            for size in (len(case.data) // 2, len(case.data) - 1):
                caller = self.caller()
                caller.feed(case.data[:size])
                caller.leave()
                self.assertEqual(self.flushLoggedErrors(), [], name)
                limiter = self.gateway.site.limiter
                self.assertEqual(
                    (len(self.reactor.getDelayedCalls()), limiter.waiting, limiter.busy), (self.calls, 0, 0)
                )
