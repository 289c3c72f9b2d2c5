// The panel with all that is known of one thing.

/** @type {HTMLElement | null} what had the focus before */
let detailsFrom = null;

function detailsOpen() {
  return !byId("details").hidden;
}

function closeDetails() {
  const panel = byId("details");
  if (panel.hidden) return;
  const had = panel.contains(document.activeElement);
  panel.hidden = true;
  document.body.classList.remove("with-details");
  if (had) detailsFrom?.focus({ preventScroll: true });
}

/** @param {string} title @param {(Node | null)[]} parts */
function openDetails(title, parts) {
  const panel = byId("details");
  if (panel.hidden && document.activeElement instanceof HTMLElement) detailsFrom = document.activeElement;
  panel.replaceChildren(
    make("div", "details-head", [
      make("h2", "", title),
      button("Close", closeDetails, "close", { "aria-keyshortcuts": "Escape" }),
    ]),
    make("div", "details-body", parts.filter((each) => each !== null), { tabindex: "0", "aria-label": title }),
  );
  panel.hidden = false;
  document.body.classList.add("with-details");
}

/** @param {string} title @param {(Node | string)[]} content */
function part(title, content) {
  return make("section", "", [make("h3", "", title), ...content]);
}

/** Names and values; those without a value are left out.
 * @param {[string, Node | string | number | null | undefined][]} pairs */
function facts(pairs) {
  return make("dl", "facts", pairs.flatMap(([name, value]) =>
    value === null || value === undefined || value === "" ? [] : [
      make("dt", "", name), make("dd", "", [value instanceof Node ? value : String(value)]),
    ]));
}

/** @param {number[]} headers numbers of texts */
function headerList(headers) {
  return make("dl", "headers", headers.flatMap((number) => {
    const text = TEXTS[number];
    const colon = text.indexOf(": ", 1);
    return [make("dt", "", colon < 0 ? text : text.slice(0, colon)), make("dd", "", colon < 0 ? "" : text.slice(colon + 2))];
  }));
}

/** @param {string} title @param {BodyRow | null} body */
function bodyPart(title, body) {
  if (!body) return null;
  const more = body.truncated ? `The first ${whole.format(body.content.length)} characters of ${bytes(body.size)}` : bytes(body.size);
  const shown = body.kind === "picture"
    ? make("img", "body-picture", [], { src: body.content, alt: "The picture that was loaded" })
    : make("pre", "body-text", body.content, { tabindex: "0", "aria-label": title });
  return part(title, [make("p", "soft", more), shown]);
}

const PHASE_WORDS = {
  blocked: "Queued, waiting", dns: "Looking up the host", connect: "Connecting", tls: "of that, TLS", send: "Sending",
  wait: "Waiting for the response", receive: "Receiving",
};

/** @param {Exchange} each */
function timingPart(each) {
  const told = PHASES.filter((name) => each.phases[name] !== undefined);
  if (!told.length) return null;
  let at = 0;
  /** @type {Partial<Record<PhaseName, [number, number]>>} */
  const places = {};
  for (const name of told) {
    const spent = each.phases[name] ?? 0;
    if (name === "tls") {
      places.tls = [Math.max(at - spent, 0), spent]; // it is the end of connecting
    } else {
      places[name] = [at, spent];
      at += spent;
    }
  }
  const total = Math.max(at, 0.01);
  const rows = told.map((name) => {
    const [from, spent] = places[name] ?? [0, 0];
    const bar = make("i", `phase phase-${name}`);
    bar.style.left = `min(${(from / total) * 100}%, calc(100% - 2px))`;
    bar.style.width = `${(spent / total) * 100}%`;
    return make("tr", name === "tls" ? "within" : "", [
      make("th", "", PHASE_WORDS[name], { scope: "row" }), make("td", "phase-lane", [make("div", "", [bar])]),
      make("td", "num", span(spent)),
    ]);
  });
  rows.push(make("tr", "total", [
    make("th", "", "Together", { scope: "row" }), make("td"), make("td", "num", span(at)),
  ]));
  return part("Timing", [make("table", "timing", [make("tbody", "", rows)])]);
}

/** @param {Run} run @param {number | null} number */
function frameName(run, number) {
  const frame = number === null ? undefined : run.frames[number];
  if (!frame) return "";
  return `${frame.kind.replaceAll("_", " ")} ${frame.name ? `“${frame.name}” ` : ""}${frame.url}`;
}

/** @param {Run} run @param {Exchange} each */
function showExchange(run, each) {
  const sizes = each.cached && !each.transferred ? `nothing, from the ${each.cached === "worker" ? "service worker" : `${each.cached} cache`}`
    : bytes(each.transferred);
  const status = each.status ? `${each.status} ${each.statusText}`.trim() : "";
  openDetails(each.shortName, [
    part("General", [facts([
      ["URL", each.url],
      ["Method", each.method],
      ["Status", status],
      ["Failed", each.failure ? make("span", "bad", each.failure) : ""],
      ["Ended", each.outcome],
      ["Type", each.mime ? `${each.type}, ${each.mime}` : each.type],
      ["Party", each.third ? "third" : "first"],
      ["Protocol", each.protocol],
      ["Server", each.remote],
      ["Priority", each.priority],
      ["Asked for by", [each.initiator, each.initiatorUrl && `${each.initiatorUrl}${each.initiatorLine ? `:${each.initiatorLine}` : ""}`]
        .filter(Boolean).join(", ")],
      ["In", frameName(run, each.frame)],
      ["Began", `${span(each.start)} (${clockTime(run, each.start)})`],
      ["Took", each.end === null ? "" : span(each.end - each.start)],
      ["Transferred", each.transferred === null ? "" : sizes],
      ["Content", each.size === null ? "" : bytes(each.size)],
      ["Sent", each.sent === null ? "" : bytes(each.sent)],
      ["Messages", each.messages ? `${whole.format(each.messages[0])} sent, ${whole.format(each.messages[1])} received` : ""],
    ])]),
    timingPart(each),
    bodyPart("Response body", each.body),
    each.responseHeaders.length ? part(`Response headers (${each.responseHeaders.length})`, [headerList(each.responseHeaders)]) : null,
    each.requestHeaders.length ? part(`Request headers (${each.requestHeaders.length})`, [headerList(each.requestHeaders)]) : null,
    bodyPart("Request body", each.requestBody),
  ]);
}

/** @param {Run} run @param {Message} each */
function showMessage(run, each) {
  openDetails(each.source === "exception" ? "Uncaught exception" : `Console, ${each.level}`, [
    part("Text", [make("pre", "body-text", each.text, { tabindex: "0", "aria-label": "Text" })]),
    part("General", [facts([
      ["Time", `${span(each.time)} (${clockTime(run, each.time)})`],
      ["Level", each.level],
      ["Source", each.source],
      ["At", each.url && `${each.url}${each.line === null ? "" : `:${each.line}`}`],
      ["In", frameName(run, each.frame)],
    ])]),
  ]);
}

/** @param {Run} run @param {Picture} picture */
function showPicture(run, picture) {
  const words = `The page at ${span(picture.time)}`;
  openDetails(words, [
    make("img", "large-picture", [], { src: picture.source, alt: words }),
    part("General", [facts([["Shown at", `${span(picture.time)} (${clockTime(run, picture.time)})`]])]),
  ]);
}

/** @param {Run} run @param {Task} task */
function showTask(run, task) {
  openDetails("Long task", [
    part("General", [facts([
      ["Began", `${span(task.start)} (${clockTime(run, task.start)})`],
      ["Took", span(task.duration)],
      ["Where", task.where],
      ["In", frameName(run, task.frame)],
    ])]),
  ]);
}
