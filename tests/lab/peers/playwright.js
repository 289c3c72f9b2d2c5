// playwright-core through the gateway.
"use strict";

const fs = require("fs");
const path = require("path");
const { chromium } = require("playwright-core");
const { enter, patience, run } = require("./job.js");

run(async ({ netloc, how, headers, query, page: address, downloads }) => {
  const where = how === "ws" ? `ws://${netloc}/devtools/browser${query}` : `http://${netloc}${query}`;
  const browser = await chromium.connectOverCDP(where, { headers, timeout: patience });
  browser.contexts()[0].setDefaultTimeout(patience);
  const page = await browser.contexts()[0].newPage();
  await enter();
  await page.route("**/intercepted", (route) => route.fulfill({ body: "from the client" }));
  await page.goto(address);
  const title = await page.title();
  const sum = await page.evaluate(([a, b]) => a + b, [40, 2]);
  const intercepted = await page.evaluate(async () => (await fetch("/intercepted")).text());
  const pdf = (await page.pdf()).subarray(0, 5).toString();
  const one = await browser.newContext({ acceptDownloads: true });
  const two = await browser.newContext();
  one.setDefaultTimeout(patience);
  two.setDefaultTimeout(patience);
  const [first, second] = [await one.newPage(), await two.newPage()];
  await first.goto(address);
  await second.goto(address);
  const [download] = await Promise.all([first.waitForEvent("download"), first.click("a#file")]);
  const saved = path.join(downloads, "file.bin");
  await download.saveAs(saved);
  await first.evaluate(() => (document.cookie = "a=1"));
  const cookies = [await first.evaluate(() => document.cookie), await second.evaluate(() => document.cookie)];
  await browser.close();
  return { title, sum, intercepted, pdf, download: fs.readFileSync(saved, "utf8"), cookies };
});
