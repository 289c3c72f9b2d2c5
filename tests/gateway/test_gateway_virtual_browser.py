"""Virtual browsers of clients that share a browser, by example."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.gateway.support_virtual_browser import (
    BROKEN,
    NO_TARGET,
    SESSION_GONE,
    VERSION,
    Client,
    FakeBrowser,
    MultiplexRig,
)
from txcdp.domains.target import create_target
from txcdp.errors import CommandError
from txcdp.gateway._multiplex import Limits, SharedBrowser, download_filter, target_watch
from txcdp.gateway._multiplex.command_handlers import HANDLERS
from txcdp.gateway._multiplex.rules import GUARDED, RULES, RuleKind, rule_of
from txcdp.testing import BY_ITSELF, NEVER

PROTOCOL = Path(__file__).parents[2] / "txcdp" / "codegen" / "protocol"


class VirtualBrowserCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.rig = MultiplexRig()
        self.browser, self.shared = self.rig.browser, self.rig.shared
        self.a, self.b = self.rig.client("A"), self.rig.client("B")
        self.ask, self.result = self.rig.ask, self.rig.result

    def refused(self, client: Client, method: str, session: str = "", /, **params: Any) -> dict[str, Any]:
        """Ask, and return the refusal; see that the browser has not been asked."""
        before = len(self.browser.heard)
        answer = self.ask(client, method, session, **params)
        self.assertEqual(len(self.browser.heard), before, self.browser.heard[before:])
        error: dict[str, Any] = answer["error"]
        return error

    def hidden(self) -> str:
        """Return the id of a target that is the browser's own."""
        return next(key for key, each in self.browser.targets.all.items() if each.type == "browser_ui")


class ComingAndGoingTests(VirtualBrowserCase):
    def test_each_has_a_context_and_a_session_of_its_own(self):
        self.assertEqual(len(self.shared.state.clients), 2)
        a, b = (self.result(each, "Target.getBrowserContexts") for each in (self.a, self.b))
        self.assertEqual(a["browserContextIds"], [])
        self.assertNotEqual(a["defaultBrowserContextId"], b["defaultBrowserContextId"])
        self.assertEqual({a["defaultBrowserContextId"], b["defaultBrowserContextId"]}, set(self.browser.contexts))
        infos = [self.result(each, "Target.getTargetInfo")["targetInfo"] for each in (self.a, self.b)]
        self.assertEqual([each["type"] for each in infos], ["browser", "browser"])
        self.assertNotEqual(infos[0]["targetId"], infos[1]["targetId"])

    def test_a_first_page(self):
        got: list[Any] = []
        virtual = self.shared.open(print, first_page=True)
        connection = virtual.connect(lambda message: got.append(json.loads(message)), print)
        connection.receive(b'{"id":1,"method":"Target.getTargets"}')
        self.rig.deliver()
        (info,) = got[0]["result"]["targetInfos"]
        self.assertEqual(
            (info["type"], info["url"], info["browserContextId"]), ("page", "about:blank", virtual.state.default)
        )
        virtual.close()
        self.browser.on("Target.createTarget", BROKEN)
        virtual = self.shared.open(print, first_page=True)
        connection = virtual.connect(lambda message: got.append(json.loads(message)), print)
        connection.receive(b'{"id":1,"method":"Target.getTargets"}')
        self.rig.deliver()
        self.assertEqual(got[-1]["result"], {"targetInfos": []})

    def test_downloads_of_who_has_said_nothing(self):
        self.shared.state.downloads = "/profile"
        client = self.rig.client("C")
        own = client.virtual.state.default
        params = {"behavior": "allow", "downloadPath": f"/profile/{own}", "browserContextId": own}
        self.assertEqual(self.browser.heard[-1][1]["params"], params)
        self.result(client, "Browser.setDownloadBehavior", behavior="default", eventsEnabled=True, downloadPath="/x")
        self.assertEqual(self.browser.heard[-1][1]["params"], {**params, "eventsEnabled": True})
        for behavior in ("allow", "allowAndName"):  # what Chromium refuses: where it is fetched from the gateway
            self.result(client, "Browser.setDownloadBehavior", behavior=behavior)
            self.assertEqual(self.browser.heard[-1][1]["params"], {**params, "behavior": behavior})
        self.result(client, "Browser.setDownloadBehavior", behavior="deny")
        self.assertEqual(self.browser.heard[-1][1]["params"], {"behavior": "deny", "browserContextId": own})
        other = self.result(client, "Target.createBrowserContext")["browserContextId"]
        self.result(client, "Browser.setDownloadBehavior", behavior="default", browserContextId=other)
        self.assertEqual(self.browser.heard[-1][1]["params"], {"behavior": "default", "browserContextId": other})

    def test_what_is_said_before_there_is_room_waits(self):
        early = Client(self.shared, self.browser, "E", commands=2)
        numbers = [early.send("Browser.getVersion"), early.send("Target.getTargets"), early.send("Browser.getVersion")]
        self.assertEqual([each["id"] for each in early.got], [numbers[2]])
        self.assertIn("await some first", early.got[0]["error"]["message"])
        self.rig.deliver()
        self.assertEqual(early.answer(numbers[0])["result"], VERSION)
        self.assertEqual(early.answer(numbers[1])["result"], {"targetInfos": []})

    def test_what_it_opened_goes_when_it_leaves(self):
        _, session = self.rig.page(self.a)
        context = self.result(self.a, "Target.createBrowserContext", disposeOnDetach=False)["browserContextId"]
        self.rig.page(self.a, browserContextId=context)
        _, other = self.rig.page(self.b)
        hanging = self.a.send("Runtime.evaluate", session, expression="hang")
        root = self.a.connection.sessions[""].id
        self.a.leave()
        self.a.leave()
        self.assertEqual(self.shared.state.disposing, 2)
        heard = len(self.a.got)
        self.rig.deliver()
        self.assertEqual(len(self.a.got), heard)
        self.assertNotIn(hanging, [each.get("id") for each in self.a.got])
        self.assertEqual(self.shared.state.disposing, 0)
        self.assertNotIn(root, self.browser.targets.sessions)
        self.assertEqual(list(self.browser.contexts.values()), ["B"])
        self.assertEqual(self.shared.state.line.asked, {})
        self.assertEqual({each.connection for each in self.shared.state.sessions.values()}, {self.b.connection})
        self.assertEqual(set(self.shared.state.owners.values()), {self.b.virtual.state})
        self.assertEqual(set(self.shared.state.contexts.values()), {self.b.virtual.state})
        self.assertEqual(self.result(self.b, "Runtime.evaluate", other, expression="1")["result"]["value"], "1")
        self.a.send("Browser.getVersion")
        self.assertEqual(len(self.a.got), heard)

    def test_leaving_before_there_is_room(self):
        early = Client(self.shared, self.browser, "E")
        early.send("Browser.getVersion")
        early.leave()
        self.rig.deliver()
        self.assertEqual(early.got, [])
        self.assertNotIn("E", self.browser.contexts.values())
        self.assertEqual(self.shared.state.disposing, 0)
        self.assertEqual(
            len([each for each in self.browser.targets.sessions.values() if each.parent and each.parent.id is None]), 3
        )

    def test_leaving_while_a_context_is_made(self):
        self.a.send("Target.createBrowserContext")
        self.a.leave()
        self.rig.deliver()
        self.assertEqual(list(self.browser.contexts.values()), ["B"])

    def test_browser_close_closes_its_own_virtual_browser(self):
        self.rig.page(self.a)
        _, other = self.rig.page(self.b)
        self.assertEqual(self.result(self.a, "Browser.close"), {})
        self.assertEqual(self.a.closed, (1000, "Browser.close"))
        self.assertNotIn("Browser.close", [command["method"] for _, command in self.browser.heard])
        self.assertEqual(list(self.browser.contexts.values()), ["B"])
        self.result(self.b, "Runtime.evaluate", other, expression="1")
        self.assertEqual(self.result(self.b, "Browser.close", other), {})

    def test_the_browser_is_lost(self):
        self.a.send("Browser.getVersion")
        self.shared.lose("it crashed")
        self.shared.lose("again")
        self.assertEqual((self.a.closed, self.b.closed), ((1011, "it crashed"), (1011, "it crashed")))
        heard = len(self.browser.heard)
        late = Client(self.shared)
        self.assertEqual(late.closed, (1011, "it crashed"))
        self.rig.deliver()
        self.assertEqual(len(self.browser.heard), heard)
        self.assertEqual(len(self.shared.state.clients), 0)

    def test_a_browser_that_gives_no_room(self):
        for method in ("Target.createBrowserContext", "Target.attachToBrowserTarget"):
            self.browser.on(method, BROKEN)
            late = self.rig.client("L")
            assert late.closed is not None
            self.assertEqual(late.closed[0], 1011)
            self.browser.off(method)
        self.assertEqual(len(self.shared.state.clients), 2)
        self.assertNotIn("L", self.browser.contexts.values())

    def test_a_browser_that_cannot_be_shared(self):
        for method in ("Target.setDiscoverTargets", "Target.setAutoAttach", "Target.attachToBrowserTarget"):
            browser = FakeBrowser()
            browser.on(method, BROKEN)
            shared = SharedBrowser(browser.receive)
            browser.message_received = shared.receive
            shared.start()
            while browser.out.deliver():
                pass
            assert shared.lost is not None
            self.assertIn("cannot be shared", shared.lost)

    def test_the_browser_ends_the_root_session(self):
        root = self.a.connection.sessions[""]
        self.browser.emit_raw("Target.detachedFromTarget", {"sessionId": root.id, "targetId": root.target_id})
        self.rig.deliver()
        self.assertEqual(self.a.closed, (1011, "the browser ended the session"))


class AddressingTests(VirtualBrowserCase):
    def test_ids_are_each_clients_own(self):
        _, mine = self.rig.page(self.a)
        _, other = self.rig.page(self.b)
        self.a.number = self.b.number = 70
        self.a.send("Runtime.evaluate", mine, expression="a")
        self.b.send("Runtime.evaluate", other, expression="b")
        self.a.send("Browser.getVersion")
        self.rig.deliver()
        self.assertEqual(self.a.answer(71)["result"]["result"]["value"], "a")
        self.assertEqual(self.a.answer(71)["sessionId"], mine)
        self.assertEqual(self.b.answer(71)["result"]["result"]["value"], "b")
        self.assertEqual(self.a.answer(72), {"id": 72, "result": VERSION})
        ids = [command["id"] for _, command in self.browser.heard]
        self.assertEqual(len(ids), len(set(ids)))

    def test_large_replies(self):
        _, mine = self.rig.page(self.a)
        text = "x" * 100_000
        self.assertEqual(self.result(self.a, "Runtime.evaluate", mine, expression=text)["result"]["value"], text)
        self.assertEqual(self.a.got[-1]["sessionId"], mine)

    def test_events_go_to_the_sessions_client_as_they_came(self):
        _, mine = self.rig.page(self.a)
        message = b'{"method":"Page.odd","params":{"a": 1.50},"sessionId":"%b"}' % mine.encode()
        self.shared.receive(message)
        self.assertEqual(self.a.raw[-1], message)
        self.assertNotIn(message, self.b.raw)
        self.shared.receive(message.replace(mine.encode(), b"nobody"))
        self.assertEqual(self.shared.swallowed, 1)

    def test_messages_that_are_written_otherwise(self):
        _, mine = self.rig.page(self.a)
        number = self.a.send("Page.enable", mine)
        root = self.a.send("Browser.getVersion")
        first, second = (json.loads(each) for each in self.browser.out.intercept())
        for each in (first, second):
            self.shared.receive(json.dumps(dict(reversed(each.items()))).encode())
        self.assertEqual(self.a.answer(number), {"id": number, "result": {}, "sessionId": mine})
        self.assertEqual(self.a.answer(root), {"id": root, "result": VERSION})
        self.shared.receive(b'{ "params" : {}, "sessionId" : "%b", "method" : "Page.odd" }' % mine.encode())
        self.assertEqual(self.a.got[-1], {"method": "Page.odd", "params": {}, "sessionId": mine})
        spaced = self.a.send("Browser.getVersion")
        line_id = json.loads(self.browser.out.intercept()[0])["id"]
        self.shared.receive(b'{"id":%d,"result":{}}' % line_id)
        self.assertEqual(self.a.answer(spaced), {"id": spaced, "result": {}})

    def test_the_browser_talks_nonsense(self):
        for message in (
            b"",
            b"{",
            b"[]",
            b'{"id":"x"}',
            b'{"method":"Target.attachedToTarget","params":{}',
            b'{"method":"Target.targetCreated","params":{"targetInfo":5}}',
            b'{"method":"Target.targetCreated","params":{"targetInfo":{"targetId":7}}}',
            b'{"method":"Target.targetCreated"}',
            b'{"error":{"code":-32700,"message":"JSON"}}',
        ):
            self.shared.receive(message)
        self.assertEqual(self.shared.malformed, 9)
        before = self.shared.state.line.swallowed
        self.shared.receive(b'{"id":99999,"result":{}}')
        self.assertEqual(self.shared.state.line.swallowed, before + 1)
        self.shared.receive(b'{"method":"Target.receivedMessageFromTarget","params":{"message":"","targetId":"T"}}')
        self.result(self.a, "Browser.getVersion")

    def test_events_of_the_browser_session(self):
        root = self.a.connection.sessions[""]
        target, _ = self.rig.page(self.a)
        about = {"frameId": target, "guid": "g", "url": "u", "suggestedFilename": "f"}
        self.browser.emit_raw("Browser.downloadWillBegin", about, root.id)
        self.browser.emit_raw("Browser.downloadProgress", {"guid": "g"}, root.id)
        self.browser.emit_raw("Browser.downloadProgress", {"guid": "h"}, root.id)
        self.browser.emit_raw("Browser.downloadProgress", {"guid": 7}, root.id)
        self.browser.emit_raw("Browser.somethingNew", {"guid": "g"}, root.id)
        self.browser.emit_raw("Fetch.requestPaused", {"requestId": "r"}, root.id)
        nested = self.result(self.a, "Target.attachToBrowserTarget")["sessionId"]
        self.browser.emit_raw("Browser.downloadProgress", {"guid": "g"}, nested)
        self.rig.deliver()
        got = [each for each in self.a.got if each.get("method", "").startswith(("Browser.", "Fetch."))]
        progress = {"method": "Browser.downloadProgress", "params": {"guid": "g"}}
        begun = {"method": "Browser.downloadWillBegin", "params": about}
        self.assertEqual(got, [begun, progress, {**progress, "sessionId": nested}])

    def downloads(self, *clients: Any) -> list[list[tuple[str, str]]]:
        """What clients have heard of downloads, and forget it."""
        found = [
            [
                (each["method"].partition(".")[2], each["params"]["guid"])
                for each in client.got
                if each.get("method", "").startswith("Browser.download")
            ]
            for client in clients
        ]
        for client in clients:
            client.got.clear()
        return found

    def test_downloads_of_others(self):
        pages = [self.rig.page(each) for each in (self.a, self.b)]
        for client in (self.a, self.b):
            self.result(client, "Browser.setDownloadBehavior", behavior="allow", eventsEnabled=True)
        for act, frame in (("download", ""), ("download in a frame", "-F")):
            self.a.send("Runtime.evaluate", pages[0][1], expression=act)
            self.rig.deliver()
            guid = f"guid of {pages[0][0]}{frame}"
            heard = [("downloadWillBegin", guid), ("downloadProgress", guid)]
            self.assertEqual(self.downloads(self.a, self.b), [heard, []], act)

    def test_a_download_in_a_frame_without_a_session_that_could_tell(self):
        target, session = self.rig.page(self.a)
        self.result(self.a, "Browser.setDownloadBehavior", behavior="allow", eventsEnabled=True)
        self.result(self.a, "Target.detachFromTarget", sessionId=session)
        self.browser.tell_download(target, f"{target}-F")
        self.rig.deliver()
        self.assertEqual(self.downloads(self.a), [[]])
        self.browser.tell_download(target, target)
        self.rig.deliver()
        self.assertEqual(len(self.downloads(self.a)[0]), 2)

    def test_what_others_download_while_a_page_hangs(self):
        self.patch(download_filter, "_QUESTIONS", 3)
        self.rig.page(self.a)
        self.result(self.a, "Browser.setDownloadBehavior", behavior="allow", eventsEnabled=True)
        self.browser.on("Page.getFrameTree", NEVER)
        before = len(self.a.connection.waiting)
        for number in range(10):
            self.browser.tell_download("", f"frame {number}")
        self.rig.deliver()
        self.assertEqual(len(self.a.connection.waiting) - before, 3)
        self.assertEqual(self.downloads(self.a), [[]])
        self.result(self.a, "Browser.getVersion")

    def test_while_it_is_asked_whose_a_download_is(self):
        self.patch(download_filter, "_MOST", 2)
        target, session = self.rig.page(self.a)
        self.rig.page(self.a)
        self.result(self.a, "Browser.setDownloadBehavior", behavior="allow", eventsEnabled=True)
        root = self.a.connection.sessions[""]
        self.browser.tell_download(target, f"{target}-F")
        guid = f"guid of {target}-F"
        for _ in range(2):
            self.browser.emit_raw("Browser.downloadProgress", {"guid": guid}, root.id)
        self.rig.deliver(4)
        self.assertEqual(self.downloads(self.a), [[]])
        self.result(self.a, "Target.detachFromTarget", sessionId=session)
        self.rig.deliver()
        self.assertEqual(self.downloads(self.a), [[("downloadWillBegin", guid), ("downloadProgress", guid)]])
        for number in range(3):
            self.a.virtual.state.download_filter._owns(f"{number}")
        self.assertEqual(list(self.a.virtual.state.download_filter._own), ["1", "2"])

    def test_an_id_that_is_in_flight(self):
        """The browser decides what comes of it: it refuses it in a renderer, and answers both elsewhere."""
        mine = self.rig.page(self.a)[1]
        before = len(self.browser.heard)
        self.a.number = 50
        command = (
            b'{"id":42,"method":"Runtime.evaluate","params":{"expression":"hang"},"sessionId":"%b"}' % mine.encode()
        )
        other = command.replace(b'"id":42', b'"id":43')
        for each in (command, command, other):
            self.a.raw_send(each)
        first, second, third = (each["id"] for _, each in self.browser.heard[before:])
        self.assertEqual(first, second)
        self.assertNotEqual(first, third)
        refusal = b'{"id":%d,"error":{"code":-32600,"message":"Duplicate `id` in protocol request"},"sessionId":"%b"}'
        self.shared.receive(refusal % (first, mine.encode()))
        self.assertEqual(len(self.a.connection.waiting), 2)
        self.shared.receive(b'{"id":%d,"result":{},"sessionId":"%b"}' % (first, mine.encode()))
        self.assertEqual([(each["id"], "error" in each) for each in self.a.got[-2:]], [(42, True), (42, False)])
        self.a.raw_send(command)
        self.assertNotEqual(self.browser.heard[-1][1]["id"], first, "the first is in flight no more")
        for _ in range(20):
            self.a.raw_send(command)
        self.assertEqual(len(self.a.connection.waiting), 3, "not any number of them hides behind one id")
        self.result(self.a, "Target.detachFromTarget", sessionId=mine)
        self.assertEqual((self.shared.state.line.asked, self.a.connection.waiting), ({}, set()))
        self.assertEqual(self.shared.state.line._again, {})

    def test_what_a_session_has_not_answered_when_it_goes(self):
        target, mine = self.rig.page(self.a)
        number = self.a.send("Runtime.evaluate", mine, expression="hang")
        self.result(self.a, "Target.closeTarget", targetId=target)
        self.assertEqual(self.a.answer(number), {"id": number, "error": SESSION_GONE})
        self.assertEqual(self.shared.state.line.asked, {})
        self.assertEqual(self.a.connection.waiting, set())

    def test_line_ids_begin_anew(self):
        _, mine = self.rig.page(self.a)
        self.shared.state.line._last = 2**31 - 3
        numbers = [self.a.send("Runtime.evaluate", mine, expression="hang") for _ in range(3)]
        self.shared.state.line._last = 2**31 - 3
        numbers += [self.a.send("Page.enable", mine) for _ in range(3)]
        self.rig.deliver()
        self.assertEqual([command["id"] for _, command in self.browser.heard[-6:]], [2**31 - 2, 2**31 - 1, 1, 2, 3, 4])
        self.assertEqual(len(numbers), 6)


class ForeignTests(VirtualBrowserCase):
    """What names another client's is answered as what is not there, and the browser is not asked."""

    def both(self, method: str, name: str, foreign: str, **more: Any) -> dict[str, Any]:
        """Ask with a foreign id and with an invented one; return the refusal, which is the same."""
        invented = "Z" * 7
        answers = []
        for session in ("", self.mine):
            found = [self.refused(self.a, method, session, **{name: each}, **more) for each in (foreign, invented)]
            self.assertEqual(json.dumps(found[0]).replace(foreign, invented), json.dumps(found[1]))
            answers.append(found[1])
        return answers[0]

    def setUp(self) -> None:
        super().setUp()
        _, self.mine = self.rig.page(self.a)
        self.target, self.session = self.rig.page(self.b)
        self.context = self.result(self.b, "Target.createBrowserContext")["browserContextId"]
        self.default = self.result(self.b, "Target.getBrowserContexts")["defaultBrowserContextId"]

    def test_sessions(self):
        for session in (self.session, "invented", self.b.connection.sessions[""].id, self.a.connection.sessions[""].id):
            number = self.a.send("Runtime.evaluate", session, expression="1")
            self.assertEqual(self.a.answer(number), {"id": number, "error": SESSION_GONE})
        self.assertEqual(
            self.both("Target.detachFromTarget", "sessionId", self.session),
            {"code": -32602, "message": "No session with given id"},
        )

    def test_targets(self):
        browser = self.result(self.b, "Target.getTargetInfo")["targetInfo"]["targetId"]
        hidden = self.hidden()
        for target in (self.target, browser, hidden, next(iter(self.browser.targets.all))):
            for method in ("activateTarget", "closeTarget", "getTargetInfo"):
                self.assertEqual(self.both(f"Target.{method}", "targetId", target), NO_TARGET)
            self.assertEqual(self.both("Target.attachToTarget", "targetId", target, flatten=True), NO_TARGET)
            self.assertEqual(
                self.both("Target.detachFromTarget", "targetId", target)["message"], "No session for given target id"
            )
            self.assertEqual(
                self.both("Browser.getWindowForTarget", "targetId", target),
                {"code": -32000, "message": "No target with given id"},
            )

    def test_contexts(self):
        for context in (self.context, self.default, self.browser.targets.default_context):
            for method in ("cancelDownload", "grantPermissions", "resetPermissions", "setDownloadBehavior"):
                error = self.both(f"Browser.{method}", "browserContextId", context)
                self.assertEqual(error["message"], "Failed to find browser context for id ZZZZZZZ")
            for method in ("getCookies", "setCookies", "clearCookies"):
                self.both(f"Storage.{method}", "browserContextId", context)
            error = self.both("Target.createTarget", "browserContextId", context, url="about:blank")
            self.assertEqual(error["message"], "Failed to find browser context with id ZZZZZZZ")
            self.assertEqual(
                self.both("Target.disposeBrowserContext", "browserContextId", context)["message"],
                "Failed to find context with id ZZZZZZZ",
            )

    def test_windows(self):
        window = self.result(self.b, "Browser.getWindowForTarget", targetId=self.target)["windowId"]
        for method in ("getWindowBounds", "setWindowBounds", "setContentsSize"):
            error = self.refused(self.a, f"Browser.{method}", windowId=window)
            self.assertEqual(error, {"code": -32000, "message": "Browser window not found"})
            self.result(self.b, f"Browser.{method}", windowId=window, bounds={})
        self.result(self.a, "Browser.getWindowForTarget", self.mine)
        self.assertIn("error", self.ask(self.a, "Browser.getWindowForTarget"))
        self.result(self.b, "Target.closeTarget", targetId=self.target)
        self.refused(self.b, "Browser.getWindowBounds", windowId=window)

    def test_a_session_of_nobodys_target(self):
        self.browser.targets.all[self.target].browser_context_id = self.browser.targets.default_context
        sessions, theirs = self.browser.targets.sessions, self.browser.targets.all[self.target]
        self.browser.targets.attach(theirs, sessions[self.mine], waiting=True)
        lost = self.browser.targets.attach(theirs, sessions[self.b.connection.sessions[""].id])
        heard = len(self.a.got)
        self.rig.deliver()
        self.assertEqual(len(self.a.got), heard)
        self.assertNotIn(lost.id, sessions)
        self.assertEqual([each for each in sessions.values() if each.parent is sessions[self.mine]], [])


class TargetTests(VirtualBrowserCase):
    def infos(self, client: Client, **params: Any) -> list[str]:
        found = self.result(client, "Target.getTargets", **params)["targetInfos"]
        return [each["type"] for each in found]

    def test_contexts(self):
        default = self.a.virtual.state.default
        self.assertEqual(self.browser.targets.all[self.rig.page(self.a)[0]].browser_context_id, default)
        context = self.result(self.a, "Target.createBrowserContext", proxyServer="p")["browserContextId"]
        self.assertEqual(self.browser.heard[-1][1]["params"], {"proxyServer": "p", "disposeOnDetach": True})
        found = self.result(self.a, "Target.getBrowserContexts")
        self.assertEqual(found, {"browserContextIds": [context], "defaultBrowserContextId": default})
        target, session = self.rig.page(self.a, browserContextId=context)
        self.assertEqual(self.browser.targets.all[target].browser_context_id, context)
        cookies = {context: ["c"], default: ["d"], None: ["everybody's"]}
        self.browser.on("Storage.getCookies", lambda command: {"cookies": cookies[command.browser_context_id]})
        self.assertEqual(self.result(self.a, "Storage.getCookies", browserContextId=context), {"cookies": ["c"]})
        self.assertEqual(self.result(self.a, "Storage.getCookies"), {"cookies": ["d"]})
        self.assertEqual(self.result(self.a, "Storage.getCookies", session), {"cookies": ["d"]})
        error = self.refused(self.a, "Storage.getCookies", session, browserContextId=default)
        self.assertEqual(error["message"], "browserContextId is only allowed for Browser target")
        for method in ("createBrowserContext", "getBrowserContexts", "disposeBrowserContext", "attachToBrowserTarget"):
            self.assertEqual(self.refused(self.a, f"Target.{method}", session)["message"], "Not allowed")
        self.assertEqual(
            self.refused(self.a, "Target.disposeBrowserContext", browserContextId=default)["message"],
            "Cannot dispose default browser context.",
        )
        self.assertEqual(self.result(self.a, "Target.disposeBrowserContext", browserContextId=context), {})
        self.assertNotIn(context, self.browser.contexts)
        self.refused(self.a, "Target.disposeBrowserContext", browserContextId=context)
        self.refused(self.a, "Target.disposeBrowserContext")
        self.refused(self.a, "Storage.getCookies", browserContextId=5)

    def test_a_context_that_the_browser_does_not_dispose_of(self):
        context = self.result(self.a, "Target.createBrowserContext")["browserContextId"]
        self.browser.on("Target.disposeBrowserContext", BROKEN)
        answer = self.ask(self.a, "Target.disposeBrowserContext", browserContextId=context)
        self.assertEqual(answer["error"], {"code": -32000, "message": "broken"})
        self.assertIn(context, self.result(self.a, "Target.getBrowserContexts")["browserContextIds"])

    def test_only_ones_own_are_seen(self):
        self.rig.page(self.b)
        self.assertEqual(self.infos(self.a), [])
        target, session = self.rig.page(self.a)
        self.assertEqual(self.infos(self.a), ["page"])
        self.assertEqual(self.infos(self.a, filter=[{"type": "tab"}]), ["tab"])
        self.assertEqual(self.infos(self.a, filter=[{"type": "page", "exclude": True}, {}]), ["tab"])
        found = self.result(self.a, "Target.getTargets", session)["targetInfos"]
        self.assertEqual([each["targetId"] for each in found], [target])
        self.assertTrue(found[0]["attached"])
        self.assertEqual(self.result(self.a, "Target.getTargetInfo", session)["targetInfo"], found[0])
        self.assertEqual(self.result(self.a, "Target.getTargetInfo", targetId=target)["targetInfo"], found[0])

    def test_the_browsers_own_furniture_is_nobodys(self):
        self.rig.page(self.a)
        hidden = self.hidden()
        self.browser.emit_raw("Target.targetCreated", {"targetInfo": self.browser.targets.all[hidden].info(False)})
        self.rig.deliver()
        self.assertNotIn(hidden, self.a.virtual.state.targets)

    def test_the_info_of_a_target_that_was_never_told_of(self):
        _, session = self.rig.page(self.a)
        self.a.virtual.state.targets.clear()
        found = self.result(self.a, "Target.getTargetInfo", session)["targetInfo"]
        self.assertIs(self.browser.targets.all[found["targetId"]], self.browser.targets.sessions[session].target)

    def test_filters_that_are_none(self):
        filters: Any
        for filters in (5, [5], [{"type": 5}], [{"exclude": 5}], [{}] * 101):
            for method, more in (
                ("getTargets", {}),
                ("setDiscoverTargets", {"discover": True}),
                ("setAutoAttach", {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}),
            ):
                self.assertEqual(self.refused(self.a, f"Target.{method}", filter=filters, **more)["code"], -32602)

    def test_parameters_that_are_none(self):
        for method, params in (
            ("setDiscoverTargets", {}),
            ("setDiscoverTargets", {"discover": 1}),
            ("setDiscoverTargets", {"discover": False, "filter": [{}]}),
            ("setAutoAttach", {"autoAttach": True}),
            ("setAutoAttach", {"autoAttach": True, "waitForDebuggerOnStart": True}),
            ("setAutoAttach", {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True, "filter": [{}]}),
            ("attachToTarget", {}),
            ("attachToTarget", {"targetId": 5}),
            ("detachFromTarget", {}),
            ("getTargetInfo", {"targetId": 5}),
        ):
            self.assertEqual(self.refused(self.a, f"Target.{method}", **params)["code"], -32602, (method, params))

    def test_sessions_that_are_not_flat(self):
        target, _ = self.rig.page(self.a)
        session = self.result(self.a, "Target.attachToTarget", targetId=target)["sessionId"]
        self.assertEqual(self.ask(self.a, "Runtime.evaluate", session, expression="x")["error"]["code"], -32001)

        def through(message: dict[str, Any], **where: str) -> list[Any]:
            del self.a.got[:]
            self.result(self.a, "Target.sendMessageToTarget", message=json.dumps(message), **where)
            told = self.a.events("Target.receivedMessageFromTarget")
            self.assertEqual([(each["sessionId"], each["targetId"]) for each in told], [(session, target)] * len(told))
            return [json.loads(each["message"]) for each in told]

        asked = {"id": 7, "method": "Runtime.evaluate", "params": {"expression": "x"}}
        event, reply = through(asked, sessionId=session)
        self.assertEqual((event["method"], event["params"]["said"]), ("Runtime.consoleAPICalled", "x"))
        self.assertEqual(reply, {"id": 7, "result": {"result": {"type": "string", "value": "x"}}})
        self.assertEqual(through({"id": 8, "method": "Target.getTargets"}, sessionId=session)[0]["id"], 8)
        self.assertEqual(through({"id": 9, "method": 5}, sessionId=session)[0]["error"]["code"], -32600)
        self.assertEqual(through({**asked, "sessionId": "x"}, sessionId=session)[0]["error"]["code"], -32001)
        refused = {"id": 5, "method": "Page.navigate", "params": {"url": "chrome://version"}}
        self.assertIn("error", through(refused, sessionId=session)[0])
        other, flat = self.rig.page(self.b)
        for where, code in (
            ({"sessionId": flat}, -32602),
            ({"targetId": other}, -32602),
            ({}, -32602),
        ):
            answer = self.ask(self.a, "Target.sendMessageToTarget", message="{}", **where)
            self.assertEqual(answer["error"]["code"], code)
        own = self.result(self.a, "Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        answer = self.ask(self.a, "Target.sendMessageToTarget", message="{}", sessionId=own)
        self.assertIn("flat", answer["error"]["message"])
        self.result(self.a, "Target.detachFromTarget", sessionId=session)
        self.assertEqual(self.a.events("Target.detachedFromTarget")[-1]["sessionId"], session)

    def test_a_title_that_no_event_has_told(self):
        target, session = self.rig.page(self.a)
        there = self.browser.targets.all[target]
        there.title, there.url = "New", "http://new.test/"
        for found in (
            self.result(self.a, "Target.getTargets")["targetInfos"][0],
            self.result(self.a, "Target.getTargetInfo", session)["targetInfo"],
        ):
            self.assertEqual((found["title"], found["url"]), ("New", "http://new.test/"))
        there.title = "Newer"
        self.result(self.a, "Target.setDiscoverTargets", discover=True)
        self.assertEqual(self.a.events("Target.targetCreated")[0]["targetInfo"]["title"], "Newer")

    def test_what_a_page_is_told_of_its_frames(self):
        _, session = self.rig.page(self.a)
        info = {"targetId": "XT99999", "type": "iframe", "browserContextId": self.a.virtual.state.default, "url": "x"}
        self.browser.emit_raw("Target.targetInfoChanged", {"targetInfo": info}, session)
        self.browser.emit_raw(
            "Target.targetInfoChanged", {"targetInfo": {**info, "browserContextId": "XC00001"}}, session
        )
        self.rig.deliver()
        told = [each for each in self.a.got if each.get("method") == "Target.targetInfoChanged"]
        self.assertEqual([each.get("sessionId") for each in told], [session])
        self.assertEqual(told[0]["params"]["targetInfo"], {**info, "attached": False})

    def without_a_window(self, command: create_target) -> Any:
        """Refuse a tab, as Chromium does where there is no window."""
        if command.new_window is False:
            raise CommandError("", -32000, "Failed to open new tab - no browser is open")
        return BY_ITSELF

    def test_a_first_tab_that_is_to_have_no_window(self):
        self.browser.on("Target.createTarget", self.without_a_window)
        self.assertIn("targetId", self.result(self.a, "Target.createTarget", url="about:blank", newWindow=False))
        context = self.result(self.a, "Target.createBrowserContext")["browserContextId"]
        params = {"url": "about:blank", "newWindow": False, "browserContextId": context}
        self.assertIn("no browser is open", self.ask(self.a, "Target.createTarget", **params)["error"]["message"])
        self.assertEqual(self.a.virtual.state.making, 0)

    def test_discovery(self):
        early, _ = self.rig.page(self.a)
        self.rig.page(self.b)
        self.result(self.a, "Target.setDiscoverTargets", discover=True)
        self.result(self.a, "Target.setDiscoverTargets", discover=True)
        (created,) = self.a.events("Target.targetCreated")
        self.assertEqual(created["targetInfo"]["targetId"], early)
        target, session = self.rig.page(self.a)
        told = [
            (each["method"], each["params"]["targetInfo"]["attached"])
            for each in self.a.got
            if each.get("params", {}).get("targetInfo", {}).get("targetId") == target
        ]
        self.assertEqual(
            told,
            [("Target.targetCreated", False), ("Target.targetInfoChanged", True), ("Target.attachedToTarget", True)],
        )
        self.browser.targets.crash(self.browser.targets.all[target])
        self.rig.deliver()
        self.assertEqual(
            self.a.events("Target.targetCrashed"), [{"targetId": target, "status": "crashed", "errorCode": 11}]
        )
        self.result(self.a, "Target.detachFromTarget", sessionId=session)
        self.assertFalse(self.a.events("Target.targetInfoChanged")[-1]["targetInfo"]["attached"])
        self.result(self.a, "Target.closeTarget", targetId=target)
        self.assertEqual(self.a.events("Target.targetDestroyed"), [{"targetId": target}])
        self.assertNotIn(target, self.shared.state.owners)
        self.assertNotIn(target, self.a.virtual.state.tops)
        self.assertEqual(self.b.events("Target.targetCreated"), [])
        self.result(self.a, "Target.setDiscoverTargets", discover=False)
        self.rig.page(self.a)
        self.assertEqual(len(self.a.events("Target.targetCreated")), 2)

    def test_discovery_with_the_browsers_own_target(self):
        target, session = self.rig.page(self.a)
        self.result(self.a, "Target.setDiscoverTargets", session, discover=True, filter=[{}])
        kinds = [each["targetInfo"]["type"] for each in self.a.events("Target.targetCreated")]
        self.assertEqual(kinds, ["browser", "tab", "page"])
        self.assertTrue(all(each["sessionId"] == session for each in self.a.got if "Created" in each.get("method", "")))
        own = self.result(self.a, "Target.getTargetInfo")["targetInfo"]["targetId"]
        nested = self.result(self.a, "Target.attachToTarget", targetId=own, flatten=True)["sessionId"]
        self.assertTrue(self.a.connection.sessions[nested].is_browser)
        self.result(self.a, "Target.closeTarget", targetId=target)
        self.assertEqual(self.a.virtual.state.discoveries, {})

    def test_auto_attach_hands_new_targets_over(self):
        self.result(self.a, "Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=True, flatten=True)
        target = self.result(self.a, "Target.createTarget", url="about:blank")["targetId"]
        (attached,) = self.a.events("Target.attachedToTarget")
        session = attached["sessionId"]
        self.assertEqual((attached["targetInfo"]["targetId"], attached["waitingForDebugger"]), (target, True))
        self.assertTrue(self.browser.targets.sessions[session].waiting)
        order = [each.get("method", each.get("id")) for each in self.a.got]
        self.assertLess(order.index("Target.attachedToTarget"), order.index(self.a.number))
        self.result(self.a, "Runtime.runIfWaitingForDebugger", session)
        self.assertFalse(self.browser.targets.sessions[session].waiting)
        self.rig.page(self.b)
        self.assertEqual(len(self.a.events("Target.attachedToTarget")), 1)
        self.assertEqual(self.result(self.a, "Target.detachFromTarget", sessionId=session), {})
        self.assertEqual(self.a.events("Target.detachedFromTarget"), [{"sessionId": session, "targetId": target}])
        self.assertNotIn(session, self.browser.targets.sessions)

    def popup(self, client: Client, session: str) -> tuple[Any, Any]:
        """Let a client's page open a popup; return the sessions of the gateway's own with its tab and its page."""
        before = set(self.browser.targets.sessions)
        self.result(client, "Runtime.evaluate", session, expression="popup")
        made = [each for name, each in self.browser.targets.sessions.items() if name not in before]
        found = {each.target.type: each for each in made if each.target is not None}
        return found["tab"], found["page"]

    def takes_tabs(self) -> str:
        """Let a client take tabs, as Puppeteer does, and return the session of a page."""
        session = self.rig.page(self.a)[1]
        taken = [{"type": "page", "exclude": True}, {}]
        params: dict[str, Any] = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True, "filter": taken}
        self.result(self.a, "Target.setAutoAttach", **params)
        return session

    def test_a_popup_waits_with_its_tab(self):
        session = self.takes_tabs()
        tab, page = self.popup(self.a, session)
        self.assertTrue(tab.waiting and page.waiting)
        self.result(self.a, "Runtime.runIfWaitingForDebugger", tab.id)
        self.assertFalse(tab.waiting or page.waiting)
        self.assertNotIn(page.id, self.browser.targets.sessions)
        tab, page = self.popup(self.a, session)
        self.result(self.a, "Target.detachFromTarget", sessionId=tab.id)
        self.assertNotIn(page.id, self.browser.targets.sessions)

    def popup_with_own_session(self, session: str) -> tuple[Any, Any, str]:
        """Open a popup, and let the client attach to its page by the tab; return that session, too."""
        tab, page = self.popup(self.a, session)
        params = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
        self.result(self.a, "Target.setAutoAttach", tab.id, **params)
        (own,) = [each.id or "" for each in self.browser.targets.sessions.values() if each.parent is tab]
        return tab, page, own

    def test_a_popup_waits_for_the_session_that_its_tab_has_attached(self):
        tab, page, own = self.popup_with_own_session(self.takes_tabs())
        self.a.send("Runtime.runIfWaitingForDebugger", tab.id)
        self.rig.deliver()
        self.assertTrue(page.waiting)
        self.result(self.a, "Runtime.runIfWaitingForDebugger", own)
        self.assertFalse(page.waiting)
        self.assertNotIn(page.id, self.browser.targets.sessions)

    def test_a_popup_does_not_wait_for_a_session_that_was_resumed_before_its_tab(self):
        session = self.takes_tabs()
        for together in (False, True):
            tab, page, own = self.popup_with_own_session(session)
            order = (tab.id, own) if together else (own, tab.id)
            for each in order:
                self.a.send("Runtime.runIfWaitingForDebugger", each)
                if not together:
                    self.rig.deliver()
            self.rig.deliver()
            self.assertFalse(page.waiting, together)
            self.assertNotIn(page.id, self.browser.targets.sessions)
            self.assertEqual(self.shared.state.watch._held, {})

    def test_popups_that_close_or_whose_client_is_quicker(self):
        session = self.takes_tabs()
        _, page = self.popup(self.a, session)
        self.browser.targets.close(page.target)
        self.rig.deliver()
        watch = self.shared.state.watch
        self.assertEqual((watch._held, list(watch._pages.values())), ({}, []))
        _tab, page = self.popup(self.a, session)
        self.assertTrue(page.waiting)
        self.a.leave()
        self.rig.deliver()
        self.assertEqual((watch._held, watch._tabs, watch._pages, watch._leaving), ({}, {}, {}, {}))

    def test_who_is_let_go_has_gone_on_before(self):
        """A worker whose session goes in the same write never runs."""
        self.rig.page(self.a)
        del self.browser.heard[:]
        worker = self.browser.add("service_worker", self.a.virtual.state.default)
        self.rig.deliver(self.browser.out.queued)
        asked = [each["method"] for _, each in self.browser.heard]
        self.assertEqual(asked, ["Runtime.runIfWaitingForDebugger"])
        self.rig.deliver()
        self.assertEqual([each["method"] for _, each in self.browser.heard][1], "Target.detachFromTarget")
        self.assertNotIn(worker, [each.target for each in self.browser.targets.sessions.values()])

    def test_workers_that_never_go_on(self):
        self.patch(target_watch, "_MOST", 2)
        self.browser.on("Runtime.runIfWaitingForDebugger", NEVER)
        workers = [self.browser.add("worker", self.a.virtual.state.default) for _ in range(3)]
        self.rig.deliver()
        left = [each.target for each in self.browser.targets.sessions.values() if each.target in workers]
        self.assertEqual(left, workers[1:])
        for each in workers:
            self.browser.targets.close(each)
        self.rig.deliver()
        self.assertEqual((self.shared.state.watch._leaving, self.shared.state.line.asked), ({}, {}))

    def test_nobody_else_waits(self):
        self.result(self.a, "Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=True, flatten=True)
        self.result(self.b, "Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=False, flatten=True)
        self.rig.page(self.b)
        self.assertFalse(any(each.waiting for each in self.browser.targets.sessions.values()))
        let_go = {
            each["params"]["sessionId"]
            for actor, each in self.browser.heard
            if actor is None and each["method"] == "Target.detachFromTarget"
        }
        resumed = {
            each["sessionId"] for _, each in self.browser.heard if each["method"] == "Runtime.runIfWaitingForDebugger"
        }
        self.assertEqual(
            len(let_go - resumed), 2, "but the page that the browser has begun with did not wait, nor its tab"
        )
        (first, _) = self.b.events("Target.attachedToTarget")
        self.assertFalse(first["waitingForDebugger"])

    def test_auto_attach_to_tabs(self):
        tabs = [{"type": "page", "exclude": True}, {}]
        on: dict[str, Any] = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True, "filter": tabs}
        self.result(self.a, "Target.setAutoAttach", **on)
        self.result(self.a, "Target.createTarget", url="about:blank")
        (attached,) = self.a.events("Target.attachedToTarget")
        self.assertEqual(attached["targetInfo"]["type"], "tab")
        session = attached["sessionId"]
        tab = attached["targetInfo"]["targetId"]
        self.assertEqual(self.result(self.a, "Target.detachFromTarget", targetId=tab), {})
        self.assertNotIn(session, self.browser.targets.sessions)

    def test_auto_attach_to_what_is_there(self):
        target = self.result(self.a, "Target.createTarget", url="about:blank")["targetId"]
        on: dict[str, Any] = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
        self.result(self.a, "Target.setAutoAttach", **on)
        self.result(self.a, "Target.setAutoAttach", **on)
        (attached,) = self.a.events("Target.attachedToTarget")
        self.assertEqual((attached["targetInfo"]["targetId"], attached["waitingForDebugger"]), (target, False))
        self.result(self.a, "Target.setAutoAttach", **{**on, "autoAttach": False})
        self.assertEqual(len(self.a.events("Target.detachedFromTarget")), 1)
        self.assertEqual(
            [each.get("id", each.get("method")) for each in self.a.got][-2:],
            ["Target.detachedFromTarget", self.a.number],
        )
        self.result(self.a, "Target.createTarget", url="about:blank")
        self.assertEqual(len(self.a.events("Target.attachedToTarget")), 1)
        self.result(self.a, "Target.setAutoAttach", **on)
        self.assertEqual(len(self.a.events("Target.attachedToTarget")), 3)

    def test_auto_attach_to_what_goes_meanwhile(self):
        self.result(self.a, "Target.createTarget", url="about:blank")
        self.browser.on("Target.attachToTarget", BROKEN)
        on: dict[str, Any] = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
        self.assertEqual(self.result(self.a, "Target.setAutoAttach", **on), {})

    def test_a_second_browser_session(self):
        nested = self.result(self.a, "Target.attachToBrowserTarget")["sessionId"]
        on: dict[str, Any] = {"autoAttach": True, "waitForDebuggerOnStart": False, "flatten": True}
        self.result(self.a, "Target.setAutoAttach", **on)
        self.result(self.a, "Target.setAutoAttach", nested, **on)
        target = self.result(self.a, "Target.createTarget", nested, url="about:blank")["targetId"]
        attached = [each for each in self.a.got if each.get("method") == "Target.attachedToTarget"][1:]
        self.assertEqual({each.get("sessionId", "") for each in attached}, {"", nested})
        self.assertEqual({each["params"]["targetInfo"]["targetId"] for each in attached}, {target})
        self.assertEqual(self.result(self.a, "Target.getTargetInfo", nested)["targetInfo"]["type"], "browser")
        self.result(self.a, "Target.setAutoAttach", autoAttach=False, waitForDebuggerOnStart=False, flatten=True)
        self.result(self.a, "Target.createTarget", url="about:blank")
        handed = [
            each for each in self.a.connection.sessions.values() if each.parent is self.a.connection.sessions[nested]
        ]
        self.assertEqual(len(handed), 2)
        self.result(self.a, "Target.detachFromTarget", sessionId=nested)
        self.assertEqual(list(self.a.connection.sessions), [""])
        self.assertEqual(len(self.browser.targets.sessions), 3)

    def test_popups_are_their_openers(self):
        on: dict[str, Any] = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
        self.result(self.a, "Target.setAutoAttach", **on)
        target, session = self.rig.page(self.a)
        self.result(self.a, "Runtime.evaluate", session, expression="popup")
        popup = self.a.events("Target.attachedToTarget")[-1]
        self.assertEqual(popup["targetInfo"]["openerId"], target)
        self.assertTrue(popup["waitingForDebugger"])
        self.assertEqual(len(self.infos(self.a)), 2)
        self.assertEqual(self.infos(self.b), [])

    def test_children_of_pages(self):
        target, session = self.rig.page(self.a)
        context = self.browser.targets.all[target].browser_context_id
        on: dict[str, Any] = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
        self.result(self.a, "Target.setAutoAttach", session, **on)
        self.assertEqual(self.browser.heard[-1][1]["sessionId"], session)
        worker = self.browser.add("worker", context)
        child = self.browser.targets.attach(worker, self.browser.targets.sessions[session], waiting=True).id or ""
        self.rig.deliver()
        self.assertEqual(self.a.got[-1]["sessionId"], session)
        self.assertEqual(self.a.got[-1]["params"]["sessionId"], child)
        self.result(self.a, "Runtime.evaluate", child, expression="1")
        self.refused(self.a, "Target.detachFromTarget", sessionId=child)
        self.result(self.a, "Target.detachFromTarget", sessionId=session)
        number = self.a.send("Runtime.evaluate", child, expression="1")
        self.assertEqual(self.a.answer(number)["error"], SESSION_GONE)

    def test_a_page_goes_while_a_child_is_detached(self):
        target, session = self.rig.page(self.a)
        worker = self.browser.add("worker", self.browser.targets.all[target].browser_context_id)
        child = self.browser.targets.attach(worker, self.browser.targets.sessions[session]).id or ""
        self.rig.deliver()
        self.browser.targets.close(self.browser.targets.all[target])
        self.rig.deliver(1)
        self.browser.drop_replies(1)
        number = self.a.send("Target.detachFromTarget", session, sessionId=child)
        self.rig.deliver()
        self.assertEqual(self.a.answer(number)["error"], SESSION_GONE)
        self.assertEqual((self.shared.state.line.asked, self.a.connection.waiting), ({}, set()))

    def test_limits(self):
        c = self.rig.client("C", commands=2, contexts=2, targets=3, sessions=3)
        self.result(c, "Target.createBrowserContext")
        self.assertIn("2 browser contexts", self.refused(c, "Target.createBrowserContext")["message"])
        first = c.send("Target.createTarget", url="about:blank")
        self.rig.deliver()
        target = c.answer(first)["result"]["targetId"]
        self.result(c, "Target.createTarget", url="about:blank")
        self.assertIn("3 targets", self.refused(c, "Target.createTarget", url="about:blank")["message"])
        for _ in range(2):
            session = self.result(c, "Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.assertIn("3 sessions", self.refused(c, "Target.attachToTarget", targetId=target, flatten=True)["message"])
        self.assertIn("3 sessions", self.refused(c, "Target.attachToBrowserTarget")["message"])
        for _ in range(2):
            c.send("Runtime.evaluate", session, expression="hang")
        self.assertIn("2 commands are waiting", self.refused(c, "Browser.getVersion")["message"])
        self.result(self.a, "Browser.getVersion")

    def test_addresses(self):
        url: Any
        _, session = self.rig.page(self.a)
        for url in (
            "chrome://inducebrowsercrashforrealz",
            "  CHROME://version",
            "\x01ch\tro\nme:version",
            "about:version",
            "about:blanket",
            "view-source:chrome://version",
            "view-source:http://x.test/",
            "blob:chrome://version",
            "filesystem:chrome://version",
            "chr" + "\t" * 300 + "ome://version",
            " " * 300 + "chrome://version",
            "view-source:" * 3 + "chrome://version",
            "chrome-untrusted://x",
            "devtools://devtools/bundled/inspector.html",
            "chrome-extension://x/y.html",
            "mailto:x@y.example",
        ):
            for error in (
                self.refused(self.a, "Page.navigate", session, url=url, transitionType="typed"),
                self.refused(self.a, "Target.createTarget", url=url),
            ):
                self.assertEqual(error["code"], -32000)
                self.assertIn("addresses are refused", error["message"])
        for url in (
            "http://x.test/",
            "https:x",
            " data:text/html,x",
            "about:blank",
            "About:Blank#x",
            "about:srcdoc",
            "file:///x",
            "javascript:1",
            "blob:null/x",
            "blob:http://x.test/x",
            "nothing",
            "",
        ):
            self.result(self.a, "Page.navigate", session, url=url)
            self.result(self.a, "Target.createTarget", url=url)
        before = len(self.browser.heard)
        self.assertEqual(self.ask(self.a, "Page.navigate", session, url=5)["error"]["code"], -32602)
        self.assertEqual(len(self.browser.heard), before + 1, "what is no address is refused by the browser")

    def test_invented_sessions_leave_nothing_behind(self):
        sizes = [
            len(each) for each in (self.shared.state.sessions, self.shared.state.line.asked, self.a.connection.sessions)
        ]
        for each in range(1000):
            self.a.send("Runtime.evaluate", f"invented{each}", expression="1")
        after = [
            len(each) for each in (self.shared.state.sessions, self.shared.state.line.asked, self.a.connection.sessions)
        ]
        self.assertEqual(sizes, after)


class SayingTests(VirtualBrowserCase):
    """Messages of clients that are not as they should be, and what Chromium answers."""

    def said(self, message: bytes) -> dict[str, Any]:
        before = len(self.browser.heard)
        self.a.raw_send(message)
        self.assertEqual(len(self.browser.heard), before)
        return self.a.got[-1]

    def test_complaints(self):
        other = "Message has property other than 'id', 'method', 'sessionId', 'params'"
        number = "Message must have integer 'id' property"
        method = "Message must have string 'method' property"
        session = "Message may have string 'sessionId' property"
        for message, code, complaint, answered in (
            (b"", -32700, "JSON: no input at position 0", None),
            (b"x", -32700, "JSON: invalid token", None),
            (b'{"id":1', -32700, "JSON: invalid token", None),
            (b'{"id":1,"method":"Browser.getVersion"} x', -32700, "JSON: unprocessed input remains", None),
            (b'{"id":1,"method":"Browser.getVersion"/**/}', -32700, "JSON: invalid token", None),
            (b'{"id":1,"method":"Browser.getVersion","params":{"a":"\xff"}}', -32700, "JSON: invalid string", None),
            (b'{"id":1,"method":"a","params":' + b'{"a":' * 2000 + b"1" + b"}" * 2001, -32700, None, None),
            (b'{"id":1,"method":"a","params":{"a":' + b"[" * 300 + b"]" * 300 + b"}}", -32700, None, None),
            (b"[]", -32600, "Message must be an object", None),
            (b"null", -32600, "Message must be an object", None),
            (b'{"method":"a"}', -32600, number, None),
            (b'{"id":null,"method":"a"}', -32600, number, None),
            (b'{"id":true,"method":"a"}', -32600, number, None),
            (b'{"id":"1","method":"a"}', -32600, number, None),
            (b'{"id":1.5,"method":"a"}', -32600, number, None),
            (b'{"id":2147483648,"method":"a"}', -32600, number, None),
            (b'{"id":2147483648,"method":5}', -32600, number, None),
            (b'{"method":5,"id":2147483648}', -32600, method, None),
            (b'\xef\xbb\xbf{"id":1,"method":"Browser.getVersion"}', -32700, "JSON: invalid token", None),
            ('{"id":1,"method":"Browser.getVersion"}'.encode("utf-16"), -32700, "JSON: invalid string", None),
            (b'{"id":1,"id":2,"method":"Browser.getVersion"}', -32700, "CBOR: duplicate map key", 1),
            (b'{"id":1}', -32600, method, 1),
            (b'{"id":1,"method":5}', -32600, method, 1),
            (b'{"id":1.0,"method":5}', -32600, method, 1),
            (b'{"id":1,"method":""}', -32600, method, 1),
            (b'{"id":1,"method":"\\ud800"}', -32600, method, 1),
            (b'{"id":1,"method":"a","x":1}', -32600, other, 1),
            (b'{"method":"a","x":1}', -32600, other, None),
            (b'{"id":1,"method":"a","sessionId":5}', -32600, session, 1),
            (b'{"id":1,"method":"a","sessionId":null}', -32600, session, 1),
            (b'{"id":1,"method":"a","params":5}', -32600, "Message may have object 'params' property", 1),
            (b'{"id":1,"method":"a","params":0}', -32600, "Message may have object 'params' property", 1),
        ):
            answer = self.said(message)
            self.assertEqual(answer["error"]["code"], code, message[:80])
            if complaint is not None:
                self.assertEqual(answer["error"]["message"], complaint, message[:80])
            self.assertEqual(answer.get("id"), answered, message[:80])
            self.assertNotIn("sessionId", answer)

    def test_unknown_methods(self):
        for method in ("Nope.nope", "nope", "Page.enable", "Target.nope"):
            answer = self.ask(self.a, method)
            self.assertEqual(answer["error"], {"code": -32601, "message": f"'{method}' wasn't found"})
        _, session = self.rig.page(self.a)
        self.assertEqual(self.refused(self.a, "Browser.nope", session)["code"], -32601)
        self.assertEqual(self.result(self.a, "Nope.nope", session), {})

    def test_what_is_accepted(self):
        for message in (
            b'{"id":1.0,"method":"Browser.getVersion"}',
            b'{"id":1,"method":"Browser.getVersion","params":null,"sessionId":""}',
            b'{"id":1,"method":"Browser.getVersion","params":[]}',
            b'{"id":1,"method":"Browser.get\\u0056ersion","params":{"a":"\\ud800","b":99999999999999999999}}',
            b'{"id":1,"method":"Browser.getVersion","params":{"a":' + b"[" * 299 + b"]" * 299 + b"}}",
            b'{"id":1,"method":"Browser.getVersion","params":{"a":"' + b"[" * 500 + b'"}}',
        ):
            self.a.raw_send(message)
            self.rig.deliver()
            self.assertEqual(self.a.got[-1], {"id": 1, "result": VERSION}, message[:80])

    def test_keys_that_are_there_twice(self):
        _, mine = self.rig.page(self.a)
        _, other = self.rig.page(self.b)
        for first, second in ((mine, other), (other, mine)):
            answer = self.said(
                b'{"id":5,"sessionId":"%b","method":"Runtime.evaluate","params":{"expression":"x"},"sessionId":"%b"}'
                % (first.encode(), second.encode())
            )
            self.assertEqual(answer, {"id": 5, "error": {"code": -32700, "message": "CBOR: duplicate map key"}})

    def test_keys_that_are_there_twice_in_what_is_looked_at(self):
        target, session = self.rig.page(self.a)
        for text in (
            b'"method":"Target.closeTarget","params":{"targetId":"x","targetId":"%b"}' % target.encode(),
            b'"method":"Target.getTargets","params":{"filter":[{"type":"page","type":"tab"}]}',
            b'"sessionId":"%b","method":"Page.navigate","params":{"url":"http:x","u\\u0072l":"chrome:x"}'
            % session.encode(),
        ):
            answer = self.said(b'{"id":5,%b}' % text)
            self.assertEqual(answer["error"], {"code": -32700, "message": "CBOR: duplicate map key"})
        self.a.raw_send(
            b'{"id":6,"sessionId":"%b","method":"Nope.nope","params":{"a":1,"a":2}}' % session.encode()
        )  # as Chromium does, where it is nothing that we look at
        self.assertEqual(self.browser.heard[-1][1]["params"], {"a": 2})

    def test_a_list_in_the_place_of_parameters(self):
        for method in ("Target.getTargets", "Target.createTarget", "Browser.setPermission"):
            answer = self.said(b'{"id":5,"method":"%b","params":[]}' % method.encode())
            self.assertEqual((answer["id"], answer["error"]["code"]), (5, -32602))
            self.assertIn("map start expected", answer["error"]["data"])

    def test_a_client_that_is_sent_away_while_it_hears(self):
        target, session = self.rig.page(self.a)
        self.a.send("Runtime.evaluate", session, expression="hang")
        self.a.send("Runtime.evaluate", session, expression="hang")
        self.a.on_message = lambda message: self.a.virtual.end(1008, "too slow")
        self.a.send("Target.closeTarget", targetId=target)
        self.rig.deliver()
        self.assertEqual(self.a.closed, (1008, "too slow"))
        self.assertEqual(self.shared.state.line.asked, {})
        self.assertEqual(list(self.browser.contexts.values()), ["B"])


def protocol() -> dict[str, dict[str, Any]]:
    """Return all commands of the protocol by their methods."""
    found = {}
    for name in ("browser_protocol.json", "js_protocol.json"):
        for domain in json.loads((PROTOCOL / name).read_text())["domains"]:
            found.update({f"{domain['domain']}.{each['name']}": each for each in domain["commands"]})
    return found


#: What some of the commands must be told beside the context.
NEEDED: dict[str, Any] = {
    "url": "about:blank",
    "behavior": "allow",
    "cookies": [],
    "guid": "g",
    "permission": {"name": "geolocation"},
    "permissions": [],
    "setting": "granted",
}


class RulesTests(SynchronousTestCase):
    def test_every_command_of_a_guarded_domain_has_a_row(self):
        commands = protocol()
        missing = {each for each in commands if each.partition(".")[0] in GUARDED} - RULES.keys()
        self.assertEqual(missing, set())
        self.assertEqual(RULES.keys() - commands.keys(), set())

    def test_every_command_that_names_a_target_a_context_or_a_window_has_a_row(self):
        kinds = {
            "TargetID",
            "Target.TargetID",
            "SessionID",
            "Target.SessionID",
            "WindowID",
            "Browser.WindowID",
            "BrowserContextID",
            "Browser.BrowserContextID",
        }
        for method, command in protocol().items():
            names = {each.get("$ref") for each in command.get("parameters", [])}
            if names & kinds:
                self.assertIn(method, RULES)

    def test_every_command_with_an_optional_context_is_told_the_clients_own(self):
        methods = [
            method
            for method, command in protocol().items()
            for each in command.get("parameters", [])
            if each.get("optional") and each.get("$ref", "").endswith("BrowserContextID")
        ]
        self.assertIn("Storage.setCookies", methods)
        rig = MultiplexRig()
        client, other = rig.client(), rig.client()
        target, session = rig.page(client)
        line = client.open_line(target)
        rig.deliver()
        browser = rig.browser
        browser.on("Browser.cancelDownload", {})  # there is none
        for method in methods:
            for who, name in ((client, ""), (client, session), (line, "")):
                for context in (None, other.virtual.state.default, browser.targets.default_context):
                    before = len(browser.heard)
                    params = {} if context is None else {"browserContextId": context}
                    answer = rig.ask(who, method, name, **NEEDED, **params)
                    heard = [each["params"] for _, each in browser.heard[before:] if each["method"] == method]
                    if context is None:
                        self.assertIn("result", answer, method)
                        self.assertEqual(
                            [each["browserContextId"] for each in heard], [client.virtual.state.default], method
                        )
                    else:
                        self.assertIn("error", answer, method)
                        self.assertEqual(heard, [], method)

    def test_every_verb_has_a_row_and_every_row_its_verb(self):
        own = {method for method, each in RULES.items() if RuleKind.OWN in (each.browser, each.page)}
        self.assertEqual(own, set(HANDLERS))

    def test_refusals_say_why(self):
        for method, each in RULES.items():
            self.assertEqual(bool(each.why), RuleKind.REFUSED in (each.browser, each.page), method)
        rig = MultiplexRig()
        client = rig.client()
        for method in ("Browser.crash", "SystemInfo.getInfo", "Target.exposeDevToolsProtocol", "Tracing.start"):
            error = rig.ask(client, method)["error"]
            self.assertEqual(error["code"], -32000)
            self.assertIn(rule_of(method).why, error["message"])

    def test_limits_have_their_defaults(self):
        self.assertEqual(MultiplexRig().client().connection.limits, Limits())
