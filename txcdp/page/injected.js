// Kept in each document, in the page's own world: it evaluates there, and carries values over, both ways.
//
// It runs before the scripts of the page, and takes at once what it needs of the builtins: what a page does afterwards to
// its globals, and to their prototypes, is nothing to it. Arrays are made and read by index, and never iterated, as
// iterating asks `Array.prototype`. The page cannot find it: it is a constant in the scope that scripts share, which
// nothing lists, under a name that nobody can guess.
//
// What goes over is *packed*: a primitive is itself; all else, and a string that begins with the mark, is a string of the
// mark, a letter and a text.
//   s: a string   n: a bigint   j: JSON, where JSON says all   t: JSON of a table   x: what was thrown, packed
//   u: why it cannot be packed
// A table has a row for each object, however deep it lies; the first row is the value itself. An item in a row is a
// primitive as JSON has it, or a pair: ["r", row], ["n", hexadecimal digits of a bigint], ["f", "NaN" | "Infinity" | "-Infinity" | "-0"],
// ["h", number of a handle]. A row is one of
//   ["a", items]  ["s", items of a Set]  ["o", keys, items]  ["m", keys, items of a Map]  ["d", milliseconds of a Date]
//   ["x", source, flags of a RegExp]  ["e", name, message, stack of an Error]  ["b", class name, bytes in base 64]
//   ["l", URL]  ["v", item]: what stands for a value
(() => {
  'use strict';
  const MARK = '\x7f';
  /** How deep a value may be of which JSON says all: who reads JSON goes in by recursion. */
  const DEPTH = 100;
  /** Items of one array: more do not fit into the longest string. */
  const TOO_MANY = 1e8;
  /** Milliseconds after which a page that draws no frames is asked nevertheless. */
  const NO_FRAME = 200;

  const global = globalThis;
  const { Array, ArrayBuffer, BigInt, DataView, Date, Error, Function, Map, Object, Promise, RegExp, Set, SyntaxError, URL, Uint8Array } = global;
  const { apply, getOwnPropertyDescriptor, getPrototypeOf, defineProperty } = global.Reflect;
  const { isArray } = Array, { isView } = ArrayBuffer, { keys: keysOf, setPrototypeOf } = Object, { stringify, parse } = global.JSON;
  const { eval: evaluateText, setTimeout, clearTimeout, requestAnimationFrame, cancelAnimationFrame, matchMedia, atob, btoa } = global;
  const { CustomEvent, Document, DocumentFragment, Element, Node, TypeError } = global;

  // `method(Map, 'get')(map, key)` is `map.get(key)`, whatever becomes of `Map.prototype` and `Function.prototype`.
  const { bind, call } = Function.prototype;
  /** @type {(f: Function) => any} */
  const free = apply(bind, bind, [call]);
  /** @param {any} of @param {PropertyKey} name */
  const method = (of, name) => free(of.prototype[name]);
  /** @param {any} of @param {PropertyKey} name */
  const getter = (of, name) => free(/** @type {any} */ (getOwnPropertyDescriptor(of, name)).get);

  const mapGet = method(Map, 'get'), mapSet = method(Map, 'set'), mapDelete = method(Map, 'delete');
  const mapForEach = method(Map, 'forEach'), setForEach = method(Set, 'forEach');
  const setAdd = method(Set, 'add'), setHas = method(Set, 'has');
  const getTime = method(Date, 'getTime'), tagOf = method(Object, 'toString'), isInstance = free(Function.prototype[Symbol.hasInstance]);
  const slice = method(String, 'slice'), charCodeAt = method(String, 'charCodeAt'), fromCharCode = String.fromCharCode;
  const digitsOf = method(BigInt, 'toString'), describe = method(Symbol, 'toString');
  const sourceOf = getter(RegExp.prototype, 'source'), flagsOf = getter(RegExp.prototype, 'flags');
  const hrefOf = URL && getter(URL.prototype, 'href');
  const nodeTypeOf = Node && getter(Node.prototype, 'nodeType');
  const windowOf = Document && getter(global, 'window');
  const views = getPrototypeOf(Uint8Array.prototype);
  const viewName = getter(views, Symbol.toStringTag);
  const viewBuffer = getter(views, 'buffer'), viewOffset = getter(views, 'byteOffset'), viewBytes = getter(views, 'byteLength');
  const dataBuffer = getter(DataView.prototype, 'buffer'), dataOffset = getter(DataView.prototype, 'byteOffset');
  const dataBytes = getter(DataView.prototype, 'byteLength');
  const bufferBytes = getter(ArrayBuffer.prototype, 'byteLength');
  /** @type {any} */
  const { toBase64, fromBase64 } = { toBase64: /** @type {any} */ (Uint8Array.prototype).toBase64, fromBase64: /** @type {any} */ (Uint8Array).fromBase64 };
  /** @type {any} What arrays from outside are made of, by name. */
  const classes = { __proto__: null };
  for (const name in { Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array }) {
    classes[name] = /** @type {any} */ (global)[name];
  }
  const ObjectPrototype = Object.prototype, ArrayPrototype = Array.prototype;

  /** Make an array one of ours: where the page has put into their prototype what would be asked, it has none. @param {any[]} made */
  const own = made => 'toJSON' in ArrayPrototype || 0 in ArrayPrototype ? setPrototypeOf(made, null) : made;

  /** @param {Uint8Array} bytes */
  const base64 = bytes => {
    if (toBase64) return apply(toBase64, bytes, []);
    let text = '';
    for (let i = 0; i < bytes.length; i++) text += fromCharCode(bytes[i]);
    return btoa(text);
  };

  /** @param {string} text @returns {Uint8Array} */
  const bytesOf = text => {
    if (fromBase64) return apply(fromBase64, Uint8Array, [text]);
    const chars = atob(text), bytes = new Uint8Array(chars.length);
    for (let i = 0; i < chars.length; i++) bytes[i] = charCodeAt(chars, i);
    return bytes;
  };

  /** Call something that may throw. @param {() => any} get @param {any} otherwise */
  const attempt = (get, otherwise) => {
    try { return get(); } catch { return otherwise; }
  };

  /** @param {any} value */
  const isError = value => isInstance(Error, value) || attempt(() => tagOf(value), '') === '[object Error]';

  /** What builtins are, by their prototypes. @type {Map<any, string>} */
  const kinds = new Map();
  for (const name in { Map, Set, Date, RegExp, URL, ArrayBuffer }) {
    if (/** @type {any} */ (global)[name]) kinds.set(/** @type {any} */ (global)[name].prototype, name);
  }

  /** What an object says that it is, where it is not known: it may be one of another frame's. @param {any} value @returns {string} */
  const kindOf = value => mapGet(kinds, getPrototypeOf(value)) || slice(tagOf(value), 8, -1);

  /** Whether its properties are all there is to an object. @param {any} value */
  const isPlain = value => {
    const prototype = getPrototypeOf(value);
    if (prototype === ObjectPrototype || prototype === null) return true;
    return attempt(() => tagOf(value), '[object Object]') === '[object Object]' && !isInstance(Error, value);
  };

  /** @param {any[]} value */
  const lengthOf = value => {
    if (value.length > TOO_MANY) throw new Error(`an array of ${value.length} items, most of them missing`);
    return value.length;
  };

  const not = {};  // stands for that of which JSON does not say all

  /**
   * Return a copy of that of which JSON says all; functions, symbols and what is undefined count as null.
   * Not the value itself is made JSON of, as that would ask getters, proxies and `toJSON` once more.
   * @param {any} value @param {number} depth @param {Set<any>} seen @returns {any}
   */
  const copy = (value, depth, seen) => {
    switch (typeof value) {
      case 'string': case 'boolean': return value;
      case 'number': return value > -(2 ** 53) && value < 2 ** 53 && (value !== 0 || 1 / value > 0) ? value : not;
      case 'bigint': return not;
      case 'object': break;
      default: return null;
    }
    if (value === null) return null;
    if (depth > DEPTH || setHas(seen, value)) return not;
    setAdd(seen, value);
    if (isArray(value)) {
      const items = own([]), length = lengthOf(value);
      for (let i = 0; i < length; i++) if ((items[i] = copy(value[i], depth + 1, seen)) === not) return not;
      return items;
    }
    if (!isPlain(value)) return not;
    const keys = keysOf(value);
    if (keys.length === 0) return attempt(() => typeof value.toJSON !== 'function' && !isWindow(value), false) ? { __proto__: null } : not;
    /** @type {any} */
    const made = { __proto__: null };
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      let inner;
      try { inner = value[key]; } catch { continue; }
      if (typeof inner === 'function' && key === 'toJSON') made[key] = { __proto__: null };
      else if ((made[key] = copy(inner, depth + 1, seen)) === not) return not;
    }
    return made;
  };

  /** @param {any} value */
  const isWindow = value => windowOf !== undefined && attempt(() => windowOf(value) === value, false);

  /** Return the rows of all objects that can be reached from one. @param {any} value */
  const tableOf = value => {
    const table = own([]), waiting = own([]), rows = new Map();
    let count = 0;

    /** @param {any} value */
    const item = value => {
      switch (typeof value) {
        case 'string': case 'boolean': return value;
        case 'number':
          if (value !== value || value === Infinity || value === -Infinity) return pair('f', '' + value);
          return value === 0 && 1 / value < 0 ? pair('f', '-0') : value;
        case 'bigint': return pair('n', digitsOf(value, 16));
        case 'object': return value === null ? null : pair('r', row(value));
        default: return null;
      }
    };

    /** @param {any[]} values */
    const entry = (...values) => own(values);
    const pair = entry;

    /** @param {any} value */
    const row = value => {
      let known = mapGet(rows, value);
      if (known === undefined) {
        known = count;
        mapSet(rows, value, known);
        waiting[count++] = value;
      }
      return known;
    };

    /** @param {any} value */
    const properties = value => {
      const found = keysOf(value), keys = own([]), items = own([]);
      let count = 0;
      for (let i = 0; i < found.length; i++) {
        const key = found[i];
        let inner;
        try { inner = value[key]; } catch { continue; }
        keys[count] = key;
        items[count++] = typeof inner === 'function' && key === 'toJSON' ? pair('r', row({})) : item(inner);
      }
      if (count === 0) {
        if (isWindow(value)) return entry('v', 'ref: <Window>');
        const said = attempt(() => typeof value.toJSON === 'function' ? { value: value.toJSON() } : undefined, undefined);
        if (said !== undefined && said.value !== value) return entry('v', item(said.value));
      }
      return entry('o', keys, items);
    };

    /** @param {any} value */
    const rowOf = value => {
      if (isArray(value)) {
        const items = own([]), length = lengthOf(value);
        for (let i = 0; i < length; i++) items[i] = item(value[i]);
        return entry('a', items);
      }
      if (isPlain(value)) return properties(value);
      if (isView(value)) {
        const name = viewName(value);
        const bytes = name !== undefined ? new Uint8Array(viewBuffer(value), viewOffset(value), viewBytes(value))
          : new Uint8Array(dataBuffer(value), dataOffset(value), dataBytes(value));
        return entry('b', name || 'DataView', base64(bytes));
      }
      // What says that it is something may yet be something else: then it is nothing but its properties.
      const special = attempt(() => {
        const keys = own([]), items = own([]);
        let count = 0;
        switch (kindOf(value)) {
          case 'Map':
            mapForEach(value, (/** @type {any} */ inner, /** @type {any} */ key) => { keys[count] = item(key); items[count++] = item(inner); });
            return entry('m', keys, items);
          case 'Set':
            setForEach(value, (/** @type {any} */ inner) => { items[count++] = item(inner); });
            return entry('s', items);
          case 'Date': {
            const time = getTime(value);
            return time === time ? entry('d', time) : entry('v', null);
          }
          case 'RegExp': return entry('x', sourceOf(value), flagsOf(value));
          case 'URL': return entry('l', hrefOf(value));
          case 'ArrayBuffer': return entry('b', 'ArrayBuffer', bufferBytes(value) ? base64(new Uint8Array(value)) : '');
          case 'SharedArrayBuffer': return entry('b', 'ArrayBuffer', base64(new Uint8Array(value)));
        }
      }, undefined);
      if (special !== undefined) return special;
      if (isError(value) || attempt(() => tagOf(value), '') === '[object DOMException]') {
        const { name, message, stack } = parts(value);
        return entry('e', name, message, stack);
      }
      if (isWindow(value)) return entry('v', 'ref: <Window>');
      const type = nodeTypeOf && attempt(() => nodeTypeOf(value), undefined);
      if (type !== undefined) return entry('v', type === 9 ? 'ref: <Document>' : 'ref: <Node>');
      return properties(value);
    };

    row(value);
    for (let i = 0; i < count; i++) {
      // A buffer that was given away has no bytes any more.
      table[i] = isView(waiting[i]) ? attempt(() => rowOf(waiting[i]), entry('b', attempt(() => viewName(waiting[i]), 'DataView') || 'DataView', ''))
        : rowOf(waiting[i]);
      waiting[i] = undefined;
    }
    return table;
  };

  /** What an Error says. @param {any} error */
  const parts = error => {
    /** @param {string} key */
    const text = key => attempt(() => error[key] === undefined ? '' : '' + error[key], '');
    return { name: text('name'), message: text('message'), stack: text('stack') };
  };

  /** @param {any} value @returns {any} */
  const pack = value => {
    switch (typeof value) {
      case 'string': return value[0] === MARK ? MARK + 's' + value : value;
      case 'object': break;
      case 'bigint': return MARK + 'n' + digitsOf(value, 16);
      case 'function': case 'symbol': case 'undefined': return undefined;  // `document.all` says that it is undefined
      default: return value;
    }
    if (value === null) return null;
    try {
      const copied = copy(value, 0, new Set());
      return copied !== not ? MARK + 'j' + stringify(copied) : MARK + 't' + stringify(tableOf(value));
    } catch (error) {
      return MARK + 'u' + attempt(() => '' + error, 'it throws');
    }
  };

  /** Return what was thrown, packed. @param {any} error @param {boolean} promise whether in a promise */
  const thrown = (error, promise) => {
    if (typeof error === 'object' && error !== null && attempt(() => isError(error) || tagOf(error) === '[object DOMException]', false)) {
      const { name, message, stack } = parts(error);
      return MARK + 'x' + pack({ name, message, stack });
    }
    const value = pack(error);
    return MARK + 'x' + pack({ promise, type: typeof error, value: typeof error === 'symbol' ? describe(error) : value });
  };

  /** @param {any} packed @param {any[]} handles */
  const unpack = (packed, handles) => {
    if (typeof packed !== 'string' || packed[0] !== MARK) return packed;
    const text = slice(packed, 2);
    switch (packed[1]) {
      case 's': return text;
      case 'n': return bigint(text);
      case 'j': return parse(text);
      default: return untable(parse(text), handles);
    }
  };

  /** @param {string} digits */
  const bigint = digits => digits[0] === '-' ? -BigInt('0x' + slice(digits, 1)) : BigInt('0x' + digits);

  /** @param {any} into @param {PropertyKey} key @param {any} value @param {boolean} enumerable */
  const define = (into, key, value, enumerable) => {
    /** @type {any} */
    const descriptor = { __proto__: null, value, writable: true, enumerable, configurable: true };
    defineProperty(into, key, descriptor);
  };

  /** Give an object a property, whatever its prototype would do with that. @param {any} into @param {PropertyKey} key @param {any} value */
  const put = (into, key, value) => {
    if (key in into) define(into, key, value, true);
    else into[key] = value;
  };

  /** @param {any[][]} table @param {any[]} handles */
  const untable = (table, handles) => {
    const made = own([]);
    for (let i = 0; i < table.length; i++) made[i] = create(table[i]);
    /** @param {any} item */
    const value = item => {
      if (typeof item !== 'object' || item === null) return item;
      switch (item[0]) {
        case 'r': return made[item[1]];
        case 'n': return bigint(item[1]);
        case 'h': return handles[item[1]];
        default: return item[1] === 'NaN' ? NaN : item[1] === '-0' ? -0 : item[1] === 'Infinity' ? Infinity : -Infinity;
      }
    };
    for (let i = 0; i < table.length; i++) {
      const row = table[i], into = made[i], items = row[row.length - 1];
      if (row[0] === 'a') for (let k = 0; k < items.length; k++) put(into, k, value(items[k]));
      else if (row[0] === 's') for (let k = 0; k < items.length; k++) setAdd(into, value(items[k]));
      else if (row[0] === 'm') for (let k = 0; k < items.length; k++) mapSet(into, value(row[1][k]), value(items[k]));
      else if (row[0] === 'o') for (let k = 0; k < items.length; k++) put(into, row[1][k], value(items[k]));
    }
    return table[0][0] === 'v' ? value(table[0][1]) : made[0];
  };

  /** @param {any[]} row @returns {any} */
  const create = row => {
    switch (row[0]) {
      case 'a': return [];
      case 's': return new Set();
      case 'm': return new Map();
      case 'd': return new Date(row[1]);
      case 'x': return new RegExp(row[1], row[2]);
      case 'l': return new URL(row[1]);
      case 'e': {
        const error = new Error(row[2]);
        define(error, 'name', row[1], false);
        define(error, 'stack', row[3], false);
        return error;
      }
      case 'b': {
        const bytes = bytesOf(row[2]);
        if (row[1] === 'ArrayBuffer') return viewBuffer(bytes);
        return row[1] === 'Uint8Array' ? bytes : new classes[row[1]](viewBuffer(bytes));
      }
      default: return {};
    }
  };

  /** @param {any} value */
  const isThenable = value => typeof value === 'object' && value !== null && typeof value.then === 'function';

  /** @param {string} source @param {boolean} isFunction */
  const evaluateScript = (source, isFunction) => isFunction ? evaluateFunction(source) : evaluateText(source);

  /**
   * Evaluate a source as a script does; a function that it results in is called.
   * @param {string} source @param {boolean} isFunction whether it begins like a declaration of a function, which is to be a value
   * @param {any[]} args
   */
  const evaluateSource = (source, isFunction, args) => {
    const value = evaluateScript(source, isFunction);
    return typeof value === 'function' ? apply(value, undefined, args) : value;
  };

  /** @param {string} source */
  const evaluateFunction = source => {
    try {
      return evaluateText('(' + source + '\n)');
    } catch (error) {
      if (!isInstance(SyntaxError, error)) throw error;
      try {
        return evaluateText(source);  // a declaration, and more after it
      } catch (other) {
        throw isInstance(SyntaxError, other) ? error : other;
      }
    }
  };

  /**
   * Return what evaluates a source once more. It is compiled at once, where that can be: a document's policy may forbid
   * it to all but those whom the browser calls itself. A block is none of an expression's.
   * @param {string} source
   */
  const evaluateAgain = source => {
    if (source[0] !== '{') {
      try { return evaluateText('() => (' + source + '\n)'); } catch { }  // statements
    }
    const evaluateAgain = () => evaluateText(source);
    return evaluateAgain;
  };

  /** @param {any[]} packed @param {any[]} handles */
  const unpackAll = (packed, handles) => {
    for (let i = 0; i < packed.length; i++) packed[i] = unpack(packed[i], handles);
    return packed;
  };

  /** What is kept by the browser for the program: strings are packed, as what was thrown is one. @param {any} value */
  const keep = value => typeof value === 'string' ? pack(value) : value;

  /** @param {any} promise @param {(value: any) => any} give */
  const settlePromise = async (promise, give) => {
    try { return give(await promise); } catch (error) { return thrown(error, true); }
  };

  /** Return what is asked for, or what that has thrown: a getter of the page's, or the document. @param {() => any} get */
  const answer = get => {
    try { return get(); } catch (error) { return thrown(error, false); }
  };

  /** What ends each wait that goes on, by number. @type {Map<number, () => void>} */
  const waits = new Map();

  const isMatching = global.MediaQueryList && getter(global.MediaQueryList.prototype, 'matches');

  /** Whether no timer of this document ever calls back: its scripts are disabled, or its frame is a sandbox without them. */
  const scriptsAreOff = () => Boolean(isMatching) && isMatching(matchMedia('(scripting: none)'));

  /** Return what fires when the page may look otherwise, and keep what ends that. @param {number} id @param {number | null} interval */
  const pause = (id, interval) => new Promise(done => {
    // A page in the background draws no frames.
    const timer = setTimeout(done, interval === null ? NO_FRAME : interval);
    const frame = interval === null && requestAnimationFrame ? requestAnimationFrame(done) : undefined;
    mapSet(waits, id, () => {
      clearTimeout(timer);
      if (frame !== undefined) cancelAnimationFrame(frame);
      done(undefined);
    });
  });

  /** Calls of the program's functions that it has not answered, by number. @type {Map<number, { resolve: Function, reject: Function }>} */
  const calls = new Map();
  let called = 0;
  /** What sends a text to the program. @type {(text: string) => void} */
  let send;

  const getAttribute = Node && method(Element, 'getAttribute'), textOf = Node && getter(Node.prototype, 'textContent');
  /** @param {any} of */
  const searches = of => ({ of, one: method(of, 'querySelector'), all: method(of, 'querySelectorAll') });
  const queries = Node && [searches(Document), searches(DocumentFragment), searches(Element)];

  /** @param {any} root @param {'one' | 'all'} which @param {string} selector */
  const query = (root, which, selector) => {
    for (let i = 0; i < queries.length; i++) if (isInstance(queries[i].of, root)) return queries[i][which](root, selector);
    throw new TypeError('only a document, an element or a shadow root can be searched');
  };

  const addListener = Node && method(global.EventTarget, 'addEventListener'), removeListener = Node && method(global.EventTarget, 'removeEventListener');
  const detailOf = Node && getter(CustomEvent.prototype, 'detail'), touchesOf = Node && getter(global.TouchEvent.prototype, 'touches');
  const touchCount = Node && getter(global.TouchList.prototype, 'length'), touchAt = Node && method(global.TouchList, 'item');
  const touchOf = Node && getter(global.Touch.prototype, 'target');
  /** What is gathered, by the name of an event. @type {Map<string, { found: any[], take: (event: Event) => void }>} */
  const gatherings = new Map();

  return {
    __proto__: null,

    // Functions that are called for the program by name: with the handles first, and with what is packed.

    /** @param {any[]} handles @param {any[]} packed */
    value(handles, ...packed) {
      return pack(unpack(packed[0], handles));
    },

    /** A property of an object; a promise is not awaited. @param {any[]} handles @param {any[]} packed */
    property(handles, ...packed) {
      unpackAll(packed, handles);
      return answer(() => keep(packed[0][packed[1]]));
    },

    /** @param {any[]} handles @param {any[]} packed */
    attribute(handles, ...packed) {
      unpackAll(packed, handles);
      return answer(() => {
        if (!isInstance(Element, packed[0])) throw new TypeError('only an element has attributes');
        return pack(getAttribute(packed[0], packed[1]));
      });
    },

    /** @param {any[]} handles @param {any[]} packed */
    text(handles, ...packed) {
      return pack(textOf(unpack(packed[0], handles)));
    },

    /** @param {any[]} handles @param {any[]} packed */
    query(handles, ...packed) {
      unpackAll(packed, handles);
      return answer(() => query(packed[0] || document, 'one', packed[1]));
    },

    /** @param {any[]} handles @param {any[]} packed */
    queryAll(handles, ...packed) {
      unpackAll(packed, handles);
      return answer(() => query(packed[0] || document, 'all', packed[1]));
    },

    /** Note the elements that an event brings; see `announce` in `locators.js`. @param {any[]} handles @param {string} name */
    gather(handles, name) {
      const found = own([]);
      const take = (/** @type {Event} */ event) => {
        if (isInstance(CustomEvent, event)) {
          const places = detailOf(event), all = query(document, 'all', '*');
          for (let i = 0; i < places.length; i++) found[i] = all[places[i]];
        } else {
          const touches = touchesOf(event), count = touchCount(touches);
          for (let i = 0; i < count; i++) found[i] = touchOf(touchAt(touches, i));
        }
      };
      mapSet(gatherings, name, { found, take });
      addListener(global, name, take, true);
    },

    /** Return an array of these. @param {any[]} handles @param {string} name */
    gathered(handles, name) {
      const { found, take } = mapGet(gatherings, name);
      mapDelete(gatherings, name);
      removeListener(global, name, take, true);
      return setPrototypeOf(found, ArrayPrototype);
    },

    /**
     * @param {string} source @param {boolean} isFunction @param {boolean} awaits whether for a promise @param {boolean} byValue
     * @param {any[]} handles @param {any[]} packed arguments
     */
    evaluate(source, isFunction, awaits, byValue, handles, ...packed) {
      const give = byValue ? pack : keep;
      try {
        const value = evaluateSource(source, isFunction, unpackAll(packed, handles));
        return awaits && isThenable(value) ? settlePromise(value, give) : give(value);
      } catch (error) {
        return thrown(error, false);
      }
    },

    /**
     * Evaluate again and again until something comes of it.
     * @param {string} source @param {boolean} isFunction @param {number} id @param {number | null} interval milliseconds; null: each frame
     * @param {any[]} handles @param {any[]} packed
     */
    async waitUntil(source, isFunction, id, interval, handles, ...packed) {
      try {
        unpackAll(packed, handles);
        mapSet(waits, id, () => {});
        let evaluated = evaluateScript(source, isFunction);
        const again = typeof evaluated === 'function' ? undefined : evaluateAgain(source);
        for (;;) {
          let value = typeof evaluated === 'function' ? apply(evaluated, undefined, packed) : evaluated;
          if (isThenable(value)) value = await value;
          if (value || !mapGet(waits, id)) return keep(value);
          if (scriptsAreOff()) return undefined;  // and the program asks again
          await pause(id, interval);
          if (!mapGet(waits, id)) return undefined;
          if (again) evaluated = again();
        }
      } catch (error) {
        return thrown(error, false);
      } finally {
        mapDelete(waits, id);
      }
    },

    /** End a wait that is not wanted any more. @param {number} id */
    stop(id) {
      const end = mapGet(waits, id);
      mapDelete(waits, id);
      if (end) end();
    },

    /**
     * Give the page functions that call the program.
     * @param {string} key by which this script is known @param {string} binding what sends a text, which the page is not to see
     * @param {string} name
     */
    expose(key, binding, name) {
      if (!send) {
        send = /** @type {any} */ (global)[binding];
        delete /** @type {any} */ (global)[binding];
      }
      const value = (/** @type {any[]} */ ...args) => new Promise((resolve, reject) => {
        const id = ++called;
        mapSet(calls, id, { resolve, reject });
        send(key + '\n' + id + '\n' + name + '\n' + pack(args));
      });
      define(global, name, value, true);
    },

    /** @param {string} name */
    conceal(name) {
      delete /** @type {any} */ (global)[name];
    },

    /** Answer a call. @param {number} id @param {boolean} well @param {any} packed @param {any[]} [handles] */
    answer(id, well, packed, handles = []) {
      const call = mapGet(calls, id);
      mapDelete(calls, id);
      if (!call) return;
      let value;
      try { value = unpack(packed, handles); } catch (error) { call.reject(error); return; }  // such as a RegExp of Python's own
      call[well ? 'resolve' : 'reject'](value);
    },
  };
})()
