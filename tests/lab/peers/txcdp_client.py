"""txcdp through the gateway, like the others a program of its own; prints one line of JSON with what was seen."""

from __future__ import annotations

import faulthandler
import json
import sys
from pathlib import Path
from typing import Any

import treq
from twisted.internet.task import react

import txcdp
from txcdp._transports.websocket import WebSocketOptions
from txcdp.domains import browser as browser_domain
from txcdp.domains import fetch
from txcdp.domains import page as page_domain
from txcdp.streams import first


async def work(reactor: Any, told: dict[str, Any]) -> None:
    """Do what all clients do."""
    token, by, patience = told["token"], told["by"], told["patience"]
    headers = {"Authorization": f"Bearer {token}"} if token and by == "header" else {}
    query = f"?token={token}" if token and by == "query" else ""
    where = f"ws://{told['netloc']}/devtools/browser{query}"
    if told["how"] == "http":
        where = f"http://{told['netloc']}/{query}"
    options = WebSocketOptions(headers=headers, open_timeout=patience, ping_timeout=patience)
    probes = txcdp.ProbeOptions(browser_timeout=patience)
    browser = await txcdp.connect(reactor, where, options=options, probes=probes, timeout=patience)
    tab = await browser.new_page()
    await (await treq.get(told["gate"])).content()

    def answer(event: fetch.RequestPaused) -> None:
        tab.session.execute(
            fetch.fulfill_request(request_id=event.request_id, response_code=200, body=b"from the client")
        )

    tab.events(fetch.RequestPaused).subscribe(answer)
    await tab.session.execute(fetch.enable(patterns=[fetch.RequestPattern(url_pattern="*/intercepted")]))
    await tab.goto(told["page"], timeout=patience)
    found = {
        "title": await tab.title(),
        "sum": await tab.evaluate("40 + 2"),
        "intercepted": await tab.evaluate("fetch('/intercepted').then(each => each.text())"),
        "pdf": (await tab.session.execute(page_domain.print_to_pdf())).data[:5].decode(),
        "download": await download(browser, tab, told["downloads"]),
    }
    tabs = [await (await browser.new_context()).new_page() for _ in range(2)]
    for each in tabs:
        await each.goto(told["page"], timeout=patience)
    await tabs[0].evaluate("document.cookie = 'a=1'")
    found["cookies"] = [await each.evaluate("document.cookie") for each in tabs]
    await browser.close()
    print(json.dumps(found))


async def download(browser: txcdp.Browser, tab: txcdp.Page, folder: str) -> str:
    """Let a click download a file; return what is in it."""
    allow = browser_domain.set_download_behavior(behavior="allow", download_path=folder, events_enabled=True)
    await browser.session.execute(allow)
    begun = first(
        browser.session.events(browser_domain.DownloadWillBegin), lambda event: event.frame_id == tab.main_frame_id
    )
    clicking = tab.evaluate("document.querySelector('a#file').click()")
    guid = (await begun).guid  # a browser tells of all downloads, also of those that are somebody else's
    progress = browser.session.events(browser_domain.DownloadProgress)
    over = first(progress, lambda event: event.guid == guid and event.state != "inProgress")
    await clicking
    await over
    return (Path(folder) / "file.bin").read_text()


told = json.loads(sys.argv[1])
faulthandler.dump_traceback_later(told["patience"], exit=True)
react(work, [told])
