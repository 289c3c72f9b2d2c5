"""A browser with several clients: what another one holds, to set it up before it runs, is not let run by us."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred

import txcdp
from tests.browser.differential import Line, Talk
from tests.browser.support import BrowserTestCase, reactor
from tests.support import PATIENCE
from txcdp._deferreds import with_deadline
from txcdp._transports.websocket import open_websocket
from txcdp.domains import runtime, target

ATTACH: dict[str, Any] = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}

#: Round trips to the browser that another client takes to set up a target.
LONG = 20

#: Ways for a page to open another one.
OPENINGS = (
    "void open('/opened')",
    "void open('/opened', '', 'noopener')",
    "void open('').document.write('<script src=/opened.js></' + 'script>')",
    "Object.assign(document.createElement('a'), {href: '/opened', target: '_blank', rel: 'opener'}).click()",
    "Object.assign(document.createElement('a'), {href: '/opened', target: '_blank'}).click()",
)

#: Workers that wait in one place for all clients.
WORKERS = (
    "void new SharedWorker('/worker.js?%s')",
    "void navigator.serviceWorker.register('/worker.js', {scope: '/scope/%s'})",
)

#: Tells the server what its first script finds.
TELLS = "fetch('/told/' + self.mark)"


class Holder(Line):
    """Another client, which makes new targets wait and takes its time to set them up.

    :ivar sessions: those of targets that wait for it.
    :ivar resumes: whether it ever lets them run.
    """

    resumes = True

    def __init__(self, talk: Talk, transport: Any, name: str) -> None:
        super().__init__(talk, transport, name)
        self.sessions: list[str] = []

    def message_received(self, message: bytes) -> None:
        super().message_received(message)
        said = json.loads(message)
        # A page that is come to by its tab waits as the tab does, although that is not said.
        if is_attach(said) and (said["params"]["waitingForDebugger"] or "sessionId" in said):
            self.sessions.append(said["params"]["sessionId"])
            Deferred.fromCoroutine(self.set_up(said["params"]["sessionId"])).addErrback(lambda _: None)

    async def set_up(self, session: str) -> None:
        for _ in range(LONG):
            await self.ask("Target.getTargetInfo")
        self.say("Page.enable", session)
        self.say("Page.addScriptToEvaluateOnNewDocument", session, source="self.mark = 1")
        self.say("Runtime.evaluate", session, expression="self.mark = 1")
        if self.resumes:
            self.say("Runtime.runIfWaitingForDebugger", session)


class TabHolder(Holder):
    """One that comes to pages through their tabs."""

    async def set_up(self, session: str) -> None:
        (told,) = [each for each in self.heard if is_attach(each) and each["params"]["sessionId"] == session]
        if told["params"]["targetInfo"]["type"] == "tab":
            for _ in range(LONG):
                await self.ask("Target.getTargetInfo")
            await self.ask("Target.setAutoAttach", session, **ATTACH)
        else:
            await super().set_up(session)
            self.say("Runtime.runIfWaitingForDebugger", told["sessionId"])


def is_attach(said: dict[str, Any]) -> bool:
    return said.get("method") == "Target.attachedToTarget"


class OtherClientsTests(BrowserTestCase):
    async def start(self) -> None:
        """Start a browser of which we give the pages their viewports."""
        self.server.page("/", "<title>Opens</title>")
        self.server.page("/opened", f"<script>{TELLS}</script>")
        self.server.page("/opened.js", TELLS, content_type="text/javascript")
        self.server.page("/worker.js", f"{TELLS}; onconnect = () => 0", content_type="text/javascript")
        self.ours = await self.page()
        assert self.browser.process is not None
        self.url = self.browser.process.ws_url
        self.talk = Talk("direct", urlsplit(self.url).netloc, self.server, self.mktemp())
        self.addCleanup(self.talk.close)

    async def line(self) -> Line:
        return await self.talk.open(self.url, "browser")

    async def holder(self, kind: type[Holder] = Holder, **params: Any) -> Holder:
        transport = await open_websocket(reactor, self.url)
        self.addCleanup(transport.abort)
        line = kind(self.talk, transport, "browser")
        await line.ask("Target.setAutoAttach", **{**ATTACH, **params})
        return line

    async def opener(self, line: Line, **params: Any) -> str:
        """Open a page that opens others; return its session."""
        made = await line.ask("Target.createTarget", url="about:blank", **params)
        attached = await line.ask("Target.attachToTarget", targetId=made["targetId"], flatten=True)
        session = str(attached["sessionId"])
        await line.ask("Page.enable", session)
        await line.ask("Page.navigate", session, url=self.server.url("/"))
        await line.event("Page.loadEventFired", session)
        return session

    async def told(self, how_many: int, line: Line) -> list[str]:
        """Wait until so many new documents and workers have told what their first script finds."""

        async def looking() -> list[str]:
            while len(found := [each for each in self.server.asked if each.startswith("/told/")]) < how_many:
                await line.ask("Browser.getVersion")
                line.heard.clear()
            return found

        waiting = Deferred.fromCoroutine(looking())
        return await with_deadline(reactor, waiting, PATIENCE, lambda: AssertionError(f"only {self.server.asked}"))

    async def test_popups_that_another_client_holds_are_set_up_by_it(self):
        await self.start()
        line = await self.line()
        context = (await line.ask("Target.createBrowserContext"))["browserContextId"]
        openers = [await self.opener(line), await self.opener(line, browserContextId=context)]
        # Only now: what resumes a page resumes whatever its process holds.
        holder = await self.holder(filter=[{"type": "page"}])
        for number in range(20):
            line.say(
                "Runtime.evaluate",
                openers[number % 2],
                expression=OPENINGS[number // 2 % len(OPENINGS)],
                userGesture=True,
            )
            self.assertEqual(set(await self.told(number + 1, line)), {"/told/1"}, OPENINGS[number // 2 % len(OPENINGS)])
        self.assertEqual(len(holder.sessions), 20)
        await self.browser.session.execute(target.get_targets())
        self.assertEqual(len(self.browser.connection.sessions), 2, "nobody stays attached to what is not theirs")

    async def test_popups_that_nobody_holds_run(self):
        await self.start()
        line = await self.line()
        context = (await line.ask("Target.createBrowserContext"))["browserContextId"]
        openers = [await self.opener(line), await self.opener(line, browserContextId=context)]
        for number in range(10):
            line.say("Runtime.evaluate", openers[number % 2], expression=OPENINGS[number // 2], userGesture=True)
            self.assertEqual(set(await self.told(number + 1, line)), {"/told/undefined"})

    async def test_popups_that_another_client_attaches_to_by_hand_run(self):
        await self.start()
        line = await self.line()
        opener = await self.opener(line)
        await line.ask("Target.setDiscoverTargets", discover=True)
        line.say("Runtime.evaluate", opener, expression=OPENINGS[0], userGesture=True)
        created = await line.event("Target.targetCreated", None, url="")
        line.say("Target.attachToTarget", targetId=created["targetInfo"]["targetId"], flatten=True)
        self.assertEqual(await self.told(1, line), ["/told/undefined"])

    async def test_popups_that_another_client_holds_by_their_tabs_are_set_up_by_it(self):
        await self.start()
        line = await self.line()
        opener = await self.opener(line)
        await self.holder(TabHolder, filter=[{"type": "page", "exclude": True}, {}])
        # A page without an opener may run before its set-up has reached it: then its tab is all that waits.
        for number, opening in enumerate([OPENINGS[0], OPENINGS[2], OPENINGS[3]] * 3):
            line.say("Runtime.evaluate", opener, expression=opening, userGesture=True)
            self.assertEqual(set(await self.told(number + 1, line)), {"/told/1"}, opening)

    async def test_popups_of_a_page_that_we_have_left_are_theirs(self):
        await self.start()
        await self.ours.goto(self.server.url("/"))
        await self.ours.session.detach()
        line = await self.line()
        opener = await line.ask("Target.attachToTarget", targetId=self.ours.target_id, flatten=True)
        holder = await self.holder(filter=[{"type": "page"}])
        line.say("Runtime.evaluate", opener["sessionId"], expression=OPENINGS[0], userGesture=True)
        self.assertEqual(await self.told(1, line), ["/told/1"])
        self.assertEqual(len(holder.sessions), 1)
        await self.browser.session.execute(target.get_targets())
        self.assertEqual(len(self.browser.connection.sessions), 1)

    async def test_workers_that_another_client_holds_are_set_up_by_it(self):
        await self.start()
        self.browser.default_context._workers.wanted = False  # as where we have connected to somebody's browser
        unwanted = txcdp.AutoAttach(keep=lambda info: False, recursive=False)
        await unwanted.start(self.browser.session)
        line = await self.line()
        opener = await self.opener(line)
        await self.holder(filter=[{"type": "page", "exclude": True}, {}])
        for number in range(10):
            line.say("Runtime.evaluate", opener, expression=WORKERS[number % 2] % number)
            self.assertEqual(set(await self.told(number + 1, line)), {"/told/1"})

    async def test_workers_that_nobody_holds_run(self):
        await self.start()
        unwanted = txcdp.AutoAttach(keep=lambda info: False, recursive=False)
        await unwanted.start(self.browser.session)
        line = await self.line()
        opener = await self.opener(line)
        for number in range(10):
            line.say("Runtime.evaluate", opener, expression=WORKERS[number % 2] % number)
            self.assertEqual(set(await self.told(number + 1, line)), {"/told/undefined"})

    async def test_popups_run_where_nobody_wants_them_to_wait(self):
        """Chromium lets them wait all the same."""
        await self.start()
        await txcdp.AutoAttach(wait=False, recursive=False).start(self.browser.session)
        line = await self.line()
        opener = await self.opener(line)
        for number, opening in enumerate(OPENINGS):
            line.say("Runtime.evaluate", opener, expression=opening, userGesture=True)
            self.assertEqual(set(await self.told(number + 1, line)), {"/told/undefined"})

    async def test_what_is_attached_to_by_hand_stays(self):
        await self.start()
        root = self.browser.session
        made = (await root.execute(target.create_target(url="about:blank"))).target_id
        for target_id in (made, made, self.ours.target_id):
            attaching = target.attach_to_target(target_id=target_id, flatten=True)
            session_id = (await root.execute(attaching)).session_id
            found = next(each for each in self.browser.connection.sessions if each.id == session_id)
            self.assertEqual((await found.execute(runtime.evaluate(expression="6*7"))).result.value, 42)
        raw = await root.execute_raw("Target.attachToTarget", {"targetId": made, "flatten": True})
        browser = (await root.execute(target.attach_to_browser_target())).session_id
        await root.execute(target.get_targets())
        ids = [each.id for each in self.browser.connection.sessions]
        self.assertTrue({raw["sessionId"], browser} <= set(ids))

    async def test_related_targets_stay_attached_to(self):
        """As they are by ``Target.autoAttachRelated``, sent by hand before pages have viewports."""
        chrome = await self.launch()
        root = chrome.session
        self.server.page("/outer", "<script>frame = new Worker('/worker.js')</script>")
        self.server.page("/worker.js", "onmessage = () => 0", content_type="text/javascript")
        self.server.page("/", "<title>Opens</title>")
        self.server.page("/opened", "<script>fetch('/told/' + innerWidth)</script>")
        related = (await root.execute(target.create_target(url="about:blank"))).target_id
        params = {"targetId": related, "waitForDebuggerOnStart": False}
        async with root.events_raw("Target.attachedToTarget").expect() as attached:
            await root.execute_raw("Target.autoAttachRelated", params)
        session_id = (await attached.value)["sessionId"]
        session = next(each for each in chrome.connection.sessions if each.id == session_id)
        tab = await chrome.new_page(self.server.url("/"))
        await tab.evaluate("void open('/opened')")
        self.assertEqual(await self.told_to(chrome), ["/told/1280"])
        workers = root.events_raw("Target.attachedToTarget").filter(lambda each: each["targetInfo"]["type"] == "worker")
        async with workers.expect() as worker:
            await session.execute_raw("Page.navigate", {"url": self.server.url("/outer")})
        self.assertEqual((await worker.value)["targetInfo"]["url"], self.server.url("/worker.js"))

    async def told_to(self, chrome: txcdp.Browser) -> list[str]:
        while not (found := [each for each in self.server.asked if each.startswith("/told/")]):
            await chrome.version()
        return found
