// One thing that is measured, done with puppeteer-core: see "compare".
"use strict";

const assert = require("assert");
const fs = require("fs");
const puppeteer = require("puppeteer-core");

const told = JSON.parse(process.argv[2]);
const say = (line) => fs.writeSync(1, line + "\n");
const line = () => fs.readSync(0, Buffer.alloc(100));

(async () => {
  const browser = await puppeteer.launch({ executablePath: told.chromium, args: ["--no-sandbox"] });
  const page = await browser.newPage();
  await page.goto(told.url);
  const urls = [];
  let [answered, ended, stopped] = [0, 0, 0];
  let whole;
  const ending = new Promise((resolve) => (whole = resolve));
  if (told.what === "events") {
    page.on("request", (request) => urls.push(request.url()));
    page.on("response", (response) => (answered += response.status() === 200));
    page.on("requestfinished", () => ++ended === told.number && whole());
  }
  if (told.what === "continued" || told.what === "narrow") {
    // It has no patterns: who stops some stops all.
    await page.setRequestInterception(true);
    page.on("request", (request) => {
      stopped += 1;
      request.continue();
    });
  }
  say("ready");
  line();
  await page.evaluate(`(${told.script})(${told.number})`);
  if (told.what === "events") {
    await ending;
    assert.deepStrictEqual([urls.length, new Set(urls).size, answered, ended], Array(4).fill(told.number));
  }
  assert.strictEqual(stopped, told.what === "continued" || told.what === "narrow" ? told.number : 0);
  say("done");
  line();
  await browser.close();
})();
