// puppeteer-core through the gateway.
"use strict";

const fs = require("fs");
const path = require("path");
const puppeteer = require("puppeteer-core");
const { enter, patience, run, wait } = require("./job.js");

run(async ({ netloc, how, headers, query, page: address, downloads }) => {
  const where =
    how === "browserURL"
      ? { browserURL: `http://${netloc}${query}` }
      : { browserWSEndpoint: `ws://${netloc}/devtools/browser${query}` };
  const browser = await puppeteer.connect({ ...where, headers, protocolTimeout: patience });
  const open = async (context) => {
    const page = await context.newPage();
    page.setDefaultTimeout(patience);
    return page;
  };
  const page = await open(browser);
  await enter();
  await page.setRequestInterception(true);
  page.on("request", (request) =>
    request.url().endsWith("/intercepted") ? request.respond({ body: "from the client" }) : request.continue(),
  );
  await page.goto(address);
  const title = await page.title();
  const sum = await page.evaluate((a, b) => a + b, 40, 2);
  const intercepted = await page.evaluate(async () => (await fetch("/intercepted")).text());
  const pdf = Buffer.from(await page.pdf({ timeout: patience }))
    .subarray(0, 5)
    .toString();
  const session = await page.createCDPSession();
  await session.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: downloads });
  await page.click("a#file");
  const saved = path.join(downloads, "file.bin");
  await wait(() => fs.existsSync(saved));
  const one = await browser.createBrowserContext();
  const two = await browser.createBrowserContext();
  const [first, second] = [await open(one), await open(two)];
  await first.goto(address);
  await second.goto(address);
  await first.evaluate(() => (document.cookie = "a=1"));
  const cookies = [await first.evaluate(() => document.cookie), await second.evaluate(() => document.cookie)];
  await one.close();
  await two.close();
  await browser.close();
  return { title, sum, intercepted, pdf, download: fs.readFileSync(saved, "utf8"), cookies };
});
