// The lanes above the requests: the axis, an overview, pictures, long tasks, the console, all on one axis.

const PICTURE_WIDTH = 108;
const PICTURE_GAP = 4;

/** A lane: its name to the left, and what is drawn along the axis.
 * @param {string} kind @param {(Node | string)[]} label @param {Node[]} content */
function lane(kind, label, content) {
  return make("div", `lane lane-${kind}`, [make("div", "lane-label", label), make("div", "lane-time", content)]);
}

/** @param {Element} element */
function timeArea(element) {
  return /** @type {HTMLElement} */ (element.querySelector(".lane-time"));
}

/** Where something is within what is shown, as parts of its width; null: nowhere.
 * @param {Axis} axis @param {number} from @param {number} to */
function clipped(axis, from, to) {
  if (to < axis.from || from > axis.to) return null;
  const begin = Math.max(axis.place(from), 0);
  return { begin, width: Math.max(Math.min(axis.place(to), 1) - begin, 0) };
}

/** @param {HTMLElement} element @param {{ begin: number, width: number }} at @param {number} least pixels */
function putAt(element, at, least) {
  element.style.left = `min(${at.begin * 100}%, calc(100% - ${least}px))`;
  element.style.width = `${at.width * 100}%`;
  element.style.minWidth = `${least}px`;
}

/** Keeps as many children as there are items. @param {HTMLElement} parent @param {number} number @param {() => HTMLElement} build */
function children(parent, number, build) {
  while (parent.children.length > number) parent.lastElementChild?.remove();
  while (parent.children.length < number) parent.append(build());
  return /** @type {HTMLElement[]} */ ([...parent.children]);
}

/** @param {Axis} axis */
function axisLane(axis) {
  const zoom = make("div", "zoom", [
    button("−", () => axis.zoom(2), "", { "aria-label": "Zoom out" }),
    button("+", () => axis.zoom(0.5), "", { "aria-label": "Zoom in" }),
    button("All", () => axis.all(), "", { "aria-label": "Show all of the time" }),
  ], { role: "group", "aria-label": "Zoom" });
  const made = lane("axis", [zoom], []);
  const area = timeArea(made);
  area.tabIndex = 0;
  area.setAttribute("role", "group");
  area.setAttribute("aria-label", "Time: left and right move, plus and minus zoom, 0 shows all");
  area.addEventListener("keydown", (event) => {
    if (steerByKey(event, axis)) say(`From ${span(axis.from)} to ${span(axis.to)}`);
  });
  const draw = () => {
    const { step, found } = axis.ticks(area.clientWidth / 90);
    const fitting = found.filter((time) => axis.place(time) >= 0 && axis.place(time) * area.clientWidth <= area.clientWidth - 44);
    children(area, fitting.length, () => make("span", "tick")).forEach((tick, index) => {
      tick.style.left = `${axis.place(fitting[index]) * 100}%`;
      tick.textContent = tickText(fitting[index], step);
    });
  };
  return { made, area, draw };
}

/** How many requests were under way, over all of the time, with the part that is shown marked.
 * @param {Run} run @param {Axis} axis */
function overviewLane(run, axis) {
  const canvas = make("canvas", "", [], { "aria-hidden": "true" });
  const shown = make("div", "window");
  const made = lane("overview", ["Overview"], [canvas, shown]);
  const area = timeArea(made);
  let most = 0;
  const paint = () => {
    const width = area.clientWidth;
    const height = area.clientHeight;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.max(Math.round(width * ratio), 1);
    canvas.height = Math.max(Math.round(height * ratio), 1);
    const context = canvas.getContext("2d");
    if (!context || !width) return;
    const style = getComputedStyle(area);
    const changes = new Float64Array(width + 2);
    const failed = new Uint8Array(width + 1);
    for (const each of run.exchanges) {
      const begin = Math.min(Math.max(Math.floor((each.start / axis.duration) * width), 0), width);
      const end = Math.min(Math.max(Math.ceil(((each.end ?? run.duration) / axis.duration) * width), begin + 1), width + 1);
      changes[begin] += 1;
      changes[end] -= 1;
      if (each.failed) failed[begin] = 1;
    }
    const heights = [];
    for (let x = 0, now = 0; x <= width; x++) heights.push(now += changes[x]);
    most = Math.max(...heights, 1);
    context.scale(ratio, ratio);
    context.fillStyle = style.getPropertyValue("--overview");
    heights.forEach((number, x) => {
      if (number > 0) context.fillRect(x, height - Math.max((number / most) * (height - 3), 1), 1, height);
    });
    context.fillStyle = style.getPropertyValue("--bad");
    failed.forEach((any, x) => {
      if (any) context.fillRect(x, height - 3, 2, 3);
    });
    area.title = `Requests under way, up to ${most} at a time; drag to zoom`;
  };
  const draw = () => {
    shown.hidden = !axis.zoomed;
    shown.style.left = `${(axis.from / axis.duration) * 100}%`;
    shown.style.width = `${(axis.span / axis.duration) * 100}%`;
  };
  steer(area, {
    place: (time) => time / axis.duration,
    time: (place) => place * axis.duration,
    show: (from, to) => axis.show(from, to),
    zoom: (factor, around) => axis.zoom(factor, around),
    pan: (part) => axis.pan(part),
    all: () => axis.all(),
  }, () => ({ left: 0, width: area.clientWidth }));
  return { made, draw, paint };
}

/** What the page looked like at the beginning of each place for a picture; a picture holds until the next one.
 * @param {Run} run @param {Axis} axis */
function picturesLane(run, axis) {
  const made = lane("pictures", ["Pictures"], []);
  const area = timeArea(made);
  const draw = () => {
    const width = area.clientWidth;
    const number = Math.max(Math.floor((width + PICTURE_GAP) / (PICTURE_WIDTH + PICTURE_GAP)), 1);
    /** @type {[number, Picture][]} */
    const chosen = [];
    for (let place = 0, next = 0; place < number; place++) {
      const left = place * (PICTURE_WIDTH + PICTURE_GAP);
      const time = axis.time(width ? left / width : 0);
      if (time > run.duration) break;
      while (next < run.pictures.length && run.pictures[next].time <= time) next++;
      const picture = run.pictures[next - 1];
      if (picture) chosen.push([left, picture]);
    }
    children(area, chosen.length, () => {
      const image = make("img", "", [], { alt: "", decoding: "async", draggable: "false" });
      const made = make("button", "picture", [image], { type: "button" });
      return made;
    }).forEach((element, index) => {
      const [left, picture] = chosen[index];
      const image = /** @type {HTMLImageElement} */ (element.firstElementChild);
      if (image.getAttribute("src") !== picture.source) image.src = picture.source;
      element.style.left = `${left}px`;
      element.style.width = `${PICTURE_WIDTH}px`;
      element.setAttribute("aria-label", `The page at ${span(picture.time)}`);
      element.onclick = () => showPicture(run, picture);
    });
  };
  return { made, draw };
}

/** @param {Run} run @param {Axis} axis */
function tasksLane(run, axis) {
  const total = run.tasks.reduce((sum, each) => sum + each.duration, 0);
  const made = lane("tasks", ["Long tasks", make("span", "soft", run.tasks.length ? `${count(run.tasks.length, "task")}, ${span(total)}` : "none")], []);
  const area = timeArea(made);
  const draw = () => {
    const pixel = axis.span / Math.max(area.clientWidth, 1);
    /** @type {{ from: number, to: number, first: Task, number: number }[]} those that touch, as one */
    const blocks = [];
    for (const task of run.tasks) {
      const end = task.start + task.duration;
      const last = blocks[blocks.length - 1];
      if (end < axis.from || task.start > axis.to) continue;
      if (last && task.start - last.to < pixel * 2) {
        last.to = Math.max(last.to, end);
        last.number++;
      } else {
        blocks.push({ from: task.start, to: end, first: task, number: 1 });
      }
    }
    children(area, blocks.length, () => make("i", "task")).forEach((element, index) => {
      const { from, to, first, number } = blocks[index];
      const at = clipped(axis, from, to);
      if (at) putAt(element, at, 2);
      element.title = number > 1 ? count(number, "long task") : `A task of ${span(first.duration)}`;
      element.onclick = () => showTask(run, first);
    });
  };
  return { made, draw };
}

const LEVELS = ["debug", "info", "warning", "error"];

/** @param {Run} run @param {Axis} axis @param {(message: Message) => void} reveal */
function consoleLane(run, axis, reveal) {
  const errors = run.messages.filter((each) => each.level === "error").length;
  const said = run.messages.length ? `${count(run.messages.length, "line")}${errors ? `, ${count(errors, "error")}` : ""}` : "none";
  const made = lane("console", ["Console", make("span", errors ? "bad" : "soft", said)], []);
  const area = timeArea(made);
  const draw = () => {
    const slots = Math.max(Math.floor(area.clientWidth / 8), 1);
    /** @type {Map<number, { worst: Message, number: number }>} */
    const found = new Map();
    for (const message of run.messages) {
      const place = axis.place(message.time);
      if (place < 0 || place > 1) continue;
      const slot = Math.min(Math.floor(place * slots), slots - 1);
      const before = found.get(slot);
      if (!before) found.set(slot, { worst: message, number: 1 });
      else {
        before.number++;
        if (LEVELS.indexOf(message.level) > LEVELS.indexOf(before.worst.level)) before.worst = message;
      }
    }
    const marks = [...found];
    children(area, marks.length, () => make("i", "mark")).forEach((element, index) => {
      const [slot, { worst, number }] = marks[index];
      element.className = `mark level-${worst.level}`;
      element.style.left = `${((slot + 0.5) / slots) * 100}%`;
      element.title = number > 1 ? `${count(number, "line")}; ${worst.text.slice(0, 200)}` : worst.text.slice(0, 200);
      element.onclick = () => reveal(worst);
    });
  };
  return { made, draw };
}

/** The moments that a load is judged by. @param {Run} run @returns {[string, number, string][]} name, moment, class */
function moments(run) {
  const found = mainDocument(run);
  if (!found) return [];
  const { vitals } = found;
  /** @type {[string, number | null | undefined, string][]} */
  const all = [
    ["FCP", vitals?.fcp === null || vitals?.fcp === undefined ? null : found.start + vitals.fcp, "paint"],
    ["LCP", vitals?.lcp === null || vitals?.lcp === undefined ? null : found.start + vitals.lcp, "paint"],
    ["DCL", found.contentLoaded, "load"],
    ["Load", found.loaded, "load"],
  ];
  return all.flatMap(([name, time, kind]) => (typeof time === "number" ? [/** @type {[string, number, string]} */ ([name, time, kind])] : []))
    .sort((a, b) => a[1] - b[1]);
}

const MOMENT_WORDS = {
  FCP: "First Contentful Paint", LCP: "Largest Contentful Paint", DCL: "DOMContentLoaded", Load: "load",
};

/** Lines through everything, and their names in a lane.
 * @param {Run} run @param {Axis} axis */
function momentsLane(run, axis) {
  const made = lane("moments", ["Moments"], []);
  const area = timeArea(made);
  const lines = make("div", "lines", [], { "aria-hidden": "true" });
  const draw = () => {
    const width = Math.max(area.clientWidth, 1);
    const shown = moments(run).filter(([, time]) => axis.place(time) >= 0 && axis.place(time) <= 1);
    children(lines, shown.length, () => make("i")).forEach((line, index) => {
      line.className = `line line-${shown[index][2]}`;
      line.style.left = `${axis.place(shown[index][1]) * 100}%`;
    });
    // Names that would lie on each other stand side by side, at the first of them.
    /** @type {{ at: number, names: [string, string][], words: string[] }[]} */
    const labels = [];
    for (const [name, time, kind] of shown) {
      const at = axis.place(time) * width;
      const last = labels[labels.length - 1];
      const words = `${MOMENT_WORDS[/** @type {keyof typeof MOMENT_WORDS} */ (name)]}: ${span(time)}`;
      if (last && at < last.at + last.names.length * 34 + 8) {
        last.names.push([name, kind]);
        last.words.push(words);
      } else {
        labels.push({ at, names: [[name, kind]], words: [words] });
      }
    }
    children(area, labels.length, () => make("span")).forEach((label, index) => {
      const { at, names, words } = labels[index];
      label.className = "moment";
      label.replaceChildren(...names.map(([name, kind]) => make("span", `moment-${kind}`, name)));
      label.title = words.join("\n");
      label.style.left = `${Math.max(Math.min(at, width - names.length * 34), 0)}px`;
    });
  };
  return { made, draw, lines };
}
