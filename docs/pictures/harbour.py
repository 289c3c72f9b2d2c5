from twisted.internet.task import react
import txcdp

async def main(reactor):
    async with await txcdp.launch(reactor) as browser:
        page = await browser.new_page()
        failures = page.responses.filter(lambda response: response.status >= 400)
        failures.subscribe(lambda response: print("failed  ", response.status, response.url))
        page.console.subscribe(lambda message: print("console ", message.type, message.text))

        await page.goto("http://localhost:8000/")
        await page.get_by_role("link", name="Book a berth").click()
        await page.get_by_label("Ship").fill("Albatros")
        await page.get_by_role("button", name="Book").click()
        await txcdp.expect(page.get_by_text("the berth is booked")).to_be_visible()
        print("booked   Albatros")

        await page.goto("http://localhost:8000/market.html")
        prices = page.locator("#market tbody tr").texts()    # again whenever they change
        cheapest = prices.filter(len).map(lambda rows: rows[-1]).throttle_first(0.5)
        async for fish in txcdp.queue(cheapest.take(4)):
            print("cheapest", fish)

react(main)
