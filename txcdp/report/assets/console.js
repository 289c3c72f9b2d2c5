// What was written to the console, and what nobody has caught.

/** @param {Run} run */
function consolePanel(run) {
  let text = "";
  /** @type {Set<string>} none: all */
  const levels = new Set();
  const head = make("div", "rows-head", [make("div", "row row-head", [
    make("div", "cell cell-when", "Time", { role: "columnheader" }),
    make("div", "cell cell-level", "Level", { role: "columnheader" }),
    make("div", "cell cell-text", "Text", { role: "columnheader" }),
    make("div", "cell cell-where", "At", { role: "columnheader" }),
  ], { role: "row", "aria-rowindex": "1" })], { role: "rowgroup" });
  const rows = new VirtualRows({
    label: run.letter ? `Console of run ${run.letter}` : "Console",
    height: 24,
    most: 14,
    columns: 4,
    head: [head],
    empty: run.messages.length ? "No line is like that." : "Nothing was written to the console.",
    open: (each) => showMessage(run, each),
    build: () => make("div", "", ["when", "level", "text", "where"].map((name) => make("div", `cell cell-${name}`, [], { role: "gridcell" }))),
    fill: (element, /** @type {Message} */ each) => {
      const [when, level, said, where] = /** @type {HTMLElement[]} */ ([...element.children]);
      element.className = `row level-${each.level}`;
      write(when, span(each.time));
      level.replaceChildren(make("i", `mark level-${each.level}`), each.source === "exception" ? "uncaught" : each.level);
      write(said, each.text.split("\n", 1)[0].slice(0, 500));
      write(where, each.url ? `${partsOf(each.url).shortName}${each.line === null ? "" : `:${each.line}`}` : "");
      where.title = each.url;
    },
  });
  const said = make("span", "count");
  const show = () => {
    const words = text.toLowerCase();
    const items = run.messages.filter((each) => (!levels.size || levels.has(each.level)) &&
      (!words || each.text.toLowerCase().includes(words) || each.url.toLowerCase().includes(words)));
    said.textContent = text || levels.size ? `${whole.format(items.length)} of ${whole.format(run.messages.length)}` : "";
    rows.set(items);
  };
  const there = [...LEVELS].reverse().filter((level) => run.messages.some((each) => each.level === level));
  const bar = make("div", "toolbar", [
    searchField("Filter the console", (typed) => {
      text = typed;
      show();
    }),
    make("div", "chips", there.map((level) => chip([make("i", `mark level-${level}`), level], (pressed) => {
      if (pressed) levels.add(level);
      else levels.delete(level);
      show();
    })), { role: "group", "aria-label": "Levels" }),
    said,
  ]);
  show();
  return {
    panel: make("div", "panel console", [...(run.messages.length ? [bar] : []), rows.grid]),
    /** @param {Message} message */
    reveal: (message) => {
      if (!rows.items.includes(message)) rows.set(run.messages);
      rows.grid.scrollIntoView({ block: "nearest" });
      rows.reveal(message, true);
    },
  };
}
