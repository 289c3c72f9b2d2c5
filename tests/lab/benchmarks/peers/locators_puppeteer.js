// Puppeteer, as `locators` measures it: see `locators_client.py`. Its locators check what ours do before they act.
'use strict';
const assert = require('node:assert');
const readline = require('node:readline');
const puppeteer = require('puppeteer-core');

const TASKS = {
  async clicks(page, number) {
    for (let each = 0; each < number; each++) await page.locator(`#b${each}`).click();
  },
  async fills(page, number) {
    for (let each = 0; each < number; each++) await page.locator(`#f${each}`).fill(`text ${each}`);
  },
  async roles(page, number) {
    for (let each = 0; each < number; each++) {
      const name = `Press ${each % 100}`;
      assert(await page.$eval(`::-p-aria([role="button"][name="${name}"])`, found => found.textContent) === name);
    }
  },
  async count(page, number) {
    for (let each = 0; each < number; each++) assert(await page.$$eval('li', all => all.length) === 10000);
  },
  async evaluate_all(page, number) {
    for (let each = 0; each < number; each++) assert(await page.$$eval('.third', all => all.length) === 3333);
  },
  async extract(page, number) {
    for (let each = 0; each < number; each++) {
      const rows = await page.$$eval('tr', all => all.map(row => ({
        name: row.querySelector('.name').textContent, price: row.querySelector('.price').textContent,
        link: row.querySelector('a').href,
      })));
      assert(rows.length === 1000 && rows[999].name === 'Thing 999');
    }
  },
  async rows(page, number) {
    for (let each = 0; each < 1000 * number; each++) {
      const row = `tr:nth-child(${each % 1000 + 1})`;
      assert(await page.$eval(`${row} .name`, found => found.textContent) === `Thing ${each % 1000}`);
      assert(await page.$eval(`${row} .price`, found => found.textContent) !== null);
      assert(await page.$eval(`${row} a`, found => found.getAttribute('href')) !== null);
    }
  },
};

const OUTCOMES = {
  clicks: wanted => pressed === wanted,
  fills: wanted => [...document.querySelectorAll('input')].filter(each => /^text/.test(each.value)).length === wanted,
};

const tell = what => console.log(JSON.stringify(what));

(async () => {
  const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const read = async () => {
    const { value, done } = await lines.next();
    return done ? null : JSON.parse(value);
  };
  const browser = await puppeteer.launch({ executablePath: process.argv[2], args: ['--no-sandbox'] });
  tell({});
  for (let asked; (asked = await read());) {
    const { task, url, number } = asked;
    const page = await browser.newPage();
    await page.goto(url);
    await page.$('body');
    tell({});
    await read();
    const began = performance.now();
    await TASKS[task](page, number);
    tell({ wall: (performance.now() - began) / 1000 });
    assert(!OUTCOMES[task] || await page.evaluate(OUTCOMES[task], number), task);
    await page.close();
  }
  await browser.close();
})();
