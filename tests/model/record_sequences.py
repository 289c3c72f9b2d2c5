# ruff: noqa: E501, T201
"""Records what the real Chromium says in each of many situations, into ``tests/data/model/``.

Run it as ``python -m tests.model.record_sequences [NAME...]`` when Chromium has changed, look at what changed with it,
and keep it. The events are Chromium's own, in their order; ids and ports are numbered, times begin at 0, and
long texts are cut, so that two recordings of the same behaviour look alike.

A line is an event, ``{"session", "method", "params"}``, or what was answered to one of our commands,
``{"session", "command", "result"}``; both in the order in which they arrived.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import deferLater, react

import txcdp
from tests.raw_server import BROKEN, Raw, RawServer, http, redirect
from txcdp._core.dispatch.tap import RawEvent
from txcdp._core.sessions import AutoAttach, Session
from txcdp.browser import Browser
from txcdp.domains import browser as browser_domain
from txcdp.domains import log as log_domain
from txcdp.domains import network, page, runtime, target
from txcdp.errors import TxcdpError
from txcdp.protocol import Command, to_json

DATA = Path(__file__).parent.parent / "data" / "model"

#: Events of these domains are kept, but for those of which there are many and that no table wants.
DOMAINS = ("Target", "Inspector", "Page", "Network", "Runtime", "Log", "Browser")
UNWANTED = (
    "Network.policyUpdated",
    "Page.frameResized",
    "Page.backForwardCacheNotUsed",
    "Page.frameScheduledNavigation",
    "Page.frameClearedScheduledNavigation",
)

#: Fields that no table reads, and that are long.
DROPPED = {
    "headers", "headersText", "requestHeaders", "requestHeadersText", "securityDetails", "stackTrace", "timing",
    "clientSecurityState", "connectTiming", "associatedCookies", "blockedCookies", "preview", "stack",
    "gatedAPIFeatures", "adFrameStatus", "notRestoredExplanations", "cookiePartitionKey", "exemptedCookies",
}  # fmt: skip

#: Of what is written to the console, these are read.
CONSOLE = {"preview", "stackTrace"}

LONGEST = 200

#: Ids of targets, frames and loaders; of contexts, two long numbers; of requests, the number of a process and another.
_IDS = re.compile(
    r"(?i)(?<![0-9a-z.-])(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|-?\d{10,}\.-?\d{10,}|\d{3,}\.\d{1,5})"
    r"(?![0-9a-z.])"
)


class Recording:
    """What was heard in one situation."""

    def __init__(self, dropped: set[str] = DROPPED) -> None:
        self.lines: list[dict[str, Any]] = []
        self._dropped = dropped
        self._ids: dict[str, str] = {}
        self._times: dict[str, float] = {}

    def heard(self, message: RawEvent) -> None:
        if message.method.partition(".")[0] in DOMAINS and message.method not in UNWANTED:
            self._add(message.session_id, method=message.method, params=message.params)

    def answered(self, session: Session, command: str, result: Any) -> None:
        self._add(session.id, command=command, result=json.loads(to_json(result)))

    def _add(self, session: str | None, **said: Any) -> None:
        self.lines.append({"session": session or ""} | said)

    def named(self, ports: dict[int, int]) -> list[dict[str, Any]]:
        """What was heard, with numbers for ids, and short."""
        return [self._plain(each, ports) for each in self.lines]

    def write(self, path: Path, ports: dict[int, int]) -> None:
        text = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in self.named(ports))
        path.write_text(text, encoding="utf-8")

    def _plain(self, value: Any, ports: dict[int, int], key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: self._plain(each, ports, name) for name, each in value.items() if name not in self._dropped}
        if isinstance(value, list):
            return [self._plain(each, ports, key) for each in value]
        if isinstance(value, str):
            value = _IDS.sub(self._named, value)
            for port, shown in ports.items():
                value = value.replace(f":{port}", f":{shown}")
            return value if len(value) <= LONGEST else value[:LONGEST] + "..."
        if key in ("timestamp", "wallTime") and isinstance(value, int | float):
            kind = "runtime" if value > 1e11 else "wall" if value > 1e9 else "monotonic"
            return round(value - self._times.setdefault(kind, value), 6)
        return value

    def _named(self, match: re.Match[str]) -> str:
        return self._ids.setdefault(match[0], f"id{len(self._ids) + 1}")


class Situation:
    """A fresh page in which something is made to happen."""

    def __init__(self, clock: Any, browser: Browser, site: Site, recording: Recording) -> None:
        self.clock = clock
        self.browser = browser
        self.site = site
        self.recording = recording
        self.page: Any = None
        self.sessions: list[Session] = []

    def set_up(self, session: Session) -> None:
        """Enable everything, in one write."""
        self.sessions.append(session)
        if session.target is not None and session.target.type == "tab":
            AutoAttach(set_up=self.set_up).start(session)
            return
        if session.target is not None and session.target.type in ("page", "iframe"):
            self.send(session, page.enable())
            self.send(session, page.set_lifecycle_events_enabled(enabled=True))
            self.send(session, page.get_frame_tree())
        for command in (network.enable(), runtime.enable(), log_domain.enable()):
            self.send(session, command)

    def send(self, session: Session, command: Command[Any]) -> None:
        sent = session.execute(command)
        sent.addCallback(lambda result: self.answered(session, command, result))
        sent.addErrback(lambda failure: failure.trap(TxcdpError))

    def answered(self, session: Session, command: Command[Any], result: Any) -> Any:
        if result is not None:
            self.recording.answered(session, type(command).method, result)
        return result

    async def do(self, command: Command[Any]) -> Any:
        """Execute a command on the page."""
        return self.answered(self.page, command, await self.page.execute(command))

    async def go(self, path: str, host: str = "127.0.0.1", wait: float = 0.4) -> None:
        """Navigate, and wait a little."""
        url = path if ":" in path else self.site.url(path, host)
        try:
            await self.do(page.navigate(url=url))
        except TxcdpError as error:
            print("   ", error)
        await self.wait(wait)

    def begin(self, path: str) -> None:
        """Navigate, and wait for nothing."""
        self.send(self.page, page.navigate(url=self.site.url(path)))

    async def js(self, expression: str, wait: float = 0.4, session: Session | None = None) -> None:
        """Have a script run, as if a user had done something, and wait a little."""
        command = runtime.evaluate(expression=expression, user_gesture=True)
        (session or self.page).execute(command).addErrback(lambda failure: failure.trap(TxcdpError))
        await self.wait(wait)

    async def wait(self, seconds: float) -> None:
        await deferLater(self.clock, seconds, lambda: None)

    async def open(self) -> None:
        """Open the page; it is set up before it runs."""
        made = await self.browser.session.execute(target.create_target(url="about:blank"))
        self.target_id = made.target_id
        for _ in range(50):
            await self.wait(0.1)
            self.page = self.session_of(made.target_id)
            if self.page is not None:
                return
        raise AssertionError("the page was not attached to")

    def session_of(self, target_id: str) -> Session | None:
        found = [each for each in self.sessions if each.target is not None and each.target.target_id == target_id]
        return found[-1] if found else None


Act = Callable[[Situation], Awaitable[None]]
SITUATIONS: dict[str, Act] = {}


def situation(act: Act) -> Act:
    SITUATIONS[act.__name__] = act
    return act


PAGES: dict[str, Raw] = BROKEN | {
    "/a": http("<title>a</title><p id=top>a<p style='margin-top:3000px' id=below>below"),
    "/b": http("<title>b</title>b"),
    "/c": http("<title>c</title>c"),
    "/rich": http("<title>rich</title><link rel=stylesheet href=/style.css><script src=/script.js></script><img src=/missing.png>"),
    "/style.css": http("p { color: green }", kind="text/css"),
    "/script.js": http("console.log('script')", kind="text/javascript"),
    "/r1": redirect("/r2"),
    "/r2": redirect("/r3", "301 Moved Permanently"),
    "/r3": redirect("/a"),
    "/204": http(status="204 No Content"),
    "/file": http(b"x" * 3000, kind="application/octet-stream", Content_Disposition="attachment; filename=file.bin"),
    "/never": Raw(b"", close=False),
    "/slow": Raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>slow</title><p>begins" + b" " * 2000, close=False),
    "/hanging-image": http("<title>hanging image</title><img src=/never>"),
    "/refresh": http("<title>refresh</title><meta http-equiv=refresh content='0;url=/b'>"),
    "/script-redirect": http("<title>redirect</title><script>location = '/b'</script>"),
    "/late-script-redirect": http("<title>redirect</title><script>onload = () => location = '/b'</script>"),
    "/to-204": http("<title>to 204</title><script>location = '/204'</script><p>stays"),
    "/to-file": http("<title>to file</title><script>location = '/file'</script><p>stays"),
    "/to-mailto": http("<title>to mailto</title><script>location = 'mailto:a@example.org'</script><p>stays"),
    "/form": http("<title>form</title><form method=post action=/posted><input name=a value=1></form><script>onload = () => document.forms[0].submit()</script>"),
    "/posted": http("<title>posted</title>posted"),
    "/opens": http("<title>opens</title><img src=/never><script>setTimeout(() => { document.open(); document.write('<p>never closed') }, 100)</script>"),
    "/late.png": http(b"x", kind="image/png")._replace(delay=1.0),
    "/late-page": http("<title>late page</title>late")._replace(delay=1.0),
    "/late-image": http("<title>late image</title><img src=/late.png>"),
    "/reopens": http("<title>reopens</title><script>onload = () => setTimeout(() => { document.open(); document.write('<p>x') }, 50)</script>"),
    "/stops": http("<title>stops</title><script>window.stop()</script><p>never parsed"),
    "/stops-late": http("<title>stops</title><img src=/never><script>setTimeout(() => window.stop(), 100)</script>"),
    "/empty404": http(status="404 Not Found"),
    "/empty500": http(status="500 Internal Server Error"),
    "/full404": http("<title>not here</title>not here", status="404 Not Found"),
    "/frames": http("<title>frames</title><iframe name=one src=/a></iframe><iframe name=two src=/b></iframe>"),
    "/srcdoc": http("<title>srcdoc</title><iframe srcdoc='<p>inside'></iframe><iframe></iframe>"),
    "/alert": http("<title>alert</title><script>alert('hello'); document.title = confirm('sure?') + prompt('what?', 'this')</script>"),
    "/worker": http("<title>worker</title><script>new Worker('/worker.js'); new SharedWorker('/shared.js')</script>"),
    "/worker.js": http("console.log('worker')", kind="text/javascript"),
    "/shared.js": http("onconnect = () => 1", kind="text/javascript"),
    "/prerender": http("<title>prerender</title><script type=speculationrules>{\"prerender\": [{\"urls\": [\"/b\"]}]}</script><a id=link href=/b>b</a>"),
    "/broken-image": http("<title>broken image</title><img src=/short>"),
    "/frame-204": http("<title>frame 204</title><iframe src=/204></iframe>"),
    "/cacheable.js": http("1", kind="text/javascript", Cache_Control="max-age=3600"),
    "/cacheable.css": http("p { color: red }", kind="text/css", Cache_Control="max-age=3600"),
    "/uses-cache": http("<title>cache</title><link rel=stylesheet href=/cacheable.css><script src=/cacheable.js></script>"),
    "/service-worker.js": http("onfetch = event => { if (event.request.url.includes('made')) event.respondWith(new Response('made')); else if (event.request.url.includes('passed')) event.respondWith(fetch('/b')) }; onactivate = event => event.waitUntil(clients.claim())", kind="text/javascript"),
    "/open": http("open", kind="text/plain", Access_Control_Allow_Origin="*", Access_Control_Allow_Headers="x-a", Access_Control_Allow_Methods="PUT"),
    "/shut": http("shut", kind="text/plain"),
    "/strict": http("<title>strict</title><img src=/style.css><script src=/script.js></script>", Content_Security_Policy="img-src 'none'"),
    "/stream": Raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\nevent: other\nid: 7\ndata: two\n\n", close=False),
    "/pieces": Raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 400000\r\nConnection: close\r\n\r\n" + b"x" * 400_000),
    "/late": http("late", kind="text/plain")._replace(delay=0.8),
    "/fetching-worker.js": http("importScripts('/script.js'); fetch('/b'); onmessage = () => fetch('/never')", kind="text/javascript"),
    "/fetching-worker": http("<title>worker</title><script>worker = new Worker('/fetching-worker.js')</script>"),
    "/hints": http("<title>hints</title><link rel=prefetch href=/b><link rel=preload as=script href=/script.js><link rel=preload as=style href=/style.css><script src=/script.js></script>"),
    "/speculates": http("<title>speculates</title><script type=speculationrules>{\"prefetch\": [{\"urls\": [\"/b\"]}]}</script>"),
    "/range": http("cd", status="206 Partial Content", kind="text/plain", Content_Range="bytes 2-3/6"),
    "/secret": http("no", status="401 Unauthorized", WWW_Authenticate='Basic realm="here"'),
    "/images": http("<title>images</title><div style='height:5000px'></div><img src=/missing.png?1><img loading=lazy src=/missing.png?2>"),
    "/logs": http("<title>logs</title><script src=/logs.js></script>"),
}  # fmt: skip


class Site(RawServer):
    """Answers by what is asked, too.

    :ivar sockets: the port of a WebSocket that sends back what comes.
    """

    sockets = 0

    def reply(self, head: bytes) -> Raw:
        path = head.split(b" ", 2)[1].decode()
        if path == "/etag":
            self.asked.append(path)
            known = b"if-none-match:" in head.lower()
            status, body = ("304 Not Modified", "") if known else ("200 OK", "<title>etag</title>etag")
            return http(body, status=status, ETag='"1"', Cache_Control="max-age=0")
        if path == "/self":
            self.asked.append(path)
            if b"seen=1" in head:
                return http("<title>self</title>")
            return http(status="302 Found", Location="/self", Set_Cookie="seen=1; Max-Age=5")
        return super().reply(head)


class Echo(WebSocketServerProtocol):
    """Sends back what comes; closes where it is told to."""

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if payload == b"close":
            self.sendClose(4000, "as told")
        else:
            self.sendMessage(payload, isBinary)


@situation
async def load(it: Situation) -> None:
    await it.go("/rich", wait=1.2)


@situation
async def redirects(it: Situation) -> None:
    await it.go("/r1", wait=0.8)


@situation
async def same_document(it: Situation) -> None:
    await it.go("/a")
    await it.js("history.pushState({}, '', '/pushed')")
    await it.js("history.back()")


@situation
async def fragment(it: Situation) -> None:
    await it.go("/a")
    await it.go("/a#below")
    await it.js("location.hash = 'top'")


@situation
async def no_content(it: Situation) -> None:
    await it.go("/a")
    await it.go("/204")


@situation
async def download(it: Situation) -> None:
    await it.go("/a")
    await it.go("/file", wait=0.8)


@situation
async def aborted(it: Situation) -> None:
    await it.go("/a")
    it.begin("/never")
    await it.wait(0.3)
    await it.do(page.stop_loading())
    await it.wait(0.3)


@situation
async def refused(it: Situation) -> None:
    await it.go("/a")
    await it.go("http://127.0.0.1:1/nobody")
    await it.go("/b")


@situation
async def superseded(it: Situation) -> None:
    await it.go("/a")
    it.begin("/never")
    await it.wait(0.3)
    await it.go("/b")


@situation
async def superseded_loading(it: Situation) -> None:
    it.begin("/hanging-image")
    await it.wait(0.8)
    await it.go("/b")


@situation
async def superseded_at_once(it: Situation) -> None:
    for path in ("/a", "/b", "/c"):
        it.begin(path)
    await it.wait(0.8)


@situation
async def reloaded(it: Situation) -> None:
    await it.go("/rich", wait=0.8)
    await it.do(page.reload())
    await it.wait(0.8)
    await it.do(page.reload(ignore_cache=True))
    await it.wait(0.8)


@situation
async def crash(it: Situation) -> None:
    await it.go("/a")
    it.page.execute(page.crash()).addErrback(lambda failure: failure.trap(TxcdpError))
    await it.wait(0.6)
    await it.go("/b")


@situation
async def crash_while_loading(it: Situation) -> None:
    it.begin("/hanging-image")
    await it.wait(0.8)
    it.page.execute(page.crash()).addErrback(lambda failure: failure.trap(TxcdpError))
    await it.wait(1.5)
    await it.do(page.reload())
    await it.wait(0.6)


@situation
async def meta_refresh(it: Situation) -> None:
    await it.go("/refresh", wait=1.0)


@situation
async def script_redirect(it: Situation) -> None:
    await it.go("/script-redirect", wait=0.8)


@situation
async def late_script_redirect(it: Situation) -> None:
    await it.go("/late-script-redirect", wait=0.8)


@situation
async def form_post(it: Situation) -> None:
    await it.go("/form", wait=1.0)


@situation
async def back_forward_cache(it: Situation) -> None:
    await it.go("/a", wait=0.8)
    await it.go("/b", host="localhost", wait=0.8)
    await it.js("history.back()", wait=1.2)


@situation
async def back_forward_cache_frames(it: Situation) -> None:
    it.site.answers["/outer"] = http(
        f"<title>outer</title><iframe src='/a'></iframe><iframe src='{it.site.url('/b', 'localhost')}'></iframe>"
    )
    await it.go("/outer", wait=1.0)
    await it.go("/b", host="localhost", wait=0.8)
    await it.js("history.back()", wait=1.2)


@situation
async def loaded_while_leaving(it: Situation) -> None:
    await it.go("/late-image", wait=0.3)
    it.begin("/never")
    await it.wait(1.2)
    await it.do(page.stop_loading())
    await it.wait(0.3)


@situation
async def back_without_cache(it: Situation) -> None:
    it.site.answers["/nostore"] = http(
        "<title>no store</title><script>onunload = () => 1</script>", Cache_Control="no-store"
    )
    await it.go("/nostore", wait=0.6)
    await it.go("/b", wait=0.6)
    await it.js("history.back()", wait=0.8)


@situation
async def prerender_by_tab(it: Situation) -> None:
    await it.go("/prerender", wait=1.5)
    await it.js("document.getElementById('link').click()", wait=1.5)


@situation
async def prerender_refused(it: Situation) -> None:
    """Whoever attaches to pages without their tabs gets no prerendering."""
    await it.go("/prerender", wait=1.5)
    await it.js("document.getElementById('link').click()", wait=1.5)


@situation
async def no_content_while_loaded(it: Situation) -> None:
    await it.go("/late-image", wait=0)
    await it.wait(0.3)
    it.begin("/204")
    await it.wait(1.2)


@situation
async def out_of_process_frame(it: Situation) -> None:
    it.site.answers["/outer"] = http(
        f"<title>outer</title><iframe id=f name=inner src='{it.site.url('/frames', 'localhost')}'></iframe>"
    )
    await it.go("/outer", wait=1.2)
    await it.js("document.getElementById('f').remove()", wait=0.6)


@situation
async def frame_out_and_in(it: Situation) -> None:
    it.site.answers["/outer2"] = http("<title>outer</title><iframe id=f name=inner src='/frames'></iframe>")
    await it.go("/outer2", wait=0.8)
    await it.js(f"document.getElementById('f').src = '{it.site.url('/frames', 'localhost')}'", wait=1.0)
    await it.js("document.getElementById('f').src = '/b'", wait=1.0)
    await it.js(f"document.getElementById('f').src = '{it.site.url('/b', 'localhost')}'", wait=1.0)
    await it.go("/b", wait=0.6)


@situation
async def frames(it: Situation) -> None:
    await it.go("/frames", wait=0.8)
    await it.js("document.querySelector('iframe').remove()")
    await it.js("frames[0].location = '/c'")
    await it.go("/b")


@situation
async def empty_frames(it: Situation) -> None:
    await it.go("/srcdoc", wait=0.8)
    await it.js("let f = document.createElement('iframe'); document.body.append(f); f.src = '/a'", wait=0.6)


@situation
async def frame_no_content(it: Situation) -> None:
    await it.go("/frame-204", wait=0.8)


@situation
async def popup(it: Situation) -> None:
    await it.go("/a")
    await it.js("w = window.open('/b', 'pop')", wait=1.0)
    await it.js("w.location = '/c'", wait=0.6)
    await it.js("w.close()", wait=0.6)


@situation
async def popup_blank(it: Situation) -> None:
    await it.go("/a")
    await it.js("w = window.open(); w.document.write('<p>hello')", wait=0.8)


@situation
async def document_open(it: Situation) -> None:
    await it.go("/opens", wait=1.2)


@situation
async def document_reopened(it: Situation) -> None:
    await it.go("/reopens", wait=1.2)


@situation
async def window_stop(it: Situation) -> None:
    await it.go("/stops", wait=1.2)


@situation
async def window_stop_late(it: Situation) -> None:
    await it.go("/stops-late", wait=1.2)


@situation
async def short_body(it: Situation) -> None:
    await it.go("/short", wait=1.2)
    await it.go("/b")


@situation
async def bad_encoding(it: Situation) -> None:
    await it.go("/encoding", wait=1.2)


@situation
async def unfinished_chunks(it: Situation) -> None:
    await it.go("/chunks", wait=1.2)


@situation
async def broken_image(it: Situation) -> None:
    await it.go("/broken-image", wait=0.8)


@situation
async def script_to_no_content(it: Situation) -> None:
    await it.go("/to-204", wait=1.2)


@situation
async def script_to_download(it: Situation) -> None:
    await it.go("/to-file", wait=1.2)


@situation
async def script_to_mailto(it: Situation) -> None:
    await it.go("/to-mailto", wait=1.2)


@situation
async def mailto(it: Situation) -> None:
    await it.go("/a")
    await it.go("mailto:a@example.org")


@situation
async def empty_404(it: Situation) -> None:
    await it.go("/empty404", wait=0.8)
    await it.go("/b")


@situation
async def empty_500(it: Situation) -> None:
    await it.go("/empty500", wait=0.8)


@situation
async def full_404(it: Situation) -> None:
    await it.go("/full404", wait=0.8)


@situation
async def dialogs(it: Situation) -> None:
    it.begin("/alert")
    for _ in range(3):
        await it.wait(0.4)
        it.send(it.page, page.handle_java_script_dialog(accept=True, prompt_text="that"))
    await it.wait(0.4)


@situation
async def before_unload(it: Situation) -> None:
    await it.go("/a")
    await it.js("onbeforeunload = event => event.preventDefault(); 1")
    it.begin("/b")
    await it.wait(0.5)
    it.send(it.page, page.handle_java_script_dialog(accept=False))
    await it.wait(0.4)
    it.begin("/c")
    await it.wait(0.5)
    it.send(it.page, page.handle_java_script_dialog(accept=True))
    await it.wait(0.5)


@situation
async def workers(it: Situation) -> None:
    await it.go("/worker", wait=1.2)


@situation
async def closed_while_loading(it: Situation) -> None:
    it.begin("/hanging-image")
    await it.wait(0.8)
    await it.browser.session.execute(target.close_target(target_id=it.target_id))
    await it.wait(0.4)


@situation
async def left_with_a_request_in_flight(it: Situation) -> None:
    await it.go("/a")
    await it.js("fetch('/never'); 1")
    await it.go("/b", wait=0.8)


@situation
async def set_content(it: Situation) -> None:
    await it.go("/a")
    await it.js("document.open(); document.write('<p>written'); document.close()", wait=0.6)


@situation
async def isolated_world(it: Situation) -> None:
    await it.go("/frames", wait=0.6)
    await it.do(page.create_isolated_world(frame_id=it.target_id, world_name="ours"))
    await it.wait(0.2)
    await it.go("/b")


# Requests, one after another or in ways of their own:


@situation
async def not_modified(it: Situation) -> None:
    await it.go("/etag")
    await it.do(page.reload())
    await it.wait(0.4)
    await it.js("fetch('/etag')")


@situation
async def self_redirect(it: Situation) -> None:
    await it.go("/self", wait=0.6)


@situation
async def cache(it: Situation) -> None:
    await it.go("/uses-cache", wait=0.6)
    await it.go("/a")
    await it.go("/uses-cache", wait=0.6)
    await it.do(page.reload())
    await it.wait(0.4)
    await it.js(
        "for (let i = 0; i < 2; i++) document.body.append(Object.assign(document.createElement('script'), {src: '/cacheable.js'}))"
    )


@situation
async def service_worker(it: Situation) -> None:
    await it.go("/a", host="localhost")
    await it.js("navigator.serviceWorker.register('/service-worker.js')", wait=1.2)
    await it.js("fetch('/made'); fetch('/passed'); fetch('/c')", wait=0.8)
    await it.go("/passed", host="localhost", wait=0.8)


@situation
async def preflight(it: Situation) -> None:
    await it.go("/a")
    await it.js(f"fetch('{it.site.url('/open', 'localhost')}', {{method: 'PUT', headers: {{'X-A': '1'}}}})", wait=0.6)
    await it.js(f"fetch('{it.site.url('/shut', 'localhost')}', {{method: 'PUT'}}).catch(() => 0)", wait=0.6)
    await it.js(f"fetch('{it.site.url('/never', 'localhost')}', {{method: 'PUT'}}).catch(() => 0)")
    await it.go("/b")


@situation
async def failed(it: Situation) -> None:
    await it.go("/a")
    await it.js("fetch('http://127.0.0.1:1/').catch(() => 0)")
    await it.js(f"fetch('{it.site.url('/shut', 'localhost')}').catch(() => 0)")
    await it.js("fetch('/secret').catch(() => 0)")
    await it.js("fetch('/short').then(it => it.text()).catch(() => 0)")
    await it.go("/strict", wait=0.6)


@situation
async def fetch_aborted(it: Situation) -> None:
    await it.go("/a")
    await it.js("stop1 = new AbortController(); fetch('/never', {signal: stop1.signal}).catch(() => 0)")
    await it.js("stop1.abort()")
    await it.js("stop2 = new AbortController(); fetch('/slow', {signal: stop2.signal}).catch(() => 0)")
    await it.js("stop2.abort()")


@situation
async def fetch_redirects(it: Situation) -> None:
    await it.go("/a")
    await it.js("fetch('/r1')", wait=0.6)
    await it.js("fetch('/r1', {redirect: 'error'}).catch(() => 0)")


@situation
async def keepalive(it: Situation) -> None:
    await it.go("/a")
    await it.js(
        "navigator.sendBeacon('/late', 'x'); fetch('/late', {keepalive: true, method: 'POST', body: 'y'}); 1", wait=0.1
    )
    await it.go("/b", wait=1.2)


@situation
async def crash_in_flight(it: Situation) -> None:
    await it.go("/a")
    await it.js("fetch('/never'); fetch('/slow'); 1")
    it.page.execute(page.crash()).addErrback(lambda failure: failure.trap(TxcdpError))
    await it.wait(0.8)
    await it.go("/b")


@situation
async def websocket(it: Situation) -> None:
    await it.go("/a")
    await it.js(
        f"socket = new WebSocket('ws://127.0.0.1:{it.site.sockets}/'); socket.onopen = () => {{ socket.send('hello'); socket.send(new Uint8Array([1, 2])) }}",
        wait=0.6,
    )
    await it.js("socket.send('close')")
    await it.js("new WebSocket('ws://127.0.0.1:1/')")
    await it.js(f"new WebSocket('{it.site.url('/a').replace('http', 'ws')}')")


@situation
async def websocket_left(it: Situation) -> None:
    await it.go("/a")
    await it.js(
        f"socket = new WebSocket('ws://127.0.0.1:{it.site.sockets}/'); new WebSocket('{it.site.url('/never').replace('http', 'ws')}')",
        wait=0.6,
    )
    await it.go("/b", host="localhost", wait=0.8)


@situation
async def websocket_crash(it: Situation) -> None:
    await it.go("/a")
    await it.js(f"socket = new WebSocket('ws://127.0.0.1:{it.site.sockets}/')", wait=0.6)
    it.page.execute(page.crash()).addErrback(lambda failure: failure.trap(TxcdpError))
    await it.wait(0.8)


@situation
async def event_source(it: Situation) -> None:
    await it.go("/a")
    await it.js("source = new EventSource('/stream')", wait=0.6)
    await it.js("source.close()")
    await it.js("new EventSource('/stream')", wait=0.6)
    await it.go("/b")


@situation
async def frame_in_flight(it: Situation) -> None:
    it.site.answers["/outer"] = http(
        f"<title>outer</title><iframe id=near src=/a></iframe><iframe id=far src='{it.site.url('/a', 'localhost')}'></iframe>"
    )
    await it.go("/outer", wait=1.0)
    (far,) = [each for each in it.sessions if each.target is not None and each.target.type == "iframe"]
    await it.js("fetch('/never'); 1", session=far)
    await it.js("near.contentWindow.fetch('/never'); 1")
    await it.js("near.remove(); far.remove()", wait=0.6)


@situation
async def frame_navigates_in_flight(it: Situation) -> None:
    it.site.answers["/outer"] = http("<title>outer</title><iframe id=near src=/a></iframe>")
    await it.go("/outer", wait=0.6)
    await it.js(f"near.src = '{it.site.url('/never', 'localhost')}'")
    await it.js("near.remove()", wait=0.4)


@situation
async def closed_in_flight(it: Situation) -> None:
    await it.go("/a")
    await it.js("fetch('/never'); fetch('/slow'); 1")
    await it.browser.session.execute(target.close_target(target_id=it.target_id))
    await it.wait(0.4)


@situation
async def worker_requests(it: Situation) -> None:
    await it.go("/fetching-worker", wait=1.0)
    await it.js("worker.postMessage(1)")
    await it.js("worker.terminate()", wait=0.6)


@situation
async def worker_left(it: Situation) -> None:
    await it.go("/fetching-worker", wait=1.0)
    await it.js("worker.postMessage(1); new Worker('/never')")
    await it.go("/b", wait=0.6)


@situation
async def hints(it: Situation) -> None:
    await it.go("/hints", wait=1.0)
    await it.go("/b", wait=0.6)


@situation
async def speculated(it: Situation) -> None:
    await it.go("/speculates", wait=1.0)
    await it.js("location = '/b'", wait=0.8)


@situation
async def partial_and_head(it: Situation) -> None:
    await it.go("/a")
    await it.js("fetch('/range', {headers: {Range: 'bytes=2-3'}})")
    await it.js("fetch('/b', {method: 'HEAD'})")
    await it.js("fetch('/posted', {method: 'POST', body: 'a=1'})")


@situation
async def data_and_blob(it: Situation) -> None:
    await it.go("/a")
    await it.js(
        "fetch('data:text/plain,x'); document.body.append(Object.assign(new Image(), {src: 'data:image/gif;base64,R0lGODlhAQABAAAAACw='}))"
    )
    await it.js(
        "fetch(URL.createObjectURL(new Blob(['x']))); fetch('blob:nowhere').catch(() => 0); fetch('about:blank').catch(() => 0)"
    )


@situation
async def in_pieces(it: Situation) -> None:
    await it.go("/a")
    await it.js("fetch('/pieces').then(it => it.text())", wait=0.8)


@situation
async def priorities(it: Situation) -> None:
    await it.go("/images", wait=0.8)
    await it.js("scrollTo(0, 5000)", wait=0.6)


@situation
async def web_transport(it: Situation) -> None:
    await it.go("/a", host="localhost")
    await it.js(
        "t = new WebTransport('https://127.0.0.1:1/'); t.closed.catch(() => 0); t.ready.catch(() => 0)", wait=0.6
    )
    await it.js("t2 = new WebTransport('https://127.0.0.1:2/')", wait=0)
    await it.go("/b", wait=0.4)


# What is written to the console:


LOGS = r"""
function inner() { console.trace('traced') }
class Thing { constructor() { this.a = 1; this.nested = {deep: {deeper: 1}} } }
console.log('plain', 1, 1.5, -0, NaN, Infinity, 10n, true, null, undefined, Symbol('s'));
console.log('%s is %d and %i, %f, %o, %O, %c styled%c %% %x', 'text', 42.9, 42.9, 1.5, {a: 1}, [1, 2], 'color: red', '', 'left over', 7);
console.log('%s');
console.log('%d %i %f', 'no', '7px', '1.25');
console.log({a: 1, b: 'two', c: [1, 2, 3], d: null, e: undefined, f() {}, g: new Date(0)}, [1, 'two', {}], new Map([['a', 1], [{}, 2]]), new Set([1]), new Uint8Array(3));
console.log(function named(a, b) { return a + b }, () => 1, class Named {}, /re/g, new Date(0), document.body, new Thing(), Promise.resolve(1), new Error('an error'), new WeakMap(), new Proxy({}, {}));
console.log(Object.fromEntries(Array.from({length: 12}, (_, i) => ['key' + i, i])), Array.from({length: 120}, (_, i) => i));
console.debug('debug'); console.info('info'); console.warn('warn'); console.error('error %s', 'with format');
console.log(); console.log(''); console.log('two\nlines');
inner();
console.group('group'); console.log('inside'); console.groupCollapsed('collapsed'); console.log('deeper'); console.groupEnd(); console.groupEnd(); console.log('outside');
console.count(); console.count('named'); console.count('named'); console.countReset('named'); console.count('named');
console.time('timer'); console.timeLog('timer', 'extra'); console.timeEnd('timer'); console.timeEnd('never');
console.assert(true, 'unsaid'); console.assert(false, 'said %s', 'so'); console.assert(false);
console.dir({a: 1}); console.dirxml(document.body); console.table([{a: 1, b: 2}, {a: 3, b: 4}]);
console.clear(); console.log('after');
"""


@situation
async def console_calls(it: Situation) -> None:
    it.site.answers["/logs.js"] = http(LOGS, kind="text/javascript")
    await it.go("/logs", wait=1.0)


THROWS = r"""
setTimeout(() => { throw new TypeError('thrown\nin two lines') });
setTimeout(() => { throw 'a text' });
setTimeout(() => { throw {code: 7} });
setTimeout(() => { throw null });
Promise.reject(new RangeError('rejected'));
Promise.reject('a rejected text');
Promise.reject();
kept = Promise.reject(new Error('caught late')); setTimeout(() => kept.catch(() => 0), 300);
setTimeout(() => null.x);
"""


@situation
async def console_thrown(it: Situation) -> None:
    it.site.answers["/logs.js"] = http(THROWS, kind="text/javascript")
    await it.go("/logs", wait=0.8)
    it.site.answers["/logs.js"] = http("this is no script", kind="text/javascript")
    await it.go("/logs", wait=0.8)


@situation
async def console_entries(it: Situation) -> None:
    await it.go("/strict", wait=0.6)
    await it.js("fetch('/nowhere'); document.write('<script src=/script.js></' + 'script>')")
    await it.js(f"fetch('{it.site.url('/shut', 'localhost')}').catch(() => 0)")
    await it.go("/fetching-worker", wait=0.8)


async def record(clock: Any, browser: Browser, site: Site, name: str) -> None:
    recording = Recording(DROPPED - CONSOLE if name.startswith("console") else DROPPED)
    it = Situation(clock, browser, site, recording)
    root = browser.session
    listening = browser.connection.events_raw().subscribe(recording.heard, lambda _: None)
    if name.endswith("_by_tab"):
        kinds = [target.FilterEntry(type="tab")]
        await AutoAttach(set_up=it.set_up, recursive=False, filter=kinds).start(root)
    else:
        await AutoAttach(set_up=it.set_up).start(root)
    await it.open()
    await SITUATIONS[name](it)
    listening.dispose()
    for each in await browser.targets():
        if each.type == "page":
            await root.execute(target.close_target(target_id=each.target_id))
    await it.wait(0.2)
    recording.write(DATA / f"{name}.jsonl", {site.port: 8000, site.sockets: 8001})
    print(f"{name}: {len(recording.lines)} lines")


async def main(clock: Any, *names: str) -> None:
    site = Site(PAGES)
    echo = WebSocketServerFactory()
    echo.protocol = Echo
    sockets = clock.listenTCP(0, echo, interface="127.0.0.1")
    site.sockets = sockets.getHost().port
    DATA.mkdir(parents=True, exist_ok=True)
    try:
        for name in names or SITUATIONS:
            async with await txcdp.launch(clock, args=("--site-per-process",)) as browser:
                await browser.session.execute(target.set_discover_targets(discover=True))
                await browser.session.execute(
                    browser_domain.set_download_behavior(behavior="deny", events_enabled=True)
                )
                for each in await browser.targets():  # that of the start
                    if each.type == "page":
                        await browser.session.execute(target.close_target(target_id=each.target_id))
                await record(clock, browser, site, name)
    finally:
        await Deferred.fromCoroutine(site.stop())
        await maybeDeferred(sockets.stopListening)


if __name__ == "__main__":
    react(main, sys.argv[1:])
