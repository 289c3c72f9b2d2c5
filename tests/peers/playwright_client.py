"""Playwright for Python through the gateway; prints one line of JSON with what was seen.

It runs in an environment of its own, with nothing of txcdp in it.
"""

from __future__ import annotations

import json
import os
import sys

from playwright.sync_api import sync_playwright


def main(url: str, token: str, address: str, downloads: str, how: str) -> None:
    """Do what all clients do."""
    with sync_playwright() as playwright:
        where = f"ws://{url}/devtools/browser" if how == "ws" else f"http://{url}"
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        browser = playwright.chromium.connect_over_cdp(where, headers=headers)
        patience = 1000 * float(os.environ.get("PATIENCE", "60"))
        browser.contexts[0].set_default_timeout(patience)
        page = browser.contexts[0].new_page()
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
        saved = os.path.join(downloads, "file.bin")
        waiting.value.save_as(saved)
        first.evaluate("document.cookie = 'a=1'")
        cookies = [first.evaluate("document.cookie"), second.evaluate("document.cookie")]
        browser.close()
    with open(saved) as file:
        download = file.read()
    found = {
        "title": title,
        "sum": total,
        "intercepted": intercepted,
        "pdf": pdf,
        "download": download,
        "cookies": cookies,
    }
    print(json.dumps(found))


main(*sys.argv[1:6])
