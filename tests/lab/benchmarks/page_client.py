"""txcdp's page level as a client of :mod:`tests.lab.benchmarks.page_level`: one mode, one JSON line.

::

    page_client.py --url http://127.0.0.1:PORT --site http://127.0.0.1:PORT --mode MODE --n N
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # wherever it is run from

import txcdp
from tests.lab.benchmarks.measure import page_arguments, profiled
from tests.lab.benchmarks.page_tasks import work


async def main(reactor: Any, options: argparse.Namespace) -> None:
    """Connect, and work."""
    async with await txcdp.connect(reactor, options.url) as browser:
        await work(browser, options, lambda several: gatherResults(map(Deferred.fromCoroutine, several)))


if __name__ == "__main__":
    chosen = page_arguments(__doc__ or "")
    with profiled(chosen.profile):
        react(main, [chosen])
