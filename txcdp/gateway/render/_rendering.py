"""The steps of a render: set up the page, load it, and take from it what was asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import asdict

from txcdp._deferreds import when_all
from txcdp.browser import BrowserContext
from txcdp.domains import browser, emulation, network, storage
from txcdp.domains import page as page_domain
from txcdp.errors import CommandError, NavigationError
from txcdp.gateway._proxy.command_filter import PRIVATE
from txcdp.gateway.render._gate import NOWHERE, Gate
from txcdp.gateway.render._problems import Problem
from txcdp.gateway.render._requests import PAPERS, Content, Cookie, Evaluate, Evaluated, Pdf, Render, Screenshot
from txcdp.page import Page
from txcdp.page import _commits as commits
from txcdp.page._evaluation import by_value
from txcdp.protocol import to_json

#: Chromium's error message if printing fails through no fault of the request.
_PRINTER_FAILED = "Printing failed"

#: The fields of a request that are passed to ``Page.printToPDF``, by the protocol's names.
_PRINTED = set(Pdf.__struct_fields__) - set(Render.__struct_fields__) - {"paper"}


@dataclass(frozen=True)
class Rendered:
    """The outcome of a render.

    :ivar body: its bytes.
    :ivar kind: its media type.
    """

    body: bytes
    kind: str


@dataclass
class Progress:
    """The progress of a render in words, for the error message of its timeout."""

    doing: str = "waiting for a browser"


@dataclass(frozen=True)
class Rules:
    """Decides which URLs a page may open.

    :ivar objection: returns why a URL may not be opened; None: all URLs may be.
    :ivar private: whether a document without a URL may access private addresses.
    :ivar refused: returns whether a URL led to an address that may not be connected to.
    """

    objection: Callable[[str], str | None] | None = None
    private: bool = True
    refused: Callable[[str], bool] = lambda url: False


async def load(
    context: BrowserContext,
    wanted: Render,
    rules: Rules,
    progress: Progress,
    prepare: Callable[[Page], object] = lambda page: None,
) -> tuple[Page, int | None]:
    """Open a page in a context, and load what was requested.

    :param progress: records the current step.
    :param prepare: called with the page before it is loaded.
    :returns: the page, and its HTTP status, if any.
    :raises Problem: the page leads to a URL that is not allowed.
    :raises NavigationError: like ``Page.goto``, along with that method's other errors.
    """
    progress.doing = "opening a page"
    page = await context.new_page()
    prepare(page)
    waiting = [*_set_up(context, page, wanted)]  # in one write
    written = wanted.html if wanted.url is None and rules.private else None
    put_in = wanted.html if written is None else None
    gate = Gate(page, rules.objection or (lambda url: None), put_in)
    if put_in is not None or rules.objection is not None:
        waiting.append(gate.close())
    await when_all(waiting)
    progress.doing = f"loading the page, until {wanted.wait_until!r}"
    if written is not None:
        # What is put in place of a server's answer counts as a document from the public internet, to which Chromium
        # shows nothing of private addresses. One that is written may have that.
        await page.set_content(written, wanted.wait_until, timeout=None)
        return page, None
    try:
        response = await page.goto(wanted.url or NOWHERE, wanted.wait_until, timeout=None)
    except NavigationError:
        if gate.objected is not None:
            raise Problem(403, gate.objected, "policy") from None
        if rules.refused(gate.url):
            raise Problem(403, PRIVATE, "policy") from None
        raise
    return page, response.status if response is not None and wanted.html is None else None


def _set_up(context: BrowserContext, page: Page, wanted: Render) -> list[Any]:
    """Send the commands that configure the page as requested."""
    root, session, window = context.browser.session, page.session, wanted.viewport
    sent: list[Any] = [
        root.execute(browser.set_download_behavior(behavior="deny", browser_context_id=context.id)),
        session.execute(
            emulation.set_device_metrics_override(
                width=window.width, height=window.height, device_scale_factor=window.scale, mobile=False
            )
        ),
    ]
    if wanted.cookies:
        cookies = [_cookie(each, wanted.url) for each in wanted.cookies]
        sent.append(root.execute(storage.set_cookies(cookies=cookies, browser_context_id=context.id)))
    if wanted.headers:
        sent.append(session.execute(network.enable()))
        sent.append(session.execute(network.set_extra_http_headers(headers=wanted.headers)))
    if wanted.user_agent is not None:
        sent.append(session.execute(emulation.set_user_agent_override(user_agent=wanted.user_agent)))
    return sent


def _cookie(cookie: Cookie, url: str | None) -> network.CookieParam:
    found = asdict(cookie)
    if cookie.url is None and cookie.domain is None:
        found["url"] = url
    return network.CookieParam(**found)


# What is taken from it:


async def screenshot(page: Page, wanted: Screenshot) -> Rendered:
    """Take a picture."""
    clip = None if wanted.clip is None else page_domain.Viewport(**asdict(wanted.clip))
    data = await page.screenshot(format=wanted.format, quality=wanted.quality, full_page=wanted.full_page, clip=clip)
    return Rendered(data, f"image/{wanted.format}")


async def pdf(page: Page, wanted: Pdf) -> Rendered:
    """Print it to PDF."""
    options = {name: getattr(wanted, name) for name in _PRINTED}
    if wanted.paper is not None:
        options["paper_width"], options["paper_height"] = PAPERS[wanted.paper]
    command = page_domain.print_to_pdf(**options)
    try:
        result = await commits.execute(page.session, command, None)
    except CommandError as error:
        if error.message == _PRINTER_FAILED:
            raise
        raise Problem(400, f"It cannot be printed so: {error.message}", "request") from None
    return Rendered(result.data, "application/pdf")


async def content(page: Page, wanted: Content) -> Rendered:
    """Return its HTML."""
    return Rendered((await page.content()).encode("utf-8", "replace"), "text/html; charset=utf-8")


def _literal(value: Any) -> str:
    """Write a JSON value as JavaScript; only the key ``__proto__`` has a different meaning there."""
    return to_json(value).decode().replace('"__proto__":', '["__proto__"]:')


async def evaluate(page: Page, wanted: Evaluate) -> Rendered:
    """Return the value of a JavaScript expression or function."""
    if wanted.function is None:
        expression = str(wanted.expression)
    else:
        expression = f"({wanted.function}\n)({','.join(map(_literal, wanted.args))})"
    value = await by_value(page.session, expression, timeout=None)
    if isinstance(value, float) and not math.isfinite(value):
        value = None  # as JSON.stringify has it
    return Rendered(to_json(Evaluated(result=value)), "application/json")
