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
  /** The longest delay of a timer; a longer one is none. */
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
    for (const each of timers.values()) if (each.at < to) each.at = to;
    return run(to);
  };

  /** @param {string} kind @param {any} callback @param {any} delay @param {any[]} args */
  const add = (kind, callback, delay, args) => {
    sync();
    delay = Number(delay);
    if (!(delay >= 0) || delay > LONGEST) delay = delay > LONGEST ? 1 : 0;
    const id = ++lastId;
    // Not at once while timers fire: it would be one without an end.
    timers.set(id, { id, kind, callback, args, delay, at: ticks + (delay || (firing ? 1 : 0)) });
    setAlarm();
    return id;
  };

  /** @param {any} id @param {((id: number) => void) | undefined} clear of the timers that were set before */
  const remove = (id, clear) => {
    id = Number(id);
    if (id > FIRST) {
      timers.delete(id);
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

  /** @type {Record<string, (...given: any[]) => any>} */
  const functions = {
    setTimeout: (callback, delay = 0, ...args) => add('timeout', callback, delay, args),
    clearTimeout: id => remove(id, real.clearTimeout),
    setInterval: (callback, delay = 0, ...args) => add('interval', callback, delay, args),
    clearInterval: id => remove(id, real.clearInterval),
    requestAnimationFrame: callback => {
      needFunction(callback, 'requestAnimationFrame');
      sync();
      return add('frame', callback, FRAME - ticks % FRAME, []);
    },
    cancelAnimationFrame: id => remove(id, real.cancelAnimationFrame),
    requestIdleCallback: (callback, options) => {
      needFunction(callback, 'requestIdleCallback');
      const delay = timers.size ? IDLE : 0;
      return add('idle', callback, options?.timeout ? Math.min(options.timeout, delay) : delay, []);
    },
    cancelIdleCallback: id => remove(id, real.cancelIdleCallback),
  };
  for (const [each, value] of Object.entries(functions)) {
    if (!real[each]) continue;
    // Methods, so that they have no `prototype`, and the names that they take the place of.
    Object.defineProperty(value, 'name', { value: each, configurable: true });
    Object.defineProperty(globalThis, each, { value, writable: true, enumerable: true, configurable: true });
  }

  const now = () => wallTime();
  Object.defineProperty(now, 'name', { value: 'now', configurable: true });
  const FakeDate = new Proxy(real.Date, {
    construct: (target, args, made) => Reflect.construct(target, args.length ? args : [wallTime()], made),
    apply: () => new real.Date(wallTime()).toString(),
    get: (target, key) => key === 'now' ? now : Reflect.get(target, key),
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

  Object.defineProperty(performance, 'now', { value: () => (sync(), ticks), writable: true, configurable: true });
  Object.defineProperty(performance, 'timeOrigin', { get: () => origin, configurable: true });

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
