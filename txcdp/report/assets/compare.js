// Two runs beside each other: what they came to, and which requests are not the same.

/** @typedef {{ label: string, values: (number | null)[], write: (value: number | null) => string, least: number }} Measure */

/** @param {Run[]} runs @returns {Measure[]} */
function measures(runs) {
  const all = runs.map(totals);
  const vitals = runs.map((run) => mainDocument(run)?.vitals ?? null);
  /** @type {Measure[]} */
  const found = VITALS.map(([name, label]) => ({
    label, values: vitals.map((each) => each?.[name] ?? null), write: (value) => vital(name, value), least: name === "cls" ? 0.005 : 1,
  }));
  /** @type {[string, keyof ReturnType<typeof totals>, (value: number | null) => string][]} */
  const sums = [
    ["DOMContentLoaded", "contentLoaded", span], ["Load", "loaded", span], ["Requests", "requests", (value) => whole.format(value ?? 0)],
    ["Failed", "failed", (value) => whole.format(value ?? 0)], ["Transferred", "transferred", bytes], ["Content", "size", bytes],
    ["Third party", "third", (value) => whole.format(value ?? 0)], ["Long tasks", "blocked", span],
    ["Console errors", "errors", (value) => whole.format(value ?? 0)],
  ];
  return [...found, ...sums.map(([label, key, write]) => ({ label, values: all.map((each) => each[key]), write, least: 1 }))];
}

/** @param {Measure} measure */
function difference({ values: [a, b], write, least }) {
  if (a === null || b === null) return make("td", "num soft", "–");
  const change = b - a;
  if (Math.abs(change) < least) return make("td", "num soft", "same");
  const percent = a > 0 ? ` (${change > 0 ? "+" : "−"}${whole.format(Math.abs(change / a) * 100)} %)` : "";
  // Less is better, of all of them.
  return make("td", `num ${change > 0 ? "bad" : "good"}`, `${change > 0 ? "+" : "−"}${write(Math.abs(change))}${percent}`);
}

/** @param {Run[]} runs */
function compareSection(runs) {
  const made = section("summary", "Comparison");
  const rows = measures(runs).map((each) => make("tr", "", [
    make("th", "", each.label, { scope: "row" }), ...each.values.map((value) => make("td", "num", each.write(value))), difference(each),
  ]));
  made.append(make("div", "panel", [make("table", "compare", [
    make("thead", "", [make("tr", "", [
      make("th", "", "", { scope: "col" }), ...runs.map((run) => make("th", "num", [letter(run)], { scope: "col" })),
      make("th", "num", "B against A", { scope: "col" }),
    ])]),
    make("tbody", "", rows),
  ])]));
  const missing = runs.flatMap((run) => run.missing.map((each) => `${run.letter}: ${each}`));
  if (missing.length) {
    made.append(make("div", "note missing", [make("strong", "", "Not in this report"), make("ul", "", missing.map((each) => make("li", "", each)))]));
  }
  return made;
}

/** @param {Run} run */
function letter(run) {
  return make("span", `letter letter-${run.letter}`, run.letter);
}

/** The requests that only one run has, or that are larger or slower in one: by method and URL, the n-th with the n-th.
 * @param {Run[]} runs */
function differences([a, b]) {
  /** @type {Map<string, Exchange[]>} */
  const waiting = new Map();
  for (const each of a.exchanges) {
    const key = `${each.method} ${each.url}`;
    const list = waiting.get(key);
    if (list) list.push(each);
    else waiting.set(key, [each]);
  }
  /** @type {[Exchange | null, Exchange | null][]} */
  const pairs = b.exchanges.map((each) => [waiting.get(`${each.method} ${each.url}`)?.shift() ?? null, each]);
  for (const list of waiting.values()) for (const each of list) pairs.push([each, null]);
  const took = (/** @type {Exchange | null} */ each) => (!each || each.end === null ? 0 : each.end - each.start);
  return pairs.map(([x, y]) => {
    const what = !x ? "only in B" : !y ? "only in A" : x.status !== y.status ? `status ${statusText(x)} → ${statusText(y)}` : "";
    const size = (y?.transferred ?? 0) - (x?.transferred ?? 0);
    const time = took(y) - took(x);
    return { x, y, what, size, time, weight: (what ? 1e9 : 0) + Math.abs(time) + Math.abs(size) / 100 };
  }).filter((each) => each.what || Math.abs(each.time) >= 10 || Math.abs(each.size) >= 100)
    .sort((p, q) => q.weight - p.weight);
}

/** @param {Run[]} runs */
function differencesSection(runs) {
  const found = differences(runs);
  const made = section("differences", "Differences", whole.format(found.length));
  const signed = (/** @type {number} */ value, /** @type {(value: number) => string} */ write, /** @type {number} */ least) =>
    (Math.abs(value) < least ? "same" : `${value > 0 ? "+" : "−"}${write(Math.abs(value))}`);
  const head = make("div", "rows-head", [make("div", "row row-head", ["Name", "What", "Size", "Time"].map((name) =>
    make("div", `cell cell-${name.toLowerCase()}`, name, { role: "columnheader" })), { role: "row", "aria-rowindex": "1" })], { role: "rowgroup" });
  const rows = new VirtualRows({
    label: "Requests that differ", height: 24, most: 12, columns: 4, head: [head], empty: "All requests are the same in both.",
    open: ({ x, y }) => {
      const run = y ? runs[1] : runs[0];
      const each = y ?? x;
      if (each) showExchange(run, each);
    },
    build: () => make("div", "", ["name", "what", "size", "time"].map((name) => make("div", `cell cell-${name}`, [], { role: "gridcell" }))),
    fill: (element, /** @type {ReturnType<typeof differences>[0]} */ each) => {
      const [name, what, size, time] = /** @type {HTMLElement[]} */ ([...element.children]);
      const shown = /** @type {Exchange} */ (each.y ?? each.x);
      name.replaceChildren(make("span", "short", shown.shortName), make("span", "host", shown.host));
      name.title = shown.url;
      write(what, each.what || "changed");
      write(size, signed(each.size, bytes, 1));
      write(time, signed(each.time, span, 1));
    },
  });
  rows.set(found);
  made.append(make("div", "panel differences", [rows.grid]));
  return made;
}
