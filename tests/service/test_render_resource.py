"""Renders below an application's own resources, twisted.web's and Klein's: in memory, with a FakeChrome."""

from __future__ import annotations

import json
from typing import Any

from klein import Klein
from openapi_spec_validator import validate
from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import IResource, Resource

from tests.service.test_service import FakeService
from txcdp.domains import fetch, page, runtime
from txcdp.errors import LaunchError
from txcdp.gateway import RenderOptions
from txcdp.service import RenderResource
from txcdp.testing import NEVER, FakeChrome

HERE = "http://127.0.0.1:8080"
URL = "http://example.com/"


def below_another(renders: RenderResource) -> IResource:
    """Put it below a resource of twisted.web."""
    root, api = Resource(), Resource()
    root.putChild(b"api", api)
    api.putChild(b"render", renders)
    return root


def in_klein(renders: RenderResource) -> IResource:
    """Return it from a branch of Klein."""
    app = Klein()

    @app.route("/api/render/", branch=True)
    def branch(request: Any) -> Any:
        return renders

    found: IResource = app.resource()
    return found


class RenderResourceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.chrome.on(page.print_to_pdf, page.PrintToPDFResult(data=b"%PDF-"))
        found = runtime.RemoteObject(type="string", value="text")
        self.chrome.on(runtime.evaluate, runtime.EvaluateResult(result=found))
        self.service = FakeService(self.chrome.clock)
        self.service.startService()
        self.addCleanup(self.finish)

    def finish(self) -> None:
        stopped = self.service.stopService()
        self.settle()
        self.successResultOf(stopped)
        self.settle()
        self.assertEqual(self.chrome.clock.getDelayedCalls(), [])

    def settle(self) -> None:
        self.chrome.flush()
        self.chrome.clock.advance(0)
        self.chrome.flush()

    def serve(self, mount: Any = below_another, browser: bool = True, **options: Any) -> None:
        self.treq: Any = StubTreq(mount(RenderResource(self.service, **options)))
        if browser:
            self.service.opened[-1].callback(self.chrome.browser())

    def post(self, path: str, **wanted: Any) -> Deferred[Any]:
        asked: Deferred[Any] = self.treq.post(f"{HERE}/api/render/{path}", json=wanted)
        self.treq.flush()
        self.settle()
        self.treq.flush()
        return asked

    def body(self, response: Any) -> bytes:
        found: bytes = self.successResultOf(response.content())
        return found

    def problem(self, path: str, **wanted: Any) -> tuple[int, str]:
        response = self.successResultOf(self.post(path, **wanted))
        return response.code, json.loads(self.body(response))["detail"]

    def test_it_is_found_where_it_was_put(self) -> None:
        for mount in (below_another, in_klein):
            self.serve(mount, browser=mount is below_another)
            response = self.successResultOf(self.post("pdf", url=URL))
            self.assertEqual((response.code, self.body(response)), (200, b"%PDF-"))
            self.assertEqual(response.headers.getRawHeaders("content-type"), ["application/pdf"])
            response = self.successResultOf(self.post("evaluate", url=URL, expression="document.title"))
            self.assertEqual(json.loads(self.body(response)), {"result": "text"})
            self.assertEqual(self.chrome.targets.contexts, [])

    def test_its_description_says_where_it_is_and_asks_for_no_token(self) -> None:
        for mount in (below_another, in_klein):
            self.serve(mount, browser=mount is below_another)
            asked = self.treq.get(f"{HERE}/api/render/openapi.json")
            self.treq.flush()
            said = json.loads(self.body(self.successResultOf(asked)))
            validate(said)
            self.assertEqual(said["servers"], [{"url": "/api/render"}])
            self.assertEqual(set(said["paths"]), {"/screenshot", "/pdf", "/content", "/evaluate", "/openapi.json"})
            self.assertNotIn("security", said)
            self.assertNotIn("401", said["paths"]["/pdf"]["post"]["responses"])

    def test_what_it_does_not_answer(self) -> None:
        self.serve(options=RenderOptions(max_body=100))
        for verb, path, kind, body, status in (
            ("GET", "screenshot", "application/json", b"", 405),
            ("POST", "openapi.json", "application/json", b"", 405),
            ("POST", "", "application/json", b"{}", 404),
            ("POST", "screenshot/more/than/that", "application/json", b"{}", 404),
            ("POST", "screenshot", "text/plain", b"{}", 415),
            ("POST", "screenshot", "application/json", b"{", 400),
            ("POST", "screenshot", "application/json", b" " * 101, 413),
        ):
            asked = self.treq.request(verb, f"{HERE}/api/render/{path}", data=body, headers={"Content-Type": kind})
            self.treq.flush()
            response = self.successResultOf(asked)
            self.assertEqual((path, response.code), (path, status))
            if status == 405:
                self.assertIn(response.headers.getRawHeaders("allow"), (["POST"], ["GET, HEAD"]))

    def test_what_may_be_loaded_is_the_applications_to_say(self) -> None:
        asked: list[str] = []

        def allow(url: str) -> bool:
            asked.append(url)
            if "fault" in url:
                raise RuntimeError("a fault of the application")
            return url == URL

        self.serve(allow=allow)
        self.assertEqual(self.problem("content", url="http://other.example/")[0], 403)
        self.assertEqual(self.problem("content", url="http://fault.example/"), (403, "This URL may not be rendered."))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(self.problem("content", url="file:///etc/passwd")[0], 403)
        response = self.successResultOf(self.post("content", url=URL))
        self.assertEqual(response.code, 200)
        self.assertEqual(asked, ["http://other.example/", "http://fault.example/", URL])
        self.assertTrue(self.chrome.received(fetch.enable))  # redirects and frames stop at it, too

    def test_there_is_no_browser(self) -> None:
        self.serve(browser=False)
        asked = self.post("pdf", url=URL)
        self.assertNoResult(asked)  # it may come
        self.service.opened[0].errback(LaunchError("it does not start: /the/path/of/it"))
        self.settle()
        self.treq.flush()
        response = self.successResultOf(asked)
        self.assertEqual((response.code, response.headers.hasHeader("retry-after")), (503, True))
        self.assertNotIn(b"/the/path", self.body(response))

    def test_the_application_ends_meanwhile(self) -> None:
        self.serve()
        self.chrome.on(page.navigate, NEVER)
        asked = self.post("pdf", url=URL)
        self.assertNoResult(asked)
        self.service.stopService()
        self.settle()
        self.treq.flush()
        self.assertEqual(self.successResultOf(asked).code, 503)
        self.assertEqual(self.problem("pdf", url=URL)[0], 503)

    def test_who_hangs_up_ends_it(self) -> None:
        self.serve()
        self.chrome.on(page.navigate, NEVER)
        asked = self.post("pdf", url=URL)
        self.assertEqual(len(self.chrome.targets.contexts), 1)
        asked.cancel()
        self.treq.flush()
        self.settle()
        self.assertEqual(self.chrome.targets.contexts, [])
        self.failureResultOf(asked)

    def test_its_time(self) -> None:
        self.serve()
        self.chrome.on(page.navigate, NEVER)
        asked = self.post("pdf", url=URL, timeout=5)
        self.chrome.clock.advance(5)
        self.settle()
        self.treq.flush()
        self.assertEqual(self.successResultOf(asked).code, 504)
