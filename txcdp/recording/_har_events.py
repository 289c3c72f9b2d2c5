"""The entries of a HAR file as the events by which a browser would have reported them.

No I/O. The protocol's unspecified clock is taken to be the wall clock: ``timestamp`` is in seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from txcdp.network._har_reading import HarEntry
from txcdp.protocol._values import number_of, text_of

#: The protocol's names for versions of HTTP, by their names in HAR files.
_PROTOCOLS: Final = {"http/2.0": "h2", "http/2": "h2", "http/3.0": "h3", "http/3": "h3"}

#: Types of initiators in the protocol.
_INITIATORS: Final = frozenset({"parser", "script", "preload", "SignedExchange", "preflight", "FedCM"})

#: Statuses of responses without a document.
_NOTHING_TO_SHOW: Final = frozenset({204, 205})

#: The error for a failed request, for which HAR has no field.
_FAILED: Final = "net::ERR_FAILED"


class HarEvent(NamedTuple):
    """One event.

    :ivar time: seconds since 1970.
    """

    time: float
    method: str
    params: dict[str, Any]


class RequestPlace(NamedTuple):
    """The frame, and the document, that a request belongs to.

    :ivar request: its request id, the same in all hops of a redirect.
    :ivar frame: the id of the frame that made the request.
    :ivar loader: the id of the document that made the request; for a navigation, that of its own request.
    :ivar document_url: the URL of the document that made the request.
    :ivar navigates: whether the page's main frame shows the result.
    """

    request: str
    frame: str
    loader: str
    document_url: str
    navigates: bool


def begins(entry: HarEntry, place: RequestPlace, at: float, before: HarEntry | None) -> Iterator[HarEvent]:
    """Yield the events that report the sending of a request.

    :param at: when, in seconds since 1970.
    :param before: the hop that redirected here.
    """
    if entry.type == "WebSocket":
        yield HarEvent(at, "Network.webSocketCreated", {"requestId": place.request, "url": entry.url})
        asked = {"requestId": place.request, "timestamp": at, "wallTime": at}
        headers = {"headers": _headers(entry.request_headers)}
        yield HarEvent(at, "Network.webSocketWillSendHandshakeRequest", {**asked, "request": headers})
        return
    if place.navigates and before is None:
        about = {"frameId": place.frame, "url": entry.url, "loaderId": place.loader}
        yield HarEvent(at, "Page.frameStartedNavigating", {**about, "navigationType": "differentDocument"})
        yield HarEvent(at, "Page.frameStartedLoading", {"frameId": place.frame})
    told: dict[str, Any] = {
        "requestId": place.request,
        "loaderId": place.loader,
        "documentURL": entry.url if place.navigates else place.document_url,
        "request": _request(entry),
        "timestamp": at,
        "wallTime": at,
        "initiator": _initiator(entry.initiator),
        "redirectHasExtraInfo": False,
        "type": entry.type,
        "frameId": place.frame,
    }
    if before is not None:
        told["redirectResponse"] = _response(before, round(at - before.total, 6))
    yield HarEvent(at, "Network.requestWillBeSent", told)


def answers(entry: HarEntry, place: RequestPlace, began: float) -> Iterator[HarEvent]:
    """Yield the events of a request between its beginning and its end."""
    at = arrival(entry, began)
    if entry.type == "WebSocket":
        yield from _conversation(entry, place, began, at)
        return
    if not entry.status:
        return
    if entry.cached == "memory":
        yield HarEvent(at, "Network.requestServedFromCache", {"requestId": place.request})
    told = {"requestId": place.request, "loaderId": place.loader, "timestamp": at, "type": entry.type}
    more = {"response": _response(entry, began), "hasExtraInfo": False, "frameId": place.frame}
    yield HarEvent(at, "Network.responseReceived", {**told, **more})
    if place.navigates and entry.status not in _NOTHING_TO_SHOW:
        yield HarEvent(at, "Page.frameNavigated", {"frame": _frame(entry, place), "type": "Navigation"})


def ends(entry: HarEntry, place: RequestPlace, began: float) -> Iterator[HarEvent]:
    """Yield the events of a request's end; none if it had no end."""
    at = round(began + entry.total, 6)
    if entry.unfinished:
        return
    told = {"requestId": place.request, "timestamp": at}
    if entry.type == "WebSocket":
        last = max([at, *(each.time for each in _messages(entry, place, began))])
        if entry.failure:
            yield HarEvent(last, "Network.webSocketFrameError", {**told, "errorMessage": entry.failure})
        yield HarEvent(last, "Network.webSocketClosed", {**told, "timestamp": last})
        return
    if entry.status and (entry.size or entry.body_size):
        sizes = {"dataLength": entry.size or 0, "encodedDataLength": entry.body_size or 0}
        yield HarEvent(at, "Network.dataReceived", {**told, **sizes})
    if entry.failure or not entry.status:
        error = entry.failure or _FAILED
        failed = {"type": entry.type, "errorText": error, "canceled": error == "net::ERR_ABORTED"}
        yield HarEvent(at, "Network.loadingFailed", {**told, **failed})
    else:
        yield HarEvent(at, "Network.loadingFinished", {**told, "encodedDataLength": entry.transferred or 0})


def arrival(entry: HarEntry, began: float) -> float:
    """Return when the response to a request began, in seconds since 1970; its end if that is unknown."""
    told = entry.phases.get("wait") is not None
    return round(began + (min(entry.waited, entry.total) if told else entry.total), 6)


def body_of(entry: HarEntry, text: str | None) -> dict[str, Any] | None:
    """Return the body of a response as ``Network.getResponseBody`` does; None if the file does not contain it.

    :param text: the body in base64, if it is in a separate file.
    """
    if text is not None:
        return {"body": text, "base64Encoded": True}
    body = entry.content.get("text")
    if not isinstance(body, str):
        return None
    return {"body": body, "base64Encoded": entry.content.get("encoding") == "base64"}


def loaded(time: float, name: str, place: RequestPlace) -> Iterator[HarEvent]:
    """Yield the events when a page's document is parsed, or completely loaded.

    :param name: ``"DOMContentLoaded"`` or ``"load"``.
    """
    event = "Page.loadEventFired" if name == "load" else "Page.domContentEventFired"
    about = {"frameId": place.frame, "loaderId": place.loader, "name": name, "timestamp": time}
    yield HarEvent(time, "Page.lifecycleEvent", about)
    yield HarEvent(time, event, {"timestamp": time})
    if name == "load":
        yield HarEvent(time, "Page.frameStoppedLoading", {"frameId": place.frame})


# Parts:


def _conversation(entry: HarEntry, place: RequestPlace, began: float, at: float) -> Iterator[HarEvent]:
    if entry.status:
        said = {"status": entry.status, "statusText": entry.status_text, "headers": _headers(entry.response_headers)}
        told = {"requestId": place.request, "timestamp": at, "response": said}
        yield HarEvent(at, "Network.webSocketHandshakeResponseReceived", told)
    yield from _messages(entry, place, at)


def _messages(entry: HarEntry, place: RequestPlace, began: float) -> Iterator[HarEvent]:
    latest = began
    for each in entry.messages or ():
        latest = max(latest, number_of(each.get("time")) or 0.0)  # which are in their order
        opcode = number_of(each.get("opcode"))
        sent = each.get("type") == "send"
        payload = text_of(each.get("data"), 1 << 30)
        frame = {"opcode": 1 if opcode is None else int(opcode), "mask": sent, "payloadData": payload}
        method = "Network.webSocketFrameSent" if sent else "Network.webSocketFrameReceived"
        yield HarEvent(latest, method, {"requestId": place.request, "timestamp": latest, "response": frame})


def _request(entry: HarEntry) -> dict[str, Any]:
    url, mark, fragment = entry.url.partition("#")
    made: dict[str, Any] = {"url": url, "method": entry.method, "headers": _headers(entry.request_headers)}
    made |= {"initialPriority": entry.priority, "referrerPolicy": ""}
    if mark:
        made["urlFragment"] = mark + fragment
    if entry.posted is not None:
        _, text, encoded = entry.posted
        made["hasPostData"] = True
        made |= {"postDataEntries": [{"bytes": text}]} if encoded else {"postData": text}
    return made


def _response(entry: HarEntry, began: float) -> dict[str, Any]:
    made: dict[str, Any] = {
        "url": entry.url.partition("#")[0],
        "status": entry.status,
        "statusText": entry.status_text,
        "headers": _headers(entry.response_headers),
        "mimeType": entry.mime_type.partition(";")[0].strip(),
        "charset": "",
        "connectionReused": entry.phases.get("connect") is None,
        "connectionId": entry.connection,
        "encodedDataLength": entry.head_size or 0,
        "fromDiskCache": entry.cached == "disk",
        "fromPrefetchCache": entry.cached == "prefetch",
        "fromServiceWorker": entry.cached == "worker",
        "protocol": _PROTOCOLS.get(entry.protocol.lower(), entry.protocol.lower()),
        "securityState": "unknown",
    }
    if entry.remote:
        made |= {"remoteIPAddress": entry.remote, "remotePort": entry.port or 0}
    if any(entry.phases.get(name) is not None for name in ("send", "wait")) and entry.cached != "memory":
        made["timing"] = _timing(entry, began)
    return made


def _timing(entry: HarEntry, began: float) -> dict[str, float]:
    """Return the times of a request's phases: milliseconds since it began; -1 if there was no such phase."""
    now = 0.0
    spans: dict[str, tuple[float, float]] = {}
    for name in ("blocked", "dns", "connect", "send", "wait"):
        spent = entry.phases.get(name)
        spans[name] = (-1.0, -1.0) if spent is None else (now, round(now + spent * 1000, 3))
        now = round(now + (spent or 0.0) * 1000, 3)
    tls, connected = entry.phases.get("ssl"), spans["connect"][1]
    secure = (-1.0, -1.0) if tls is None or connected < 0 else (max(round(connected - tls * 1000, 3), 0.0), connected)
    sent = max(spans["send"][1], 0.0) or round(now - (entry.phases.get("wait") or 0.0) * 1000, 3)
    made = {"requestTime": began, "sendStart": max(spans["send"][0], 0.0), "sendEnd": sent}
    for name, (begin, end) in (("dns", spans["dns"]), ("connect", spans["connect"]), ("ssl", secure)):
        made |= {f"{name}Start": begin, f"{name}End": end}
    for name in "proxyStart proxyEnd workerStart workerReady workerFetchStart workerRespondWithSettled".split():
        made[name] = -1.0
    return {**made, "pushStart": 0.0, "pushEnd": 0.0, "receiveHeadersStart": now, "receiveHeadersEnd": now}


def _frame(entry: HarEntry, place: RequestPlace) -> dict[str, Any]:
    url, mark, fragment = entry.url.partition("#")
    secure = url.startswith("https:")
    made: dict[str, Any] = {
        "id": place.frame,
        "loaderId": place.loader,
        "url": url,
        "domainAndRegistry": "",
        "securityOrigin": _origin(url),
        "mimeType": entry.mime_type.partition(";")[0].strip(),
        "secureContextType": "Secure" if secure else "InsecureScheme",
        "crossOriginIsolatedContextType": "NotIsolated",
        "gatedAPIFeatures": [],
    }
    return {**made, "urlFragment": mark + fragment} if mark else made


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "://"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _initiator(by: Mapping[str, Any]) -> dict[str, Any]:
    """Return the type of the initiator; "other" if the protocol has no type for it."""
    return {**by, "type": by["type"] if by["type"] in _INITIATORS else "other"}


def _headers(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers as in the protocol: the values of one name are joined by line breaks."""
    found: dict[str, str] = {}
    names: dict[str, str] = {}
    for name, value in pairs:
        if name.startswith(":"):
            continue  # of HTTP/2 itself
        known = names.setdefault(name.lower(), name)
        found[known] = f"{found[known]}\n{value}" if known in found else value
    return found
