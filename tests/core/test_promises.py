"""The promises of docs/architecture.rst, each on both transports."""

from __future__ import annotations

import json
import random
from typing import Any

from reactivex import operators as ops
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import LogLevel, globalLogPublisher

from tests.support import (
    SESSION_ID,
    PipeWire,
    Watcher,
    WebSocketWire,
    WireCase,
    attached,
    data_received,
    detached,
    event,
    over_pipe,
    reply_to,
    to_bytes,
)
from txcdp._core.sessions import AutoAttach, Session
from txcdp.domains import browser, inspector, network, page, runtime
from txcdp.errors import CommandError, CommandTimeout, ConnectionLost, MalformedMessage, SessionDetached, TargetCrashed
from txcdp.streams import queue

VERSION = {"protocolVersion": "1.3", "product": "C", "revision": "r", "userAgent": "u", "jsVersion": "1"}
OTHER = "5E550000000000000000000000000002"


def length_of(item: network.DataReceived) -> int:
    return item.data_length


def discard(deferred: Deferred[Any]) -> None:
    """Care for nothing that comes of it."""
    deferred.addErrback(lambda _: None)


class EveryDeferredFiresTests(WireCase):
    """Promise 1."""

    def test_result(self):
        deferred = self.connection.session.execute(browser.get_version())
        command = self.wire.last()
        self.assertEqual(command, {"id": command["id"], "method": "Browser.getVersion", "params": {}})
        self.assertNoResult(deferred)
        self.wire.reply(command, VERSION)
        result = self.successResultOf(deferred)
        self.assertEqual((result.protocol_version, result.product, result.js_version), ("1.3", "C", "1"))
        self.assertIsInstance(result, browser.GetVersionResult)
        stats = self.connection.stats
        self.assertEqual((stats.sent, stats.replies, stats.errors), (1, 1, 0))

    def test_no_result_is_none(self):
        deferred = self.connection.session.execute(page.enable())
        self.wire.reply(self.wire.last(), {"surprise": 1})
        self.assertIsNone(self.successResultOf(deferred))

    def test_raw(self):
        deferred = self.connection.session.execute_raw("New.thing", {"a": [1, None]})
        self.assertEqual(self.wire.last()["params"], {"a": [1, None]})
        self.wire.reply(self.wire.last(), {"deep": {"x": 1}})
        self.assertEqual(self.successResultOf(deferred), {"deep": {"x": 1}})

    def test_refusal(self):
        deferred = self.connection.session.execute(page.navigate(url="x"))
        error = {"code": -32000, "message": "Cannot navigate to invalid URL", "data": "more"}
        self.wire.reply(self.wire.last(), error=error)
        refusal = self.failure(deferred, CommandError)
        self.assertEqual(
            (refusal.method, refusal.code, refusal.message, refusal.data),
            ("Page.navigate", -32000, "Cannot navigate to invalid URL", "more"),
        )
        self.assertEqual(str(refusal), "Page.navigate: Cannot navigate to invalid URL (more) [-32000]")
        self.assertEqual(self.connection.stats.methods["Page.navigate"].errors, 1)

    def test_refusal_of_a_strange_shape(self):
        errors: list[Any] = ["no", {"code": "x"}, {}, [], 5, None]
        for error in errors:
            deferred = self.connection.session.execute(page.enable())
            self.wire.reply(self.wire.last(), error=error)
            self.failure(deferred, (CommandError, MalformedMessage))  # type: ignore[arg-type]

    def test_timeout_and_late_reply(self):
        deferred = self.connection.session.execute(page.enable(), timeout=5)
        command = self.wire.last()
        self.wire.reactor.advance(4.9)
        self.assertNoResult(deferred)
        self.wire.reactor.advance(0.2)
        error = self.failure(deferred, CommandTimeout)
        self.assertEqual((error.method, error.seconds), ("Page.enable", 5))
        self.assertIsInstance(error, TimeoutError)
        self.wire.reply(command)
        self.wire.reply(command)
        stats = self.connection.stats
        self.assertEqual((stats.timeouts, stats.late, stats.unknown, stats.replies), (1, 1, 1, 0))

    def test_default_timeout_and_none(self):
        limited = self.connection.session.execute(page.enable())
        unlimited = self.connection.session.execute(page.enable(), timeout=None)
        self.wire.reactor.advance(31)
        self.failure(limited, CommandTimeout)
        self.wire.reactor.advance(100_000)
        self.assertNoResult(unlimited)
        self.wire.reply(self.wire.last())
        self.assertIsNone(self.successResultOf(unlimited))

    def test_cancel(self):
        deferred = self.connection.session.execute(page.enable())
        command = self.wire.last()
        deferred.cancel()
        self.failure(deferred, CancelledError)
        self.wire.reply(command)
        stats = self.connection.stats
        self.assertEqual((stats.cancelled, stats.late, stats.unknown), (1, 1, 0))

    def test_cancel_after_the_result_does_nothing(self):
        deferred = self.connection.session.execute(page.enable())
        self.wire.reply(self.wire.last())
        deferred.cancel()
        self.assertIsNone(self.successResultOf(deferred))
        self.assertEqual(self.connection.stats.cancelled, 0)

    def test_detach(self):
        session = self.wire.attach()
        mine = session.execute(page.enable())
        other = self.connection.session.execute(browser.get_version())
        self.wire.say(detached())
        error = self.failure(mine, SessionDetached)
        self.assertEqual(error.session_id, SESSION_ID)
        self.assertIn(SESSION_ID, str(error))
        self.failure(session.execute(page.enable()), SessionDetached)
        self.failure(session.execute_raw("X.y"), SessionDetached)
        self.assertNoResult(other)
        self.wire.answer_all()
        self.assertEqual(self.connection.stats.late, 1)

    def test_crash(self):
        session = self.wire.attach()
        before = session.execute(runtime.evaluate(expression="1"))
        self.wire.say(event("Inspector.targetCrashed", {}, SESSION_ID))
        self.failure(before, TargetCrashed)
        self.failure(session.execute(runtime.evaluate(expression="1")), TargetCrashed)
        self.assertTrue(session.crashed)
        self.assertFalse(session.ended)
        navigated = session.execute(page.navigate(url="about:blank"))
        self.wire.say(event("Inspector.targetReloadedAfterCrash", {}, SESSION_ID))
        self.wire.reply(self.wire.last(), {"frameId": "F"})
        self.assertEqual(self.successResultOf(navigated).frame_id, "F")
        after = session.execute(runtime.disable())
        self.wire.reply(self.wire.last())
        self.assertIsNone(self.successResultOf(after))

    def test_connection_lost(self):
        session = self.wire.attach()
        pending: list[Deferred[Any]] = [session.execute(page.enable())]
        pending.append(self.connection.session.execute(browser.get_version()))
        self.wire.lose()
        errors = [self.failure(each, ConnectionLost) for each in pending]
        self.assertIsNot(errors[0], errors[1])
        self.assertFalse(errors[0].clean)
        self.assertIsInstance(errors[0], ConnectionError)
        self.failure(session.execute(page.enable()), ConnectionLost)
        self.failure(self.connection.session.execute(page.enable()), ConnectionLost)
        self.failure(session.execute(page.enable()), ConnectionLost)
        self.assertIs(self.connection.lost, self.successResultOf(self.connection.when_closed()))

    def test_close(self):
        pending = self.connection.session.execute(browser.get_version())
        closed = self.connection.close()
        again = self.connection.close()
        self.wire.finish_close()
        self.assertTrue(self.failure(pending, ConnectionLost).clean)
        self.assertTrue(self.successResultOf(closed).clean)
        self.assertTrue(self.successResultOf(again).clean)
        self.assertTrue(self.successResultOf(self.connection.close()).clean)

    def test_close_that_the_browser_does_not_answer(self):
        closed = self.connection.close()
        self.wire.writes()
        self.wire.reactor.advance(10)
        self.assertTrue(self.successResultOf(closed).clean)

    def test_late_and_duplicate_and_strange_replies(self):
        deferred = self.connection.session.execute(page.enable())
        command = self.wire.last()
        self.wire.say(reply_to(command), reply_to(command), {"id": 999, "result": {}})
        self.assertIsNone(self.successResultOf(deferred))
        self.assertEqual((self.connection.stats.unknown, self.connection.stats.late), (2, 0))

    def test_error_without_an_id(self):
        deferred: Deferred[Any] = self.connection.session.execute(page.enable())
        discard(deferred)
        self.wire.say(b'{"error":{"code":-32700,"message":"JSON: no input at position 0"}}')
        self.assertNoResult(deferred)
        self.assertEqual(self.connection.stats.unknown, 1)

    def test_an_unknown_session_is_over(self):
        session = self.wire.attach()
        stream = Watcher(session.events(runtime.ConsoleAPICalled))
        first, second = session.execute(page.enable()), session.execute(page.disable())
        command = next(each for each in self.wire.heard() if each["method"] == "Page.enable")
        self.wire.say({"id": command["id"], "error": {"code": -32001, "message": "Session with given id not found."}})
        self.failure(first, SessionDetached)
        self.failure(second, SessionDetached)
        self.assertTrue(session.ended)
        self.assertEqual(stream.completed, 1)
        self.assertEqual(self.connection.sessions, [self.connection.session])

    def test_the_root_session_is_never_unknown(self):
        deferred = self.connection.session.execute(page.enable())
        self.wire.reply(self.wire.last(), error={"code": -32001, "message": "Session with given id not found."})
        self.assertEqual(self.failure(deferred, CommandError).code, -32001)
        self.assertFalse(self.connection.session.ended)

    def test_a_reply_is_found_by_its_id_alone(self):
        session = self.wire.attach()
        deferred = session.execute(page.enable())
        self.wire.say({"id": self.wire.last()["id"], "result": {}})
        self.assertIsNone(self.successResultOf(deferred))

    def test_a_reply_that_cannot_be_read(self):
        for told in (b"{}", b'"x"', b"[1]", b'{"frameId":7}', b'{"frameId":1e999}', b"{}}", b"{", b"null"):
            deferred = self.connection.session.execute(page.navigate(url="x"))
            self.wire.say(b'{"id":%d,"result":%b}' % (self.wire.last()["id"], told))
            results: list[Any] = []
            deferred.addBoth(results.append)
            self.assertEqual(len(results), 1, told)
        self.assertIsNone(self.connection.lost)

    def test_a_reply_without_an_outcome(self):
        deferred = self.connection.session.execute(page.enable())
        self.wire.say({"id": self.wire.last()["id"]})
        self.failure(deferred, MalformedMessage)
        self.assertEqual(self.connection.stats.malformed, 1)

    def test_what_cannot_be_written(self):
        error = self.failure(self.connection.session.execute_raw("A.b", {"x": object()}), TypeError)
        self.assertIn("A.b", str(error))
        self.assertEqual(self.wire.heard(), [])

    def test_a_lone_surrogate_leaves_as_its_escape(self):
        self.connection.session.execute(runtime.evaluate(expression="\ud800")).addErrback(lambda _: None)
        self.assertEqual(self.wire.last()["params"], {"expression": "\ud800"})

    def test_each_of_many_fires_once(self):
        dice = random.Random(5)
        fired: dict[int, int] = {}
        deferreds: list[Deferred[Any]] = []

        def counted(result: object, number: int) -> object:
            fired[number] = fired.get(number, 0) + 1
            return None

        for number in range(500):
            deferred = self.connection.session.execute_raw("A.b", {"n": number}, timeout=dice.choice((1, 2, None)))
            deferred.addBoth(counted, number)
            deferreds.append(deferred)
        commands = self.wire.heard()
        self.assertEqual(len(commands), 500)
        for command, deferred in zip(commands, deferreds, strict=True):
            deed = dice.randrange(4)
            if deed == 0:
                self.wire.reply(command)
            elif deed == 1:
                deferred.cancel()
            elif deed == 2:
                self.wire.reply(command, error={"code": 1, "message": "no"})
        self.wire.reactor.advance(2)
        self.wire.lose()
        self.assertEqual(fired, dict.fromkeys(range(500), 1))


EveryDeferredFiresOverPipeTests = over_pipe(EveryDeferredFiresTests)


class EveryStreamEndsTests(WireCase):
    """Promise 2."""

    def streams(self) -> tuple[Any, list[Watcher]]:
        session = self.wire.attach()
        return session, [
            Watcher(session.events(network.DataReceived)),
            Watcher(session.events_raw("Custom.event")),
            Watcher(session.events(network.DataReceived).pipe(ops.map(length_of))),
        ]

    def test_detach_completes(self):
        session, watchers = self.streams()
        self.wire.say(detached())
        self.assertEqual([(each.completed, each.errors) for each in watchers], [(1, [])] * 3)
        late = Watcher(session.events(network.DataReceived))
        self.assertEqual((late.completed, late.errors), (1, []))

    def test_clean_close_completes(self):
        session, watchers = self.streams()
        watchers += [Watcher(self.connection.attached), Watcher(self.connection.events_raw())]
        self.connection.close()
        self.wire.finish_close()
        self.assertEqual([(each.completed, each.errors) for each in watchers], [(1, [])] * 5)
        for late in (session.events(network.DataReceived), self.connection.attached, self.connection.events_raw()):
            self.assertEqual(Watcher(late).completed, 1)

    def test_crash_is_an_error(self):
        session, watchers = self.streams()
        stream = session.events(network.DataReceived)
        self.wire.say(event("Inspector.targetCrashed", {}, SESSION_ID))
        for watcher in watchers:
            self.assertEqual((len(watcher.errors), watcher.completed), (1, 0))
            self.assertIsInstance(watcher.errors[0], TargetCrashed)
        self.wire.say(event("Inspector.targetReloadedAfterCrash", {}, SESSION_ID))
        revived = Watcher(stream)
        self.wire.say(data_received(1, SESSION_ID))
        self.assertEqual(len(revived.items), 1)

    def test_the_crash_event_itself_is_seen(self):
        session = self.wire.attach()
        watcher = Watcher(session.events(inspector.TargetCrashed))
        self.wire.say(event("Inspector.targetCrashed", {}, SESSION_ID))
        self.assertEqual(watcher.items, [inspector.TargetCrashed()])
        self.assertIsInstance(watcher.errors[0], TargetCrashed)

    def test_unclean_loss_is_an_error(self):
        session, watchers = self.streams()
        watchers += [Watcher(self.connection.attached), Watcher(self.connection.events_raw())]
        self.wire.lose()
        for watcher in watchers:
            self.assertEqual((len(watcher.errors), watcher.completed), (1, 0))
            self.assertIsInstance(watcher.errors[0], ConnectionLost)
        for late in (session.events(page.LoadEventFired), self.connection.attached, self.connection.events_raw()):
            self.assertIsInstance(Watcher(late).errors[0], ConnectionLost)

    def test_when_ended(self):
        session = self.wire.attach()
        ended, cancelled = session.when_ended(), session.when_ended()
        cancelled.cancel()
        self.failureResultOf(cancelled, CancelledError)
        self.wire.say(detached())
        self.assertIsInstance(self.successResultOf(ended), SessionDetached)
        self.assertIsInstance(self.successResultOf(session.when_ended()), SessionDetached)

    def test_when_closed_can_be_cancelled(self):
        closed, cancelled = self.connection.when_closed(), self.connection.when_closed()
        cancelled.cancel()
        self.failureResultOf(cancelled, CancelledError)
        self.wire.lose()
        self.assertIsInstance(self.successResultOf(closed), ConnectionLost)

    @staticmethod
    def cancel(_: object, other: Deferred[Any]) -> None:
        other.cancel()

    def test_one_who_hears_of_the_end_cancels_another(self):
        session = self.wire.attach()
        ended = [session.when_ended() for _ in range(3)]
        closed = [self.connection.when_closed() for _ in range(3)]
        both: list[list[Deferred[Any]]] = [list(ended), list(closed)]
        for each in both:
            each[0].addCallback(self.cancel, each[1])
        self.wire.lose()
        for each in both:
            self.assertIsNone(self.successResultOf(each[0]))
            self.failureResultOf(each[1], CancelledError)
            self.assertIsInstance(self.successResultOf(each[2]), ConnectionLost)

    def test_streams_end_before_the_connection_says_so(self):
        _, watchers = self.streams()
        seen: list[bool] = []
        self.connection.when_closed().addCallback(lambda _: seen.extend(each.ended for each in watchers))
        self.wire.lose()
        self.assertEqual(seen, [True] * 3)


EveryStreamEndsOverPipeTests = over_pipe(EveryStreamEndsTests)


class OrderTests(WireCase):
    """Promise 3."""

    def test_a_replys_callback_sees_the_very_next_frame(self):
        session = self.wire.attach()
        watchers: list[Watcher] = []
        deferred = session.execute(network.enable())
        deferred.addCallback(lambda _: watchers.append(Watcher(session.events(network.DataReceived))))
        reply = reply_to(self.wire.last())
        self.wire.say(data_received(0, SESSION_ID), reply, data_received(1, SESSION_ID), data_received(2, SESSION_ID))
        self.assertEqual([item.data_length for item in watchers[0].items], [1, 2])

    def test_a_coroutine_sees_the_very_next_frame(self):
        session = self.wire.attach()
        seen: list[Any] = []

        async def act() -> None:
            await session.execute(network.enable())
            session.events(network.DataReceived).subscribe(seen.append)

        Deferred.fromCoroutine(act())
        self.wire.say(reply_to(self.wire.last()), data_received(1, SESSION_ID))
        self.assertEqual(len(seen), 1)

    def test_a_new_sessions_subscriber_sees_its_first_event(self):
        seen: list[int] = []

        def watch(session: Session) -> None:
            session.events(network.DataReceived).subscribe(lambda item: seen.append(item.data_length))

        self.connection.attached.subscribe(watch)
        self.wire.say(
            data_received(1, SESSION_ID),
            attached(),
            data_received(2, SESSION_ID),
            detached(),
            data_received(3, SESSION_ID),
        )
        self.assertEqual(seen, [2])

    def test_replies_and_events_in_the_order_sent(self):
        session = self.wire.attach()
        seen: list[Any] = []
        session.events(network.DataReceived).subscribe(lambda item: seen.append(item.data_length))

        def replied(_: object, number: int) -> None:
            seen.append(f"reply {number}")

        for number in range(3):
            session.execute_raw("A.b").addCallback(replied, number)
        replies = [reply_to(each) for each in self.wire.heard() if each["method"] == "A.b"]
        self.wire.say(
            data_received(1, SESSION_ID),
            replies[1],
            data_received(2, SESSION_ID),
            replies[0],
            replies[2],
            data_received(3, SESSION_ID),
        )
        self.assertEqual(seen, [1, "reply 1", 2, "reply 0", "reply 2", 3])

    def test_each_session_sees_its_own(self):
        first, second = self.wire.attach(), self.wire.attach(OTHER, "T2")
        watchers = [Watcher(each.events(network.DataReceived)) for each in (first, second, self.connection.session)]
        everything = Watcher(self.connection.events_raw())
        self.wire.say(*(data_received(n, (SESSION_ID, OTHER, None)[n % 3]) for n in range(9)))
        got = [[item.data_length for item in watcher.items] for watcher in watchers]
        self.assertEqual(got, [[0, 3, 6], [1, 4, 7], [2, 5, 8]])
        self.assertEqual([item.params["dataLength"] for item in everything.items], list(range(9)))
        self.assertEqual({item.session_id for item in everything.items}, {SESSION_ID, OTHER, None})

    def test_frames_split_at_every_byte(self):
        session = self.wire.attach()
        watcher = Watcher(session.events(network.DataReceived))
        messages = [data_received(1, SESSION_ID), data_received(2, SESSION_ID)]
        data = b"".join(map(self.wire.frame, messages))
        for cut in range(len(data) + 1):
            watcher.items.clear()
            self.wire.feed(data[:cut])
            self.wire.feed(data[cut:])
            self.assertEqual([item.data_length for item in watcher.items], [1, 2], cut)
        watcher.items.clear()
        for index in range(len(data)):
            self.wire.feed(data[index : index + 1])
        self.assertEqual([item.data_length for item in watcher.items], [1, 2])

    def test_a_large_message_in_many_reads(self):
        session = self.wire.attach()
        watcher = Watcher(session.events_raw("Big.one"))
        text = "ü" * 150_000
        data = self.wire.frame(event("Big.one", {"text": text}, SESSION_ID)) + self.wire.frame(
            event("Big.one", {"text": ""}, SESSION_ID)
        )
        for at in range(0, len(data), 1460):
            self.wire.feed(data[at : at + 1460])
        self.assertEqual([len(item["text"]) for item in watcher.items], [150_000, 0])

    def test_what_one_read_causes_leaves_in_one_write(self):
        session = self.wire.attach()
        session.events_raw("A.b").subscribe(lambda _: discard(session.execute_raw("C.d")))
        self.wire.writes()
        before = len(self.wire.writes())
        self.wire.say(*(event("A.b", {}, SESSION_ID) for _ in range(5)))
        self.assertEqual([len(write) for write in self.wire.writes()[before:]], [5])


OrderOverPipeTests = over_pipe(OrderTests)


class OneBadSubscriberTests(WireCase):
    """Promise 4."""

    def setUp(self) -> None:
        super().setUp()
        self.session = self.wire.attach()
        self.stream = self.session.events(network.DataReceived)

    def boom(self, *_: Any) -> Any:
        raise ValueError("boom")

    def check_harm(self, subscribe: Any, items: int = 2) -> None:
        """See that a subscriber that raises ends alone, that it is logged once, and that the rest gets everything."""
        before, after = Watcher(self.stream), Watcher()
        subscribe(self.stream)
        after = Watcher(self.stream)
        self.wire.say(data_received(1, SESSION_ID), data_received(2, SESSION_ID))
        self.assertEqual((len(before.items), len(after.items)), (items, items))
        self.assertIsNone(self.connection.lost)
        (failure,) = self.logged(1)
        self.assertIsInstance(failure.value, ValueError)
        self.assertIn("boom", failure.getTraceback())
        self.assertEqual(self.connection.stats.subscriber_errors, 1)

    def test_in_on_next(self):
        self.check_harm(lambda stream: stream.subscribe(self.boom))

    def test_in_map_without_an_error_handler(self):
        self.check_harm(lambda stream: stream.pipe(ops.map(self.boom)).subscribe(lambda _: None))

    def test_in_on_next_behind_operators(self):
        self.check_harm(lambda stream: stream.pipe(ops.map(str), ops.filter(bool)).subscribe(self.boom))

    def test_in_an_error_handler(self):
        self.check_harm(lambda stream: stream.pipe(ops.map(self.boom)).subscribe(lambda _: None, self.boom))

    def test_in_map_with_an_error_handler(self):
        errors: list[Exception] = []
        self.stream.pipe(ops.map(self.boom)).subscribe(lambda _: None, errors.append)
        other = Watcher(self.stream)
        self.wire.say(data_received(1, SESSION_ID), data_received(2, SESSION_ID))
        self.assertEqual((len(errors), len(other.items)), (1, 2))
        self.assertEqual(self.connection.stats.subscriber_errors, 0)

    def test_in_on_completed(self):
        before = Watcher(self.stream)
        self.stream.subscribe(lambda _: None, lambda _: None, self.boom)
        after = Watcher(self.stream)
        self.wire.say(detached())
        self.assertEqual((before.completed, after.completed), (1, 1))
        self.logged(1)
        self.assertEqual(self.connection.stats.subscriber_errors, 1)

    def test_an_error_without_a_handler(self):
        before = Watcher(self.stream)
        self.stream.subscribe(lambda _: None)
        self.stream.pipe(ops.map(str)).subscribe(lambda _: None)
        after = Watcher(self.stream)
        self.wire.lose()
        self.assertEqual((len(before.errors), len(after.errors)), (1, 1))
        self.logged(0)
        self.assertEqual(self.connection.stats.subscriber_errors, 0)

    def test_an_error_handler_that_raises_at_the_end(self):
        before = Watcher(self.stream)
        self.stream.subscribe(lambda _: None, self.boom)
        after = Watcher(self.stream)
        self.wire.lose()
        self.assertEqual((len(before.errors), len(after.errors)), (1, 1))
        self.logged(1)

    def test_in_a_replys_callback(self):
        deferred = self.session.execute_raw("A.b").addCallback(self.boom)
        watcher = Watcher(self.stream)
        self.wire.say(reply_to(self.wire.last("A.b")), data_received(1, SESSION_ID))
        self.assertEqual(len(watcher.items), 1)
        self.failureResultOf(deferred, ValueError)

    def test_in_a_subscriber_of_new_sessions(self):
        self.connection.attached.subscribe(self.boom)
        watcher = Watcher(self.connection.attached)
        self.wire.say(attached(OTHER, "T2", waiting=True))
        self.assertEqual(len(watcher.items), 1)
        self.assertEqual(self.wire.last()["method"], "Runtime.runIfWaitingForDebugger")
        self.logged(1)

    def test_in_a_tap(self):
        self.connection.events_raw().subscribe(self.boom)
        watcher = Watcher(self.stream)
        self.wire.say(data_received(1, SESSION_ID), data_received(2, SESSION_ID))
        self.assertEqual(len(watcher.items), 2)
        self.logged(1)

    def test_in_a_taps_filter(self):
        self.connection.events_raw(self.boom).subscribe(lambda _: None)
        watcher = Watcher(self.session.events_raw("Other.event"))
        self.wire.say(event("Other.event", {}, SESSION_ID), event("Third.event", {}, SESSION_ID))
        self.assertEqual(len(watcher.items), 1)
        self.assertGreater(len(self.flushLoggedErrors(ValueError)), 0)
        watcher.leave()
        self.wire.lose()
        self.assertIsNotNone(self.connection.lost)

    # Nothing is delivered re-entrantly:

    def test_a_subscriber_that_sends(self):
        order: list[str] = []

        def send(item: Any) -> None:
            order.append(f"first {item.data_length}")
            self.session.execute_raw("A.b").addErrback(lambda _: None)

        self.stream.subscribe(send)
        self.stream.subscribe(lambda item: order.append(f"second {item.data_length}"))
        self.wire.say(data_received(1, SESSION_ID), data_received(2, SESSION_ID))
        self.assertEqual(order, ["first 1", "second 1", "first 2", "second 2"])
        self.assertEqual([each["method"] for each in self.wire.heard()].count("A.b"), 2)

    def test_messages_from_within_a_delivery_wait(self):
        order: list[str] = []

        def provoke(item: Any) -> None:
            order.append(f"first {item.data_length}")
            if item.data_length == 1:
                receive = self.wire.transport.receiver.message_received
                receive(data_received(2, SESSION_ID))
                receive(data_received(3, SESSION_ID))

        self.stream.subscribe(provoke)
        self.stream.subscribe(lambda item: order.append(f"second {item.data_length}"))
        self.wire.say(data_received(1, SESSION_ID))
        self.assertEqual(order, ["first 1", "second 1", "first 2", "second 2", "first 3", "second 3"])

    def test_loss_from_within_a_delivery_waits(self):
        order: list[str] = []

        def lose(item: Any) -> None:
            order.append(f"first {item.data_length}")
            self.connection.transport.abort()

        self.stream.subscribe(lose, lambda error: order.append("first lost"))
        self.stream.subscribe(lambda item: order.append("second"), lambda error: order.append("second lost"))
        self.wire.say(data_received(1, SESSION_ID))
        self.wire.reactor.advance(0)
        self.assertEqual(order, ["first 1", "second", "first lost", "second lost"])

    def test_a_subscriber_that_closes(self):
        other = Watcher()

        def close(item: Any) -> None:
            self.connection.close()

        self.stream.subscribe(close)
        other = Watcher(self.stream)
        self.wire.say(data_received(1, SESSION_ID))
        self.assertEqual(len(other.items), 1)
        self.wire.finish_close()
        self.assertEqual((other.completed, other.errors), (1, []))

    def test_a_subscriber_that_subscribes(self):
        late: list[Watcher] = []
        self.stream.subscribe(lambda _: None if late else late.append(Watcher(self.stream)))
        self.wire.say(data_received(1, SESSION_ID), data_received(2, SESSION_ID))
        self.assertEqual([item.data_length for item in late[0].items], [2])

    def test_a_subscriber_that_unsubscribes_itself(self):
        seen: list[int] = []

        def leave(item: network.DataReceived) -> None:
            seen.append(item.data_length)
            subscription.dispose()

        subscription = self.stream.subscribe(leave)
        other = Watcher(self.stream)
        self.wire.say(data_received(1, SESSION_ID), data_received(2, SESSION_ID))
        self.assertEqual((seen, len(other.items)), ([1], 2))

    def test_a_subscriber_that_unsubscribes_another(self):
        victims: list[Watcher] = []
        self.stream.subscribe(lambda _: victims[0].leave())
        victims.append(Watcher(self.stream))
        last = Watcher(self.stream)
        self.wire.say(data_received(1, SESSION_ID), data_received(2, SESSION_ID))
        self.assertEqual((len(victims[0].items), len(last.items)), (0, 2))

    def test_all_leave_and_come_again(self):
        watcher = Watcher(self.stream)
        watcher.leave()
        self.wire.say(data_received(1, SESSION_ID))
        self.assertEqual(self.connection.stats.ignored, 1)
        again = Watcher(self.stream)
        self.wire.say(data_received(2, SESSION_ID))
        self.assertEqual((len(watcher.items), len(again.items)), (0, 1))

    def test_a_subscriber_that_detaches(self):
        self.stream.subscribe(lambda _: discard(self.session.detach()))
        other = Watcher(self.stream)
        self.wire.say(data_received(1, SESSION_ID), data_received(2, SESSION_ID))
        self.assertEqual(len(other.items), 2)
        self.assertEqual(self.wire.last()["method"], "Target.detachFromTarget")
        self.wire.say(detached())
        self.assertEqual(other.completed, 1)


OneBadSubscriberOverPipeTests = over_pipe(OneBadSubscriberTests)

DEEP = 100_000
#: What a browser should not send, what it is counted as, and how often.
BAD = {
    "not JSON": (b"hello", "malformed"),
    "cut": (b'{"method":"A.b","params":{', None),
    "cut method": (b'{"method":"A.b', None),
    "cut id": (b'{"id":', "malformed"),
    "only a brace": (b"{", "malformed"),
    "array": (b"[1,2]", "malformed"),
    "number": (b"17", "malformed"),
    "string": (b'"x"', "malformed"),
    "null": (b"null", "malformed"),
    "empty object": (b"{}", "malformed"),
    "blank": (b"   ", "malformed"),
    "huge id": (b'{"id":%b,"result":{}}' % (b"9" * 30), "unknown"),
    "enormous id": (b'{"id":%b,"result":{}}' % (b"9" * 5000), "malformed"),
    "negative id": (b'{"id":-1,"result":{}}', "unknown"),
    "float id": (b'{"id":1.5,"result":{}}', "malformed"),
    "string id": (b'{"id":"1","result":{}}', "malformed"),
    "null id": (b'{"id":null,"result":{}}', "malformed"),
    "true as id": (b'{"id":true,"result":{}}', "malformed"),
    "nested id": (b'{"id":{},"result":{}}', "malformed"),
    "zero": (b'{"id":0,"result":{}}', "unknown"),
    "deep event": (b'{"method":"A.b","params":{"x":%b%b}}' % (b"[" * DEEP, b"]" * DEEP), None),
    "deep in general": (b"[" * DEEP, "malformed"),
    "deep reply": (b'{"id":12345,"result":%b%b}' % (b'{"a":' * DEEP, b"1" + b"}" * DEEP), "unknown"),
    "long number": (b'{"method":"A.b","params":{"x":%b}}' % (b"1" * 5000), None),
    "long number before": (b'{"x":%b,"id":7,"result":{}}' % (b"1" * 5000), "malformed"),
    "NaN": (b'{"method":"A.b","params":{"x":NaN}}', None),
    "invalid UTF-8": (b'{"method":"A.b","params":{"x":"\xff\xfe"}}', None),
    "invalid UTF-8 in the method": (b'{"method":"\xff\xfe","params":{}}', None),
    "lone surrogate": (b'{"method":"A.b","params":{"x":"\\ud800"}}', None),
    "session of a wrong type": (b'{"method":"A.b","sessionId":5,"params":{}}', None),
    "session null": (b'{"method":"A.b","sessionId":null,"params":{}}', None),
    "unknown session": (event("A.b", {}, "nope"), "ignored"),
    "unknown session attached": (attached("X", "Y", parent="nope"), None),
    "unknown session detached": (detached("nope"), "events"),
    "unknown session crashed": (event("Inspector.targetCrashed", {}, "nope"), None),
    "unknown method": (event("Nope.nope"), "ignored"),
    "no params": (b'{"method":"A.b"}', None),
    "params of a wrong type": (b'{"method":"A.b","params":[1]}', None),
    "empty method": (b'{"method":"","params":{}}', "ignored"),
    "method of a wrong type": (b'{"method":5,"params":{}}', "malformed"),
    "duplicate keys": (b'{"method":"A.b","params":{},"params":{"x":1},"method":"A.b"}', None),
    "BOM": (b"\xef\xbb\xbf" + event("A.b"), None),
    "id and method": (b'{"id":4711,"method":"A.b","params":{}}', "unknown"),
    "method and id": (b'{"method":"A.b","params":{},"id":4711}', None),
    "attached without a session": (b'{"method":"Target.attachedToTarget","params":{}}', None),
    "attached without a target": (
        b'{"method":"Target.attachedToTarget","params":{"sessionId":"Q","waitingForDebugger":true}}', None),
    "attached to numbers": (
        b'{"method":"Target.attachedToTarget","params":{"sessionId":5,"targetInfo":7,"waitingForDebugger":"x"}}', None),
    "attached to a surrogate": (
        b'{"method":"Target.attachedToTarget","params":{"sessionId":"\\ud800","targetInfo":{"targetId":"\\udfff"},'
        b'"waitingForDebugger":false}}', None),
    "detached from null": (b'{"method":"Target.detachedFromTarget","params":{"sessionId":null}}', None),
    "detached from the root": (b'{"method":"Target.detachedFromTarget","params":{"sessionId":""}}', None),
    "detached from nothing": (b'{"method":"Target.detachedFromTarget"}', None),
    "the root crashed": (b'{"method":"Inspector.targetReloadedAfterCrash","params":{}}', None),
    "an error of a number": (b'{"error":5}', "unknown"),
    "an error of null": (b'{"error":null}', "unknown"),
    "spaces": (b' { "method" : "A.b" , "params" : { } } ', None),
}  # fmt: skip


class NoFrameCanHurtTests(WireCase):
    """Promise 5."""

    def alive(self) -> None:
        """See that commands and events go on."""
        self.assertIsNone(self.connection.lost)
        deferred = self.connection.session.execute(browser.get_version())
        watcher = Watcher(self.connection.session.events_raw("Still.alive"))
        self.wire.say(reply_to(self.wire.last("Browser.getVersion"), VERSION), event("Still.alive", {"x": 1}))
        self.assertEqual(self.successResultOf(deferred).product, "C")
        self.assertEqual(watcher.items, [{"x": 1}])
        watcher.leave()

    def test_the_whole_table(self):
        for listening in (False, True):
            for name, (message, counter) in BAD.items():
                with self.subTest(name, listening=listening):
                    self.open()
                    if listening:
                        self.connection.session.events_raw("A.b").subscribe(lambda _: None)
                        self.connection.events_raw().subscribe(lambda _: None)
                    before = self.connection.stats.as_dict()
                    self.wire.say(message)
                    if counter and not (listening and counter == "ignored"):
                        self.assertEqual(self.connection.stats.as_dict()[counter], before[counter] + 1, name)
                    self.alive()
                    self.logged(0)

    def test_all_of_them_in_one_read(self):
        self.connection.session.events_raw("A.b").subscribe(lambda _: None)
        self.wire.say(*(message for message, _ in BAD.values()))
        self.alive()
        self.logged(0)

    def test_random_damage(self):
        dice = random.Random(11)
        session = self.wire.attach()
        session.events(network.DataReceived).subscribe(lambda _: None)
        self.connection.events_raw().subscribe(lambda _: None)
        for _ in range(400):
            message = bytearray(
                dice.choice((data_received(1, SESSION_ID), event("A.b"), to_bytes({"id": 1, "result": {}})))
            )
            for _ in range(dice.randrange(1, 4)):
                place = dice.randrange(len(message))
                kind = dice.randrange(3)
                if kind == 0:
                    message[place] = dice.choice((*b'"{}[]:,\\0 x', 0xFF))
                elif kind == 1:
                    del message[place:]
                    message += b"}"
                else:
                    message[place:place] = message[: dice.randrange(8)]
            self.wire.say(bytes(message).replace(b"\0", b""))
        self.alive()
        self.logged(0)

    def test_the_log_is_not_flooded(self):
        events: list[Any] = []
        observe: Any = events.append
        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        self.wire.say(*([b"junk"] * 50))
        self.assertEqual(len([each for each in events if each["log_level"] is LogLevel.warn]), 1)
        self.wire.reactor.advance(11)
        self.wire.say(b"junk", b"junk")
        self.assertEqual(len([each for each in events if each["log_level"] is LogLevel.warn]), 2)
        self.assertEqual(self.connection.stats.malformed, 52)

    def test_errors_of_no_command_do_not_flood_the_log(self):
        events: list[Any] = []
        observe: Any = events.append
        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        self.wire.say(*([b'{"error":{"code":1,"message":"x"}}'] * 50))
        self.assertEqual(self.connection.stats.unknown, 50)
        self.assertLessEqual(len([each for each in events if each["log_level"] is LogLevel.warn]), 1)

    def test_other_key_orders(self):
        session = self.wire.attach()
        watcher = Watcher(session.events(network.DataReceived))
        params = json.loads(data_received(3))["params"]
        for message in (
            {"sessionId": SESSION_ID, "method": "Network.dataReceived", "params": params},
            {"params": params, "sessionId": SESSION_ID, "method": "Network.dataReceived"},
            {"method": "Network.dataReceived", "sessionId": SESSION_ID, "params": params},
        ):
            self.wire.say(message, json.dumps(message, indent=1))
        self.assertEqual([item.data_length for item in watcher.items], [3] * 6)
        deferred = session.execute(page.enable())
        self.wire.say({"sessionId": SESSION_ID, "result": {}, "id": self.wire.last()["id"]})
        self.assertIsNone(self.successResultOf(deferred))

    def test_a_session_id_within_the_parameters(self):
        session = self.wire.attach()
        mine = Watcher(session.events_raw("A.b"))
        root = Watcher(self.connection.session.events_raw("A.b"))
        self.wire.say(
            event("A.b", {"sessionId": SESSION_ID}),
            event("A.b", {"x": {"sessionId": SESSION_ID}}),
            event("A.b", {"x": '"sessionId":"' + SESSION_ID + '"}'}),
            event("A.b", {"sessionId": "other"}, SESSION_ID),
        )
        self.assertEqual((len(root.items), len(mine.items)), (3, 1))

    # A browser of another version:

    def test_tolerance(self):
        watcher = Watcher(self.connection.session.events(network.DataReceived))
        fits = json.loads(data_received(1))["params"]
        cases: list[tuple[dict[str, Any], Any, int]] = [
            ({**fits, "unknown": [1]}, 1, 0),
            ({key: value for key, value in fits.items() if key != "dataLength"}, None, 1),
            ({**fits, "dataLength": "1"}, "1", 1),
            ({**fits, "dataLength": {"x": 1}}, {"x": 1}, 1),
            ({**fits, "requestId": "\ud800"}, 1, 1),
        ]
        for params, expected, lenient in cases:
            before = self.connection.stats.lenient
            self.wire.say(event("Network.dataReceived", params))
            self.assertEqual(watcher.items[-1].data_length, expected)
            self.assertEqual(self.connection.stats.lenient - before, lenient, params)
        self.assertEqual(watcher.items[-1].request_id, "\ud800")

    def test_an_unknown_enum_value(self):
        watcher = Watcher(self.connection.session.events(page.FrameDetached))
        strange: Any = "evaporated"
        self.wire.say(event("Page.frameDetached", {"frameId": "F", "reason": "evaporated"}))
        self.assertEqual(watcher.items, [page.FrameDetached(frame_id="F", reason=strange)])
        self.assertEqual(self.connection.stats.lenient, 0)

    def test_a_tolerant_reply(self):
        deferred = self.connection.session.execute(browser.get_version())
        self.wire.reply(self.wire.last(), {"product": 5, "more": 1})
        result = self.successResultOf(deferred)
        self.assertEqual((result.product, result.js_version), (5, None))
        self.assertEqual(self.connection.stats.lenient, 1)


NoFrameCanHurtOverPipeTests = over_pipe(NoFrameCanHurtTests)


class SlowConsumerTests(WireCase):
    """Promise 6, as far as it concerns the transports."""

    def test_pausing_and_resuming(self):
        session = self.wire.attach()
        held = queue(session.events(network.DataReceived), maxsize=2)
        self.wire.answer_all()
        self.assertTrue(self.wire.reading)
        self.wire.say(data_received(1, SESSION_ID), data_received(2, SESSION_ID))
        self.assertFalse(self.wire.reading)
        self.assertEqual(held.get_nowait().data_length, 1)
        self.assertTrue(self.wire.reading)
        held.close()

    def test_a_reply_that_is_awaited_is_read(self):
        session = self.wire.attach()
        held = queue(session.events(network.DataReceived), maxsize=2)
        self.wire.answer_all()
        before = session.execute_raw("A.before")
        self.wire.say(data_received(1, SESSION_ID), data_received(2, SESSION_ID))
        self.assertTrue(self.wire.reading)
        during = session.execute_raw("A.during")
        self.wire.reply(self.wire.last("A.before"))
        self.successResultOf(before)
        self.assertTrue(self.wire.reading)
        self.wire.reply(self.wire.last("A.during"))
        self.successResultOf(during)
        self.assertFalse(self.wire.reading)
        after = session.execute_raw("A.after")
        self.assertTrue(self.wire.reading)
        self.wire.reply(self.wire.last("A.after"))
        self.successResultOf(after)
        self.assertFalse(self.wire.reading)
        self.assertEqual([held.get_nowait().data_length for _ in range(2)], [1, 2])
        self.assertTrue(self.wire.reading)
        held.close()

    def test_a_reply_that_is_given_up_is_not_waited_for(self):
        session = self.wire.attach()
        held = queue(session.events(network.DataReceived), maxsize=2)
        self.wire.answer_all()
        self.wire.say(data_received(1, SESSION_ID), data_received(2, SESSION_ID))
        given_up = session.execute_raw("A.b", timeout=1)
        self.assertTrue(self.wire.reading)
        self.wire.reactor.advance(1)
        self.failure(given_up, CommandTimeout)
        self.wire.say(data_received(3, SESSION_ID))
        self.assertFalse(self.wire.reading)
        cancelled = session.execute_raw("A.b")
        self.assertTrue(self.wire.reading)
        cancelled.cancel()
        self.failure(cancelled, CancelledError)
        self.wire.say(data_received(4, SESSION_ID))
        self.assertFalse(self.wire.reading)
        held.close()

    def test_closing_while_paused(self):
        held = queue(self.wire.attach().events(network.DataReceived), maxsize=1)
        self.wire.answer_all()
        self.wire.say(data_received(1, SESSION_ID))
        self.assertFalse(self.wire.reading)
        closed = self.connection.close()
        self.wire.finish_close()
        self.assertTrue(self.successResultOf(closed).clean)
        self.assertEqual(len(held), 1)


SlowConsumerOverPipeTests = over_pipe(SlowConsumerTests)


class DetachTests(WireCase):
    """Detaching, asked for and refused."""

    def test_detaching(self):
        session = self.wire.attach()
        done = session.detach()
        self.assertEqual(self.wire.last()["params"], {"sessionId": SESSION_ID})
        self.wire.say(detached(), reply_to(self.wire.last()))
        self.assertIsNone(self.successResultOf(done))
        self.assertIsNone(self.successResultOf(session.detach()))
        self.assertIsNone(self.successResultOf(self.connection.session.detach()))
        self.assertEqual(self.connection.stats.replies, 1)

    def test_detaching_that_is_refused(self):
        session = self.wire.attach()
        others = [session.when_ended(), session.when_ended()]
        done = session.detach()
        self.wire.reply(self.wire.last(), error={"code": -32602, "message": "No session with given id"})
        self.failure(done, CommandError)
        self.assertFalse(session.ended)
        others.append(session.when_ended())
        self.wire.say(detached())
        for each in others:
            self.assertIsInstance(self.successResultOf(each), SessionDetached)
        self.logged(0)

    def test_the_line_is_lost_while_detaching(self):
        session = self.wire.attach()
        done = session.detach()
        ended = session.when_ended()
        self.wire.lose()
        results: list[Any] = []
        done.addBoth(results.append)
        self.assertEqual(len(results), 1)
        self.assertIsInstance(self.successResultOf(ended), ConnectionLost)
        self.assertIsInstance(self.successResultOf(self.connection.when_closed()), ConnectionLost)

    def test_a_cancelled_detach(self):
        session = self.wire.attach()
        done = session.detach()
        done.cancel()
        self.failure(done, CancelledError)
        self.wire.say(detached())
        self.assertTrue(session.ended)

    def test_a_parents_detach_ends_its_children(self):
        parent = self.wire.attach()
        self.wire.say(attached(OTHER, "T2", "worker", parent=SESSION_ID), attached("G", "T3", "worker", parent=OTHER))
        child, grandchild = self.connection.sessions[2:]
        self.assertIs(child.parent, parent)
        pending = [child.execute(runtime.enable()), grandchild.execute(runtime.enable())]
        stream = Watcher(grandchild.events(runtime.ConsoleAPICalled))
        self.wire.say(detached())
        for each in pending:
            self.failure(each, SessionDetached)
        self.assertEqual(stream.completed, 1)
        self.assertEqual(self.connection.sessions, [self.connection.session])

    def test_the_same_target_twice(self):
        self.wire.attach()
        again = self.connection.attach("7A260000000000000000000000000001")
        self.assertIs(self.successResultOf(again), self.connection.sessions[1])

    def test_attaching(self):
        getting = self.connection.attach("T9")
        command = self.wire.last()
        self.assertEqual(command["params"], {"targetId": "T9", "flatten": True})
        self.wire.say(attached("S9", "T9"), reply_to(command, {"sessionId": "S9"}))
        self.assertEqual(self.successResultOf(getting).id, "S9")

    def test_attaching_to_what_goes_at_once(self):
        getting = self.connection.attach("T9")
        self.wire.say(attached("S9", "T9"), detached("S9"), reply_to(self.wire.last(), {"sessionId": "S9"}))
        self.failure(getting, SessionDetached)

    def test_attaching_to_nothing(self):
        getting = self.connection.attach("T9")
        self.wire.reply(self.wire.last(), error={"code": -32602, "message": "No target with given id found"})
        self.failure(getting, CommandError)


DetachOverPipeTests = over_pipe(DetachTests)


class AutoAttachTests(WireCase):
    """What has to leave before a target runs leaves in one write, and in order."""

    def test_the_set_up_leaves_before_the_target_runs(self):
        def set_up(session: Any) -> None:
            session.execute(page.enable()).addErrback(lambda _: None)
            session.events(network.RequestWillBeSent).subscribe(lambda _: None)

        started = AutoAttach(set_up=set_up).start(self.connection.session)
        self.wire.answer_all()
        self.assertIsNone(self.successResultOf(started))
        before = len(self.wire.writes())
        self.wire.say(attached(waiting=True))
        (write,) = self.wire.writes()[before:]
        self.assertEqual(
            [each["method"] for each in write],
            ["Target.setAutoAttach", "Page.enable", "Network.enable", "Runtime.runIfWaitingForDebugger"],
        )
        self.assertEqual({each["sessionId"] for each in write}, {SESSION_ID})

    def test_every_new_session_of_one_read(self):
        AutoAttach(recursive=False).start(self.connection.session).addErrback(lambda _: None)
        before = len(self.wire.writes())
        self.wire.say(attached("A", "1", waiting=True), attached("B", "2", waiting=True))
        (write,) = self.wire.writes()[before:]
        self.assertEqual([each["sessionId"] for each in write], ["A", "B"])


AutoAttachOverPipeTests = over_pipe(AutoAttachTests)


def test_every_promise_is_tested_over_both_wires() -> None:
    cases = [each for each in globals().values() if isinstance(each, type) and issubclass(each, WireCase)]
    found = {wire: {each.__name__ for each in cases if each.wire_class is wire} for wire in (WebSocketWire, PipeWire)}
    promises = {name.replace("OverPipe", "") for name in found[PipeWire]}
    assert promises == found[WebSocketWire] - {"WireCase"}
    assert len(promises) == 8
