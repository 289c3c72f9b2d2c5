"""The messages of callers and nodes over WAMP: names of procedures, topics and errors, and the contents of calls.

A call has two arguments: the work, and a :class:`Control`. While the work is in progress, the node sends progressive
results, each a :class:`ResultKind` and its arguments:

======== ================= ===========================================================================================
accepted node, call        there is a place for it; both name it in what follows
alive                      it is still being done; said every few seconds
did      number            so many actions are done
chunk    bytes             a piece of a result
events   list, dropped     events of a page, and how many were dropped so far
======== ================= ===========================================================================================

Chunks and events are sent for *credits*, one for each: some come with the call, more by :meth:`Uris.credit`, which the
caller calls as it consumes what has arrived. So no more waits in the router than was asked for, however slow the caller
is. The call for work that must not be repeated comes without credits, and the work begins with the first credit: work
that a node has accepted but nobody has confirmed never begins.

The result is a dict with the fields of :class:`Done`.

The events of a page that a node watches on its own are published on :meth:`Uris.topic`, one :class:`Batch` at a time.
The node that publishes has registered :meth:`Uris.publisher`, which only one node can, and which reports the state of
the publishing.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, TypeVar

import cbor2
import msgspec
from msgspec import Meta, Struct

T = TypeVar("T")

#: The version of this protocol; a node with another version refuses the call.
VERSION: Final = 1

#: What all names begin with by default.
PREFIX: Final = "txcdp"

#: Bytes of a message: what Crossbar accepts with the configuration in ``examples/deploy``. A router closes the
#: connection on a larger one, and with it all calls of a node, so none is sent.
LARGEST: Final = 1024 * 1024

#: Bytes of a chunk, of a result that is sent at once, and of a batch of events: a quarter of what a router accepts.
CHUNK: Final = LARGEST // 4

#: Bytes of an event; larger ones are dropped.
LARGEST_EVENT: Final = 2 * CHUNK

#: Bytes of a request, and of one event: together with the rest of the message, less than a router accepts.
MOST: Final = 768 * 1024

#: The most bytes that CBOR needs for one byte of JSON: ``0.5,`` takes nine.
_CBOR_AT_MOST: Final = 9 / 4

#: The most events of a batch that is published.
BATCH: Final = 1000

_NAME = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
_LABEL = re.compile(r"[a-z0-9_]{1,64}")


class ResultKind:
    """The first arguments of progressive results, which say what they are."""

    ACCEPTED: Final = "accepted"
    ALIVE: Final = "alive"
    DID: Final = "did"
    CHUNK: Final = "chunk"
    EVENTS: Final = "events"


class Control(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings with which a call is served.

    credits: chunks or events that may be sent at once. begin: whether it begins without waiting for one.
    """

    version: int = VERSION
    credits: Annotated[int, Meta(ge=0, le=100_000)] = 0
    begin: bool = True


class Done(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A result. kind: its type. status: of the page, by HTTP. body: the bytes; None: they came as chunks, size of them.

    dropped: events that the node has dropped.
    """

    kind: str = ""
    status: int | None = None
    body: bytes | None = None
    size: int = 0
    dropped: int = 0


class Batch(Struct, frozen=True, kw_only=True):
    """Events of a published page; without events, a sign of life.

    run: identifies this publishing, as long as its numbers continue. opened: how often the page was opened in it. sent:
    how many events were published before these. dropped: how many were dropped before these. events: the protocol's
    names and parameters.
    """

    version: int = VERSION
    run: Annotated[str, Meta(min_length=1, max_length=64)]
    opened: Annotated[int, Meta(ge=0)]
    sent: Annotated[int, Meta(ge=0)]
    dropped: Annotated[int, Meta(ge=0)]
    events: Annotated[list[tuple[str, dict[str, Any]]], Meta(max_length=BATCH)] = []


class Uris:
    """The names of procedures, topics and errors.

    :param prefix: what they begin with.
    :raises ValueError: it is not a valid WAMP URI.
    """

    def __init__(self, prefix: str = PREFIX) -> None:
        if not _NAME.fullmatch(prefix):
            raise ValueError(
                f"prefix={prefix!r}: expected lowercase letters, digits, _ and dots between them, such as com.example"
            )
        self.prefix = prefix
        #: The node has no place for the work, or accepts no more; nothing was begun.
        self.busy = f"{prefix}.error.busy"
        #: The work could not be done; the keyword arguments say why.
        self.failed = f"{prefix}.error.failed"
        #: The node, or its browser, ended while it was working.
        self.broken = f"{prefix}.error.broken"
        #: There is no such call, or it belongs to somebody else.
        self.unknown = f"{prefix}.error.no_such_call"

    def work(self, kind: str) -> str:
        """Return the procedure of a kind of work, which all nodes share."""
        return f"{self.prefix}.work.{kind}"

    def credit(self, node: str) -> str:
        """Return a node's own procedure for credits: the call, and how many."""
        return f"{self.prefix}.node.{node}.credit"

    def operate(self, node: str, what: str) -> str:
        """Return a node's own procedure for operators: ``state``, ``drain`` or ``resume``."""
        return f"{self.prefix}.operate.{node}.{what}"

    def topic(self, page: str) -> str:
        """Return the topic of a watched page's events."""
        return f"{self.prefix}.page.{page}.events"

    def publisher(self, page: str) -> str:
        """Return the procedure of the one node that publishes a watched page's events: it reports the state of that."""
        return f"{self.prefix}.page.{page}.publisher"


def checked_label(what: str, name: str) -> str:
    """Return a name that becomes part of a URI.

    :raises ValueError: it cannot.
    """
    if not _LABEL.fullmatch(name):
        raise ValueError(f"{what}={name!r}: expected at most 64 lowercase letters, digits and _, as part of a URI")
    return name


def measured(event: T) -> tuple[T, int]:
    """Return an event with texts that every serializer can write, and its size in a message, or an upper bound.

    Numbers may take more than twice as many bytes in CBOR as in JSON, whose size is quick to measure: so a large event
    is written as CBOR, too.
    """
    try:
        size = len(msgspec.json.encode(event))
    except UnicodeEncodeError:
        event = well_formed(event)
        size = len(msgspec.json.encode(event))
    return event, size if size * _CBOR_AT_MOST <= CHUNK else max(size, len(cbor2.dumps(event)))


def well_formed(value: Any) -> Any:
    """Return plain data with U+FFFD for each half of a surrogate pair, which JavaScript strings may contain."""
    match value:
        case str():
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        case dict():
            return {well_formed(name): well_formed(each) for name, each in value.items()}
        case list() | tuple():
            return type(value)(well_formed(each) for each in value)
    return value


def plain(value: Any) -> dict[str, Any]:
    """Return a record in a form that any WAMP serializer can write."""
    found: dict[str, Any] = msgspec.to_builtins(value, builtin_types=(bytes,))
    return found
