"""Crawl the demo site with Scrapy: pages that scripts fill, a form that is used, a picture, and a plain request beside.

::

    python -m examples.crawl
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urljoin

import scrapy
from scrapy import signals
from scrapy.crawler import CrawlerProcess
from scrapy.http import Response
from scrapy.utils.defer import maybe_deferred_to_future
from twisted.internet.interfaces import IListeningPort

from examples.site.server import address, serve, stop
from txcdp.scrapy import result_of

#: A berth is booked by the form, which leads to the page that says so.
BOOKING = {
    "actions": [
        ["fill", "#ship", "Cormorant"],
        ["select_option", "#cargo", "Fish"],
        ["click", "#book"],
        ["wait_for", "#thanks"],
    ],
    "extract": {"title": "title", "thanks": "#thanks"},
    "screenshot": {"full_page": True},
}


class Harbour(scrapy.Spider):
    """A spider that serves itself the site that it crawls."""

    name = "harbour"
    port: IListeningPort

    @classmethod
    def from_crawler(cls, crawler: Any, *args: Any, **kwargs: Any) -> Harbour:
        """Have the site ended with the spider."""
        made = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(made.spider_closed, signals.spider_closed)
        return made

    async def start(self) -> AsyncIterator[scrapy.Request]:
        """Ask for two pages by a browser, and for a document without one."""
        from twisted.internet import reactor

        self.port = serve(reactor)
        site = address(self.port)
        yield scrapy.Request(urljoin(site, "arrivals.html"), self.parse_booking, meta={"txcdp": BOOKING})
        yield scrapy.Request(site, meta={"txcdp": True})
        yield scrapy.Request(urljoin(site, "api/weather"), self.parse_weather)

    def parse(self, response: Response) -> Iterator[Any]:
        """Take what the page's scripts have made of it."""
        yield {"page": response.css("title::text").get(), "links": len(response.css("a"))}

    def parse_booking(self, response: Response) -> Iterator[Any]:
        """Take what was extracted in the browser."""
        found = result_of(response)
        assert found.screenshot.startswith(b"\x89PNG")
        yield {**found.extract, "bytes of the picture": len(found.screenshot)}

    def parse_weather(self, response: Response) -> Iterator[Any]:
        """Take a plain answer."""
        yield {"wind": json.loads(response.body)["wind"]}

    async def spider_closed(self) -> None:
        """End the site."""
        await maybe_deferred_to_future(stop(self.port))


def main() -> None:
    """Crawl, and print the items."""
    process = CrawlerProcess({"ADDONS": {"txcdp.scrapy.Addon": 500}, "LOG_LEVEL": "WARNING"})
    items: list[Any] = []
    crawler = process.create_crawler(Harbour)
    crawler.signals.connect(lambda item: items.append(item), signals.item_scraped, weak=False)
    process.crawl(crawler)
    process.start()
    for item in items:
        print(item)
    assert sorted(len(each) for each in items) == [1, 2, 3], items


if __name__ == "__main__":
    main()
