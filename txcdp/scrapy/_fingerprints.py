"""Fingerprints of requests that include what is asked of the browser."""

from __future__ import annotations

import hashlib
from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.utils.request import RequestFingerprinter as ScrapyFingerprinter
from scrapy.utils.request import fingerprint

from txcdp.scrapy._options import META, canonical, is_wanted


class RequestFingerprinter:
    """A request fingerprinter: ``REQUEST_FINGERPRINTER_CLASS = "txcdp.scrapy.RequestFingerprinter"``.

    Two requests for the browser are equal if their URL, including the fragment, their method, body and
    ``meta["txcdp"]``, except ``"include_page"``, are equal. They never equal a request that Scrapy itself downloads,
    and the fingerprints of those do not change.

    :param crawler: the crawler whose requests they are.
    """

    def __init__(self, crawler: Crawler | None = None) -> None:
        self._others: Any = ScrapyFingerprinter(crawler)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> RequestFingerprinter:
        """Create the fingerprinter for a crawler; Scrapy calls this."""
        return cls(crawler)

    def fingerprint(self, request: Request) -> bytes:
        """Return the fingerprint of a request."""
        if not is_wanted(request.meta):
            found: bytes = self._others.fingerprint(request)
            return found
        with_fragment = fingerprint(request, keep_fragments=True)
        return hashlib.sha1(with_fragment + canonical(request.meta[META]).encode(), usedforsecurity=False).digest()
