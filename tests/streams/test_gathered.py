"""Streams that have something begun for their subscribers, and the streams of several owners as one."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support import Watcher
from txcdp.errors import ConnectionLost, StreamEnded
from txcdp.streams import StreamSubject
from txcdp.streams._gathered import OnDemandStream, OwnersStreams
from txcdp.testing import FakeChrome


class Owner:
    """Has a stream."""

    def __init__(self, context: Any) -> None:
        self.said: StreamSubject[Any] = StreamSubject(context, "said")


class OnDemandTests(SynchronousTestCase):
    def test_something_is_begun_for_the_first_and_left_with_the_last(self):
        told: list[str] = []
        context = FakeChrome().connect().context
        stream: OnDemandStream[int] = OnDemandStream(
            context, "numbers", lambda: told.append("begin"), lambda: told.append("leave")
        )
        one, two = stream.subscribe(), stream.subscribe()
        self.assertEqual(told, ["begin"])
        one.dispose()
        self.assertEqual(told, ["begin"])
        two.dispose()
        self.assertEqual(told, ["begin", "leave"])
        Watcher(stream)
        stream.end()
        self.assertEqual(told, ["begin", "leave", "begin"])


class GatheredTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.context = FakeChrome().connect().context
        self.owners: list[Any] = [Owner(self.context), Owner(self.context)]
        self.streams = OwnersStreams(self.context, "all", lambda: self.owners)

    def test_those_that_are_there_and_those_that_come(self):
        self.assertIs(self.streams.gathered("said"), self.streams.gathered("said"))
        self.owners[0].said.push("nobody listens")
        watcher = Watcher(self.streams.gathered("said"))
        self.owners[0].said.push(1)
        self.owners[1].said.push(2)
        self.owners.append(Owner(self.context))
        self.streams.add(self.owners[2])
        self.streams.add(self.owners[2])
        self.owners[2].said.push(3)
        self.assertEqual(watcher.items, [1, 2, 3])

    def test_nothing_is_listened_to_for_nobody(self):
        stream = self.streams.gathered("said")
        self.streams.add(Owner(self.context))
        self.assertFalse(any(each.said.listened for each in self.owners))
        one, two = stream.subscribe(), stream.subscribe()
        self.assertEqual([each.said.listeners for each in self.owners], [1, 1])
        one.dispose()
        two.dispose()
        self.assertFalse(any(each.said.listened for each in self.owners))

    def test_it_goes_on_whatever_becomes_of_one(self):
        watcher = Watcher(self.streams.gathered("said"))
        self.owners[0].said.end(ConnectionLost("gone"))
        ended = Owner(self.context)
        ended.said.end()
        self.streams.add(ended)
        self.owners[1].said.push("on")
        self.assertEqual((watcher.items, watcher.errors, watcher.completed), (["on"], [], 0))
        stream: Any = self.streams.gathered("said")
        self.assertEqual(len(stream._parts), 1)

    def test_a_subscriber_that_raises_harms_only_itself(self):
        def bad(item: object) -> None:
            raise ValueError(item)

        stream = self.streams.gathered("said")
        stream.subscribe(bad)
        watcher = Watcher(stream)
        self.owners[0].said.push(1)
        self.owners[0].said.push(2)
        self.assertEqual(watcher.items, [1, 2])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_the_end(self):
        stream = self.streams.gathered("said")
        watcher = Watcher(stream)
        self.streams.end()
        self.streams.end(ConnectionLost("too late"))
        self.assertTrue(watcher.completed)
        self.assertFalse(self.owners[0].said.listened)
        self.assertTrue(Watcher(stream).completed)
        self.assertTrue(Watcher(self.streams.gathered("others")).completed)
        self.assertTrue(Watcher(self.streams.get("mine")).completed)

    def test_owners_of_owners(self):
        below = self.streams
        above = OwnersStreams(self.context, "above", lambda: [_Named(below)])
        watcher = Watcher(above.gathered("said"))
        self.owners.append(Owner(self.context))
        below.add(self.owners[2])
        self.owners[2].said.push("up")
        self.assertEqual(watcher.items, ["up"])

    def test_streams_of_the_owner_itself(self):
        begun: list[int] = []
        self.streams.push("mine", "nobody listens")
        watcher = Watcher(self.streams.on_demand("mine", lambda: begun.append(1)))
        self.streams.push("mine", "item")
        self.streams.add(Owner(self.context))
        self.assertEqual((watcher.items, begun), (["item"], [1]))

    def test_expecting(self):
        stream = self.streams.gathered("said")
        expected = stream.expect()
        entering = expected.__aenter__()
        with self.assertRaises(StopIteration):
            entering.send(None)
        value = expected.value
        self.streams.end()
        self.failureResultOf(value, StreamEnded)


class _Named:
    def __init__(self, streams: OwnersStreams) -> None:
        self.said = streams.gathered("said")
