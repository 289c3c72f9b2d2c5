"""The browser level without a browser: what its commands are, and what becomes of unusual answers."""

from __future__ import annotations

import gc
import importlib
import pkgutil
import subprocess
import sys
import weakref
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

import txcdp
from txcdp.browser import Browser
from txcdp.domains import browser, page, target
from txcdp.errors import CommandError, ConnectionLost, NotABrowser, SessionDetached
from txcdp.page import Worker
from txcdp.testing import NEVER, FakeChrome

#: The packages that users import from.
PACKAGES = [f"txcdp.{name}" for name in "browser chrome gateway model page recording service streams testing".split()]


def unknown(command: object) -> CommandError:
    """Refuse like one that does not know the method."""
    return CommandError("", -32601, "'It' wasn't found")


class PublicNamesTests(SynchronousTestCase):
    def run_python(self, code: str) -> str:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def test_every_name_is_there(self):
        for name in txcdp.__all__:
            if name != "__version__":  # of a checkout that is not installed there is none
                self.assertIsNotNone(getattr(txcdp, name), name)
                self.assertIn(name, dir(txcdp))
        self.assertEqual(sorted(txcdp.__all__), sorted(set(txcdp.__all__)))
        shown = [name for name in dir(txcdp) if not (name.startswith("__") and name != "__version__")]
        self.assertEqual(shown, sorted(txcdp.__all__))

    def test_a_package_shows_its_public_names_alone(self):
        for name in PACKAGES:
            package = importlib.import_module(name)
            modules = {each.name for each in pkgutil.iter_modules(package.__path__)}
            # pytest adds names with "@" to the modules of what it finds a plugin in.
            shown = {each for each in dir(package) if not each.startswith(("_", "@"))} - modules
            self.assertEqual(shown, {each for each in package.__all__ if not each.startswith("_")}, name)
        with self.assertRaisesRegex(AttributeError, "no attribute 'nothing'"):
            txcdp.nothing  # noqa: B018

    def test_a_name_is_imported_when_it_is_used(self):
        code = "import sys, txcdp; print([each for each in sys.modules if each.startswith(('txcdp.', 'twisted'))])"
        self.assertEqual(self.run_python(code), "[]")

    def test_no_reactor_is_installed(self):
        code = (
            "import sys, txcdp; [getattr(txcdp, each) for each in txcdp.__all__ if each != '__version__'];"
            "print('twisted.internet.reactor' in sys.modules, 'treq' in sys.modules)"
        )
        self.assertEqual(self.run_python(code), "False False")


class BrowserTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.browser: Browser = self.chrome.browser()

    def test_a_new_page(self):
        tab = self.chrome.run(self.browser.new_page())
        (created,) = self.chrome.received(target.create_target)
        self.assertEqual(created, target.create_target(url="about:blank"))
        self.assertEqual(tab.main_frame_id, tab.target_id)
        self.assertIn(tab.target_id, repr(tab))
        of_page = [each.method for each in self.chrome.commands if each.session_id == tab.session.id]
        self.assertEqual(
            of_page,
            [
                "Emulation.setFocusEmulationEnabled",
                "Page.enable",
                "Page.addScriptToEvaluateOnNewDocument",
                "Page.setLifecycleEventsEnabled",
                "Target.setAutoAttach",
                "Network.enable",
            ],
        )
        self.assertIs(self.chrome.run(self.browser.attach_pages())[-1], tab)

    def test_nothing_is_kept_of_a_page_that_is_closed(self):
        closed: list[weakref.ref[object]] = []
        for _ in range(5):
            tab = self.chrome.run(self.browser.new_page())
            tab.dialogs.subscribe(lambda _: None)
            tab.frame_navigated.subscribe(lambda _: None)
            self.chrome.run(tab.goto("https://example.test/"))
            self.chrome.run(tab.close())
            closed += [weakref.ref(tab), weakref.ref(tab.main_frame), weakref.ref(tab._tree)]
        del tab
        gc.collect()
        self.assertEqual([each() for each in closed], [None] * len(closed))

    def test_a_page_knows_its_context_and_browser(self):
        context = self.chrome.run(self.browser.new_context())
        self.assertEqual(self.browser.contexts, [self.browser.default_context, context])
        tabs = [
            self.chrome.run(opening)
            for opening in (self.browser.new_page(), self.browser.default_context.new_page(), context.new_page())
        ]
        self.assertEqual([tab.context for tab in tabs], [self.browser.default_context] * 2 + [context])
        self.assertEqual([tab.browser for tab in tabs], [self.browser] * 3)
        self.assertEqual(self.browser.default_context.pages, tabs[:2])
        self.assertEqual(context.pages, tabs[2:])
        self.chrome.run(context.close())
        self.assertEqual(context.pages, [])
        self.assertEqual(self.browser.contexts, [self.browser.default_context])

    def test_pages_that_are_found_know_their_context(self):
        context = self.chrome.run(self.browser.new_context())
        root = self.browser.session
        other = self.chrome.run(root.execute(target.create_browser_context())).browser_context_id
        targets = [
            self.chrome.run(root.execute(target.create_target(url="about:blank", browser_context_id=each))).target_id
            for each in (None, context.id, other)
        ]
        found = {each.target_id: each.context for each in self.chrome.run(self.browser.attach_pages())}
        self.assertEqual([found[each].id for each in targets], [None, context.id, other])
        self.assertIs(found[targets[0]], self.browser.default_context)
        self.assertIs(found[targets[1]], context)
        self.assertIs(found[targets[2]], self.browser.contexts[-1])
        self.chrome.run(root.execute(target.dispose_browser_context(browser_context_id=other)))
        self.chrome.run(self.browser.attach_pages())
        self.assertEqual(self.browser.contexts, [self.browser.default_context, context])

    def test_closing_the_default_context_closes_the_browser(self):
        self.chrome.run(self.browser.default_context.close())
        self.assertIsNotNone(self.browser.connection.lost)
        self.assertEqual(self.chrome.received(target.dispose_browser_context), [])

    def test_whether_it_is_a_browser_is_asked_once(self):
        self.chrome.run(self.browser.new_page())
        self.chrome.run(self.browser.new_page())
        self.chrome.run(self.browser.new_context())
        self.assertEqual(len(self.chrome.received(target.get_target_info)), 1)

    def test_node(self):
        for command in (
            "Target.getTargetInfo",
            "Target.createTarget",
            "Target.createBrowserContext",
            "Target.getTargets",
        ):
            self.chrome.on(command, unknown)
        for what in ("new_page", "new_context"):
            with self.assertRaises(NotABrowser) as caught:
                self.chrome.run(getattr(self.browser, what)())
            self.assertEqual((caught.exception.what, caught.exception.kind), (what, "other"))
            self.assertIn("Node", str(caught.exception))
        self.assertEqual(self.chrome.run(self.browser.attach_pages()), [])
        self.chrome.on("Target.getTargets", CommandError("", -32000, "Not allowed"))
        with self.assertRaisesRegex(CommandError, "Not allowed"):
            self.chrome.run(self.browser.attach_pages())

    def test_a_worker(self):
        info = target.TargetInfo(target_id="W", type="worker", title="", url="", attached=True, can_access_opener=False)
        self.chrome.on(target.get_target_info, target.GetTargetInfoResult(target_info=info))
        self.assertEqual(self.chrome.run(self.browser.attach_pages()), [])
        with self.assertRaisesRegex(NotABrowser, r"a single target \(worker\)"):
            self.chrome.run(self.browser.new_page())

    def test_another_refusal_is_handed_on(self):
        self.chrome.on(target.create_target, CommandError("", -32000, "Not allowed"))
        with self.assertRaisesRegex(CommandError, "Not allowed"):
            self.chrome.run(self.browser.new_page())

    def test_cancelled_before_it_is_there_the_page_is_closed(self):
        opening = self.browser.new_page()
        opening.cancel()
        self.failureResultOf(opening, CancelledError)
        self.chrome.flush()
        (closed,) = self.chrome.received(target.close_target)
        self.assertNotIn(closed.target_id, self.chrome.targets.all)

    def test_the_page_ends_before_it_is_there(self):
        def close_instead(command: page.set_lifecycle_events_enabled) -> object:
            (made,) = [each for each in self.browser.connection.sessions if each.target is not None]
            assert made.target is not None
            self.browser.session.execute(target.close_target(target_id=made.target.target_id))
            return NEVER

        self.chrome.on(page.set_lifecycle_events_enabled, close_instead)
        with self.assertRaises(SessionDetached):
            self.chrome.run(self.browser.new_page())

    def test_a_target_that_is_gone_when_it_is_attached_to(self):
        first = self.chrome.run(self.browser.new_page())
        self.chrome.run(self.browser.session.execute(target.create_target(url="about:blank")))
        self.chrome.on(target.attach_to_target, CommandError("", -32602, "No target with given id found"))
        self.assertEqual(self.chrome.run(self.browser.attach_pages()), [first])

    def test_pages_that_hang_are_had_without_their_frames(self):
        self.chrome.run(self.browser.session.execute(target.create_target(url="about:blank")))
        self.chrome.on(page.get_frame_tree, NEVER)
        attaching = self.browser.attach_pages()
        self.chrome.advance(1)
        self.assertNoResult(attaching)
        self.chrome.advance(1)
        (found,) = self.successResultOf(attaching)
        self.assertEqual(found.frames, [found.main_frame])

    def test_the_line_is_lost_while_pages_are_listed(self):
        self.chrome.run(self.browser.session.execute(target.create_target(url="about:blank")))
        self.chrome.on(target.attach_to_target, NEVER)
        listing = self.browser.attach_pages()
        self.chrome.flush()
        self.browser.connection.transport.abort()
        self.chrome.flush()
        self.failureResultOf(listing, ConnectionLost)

    def test_closing_what_was_connected_to_leaves_it_running(self):
        async def use() -> None:
            async with self.browser:
                pass

        self.chrome.run(use())
        self.assertEqual(self.chrome.received(browser.close), [])
        assert self.browser.connection.lost is not None
        self.assertTrue(self.browser.connection.lost.clean)


class ContextTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.browser = self.chrome.browser()

    def test_its_arguments(self):
        origins = ("https://one.test",)
        made = self.browser.new_context(
            proxy={"server": "p:1", "bypass": "b"}, origins_with_universal_network_access=origins
        )
        context = self.chrome.run(made)
        (created,) = self.chrome.received(target.create_browser_context)
        self.assertEqual(
            created,
            target.create_browser_context(
                dispose_on_detach=True,
                proxy_server="p:1",
                proxy_bypass_list="<-loopback>,b",
                origins_with_universal_network_access=list(origins),
            ),
        )
        tab = self.chrome.run(context.new_page())
        self.assertEqual(self.chrome.received(target.create_target)[-1].browser_context_id, context.id)
        self.chrome.run(context.close())
        self.assertTrue(tab.session.ended)

    def test_sessions_are_of_pages_and_frames(self):
        context = self.chrome.run(self.browser.new_context())
        tab = self.chrome.run(context.new_page())
        for one in (tab, tab.main_frame):
            self.assertIsNot(self.chrome.run(context.new_cdp_session(one)), tab.session)
        given: Any
        for given in (context, {}, None, tab.session):
            with self.assertRaisesRegex(TypeError, "expected a page or a frame"):
                self.chrome.run(context.new_cdp_session(given))

    def test_a_worker_that_goes_on_does_not_hold_closing_up(self):
        context = self.chrome.run(self.browser.new_context())
        workers: list[Worker] = []
        context.service_worker_started.subscribe(workers.append)
        self.chrome.flush()
        self.chrome.open_target("service_worker", "https://one.test/worker.js", browser_context_id=context.id)
        self.chrome.flush()
        (worker,) = workers
        ended: list[str] = []
        worker.when_closed().addCallback(lambda _: ended.append("worker"))
        context.when_closed().addCallback(lambda _: ended.append("context"))
        self.chrome.on(target.dispose_browser_context)  # as Chromium where it is being installed: it is stopped later
        self.chrome.run(context.close())
        self.assertEqual(ended, ["worker", "context"])

    def test_a_refused_closing_may_be_tried_again(self):
        context = self.chrome.run(self.browser.new_context())
        self.chrome.run(context.new_page())
        self.chrome.once(target.dispose_browser_context, CommandError("", -32000, "Not now"))
        with self.assertRaisesRegex(CommandError, "Not now"):
            self.chrome.run(context.close())
        self.chrome.run(context.close())
        self.assertEqual(len(self.chrome.received(target.dispose_browser_context)), 2)


class ReopenedTests(SynchronousTestCase):
    def test_a_page_that_is_opened_again_is_no_other_one(self):
        chrome = FakeChrome()
        browser = chrome.browser(txcdp.ReconnectPolicy(initial_delay=0.1, jitter=lambda: 0.0))
        context = chrome.run(browser.new_context())
        chrome.run(context.add_init_script("1"))
        tab = chrome.run(context.new_page("https://example.com/"))
        opened: list[object] = []
        context.page_opened.subscribe(opened.append)
        chrome.flush()
        chrome.commands.clear()
        chrome.restart()
        chrome.advance(5)
        self.assertIsNone(browser.connection.suspended)
        self.assertEqual((context.pages, opened), ([tab], []))
        given = chrome.received(page.add_script_to_evaluate_on_new_document)
        self.assertEqual([each.source for each in given].count("1"), 1)
