// The time that is shown: one for all that is drawn along it, so that lanes, rows and runs stay aligned.

class Axis {
  /** @param {number} duration milliseconds of all of it */
  constructor(duration) {
    this.duration = Math.max(duration, 1);
    this.from = 0;
    this.to = this.duration;
    /** @type {(() => void)[]} */
    this.listeners = [];
    this.tell = oncePerFrame(() => this.listeners.forEach((each) => each()));
  }

  get span() {
    return this.to - this.from;
  }

  get zoomed() {
    return this.from > 0 || this.to < this.duration;
  }

  /** @param {() => void} listener */
  listen(listener) {
    this.listeners.push(listener);
  }

  /** Where a moment is, from 0 to 1 within what is shown. @param {number} time */
  place(time) {
    return (time - this.from) / this.span;
  }

  /** @param {number} place */
  time(place) {
    return this.from + place * this.span;
  }

  /** Shows a part of the time, a twentieth of a millisecond at the least.
   * @param {number} from @param {number} to */
  show(from, to) {
    const least = Math.min(0.05, this.duration);
    let [begin, end] = from <= to ? [from, to] : [to, from];
    if (end - begin < least) end = begin + least;
    const length = Math.min(end - begin, this.duration);
    begin = Math.min(Math.max(begin, 0), this.duration - length);
    this.from = begin;
    this.to = begin + length;
    this.tell();
  }

  /** @param {number} factor below 1: closer @param {number} [around] the moment that stays where it is */
  zoom(factor, around = (this.from + this.to) / 2) {
    const place = this.place(around);
    const length = Math.min(this.span * factor, this.duration);
    this.show(around - place * length, around + (1 - place) * length);
  }

  /** @param {number} part of what is shown, to the right where it is above 0 */
  pan(part) {
    const moved = Math.min(Math.max(part * this.span, -this.from), this.duration - this.to);
    this.show(this.from + moved, this.to + moved);
  }

  all() {
    this.show(0, this.duration);
  }

  /** Round moments, about as many as there is room for. @param {number} most */
  ticks(most) {
    const rough = this.span / Math.max(most, 1);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? power * 10;
    const found = [];
    for (let index = Math.ceil(this.from / step - 1e-9); index * step <= this.to + step * 1e-9; index++) {
      found.push(Math.abs(index * step)); // never −0; nothing is before the beginning
    }
    return { step, found };
  }
}

/** A moment as it is written on an axis. @param {number} time @param {number} step */
function tickText(time, step) {
  if (step >= 1000 || (time >= 1000 && step >= 10)) {
    const digits = step >= 1000 ? 0 : step >= 100 ? 1 : 2;
    return time >= 60_000 ? `${Math.floor(time / 60_000)}:${((time % 60_000) / 1000).toFixed(digits).padStart(digits ? 3 + digits : 2, "0")}`
      : `${(time / 1000).toFixed(digits)} s`;
  }
  return `${step >= 1 ? whole.format(time) : time.toFixed(step >= 0.1 ? 1 : 2)} ms`;
}

/** @typedef {Pick<Axis, "place" | "time" | "show" | "zoom" | "pan" | "all">} Steered */

/** Lets an area along an axis be dragged over and wheeled.
 * @param {HTMLElement} area @param {Steered} axis
 * @param {() => { left: number, width: number }} extent where the time is, in the area's own pixels */
function steer(area, axis, extent) {
  /** @type {{ id: number, from: number, x: number, moved: boolean } | null} */
  let drag = null;
  let justDragged = false; // the click that ends a drag means nothing else
  const brush = make("div", "brush");
  brush.hidden = true;
  area.append(brush);

  /** @param {MouseEvent} event */
  const timeOf = (event) => {
    const { left, width } = extent();
    const place = (event.clientX - area.getBoundingClientRect().left - left) / width;
    return axis.time(Math.min(Math.max(place, 0), 1));
  };
  area.addEventListener("pointerdown", (event) => {
    const { left } = extent();
    if (event.button || event.clientX - area.getBoundingClientRect().left < left) return;
    drag = { id: event.pointerId, from: timeOf(event), x: event.clientX, moved: false };
  });
  area.addEventListener("pointermove", (event) => {
    if (!drag || drag.id !== event.pointerId) return;
    if (!drag.moved && Math.abs(event.clientX - drag.x) < 4) return;
    if (!drag.moved) area.setPointerCapture(event.pointerId);
    drag.moved = true;
    const { left, width } = extent();
    const places = [axis.place(drag.from), axis.place(timeOf(event))].sort((a, b) => a - b);
    brush.hidden = false;
    brush.style.left = `${left + places[0] * width}px`;
    brush.style.width = `${(places[1] - places[0]) * width}px`;
  });
  /** @param {PointerEvent} event @param {boolean} done */
  const finish = (event, done) => {
    if (!drag || drag.id !== event.pointerId) return;
    const { from, moved } = drag;
    drag = null;
    brush.hidden = true;
    if (moved && done) {
      axis.show(from, timeOf(event));
      justDragged = true;
      setTimeout(() => { justDragged = false; }, 0);
    }
  };
  area.addEventListener("click", (event) => {
    if (justDragged) event.stopPropagation();
  }, { capture: true });
  area.addEventListener("pointerup", (event) => finish(event, true));
  area.addEventListener("pointercancel", (event) => finish(event, false));
  area.addEventListener("dblclick", (event) => {
    const { left } = extent();
    if (event.clientX - area.getBoundingClientRect().left >= left) axis.all();
  });
  area.addEventListener("wheel", (event) => {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      axis.zoom(Math.exp(event.deltaY / 300), timeOf(event));
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      axis.pan((event.deltaX || event.deltaY) / Math.max(extent().width, 1));
    }
  }, { passive: false });
}

/** @param {KeyboardEvent} event @param {Axis} axis @returns {boolean} whether the key meant something */
function steerByKey(event, axis) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  /** @type {Record<string, () => void>} */
  const keys = {
    "+": () => axis.zoom(0.5), "=": () => axis.zoom(0.5), "-": () => axis.zoom(2), "0": () => axis.all(),
    ArrowLeft: () => axis.pan(-0.2), ArrowRight: () => axis.pan(0.2),
  };
  const act = Object.hasOwn(keys, event.key) ? keys[event.key] : undefined;
  if (!act) return false;
  event.preventDefault();
  act();
  return true;
}
