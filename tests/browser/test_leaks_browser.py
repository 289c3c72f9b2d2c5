"""Thirty pages that were opened, used and closed leave nothing behind in this process."""

from __future__ import annotations

import gc
from collections import Counter

from tests.browser.support import SharedBrowserTestCase, reactor
from tests.lab.benchmarks.pages import use


def ours() -> Counter[str]:
    """Count the objects of our own types."""
    for _ in range(3):  # what is collected may have others to collect
        gc.collect()
    types = (type(each) for each in gc.get_objects())
    return Counter(
        f"{each.__module__}.{each.__qualname__}" for each in types if str(each.__module__).startswith("txcdp.")
    )


class LeakTests(SharedBrowserTestCase):
    async def one(self, *, picture: bool) -> None:
        async with await self.browser.new_page(viewport={"width": 300, "height": 200}) as page:
            await use(page, picture=picture)

    async def test_nothing_is_left(self):
        for _ in range(3):
            await self.one(picture=True)
        before, calls = ours(), len(reactor.getDelayedCalls())
        for number in range(30):
            await self.one(picture=not number)
        await self.browser.version()
        more = {kind: count for kind, count in (ours() - before).items() if count > 5}
        self.assertEqual(more, {})
        self.assertLessEqual(len(reactor.getDelayedCalls()), calls + 2)
        self.assertEqual([each for each in self.browser.connection.sessions if each.kind == "page"], [])
