"""Pictures that nobody waits for any more."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from txcdp.domains import emulation, page, runtime
from txcdp.testing import NEVER, FakeChrome

PREPARED = runtime.EvaluateResult(
    result=runtime.RemoteObject(type="object", value={"changed": False, "waited": False, "ratio": 1.0, "box": None})
)


class CancelledTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.chrome = FakeChrome()
        self.tab = self.chrome.run(self.chrome.browser().new_page())
        self.chrome.on(runtime.evaluate, PREPARED)
        self.chrome.on(page.capture_screenshot, NEVER)

    def colors(self) -> list[object]:
        return [each.color for each in self.chrome.received(emulation.set_default_background_color_override)]

    def test_the_background_is_put_back_from_every_step_on(self):
        for step in range(24):
            del self.chrome.commands[:]
            taking = self.tab.screenshot(omit_background=True)
            for half in range(step):
                if half % 2:
                    self.chrome.lines[-1].deliver()
                else:
                    self.chrome.carry_out()
            taking.cancel()
            self.failureResultOf(taking, CancelledError)
            self.chrome.advance(3)
            self.assertIn([color is None for color in self.colors()], ([], [False, True]), step)
        self.assertEqual(len(self.colors()), 2)
