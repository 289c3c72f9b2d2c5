"""A document that comes from nowhere, written into an empty page."""

from __future__ import annotations

import json

from twisted.internet.defer import Deferred

from txcdp._deferreds import ignore_failure, returns_deferred
from txcdp.domains import page as page_domain
from txcdp.page import Page, WaitUntil
from txcdp.page._evaluation import by_value

_WRITE = "(document.open(), document.write({html}), document.close())"

#: Opening the document restarts its lifecycle.
_BEGUN = "init"

#: The protocol's names of what may be waited for; what is not here has come when it is written.
_STATES = {"domcontentloaded": "DOMContentLoaded", "load": "load", "networkidle": "networkIdle"}


@returns_deferred
async def write(page: Page, html: str, wait_until: WaitUntil) -> None:
    """Write a document, and wait until it is there; see ``Page.goto``.

    A document that was put in place of a server's answer counts as one from the public internet, to which Chromium
    shows nothing of private addresses. This one may have that.

    :returns: fires with None; fails like ``Page.evaluate``.
    """
    state = _STATES.get(wait_until)
    there: Deferred[None] = Deferred()
    begun = False

    def hear(event: page_domain.LifecycleEvent) -> None:
        nonlocal begun
        if event.frame_id == page.main_frame_id:
            begun = begun or event.name == _BEGUN
            if begun and event.name == state and not there.called:
                gone.cancel()
                there.callback(None)

    gone = page.session._when_interrupted()
    gone.addCallbacks(there.errback, ignore_failure)
    listening = page.events(page_domain.LifecycleEvent).subscribe(hear, lambda error: None)
    try:
        await by_value(page.session, _WRITE.format(html=json.dumps(html)), timeout=None)
        if state is not None:
            await there
    finally:
        listening.dispose()
        gone.cancel()
        there.addErrback(ignore_failure)
