"""Renders in memory: what requests may say, what is told of errors, and who has which browser for how long."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from openapi_spec_validator import validate
from twisted.internet.defer import Deferred

from tests.gateway.support import Caller, FakeLaunched, FakeRunning, GatewayCase, Starter
from tests.gateway.test_gateway_policy import SPELLINGS
from tests.page.support import frame_of
from txcdp.domains import browser, emulation, fetch, network, page, runtime, storage, target
from txcdp.errors import (
    CommandError,
    CommandTimeout,
    ConnectionLost,
    DownloadStarted,
    EvaluationError,
    NavigationError,
    Overloaded,
    SessionDetached,
    TargetCrashed,
    TxcdpError,
)
from txcdp.gateway import AccessOptions, Gateway, Policy, PoolOptions, RenderOptions
from txcdp.gateway._http.refusals import busy
from txcdp.gateway._http.requests import Answer
from txcdp.gateway._http.routes import Operation
from txcdp.gateway.render import _requests as requests
from txcdp.gateway.render._endpoints import ENDPOINTS
from txcdp.gateway.render._openapi import document
from txcdp.gateway.render._problems import problem_of
from txcdp.testing import NEVER, FakeChrome

TOKEN = "0123456789abcdef-one"
URL = "http://example.com/"


class ChromeStarter(Starter):
    """Starts browsers that are all the same FakeChrome."""

    def __init__(self, chrome: FakeChrome, at_once: bool) -> None:
        super().__init__(at_once)
        self.chrome = chrome

    def make(self) -> FakeRunning:
        self.browsers.append(FakeLaunched(1000 + len(self.browsers), self.chrome))
        return self.browsers[-1]


class RenderCase(GatewayCase):
    """A gateway that renders with a FakeChrome."""

    def begin(self, at_once: bool = True, render: dict[str, Any] | None = None, **options: Any) -> Gateway:
        self.chrome = FakeChrome(self.reactor)
        self.chrome.on(page.capture_screenshot, page.CaptureScreenshotResult(data=b"picture"))
        self.chrome.on(page.print_to_pdf, page.PrintToPDFResult(data=b"%PDF-"))
        self.chrome.on(runtime.evaluate, _value("text"))
        self.starter = ChromeStarter(self.chrome, at_once)
        gateway = self.make(render=RenderOptions(**(render or {})), **options)
        assert gateway.renders is not None
        self.sharing = gateway.renders.sharing
        return gateway

    def finish(self) -> None:
        stopped = self.gateway.stop()
        self.reactor.advance(0)
        self.reactor.advance(0)
        self.assertEqual(self.gateway.clients.taken, 0)
        super().finish()
        self.successResultOf(stopped)
        self.assertEqual(self.sharing.hosts, [])
        self.assertEqual(self.chrome.targets.contexts, [])

    def post(self, path: str, *headers: str, body: bytes | None = None, **wanted: Any) -> Caller:
        """Return one who has asked; as far as that goes without time, it is done."""
        text = json.dumps(wanted).encode() if body is None else body
        kind = "" if any(each.startswith("Content-Type") for each in headers) else "Content-Type: application/json"
        caller = self.caller()
        length = f"Content-Length: {len(text)}"
        lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1:9222", length, *filter(None, [kind, *headers]), "", ""]
        caller.feed("\r\n".join(lines).encode() + text)
        self.reactor.advance(0)
        return caller

    def problem(self, status: int, kind: str, path: str, *headers: str, **wanted: Any) -> Any:
        caller = self.post(path, *headers, **wanted)
        return self.check_problem(caller, status, kind)

    def check_problem(self, caller: Caller, status: int, kind: str) -> Any:
        self.assertEqual(caller.status, status, caller.written)
        self.assertIn("content-type: application/problem+json", caller.head.lower())
        said = json.loads(caller.body)
        self.assertEqual((said["status"], said["type"]), (status, f"urn:txcdp:problem:{kind}"))
        return said


def _value(value: Any) -> runtime.EvaluateResult:
    return runtime.EvaluateResult(result=runtime.RemoteObject(type="object", value=value))


#: What a page says that is ready for its picture.
PREPARED = {"result": {"type": "object", "value": {"changed": False, "waited": False, "ratio": 1}}}


class What(RenderCase):
    def test_a_picture(self):
        self.begin()
        self.chrome.on(runtime.evaluate, PREPARED)
        caller = self.post(
            "/screenshot", url=URL, format="jpeg", quality=7, clip={"x": 1, "y": 2, "width": 3, "height": 4}
        )
        self.assertEqual((caller.status, caller.body), (200, b"picture"))
        self.assertIn("image/jpeg", caller.head)
        (taken,) = self.chrome.received(page.capture_screenshot)
        self.assertEqual((taken.format, taken.quality), ("jpeg", 7))
        self.assertEqual(taken.clip, page.Viewport(x=1.0, y=2.0, width=3.0, height=4.0, scale=1.0))
        self.assertEqual(self.chrome.received(page.navigate)[0].url, URL)
        self.assertEqual(self.chrome.targets.contexts, [])
        (denied,) = self.chrome.received(browser.set_download_behavior)
        self.assertEqual(denied.behavior, "deny")
        self.assertEqual(self.chrome.received(fetch.enable), [], "nothing is forbidden")

    def test_a_document_is_printed(self):
        self.begin()
        caller = self.post("/pdf/", url=URL, paper="a5", margin_left=1, page_ranges="2", landscape=False)
        self.assertEqual((caller.status, caller.body), (200, b"%PDF-"))
        (printed,) = self.chrome.received(page.print_to_pdf)
        self.assertEqual((printed.paper_width, printed.paper_height, printed.margin_left), (5.83, 8.27, 1.0))
        self.assertEqual((printed.page_ranges, printed.landscape, printed.scale), ("2", False, None))
        self.post("/pdf", url=URL, paper_width=3)
        self.assertEqual(self.chrome.received(page.print_to_pdf)[1].paper_width, 3.0)
        self.chrome.once(page.print_to_pdf, CommandError("", -32000, "Page range syntax error"))
        self.problem(400, "request", "/pdf", url=URL, page_ranges="x")
        self.chrome.on(page.print_to_pdf, CommandError("", -32000, "Printing failed"))
        caller = self.post("/pdf", url=URL)
        for _ in range(10):  # a commit may have come between: it is tried again
            self.reactor.advance(0.1)
        self.check_problem(caller, 502, "browser")
        numbers = self.get("/metrics").body.decode()
        for status, number in ((200, 2), (400, 1), (502, 1)):
            self.assertIn(f'txcdp_gateway_renders_total{{path="/pdf",status="{status}"}} {number}.0', numbers)

    def test_html(self):
        self.begin()
        self.chrome.on(runtime.evaluate, _value("<p>\ud800"))
        caller = self.post("/content", url=URL)
        self.assertEqual((caller.status, caller.body), (200, b"<p>?"))
        self.assertIn("Content-Security-Policy: sandbox", caller.head)

    def test_values(self):
        self.begin()
        for said, found in (
            ({"value": [1, "\ud800"]}, b'{"result":[1,"\\ud800"]}'),
            ({"unserializable_value": "-Infinity"}, b'{"result":null}'),
            ({"unserializable_value": f"{2**70}n"}, b'{"result":1180591620717411303424}'),
            ({}, b'{"result":null}'),
        ):
            answer = runtime.EvaluateResult(result=runtime.RemoteObject(type="object", **said))
            self.chrome.once(runtime.evaluate, answer)
            caller = self.post("/evaluate", url=URL, expression="x")
            self.assertEqual((caller.status, caller.body), (200, found))
        self.post("/evaluate", url=URL, function="a => a", args=['"'])
        called = self.chrome.received(runtime.evaluate)[-1].expression
        self.assertEqual(called, '(a => a\n)("\\"")')

    def test_how_a_page_is_set_up(self):
        self.begin()
        cookies = [{"name": "a", "value": "b", "http_only": True}, {"name": "c", "value": "d", "domain": "x.example"}]
        window = {"width": 5, "height": 6, "scale": 2}
        self.post("/content", url=URL, cookies=cookies, headers={"X": "y"}, user_agent="me", viewport=window)
        (said,) = self.chrome.received(storage.set_cookies)
        found = [(each.name, each.url, each.domain) for each in said.cookies]
        self.assertEqual(found, [("a", URL, None), ("c", None, "x.example")])
        self.assertEqual(self.chrome.received(network.set_extra_http_headers)[0].headers, {"X": "y"})
        self.assertEqual(self.chrome.received(emulation.set_user_agent_override)[0].user_agent, "me")
        (size,) = self.chrome.received(emulation.set_device_metrics_override)
        self.assertEqual((size.width, size.height, size.device_scale_factor), (5, 6, 2.0))

    def test_what_the_browser_does_not_take(self):
        self.begin()
        self.chrome.once(storage.set_cookies, CommandError("", -32602, "Invalid cookie fields"))
        said = self.problem(400, "request", "/content", url=URL, cookies=[{"name": "a", "value": "b"}])
        self.assertIn("Invalid cookie fields", said["detail"])
        self.assertEqual(self.chrome.received(page.navigate), [])

    def test_a_dialog_is_dismissed(self):
        self.begin()
        self.chrome.on(runtime.evaluate, NEVER)
        self.post("/content", url=URL)
        (session,) = [each for each in self._sessions() if each.id]
        opening = page.JavascriptDialogOpening(
            url=URL, frame_id="F", message="!", type="alert", has_browser_handler=False
        )
        self.chrome.emit(opening, session)
        self.reactor.advance(0)
        self.assertEqual(self.chrome.received(page.handle_java_script_dialog)[0].accept, False)
        self.reactor.advance(30)

    def _sessions(self) -> list[Any]:
        return [each for host in self.sharing.hosts for each in host.browser.connection.sessions]

    def test_too_large(self):
        self.begin(render={"max_output": 6})
        self.chrome.on(runtime.evaluate, PREPARED)
        said = self.problem(502, "output", "/screenshot", url=URL)
        self.assertIn("7 bytes", said["detail"])


class Documents(RenderCase):
    """HTML that was given, and what may be loaded."""

    def test_a_document_is_written(self):
        self.begin()
        self.chrome.once(runtime.evaluate, NEVER)
        caller = self.post("/content", html="<p>\u2028")
        session = self._session()
        (written,) = self.chrome.received(runtime.evaluate)
        self.assertIn(r'"<p>\u2028"', written.expression)
        frame = session.target.target_id
        self._say(session, frame, "load")
        self._open(session)
        for name in ("init", "DOMContentLoaded", "load"):
            self.assertEqual(caller.status, 0)
            self._say(session, "FRAME OF ANOTHER", name)
            self._say(session, frame, name)
        self.chrome.reply(self.chrome.commands[-1], _value(None))
        self.reactor.advance(0)
        self.assertEqual((caller.status, caller.body), (200, b"text"))
        self.assertNotIn("X-Page-Status", caller.head)
        caller = self.post("/content", html="", wait_until="commit")
        self._open(self._session())
        self.assertEqual(caller.status, 200)

    def test_a_page_that_is_gone_before_it_is_there(self):
        self.begin()
        caller = self.post("/content", html="")
        self.assertEqual(caller.status, 0)
        self.chrome.targets.close(self.chrome.targets.all[self._session().target.target_id])
        self.reactor.advance(0)
        self.check_problem(caller, 502, "closed")

    def _session(self) -> Any:
        (host,) = self.sharing.hosts
        return next(each for each in host.browser.connection.sessions if each.id)

    def _open(self, session: Any) -> None:
        frame = session.target.target_id
        self.chrome.emit(page.DocumentOpened(frame=frame_of(frame, "about:blank", loader_id=f"{frame}-0")), session)
        self.reactor.advance(0)

    def _say(self, session: Any, frame: str, name: str) -> None:
        self.chrome.emit(page.LifecycleEvent(frame_id=frame, loader_id=f"{frame}-0", name=name, timestamp=1.0), session)
        self.reactor.advance(0)

    def _pause(self, frame: str, url: str) -> None:
        session = self._session()
        asked = network.Request(
            url=url, method="GET", headers={}, initial_priority="High", referrer_policy="no-referrer"
        )
        event = fetch.RequestPaused(request_id=url, request=asked, frame_id=frame, resource_type="Document")
        self.chrome.emit(event, session)
        self.reactor.advance(0)

    def test_a_document_is_put_in(self):
        self.begin()
        self.chrome.on(page.navigate, NEVER)
        self.post("/content", html="<p>\xe4", url=URL)
        (pattern,) = self.chrome.received(fetch.enable)[0].patterns or []
        self.assertEqual(pattern.resource_type, "Document")
        main = self._session().target.target_id
        self._pause(main, URL)
        (said,) = self.chrome.received(fetch.fulfill_request)
        self.assertEqual((said.request_id, said.body), (URL, "<p>\xe4".encode()))
        self._pause("another frame", "http://example.com/frame")
        (gone_on,) = self.chrome.received(fetch.continue_request)
        self.assertEqual(gone_on.request_id, "http://example.com/frame")
        self.reactor.advance(30)

    def test_a_document_that_may_have_nothing_private(self):
        self.begin(policy=Policy(private_addresses=False))
        self.chrome.on(page.navigate, NEVER)
        self.post("/content", html="")
        self.assertEqual(self.chrome.received(page.navigate)[0].url, "http://html.invalid/")
        self.assertEqual(self.chrome.received(runtime.evaluate), [])
        self.reactor.advance(30)

    def test_private_addresses_that_a_page_leads_to(self):
        self.begin(policy=Policy(private_addresses=False))
        self.chrome.on(page.navigate, NEVER)
        self.post("/content", url=URL)
        refused = [
            f"http://{host}/" for host in (*SPELLINGS, "[::7f00:1]", "[64:ff9b::a00:1]", "[2002:a00:1::]", "printer")
        ]
        for url in (*refused, "http://example.org/", "http://[64:ff9b::808:808]/"):
            self._pause("a frame", url)
        self.assertEqual([each.request_id for each in self.chrome.received(fetch.fail_request)], refused)
        gone_on = [each.request_id for each in self.chrome.received(fetch.continue_request)]
        self.assertEqual(gone_on, ["http://example.org/", "http://[64:ff9b::808:808]/"])
        self.reactor.advance(30)

    def test_where_a_page_may_not_lead(self):
        self.begin(policy=Policy(schemes=("ftp",)))
        waiting: list[Any] = []

        def note(command: page.navigate) -> Any:
            waiting.append(self.chrome.current)
            return NEVER

        self.chrome.on(page.navigate, note)
        caller = self.post("/content", url=URL)
        self._pause("another frame", "ftp://example.com/")
        self._pause(self._session().target.target_id, "ftp://example.org/")
        failed = [(each.request_id, each.error_reason) for each in self.chrome.received(fetch.fail_request)]
        self.assertEqual(failed, [("ftp://example.com/", "AccessDenied"), ("ftp://example.org/", "AccessDenied")])
        self.chrome.reply(waiting[0], page.NavigateResult(frame_id="F", error_text="net::ERR_ACCESS_DENIED"))
        self.reactor.advance(0)
        self.reactor.advance(5)
        said = self.check_problem(caller, 403, "policy")
        self.assertIn("'ftp'", said["detail"])
        caller = self.post("/content", url=URL)
        self.chrome.reply(waiting[1], page.NavigateResult(frame_id="F", error_text="net::ERR_FAILED"))
        self.reactor.advance(0)
        self.reactor.advance(5)
        self.check_problem(caller, 502, "navigation")


class WhatNot(RenderCase):
    def test_what_is_no_request(self):
        self.begin(render={"max_body": 5000})
        self.problem(415, "type", "/content", "Content-Type: text/plain", html="")
        self.problem(413, "body", "/content", html="x" * 5000)
        self.problem(400, "json", "/content", body=b"{")
        self.problem(400, "json", "/content", body=b'{"html": "\xff"}')
        self.problem(400, "json", "/evaluate", body=b'{"args": ' + b"[" * 4900)
        self.assertIn("unknown field `htlm`", self.problem(400, "request", "/content", htlm="")["detail"])
        self.assertIn("$.timeout", self.problem(400, "request", "/content", html="", timeout=121)["detail"])
        self.problem(400, "request", "/content", url="http://[a/")
        self.assertIn("http, https", self.problem(403, "policy", "/content", url="file:///etc/passwd")["detail"])
        for verb in ("GET", "PUT", "HEAD"):
            caller = self.get("/pdf", verb=verb)
            self.assertEqual(caller.status, 405)
            self.assertIn("Allow: POST", caller.head)
        self.assertEqual(self.gateway.counters.refused["request"], 3)

    def test_the_policy(self):
        self.begin(policy=Policy(private_addresses=False))
        for url in ("http://127.0.0.1/", "http://10.0.0.1/", "http://localhost/"):
            self.problem(403, "policy", "/content", url=url)
        for host in SPELLINGS:
            for path in ("/content", "/screenshot", "/pdf"):
                said = self.problem(403, "policy", path, url=f"http://{host}/")
            self.assertIn("private", said["detail"], host)

    def test_how_many_a_token_may_have(self):
        path = Path(self.mktemp())
        path.write_text(f'[one]\ntoken = "{TOKEN}"\nclients = 1\n')
        self.begin(access=AccessOptions(tokens=str(path)))
        self.assertEqual(self.post("/content", url=URL).status, 401)
        self.chrome.on(runtime.evaluate, NEVER)
        first = self.post("/content", f"Authorization: Bearer {TOKEN}", url=URL)
        self.assertEqual(first.status, 0)
        second = self.post("/content", f"Authorization: Bearer {TOKEN}", url=URL)
        self.check_problem(second, 429, "quota")
        self.assertIn("Retry-After", second.head)
        self.reactor.advance(30)
        self.check_problem(first, 504, "deadline")

    def test_the_time_is_up(self):
        self.begin()
        self.chrome.on(page.navigate, NEVER)
        caller = self.post("/content", url=URL, timeout=3, wait_until="networkidle")
        self.reactor.advance(2.9)
        self.assertEqual(caller.status, 0)
        self.reactor.advance(0.2)
        said = self.check_problem(caller, 504, "deadline")
        self.assertIn("within 3 s: still loading the page, until 'networkidle'", said["detail"])
        self.reactor.advance(0)
        self.assertEqual(self.chrome.targets.contexts, [])

    def test_the_asker_hangs_up(self):
        self.begin()
        self.chrome.on(page.navigate, NEVER)
        caller = self.post("/content", url=URL)
        self.assertEqual((self.gateway.clients.taken, len(self.chrome.targets.contexts)), (1, 1))
        caller.leave()
        self.reactor.advance(0)
        self.assertEqual((self.gateway.clients.taken, len(self.chrome.targets.contexts)), (0, 0))
        self.assertEqual([each.now for each in self.sharing.hosts], [0])

    def test_the_asker_hangs_up_while_a_context_is_made(self):
        self.begin()
        made: Deferred[Any] = Deferred()
        self.chrome.once(target.create_browser_context, lambda _: made)
        caller = self.post("/content", url=URL)
        caller.leave()
        self.assertEqual([each.now for each in self.sharing.hosts], [1])
        self.chrome.targets.contexts.append("LATE")
        made.callback(target.CreateBrowserContextResult(browser_context_id="LATE"))
        self.reactor.advance(0)
        self.reactor.advance(0)
        self.assertEqual(self.chrome.targets.contexts, [])
        self.assertEqual([each.now for each in self.sharing.hosts], [0])

    def test_what_is_a_fault_of_ours(self):
        self.begin()

        def fail(error: Exception) -> Any:
            raise error

        for error in (OSError("x"), TxcdpError("y")):
            self.patch(self.sharing, "_lend", lambda error=error: fail(error))
            caller = self.post("/content", url=URL)
            self.assertEqual(caller.status, 500)
            self.assertEqual(len(self.flushLoggedErrors(type(error))), 1)


class Sharing(RenderCase):
    """Which browsers renders have."""

    def test_one_browser_for_several(self):
        self.begin(render={"pages": 3, "renders": 5, "linger": 7.0})
        self.chrome.on(runtime.evaluate, NEVER)
        callers = [self.post("/content", url=URL, timeout=20 + number) for number in range(4)]
        (host,) = self.sharing.hosts
        self.assertEqual((host.now, host.used), (3, 3))
        self.assertEqual(len(self.chrome.targets.contexts), 3)
        self.reactor.advance(20)
        self.reactor.advance(0)
        self.assertEqual([each.status for each in callers], [504, 0, 0, 0])
        self.assertEqual((host.now, host.used), (3, 4))
        self.reactor.advance(3)
        self.reactor.advance(0)
        self.assertEqual((host.now, self.sharing.hosts), (0, [host]))
        self.reactor.advance(6)
        self.chrome.on(runtime.evaluate, _value("text"))
        self.assertEqual(self.post("/content", url=URL).status, 200)
        self.reactor.advance(0)
        self.assertEqual(self.sharing.hosts, [], "it has had five")
        self.assertEqual(self.gateway.pool.counts.recycled, 1)
        self.assertEqual(self.post("/content", url=URL).status, 200)
        (another,) = self.sharing.hosts
        self.assertIsNot(another, host)
        self.reactor.advance(6.9)
        self.assertEqual(self.sharing.hosts, [another])
        self.reactor.advance(0.2)
        self.assertEqual(self.sharing.hosts, [])
        self.assertEqual(len(self.gateway.pool.leased), 0)

    def test_the_queue(self):
        self.begin(render={"pages": 1, "queue": 1})
        self.chrome.on(runtime.evaluate, NEVER)
        callers = [self.post("/content", url=URL) for _ in range(3)]
        self.check_problem(callers[2], 503, "renders")
        self.assertIn("Retry-After", callers[2].head)
        callers[1].leave()
        self.chrome.on(runtime.evaluate, _value("text"))
        self.assertEqual(self.post("/content", url=URL).status, 0, "it waits")
        callers[0].leave()
        self.reactor.advance(0)

    def test_browsers_as_many_as_are_needed(self):
        self.begin(at_once=False, render={"pages": 2, "browsers": 2}, pool=PoolOptions(size=3, warm=0))
        callers = [self.post("/content", url=URL) for _ in range(5)]
        self.assertEqual((self.gateway.pool.waiting, len(self.starter.waiting)), (2, 2))
        self.starter.come_up()
        self.reactor.advance(0)
        self.assertEqual([each.status for each in callers], [200] * 5)
        self.assertEqual(len(self.starter.waiting), 0 if self.starter.cancelled else 1)
        while self.starter.waiting:
            self.starter.come_up()
        self.reactor.advance(0)

    def test_nobody_waits_any_more(self):
        self.begin(at_once=False, pool=PoolOptions(size=1, warm=0))
        caller = self.post("/content", url=URL)
        self.assertEqual(self.gateway.pool.waiting, 1)
        caller.leave()
        self.assertEqual(self.gateway.pool.waiting, 0)
        caller = self.post("/content", url=URL, timeout=4)
        self.reactor.advance(4)
        self.assertIn("waiting for a browser", self.check_problem(caller, 504, "deadline")["detail"])
        self.starter.come_up()

    def test_there_is_no_browser(self):
        self.begin(at_once=False, pool=PoolOptions(size=1, warm=0, queue_deadline=5.0))
        callers = [self.post("/content", url=URL) for _ in range(2)]
        self.reactor.advance(5)
        for caller in callers:
            self.check_problem(caller, 503, "queue_deadline")
            self.assertIn("Retry-After: 5", caller.head)
        self.starter.come_up()

    def test_one_browser_less_than_wanted(self):
        pool = PoolOptions(size=1, warm=0, queue_deadline=5.0)
        self.begin(render={"pages": 1, "browsers": 2}, pool=pool)
        self.chrome.on(runtime.evaluate, NEVER)
        first = self.post("/content", url=URL, timeout=8)
        second = self.post("/content", url=URL, timeout=20)
        self.reactor.advance(6)
        self.assertEqual((first.status, second.status), (0, 0), "there may be a place yet")
        self.chrome.on(runtime.evaluate, _value("text"))
        self.reactor.advance(2)
        self.reactor.advance(0)
        self.assertEqual((first.status, second.status), (504, 200))

    def test_a_browser_that_dies(self):
        self.begin()
        self.chrome.on(runtime.evaluate, NEVER)
        caller = self.post("/content", url=URL)
        leased: Any = next(each.running for each in self.gateway.pool.leased)
        leased.browser.connection.transport.abort("killed")
        leased.gone.callback(None)
        self.reactor.advance(0)
        self.check_problem(caller, 503, "browser")
        self.assertEqual(self.sharing.hosts, [])
        self.chrome.on(runtime.evaluate, _value("text"))
        self.assertEqual(self.post("/content", url=URL).status, 200)

    def test_a_context_that_cannot_be_made(self):
        self.begin()
        self.chrome.once(target.create_browser_context, CommandError("", -32000, "Failed to create browser context."))
        self.problem(502, "browser", "/content", url=URL)
        self.reactor.advance(0)
        self.assertEqual(self.sharing.hosts, [], "it is replaced")

    def test_a_context_that_cannot_be_closed(self):
        self.begin()
        self.chrome.once(target.dispose_browser_context, NEVER)
        self.assertEqual(self.post("/content", url=URL).status, 200)
        (host,) = self.sharing.hosts
        self.assertEqual(host.now, 1)
        self.reactor.advance(10)
        self.reactor.advance(0)
        self.assertEqual((host.spoiled, self.sharing.hosts), (True, []))
        self.chrome.targets.contexts.clear()

    def test_the_gateway_is_stopped(self):
        self.begin()
        self.assertEqual(self.post("/content", url=URL).status, 200)
        self.chrome.on(runtime.evaluate, NEVER)
        caller = self.post("/content", url=URL)
        stopped = self.gateway.stop()
        self.check_problem(self.post("/content", url=URL), 503, "draining")
        self.chrome.on(runtime.evaluate, _value("text"))
        self.reactor.advance(29)
        self.assertEqual(caller.status, 0)
        self.assertEqual(len(self.sharing.hosts), 1)
        caller.leave()
        self.reactor.advance(0)
        self.assertEqual(self.sharing.hosts, [])
        self.successResultOf(stopped)


@pytest.mark.parametrize(
    ("path", "wanted", "words"),
    [
        ("/content", {}, "url or html is required"),
        ("/content", {"html": "x", "headers": {"Host": "a"}}, "only the browser sets Host"),
        ("/content", {"url": ""}, "`$.url`"),
        ("/content", {"html": "", "cookies": [{"name": "a", "value": "b"}]}, "a url or a domain"),
        ("/content", {"html": "", "headers": {"a b": "c"}}, "`key` in `$.headers`"),
        ("/content", {"html": "", "headers": {"a": "b\n"}}, "`$.headers[...]`"),
        ("/content", {"html": "", "wait_until": "later"}, "Invalid enum value 'later'"),
        ("/content", {"html": "", "timeout": 0}, "`$.timeout`"),
        ("/content", {"html": "", "viewport": {"width": 0}}, "`$.viewport.width`"),
        ("/content", {"html": "", "full_page": True}, "unknown field `full_page`"),
        ("/screenshot", {"html": "", "quality": 5}, "a png has no quality"),
        ("/screenshot", {"html": "", "full_page": True, "clip": {"x": 0, "y": 0, "width": 1, "height": 1}}, "not both"),
        ("/screenshot", {"html": "", "clip": {"x": 0, "y": 0, "width": 1}}, "missing required field `height`"),
        ("/pdf", {"html": "", "paper": "a4", "paper_width": 5}, "not both"),
        ("/pdf", {"html": "", "paper": "b7"}, "Invalid enum value 'b7'"),
        ("/evaluate", {"html": ""}, "either expression or function"),
        ("/evaluate", {"html": "", "expression": "1", "function": "2"}, "either expression or function"),
        ("/evaluate", {"html": "", "expression": "1", "args": [1]}, "args requires a function"),
    ],
)
def test_a_request_is_told_what_is_wrong(path: str, wanted: dict[str, Any], words: str) -> None:
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.json.decode(json.dumps(wanted), type=ENDPOINTS[path].request)
    assert words in str(raised.value)


def test_papers_are_those_that_may_be_asked_for() -> None:
    (named, _) = get_args(get_type_hints(requests.Pdf)["paper"])
    assert set(get_args(named)) == set(requests.PAPERS)


def _thrown(words: str, details: runtime.ExceptionDetails | None = None) -> EvaluationError:
    return EvaluationError(words, details)


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (_thrown("Error: x\n    at y"), 422, "exception"),
        (DownloadStarted(URL), 502, "download"),
        (NavigationError(URL, "net::ERR_FAILED"), 502, "navigation"),
        (TargetCrashed("S", "page"), 502, "crashed"),
        (SessionDetached("S", "page"), 502, "closed"),
        (ConnectionLost("gone"), 503, "browser"),
        (Overloaded("Page.x", "too much waits"), 503, "browser"),
        (CommandTimeout("Page.captureScreenshot", 30.0), 504, "deadline"),
        (CommandError("Page.x", -32602, "Invalid parameters"), 400, "request"),
        (CommandError("Page.x", -32000, "Internal"), 502, "browser"),
        (busy(503, "No browser.", "queue_deadline", 3), 503, "queue_deadline"),
    ],
)
def test_errors_are_told(error: Exception, status: int, kind: str) -> None:
    problem = problem_of(error)
    assert problem is not None
    assert (problem.status, problem.kind) == (status, kind)
    body, media = problem.written()
    said = json.loads(body)
    assert media == "application/problem+json"
    assert said["type"] == f"urn:txcdp:problem:{kind}"
    assert said["title"]
    assert said["detail"]
    assert ("Retry-After" in problem.headers) == (status == 503)


def test_what_is_thrown_is_told() -> None:
    details = runtime.ExceptionDetails(
        exception_id=1,
        text="Uncaught",
        line_number=3,
        column_number=7,
        exception=runtime.RemoteObject(type="object", class_name="RangeError"),
    )
    problem = problem_of(_thrown("RangeError: no\n    at <anonymous>:4:8", details))
    assert problem is not None
    assert json.loads(problem.written()[0])["exception"] == {
        "name": "RangeError",
        "message": "RangeError: no",
        "stack": "RangeError: no\n    at <anonymous>:4:8",
        "line": 4,
        "column": 8,
    }


def test_what_is_not_to_be_expected_is_not_told() -> None:
    assert problem_of(TxcdpError("something else")) is None


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0},
        {"pages": 0},
        {"queue": -1},
        {"linger": -1},
        {"timeout": 200.0},
        {"max_body": 17 * 1024 * 1024},
    ],
)
def test_options_that_cannot_be_meant(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        RenderOptions(**options)


class Described(RenderCase):
    """The OpenAPI document."""

    def test_it_is_served(self):
        caller = self.describe()
        self.assertEqual(caller.status, 200)
        self.assertEqual(json.loads(caller.body), json.loads(msgspec.json.encode(document(self.gateway.routes))))

    def test_it_is_right(self):
        validate(json.loads(self.describe().body))

    def test_all_routes_are_in_it(self):
        described = {path.replace("{id}", "") for path in json.loads(self.describe().body)["paths"]}
        routes = {each.path for each in self.gateway.routes}
        self.assertEqual(described, {path for path in routes if not path.startswith("/devtools/")})

    def test_its_verbs_are_taken(self):
        paths = json.loads(self.describe().body)["paths"]
        for route in self.gateway.routes:
            said = paths.get(route.path.rstrip("/") + "/{id}" if route.path.endswith("/") else route.path, {})
            for verb in said:
                self.assertIn(verb.upper(), route.verbs)

    def test_who_needs_no_token(self):
        paths = json.loads(self.describe().body)["paths"]
        free = {path for path, said in paths.items() for each in said.values() if each.get("security") == []}
        self.assertEqual(free, {"/healthz", "/readyz"})

    def test_what_is_added_is_described_where_that_is_wanted(self):
        self.begin()
        self.gateway.add("/hidden", ("GET",), lambda request: Answer(b""))
        operation = Operation("count", "Count.", {"application/json": {"type": "integer"}})
        self.gateway.add("/counts/", ("DELETE",), lambda request: Answer(b"1"), operation=operation)
        said = json.loads(self.get("/openapi.json").body)
        validate(said)
        self.assertNotIn("/hidden", said["paths"])
        self.assertEqual(said["paths"]["/counts/{id}"]["delete"]["operationId"], "count")

    def describe(self) -> Any:
        self.begin()
        return self.get("/openapi.json")


class Undescribed(GatewayCase):
    def test_without_renders_it_is_not_there(self):
        self.make()
        self.assertIsNone(self.gateway.renders)
        self.assertEqual(self.get("/openapi.json").status, 404)
        refused = self.get("/pdf", verb="POST")
        self.assertEqual((refused.status, b"--render" in refused.body), (404, True))
