// chrome-remote-interface through the gateway, by its HTTP endpoints as it uses them.
"use strict";

const fs = require("fs");
const path = require("path");
const CDP = require("chrome-remote-interface");
const { enter, run, wait } = require("./job.js");

async function evaluate(client, expression) {
  const { result } = await client.Runtime.evaluate({ expression, awaitPromise: true, returnByValue: true });
  return result.value;
}

async function goTo(client, address) {
  await client.Page.enable();
  const loaded = client.Page.loadEventFired();
  await client.Page.navigate({ url: address });
  await loaded;
}

// It gives each answer over HTTP ten seconds, which it cannot be talked out of, and which a busy machine may exceed.
async function insist(ask) {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (error.code !== "ECONNRESET") throw error;
    }
  }
}

run(async ({ netloc, how, query, page: address, downloads }) => {
  const [host, port] = netloc.split(":");
  // It sends no headers; what it asks for over HTTP can have a query, and the URLs in the answers have it then.
  const alterPath = (asked) =>
    query && asked.startsWith("/json") ? asked + (asked.includes("?") ? query.replace("?", "&") : query) : asked;
  const place = { host, port: Number(port), alterPath };
  const version = await insist(() => CDP.Version({ ...place }));
  const protocol = await insist(() => CDP.Protocol({ ...place }));
  const connect = (target) => insist(() => CDP({ ...place, protocol, ...target }));
  const open = () => CDP.New({ ...place, url: "about:blank" });
  const client = await connect(how === "new" ? { target: await insist(open) } : {});
  await enter();
  await client.Fetch.enable({ patterns: [{ urlPattern: "*/intercepted" }] });
  client.Fetch.requestPaused(({ requestId }) =>
    client.Fetch.fulfillRequest({
      requestId,
      responseCode: 200,
      body: Buffer.from("from the client").toString("base64"),
    }),
  );
  await goTo(client, address);
  const title = await evaluate(client, "document.title");
  const sum = await evaluate(client, "40 + 2");
  const intercepted = await evaluate(client, "fetch('/intercepted').then(each => each.text())");
  const pdf = Buffer.from((await client.Page.printToPDF()).data, "base64").subarray(0, 5).toString();
  await client.Page.setDownloadBehavior({ behavior: "allow", downloadPath: downloads });
  await evaluate(client, "document.querySelector('a#file').click()");
  const saved = path.join(downloads, "file.bin");
  await wait(() => fs.existsSync(saved));
  // A page's line may make no contexts: that is for the browser's own, which takes a browser for itself here.
  const browser = await connect({ target: version.webSocketDebuggerUrl });
  const cookies = [];
  for (const value of ["document.cookie = 'a=1'", "document.cookie"]) {
    const { browserContextId } = await browser.Target.createBrowserContext();
    const { targetId } = await browser.Target.createTarget({ url: "about:blank", browserContextId });
    const other = await connect({ target: `ws://${netloc}/devtools/page/${targetId}${query}` });
    await goTo(other, address);
    await evaluate(other, value);
    cookies.push(await evaluate(other, "document.cookie"));
    await other.close();
  }
  await browser.close();
  await client.close();
  if (!version.Browser || !protocol.domains.length) throw new Error("not what was expected");
  return { title, sum, intercepted, pdf, download: fs.readFileSync(saved, "utf8"), cookies };
});
