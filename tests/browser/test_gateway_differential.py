"""What clients say and hear through the gateway, compared with a direct line to Chromium, message by message.

Each conversation is had with a browser as it is after its start. What is different on purpose is in the guide
(``docs/howto/gateway.rst``), with the reasons, and in no conversation.
"""

from __future__ import annotations

import difflib
import os
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from tests.browser.differential import Conversation, Line, Talk
from tests.browser.support import Server
from tests.browser.test_gateway_browser import GatewayCase
from txcdp.gateway import PoolOptions
from txcdp.gateway._pool.launched import LaunchedBrowser

WAITING: dict[str, Any] = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
TABS = [{"type": "page", "exclude": True}, {}]
#: Waits for the document: it has been answered for before all of it has come.
LOADED = "new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', done))"


def put_pages(server: Server) -> None:
    """Put the pages there that the conversations want."""
    server.page("/", "<title>One</title>one")
    server.page("/two", "<title>Two</title>two")
    server.page("/inner", "<title>Inner</title>inner")
    server.page("/outer", f"<title>Outer</title><iframe src='{server.url('/inner', 'localhost')}'></iframe>")
    server.page("/worker.js", "onmessage = () => postMessage('dedicated')", content_type="text/javascript")
    server.page("/shared.js", "onconnect = each => each.ports[0].postMessage('shared')", content_type="text/javascript")
    server.page("/service.js", "oninstall = () => skipWaiting()", content_type="text/javascript")
    server.page("/file", "a file", content_type="application/octet-stream", content_disposition="attachment")
    server.page("/link", "<a id=link href=/file download=f.bin>file</a>")
    server.echo("/agent", "user-agent")


async def page_of(line: Line) -> str:
    """Return the page that there is."""
    (page,) = [each for each in (await line.ask("Target.getTargets"))["targetInfos"] if each["type"] == "page"]
    return str(page["targetId"])


async def attach(line: Line, target: str, session: str = "", **params: Any) -> str:
    found = await line.ask("Target.attachToTarget", session, **{"targetId": target, "flatten": True, **params})
    return str(found["sessionId"])


async def go(line: Line, session: str, url: str) -> None:
    """Go somewhere, and wait until it is loaded."""
    await line.ask("Page.enable", session)
    seen = len(line.heard)
    await line.ask("Page.navigate", session, url=url)
    loaded = "Page.loadEventFired"
    await line.until(lambda: next((True for each in line.heard[seen:] if each.get("method") == loaded), None), loaded)


async def evaluate(line: Line, session: str, expression: str) -> Any:
    params = {"expression": expression, "returnByValue": True, "awaitPromise": True, "userGesture": True}
    return (await line.ask("Runtime.evaluate", session, **params)).get("result", {}).get("value")


async def first_page(talk: Talk) -> tuple[Line, str, str]:
    """Return a line to the browser, its page, and a session with that."""
    line = await talk.browser()
    page = await page_of(line)
    return line, page, await attach(line, page)


# Conversations:


async def a_start(talk: Talk) -> None:
    line = await talk.browser()
    await line.ask("Target.setDiscoverTargets", discover=True)
    await line.ask("Target.getBrowserContexts")
    page = await page_of(line)
    session = await attach(line, page)
    await go(line, session, talk.server.url())
    await evaluate(line, session, "document.title = 'Now'")
    await evaluate(line, session, "history.pushState({}, '', '/pushed')")
    await line.ask("Target.getTargets")
    await line.ask("Target.getTargetInfo", targetId=page)
    await line.ask("Target.getTargetInfo", session)
    await line.ask("Target.getTargets", filter=[])
    await line.ask("Target.getTargetInfo", targetId="nope")


async def new_tabs(talk: Talk) -> None:
    line = await talk.browser()
    create = "Target.createTarget"
    for params in ({"newWindow": False}, {"newWindow": True}, {"background": True}, {"forTab": True}, {"width": 9}):
        await line.ask(create, url="about:blank", **params)
    await line.ask(create)
    talk.note(len((await line.ask("Target.getTargets"))["targetInfos"]))
    line.heard[:] = [each for each in line.heard if "targetInfos" not in each.get("result", {})]  # in any order
    context = (await line.ask("Target.createBrowserContext"))["browserContextId"]
    await line.ask(create, url="about:blank", newWindow=False, browserContextId=context)
    await line.ask("Target.closeTarget", targetId="nope")


def _both(line: Line, seen: int, number: int) -> bool:
    return len([each for each in line.heard[seen:] if each.get("id") == number and "said" not in each]) == 2


async def ids_that_are_in_flight(talk: Talk) -> None:
    line, page, session = await first_page(talk)
    slowly: dict[str, Any] = {"expression": "new Promise(done => setTimeout(done, 1000))", "awaitPromise": True}
    commands: tuple[tuple[str, tuple[str, dict[str, Any]], tuple[str, dict[str, Any]]], ...] = (
        (session, ("Runtime.evaluate", slowly), ("Runtime.evaluate", {"expression": "2"})),
        ("", ("Browser.getVersion", {}), ("Target.getTargetInfo", {"targetId": page})),
    )
    for where, first, second in commands:
        seen = len(line.heard)
        number = line.say(first[0], where, **first[1])
        line.say(second[0], where, again=True, **second[1])
        await line.until(partial(_both, line, seen, number), "two answers")


async def frames(talk: Talk) -> None:
    line, _, session = await first_page(talk)
    await line.ask("Target.setAutoAttach", session, **{**WAITING, "waitForDebuggerOnStart": False})
    await go(line, session, talk.server.url("/outer"))
    frame = (await line.event("Target.attachedToTarget", session))["sessionId"]
    await evaluate(line, frame, "1")
    # Not by a script of its own: whether its answer or the new document comes first is left to chance.
    await evaluate(line, session, "document.querySelector('iframe').src += '?again'; 1")
    await line.event("Target.targetInfoChanged", session, url=talk.server.url("/inner?again", "localhost"))
    await evaluate(line, session, "document.querySelector('iframe').remove()")
    await line.event("Target.detachedFromTarget", session)


async def a_page_line(talk: Talk) -> None:
    browser = await talk.browser()
    page = await page_of(browser)
    line = await talk.page(page)
    await go(line, "", talk.server.url("/two"))
    await line.ask("Target.getTargetInfo")
    await line.ask("Target.getTargets")
    for method in ("Target.getBrowserContexts", "Target.createBrowserContext", "Target.attachToBrowserTarget"):
        await line.ask(method)
    own = await attach(line, page)
    await evaluate(line, own, "1")
    await line.ask("Target.activateTarget", targetId=page)
    await line.ask("Page.close")
    await line.closed()


async def a_crash(talk: Talk) -> None:
    line, page, session = await first_page(talk)
    await line.ask("Target.setDiscoverTargets", discover=True)
    other = await talk.page(page)
    await other.ask("Target.getTargetInfo")  # it has the page by then
    line.say("Page.crash", session)
    await line.event("Inspector.targetCrashed", session)
    await other.event("Inspector.targetCrashed")
    await line.event("Target.targetCrashed")
    await line.ask("Page.navigate", session, url=talk.server.url())  # it answers nothing else before
    await line.ask("Page.enable", session)
    talk.note(await evaluate(line, session, f"{LOADED}.then(() => document.title)"))
    await line.ask("Target.closeTarget", targetId=page)
    await other.closed()
    await line.event("Target.targetDestroyed")


async def sessions(talk: Talk) -> None:
    line, page, session = await first_page(talk)
    second = await attach(line, page)
    detach = "Target.detachFromTarget"
    for params in ({"sessionId": session}, {"sessionId": session}, {"targetId": page}, {"targetId": page}, {}):
        await line.ask(detach, **params)
    await line.ask("Runtime.evaluate", second, expression="1")
    await line.ask("Target.attachToTarget", targetId="nope", flatten=True)
    await line.ask("Target.attachToTarget", flatten=True)
    root = (await line.ask("Target.attachToBrowserTarget"))["sessionId"]
    await line.ask("Target.getBrowserContexts", root)
    inner = await attach(line, page, root)
    await evaluate(line, inner, "1")
    await line.ask(detach, sessionId=inner)
    await line.ask(detach, root, sessionId=inner)
    inner = await attach(line, page, root)
    await line.ask(detach, sessionId=root)
    await line.ask("Runtime.evaluate", inner, expression="1")


async def sessions_that_are_not_flat(talk: Talk) -> None:
    line = await talk.browser()
    page = await page_of(line)
    session = await attach(line, page, flatten=False)
    send = "Target.sendMessageToTarget"
    for message in (
        '{"id":1,"method":"Runtime.evaluate","params":{"expression":"6*7"}}',
        '{"id":2,"method":"Nope.nope"}',
        '{"id":3,"method":"Target.getTargetInfo"}',
    ):
        await line.ask(send, sessionId=session, message=message)
        number = message[6]
        await line.until(partial(_received, line, number), message)
    await line.ask(send, sessionId="nope", message="{}")
    await line.ask(send, sessionId=session)
    await line.ask("Target.detachFromTarget", sessionId=session)


def _received(line: Line, number: str) -> Any:
    told = [each for each in line.heard if each.get("method") == "Target.receivedMessageFromTarget"]
    return next((each for each in told if f'"id":{number}' in each["params"]["message"]), None)


async def auto_attach(talk: Talk) -> None:
    line = await talk.browser()
    on = "Target.setAutoAttach"
    await line.ask(on, **WAITING)
    target = (await line.ask("Target.createTarget", url=talk.server.url("/two")))["targetId"]
    session = (await line.event("Target.attachedToTarget", targetId=target))["sessionId"]
    await line.ask("Page.enable", session)
    await line.ask("Runtime.runIfWaitingForDebugger", session)
    # What it has come to meanwhile is told again: now and then Chromium does not let it wait at all.
    await line.ask("Page.setLifecycleEventsEnabled", session, enabled=True)
    await line.event("Page.lifecycleEvent", session, name="load")
    await line.ask("Target.closeTarget", targetId=target)
    await line.event("Target.detachedFromTarget")
    off = {**WAITING, "autoAttach": False, "waitForDebuggerOnStart": False}
    await line.ask(on, **off)
    await line.until(lambda: sum("Target.detached" in str(each) for each in line.heard) > 1 or None, "both ends")
    await line.ask(on, **{**WAITING, "flatten": False})
    await line.ask(on, **WAITING, filter=[{}])
    await line.ask(on, autoAttach=True)


async def discovery_with_filters(talk: Talk) -> None:
    line = await talk.browser()
    discover = "Target.setDiscoverTargets"
    await line.ask(discover, discover=True, filter=[{"type": "tab"}])
    target = (await line.ask("Target.createTarget", url=talk.server.url("/two")))["targetId"]
    await line.event("Target.targetCreated", url="")
    await line.ask("Target.getTargets", filter=[{"type": "worker"}])
    await line.ask(discover, discover=False, filter=[])
    await line.ask(discover, discover=False)
    await line.ask("Target.closeTarget", targetId=target)
    await line.ask(discover)


async def contexts(talk: Talk) -> None:
    line = await talk.browser()
    await line.ask("Target.setDiscoverTargets", discover=True)
    context = (await line.ask("Target.createBrowserContext"))["browserContextId"]
    await line.ask("Target.getBrowserContexts")
    page = (await line.ask("Target.createTarget", url="about:blank", browserContextId=context))["targetId"]
    await go(line, await attach(line, page), talk.server.url())
    await line.ask("Target.disposeBrowserContext", browserContextId=context)
    await line.event("Target.targetDestroyed", targetId=page)
    await line.ask("Target.disposeBrowserContext", browserContextId=context)
    await line.ask("Target.disposeBrowserContext")
    await line.ask("Target.createTarget", url="about:blank", browserContextId=context)
    await line.ask("Target.getBrowserContexts")


async def _popup(talk: Talk, tabs: bool) -> None:
    """Let a page open a popup, which waits, and set something for it meanwhile."""
    line, _, session = await first_page(talk)
    await go(line, session, talk.server.url())
    taken: dict[str, Any] = {"filter": TABS} if tabs else {}
    await line.ask("Target.setAutoAttach", **WAITING, **taken)
    expression = f"void open('{talk.server.url('/agent')}')"
    line.say("Runtime.evaluate", session, expression=expression, userGesture=True)
    popup = (await line.event("Target.attachedToTarget", "", waitingForDebugger=True))["sessionId"]
    if tabs:
        tab = popup
        line.say("Target.setAutoAttach", tab, **WAITING)
        line.say("Runtime.runIfWaitingForDebugger", tab)
        popup = (await line.event("Target.attachedToTarget", tab))["sessionId"]
    await line.ask("Page.enable", popup)
    await line.ask("Emulation.setUserAgentOverride", popup, userAgent="set while it waited")
    await line.ask("Page.addScriptToEvaluateOnNewDocument", popup, source="window.seen = 1")
    line.say("Runtime.runIfWaitingForDebugger", popup)  # its opener stands still until then
    talk.note(await evaluate(line, session, "performance.getEntriesByType('navigation').length"))
    await line.until(
        lambda: next(
            (
                True
                for each in line.heard
                if each.get("method") == "Page.frameNavigated"
                and each.get("sessionId") == popup
                and each["params"]["frame"]["url"].endswith("/agent")
            ),
            None,
        ),
        "the popup",
    )
    found = "[document.documentElement.innerText, navigator.userAgent, window.seen]"
    talk.note(await evaluate(line, popup, f"{LOADED}.then(() => {found})"))


async def a_popup(talk: Talk) -> None:
    await _popup(talk, tabs=False)


async def a_popup_by_its_tab(talk: Talk) -> None:
    await _popup(talk, tabs=True)


async def workers(talk: Talk) -> None:
    line, _, session = await first_page(talk)
    await go(line, session, talk.server.url())
    for expression in (
        "new Promise(done => {const each = new Worker('/worker.js'); each.onmessage = said => done(said.data);"
        " each.postMessage(1)})",
        "new Promise(done => {self.kept = new SharedWorker('/shared.js');"
        " kept.port.onmessage = said => done(said.data)})",
        "navigator.serviceWorker.register('/service.js').then(() => navigator.serviceWorker.ready)"
        ".then(() => 'service')",
    ):
        talk.note(await evaluate(line, session, expression))
    infos = (await line.ask("Target.getTargets"))["targetInfos"]
    talk.note(sorted((each["type"], each["url"]) for each in infos if each["type"] != "worker"))


async def downloads(talk: Talk) -> None:
    line, _, session = await first_page(talk)
    await go(line, session, talk.server.url("/link"))
    folders: set[str] = set()
    for behavior in ("allow", "allowAndName", "deny", "default"):
        params: dict[str, Any] = {"behavior": behavior, "eventsEnabled": True}
        if behavior.startswith("allow"):
            params["downloadPath"] = os.path.join(talk.path, behavior)
        await line.ask("Browser.setDownloadBehavior", **params)
        seen = len(line.heard)
        await evaluate(line, session, "link.click()")

        def ended(seen: int = seen) -> Any:
            states = [
                each["params"]
                for each in line.heard[seen:]
                if each.get("method") == "Browser.downloadProgress" and each["params"]["state"] != "inProgress"
            ]
            return states[0] if states else None

        told = await line.until(ended, behavior)
        talk.note(behavior, told["state"], told["receivedBytes"], "filePath" in told)
        folders |= {told["filePath"]} if behavior == "default" and "filePath" in told else set()
    for method in ("Browser.setDownloadBehavior", "Browser.cancelDownload"):
        await line.ask(method)
    line.heard[:] = [each for each in line.heard if each.get("method", "").partition(".")[0] != "Browser"]
    for each in folders:
        os.remove(each)


async def a_dialog(talk: Talk) -> None:
    line, page, session = await first_page(talk)
    await line.ask("Page.enable", session)
    line.say("Runtime.evaluate", session, expression="alert('hi')")
    await line.event("Page.javascriptDialogOpening", session)
    await line.ask("Target.getTargets")
    await line.ask("Page.handleJavaScriptDialog", session, accept=True)
    await line.ask("Target.closeTarget", targetId=page)
    await line.event("Target.detachedFromTarget")


async def the_domain_browser(talk: Talk) -> None:
    line, page, session = await first_page(talk)
    for method, params in (
        ("Browser.getVersion", {}),
        ("Browser.getWindowForTarget", {}),
        ("Browser.getWindowBounds", {"windowId": 1}),
        ("Browser.getWindowBounds", {}),
        ("Browser.setPermission", {"permission": {"name": "geolocation"}, "setting": "granted"}),
        ("Browser.grantPermissions", {"permissions": ["geolocation"]}),
        ("Browser.grantPermissions", {"permissions": ["nope"]}),
        ("Browser.resetPermissions", {}),
        ("Browser.nope", {}),
        ("Storage.getCookies", {}),
        ("Page.enable", {}),
        ("IO.close", {}),
        ("Nope.nope", {}),
    ):
        await line.ask(method, **params)
    for method in ("Browser.getVersion", "Browser.nope", "Target.nope", "Storage.getCookies", "IO.close"):
        await line.ask(method, session)
    window = await line.ask("Browser.getWindowForTarget", targetId=page)
    talk.note(sorted(window), sorted(window.get("bounds", {})))
    line.heard[:] = [each for each in line.heard if "windowId" not in each.get("result", {})]


CONVERSATIONS: tuple[Conversation, ...] = (
    a_start,
    new_tabs,
    frames,
    ids_that_are_in_flight,
    a_page_line,
    a_crash,
    sessions,
    sessions_that_are_not_flat,
    auto_attach,
    discovery_with_filters,
    contexts,
    a_popup,
    a_popup_by_its_tab,
    downloads,
    a_dialog,
    the_domain_browser,
    workers,  # the last one: what it has registered stays in the browser on the direct line
)


class SameTests(GatewayCase):
    """All conversations, one after the other."""

    timeout = 900  # where the machine is busy

    async def had(self, where: str, conversation: Any, netloc: str) -> list[str]:
        """Have a conversation, and return what was heard."""
        talk = Talk(where, netloc, self.server, self.mktemp())
        try:
            await conversation(talk)
        except Exception as error:
            talk.note("failed", type(error).__name__, str(error).partition(": ")[2])
        talk.close()
        return [f"[{place}] {each}" for place, heard in sorted(talk.transcript().items()) for each in heard]

    async def compare(self, conversations: tuple[Conversation, ...], **options: Any) -> None:
        put_pages(self.server)
        await self.start(**{"pool": PoolOptions(size=2, warm=1), **options})
        browser = await self.launch(no_viewport=True)  # which attaches to nothing
        assert browser.process is not None
        direct, netloc = LaunchedBrowser(browser, {}), urlsplit(browser.process.ws_url).netloc
        different = []
        for each in conversations:
            name = getattr(each, "__name__", "")
            wanted = await self.had("direct", each, netloc)
            found = await self.had("gateway", each, self.netloc)
            different += [f"{name}: {line}" for line in difflib.unified_diff(wanted, found, n=0, lineterm="")][2:]
            await direct.tidy()
        self.assertEqual(different, [], "\n".join(different))

    async def test_shared_mode(self):
        await self.compare(CONVERSATIONS, mode="shared")

    async def test_exclusive_mode(self):
        await self.compare((a_start, a_page_line, a_popup_by_its_tab))
