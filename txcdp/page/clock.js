// Takes the place of a document's clock and timers: time goes as the program says.
//
// It is called with the name under which it is kept in the document's global object, and with the state that the clock has
// when the document begins:
//   origin: the time at which the clock was installed    time: the time    ticks: since then, whatever the time was set to
//   at: the real time at which these were so             fixed: whether the time stands still, though timers go on
//   running: whether timers go by themselves, with the real time
// All are milliseconds; times are since the epoch.
/**
 * @typedef {{ origin: number, time: number, ticks: number, at: number, fixed: boolean, running: boolean }} State
 * @typedef {{ id: number, kind: string, callback: any, args: any[], delay: number, at: number }} Timer
 */
((/** @type {string} */ name, /** @type {State} */ initial) => {
  'use strict';
  if (Object.hasOwn(globalThis, name)) return;

  /** @type {Record<string, any>} */
  const real = { Date, performance, now: performance.now.bind(performance), dateNow: Date.now.bind(Date) };
  for (const each of [
    'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'requestAnimationFrame', 'cancelAnimationFrame',
    'requestIdleCallback', 'cancelIdleCallback', 'reportError', 'eval',
  ]) {
    const it = /** @type {Record<string, any>} */ (globalThis)[each];
    if (it) real[each] = it.bind(globalThis);
  }

  /** Milliseconds between two frames. */
  const FRAME = 16;
  /** Milliseconds that a page has when it is idle. */
  const IDLE = 50;
  /** The longest delay of a timer. */
  const LONGEST = 2 ** 31 - 1;
  /** The first number of a timer: those that were set before have small ones, and their own clock. */
  const FIRST = 1e9;

  let origin = initial.origin, time = initial.time, ticks = initial.ticks, fixed = initial.fixed, running = initial.running;
  /** When `ticks` was so, by the real clock, which only goes forward. */
  let synced = real.now();
  let lastId = FIRST;
  let firing = false;
  /** @type {number | null} */
  let alarm = null;
  /** @type {Map<number, Timer>} */
  const timers = new Map();

  /** @param {number} to */
  const advance = to => {
    if (to <= ticks) return;
    if (!fixed) time += to - ticks;
    ticks = to;
  };

  const sync = () => {
    if (!running) return;
    const now = real.now();
    if (now > synced) advance(ticks + now - synced);
    synced = now;
  };

  const firstTimer = () => {
    /** @type {Timer | null} */
    let first = null;
    for (const each of timers.values()) if (first === null || each.at < first.at) first = each;
    return first;
  };

  const setAlarm = () => {
    if (alarm !== null) real.clearTimeout(alarm);
    alarm = null;
    if (!running) return;
    const first = firstTimer();
    if (first === null) return;
    alarm = real.setTimeout(() => {
      alarm = null;
      if (!running) return;
      exclusively(async () => {
        sync();
        for (const error of await fire(ticks)) real.reportError(error);
      });
    }, Math.min(Math.max(0, first.at - ticks), LONGEST));
  };

  /** The microtasks that a timer leaves behind are done when a task comes after it. */
  const channel = new MessageChannel();
  /** @type {(() => void)[]} */
  const waiting = [];
  channel.port1.onmessage = () => waiting.shift()?.();
  const settle = () => new Promise((/** @type {(value?: any) => void} */ done) => { waiting.push(done); channel.port2.postMessage(null) });

  /** @param {Timer} timer */
  const call = timer => {
    const { callback, args } = timer;
    if (timer.kind === 'idle') callback({ didTimeout: false, timeRemaining: () => IDLE });
    else if (timer.kind === 'frame') callback(ticks);
    else if (typeof callback === 'function') callback.apply(globalThis, args);
    else real.eval(String(callback));
  };

  /** Fire what is due up to some time, one after the other, and return what they have thrown. @param {number} to */
  const fire = async to => {
    const errors = [];
    for (;;) {
      const timer = firstTimer();
      if (timer === null || timer.at > to) break;
      advance(timer.at);
      if (timer.kind === 'interval') timer.at = Math.max(ticks, timer.at) + Math.max(1, timer.delay);
      else timers.delete(timer.id);
      firing = true;
      try {
        call(timer);
      } catch (error) {
        errors.push(error);
      }
      await settle();
      firing = false;
    }
    advance(to);
    return errors;
  };

  /** What moves the time comes one after the other. */
  let last = Promise.resolve();
  /** @param {() => any} job @returns {Promise<any>} */
  const exclusively = job => {
    const mine = last.then(job).finally(setAlarm);
    last = mine.catch(() => {});
    return mine;
  };

  /** @param {number} to */
  const run = async to => {
    const errors = await fire(to);
    synced = real.now();
    if (errors.length) throw errors[0];
  };

  /** @param {number} to */
  const jump = to => {
    // They keep their order: what was due first fires first.
    for (const each of [...timers.values()].filter(each => each.at <= to).sort((one, other) => one.at - other.at)) {
      timers.delete(each.id);
      each.at = to;
      timers.set(each.id, each);
    }
    return run(to);
  };

  /** @param {string} kind @param {any} callback @param {number} delay @param {any[]} args */
  const add = (kind, callback, delay, args) => {
    sync();
    if (!(delay >= 0)) delay = 0;
    const id = ++lastId;
    // Not at once while timers fire: it would be one without an end.
    timers.set(id, { id, kind, callback, args, delay, at: ticks + (delay || (firing ? 1 : 0)) });
    setAlarm();
    return id;
  };

  /** @param {any} id @param {string[]} kinds @param {((id: number) => void) | undefined} clear of the timers that were set before */
  const remove = (id, kinds, clear) => {
    id = Number(id);
    if (id > FIRST) {
      if (kinds.includes(timers.get(id)?.kind ?? '')) timers.delete(id);
      setAlarm();
    } else if (clear) {
      clear(id);
    }
  };

  const wallTime = () => (sync(), Math.floor(time));

  /** @param {any} callback @param {string} of */
  const needFunction = (callback, of) => {
    if (typeof callback !== 'function') {
      throw new TypeError(`Failed to execute '${of}' on 'Window': parameter 1 is not of type 'Function'.`);
    }
  };

  /** Either of the two that clear timers clears those of the other one. */
  const TIMERS = ['timeout', 'interval'];

  // Delays of timers are whole numbers of 32 bits, as browsers have them: one that is too long is none.
  /** @type {Record<string, (...given: any[]) => any>} */
  const functions = {
    setTimeout(callback, delay, ...args) {
      return arguments.length ? add('timeout', callback, delay | 0, args) : real.setTimeout(); // which throws
    },
    clearTimeout: id => remove(id, TIMERS, real.clearTimeout),
    setInterval(callback, delay, ...args) {
      return arguments.length ? add('interval', callback, delay | 0, args) : real.setInterval();
    },
    clearInterval: id => remove(id, TIMERS, real.clearInterval),
    requestAnimationFrame: callback => {
      needFunction(callback, 'requestAnimationFrame');
      sync();
      return add('frame', callback, FRAME - ticks % FRAME, []);
    },
    cancelAnimationFrame: id => remove(id, ['frame'], real.cancelAnimationFrame),
    requestIdleCallback: (callback, options) => {
      needFunction(callback, 'requestIdleCallback');
      const delay = timers.size ? IDLE : 0;
      return add('idle', callback, options?.timeout ? Math.min(options.timeout, delay) : delay, []);
    },
    cancelIdleCallback: id => remove(id, ['idle'], real.cancelIdleCallback),
  };
  for (const [each, value] of Object.entries(functions)) {
    if (!real[each]) continue;
    // Methods, so that they have no `prototype`, and the names that they take the place of.
    Object.defineProperty(value, 'name', { value: each, configurable: true });
    Object.defineProperty(globalThis, each, { value, writable: true, enumerable: true, configurable: true });
  }

  /** Put functions in the place of an object's own, as which they are found and may be replaced by the page. */
  const replace = (/** @type {any} */ object, /** @type {Record<string, (...given: any[]) => any>} */ methods) => {
    for (const [each, value] of Object.entries(methods)) Object.defineProperty(object, each, { value, writable: true, configurable: true });
  };

  replace(real.Date, { now: () => wallTime() });
  const FakeDate = new Proxy(real.Date, {
    construct: (target, args, made) => Reflect.construct(target, args.length ? args : [wallTime()], made),
    apply: () => new real.Date(wallTime()).toString(),
  });
  real.Date.prototype.constructor = FakeDate;
  Object.defineProperty(globalThis, 'Date', { value: FakeDate, writable: true, configurable: true });

  const parts = Intl.DateTimeFormat.prototype, { formatToParts } = parts;
  const format = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(parts, 'format'));
  Object.defineProperty(parts, 'format', {
    ...format,
    get() {
      const bound = format.get?.call(this);
      return (/** @type {any} */ date) => bound(date === undefined ? wallTime() : date);
    },
  });
  parts.formatToParts = { formatToParts(/** @type {any} */ date) { return formatToParts.call(this, date === undefined ? wallTime() : date) } }.formatToParts;

  const { Temporal } = /** @type {any} */ (globalThis);
  if (Temporal) {
    const { Instant, Now } = Temporal, instant = () => Instant.fromEpochMilliseconds(wallTime());
    const { timeZoneId } = Now, zoned = (/** @type {any} */ zone) => instant().toZonedDateTimeISO(zone === undefined ? timeZoneId() : zone);
    replace(Now, {
      instant,
      zonedDateTimeISO: zone => zoned(zone),
      plainDateTimeISO: zone => zoned(zone).toPlainDateTime(),
      plainDateISO: zone => zoned(zone).toPlainDate(),
      plainTimeISO: zone => zoned(zone).toPlainTime(),
    });
  }

  replace(performance, { now: () => (sync(), ticks) });
  Object.defineProperty(performance, 'timeOrigin', { get: () => origin, configurable: true });

  // Pages compare it with performance.now(): whether an event came before its listener, say.
  const stamp = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(Event.prototype, 'timeStamp'));
  /** @type {WeakMap<Event, number>} */
  const stamps = new WeakMap();
  Object.defineProperty(Event.prototype, 'timeStamp', {
    ...stamp,
    get() {
      const created = stamp.get?.call(this);
      sync();
      if (!stamps.has(this)) stamps.set(this, Math.max(0, running ? ticks - Math.max(0, real.now() - created) : ticks));
      return stamps.get(this);
    },
  });

  /** Take a state, as it has become by now. @param {State} state */
  const begin = state => {
    ({ origin, time, ticks, fixed, running } = state);
    const since = running ? Math.max(0, real.dateNow() - state.at) : 0;
    advance(ticks + since);
    synced = real.now();
    setAlarm();
  };

  const clock = {
    /** Of a document that begins: it has another state than when its page got the clock. */
    start: begin,
    install: (/** @type {State} */ state) => exclusively(() => begin(state)),
    runFor: (/** @type {number} */ milliseconds) => exclusively(() => { sync(); return run(ticks + milliseconds) }),
    fastForward: (/** @type {number} */ milliseconds) => exclusively(() => { sync(); return jump(ticks + milliseconds) }),
    pauseAt: (/** @type {number} */ target) => exclusively(async () => {
      sync();
      running = false;
      await jump(Math.round(ticks + Math.max(0, target - time)));
      if (!fixed) time = target;
    }),
    resume: () => exclusively(() => { if (!running) synced = real.now(); running = true }),
    setTime: (/** @type {number} */ target, /** @type {boolean} */ standsStill) => exclusively(() => { sync(); time = target; fixed = standsStill }),
  };
  Object.defineProperty(globalThis, name, { value: Object.freeze(clock) });
  begin(initial);
})
