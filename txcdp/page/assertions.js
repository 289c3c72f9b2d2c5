// What is expected of elements: part of the script that `_engine.py` puts together.

/** @typedef {{ s: string } | { re: string, flags: string }} Wanted a text, or an expression that is searched for */
/**
 * @typedef {object} Expectation what is to be compared, and how
 * @property {string} what the name of a check
 * @property {boolean} negated
 * @property {any} [wanted]
 * @property {boolean} [part] whether a part of the text is enough
 * @property {boolean | null} [ignoreCase]
 * @property {boolean} [rendered] whether the text counts as it is rendered
 * @property {string} [name] of an attribute or property
 * @property {string | null} [pseudo]
 * @property {number | null} [ratio]
 * @property {boolean} [absent] whether it is so where there is no element
 */
/** @typedef {{ holds: boolean, received: any }} Finding */

/** @param {boolean} holds @param {any} received @returns {Finding} */
const finding = (holds, received) => ({ holds, received });

/** Whether a text is as it is expected to be. @param {string} text @param {Wanted} wanted @param {Expectation} how */
const isWanted = (text, wanted, how) => {
  if ('re' in wanted) {
    const flags = how.ignoreCase === undefined || how.ignoreCase === null ? wanted.flags : wanted.flags.replace('i', '') + (how.ignoreCase ? 'i' : '');
    return compiled(wanted.re, flags).test(text);
  }
  /** @param {string} each */
  const fold = each => {
    const read = EXACT.has(how.what) ? each : plain(each);
    return how.ignoreCase ? read.toLowerCase() : read;
  };
  return how.part ? fold(text).includes(fold(wanted.s)) : fold(text) === fold(wanted.s);
};

/** Checks of what is no text that is read: white space counts in it. */
const EXACT = words('attribute classes id style value values');

/** @param {string} source @param {string} flags */
const compiled = (source, flags) => {
  try {
    return new RegExp(source, flags);
  } catch (error) {
    throw new Refusal(`/${source}/${flags} is no regular expression in JavaScript: ${/** @type {Error} */ (error).message}`);
  }
};

/** @param {string[]} texts @param {Expectation} how with a list of what is wanted: each at its place, or parts in that order */
const areWanted = (texts, how) => {
  /** @type {Wanted[]} */
  const wanted = how.wanted;
  if (!how.part) return texts.length === wanted.length && texts.every((text, i) => isWanted(text, wanted[i], how));
  let next = 0;
  for (const text of texts) if (next < wanted.length && isWanted(text, wanted[next], how)) next++;
  return next === wanted.length;
};

/** @param {Element} element @param {Expectation} how */
const textReceived = (element, how) => how.rendered && element instanceof HTMLElement ? innerTextOf(element) : textOf(element).full;

/** @param {Element} element */
const classesOf = element => attributeOf(element, 'class') || '';

/** @param {string} classes @param {Wanted} wanted */
const hasClasses = (classes, wanted) => {
  const there = new Set(classes.split(/\s+/));
  return 's' in wanted && wanted.s.split(/\s+/).filter(Boolean).every(each => there.has(each));
};

/** How much of an element is in the viewport: 0 to 1. @param {Element} element @returns {Promise<number>} */
const shareInViewport = element => new Promise(done => {
  const observer = new IntersectionObserver(entries => end(entries[0].intersectionRatio));
  const timer = setTimeout(() => end(0), NO_ANSWER);  // a page in the background draws nothing
  /** @param {number} share */
  const end = share => {
    clearTimeout(timer);
    observer.disconnect();
    done(share);
  };
  observer.observe(element);
});
const NO_ANSWER = 500;

/** A check of what one element says. @param {(element: Element, how: Expectation) => string | null} read */
const ofText = read => (/** @type {Element} */ element, /** @type {Expectation} */ how) => {
  const received = read(element, how);
  return finding(received !== null && isWanted(received, how.wanted, how), received);
};

/** A check of what one element is. @param {(element: Element) => boolean} is @param {string} yes @param {string} no */
const ofState = (is, yes, no) => (/** @type {Element} */ element) => {
  const holds = is(element);
  return finding(holds, holds ? yes : no);
};

/** @type {Record<string, (element: any, how: Expectation, attempt: Attempt) => Finding | Promise<Finding>>} Checks of one element, or the document. */
const checks = {
  attached: () => finding(true, 'attached'),
  visible: (element, _, attempt) => {
    const holds = isSeen(element, attempt);
    return finding(holds, holds ? 'visible' : attempt.hiddenFrame ? `hidden, because its frame is: ${attempt.hiddenFrame}` : 'hidden');
  },
  enabled: ofState(isEnabled, 'enabled', 'disabled'),
  editable: element => {
    const holds = isEditable(element);
    return finding(holds, holds ? 'editable' : isEnabled(element) ? 'read-only' : 'disabled');
  },
  checked: ofState(isChecked, 'checked', 'unchecked'),
  indeterminate: element => {
    const holds = checkedness(element) === 'mixed';
    return finding(holds, holds ? 'indeterminate' : isChecked(element) ? 'checked' : 'unchecked');
  },
  empty: element => {
    const isField = element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement;
    const received = isField ? element.value : textReceived(element, { what: '', negated: false });
    return finding(isField ? !received : !received.trim(), received);
  },
  focused: ofState(element => rootOf(element).activeElement === element, 'focused', 'not focused'),
  inViewport: async (element, how) => {
    const share = await shareInViewport(element);
    return finding(how.ratio ? share > how.ratio - 1e-9 : share > 0, share);
  },
  text: ofText(textReceived),
  classes: ofText(classesOf),
  someClasses: (element, how) => finding(hasClasses(classesOf(element), how.wanted), classesOf(element)),
  hasAttribute: (element, how) => finding(hasAttribute(element, how.name), attributeOf(element, how.name)),
  attribute: ofText((element, how) => attributeOf(element, how.name)),
  id: ofText(element => idOf(element)),
  style: ofText((element, how) => styleOf(element, how.pseudo ? '::' + how.pseudo : undefined).getPropertyValue(how.name || '')),
  role: (element, how) => finding(hasRole(element, how.wanted.s), roleOf(element)),
  accessibleName: ofText(element => nameOf(element)),
  accessibleDescription: ofText(element => descriptionOf(element)),
  accessibleErrorMessage: ofText(element => aria().errorMessage(element)),
  value: ofText(element => {
    const control = retargeted(element, 'control');
    if (control instanceof HTMLInputElement || control instanceof HTMLTextAreaElement || control instanceof HTMLSelectElement) return control.value;
    throw new Refusal(`${shown(element)} has no value: an <input>, a <textarea> or a <select> is wanted`);
  }),
  values: (element, how) => {
    const control = retargeted(element, 'control');
    if (!(control instanceof HTMLSelectElement && control.multiple)) throw new Refusal(`${shown(element)} is no <select multiple>`);
    const received = [...control.selectedOptions].map(each => each.value);
    return finding(areWanted(received, how), received);
  },
  ariaSnapshot: (element, how) => {
    const received = snapshotOf(element);
    return finding(isSomewhere(received, how.wanted), received);
  },
  title: (page, how) => finding(isWanted(page.title, how.wanted, how), page.title),
};

/** @type {Record<string, (elements: Element[], how: Expectation) => Finding>} Checks of all elements. */
const checksOfAll = {
  count: (elements, how) => finding(elements.length === how.wanted, elements.length),
  texts: (elements, how) => {
    const received = elements.map(each => textReceived(each, how));
    return finding(areWanted(received, how), received);
  },
  classes: (elements, how) => {
    /** @type {string[]} */
    const received = elements.map(classesOf);
    return finding(areWanted(received, how), received);
  },
  someClasses: (elements, how) => {
    const received = elements.map(classesOf);
    return finding(received.length === how.wanted.length && received.every((each, i) => hasClasses(each, how.wanted[i])), received);
  },
};

/** @param {Expectation} how @param {Finding} found @param {any} [element] */
const judged = (how, found, element) => found.holds !== how.negated ? true
  : again(JSON.stringify({ received: found.received, element: element && nodeTypeOf(element) === ELEMENT ? shown(element) : undefined }));

forAny('expect', (/** @type {any} */ element, /** @type {Expectation} */ how, attempt) => {
  if (!element) return how.absent ? true : again('no element is there');
  const found = checks[how.what](element, how, attempt);
  return found instanceof Promise ? found.then(each => judged(how, each, element)) : judged(how, found, element);
});
forAll('expectAll', (elements, how) => judged(how, checksOfAll[how.what](elements, how)));
operations.shown = element => shown(element);
