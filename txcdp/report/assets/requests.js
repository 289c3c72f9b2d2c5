// The waterfall: the requests of a run, below the lanes that they share an axis with.

/** @type {Record<string, (each: Exchange) => number | string>} what is sorted by */
const SORTS = {
  name: (each) => each.shortName.toLowerCase(),
  status: (each) => (each.outcome === "failed" ? 1000 : each.status),
  type: (each) => each.type.toLowerCase(),
  size: (each) => -(each.transferred ?? 0),
  time: (each) => -((each.end ?? each.start) - each.start),
  start: (each) => each.number,
};

/** @param {Exchange} each */
function statusText(each) {
  if (each.outcome === "failed") return "failed";
  if (each.outcome === "cancelled") return "cancelled";
  return each.status ? String(each.status) : each.outcome === "pending" ? "open" : "–";
}

/** @param {Exchange} each */
function sizeText(each) {
  if (each.cached === "memory" || each.cached === "disk" || each.cached === "prefetch") return each.cached === "prefetch" ? "fetched" : each.cached;
  return bytes(each.transferred);
}

/** @param {Run} run @param {Axis} axis @param {Filter} filter @param {(message: Message) => void} reveal */
function requestsPanel(run, axis, filter, reveal) {
  let sort = "start";
  let backwards = false;
  const mainHost = run.site;

  /** @type {HTMLElement[]} */
  const headings = [["name", "Name"], ["status", "Status"], ["type", "Type"], ["size", "Size"], ["time", "Time"]].map(([key, text]) => {
    const cell = make("div", `cell cell-${key}`, [button(text, () => sortBy(key))], { role: "columnheader" });
    cell.dataset.sort = key;
    return cell;
  });
  const bars = make("div", "cell cell-bars", [button("Waterfall", () => sortBy("start")), make("span", "legend", [
    make("span", "", [make("i", "swatch swatch-wait"), "waiting"]), make("span", "", [make("i", "swatch swatch-receive"), "receiving"]),
  ])], { role: "columnheader" });
  bars.dataset.sort = "start";
  headings.push(bars);
  const head = make("div", "rows-head", [make("div", "row row-head", [make("div", "gutter", headings.slice(0, 5), { role: "presentation" }), bars], {
    role: "row", "aria-rowindex": "1",
  })], { role: "rowgroup" });

  const rows = new VirtualRows({
    label: run.letter ? `Requests of run ${run.letter}` : "Requests",
    height: 24,
    most: 22,
    columns: 6,
    head: [head],
    empty: run.exchanges.length ? "No request is like that." : "There were no requests.",
    open: (each) => showExchange(run, each),
    build: () => make("div", "", [
      make("div", "gutter", [
        make("div", "cell cell-name", [make("span", "short"), make("span", "host")], { role: "gridcell" }),
        make("div", "cell cell-status", [], { role: "gridcell" }),
        make("div", "cell cell-type", [], { role: "gridcell" }),
        make("div", "cell cell-size", [], { role: "gridcell" }),
        make("div", "cell cell-time", [], { role: "gridcell" }),
      ], { role: "presentation" }),
      make("div", "cell cell-bars", [make("div", "bars", [make("i", "bar bar-wait"), make("i", "bar bar-receive")])], { role: "gridcell" }),
    ]),
    fill: (element, each) => {
      const [gutter, barCell] = element.children;
      const [name, status, type, size, time] = gutter.children;
      element.className = `row${each.failed ? " failed" : ""}${each.outcome === "cancelled" ? " cancelled" : ""}`;
      /** @type {HTMLElement} */ (name).title = each.url;
      write(name.children[0], each.method === "GET" ? each.shortName : `${each.method} ${each.shortName}`);
      write(name.children[1], each.host === mainHost || each.host.startsWith(`${mainHost}:`) ? "" : each.host);
      write(status, statusText(each));
      write(type, each.type.toLowerCase());
      write(size, sizeText(each));
      write(time, each.end === null ? "–" : span(each.end - each.start));
      const cell = /** @type {HTMLElement} */ (barCell);
      cell.className = `cell cell-bars ${groupClass(each.group)}`;
      cell.setAttribute("aria-label", `from ${span(each.start)}${each.end === null ? "" : ` to ${span(each.end)}`}`);
      drawBars(/** @type {HTMLElement} */ (cell.firstElementChild), each);
    },
  });

  /** @param {HTMLElement} area @param {Exchange} each */
  function drawBars(area, each) {
    const end = each.end ?? run.duration;
    const turn = Math.min(Math.max(each.responded ?? end, each.start), end);
    const [wait, receive] = /** @type {HTMLElement[]} */ ([...area.children]);
    const waited = turn > each.start || each.responded === null ? clipped(axis, each.start, turn) : null;
    const received = each.responded !== null ? clipped(axis, turn, end) : null;
    wait.hidden = !waited;
    receive.hidden = !received;
    if (waited) putAt(wait, waited, 2);
    if (received) putAt(receive, received, 2);
    area.classList.toggle("open", each.end === null);
  }

  const show = () => {
    const decide = filter.decider();
    const items = run.exchanges.filter(decide);
    if (sort !== "start" || backwards) {
      const key = SORTS[sort];
      const sign = backwards ? -1 : 1;
      items.sort((a, b) => {
        const [x, y] = [key(a), key(b)];
        return (x < y ? -1 : x > y ? 1 : a.number - b.number) * sign;
      });
    }
    rows.set(items);
    for (const heading of headings) {
      const active = heading.dataset.sort === sort;
      if (active) heading.setAttribute("aria-sort", backwards ? "descending" : "ascending");
      else heading.removeAttribute("aria-sort");
    }
  };
  /** @param {string} key */
  function sortBy(key) {
    backwards = sort === key && !backwards;
    sort = key;
    show();
    rows.scroller.scrollTop = 0;
  }

  const scale = axisLane(axis);
  const overview = overviewLane(run, axis);
  const pictures = picturesLane(run, axis);
  const tasks = tasksLane(run, axis);
  const said = consoleLane(run, axis, reveal);
  const named = momentsLane(run, axis);
  const lanes = make("div", "lanes", [
    overview.made, scale.made, ...(moments(run).length ? [named.made] : []), ...(run.pictures.length ? [pictures.made] : []), tasks.made, said.made,
  ]);
  const grid = make("div", "gridlines", [], { "aria-hidden": "true" });
  const panel = make("div", "panel along", [lanes, rows.grid, make("div", "over", [grid, named.lines], { "aria-hidden": "true" })]);

  const drawLanes = () => {
    for (const each of [scale, overview, pictures, tasks, said, named]) each.draw();
    const { found } = axis.ticks(scale.area.clientWidth / 90);
    children(grid, found.length, () => make("i")).forEach((line, index) => {
      line.style.left = `${axis.place(found[index]) * 100}%`;
    });
  };
  const extent = () => {
    const area = scale.area.getBoundingClientRect();
    return { left: area.left - rows.grid.getBoundingClientRect().left, width: area.width };
  };
  steer(rows.grid, axis, extent);
  rows.grid.addEventListener("keydown", (event) => {
    if (event.target === rows.grid) steerByKey(event, axis);
  });
  axis.listen(() => {
    drawLanes();
    rows.refresh();
  });
  filter.listen(show);
  const measure = oncePerFrame(() => {
    overview.paint();
    drawLanes();
  });
  new ResizeObserver(measure).observe(scale.area);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", measure);
  show();
  return panel;
}
