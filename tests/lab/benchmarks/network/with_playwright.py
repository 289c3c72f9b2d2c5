"""One thing that is measured, done with Playwright for Python: see ``compare``."""

from __future__ import annotations

import json
import sys
from typing import Any

from playwright.sync_api import sync_playwright

TOLD = json.loads(sys.argv[1])

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=TOLD["chromium"], args=["--no-sandbox"])
    page = browser.new_page()
    page.goto(TOLD["url"])
    what = TOLD["what"]
    urls: list[str] = []
    answered: list[int] = []
    ended: list[Any] = []
    stopped: list[int] = []

    def on(route: Any) -> None:
        stopped.append(1)
        route.continue_()

    if what == "events":
        page.on("request", lambda request: urls.append(request.url))
        page.on("response", lambda response: answered.append(response.status))
        page.on("requestfinished", lambda request: ended.append(request))
    if what in ("continued", "narrow"):
        page.route("**/data/*" if what == "continued" else "**/nowhere/*", on)
    print("ready", flush=True)
    sys.stdin.readline()
    page.evaluate(TOLD["script"], TOLD["number"])
    if what == "events":
        while len(ended) < TOLD["number"]:
            page.wait_for_timeout(50)
        assert len(urls) == len(set(urls)) == answered.count(200) == len(ended) == TOLD["number"]
    assert len(stopped) == (TOLD["number"] if what == "continued" else 0), len(stopped)
    print("done", flush=True)
    sys.stdin.readline()
    browser.close()
