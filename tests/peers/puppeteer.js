// puppeteer-core through the gateway: argument 5 says how it connects.
"use strict";

const fs = require("fs");
const path = require("path");
const puppeteer = require("puppeteer-core");
const { run, wait } = require("./job.js");

run(async ({ url, token, page: address, downloads }) => {
  const how =
    process.argv[6] === "browserURL"
      ? { browserURL: `http://${url}` }
      : { browserWSEndpoint: `ws://${url}/devtools/browser`, headers: token ? { Authorization: `Bearer ${token}` } : {} };
  const browser = await puppeteer.connect(how);
  const page = await browser.newPage();
  await page.setRequestInterception(true);
  page.on("request", (request) =>
    request.url().endsWith("/intercepted") ? request.respond({ body: "from the client" }) : request.continue(),
  );
  await page.goto(address);
  const title = await page.title();
  const sum = await page.evaluate((a, b) => a + b, 40, 2);
  const intercepted = await page.evaluate(async () => (await fetch("/intercepted")).text());
  const pdf = Buffer.from(await page.pdf()).subarray(0, 5).toString();
  const session = await page.createCDPSession();
  await session.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: downloads });
  await page.click("a#file");
  const saved = path.join(downloads, "file.bin");
  await wait(() => fs.existsSync(saved));
  const one = await browser.createBrowserContext();
  const two = await browser.createBrowserContext();
  const [first, second] = [await one.newPage(), await two.newPage()];
  await first.goto(address);
  await second.goto(address);
  await first.evaluate(() => (document.cookie = "a=1"));
  const cookies = [await first.evaluate(() => document.cookie), await second.evaluate(() => document.cookie)];
  await one.close();
  await two.close();
  await browser.close();
  return { title, sum, intercepted, pdf, download: fs.readFileSync(saved, "utf8"), cookies };
});
