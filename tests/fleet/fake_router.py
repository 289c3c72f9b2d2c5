"""A WAMP router in memory: real sessions of Autobahn's, whose messages it hands on when it is told to."""

from __future__ import annotations

from collections import deque
from typing import Any

from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp import message, role
from autobahn.wamp.exception import TransportLost
from autobahn.wamp.serializer import CBORSerializer
from autobahn.wamp.types import TransportDetails

REALM = "browsers"

_ROLES = {
    "broker": role.RoleBrokerFeatures(subscriber_blackwhite_listing=True),
    "dealer": role.RoleDealerFeatures(
        progressive_call_results=True, call_canceling=True, shared_registration=True, caller_identification=True
    ),
}


class FakeSession(ApplicationSession):
    """A session that joins, and logs nothing of what is told to the other end."""

    def onConnect(self) -> None:
        self.join(REALM)

    def onUserError(self, fail: Any, msg: str) -> None:
        self.problems = [*getattr(self, "problems", []), fail]


_serializer = CBORSerializer()


class FakeLine:
    """A session's line. frozen: nothing of what is sent over it arrives, either way."""

    def __init__(self, router: FakeRouter, session: FakeSession, number: int) -> None:
        self.router, self.session, self.number = router, session, number
        self.transport_details = TransportDetails()
        self._serializer = _serializer
        self.open = True
        self.frozen = False
        self.received: list[Any] = []
        self.unread: list[Any] = []

    def send(self, msg: Any) -> None:
        if not self.open:
            raise TransportLost
        if not self.frozen:
            self.router.queue.append((self, _over_the_wire(msg)))

    def isOpen(self) -> bool:
        return self.open

    @property
    def is_closed(self) -> bool:
        return not self.open

    def close(self) -> None:
        self.router.lose(self.session)

    abort = close

    def deliver(self, msg: Any) -> None:
        if self.frozen:
            self.unread.append(msg)
        elif self.open:
            copy = _over_the_wire(msg)
            self.received.append(copy)
            self.session.onMessage(copy)


def _over_the_wire(msg: Any) -> Any:
    data, binary = _serializer.serialize(msg)
    (found,) = _serializer.unserialize(data, binary)
    return found


class FakeRouter:
    """Joins sessions; their messages wait in ``queue`` until :meth:`flush`.

    :ivar refuse: procedures that cannot be registered, and topics that cannot be published on, with the error.
    :ivar deaf_to_cancel: whether nothing comes of a cancel.
    :ivar largest: bytes of the largest message.
    :ivar takes: bytes of a message that it takes; it ends the line of who sends a larger one.
    """

    def __init__(self) -> None:
        self.queue: deque[tuple[FakeLine, Any]] = deque()
        self.refuse: dict[str, str] = {}
        self.deaf_to_cancel = False
        self.largest = 0
        self.takes = 1024 * 1024
        self.lines: list[FakeLine] = []
        self.procedures: dict[str, list[tuple[FakeLine, int]]] = {}
        self.subscriptions: dict[str, list[FakeLine]] = {}
        self.invocations: dict[int, tuple[FakeLine, int, FakeLine]] = {}
        self._next = 1000

    def number(self) -> int:
        self._next += 1
        return self._next

    def join(self) -> FakeSession:
        """Return a session that has joined."""
        session = FakeSession()
        line = FakeLine(self, session, self.number())
        self.lines.append(line)
        setattr(session, "_transport", line)  # noqa: B010  (Autobahn's type for it is one of an interface)
        session.onOpen(line)
        self.flush()
        return session

    def line(self, session: FakeSession) -> FakeLine:
        return next(each for each in self.lines if each.session is session)

    def flush(self) -> None:
        """Handle all messages that there are, and those that come of them."""
        while self.flush_one():
            pass

    def flush_one(self) -> bool:
        """Handle one message; return whether there was one."""
        if not self.queue:
            return False
        line, msg = self.queue.popleft()
        if line.open:
            size = len(_serializer.serialize(msg)[0])
            self.largest = max(self.largest, size)
            if size > self.takes:
                self.lose(line.session)
                return True
            getattr(self, f"_{type(msg).__name__.lower()}")(line, msg)
        return True

    def freeze(self, session: FakeSession) -> None:
        """Let nothing arrive at a session, and nothing come from it."""
        self.line(session).frozen = True

    def thaw(self, session: FakeSession) -> None:
        line = self.line(session)
        line.frozen = False
        unread, line.unread = line.unread, []
        for each in unread:
            line.deliver(each)
        self.flush()

    def lose(self, session: FakeSession) -> None:
        """Lose a session's line, and let the others know."""
        line = self.line(session)
        if not line.open:
            return
        line.open = False
        for uri, callees in list(self.procedures.items()):
            self.procedures[uri] = [each for each in callees if each[0] is not line]
        for topic, subscribers in self.subscriptions.items():
            self.subscriptions[topic] = [each for each in subscribers if each is not line]
        for number, (caller, request, callee) in list(self.invocations.items()):
            if callee is line:
                del self.invocations[number]
                self._tell_error(caller, request, "wamp.error.canceled", ["callee disconnected"])
            elif caller is line:
                del self.invocations[number]
                callee.deliver(message.Interrupt(number, mode="killnowait"))
        session._transport = None
        session.onClose(False)
        self.flush()

    def _tell_error(self, line: FakeLine, request: int, error: str, args: list[Any] | None = None) -> None:
        line.deliver(message.Error(message.Call.MESSAGE_TYPE, request, error, args=args))

    def _hello(self, line: FakeLine, msg: Any) -> None:
        line.deliver(message.Welcome(line.number, _ROLES, realm=REALM, authid="me", authrole="all", authmethod="none"))

    def _goodbye(self, line: FakeLine, msg: Any) -> None:
        line.deliver(message.Goodbye("wamp.close.goodbye_and_out"))

    def _register(self, line: FakeLine, msg: Any) -> None:
        callees = self.procedures.setdefault(msg.procedure, [])
        refused = self.refuse.get(msg.procedure)
        if refused is None and callees and msg.invoke == "single":
            refused = "wamp.error.procedure_already_exists"
        if refused is not None:
            line.deliver(message.Error(message.Register.MESSAGE_TYPE, msg.request, refused))
            return
        number = self.number()
        callees.append((line, number))
        line.deliver(message.Registered(msg.request, number))

    def _unregister(self, line: FakeLine, msg: Any) -> None:
        for uri, callees in self.procedures.items():
            self.procedures[uri] = [each for each in callees if each[1] != msg.registration]
        line.deliver(message.Unregistered(msg.request))

    def _call(self, line: FakeLine, msg: Any) -> None:
        callees = self.procedures.get(msg.procedure)
        if not callees:
            self._tell_error(line, msg.request, "wamp.error.no_such_procedure")
            return
        callees.append(callees.pop(0))
        callee, registration = callees[-1]
        number = self.number()
        self.invocations[number] = (line, msg.request, callee)
        callee.deliver(
            message.Invocation(
                number,
                registration,
                args=msg.args,
                kwargs=msg.kwargs,
                receive_progress=msg.receive_progress,
                caller=line.number,
                caller_authid="shop",
                caller_authrole="caller",
            )
        )

    def _yield(self, line: FakeLine, msg: Any) -> None:
        if msg.request not in self.invocations:
            return
        caller, request, _ = self.invocations[msg.request]
        if not msg.progress:
            del self.invocations[msg.request]
        caller.deliver(message.Result(request, args=msg.args, kwargs=msg.kwargs, progress=msg.progress))

    def _error(self, line: FakeLine, msg: Any) -> None:
        if msg.request in self.invocations:
            caller, request, _ = self.invocations.pop(msg.request)
            caller.deliver(
                message.Error(message.Call.MESSAGE_TYPE, request, msg.error, args=msg.args, kwargs=msg.kwargs)
            )

    def _cancel(self, line: FakeLine, msg: Any) -> None:
        if self.deaf_to_cancel:
            return
        for number, (caller, request, callee) in list(self.invocations.items()):
            if caller is line and request == msg.request:
                del self.invocations[number]
                callee.deliver(message.Interrupt(number, mode="killnowait"))
                self._tell_error(line, request, "wamp.error.canceled")

    def _subscribe(self, line: FakeLine, msg: Any) -> None:
        subscribers = self.subscriptions.setdefault(msg.topic, [])
        if line not in subscribers:
            subscribers.append(line)
        line.deliver(message.Subscribed(msg.request, hash(msg.topic) % 10**9))

    def _unsubscribe(self, line: FakeLine, msg: Any) -> None:
        for topic, subscribers in self.subscriptions.items():
            if hash(topic) % 10**9 == msg.subscription:
                self.subscriptions[topic] = [each for each in subscribers if each is not line]
        line.deliver(message.Unsubscribed(msg.request))

    def _publish(self, line: FakeLine, msg: Any) -> None:
        refused = self.refuse.get(msg.topic)
        if msg.acknowledge and refused is not None:
            line.deliver(message.Error(message.Publish.MESSAGE_TYPE, msg.request, refused))
            return
        if msg.acknowledge:
            line.deliver(message.Published(msg.request, self.number()))
        for each in list(self.subscriptions.get(msg.topic, ())):
            if msg.eligible is None or each.number in msg.eligible:
                each.deliver(message.Event(hash(msg.topic) % 10**9, self.number(), args=msg.args, kwargs=msg.kwargs))
