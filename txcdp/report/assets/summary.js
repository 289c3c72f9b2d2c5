// What it came to: totals, web vitals, sizes by type and by party.

/** @param {Run} run */
function totals(run) {
  const found = mainDocument(run);
  const sum = (/** @type {(each: Exchange) => number | null} */ value) =>
    run.exchanges.reduce((total, each) => total + (value(each) ?? 0), 0);
  return {
    requests: run.exchanges.length,
    transferred: sum((each) => each.transferred),
    size: sum((each) => each.size),
    failed: run.exchanges.filter((each) => each.failed).length,
    third: run.exchanges.filter((each) => each.third).length,
    errors: run.messages.filter((each) => each.level === "error").length,
    contentLoaded: found?.contentLoaded === null || found === undefined ? null : found.contentLoaded - found.start,
    loaded: found?.loaded === null || found === undefined ? null : found.loaded - found.start,
    blocked: run.tasks.reduce((total, each) => total + each.duration, 0),
    tasks: run.tasks.length,
  };
}

/** @type {[VitalName, string, string][]} */
const VITALS = [
  ["lcp", "LCP", "Largest Contentful Paint"], ["cls", "CLS", "Cumulative Layout Shift"],
  ["inp", "INP", "Interaction to Next Paint"], ["fcp", "FCP", "First Contentful Paint"],
  ["ttfb", "TTFB", "Time to First Byte"],
];

/** @param {string} label @param {string} value @param {(Node | string)[]} note @param {Record<string, string>} [attributes] */
function tile(label, value, note, attributes = {}) {
  return make("div", "tile", [make("dt", "", label, attributes), make("dd", "value", value), make("dd", "note", note)]);
}

/** @param {VitalName} name @param {string} label @param {string} words @param {VitalsRow} vitals */
function vitalTile(name, label, words, vitals) {
  const value = /** @type {number | null} */ (vitals[name]);
  const rating = /** @type {string} */ (vitals[`${name}Rating`]);
  /** @type {Record<string, string>} */
  const notes = { lcp: vitals.lcpElement, inp: value === null ? "no interaction" : vitals.inpEvent };
  const said = value === null ? notes[name] || "not told" : rating;
  const made = tile(label, vital(name, value), [make("i", `rating rating-${(rating || "none").replace(" ", "-")}`), said], { title: words });
  if (value !== null && notes[name]) made.title = `${words}: ${notes[name]}`;
  const [good, fair] = THRESHOLDS[name];
  const scale = name === "cls" ? 1 : 1000;
  made.title = `${made.title || words}\ngood up to ${vital(name, good * scale)}, poor above ${vital(name, fair * scale)}`;
  return made;
}

/** @param {Run} run */
function summarySection(run) {
  const all = totals(run);
  const made = section("summary", "Summary");
  made.className = "summary";
  const documents = run.documents;
  const vitals = make("dl", "tiles vitals", [], { "aria-label": "Web vitals" });
  /** @param {DocumentRow | undefined} found */
  const showVitals = (found) => {
    if (!found?.vitals) vitals.replaceChildren(make("p", "note", "Web vitals were not recorded."));
    else {
      const told = found.vitals;
      vitals.replaceChildren(...VITALS.map(([name, label, words]) => vitalTile(name, label, words, told)));
    }
  };
  const main = mainDocument(run);
  showVitals(main);
  if (documents.length > 1) {
    const chosen = choice("Document", documents.map((each, number) => [String(number), `${number + 1}. ${each.title || each.url}`.slice(0, 120)]),
      (value) => showVitals(documents[Number(value)]));
    chosen.value = String(documents.indexOf(/** @type {DocumentRow} */ (main)));
    made.querySelector(".section-head")?.append(chosen);
  }
  made.append(
    vitals,
    make("dl", "tiles", [
      tile("Requests", whole.format(all.requests), [all.failed ? make("span", "bad", count(all.failed, "failed", "failed")) : "none failed"]),
      tile("Transferred", bytes(all.transferred), [`${bytes(all.size)} of content`]),
      tile("DOMContentLoaded", span(all.contentLoaded), ["from the navigation on"]),
      tile("Load", span(all.loaded), [`${span(run.duration)} were watched`]),
      tile("Long tasks", whole.format(all.tasks), [all.tasks ? `${span(all.blocked)} together` : "none above 50 ms"]),
      tile("Console", whole.format(run.messages.length), [all.errors ? make("span", "bad", count(all.errors, "error")) : "no errors"]),
    ], { "aria-label": "Totals" }),
  );
  if (run.missing.length) {
    made.append(make("div", "note missing", [make("strong", "", "Not in this report"), make("ul", "", run.missing.map((each) => make("li", "", each)))]));
  }
  return made;
}

/** @typedef {{ name: string, requests: number, transferred: number, size: number, className: string }} SizeRow */

/** @param {Run} run @param {(each: Exchange) => { name: string, className: string }} by @returns {SizeRow[]} */
function sizesBy(run, by) {
  /** @type {Map<string, SizeRow>} */
  const rows = new Map();
  for (const each of run.exchanges) {
    const { name, className } = by(each);
    const row = rows.get(name) ?? { name, className, requests: 0, transferred: 0, size: 0 };
    row.requests++;
    row.transferred += each.transferred ?? 0;
    row.size += each.size ?? 0;
    rows.set(name, row);
  }
  return [...rows.values()].sort((a, b) => b.transferred - a.transferred || b.size - a.size || b.requests - a.requests);
}

/** @param {string} caption @param {SizeRow[]} rows @param {number} most rows; what is behind them is one */
function sizesTable(caption, rows, most) {
  const shown = rows.slice(0, rows.length > most ? most - 1 : most);
  const rest = rows.slice(shown.length);
  if (rest.length) {
    const sum = (/** @type {"requests" | "transferred" | "size"} */ key) => rest.reduce((total, each) => total + each[key], 0);
    shown.push({ name: `${rest.length} more`, className: "group-other", requests: sum("requests"), transferred: sum("transferred"), size: sum("size") });
  }
  const largest = Math.max(...shown.map((each) => each.transferred), 1);
  return make("table", "sizes", [
    make("caption", "", caption),
    make("thead", "", [make("tr", "", [
      make("th", "", "", { scope: "col" }), make("th", "num", "Requests", { scope: "col" }),
      make("th", "num", "Transferred", { scope: "col" }), make("th", "num", "Content", { scope: "col" }),
      make("th", "share", "", { scope: "col", "aria-label": "Share" }),
    ])]),
    make("tbody", "", shown.map((each) => {
      const bar = make("i", `share-bar ${each.className}`);
      bar.style.width = `${(each.transferred / largest) * 100}%`;
      return make("tr", "", [
        make("th", "", [make("i", `swatch ${each.className}`), make("span", "", each.name)], { scope: "row", title: each.name }),
        make("td", "num", whole.format(each.requests)), make("td", "num", bytes(each.transferred)),
        make("td", "num", bytes(each.size)), make("td", "share", [make("div", "", [bar])]),
      ]);
    })),
  ]);
}

/** @param {Run} run */
function sizesPanel(run) {
  return make("div", "panel sizes-panel", [
    sizesTable("By type", sizesBy(run, (each) => ({ name: each.group, className: groupClass(each.group) })), 12),
    sizesTable("By party and host", sizesBy(run, (each) => ({
      name: each.host ? `${each.host}${each.third ? "" : " (first party)"}` : "no host",
      className: each.third ? "third" : "first",
    })), 12),
  ]);
}
