"""Who is given a message: streams of one kind of event, and receivers of several kinds at once."""

from __future__ import annotations

from collections.abc import Callable

from tests.call_counts import calls_of
from txcdp._core.dispatch.routing import EventGroup, EventRoutes

KINDS = ("Page.a", "Page.b", "Page.c")


def message(method: str, session: str) -> bytes:
    return b'{"method":"%s","params":{},"sessionId":"%s"}' % (method.encode(), session.encode())


class Stream:
    """Notes what it is fed with."""

    def __init__(self, log: list[tuple[str, str]], name: str, method: str = "Page.a") -> None:
        self.method = method
        self._log = log
        self._name = name

    def _feed(self, message: bytes) -> None:
        self._log.append((self._name, self.method))


class Receiver:
    """Notes what it is fed with."""

    def __init__(self, log: list[tuple[str, str]], name: str, then: Callable[[], object] | None = None) -> None:
        self._log = log
        self._name = name
        self._then = then

    def _feed(self, method: str, message: bytes) -> None:
        self._log.append((self._name, method))
        if self._then is not None:
            self._then()


class Table:
    """Routes with one group, and what was delivered."""

    def __init__(self) -> None:
        self.log: list[tuple[str, str]] = []
        self.routes = EventRoutes()
        self.group: EventGroup = self.routes.group(dict.fromkeys(KINDS, bytes.decode))

    def deliver(self, method: str, session: str = "S") -> bool:
        return self.routes.deliver(method.encode(), message(method, session))


def test_a_receiver_has_all_kinds_of_its_session() -> None:
    table = Table()
    table.group.add(b"S", Receiver(table.log, "receiver"))
    assert all(table.deliver(each) for each in KINDS)
    assert not table.deliver("Page.a", "T")
    assert not table.deliver("Page.d")
    assert table.log == [("receiver", each) for each in KINDS]


def test_receivers_come_first_and_in_their_order() -> None:
    table = Table()
    table.routes.add(b"Page.a", b"S", Stream(table.log, "stream"))
    table.routes.add(b"Page.a", b"S", Stream(table.log, "another stream"))
    other = table.routes.group({"Page.a": bytes.decode})
    other.add(b"S", Receiver(table.log, "of another group"))
    for name in ("first", "second"):
        table.group.add(b"S", Receiver(table.log, name))
    assert table.deliver("Page.a")
    assert [name for name, _ in table.log] == ["first", "second", "of another group", "stream", "another stream"]


def test_who_is_removed_has_no_more() -> None:
    table = Table()
    receivers = [Receiver(table.log, name) for name in ("one", "two")]
    for each in receivers:
        table.group.add(b"S", each)
    table.group.remove(b"S", receivers[0])
    assert table.deliver("Page.a")
    table.group.remove(b"S", receivers[1])
    table.group.remove(b"S", receivers[1])
    assert not table.deliver("Page.a")
    assert table.log == [("two", "Page.a")]


def test_who_is_removed_while_a_message_is_delivered_still_has_that() -> None:
    table = Table()
    last = Receiver(table.log, "last")
    table.group.add(b"S", Receiver(table.log, "first", lambda: table.group.remove(b"S", last)))
    table.group.add(b"S", last)
    table.deliver("Page.a")
    table.deliver("Page.b")
    assert table.log == [("first", "Page.a"), ("last", "Page.a"), ("first", "Page.b")]


def test_a_stream_that_comes_while_a_message_is_delivered_has_the_next() -> None:
    table = Table()
    late = Stream(table.log, "late")
    table.group.add(b"S", Receiver(table.log, "receiver", lambda: table.routes.add(b"Page.a", b"S", late)))
    table.deliver("Page.a")
    assert table.log == [("receiver", "Page.a")]
    table.routes.remove(b"Page.a", b"S", late)
    table.deliver("Page.b")
    table.deliver("Page.a")
    assert table.log[1:] == [("receiver", "Page.b"), ("receiver", "Page.a"), ("late", "Page.a")]


def test_the_route_of_a_group_outlives_its_streams_and_taps() -> None:
    table = Table()
    stream = Stream(table.log, "stream")
    table.routes.add(b"Page.a", b"S", stream)
    table.routes.remove(b"Page.a", b"S", stream)
    assert not table.deliver("Page.a")
    table.group.add(b"S", Receiver(table.log, "receiver"))
    assert table.deliver("Page.a")


def test_to_add_a_session_takes_as_long_for_many_kinds_as_for_one() -> None:
    routes, log = EventRoutes(), list[tuple[str, str]]()
    one, many = (routes.group({f"Page.{each}": bytes.decode for each in range(kinds)}) for kinds in (1, 100))

    def come_and_go(group: EventGroup) -> None:
        receiver = Receiver(log, "receiver")
        group.add(b"S", receiver)
        group.remove(b"S", receiver)

    assert calls_of(lambda: come_and_go(many)) == calls_of(lambda: come_and_go(one))
