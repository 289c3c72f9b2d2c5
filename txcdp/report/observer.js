// Tells what is felt of a document, in a world of its own: the page cannot reach it, nor forge what it says. The name
// of the binding is put in front. Each message has the document's origin on the wall clock, as it is now.
// Returns what has it tell all that there is, once what was last done has been painted.
(/** @param {(text: string) => void} tell */ (tell) => {
  "use strict";
  const top = window.top === window;
  /** @type {Record<string, (entry: any) => object | null>} */
  const KINDS = {
    "paint": (entry) => (entry.name === "first-contentful-paint" ? {} : null),
    "largest-contentful-paint": (entry) => ({
      size: entry.size, element: named(entry.element), url: String(entry.url || "").slice(0, 2000),
    }),
    "layout-shift": (entry) => (entry.hadRecentInput ? null : { value: entry.value }),
    // Each frame tells of its own; what keeps the page busy besides, as other pages of its process do, the top one.
    "longtask": (entry) => (entry.name === "self" || (top && !entry.name.endsWith("-descendant")) ? { where: entry.name } : null),
    "event": (entry) => (entry.interactionId ? { interaction: entry.interactionId, event: entry.name } : null),
    "first-input": (entry) => ({ interaction: entry.interactionId || 0, event: entry.name }),
    "navigation": (entry) => ({ first_byte: entry.responseStart }),
  };

  /** @param {Element | null | undefined} element */
  function named(element) {
    if (!element) return "";
    const id = element.id ? `#${element.id}` : "";
    const classes = [...element.classList].slice(0, 3).map((each) => `.${each}`).join("");
    return `${element.localName}${id}${classes}`.slice(0, 200);
  }

  /** @type {object[]} */
  let waiting = [];

  function send() {
    const entries = waiting;
    waiting = [];
    tell(JSON.stringify({ origin: Date.now() - performance.now(), title: document.title.slice(0, 2000), entries }));
  }

  /** @param {PerformanceEntry[]} entries */
  function take(entries) {
    for (const entry of entries) {
      const more = KINDS[entry.entryType]?.(entry);
      if (more) waiting.push({ kind: entry.entryType, start: entry.startTime, duration: entry.duration, ...more });
    }
    if (waiting.length) send();
  }

  /** @type {PerformanceObserver[]} */
  const observers = [];

  for (const type of top ? Object.keys(KINDS) : ["longtask"]) {
    if (!PerformanceObserver.supportedEntryTypes.includes(type)) continue;
    // 16 ms is the least that browsers tell of.
    const observer = new PerformanceObserver((list) => take(list.getEntries()));
    observer.observe(/** @type {any} */ ({ type, buffered: true, durationThreshold: 16 }));
    observers.push(observer);
  }
  return () => new Promise((resolve) => {
    const tellAll = () => {
      for (const each of observers) take(each.takeRecords());
      send();
      resolve(undefined);
    };
    setTimeout(tellAll, 500); // a page that is not seen paints nothing
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(tellAll, 0)));
  });
})
