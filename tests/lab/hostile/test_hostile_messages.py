"""Messages that no browser sends: each is counted, and the connection goes on."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from tests.lab.hostile.server import ROOM, HostileCase, within
from tests.support import SESSION_ID, Watcher, attached, data_received, detached, event, reply_to
from txcdp.domains import browser, network, page
from txcdp.errors import CommandError, MalformedMessage, SessionDetached
from txcdp.streams import first

DEEP = 100_000

#: What is no message at all, on which nothing hangs.
NONSENSE: list[bytes | str] = [
    b"",
    b" ",
    b"\0",
    b"null",
    b"true",
    b"7",
    b"-0.0e-999",
    b'"text"',
    b"[]",
    b'[{"id":1,"result":{}}]',
    b"{}",
    b"{",
    b"}",
    b'{"',
    b'{"id":',
    b'{"id":,"result":{}}',
    b'{"id":}',
    b'{"method":"',
    b'{"method":"A.b',
    b'{"method":"A.b"',
    b'{"method":5,"params":{}}',
    b'{"method":null}',
    b'{"params":{}}',
    b'{"result":{}}',
    b'{"id":"1","result":{}}',
    b'{"id":1.5,"result":{}}',
    b'{"id":[1],"result":{}}',
    b'{"id":{},"result":{}}',
    b'{"id":true,"result":{}}',
    b'{"sessionId":5,"method":"A.b","params":{}}',
    b"{'id':1,'result':{}}",
    b'{"id" 1}',
    b"<html><body>404</body></html>",
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"[" * DEEP,
    b"[" * DEEP + b"]" * DEEP,
    b'{"a":' * DEEP,
    b"\xff\xfe{\0}\0",
    b'\xef\xbb\xbf{"id":',
    b"\x00\x01\x02\x03" * 1000,
    b"NaN",
    b'{"id":' + b"9" * 10_000 + b',"result":',
]

#: What is a message, to nobody.
TO_NOBODY: list[bytes] = [
    b'{"id":999,"result":{}}',
    b'{"id":0,"result":{}}',
    b'{"id":-1,"result":{}}',
    b'{"id":2147483648,"result":{}}',
    b'{"id":18446744073709551616,"result":{}}',
    b'{"id":1000,"error":{"code":-32000,"message":"x"}}',
    b'{"id":1001}',
    b'{"id":1002,"result":' + b"[" * DEEP + b"]" * DEEP + b"}",
    b'{"result":{},"sessionId":"nobody","id":1003}',
    b'{"error":{"code":-32700,"message":"JSON: no input at position 0"}}',
    b'{"error":null}',
]

#: What may come in the place of parameters, or of a result.
SHAPES: list[bytes] = [
    b"null",
    b"[]",
    b"5",
    b'"x"',
    b"{}",
    b'{"requestId":7,"timestamp":"x","dataLength":{},"encodedDataLength":[[]]}',
    b'{"requestId":"\\ud800","timestamp":1e999,"dataLength":-1e-999,"encodedDataLength":1}',
    b'{"requestId":"\xff\xfe","timestamp":1,"dataLength":1,"encodedDataLength":1}',
    b'{"requestId":"\xed\xa0\x80","timestamp":1,"dataLength":1,"encodedDataLength":1}',
    b'{"requestId":"1","requestId":"2","timestamp":NaN,"dataLength":Infinity,"encodedDataLength":1}',
    b'{"requestId":"1","timestamp":1,"dataLength":' + b"9" * 5000 + b',"encodedDataLength":1}',
    b'{"requestId":' + b"[" * DEEP + b"]" * DEEP + b"}",
    b'{"requestId":"1","x":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    b'{"a":' * DEEP,
    b'{"requestId":"1"',
    b"",
]


class NonsenseTests(HostileCase):
    async def test_what_is_no_message_is_counted(self):
        connection, peer = await self.pair()
        everything = Watcher(connection.events_raw())
        for message in NONSENSE:
            before = connection.stats.malformed
            peer.say(message)
            await self.alive(connection, peer)
            self.assertEqual(connection.stats.malformed, before + 1, message[:50])
        self.assertEqual((everything.items, everything.ended), ([], False))

    async def test_all_of_it_at_once(self):
        connection, peer = await self.pair()
        connection.events_raw().subscribe(lambda _: None)
        peer.say(*NONSENSE)
        await self.alive(connection, peer)
        self.assertEqual(connection.stats.malformed, len(NONSENSE))

    async def test_replies_to_nobody(self):
        connection, peer = await self.pair()
        for message in TO_NOBODY:
            before = connection.stats.unknown
            peer.say(message)
            await self.alive(connection, peer)
            self.assertEqual(connection.stats.unknown, before + 1, message[:50])

    async def test_events_of_unknown_sessions(self):
        connection, peer = await self.pair()
        root = Watcher(connection.session.events(network.DataReceived))
        life = ("Target.attachedToTarget", "Target.detachedFromTarget", "Inspector.targetCrashed")
        peer.say(*(data_received(each, "S" * each) for each in range(1, 500)))
        peer.say(*(event(method, {}, "nobody") for method in (*life, "Inspector.targetReloadedAfterCrash")))
        peer.say(detached("nobody"), detached(""))
        await self.alive(connection, peer)
        self.assertEqual(root.items, [])
        self.assertEqual(connection.stats.ignored, 499 + 4)
        self.assertEqual(connection.sessions, [connection.session])

    async def test_attaching_nonsense(self):
        connection, peer = await self.pair()
        peer.say(
            event("Target.attachedToTarget", {}),
            event("Target.attachedToTarget", {"sessionId": 5, "targetInfo": {}}),
            event("Target.attachedToTarget", {"sessionId": "A", "targetInfo": [1]}),
            b'{"method":"Target.attachedToTarget","params":' + b"[" * DEEP + b"}",
            b'{"method":"Target.attachedToTarget"}',
            b'{"method":"Target.detachedFromTarget"}',
            b'{"method":"Target.detachedFromTarget","params":{"sessionId":[]}}',
        )
        await self.alive(connection, peer)
        self.assertEqual(connection.stats.malformed, 5)
        self.assertEqual(connection.sessions, [connection.session])
        peer.say(
            event("Target.attachedToTarget", {"sessionId": "\ud800", "targetInfo": {"targetId": None, "type": 5}}),
            event("Target.attachedToTarget", {"sessionId": "", "targetInfo": {}}),
            attached("A"),
            attached("A"),
        )
        await self.alive(connection, peer)
        self.assertEqual([each.id for each in connection.sessions], [None, "\ud800", "A"])
        odd = connection.sessions[1].execute(page.enable())
        self.assertEqual((await peer.command("Page.enable"))["sessionId"], "\ud800")
        await odd
        for session in connection.sessions:
            self.assertIn("Session", repr(session))

    async def test_sessions_within_sessions_within_sessions(self):
        connection, peer = await self.pair()
        count = 3000
        ids = [f"S{each}" for each in range(count)]
        peer.say(*(attached(each, f"T{each}", parent=parent) for each, parent in zip(ids, [None, *ids])))
        await self.alive(connection, peer)
        self.assertEqual(len(connection.sessions), count + 1)
        peer.answering = False
        innermost = connection.sessions[-1]
        pending = innermost.execute(page.enable(), timeout=None)
        ended = Watcher(innermost.events(network.DataReceived))
        await peer.command("Page.enable")
        peer.say(detached(ids[0]))
        await self.alive(connection, peer)
        await self.fails(pending, SessionDetached)
        self.assertEqual((ended.completed, connection.sessions), (1, [connection.session]))


class RepliesTests(HostileCase):
    async def test_every_shape_of_a_result(self):
        connection, peer = await self.pair()
        peer.answering = False
        for shape in SHAPES:
            sends: list[Callable[[], Deferred[Any]]] = [
                lambda: connection.session.execute(page.navigate(url="x")),
                lambda: connection.session.execute(browser.get_version()),
                lambda: connection.session.execute(page.stop_loading()),
                lambda: connection.session.execute_raw("New.thing"),
            ]
            for send in sends:
                for kind in (b"result", b"error"):
                    deferred: Deferred[Any] = send()
                    number = (await peer.command())["id"]
                    peer.say(b'{"id":%d,"%b":%b}' % (number, kind, shape))
                    outcome: list[Any] = []
                    deferred.addBoth(outcome.append)
                    peer.say(b'{"method":"After.it","params":{}}')
                    await first(connection.session.events_raw("After.it"), timeout=ROOM)
                    if not outcome:  # the id itself could not be read: nobody can know whose reply it was
                        self.assertIn(shape, (SHAPES[-2], SHAPES[-3]))
                        peer.say({"id": number, "result": {}})
                        await within(deferred, "the true reply")
                    self.assertEqual(len(outcome), 1, (shape[:50], kind))
        self.assertIsNone(connection.lost)
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])
        await self.alive(connection, peer)

    async def test_a_reply_twice_and_one_for_another(self):
        connection, peer = await self.pair()
        peer.answering = False
        first_one, second = (connection.session.execute_raw(f"A.{each}") for each in "ab")
        commands = [await peer.command("A.a"), await peer.command("A.b")]
        second_reply, first_reply = (reply_to(each, {"of": each["method"]}) for each in reversed(commands))
        peer.say(second_reply, second_reply, first_reply, first_reply, second_reply)
        self.assertEqual((await first_one, await second), ({"of": "A.a"}, {"of": "A.b"}))
        await self.alive(connection, peer)
        self.assertEqual((connection.stats.unknown, connection.stats.late), (3, 0))

    async def test_replies_that_disagree_with_their_command(self):
        # What is right has the command's id, its session or none, no method, and one outcome: 1, 2 and so on.
        own = b',"sessionId":"%b"' % SESSION_ID.encode()
        result, refusal = b'"result":{"x":1}', b'"error":{"code":-32000,"message":"no"}'
        anothers = b',"sessionId":"OTHER"'
        for in_session, body, expected in (
            (True, result + own, {"x": 1}),
            (True, result, {"x": 1}),
            (True, result + b',"sessionId":null', {"x": 1}),
            (True, result + anothers, MalformedMessage),
            (True, result + b',"sessionId":5', MalformedMessage),
            (True, b'"sessionId":"OTHER",' + result, MalformedMessage),
            (True, refusal, CommandError),
            (True, refusal + own, CommandError),
            (True, refusal + anothers, MalformedMessage),
            (False, result, {"x": 1}),
            (False, result + b',"sessionId":""', {"x": 1}),
            (False, result + b',"sessionId":null', {"x": 1}),
            (False, result + own, MalformedMessage),
            (False, result + anothers, MalformedMessage),
            (False, b'"sessionId":"OTHER",' + result, MalformedMessage),
            (False, refusal + anothers, MalformedMessage),
            (False, result + b"," + refusal, MalformedMessage),
            (False, refusal + b"," + result, MalformedMessage),
            (False, result + b',"error":{}', MalformedMessage),
            (False, result + b',"error":"no"', MalformedMessage),
            (False, result + b',"error":null', {"x": 1}),
            (False, b'"error":null,' + result, {"x": 1}),
            (False, b'"result":null,' + refusal, CommandError),
            (False, refusal + b',"result":null', CommandError),
            (False, b'"error":null', MalformedMessage),
            (False, b'"error":{}', CommandError),
            (False, b'"params":{}', MalformedMessage),
            (False, result + b',"method":"A.b"', MalformedMessage),
            (False, b'"method":"A.b",' + result, MalformedMessage),
            (False, b'"method":"A.b","params":{},' + result, MalformedMessage),
            (False, result + b',"id":999', MalformedMessage),
            (False, result + b',"id":"1"', MalformedMessage),
            (False, result + b',"id":null', MalformedMessage),
        ):
            connection, peer = await self.pair()
            peer.say(attached())
            await self.alive(connection, peer)
            peer.answering = False
            deferred = connection.sessions[int(in_session)].execute_raw("A.c")
            number = (await peer.command("A.c"))["id"]
            before = connection.stats.malformed
            peer.say(b'{"id":%d,%b}' % (number, body))
            await self.alive(connection, peer)
            outcome: list[Any] = []
            deferred.addBoth(outcome.append)
            self.assertEqual(len(outcome), 1, body)
            if isinstance(expected, dict):
                self.assertEqual(outcome, [expected], body)
            else:
                self.assertIs(type(outcome[0].value), expected, body)
            self.assertEqual(connection.stats.malformed - before, int(expected is MalformedMessage), body)
            peer.say({"id": number, "result": {"x": 2}})  # a second reply is nobody's
            await self.alive(connection, peer)
            self.assertEqual(connection.stats.unknown, 1, body)

    async def test_an_event_with_an_id(self):
        # It answers nobody, however it is written.
        own = b',"sessionId":"%b"' % SESSION_ID.encode()
        for body in (
            b'"id":%d,"params":{"y":2}',
            b'"params":{"y":2},"id":%d',
            b'"params":{"y":2},"id":%d,"result":{}',
            b'"params":{"y":2},"id":%d' + own,
            b'"params":{"y":2}' + own + b',"id":%d',
        ):
            connection, peer = await self.pair()
            peer.say(attached())
            await self.alive(connection, peer)
            peer.answering = False
            watchers = [Watcher(session.events_raw("A.b")) for session in connection.sessions]
            outcome: list[Any] = []
            connection.session.execute_raw("A.c").addBoth(outcome.append)
            number = (await peer.command("A.c"))["id"]
            peer.say(b'{"method":"A.b",' + body % number + b"}")
            await self.alive(connection, peer)
            self.assertEqual((outcome, [watcher.items for watcher in watchers]), ([], [[], []]), body)
            self.assertEqual(connection.stats.malformed, 1, body)
            peer.say({"id": number, "result": {"x": 1}})
            await self.alive(connection, peer)
            self.assertEqual(outcome, [{"x": 1}], body)


class EventsTests(HostileCase):
    async def test_every_shape_of_parameters(self):
        connection, peer = await self.pair()
        peer.say(attached())
        await self.alive(connection, peer)
        watchers = [
            Watcher(source)
            for session in connection.sessions
            for source in (session.events(network.DataReceived), session.events_raw("Network.dataReceived"))
        ]
        everything = Watcher(connection.events_raw())
        for shape in SHAPES:
            for tail in (b"}", b',"sessionId":"%b"}' % SESSION_ID.encode(), b',"sessionId":"nobody"}'):
                peer.say(b'{"method":"Network.dataReceived","params":' + shape + tail)
                peer.say(b'{"params":' + shape + b',"method":"Network.dataReceived"' + tail)
            await self.alive(connection, peer)
        for watcher in (*watchers, everything):
            self.assertFalse(watcher.ended)
            before = len(watcher.items)
            peer.say(data_received(1), data_received(1, SESSION_ID))
            await self.alive(connection, peer)
            self.assertGreater(len(watcher.items), before)
        self.assertEqual(connection.stats.subscriber_errors, 0)
        self.assertGreater(connection.stats.lenient, 0)

    async def test_methods_of_every_kind(self):
        connection, peer = await self.pair()
        everything = Watcher(connection.events_raw())
        names = ["", ".", "A", "A.b.c", "Network.", ".dataReceived", "x" * 100_000, "\u00fc\U0001f600", "a\\u0000b"]
        peer.say(*(f'{{"method":"{name}","params":{{}}}}' for name in names))
        await self.alive(connection, peer)
        self.assertEqual(len(everything.items), len(names))
        self.assertEqual(connection.stats.malformed, 0)
