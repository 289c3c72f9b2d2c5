"""What is fuzzed: functions of bytes that fail where the library is wrong. Nothing here needs the fuzzer."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, cast

from autobahn.twisted.websocket import WebSocketClientProtocol
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher

from tests.lab.fuzz import reference
from tests.support import attached, client_frames, reply_to
from tests.transports.test_websocket import recording
from txcdp._core.connection import Connection
from txcdp._core.sessions import AutoAttach
from txcdp._transports.frames import ShortPathProtocol
from txcdp._transports.pipe_framing import MessageSplitter
from txcdp.domains import browser, network, page, runtime, target
from txcdp.errors import CommandError, ConnectionLost, MalformedMessage
from txcdp.protocol._wire import (
    EVENT_START,
    REPLY_START,
    EventDecoder,
    Head,
    ReplyDecoder,
    event_prefix,
    peek_id,
    peek_method,
    read_head,
    reply_decoder,
    session_of,
)
from txcdp.stats import Stats
from txcdp.streams import queue
from txcdp.testing import FakeTransport

#: Longer inputs say nothing new.
LONGEST = 16_384

_EVENTS: list[Any] = [
    dict[str, Any],
    network.DataReceived,
    network.RequestWillBeSent,
    target.AttachedToTarget,
    runtime.ConsoleAPICalled,
    page.FrameNavigated,
]
_REPLIES: list[ReplyDecoder[Any]] = [
    ReplyDecoder("A.b", dict[str, Any]),
    ReplyDecoder("A.b", None),
    reply_decoder(runtime.evaluate),
    reply_decoder(page.capture_screenshot),
    reply_decoder(target.get_targets),
]


def _nothing() -> None:
    """Be told of what was read tolerantly."""


def _attempt(read: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a reader gives, :exc:`MalformedMessage` where it gives that up; nothing else may be raised."""
    try:
        return read(*arguments)
    except MalformedMessage as error:
        return error


def wire(message: bytes) -> None:
    """The decoder, against the standard library's ``json``."""
    head = _attempt(read_head, message)
    events = [_attempt(EventDecoder(shape, _nothing), message) for shape in _EVENTS]
    number, session = 1, ""
    if isinstance(head, Head):
        number, session = head.id or 1, head.session.decode("utf-8", "surrogatepass")
    replies = [_outcome(decode, message, number, session or None) for decode in _REPLIES]
    peeked = _peeks(message)
    try:
        parsed = reference.parse(message)
    except reference.Nothing:
        assert isinstance(head, MalformedMessage), head
        return
    if parsed is None:
        return
    value, doubled = parsed
    truth = reference.head(value)
    if truth is None:
        assert isinstance(head, MalformedMessage), head
    else:
        assert isinstance(head, Head), head
        method = None if head.method is None else head.method.decode("utf-8", "surrogatepass")
        assert (head.id, method, session) == truth, (head, truth)
    if not doubled:
        _check_peeks(message, value, peeked)
    params = value.get("params") if isinstance(value, dict) else None
    for event in events:
        if isinstance(value, dict) and value.get("id") is not None:
            assert isinstance(event, MalformedMessage), event
        else:
            assert reference.same(event, params if isinstance(params, dict) else {}), (event, params)
    expected = reference.outcome(value, number, session)
    for index, (kind, outcome) in enumerate(replies):
        assert kind == expected, (kind, expected, value)
        _check_reply(kind, outcome, value, nothing=index == 1)


def _outcome(decode: ReplyDecoder[Any], message: bytes, number: int, session: str | None) -> tuple[str, Any]:
    try:
        return "result", decode.read(message, number, session, _nothing)
    except CommandError as error:
        return "error", error
    except MalformedMessage as error:
        return "malformed", error


def _check_reply(kind: str, outcome: Any, value: Any, nothing: bool) -> None:
    if kind == "result":
        assert (outcome is None) if nothing else reference.same(outcome, value["result"]), (outcome, value)
    elif kind == "error":
        error = value["error"]
        if isinstance(error, dict):
            assert reference.same(outcome.code, error.get("code", outcome.code))
            assert reference.same(outcome.message, error.get("message", outcome.message))
            assert reference.same(outcome.data, error.get("data"))


def _peeks(message: bytes) -> Any:
    """Read a message as the inbox does: (method, session) or an id."""
    if message.startswith(EVENT_START):
        method = peek_method(message)
        return method, _attempt(session_of, message, event_prefix(method))
    return peek_id(message) if message.startswith(REPLY_START) else None


def _check_peeks(message: bytes, value: Any, peeked: Any) -> None:
    """See that the short ways agree with the long one, on messages of CDP's own keys."""
    if not isinstance(value, dict):
        return
    written = reference.canonical(message)
    if written is not None:
        assert peeked == written, (peeked, written)
    if isinstance(peeked, int):
        assert peeked == value["id"], (peeked, value)
    truth = value.get("sessionId", "")
    if isinstance(peeked, tuple) and isinstance(truth, str) and set(value) <= {"method", "params", "sessionId"}:
        method, session = peeked
        if isinstance(session, bytes) and b'"' not in session and b"\\" not in session:
            # Else it is no session's id: the event is nobody's.
            assert session == truth.encode("utf-8", "surrogatepass"), (peeked, value)
        if b"\\" not in method:
            assert method == value["method"].encode("utf-8", "surrogatepass"), (peeked, value)


def frames(data: bytes) -> None:
    """The short path for frames, against Autobahn's own parser; the first two bytes choose how the rest is cut."""
    if len(data) < 3:
        return
    dice = random.Random(data[1])
    sizes = ((1,), (1, 2, 3, 5, 7), (1, 100, 1000), (LONGEST,))[data[0] >> 1 & 3]
    both = [recording(base, bool(data[0] & 1)) for base in (ShortPathProtocol, WebSocketClientProtocol)]
    at = 2
    while at < len(data):
        size = dice.choice(sizes)
        for protocol in both:
            if not protocol.transport.lost:
                protocol.dataReceived(data[at : at + size])
        at += size
    for protocol in both:
        protocol.transport.end()
    ours, theirs = both
    assert ours.heard == theirs.heard, (ours.heard, theirs.heard)
    assert (ours.state, ours.wasClean) == (theirs.state, theirs.wasClean)
    said = [[(each.opcode, each.payload) for each in client_frames(b"".join(p.transport.writes[1:]))] for p in both]
    assert said[0] == said[1], said


def pipe(data: bytes) -> None:
    """The cutting of a pipe's bytes, against ``bytes.split``; the first two bytes choose pieces and the limit."""
    if len(data) < 2:
        return
    dice = random.Random(data[0])
    limit = data[1] or LONGEST
    stream = data[2:]
    splitter = MessageSplitter(limit)
    made: list[bytes] = []
    at = 0
    while at < len(stream):
        size = dice.choice((1, 2, 7, 100))
        made += splitter.feed(stream[at : at + size])
        at += size
        assert splitter.pending <= limit
    *whole, rest = stream.split(b"\0")
    fitting: list[bytes] = []
    overflow = False
    for each in whole:
        overflow = overflow or len(each) > limit
        if each and not overflow:
            fitting.append(each)
    overflow = overflow or len(rest) > limit
    assert splitter.overflow == overflow
    assert splitter.pending == (0 if overflow else len(rest))
    # A message before one that is too long may be lost where both came together: the line ends there anyway.
    assert made == fitting, (made, fitting)


class _Log:
    """Keeps what is logged as an error: with subscribers that raise nothing there is none."""

    def __init__(self) -> None:
        self.entries: list[str] = []

    def __call__(self, entry: LogEvent) -> None:
        if entry["log_level"] in (LogLevel.error, LogLevel.critical):
            self.entries.append(str(entry.get("log_failure") or entry.get("log_format")))


def _counted(stats: Stats) -> int:
    return stats.events + stats.ignored + stats.unknown + stats.late + stats.malformed + stats.replies + stats.errors


def connection(data: bytes) -> None:
    """A whole connection under load that is sent one message a line: each is counted, and it lives on."""
    log = _Log()
    globalLogPublisher.addObserver(cast(ILogObserver, log))
    try:
        _converse(data.split(b"\n"), log)
    finally:
        globalLogPublisher.removeObserver(cast(ILogObserver, log))


def _converse(messages: list[bytes], log: _Log) -> None:
    clock = Clock()
    line = FakeTransport(lambda *_: None, lambda: None)
    connection = Connection(line, clock)
    fired: list[list[Any]] = []
    ended: list[list[Any]] = []

    def watch(source: Any) -> None:
        ends: list[Any] = []
        ended.append(ends)
        source.subscribe(lambda _: None, ends.append, lambda: ends.append(None))

    def fires(deferred: Any) -> None:
        outcomes: list[Any] = []
        fired.append(outcomes)
        deferred.addBoth(outcomes.append)

    def say(message: bytes) -> None:
        line.put(message)
        line.deliver()

    root = connection.session
    AutoAttach(set_up=lambda session: session.execute(page.enable()).addErrback(_ignored)).start(root).addErrback(
        _ignored
    )
    for name in ("A" * 32, "B" * 32):
        say(attached(name, "T" + name))
    watch(connection.events_raw())
    watch(connection.attached)
    _, first, second = connection.sessions
    for event in _EVENTS[1:]:
        watch(first.events(event))
    watch(root.events_raw("Network.dataReceived"))
    queue(second.events(network.DataReceived), 2, overflow="drop_oldest")
    for session in connection.sessions:
        fires(session.execute(runtime.evaluate(expression="1")))
        fires(session.execute_raw("Page.navigate", {"url": "x"}, timeout=None))
    for message in messages:
        before = _counted(connection.stats)
        say(message)
        assert _counted(connection.stats) > before, "not counted"
        assert connection.lost is None, connection.lost
        clock.advance(0.001)
    probe: list[Any] = []
    asked = root.execute(browser.get_version())
    asked.addBoth(probe.append)
    say(reply_to({"id": cast(Any, asked).number}, {"product": "x"}))
    assert isinstance(probe[0], browser.GetVersionResult), probe
    line.end(ConnectionLost("lost", 1006))
    line.deliver()
    assert all(len(outcomes) == 1 for outcomes in fired), "fired"
    assert all(len(ends) == 1 for ends in ended), "ended"
    assert clock.getDelayedCalls() == []
    assert not log.entries, log.entries


def _ignored(_: Any) -> None:
    """Take no notice of an outcome."""


#: The targets, by name.
TARGETS: dict[str, Callable[[bytes], None]] = {
    "wire": wire,
    "frames": frames,
    "pipe": pipe,
    "connection": connection,
}
