// The page, put together.

/** @param {Run} run */
function runHead(run) {
  const found = mainDocument(run);
  const began = clockTime(run, 0).replace(/\.\d+/, "");
  return make("div", "run-head", [
    make("h1", "", [...(run.letter ? [letter(run), " "] : []), found?.title || run.name || "A run"]),
    make("p", "soft", [found?.url || run.name].filter(Boolean), { class: "soft url" }),
    make("p", "soft", [began, run.browser, run.source === "page" ? "" : `from a ${run.source}`, `${span(run.duration)}`,
      ...(found?.error ? [found.error] : [])].filter(Boolean).join("  ·  ")),
  ]);
}

function start() {
  /** @type {Run[]} */
  const runs = GIVEN.runs.map(readRun);
  if (runs.length === 1) runs[0].letter = "";
  const axis = new Axis(Math.max(...runs.map((run) => run.duration)));
  const filter = new Filter();
  const main = byId("main");
  const beside = (/** @type {(run: Run, number: number) => HTMLElement} */ build) => make("div", `runs runs-${runs.length}`, runs.map((run, number) =>
    (runs.length === 1 ? build(run, number) : make("div", "of-run", [make("h3", "run-name", [letter(run), " ", run.name]), build(run, number)]))));

  const consoles = runs.map(consolePanel);
  const requests = section("requests", "Requests", counted(filter, runs), [filterBar(filter, runs)]);
  filter.listen(() => {
    const text = counted(filter, runs);
    const said = requests.querySelector(".count");
    if (said) said.textContent = text;
    say(`${text} requests`);
  });
  requests.append(beside((run, number) => requestsPanel(run, axis, filter, consoles[number].reveal)));
  const said = section("console", "Console", runs.map((run) => whole.format(run.messages.length)).join(" / "));
  said.append(beside((_, number) => consoles[number].panel));
  const frames = section("frames", "Frames and workers", runs.map((run) => whole.format(run.frames.length)).join(" / "));
  frames.append(beside((run) => framesPanel(run, axis)));
  const sizes = section("sizes", "Sizes");
  sizes.append(beside(sizesPanel));

  const parts = runs.length === 1 ? [summarySection(runs[0]), requests, said, frames, sizes]
    : [compareSection(runs), requests, differencesSection(runs), said, frames, sizes];
  main.replaceChildren(make("div", `run-heads runs-${runs.length}`, runs.map(runHead)), ...parts);
  if (GIVEN.masked) {
    main.append(make("p", "foot soft", "Cookies, authorization, tokens and passwords are masked, where a name tells that they are some."));
  }
  byId("sections").replaceChildren(...parts.map((each) =>
    make("a", "", each.querySelector("h2")?.textContent ?? "", { href: `#${each.id}` })));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeDetails();
  });
  document.documentElement.dataset.ready = "yes";
  performance.mark("txcdp-report-ready");
}

start();
