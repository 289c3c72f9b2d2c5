"""A line to one page of a client's virtual browser: sessions without names, and nothing beyond that client's own."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.gateway.support_virtual_browser import BROKEN, Client, MultiplexRig, PageLine


class Line(PageLine):
    """A line to a page in a upstream."""

    def __init__(self, rig: MultiplexRig, owner: Client, target: str, **limits: int) -> None:
        super().__init__(owner, target, **limits)
        self.rig = rig

    def ask(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        """Say a command, and return the answer."""
        return self.rig.ask(self, method, session, **params)

    def told_of(self, method: str) -> list[dict[str, Any]]:
        """Return the events of a kind, whole."""
        return [each for each in self.got if each.get("method") == method]


class PageLineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.rig = MultiplexRig()
        self.browser, self.shared = self.rig.browser, self.rig.shared
        self.a, self.b = self.rig.client("A"), self.rig.client("B")
        self.target, self.session = self.rig.page(self.a)
        self.before = len(self.browser.targets.sessions)
        self.line = Line(self.rig, self.a, self.target)

    def test_the_page_has_no_session(self):
        answer = self.line.ask("Runtime.evaluate", expression="1")
        self.assertEqual(answer, {"id": 1, "result": {"result": {"type": "string", "value": "1"}}})
        (event,) = self.line.told_of("Runtime.consoleAPICalled")
        self.assertEqual(event, {"method": "Runtime.consoleAPICalled", "params": {"type": "log", "said": "1"}})
        (same,) = [each for each in self.a.got if each.get("method") == "Runtime.consoleAPICalled"]
        self.assertEqual(same["sessionId"], self.session, "its owner has a session of its own with the page")

    def test_what_is_said_early_waits(self):
        self.line.connection.receive(b'{"id":7,"method":"Runtime.evaluate","params":{"expression":"x"}}')
        self.assertEqual(self.line.got, [])
        self.rig.deliver()
        self.assertEqual(self.line.got[-1]["id"], 7)

    def test_an_event_that_is_written_otherwise(self):
        self.rig.deliver()
        key = self.line.connection.sessions[""].id
        self.shared.receive(json.dumps({"method": "Page.x", "sessionId": key, "params": {}}).encode())
        self.shared.receive(b'{"method":"Page.y","params":{},"sessionId":"%b" }' % key.encode())
        self.assertEqual(self.line.got[-2:], [{"method": "Page.x", "params": {}}, {"method": "Page.y", "params": {}}])

    def test_what_it_sees_is_its_owners(self):
        other, _ = self.rig.page(self.b)
        found = self.line.ask("Target.getTargets")["result"]["targetInfos"]
        self.assertEqual({each["targetId"] for each in found if each["type"] == "page"}, {self.target})
        self.assertEqual(self.line.ask("Target.getTargetInfo")["result"]["targetInfo"]["targetId"], self.target)
        for method in ("attachToTarget", "closeTarget", "getTargetInfo"):
            refused = [
                self.line.ask(f"Target.{method}", targetId=each, flatten=True)["error"] for each in (other, "nobody's")
            ]
            self.assertEqual(refused[0], refused[1])
        self.assertEqual(self.line.ask("Runtime.evaluate", self.session, expression="1")["error"]["code"], -32001)
        for method in ("createBrowserContext", "getBrowserContexts", "attachToBrowserTarget"):
            self.assertEqual(self.line.ask(f"Target.{method}")["error"]["message"], "Not allowed")

    def test_sessions_of_its_own(self):
        made = self.line.ask("Target.createTarget", url="about:blank")["result"]["targetId"]
        self.assertEqual(self.browser.targets.all[made].browser_context_id, self.a.virtual.state.default)
        session = self.line.ask("Target.attachToTarget", targetId=made, flatten=True)["result"]["sessionId"]
        (event,) = self.line.told_of("Target.attachedToTarget")
        self.assertEqual((event["params"]["sessionId"], event.get("sessionId")), (session, None))
        self.assertEqual(self.line.ask("Runtime.evaluate", session, expression="x")["sessionId"], session)
        self.assertEqual(
            self.a.answer(self.a.send("Runtime.evaluate", session, expression="x"))["error"]["code"], -32001
        )
        self.assertEqual(self.line.ask("Target.detachFromTarget", sessionId=session)["result"], {})
        self.assertEqual(len(self.line.told_of("Target.detachedFromTarget")), 1)
        self.assertIsNone(self.line.closed)

    def test_targets_that_are_being_made_over_several_lines(self):
        own = len(self.a.virtual.state.targets)
        lines = [Line(self.rig, self.a, self.target, targets=own + 2) for _ in range(3)]
        self.rig.deliver()
        for each in lines:
            each.send("Target.createTarget", url="about:blank")
        refused = lines[2].answer(1)["error"]
        self.assertEqual(refused["message"], f"a client may have at most {own + 2} targets")
        lines[0].leave()
        self.rig.deliver()
        self.assertEqual(self.a.virtual.state.making, 0)

    def test_discovery(self):
        self.line.ask("Target.setDiscoverTargets", discover=True)
        self.rig.page(self.b)
        target, _ = self.rig.page(self.a)
        told = {each["params"]["targetInfo"]["targetId"] for each in self.line.told_of("Target.targetCreated")}
        self.assertLessEqual({self.target, target}, told)
        self.assertEqual(
            {self.browser.targets.all[each].browser_context_id for each in told}, {self.a.virtual.state.default}
        )

    def test_the_page_closes(self):
        self.rig.deliver()
        self.rig.result(self.a, "Target.closeTarget", targetId=self.target)
        self.assertEqual(self.line.closed, (1000, "the page has closed"))
        self.assertEqual(self.a.virtual.state.connections, [self.a.connection])
        self.rig.result(self.a, "Browser.getVersion")

    def test_a_page_that_there_is_not(self):
        line = Line(self.rig, self.a, "nobody's")
        self.rig.deliver()
        self.assertEqual(line.closed, (1000, "the page has closed"))

    def test_a_page_of_somebody_elses(self):
        other, _ = self.rig.page(self.b)
        heard = len(self.browser.heard)
        lines = [Line(self.rig, self.a, each) for each in (other, "nobody's")]
        lines[0].send("Runtime.evaluate", expression="1")
        self.rig.deliver()
        self.assertEqual([each.closed for each in lines], [(1000, "the page has closed")] * 2)
        self.assertEqual([each.got for each in lines], [[], []])
        self.assertNotIn(other, str(self.browser.heard[heard:]), "the browser is not even asked")
        self.assertEqual(
            len(self.browser.targets.sessions), self.before + 3, "two of the first line, one of the other's page"
        )

    def test_its_client_leaves(self):
        self.line.ask("Target.attachToTarget", targetId=self.target, flatten=True)
        self.a.send("Target.detachFromTarget", sessionId=self.session)
        self.rig.deliver()
        self.assertTrue(self.a.virtual.state.seen(self.a.virtual.state.targets[self.target])["attached"])
        self.line.connection.close()
        self.line.connection.close()
        self.rig.deliver()
        self.assertFalse(self.a.virtual.state.seen(self.a.virtual.state.targets[self.target])["attached"])
        self.assertEqual(len(self.browser.targets.sessions), self.before - 1)
        self.assertEqual((self.line.closed, self.a.virtual.state.connections), (None, [self.a.connection]))
        self.assertIn(self.target, self.browser.targets.all)
        self.rig.result(self.a, "Target.closeTarget", targetId=self.target)

    def test_its_client_leaves_before_it_is_there(self):
        self.line.connection.close()
        self.rig.deliver()
        self.assertEqual(len(self.browser.targets.sessions), self.before)

    def test_its_owner_leaves(self):
        self.rig.deliver()
        self.a.leave()
        self.rig.deliver()
        self.assertEqual(self.line.closed, (1000, "the client that opened the page has left"))
        late = Line(self.rig, self.a, self.target)
        self.assertEqual(late.closed, (1011, "the client that opened the page has left"))
        self.assertEqual(len(self.shared.state.clients), 1)
        self.assertEqual({each.connection for each in self.shared.state.sessions.values()}, {self.b.connection})

    def test_browser_close_closes_its_owners_virtual_browser(self):
        self.assertEqual(self.line.ask("Browser.close")["result"], {})
        self.assertEqual((self.line.closed, self.a.closed), ((1000, "Browser.close"),) * 2)
        self.assertIsNone(self.b.closed)

    def test_the_browser_is_lost(self):
        self.rig.deliver()
        self.shared.lose("gone")
        self.assertEqual((self.line.closed, self.a.closed, self.b.closed), ((1011, "gone"),) * 3)

    def test_no_session(self):
        self.line.connection.close()
        self.browser.on("Target.attachToBrowserTarget", BROKEN)
        self.rig.deliver()
        line = Line(self.rig, self.a, self.target)
        line.connection.close()
        line = Line(self.rig, self.a, self.target)
        self.rig.deliver()
        self.assertEqual(line.closed, (1011, "the browser opened no session"))


class EarlyTests(SynchronousTestCase):
    def test_a_page_of_a_virtual_browser_that_is_not_ready(self) -> None:
        rig = MultiplexRig()
        virtual = rig.shared.open(lambda code, why: None, first_page=True)
        while not virtual.state.targets:
            rig.deliver(1)
        self.assertFalse(virtual.state.ready)
        got: list[Any] = []
        line = virtual.connect_page(next(iter(virtual.state.targets)), lambda said: got.append(json.loads(said)), print)
        line.receive(b'{"id":1,"method":"Runtime.evaluate","params":{"expression":"x"}}')
        rig.deliver()
        self.assertEqual([(each["id"], "result" in each) for each in got if "id" in each], [(1, True)])


class ComingAgainTests(SynchronousTestCase):
    """A virtual browser whose client leaves, and comes again."""

    def setUp(self) -> None:
        self.rig = MultiplexRig()
        self.a = self.rig.client("A")
        self.got: list[Any] = []

    def come_again(self) -> None:
        self.a.connection.close()
        self.a.virtual.connect(lambda message: self.got.append(json.loads(message)), print)
        self.rig.deliver()

    def test_replies_to_the_former_connection(self) -> None:
        self.a.send("Target.createBrowserContext")
        self.come_again()
        self.assertEqual(self.got, [])
        self.assertEqual(len(self.a.virtual.state.contexts), 2, "it is the client's")

    def test_pages_that_were_being_made(self) -> None:
        self.a.send("Target.createTarget", url="about:blank")
        self.assertEqual(self.a.virtual.state.making, 1)
        self.come_again()
        self.assertEqual(self.a.virtual.state.making, 0)

    def test_a_download_of_which_a_closed_connection_is_asked(self) -> None:
        target, _ = self.rig.page(self.a)
        line = PageLine(self.a, target)
        self.rig.deliver()
        self.rig.result(self.a, "Browser.setDownloadBehavior", behavior="allow", eventsEnabled=True)
        state = self.a.virtual.state
        self.rig.browser.tell_download("", "of nobody")
        self.rig.deliver(1)
        self.assertEqual(len(state.download_filter._questions), 1)
        line.leave()
        self.rig.deliver()
        self.assertEqual(state.download_filter._questions, {})
