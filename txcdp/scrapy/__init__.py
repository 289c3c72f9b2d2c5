"""Pages for Scrapy, rendered in its own reactor; needs ``txcdp[scrapy]``.

:class:`DownloadHandler` renders the requests that ask for it in their ``meta["txcdp"]``, :class:`RequestFingerprinter`
distinguishes them, and :class:`Addon` installs both, with everything they need. A callback gets the document as the
body of its response; :func:`result_of` returns what else was taken from the page, and :func:`page_of` the page itself.
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
