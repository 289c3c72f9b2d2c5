// Pages, frames and workers, as the tree that they are, with when each was there.

/** @param {Run} run @param {Axis} axis */
function framesPanel(run, axis) {
  /** @type {Map<number | null, number[]>} */
  const within = new Map();
  run.frames.forEach((each, number) => {
    const parent = each.parent !== null && each.parent !== number ? each.parent : null;
    const list = within.get(parent);
    if (list) list.push(number);
    else within.set(parent, [number]);
  });
  /** @type {{ number: number, depth: number }[]} */
  const ordered = [];
  const seen = new Set();
  /** @param {number | null} parent @param {number} depth */
  const walk = (parent, depth) => {
    for (const number of within.get(parent) ?? []) {
      if (seen.has(number) || depth > 100) continue;
      seen.add(number);
      ordered.push({ number, depth });
      walk(number, depth + 1);
    }
  };
  walk(null, 0);
  run.frames.forEach((_, number) => {
    if (!seen.has(number)) ordered.push({ number, depth: 0 }); // what is in a circle
  });

  const requests = run.frames.map(() => 0);
  const received = run.frames.map(() => 0);
  for (const each of run.exchanges) {
    if (each.frame === null || requests[each.frame] === undefined) continue;
    requests[each.frame]++;
    received[each.frame] += each.transferred ?? 0;
  }
  const head = make("div", "rows-head", [make("div", "row row-head", [make("div", "gutter", [
    make("div", "cell cell-name", "Frame or worker", { role: "columnheader" }),
    make("div", "cell cell-kind", "Kind", { role: "columnheader" }),
    make("div", "cell cell-requests", "Requests", { role: "columnheader" }),
    make("div", "cell cell-size", "Size", { role: "columnheader" }),
  ], { role: "presentation" }), make("div", "cell cell-bars", "When it was there", { role: "columnheader" })], {
    role: "row", "aria-rowindex": "1",
  })], { role: "rowgroup" });
  const rows = new VirtualRows({
    label: run.letter ? `Frames and workers of run ${run.letter}` : "Frames and workers",
    height: 24,
    most: 12,
    columns: 5,
    head: [head],
    empty: "None was told of.",
    open: ({ number }) => {
      const each = run.frames[number];
      openDetails(each.name || partsOf(each.url).shortName, [part("General", [facts([
        ["URL", each.url], ["Kind", each.kind.replaceAll("_", " ")], ["Name", each.name],
        ["In", frameName(run, each.parent)], ["From", each.start === null ? "" : span(each.start)],
        ["To", each.end === null ? "the end" : span(each.end)], ["Crashed", each.crashed ? "yes" : ""],
        ["Requests", whole.format(requests[number])], ["Transferred", bytes(received[number])],
      ])])]);
    },
    build: () => make("div", "", [make("div", "gutter", ["name", "kind", "requests", "size"].map((name) =>
      make("div", `cell cell-${name}`, [], { role: "gridcell" })), { role: "presentation" }),
      make("div", "cell cell-bars", [make("div", "bars", [make("i", "bar life")])], { role: "gridcell" })]),
    fill: (element, /** @type {{ number: number, depth: number }} */ { number, depth }) => {
      const each = run.frames[number];
      const [name, kind, asked, size] = /** @type {HTMLElement[]} */ ([...element.children[0].children]);
      const { host, shortName } = partsOf(each.url);
      name.replaceChildren(make("span", "short", shortName), make("span", "host", host));
      name.title = each.url;
      name.style.paddingLeft = `${12 + Math.min(depth, 12) * 14}px`;
      write(kind, each.kind.replaceAll("_", " ") + (each.crashed ? ", crashed" : ""));
      write(asked, whole.format(requests[number]));
      write(size, bytes(received[number]));
      const life = /** @type {HTMLElement} */ (element.children[1].firstElementChild?.firstElementChild);
      const at = clipped(axis, Math.max(each.start ?? 0, 0), each.end ?? run.duration);
      life.hidden = !at;
      if (at) putAt(life, at, 2);
    },
  });
  axis.listen(() => rows.refresh());
  rows.set(ordered);
  return make("div", "panel along frames", [rows.grid]);
}
