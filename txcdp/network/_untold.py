"""Requests that are paused without a report, because the event with their body would exceed 256 MB.

The browser sends a body twice, as text and in base64, and drops larger messages: such a request would wait forever. But
paused requests are numbered, so that one can be answered although it was not reported.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from txcdp._core.sessions import Session
from txcdp._privacy import shown_url
from txcdp._recent import Recent
from txcdp.domains import fetch, network
from txcdp.errors import CommandError, TxcdpError
from txcdp.protocol import Command

log = Logger()

#: Seconds from when a request is made until it counts as one that is not told of: what a handler has to decide, too.
UNTOLD: Final = 30.0

#: The number of attempts: the browser may take long before it pauses a request whose body it has to read first.
_TRIES: Final = 5

#: How many numbers are tried, before and after the last one reported when the request was made.
_BEFORE: Final = 20
_AFTER: Final = 50

#: How many requests are remembered whose pause was reported before their beginning.
_REMEMBERED: Final = 100

_NUMBER: Final = re.compile(r"interception-job-(\d+)\.")


class _Awaited(NamedTuple):
    """A request whose pause has to be reported."""

    url: str
    last: int
    tries: int
    call: IDelayedCall


class UntoldRequests:
    """The paused requests of one session that may be too large to be reported.

    :param session: the session.
    :param patterns: returns the patterns of paused requests.
    :param is_gated: returns whether an unreported request must not continue: then it fails.
    :param is_known: returns whether a paused request with that id was reported.
    """

    def __init__(
        self,
        session: Session,
        patterns: Callable[[], list[fetch.RequestPattern]],
        is_gated: Callable[[], bool],
        is_known: Callable[[str], bool],
    ) -> None:
        self._session = session
        self._patterns = patterns
        self._is_gated = is_gated
        self._is_known = is_known
        self._awaited: dict[str, _Awaited] = {}
        self._told: Recent[str, None] = Recent(_REMEMBERED)
        self._last = ""

    def sent(self, event: network.RequestWillBeSent) -> None:
        """Note that a request was made."""
        request = event.request
        if not request.has_post_data or request.post_data is not None:
            return
        key = event.request_id
        if key not in self._told and key not in self._awaited and self._is_paused(request.url, event.type):
            number = _NUMBER.match(self._last)
            self._await(key, request.url, 0 if number is None else int(number[1]), _TRIES)

    def told(self, event: fetch.RequestPaused) -> None:
        """Note that a request was paused."""
        self._last = event.request_id
        key = event.network_id
        if key is None or not event.request.has_post_data:
            return
        self._told[key] = None
        self.over(key)

    def over(self, key: str) -> None:
        """Note that a request has ended, or needs no answer any more."""
        awaited = self._awaited.pop(key, None)
        if awaited is not None:
            awaited.call.cancel()

    def forget(self) -> None:
        """Forget all requests: none is paused any more."""
        for key in list(self._awaited):
            self.over(key)
        self._told.clear()
        self._last = ""

    def _is_paused(self, url: str, kind: object) -> bool:
        plain = url.partition("#")[0]
        return any(
            each.request_stage != "Response"
            and each.resource_type in (None, kind)
            and _regex(each.url_pattern or "*").fullmatch(plain) is not None
            for each in self._patterns()
        )

    def _await(self, key: str, url: str, last: int, tries: int) -> None:
        call = self._session.context.clock.callLater(UNTOLD, self._go_on, key)
        self._awaited[key] = _Awaited(url, last, tries, call)

    def _go_on(self, key: str) -> None:
        Deferred.fromCoroutine(self._answer(key, self._awaited.pop(key), self._is_gated())).addErrback(
            lambda failure: log.failure("An unreported request could not be handled", failure=failure)
        )

    async def _answer(self, key: str, awaited: _Awaited, gated: bool) -> None:
        for request_id in self._candidates(awaited.last):
            command: Command[Any] = fetch.continue_request(request_id=request_id)
            if gated:
                command = fetch.fail_request(request_id=request_id, error_reason="BlockedByClient")
            try:
                await self._session.execute(command)
            except CommandError:
                continue  # there is none with that number
            except TxcdpError:
                return  # all of them have gone
            log.error(
                "{url}: the browser did not report this request within {seconds:g} s because it sends too much: "
                "it {ends}. Exclude large uploads from the patterns of routes",
                url=shown_url(awaited.url),
                seconds=UNTOLD,
                ends="fails" if gated else "continues, and no handler was called",
            )
            return
        if awaited.tries > 1 and key not in self._told and not self._session.ended:
            self._await(key, awaited.url, awaited.last, awaited.tries - 1)

    def _candidates(self, last: int) -> Iterator[str]:
        for number in range(max(last - _BEFORE, 1), last + _AFTER):
            request_id = f"interception-job-{number}.0"
            if not self._is_known(request_id):
                yield request_id


def _regex(pattern: str) -> re.Pattern[str]:
    """Return a pattern of Chromium's as a regular expression."""
    parts = re.findall(r"\\.|[*?]|[^*?\\]+|\\", pattern, re.DOTALL)
    wild = {"*": ".*", "?": "."}
    meant = (wild.get(each) or re.escape(each.removeprefix("\\") or each) for each in parts)
    return re.compile("".join(meant), re.DOTALL)
