"""``txcdp call``: one command to a running browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from txcdp._core.sessions import Session
from txcdp._reactor import AnyReactor
from txcdp.browser import Browser, connect
from txcdp.cli._inspecting import reach
from txcdp.cli._output import Output
from txcdp.cli._parameters import BadParameter, read, read_unchecked
from txcdp.cli._running import GOOD, Misuse
from txcdp.cli._text import clean
from txcdp.domains.target import TargetInfo
from txcdp.errors import CommandError
from txcdp.protocol import to_json
from txcdp.protocol._error_codes import METHOD_NOT_FOUND


@dataclass(frozen=True)
class Call:
    """Arguments of ``txcdp call``; see its ``--help``."""

    method: str
    parameters: Sequence[str]
    browser: str
    target: str | None = None
    url_match: str | None = None
    raw: bool = False
    timeout: float = 30.0


async def call(reactor: AnyReactor, wanted: Call, as_json: bool, output: Output) -> int:
    """Send the command and print its result.

    :returns: the exit code 0; fails with :exc:`Misuse` before anything is sent, or with the browser's error.
    """
    try:
        if wanted.raw:
            method, params = wanted.method, read_unchecked(wanted.parameters)
        else:
            method, params = read(wanted.method, wanted.parameters)
    except BadParameter as error:
        raise Misuse(clean(error)) from None
    async with await reach(connect(reactor, wanted.browser)) as browser:
        result = await _send(browser, wanted, method, params)
    text = to_json(result)
    output.write_json((text if as_json else msgspec.json.format(text)) + b"\n")
    return GOOD


async def _send(browser: Browser, wanted: Call, method: str, params: dict[str, Any]) -> dict[str, Any]:
    if wanted.target is not None or wanted.url_match is not None:
        session = await browser.connection.attach(_chosen(await browser.targets(), wanted).target_id)
        return await session.execute_raw(method, params, timeout=wanted.timeout)
    try:
        return await browser.session.execute_raw(method, params, timeout=wanted.timeout)
    except CommandError as error:
        if error.code != METHOD_NOT_FOUND:
            raise
        page = await _only_page(browser, method)
        if page is None:
            raise
    return await page.execute_raw(method, params, timeout=wanted.timeout)


async def _only_page(browser: Browser, method: str) -> Session | None:
    """Attach to the only page, if there is exactly one; None if there is none."""
    pages = [each for each in await browser.targets() if each.type == "page" and not each.subtype]
    if len(pages) > 1:
        names = "; ".join(clean(f"{each.target_id} {each.url}") for each in pages[:5])
        more = "; ..." if len(pages) > 5 else ""
        raise Misuse(f"{method} is for a page: choose one with --target or --url-match. Available: {names}{more}")
    return await browser.connection.attach(pages[0].target_id) if pages else None


def _chosen(targets: Sequence[TargetInfo], wanted: Call) -> TargetInfo:
    if wanted.target is not None:
        found = [each for each in targets if each.target_id.lower().startswith(wanted.target.lower())]
        found = [each for each in found if each.target_id == wanted.target] or found
        what = f"whose id begins with {wanted.target!r}"
    else:
        text = wanted.url_match or ""
        found = [each for each in targets if text in each.url and each.type != "browser"]
        found = [each for each in found if each.type == "page"] or found
        what = f"whose URL contains {text!r}"
    if len(found) == 1:
        return found[0]
    if not found:
        raise Misuse(f"no target {what}; see txcdp targets")
    names = "; ".join(clean(f"{each.target_id} {each.url}") for each in found[:5])
    raise Misuse(f"{len(found)} targets {what}: {names}")
