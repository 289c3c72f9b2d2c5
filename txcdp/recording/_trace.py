"""A recording as a trace: the JSON that Perfetto and the Performance panel of the developer tools read.

All times are the recording's own: microseconds since 1970, at which each event arrived. The browser's clocks differ
from that, and from each other: the timing in a response is shifted by the difference of its own event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from txcdp.network._masking import masked_url
from txcdp.protocol import to_json
from txcdp.protocol._values import dict_of
from txcdp.recording._entries import Damage, EventEntry, NoteEntry
from txcdp.recording._reading import read

#: The process and the thread that stand for the browser as a whole; pages are threads of their own.
_PID: Final = 1
_MAIN: Final = 1

_TIMELINE: Final = "devtools.timeline"
_OF_BROWSER: Final = f"disabled-by-default-{_TIMELINE}"

#: The most events that wait until it is known which page has navigated.
_MOST_HELD: Final = 10_000

#: Marks in the loading of a page.
_MARKS: Final = {"Page.loadEventFired": "MarkLoad", "Page.domContentEventFired": "MarkDOMContent"}


def trace(paths: Sequence[Path], damages: list[Damage]) -> Iterator[bytes]:
    """Make the trace, piece by piece.

    :param damages: what could not be read is added to it.
    """
    yield b'{"traceEvents":['
    before = b"\n"
    for each in _Trace().all(paths, damages):
        yield before + to_json(each)
        before = b",\n"
    yield b'\n],"displayTimeUnit":"ms","metadata":{"source":"txcdp"}}\n'


class _Trace:
    """The maker of a trace's events from the entries of a recording."""

    def __init__(self) -> None:
        self._began: int | None = None
        self._threads: dict[str | None, int] = {None: _MAIN}
        self._urls: dict[tuple[str | None, str], str] = {}
        #: The main frames of pages, if they have navigated anywhere, and all main frames.
        self._pages: dict[str, str] = {}
        self._frames: dict[str, str] = {}

    def all(self, paths: Sequence[Path], damages: list[Damage]) -> Iterator[dict[str, Any]]:
        """Return all events; the first names the page of the trace, so some are held until that is known."""
        held: list[dict[str, Any]] | None = []
        for entry in read(*paths):
            if isinstance(entry, Damage):
                damages.append(entry)
                continue
            for each in self._events(entry):
                if held is None:
                    yield each
                    continue
                held.append(each)
                if self._pages or len(held) == _MOST_HELD:
                    yield self._started()
                    yield from held
                    held = None
        if held:
            yield self._started()
            yield from held

    def _events(self, entry: object) -> Iterator[dict[str, Any]]:
        if isinstance(entry, NoteEntry) and entry.kind in ("attached", "begin"):
            told = [entry.data] if entry.kind == "attached" else entry.data.get("targets") or []
            for each in told:
                yield from self._named(each, round(entry.time * 1e6))
        elif isinstance(entry, EventEntry):
            at = round(entry.time * 1e6)
            for each in self._event(entry, at, self._thread(entry.session)):
                yield from self._begin(at)
                yield each

    def _started(self) -> dict[str, Any]:
        """Return the event without which the developer tools refuse a trace: it names the one page that they show.

        This is the first page that has navigated: a browser begins with an empty one.
        """
        main = {"isOutermostMainFrame": True, "isInPrimaryMainFrame": True}
        about = [{**_frame(frame, url), **main} for frame, url in (self._pages or self._frames).items()][:1]
        data = {"frameTreeNodeId": 1, "persistentIds": True, "frames": about}
        return self._instant("TracingStartedInBrowser", self._began or 0, _MAIN, {"data": data}, _OF_BROWSER)

    def _begin(self, at: int) -> Iterator[dict[str, Any]]:
        """Name the process, once."""
        if self._began is not None:
            return
        self._began = at
        yield self._meta("process_name", _MAIN, "Browser")
        yield self._meta("thread_name", _MAIN, "CrBrowserMain")

    def _named(self, data: Mapping[str, Any], at: int) -> Iterator[dict[str, Any]]:
        """Name the thread of a session, and report its page."""
        thread, kind, frame = (
            self._thread(data.get("session")),
            str(data.get("type") or ""),
            str(data.get("target") or ""),
        )
        url = masked_url(str(data.get("url") or ""))
        yield from self._begin(at)
        yield self._meta("thread_name", thread, "CrRendererMain" if kind == "page" else kind)
        if kind == "page" and frame not in self._frames:
            self._frames[frame] = url
            if url not in ("", "about:blank"):
                self._pages.setdefault(frame, url)
            yield self._committed(_frame(frame, url), at)

    def _event(self, entry: EventEntry, at: int, thread: int) -> Iterator[dict[str, Any]]:
        params, method = entry.params, entry.method
        if method.startswith("Network."):
            yield from self._network(entry, at, thread)
        elif method in _MARKS:
            yield self._instant(_MARKS[method], at, thread, {"data": {"frame": entry.target, "isMainFrame": True}})
        elif method == "Page.frameNavigated":
            yield from self._navigated(params, at, thread)
        elif method == "Page.screencastFrame" and isinstance(params.get("data"), str):
            yield {
                "cat": "disabled-by-default-devtools.screenshot", "name": "Screenshot", "ph": "O", "id": "0x1",
                "pid": _PID, "tid": _MAIN, "ts": at, "args": {"snapshot": params["data"]},
            }  # fmt: skip
        elif method == "Runtime.consoleAPICalled":
            said = {"type": params.get("type"), "arguments": len(params.get("args") or ())}
            yield self._instant("ConsoleMessage", at, thread, {"data": said})
        elif method == "Runtime.exceptionThrown":
            text = str(dict_of(params.get("exceptionDetails")).get("text", ""))
            yield self._instant("ExceptionThrown", at, thread, {"data": {"text": text}})

    def _navigated(self, params: Mapping[str, Any], at: int, thread: int) -> Iterator[dict[str, Any]]:
        about = dict_of(params.get("frame"))
        frame, url, parent = str(about.get("id") or ""), masked_url(str(about.get("url") or "")), about.get("parentId")
        if not parent:
            self._pages.setdefault(frame, url)
        yield self._committed({**_frame(frame, url), **({"parent": parent} if parent else {})}, at)
        is_main = {"isOutermostMainFrame": not parent, "isLoadingMainFrame": not parent}
        data = {"frame": frame, "documentLoaderURL": url, "navigationId": about.get("loaderId"), **is_main}
        args = {"frame": frame, "data": data}
        yield {**self._instant("navigationStart", at, thread, args, "blink.user_timing"), "ph": "R"}

    def _committed(self, frame: Mapping[str, Any], at: int) -> dict[str, Any]:
        """Return the event that reports the document of a frame."""
        return self._instant("FrameCommittedInBrowser", at, _MAIN, {"data": frame}, _OF_BROWSER)

    # The network:

    def _network(self, entry: EventEntry, at: int, thread: int) -> Iterator[dict[str, Any]]:
        params = entry.params
        request = str(params.get("requestId") or "")
        data: dict[str, Any] = {"requestId": request, "frame": params.get("frameId")}
        key = entry.session, request
        what = entry.method.partition(".")[2]
        if what == "requestWillBeSent":
            asked = dict_of(params.get("request"))
            url = masked_url(str(asked.get("url") or ""))
            if key in self._urls:  # it was led on
                yield self._slice("e", key, at, thread, {})
            self._urls[key] = url
            more = {"url": url, "requestMethod": asked.get("method"), "priority": asked.get("initialPriority")}
            data |= {**more, "resourceType": params.get("type")}
            yield self._instant("ResourceSendRequest", at, thread, {"data": data})
            yield self._slice("b", key, at, thread, {"url": url})
        elif what == "responseReceived":
            yield self._instant("ResourceReceiveResponse", at, thread, {"data": {**data, **_response(params, at)}})
        elif what == "dataReceived":
            size = params.get("encodedDataLength")
            yield self._instant("ResourceReceivedData", at, thread, {"data": {**data, "encodedDataLength": size}})
        elif what in ("loadingFinished", "loadingFailed") and key in self._urls:
            failed = what == "loadingFailed"
            size = params.get("encodedDataLength") or 0
            data |= {"didFail": failed, "encodedDataLength": size, "decodedBodyLength": 0, "finishTime": at / 1e6}
            yield self._instant("ResourceFinish", at, thread, {"data": data})
            yield self._slice("e", key, at, thread, {"error": params.get("errorText")} if failed else {})
            del self._urls[key]

    def _slice(
        self, phase: str, key: tuple[str | None, str], at: int, thread: int, args: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return one end of a request's bar."""
        url = urlsplit(self._urls[key])
        return {
            "cat": "network", "name": f"{url.netloc}{url.path}"[:200] or "request", "ph": phase,
            "id": f"{key[0] or ''}:{key[1]}", "pid": _PID, "tid": thread, "ts": at, "args": dict(args),
        }  # fmt: skip

    # Their form:

    def _thread(self, session: Any) -> int:
        return self._threads.setdefault(session if isinstance(session, str) else None, len(self._threads) + 1)

    @staticmethod
    def _instant(name: str, at: int, thread: int, args: Mapping[str, Any], category: str = _TIMELINE) -> dict[str, Any]:
        return {"cat": category, "name": name, "ph": "I", "s": "t", "pid": _PID, "tid": thread, "ts": at, "args": args}

    @staticmethod
    def _meta(name: str, thread: int, value: str) -> dict[str, Any]:
        event = {"cat": "__metadata", "name": name, "ph": "M", "pid": _PID, "tid": thread, "ts": 0}
        return {**event, "args": {"name": value}}


def _frame(frame: str, url: str) -> dict[str, Any]:
    return {"frame": frame, "url": url, "name": "", "processId": _PID}


def _response(params: Mapping[str, Any], at: int) -> dict[str, Any]:
    """Return what a trace has of a response, its timing moved to the recording's clock."""
    response = dict_of(params.get("response"))
    told = {
        "statusCode": response.get("status"), "mimeType": response.get("mimeType"), "responseTime": at / 1000,
        "encodedDataLength": response.get("encodedDataLength"), "fromCache": bool(response.get("fromDiskCache")),
        "fromServiceWorker": bool(response.get("fromServiceWorker")),
    }  # fmt: skip
    timing, own = response.get("timing"), params.get("timestamp")
    if isinstance(timing, dict) and isinstance(own, int | float):
        asked = timing.get("requestTime")
        if isinstance(asked, int | float):
            told["timing"] = {**timing, "requestTime": asked + at / 1e6 - own}
    return told
