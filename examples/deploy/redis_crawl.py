"""One process of a crawl that several share, on as many machines as there are: its requests and items are in Redis.

::

    pip install txcdp[scrapy] scrapy-redis
    python redis_crawl.py redis://127.0.0.1:6379
    redis-cli lpush pages:start_urls '{"url": "https://example.com/", "meta": {"txcdp": true}}'

The second line is for each of them. They wait for URLs, crawl what these lead to on the same host, each page once, and
put an item for each into the list ``pages:items``. SIGTERM lets a process finish what it has begun.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy.http import Response
from scrapy_redis.dupefilter import RFPDupeFilter
from scrapy_redis.spiders import RedisSpider


class DupeFilter(RFPDupeFilter):  # type: ignore[misc]
    """The set of all requests so far, which are told apart as everywhere else in the crawl.

    scrapy-redis looks at method, URL and body, and would take two renders of one page for the same.
    """

    @classmethod
    def from_spider(cls, spider: scrapy.Spider) -> DupeFilter:
        """Make it for a spider's crawl."""
        made: DupeFilter = super().from_spider(spider)
        made.fingerprinter = spider.crawler.request_fingerprinter
        return made

    def request_fingerprint(self, request: scrapy.Request) -> str:
        """Return what is the same of two requests that are."""
        found: bytes = self.fingerprinter.fingerprint(request)
        return found.hex()


class Pages(RedisSpider):  # type: ignore[misc]
    """A spider that renders each page of a site."""

    name = "pages"

    def parse(self, response: Response) -> Iterator[Any]:
        """Yield what is on a page, and where it leads."""
        yield {"url": response.url, "title": response.css("title::text").get(), "rows": len(response.css("li"))}
        for link in response.css("a::attr(href)").getall():
            url = response.urljoin(link)
            if urlsplit(url).netloc == urlsplit(response.url).netloc:
                yield scrapy.Request(url, meta={"txcdp": True})


SETTINGS: dict[str, Any] = {
    "ADDONS": {"txcdp.scrapy.Addon": 500},
    "SCHEDULER": "scrapy_redis.scheduler.Scheduler",
    "SCHEDULER_PERSIST": True,  # else the first process that ends clears what the others have still to do
    "DUPEFILTER_CLASS": DupeFilter,
    "ITEM_PIPELINES": {"scrapy_redis.pipelines.RedisPipeline": 300},
    # What a process has taken is lost with it: so it takes no more than it can do at once.
    "CONCURRENT_REQUESTS": 8,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 8,
    "TELNETCONSOLE_ENABLED": False,
    "LOG_LEVEL": "INFO",
}


def main(redis: str) -> None:
    """Crawl until a signal comes."""
    process = CrawlerProcess({**SETTINGS, "REDIS_URL": redis})
    process.crawl(Pages)
    process.start()


if __name__ == "__main__":
    main(*sys.argv[1:])
