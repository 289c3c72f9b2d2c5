"""One process of ``examples/deploy/redis_crawl.py``, as it is, which says besides when it has nothing to do.

    python -m tests.lab.redis_worker REDIS_URL

It has nothing to do when nothing is under way in it, and nothing is left in Redis.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from scrapy import signals

PROGRAM = Path(__file__).resolve().parents[2] / "examples" / "deploy" / "redis_crawl.py"

#: What it says then.
IDLE = "this process has nothing to do"


class SaysIdle:
    """An extension of Scrapy."""

    @classmethod
    def from_crawler(cls, crawler: Any) -> SaysIdle:
        """Make it for a crawler."""
        made = cls()
        crawler.signals.connect(made.idle, signals.spider_idle)
        return made

    def idle(self) -> None:
        """Say that there is nothing to do."""
        sys.stdout.write(f"{IDLE}\n")
        sys.stdout.flush()


def main(url: str) -> None:
    """Crawl until a signal comes."""
    found = importlib.util.spec_from_file_location("redis_crawl", PROGRAM)
    assert found is not None
    assert found.loader is not None
    program = importlib.util.module_from_spec(found)
    sys.modules["redis_crawl"] = program
    found.loader.exec_module(program)
    program.SETTINGS["EXTENSIONS"] = {SaysIdle: 0}
    program.main(url)


if __name__ == "__main__":
    main(sys.argv[1])
