// The live page. Whatever comes from a page is set as text: it never becomes markup.
"use strict";

const KEY = "txcdp-gateway-token";
const TABLES = ["browsers", "clients", "targets", "requests", "lines", "pictures", "history"];
const byId = (id) => /** @type {any} */ (document.getElementById(id));

const tables = Object.fromEntries(TABLES.map((name) => [name, new Map()]));
let gateway = {};
let clockOffset = 0; // our seconds since 1970 minus the gateway's
let serverNow = 0;
let heardAt = 0;
let token = sessionStorage.getItem(KEY);
let paused = false;
let filter = "";

// How things are written

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

function bytes(number) {
  if (number === null || number === undefined) return "";
  /** @type {[string, number][]} */
  const units = [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]];
  for (const [unit, size] of units) {
    if (number >= size) return `${one.format(number / size)} ${unit}`;
  }
  return `${whole.format(number)} B`;
}

function seconds(number) {
  if (number === null || number === undefined) return "";
  if (number < 1) return `${whole.format(number * 1000)} ms`;
  if (number < 60) return `${number.toFixed(2)} s`;
  return age(number);
}

function age(number) {
  const s = Math.max(0, Math.floor(number));
  const two = (value) => String(value).padStart(2, "0");
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m ${two(s % 60)} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${two(Math.floor(s / 60) % 60)} m`;
  return `${Math.floor(s / 86400)} d ${two(Math.floor(s / 3600) % 24)} h`;
}

const rate = (number) => (number ? one.format(number) : "0");
const byteRate = (number) => `${bytes(number || 0)}/s`;
const clock = (at) => time.format(new Date((at + clockOffset) * 1000));

// Elements

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setClass(element, name) {
  if (element.className !== name) element.className = name;
}

// Keeps the children of an element in step with a table. Rows with growing numbers go to the top.
class Rows {
  constructor(id, table, build, fill, newestFirst) {
    this.place = byId(id);
    this.empty = byId(`no-${id}`);
    this.count = byId(`n-${id}`);
    this.table = table;
    this.build = build;
    this.fill = fill;
    this.newestFirst = newestFirst;
    this.elements = new Map();
  }

  draw(visible = (row) => true) {
    for (const [key, built] of this.elements) {
      if (!this.table.has(key)) {
        built.root.remove();
        this.elements.delete(key);
      }
    }
    let shown = 0;
    for (const [key, row] of this.table) {
      let built = this.elements.get(key);
      if (!built) {
        built = this.build(row);
        this.elements.set(key, built);
        this.newestFirst ? this.place.prepend(built.root) : this.place.append(built.root);
      }
      const here = visible(row);
      if (built.root.hidden === here) built.root.hidden = !here;
      if (here) {
        shown += 1;
        this.fill(built, row);
      }
    }
    this.empty.hidden = this.table.size > 0;
    const total = this.table.size;
    setText(this.count, shown === total ? (total ? whole.format(total) : "") : `${shown} of ${total}`);
  }
}

function cells(classes) {
  const root = make("tr");
  const parts = classes.map((name) => root.appendChild(make("td", name)));
  return { root, parts };
}

function fillCells(parts, texts) {
  texts.forEach((text, index) => setText(parts[index], text));
}

// Clients

function buildClient(row) {
  const built = cells(["num", "", "num soft", "num", "num", "num", "num", "num", "num", "num"]);
  const button = built.parts[9].appendChild(make("button", "end", "End"));
  button.type = "button";
  button.setAttribute("aria-label", `End the session of client ${row.key}, ${row.name}`);
  let armed = 0;
  const disarm = () => {
    clearTimeout(armed);
    armed = 0;
    setText(button, "End");
    setClass(button, "end");
  };
  button.addEventListener("blur", disarm);
  button.addEventListener("click", async () => {
    if (!armed) {
      armed = setTimeout(disarm, 5000);
      setText(button, "Really end?");
      setClass(button, "end armed");
      return;
    }
    disarm();
    button.disabled = true;
    say(await endClient(row.key));
    button.disabled = false;
  });
  return built;
}

function fillClient({ parts }, row) {
  const now = serverTime();
  fillCells(parts, [String(row.key), row.name, row.browser, age(now - row.began), age(now - row.active),
    whole.format(row.commands), rate(row.command_rate), byteRate(row.in_rate), byteRate(row.out_rate)]);
}

async function endClient(number) {
  try {
    const answer = await fetch(`live/clients/${encodeURIComponent(number)}`, { method: "DELETE", headers: headers() });
    return answer.ok ? `Client ${number}: its session is ended.` : `Client ${number}: ${await answer.text()}`;
  } catch {
    return `Client ${number}: the gateway could not be reached.`;
  }
}

// Browsers

function buildBrowser() {
  const built = cells(["num mono", "", "num", "num", "num", "num", "num", "num"]);
  built.state = built.parts[1].appendChild(make("span", "state"));
  built.trouble = built.parts[1].appendChild(make("span", "bad"));
  return built;
}

function fillBrowser({ parts, state, trouble }, row) {
  setText(parts[0], String(row.key));
  setText(state, row.state);
  state.dataset.state = row.state;
  setText(trouble, row.watched === "lost" ? " cannot be watched now" : row.misread ? ` ${row.misread} events not understood` : "");
  fillCells(parts.slice(2), [age(serverTime() - row.born), whole.format(row.sessions), row.memory ? bytes(row.memory) : "–",
    row.watched ? whole.format(row.targets) : "–", rate(row.command_rate), row.watched ? rate(row.request_rate) : "–"]);
}

// Pages and workers

function buildTarget() {
  const root = make("li");
  const shot = root.appendChild(make("div", "shot"));
  const note = shot.appendChild(make("span"));
  const image = shot.appendChild(make("img"));
  image.alt = "";
  image.hidden = true;
  const text = root.appendChild(make("div", "card-text"));
  const [title, url, numbers, more, trouble] = ["title", "mono soft", "numbers", "numbers", "trouble bad"]
    .map((name) => text.appendChild(make("p", name)));
  return { root, note, image, title, url, numbers, more, trouble, picture: null };
}

function fillTarget(built, row) {
  const picture = tables.pictures.get(row.key) || null;
  if (built.picture !== picture) {
    built.picture = picture;
    built.image.hidden = !picture;
    built.note.hidden = Boolean(picture); // nobody is told of what is behind the picture
    if (picture) built.image.src = `data:image/jpeg;base64,${picture.jpeg}`;
    else built.image.removeAttribute("src");
  }
  setText(built.note, row.type === "page" ? "no picture yet" : row.type.replaceAll("_", " "));
  const title = row.title || row.url || row.type;
  setText(built.title, title);
  built.title.title = title;
  built.image.alt = `What ${title} shows`;
  setText(built.url, row.url);
  built.url.title = row.url;
  const whose = [...tables.clients.values()].filter((client) => client.browser === String(row.browser));
  const who = whose.length === 1 ? `${whose[0].name}, client ${whose[0].key}` : `browser ${row.browser}`;
  built.root.style.order = row.url === "about:blank" ? 1 : 0; // what is of no interest comes last
  setText(built.numbers, `${who} · ${rate(row.request_rate)} requests/s · ${byteRate(row.byte_rate)}`);
  setText(built.more, `${whole.format(row.requests || 0)} requests · ${bytes(row.bytes || 0)} · ${whole.format(row.lines || 0)} lines`);
  setText(built.trouble, row.state);
}

// Requests

let fall = { from: 0, span: 1 };

// The time that the waterfall shows: of late, as long as something happens.
function measureFall() {
  const rows = [...tables.requests.values()].slice(-40);
  let end = 0;
  for (const row of rows) end = Math.max(end, row.state === "open" ? serverTime() : row.at + (row.took || 0));
  const start = Math.max(rows.length ? rows[0].at : 0, end - 30);
  const span = Math.max(end - start, 0.1) * 1.02;
  fall = { from: start, span };
  setText(byId("fall-from"), rows.length ? clock(start) : "");
  setText(byId("fall-to"), rows.length ? `+ ${seconds(span)}` : "");
}

function buildRequest() {
  const built = cells(["soft", "", "num", "mono", "soft", "num", "num", "fall"]);
  built.bar = built.parts[7].appendChild(make("div", "lane")).appendChild(make("i"));
  return built;
}

function fillRequest({ parts, bar }, row) {
  const status = row.status ? String(row.status) : row.state === "open" ? "…" : row.state === "done" ? "–" : row.state;
  fillCells(parts, [clock(row.at), row.method, status, row.url, row.note ? `${row.type}, ${row.note}` : row.type,
    bytes(row.size), seconds(row.took)]);
  parts[3].title = row.url;
  parts[4].title = row.note ? `${row.type}, ${row.note}` : row.type;
  const failed = row.state === "failed" || row.status >= 400;
  setClass(parts[2], failed ? "num bad" : row.status >= 300 || row.state === "cancelled" ? "num warn" : row.status ? "num good" : "num soft");
  const took = row.state === "open" ? serverTime() - row.at : row.took || 0;
  const left = Math.max(0, (row.at - fall.from) / fall.span);
  const right = Math.min(1, (row.at + took - fall.from) / fall.span);
  bar.hidden = right < 0;
  setClass(bar, row.state === "open" ? "open" : failed ? "failed" : "");
  bar.style.left = `${(left * 100).toFixed(2)}%`;
  bar.style.width = `${(Math.max(0, right - left) * 100).toFixed(2)}%`;
}

// Console

const LEVELS = { error: "bad", warning: "warn", debug: "soft", info: "" };

function buildLine() {
  return cells(["soft", "", "mono text", "mono soft"]);
}

function fillLine({ parts }, row) {
  fillCells(parts, [clock(row.at), row.level, row.text, row.where]);
  setClass(parts[1], LEVELS[row.level] || "");
  parts[3].title = row.where;
}

// The last hour

const SVG = "http://www.w3.org/2000/svg";
const HOUR = 3600;
const [WIDTH, HEIGHT] = [300, 56];

// What is drawn: [field, name, how a value is written, what it is of].
/** @type {[string, string, (value: number) => string][]} */
const LINES = [
  ["clients", "Clients", (value) => whole.format(value)],
  ["commands", "Commands per second", (value) => (value ? one.format(value) : "0")],
  ["memory", "Memory of all browsers", bytes],
  ["waiting", "Waiting for a browser", (value) => whole.format(value)],
  ["errors", "Errors in 10 s", (value) => whole.format(value)],
];

function buildCharts() {
  return LINES.map(([field, name, write]) => {
    const figure = byId("charts").appendChild(make("figure"));
    const caption = figure.appendChild(make("figcaption"));
    caption.append(make("span", "", name));
    const value = caption.appendChild(make("b"));
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    svg.dataset.field = field;
    const area = svg.appendChild(document.createElementNS(SVG, "path"));
    area.setAttribute("class", "area");
    const line = svg.appendChild(document.createElementNS(SVG, "path"));
    line.setAttribute("class", "line");
    figure.append(svg);
    const scale = figure.appendChild(make("p", "scale"));
    scale.append(make("span", "", "an hour ago"), make("span", "most"), make("span", "", "now"));
    return { field, name, write, value, svg, area, line, most: scale.children[1] };
  });
}

// Draws the samples; it is called where there is a new one, which is not often.
function drawCharts() {
  const samples = [...tables.history.values()];
  const end = samples.length ? samples[samples.length - 1].at : 0;
  setText(byId("n-history"), samples.length ? `since ${clock(samples[0].at)}` : "");
  for (const { field, name, write, value, svg, area, line, most } of charts) {
    const values = samples.map((sample) => sample[field]);
    const top = Math.max(0, ...values);
    const x = (at) => (WIDTH * (1 - (end - at) / HOUR)).toFixed(1);
    const y = (number) => (HEIGHT - 2 - (top ? (number / top) * (HEIGHT - 6) : 0)).toFixed(1);
    const points = samples.map((sample) => `${x(sample.at)} ${y(sample[field])}`);
    if (points.length === 1) points.unshift(`${x(end - 10)} ${y(values[0])}`);
    const path = points.length ? `M${points.join("L")}` : "";
    line.setAttribute("d", path);
    area.setAttribute("d", path && `${path}V${HEIGHT}H${points[0].split(" ")[0]}Z`);
    const now = values.length ? write(values[values.length - 1]) : "–";
    setText(value, now);
    setText(most, values.length ? `at most ${write(top)}` : "");
    svg.setAttribute("aria-label", `${name}: ${now} now, ${write(top)} at most`);
    svg.classList.toggle("trouble", top > 0 && (field === "errors" || field === "waiting"));
  }
}

// All of it

const charts = buildCharts();
const views = {
  clients: new Rows("clients", tables.clients, buildClient, fillClient, false),
  browsers: new Rows("browsers", tables.browsers, buildBrowser, fillBrowser, false),
  targets: new Rows("targets", tables.targets, buildTarget, fillTarget, false),
  requests: new Rows("requests", tables.requests, buildRequest, fillRequest, true),
  lines: new Rows("lines", tables.lines, buildLine, fillLine, true),
};

const serverTime = () => serverNow + (performance.now() - heardAt) / 1000;
const sum = (table, field) => [...table.values()].reduce((total, row) => total + (row[field] || 0), 0);
const has = (...texts) => !filter || texts.some((text) => String(text).toLowerCase().includes(filter));

let drawn = null; // the newest sample that is drawn

function draw() {
  const newest = [...tables.history.keys()].pop() ?? null;
  if (newest !== drawn) {
    drawn = newest;
    drawCharts();
  }
  views.clients.draw();
  views.browsers.draw();
  views.targets.draw();
  measureFall();
  views.requests.draw((row) => has(row.url, row.method, row.status, row.type, row.state, row.note));
  views.lines.draw((row) => has(row.text, row.level, row.where));
  setText(byId("sum-clients"), whole.format(tables.clients.size));
  setText(byId("sum-waiting"), gateway.waiting ? `${gateway.waiting} waiting for a browser` : "nobody waits");
  setText(byId("sum-browsers"), whole.format(tables.browsers.size));
  const states = { leased: 0, idle: 0 };
  for (const row of tables.browsers.values()) states[row.state] += 1;
  setText(byId("sum-states"), [`${states.leased} leased`, `${states.idle} idle`, gateway.starting ? `${gateway.starting} starting` : ""]
    .filter(Boolean).join(" · "));
  const memory = sum(tables.browsers, "memory");
  setText(byId("sum-memory"), memory ? bytes(memory) : "–"); // it is measured now and then
  setText(byId("sum-commands"), rate(sum(tables.clients, "command_rate")));
  setText(byId("sum-requests"), rate(sum(tables.targets, "request_rate")));
  setText(byId("sum-out"), byteRate(sum(tables.clients, "out_rate")));
  setText(byId("sum-in"), `${byteRate(sum(tables.clients, "in_rate"))} from them`);
}

let drawing = false;
function drawSoon() {
  if (drawing || paused) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    if (!paused) draw();
  });
}

function take(message) {
  gateway = message.gateway;
  serverNow = message.now;
  heardAt = performance.now();
  clockOffset = Date.now() / 1000 - message.now;
  for (const name of TABLES) {
    const news = message[name];
    if (!news) continue;
    const table = tables[name];
    if (news.whole) table.clear();
    for (const key of news.gone || []) table.delete(key);
    for (const row of news.rows) table.set(row.key, row);
  }
  showStatus();
  drawSoon();
}

// The line to the gateway

const headers = () => (token ? { Authorization: `Bearer ${token}` } : {});
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

function setStatus(state, text) {
  const status = byId("status");
  status.dataset.state = state;
  setText(status, text);
}

function showStatus() {
  if (paused) setStatus("paused", "paused");
  else if (gateway.draining) setStatus("draining", "being stopped: no new clients");
  else setStatus("live", gateway.viewers > 1 ? `live, ${gateway.viewers} are looking` : "live");
}

let saying = 0;
function say(text) {
  byId("said").textContent = text;
  clearTimeout(saying);
  saying = setTimeout(() => { byId("said").textContent = ""; }, 10000);
}

function ask(why) {
  token = null;
  sessionStorage.removeItem(KEY);
  for (const table of Object.values(tables)) table.clear();
  draw();
  byId("main").hidden = byId("tools").hidden = true;
  byId("sign-in").hidden = false;
  byId("denied").textContent = why;
  setStatus("off", "a token is wanted");
  byId("token").value = "";
  byId("token").focus();
}

function open() {
  byId("sign-in").hidden = true;
  byId("main").hidden = byId("tools").hidden = false;
  byId("forget").hidden = !token;
  if (token) sessionStorage.setItem(KEY, token);
}

// Reads Server-Sent Events: fetch, and not EventSource, since that has no headers for a token.
async function read(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      if (part.startsWith("data: ")) take(JSON.parse(part.slice(6)));
    }
  }
}

let watching = null;

async function watch() {
  watching?.abort();
  const mine = (watching = new AbortController());
  for (let wait = 500; !mine.signal.aborted; ) {
    let problem = "the gateway cannot be reached";
    try {
      const answer = await fetch("live/events", { headers: headers(), cache: "no-store", signal: mine.signal });
      if (answer.status === 401 || answer.status === 403) {
        const why = await answer.text();
        ask(token ? why : answer.status === 403 ? why : "");
        return;
      }
      if (answer.ok) {
        open();
        wait = 500;
        await read(answer.body);
        problem = "the line has ended";
      } else {
        problem = await answer.text();
      }
    } catch (error) {
      if (mine.signal.aborted) return;
    }
    setStatus("lost", `${problem}; trying again`);
    await sleep(wait);
    wait = Math.min(wait * 2, 10000);
  }
}

byId("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  const given = byId("token").value.trim();
  if (!/^[\x21-\x7e]+$/.test(given)) {
    byId("denied").textContent = "That is no token: it has letters, digits and signs, and no spaces.";
    return;
  }
  token = given;
  watch();
});

byId("pause").addEventListener("click", () => {
  paused = !paused;
  byId("pause").setAttribute("aria-pressed", String(paused));
  showStatus();
  drawSoon();
});

byId("forget").addEventListener("click", () => {
  watching?.abort();
  ask("");
});

byId("filter").addEventListener("input", () => {
  filter = byId("filter").value.trim().toLowerCase();
  draw();
});

// Ages grow although nothing is said.
setInterval(drawSoon, 1000);
watch();
