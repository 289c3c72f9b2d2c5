"""HAR files, by what a real browser does: written while it happens, whole whatever happens, read by others."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import signal
import sys
from base64 import b64decode
from collections import Counter
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.web.http import Request as ServerRequest

from tests.browser.support import got, reactor
from tests.browser.support_programs import ROOT
from tests.browser.test_launch_browser import family
from tests.browser.test_network_browser import FETCH, NetworkTestCase, Pieces, Told, WebSocketTestCase
from tests.har_checks import check_har
from txcdp.network import HarRecording
from txcdp.network._har_file import without_cut_entry
from txcdp.streams import first

#: A picture of one pixel.
PNG = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")

_TEXT = {"type": "string"}
_NUMBER = {"type": "number", "minimum": -1}
_DATE = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}


def _object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """Return the schema of an object; what begins with an underscore is anybody's own."""
    return {
        "type": "object",
        "required": [*required],
        "properties": {**required, **optional, "comment": _TEXT},
        "patternProperties": {"^_": {}},
        "additionalProperties": False,
    }


def _list(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


_PAIRS = _list(_object({"name": _TEXT, "value": _TEXT}))
_COOKIES = _list(
    _object(
        {"name": _TEXT, "value": _TEXT},
        path=_TEXT,
        domain=_TEXT,
        expires=_DATE,
        httpOnly={"type": "boolean"},
        secure={"type": "boolean"},
        sameSite=_TEXT,
    )
)
_MESSAGE = {"httpVersion": _TEXT, "cookies": _COOKIES, "headers": _PAIRS, "headersSize": _NUMBER, "bodySize": _NUMBER}
_PARAMS = _list(_object({"name": _TEXT}, value=_TEXT, fileName=_TEXT, contentType=_TEXT))
_ENTRY = _object(
    {
        "startedDateTime": _DATE,
        "time": {"type": "number", "minimum": 0},
        "request": _object(
            {
                "method": _TEXT,
                "url": {"type": "string", "pattern": "^(https?|wss?)://"},
                "queryString": _PAIRS,
                **_MESSAGE,
            },
            postData=_object({"mimeType": _TEXT, "params": _PARAMS, "text": _TEXT}),
        ),
        "response": _object(
            {
                "status": {"type": "integer", "minimum": 0},
                "statusText": _TEXT,
                "redirectURL": _TEXT,
                "content": _object(
                    {"size": {"type": "integer", "minimum": 0}, "mimeType": _TEXT},
                    compression={"type": "integer"},
                    text=_TEXT,
                    encoding=_TEXT,
                ),
                **_MESSAGE,
            }
        ),
        "cache": {"type": "object"},
        "timings": _object(
            {
                "send": {"type": "number", "minimum": 0},
                "wait": {"type": "number", "minimum": 0},
                "receive": {"type": "number", "minimum": 0},
            },
            blocked=_NUMBER,
            dns=_NUMBER,
            connect=_NUMBER,
            ssl=_NUMBER,
        ),
        "pageref": _TEXT,
    },
    serverIPAddress={"type": "string", "pattern": r"^[0-9a-f.:]+$"},
    connection=_TEXT,
    _initiator={"type": "object", "required": ["type"]},
)
_MADE_BY = _object({"name": _TEXT, "version": _TEXT})
_TIMINGS = _object({}, onContentLoad=_NUMBER, onLoad=_NUMBER)
_PAGE = _object({"startedDateTime": _DATE, "id": _TEXT, "title": _TEXT, "pageTimings": _TIMINGS})
SCHEMA = _object(
    {
        "log": _object(
            {
                "version": {"const": "1.2"},
                "creator": _MADE_BY,
                "browser": _MADE_BY,
                "entries": _list(_ENTRY),
                "pages": _list(_PAGE),
            }
        )
    }
)


def left_in(path: Path) -> list[dict[str, Any]]:
    """Return the entries in the file of a program that was killed, maybe in the middle of a write."""
    data = path.read_bytes()
    try:
        json.loads(data)
    except ValueError:
        whole = without_cut_entry(data)
        assert whole is not None
        kept: list[dict[str, Any]] = json.loads(whole)["log"]["entries"]
        return kept
    entries: list[dict[str, Any]] = read(path)["entries"]
    return entries


def read(path: Path) -> dict[str, Any]:
    """Return the log of a HAR file, which all readers have to be able to read."""

    def no_constant(name: str) -> None:
        raise AssertionError(f"{name} is not valid JSON")

    har: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"), parse_constant=no_constant)
    Draft202012Validator(SCHEMA).validate(har)
    check_har(har)
    log: dict[str, Any] = har["log"]
    return log


class HarTestCase(NetworkTestCase):
    """A test that records to a folder of its own."""

    def setUp(self) -> None:
        super().setUp()
        self.path = Path(self.mktemp())
        self.path.mkdir(parents=True)
        self.har = self.path / "recording.har"

    async def written(self, recording: HarRecording, path: str) -> None:
        """Wait until an exchange is written, with its body."""
        while path not in self.by_path(read(recording.path)):
            await deferLater(reactor, 0.01, lambda: None)

    def by_path(self, log: dict[str, Any]) -> dict[str, Any]:
        """Return the entries by the last part of their URLs, without icons."""
        found = {each["request"]["url"].rpartition("/")[2]: each for each in log["entries"]}
        return {name: each for name, each in found.items() if name != "favicon.ico"}


class RecordingTests(HarTestCase):
    async def test_what_a_page_asks_for(self):
        tab = await self.page()
        zipped = gzip.compress(b"body { color: red }" * 100)
        self.put("/style.css", Told(zipped, content_type="text/css", content_encoding="gzip"))
        self.put("/picture", Told(PNG, content_type="image/png"))
        self.server.page("/old", status=302, location="/page?a=1&b=%C3%A4")
        self.server.page("/page", "<link rel=stylesheet href=/style.css><img src=/picture>")
        recording = await tab.record_har(self.har)
        response = got(await tab.goto(self.server.url("/old")))
        await tab.network_idle(idle=0.05)
        self.assertEqual(self.har.stat().st_mode & 0o777, 0o600)
        self.assertEqual(await recording.stop(), self.har.absolute())
        log = read(self.har)
        self.assertEqual(log["creator"]["name"], "txcdp")
        entries = self.by_path(log)
        self.assertEqual(set(entries), {"old", "page?a=1&b=%C3%A4", "style.css", "picture"})
        page = entries["page?a=1&b=%C3%A4"]
        self.assertEqual(
            page["request"]["queryString"], [{"name": "a", "value": "1"}, {"name": "b", "value": "\u00e4"}]
        )
        self.assertEqual(page["response"]["content"]["text"], await response.text())
        self.assertEqual(entries["old"]["response"]["redirectURL"], self.server.url("/page?a=1&b=%C3%A4"))
        style = entries["style.css"]["response"]
        self.assertEqual(style["content"]["text"], gzip.decompress(zipped).decode())
        self.assertEqual((style["bodySize"], style["content"]["size"]), (len(zipped), 1900))
        self.assertEqual(style["content"]["compression"], 1900 - len(zipped))
        picture = entries["picture"]["response"]["content"]
        self.assertEqual((picture["encoding"], b64decode(picture["text"])), ("base64", PNG))
        self.assertEqual({each["serverIPAddress"] for each in entries.values()}, {"127.0.0.1"})
        self.assertEqual(entries["style.css"]["_initiator"]["type"], "parser")
        self.assertEqual([each["id"] for each in log["pages"]], ["page_1"])
        self.assertGreater(log["pages"][0]["pageTimings"]["onLoad"], 0)
        self.assertGreaterEqual(
            log["pages"][0]["pageTimings"]["onLoad"], log["pages"][0]["pageTimings"]["onContentLoad"]
        )

    async def test_counts_statuses_and_sizes_are_the_server_s(self):
        tab = await self.page()
        counted: Counter[tuple[str, int, int]] = Counter()

        class Counted(Told):
            def give(self, request: ServerRequest) -> Any:
                number = int((request.args or {})[b"n"][0])
                self.status, self.body = 200 + number % 5, b"x" * number
                counted[request.uri.decode(), self.status, number] += 1
                return super().give(request)

        self.put("/data", Counted())
        number = 300
        await tab.goto(self.server.page("/", "<p>here"))
        async with await tab.record_har(self.har, pattern="**/data?*"):
            script = f"Promise.all([...Array({number}).keys()].map(n => fetch('/data?n=' + n).then(a => a.blob())))"
            await tab.evaluate(script)
            await tab.network_idle(idle=0.05)
        entries = read(self.har)["entries"]
        found = Counter(
            (
                each["request"]["url"].removeprefix(self.server.url("")),
                each["response"]["status"],
                each["response"]["content"]["size"],
            )
            for each in entries
            if each["response"]["status"] != 204
        )
        self.assertEqual(found, Counter({key: value for key, value in counted.items() if key[1] != 204}))
        self.assertEqual(len(entries), number)
        comments = {each["response"]["content"].get("comment", "") for each in entries}
        self.assertEqual({each.partition(": ")[0] for each in comments}, {"", "its body could not be read"})

    async def test_secrets(self):
        context = await self.context()
        tab = await context.new_page()
        await tab.goto(self.server.page("/", "<p>here"))
        url = self.put(
            "/data", Told(b'{"access_token": "top-secret-1", "a": 1}', set_cookie="sid=top-secret-2; HttpOnly")
        )
        await context.add_cookies([{"name": "c", "value": "top-secret-3", "url": url}])
        whole = self.path / "whole.har"
        async with await tab.record_har(self.har), await context.record_har(whole, secrets=True):
            form = "application/x-www-form-urlencoded"
            headers = {"Authorization": "Bearer top-secret-5", "Content-Type": form}
            body = "user=ada&password=top-secret-4"
            await tab.evaluate(FETCH, [url, {"method": "POST", "body": body, "headers": headers}])
            await tab.evaluate(FETCH, [self.server.url("/data?token=top-secret-6&x=1"), {}])
            await tab.network_idle(idle=0.05)
        log = read(self.har)
        self.assertNotIn("top-secret", self.har.read_text())
        entry = self.by_path(log)["data"]
        self.assertEqual(entry["request"]["cookies"], [{"name": "c", "value": "***"}])
        self.assertEqual(entry["response"]["cookies"], [{"name": "sid", "value": "***", "httpOnly": True}])
        params = [{"name": "user", "value": "ada"}, {"name": "password", "value": "***"}]
        self.assertEqual(entry["request"]["postData"]["params"], params)
        read(whole)
        for number in range(1, 7):
            self.assertIn(f"top-secret-{number}", whole.read_text())
        self.assertEqual(whole.stat().st_mode & 0o777, 0o600)

    async def test_bodies_beside_the_file_and_nowhere(self):
        tab = await self.opened()
        self.put("/data", Told("h\u00e9".encode(), content_type="text/plain"))
        omitted = self.path / "omitted.har"
        async with await tab.record_har(self.har, bodies="attach"), await tab.record_har(omitted, bodies="omit"):
            await self.fetched(tab, self.server.url("/data"), method="PUT", body="sent")
        content = self.by_path(read(self.har))["data"]["response"]["content"]
        self.assertNotIn("text", content)
        attached = self.path / content["_file"]
        self.assertEqual((attached.suffix, attached.read_bytes()), (".txt", "h\u00e9".encode()))
        self.assertEqual(attached.stat().st_mode & 0o777, 0o600)
        entry = self.by_path(read(omitted))["data"]
        self.assertNotIn("text", entry["response"]["content"])
        self.assertEqual(entry["request"]["postData"]["text"], "")
        with self.assertRaises(ValueError):
            await tab.record_har(self.har, bodies="all")  # type: ignore[arg-type]

    async def test_in_one_zip_file(self):
        tab = await self.opened()
        self.put("/data", Told("h\u00e9".encode(), content_type="text/plain"))
        path = self.path / "all.har.zip"
        async with await tab.record_har(path, bodies="attach"):
            await self.fetched(tab, self.server.url("/data"))
            self.assertFalse(path.exists())
        self.assertEqual([each.name for each in self.path.iterdir()], ["all.har.zip"])
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        with ZipFile(path) as archive:
            log = json.loads(archive.read("har.har"))["log"]
            content = self.by_path(log)["data"]["response"]["content"]
            self.assertEqual(archive.read(content["_file"]), "h\u00e9".encode())
        self.put("/data", Told(b"no more", content_type="text/plain"))
        await tab.route_from_har(path, url="**/data")
        self.assertEqual(await tab.evaluate("fetch('/data').then(answer => answer.text())"), "h\u00e9")

    async def test_what_routes_have_changed_is_what_was_sent(self):
        tab = await self.opened()
        for path in ("/one", "/two"):
            self.put(path, Told(b"", content_type="text/plain"))
        here = self.server.url("")
        await tab.route("**/first", lambda route: route.continue_(url=f"{here}/one", method="PUT", post_data="1"))
        await tab.route("**/second", lambda route: route.fallback(url=f"{here}/two", method="PATCH", post_data=""))
        async with await tab.record_har(self.har), tab.requests.expect("**/first") as first:
            for path in ("/first", "/second"):
                await tab.evaluate("path => fetch(path, {method: 'POST', body: 'x'}).then(a => a.text())", path)
        entries = self.by_path(read(self.har))
        sent = {
            name: (each["request"]["method"], each["request"]["postData"]["text"]) for name, each in entries.items()
        }
        self.assertEqual(sent, {"one": ("PUT", "1"), "two": ("PATCH", "")})
        request = await first.value
        self.assertEqual((request.url, request.method, request.post_data), (f"{here}/first", "PUT", "1"))

    async def test_binary_requests_failures_and_what_has_no_body(self):
        tab = await self.opened()
        self.put("/data", Told())
        self.put("/none", Told(b"", 204))
        async with await tab.record_har(self.har):
            await tab.evaluate("fetch('/data', {method: 'POST', body: new Uint8Array([0, 255])}).then(a => a.text())")
            await tab.evaluate("fetch('/none').then(a => a.text())")
            await tab.evaluate("fetch('http://127.0.0.1:9/refused').catch(() => 0)")
            await tab.evaluate(FETCH, ["data:text/plain,here", {}])
            await tab.network_idle(idle=0.05)
        entries = self.by_path(read(self.har))
        data = entries["data"]["request"]["postData"]
        self.assertEqual((data["_encoding"], b64decode(data["text"])), ("base64", b"\0\xff"))
        self.assertEqual(entries["none"]["response"]["status"], 204)
        self.assertIn("net::ERR_", entries["refused"]["response"]["_error"])
        self.assertEqual(set(entries), {"data", "none", "refused"})

    async def test_as_little_as_it_takes_to_answer(self):
        self.put("/data", Told(b"{}", x_more="1"))
        self.server.page("/", "<p>here")
        context = await self.context(record_har_path=self.har, record_har_mode="minimal", base_url=self.server.url("/"))
        tab = await context.new_page("/")
        await self.fetched(tab, self.server.url("/data"), method="POST", body="sent")
        await self.fails(tab.record_har(self.path / "other.har", mode="some"), ValueError)  # type: ignore[arg-type]
        await context.close()
        log = json.loads(self.har.read_text())["log"]
        check_har({"log": log})
        self.assertEqual(log["pages"], [])
        (entry,) = [each for each in log["entries"] if each["request"]["url"].endswith("/data")]
        self.assertLessEqual(
            set(entry),
            {"startedDateTime", "time", "request", "response", "cache", "timings", "_resourceType"},
        )
        self.assertEqual((entry["request"]["cookies"], entry["response"]["cookies"]), ([], []))
        self.assertEqual(entry["request"]["postData"]["text"], "sent")
        self.assertEqual(entry["response"]["content"]["text"], "{}")
        self.assertIn(("x-more", "1"), [(each["name"].lower(), each["value"]) for each in entry["response"]["headers"]])
        sizes = [each[name] for each in (entry["request"], entry["response"]) for name in ("headersSize", "bodySize")]
        self.assertEqual(sizes, [-1] * 4)

    async def test_a_context_with_its_popups_and_workers(self):
        self.put("/asked", Told())
        self.server.page("/worker.js", "fetch('/asked?worker')", content_type="text/javascript")
        self.server.page("/popup", "<script>fetch('/asked?popup')</script>")
        self.server.page("/", "<script>new Worker('/worker.js'); open('/popup')</script>")
        context = await self.context(record_har_path=self.har, record_har_content="omit", base_url=self.server.url("/"))
        tab = await context.new_page()
        asked = [
            context.requests_finished.filter(lambda each: each.url.endswith("/asked?worker")).take(1),
            context.requests_finished.filter(lambda each: each.url.endswith("/asked?popup")).take(1),
        ]
        waiting = [first(each) for each in asked]
        await tab.goto("/")
        for each in waiting:
            await each
        await context.close()
        log = read(self.har)
        self.assertEqual(set(self.by_path(log)), {"", "worker.js", "popup", "asked?worker", "asked?popup"})
        self.assertEqual(len(log["pages"]), 2)

    async def test_a_recording_that_begins_during_a_load(self):
        tab = await self.page()
        held = self.server.held("/", "<p>begins")
        going = tab.goto(self.server.url("/"))
        await held.asked
        await tab.record_har(self.har)
        self.put("/data", Told())
        held.release(b"<script>fetch('/data')</script>")
        await going
        await tab.network_idle(idle=0.05)
        await tab.close()
        log = read(self.har)
        self.assertEqual([each["title"] for each in log["pages"]], [self.server.url("/")])
        self.assertIn("data", self.by_path(log))

    async def test_stopping_is_bounded_and_tells_what_had_not_ended(self):
        tab = await self.opened()
        pieces = Pieces("text/plain")
        self.put("/pieces", pieces)
        self.server.held("/held")
        recording = await tab.record_har(self.har)
        async with tab.exchanges.expect("**/held") as held:
            await tab.evaluate("() => { fetch('/held'); fetch('/pieces').then(answer => answer.text()) }")
        async with tab.exchanges.expect("**/nothing"):
            await tab.evaluate("() => { fetch('/nothing') }")
        await pieces.begun
        await recording.stop()
        await recording.stop()
        self.assertFalse((await held.value).finished)
        entries = self.by_path(read(self.har))
        for name in ("held", "pieces"):
            self.assertIn("had not completed", entries[name]["comment"])
        self.assertFalse(tab._tree.network.sessions.listening)

    async def test_a_file_that_cannot_be_written(self):
        tab = await self.page()
        await self.fails(tab.record_har(self.path / "no" / "such.har"), FileNotFoundError)


class SocketTests(HarTestCase, WebSocketTestCase):
    async def test_messages(self):
        tab = await self.opened()
        url = self.echoing()
        async with await tab.record_har(self.har):
            script = (
                "url => new Promise(done => { const socket = new WebSocket(url); socket.onclose = () => done(1);"
                "socket.onmessage = event => { if (event.data === 'bye') socket.close() };"
                "socket.onopen = () => { socket.send('h\u00e9'); socket.send('{\"password\": \"x\"}');"
                "socket.send(new Uint8Array([1, 255])); socket.send('y'.repeat(400000)); socket.send('bye') } })"
            )
            closed = tab.wait_for_exchange(lambda each: each.web_socket is not None and each.finished)
            await tab.evaluate(script, url)
            await closed
        entry = self.by_path(read(self.har))["echo"]
        self.assertEqual((entry["response"]["status"], entry["_resourceType"]), (101, "websocket"))
        messages = entry["_webSocketMessages"]
        sent = [(each["opcode"], each["data"]) for each in messages if each["type"] == "send"]
        expected = [(1, "h\u00e9"), (1, '{"password": "***"}'), (2, "Af8="), (1, "y" * 400000), (1, "bye")]
        self.assertEqual(sent, expected)
        self.assertEqual([(each["opcode"], each["data"]) for each in messages if each["type"] == "receive"], expected)
        now = reactor.seconds()
        self.assertTrue(all(abs(each["time"] - now) < 240 for each in messages))


def kill_process(process: Any) -> None:
    """Kill a process, unless it has ended."""
    with contextlib.suppress(ProcessExitedAlready):
        process.signalProcess("KILL")


class Recorder(ProcessProtocol):
    """A program that records, in a process of its own; see ``har_client``.

    :ivar ended: fires when it has ended.
    """

    def __init__(self, enough: int) -> None:
        self.numbers: list[int] = []
        self.recorded: Deferred[None] = Deferred()
        self.ended: Deferred[None] = Deferred()
        self._enough = enough
        self._rest = b""

    def outReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.numbers += map(int, lines)
        if len(self.numbers) > 1 and self.numbers[-1] >= self._enough and not self.recorded.called:
            self.transport.signalProcess("KILL")  # type: ignore[union-attr]
            self.recorded.callback(None)

    def errReceived(self, data: bytes) -> None:
        sys.stderr.buffer.write(data)

    def processEnded(self, reason: Failure) -> None:
        if not self.recorded.called:
            self.recorded.errback(reason)
        self.ended.callback(None)


class DeathTests(HarTestCase):
    async def test_the_browser_dies(self):
        browser = await self.launch()
        tab = await browser.new_page()
        await tab.goto(self.server.page("/", "<p>here"))
        recording: HarRecording = await browser.default_context.record_har(self.har)
        self.put("/data", Told())
        self.server.held("/held")
        await self.fetched(tab, self.server.url("/data"))
        await self.written(recording, "data")
        async with tab.exchanges.expect("**/held"):
            await tab.evaluate("() => { fetch('/held') }")
        assert browser.process is not None
        pid = browser.process.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await browser.when_closed()
        await recording.stop()
        entries = self.by_path(read(self.har))
        self.assertEqual(entries["data"]["response"]["content"]["text"], "told")
        self.assertIn("gone", entries["held"]["response"]["_error"])

    async def test_the_program_is_killed(self):
        self.server.page("/", "<p>here")
        bodies = {number: b"x" * (number * 997 % 60_000) for number in range(10_000)}

        class Numbered(Told):
            def give(self, request: ServerRequest) -> Any:
                self.body = bodies[int((request.args or {})[b"n"][0])]
                return super().give(request)

        self.put("/data", Numbered())
        recorder = Recorder(enough=40)
        arguments = [sys.executable, "-m", "tests.browser.har_client", self.server.url("").rstrip("/"), str(self.har)]
        process = reactor.spawnProcess(recorder, sys.executable, arguments, env=None, path=str(ROOT))
        self.addCleanup(kill_process, process)
        await recorder.recorded
        await recorder.ended
        pid, *numbers = recorder.numbers
        entries = left_in(self.har)
        self.assertGreaterEqual(len(entries), numbers[-1])
        for each in entries:
            if "/data?n=" in each["request"]["url"]:
                number = int(each["request"]["url"].rpartition("=")[2])
                self.assertEqual(each["response"]["content"]["text"], bodies[number].decode())
        while family(pid):  # the browser goes after its program
            await deferLater(reactor, 0.05, lambda: None)
        await self.launch()  # which removes the profile that the dead program has left

    async def test_the_file_is_whole_at_any_time(self):
        tab = await self.opened()
        self.put("/data", Told(b"x" * 3000))
        async with await tab.record_har(self.har) as recording:
            for number in range(5):
                await self.fetched(tab, self.server.url(f"/data?{number}"))
                await self.written(recording, f"data?{number}")
                self.assertEqual(len(read(self.har)["entries"]), recording.entries)
