// How numbers are written.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** @param {number | null | undefined} value */
function bytes(value) {
  if (value === null || value === undefined) return "–";
  if (value < 1000) return `${whole.format(value)} B`;
  if (value < 999_500) return `${value < 9950 ? (value / 1e3).toFixed(1) : whole.format(value / 1e3)} kB`;
  if (value < 999_500_000) return `${value < 9_950_000 ? (value / 1e6).toFixed(1) : whole.format(value / 1e6)} MB`;
  return `${(value / 1e9).toFixed(1)} GB`;
}

/** Milliseconds, in the unit that suits them.
 * @param {number | null | undefined} value */
function span(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size > 0 && size < 9.95) return `${value.toFixed(1)} ms`;
  if (size < 999.5) return `${whole.format(value)} ms`;
  if (size < 59_995) return `${(value / 1000).toFixed(2)} s`;
  const seconds = Math.round(size / 1000);
  if (seconds < 3600) return `${value < 0 ? "−" : ""}${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${value < 0 ? "−" : ""}${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** @param {number} number @param {string} one @param {string} [more] */
function count(number, one, more = `${one}s`) {
  return `${whole.format(number)} ${number === 1 ? one : more}`;
}

/** @param {VitalName} name @param {number | null} value */
function vital(name, value) {
  if (value === null) return "none";
  return name === "cls" ? value.toFixed(3) : span(value);
}

/** When a moment of a run was, for people.
 * @param {Run} run @param {number} time */
function clockTime(run, time) {
  const when = new Date(run.started + time);
  return Number.isFinite(when.getTime()) ? when.toISOString().replace("T", " ").replace("Z", " UTC") : "";
}
