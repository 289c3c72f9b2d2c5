"""Browsers, clients and the gateway are killed at random, under load: nobody else notices, and nothing stays behind."""

from __future__ import annotations

import os
import random
import sys

import pytest

from tests.browser.support import BrowserTestCase
from tests.browser.support_deaths import Deaths


def _seed() -> int:
    return int(os.environ.get("GATEWAY_DEATHS_SEED") or random.randrange(10**6))


@pytest.mark.stress
class DeathTests(BrowserTestCase):
    """``GATEWAY_DEATHS_SEED`` and ``GATEWAY_DEATHS_SECONDS`` say otherwise what dies, and for how long."""

    timeout = 600

    async def run_for(self, mode: str, seconds: float, seed: int) -> None:
        deaths = Deaths(mode, seconds, seed, self.server)
        try:
            await deaths.run()
        finally:
            sys.stdout.write(f"\n{deaths.summary()}\n")
        self.assertEqual(deaths.broken, [], deaths.summary())
        for kind in ("evaluate", "navigate", "events"):
            self.assertGreater(deaths.seen[f"{kind} answered"], 0, deaths.summary())

    async def test_a_minute_in_exclusive_mode(self):
        await self.run_for("exclusive", self.minute(), _seed())

    async def test_a_minute_in_shared_mode(self):
        await self.run_for("shared", self.minute(), _seed())

    def minute(self) -> float:
        return float(os.environ.get("GATEWAY_DEATHS_SECONDS") or 60)
