// Finds elements, and does something with what it has found: in a world of our own, of which the page sees nothing.
//
// This file and its neighbours are put together in one scope, see `_engine.py`: each is plain code, and sees the others'
// functions by name. The builtins of this world are its own, whatever the page does to its own. What the page does have
// is the document, and a form or a document whose named elements take the place of any of its properties: nodes are
// asked by `getter` and `method`, not by name.

/** @typedef {{ s: string, exact?: boolean } | { re: string, flags: string }} Pattern what a text is compared with */
/** @typedef {any[]} Step a name and what goes with it */
/** @typedef {(text: ElementText) => boolean} TextTest */
/** @typedef {Element | Document | ShadowRoot} Root */

// What is asked of nodes:

const free = Function.prototype.call.bind(Function.prototype.bind, Function.prototype.call);
/** @param {any} prototype @param {string} property @returns {(node: any) => any} */
const getter = (prototype, property) => free(/** @type {any} */ (Object.getOwnPropertyDescriptor(prototype, property)).get);
/** @param {any} prototype @param {string} property @returns {(node: any, ...args: any[]) => any} */
const method = (prototype, property) => free(prototype[property]);

const nodeTypeOf = getter(Node.prototype, 'nodeType');
const nodeNameOf = getter(Node.prototype, 'nodeName');
const nodeValueOf = getter(Node.prototype, 'nodeValue');
const parentNodeOf = getter(Node.prototype, 'parentNode');
const parentElementOf = getter(Node.prototype, 'parentElement');
const firstChildOf = getter(Node.prototype, 'firstChild');
const nextSiblingOf = getter(Node.prototype, 'nextSibling');
const textContentOf = getter(Node.prototype, 'textContent');
const ownerDocumentOf = getter(Node.prototype, 'ownerDocument');
const isConnected = getter(Node.prototype, 'isConnected');
const containsNode = method(Node.prototype, 'contains');
const rootOf = method(Node.prototype, 'getRootNode');
const attributeOf = method(Element.prototype, 'getAttribute');
const hasAttribute = method(Element.prototype, 'hasAttribute');
const attributesOf = getter(Element.prototype, 'attributes');
const shadowOf = getter(Element.prototype, 'shadowRoot');
const slotOf = getter(Element.prototype, 'assignedSlot');
const idOf = getter(Element.prototype, 'id');
const localNameOf = getter(Element.prototype, 'localName');
const tagOf = getter(Element.prototype, 'tagName');
const innerHTMLOf = getter(Element.prototype, 'innerHTML');
const outerHTMLOf = getter(Element.prototype, 'outerHTML');
const childrenOf = getter(Element.prototype, 'children');
const previousElementOf = getter(Element.prototype, 'previousElementSibling');
const matchesCSS = method(Element.prototype, 'matches');
const closestCSS = method(Element.prototype, 'closest');
const clientRectsOf = method(Element.prototype, 'getClientRects');
const dispatchEventTo = method(EventTarget.prototype, 'dispatchEvent');
const boxOf = method(Element.prototype, 'getBoundingClientRect');
const isRendered = method(Element.prototype, 'checkVisibility');
const innerTextOf = getter(HTMLElement.prototype, 'innerText');
const headOf = getter(Document.prototype, 'head');
const rootElementOf = getter(Document.prototype, 'documentElement');
const bodyOf = getter(Document.prototype, 'body');
const evaluateXPath = method(Document.prototype, 'evaluate');
const queryDocument = method(Document.prototype, 'querySelectorAll');
const queryElement = method(Element.prototype, 'querySelectorAll');
const queryFragment = method(DocumentFragment.prototype, 'querySelectorAll');

const ELEMENT = 1, TEXT = 3, DOCUMENT = 9, FRAGMENT = 11;

/** All elements below a root, of its own tree, that match. @param {Root} root @param {string} css @returns {Element[]} */
const queryTree = (root, css) => {
  const type = nodeTypeOf(root);
  return Array.from((type === ELEMENT ? queryElement : type === DOCUMENT ? queryDocument : queryFragment)(root, css));
};

/** @param {Node} node @returns {Element | null} the parent; a shadow root's is its host */
const parentOf = node => {
  const parent = parentElementOf(node);
  if (parent) return parent;
  const above = parentNodeOf(node);
  return above && nodeTypeOf(above) === FRAGMENT ? /** @type {any} */ (above).host || null : null;
};

/** @param {Element} element @param {string} [pseudo] @returns {CSSStyleDeclaration} */
const styleOf = (element, pseudo) => {
  if (pseudo) return getComputedStyle(element, pseudo);
  const styles = memo('styles');
  let style = styles.get(element);
  if (!style) styles.set(element, style = getComputedStyle(element));
  return style;
};

/** @type {Map<string, Map<any, any>>} */
const memos = new Map();

/** Return a map that is there for the present try. @param {string} key @returns {Map<any, any>} */
const memo = key => {
  let found = memos.get(key);
  if (!found) memos.set(key, found = new Map());
  return found;
};

/** What makes a call fail at once. */
class Refusal extends Error {
  /** @param {string} message @param {string} kind */
  constructor(message, kind = 'refused') {
    super(message);
    this.kind = kind;
  }
}

/** @param {string} selector @param {string} wrong */
const malformed = (selector, wrong) => new Refusal(`${JSON.stringify(selector)} is not a valid selector: ${wrong}`, 'selector');

/** What an operation returns that is to be tried anew. */
class Again {
  /** @param {string} reason @param {Element} [element] */
  constructor(reason, element) {
    this.reason = reason;
    this.element = element;
  }
}

/** Have it tried anew. @param {string} reason why, for the error at the deadline @param {Element} [element] which it is about */
const again = (reason, element) => new Again(reason, element);

// Text:

/** @param {string} text */
const plain = text => !/^\s|\s$|\s\s|[^\S ]|[\u200b\u00ad]/.test(text) ? text : text.replace(/[\u200b\u00ad]/g, '').trim().replace(/\s+/g, ' ');

/** @param {Element} element */
const hasNoText = element => {
  const name = nodeNameOf(element);
  if (name === 'SCRIPT' || name === 'NOSCRIPT' || name === 'STYLE') return true;
  const head = headOf(ownerDocumentOf(element));
  return !!head && containsNode(head, element);
};

/** The text of an element. Its other forms are made when they are asked for, and once for all elements around it that have no more text. */
class ElementText {
  /**
   * @param {string} full all of it @param {string[]} own the pieces that are the element's own
   * @param {ElementText | null} [inner] that of something in it, where it is the same
   */
  constructor(full, own, inner = null) {
    this.full = full;
    this.own = own;
    /** @type {ElementText | null} */
    this._inner = inner && inner._inner || inner;
    /** @type {string | undefined} */
    this._plain = undefined;
    /** @type {string | undefined} */
    this._lower = undefined;
  }

  /** The same with white space made plain. @returns {string} */
  get plain() {
    return this._plain ??= this._inner ? this._inner.plain : plain(this.full);
  }

  /** That in lower case. @returns {string} */
  get lower() {
    return this._lower ??= this._inner ? this._inner.lower : this.plain.toLowerCase();
  }
}

/** That of an element that has none to read, whatever is in it. */
const NO_TEXT = new ElementText('', []);

/** @param {Element | ShadowRoot} node @returns {ElementText} */
const textOf = node => {
  const texts = memo('texts');
  const known = texts.get(node);
  if (known) return known;
  let text = NO_TEXT;
  if (nodeTypeOf(node) !== ELEMENT || !hasNoText(/** @type {Element} */ (node))) {
    if (node instanceof HTMLInputElement && (node.type === 'submit' || node.type === 'button' || node.type === 'reset')) {
      text = new ElementText(node.value, [node.value]);
    } else {
      let full = '', piece = '';
      const own = [];
      /** @type {ElementText | null} */
      let inner = null;
      for (let child = firstChildOf(node); child; child = nextSiblingOf(child)) {
        const type = nodeTypeOf(child);
        if (type === TEXT || type === 4) {
          const value = nodeValueOf(child);
          full += value;
          piece += value;
        } else if (type === ELEMENT) {
          if (piece) own.push(piece);
          piece = '';
          const found = textOf(child);
          full += found.full;
          if (found.full) inner = found;
        }
      }
      if (piece) own.push(piece);
      const shadow = nodeTypeOf(node) === ELEMENT && shadowOf(node);
      if (shadow) {
        const found = textOf(shadow);
        full += found.full;
        if (found.full) inner = found;
      }
      text = new ElementText(full, own, inner && inner.full.length === full.length ? inner : null);
    }
  }
  texts.set(node, text);
  return text;
};

/** @param {Pattern} pattern @returns {RegExp} */
const expression = pattern => {
  const { re, flags } = /** @type {any} */ (pattern);
  return new RegExp(re, flags.replace(/[gy]/g, ''));
};

/** A test of an element's whole text. @param {Pattern} pattern @returns {TextTest} */
const textTest = pattern => {
  if ('re' in pattern) {
    const re = expression(pattern);
    return text => re.test(text.full);
  }
  const wanted = plain(pattern.s);
  if (pattern.exact) return text => text.plain === wanted;
  const lower = wanted.toLowerCase();
  return text => text.lower.includes(lower);
};

/** A test that one piece of the element's own text is this. @param {string} wanted @returns {TextTest} */
const ownTextTest = wanted => {
  const text = plain(wanted);
  return found => text === '' && !found.own.length || found.own.some(piece => plain(piece) === text);
};

/** A test of a text that is an attribute's, or a name. @param {Pattern} pattern @returns {(text: string) => boolean} */
const stringTest = pattern => {
  if ('re' in pattern) {
    const re = expression(pattern);
    return text => re.test(text);
  }
  if (pattern.exact) return text => text === pattern.s;
  const lower = pattern.s.toLowerCase();
  return text => text.toLowerCase().includes(lower);
};

/** Whether an element's text is as wanted: no; only its own; that of one in it, too. @param {Element} element @param {TextTest} test */
const textMatch = (element, test) => {
  const text = textOf(element);
  if (text === NO_TEXT || !test(text)) return 'none';
  for (let child = firstChildOf(element); child; child = nextSiblingOf(child)) {
    if (nodeTypeOf(child) !== ELEMENT) continue;
    const inner = textOf(child);
    if (inner !== NO_TEXT && test(inner)) return 'inner';
  }
  const shadow = shadowOf(element);
  return shadow && test(textOf(shadow)) ? 'inner' : 'self';
};

/**
 * The innermost elements with a text. @param {Root} root @param {TextTest} test
 * @param {boolean} all whether those around them as well @param {boolean} narrows whether what is in an element that has not got it has not either @param {boolean} pierce
 */
const byText = (root, test, all, narrows, pierce) => {
  /** @type {Element[]} */
  const found = [];
  /** @type {Element | null} */
  let without = null;
  const look = (/** @type {Element} */ element) => {
    if (narrows && without && containsNode(without, element)) return;
    const match = textMatch(element, test);
    if (match === 'none') without = element;
    else if (match === 'self' || all) found.push(element);
  };
  if (nodeTypeOf(root) === ELEMENT) look(/** @type {Element} */ (root));
  for (const element of queryAll(root, '*', pierce)) look(element);
  return found;
};

// CSS, through open shadow roots:

/** The shadow roots below a root, in the document's order. @param {Root} root @returns {ShadowRoot[]} */
const shadowsIn = root => {
  const known = memo('shadows'), found = known.get(root);
  if (found) return found;
  /** @type {ShadowRoot[]} */
  const shadows = [];
  const own = nodeTypeOf(root) === ELEMENT ? shadowOf(root) : null;
  if (own) shadows.push(own, ...shadowsIn(own));
  const all = (nodeTypeOf(root) === ELEMENT ? queryElement : nodeTypeOf(root) === DOCUMENT ? queryDocument : queryFragment)(root, '*');
  for (let i = 0; i < all.length; i++) {
    const shadow = shadowOf(all[i]);
    if (shadow) shadows.push(shadow, ...shadowsIn(shadow));
  }
  known.set(root, shadows);
  return shadows;
};

/** All elements below a root that match a selector without anything of ours; those in shadow trees come last. @param {Root} root @param {string} css @param {boolean} pierce @returns {Element[]} */
const queryAll = (root, css, pierce) => {
  const found = queryTree(root, css);
  if (!pierce) return found;
  const shadows = shadowsIn(root);
  if (!shadows.length) return found;
  for (const shadow of shadows) for (const each of queryTree(shadow, css)) found.push(each);
  return found;
};

/**
 * Put nodes into the order of their document, what is in a shadow tree after the children of its host. They are not
 * compared with each other, for which the browser goes from one to the other over all that is between them.
 * @template {Node} T @param {Iterable<T>} nodes @returns {T[]}
 */
const inOrder = nodes => {
  /** @type {Set<any>} */
  const wanted = new Set(nodes);
  /** What leads from a node to those below it; from null to all of them. @type {Map<Node | null, Set<any>>} */
  const ways = new Map();
  for (const node of wanted) {
    for (let at = node; at;) {
      const above = nodeTypeOf(at) === FRAGMENT ? /** @type {any} */ (at).host || null : parentNodeOf(at), known = ways.get(above);
      if (known) known.add(at);
      else ways.set(above, new Set([at]));
      at = known ? null : above;
    }
  }
  /** @type {T[]} */
  const found = [], left = [...ways.get(null) || []].reverse();
  while (left.length) {
    const node = left.pop();
    if (wanted.has(node)) found.push(node);
    const inside = ways.get(node);
    if (inside) for (const each of lastFirst(node, inside)) left.push(each);
  }
  return found;
};

/** Return children of a node, and its shadow root, from the last on. @param {Node} node @param {Set<any>} some */
const lastFirst = (node, some) => {
  if (some.size === 1) return [...some];
  const children = [], shadow = nodeTypeOf(node) === ELEMENT ? shadowOf(node) : null;
  for (let child = firstChildOf(node); child && children.length < some.size; child = nextSiblingOf(child)) if (some.has(child)) children.push(child);
  if (shadow && some.has(shadow)) children.push(shadow);
  return children.reverse();
};

/** @typedef {{ name: string, text: string, list: Complex[] | null, strings: string[] | null, number: number }} PseudoFunction */
/** @typedef {{ css: string, functions: PseudoFunction[], scope: boolean, implied?: boolean }} Compound `implied`: the scope is not written, but what a combinator begins with */
/** @typedef {{ combinator: string, compound: Compound }[]} Complex */

const SELECTOR_FUNCTIONS = new Set(['is', 'where', 'not', 'has', 'light', 'nth-match']);
const TEXT_FUNCTIONS = new Set(['text', 'text-is', 'text-matches', 'has-text']);
const OWN_FUNCTIONS = new Set([...TEXT_FUNCTIONS, 'visible', 'light', 'nth-match']);
/** @type {Map<string, Complex[]>} */
const parsedCSS = new Map();

/** @template T @param {Map<string, T>} cache @param {string} key @param {() => T} make @returns {T} */
const cached = (cache, key, make) => {
  let found = cache.get(key);
  if (found === undefined) {
    if (cache.size > 500) cache.clear();
    cache.set(key, found = make());
  }
  return found;
};

/** @param {string} text @returns {Complex[]} */
const parseCSS = text => cached(parsedCSS, text, () => {
  const parser = new CSSParser(text);
  const list = parser.list();
  if (parser.at < text.length) throw malformed(text, `${JSON.stringify(text[parser.at])} is not expected at ${parser.at + 1}`);
  return list;
});

class CSSParser {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  /** @returns {Complex[]} */
  list() {
    const list = [];
    for (;;) {
      list.push(this.complex());
      if (this.text[this.at] !== ',') return list;
      this.at++;
    }
  }

  skip() {
    const from = this.at;
    for (;;) {
      while (/\s/.test(this.text[this.at] || '')) this.at++;
      if (!this.text.startsWith('/*', this.at)) return this.at > from;
      const end = this.text.indexOf('*/', this.at + 2);
      this.at = end < 0 ? this.text.length : end + 2;
    }
  }

  /** @returns {Complex} */
  complex() {
    /** @type {Complex} */
    const made = [];
    this.skip();
    let combinator = '';
    if (/[>+~]/.test(this.text[this.at] || '')) {  // from the scope on
      made.push({ combinator: '', compound: { css: '', functions: [], scope: true, implied: true } });
      combinator = this.text[this.at++];
      this.skip();
    }
    for (;;) {
      made.push({ combinator, compound: this.compound() });
      const space = this.skip(), next = this.text[this.at];
      if (next === undefined || next === ',' || next === ')') return made;
      if (/[>+~]/.test(next)) {
        combinator = next;
        this.at++;
        this.skip();
      } else if (space) {
        combinator = ' ';
      } else {
        throw malformed(this.text, `${JSON.stringify(next)} is not expected at ${this.at + 1}`);
      }
    }
  }

  /** @returns {Compound} */
  compound() {
    /** @type {Compound} */
    const made = { css: '', functions: [], scope: false };
    const from = this.at;
    for (;;) {
      const next = this.text[this.at];
      if (next === undefined || /[\s,>+~)]/.test(next) || this.text.startsWith('/*', this.at)) break;
      if (next === '[') made.css += this.bracket('[', ']');
      else if (next === ':' && this.text[this.at + 1] !== ':') this.pseudo(made);
      else if (next === '\\') { made.css += this.text.slice(this.at, this.at + 2); this.at += 2; }
      else if (next === '"' || next === "'" || next === '(' || next === ']') break;
      else { made.css += next; this.at++; }
    }
    if (this.at === from) {
      const next = this.text[this.at];
      throw malformed(this.text, next === undefined ? 'it ends where something is expected' : `${JSON.stringify(next)} is not expected at ${this.at + 1}`);
    }
    return made;
  }

  /** Take what is between brackets, with them. @param {string} open @param {string} close */
  bracket(open, close) {
    const from = this.at;
    let depth = 0;
    for (; this.at < this.text.length; this.at++) {
      const each = this.text[this.at];
      if (each === '\\') this.at++;
      else if (each === '"' || each === "'") this.string();
      else if (each === open) depth++;
      else if (each === close && !--depth) return this.text.slice(from, ++this.at);
    }
    throw malformed(this.text, `the ${JSON.stringify(open)} at ${from + 1} is not closed`);
  }

  /** Go to the end of a string, at its last quote. */
  string() {
    const from = this.at, quote = this.text[from];
    for (this.at++; this.at < this.text.length; this.at++) {
      if (this.text[this.at] === '\\') this.at++;
      else if (this.text[this.at] === quote) return;
    }
    throw malformed(this.text, `the string at ${from + 1} does not end`);
  }

  /** @param {Compound} made */
  pseudo(made) {
    const from = this.at++;
    while (/[-\w\\]|[^\x00-\x7f]/.test(this.text[this.at] || '')) this.at += this.text[this.at] === '\\' ? 2 : 1;
    const name = this.text.slice(from + 1, this.at).toLowerCase();
    if (this.text[this.at] !== '(') {
      if (name === 'scope') made.scope = true;
      else if (name === 'visible') made.functions.push({ name, text: '', list: null, strings: null, number: 0 });
      else if (OWN_FUNCTIONS.has(name)) throw malformed(this.text, `:${name} needs something in parentheses`);
      else made.css += this.text.slice(from, this.at);
      return;
    }
    const open = this.at;
    if (TEXT_FUNCTIONS.has(name)) {
      const strings = this.strings(this.bracket('(', ')').slice(1, -1), name);
      made.functions.push({ name, text: '', list: null, strings, number: 0 });
    } else if (SELECTOR_FUNCTIONS.has(name)) {
      this.at++;
      let list = this.skip(), selectors = this.text[this.at] === ')' && (name === 'is' || name === 'where') ? [] : this.list(), number = 0;
      if (name === 'nth-match') {
        const last = selectors.pop();
        number = last && last.length === 1 ? Number(last[0].compound.css) : NaN;
        if (!(number >= 1) || !selectors.length) throw malformed(this.text, ':nth-match needs selectors and a number from 1 on');
      }
      void list;
      if (this.text[this.at] !== ')') throw malformed(this.text, `the "(" at ${open + 1} is not closed`);
      this.at++;
      made.functions.push({ name, text: this.text.slice(from, this.at), list: selectors, strings: null, number });
    } else {
      made.css += this.text.slice(from, open) + this.bracket('(', ')');
    }
  }

  /** @param {string} inside @param {string} name */
  strings(inside, name) {
    const strings = [], parser = new CSSParser(inside);
    for (;;) {
      parser.skip();
      const from = parser.at, quote = inside[from];
      if (quote !== '"' && quote !== "'") break;
      parser.string();
      strings.push(unescapeCSS(inside.slice(from + 1, parser.at++)));
      parser.skip();
      if (inside[parser.at] !== ',') break;
      parser.at++;
    }
    const most = name === 'text-matches' ? 2 : 1;
    if (parser.at < inside.length || !strings.length || strings.length > most) {
      throw malformed(this.text, `:${name} takes ${most === 1 ? 'one string' : 'a regular expression and perhaps its flags'}, in quotes`);
    }
    return strings;
  }
}

/** @param {string} text */
const unescapeCSS = text => text.replace(/\\(?:([0-9a-fA-F]{1,6})\s?|(\n)|([\s\S]))/g, (_, hex, line, other) =>
  hex ? String.fromCodePoint(parseInt(hex, 16)) : line ? '' : other);

/** Whether the browser can decide about it by itself, in one tree. @param {Complex[]} list @param {boolean} [within] whether it is of a function @param {boolean} [had] whether that is, or is in, a `:has()` @returns {boolean} */
const isNative = (list, within = false, had = false) => list.every(complex => complex.every(({ compound }) =>
  !(within && compound.scope && !(had && compound.implied)) &&  // that of `:has()` is the element here, as it is for jQuery, and the document for the browser
  compound.functions.every(each => !OWN_FUNCTIONS.has(each.name) && each.list !== null &&
    !(had && each.name === 'has') && isNative(each.list, true, had || each.name === 'has'))));

/** Whether it looks at nothing but the element itself. @param {Complex[]} list @returns {boolean} */
const isCompound = list => list.every(complex => complex.length === 1 && !complex[0].compound.scope &&
  complex[0].compound.functions.every(each => each.name !== 'has' && each.list !== null && isCompound(each.list)));

/** @typedef {{ root: Root, pierce: boolean }} Scope */

/** @param {Scope} scope @param {Element} element @returns {Element | null} */
const parentIn = (scope, element) => element === scope.root ? null : scope.pierce ? parentOf(element) : parentElementOf(element);

/** The part of a compound that the browser decides about. @param {Compound} compound @returns {string} */
const nativePart = compound => {
  let css = compound.css;
  for (const each of compound.functions) if (isSimple(each)) css += each.text;
  return css || '*';
};

/** @param {PseudoFunction} each */
const isSimple = each => !OWN_FUNCTIONS.has(each.name) && each.name !== 'has' && each.list !== null && isNative(each.list) && isCompound(each.list);

/** @param {Scope} scope @param {Element} element @param {PseudoFunction} f @returns {boolean} */
const matchesFunction = (scope, element, f) => {
  switch (f.name) {
    case 'visible': return isVisible(element);
    case 'text': return textMatch(element, textTest({ s: /** @type {string[]} */ (f.strings)[0] })) === 'self';
    case 'text-is': return textMatch(element, ownTextTest(/** @type {string[]} */ (f.strings)[0])) !== 'none';
    case 'has-text': return !hasNoText(element) && textTest({ s: /** @type {string[]} */ (f.strings)[0] })(textOf(element));
    case 'text-matches': {
      const [re, flags = ''] = /** @type {string[]} */ (f.strings);
      return textMatch(element, textTest({ re, flags })) === 'self';
    }
    case 'not': return !matchesList(scope, element, /** @type {Complex[]} */ (f.list));
    case 'has': return queryList({ root: element, pierce: scope.pierce }, /** @type {Complex[]} */ (f.list)).length > 0;
    case 'light': return matchesList({ root: scope.root, pierce: false }, element, /** @type {Complex[]} */ (f.list));
    case 'nth-match': return queryList(scope, /** @type {Complex[]} */ (f.list))[f.number - 1] === element;
    default: return matchesList(scope, element, /** @type {Complex[]} */ (f.list));
  }
};

/** @param {Scope} scope @param {Element} element @param {Compound} compound @param {boolean} known whether the browser's part is known to match */
const matchesCompound = (scope, element, compound, known) => {
  // What is looked in can only be meant by its name.
  if (compound.scope ? element !== (nodeTypeOf(scope.root) === DOCUMENT ? rootElementOf(scope.root) : scope.root) : element === scope.root) return false;
  const css = known ? '*' : nativePart(compound);
  return (css === '*' || matchesCSS(element, css)) && compound.functions.every(each => isSimple(each) || matchesFunction(scope, element, each));
};

/** @param {Scope} scope @param {Element} element @param {Complex} complex @param {number} last @param {boolean} known @returns {boolean} */
const matchesComplex = (scope, element, complex, last, known) => {
  const { combinator, compound } = complex[last];
  if (!matchesCompound(scope, element, compound, known)) return false;
  switch (combinator) {
    case '': return true;
    case '>': {
      const parent = parentIn(scope, element);
      return !!parent && matchesComplex(scope, parent, complex, last - 1, false);
    }
    case ' ':
      for (let parent = parentIn(scope, element); parent; parent = parentIn(scope, parent)) {
        if (matchesComplex(scope, parent, complex, last - 1, false)) return true;
      }
      return false;
    case '+': {
      const before = previousElementOf(element);
      return !!before && matchesComplex(scope, before, complex, last - 1, false);
    }
    default:
      for (let before = previousElementOf(element); before; before = previousElementOf(before)) {
        if (matchesComplex(scope, before, complex, last - 1, false)) return true;
      }
      return false;
  }
};

/** @param {Scope} scope @param {Element} element @param {Complex[]} list */
const matchesList = (scope, element, list) => list.some(complex => matchesComplex(scope, element, complex, complex.length - 1, false));

/** @param {Scope} scope @param {Complex[]} list @returns {Element[]} */
const queryList = (scope, list) => {
  /** @type {Element[]} */
  const found = [];
  for (const complex of list) {
    const last = complex[complex.length - 1].compound;
    /** @type {Element[]} */
    const candidates = last.scope ? [nodeTypeOf(scope.root) === DOCUMENT ? rootElementOf(scope.root) : scope.root]
      : /[+~]/.test(complex[complex.length - 1].combinator) && complex[0].compound.scope && nodeTypeOf(scope.root) === ELEMENT && parentNodeOf(scope.root)
        ? queryAll(/** @type {any} */ (parentNodeOf(scope.root)), nativePart(last), scope.pierce)
        : queryAll(scope.root, nativePart(last), scope.pierce && !(last.css === '' && last.functions.length === 1 && last.functions[0].name === 'light'));
    for (const each of candidates) if (matchesComplex(scope, each, complex, complex.length - 1, !last.scope)) found.push(each);
  }
  return list.length === 1 ? found : inOrder(found);
};

/** @param {Root} root @param {string} css @param {boolean} pierce @returns {Element[]} */
const byCSS = (root, css, pierce) => {
  const list = parseCSS(css);
  try {
    const inOneTree = !pierce || !shadowsIn(root).length;
    if (inOneTree && isNative(list)) {
      const simple = list.every(complex => complex.every(({ compound }) => !compound.scope));
      if (simple && (nodeTypeOf(root) !== ELEMENT || isCompound(list))) return queryTree(root, css);
    }
    return queryList({ root, pierce }, list);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'SyntaxError') throw malformed(css, 'the browser does not know it');
    throw error;
  }
};

/** @param {Root} root @param {string} path @returns {Element[]} */
const byXPath = (root, path) => {
  const found = [], text = path.startsWith('/') && nodeTypeOf(root) !== DOCUMENT ? '.' + path : path;
  const owner = nodeTypeOf(root) === DOCUMENT ? root : ownerDocumentOf(root);
  let result;
  try {
    result = evaluateXPath(owner, text, root, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE, null);
  } catch (error) {
    throw malformed('xpath=' + path, error instanceof Error ? error.message : 'it is not valid XPath');
  }
  for (let i = 0; i < result.snapshotLength; i++) {
    const node = result.snapshotItem(i);
    if (node && nodeTypeOf(node) === ELEMENT) found.push(/** @type {Element} */ (node));
  }
  return found;
};

// Selectors as text:

/** @typedef {{ name: string, body: string, capture: boolean }} Part */
/** @type {Map<string, Step[]>} */
const parsedSelectors = new Map();

/** @param {string} selector @returns {Step[]} */
const parseSelector = selector => cached(parsedSelectors, selector, () => {
  const parts = splitSelector(selector).map(text => partOf(text, selector));
  const captures = parts.filter(each => each.capture);
  if (captures.length > 1) throw malformed(selector, 'only one part can have a "*"');
  const steps = parts.map(part => stepOf(part, selector));
  const at = parts.findIndex(each => each.capture);
  return at < 0 || at === steps.length - 1 ? steps : [...steps.slice(0, at + 1), ['has', steps.slice(at + 1)]];
});

/** @param {string} selector */
const splitSelector = selector => {
  const parts = [];
  let from = 0, quote = '';
  for (let i = 0; i < selector.length; i++) {
    const each = selector[i];
    if (each === '\\') i++;
    else if (quote) { if (each === quote) quote = ''; }
    else if (each === '"' || each === "'" || each === '`') {
      const before = /^\s*\*?text\s*=([\s\S]*)$/.exec(selector.slice(from, i));
      if (!before || !before[1].trim()) quote = each;  // within an unquoted text, a quote is a quote
    } else if (each === '>' && selector[i + 1] === '>') {
      parts.push(selector.slice(from, i));
      from = ++i + 1;
    }
  }
  parts.push(selector.slice(from));
  return parts;
};

/** @param {string} text @param {string} selector @returns {Part} */
const partOf = (text, selector) => {
  const trimmed = text.trim();
  if (!trimmed) throw malformed(selector, 'it has an empty part');
  const named = /^(\*?)([a-zA-Z_0-9:+-]+)\s*=([\s\S]*)$/.exec(trimmed);
  if (named) return { name: named[2], body: named[3], capture: !!named[1] };
  const first = trimmed[0], last = trimmed[trimmed.length - 1];
  if (trimmed.length > 1 && (first === '"' || first === "'") && first === last) return { name: 'text', body: trimmed, capture: false };
  if (/^\(*\/\//.test(trimmed) || trimmed.startsWith('..')) return { name: 'xpath', body: trimmed, capture: false };
  return { name: 'css', body: trimmed, capture: false };
};

const TEST_IDS = ['data-testid', 'data-test-id', 'data-test'];

/** @param {Part} part @param {string} selector @returns {Step} */
const stepOf = ({ name, body }, selector) => {
  const pierce = !name.endsWith(':light'), plainName = pierce ? name : name.slice(0, -6), trimmed = body.trim();
  switch (plainName) {
    case 'css': parseCSS(trimmed); return ['css', trimmed, pierce];
    case 'xpath': return ['xpath', trimmed];
    case 'text': return textStep(body, pierce, selector);  // after a space, a quote is a quote
    case 'id': return ['attributeIs', 'id', unquoted(trimmed), pierce];
    case 'nth': {
      const number = Number(trimmed);
      if (!Number.isInteger(number) || !trimmed) throw malformed(selector, 'nth= needs a whole number');
      return ['nth', number];
    }
    case 'visible':
      if (trimmed !== 'true' && trimmed !== 'false') throw malformed(selector, 'visible= is true or false');
      return ['visible', trimmed === 'true'];
    case 'role': return ['role', parseRole(trimmed, selector)];
  }
  if (TEST_IDS.includes(plainName)) return ['attributeIs', plainName, unquoted(trimmed), pierce];
  if (customEngines.has(name)) return ['custom', name, body];
  throw malformed(selector, `unknown engine ${JSON.stringify(name)}`);
};

/** @param {string} text */
const unquoted = text => text.length > 1 && (text[0] === '"' || text[0] === "'") && text[text.length - 1] === text[0] ? text.slice(1, -1).replace(/\\([\s\S])/g, '$1') : text;

/** @param {string} text @param {boolean} pierce @param {string} selector @returns {Step} */
const textStep = (text, pierce, selector) => {
  const re = /^\/([\s\S]+)\/([a-z]*)$/.exec(text);
  if (re) {
    checkExpression(re[1], re[2], selector);
    return ['textSelector', { re: re[1], flags: re[2] }, false, pierce];
  }
  const inner = unquoted(text);
  return ['textSelector', { s: inner }, inner !== text || text === '""' || text === "''", pierce];
};

/** @param {string} re @param {string} flags @param {string} selector */
const checkExpression = (re, flags, selector) => {
  try { new RegExp(re, flags); } catch (error) { throw malformed(selector, /** @type {Error} */ (error).message); }
};

const ROLE_STATES = ['checked', 'pressed', 'selected', 'expanded', 'disabled', 'level', 'include-hidden'];

/** @param {string} text @param {string} selector */
const parseRole = (text, selector) => {
  const head = /^([\w-]+)\s*/.exec(text);
  if (!head) throw malformed(selector, 'role= begins with the name of a role');
  if (!ROLES.has(head[1].toLowerCase())) throw malformed(selector, `unknown role ${JSON.stringify(head[1])}`);
  /** @type {any} */
  const made = { role: head[1] };
  let rest = text.slice(head[0].length);
  const item = /^\[\s*([\w-]+)\s*(?:([*|^$~]?=)\s*("(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*'|\/(?:[^/\\]|\\[\s\S])+\/[a-z]*|[^\]\s]+)\s*([is])?\s*)?\]\s*/i;
  while (rest) {
    const found = item.exec(rest);
    if (!found) throw malformed(selector, `${JSON.stringify(rest)} is not an attribute of a role`);
    const [whole, name, operator, value, flag] = found;
    rest = rest.slice(whole.length);
    if (name === 'name' || name === 'description') {
      if (value === undefined) throw malformed(selector, `[${name}] needs a value`);
      const re = /^\/([\s\S]+)\/([a-z]*)$/.exec(value);
      if (re) {
        checkExpression(re[1], re[2], selector);
        made[name] = { re: re[1], flags: re[2] };
      } else {
        made[name] = { operator, s: unquoted(value), ignoreCase: (flag || '').toLowerCase() === 'i' };
      }
    } else if (ROLE_STATES.includes(name)) {
      if (operator && operator !== '=') throw malformed(selector, `[${name}] can only be compared by =`);
      made[name === 'include-hidden' ? 'hidden' : name] = roleState(name, value, selector);
    } else {
      throw malformed(selector, `roles have no attribute ${JSON.stringify(name)}; use one of name, description, ${ROLE_STATES.join(', ')}`);
    }
  }
  return made;
};

/** @param {string} name @param {string | undefined} value @param {string} selector */
const roleState = (name, value, selector) => {
  if (name === 'level') {
    const level = Number(unquoted(value || 'none'));
    if (!Number.isInteger(level)) throw malformed(selector, '[level] needs a number');
    return level;
  }
  const text = value === undefined ? 'true' : unquoted(value);
  if (text === 'true' || text === 'false') return text === 'true';
  if (text === 'mixed' && (name === 'checked' || name === 'pressed')) return 'mixed';
  throw malformed(selector, `[${name}] is true or false${name === 'checked' || name === 'pressed' ? ' or mixed' : ''}`);
};

// Engines of the program's own:

/** @type {Map<string, { queryAll?: (root: Root, body: string) => Iterable<Element>, query?: (root: Root, body: string) => Element | null }>} */
const customEngines = new Map();

/** @param {Root} root @param {string} name @param {string} body @returns {Element[]} */
const byCustom = (root, name, body) => {
  const engine = customEngines.get(name);
  if (!engine) throw malformed(`${name}=${body}`, `unknown engine ${JSON.stringify(name)}`);
  const one = engine.queryAll ? null : engine.query && engine.query(root, body);
  const found = engine.queryAll ? engine.queryAll(root, body) : one ? [one] : [];
  if (!found || !found[Symbol.iterator]) throw malformed(`${name}=${body}`, `its engine has returned no list, but ${kindOf(found)}`);
  return Array.from(found, each => {
    if (isNode(each)) return each;
    throw malformed(`${name}=${body}`, `its engine has returned no element, but ${kindOf(each)}`);
  });
};

/** @param {any} value */
const kindOf = value => Object.prototype.toString.call(value);

/** Whether something is a node, of whichever document. @param {any} value */
const isNode = value => {
  try { return nodeTypeOf(value) > 0; } catch { return false; }
};

// Steps:

/** @param {any} test what a name is compared with @returns {(text: string) => boolean} */
const nameTest = test => {
  if (!test.operator) return 're' in test || test.exact ? stringTest('re' in test ? test : { s: plain(test.s), exact: true }) : stringTest({ s: plain(test.s) });
  /** @param {string} text */
  const fold = text => test.ignoreCase ? text.toLowerCase() : text;
  const wanted = fold(plain(test.s));
  switch (test.operator) {
    case '*=': return text => wanted !== '' && fold(text).includes(wanted);
    case '^=': return text => wanted !== '' && fold(text).startsWith(wanted);
    case '$=': return text => wanted !== '' && fold(text).endsWith(wanted);
    case '|=': return text => fold(text) === wanted || fold(text).startsWith(wanted + '-');
    case '~=': return text => fold(text).split(/\s+/).includes(wanted);
    default: return text => fold(text) === wanted;
  }
};

/** Which roles have what. @type {Record<string, () => Set<string>>} */
const ROLES_OF_STATES = {
  checked: () => CHECKABLE, pressed: () => PRESSABLE, selected: () => SELECTABLE, expanded: () => EXPANDABLE, level: () => LEVELLED,
};

/** @param {Root} root @param {any} wanted @returns {Element[]} */
const byRole = (root, wanted) => {
  const { checked, pressed, selected, expanded, disabled, level, hidden } = wanted, role = wanted.role.toLowerCase();
  for (const [state, roles] of Object.entries(ROLES_OF_STATES)) {
    if (wanted[state] === undefined || roles().has(role)) continue;
    throw malformed(`role=${role}[${state}]`, `only these roles can be asked for it: ${[...roles()].join(', ')}`);
  }
  const name = wanted.name && nameTest(wanted.name), description = wanted.description && nameTest(wanted.description);
  return queryAll(root, selectorOf(role), true).filter(element =>
    aria().hasRole(element, role) &&
    (selected === undefined || (ariaSelected(element) || false) === selected) &&
    (checked === undefined || (ariaChecked(element) === 'error' ? false : ariaChecked(element)) === checked) &&
    (pressed === undefined || (ariaPressed(element) || false) === pressed) &&
    (expanded === undefined || ariaExpanded(element) === expanded) &&
    (level === undefined || ariaLevel(element) === level) &&
    (disabled === undefined || ariaDisabled(element) === disabled) &&
    (hidden || !isHiddenForAria(element)) &&
    (!name || name(nameOf(element, hidden))) &&
    (!description || description(descriptionOf(element))));
};

/** The texts that label an element. @param {Element} element @returns {ElementText[]} */
const labelTexts = element => {
  const ids = attributeOf(element, 'aria-labelledby');
  if (ids !== null) {
    const root = rootOf(element);
    const labels = ids.split(/\s+/).filter(Boolean).map((/** @type {string} */ id) => queryTree(root, `#${CSS.escape(id)}`)[0]).filter(Boolean);
    if (labels.length) return labels.map(textOf);
  }
  const label = attributeOf(element, 'aria-label');
  if (label !== null && label.trim()) return [new ElementText(label, [label])];
  return matchesCSS(element, LABELABLE) ? Array.from(aria().labels(element), textOf) : [];
};

const LABELABLE = 'button,input:not([type=hidden i]),meter,output,progress,select,textarea';
const LABELLED = `${LABELABLE},[aria-label],[aria-labelledby]`;

/** @type {Record<string, (root: Root, ...rest: any[]) => Element[]>} What finds elements below a root, by the name of a step. */
const finders = {
  css: (root, css, pierce = true) => byCSS(root, css, pierce),
  xpath: byXPath,
  custom: byCustom,
  role: byRole,
  text: (root, pattern) => byText(root, textTest(pattern), false, !('re' in pattern || pattern.exact), true),
  textSelector: (root, pattern, own, pierce) => byText(root, own ? ownTextTest(pattern.s) : textTest(pattern), own, !own && !('re' in pattern), pierce),
  label: (root, pattern) => {
    const test = textTest(pattern);
    return queryAll(root, LABELLED, true).filter(element => labelTexts(element).some(test));
  },
  attribute: (root, attribute, pattern) => {
    const test = stringTest(pattern);
    return queryAll(root, `[${CSS.escape(attribute)}]`, true).filter(element => test(attributeOf(element, attribute)));
  },
  inside: (root, steps) => query(root, steps),
  within: (root, around, inside) => [...new Set(query(root, around).flatMap(each => query(each, inside)))],
  attributeIs: (root, attribute, value, pierce = true) => queryAll(root, `[${attribute}=${JSON.stringify(value)}]`, pierce),
};

/** @type {Record<string, (element: Element, ...rest: any[]) => boolean>} What decides about one element, by the name of a step. */
const filters = {
  has: (element, steps) => query(element, steps).length > 0,
  hasNot: (element, steps) => query(element, steps).length === 0,
  hasText: (element, pattern) => nodeTypeOf(element) === ELEMENT && textTest(pattern)(textOf(element)),
  hasNotText: (element, pattern) => nodeTypeOf(element) !== ELEMENT || !textTest(pattern)(textOf(element)),
  visible: (element, wanted) => nodeTypeOf(element) === ELEMENT && isVisible(element) === wanted,
};

/** Return what steps lead to. @param {Root} root @param {Step[]} steps @returns {Element[]} */
const query = (root, steps) => {
  /** @type {any[]} */
  let found = [root];
  for (const [name, ...rest] of steps) {
    switch (name) {
      case 'selector':
        for (const step of parseSelector(rest[0])) found = next(found, step[0], step.slice(1), root);
        break;
      default:
        found = next(found, name, rest, root);
    }
  }
  return found;
};

/** @param {any[]} found @param {string} name @param {any[]} rest @param {Root} root @returns {any[]} */
const next = (found, name, rest, root) => {
  switch (name) {
    case 'nth': {
      const one = found.at(rest[0]);
      return one === undefined ? [] : [one];
    }
    case 'and': {
      const others = new Set(query(root, rest[0]));
      return found.filter(each => others.has(each));
    }
    case 'or': return inOrder([...found, ...query(root, rest[0])]);
  }
  if (Object.hasOwn(filters, name)) return found.filter(each => filters[name](each, ...rest));
  const find = finders[name];
  if (found.length === 1) return find(found[0], ...rest);
  const all = new Set();
  for (const each of found) for (const one of find(each, ...rest)) all.add(one);
  return [...all];
};

// What is known of an element:

/** @param {Element} element @returns {boolean} */
const isVisible = element => {
  const known = memo('visible');
  let visible = known.get(element);
  if (visible === undefined) known.set(element, visible = looksVisible(element));
  return visible;
};

/** @param {Element} element */
const looksVisible = element => {
  if (!isConnected(element)) return false;
  const style = styleOf(element);
  if (style.display === 'contents') {
    for (let child = firstChildOf(element); child; child = nextSiblingOf(child)) {
      const type = nodeTypeOf(child);
      if (type === ELEMENT && isVisible(child) || type === TEXT && isTextVisible(child)) return true;
    }
    const shadow = shadowOf(element);
    if (shadow) for (let child = firstChildOf(shadow); child; child = nextSiblingOf(child)) if (nodeTypeOf(child) === ELEMENT && isVisible(child)) return true;
    return false;
  }
  if (style.visibility !== 'visible' || !isRendered(element)) return false;
  const box = boxOf(element);
  return box.width > 0 && box.height > 0;
};

/** Whether one is visible, and the frames are that the way to it leads through. @param {Element} element @param {Attempt} attempt */
const isSeen = (element, attempt) => !attempt.hiddenFrame && isVisible(element);

/** @param {string} who @param {Element} element @param {Attempt} attempt */
const unseen = (who, element, attempt) => attempt.hiddenFrame ? again(`${who} is not visible: its frame is not visible, ${attempt.hiddenFrame}`)
  : again(`${who} is not visible`, element);

/** @param {Node} node */
const isTextVisible = node => {
  const range = document.createRange();
  range.selectNode(node);
  const box = range.getBoundingClientRect();
  return box.width > 0 && box.height > 0;
};

const RETARGETED = 'button, select, input, textarea, [role=button], [role=checkbox], [role=radio]';

/**
 * The element that is meant by one: the control of a label that it is in, or the button around it.
 * @param {Element} element @param {'control' | 'button'} which @returns {Element}
 */
const retargeted = (element, which) => {
  if (matchesCSS(element, 'input, textarea, select') || /** @type {any} */ (element).isContentEditable) return element;
  if (which === 'button') return closestCSS(element, 'button, [role=button], a, [role=link]') || element;
  if (matchesCSS(element, RETARGETED) || closestCSS(element, 'button, [role=button], [role=checkbox], [role=radio]')) {
    return closestCSS(element, 'button, [role=button], [role=checkbox], [role=radio]') || element;
  }
  const label = closestCSS(element, 'label');
  return label instanceof HTMLLabelElement && label.control || element;
};

/** @param {Element} element */
const isEnabled = element => !ariaDisabled(retargeted(element, 'control'));

/** @param {Element} element */
const isEditable = element => {
  const target = retargeted(element, 'control'), readonly = ariaReadonly(target);
  if (readonly === 'error') throw new Refusal('Element is not an <input>, <textarea>, <select> or [contenteditable] and does not have a role allowing [aria-readonly]');
  return !ariaDisabled(target) && !readonly;
};

/** @param {Element} element @returns {boolean | 'mixed'} */
const checkedness = element => {
  const checked = ariaChecked(retargeted(element, 'control'));
  if (checked === 'error') throw new Refusal('Not a checkbox or radio button');
  return checked;
};

/** Whether a control is checked, whatever it looks like: one that looks mixed is one or the other. @param {Element} element */
const isChecked = element => {
  const control = retargeted(element, 'control');
  return control instanceof HTMLInputElement && (control.type === 'checkbox' || control.type === 'radio') ? control.checked : checkedness(element) === true;
};

/** @param {string} text @param {number} most */
const shortened = (text, most) => text.length > most ? text.slice(0, most - 1) + '\u2026' : text;

/** @param {any} node */
const shown = node => {
  if (nodeTypeOf(node) !== ELEMENT) return `#${nodeNameOf(node)}`;
  const name = localNameOf(node), words = [];
  for (const { name: key, value } of attributesOf(node)) {
    if (key === 'style') continue;
    words.push(` ${key}${value === '' ? '' : `="${shortened(value, 60).replace(/"/g, '&quot;')}"`}`);
  }
  words.sort((a, b) => a.length - b.length);
  const head = shortened(words.join(''), 500);
  if (/^(area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr)$/.test(name)) return `<${name}${head}/>`.replace(/\s+/g, ' ');
  const inner = childrenOf(node).length ? '\u2026' : shortened(plain(textContentOf(node) || ''), 50);
  return `<${name}${head}>${inner}</${name}>`.replace(/\s+/g, ' ');
};

// What may be suggested in the place of a locator that finds several:

/** @param {string} text */
const quoted = text => JSON.stringify(text);

/**
 * How many elements are looked at for what may be suggested in one error: a document of many thousands has to be looked
 * through for each way to each element, and nobody waits for that many seconds to learn that there are several.
 */
const MOST_LOOKED_AT = 200000;

/** @typedef {{ left: number }} Allowance how many elements may still be looked at */

/** How many elements a step looks at by itself; what the browser looks at counts as nothing. @param {Step} step */
const looksAt = ([name, wanted]) => {
  switch (name) {
    case 'role': return queryAll(document, selectorOf(wanted.role), true).length;
    case 'label': return queryAll(document, LABELLED, true).length;
    case 'text': return queryAll(document, '*', true).length;
    default: return 0;
  }
};

/**
 * What finds an element alone, in words, and its steps.
 * @param {Element} element @param {string} testId @param {Allowance} [allowance] @returns {[string, Step[]]}
 */
const suggestion = (element, testId, allowance = { left: Infinity }) => {
  /** @type {[string, Step][]} */
  const ways = [];
  const id = attributeOf(element, testId);
  if (id) ways.push([`get_by_test_id(${quoted(id)})`, ['attribute', testId, { s: id, exact: true }]]);
  const role = roleOf(element);
  if (role && role !== 'generic' && role !== 'presentation' && role !== 'none' && !isHiddenForAria(element)) {
    const name = shortened(nameOf(element), 81);
    if (name && name.length <= 80) {
      ways.push([`get_by_role(${quoted(role)}, name=${quoted(name)})`, ['role', { role, name: { s: name } }]]);
      ways.push([`get_by_role(${quoted(role)}, name=${quoted(name)}, exact=True)`, ['role', { role, name: { s: name, exact: true } }]]);
    }
  }
  for (const [attribute, way] of [['placeholder', 'placeholder'], ['alt', 'alt_text'], ['title', 'title']]) {
    const value = attributeOf(element, attribute);
    if (value) ways.push([`get_by_${way}(${quoted(value)})`, ['attribute', attribute, { s: value }]]);
  }
  const label = labelTexts(element)[0];
  if (label && label.plain) ways.push([`get_by_label(${quoted(label.plain)})`, ['label', { s: label.plain }]]);
  const text = textOf(element).plain;
  if (text && text.length <= 80) {
    ways.push([`get_by_text(${quoted(text)})`, ['text', { s: text }]]);
    ways.push([`get_by_text(${quoted(text)}, exact=True)`, ['text', { s: text, exact: true }]]);
  }
  if (idOf(element)) ways.push([`locator(${quoted('#' + CSS.escape(idOf(element)))})`, ['css', '#' + CSS.escape(idOf(element))]]);
  /** @type {[string, Step, Element[]] | undefined} */
  let first;
  for (const [way, step] of ways) {
    const cost = looksAt(step);
    if (cost > allowance.left) continue;
    allowance.left -= cost;
    const found = query(document, [step]);
    if (found.length === 1 && found[0] === element) return [way, [step]];
    if (!first && found.includes(element)) first = [way, step, found];
  }
  const name = localNameOf(element), [way, step, all] = first || [`locator(${quoted(name)})`, ['css', name], query(document, [['css', name]])];
  const at = all.indexOf(element);
  return [at === 0 ? `${way}.first` : `${way}.nth(${at})`, [step, ['nth', at]]];
};

/** @param {Element[]} elements @param {string} testId */
const strictly = (elements, testId) => {
  const allowance = { left: MOST_LOOKED_AT };
  return new Refusal(JSON.stringify({
    count: elements.length,
    elements: elements.slice(0, 10).map(each => ({ html: shown(each), aka: suggestion(each, testId, allowance)[0] })),
  }), 'strict');
};

// What is done with what was found:

/**
 * @typedef {{ memory: Map<any, any>, testId: string, number: number, resolve: () => Element | null, hiddenFrame?: string }} Attempt what a try
 *   knows: what is kept for as long as the document is there; the attribute of test ids; the number of the call; what finds the element once
 *   more; the element of a frame on the way that is not visible
 */
/** @typedef {((found: any, args: any, attempt: Attempt) => any) & { all?: boolean, optional?: boolean }} Operation */
/** @type {Record<string, Operation>} */
const operations = Object.create(null);

/** For all elements, without strictness. @param {string} key @param {(elements: Element[], args: any, attempt: Attempt) => any} operation */
const forAll = (key, operation) => { operations[key] = Object.assign(operation, { all: true }); };
/** For the one element, or null where there is none. @param {string} key @param {(element: Element | null, args: any, attempt: Attempt) => any} operation */
const forAny = (key, operation) => { operations[key] = Object.assign(operation, { optional: true }); };

/** @type {Map<any, any>} */
const memory = new Map();

/**
 * Do it once. @param {Step[]} steps @param {string} key @param {any} args @param {Attempt} attempt
 * @returns {any} what the operation returns: a value, an Again or a promise
 */
const attemptOnce = (steps, key, args, attempt) => {
  memos.clear();
  const operation = operations[key];
  const found = query(document, steps);
  if (operation.all) return operation(found, args, attempt);
  if (found.length > 1) throw strictly(found, attempt.testId);
  if (found.length || operation.optional) return operation(found[0] || null, args, attempt);
  return again('no element is there');
};

/** @param {any} outcome */
const isPromise = outcome => outcome instanceof Promise;

/** What ends each wait that goes on, by number. @type {Map<number, () => void>} */
const waits = new Map();

/**
 * Fire when the document has changed, or after a time, or when the wait is ended.
 * @param {number} number @param {number} soonest milliseconds @param {number} latest milliseconds
 * @returns {Promise<boolean>} whether to go on
 */
const changed = (number, soonest, latest) => new Promise(done => {
  const began = performance.now();
  let timer = setTimeout(() => end(true), latest), seen = false;
  const observer = new MutationObserver(() => {
    if (seen) return;
    seen = true;
    clearTimeout(timer);
    timer = setTimeout(() => end(true), Math.max(0, soonest - (performance.now() - began)));
  });
  const kinds = { subtree: true, childList: true, attributes: true, characterData: true };
  observer.observe(document, kinds);
  for (const shadow of shadowsIn(document)) observer.observe(shadow, kinds);
  /** @param {boolean} goesOn */
  const end = goesOn => {
    clearTimeout(timer);
    observer.disconnect();
    if (goesOn) waits.set(number, () => {});
    done(goesOn);
  };
  waits.set(number, () => end(false));
});

/**
 * Do it, and again whenever the document changes, for a time.
 * @param {() => any} once @param {number} patience milliseconds @param {number} number of the wait
 */
const attemptPatiently = async (once, patience, number) => {
  const deadline = performance.now() + patience;
  waits.set(number, () => {});
  try {
    for (;;) {
      const began = performance.now();
      let outcome = once();
      if (isPromise(outcome)) outcome = await outcome;
      if (!(outcome instanceof Again) || !waits.has(number)) return outcome;
      const now = performance.now(), took = now - began;
      if (now >= deadline) return outcome;
      if (!await changed(number, Math.max(16, 3 * took), Math.min(Math.max(100, 10 * took), deadline - now))) return outcome;
    }
  } finally {
    waits.delete(number);
  }
};

/** @param {any} outcome @param {boolean} raw whether nodes are returned as they are */
const told = (outcome, raw) => {
  if (outcome instanceof Again) return JSON.stringify({ again: outcome.reason, html: outcome.element ? shown(outcome.element) : undefined });
  return raw && typeof outcome === 'object' && outcome !== null ? outcome : JSON.stringify({ value: outcome === undefined ? null : outcome });
};

/** @param {any} error */
const failed = error => JSON.stringify(error instanceof Refusal ? { error: error.message, kind: error.kind }
  : { error: error instanceof Error ? `${error.name}: ${error.message}` : String(error), kind: 'error', stack: error instanceof Error ? error.stack : '' });

/** @type {Map<string, Step[]>} */
const readSteps = new Map();

/** What the program calls. @type {Record<string, (...args: any[]) => any>} */
const engine = {
  /**
   * Do something with what a locator finds. @param {string} steps as JSON @param {string} key @param {any} args
   * @param {number} patience milliseconds for which it is done again; 0: it is done once @param {number} number of the wait
   * @param {string} testId @param {boolean} raw @param {string} [hiddenFrame] the element of a frame on the way that is not visible
   */
  run(steps, key, args, patience, number, testId, raw, hiddenFrame) {
    const read = () => cached(readSteps, steps, () => JSON.parse(steps));
    const resolve = () => {
      memos.clear();
      const found = query(document, read());
      if (found.length > 1) throw strictly(found, testId);
      return found[0] || null;
    };
    const once = () => attemptOnce(read(), key, args, { memory, testId, number, resolve, hiddenFrame });
    /** @param {any} outcome */
    const give = outcome => told(outcome, raw);
    try {
      let outcome;
      if (patience) {
        const began = performance.now();
        outcome = once();
        if (isPromise(outcome) || outcome instanceof Again) {
          const begun = outcome;
          let first = true;
          const rest = () => {
            if (!first) return once();
            first = false;
            return begun;
          };
          outcome = attemptPatiently(rest, patience - (performance.now() - began), number);
        }
      } else {
        outcome = once();
      }
      return isPromise(outcome) ? outcome.then(give).catch(failed) : give(outcome);
    } catch (error) {
      return failed(error);
    }
  },

  /** Call another of these functions. @param {string} key @param {any[]} args */
  call(key, args) {
    try {
      memos.clear();
      const outcome = engine[key](...args);
      return isPromise(outcome) ? outcome.then((/** @type {any} */ value) => told(value, false)).catch(failed) : told(outcome, false);
    } catch (error) {
      return failed(error);
    }
  },

  /** End a wait. @param {number} number */
  stop(number) {
    const end = waits.get(number);
    waits.delete(number);
    if (end) end();
  },
};

// Reading:

/** @param {Element} element @returns {boolean} */
const isHTML = element => element instanceof HTMLElement;

/** @param {any} element @param {string} what */
const textInside = (element, what) => {
  if (!isHTML(element)) throw new Refusal(`${what}: ${shown(element)} is not an HTMLElement`);
  return innerTextOf(element);
};

forAll('count', elements => elements.length);
forAll('elements', elements => elements);
forAll('innerTexts', elements => elements.map(each => isHTML(each) ? innerTextOf(each) : textContentOf(each) || ''));
forAll('textContents', elements => elements.map(each => textContentOf(each) || ''));
operations.element = element => element;
operations.textContent = element => textContentOf(element);
operations.innerText = element => textInside(element, 'inner_text');
operations.innerHTML = element => innerHTMLOf(element);
operations.attribute = (element, name) => attributeOf(element, name);
operations.inputValue = element => {
  const target = retargeted(element, 'control');
  if (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return target.value;
  throw new Refusal(`input_value: ${shown(target)} is not an <input>, <textarea> or <select>`);
};
operations.isEnabled = element => isEnabled(element);
operations.isEditable = element => isEditable(element);
operations.isChecked = element => isChecked(element);
forAny('isVisible', (element, _, attempt) => !!element && isSeen(element, attempt));
forAll('anyVisible', (elements, _, attempt) => elements.some(each => isSeen(each, attempt)));
operations.box = element => {
  if (!clientRectsOf(element).length) return null;
  const { x, y, width, height } = boxOf(element);
  return { x, y, width, height };
};

/** Wait for one of the states that an element can be in. */
forAny('state', (element, state, attempt) => {
  switch (state) {
    case 'attached': return element ? true : again('no element is there');
    case 'visible': return !element ? again('no element is there') : isSeen(element, attempt) || unseen('it', element, attempt);
    case 'detached': return element ? again('it is still there', element) : true;
    default: return element && isSeen(element, attempt) ? again('it is still visible', element) : true;
  }
});

/** Return the element when it is visible. */
operations.visibleElement = (element, _, attempt) => isSeen(element, attempt) ? element : unseen('it', element, attempt);
forAll('nth', (elements, index) => elements[index]);
forAny('elementOrNull', element => element);

/** Where elements are among all of the document's own tree; null: one is not, or they are in another order. @param {Element[]} elements */
const placesOf = elements => {
  const all = queryDocument(document, '*'), places = [], count = all.length;
  for (let i = 0; places.length < elements.length; i++) {
    if (i === count) return null;
    if (all[i] === elements[places.length]) places.push(i);
  }
  return places;
};

/**
 * Tell the page's own world which elements there are, by an event whose name nobody else knows: by their places, or, as
 * what is in a shadow tree has none, by objects that have a node each and are the same in both worlds. It is the window's
 * event, as on its way through the document it would name the hosts of what is in shadow trees.
 */
forAll('announce', (elements, name) => {
  const detail = placesOf(elements);
  const event = detail ? new CustomEvent(name, { detail })
    : new TouchEvent(name, { touches: elements.map(target => new Touch({ identifier: 0, target })) });
  dispatchEventTo(window, event);
  return elements.length;
});

const focusHTML = method(HTMLElement.prototype, 'focus'), blurHTML = method(HTMLElement.prototype, 'blur');
const focusSVG = method(SVGElement.prototype, 'focus'), blurSVG = method(SVGElement.prototype, 'blur');
operations.suggestion = (element, args, attempt) => suggestion(element, attempt.testId);
operations.focus = element => {
  if (element instanceof SVGElement) focusSVG(element);
  else if (isHTML(element)) focusHTML(element);
};
operations.blur = element => {
  if (element instanceof SVGElement) blurSVG(element);
  else if (isHTML(element)) blurHTML(element);
};

// Frames:

const contentWindowOf = getter(HTMLIFrameElement.prototype, 'contentWindow');
const frameWindowOf = getter(HTMLFrameElement.prototype, 'contentWindow');

/** @param {Element} element @returns {object | null} */
const windowIn = element => element instanceof HTMLIFrameElement ? contentWindowOf(element) : element instanceof HTMLFrameElement ? frameWindowOf(element) : null;

/** The ids of the frames that elements show, by their windows. @type {WeakMap<object, string>} */
const frameIds = new WeakMap();

/** What is told of a frame: its id, and behind a blank the element that shows it, where that is not visible. @param {Element} element @param {string} id */
const frameTold = (element, id) => isVisible(element) ? id : `${id} ${shown(element)}`;

/** Return what is told of the frame that an element shows; the element itself, where the frame's id is not known. */
forAny('frame', element => {
  if (!element) return null;
  if (!(element instanceof HTMLIFrameElement || element instanceof HTMLFrameElement)) throw new Refusal(`${shown(element)} is not a frame: expected an <iframe>`);
  const window = windowIn(element);
  if (!window) return again('the frame shows nothing yet', element);
  const id = frameIds.get(window);
  return id ? frameTold(element, id) : element;
});

/** @param {Element} element @param {string} frameId */
engine.noteFrame = (element, frameId) => {
  const window = windowIn(element);
  if (window) frameIds.set(window, frameId);
  memos.clear();
  return frameTold(element, frameId);
};

// Extraction:

/** @param {any} element @param {any} shape */
const extractedOf = (element, shape) => {
  if (shape.attribute !== undefined) return nodeTypeOf(element) === ELEMENT ? attributeOf(element, shape.attribute) : null;
  const node = nodeTypeOf(element) === DOCUMENT ? rootElementOf(element) : element;
  return node ? plain(textContentOf(node) || '') : null;
};

/** Read a structure of what is below a root. @param {any} root @param {any} shape @returns {any} */
const extracted = (root, shape) => {
  if (shape.one) {
    const found = shape.one.length ? query(root, shape.one)[0] : root;
    return found ? extractedOf(found, shape) : null;
  }
  if (shape.all) return query(root, shape.all).map(each => extractedOf(each, shape));
  if (shape.each) {
    const found = query(root, shape.each).map(each => extracted(each, { fields: shape.fields }));
    return shape.first ? found[0] || null : found;
  }
  /** @type {any} */
  const made = {};
  for (const [key, inner] of shape.fields) {
    const value = extracted(root, inner);
    if (value !== null || !inner.optional) Object.defineProperty(made, key, { value, enumerable: true, configurable: true, writable: true });
  }
  return made;
};

/** @param {any} shape */
engine.extract = shape => extracted(document, shape);

// Engines of the program's own:

/** @param {string} key @param {any} made the engine, or a function that makes it */
engine.register = (key, made) => {
  const custom = typeof made === 'function' ? made() : made;
  if (!custom || typeof custom.queryAll !== 'function' && typeof custom.query !== 'function') throw malformed(key + '=', 'its engine has neither query nor queryAll');
  customEngines.set(key, custom);
};

// What changes, as streams:

/** What is watched, by number: what was told last, or what has happened since. @type {Map<number, any>} */
const watched = new Map();

const WATCHED_EVENTS = ['input', 'change', 'focusin', 'focusout', 'scroll', 'resize', 'transitionend', 'animationend', 'toggle', 'load', 'selectionchange', 'beforematch'];
/** Milliseconds between two looks at what changes. */
const FRAME = 16;

/** Like `changed`, but also for what is no change of the document. @param {number} number @param {number} soonest @param {number} latest */
const happened = (number, soonest, latest) => new Promise(done => {
  const began = performance.now();
  let timer = setTimeout(() => end(true), latest), seen = false;
  const notice = () => {
    if (seen) return;
    seen = true;
    clearTimeout(timer);
    timer = setTimeout(() => end(true), Math.max(0, soonest - (performance.now() - began)));
  };
  const observer = new MutationObserver(notice);
  const kinds = { subtree: true, childList: true, attributes: true, characterData: true };
  observer.observe(document, kinds);
  for (const shadow of shadowsIn(document)) observer.observe(shadow, kinds);
  for (const each of WATCHED_EVENTS) addEventListener(each, notice, true);
  /** @param {boolean} goesOn */
  const end = goesOn => {
    clearTimeout(timer);
    observer.disconnect();
    for (const each of WATCHED_EVENTS) removeEventListener(each, notice, true);
    done(goesOn);
  };
  waits.set(number, () => end(false));
});

/**
 * Fire with what a locator's elements are like, at once where that was not told yet, else when it is otherwise.
 * @param {string} steps @param {string} key of the operation @param {number} number @param {string} testId
 */
engine.watch = async (steps, key, number, testId) => {
  waits.set(number, () => {});
  try {
    for (;;) {
      const began = performance.now();
      const value = attemptOnce(cached(readSteps, steps, () => JSON.parse(steps)), key, null, { memory, testId, number, resolve: () => null });
      const text = JSON.stringify(value);
      if (watched.get(number) !== text) {
        watched.set(number, text);
        return value;
      }
      const took = performance.now() - began;
      if (!await happened(number, Math.max(FRAME, 3 * took), Math.max(100, 10 * took))) return null;
    }
  } finally {
    waits.delete(number);
  }
};

/** Watch no more. @param {number} number */
engine.unwatch = number => {
  engine.stop(number);
  const had = watched.get(number);
  watched.delete(number);
  if (had && had.observer) had.observer.disconnect();
};

forAny('states', element => {
  if (!element) return { attached: false, visible: false, enabled: false, editable: false, checked: null, focused: false, in_viewport: false, value: null };
  const target = retargeted(element, 'control'), readonly = ariaReadonly(target), checked = ariaChecked(target);
  const box = boxOf(element), visible = isVisible(element);
  return {
    attached: true,
    visible,
    enabled: isEnabled(element),
    editable: readonly !== 'error' && !readonly && isEnabled(element),
    checked: checked === 'error' ? null : checked === 'mixed' ? null : checked,
    focused: rootOf(element).activeElement === element,
    in_viewport: visible && box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight,
    value: target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement ? target.value : null,
  };
});

/** How many changes wait for the program at most. */
const MOST_RECORDS = 10000;

/** @param {Node} node */
const htmlOf = node => nodeTypeOf(node) === ELEMENT ? outerHTMLOf(node) : textContentOf(node) || '';

/** @param {MutationRecord} record */
const recordOf = record => {
  const target = /** @type {any} */ (record.target), element = nodeTypeOf(target) === ELEMENT ? target : parentOf(target);
  return {
    type: record.type === 'childList' ? 'child_list' : record.type === 'characterData' ? 'character_data' : 'attributes',
    target: element ? shown(element) : '',
    attribute: record.attributeName,
    value: record.type === 'attributes' ? attributeOf(target, record.attributeName) : record.type === 'characterData' ? nodeValueOf(target) : null,
    old_value: record.oldValue,
    added: Array.from(record.addedNodes, htmlOf),
    removed: Array.from(record.removedNodes, htmlOf),
  };
};

/**
 * Fire with what has changed in the elements of a locator since the last call, when something has.
 * @param {string} steps @param {any} kinds of a MutationObserver @param {number} number
 */
engine.mutations = async (steps, kinds, number) => {
  let watch = watched.get(number);
  if (!watched.has(number)) {
    watch = { records: [], dropped: 0, roots: new WeakSet(), observer: /** @type {any} */ (null) };
    watch.observer = new MutationObserver(records => {
      for (const record of records) {
        if (watch.records.length < MOST_RECORDS) watch.records.push(recordOf(record));
        else watch.dropped++;
      }
    });
    watched.set(number, watch);
  }
  /** @param {Node} root */
  const observe = root => {
    if (watch.roots.has(root)) return;
    watch.roots.add(root);
    watch.observer.observe(root, kinds);
  };
  waits.set(number, () => {});
  try {
    for (;;) {
      memos.clear();
      for (const element of query(document, cached(readSteps, steps, () => JSON.parse(steps)))) {
        observe(element);
        if (kinds.subtree) for (const shadow of shadowsIn(element)) observe(shadow);
      }
      if (watch.records.length || watch.dropped) {
        const { records, dropped } = watch;
        watch.records = [];
        watch.dropped = 0;
        return { records, dropped };
      }
      if (!await happened(number, FRAME, 100)) return null;
    }
  } finally {
    waits.delete(number);
  }
};

/** How many waits go on. */
engine.pending = () => waits.size;
