"""Requests that are paused, and too large for the browser to tell of."""

from __future__ import annotations

from typing import Any

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from txcdp import Route
from txcdp._core.sessions import Session
from txcdp.domains import fetch, network
from txcdp.errors import CommandError
from txcdp.network._interception import Holding, PausedRequest, Pausing, interception_of
from txcdp.network._page_interception import MOST_BLOCKS
from txcdp.network._untold import UNTOLD
from txcdp.page import Page
from txcdp.testing import FakeChrome


class Gate(Holding):
    """What lets nothing through that it has not seen."""

    def wants(self) -> Pausing:
        return Pausing((fetch.RequestPattern(url_pattern="*"),))

    def takes(self, paused: PausedRequest) -> bool:
        return False


class UntoldTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.browser = self.chrome.browser(linger=None)
        self.tab: Page = self.chrome.run(self.browser.new_page())
        self.routes: list[Route] = []
        self.registration = self.chrome.run(self.tab.route("**/up*", self.routes.append))
        self.errors: list[str] = []
        log: Any = self.log
        globalLogPublisher.addObserver(log)
        self.addCleanup(globalLogPublisher.removeObserver, log)

    def log(self, event: Any) -> None:
        if event.get("log_namespace") == "txcdp.network._untold":
            self.errors.append(event["ends"])

    def request(self, url: str, body: str | None) -> network.Request:
        return network.Request(
            url=url, method="POST", headers={}, initial_priority="High", referrer_policy="origin",
            has_post_data=True, post_data=body,
        )  # fmt: skip

    def worker(self, of: Session | None = None) -> Session:
        """Start a dedicated worker of the page, or of one of its workers, and return its session."""
        known = self.browser.connection.sessions
        self.chrome.open_target("worker", "http://h/w.js", opener=of or self.tab.session)
        self.chrome.flush()
        (session,) = [each for each in self.browser.connection.sessions if each not in known]
        return session

    def sent(
        self, key: str = "1.1", url: str = "http://h/up?a", body: str | None = None, by: Session | None = None
    ) -> None:
        event = network.RequestWillBeSent(
            request_id=key, loader_id="l", document_url="http://h/", request=self.request(url, body), timestamp=1,
            wall_time=1, initiator=network.Initiator(type="script"), redirect_has_extra_info=False, type="Fetch",
        )  # fmt: skip
        self.chrome.emit(event, by or self.tab.session)
        self.chrome.flush()

    def pauses(self, number: int, key: str) -> None:
        event = fetch.RequestPaused(
            request_id=f"interception-job-{number}.0", request=self.request("http://h/up?a", None),
            frame_id=self.tab.main_frame_id, resource_type="Fetch", network_id=key,
        )  # fmt: skip
        self.chrome.emit(event, self.tab.session)
        self.chrome.flush()

    def lose(self, number: int) -> None:
        """Have one paused request that was not told of."""

        def answer(command: Any) -> object:
            if command.request_id != f"interception-job-{number}.0":
                return CommandError("Fetch.continueRequest", -32602, "Invalid InterceptionId.")
            return None

        self.chrome.on(fetch.continue_request, answer).on(fetch.fail_request, answer)

    def ids(self, command: Any = fetch.continue_request) -> list[str]:
        return [each.request_id for each in self.chrome.received(command)]

    def test_it_goes_on_when_nobody_could_decide(self):
        self.pauses(6, "1.0")
        self.chrome.run(self.routes[0].abort())
        self.lose(8)
        self.sent()
        self.chrome.advance(UNTOLD - 0.1)
        self.assertEqual(self.ids(), [])
        self.chrome.advance(0.2)
        self.assertEqual(self.ids()[-2:], ["interception-job-7.0", "interception-job-8.0"])
        self.assertNotIn("interception-job-6.0", self.ids())
        self.assertEqual(self.errors, ["continues, and no handler was called"])
        tried = len(self.ids())
        self.chrome.advance(UNTOLD * 10)
        self.assertEqual(len(self.ids()), tried)

    def test_it_fails_where_nothing_may_go_on_unseen(self):
        self.chrome.run(interception_of(self.tab.session).add(Gate()))
        self.lose(1)
        self.sent()
        self.chrome.advance(UNTOLD)
        self.assertEqual(self.ids(fetch.fail_request), ["interception-job-1.0"])
        self.assertEqual(self.ids(), [])
        self.assertEqual(self.errors, ["fails"])

    def test_those_of_dedicated_workers_are_paused_in_the_page_s_session(self):
        first = self.worker()
        workers = [first, self.worker(first), self.worker()]
        for number, worker in enumerate(workers):
            self.lose(5)
            before = len(self.ids())
            self.sent(f"2.{number}", by=worker)
            self.chrome.advance(UNTOLD)
            self.assertEqual(self.ids()[before:][-1], "interception-job-5.0")
        sent = [each for each in self.chrome.commands if isinstance(each.command, fetch.continue_request)]
        self.assertEqual({each.session_id for each in sent}, {self.tab.session.id})
        self.assertEqual(len(self.errors), len(workers))
        self.chrome.run(interception_of(self.tab.session).add(Gate()))
        self.sent("2.9", by=workers[1])
        self.chrome.advance(UNTOLD)
        self.assertEqual(self.ids(fetch.fail_request)[-1], "interception-job-5.0")

    def test_a_worker_that_has_ended_and_one_that_began_before_the_route(self):
        self.chrome.run(self.registration.close())
        self.chrome.advance(5)
        worker, gone = self.worker(), self.worker()
        self.sent("2.1", by=worker)
        self.chrome.advance(UNTOLD)
        self.assertEqual(self.ids(), [])  # nothing is paused
        self.chrome.run(self.tab.route("**/up*", self.routes.append))
        self.chrome.targets.close(self.chrome.targets.all[gone.target.target_id])  # type: ignore[union-attr]
        self.chrome.flush()
        self.lose(1)
        self.sent("2.2", by=worker)
        self.chrome.advance(UNTOLD)
        self.assertEqual(self.ids()[-1], "interception-job-1.0")

    def test_whoever_pauses_all_requests_has_it_told_which_there_are(self):
        context = self.chrome.run(self.browser.new_context(http_credentials={"username": "a", "password": "b"}))
        listed = self.chrome.run(self.browser.new_context())
        self.chrome.run(listed.block([f"://{number}.example/" for number in range(MOST_BLOCKS + 1)]))
        for each in (context, listed):
            self.tab = self.chrome.run(each.new_page())
            worker = self.worker()
            self.chrome.flush()
            enabled = [each for each in self.chrome.commands if isinstance(each.command, network.enable)]
            self.assertIn(worker.id, [each.session_id for each in enabled])

    def test_it_is_tried_again_as_long_as_it_may_be_read_yet(self):
        self.lose(0)  # none
        self.sent()
        self.chrome.advance(UNTOLD)
        tried = len(self.ids())
        self.chrome.advance(UNTOLD)
        self.assertEqual(len(self.ids()), 2 * tried)
        self.lose(2)
        self.chrome.advance(UNTOLD)
        self.assertEqual(self.ids()[-1], "interception-job-2.0")
        self.chrome.advance(UNTOLD * 10)
        self.assertEqual(len(self.ids()), 2 * tried + 2)

    def test_it_is_given_up_at_last(self):
        self.lose(0)
        self.sent()
        for _ in range(10):
            self.chrome.advance(UNTOLD)
        tried = len(self.ids())
        self.chrome.advance(UNTOLD * 10)
        self.assertEqual((len(self.ids()), self.errors), (tried, []))

    def test_nothing_is_done_for_what_is_told_or_not_paused(self):
        self.lose(0)
        self.sent("1.1", body="small")
        self.sent("1.2", url="http://h/other")
        self.sent("1.3")
        self.pauses(1, "1.3")
        self.pauses(2, "1.4")
        self.sent("1.4")  # its pause was told of first
        for each in self.routes:
            self.chrome.run(each.abort())
        self.chrome.advance(UNTOLD * 2)
        self.assertEqual((self.ids(), len(self.routes)), ([], 2))

    def test_nothing_is_done_when_nothing_is_paused_any_more(self):
        self.lose(1)
        self.sent()
        self.chrome.run(self.registration.close())
        self.chrome.advance(5)
        self.chrome.advance(UNTOLD)
        self.assertEqual(self.ids(), [])

    def test_nothing_is_done_when_the_page_is_closed(self):
        self.lose(1)
        self.sent()
        self.chrome.run(self.tab.close())
        self.chrome.advance(UNTOLD)
        self.assertEqual(self.ids(), [])
