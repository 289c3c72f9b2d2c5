"""Intercepts a page's documents: inserts the HTML that was given, and blocks what the policy forbids."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from txcdp._deferreds import ignore_failure
from txcdp.domains import fetch
from txcdp.network._interception import Holding, PausedRequest, Pausing
from txcdp.page import Page
from txcdp.protocol import Command

#: The URL of a document without one that may not access private addresses: a name that nobody has (RFC 6761). To
#: Chromium it is on the public internet.
NOWHERE = "http://html.invalid/"

_HTML = [fetch.HeaderEntry(name="content-type", value="text/html; charset=utf-8")]


class Gate(Holding):
    """Pauses the requests for documents of a page and its frames, and decides which may continue.

    It also stops redirects and navigations by scripts, but not pictures, scripts and what scripts fetch.

    :param page: the page.
    :param objection: returns why a URL may not be loaded, or None.
    :param html: the content that replaces the first document; None: nothing is replaced.
    :ivar objected: why the page's document was blocked; None if it was not.
    :ivar url: the URL of the page's last document that was allowed; ``""`` before the first.
    """

    def __init__(self, page: Page, objection: Callable[[str], str | None], html: str | None) -> None:
        self._page = page
        self._objection = objection
        self._html = html
        self.objected: str | None = None
        self.url = ""

    def close(self) -> Deferred[None]:
        """Start pausing documents."""
        return self._page._interception.add_interceptor(self)

    def wants(self) -> Pausing | None:
        """Return that all documents are to be paused."""
        return Pausing((fetch.RequestPattern(url_pattern="*", resource_type="Document"),))

    def takes(self, paused: PausedRequest) -> bool:
        """Answer the request for a document that is blocked or replaced."""
        if paused.response:
            return False
        event = paused.event
        is_page = event.frame_id == self._page.main_frame_id
        html, self._html = self._html, None
        objection = None if html is not None else self._objection(event.request.url)
        answer: Command[None]
        if html is not None:
            body = html.encode("utf-8", "replace")
            answer = fetch.fulfill_request(
                request_id=event.request_id, response_code=200, response_headers=_HTML, body=body
            )
        elif objection is not None:
            if is_page:
                self.objected = objection
            answer = fetch.fail_request(request_id=event.request_id, error_reason="AccessDenied")
        else:
            if is_page:
                self.url = event.request.url
            return False
        paused.answer(answer).addErrback(ignore_failure)  # the page goes somewhere else meanwhile, or is gone
        return True
