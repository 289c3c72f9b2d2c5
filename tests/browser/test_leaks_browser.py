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

    async def test_a_context_keeps_none_of_its_closed_pages(self):
        context = await self.context(record_har_path=self.mktemp(), http_credentials={"username": "a", "password": "b"})
        await context.add_init_script("1")
        await context.expose_function("called", lambda: 1)
        await context.clock.install()
        await context.block(["*/blocked"])
        await context.route("**/*.css", lambda route: route.continue_())
        await context.route("**/*.png", lambda route: route.continue_(), stage="response")
        context.exchanges.subscribe(lambda exchange: None)
        url = self.server.page("/", "<link rel=stylesheet href=style.css><img src=x.png>here")

        async def one() -> None:
            async with await context.new_page(url) as page:
                await page.route("**/*.js", lambda route: route.continue_())
                await page.network_idle(idle=0.01)

        await one()
        before = ours()
        for _ in range(5):
            await one()
        await self.browser.version()
        self.assertEqual({kind: count for kind, count in (ours() - before).items() if count > 3}, {})

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
