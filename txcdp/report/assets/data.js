// What the page is given, read into objects. Times are milliseconds since the run began.

/** @typedef {"blocked" | "dns" | "connect" | "tls" | "send" | "wait" | "receive"} PhaseName */
/** @typedef {{ kind: string, content: string, size: number | null, truncated: boolean }} BodyRow */

/**
 * @typedef {object} Exchange
 * @property {number} number its place in the run, from 0
 * @property {string} url
 * @property {string} host
 * @property {string} shortName
 * @property {string} method
 * @property {string} type
 * @property {string} group of types, as the filter has them
 * @property {number} status
 * @property {string} statusText
 * @property {string} protocol
 * @property {string} outcome
 * @property {string} failure
 * @property {boolean} failed
 * @property {number | null} frame
 * @property {number | null} document
 * @property {string} initiator
 * @property {string} initiatorUrl
 * @property {number | null} initiatorLine
 * @property {string} priority
 * @property {string} cached
 * @property {string} remote
 * @property {string} mime
 * @property {number} start
 * @property {number | null} responded
 * @property {number | null} end
 * @property {Partial<Record<PhaseName, number>>} phases
 * @property {number | null} sent
 * @property {number | null} transferred
 * @property {number | null} size
 * @property {boolean} third
 * @property {number[]} requestHeaders
 * @property {number[]} responseHeaders
 * @property {BodyRow | null} requestBody
 * @property {BodyRow | null} body
 * @property {[number, number] | null} messages
 * @property {string} found what a filter looks in
 */

/**
 * @typedef {object} Message
 * @property {number} number
 * @property {number} time
 * @property {string} level
 * @property {string} source
 * @property {string} text
 * @property {string} url
 * @property {number | null} line
 * @property {number | null} frame
 */

/** @typedef {{ kind: string, parent: number | null, url: string, name: string, start: number | null,
 *    end: number | null, crashed: boolean }} FrameRow */
/** @typedef {{ start: number, duration: number, frame: number | null, where: string }} Task */
/** @typedef {{ time: number, source: string }} Picture */
/** @typedef {"lcp" | "cls" | "inp" | "fcp" | "ttfb"} VitalName */
/** @typedef {Record<string, any>} VitalsRow */
/** @typedef {{ url: string, title: string, frame: number | null, start: number, contentLoaded: number | null,
 *    loaded: number | null, error: string, vitals: VitalsRow | null }} DocumentRow */

/**
 * @typedef {object} Run
 * @property {string} letter
 * @property {string} name
 * @property {string} source
 * @property {string} browser
 * @property {number} started milliseconds since 1970
 * @property {number} duration
 * @property {string} site
 * @property {string[]} missing
 * @property {DocumentRow[]} documents
 * @property {FrameRow[]} frames
 * @property {Exchange[]} exchanges
 * @property {Message[]} messages
 * @property {Task[]} tasks
 * @property {Picture[]} pictures
 */

/** @type {PhaseName[]} */
const PHASES = ["blocked", "dns", "connect", "tls", "send", "wait", "receive"];

/** The groups of types, in the order in which they are shown; each has a colour of its own. */
const GROUPS = ["Document", "Script", "Stylesheet", "Image", "Font", "Fetch", "Media", "Socket", "Other"];

/** @type {Map<string, string>} by type: a map, since a type may be called like what every object has */
const GROUP_OF = new Map(Object.entries({
  document: "Document", script: "Script", stylesheet: "Stylesheet", image: "Image", font: "Font", fetch: "Fetch",
  xhr: "Fetch", eventsource: "Fetch", preflight: "Fetch", media: "Media", texttrack: "Media", websocket: "Socket",
  webtransport: "Socket",
}));

const GIVEN = JSON.parse(document.getElementById("data")?.textContent || "{}");
/** @type {string[]} */
const TEXTS = GIVEN.texts;
/** @type {Record<VitalName, [number, number]>} */
const THRESHOLDS = GIVEN.thresholds;

/** @param {any[] | null | undefined} value @returns {BodyRow | null} */
function readBody(value) {
  return value ? { kind: value[0], content: value[1], size: value[2] ?? null, truncated: Boolean(value[3]) } : null;
}

/** @param {any[] | null | undefined} value */
function readPhases(value) {
  /** @type {Partial<Record<PhaseName, number>>} */
  const phases = {};
  PHASES.forEach((name, place) => {
    const spent = value?.[place];
    if (typeof spent === "number") phases[name] = spent;
  });
  return phases;
}

/** @param {string[]} columns @param {any[]} row @param {number} number @returns {Exchange} */
function readExchange(columns, row, number) {
  /** @type {Record<string, any>} */
  const made = {};
  columns.forEach((column, place) => {
    const value = row[place] ?? null;
    if (column.startsWith("@")) made[column.slice(1)] = TEXTS[value ?? 0];
    else made[column] = value;
  });
  const { host, shortName } = partsOf(made.url);
  const failed = made.outcome === "failed" || made.outcome === "crashed" || made.status >= 400;
  return /** @type {any} */ ({
    ...made, number, host, shortName, failed,
    group: GROUP_OF.get(made.type.toLowerCase()) ?? "Other",
    start: made.start ?? 0,
    third: Boolean(made.third),
    phases: readPhases(made.phases),
    requestHeaders: made.requestHeaders ?? [],
    responseHeaders: made.responseHeaders ?? [],
    requestBody: readBody(made.requestBody),
    body: readBody(made.body),
    found: `${made.method} ${made.url} ${made.mime}`.toLowerCase(),
  });
}

/** A URL's host, and the last part of its path: without a parser, which takes ten times as long and refuses some.
 * @param {string} url */
function partsOf(url) {
  const [, scheme = "", rest = ""] = /^([a-z][a-z0-9+.-]*):(.*)$/is.exec(url) ?? [];
  if (!rest.startsWith("//")) return { host: "", shortName: url.length > 80 ? `${url.slice(0, 80)}…` : url || "(no URL)" };
  const bare = rest.slice(2).split("#", 1)[0];
  const [place, ...query] = bare.split("?");
  const slash = place.indexOf("/");
  const host = (slash < 0 ? place : place.slice(0, slash)).replace(/^.*@/, "");
  const path = slash < 0 ? "/" : place.slice(slash);
  const last = path.endsWith("/") ? path.slice(path.lastIndexOf("/", path.length - 2)) : path.slice(path.lastIndexOf("/") + 1);
  const asked = query.length ? `?${query.join("?")}` : "";
  return { host: host || scheme, shortName: (last || "/") + asked };
}

/** @param {any} given @param {number} place @returns {Run} */
function readRun(given, place) {
  return {
    ...given,
    letter: "AB"[place] ?? "",
    exchanges: given.exchanges.map((/** @type {any[]} */ row, /** @type {number} */ number) =>
      readExchange(GIVEN.columns, row, number)),
    messages: given.messages.map((/** @type {any[]} */ row, /** @type {number} */ number) => ({
      number, time: row[0] ?? 0, level: TEXTS[row[1]], source: TEXTS[row[2]], text: row[3], url: TEXTS[row[4]],
      line: row[5] ?? null, frame: row[6] ?? null,
    })),
    tasks: given.tasks.map((/** @type {any[]} */ row) => ({
      start: row[0] ?? 0, duration: row[1] ?? 0, frame: row[2] ?? null, where: row[3],
    })),
    pictures: given.pictures.map((/** @type {any[]} */ row) => ({ time: row[0] ?? 0, source: row[1] })),
  };
}

/** The document that stands for a run: the first that a server has brought.
 * @param {Run} run @returns {DocumentRow | undefined} */
function mainDocument(run) {
  return run.documents.find((each) => !each.error) ?? run.documents[0];
}
