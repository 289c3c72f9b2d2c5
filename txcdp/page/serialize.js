// Called on an object: goes over all that can be reached from it, and returns it as a table, by value.
//
// The table has a row for each object; the first is the object itself. An item in a row is a primitive as JSON has it, or
// a pair: ["r", row], ["n", digits of a bigint], ["f", "NaN" | "Infinity" | "-Infinity" | "-0"]. A row is one of
//   ["a", items]  ["s", items of a Set]  ["o", keys, items]  ["m", keys, items of a Map]  ["d", milliseconds]
//   ["x", source, flags]  ["e", name, message, stack]  ["b", class name, bytes in base 64]  ["t", text]  ["u"]
// What is JSON throughout is returned as it is instead, in {json: value}: then nobody has to read a table.
// The table is a list of lists, so no depth of nesting is too much. Array methods, JSON and the like are the page's: not used.
function () {
  /** @type {any[][]} */
  const table = [];
  /** @type {any[]} */
  const waiting = [];
  const rows = new Map();
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const tag = Object.prototype.toString;

  /** @param {Uint8Array} bytes */
  const base64 = bytes => {
    let text = '';
    for (let i = 0; i < bytes.length; i += 3) {
      const more = bytes.length - i;
      const b = more > 1 ? bytes[i + 1] : 0;
      const c = more > 2 ? bytes[i + 2] : 0;
      text += digits[bytes[i] >> 2] + digits[(bytes[i] & 3) << 4 | b >> 4];
      text += more > 1 ? digits[(b & 15) << 2 | c >> 6] : '=';
      text += more > 2 ? digits[c & 63] : '=';
    }
    return text;
  };

  /** @param {any} value */
  const item = value => {
    switch (typeof value) {
      case 'string': case 'boolean': return value;
      case 'number':
        if (value !== value || value === Infinity || value === -Infinity) return ['f', '' + value];
        return value === 0 && 1 / value < 0 ? ['f', '-0'] : value;
      case 'bigint': return ['n', '' + value];
      case 'object': return value === null ? null : ['r', row(value)];
      default: return null;
    }
  };

  /** @param {any} value */
  const row = value => {
    let known = rows.get(value);
    if (known === undefined) {
      known = waiting.length;
      rows.set(value, known);
      waiting[known] = value;
    }
    return known;
  };

  /** @param {any} value */
  const plain = value => {
    const keys = [], items = [];
    let count = 0;
    for (const key in value) {
      if (!Object.prototype.hasOwnProperty.call(value, key)) continue;
      let inner;
      try { inner = value[key]; } catch { continue; }
      keys[count] = key;
      items[count++] = item(inner);
    }
    if (count === 0 && typeof value.toJSON === 'function') {
      let said;
      try { said = value.toJSON(); } catch { return ['o', keys, items]; }
      if (typeof said === 'string') return ['t', said];
      if (typeof said === 'object' && said !== null && said !== value) return describe(said);
    }
    return ['o', keys, items];
  };

  /** @param {any} value */
  const describe = value => {
    if (typeof Node === 'function' && value instanceof Node) return ['t', value.nodeType === 9 ? 'ref: <Document>' : 'ref: <Node>'];
    if (typeof Window === 'function' && value instanceof Window) return ['t', 'ref: <Window>'];
    if (Array.isArray(value)) {
      const items = [];
      for (let i = 0; i < value.length; i++) items[i] = item(value[i]);
      return ['a', items];
    }
    const items = [], keys = [];
    let count = 0;
    switch (tag.call(value)) {
      case '[object Map]':
        Map.prototype.forEach.call(value, (inner, key) => { keys[count] = item(key); items[count++] = item(inner); });
        return ['m', keys, items];
      case '[object Set]':
        Set.prototype.forEach.call(value, inner => { items[count++] = item(inner); });
        return ['s', items];
      case '[object Date]': {
        const time = Date.prototype.getTime.call(value);
        return time === time ? ['d', time] : ['u'];
      }
      case '[object RegExp]': return ['x', value.source, value.flags];
      case '[object Error]': case '[object DOMException]':
        return ['e', '' + value.name, '' + value.message, '' + (value.stack || '')];
      case '[object URL]': return ['t', '' + value.href];
      case '[object ArrayBuffer]': case '[object SharedArrayBuffer]':
        return ['b', 'ArrayBuffer', base64(new Uint8Array(value))];
    }
    if (ArrayBuffer.isView(value)) {
      const name = tag.call(value);
      let cut = '';
      for (let i = 8; i < name.length - 1; i++) cut += name[i];
      return ['b', cut, base64(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))];
    }
    return plain(value);
  };

  const seen = new Set();
  const not = {};  // stands for what is not JSON

  // A copy, as V8 sees nothing in a Proxy.
  /** @param {any} value @param {number} depth @returns {any} */
  const copy = (value, depth) => {
    switch (typeof value) {
      case 'string': case 'boolean': return value;
      case 'number': return value > -(2 ** 53) && value < 2 ** 53 && !(value === 0 && 1 / value < 0) ? value : not;
      case 'object': break;
      default: return not;
    }
    if (value === null) return null;
    if (depth > 60 || seen.has(value)) return not;
    seen.add(value);
    if (Array.isArray(value)) {
      const items = [];
      for (let i = 0; i < value.length; i++) if ((items[i] = copy(value[i], depth + 1)) === not) return not;
      return items;
    }
    const prototype = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return not;
    /** @type {any} */
    const made = {};
    for (const key in value) {
      if (!Object.prototype.hasOwnProperty.call(value, key)) continue;
      if (key === '__proto__') return not;
      try { if ((made[key] = copy(value[key], depth + 1)) === not) return not; } catch { return not; }
    }
    return made;
  };

  const json = copy(this, 0);
  if (json !== not) return {json};
  row(this);
  for (let i = 0; i < waiting.length; i++) table[i] = describe(waiting[i]);
  return table;
}
