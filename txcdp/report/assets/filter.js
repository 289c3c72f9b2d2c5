// Which exchanges are shown: one filter for all runs.

const STATUSES = /** @type {const} */ ([
  ["", "Any status"], ["2", "2xx"], ["3", "3xx"], ["4", "4xx"], ["5", "5xx"], ["failed", "Failed"],
  ["cached", "From a cache"], ["pending", "Not ended"],
]);

class Filter {
  constructor() {
    this.text = "";
    /** @type {Set<string>} of groups; none: all */
    this.groups = new Set();
    this.status = "";
    this.party = "";
    /** @type {(() => void)[]} */
    this.listeners = [];
    this.tell = oncePerFrame(() => this.listeners.forEach((each) => each()));
  }

  /** @param {() => void} listener */
  listen(listener) {
    this.listeners.push(listener);
  }

  get isEmpty() {
    return !this.text.trim() && !this.groups.size && !this.status && !this.party;
  }

  /** Returns what decides; words all have to be there, those behind a minus must not.
   * @returns {(exchange: Exchange) => boolean} */
  decider() {
    const words = this.text.toLowerCase().split(/\s+/).filter((each) => each && each !== "-");
    const wanted = words.filter((each) => !each.startsWith("-"));
    const unwanted = words.filter((each) => each.startsWith("-")).map((each) => each.slice(1));
    return (each) =>
      (!this.groups.size || this.groups.has(each.group)) && this.hasStatus(each) &&
      (!this.party || each.third === (this.party === "third")) &&
      wanted.every((word) => each.found.includes(word)) && !unwanted.some((word) => each.found.includes(word));
  }

  /** @param {Exchange} each */
  hasStatus(each) {
    switch (this.status) {
      case "": return true;
      case "failed": return each.failed;
      case "cached": return Boolean(each.cached);
      case "pending": return each.outcome === "pending";
      default: return String(each.status).startsWith(this.status);
    }
  }
}

/** @param {string} label @param {readonly (readonly [string, string])[]} options @param {(value: string) => void} chosen */
function choice(label, options, chosen) {
  const select = make("select", "", options.map(([value, text]) => make("option", "", text, { value })), {
    "aria-label": label,
  });
  select.addEventListener("change", () => chosen(select.value));
  return select;
}

/** @param {string} label @param {(text: string) => void} typed */
function searchField(label, typed) {
  const input = make("input", "search", [], { type: "search", placeholder: label, "aria-label": label, autocomplete: "off" });
  input.addEventListener("input", () => typed(input.value));
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !input.value) return;
    event.stopPropagation();
    input.value = "";
    typed("");
  });
  return input;
}

/** A button that is pressed or not. @param {(Node | string)[]} content @param {(pressed: boolean) => void} pressed */
function chip(content, pressed) {
  const made = make("button", "chip", content, { type: "button", "aria-pressed": "false" });
  made.addEventListener("click", () => {
    const now = made.getAttribute("aria-pressed") !== "true";
    made.setAttribute("aria-pressed", String(now));
    pressed(now);
  });
  return made;
}

/** The controls of the filter; the chips are the legend of the bars as well.
 * @param {Filter} filter @param {Run[]} runs */
function filterBar(filter, runs) {
  const change = (/** @type {() => void} */ act) => {
    act();
    filter.tell();
  };
  const there = new Set(runs.flatMap((run) => run.exchanges.map((each) => each.group)));
  const chips = GROUPS.filter((group) => there.has(group)).map((group) =>
    chip([make("i", `swatch ${groupClass(group)}`), group], (pressed) => change(() => {
      if (pressed) filter.groups.add(group);
      else filter.groups.delete(group);
    })));
  return make("div", "toolbar", [
    searchField("Filter by URL, method, type", (text) => change(() => { filter.text = text; })),
    choice("Status", STATUSES, (value) => change(() => { filter.status = value; })),
    choice("Party", [["", "Any party"], ["first", "First party"], ["third", "Third party"]],
      (value) => change(() => { filter.party = value; })),
    make("div", "chips", chips, { role: "group", "aria-label": "Types" }),
  ]);
}

/** How many requests there are, and are shown.
 * @param {Filter} filter @param {Run[]} runs */
function counted(filter, runs) {
  const total = runs.reduce((sum, run) => sum + run.exchanges.length, 0);
  if (filter.isEmpty) return whole.format(total);
  const decide = filter.decider();
  const shown = runs.reduce((sum, run) => sum + run.exchanges.filter(decide).length, 0);
  return `${whole.format(shown)} of ${whole.format(total)}`;
}
