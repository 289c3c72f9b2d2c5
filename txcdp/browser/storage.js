// Reads and writes what an origin keeps in its local storage and in IndexedDB, in an empty document of that origin.
//
// What JSON has no form for is *encoded*, as Playwright's files have it: a primitive is itself, and else
//   {v: "null" | "undefined" | "NaN" | "Infinity" | "-Infinity" | "-0"}  {bi: digits of a bigint}  {d: a Date, ISO 8601}
//   {u: a URL}  {r: {p: pattern, f: flags}}  {e: {n: name, m: message, s: stack}}  {ab: {b: base 64}}
//   {ta: {b: base 64, k: kind of typed array}}  {a: items, id}  {o: [{k: key, v: value}], id}
//   {m: [{k: key, v: value}], id} a Map  {s: items, id} a Set  {ref: id of a, o, m or s before}
// Of our own: {v: "hole"} in items, {box: a primitive, id} its object  {blob: {b, t: type, n: name of a File, l: its time}}
//   {ab: {b, k: kind}} a view that Playwright does not know: it reads its bytes, and as a ta would refuse the whole file
(() => {
  'use strict';
  const KINDS = {
    i8: Int8Array, ui8: Uint8Array, ui8c: Uint8ClampedArray, i16: Int16Array, ui16: Uint16Array, i32: Int32Array,
    ui32: Uint32Array, f32: Float32Array, f64: Float64Array, bi64: BigInt64Array, bui64: BigUint64Array,
  };
  const OWN_KINDS = { dv: DataView };
  if (globalThis.Float16Array) OWN_KINDS.f16 = Float16Array;  // not there before Chromium 135
  const BOXES = [Boolean, Number, String, BigInt];
  const ERRORS = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

  const done = request => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error('an open page holds an older version of the database'));
  });

  const ended = transaction => new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });

  const toBase64 = buffer => {
    const bytes = new Uint8Array(buffer), parts = [];
    for (let at = 0; at < bytes.length; at += 32768) parts.push(String.fromCharCode(...bytes.subarray(at, at + 32768)));
    return btoa(parts.join(''));
  };
  const fromBase64 = text => Uint8Array.from(atob(text), each => each.charCodeAt(0)).buffer;

  const isPlain = value => {
    const prototype = Object.getPrototypeOf(value);
    return prototype === Object.prototype || prototype === null;
  };

  /** Whether JSON says all of a value: also that no object is in it twice. */
  const isTrivial = (value, seen = new Set()) => {
    switch (typeof value) {
      case 'string': case 'boolean': return true;
      case 'number': return Number.isFinite(value) && !Object.is(value, -0);
      case 'object': break;
      default: return false;
    }
    if (value === null) return true;
    if (seen.has(value)) return false;
    seen.add(value);
    if (Array.isArray(value)) {
      return Object.keys(value).length === value.length && Array.from(value).every(each => isTrivial(each, seen));
    }
    return isPlain(value) && Object.values(value).every(each => isTrivial(each, seen));
  };

  const encode = async (value, seen = new Map()) => {
    switch (typeof value) {
      case 'undefined': return { v: 'undefined' };
      case 'string': case 'boolean': return value;
      case 'bigint': return { bi: String(value) };
      case 'number':
        if (Object.is(value, -0)) return { v: '-0' };
        return Number.isFinite(value) ? value : { v: String(value) };
    }
    if (value === null) return { v: 'null' };
    if (seen.has(value)) return { ref: seen.get(value) };
    if (value instanceof Date) return { d: Number.isNaN(value.getTime()) ? null : value.toJSON() };
    if (value instanceof RegExp) return { r: { p: value.source, f: value.flags } };
    if (value instanceof Error) return { e: { n: value.name, m: value.message, s: value.stack || '' } };
    if (value instanceof ArrayBuffer) return { ab: { b: toBase64(value) } };
    for (const [form, kinds] of Object.entries({ ta: KINDS, ab: OWN_KINDS })) {
      const k = Object.keys(kinds).find(each => value instanceof kinds[each]);
      if (k === undefined) continue;
      return { [form]: { b: toBase64(value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength)), k } };
    }
    if (value instanceof Blob) {
      const blob = { b: toBase64(await value.arrayBuffer()), t: value.type };
      return { blob: value instanceof File ? { ...blob, n: value.name, l: value.lastModified } : blob };
    }
    const id = seen.size + 1;
    seen.set(value, id);
    if (value instanceof Map) {
      const m = [];
      for (const [key, each] of value) m.push({ k: await encode(key, seen), v: await encode(each, seen) });
      return { m, id };
    }
    if (value instanceof Set) {
      const s = [];
      for (const each of value) s.push(await encode(each, seen));
      return { s, id };
    }
    if (Array.isArray(value)) {
      const a = [];
      for (let index = 0; index < value.length; index++) {
        a.push(index in value ? await encode(value[index], seen) : { v: 'hole' });
      }
      return { a, id };
    }
    if (BOXES.some(each => value instanceof each)) return { box: await encode(value.valueOf(), seen), id };
    if (!isPlain(value)) throw new TypeError(`a ${Object.prototype.toString.call(value).slice(8, -1)} cannot be written`);
    const o = [];
    for (const k of Object.keys(value)) o.push({ k, v: await encode(value[k], seen) });
    return { o, id };
  };

  const set = (object, key, value) => Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });

  const decode = (said, seen = new Map()) => {
    if (typeof said !== 'object' || said === null) return said;
    if ('v' in said) {
      const found = { null: null, undefined, NaN, Infinity, '-Infinity': -Infinity, '-0': -0 };
      return found[said.v];
    }
    if ('ref' in said) return seen.get(said.ref);
    if ('bi' in said) return BigInt(said.bi);
    if ('d' in said) return new Date(said.d === null ? NaN : said.d);
    if ('u' in said) return new URL(said.u);
    if ('r' in said) return new RegExp(said.r.p, said.r.f);
    if ('e' in said) {
      const error = new (ERRORS[said.e.n] || Error)(said.e.m);
      error.name = said.e.n;
      error.stack = said.e.s;
      return error;
    }
    if ('ab' in said) {
      const buffer = fromBase64(said.ab.b);
      return said.ab.k === undefined ? buffer : new OWN_KINDS[said.ab.k](buffer);
    }
    if ('ta' in said) return new KINDS[said.ta.k](fromBase64(said.ta.b));
    if ('blob' in said) {
      const { b, t: type, n, l: lastModified } = said.blob;
      return n === undefined ? new Blob([fromBase64(b)], { type }) : new File([fromBase64(b)], n, { type, lastModified });
    }
    const keep = object => (seen.set(said.id, object), object);
    if ('m' in said) {
      const map = keep(new Map());
      for (const { k, v } of said.m) map.set(decode(k, seen), decode(v, seen));
      return map;
    }
    if ('s' in said) {
      const all = keep(new Set());
      for (const each of said.s) all.add(decode(each, seen));
      return all;
    }
    if ('box' in said) return keep(Object(decode(said.box, seen)));
    if ('a' in said) {
      const items = keep([]);
      for (const each of said.a) {
        if (each?.v === 'hole') items.length++;
        else items.push(decode(each, seen));
      }
      return items;
    }
    if ('o' in said) {
      const object = keep({});
      for (const { k, v } of said.o) set(object, k, decode(v, seen));
      return object;
    }
    throw new TypeError('a value is written in a form that is not known');
  };

  const named = async (name, value) => isTrivial(value) ? { [name]: value } : { [`${name}Encoded`]: await encode(value) };
  const valueOf = (record, name) => `${name}Encoded` in record ? decode(record[`${name}Encoded`]) : record[name];
  const pathOf = path => Array.isArray(path) ? { keyPathArray: path } : path === null ? {} : { keyPath: path };
  const givenPath = it => it.keyPathArray !== undefined ? it.keyPathArray : it.keyPath !== undefined ? it.keyPath : null;

  const readStore = async (database, name) => {
    const store = database.transaction(name, 'readonly').objectStore(name);
    const { keyPath, autoIncrement } = store;
    const indexes = Array.from(store.indexNames, each => {
      const { name: index, keyPath: path, multiEntry, unique } = store.index(each);
      return { name: index, ...pathOf(path), multiEntry, unique };
    });
    const [keys, values] = await Promise.all([done(store.getAllKeys()), done(store.getAll())]);
    const records = [];
    for (let n = 0; n < keys.length; n++) {
      records.push({ ...(keyPath === null ? await named('key', keys[n]) : {}), ...await named('value', values[n]) });
    }
    return { name, records, indexes, autoIncrement, ...pathOf(keyPath) };
  };

  const readDatabase = async name => {
    const database = await done(indexedDB.open(name));
    try {
      const stores = [];
      for (const each of database.objectStoreNames) stores.push(await readStore(database, each));
      return { name, version: database.version, stores };
    } finally {
      database.close();
    }
  };

  const writeDatabase = async ({ name, version, stores }) => {
    const opening = indexedDB.open(name, version);
    opening.onupgradeneeded = () => {
      for (const store of stores) {
        const made = opening.result.createObjectStore(store.name, { autoIncrement: store.autoIncrement, keyPath: givenPath(store) });
        for (const index of store.indexes) {
          made.createIndex(index.name, givenPath(index), { unique: index.unique, multiEntry: index.multiEntry });
        }
      }
    };
    const database = await done(opening);
    try {
      for (const store of stores) {
        if (!store.records.length) continue;
        const transaction = database.transaction(store.name, 'readwrite');
        const written = ended(transaction);
        const target = transaction.objectStore(store.name);
        const hasPath = givenPath(store) !== null;
        for (const record of store.records) {
          if (hasPath) target.put(valueOf(record, 'value'));
          else target.put(valueOf(record, 'value'), valueOf(record, 'key'));
        }
        await written;
      }
    } finally {
      database.close();
    }
  };

  return {
    read: async withDatabases => {
      const items = Array.from(localStorage, (_, n) => localStorage.key(n)).map(name => ({ name, value: localStorage.getItem(name) }));
      const databases = [];
      for (const { name } of withDatabases ? await indexedDB.databases() : []) {
        try {
          databases.push(await readDatabase(name));
        } catch (error) {
          throw new Error(`database ${JSON.stringify(name)}: ${error.message}`);
        }
      }
      return JSON.stringify({ localStorage: items, indexedDB: databases });
    },
    write: async text => {  // not an object literal, in which a key __proto__ would set the prototype
      const { localStorage: items, indexedDB: databases } = JSON.parse(text);
      for (const { name, value } of items || []) localStorage.setItem(name, value);
      for (const each of databases || []) {
        try {
          await writeDatabase(each);
        } catch (error) {
          throw new Error(`database ${JSON.stringify(each.name)}: ${error.message}`);
        }
      }
    },
  };
})()
