"""The page level without a browser: orders of events that a real one rarely shows, and what is made of values."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.page.support import frame_of
from txcdp._timeouts import DEFAULT
from txcdp.browser import BrowserContext
from txcdp.domains import network, page, runtime, storage, target
from txcdp.errors import (
    CommandError,
    CommandTimeout,
    ConnectionLost,
    ContextClosed,
    ContextDestroyed,
    DeadlineError,
    DocumentBroken,
    DownloadStarted,
    NavigationError,
    NavigationInterrupted,
    NavigationTimeout,
    NotSerializable,
    SessionDetached,
    TargetCrashed,
)
from txcdp.network import Response
from txcdp.page import Page
from txcdp.page._capture import image_format
from txcdp.page._evaluation import explained, thrown, value_of
from txcdp.streams import Stream, first
from txcdp.testing import NEVER, FakeChrome

URL = "https://example.test/"


def response(url: str, status: int = 200) -> network.Response:
    return network.Response(
        url=url,
        status=status,
        status_text="",
        headers={},
        mime_type="text/html",
        charset="",
        connection_reused=False,
        connection_id=1,
        encoded_data_length=0,
        security_state="secure",
    )


class SetUpTests(SynchronousTestCase):
    """What a page needs is asked for again where the process that it was asked of is gone."""

    NEEDED = ("Page.enable", "Page.setLifecycleEventsEnabled")

    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.browser = self.chrome.browser(linger=None)
        made = self.chrome.run(self.browser.session.execute(target.create_target(url="about:blank")))
        self.target_id = made.target_id

    def needed(self) -> list[str]:
        return [each.method for each in self.chrome.commands if each.method in self.NEEDED]

    def test_it_had_crashed_before(self):
        session = self.chrome.run(self.browser.connection.attach(self.target_id))
        self.chrome.crash(session)
        self.chrome.flush()
        (tab,) = [each for each in self.chrome.run(self.browser.attach_pages()) if each.target_id == self.target_id]
        self.chrome.run(tab.when_set_up())
        self.assertEqual(self.needed(), [])
        self.chrome.run(tab.goto(URL))
        self.assertEqual(tab.url, URL)
        self.assertEqual(sorted(set(self.needed())), sorted(self.NEEDED))
        self.chrome.run(tab.goto(URL))

    def test_it_hangs(self):
        opening = self.browser.new_page()
        self.chrome.on(page.set_lifecycle_events_enabled, NEVER)
        self.chrome.flush()
        self.chrome.advance(self.browser.connection.timeout or 0)
        error = self.failureResultOf(opening, CommandTimeout).value
        self.assertEqual(error.method, "Page.setLifecycleEventsEnabled")
        self.assertEqual(len(self.chrome.received(target.close_target)), 1)

    def test_it_crashes_meanwhile(self):
        self.chrome.once(page.set_lifecycle_events_enabled, NEVER)
        listing = self.browser.attach_pages()
        self.chrome.flush()
        (tab,) = [each for each in self.successResultOf(listing) if each.target_id == self.target_id]
        self.chrome.crash(tab.session)
        self.chrome.run(tab.when_set_up())
        self.chrome.run(tab.goto(URL))
        self.assertEqual(self.needed(), [*self.NEEDED, *self.NEEDED])
        self.chrome.crash(tab.session)  # this time what was agreed to is the browser's to remember
        self.chrome.flush()
        self.chrome.run(tab.goto(URL))
        self.assertEqual(self.needed(), [*self.NEEDED, *self.NEEDED])


class UrlTests(SynchronousTestCase):
    """Where a page is, by what the browser has said."""

    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.browser = self.chrome.browser(linger=None)
        self.tab = self.chrome.run(self.browser.new_page())

    def tell(self, event: page.FrameNavigated | page.NavigatedWithinDocument | page.DocumentOpened) -> None:
        self.chrome.emit(event, self.tab.session)
        self.chrome.flush()

    def frame(self, url: str, **more: Any) -> page.Frame:
        return frame_of(self.tab.main_frame_id, url, **more)

    def test_nothing_is_asked_for_it(self):
        self.assertEqual(self.tab.url, "about:blank")
        before = len(self.chrome.commands)
        self.chrome.run(self.tab.goto(URL))
        self.assertEqual(self.tab.url, URL)
        self.assertLessEqual(
            {each.method for each in self.chrome.commands[before:]}, {"Page.navigate", "Network.enable"}
        )

    def test_a_fragment_belongs_to_it(self):
        self.tell(page.FrameNavigated(frame=self.frame(URL, url_fragment="#here"), type="Navigation"))
        self.assertEqual(self.tab.url, f"{URL}#here")
        frame_id = self.tab.main_frame_id
        self.tell(page.NavigatedWithinDocument(frame_id=frame_id, url=f"{URL}#there", navigation_type="fragment"))
        self.assertEqual(self.tab.url, f"{URL}#there")

    def test_what_frames_do_changes_nothing(self):
        parent = {"id": "F2", "parent_id": self.tab.main_frame_id}
        self.tell(page.FrameNavigated(frame=self.frame(URL, **parent), type="Navigation"))
        self.tell(page.NavigatedWithinDocument(frame_id="F2", url=URL, navigation_type="fragment"))
        self.tell(page.DocumentOpened(frame=self.frame(URL, **parent)))
        self.assertEqual(self.tab.url, "about:blank")

    def test_a_document_that_another_one_writes_has_its_url(self):
        self.tell(page.DocumentOpened(frame=self.frame(URL)))
        self.assertEqual(self.tab.url, URL)

    def test_who_hears_of_a_navigation_finds_it_there(self):
        seen: list[str] = []
        self.tab.events(page.FrameNavigated).subscribe(lambda event: seen.append(self.tab.url))
        self.chrome.run(self.tab.goto(URL))
        self.assertEqual(seen, [URL])

    def test_a_page_that_was_there_before(self):
        made = self.chrome.run(self.browser.session.execute(target.create_target(url="about:blank")))
        tree = page.FrameTree(frame=self.frame(URL, id=made.target_id, url_fragment="#here"))
        self.chrome.on(page.get_frame_tree, page.GetFrameTreeResult(frame_tree=tree))
        (found,) = [each for each in self.chrome.run(self.browser.attach_pages()) if each is not self.tab]
        self.chrome.flush()
        self.assertEqual(found.url, f"{URL}#here")


class NavigationTests(SynchronousTestCase):
    """A page of which the test itself tells all that happens."""

    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.browser = self.chrome.browser(linger=None)
        self.tab = self.chrome.run(self.browser.new_page())
        self.frame = self.tab.main_frame_id
        self.chrome.on(page.navigate, NEVER).on(page.reload, NEVER)

    def goto(self, *arguments: Any, **options: Any) -> Deferred[Response | None]:
        """Go somewhere, and let the command arrive."""
        going = self.tab.goto(URL, *arguments, **options)
        self.chrome.flush()
        return going

    def answer(self, loader_id: str | None = "L", **fields: Any) -> None:
        """Answer the last Page.navigate."""
        received = [each for each in self.chrome.commands if each.method == "Page.navigate"][-1]
        self.chrome.reply(received, page.NavigateResult(frame_id=self.frame, loader_id=loader_id, **fields))
        self.chrome.flush()

    def emit(self, event: Any) -> None:
        self.chrome.emit(event, self.tab.session)
        self.chrome.flush()

    def state(self, name: str, loader_id: str = "L") -> None:
        self.emit(page.LifecycleEvent(frame_id=self.frame, loader_id=loader_id, name=name, timestamp=1.0))

    def commit(self, loader_id: str = "L", url: str = URL, **fields: Any) -> None:
        frame = frame_of(fields.pop("id", self.frame), url, loader_id=loader_id, **fields)
        self.emit(page.FrameNavigated(frame=frame, type="Navigation"))

    def arrived(self, going: Deferred[Response | None]) -> str:
        """Return where a navigation has led."""
        self.successResultOf(going)
        return self.tab.url

    @property
    def loader(self) -> str:
        """The loader of the document that is there."""
        document = self.tab._tree.document(self.tab.main_frame._row)
        assert document is not None
        return document.loader_id

    def stop_loading(self) -> None:
        self.emit(page.FrameStoppedLoading(frame_id=self.frame))

    def assertQuiet(self) -> None:
        """Check that nobody listens and no time is running any more."""
        self.assertEqual(self.tab.session.listened, frozenset())
        self.assertLessEqual(len(self.tab.session._interruption._waiters), 1)  # one watches for all that waits
        self.assertEqual(self.tab.session._ending._waiters, [])

    def test_what_is_told_before_the_answer(self):
        going = self.goto()
        self.commit(url=URL + "there", url_fragment="#part")
        self.state("DOMContentLoaded")
        self.state("load")
        self.assertNoResult(going)
        self.answer()
        self.assertEqual((self.arrived(going), self.loader), (URL + "there#part", "L"))
        self.assertQuiet()

    def test_what_is_told_of_the_document_before(self):
        going = self.goto("networkidle")
        self.state("networkIdle", "old")
        self.answer()
        self.commit()
        self.state("load")
        self.state("networkIdle", "old")
        self.assertNoResult(going)
        self.state("networkIdle")
        self.assertEqual((self.arrived(going), self.loader), (self.tab.url, "L"))

    def test_only_the_states_are_told(self):
        going = self.goto()
        self.emit(
            network.ResponseReceived(
                request_id="L",
                loader_id="L",
                timestamp=1.0,
                type="Document",
                response=response(URL + "there", 404),
                has_extra_info=False,
                frame_id=self.frame,
            )
        )
        self.answer()
        self.state("load")
        there = self.successResultOf(going)
        assert there is not None
        self.assertEqual((there.url, there.status), (URL + "there", 404))

    def test_a_document_that_leads_on_before_the_answer(self):
        going = self.goto()
        self.commit("L")
        self.commit("M", URL + "next")
        self.answer("L")
        self.state("load", "L")
        self.assertNoResult(going)
        self.state("load", "M")
        self.assertEqual(self.arrived(going), URL + "next")

    def test_what_comes_before_the_document_is_not_followed(self):
        going = self.goto()
        self.answer("L")
        self.commit("error page of an older one")
        self.state("load", "error page of an older one")
        self.assertNoResult(going)
        self.commit("L")
        self.state("load", "L")
        self.assertEqual((self.arrived(going), self.loader), (self.tab.url, "L"))

    def test_other_frames_do_not_count(self):
        going = self.goto("commit")
        self.answer("L")
        self.commit("L", id="other", parent_id=self.frame)
        self.assertNoResult(going)
        self.commit("L")
        self.successResultOf(going)

    def test_an_error_waits_for_its_page(self):
        for settle in (self.stop_loading, lambda: self.commit(unreachable_url=URL)):
            self.setUp()
            going = self.goto()
            self.answer(error_text="net::ERR_NAME_NOT_RESOLVED")
            self.assertNoResult(going)
            settle()
            error = self.failureResultOf(going, NavigationError).value
            self.assertEqual((error.url, error.error_text), (URL, "net::ERR_NAME_NOT_RESOLVED"))
            self.assertQuiet()

    def test_an_error_whose_page_does_not_come(self):
        going = self.goto(timeout=5)
        self.answer(error_text="net::ERR_NAME_NOT_RESOLVED")
        self.chrome.advance(5)
        error = self.failureResultOf(going, NavigationError).value
        self.assertEqual(error.error_text, "net::ERR_NAME_NOT_RESOLVED")

    def test_errors_without_a_page(self):
        for fields, kind in (
            ({"error_text": "net::ERR_ABORTED"}, NavigationError),
            ({"error_text": "net::ERR_ABORTED", "is_download": True}, DownloadStarted),
            ({"error_text": "net::ERR_BLOCKED_BY_CLIENT", "loader_id": None}, NavigationError),
        ):
            going = self.goto()
            self.answer(**fields)
            self.failureResultOf(going, kind)
            self.assertQuiet()

    def test_what_is_under_way_to_the_same_url_is_gone_on_with(self):
        for committed in (False, True):
            self.setUp()
            self.emit(
                page.FrameStartedNavigating(
                    frame_id=self.frame, url=URL, loader_id="first", navigation_type="differentDocument"
                )
            )
            going = self.goto()
            if committed:
                self.commit("first")
            self.answer(error_text="net::ERR_ABORTED", loader_id=None)
            self.assertNoResult(going)
            if not committed:
                self.commit("first")
            self.state("load", "first")
            self.assertEqual(self.arrived(going), URL)
            self.assertQuiet()

    def test_an_abort_by_which_the_page_crashes(self):
        self.chrome.on(runtime.release_object_group, NEVER)
        going = self.goto()
        self.answer(error_text="net::ERR_ABORTED")
        self.emit(page.FrameStoppedLoading(frame_id=self.frame))
        self.assertNoResult(going)
        self.chrome.crash(self.tab.session)
        self.chrome.flush()
        self.failureResultOf(going, TargetCrashed)
        self.assertQuiet()

    def test_an_abort_of_a_page_that_hangs(self):
        self.chrome.on(runtime.release_object_group, NEVER)
        for timeout, seconds in ((30, 2), (1, 1)):
            going = self.goto(timeout=timeout)
            self.answer(error_text="net::ERR_ABORTED")
            self.chrome.advance(seconds - 0.1)
            self.assertNoResult(going)
            self.chrome.advance(0.1)
            self.assertEqual(self.failureResultOf(going, NavigationError).value.error_text, "net::ERR_ABORTED")
            self.assertQuiet()

    def responded(self, status: int = 200) -> None:
        self.emit(
            network.ResponseReceived(
                request_id="L",
                loader_id="L",
                timestamp=1.0,
                type="Document",
                response=response(URL, status),
                has_extra_info=False,
                frame_id=self.frame,
            )
        )

    def test_a_document_that_stops_loading_counts_as_loaded_when_the_page_lives(self):
        for wait_until in ("load", "domcontentloaded", "networkidle"):
            self.setUp()
            self.chrome.on(runtime.release_object_group, NEVER)
            going = self.goto(wait_until)
            self.answer()
            self.commit()
            self.stop_loading()
            self.assertNoResult(going)
            asked = [each for each in self.chrome.commands if each.method == "Runtime.releaseObjectGroup"]
            self.chrome.reply(asked[-1], None)
            self.chrome.flush()
            self.assertEqual((self.arrived(going), self.loader), (self.tab.url, "L"))
            self.assertQuiet()

    def test_a_document_that_stops_loading_because_the_page_crashes(self):
        self.chrome.on(runtime.release_object_group, NEVER)
        going = self.goto()
        self.answer()
        self.commit()
        self.stop_loading()
        self.chrome.crash(self.tab.session)
        self.chrome.flush()
        self.failureResultOf(going, TargetCrashed)
        self.assertQuiet()

    def test_a_document_whose_body_breaks_off(self):
        going = self.goto()
        self.answer()
        self.responded()
        self.commit()
        broke = network.LoadingFailed(
            request_id="L", timestamp=1.0, type="Document", error_text="net::ERR_CONTENT_LENGTH_MISMATCH"
        )
        self.emit(broke)
        self.assertNoResult(going)
        self.stop_loading()
        error = self.failureResultOf(going, DocumentBroken).value
        self.assertEqual((error.url, error.error_text, error.status), (URL, broke.error_text, 200))
        self.assertQuiet()

    def test_an_answer_that_is_only_a_status(self):
        self.only_a_status(404, "net::ERR_HTTP_RESPONSE_CODE_FAILURE")

    def test_an_answer_that_is_only_the_question_who_asks(self):
        self.only_a_status(401, "net::ERR_INVALID_AUTH_CREDENTIALS")

    def only_a_status(self, status: int, error_text: str) -> None:
        going = self.goto()
        self.responded(status)
        self.answer(error_text=error_text)
        self.chrome.on(page.set_document_content, None)
        self.commit(url="chrome-error://chromewebdata/", unreachable_url=URL)
        there = self.successResultOf(going)
        assert there is not None
        self.assertEqual((there.url, there.status), (URL, status))
        self.assertEqual(len(self.chrome.received(page.set_document_content)), 1)
        self.assertQuiet()

    def test_a_status_that_was_not_heard_is_an_error(self):
        going = self.goto()
        self.answer(error_text="net::ERR_HTTP_RESPONSE_CODE_FAILURE")
        self.commit(url="chrome-error://chromewebdata/", unreachable_url=URL)
        self.failureResultOf(going, NavigationError)

    def test_a_document_that_was_opened_says_so_at_the_deadline(self):
        going = self.goto(timeout=3)
        self.answer()
        self.commit()
        self.emit(page.DocumentOpened(frame=frame_of(self.frame, URL)))
        self.chrome.advance(3)
        self.assertIn("document.open()", str(self.failureResultOf(going, NavigationTimeout).value))

    def test_how_far_it_has_got(self):
        for wait_until, told, reached in (
            ("load", [], ""),
            ("load", ["commit"], "commit"),
            ("load", ["DOMContentLoaded"], "domcontentloaded"),
            ("networkidle", ["DOMContentLoaded", "load"], "load"),
        ):
            self.setUp()
            going = self.goto(wait_until, timeout=3)
            self.answer()
            for name in told:
                self.state(name)
            before = len(self.chrome.received(page.stop_loading))
            self.chrome.advance(3)
            error = self.failureResultOf(going, NavigationTimeout).value
            self.assertEqual((error.reached, error.wait_until), (reached, wait_until))
            stopped = len(self.chrome.received(page.stop_loading)) - before
            self.assertEqual(stopped, 0 if reached else 1)
            self.assertQuiet()

    def test_a_frame_in_it_is_busy(self):
        inner = URL + "inner"
        going = self.goto("networkidle", timeout=3)
        self.answer()
        self.commit()
        for frame_id, parent, url in (("child", self.frame, URL + "outer"), ("grandchild", "child", inner)):
            self.emit(page.FrameAttached(frame_id=frame_id, parent_frame_id=parent))
            navigated = frame_of(frame_id, url, parent_id=parent, loader_id=frame_id)
            self.emit(page.FrameNavigated(frame=navigated, type="Navigation"))
        for frame_id, loader_id in ((self.frame, "L"), ("child", "child")):
            for name in ("DOMContentLoaded", "load", "networkIdle"):
                self.emit(page.LifecycleEvent(frame_id=frame_id, loader_id=loader_id, name=name, timestamp=1.0))
        waiting = self.tab.wait_for_load_state("networkidle", timeout=3)
        self.chrome.advance(3)
        for each in (going, waiting):
            error = self.failureResultOf(each, NavigationTimeout).value
            self.assertEqual((error.reached, error.obstacle), ("load", f"the network is busy for its frame {inner}"))

    def test_without_a_deadline(self):
        going = self.goto(timeout=None)
        self.chrome.advance(1000)
        self.assertNoResult(going)
        self.answer()
        self.state("load")
        self.successResultOf(going)

    def reload(self, *arguments: Any) -> Deferred[Response | None]:
        """Reload, and let the command arrive."""
        reloading = self.tab.reload(*arguments)
        self.chrome.flush()
        return reloading

    def begin(self, loader_id: str, navigation_type: Any = "reload", frame_id: str = "") -> None:
        self.emit(
            page.FrameStartedNavigating(
                frame_id=frame_id or self.frame, url=URL, loader_id=loader_id, navigation_type=navigation_type
            )
        )

    def reload_answered(self) -> None:
        self.chrome.reply([each for each in self.chrome.commands if each.method == "Page.reload"][-1], None)
        self.chrome.flush()

    def failed(self, loader_id: str, error_text: str = "net::ERR_ABORTED") -> None:
        self.emit(
            network.LoadingFailed(
                request_id=loader_id, timestamp=1.0, type="Document", error_text=error_text, canceled=True
            )
        )

    def test_a_reload_is_known_by_its_beginning(self):
        going = self.reload()
        self.begin("goto", "differentDocument")  # told late, of what it has interrupted
        self.begin("older")
        self.failed("older")
        self.begin("frame", frame_id="other")
        self.begin("R")
        self.commit("goto")
        self.state("load", "goto")
        self.reload_answered()
        self.begin("newer")
        self.failed("newer")
        self.assertNoResult(going)
        self.commit("R")
        self.state("load", "R")
        self.assertEqual((self.arrived(going), self.loader), (self.tab.url, "R"))
        self.assertQuiet()

    def test_a_reload_that_comes_to_nothing(self):
        for early in (True, False):
            self.setUp()
            going = self.reload()
            self.begin("R")
            if early:
                self.failed("R")
            self.reload_answered()
            if not early:
                self.assertNoResult(going)
                self.failed("R")
            self.assertEqual(self.failureResultOf(going, NavigationError).value.error_text, "net::ERR_ABORTED")
            self.assertQuiet()

    def test_a_reload_that_was_all_told_before_the_answer(self):
        going = self.reload()
        self.begin("R")
        self.commit("R")
        self.commit("S", URL + "next")
        self.state("load", "S")
        self.reload_answered()
        self.assertEqual(self.arrived(going), URL + "next")

    def test_a_reload_whose_beginning_is_not_told(self):
        going = self.reload("commit")
        self.commit("older")
        self.reload_answered()
        self.assertNoResult(going)
        self.commit("R")
        self.assertEqual((self.arrived(going), self.loader), (self.tab.url, "R"))

    def test_network_events_are_not_to_be_had(self):
        self.chrome.on("Network.enable", CommandError("", -32601, "'Network.enable' wasn't found"))
        going = self.goto()
        self.answer()
        self.commit()
        self.state("load")
        self.assertIsNone(self.successResultOf(going))

    def test_page_events_are_not_to_be_had(self):
        self.chrome.on("Page.enable", CommandError("", -32601, "'Page.enable' wasn't found"))
        tab = self.chrome.run(self.browser.new_page())
        self.assertFalse(tab.session.ended)


class TimeoutTests(SynchronousTestCase):
    """The deadlines of calls that give none: the page's, its context's, the browser's."""

    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.browser = self.chrome.browser()
        self.context = self.chrome.run(self.browser.new_context())
        self.tab = self.chrome.run(self.context.new_page())
        self.chrome.on(page.navigate, NEVER)
        self.chrome.on(page.reload, NEVER)
        self.chrome.on(page.capture_screenshot, NEVER)
        self.chrome.on(runtime.evaluate, NEVER)

    def late(self, waiting: Deferred[Any], seconds: float, error: type[DeadlineError] = NavigationTimeout) -> None:
        self.chrome.advance(seconds - 0.1)
        self.assertNoResult(waiting)
        self.chrome.advance(0.2)
        self.failureResultOf(waiting, error)

    def later(self, waiting: Deferred[Any]) -> None:
        self.chrome.advance(100_000)
        self.assertNoResult(waiting)
        waiting.addErrback(lambda _: None).cancel()
        self.chrome.flush()

    async def expecting(self, stream: Stream[Any], **options: Any) -> None:
        async with stream.expect(**options):
            pass

    def test_a_frame_of_which_no_context_is_told(self):
        attached = page.FrameAttached(frame_id="child", parent_frame_id=self.tab.main_frame_id)
        self.chrome.emit(attached, self.tab.session)
        self.chrome.flush()
        (child,) = self.tab.main_frame.child_frames
        for call in (child.evaluate, child.evaluate_handle, child.wait_for_function):
            self.late(call("1", timeout=7), 7, DeadlineError)
        self.late(child.evaluate("1"), 30, CommandTimeout)
        self.later(child.evaluate("1", timeout=0))

    def test_navigations(self):
        self.late(self.tab.goto(URL), 30)
        self.browser.set_default_timeout(20)
        self.late(self.tab.reload(), 20)
        self.context.set_default_navigation_timeout(timedelta(seconds=10))
        self.late(self.tab.goto(URL), 10)
        self.tab.set_default_timeout(5)
        self.late(self.tab.goto(URL), 5)
        self.tab.set_default_navigation_timeout(4)
        self.late(self.tab.reload(), 4)
        self.late(self.tab.goto(URL, timeout=3), 3)
        self.tab.set_default_navigation_timeout(DEFAULT)
        self.late(self.tab.reload(), 5)

    def test_none_at_all(self):
        for none in (None, 0, timedelta(0), float("inf")):
            self.later(self.tab.goto(URL, timeout=none))
            self.later(self.tab.reload(timeout=none))
            self.later(self.tab.evaluate("1", timeout=none))
            self.later(self.tab.screenshot(timeout=none))
            self.tab.set_default_navigation_timeout(none)
            self.later(self.tab.goto(URL))

    def test_streams_of_the_page(self):
        streams = (self.tab.dialogs, self.tab.events(network.ResponseReceived), self.tab.dialogs.map(str))
        for stream in streams:
            self.late(Deferred.fromCoroutine(self.expecting(stream)), 30, DeadlineError)
        self.tab.set_default_timeout(5)
        for stream in streams:
            self.late(Deferred.fromCoroutine(self.expecting(stream)), 5, DeadlineError)
            self.late(Deferred.fromCoroutine(self.expecting(stream, timeout=2)), 2, DeadlineError)
            self.late(first(stream, timeout=DEFAULT), 5, DeadlineError)
            self.later(first(stream))

    def test_streams_of_others(self):
        self.tab.set_default_timeout(5)
        other = self.chrome.run(self.browser.new_page())
        self.late(Deferred.fromCoroutine(self.expecting(other.dialogs)), 30, DeadlineError)
        self.browser.set_default_timeout(7)
        targets = self.browser.session.events(target.TargetCreated)
        for stream in (other.dialogs, targets, self.browser.connection.attached):
            self.late(Deferred.fromCoroutine(self.expecting(stream)), 7, DeadlineError)
        self.late(Deferred.fromCoroutine(self.expecting(self.tab.dialogs)), 5, DeadlineError)

    def test_pictures_and_evaluations(self):
        self.late(self.tab.screenshot(), 30, CommandTimeout)
        self.tab.set_default_timeout(5)
        self.late(self.tab.screenshot(), 5, CommandTimeout)
        self.late(self.tab.screenshot(timeout=2), 2, CommandTimeout)
        self.late(self.tab.evaluate("1"), 30, CommandTimeout)  # the connection's
        self.late(self.tab.evaluate("1", timeout=timedelta(seconds=2)), 2, CommandTimeout)
        impatient = self.chrome.run(self.chrome.browser(timeout=timedelta(seconds=3)).new_page())
        self.late(impatient.screenshot(), 3, CommandTimeout)

    def test_of_a_session_nothing_changes(self):
        command = network.get_cookies()
        self.chrome.on(network.get_cookies, NEVER)
        self.tab.set_default_timeout(5)
        self.late(self.tab.session.execute(command), 30, CommandTimeout)
        self.late(self.tab.session.execute(command, timeout=timedelta(seconds=2)), 2, CommandTimeout)
        at_once = self.tab.session.execute(command, timeout=0)
        self.chrome.advance(0.1)
        self.failureResultOf(at_once, CommandTimeout)
        self.later(self.tab.session.execute_raw("Network.getCookies", timeout=None))

    def test_what_is_wrong(self):
        for call in (self.tab.set_default_timeout, self.browser.set_default_navigation_timeout):
            self.assertRaises(ValueError, call, -1)
        for waiting in (
            self.tab.goto(URL, timeout=-1),
            self.tab.reload(timeout=-1),
            self.tab.evaluate("1", timeout=-1),
        ):
            self.failureResultOf(waiting, ValueError)
        self.assertRaises(TypeError, self.tab.goto, URL, "load", 5)

    def test_milliseconds(self):
        for call in (
            lambda: self.tab.goto(URL, timeout=30_000),
            lambda: self.tab.evaluate("1", timeout=30_000),
            lambda: self.tab.screenshot(timeout=30_000),
            lambda: self.context.set_default_timeout(30_000),
        ):
            call()
            (warning,) = self.flushWarnings()
            self.assertIn("timedelta(seconds=30000)", warning["message"])
            self.assertEqual(warning["filename"], __file__)


class CloseTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.tab = self.chrome.run(self.chrome.browser(timeout=5).new_page())

    def test_the_target_is_gone_and_the_session_about_to_be(self):
        self.chrome.on(target.close_target, CommandError("", -32602, "No target with given id found"))
        closing = self.tab.close()
        self.chrome.flush()
        self.assertNoResult(closing)
        self.chrome.run(self.tab.session.detach())
        self.successResultOf(closing)

    def test_it_is_refused(self):
        self.chrome.on(target.close_target, CommandError("", -32000, "Not allowed"))
        closing = self.tab.close()
        self.chrome.flush()
        self.failureResultOf(closing, CommandError)

    def test_it_does_not_end(self):
        self.chrome.on(target.close_target, target.CloseTargetResult(success=True))
        closing = self.tab.close()
        self.chrome.advance(5)
        self.assertEqual(self.failureResultOf(closing, CommandTimeout).value.method, "Target.closeTarget")

    def test_it_is_detached_from(self):
        self.chrome.on(page.navigate, NEVER)
        waiting = self.tab.goto(URL)
        self.chrome.run(self.tab.session.detach())
        self.failureResultOf(waiting, SessionDetached, NavigationError)
        self.successResultOf(self.tab.close())
        self.assertEqual(self.chrome.received(target.close_target), [])


class EndedTests(SynchronousTestCase):
    """What is set for a page or a context that has ended holds for nothing, and says so."""

    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.browser = self.chrome.browser()
        self.context = self.chrome.run(self.browser.new_context())
        self.tab = self.chrome.run(self.context.new_page())

    def of_both(self, of: Page | BrowserContext) -> dict[str, Callable[[], Deferred[Any]]]:
        return {
            "emulate_media": lambda: of.emulate_media(media="print"),
            "set_viewport_size": lambda: of.set_viewport_size({"width": 300, "height": 200}),
            "set_extra_http_headers": lambda: of.set_extra_http_headers({"a": "b"}),
            "set_cache_enabled": lambda: of.set_cache_enabled(False),
            "add_init_script": lambda: of.add_init_script("1"),
            "expose_function": lambda: of.expose_function("called", int),
            "expose_binding": lambda: of.expose_binding("bound", int),
            "route": lambda: of.route("**", lambda route: None),
            "route_web_socket": lambda: of.route_web_socket("ws://a/", lambda route: None),
            "record_har": lambda: of.record_har(self.mktemp()),
        }

    def of_page(self) -> dict[str, Callable[[], Deferred[Any]]]:
        return self.of_both(self.tab) | {"set_bypass_service_worker": lambda: self.tab.set_bypass_service_worker(True)}

    def of_context(self) -> dict[str, Callable[[], Deferred[Any]]]:
        context = self.context
        return self.of_both(context) | {
            "set_geolocation": lambda: context.set_geolocation({"latitude": 1, "longitude": 1}),
            "set_offline": lambda: context.set_offline(True),
            "set_network_conditions": lambda: context.set_network_conditions({"latency": 1}),
            "set_cpu_throttling": lambda: context.set_cpu_throttling(2),
            "set_user_agent": lambda: context.set_user_agent("mine"),
            "set_http_credentials": lambda: context.set_http_credentials({"username": "a", "password": "b"}),
            "block": lambda: context.block(["*"]),
            "clock": context.clock.install,
            "new_page": context.new_page,
        }

    def each_fails(self, calls: dict[str, Callable[[], Deferred[Any]]], *kinds: type[Exception]) -> None:
        for _ in range(2):  # nothing is left that would be in the way
            for name, call in calls.items():
                failed = call()
                self.assertTrue(failed.called, name)
                self.failureResultOf(failed, *kinds)

    def test_a_closed_page(self):
        self.chrome.run(self.tab.close())
        self.each_fails(self.of_page(), SessionDetached)

    def test_a_closed_context(self):
        self.chrome.run(self.context.close())
        self.each_fails(self.of_page(), SessionDetached)
        self.each_fails(self.of_context(), ContextClosed)

    def test_a_lost_line(self):
        self.chrome.lose("cut")
        self.chrome.flush()
        self.each_fails(self.of_page() | self.of_context(), ConnectionLost)

    def test_a_page_that_closes_meanwhile(self):
        self.chrome.on("Emulation.setEmulatedMedia", NEVER)
        sent = self.tab.emulate_media(media="print")
        self.chrome.flush()
        self.assertNoResult(sent)
        self.chrome.run(self.tab.close())
        self.failureResultOf(sent, SessionDetached)

    def test_a_page_of_the_context_that_closes_meanwhile(self):
        """It has no part in what is set for the others."""
        self.chrome.on("Emulation.setEmulatedMedia", NEVER)
        sent = self.context.emulate_media(media="print")
        self.chrome.flush()
        self.assertNoResult(sent)
        self.chrome.run(self.tab.close())
        self.successResultOf(sent)

    def test_commands_that_fail_together_are_reported_once(self):
        """Trial fails a test that leaves a failure which nobody has handled."""
        refused = self.tab.coverage.start_js_coverage()  # of which a FakeChrome knows several commands not
        self.chrome.flush()
        self.failureResultOf(refused, CommandError)

    def test_a_context_that_closes_meanwhile(self):
        """Chromium may never answer what it is asked of a context that it disposes of."""
        cookie = {"name": "n", "value": "v", "url": "http://a.b/"}
        for command, ask in (
            ("Storage.getCookies", lambda: self.context.cookies()),
            ("Storage.setCookies", lambda: self.context.add_cookies([cookie])),
            ("Storage.clearCookies", lambda: self.context.clear_cookies()),
            ("Storage.getCookies", lambda: self.context.storage_state()),
            ("Browser.grantPermissions", lambda: self.context.grant_permissions(["geolocation"])),
            ("Browser.resetPermissions", lambda: self.context.clear_permissions()),
            ("Target.createTarget", lambda: self.context.new_page()),
            ("Page.navigate", lambda: self.context.new_page("http://a.b/")),
        ):
            self.setUp()
            self.chrome.on(command, NEVER)
            asked = ask()
            self.chrome.flush()
            self.assertNoResult(asked)
            self.chrome.run(self.context.close())
            self.assertTrue(asked.called, f"{command}: {ask}")
            self.failureResultOf(asked, ContextClosed)

    def test_what_is_awaited_of_an_open_context_leaves_nothing_behind(self):
        self.chrome.on(storage.get_cookies, lambda _: storage.GetCookiesResult(cookies=[]))
        held = len(self.context._closed._waiters)
        for _ in range(3):
            self.chrome.run(self.context.cookies())
        self.assertEqual(len(self.context._closed._waiters), held)

    def test_a_document_that_cannot_be_written(self):
        self.chrome.run(self.tab.close())
        self.failureResultOf(self.tab.set_content("x"), SessionDetached)


class EvaluationTests(SynchronousTestCase):
    def test_values(self):
        self.assertEqual(value_of(runtime.RemoteObject(type="number", value=5)), 5)
        self.assertIsNone(value_of(runtime.RemoteObject(type="undefined")))
        self.assertEqual(value_of(runtime.RemoteObject(type="bigint", unserializable_value="-7n")), -7)
        self.assertEqual(value_of(runtime.RemoteObject(type="number", unserializable_value="-Infinity")), -math.inf)
        with self.assertRaises(NotSerializable):
            value_of(runtime.RemoteObject(type="number", unserializable_value="new in 2030"))

    def test_refusals(self):
        def of(message: str) -> type:
            return type(explained(CommandError("Runtime.evaluate", -32000, message)))

        self.assertIs(of("Cannot find context with specified id"), ContextDestroyed)
        self.assertIs(of("Inspected target navigated or closed"), ContextDestroyed)
        self.assertIs(of("Object reference chain is too long"), NotSerializable)
        self.assertIs(
            of("Failed to convert response to JSON: CBOR: stack limit exceeded at position 5"), NotSerializable
        )
        self.assertIs(of("Internal error"), CommandError)

    def test_exceptions(self):
        def of(exception: runtime.RemoteObject | None, **fields: Any) -> str:
            details = runtime.ExceptionDetails(
                exception_id=1, text="Uncaught", line_number=2, column_number=3, exception=exception, **fields
            )
            error = thrown(details)
            self.assertIs(error.details, details)
            return str(error)

        self.assertEqual(of(None), "Uncaught")
        stack = "Error: no\n    at f (x.js:1:1)"
        self.assertEqual(of(runtime.RemoteObject(type="object", subtype="error", description=stack)), stack)
        bare = runtime.RemoteObject(type="object", subtype="error", description="Error: no")
        self.assertEqual(of(bare, url="x.js"), "Error: no\n    at x.js:3:4")
        self.assertEqual(of(runtime.RemoteObject(type="string", value="a")), 'Uncaught: "a"\n    at <anonymous>:3:4')
        symbol = runtime.RemoteObject(type="symbol", description="Symbol(x)")
        self.assertTrue(of(symbol).startswith("Uncaught: Symbol(x)\n"))
        properties = [
            runtime.PropertyPreview(name="a", type="number", value="1"),
            runtime.PropertyPreview(name="b", type="string", value=""),
            runtime.PropertyPreview(name="c", type="accessor"),
        ]
        preview = runtime.ObjectPreview(type="object", description="Object", overflow=True, properties=properties)
        thing = runtime.RemoteObject(type="object", description="Object", preview=preview)
        self.assertTrue(of(thing).startswith("Uncaught: Object {a: 1, b: , c: accessor, ...}\n"))


class ErrorTests(SynchronousTestCase):
    def test_they_can_be_pickled(self):
        for error in (
            NavigationTimeout(URL, "load", 30.0, "commit"),
            NavigationInterrupted(URL, URL + "2"),
            DownloadStarted(URL),
            NavigationError(URL, "net::ERR_FAILED"),
        ):
            again = pickle.loads(pickle.dumps(error))
            self.assertEqual((type(again), vars(again), str(again)), (type(error), vars(error), str(error)))


class PictureTests(SynchronousTestCase):
    def test_the_suffix_decides(self):
        for path, wanted in (
            ("a.png", "png"),
            ("a.JPG", "jpeg"),
            ("a.jpeg", "jpeg"),
            ("a.webp", "webp"),
            (None, "png"),
        ):
            self.assertEqual(image_format(path), wanted)
        self.assertEqual(image_format(Path("a.jpg"), "jpeg"), "jpeg")
        self.assertEqual(image_format("picture", "webp"), "webp")
        self.assertEqual(image_format("picture.bin", "webp"), "webp")

    def test_what_contradicts_itself_is_refused_with_what_to_do(self):
        for path, kind, said in (
            ("a.png", "jpeg", "a.png: its suffix means 'png', but type= is 'jpeg'; leave one out"),
            (
                "a.bmp",
                None,
                "a.bmp: unknown picture suffix '.bmp'; use one of .png, .jpg, .jpeg, .webp, or give",
            ),
            ("picture", None, "picture: it has no suffix; use one of .png, .jpg, .jpeg, .webp, or give type="),
            (None, "jpg", "type='jpg': use one of 'png', 'jpeg', 'webp'; did you mean 'jpeg'?"),
        ):
            with self.assertRaises(ValueError) as raised:
                image_format(path, kind)
            self.assertIn(said, str(raised.exception))

    def test_nothing_is_sent_for_it(self):
        chrome = FakeChrome()
        tab = chrome.run(chrome.browser().new_page())
        self.failureResultOf(tab.screenshot("a.png", type="jpeg"), ValueError)
        self.failureResultOf(tab.screenshot("a"), ValueError)
        self.failureResultOf(tab.screenshot(type="png", format="jpeg"), ValueError)
        self.assertEqual(chrome.received(page.capture_screenshot), [])

    def test_options_in_a_dict_are_no_path(self):
        chrome = FakeChrome()
        tab = chrome.run(chrome.browser().new_page())
        given: Any = {"path": "a.png"}
        for method in (tab.screenshot, tab.pdf):
            error = self.failureResultOf(method(given), TypeError).value
            self.assertIn("expected the path of a file; options are keyword arguments", str(error))


class ArgumentTests(SynchronousTestCase):
    """What is no text, function, locator or mapping where one is wanted is refused in words that say so."""

    def test_each_says_what_is_wanted(self):
        chrome = FakeChrome()
        tab: Any = chrome.run(chrome.browser().new_page())
        for call, words in (
            (lambda: tab.evaluate(len), "expression=<built-in function len>: expected a str"),
            (lambda: tab.wait_for_function(len), "expression=<built-in function len>: expected a str"),
            (lambda: tab.set_content(None), "html=None: expected a str"),
            (lambda: tab.add_style_tag(content=5), "content=5: expected a str"),
            (lambda: tab.keyboard.type(5), "text=5: expected a str"),
            (lambda: tab.keyboard.insert_text(None), "text=None: expected a str"),
            (lambda: tab.keyboard.press(None), "key=None: expected a str"),
            (lambda: tab.expose_function("f", 5), "callback=5: expected a function"),
            (lambda: tab.context.expose_function("f", 5), "callback=5: expected a function"),
            (lambda: tab.add_locator_handler("h1", len), "add_locator_handler('h1'): expected a Locator"),
            (lambda: tab.add_locator_handler(tab.locator("h1"), 5), "handler=5: expected a function"),
            (lambda: tab.locator("a").drag_to("#b"), "drag_to('#b'): expected a Locator"),
            (lambda: tab.pdf(margin=1), "margin=1: expected a mapping"),
            (
                lambda: tab.screenshot(clip=(0, 0, 1, 1)),
                "clip=(0, 0, 1, 1): expected a dict with x, y, width and height",
            ),
            (lambda: tab.goto(URL, timeout="5"), "timeout='5': expected seconds, or a timedelta"),
            (lambda: tab.session.execute_raw(page.reload()), "execute_raw() takes a name such as 'Page.navigate'"),
        ):
            with self.assertRaises(TypeError) as raised:
                chrome.run(call(), seconds=1)
            self.assertIn(words, str(raised.exception))

    def test_a_script_that_returns(self):
        exception = runtime.RemoteObject(
            type="object",
            subtype="error",
            class_name="SyntaxError",
            description="SyntaxError: Illegal return statement",
        )
        details = runtime.ExceptionDetails(
            exception_id=1, text="Uncaught", line_number=0, column_number=0, exception=exception
        )
        error = thrown(details)
        self.assertIn("Illegal return statement: expected an expression or a function", str(error))
        self.assertEqual(error.message, "Illegal return statement")
