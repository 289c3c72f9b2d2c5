"""Formats requests for people; their types and outcomes come from the model."""

from __future__ import annotations

from txcdp.cli._lines import Line, Mood
from txcdp.cli._text import clean, seconds, size
from txcdp.model import Exchange, ExchangeState

#: Kinds of requests that may go on for ever, or that no page waits for: they do not keep it busy.
ENDLESS = frozenset({"EventSource", "WebSocket", "Ping"})

#: The ends that are told. The others are no end of the request: whoever has asked is gone, and so is who would tell.
TOLD_ENDS = frozenset({
    *(ExchangeState.FINISHED, ExchangeState.FAILED, ExchangeState.CANCELLED),
    *(ExchangeState.REDIRECTED, ExchangeState.STOPPED),
})  # fmt: skip


def is_request(exchange: Exchange) -> bool:
    """Return whether an exchange is a network request: not a WebSocket, and not a URL that contains its own data."""
    return exchange.request is not None and not exchange.url.startswith("data:")


def is_busy(exchange: Exchange) -> bool:
    """Return whether an exchange keeps the network of a page from being idle."""
    return is_request(exchange) and exchange.type not in ENDLESS and not exchange.is_untold_script


def took(exchange: Exchange) -> float:
    """Return its duration in seconds; 0 if it is not known."""
    return 0.0 if exchange.ended is None else max(0.0, exchange.ended - exchange.started)


def has_failed(exchange: Exchange) -> bool:
    """Return whether there was no successful response; a request that the page itself cancelled has not failed."""
    return (bool(exchange.error_text) and not exchange.cancelled) or exchange.status >= 400


def outcome(exchange: Exchange) -> str:
    """Say how it ended, in a word or a status."""
    if exchange.error_text and exchange.status < 400:
        return "cancelled" if exchange.cancelled else exchange.failure
    return str(exchange.status) if exchange.status else "no answer"


def line(exchange: Exchange, url: str, redirect: str = "") -> Line:
    """Return a request that has ended as a line.

    :param url: its URL as it is to be shown, and ``redirect``, to where it was sent on, as well.
    """
    notes = []
    if redirect:
        notes.append(f"→ {redirect}")
    if exchange.error_text:
        notes.append("cancelled" if exchange.cancelled else exchange.failure)
    cached, received = exchange.cached, exchange.received
    if cached == "worker":
        notes.append("(service worker)")
    where = cached if cached != "worker" else ""
    status = str(exchange.status) if exchange.status else "---"
    if exchange.error_text and not exchange.cancelled and exchange.status < 400:
        status = "ERR"
    return Line(
        "network",
        clean(f"{status} {exchange.method}"),
        clean(url),
        note=clean(" ".join(notes)),
        size=where or (size(received) if received or exchange.status else ""),
        took=seconds(took(exchange)) if exchange.state in TOLD_ENDS else "",
        mood=mood(exchange),
        is_url=True,
    )


def mood(exchange: Exchange) -> Mood:
    """Return how good a request's outcome is."""
    if has_failed(exchange):
        return "bad"
    if exchange.cancelled:
        return "quiet"
    return "moved" if 300 <= exchange.status < 400 else "good" if exchange.status else "plain"
