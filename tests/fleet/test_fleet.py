"""Calls over a router in memory: what nodes do, what callers are told, and what becomes of calls whose end is lost."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError

from tests.fleet.support import URL, FleetCase
from tests.gateway.test_gateway_policy import SPELLINGS
from txcdp.domains import fetch, page, runtime
from txcdp.errors import CommandError, FleetBusy, FleetTimeout, NodeLost, WorkFailed
from txcdp.fleet import FleetOptions, NodeOptions, RouterOptions
from txcdp.fleet._messages import CHUNK
from txcdp.gateway import Policy
from txcdp.testing import NEVER


def thrown(words: str) -> runtime.EvaluateResult:
    """Return what the browser answers where JavaScript throws an Error."""
    error = runtime.RemoteObject(type="object", subtype="error", class_name="Error", description=f"Error: {words}")
    details = runtime.ExceptionDetails(exception_id=1, text="Uncaught", line_number=0, column_number=0, exception=error)
    return runtime.EvaluateResult(result=runtime.RemoteObject(type="object"), exception_details=details)


class Calls(FleetCase):
    def test_what_a_render_gives(self):
        self.add_node()
        fleet = self.fleet()
        self.assertEqual(self.result(fleet.pdf(URL)), b"%" * 1000)
        made = self.result(fleet.render("pdf", URL))
        self.assertEqual((made.kind, made.body), ("application/pdf", b"%" * 1000))
        self.assertEqual(self.result(fleet.evaluate(URL, "document.title")), "text")
        self.assertEqual(self.nodes[0].begun, [URL, URL, URL])
        self.assertEqual(self.nodes[0].open_pages, 0)
        self.assertEqual(self.nodes[0].node.counts, {"done": 3})

    def test_nodes_take_turns(self):
        first, second = self.add_node(), self.add_node()
        fleet = self.fleet()
        for number in range(6):
            self.result(fleet.pdf(f"{URL}{number}"))
        self.assertEqual((len(first.begun), len(second.begun)), (3, 3))

    def test_what_cannot_be_done_is_told_as_the_gateway_tells_it(self):
        node = self.add_node()
        fleet = self.fleet()
        for call, status, problem in (
            (fleet.pdf("file:///etc/passwd"), 403, "policy"),
            (fleet.pdf("http://"), 400, "request"),
            (fleet.pdf(URL, unheard_of=1), 400, "request"),
            (fleet.render("video", URL), 400, "request"),  # type: ignore[arg-type]
            (fleet.evaluate(URL), 400, "request"),
            (fleet.extract(URL, {"title": 7}), 400, "request"),
            (fleet.run_actions(URL, [["dance"]]), 400, "request"),
            (fleet.run_actions(URL, [["goto", "file:///etc/passwd"]]), 403, "policy"),
            (fleet.run_actions(URL, [], screenshot={"format": "png", "quality": 7}), 400, "request"),
        ):
            error = self.failure(call, WorkFailed)
            self.assertEqual((error.status, error.problem), (status, problem), error)
            self.assertEqual(error.details["status"], status)
        self.assertEqual(node.begun, [])
        node.chrome.on(runtime.evaluate, CommandError("Runtime.evaluate", -32000, "not now"))
        self.assertEqual(self.failure(fleet.evaluate(URL, "1"), WorkFailed).status, 502)
        self.assertEqual(self.failure(fleet.pdf(URL, timeout=121), WorkFailed).status, 400)

    def test_a_nodes_policy_holds_for_all_work(self):
        policy = Policy(private_addresses=False)
        node = self.add_node(gateway={"policy": policy})
        fleet = self.fleet(tries=1)
        for host in (*SPELLINGS[:4], "127.0.0.1", "169.254.169.254"):
            url = host if "://" in host else f"http://{host}/"
            for call in (
                fleet.pdf(url),
                fleet.extract(url, {"title": "h1"}),
                fleet.run_actions(url, [["click", "a"]]),
                fleet.run_actions(URL, [["goto", url]]),
            ):
                self.assertEqual(self.failure(call, WorkFailed).status, 403, url)
        self.assertEqual(node.begun, [])

    def test_a_redirect_to_where_pages_may_not_is_kept_out(self):
        node = self.add_node(gateway={"policy": Policy(private_addresses=False)})
        fleet = self.fleet()
        node.chrome.on(page.navigate, NEVER)
        calling = fleet.run_actions(URL, [["click", "a"]], timeout=3)
        self.settle()
        (enabled,) = node.chrome.received(fetch.enable)
        self.assertEqual({each.resource_type for each in enabled.patterns or ()}, {"Document"})
        self.failure(calling, FleetTimeout, 4)

    def test_a_mistake_in_a_node_is_not_told_to_the_world(self):
        node = self.add_node()

        async def broken(asked: Any) -> Any:
            raise KeyError("the node's own secret")

        node.node._work.kinds = {**node.node._work.kinds, "render": broken}
        error = self.failure(self.fleet().pdf(URL), WorkFailed)
        self.assertEqual(error.status, 500)
        self.assertNotIn("secret", str(error))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_a_large_result_comes_in_chunks_for_credits(self):
        size = 5 * CHUNK + 17
        self.add_node(size=size)
        fleet = self.fleet(window=2)
        self.assertEqual(self.result(fleet.pdf(URL)), b"%" * size)
        self.assertLess(self.router.largest, 1024 * 1024)

    def test_no_more_than_the_credits_is_on_its_way_to_a_caller_who_has_stopped(self):
        node = self.add_node(size=40 * CHUNK, patience=30.0)
        fleet = self.fleet(window=3)
        calling = fleet.pdf(URL, timeout=100)
        calling.addErrback(lambda failure: None)
        self.router.freeze(self.caller)
        self.pass_time(10)
        sent = [each for each in self.router.line(self.caller).unread if "chunk" in (each.args or ())]
        self.assertEqual(len(sent), 3)
        self.assertEqual(len(node.node.state()["calls"]), 1)
        self.pass_time(25)
        self.assertEqual(node.node.state()["calls"], [])
        calling.cancel()

    def test_a_request_that_no_router_takes_is_refused_here(self):
        self.add_node()
        error = self.failure(self.fleet().pdf(html="x" * 1_000_000), ValueError)
        self.assertIn("1,000,0", str(error))

    def test_what_a_page_throws_is_cut_to_what_a_router_takes(self):
        """An error goes in one message; if that were too large, all calls of the node would end with its line."""
        node = self.add_node()
        fleet = self.fleet()
        node.chrome.on(runtime.evaluate, thrown("\u4e2d" * 600_000))
        error = self.failure(fleet.evaluate(URL, "fail()"), WorkFailed)
        self.assertEqual((error.status, error.details["exception"]["name"]), (422, "Error"))
        stack = error.details["exception"]["stack"]
        self.assertTrue(stack.startswith("Error: \u4e2d"), stack[:100])
        self.assertRegex(stack, r"\.\.\. \(600,\d\d\d characters\)\Z")
        self.assertLess(self.router.largest, self.router.takes)
        self.assertEqual(len(self.result(fleet.pdf(URL))), 1000)

    def test_halves_of_characters_are_told_as_such(self):
        """Strings of JavaScript may have them, and no message."""
        node = self.add_node()
        fleet = self.fleet()
        node.chrome.on(runtime.evaluate, thrown("half: \ud83d"))
        error = self.failure(fleet.evaluate(URL, "1"), WorkFailed)
        self.assertEqual(error.details["exception"]["message"], "Error: half: \ufffd")

    def test_an_error_of_the_browser_is_cut_too(self):
        node = self.add_node()
        node.chrome.on(runtime.evaluate, CommandError("Runtime.evaluate", -32000, "x" * 1_500_000))
        error = self.failure(self.fleet().evaluate(URL, "1"), WorkFailed)
        self.assertEqual(error.status, 502)
        self.assertLess(self.router.largest, self.router.takes)

    def test_without_progressive_results_any_client_may_call(self):
        self.add_node(size=10)
        session = self.router.join()
        found = self.result(session.call("txcdp.work.render", {"take": "pdf", "url": URL}))
        self.assertEqual((found["kind"], found["body"]), ("application/pdf", b"%" * 10))
        wrong: list[tuple[Any, ...]] = [
            (),
            ("pdf",),
            ({"take": "pdf", "url": URL}, {"version": 2}),
            ({}, {"begin": False}),
            ({}, "x"),
        ]
        for args in wrong:
            failed = self.failureResultOf(self._called(session, *args))
            self.assertEqual((failed.value.error, failed.value.kwargs["status"]), ("txcdp.error.failed", 400))

    def _called(self, session: Any, *args: Any) -> Any:
        calling = session.call("txcdp.work.render", *args)
        self.settle()
        return calling

    def test_actions_tell_how_far_they_are(self):
        self.add_node()
        fleet = self.fleet()
        did: list[int] = []
        steps = [["wait_for_timeout", 0.01], ["evaluate", "1"], ["wait_for_timeout", 0.01]]
        done = self.result(fleet.run_actions(URL, steps, did=did.append), 1)
        self.assertEqual(did, [1, 2, 3])
        self.assertEqual((done.url, done.extract, done.screenshot), (URL, None, None))


class Full(FleetCase):
    def test_a_full_node_is_asked_again_until_it_has_a_place(self):
        node = self.add_node(seconds=1.0, places=2)
        fleet = self.fleet()
        calls = [fleet.pdf(f"{URL}{number}") for number in range(6)]
        self.pass_time(4)
        for each in calls:
            self.successResultOf(each)
        self.assertEqual(len(node.begun), 6)
        self.assertGreater(node.node.counts["refused"], 0)

    def test_not_for_ever(self):
        self.add_node(seconds=100.0, places=1)
        fleet = self.fleet(tries=3)
        first = fleet.pdf(URL, timeout=100)
        error = self.failure(fleet.pdf(URL), FleetBusy, 3)
        self.assertEqual(error.tries, 3)
        self.assertIn("all places of this node are taken", str(error))
        late = self.fleet(pause=1.0)
        error = self.failure(late.pdf(URL, timeout=2.5), FleetTimeout, 3)
        self.assertIn("all places of this node are taken", str(error))
        first.cancel()
        self.failureResultOf(first, CancelledError)

    def test_a_place_that_a_call_of_ours_leaves_is_taken_at_once(self):
        node = self.add_node(seconds=1.0, places=1)
        fleet = self.fleet(pause=10.0, pause_most=10.0)
        calls = [fleet.pdf(f"{URL}{number}") for number in range(3)]
        self.pass_time(3.5)
        for each in calls:
            self.successResultOf(each)
        self.assertEqual(len(node.begun), 3)

    def test_no_node_at_all(self):
        error = self.failure(self.fleet(tries=2).pdf(URL), FleetBusy, 1)
        self.assertIn("no node is available", str(error))
        calling = self.fleet().pdf(URL)
        self.pass_time(1)
        self.add_node()
        self.assertEqual(len(self.result(calling, 2)), 1000)


class Lost(FleetCase):
    def test_what_may_be_done_twice_is_done_again_by_another_node(self):
        first, second = self.add_node(seconds=1.0), self.add_node(seconds=1.0)
        calling = self.fleet().pdf(URL)
        self.pass_time(0.3)
        self.assertEqual((len(first.begun), len(second.begun)), (1, 0))
        first.die()
        self.assertEqual(len(self.result(calling, 2)), 1000)
        self.assertEqual(second.begun, [URL])

    def test_what_may_not_be_done_twice_is_never_begun_again(self):
        first, second = self.add_node(seconds=1.0), self.add_node(seconds=1.0)
        fleet = self.fleet()
        for call in (lambda: fleet.evaluate(URL, "pay()"), lambda: fleet.pdf(URL, repeat=False)):
            first.said.clear()
            calling = call()
            self.pass_time(0.3)
            (victim,) = [each for each in (first, second) if each.begun]
            self.router.lose(victim.session)
            victim.node.left()
            error = self.failure(calling, NodeLost, 3)
            self.assertIn("may have been done", str(error))
            self.assertEqual(len(first.begun) + len(second.begun), 1)
            victim.said.clear()
            victim.join()

    def test_it_is_tried_again_where_it_was_not_begun(self):
        first, second = self.add_node(seconds=1.0), self.add_node(seconds=1.0)
        self.router.freeze(first.session)
        calling = self.fleet(silence=5.0).evaluate(URL, "pay()")
        self.pass_time(4)
        self.assertEqual(first.begun + second.begun, [])
        self.assertEqual(self.result(calling, 4), "text")
        self.assertEqual(second.begun, [URL])
        self.router.thaw(first.session)
        self.pass_time(2)
        self.assertEqual(first.begun, [])

    def test_what_a_frozen_node_has_begun_is_not_begun_elsewhere(self):
        first, second = self.add_node(seconds=1.0), self.add_node(seconds=1.0)
        calling = self.fleet(silence=5.0).evaluate(URL, "pay()")
        self.pass_time(0.3)
        self.router.freeze(first.session)
        self.failure(calling, NodeLost, 6)
        self.assertEqual((first.begun, second.begun), ([URL], []))

    def test_nobody_confirms_what_a_node_has_accepted(self):
        node = self.add_node(patience=3.0)
        session = self.router.join()
        from autobahn.wamp.types import CallOptions

        heard: list[Any] = []
        options = CallOptions(on_progress=lambda *words: heard.append(words))
        calling = session.call("txcdp.work.render", {"take": "pdf", "url": URL}, {"begin": False}, options=options)
        self.pass_time(2)
        self.assertEqual([each[0] for each in heard], ["accepted"])
        self.pass_time(2)
        self.failureResultOf(calling)
        self.assertEqual(node.begun, [])

    def test_nodes_are_not_tried_for_ever(self):
        node = self.add_node(seconds=1.0)
        calling = self.fleet(repeats=2, pause=0.1).pdf(URL)
        for _ in range(3):
            self.pass_time(0.5)
            self.router.lose(node.session)
            node.node.left()
            node.join()
        error = self.failure(calling, NodeLost)
        self.assertIn("tried 3 times", str(error))

    def test_a_browser_that_ends_costs_another_attempt(self):
        node = self.add_node(seconds=1.0)
        fleet = self.fleet()
        calling, other = fleet.pdf(URL), fleet.evaluate(URL, "pay()")
        self.pass_time(0.3)
        node.chrome.lines[-1].abort("killed")
        self.assertEqual(len(self.result(calling, 4)), 1000)
        self.assertEqual(node.begun.count(URL), 3)
        self.failure(other, NodeLost)

    def test_words_of_a_node_keep_a_long_call(self):
        self.add_node(seconds=20.0, beat=2.0)
        fleet = self.fleet(silence=5.0)
        self.assertEqual(len(self.result(fleet.pdf(URL), 21)), 1000)


class Gone(FleetCase):
    def test_a_cancelled_call_ends_here_and_there(self):
        for deaf in (False, True):
            node = self.add_node(seconds=60.0)
            calling = self.fleet().pdf(URL, timeout=50)
            self.pass_time(0.3)
            self.assertEqual(node.open_pages, 1)
            self.router.deaf_to_cancel = deaf
            calling.cancel()
            self.failureResultOf(calling, CancelledError)
            self.pass_time(1)
            if deaf:  # its time ends it
                self.assertEqual(node.open_pages, 1)
                self.pass_time(50)
            self.assertEqual(node.open_pages, 0)
            self.router.lose(node.session)
            node.node.left()

    def test_a_caller_that_vanishes_stops_its_page(self):
        node = self.add_node(seconds=60.0)
        calling = self.fleet().pdf(URL)
        self.pass_time(0.3)
        self.router.lose(self.caller)
        self.failure(calling, NodeLost, 35)
        self.assertEqual(node.open_pages, 0)
        self.assertEqual(node.node.counts, {"cancelled": 1})

    def test_after_an_interrupted_call_the_router_counts_anew(self):
        node = self.add_node(seconds=60.0, places=3)
        before = self.router.procedures["txcdp.work.render"]
        calling = self.fleet().pdf(URL)
        self.pass_time(0.3)
        self.router.lose(self.caller)
        self.pass_time(1)
        after = self.router.procedures["txcdp.work.render"]
        self.assertNotEqual([each[1] for each in before], [each[1] for each in after])
        self.failure(calling, NodeLost, 35)
        self.assertEqual(len(node.node.state()["calls"]), 0)

    def test_a_deadline_is_for_all_attempts(self):
        self.add_node(seconds=60.0)
        calling = self.fleet().pdf(URL, timeout=2)
        self.pass_time(2.2)
        self.assertIn("2 s", str(self.failureResultOf(calling, FleetTimeout, WorkFailed).value))

    def test_others_give_no_credits_to_a_call(self):
        self.add_node(seconds=1.0)
        calling = self.fleet().pdf(URL)
        self.settle()
        (call,) = self.nodes[0].node._running
        stranger = self.router.join()
        self.failureResultOf(self._credit(stranger, call.id))
        self.failureResultOf(self._credit(self.caller, "unknown"))
        self.failureResultOf(self._credit(self.caller, call.id, -1))
        self.assertTrue(self.successResultOf(self._credit(self.caller, call.id, 1)))
        self.result(calling, 2)

    def _credit(self, session: Any, *args: Any) -> Any:
        giving = session.call("txcdp.node.node1.credit", *args)
        self.settle()
        return giving


class Life(FleetCase):
    def test_a_node_drains_and_comes_back(self):
        first, second = self.add_node(seconds=1.0), self.add_node(seconds=1.0)
        fleet = self.fleet()
        calls = [fleet.pdf(URL), fleet.pdf(URL)]
        self.pass_time(0.3)
        draining = first.node.drain()
        self.settle()
        self.assertNoResult(draining)
        more = [fleet.pdf(f"{URL}more"), fleet.pdf(f"{URL}more")]
        self.pass_time(2.5)
        for each in (*calls, *more):
            self.successResultOf(each)
        self.assertTrue(self.successResultOf(draining))
        self.assertEqual((len(first.begun), len(second.begun)), (1, 3))
        first.node.resume()
        self.settle()
        for _ in range(2):
            self.result(fleet.pdf(URL), 2)
        self.assertEqual((len(first.begun), len(second.begun)), (2, 4))

    def test_what_is_left_after_the_time_for_draining_is_done_by_another_node(self):
        first, second = self.add_node(seconds=60.0), self.add_node(seconds=0.5)
        calling = self.fleet().pdf(URL)
        self.pass_time(0.3)
        draining = first.node.drain(2.0)
        self.assertEqual(len(self.result(calling, 4)), 1000)
        self.assertFalse(self.successResultOf(draining))
        self.assertEqual(len(second.begun), 1)

    def test_a_node_that_joins_again_while_its_old_session_is_there(self):
        node = self.add_node()
        old, node.session = node.session, self.router.join()
        self.router.line(old).open = False  # the router has not found out yet
        joining = node.node.joined(node.session)
        self.pass_time(1)
        self.assertNoResult(joining)
        self.router.line(old).open = True
        self.router.lose(old)
        self.pass_time(6)
        self.successResultOf(joining)
        self.assertEqual(len(self.result(self.fleet().pdf(URL), 1)), 1000)

    def test_operators(self):
        node = self.add_node(seconds=1.0)
        operator = self.router.join()

        def operate(what: str) -> Any:
            asking = operator.call(f"txcdp.operate.node1.{what}")
            self.settle()
            return asking

        calling = self.fleet().pdf(f"{URL}?secret=1")
        self.pass_time(0.3)
        state = self.successResultOf(operate("state"))
        self.assertEqual((state["node"], state["draining"], state["places"]), ("node1", False, 4))
        self.assertEqual([(each["kind"], each["state"]) for each in state["calls"]], [("render", "running")])
        self.assertNotIn("secret", repr(state))
        draining = operate("drain")
        self.assertNoResult(draining)
        self.result(calling, 1)
        self.assertTrue(self.successResultOf(draining))
        self.failure(self.fleet(tries=1).pdf(URL), FleetBusy)
        self.successResultOf(operate("resume"))
        self.result(self.fleet().pdf(URL), 2)
        self.assertEqual(len(node.begun), 2)


class Options(FleetCase):
    def test_what_cannot_be_meant(self):
        for make, words in (
            (lambda: RouterOptions(url="http://x", realm="r"), "ws://"),
            (lambda: RouterOptions(url="ws://u:p@x", realm="r"), "ws://"),
            (lambda: RouterOptions(url="ws://x", realm=""), "realm"),
            (lambda: RouterOptions(url="ws://x", realm="r", ticket="secret"), "authid"),
            (lambda: RouterOptions(url="ws://x", realm="r", authority="/nowhere"), "wss:"),
            (lambda: RouterOptions(url="wss://x", realm="r", authority="/nowhere"), "/nowhere"),
            (lambda: RouterOptions(url="ws://x", realm="r", ping_interval=0), "ping_interval"),
            (lambda: NodeOptions(name="a.b"), "name"),
            (lambda: NodeOptions(prefix="A"), "prefix"),
            (lambda: NodeOptions(places=0), "places"),
            (lambda: FleetOptions(window=0), "window"),
        ):
            with self.assertRaises(ValueError) as caught:
                make()
            self.assertIn(words, str(caught.exception))
            self.assertNotIn("secret", str(caught.exception))

    def test_a_ticket_is_not_shown(self):
        shown = repr(RouterOptions(url="ws://x", realm="r", authid="somebody", ticket="secret"))
        self.assertIn("somebody", shown)
        self.assertNotIn("secret", shown)
