"""A run as large pages have it, made by rule: hosts, paths, headers, phases and lines as they come."""

from __future__ import annotations

import random
from typing import Final

from txcdp.report import (
    LongTask,
    Phases,
    Run,
    RunDocument,
    RunExchange,
    RunFrame,
    RunMessage,
    Vitals,
)

_HOSTS: Final = ("shop.example.com", "cdn.example.com", "static.example.org", "api.example.com", "ads.example.net")
_KINDS: Final = (
    ("Script", "text/javascript", "js"), ("Image", "image/webp", "webp"), ("Fetch", "application/json", "json"),
    ("Stylesheet", "text/css", "css"), ("Font", "font/woff2", "woff2"),
)  # fmt: skip
_LEVELS: Final = ("info", "info", "info", "warning", "error", "debug")


def large_run(exchanges: int, messages: int, seed: int = 1) -> Run:
    """Return a run with so many requests and lines of the console."""
    chance = random.Random(seed)
    start = 1_700_000_000.0
    run = Run(name="https://shop.example.com/", browser="Chrome/156", started=start, ended=start + exchanges / 50 + 1)
    vitals = Vitals(
        lcp=1.9, lcp_element="img.hero", cls=0.07, inp=0.14, inp_event="click", fcp=1.1, ttfb=0.3, interactions=3
    )
    run.documents.append(
        RunDocument(
            id="L", frame_id="F", url=run.name, title="A large page", started=start, content_loaded=start + 2.1,
            loaded=start + 4.0, vitals=vitals,
        )
    )  # fmt: skip
    run.frames.append(RunFrame(id="F", kind="page", url=run.name, started=start))
    for number in range(1, 40):
        parent = "F" if number < 20 else f"F{number - 19}"
        url = f"https://{chance.choice(_HOSTS)}/frame/{number}"
        run.frames.append(RunFrame(id=f"F{number}", parent_id=parent, url=url, started=start + number / 20))
    for number in range(exchanges):
        kind, mime, suffix = ("Document", "text/html", "") if not number else chance.choice(_KINDS)
        at = start + number / 50
        wait, receive = chance.expovariate(5), chance.expovariate(10)
        failed = chance.random() < 0.03
        size = int(chance.expovariate(1 / 20_000))
        path = f"assets/{chance.randrange(36**6):x}/{chance.randrange(36**8):x}.{suffix}?v={number}" if number else ""
        host = _HOSTS[0] if not number else chance.choice(_HOSTS)
        run.exchanges.append(
            RunExchange(
                id=str(number), url=f"https://{host}/{path}", type=kind, mime_type=mime, status=404 if failed else 200,
                status_text="" if failed else "OK", protocol="h2", outcome="finished", document_id="L",
                frame_id="F" if chance.random() < 0.7 else f"F{chance.randrange(1, 40)}", initiator="script",
                initiator_url=f"https://{_HOSTS[1]}/app.{number % 40}.js", initiator_line=number % 900, priority="High",
                remote=f"192.0.2.{number % 200}:443", started=at, responded=at + wait, ended=at + wait + receive,
                phases=Phases(blocked=0.002, send=0.0003, wait=wait - 0.0023, receive=receive),
                sent=480, transferred=size + 300, size=size * 3,
                request_headers=[
                    (":method", "GET"), (":authority", host), (":scheme", "https"), (":path", f"/{path}"),
                    ("accept", "*/*"), ("accept-encoding", "gzip, deflate, br, zstd"), ("accept-language", "en-GB"),
                    ("referer", run.name), ("sec-ch-ua", '"Chromium";v="156", "Not A(Brand";v="8"'),
                    ("sec-fetch-dest", kind.lower()), ("sec-fetch-mode", "cors"), ("sec-fetch-site", "cross-site"),
                    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36"),
                ],
                response_headers=[
                    ("content-type", mime), ("content-encoding", "br"), ("cache-control", "max-age=31536000"),
                    ("date", "Sun, 29 Nov 2026 20:30:00 GMT"), ("etag", f'"{chance.randrange(16**12):x}"'),
                    ("content-length", str(size)), ("server", "nginx"), ("vary", "accept-encoding"),
                    ("x-request-id", f"{chance.randrange(16**16):x}"),
                    ("strict-transport-security", "max-age=63072000"),
                ],
            )
        )  # fmt: skip
    for number in range(messages):
        level = chance.choice(_LEVELS)
        text = (
            f"cart: {number} items were counted in {chance.randrange(900)} ms, of which {chance.randrange(90)} are new"
        )
        url = f"https://{_HOSTS[1]}/app.{number % 40}.js"
        at = start + number / max(messages, 1) * exchanges / 50
        run.messages.append(RunMessage(time=at, level=level, text=text, url=url, line=number % 900, frame_id="F"))
    for number in range(200):
        run.long_tasks.append(LongTask(frame_id="F", started=start + number / 3, duration=0.05 + chance.random() / 5))
    return run
