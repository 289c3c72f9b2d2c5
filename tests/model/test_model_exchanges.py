"""The table of exchanges: by what Chromium was recorded to say, and by what it may say besides."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from copy import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model.sequences import NAMES, Input, feed, sequence
from txcdp.domains import inspector, network, page, target
from txcdp.model import (
    EXCHANGE_TRANSITIONS,
    BrowserModel,
    Change,
    DataArrived,
    EventSourceMessage,
    Exchange,
    ExchangeEnded,
    ExchangeInput,
    ExchangeResponded,
    ExchangeStarted,
    ExchangeState,
    ExtraInfoReceived,
    PriorityChanged,
    WebSocketFailed,
    WebSocketMessage,
)
from txcdp.model._exchanges import EXCHANGE_ENDS, LATE

HOST = "http://127.0.0.1:8000"

#: Whether a document or its session is told to be gone first is a matter of chance.
_GONE = dict.fromkeys((ExchangeState.ABANDONED, ExchangeState.DETACHED), "gone")


def begun(changes: Iterable[Change]) -> list[Exchange]:
    return [each.exchange for each in changes if isinstance(each, ExchangeStarted)]


def ended(changes: Iterable[Change]) -> list[Exchange]:
    return [each.exchange for each in changes if isinstance(each, ExchangeEnded)]


def exchanges_of(changes: Sequence[Change]) -> list[tuple[Any, ...]]:
    """Return what the exchanges have come to, in any order; each has begun once, and ended at most once."""
    rows = begun(changes)
    assert len({each.id for each in rows}) == len(rows)
    over = ended(changes)
    assert len({each.id for each in over}) == len(over)
    assert {each.id for each in over} == {each.id for each in rows if each.state in EXCHANGE_ENDS}
    return sorted(
        (
            *(
                each.id,
                each.url,
                each.method,
                _GONE.get(each.state, each.state.value),
                each.status,
                each.cached,
                each.failure,
            ),
            *(each.request_extra is not None, each.response_extra and each.response_extra.status_code),
            *(each.redirected_from or "", each.redirected_to or "", each.preflight or "", each.received),
            *(each.body_decoded, each.messages_sent, each.messages_received, each.priority),
        )
        for each in rows
    )


def outcomes(name: str) -> Counter[tuple[str, str]]:
    """Return how the exchanges of a recording ended, by their paths, but for icons and the browser's own."""
    rows = begun(feed(sequence(name)))
    found = Counter((each.url.removeprefix(HOST), each.state.value) for each in rows)
    return Counter(
        {key: number for key, number in found.items() if not key[0].endswith("/favicon.ico") and "data:" not in key[0]}
    )


class TestTable:
    def test_every_state_can_be_reached_and_the_ends_are_ends(self) -> None:
        begins = {ExchangeState.REQUESTED, ExchangeState.NAVIGATING, ExchangeState.CONNECTING}
        assert begins | set(EXCHANGE_TRANSITIONS.values()) == set(ExchangeState)
        assert all(each.is_end == (each in EXCHANGE_ENDS) for each in ExchangeState)
        assert {told for _, told in EXCHANGE_TRANSITIONS} == set(ExchangeInput)

    def test_every_state_that_is_no_end_ends_with_its_session(self) -> None:
        for each in set(ExchangeState) - EXCHANGE_ENDS:
            assert EXCHANGE_TRANSITIONS[each, ExchangeInput.DETACH] is ExchangeState.DETACHED


class TestRecordings:
    """What was recorded of Chromium."""

    @pytest.mark.parametrize("name", NAMES)
    def test_each_begins_once_and_ends_once(self, name: str) -> None:
        assert exchanges_of(feed(sequence(name)))

    @pytest.mark.parametrize("name", NAMES)
    def test_all_that_its_sessions_have_told_of_ends_with_them(self, name: str) -> None:
        model = BrowserModel()
        changes = feed(sequence(name), model)
        for session in [*model.targets.sessions]:
            changes += model.feed("", target.DetachedFromTarget(session_id=session))
        assert all(each.state in EXCHANGE_ENDS for each in begun(changes))
        assert model.snapshot()["exchanges"] == []
        table = model.exchanges
        assert not table._owned
        assert not table._in_session

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("redirects", {("/r1", "redirected"), ("/r2", "redirected"), ("/r3", "redirected"), ("/a", "finished")}),
            ("aborted", {("/a", "finished"), ("/never", "cancelled")}),
            ("closed_in_flight", {("/a", "finished"), ("/never", "detached"), ("/slow", "detached")}),
            ("crash_in_flight", {("/a", "finished"), ("/b", "finished"), ("/never", "crashed"), ("/slow", "crashed")}),
            ("window_stop", {("/stops", "stopped")}),
            ("left_with_a_request_in_flight", {("/a", "finished"), ("/b", "finished"), ("/never", "abandoned")}),
            ("keepalive", {("/a", "finished"), ("/b", "finished"), ("/late", "abandoned")}),
            ("fetch_aborted", {("/a", "finished"), ("/never", "cancelled"), ("/slow", "cancelled")}),
            ("empty_404", {("/empty404", "failed"), ("/b", "finished")}),
            ("short_body", {("/short", "failed"), ("/b", "finished")}),
            (
                "event_source",
                {("/a", "finished"), ("/b", "responded"), ("/stream", "cancelled"), ("/stream", "abandoned")},
            ),
            ("websocket_crash", {("/a", "finished"), ("ws://127.0.0.1:8001/", "crashed")}),
            (
                "websocket",
                {
                    *(("/a", "finished"), ("ws://127.0.0.1:8001/", "closed"), ("ws://127.0.0.1:1/", "failed")),
                    ("ws://127.0.0.1:8000/a", "failed"),
                },
            ),
            (
                "frame_in_flight",
                {
                    *(("/outer", "finished"), ("/a", "finished"), ("http://localhost:8000/a", "finished")),
                    *(("/never", "cancelled"), ("http://localhost:8000/never", "abandoned")),
                },
            ),
            (
                "web_transport",
                {
                    *(("http://localhost:8000/a", "finished"), ("/b", "finished")),
                    *(("https://127.0.0.1:1/", "failed"), ("https://127.0.0.1:2/", "failed")),
                },
            ),
        ],
    )  # fmt: skip
    def test_how_they_end(self, name: str, expected: set[tuple[str, str]]) -> None:
        assert set(outcomes(name)) == expected

    def test_redirects_are_linked(self) -> None:
        hops = [each for each in begun(feed(sequence("redirects"))) if each.is_navigation]
        assert [each.status for each in hops] == [302, 301, 302, 200]
        assert [each.hop for each in hops] == [0, 1, 2, 3]
        assert [each.redirected_from for each in hops] == [None, *(each.id for each in hops[:-1])]
        assert [each.redirected_to for each in hops] == [*(each.id for each in hops[1:]), None]
        assert len({each.request_id for each in hops}) == 1
        assert [each.response_extra.status_code for each in hops if each.response_extra] == [302, 301, 302, 200]

    def test_a_redirect_to_the_same_url_is_a_hop(self) -> None:
        hops = [each for each in begun(feed(sequence("self_redirect"))) if each.is_navigation]
        assert [(each.url, each.status) for each in hops] == [(f"{HOST}/self", 302), (f"{HOST}/self", 200)]

    def test_what_was_revalidated_has_its_real_status(self) -> None:
        rows = [each for each in begun(feed(sequence("not_modified"))) if each.url.endswith("/etag")]
        assert [each.status for each in rows] == [200, 304, 304]

    def test_where_it_came_from(self) -> None:
        rows = begun(feed(sequence("cache")))
        assert Counter(each.cached for each in rows if "cacheable" in each.url) == {"": 2, "memory": 4}
        assert all(each.request_extra is None for each in rows if each.cached == "memory")
        rows = begun(feed(sequence("service_worker")))
        assert {each.url for each in rows if each.cached == "worker"} == {
            "http://localhost:8000/made",
            "http://localhost:8000/passed",
        }
        assert [each.cached for each in begun(feed(sequence("speculated"))) if each.url.endswith("/b")] == [
            "prefetch"
        ] * 2

    def test_a_preflight_belongs_to_its_request_and_goes_with_it(self) -> None:
        rows = {each.id: each for each in begun(feed(sequence("preflight")))}
        asked = {each.url: each for each in rows.values() if each.preflight is not None}
        assert {key.rpartition("/")[2]: each.state.value for key, each in asked.items()} == {
            "open": "finished",
            "shut": "failed",
            "never": "abandoned",
        }
        for each in asked.values():
            before = rows[str(each.preflight)]
            assert before.preflight_for == each.request_id
            assert (before.method, before.type) == ("OPTIONS", "Preflight" if before.response else "Other")
        assert rows[str(asked["http://localhost:8000/never"].preflight)].state is ExchangeState.ABANDONED
        assert "PreflightMissingAllowOriginHeader" in asked["http://localhost:8000/shut"].failure

    def test_why_they_failed(self) -> None:
        rows = begun(feed(sequence("failed")))
        assert {each.url.rpartition("/")[2]: each.failure for each in rows if each.error_text} == {
            "": "net::ERR_UNSAFE_PORT",
            "shut": "net::ERR_FAILED (CORS: MissingAllowOriginHeader)",
            "short": "net::ERR_CONTENT_LENGTH_MISMATCH",
            "style.css": "blocked: csp",
        }

    def test_a_navigation_changes_its_session(self) -> None:
        model = BrowserModel()
        rows = begun(feed(sequence("out_of_process_frame"), model))
        (inner,) = [each for each in rows if each.url == "http://localhost:8000/frames"]
        assert inner.state is ExchangeState.FINISHED
        assert inner.session_id != inner.started_in

    def test_the_body_of_a_navigation_is_told_of_where_its_document_is(self) -> None:
        (far,) = [each for each in begun(feed(sequence("frame_in_flight"))) if each.url == "http://localhost:8000/a"]
        assert far.session_id != far.started_in
        assert (far.state, far.body_decoded) == (ExchangeState.FINISHED, 70)

    def test_a_worker_answers_for_its_script(self) -> None:
        rows = {each.url.removeprefix(HOST): each for each in begun(feed(sequence("worker_requests")))}
        script = rows["/fetching-worker.js"]
        assert (script.state, script.session_id != script.started_in) == (ExchangeState.FINISHED, True)
        before = copy(script)
        before.session_id = before.started_in
        assert (before.is_untold_script, script.is_untold_script) == (True, False)
        assert [path for path, each in rows.items() if each.is_untold_script] == []
        assert rows["/never"].state is ExchangeState.DETACHED
        assert rows["/never"].frame_id is None
        # What was really sent for a worker comes through its page.
        assert rows["/b"].request_extra is not None
        assert rows["/b"].extra_session != rows["/b"].session_id

    def test_messages(self) -> None:
        changes = feed(sequence("websocket"))
        (row,) = [each for each in begun(changes) if each.handshake is not None]
        assert (row.status, row.messages_sent, row.messages_received) == (101, 3, 2)
        told = [(each.frame.payload_data, each.sent) for each in changes if isinstance(each, WebSocketMessage)]
        assert told == [("hello", True), ("AQI=", True), ("hello", False), ("AQI=", False), ("close", True)]
        assert [each.exchange.error_text for each in changes if isinstance(each, WebSocketFailed)] == [
            "Error in connection establishment: net::ERR_UNSAFE_PORT",
            "Error during WebSocket handshake: Unexpected response code: 200",
        ]
        changes = feed(sequence("event_source"))
        told_of = [(each.event.event_name, each.event.data) for each in changes if isinstance(each, EventSourceMessage)]
        assert told_of == [("message", "one"), ("other", "two")] * 2

    def test_data_and_sizes(self) -> None:
        changes = feed(sequence("in_pieces"))
        (row,) = [each for each in begun(changes) if each.url.endswith("/pieces")]
        assert (row.body_decoded, row.body_encoded) == (400_000, 400_000)
        assert row.received > 400_000
        assert (
            sum(each.event.data_length for each in changes if isinstance(each, DataArrived) and each.exchange is row)
            == 400_000
        )


def mixed(inputs: Sequence[Input], seed: int, lost: float = 0.0) -> list[Input]:
    """Return the inputs with what was really sent and received at other places, or not at all; each kind in order."""
    draw = random.Random(seed)
    main = [each for each in inputs if not isinstance(each.record, _EXTRA_INFO)]
    extra = [each for each in inputs if isinstance(each.record, _EXTRA_INFO) and draw.random() >= lost]
    places = sorted(draw.randrange(len(main) + 1) for _ in extra)
    for place, each in reversed(list(zip(places, extra))):
        main.insert(place, each)
    return main


_EXTRA_INFO = (network.RequestWillBeSentExtraInfo, network.ResponseReceivedExtraInfo)


class TestAnyOrder:
    """The events of the network service come between the others in any order."""

    @pytest.mark.parametrize(
        "name",
        ["redirects", "self_redirect", "fetch_redirects", "not_modified", "cache", "preflight", "failed", "keepalive"],
    )
    def test_extra_info_finds_its_hop(self, name: str) -> None:
        inputs = [each for each in sequence(name) if not each.name.startswith("Target.detached")]
        expected = exchanges_of(feed(inputs))

        @settings(max_examples=60, deadline=None)
        @given(st.integers(0, 2**32))
        def check(seed: int) -> None:
            assert exchanges_of(feed(mixed(inputs, seed))) == expected

        check()

    @pytest.mark.parametrize("name", ["redirects", "cache", "frame_out_and_in", "worker_requests"])
    def test_without_extra_info_the_same_exchanges_end(self, name: str) -> None:
        inputs = sequence(name)
        expected = [(each.id, each.url, each.state) for each in begun(feed(inputs))]

        @settings(max_examples=30, deadline=None)
        @given(st.integers(0, 2**32), st.sampled_from([0.3, 1.0]))
        def check(seed: int, lost: float) -> None:
            assert [(each.id, each.url, each.state) for each in begun(feed(mixed(inputs, seed, lost)))] == expected

        check()


# Events by hand:


def asked(request_id: str = "R", url: str = "http://h/", **said: Any) -> network.RequestWillBeSent:
    request = network.Request(
        url=url, method="GET", headers={}, initial_priority="High", referrer_policy="origin", is_same_site=True
    )
    known: dict[str, Any] = {
        "loader_id": "L",
        "document_url": "http://h/",
        "timestamp": 1.0,
        "wall_time": 1e9,
        "type": "Script",
        "initiator": network.Initiator(type="parser"),
        "redirect_has_extra_info": False,
        "frame_id": "F",
    }
    return network.RequestWillBeSent(request_id=request_id, request=request, **(known | said))


def answer(status: int = 200, **said: Any) -> network.Response:
    known: dict[str, Any] = {
        "url": "http://h/",
        "status_text": "",
        "headers": {},
        "mime_type": "",
        "charset": "",
        "connection_id": 1,
        "connection_reused": False,
        "encoded_data_length": 100,
        "security_state": "insecure",
    }
    return network.Response(status=status, **(known | said))


def answered(request_id: str = "R", status: int = 200, extra: bool = True, **said: Any) -> network.ResponseReceived:
    known: dict[str, Any] = {"loader_id": "L", "timestamp": 2.0, "type": "Script", "has_extra_info": extra}
    return network.ResponseReceived(request_id=request_id, response=answer(status), **(known | said))


def led_on(request_id: str = "R", url: str = "http://h/2", status: int = 302, extra: bool = True, **said: Any) -> Any:
    return asked(
        request_id, url, redirect_response=answer(status), redirect_has_extra_info=extra, timestamp=1.5, **said
    )


def sent(request_id: str = "R", mark: str = "") -> network.RequestWillBeSentExtraInfo:
    return network.RequestWillBeSentExtraInfo(
        request_id=request_id, associated_cookies=[], headers={"mark": mark},
        connect_timing=network.ConnectTiming(request_time=1),
    )  # fmt: skip


def received(request_id: str = "R", status: int = 200) -> network.ResponseReceivedExtraInfo:
    return network.ResponseReceivedExtraInfo(
        request_id=request_id, blocked_cookies=[], headers={}, resource_ip_address_space="Loopback", status_code=status
    )


def finished(request_id: str = "R") -> network.LoadingFinished:
    return network.LoadingFinished(request_id=request_id, timestamp=3.0, encoded_data_length=500)


def failed(request_id: str = "R", text: str = "net::ERR_FAILED", **said: Any) -> network.LoadingFailed:
    return network.LoadingFailed(request_id=request_id, timestamp=3.0, type="Script", error_text=text, **said)


def tell(model: BrowserModel, *records: Any, session: str = "S") -> list[Change]:
    changes = [change for each in records for change in model.feed(session, each)]
    assert model.misread == 0, model.fault
    return changes


def kinds(changes: Iterable[Change]) -> list[type[Change]]:
    return [type(each) for each in changes]


class TestLife:
    def test_a_request_begins_is_answered_and_ends(self) -> None:
        model = BrowserModel()
        (row,) = begun(tell(model, asked(url="http://h/script.js")))
        assert model.exchanges.exchanges == {"R": row}
        assert (row.state, row.status, row.priority) == (ExchangeState.REQUESTED, 0, "High")
        assert kinds(tell(model, answered())) == [ExchangeResponded]
        assert (row.state, row.status, row.received, row.responded) == (ExchangeState.RESPONDED, 200, 100, 2.0)
        assert kinds(tell(model, finished())) == [ExchangeEnded]
        assert (row.state, row.received, row.started, row.ended) == (ExchangeState.FINISHED, 500, 1.0, 3.0)
        assert model.exchanges.exchanges == {}

    def test_an_end_needs_no_response(self) -> None:
        model = BrowserModel()
        (row,) = ended(tell(model, asked(), finished()))
        assert (row.state, row.status) == (ExchangeState.FINISHED, 0)

    def test_it_ends_once(self) -> None:
        model = BrowserModel()
        tell(model, asked(), failed())
        assert tell(model, finished(), failed(), answered(), asked()) == []

    def test_what_nobody_has_asked_for_makes_nothing(self) -> None:
        model = BrowserModel()
        data = network.DataReceived(request_id="R", timestamp=1, data_length=1, encoded_data_length=1)
        served = network.RequestServedFromCache(request_id="R")
        assert tell(model, answered(), data, served, finished(), failed(), sent("Q"), received("Q")) == []
        assert model.exchanges.exchanges == {}

    def test_cancelled_and_blocked(self) -> None:
        model = BrowserModel()
        (row,) = ended(tell(model, asked("A"), failed("A", canceled=True)))
        assert (row.state, row.cancelled) == (ExchangeState.CANCELLED, True)
        (row,) = ended(tell(model, asked("B"), failed("B", canceled=True, blocked_reason="csp")))
        assert (row.state, row.cancelled, row.failure) == (
            ExchangeState.FAILED,
            False,
            "net::ERR_FAILED (blocked: csp)",
        )
        (row,) = ended(tell(model, asked("C"), failed("C", "", blocked_reason="mixed-content")))
        assert (row.error_text, row.failure) == ("mixed-content", "blocked: mixed-content")
        (row,) = ended(tell(model, asked("D"), failed("D", "")))
        assert (row.error_text, row.failure) == ("failed", "failed")

    def test_a_priority_that_changes(self) -> None:
        model = BrowserModel()
        (row,) = begun(tell(model, asked()))
        changed = network.ResourceChangedPriority(request_id="R", new_priority="Low", timestamp=2)
        assert kinds(tell(model, changed, changed)) == [PriorityChanged]
        assert row.priority == "Low"

    def test_hops_are_kept_together_as_long_as_the_last_goes_on(self) -> None:
        model = BrowserModel()
        changes = tell(model, asked(), led_on(), led_on(url="http://h/3"))
        assert kinds(changes) == [
            *(ExchangeStarted, ExchangeResponded, ExchangeEnded),
            *(ExchangeStarted, ExchangeResponded, ExchangeEnded),
            ExchangeStarted,
        ]
        assert [each.url for each in model.exchanges.hops("R")] == ["http://h/", "http://h/2", "http://h/3"]
        tell(model, finished(), sent(), received(), sent(), received(), sent(), received())
        assert model.exchanges.hops("R") == []

    def test_a_document_that_goes_takes_its_requests_along_and_what_comes_late(self) -> None:
        model = BrowserModel()
        tell(model, navigated("L"), asked("A"), answered("A"), asked("B"))
        over = ended(tell(model, navigated("L2")))
        assert [(each.id, each.state, each.ended) for each in over] == [
            ("A", ExchangeState.ABANDONED, None),
            ("B", ExchangeState.ABANDONED, None),
        ]
        (row,) = ended(tell(model, asked("C")))  # of the old process, which does not know yet
        assert row.state is ExchangeState.ABANDONED

    def test_a_document_that_comes_back_asks_again(self) -> None:
        model = BrowserModel()
        tell(model, navigated("L"), navigated("L2"), navigated("L", "BackForwardCacheRestore"))
        assert ended(tell(model, asked("C"))) == []

    def test_a_document_whose_loader_is_not_told_takes_its_requests_along(self) -> None:
        socket = network.WebSocketCreated(request_id="W", url="ws://h/")
        model = BrowserModel()
        tell(model, there(""), asked("A", loader_id="first"), socket)
        (asking,) = begun(tell(model, asked("N", "http://h/", loader_id="N", type="Document")))
        assert {each.id: each.state.value for each in ended(tell(model, navigated("N")))} == {
            "A": "abandoned",
            "W": "abandoned",
        }
        assert asking.owner == "N"
        assert model.exchanges._owned.keys() == {"N"}
        model = BrowserModel()
        tell(model, there(""), asked("A", loader_id="first"), socket)
        assert ended(tell(model, there("first"))) == []
        assert [each.id for each in ended(tell(model, navigated("N")))] == ["A", "W"]
        model = BrowserModel()
        tell(model, there(""), asked("A", loader_id="N"), socket)
        assert [each.id for each in ended(tell(model, navigated("N")))] == ["W"]
        assert [each.id for each in ended(tell(model, page.FrameDetached(frame_id="F", reason="remove")))] == ["A"]
        model = BrowserModel()
        tell(model, there(""), socket)
        assert [each.id for each in ended(tell(model, page.FrameDetached(frame_id="F", reason="remove")))] == ["W"]

    def test_what_is_forgotten_under_way_is_told_of_no_more(self) -> None:
        model = BrowserModel()
        tell(model, asked("A"), asked("B"), sent("B"), led_on("B"))
        model.exchanges.forget("A")
        model.exchanges.forget("B")
        model.exchanges.forget("nobody's")
        assert tell(model, answered("A"), finished("A"), asked("A"), led_on("B"), received("B"), finished("B")) == []
        table = model.exchanges
        assert [table.exchanges, table._owned, table._in_session, table._chains] == [{}, {}, {}, {}]

    def test_a_navigation_outlives_the_crash_of_its_page(self) -> None:
        model = BrowserModel()
        tell(model, navigated("L"), asked("N", loader_id="N", type="Document"), asked("A"))
        over = ended(tell(model, inspector.TargetCrashed()))
        assert [each.id for each in over] == ["A"]
        assert [each.id for each in ended(tell(model, answered("N", type="Document"), finished("N")))] == ["N"]

    def test_a_frame_that_is_gone_takes_its_navigation_along(self) -> None:
        model = BrowserModel()
        tell(model, navigated("L"), page.FrameAttached(frame_id="G", parent_frame_id="F"))
        tell(model, asked("N", loader_id="N", type="Document", frame_id="G"))
        assert ended(tell(model, page.FrameDetached(frame_id="G", reason="swap"))) == []
        (row,) = ended(tell(model, page.FrameDetached(frame_id="G", reason="remove")))
        assert row.state is ExchangeState.ABANDONED


def frame(loader: str) -> page.Frame:
    return page.Frame(
        id="F", loader_id=loader, url="http://h/", domain_and_registry="", security_origin="", mime_type="",
        secure_context_type="Secure", cross_origin_isolated_context_type="NotIsolated", gated_api_features=[],
    )  # fmt: skip


def navigated(loader: str, kind: page.NavigationType = "Navigation") -> page.FrameNavigated:
    return page.FrameNavigated(frame=frame(loader), type=kind)


def there(loader: str) -> page.GetFrameTreeResult:
    return page.GetFrameTreeResult(frame_tree=page.FrameTree(frame=frame(loader)))


class TestExtraInfo:
    def test_before_its_request(self) -> None:
        model = BrowserModel()
        assert tell(model, sent(), received()) == []
        changes = tell(model, asked())
        assert kinds(changes) == [ExchangeStarted, ExtraInfoReceived]
        (row,) = begun(changes)
        assert row.request_extra is not None
        assert row.response_extra is not None

    def test_after_its_end(self) -> None:
        model = BrowserModel()
        (row,) = begun(tell(model, asked(), answered(), finished()))
        assert kinds(tell(model, sent(), received())) == [ExtraInfoReceived, ExtraInfoReceived]
        assert row.request_extra is not None
        assert row.response_extra is not None
        assert model.exchanges._chains == {}
        assert tell(model, sent(), received()) == []

    def test_what_is_forgotten_stays_forgotten(self) -> None:
        model = BrowserModel()
        (row,) = begun(tell(model, asked("old"), answered("old"), finished("old")))
        for number in range(LATE):
            tell(model, asked(f"R{number}"), answered(f"R{number}"), finished(f"R{number}"))
        assert tell(model, sent("old"), received("old")) == []
        assert row.request_extra is None
        assert model.exchanges.exchanges == {}

    def test_memory_is_bounded_whatever_comes(self) -> None:
        model = BrowserModel()
        for number in range(5 * LATE):
            tell(model, sent(f"early{number}"), asked(f"R{number}"), answered(f"R{number}"), finished(f"R{number}"))
        table = model.exchanges
        assert len(table._chains) == len(table._waiting) == LATE
        assert len(table._ended) <= 4000
        assert not table._owned
        assert not table._in_session

    def test_a_hop_without_passes_it_on(self) -> None:
        model = BrowserModel()
        tell(model, asked(), sent(mark="second"), led_on(extra=False))
        hops = model.exchanges.hops("R")
        assert [each.request_extra is not None for each in hops] == [False, True]

    def test_that_there_is_in_spite_of_what_is_said_is_not_lost(self) -> None:
        for early in (True, False):
            model = BrowserModel()
            told = [answered(extra=False), received(status=304)]
            (row,) = begun(tell(model, asked(), *(reversed(told) if early else told)))
            assert row.status == 304

    def test_what_the_memory_cache_has_served_has_none(self) -> None:
        model = BrowserModel()
        served = network.RequestServedFromCache(request_id="R")
        (row,) = begun(tell(model, asked(), served, answered(extra=True), finished()))
        assert (row.cached, row.has_extra_info) == ("memory", False)
        assert model.exchanges._chains == {}

    def test_a_request_that_is_sent_again_has_the_last(self) -> None:
        model = BrowserModel()
        (row,) = begun(tell(model, asked(), sent(mark="without"), sent(mark="with credentials"), received()))
        assert row.request_extra is not None
        assert row.request_extra.headers == {"mark": "with credentials"}

    def test_of_two_sessions(self) -> None:
        """Each tells all of it; the second adds nothing, wherever it comes."""
        for seed in range(30):
            draw = random.Random(seed)
            model = BrowserModel()
            main = [asked(), led_on(), answered(), finished()]
            extra = [sent(mark="1"), received(status=302), sent(mark="2"), received()]
            ways = [[(session, each) for each in way] for session in ("S", "T") for way in (main, extra)]
            changes: list[Change] = []
            while any(ways):
                session, record = draw.choice([each for each in ways if each]).pop(0)
                changes += model.feed(session, record)
            rows = begun(changes)
            assert [(each.url, each.state) for each in rows] == [
                ("http://h/", ExchangeState.REDIRECTED),
                ("http://h/2", ExchangeState.FINISHED),
            ], seed
            assert len(ended(changes)) == 2


class TestSessions:
    def test_two_sessions_tell_of_one(self) -> None:
        model = BrowserModel()
        data = network.DataReceived(request_id="R", timestamp=1, data_length=10, encoded_data_length=10)
        events = [asked(), led_on(url="http://h/"), answered(), data, finished()]
        changes = [change for each in events for session in ("S", "T") for change in tell(model, each, session=session)]
        assert [each.state for each in begun(changes)] == [ExchangeState.REDIRECTED, ExchangeState.FINISHED]
        assert begun(changes)[1].body_decoded == 10

    def test_what_one_of_two_sessions_told_of_goes_on_with_the_other(self) -> None:
        model = BrowserModel()
        tell(model, attached("S"), attached("T"), session="")
        tell(model, asked())
        tell(model, asked(), session="T")
        assert ended(tell(model, target.DetachedFromTarget(session_id="S"), session="")) == []
        (row,) = ended(tell(model, answered(), finished(), session="T"))
        assert (row.state, row.session_id) == (ExchangeState.FINISHED, "T")

    def test_a_session_that_ends_takes_along_what_it_told_of(self) -> None:
        model = BrowserModel()
        tell(model, attached("S"), session="")
        tell(model, asked("A"), asked("B", loader_id=""), answered("B"))
        over = ended(tell(model, target.DetachedFromTarget(session_id="S"), session=""))
        assert [(each.id, each.state) for each in over] == [
            ("A", ExchangeState.DETACHED),
            ("B", ExchangeState.DETACHED),
        ]


def attached(session: str) -> target.AttachedToTarget:
    info = target.TargetInfo(target_id="T1", type="page", title="", url="", attached=True, can_access_opener=False)
    return target.AttachedToTarget(session_id=session, target_info=info, waiting_for_debugger=False)
