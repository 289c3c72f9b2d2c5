// Puppeteer in the place of page_client.py, with the same arguments.
'use strict';

const VIEWPORT = { width: 1280, height: 720 };

const PREPARED = {
  async pages(browser, o) {
    return async (count) => {
      for (let i = 0; i < count; i++) {
        const context = await browser.createBrowserContext();
        const page = await context.newPage();
        await page.goto(o.site + '/small');
        await context.close();
      }
    };
  },
  async seq(browser, o) {
    const page = await browser.newPage();
    await page.goto(o.site + '/small');
    const worker = async (count) => {
      for (let i = 0; i < count; i++) {
        if (await page.evaluate((x) => x + 1, i) !== i + 1) throw new Error('another value');
      }
    };
    return (count) => Promise.all(Array.from({ length: o.inflight }, () => worker(Math.max(1, Math.floor(count / o.inflight)))));
  },
  gathered: (browser, o) => PREPARED.seq(browser, o),
  async picture(browser, o) {
    const page = await browser.newPage();
    await page.goto(o.site + (o.mode === 'noise' ? '/noise' : '/small'));
    return async (count) => {
      for (let i = 0; i < count; i++) await page.screenshot();
    };
  },
  noise: (browser, o) => PREPARED.picture(browser, o),
};

function options() {
  const found = { label: 'puppeteer-core', inflight: '1', warm: '5' };
  for (let i = 2; i + 1 < process.argv.length; i += 2) found[process.argv[i].slice(2)] = process.argv[i + 1];
  for (const name of ['n', 'inflight', 'warm']) found[name] = Number(found[name]);
  return found;
}

async function main() {
  const o = options();
  const browser = await require('puppeteer-core').connect({ browserURL: o.url, defaultViewport: VIEWPORT });
  const run = await PREPARED[o.mode](browser, o);
  await run(o.warm);
  const cpu = process.cpuUsage();
  const began = process.hrtime.bigint();
  await run(o.n);
  const wall = Number(process.hrtime.bigint() - began) / 1e6;
  const used = process.cpuUsage(cpu);
  const line = { client: o.label, mode: o.mode, n: o.n, wall_ms: wall / o.n, cpu_ms: (used.user + used.system) / 1000 / o.n };
  console.log(JSON.stringify(line));
  process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });
