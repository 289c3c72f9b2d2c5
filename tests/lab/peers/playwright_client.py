"""Playwright for Python through the gateway; prints one line of JSON with what was seen."""

from __future__ import annotations

import faulthandler
import json
import os
import sys
from typing import Any
from urllib.request import urlopen

from playwright.sync_api import sync_playwright


def work(told: dict[str, Any]) -> dict[str, Any]:
    """Do what all clients do."""
    token, by = told["token"], told["by"]
    headers = {"Authorization": f"Bearer {token}"} if token and by == "header" else {}
    query = f"?token={token}" if token and by == "query" else ""
    patience = 1000 * told["patience"]
    with sync_playwright() as playwright:
        netloc, address = told["netloc"], told["page"]
        where = f"ws://{netloc}/devtools/browser{query}" if told["how"] == "ws" else f"http://{netloc}{query}"
        browser = playwright.chromium.connect_over_cdp(where, headers=headers, timeout=patience)
        browser.contexts[0].set_default_timeout(patience)
        page = browser.contexts[0].new_page()
        urlopen(told["gate"]).read()
        page.route("**/intercepted", lambda route: route.fulfill(body="from the client"))
        page.goto(address)
        title = page.title()
        total = page.evaluate("([a, b]) => a + b", [40, 2])
        intercepted = page.evaluate("fetch('/intercepted').then(each => each.text())")
        pdf = page.pdf()[:5].decode()
        one, two = browser.new_context(accept_downloads=True), browser.new_context()
        one.set_default_timeout(patience)
        two.set_default_timeout(patience)
        first, second = one.new_page(), two.new_page()
        first.goto(address)
        second.goto(address)
        with first.expect_download() as waiting:
            first.click("a#file")
        saved = os.path.join(told["downloads"], "file.bin")
        waiting.value.save_as(saved)
        first.evaluate("document.cookie = 'a=1'")
        cookies = [first.evaluate("document.cookie"), second.evaluate("document.cookie")]
        browser.close()
    with open(saved) as file:
        download = file.read()
    return {
        "title": title,
        "sum": total,
        "intercepted": intercepted,
        "pdf": pdf,
        "download": download,
        "cookies": cookies,
    }


told = json.loads(sys.argv[1])
faulthandler.dump_traceback_later(told["patience"], exit=True)
print(json.dumps(work(told)))
