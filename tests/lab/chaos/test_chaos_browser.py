"""Half a minute of chaos on a real Chromium, for ``make stress``; ``make soak`` goes on for an hour."""

from __future__ import annotations

import os

import pytest
from twisted.trial.unittest import TestCase

from tests.lab.chaos.driver import Chaos

pytestmark = [pytest.mark.browser, pytest.mark.stress]


class ChaosTests(TestCase):
    timeout = 170

    async def test_half_a_minute(self):
        chaos = Chaos(float(os.environ.get("CHAOS_SECONDS", "30")), int(os.environ.get("CHAOS_SEED", "1")))
        broken = await chaos.run()
        self.assertEqual(broken, [], f"{chaos.line()}; seed {chaos.seed}")
        self.assertGreater(chaos.ledger.outcomes["evaluate", "ok"], 100)
        self.assertGreater(sum(chaos.ledger.faults.values()), 10)
