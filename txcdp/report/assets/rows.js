// Rows of which only those are there that are seen: a list of ten thousand costs what one of fifty does.
// They come and go in blocks, each a layer of its own: a frame draws the block that is new, and moves the others.

const BLOCK = 6; // rows

/** @template T */
class VirtualRows {
  /**
   * @param {object} options
   * @param {string} options.label
   * @param {number} options.height of a row, in pixels
   * @param {number} options.most rows that are seen at once
   * @param {HTMLElement[]} options.head what stands above the rows, and belongs to the grid
   * @param {number} options.columns
   * @param {() => HTMLElement} options.build makes an empty row
   * @param {(element: HTMLElement, item: T, place: number) => void} options.fill
   * @param {(item: T) => void} options.open
   * @param {string} options.empty what is said where there is nothing
   */
  constructor(options) {
    this.options = options;
    /** @type {T[]} */
    this.items = [];
    this.active = -1;
    /** @type {Map<number, HTMLElement>} the blocks of rows that are there, by number */
    this.shown = new Map();
    /** @type {HTMLElement[]} */
    this.spare = [];
    this.id = `rows-${VirtualRows.made++}`;
    this.body = make("div", "rows-body", [], { role: "rowgroup" });
    this.scroller = make("div", "rows-scroller", [this.body], { role: "presentation" });
    this.nothing = make("p", "empty", options.empty);
    this.grid = make("div", "rows", [...options.head, this.scroller, this.nothing], {
      role: "grid", tabindex: "0", "aria-label": options.label, "aria-colcount": String(options.columns),
    });
    this.draw = oncePerFrame(() => this.render());
    this.scroller.addEventListener("scroll", () => this.draw(), { passive: true });
    this.grid.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("click", (event) => {
      const row = event.target instanceof Element ? event.target.closest(".row") : null;
      if (!(row instanceof HTMLElement)) return;
      this.activate(Number(row.dataset.place), true);
      this.grid.focus({ preventScroll: true });
    });
    new ResizeObserver(() => {
      const along = this.grid.closest(".along") ?? this.grid; // what has to be as wide as the rows
      /** @type {HTMLElement} */ (along).style.setProperty("--bar", `${this.scroller.offsetWidth - this.scroller.clientWidth}px`);
      this.draw();
    }).observe(this.scroller);
  }

  /** @param {T[]} items */
  set(items) {
    const before = this.items[this.active];
    this.items = items;
    this.active = before === undefined ? -1 : items.indexOf(before);
    const { height, most } = this.options;
    this.body.style.height = `${items.length * height}px`;
    this.scroller.style.height = `${Math.min(Math.max(items.length, 1), most) * height}px`;
    this.scroller.hidden = !items.length;
    this.nothing.hidden = items.length > 0;
    this.grid.setAttribute("aria-rowcount", String(items.length + 1));
    this.refresh();
  }

  /** Fills all rows again. */
  refresh() {
    for (const element of this.shown.values()) this.spare.push(element);
    this.shown.clear();
    this.render();
  }

  render() {
    const { height } = this.options;
    const top = this.scroller.scrollTop;
    const first = Math.floor(Math.max(top / height - 2, 0) / BLOCK);
    const last = Math.ceil(Math.min((top + this.scroller.clientHeight) / height + 2, this.items.length) / BLOCK);
    for (const [number, block] of this.shown) {
      if (number >= first && number < last) continue;
      this.shown.delete(number);
      this.spare.push(block);
    }
    for (let number = first; number < last; number++) {
      if (this.shown.has(number)) continue;
      const block = this.spare.pop() ?? make("div", "rows-block", [], { role: "presentation" });
      this.shown.set(number, block);
      block.style.transform = `translateY(${number * BLOCK * height}px)`;
      const rows = children(block, Math.min(BLOCK, this.items.length - number * BLOCK), () => this.build());
      rows.forEach((row, index) => this.fill(row, number * BLOCK + index));
      if (block.parentNode !== this.body) this.body.append(block);
    }
    for (const block of this.spare) block.remove();
    this.mark();
  }

  build() {
    const row = this.options.build();
    row.classList.add("row");
    row.setAttribute("role", "row");
    return row;
  }

  /** @param {HTMLElement} row @param {number} place */
  fill(row, place) {
    row.dataset.place = String(place);
    row.id = `${this.id}-${place}`;
    row.ariaRowIndex = String(place + 2);
    this.options.fill(row, this.items[place], place);
  }

  mark() {
    for (const block of this.shown.values()) {
      for (const row of block.children) {
        const selected = String(Number(/** @type {HTMLElement} */ (row).dataset.place) === this.active);
        if (row.ariaSelected !== selected) row.ariaSelected = selected;
      }
    }
    if (this.shown.has(Math.floor(this.active / BLOCK))) this.grid.setAttribute("aria-activedescendant", `${this.id}-${this.active}`);
    else this.grid.removeAttribute("aria-activedescendant");
  }

  /** @param {number} place @param {boolean} open */
  activate(place, open) {
    if (!this.items.length) return;
    this.active = Math.min(Math.max(place, 0), this.items.length - 1);
    const { height } = this.options;
    const top = this.active * height;
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    else if (top + height > this.scroller.scrollTop + this.scroller.clientHeight) {
      this.scroller.scrollTop = top + height - this.scroller.clientHeight;
    }
    this.render();
    if (open) this.options.open(this.items[this.active]);
  }

  /** @param {T} item @param {boolean} open */
  reveal(item, open) {
    const place = this.items.indexOf(item);
    if (place >= 0) this.activate(place, open);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.target !== this.grid || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(Math.floor(this.scroller.clientHeight / this.options.height) - 1, 1);
    /** @type {Record<string, number>} */
    const places = {
      ArrowDown: this.active + 1, ArrowUp: this.active - 1, PageDown: this.active + page, PageUp: this.active - page,
      Home: 0, End: this.items.length - 1,
    };
    if (Object.hasOwn(places, event.key)) {
      event.preventDefault();
      this.activate(places[event.key], detailsOpen());
    } else if (event.key === "Enter" && this.active >= 0) {
      event.preventDefault();
      this.activate(this.active, true);
    }
  }
}

VirtualRows.made = 0;
