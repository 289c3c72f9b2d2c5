"""Run chaos for a while: ``python -m tests.lab.chaos --seconds 3600 --seed 1``."""

from __future__ import annotations

import argparse
import random
import sys
from typing import Any

from twisted.internet import task

from tests.lab.chaos.driver import Chaos

#: Bytes a second: 1 MB an hour.
_LIMIT = 1e6 / 3600

#: Seconds below which a slope says nothing: caches fill, and the allocator has not settled.
_LONG = 1800.0


async def main(reactor: Any) -> None:
    """Go through with it, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    asked = parser.parse_args()
    print(f"== chaos for {asked.seconds:.0f} s, seed {asked.seed}", flush=True)
    chaos = Chaos(asked.seconds, asked.seed)
    broken = await chaos.run(lambda line: print(line, flush=True))
    print(chaos.line())
    for what, count in sorted(chaos.ledger.outcomes.items()):
        print(f"  {' '.join(what)}: {count}")
    slope = chaos.measures.slope()
    if asked.seconds >= _LONG and slope > _LIMIT:
        chaos.ledger.breach(f"memory grows by {slope * 3600 / 1e6:.1f} MB an hour")
    print(f"== {len(broken)} promises broken; seed {asked.seed}")
    if broken:
        sys.exit(1)


task.react(main)
