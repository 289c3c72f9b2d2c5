"""Fingerprints of requests that know what is asked of a browser."""

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

    Two requests for the browser are the same where URL, with its fragment, method, body and ``meta["txcdp"]`` are, but
    for ``"include_page"``. Such a one is never the same as one that Scrapy itself downloads, whose fingerprints stay
    what they are.

    :param crawler: whose requests they are.
    """

    def __init__(self, crawler: Crawler | None = None) -> None:
        self._others: Any = ScrapyFingerprinter(crawler)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> RequestFingerprinter:
        """Make it for a crawler, as Scrapy does."""
        return cls(crawler)

    def fingerprint(self, request: Request) -> bytes:
        """Return the fingerprint of a request."""
        if not is_wanted(request.meta):
            found: bytes = self._others.fingerprint(request)
            return found
        with_fragment = fingerprint(request, keep_fragments=True)
        return hashlib.sha1(with_fragment + canonical(request.meta[META]).encode(), usedforsecurity=False).digest()
