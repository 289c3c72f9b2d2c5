// chrome-remote-interface through the gateway, by its HTTP endpoints as it uses them.
"use strict";

const fs = require("fs");
const path = require("path");
const CDP = require("chrome-remote-interface");
const { run, wait } = require("./job.js");

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

run(async ({ url, page: address, downloads }) => {
  const [host, port] = url.split(":");
  const place = { host, port: Number(port) };
  const version = await CDP.Version(place);
  const protocol = await CDP.Protocol(place);
  const client = process.argv[6] === "new" ? await CDP({ ...place, target: await CDP.New(place) }) : await CDP(place);
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
  const browser = await CDP({ ...place, target: version.webSocketDebuggerUrl });
  const cookies = [];
  for (const value of ["document.cookie = 'a=1'", "document.cookie"]) {
    const { browserContextId } = await browser.Target.createBrowserContext();
    const { targetId } = await browser.Target.createTarget({ url: "about:blank", browserContextId });
    const other = await CDP({ ...place, target: `ws://${url}/devtools/page/${targetId}` });
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
