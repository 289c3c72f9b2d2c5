// A client for Node.js in the place of txcdp: peer.js NAME and the arguments of client.py.
'use strict';

const EVENTS = { req: 'Network.requestWillBeSent', data: 'Network.dataReceived', console: 'Runtime.consoleAPICalled' };

const CLIENTS = {
  async 'puppeteer-core'(url) {
    const browser = await require('puppeteer-core').connect({ browserWSEndpoint: url, protocolTimeout: 0 });
    const session = await browser.target().createCDPSession();
    return {
      call: (method, params) => session.send(method, params),
      listen: (event, callback) => session.on(event, callback),
    };
  },
  async 'chrome-remote-interface'(url) {
    const client = await require('chrome-remote-interface')({ target: url, local: true });
    return {
      call: (method, params) => client.send(method, params),
      listen: (event, callback) => client.on(event, callback),
    };
  },
};

function options() {
  const found = { mode: '', n: '5000', inflight: '100', kind: 'req', size: '', label: process.argv[2] };
  for (let i = 3; i + 1 < process.argv.length; i += 2) found[process.argv[i].slice(2)] = process.argv[i + 1];
  found.n = Number(found.n);
  found.inflight = Number(found.inflight);
  found.size = found.size ? Number(found.size) : found.mode === 'big' ? 1 << 20 : null;
  return found;
}

async function timed(o, count, action) {
  const cpu = process.cpuUsage();
  const began = process.hrtime.bigint();
  await action();
  const wall = Number(process.hrtime.bigint() - began) / 1e9;
  const used = process.cpuUsage(cpu);
  const line = {
    client: o.label, mode: o.mode, n: count, size: o.size, wall, rate: count / wall,
    cpu_us: (used.user + used.system) / count, rss_mb: process.resourceUsage().maxRSS / 1024,
  };
  if (o.size) line.mb_s = count * o.size / wall / 1e6;
  console.log(JSON.stringify(line));
}

async function commands(client, o) {
  const workers = o.mode === 'pipe' ? o.inflight : 1;
  const params = o.size === null ? { expression: '1' } : { size: o.size };
  const worker = async (count) => {
    for (let i = 0; i < count; i++) await client.call('Runtime.evaluate', params);
  };
  const round = (count) => Promise.all(Array.from({ length: workers }, () => worker(Math.floor(count / workers))));
  await round(o.mode === 'big' ? 3 : Math.max(200, workers * 10));
  await timed(o, Math.floor(o.n / workers) * workers, () => round(o.n));
}

async function flood(client, o) {
  const wanted = o.mode === 'flood';
  let count = 0, target = 0, reached;
  client.listen(EVENTS[wanted ? o.kind : o.kind === 'req' ? 'data' : 'req'], () => { if (++count === target) reached(); });
  const burst = async (number) => {
    count = 0;
    target = number;
    const all = new Promise((resolve) => { reached = resolve; });
    await client.call('Bench.flood', { n: number, kind: o.kind });
    if (wanted) await all;
  };
  await burst(500);
  await timed(o, o.n, () => burst(o.n));
}

async function main() {
  const o = options();
  const client = await CLIENTS[process.argv[2]](o.url);
  await (o.mode === 'flood' || o.mode === 'ignored' ? flood : commands)(client, o);
  process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });
