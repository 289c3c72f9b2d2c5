"""How lines end: of all the ways, none tells of itself what contradicts it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, get_args

from twisted.trial.unittest import SynchronousTestCase

from tests.support import server_frame
from tests.transports.test_websocket import OpenCase
from txcdp.domains import runtime
from txcdp.errors import ConnectionLost, LossCause
from txcdp.testing import NEVER, FakeChrome

#: What a WebSocket says that ends as none should.
UNCLEAN = "the browser disconnected without a closing handshake"

#: What only one that ended in good order says, and what only one that did not.
GOOD = re.compile(r"clean|good order|closed on our side")
BAD = re.compile(r"without|unresponsive|aborted|does not|did not|lost|reset|broke")


def contradictions(lost: ConnectionLost) -> list[str]:
    """Return what a loss says of itself that cannot all be true."""
    said, wrong = str(lost), []
    if lost.clean and lost.cause not in ("closed", "close_timeout", "process_ended"):
        wrong.append(f"clean, and {lost.cause}")
    if lost.cause == "closed" and BAD.search(said):
        wrong.append(f"closed, and {said!r}")
    if not lost.clean and GOOD.search(said):
        wrong.append(f"not clean, and {said!r}")
    if lost.clean and lost.code == 1006:
        wrong.append("clean, and 1006, which is for what was not closed")
    if GOOD.search(said) and BAD.search(said):
        wrong.append(said)
    return wrong


class WebSocketTests(OpenCase):
    def test_all_ways(self):
        def close_frame(code: int, why: bytes = b"") -> bytes:
            return server_frame(code.to_bytes(2, "big") + why, 8)

        end: Callable[[], object] = lambda: self.tcp.end()  # noqa: E731
        close: Callable[[], object] = lambda: self.transport.close()  # noqa: E731

        def hear(data: bytes) -> Callable[[], object]:
            return lambda: self.feed(data)

        ways: dict[str, tuple[Callable[[], object], ...]] = {
            "the browser ends": (end,),
            "the browser closes": (hear(close_frame(1000)), end),
            "it goes away": (hear(close_frame(1001, b"bye")), end),
            "it says that we are wrong": (hear(close_frame(1002, b"no")), end),
            "it closes with no code": (hear(server_frame(b"", 8)), end),
            "it breaks the rules": (hear(server_frame(b"x", 3)),),
            "it does not take part in closing": (close,),
            "we close": (close, hear(close_frame(1000)), end),
            "it ends while we close": (close, end),
            "we cut it": (lambda: self.transport.abort(),),
            "it hangs": (lambda: self.transport.abort("no answer to a ping", "unresponsive"),),
        }
        causes = set()
        for name, steps in ways.items():
            self.open()
            for step in steps:
                step()
            self.reactor.advance(10)
            self.tcp.end()
            self.assertEqual((name, contradictions(self.lost)), (name, []))
            causes.add(self.lost.cause)
        self.assertEqual(causes, {"closed", "ended", "protocol", "close_timeout", "aborted", "unresponsive"})


class ConnectionTests(SynchronousTestCase):
    def test_all_causes_while_it_is_open_and_while_it_is_closed(self):
        for cause in get_args(LossCause):
            for closing in (False, True):
                if closing and cause == "closed":
                    continue  # which is what it is then
                for open_it in (FakeChrome.connect, lambda chrome: chrome.browser().connection):
                    chrome = FakeChrome()
                    chrome.on("Runtime.evaluate", NEVER)
                    connection: Any = open_it(chrome)
                    waiting = connection.session.execute(runtime.evaluate(expression="1"))
                    chrome.flush()
                    ended = connection.when_closed()
                    clean = cause == "closed"
                    if closing:
                        connection.close()
                        unclean = ConnectionLost(UNCLEAN, 1006, clean, cause)
                        connection._line_ended(unclean)
                    else:
                        chrome.lose("closed" if clean else UNCLEAN, clean=clean,
                                    code=1000 if clean else 1006, cause=cause)  # fmt: skip
                    chrome.flush()
                    for lost in (self.successResultOf(ended), self.failureResultOf(waiting).value):
                        self.assertEqual((cause, closing, contradictions(lost)), (cause, closing, []))
                        self.assertEqual(lost.clean, clean or closing)

    def test_what_would_contradict_itself_is_found(self):
        for lost in (
            ConnectionLost(UNCLEAN, 1006, clean=True),
            ConnectionLost("closed cleanly", clean=False),
            ConnectionLost("it ended without closing (closed cleanly)", cause="ended"),
            ConnectionLost("x", clean=True, cause="aborted"),
        ):
            self.assertNotEqual(contradictions(lost), [], lost)
