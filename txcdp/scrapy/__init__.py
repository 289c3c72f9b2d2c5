"""Pages for Scrapy, rendered in its own reactor; needs ``txcdp[scrapy]``.

:class:`DownloadHandler` renders the requests that ask for it in their ``meta["txcdp"]``, :class:`RequestFingerprinter`
tells them apart, and :class:`Addon` sets both, with all that belongs to them. A callback has the document as the body
of its response, what else was taken of the page by :func:`result_of`, and the page itself by :func:`page_of`.
"""

from __future__ import annotations

try:
    import scrapy as _scrapy  # noqa: F401
except ImportError as error:
    raise ImportError("txcdp.scrapy needs Scrapy: pip install txcdp[scrapy]") from error

from txcdp.scrapy._fingerprints import RequestFingerprinter
from txcdp.scrapy._handler import Addon, DownloadHandler
from txcdp.scrapy._pages import PageMiddleware, closing_page, page_of
from txcdp.scrapy._responses import RenderResult, result_of

__all__ = [
    "Addon",
    "DownloadHandler",
    "PageMiddleware",
    "RenderResult",
    "RequestFingerprinter",
    "closing_page",
    "page_of",
    "result_of",
]
