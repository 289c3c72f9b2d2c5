"""Make the pictures of the documentation that show programs, with txcdp itself: ``make pictures``.

The live page is that of a real gateway, with two clients on the demo site. The hour that it remembers is made up here,
since nobody waits for an hour; all the rest is what there was. The terminal is what ``txcdp watch`` wrote, by its own
colours, to the demo site. Pixels depend on fonts and on the browser, so nothing compares them.
"""

from __future__ import annotations

import html
import math
import os
import re
import sys
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.task import deferLater, react

import txcdp
from examples.site.server import address, serve, stop
from txcdp.gateway import Gateway, GatewayOptions
from txcdp.gateway.live import LivePage
from txcdp.gateway.live._history import EVERY
from txcdp.gateway.live._tables import SLOTS

HERE = Path(__file__).parent
#: Colours of ANSI escapes, legible on light and dark grounds; the terminal has a ground of its own.
COLOURS = {"31": "#ff7b79", "32": "#54c88d", "33": "#e0aa45", "34": "#7aa7ff", "35": "#d59bf6", "36": "#5fd0d6"}
TERMINAL = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #12151b; color: #e4e7ec; font: 13px/1.5 'DejaVu Sans Mono', monospace }}
pre {{ margin: 0; padding: 14px 18px; display: inline-block; white-space: pre; font: inherit }}
b {{ font-weight: 700 }} i {{ font-style: normal; opacity: .6 }}
</style><pre><i>$ txcdp watch localhost:8000</i>
{text}</pre>"""


def as_html(text: str) -> str:
    """Return text with ANSI colours as markup."""
    parts = []
    for piece in re.split(r"(\x1b\[[\d;]*m)", text):
        codes = re.fullmatch(r"\x1b\[([\d;]*)m", piece)
        if codes is None:
            parts.append(html.escape(piece))
            continue
        given = codes[1].split(";")
        colour = next((COLOURS[each] for each in given if each in COLOURS), None)
        weight = ";font-weight:700" * ("1" in given) + ";opacity:.6" * ("2" in given)
        parts.append("</span>" if codes[1] in ("", "0") else f'<span style="color:{colour or "inherit"}{weight}">')
    return "".join(parts)


async def terminal(browser: txcdp.Browser, site: str) -> None:
    """Take a picture of what ``txcdp watch`` prints."""
    command = [sys.executable, "-m", "txcdp", "watch", site, "--until", "4"]
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": "110"}
    from twisted.internet.utils import getProcessOutput

    output = (await getProcessOutput(command[0], command[1:], env=environment)).decode()
    shown = output.replace(site.removesuffix("/"), "http://localhost:8000")
    page = await browser.new_page(viewport={"width": 1400, "height": 900}, device_scale_factor=1)
    await page.set_content(TERMINAL.format(text=as_html(shown)))
    await page.locator("pre").screenshot(HERE / "terminal.webp", quality=80)
    await page.close()


def an_hour(now: float) -> list[dict[str, float]]:
    """Return samples of an hour that could have been."""
    samples = []
    for number in range(SLOTS):
        busy = max(0.0, math.sin(number / 57) + 0.5 * math.sin(number / 13) + 0.7)
        waiting = max(0, round((busy - 1.7) * 9))
        samples.append({
            "key": -SLOTS + number, "at": now - (SLOTS - number) * EVERY, "clients": round(busy * 4) + 1,
            "commands": round(busy * 55 + 6 * math.sin(number * 1.7) + 8, 1),
            "memory": int((0.42 + 0.2 * busy + number / 3600) * 1e9), "waiting": waiting,
            "errors": waiting // 3 + (number % 97 == 0) * 2,
        })  # fmt: skip
    return samples


async def live(site: str) -> None:
    """Take pictures of the live page, light and dark."""
    gateway = Gateway(reactor, GatewayOptions(endpoint="tcp:0:interface=127.0.0.1"))
    page = LivePage(gateway, reactor)
    await gateway.start()
    try:
        table = page.feed._tables.history
        for sample in an_hour(reactor.seconds()):
            table.put(sample["key"], sample)
        port = gateway.port.getHost().port
        clients = [await txcdp.connect(reactor, f"127.0.0.1:{port}") for _ in range(2)]
        pages = [await each.new_page(viewport={"width": 800, "height": 450}) for each in clients]
        async with await txcdp.launch(reactor) as operator:
            tab = await operator.new_page(viewport={"width": 1360, "height": 1180})
            await tab.goto(f"http://127.0.0.1:{port}/")
            await pages[0].goto(site)
            await pages[1].goto(site + "market.html")
            await tab.wait_for_function("document.querySelectorAll('#targets img[src]').length > 1")
            await tab.wait_for_function("document.querySelectorAll('#requests tr').length > 12")
            await tab.wait_for_function("/[0-9]/.test(document.querySelector('#sum-memory').textContent)")
            await deferLater(reactor, 1.5)  # for rates that are worth a picture
            for scheme in ("light", "dark"):
                await tab.emulate_media(color_scheme=scheme)
                await tab.screenshot(HERE / f"live-{scheme}.webp", quality=70)
        for each in clients:
            await each.close()
    finally:
        await gateway.stop()


async def main(reactor: object) -> None:
    """Make all of them."""
    port = serve(reactor)
    try:
        site = address(port)
        async with await txcdp.launch(reactor) as browser:
            await terminal(browser, site)
        await live(site)
    finally:
        await stop(port)


if __name__ == "__main__":
    react(main)
