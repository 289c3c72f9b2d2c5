"""Routes without a browser: what is asked of Chromium, whose turn it is, and what goes wrong."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txcdp import Route
from txcdp._url_patterns import url_matcher, wildcards
from txcdp.domains import fetch, network
from txcdp.errors import AlreadyHandled, CommandError
from txcdp.network._har_routes import HarReplay
from txcdp.network._interception import interception_of
from txcdp.page import Page
from txcdp.testing import FakeChrome

PIECES = st.sampled_from(
    "* ** /**/ {a,b} {.png,.jp*g,} ? . / a b http://h https:// :80 \\* [ %20".split(),
)
GLOBS = st.lists(PIECES, max_size=7).map("".join)
URLS = st.lists(
    st.sampled_from(["http://h", "https://", "/", "a", "b", "ab", ".png", ".jpeg", "?", "*", ":80", "[", "%20", "/x/"]),
    max_size=8,
).map("".join)


def chromium_matches(pattern: str, url: str) -> bool:
    """Match as Chromium's patterns do: ``*`` is anything, ``?`` at most one character, a backslash takes the next."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    meant = {"*": ".*", "?": ".?"}
    text = "".join(meant.get(each, re.escape(each[-1])) for each in parts)
    return re.fullmatch(text, url, re.DOTALL) is not None


@pytest.mark.filterwarnings("ignore:.* matches no URL")
@given(GLOBS, URLS)
def test_what_a_glob_matches_is_stopped(glob: str, url: str) -> None:
    if url_matcher(glob)(url):
        assert any(chromium_matches(each, url) for each in wildcards(glob)), wildcards(glob)


@pytest.mark.parametrize(
    ("glob", "patterns"),
    [
        ("", ["*"]),
        ("**", ["*"]),
        ("**/*.{png,jpg}", ["*/*.png", "*/*.jpg"]),
        ("http://h", ["http://h/"]),
        ("http://h/a?b=*", ["http://h/a\\?b=*"]),
        ("/api/**/x", ["http://base/api/*x"]),
        (r"**/\{a\}", ["*/{a}"]),
        ("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", ["*"]),
    ],
)
def test_patterns_for_chromium(glob: str, patterns: list[str]) -> None:
    assert wildcards(glob, "http://base/") == patterns


class RouteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.browser = self.chrome.browser(linger=None)
        self.tab: Page = self.chrome.run(self.browser.new_page())
        self.routes: list[Route] = []

    def route(self, pattern: Any = "**/x", handler: Any = None, **options: Any) -> Any:
        return self.chrome.run(self.tab.route(pattern, handler or self.routes.append, **options))

    def pauses(self, request_id: str = "job-1.0", url: str = "http://h/x", **fields: Any) -> None:
        headers = fields.pop("headers", {"Accept": "*/*"})
        event = fetch.RequestPaused(
            request_id=request_id,
            request=network.Request(
                url=url,
                method=fields.pop("method", "GET"),
                headers=headers,
                initial_priority="High",
                referrer_policy="origin",
            ),
            frame_id=self.tab.main_frame_id,
            resource_type=fields.pop("resource_type", "XHR"),
            **fields,
        )
        self.chrome.emit(event, self.tab.session)
        self.chrome.flush()

    def challenges(self, request_id: str, source: str = "Server", origin: str = "http://h") -> None:
        event = fetch.AuthRequired(
            request_id=request_id,
            request=network.Request(
                url=f"{origin}/", method="GET", headers={}, initial_priority="High", referrer_policy="origin"
            ),
            frame_id=self.tab.main_frame_id,
            resource_type="XHR",
            auth_challenge=fetch.AuthChallenge(origin=origin, scheme="basic", realm="", source=source),  # type: ignore[arg-type]
        )
        self.chrome.emit(event, self.tab.session)
        self.chrome.flush()

    def patterns(self) -> list[tuple[str | None, str | None, str | None]]:
        patterns = self.chrome.received(fetch.enable)[-1].patterns or []
        return [(each.url_pattern, each.resource_type, each.request_stage) for each in patterns]

    def answers(self, kind: Any = fetch.continue_request) -> list[Any]:
        return self.chrome.received(kind)

    def test_nothing_is_asked_of_the_browser_as_long_as_there_is_no_route(self):
        self.assertEqual(self.answers(fetch.enable), [])

    def test_one_command_says_what_all_want(self):
        first = self.route("**/a")
        self.route("**/b", stage="response", resource_types=["image", "script"])
        response = [("*/b", each, "Response") for each in ("Image", "Script", "Other")]
        self.assertEqual(self.patterns(), [*response, ("*/a", None, None)])
        self.chrome.run(self.browser.default_context.route(re.compile("x"), self.routes.append))
        self.assertEqual([each for each in self.patterns() if each[2] is None], [("*", None, None)])
        self.chrome.run(self.browser.default_context.set_http_credentials({"username": "u", "password": "p"}))
        self.assertTrue(self.answers(fetch.enable)[-1].handle_auth_requests)
        self.chrome.run(first.close())
        self.chrome.run(self.tab.unroute_all())
        self.chrome.run(self.browser.default_context.unroute_all())
        self.assertEqual(self.patterns(), [("*", None, None)])
        self.chrome.run(self.browser.default_context.set_http_credentials(None))
        self.assertEqual(self.patterns(), [])

    def test_it_is_disabled_a_moment_later_and_never_over_what_waits(self):
        registration = self.route()
        self.pauses()
        self.chrome.run(registration.close())
        self.chrome.advance(5)
        self.assertEqual(self.answers(fetch.disable), [])
        self.chrome.run(self.routes[0].continue_())
        self.chrome.advance(2)
        self.assertEqual(len(self.answers(fetch.disable)), 1)
        self.route()
        self.assertEqual(self.patterns(), [("*/x", None, None)])
        self.pauses()  # the browser counts from the beginning: it is another request
        self.assertEqual(len(self.routes), 2)

    def test_a_request_that_is_started_once_more_is_not_asked_about_again(self):
        self.route()
        self.pauses()
        self.chrome.run(self.routes[0].continue_(headers={"a": "1"}))
        self.pauses()
        self.assertEqual(len(self.routes), 1)
        first, second = self.answers()
        self.assertEqual(first, second)

    def test_redirects_get_the_headers_that_were_set_although_they_do_not_match(self):
        self.route()
        self.pauses(headers={"Accept": "*/*", "User-Agent": "u"})
        self.chrome.run(self.routes[0].continue_(headers={"accept": "*/*", "a": "1", "authorization": "s"}))
        self.assertTrue(self.answers()[-1].intercept_response)
        location = [fetch.HeaderEntry(name="Location", value="/y*")]
        self.pauses(response_status_code=302, response_headers=location)
        self.assertIn(("http://h/y\\*", None, None), self.patterns())
        self.pauses("job-1.1", "http://h/y*", headers={"Accept": "*/*"}, redirected_request_id="job-1.0")
        self.assertEqual(len(self.routes), 1)
        given = {each.name: each.value for each in self.answers()[-1].headers}
        self.assertEqual(given, {"accept": "*/*", "a": "1", "authorization": "s"})
        self.assertEqual(self.patterns(), [("*/x", None, None)])
        self.pauses("job-1.1", "http://h/y*", response_status_code=200)
        self.pauses("job-1.2", "http://other/", headers={}, redirected_request_id="job-1.1")
        self.assertEqual([each.name for each in self.answers()[-1].headers], ["a"])

    def test_handlers_in_turn(self):
        order: list[str] = []

        def handler(name: str) -> Any:
            def handle(route: Route) -> object:
                order.append(name)
                return route.fallback()

            return handle

        self.chrome.run(self.browser.default_context.route("**/x", handler("context")))
        for name in ("first", "second"):
            self.route("**/x", handler(name))
        self.pauses()
        self.assertEqual(order, ["second", "first", "context"])
        self.assertEqual(len(self.answers()), 1)

    def test_one_that_does_not_decide(self):
        self.route(timeout=30)
        self.pauses()
        self.chrome.advance(29)
        self.assertEqual(self.answers(), [])
        self.chrome.advance(2)
        self.assertEqual(len(self.answers()), 1)
        self.failureResultOf(self.routes[0].abort(), AlreadyHandled)
        self.route(timeout=None)
        self.pauses("job-2.0")
        self.chrome.advance(1000)
        self.assertEqual(len(self.answers()), 1)

    def test_what_the_browser_refuses(self):
        self.chrome.once(fetch.continue_request, CommandError("", -32602, "Invalid InterceptionId."))
        self.route()
        self.pauses()
        self.chrome.run(self.routes[0].continue_())  # it was cancelled meanwhile
        self.chrome.once(fetch.continue_request, CommandError("", -32602, "Unsafe header: a"))
        self.pauses("job-2.0")
        refused = self.routes[1].continue_(headers={"a": "b"})
        self.chrome.flush()
        self.failureResultOf(refused, CommandError)
        self.assertEqual(self.answers()[-1].headers, None)  # it went on without

    def test_a_second_challenge_is_cancelled(self):
        context = self.browser.default_context
        self.chrome.run(context.set_http_credentials({"username": "u", "password": "p", "origin": "http://H:80"}))
        self.assertEqual(self.patterns(), [("http://h/*", None, None)])
        for request_id, origin in (("job-1.0", "http://h"), ("job-1.0", "http://h"), ("job-2.0", "http://other")):
            self.challenges(request_id, origin=origin)
        said = [each.auth_challenge_response.response for each in self.answers(fetch.continue_with_auth)]
        self.assertEqual(said, ["ProvideCredentials", "CancelAuth", "CancelAuth"])

    def test_a_proxy_and_a_server_ask_for_their_own(self):
        context = self.chrome.run(
            self.browser.new_context(
                proxy={"server": "p:1", "username": "of", "password": "proxy"},
                http_credentials={"username": "of", "password": "server", "origin": "http://h"},
            )
        )
        self.tab = self.chrome.run(context.new_page())
        self.assertEqual(self.patterns(), [("*", None, None)])
        for source in ("Proxy", "Server", "Proxy"):
            self.challenges("job-1.0", source)
        said = [each.auth_challenge_response.password for each in self.answers(fetch.continue_with_auth)]
        self.assertEqual(said, ["proxy", "server", None])

    def test_what_the_program_enables_itself_stays(self):
        pattern = fetch.RequestPattern(url_pattern="*/own")
        self.chrome.run(self.tab.session.execute(fetch.enable(patterns=[pattern])))
        registration = self.route()
        self.assertEqual(self.patterns(), [("*/x", None, None), ("*/own", None, None)])
        self.chrome.run(registration.close())
        self.assertEqual(self.patterns(), [("*/own", None, None)])
        self.route()
        self.chrome.run(self.tab.session.execute(fetch.disable()))
        self.assertEqual(self.patterns(), [("*/x", None, None)])
        self.assertEqual(self.answers(fetch.disable), [])

    def test_a_page_that_closes_leaves_nothing_behind(self):
        self.route(timeout=30)
        self.pauses()
        waiting: Deferred[None] = self.tab.unroute_all("wait")
        self.chrome.flush()
        self.assertNoResult(waiting)
        self.chrome.run(self.tab.close())
        self.chrome.run(self.routes[0].continue_())
        self.successResultOf(waiting)
        self.assertTrue(interception_of(self.tab.session).session.ended)


def har(*entries: dict[str, Any]) -> str:
    import json

    return json.dumps({"log": {"version": "1.2", "entries": list(entries)}})


def entry(url: str, text: str, status: int = 200, method: str = "GET", **request: Any) -> dict[str, Any]:
    return {
        "request": {"method": method, "url": url, "headers": [], **request},
        "response": {"status": status, "headers": [], "content": {"text": text}},
    }


class _Asked:
    """A request as a replay looks at it."""

    def __init__(self, url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> None:
        self.url, self.method, self.post_data_buffer, self.headers = url, method, body, headers


def text_of(replay: HarReplay, *request: Any, **headers: str) -> str | None:
    found = replay._find(_Asked(*request, **headers))  # type: ignore[arg-type]
    return None if found is None else str(found.content["text"])


def test_which_entry_of_a_recording_answers(tmp_path: Any) -> None:
    multipart = '--%s\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--%s--\r\n'
    path = tmp_path / "a.har"
    path.write_text(
        har(
            entry("http://h/retried", "", status=-1),
            entry("http://h/retried", "at last"),
            entry("http://h/polled", "one"),
            entry("http://h/polled", "two"),
            entry("http://h/like", "de", headers=[{"name": "Accept-Language", "value": "de"}]),
            entry("http://h/like", "en", headers=[{"name": "Accept-Language", "value": "en"}]),
            entry("http://h/form", "sent", method="POST", postData={"text": multipart % ("old", "old")}),
        )
    )
    replay = HarReplay(path, "abort")
    assert text_of(replay, "http://h/retried#x") == "at last"
    assert [text_of(replay, "http://h/polled") for _ in range(3)] == ["one", "two", "two"]
    assert text_of(replay, "http://h/like", **{"accept-language": "en"}) == "en"
    assert text_of(replay, "http://h/like") == "de"
    assert text_of(replay, "http://h/form", "POST", (multipart % ("new", "new")).encode()) == "sent"
    assert text_of(replay, "http://h/form", "POST", b"other") is None
    assert text_of(replay, "http://h/polled", "PUT") is None


def test_a_recording_names_no_files_elsewhere(tmp_path: Any) -> None:
    (tmp_path / "secret").write_text("s")
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "a.har"
    stolen = entry("http://h/", "")
    stolen["response"]["content"] = {"_file": "../secret"}
    path.write_text(har(stolen))
    replay: Any = HarReplay(path, "abort")
    with pytest.raises(ValueError, match="is not in"):
        replay._body(replay._find(_Asked("http://h/")))
    path.write_text(har())  # that has recorded nothing
    assert text_of(HarReplay(path, "fallback"), "http://h/") is None
    for wrong in ("no JSON", "{}", '{"log": {}}', '{"log": {"entries": 1}}', "[" * 100_000):
        path.write_text(wrong)
        with pytest.raises(ValueError, match="not a HAR file"):
            HarReplay(path, "abort")
