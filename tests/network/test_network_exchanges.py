"""Exchanges without a browser: what is told in any order, what nobody listens to, what waits."""

from __future__ import annotations

import itertools
import re
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txcdp.domains import fetch, network, target
from txcdp.errors import (
    ActionTimeout,
    BodyEvicted,
    BodyIncomplete,
    BodyOfRedirect,
    CommandError,
    DeadlineError,
    NetworkError,
    SessionDetached,
    TargetCrashed,
)
from txcdp.network import Exchange, _unfollowed
from txcdp.network._har import EntryWriter
from txcdp.page import Page
from txcdp.protocol import Event
from txcdp.testing import FakeChrome

URL = "https://example.test/data"


def request(url: str = URL, **fields: Any) -> network.Request:
    said = {"method": "GET", "headers": {"Accept": "*/*"}, "initial_priority": "High", "referrer_policy": "no-referrer"}
    return network.Request(url=url, **{**said, **fields})


def begins(request_id: str = "1", url: str = URL, **fields: Any) -> network.RequestWillBeSent:
    said: dict[str, Any] = {
        "loader_id": "L",
        "document_url": "https://example.test/",
        "request": request(url),
        "timestamp": 1.0,
        "wall_time": 1000.0,
        "initiator": network.Initiator(type="script"),
        "redirect_has_extra_info": False,
        "type": "Fetch",
        "frame_id": "F",
    }
    return network.RequestWillBeSent(request_id=request_id, **{**said, **fields})


def response(status: int = 200, url: str = URL, **fields: Any) -> network.Response:
    said: dict[str, Any] = {
        "status_text": "OK",
        "headers": {"Content-Type": "text/plain"},
        "mime_type": "text/plain",
        "charset": "",
        "connection_reused": False,
        "connection_id": 1.0,
        "encoded_data_length": 100.0,
        "security_state": "secure",
    }
    return network.Response(url=url, status=status, **{**said, **fields})


def responds(request_id: str = "1", *, extra: bool = True, **fields: Any) -> network.ResponseReceived:
    return network.ResponseReceived(
        request_id=request_id,
        loader_id="L",
        timestamp=2.0,
        type="Fetch",
        response=response(**fields),
        has_extra_info=extra,
        frame_id="F",
    )


def sent(request_id: str = "1", **headers: str) -> network.RequestWillBeSentExtraInfo:
    return network.RequestWillBeSentExtraInfo(
        request_id=request_id,
        associated_cookies=[],
        headers=headers,
        connect_timing=network.ConnectTiming(request_time=0.0),
    )


def received(request_id: str = "1", status: int = 200, **headers: str) -> network.ResponseReceivedExtraInfo:
    return network.ResponseReceivedExtraInfo(
        request_id=request_id,
        blocked_cookies=[],
        headers=headers,
        resource_ip_address_space="Public",
        status_code=status,
    )


def finishes(request_id: str = "1", size: float = 104.0) -> network.LoadingFinished:
    return network.LoadingFinished(request_id=request_id, timestamp=3.0, encoded_data_length=size)


def fails(request_id: str = "1", text: str = "net::ERR_FAILED", **fields: Any) -> network.LoadingFailed:
    return network.LoadingFailed(request_id=request_id, timestamp=3.0, type="Fetch", error_text=text, **fields)


def data(request_id: str = "1", length: int = 4, content: bytes | None = None) -> network.DataReceived:
    return network.DataReceived(
        request_id=request_id, timestamp=2.5, data_length=length, encoded_data_length=length, data=content
    )


def _given(decision: Deferred[Any], exchange: Exchange) -> Deferred[Any]:
    return decision


class NetworkTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.browser = self.chrome.browser(linger=None)
        self.tab: Page = self.chrome.run(self.browser.new_page())

    def told(self, *events: Event) -> None:
        for each in events:
            self.chrome.emit(each, self.tab.session)
        self.chrome.flush()

    def collected(self, stream: Any) -> list[Any]:
        items: list[Any] = []
        stream.subscribe(items.append)
        return items

    def outcome(self, deferred: Deferred[Any]) -> Any:
        self.chrome.flush()
        return self.successResultOf(deferred)


class OrderTests(NetworkTestCase):
    def test_extra_info_in_any_order(self):
        main = [begins(), responds(), finishes()]
        extra = [sent(Cookie="a=1"), received(status=200, **{"Set-Cookie": "b=2"})]
        for number, places in enumerate(itertools.combinations(range(5), 2), 1):
            rest, infos = iter(main), iter(extra)
            order: list[Any] = [next(infos) if place in places else next(rest) for place in range(5)]
            renamed = [
                type(each)(**{**{n: getattr(each, n) for n in each.__struct_fields__}, "request_id": str(number)})
                for each in order
            ]
            with self.subTest(order=[type(each).__name__ for each in order]):
                exchanges = self.collected(self.tab.exchanges)
                self.told(*renamed)
                (exchange,) = exchanges
                self.assertEqual(self.outcome(exchange.request.all_headers()), {"cookie": "a=1"})
                self.assertEqual(self.outcome(exchange.response.all_headers()), {"set-cookie": "b=2"})
                self.assertEqual(exchange.request.headers, {"accept": "*/*"})
                self.assertTrue(exchange.finished)

    def test_extra_info_that_never_comes(self):
        (exchanges,) = (self.collected(self.tab.exchanges),)
        self.told(begins())
        waiting = exchanges[0].request.all_headers()
        self.told(responds(extra=True))
        self.chrome.flush()
        self.assertNoResult(waiting)
        self.chrome.advance(2.5)
        self.assertEqual(self.successResultOf(waiting), {"accept": "*/*"})
        self.told(begins("2"), responds("2", extra=False))
        self.assertEqual(self.outcome(exchanges[1].response.all_headers()), {"content-type": "text/plain"})
        self.told(begins("3"))
        waiting = exchanges[2].request.all_headers()
        self.told(fails("3"))
        self.assertEqual(self.outcome(waiting), {"accept": "*/*"})
        self.assertEqual(self.tab._tree.network.waits._extra_info, {})

    def test_redirects(self):
        exchanges, finished = self.collected(self.tab.exchanges), self.collected(self.tab.requests_finished)
        there = "https://example.test/there"
        self.told(
            begins(),
            begins(url=there, redirect_response=response(302), redirect_has_extra_info=False, request=request(there)),
            responds(url=there, extra=False),
            finishes(),
        )
        before, after = exchanges
        self.assertIs(before.redirected_to, after)
        self.assertIs(after.redirected_from, before)
        self.assertEqual([each.url for each in finished], [URL, there])
        self.assertEqual([before.response.status, before.failure], [302, None])
        self.failureResultOf(before.body(), BodyOfRedirect)

    def test_ends(self):
        failed = self.collected(self.tab.requests_failed)
        exchanges = self.collected(self.tab.exchanges)
        self.told(begins("1"), fails("1", blocked_reason="inspector"))
        self.assertEqual(exchanges[0].failure, "net::ERR_FAILED (blocked: inspector)")
        self.assertEqual(failed[0].failure, "net::ERR_FAILED")
        self.told(begins("2"), responds("2", status=204, extra=False), fails("2", "net::ERR_ABORTED", canceled=True))
        self.assertEqual(exchanges[1].failure, None)
        self.told(begins("3"), responds("3", extra=False), fails("3", "net::ERR_ABORTED", canceled=True))
        self.assertEqual(exchanges[2].failure, "net::ERR_ABORTED")
        self.told(finishes("3"), fails("1"))  # they have ended
        self.assertEqual(len(failed), 2)
        self.told(begins("4"), fails("4", "", blocked_reason="mixed-content"))
        self.assertEqual((failed[2].failure, exchanges[3].failure), ("mixed-content", "blocked: mixed-content"))

    def test_times_of_what_the_memory_cache_has_served_are_its_own(self):
        before: dict[str, Any] = dict.fromkeys(network.ResourceTiming.__struct_fields__, -1)
        before |= {"request_time": 0.5, "send_start": 1, "send_end": 2, "receive_headers_end": 3}
        exchanges = self.collected(self.tab.exchanges)
        writer = EntryWriter("omit", False, Path("."))
        told = []
        for number in ("1", "2"):
            self.told(begins(number, timestamp=10.0))
            if number == "2":
                self.told(network.RequestServedFromCache(request_id=number))
            self.told(responds(number, timing=network.ResourceTiming(**before)))
            self.told(network.LoadingFinished(request_id=number, timestamp=10.25, encoded_data_length=0))
            told.append(exchanges[-1].timing)
        self.assertEqual(
            [told[0]["start_time"], told[0]["response_start"], told[0]["response_end"]], [990.5, 0.003, 9.75]
        )
        self.assertEqual(
            {name: value for name, value in told[1].items() if value is not None},
            {
                "start_time": 1000.0,
                "response_end": 0.25,
            },
        )
        self.assertEqual(writer.entry(exchanges[1], "page_1", 0.0, None, "")["time"], 250.0)

    def test_a_deadline_says_which_url_was_waited_for(self):
        async def expecting(match: Any) -> None:
            async with self.tab.requests.expect(match, timeout=2):
                pass

        waiting = [Deferred.fromCoroutine(expecting(each)) for each in ("**/a.css", re.compile("b.css"))]
        self.chrome.advance(2)
        said = [str(self.failureResultOf(each, DeadlineError).value) for each in waiting]
        self.assertEqual(said[0], "page.requests: an item that matches '**/a.css' did not come within 2 s")
        self.assertIn("an item that matches 'b.css'", said[1])

    def test_the_page_ends(self):
        exchanges = self.collected(self.tab.exchanges)
        ended: list[int] = []
        self.tab.requests_failed.subscribe(lambda _: ended.append(1), on_completed=lambda: ended.append(2))
        self.told(begins())
        waiting, answer = exchanges[0].when_finished(), exchanges[0].when_response()
        self.chrome.run(self.tab.close())
        self.assertIs(self.successResultOf(waiting), exchanges[0])
        self.failureResultOf(answer, NetworkError)
        self.assertEqual(ended, [1, 2])
        self.assertIn("gone", exchanges[0].failure)


class ProtocolTests(NetworkTestCase):
    def test_each_version(self):
        expected = {"http/1.0": "HTTP/1.0", "http/1.1": "HTTP/1.1", "h2": "HTTP/2.0", "h3": "HTTP/3.0", "": "HTTP/1.1"}
        exchanges = self.collected(self.tab.exchanges)
        for number, protocol in enumerate(expected):
            self.told(begins(str(number)))
            self.assertIsNone(exchanges[-1].request.existing_response)
            self.told(responds(str(number), protocol=protocol), finishes(str(number)))
        self.assertEqual([each.protocol for each in exchanges], [*expected])
        versions = [self.outcome(each.response.http_version()) for each in exchanges]
        self.assertEqual(versions, [*expected.values()])
        writer = EntryWriter("omit", False, Path("."))
        written = [writer.entry(each, "page_1", 0.0, None, "")["response"]["httpVersion"] for each in exchanges]
        self.assertEqual(written, versions)
        self.assertEqual([each.request.existing_response for each in exchanges], [each.response for each in exchanges])


class UnfollowedTests(NetworkTestCase):
    def test_who_comes_late_gets_what_comes_then(self):
        self.tab._tree.network.sessions.hear()
        self.told(sent("1", Cookie="a=1"), begins("1"), begins("2"), finishes("2"))
        exchanges, responses = self.collected(self.tab.exchanges), self.collected(self.tab.responses)
        self.told(begins("3"), responds("1"), received("1"), finishes("1"))
        self.assertEqual([each._row.id for each in exchanges], ["3"])
        (late,) = responses
        self.assertEqual(self.outcome(late.request.all_headers()), {"cookie": "a=1"})

    def test_messages_of_what_ends_are_forgotten(self):
        network_ = self.tab._tree.network
        network_.sessions.hear()
        for number in range(50):
            self.told(sent(str(number)), begins(str(number)), responds(str(number)), received(str(number)))
        self.assertEqual(len(network_.sessions.unfollowed._kept), 50)
        for number in range(50):
            self.told(finishes(str(number)) if number % 2 else fails(str(number)))
        self.assertEqual(network_.sessions.unfollowed._kept, {})
        self.assertEqual((network_.rows(), network_._live), ([], {}))

    def test_most_are_forgotten(self):
        network_ = self.tab._tree.network
        network_.sessions.hear()
        self.patch(_unfollowed, "MOST_KEPT", 20)
        self.patch(_unfollowed, "MOST_EARLY", 10)
        self.told(*[begins(str(number)) for number in range(21)])
        self.told(*[sent(f"early {number}") for number in range(11)])
        self.assertEqual(list(network_.sessions.unfollowed._kept), [str(number) for number in range(1, 21)])
        self.assertEqual(len(network_.sessions.unfollowed._early), 10)
        network_.sessions.lost("")
        self.assertEqual((network_.sessions.unfollowed._kept, network_.sessions.unfollowed._early), ({}, {}))

    def test_once_nobody_listens_what_has_begun_goes_on(self):
        exchanges: list[Exchange] = []
        listening = self.tab.exchanges.subscribe(exchanges.append)
        self.told(begins("1"))
        listening.dispose()
        self.told(responds("1", extra=False), begins("2"))
        self.assertIsNotNone(exchanges[0].response)
        self.told(finishes("1"))
        self.assertTrue(exchanges[0].finished)
        self.assertEqual(len(exchanges), 1)


class PausedTests(NetworkTestCase):
    def paused(self, network_id: str | None = "1", url: str = URL) -> fetch.RequestPaused:
        return fetch.RequestPaused(
            request_id="paused", request=request(url), frame_id="F", resource_type="XHR", network_id=network_id
        )

    def test_the_same_request_whichever_is_told_first(self):
        network_ = self.tab._tree.network
        requests = self.collected(self.tab.requests)
        before = network_.request_paused(self.paused(), 0)
        self.assertEqual((before.url, before.method, before.resource_type), (URL, "GET", "xhr"))
        self.told(begins())
        self.assertIs(requests[0], before)
        self.assertEqual(before.resource_type, "fetch")
        self.assertIs(network_.request_paused(self.paused(), 0), before)
        there = "https://example.test/there"
        after = network_.request_paused(self.paused(url=there), 1)
        self.assertIsNot(after, before)
        self.told(begins(url=there, request=request(there), redirect_response=response(302)))
        self.assertIs(requests[1], after)
        self.assertIs(after.redirected_from, before)

    def test_where_nobody_listens(self):
        network_ = self.tab._tree.network
        network_.sessions.hear()
        self.told(begins("1"), begins("2"))
        found = network_.request_paused(self.paused(), 0)
        self.assertEqual(found.resource_type, "fetch")
        waiting = found.response()
        self.told(responds("1", extra=False))
        self.assertEqual(self.outcome(waiting).status, 200)
        self.assertEqual(list(network_.sessions.unfollowed._kept), ["2"])
        self.assertEqual(network_.request_paused(self.paused(None), 0).url, URL)


class BodyTests(NetworkTestCase):
    def test_bodies(self):
        answers: list[Any] = [
            network.GetResponseBodyResult(body="aGk=", base64_encoded=True),
            CommandError("", -32000, "No resource with given identifier found"),
        ]
        self.chrome.on(network.get_response_body, lambda _: answers.pop(0))
        exchanges = self.collected(self.tab.exchanges)
        for number in ("1", "2"):
            self.told(begins(number), responds(number, extra=False), data(number, 2), finishes(number))
        self.assertEqual(self.chrome.run(exchanges[0].body()), b"hi")
        self.assertEqual(self.chrome.run(exchanges[0].response.text()), "hi")  # it was read before
        failing = exchanges[1].body()
        self.chrome.flush()
        self.failureResultOf(failing, BodyEvicted)

    def streamed(self, *events: Event, buffered: bytes = b"ab") -> list[Any]:
        """Return the chunks of a body, and how they ended."""
        self.chrome.on(
            network.stream_resource_content, lambda _: network.StreamResourceContentResult(buffered_data=buffered)
        )
        exchanges = self.collected(self.tab.exchanges)
        self.told(begins(), responds(extra=False), data(length=2))
        found: list[Any] = []
        exchanges[0].chunks.subscribe(found.append, found.append, lambda: found.append(None))
        self.chrome.flush()
        self.told(*events)
        return found

    def test_chunks(self):
        found = self.streamed(data(length=3, content=b"cde"), data(length=1, content=b"f"), finishes())
        self.assertEqual(found, [b"ab", b"cde", b"f", None])

    def test_chunks_that_are_left_out(self):
        found = self.streamed(data(length=3), data(length=1, content=b"f"), finishes())
        self.assertEqual(found[:2], [b"ab", b"f"])
        self.assertIsInstance(found[2], BodyIncomplete)
        self.assertEqual((found[2].received, found[2].expected), (3, 6))

    def test_chunks_that_break_off(self):
        found = self.streamed(fails(text="net::ERR_CONTENT_LENGTH_MISMATCH"))
        self.assertEqual(found[0], b"ab")
        self.assertIsInstance(found[1], NetworkError)


class WaitTests(NetworkTestCase):
    def test_functions_that_take_their_time(self):
        decisions: dict[str, Deferred[Any]] = {}

        def later(exchange: Exchange) -> Deferred[Any]:
            return decisions.setdefault(exchange._row.request_id, Deferred())

        async def has_answered(exchange: Exchange) -> bool:
            return exchange._row.request_id == "2" and (await exchange.when_response()).status == 404

        waiting, by_coroutine = self.tab.wait_for_exchange(later), self.tab.wait_for_exchange(has_answered)
        self.told(begins("1"), begins("2"), begins("3"))
        self.assertNoResult(waiting)
        decisions["2"].callback(True)
        found = self.successResultOf(waiting)
        self.assertEqual(found._row.request_id, "2")
        self.assertTrue(all(each.called for each in decisions.values()))  # the others were cancelled
        self.assertNoResult(by_coroutine)
        self.told(responds("2", status=404))
        self.assertIs(self.outcome(by_coroutine), found)
        self.assertEqual(self.tab._tree.network.waits._waits, {})

    def test_functions_that_decide_when_the_page_has_ended(self):
        for outcome, error in ((True, None), (False, SessionDetached), (ValueError("no"), ValueError)):
            with self.subTest(outcome=outcome):
                self.setUp()
                decision: Deferred[Any] = Deferred()
                waiting = self.tab.wait_for_exchange(partial(_given, decision))
                self.told(begins("1"))
                self.chrome.detach(self.tab.session)
                self.chrome.flush()
                self.assertNoResult(waiting)
                if isinstance(outcome, Exception):
                    decision.errback(outcome)
                else:
                    decision.callback(outcome)
                if error is None:
                    self.assertEqual(self.successResultOf(waiting)._row.request_id, "1")
                else:
                    self.failureResultOf(waiting, error)

    def test_an_idle_network(self):
        network_ = self.tab._tree.network
        network_.sessions.hear()
        self.told(
            begins("1"),
            begins("2", type="EventSource"),
            begins("3", url="https://example.test/favicon.ico", request=request("https://example.test/favicon.ico")),
        )
        idle, nearly = self.tab.network_idle(), self.tab.network_idle(in_flight=1)
        self.chrome.advance(0.6)
        self.assertNoResult(idle)
        self.successResultOf(nearly)
        self.told(finishes("1"))
        self.chrome.advance(0.4)
        self.told(begins("4"))
        self.chrome.advance(0.4)
        self.told(fails("4"))
        self.chrome.advance(0.4)
        self.assertNoResult(idle)
        self.chrome.advance(0.2)
        self.successResultOf(idle)
        self.assertEqual((network_.waits._waits, network_.sessions.listening), ({}, False))

    def test_it_never_is(self):
        self.tab._tree.network.sessions.hear()
        self.told(begins())
        waiting = self.tab.network_idle(timeout=3)
        self.chrome.advance(3.1)
        error = self.failureResultOf(waiting, ActionTimeout).value
        self.assertIn("1 under way (https://example.test/data)", str(error))

    def test_waits_end_when_the_page_crashes(self):
        waiting = [self.tab.wait_for_exchange("**/never"), self.tab.network_idle()]
        self.chrome.crash(self.tab.session)
        self.chrome.flush()
        for each in waiting:
            self.failureResultOf(each, TargetCrashed)
        self.assertEqual(self.tab._tree.network.waits._waits, {})
        self.assertNoResult(self.tab.wait_for_exchange("**/never"))  # this is for what follows

    def test_requests_of_a_worker_end_with_it(self):
        self.chrome.open_target("worker", opener=self.tab.session)
        self.chrome.flush()
        exchanges = self.collected(self.tab.exchanges)
        session = self.tab.workers[0].session
        self.chrome.emit(begins("1", frame_id=None, loader_id=""), session)
        self.chrome.flush()
        self.assertIs(exchanges[0].worker, self.tab.workers[0])
        self.told(target.DetachedFromTarget(session_id=session.id or ""))
        self.assertIn("gone", exchanges[0].failure)
