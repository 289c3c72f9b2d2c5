// What assistive technologies are told of a document: the roles, names, descriptions and states of its elements.
//
// The rules are those of WAI-ARIA 1.2 (roles, states, conflicts), HTML-AAM (what HTML elements are without `role`) and
// accname 1.2 (names and descriptions). Where they leave a choice, or browsers agree on another one, a comment says so.
//
// It is part of the script that `_engine.py` puts together, in whose world no page has changed the builtins. A form's fields hide
// its properties even there: what may be asked of a form is asked by functions. `Aria` knows the document as it is at one
// moment, and keeps what it has found: there is one for each try.

/** @typedef {boolean | 'mixed'} Tristate */

const namespaceOf = getter(Element.prototype, 'namespaceURI'), nodesOf = getter(Node.prototype, 'childNodes');
const inertOf = getter(HTMLElement.prototype, 'inert'), isEditableContent = getter(HTMLElement.prototype, 'isContentEditable');
const HTML = 'http://www.w3.org/1999/xhtml', SVG = 'http://www.w3.org/2000/svg', XLINK = 'http://www.w3.org/1999/xlink';

const words = (/** @type {string} */ text) => new Set(text.split(' '));

const GLOBAL_ATTRIBUTES = ['atomic', 'braillelabel', 'brailleroledescription', 'busy', 'controls', 'current', 'describedby',
  'description', 'details', 'dropeffect', 'flowto', 'grabbed', 'keyshortcuts', 'label', 'labelledby', 'live', 'owns',
  'roledescription'].map(name => 'aria-' + name);

/** Roles that an author can give: those that are no abstract ones; of ARIA, its graphics module and DPUB-ARIA. */
const ROLES = words('alert alertdialog application article banner blockquote button caption cell checkbox code columnheader ' +
  'combobox comment complementary contentinfo definition deletion dialog directory document emphasis feed figure form generic ' +
  'graphics-document graphics-object graphics-symbol grid gridcell group heading image img insertion link list listbox listitem ' +
  'log main mark marquee math menu menubar menuitem menuitemcheckbox menuitemradio meter navigation none note option paragraph ' +
  'presentation progressbar radio radiogroup region row rowgroup rowheader scrollbar search searchbox separator slider ' +
  'spinbutton status strong subscript suggestion superscript switch tab table tablist tabpanel term textbox time timer toolbar ' +
  'tooltip tree treegrid treeitem ' +
  'doc-abstract doc-acknowledgments doc-afterword doc-appendix doc-backlink doc-biblioentry doc-bibliography doc-biblioref ' +
  'doc-chapter doc-colophon doc-conclusion doc-cover doc-credit doc-credits doc-dedication doc-endnote doc-endnotes ' +
  'doc-epigraph doc-epilogue doc-errata doc-example doc-footnote doc-foreword doc-glossary doc-glossref doc-index ' +
  'doc-introduction doc-noteref doc-notice doc-pagebreak doc-pagefooter doc-pageheader doc-pagelist doc-part doc-preface ' +
  'doc-prologue doc-pullquote doc-qna doc-subtitle doc-tip doc-toc');

/** What is named by its content. */
const NAMED_BY_CONTENT = words('button cell checkbox columnheader gridcell heading link menuitem menuitemcheckbox menuitemradio ' +
  'option radio row rowheader switch tab tooltip treeitem doc-backlink doc-biblioref doc-glossref doc-noteref doc-subtitle');

/** What adds its content to the name of something around it, but is not named by it. */
const PART_OF_NAMES = words('caption code contentinfo definition deletion emphasis generic insertion list listitem mark math none ' +
  'paragraph presentation region row rowgroup strong subscript superscript table term time');

/** What cannot be named. */
const NAMELESS = words('caption code definition deletion emphasis generic insertion mark none paragraph presentation strong ' +
  'subscript suggestion superscript term time');

const DISABLEABLE = words('application button checkbox columnheader combobox composite grid gridcell group input link listbox menu ' +
  'menubar menuitem menuitemcheckbox menuitemradio option radio radiogroup row rowheader scrollbar searchbox select separator ' +
  'slider spinbutton switch tab tablist textbox toolbar tree treegrid treeitem');
const READONLY = words('checkbox combobox grid gridcell listbox radiogroup slider spinbutton textbox columnheader rowheader searchbox ' +
  'switch treegrid');
const CHECKABLE = words('checkbox menuitemcheckbox menuitemradio option radio switch treeitem');
const EXPANDABLE = words('application button checkbox columnheader combobox gridcell link listbox menuitem menuitemcheckbox ' +
  'menuitemradio row rowheader switch tab treeitem');
const LEVELLED = words('heading listitem row treeitem');
const PRESSABLE = words('button');
const SELECTABLE = words('columnheader gridcell option row rowheader tab treeitem');

/** Elements of which nobody sees anything, whatever their style. */
const UNSEEN = words('base head link meta noscript script style template title');
/** Whether an element is one of these, which have no text to read, either; the titles of SVG have. @param {Element} element */
const isUnseen = element => UNSEEN.has(localNameOf(element)) && (localNameOf(element) !== 'title' || namespaceOf(element) === HTML);

/** Elements that are of no use within another one that is there for its looks alone: what they are in. @type {Record<string, Set<string>>} */
const OWNED = {
  li: words('ul ol menu'), dt: words('dl'), dd: words('dl'), thead: words('table'), tbody: words('table'), tfoot: words('table'),
  caption: words('table'), tr: words('table thead tbody tfoot'), td: words('tr'), th: words('tr'),
};

/** Sections within which a header or footer is not the page's. */
const SECTIONS = 'article,aside,main,nav,section,[role=article],[role=complementary],[role=main],[role=navigation],[role=region]';

const TYPED_INPUTS = words('email tel text url search');
/** @type {Record<string, string>} */
const INPUTS = { button: 'button', checkbox: 'checkbox', file: 'button', image: 'button', number: 'spinbutton', radio: 'radio',
  range: 'slider', reset: 'button', submit: 'button' };

/**
 * What an element is without `role`: the roles that it may have, and which one it has, if there are several.
 * Elements that are not here have none: what they contain counts.
 * @type {Record<string, [roles: string, choose?: (element: any, aria: Aria) => string]>}
 */
const IMPLICIT = {
  a: ['link generic', element => isLink(element) ? 'link' : 'generic'],
  address: ['group'],
  area: ['link generic', element => isLink(element) ? 'link' : 'generic'],
  article: ['article'],
  // HTML-AAM would have it `generic` where it is in a section and has no name; browsers and test tools do not.
  aside: ['complementary'],
  b: ['generic'], bdi: ['generic'], bdo: ['generic'], body: ['generic'], data: ['generic'], div: ['generic'], i: ['generic'],
  pre: ['generic'], q: ['generic'], samp: ['generic'], small: ['generic'], span: ['generic'], u: ['generic'],
  blockquote: ['blockquote'],
  button: ['button'],
  caption: ['caption'],
  code: ['code'],
  datalist: ['listbox'],
  dd: ['definition'],
  del: ['deletion'], s: ['deletion'],
  details: ['group'],
  dfn: ['term'],
  dialog: ['dialog'],
  dt: ['term'],
  em: ['emphasis'],
  fieldset: ['group'],
  figure: ['figure'],
  footer: ['contentinfo generic', element => isOfPage(element) ? 'contentinfo' : 'generic'],
  form: ['form generic', (element, aria) => aria.hasNameOfAuthor(element) ? 'form' : 'generic'],
  h1: ['heading'], h2: ['heading'], h3: ['heading'], h4: ['heading'], h5: ['heading'], h6: ['heading'],
  header: ['banner generic', element => isOfPage(element) ? 'banner' : 'generic'],
  hgroup: ['group'],
  hr: ['separator'],
  html: ['document'],
  img: ['img presentation', element =>
    attributeOf(element, 'alt') !== '' || (attributeOf(element, 'title') || '').trim() || resists(element, 'img') ? 'img' : 'presentation'],
  input: ['button checkbox combobox radio searchbox slider spinbutton textbox', element => {
    const { type } = element;
    if (type === 'hidden') return '';
    if (TYPED_INPUTS.has(type)) return element.list ? 'combobox' : type === 'search' ? 'searchbox' : 'textbox';
    return INPUTS[type] || 'textbox';  // passwords, dates, colours: HTML-AAM has no role for them
  }],
  ins: ['insertion'],
  li: ['listitem'],
  main: ['main'],
  mark: ['mark'],
  math: ['math'],
  menu: ['list'],
  meter: ['meter'],
  nav: ['navigation'],
  ol: ['list'],
  optgroup: ['group'],
  option: ['option'],
  output: ['status'],
  p: ['paragraph'],
  progress: ['progressbar'],
  search: ['search'],
  section: ['region generic', (element, aria) => aria.hasNameOfAuthor(element) ? 'region' : 'generic'],
  select: ['combobox listbox', element => element.multiple || element.size > 1 ? 'listbox' : 'combobox'],
  strong: ['strong'],
  sub: ['subscript'],
  sup: ['superscript'],
  svg: ['img'],
  table: ['table'],
  tbody: ['rowgroup'], tfoot: ['rowgroup'], thead: ['rowgroup'],
  td: ['cell gridcell', (element, aria) => aria.isInGrid(element) ? 'gridcell' : 'cell'],
  textarea: ['textbox'],
  th: ['columnheader rowheader', element => headerRole(element)],
  time: ['time'],
  tr: ['row'],
  ul: ['list'],
};

/** The names of a role, as it can have several. @param {string} role */
const namesOfRole = role => role === 'none' || role === 'presentation' ? ['none', 'presentation'] : role === 'image' ? ['img'] : [role];

/** @type {Map<string, string>} What CSS finds all elements with that may have a role, by role. */
const selectors = new Map();

/** Return a CSS selector that finds all elements that may have a role. @param {string} role */
const selectorOf = role => {
  let selector = selectors.get(role);
  if (selector === undefined) {
    const names = namesOfRole(role), tags = ['[role]'];
    for (const tag in IMPLICIT) if (IMPLICIT[tag][0].split(' ').some(each => names.includes(each))) tags.push(tag);
    if (names.includes('none')) for (const tag in OWNED) tags.push(tag);
    selectors.set(role, selector = tags.join(','));
  }
  return selector;
};

/** @param {Element} element */
const isLink = element => hasAttribute(element, 'href') || namespaceOf(element) !== HTML && element.hasAttributeNS('http://www.w3.org/1999/xlink', 'href');
/** Whether a header or footer is the page's. @param {Element} element */
const isOfPage = element => {
  for (let each = drawnParentOf(element); each; each = drawnParentOf(each)) if (matchesCSS(each, SECTIONS)) return false;
  return true;
};

/** Which header a `th` is; one that does not say that is its row's if there is data in that, as in Chromium. @param {HTMLTableCellElement} cell */
const headerRole = cell => {
  if (cell.scope === 'col' || cell.scope === 'colgroup') return 'columnheader';
  if (cell.scope === 'row' || cell.scope === 'rowgroup') return 'rowheader';
  const row = parentElementOf(cell), cells = row ? childrenOf(row) : [];
  for (const each of cells) if (localNameOf(each) === 'td' && (each.firstElementChild || plain(textContentOf(each)))) return 'rowheader';
  return 'columnheader';
};

/** Whether an element of itself takes the focus. @param {any} element */
const isFocusable = element => {
  if (hasAttribute(element, 'tabindex') && !Number.isNaN(parseInt(attributeOf(element, 'tabindex'), 10))) return !isDisabledControl(element);
  switch (localNameOf(element)) {
    case 'a': case 'area': return isLink(element);
    case 'button': case 'select': case 'textarea': return !isDisabledControl(element);
    case 'input': return element.type !== 'hidden' && !isDisabledControl(element);
    case 'summary': return element.parentElement !== null && localNameOf(element.parentElement) === 'details';
  }
  return hasAttribute(element, 'contenteditable') && element instanceof HTMLElement && isEditableContent(element);
};

/** Whether HTML says that a control is disabled; a set of them is none. @param {Element} element */
const isDisabledControl = element => localNameOf(element) !== 'fieldset' && matchesCSS(element, ':disabled');

/** Whether an element does not let itself be made one for its looks. @param {Element} element @param {string} role that it has else */
const resists = (element, role) => {
  for (const name of GLOBAL_ATTRIBUTES) {
    if (hasAttribute(element, name) && !(NAMELESS.has(role) && (name === 'aria-label' || name === 'aria-labelledby'))) return true;
  }
  return isFocusable(element);
};

/** What an element is drawn in: a slot, an element, or a shadow root's host. @param {Element} element @returns {Element | null} */
const drawnParentOf = element => slotOf(element) || parentOf(element);

/** Whether the texts that are an element's own are drawn where it is. @param {any} element */
const showsTexts = element => localNameOf(element) !== 'details' || element.open;

/** What is drawn in an element: of its own tree, of its shadow root, or what is slotted. @param {Element} element @returns {ArrayLike<Node>} */
const drawnIn = element => {
  if (localNameOf(element) === 'slot') {
    const assigned = /** @type {HTMLSlotElement} */ (element).assignedNodes();
    if (assigned.length) return assigned;
  }
  return nodesOf(shadowOf(element) || element);
};

/** The elements that an attribute names, each once. @param {Element} element @param {string} attribute */
const referenced = (element, attribute) => {
  const ids = attributeOf(element, attribute);
  /** @type {Element[]} */
  const found = [];
  if (!ids) return found;
  const root = /** @type {Document | ShadowRoot} */ (rootOf(element));
  if (!root.getElementById) return found;
  for (const id of ids.split(/\s+/)) {
    const each = id && root.getElementById(id);
    if (each && !found.includes(each)) found.push(each);
  }
  return found;
};

/** @param {string[]} texts */
const joined = texts => texts.map(plain).filter(Boolean).join(' ');

/** The text that CSS adds, or says instead of that; see css-content. @param {string} content as computed @returns {string} */
const contentText = content => {
  if (content === 'none' || content === 'normal' || !content) return '';
  /** @type {string[]} */
  const tokens = content.match(/[\w-]+\((?:"(?:[^"\\]|\\[^])*"|[^)"])*\)|"(?:[^"\\]|\\[^])*"|\/|[^\s"/]+/g) || [];
  const slash = tokens.indexOf('/');
  return tokens.slice(slash + 1).map(each => each[0] === '"' ? each.slice(1, -1).replace(/\\([\da-f]{1,6})\s?|\\([^])/gi, (_, code, itself) =>
    code ? String.fromCodePoint(parseInt(code, 16) || 0xfffd) : itself) : '').join('');
};

/** The text of the image that CSS draws in the place of what is in an element; `''`: it does not, or has no text. @param {CSSStyleDeclaration} style */
const textInstead = ({ content }) => /^[\w-]+\(/.test(content) && content.includes('/ "') ? contentText(content) : '';

/** @param {any} element */
const valueOf = element => localNameOf(element) === 'input' || localNameOf(element) === 'textarea' ? element.value : textContentOf(element) || '';

/**
 * How a part of a name is come by.
 * @typedef {object} Reading
 * @property {boolean} [referenced] the element is named by `aria-labelledby` or `aria-describedby`
 * @property {boolean} [inReference] it is that, or within that: no other reference is followed
 * @property {boolean} [label] it is a label, legend, caption and the like: all of its content counts
 * @property {boolean} [inside] it is within what is named
 * @property {boolean} [hidden] what is hidden counts too
 * @property {Element} [labelled] whose label or reference it is
 * @property {Element[]} [before] what the same attribute has referred to before that: no label of HTML says it again
 */

class Aria {
  constructor() {
    /** @type {Map<Element, string>} */
    this._roles = new Map();
    /** @type {Map<Element, boolean>} */
    this._excluded = new Map();
    /** @type {Map<Element, boolean>} */
    this._hidden = new Map();
    /** @type {Map<Element, string>[]} */
    this._names = [new Map(), new Map()];
    /** @type {Map<Node, Map<Element, Element[]>>} */
    this._labels = new Map();
    /** @type {Map<Element, boolean>} */
    this._disabled = new Map();
    /** @type {Map<Element, string>} */
    this._before = new Map();
    /** @type {Map<Element, string>} */
    this._after = new Map();
  }

  /** Return the role of an element; `''`: none. @param {Element} element @returns {string} */
  role(element) {
    const role = this._roles.get(element);
    if (role !== undefined) return role;
    const found = this._role(element);
    this._roles.set(element, found);
    return found;
  }

  /** Whether an element has a role, under any of its names. @param {Element} element @param {string} role */
  hasRole(element, role) {
    return namesOfRole(role).includes(this.role(element));
  }

  /** @param {Element} element */
  _role(element) {
    const explicit = this._explicitRole(element);
    if (!explicit) return this._implicitRole(element, true);
    if (explicit !== 'none' && explicit !== 'presentation') return explicit;
    const implicit = this._implicitRole(element, false);
    return resists(element, implicit === 'generic' ? '' : implicit) ? implicit : explicit;
  }

  /** The first role of `role` that there is. @param {Element} element */
  _explicitRole(element) {
    const attribute = attributeOf(element, 'role');
    if (!attribute) return '';
    for (const each of attribute.toLowerCase().split(/\s+/)) if (ROLES.has(each)) return each === 'image' ? 'img' : each;
    return '';
  }

  /** @param {Element} element @param {boolean} inherits whether it is for its looks where its parent is */
  _implicitRole(element, inherits) {
    const tag = localNameOf(element);
    if (namespaceOf(element) !== HTML && tag !== 'svg' && tag !== 'math' && tag !== 'a') return '';
    const known = Object.hasOwn(IMPLICIT, tag) ? IMPLICIT[tag] : undefined;
    if (!known) return '';
    const role = known[1] ? known[1](element, this) : known[0];
    if (inherits && Object.hasOwn(OWNED, tag)) {
      const parent = element.parentElement;
      if (parent && OWNED[tag].has(localNameOf(parent))) {
        const around = this.role(parent);
        if (around === 'none' || around === 'presentation') return around;
      }
    }
    return role;
  }

  /** Whether its author has named an element by an attribute. @param {Element} element */
  hasNameOfAuthor(element) {
    return (attributeOf(element, 'aria-label') || '').trim() !== '' || (attributeOf(element, 'title') || '').trim() !== '' ||
      referenced(element, 'aria-labelledby').length > 0;
  }

  /** Whether a cell is in a grid. @param {Element} cell */
  isInGrid(cell) {
    const table = closestCSS(cell, 'table');
    const role = table ? this.role(table) : '';
    return role === 'grid' || role === 'treegrid';
  }

  /** Whether assistive technologies are not told of an element. @param {Element} element */
  hidden(element) {
    let hidden = this._hidden.get(element);
    if (hidden === undefined) this._hidden.set(element, hidden = this._excludedByAuthor(element) || !this._isRendered(element));
    return hidden;
  }

  /** Whether `aria-hidden`, `inert` or a missing slot takes an element, or one around it, away. @param {Element} element @returns {boolean} */
  _excludedByAuthor(element) {
    let excluded = this._excluded.get(element);
    if (excluded === undefined) {
      excluded = (attributeOf(element, 'aria-hidden') || '').toLowerCase() === 'true' || element instanceof HTMLElement && inertOf(element) || UNSEEN.has(localNameOf(element));
      if (!excluded) {
        const light = parentElementOf(element), parent = drawnParentOf(element);
        excluded = light !== null && shadowOf(light) !== null && !slotOf(element) || parent !== null && this._excludedByAuthor(parent);
      }
      this._excluded.set(element, excluded);
    }
    return excluded;
  }

  /** Whether parts of an element can be seen though it is not. @param {Element} element */
  mayShowParts(element) {
    if (this._excludedByAuthor(element)) return false;
    const style = styleOf(element);
    return style.display === 'contents' || style.visibility !== 'visible' && isRendered(element);
  }

  /** Whether style lets an element be seen. @param {Element} element @returns {boolean} */
  _isRendered(element) {
    if (isRendered(element, { visibilityProperty: true })) return true;
    // What has no box of its own is seen where its content or its owner is.
    const style = styleOf(element), parent = drawnParentOf(element);
    const tag = localNameOf(element);
    if (tag === 'option' || tag === 'optgroup') {
      const select = /** @type {HTMLSelectElement | null} */ (closestCSS(element, 'select'));
      if (select === null || style.display === 'none' || this.hidden(select)) return false;
      // Only those of a list are drawn with the page, and so can be invisible there.
      return style.visibility === 'visible' || !select.multiple && select.size <= 1;
    }
    if (style.visibility !== 'visible') return false;
    if (tag === 'area') {
      const map = /** @type {HTMLMapElement | null} */ (closestCSS(element, 'map'));
      const image = map && map.name && /** @type {Document} */ (map.getRootNode()).querySelector(`img[usemap="#${CSS.escape(map.name)}"]`);
      return !!image && !this.hidden(image);
    }
    if (style.display !== 'contents' || parent !== null && !this._holds(parent, element)) return false;
    const children = drawnIn(element);
    for (let i = 0; i < children.length; i++) {
      const child = children[i];
      if (child.nodeType === 1 ? !this.hidden(/** @type {Element} */ (child)) : child.nodeType === 3 && isDrawn(/** @type {Text} */ (child))) return true;
    }
    return false;
  }

  /** Whether an element shows what is in it. @param {Element} parent @param {Element} child @returns {boolean} */
  _holds(parent, child) {
    if (localNameOf(parent) === 'details' && !(/** @type {HTMLDetailsElement} */ (parent).open) && queryElement(parent, ':scope > summary')[0] !== child) return false;
    const { display } = styleOf(parent);
    if (display !== 'contents') return display !== 'none' && isRendered(parent);
    const around = drawnParentOf(parent);
    return around === null || this._holds(around, parent);
  }

  /**
   * Return the accessible name of an element.
   * @param {Element} element @param {boolean} [includeHidden] whether hidden parts count
   */
  name(element, includeHidden = false) {
    const names = this._names[includeHidden ? 1 : 0];
    let name = names.get(element);
    if (name === undefined) {
      names.set(element, name = NAMELESS.has(this._namedAs(element)) ? '' : plain(this._text(element, { hidden: includeHidden }, new Set())));
    }
    return name;
  }

  /** Whether an author has said what it is. @param {Element} element */
  hasOwnRole(element) {
    return this._explicitRole(element) === this.role(element);
  }

  /** The role that decides whether an element can be named: what is nothing of itself can be. @param {Element} element */
  _namedAs(element) {
    const role = this.role(element);
    return role === 'generic' && !this.hasOwnRole(element) ? '' : role;
  }

  /** Return the accessible description of an element. @param {Element} element @param {boolean} [includeHidden] */
  description(element, includeHidden = false) {
    if (referenced(element, 'aria-describedby').length) return this._referencedText(element, 'aria-describedby');
    const said = plain(attributeOf(element, 'aria-description') || '');
    if (said) return said;
    const title = plain(attributeOf(element, 'title') || '');
    return title && title !== this.name(element, includeHidden) ? title : '';
  }

  /** Return what an element that is not valid says about that. @param {Element} element */
  errorMessage(element) {
    return this.invalid(element) === 'false' ? '' : joined(referenced(element, 'aria-errormessage').map(each =>
      this._text(each, { referenced: true, inReference: true }, new Set())));
  }

  /** Whether an element is not valid: `false`, `true`, `grammar` or `spelling`. @param {Element} element */
  invalid(element) {
    const said = (attributeOf(element, 'aria-invalid') || '').trim().toLowerCase();
    if (said === 'false' || said === 'grammar' || said === 'spelling') return said;
    if (said) return 'true';
    const { validity } = /** @type {any} */ (element);
    return hasAttribute(element, 'aria-invalid') || !validity || validity.valid !== false ? 'false' : 'true';
  }

  /**
   * The text of what an element refers to.
   * @param {Element} element @param {string} attribute @param {boolean} [hidden] @param {Iterable<Element>} [visited]
   */
  _referencedText(element, attribute, hidden = false, visited = []) {
    return joined(referenced(element, attribute).map((each, i, all) => {
      const seen = new Set(visited);
      seen.delete(each);  // what is referred to is said, whatever was before
      return this._text(each, { referenced: true, inReference: true, hidden: hidden || this.hidden(each), labelled: element, before: all.slice(0, i) }, seen);
    }));
  }

  /**
   * The text alternative of an element: accname's step 2.
   * @param {Element} element @param {Reading} how @param {Set<Element>} visited @returns {string}
   */
  _text(element, how, visited) {
    if (visited.has(element) || isUnseen(element)) return '';
    // A: what is hidden, unless what is hidden is referred to
    if (!how.hidden && this.hidden(element)) return '';
    // B: what it refers to
    if (!how.inReference) {
      const text = this._referencedText(element, 'aria-labelledby', how.hidden, visited);
      for (const each of referenced(element, 'aria-labelledby')) visited.add(each);  // what has been said is not said again
      if (text) return text;
    }
    const role = this.role(element);
    // C: a control within what is named adds its value, but not to its own name
    if ((how.inside || how.referenced || how.label) && how.labelled !== element) {
      const value = this._embeddedValue(element, role, how, visited);
      if (value) return value;
      if (value !== undefined) how = { ...how, referenced: false, label: false };  // its content is what it offers
    }
    // D: what its author calls it
    const said = localNameOf(element) === 'slot' ? null : attributeOf(element, 'aria-label'), isPresentational = role === 'none' || role === 'presentation';
    visited.add(element);
    if (said && said.trim() && !isPresentational) return said;
    // E: what HTML has for that
    if (!isPresentational) {
      const text = this._nativeText(element, how, visited);
      if (text && text.trim()) return text;
    }
    // F, G, H: its content
    if (how.referenced || how.label || NAMED_BY_CONTENT.has(role) || localNameOf(element) === 'summary' || how.inside && (role === '' || PART_OF_NAMES.has(role))) {
      const text = this._content(element, how, visited);
      if (text.trim()) return text;
      if (how.inside && text && !this._title(element)) return text;  // a space between words
    }
    // I: its tooltip
    return isPresentational ? '' : this._title(element);
  }

  /** @param {Element} element */
  _title(element) {
    return attributeOf(element, 'title') || '';
  }

  /**
   * What a control adds to the name of something around it; undefined: it is none that has a value.
   * @param {any} element @param {string} role @param {Reading} how @param {Set<Element>} visited @returns {string | undefined}
   */
  _embeddedValue(element, role, how, visited) {
    switch (role) {
      case 'textbox': case 'searchbox': return valueOf(element);
      case 'combobox': case 'listbox': {
        if (localNameOf(element) === 'input') return element.value;
        const within = role === 'listbox' ? [element] : ownedAndInside(element, '[role=listbox]');
        const chosen = localNameOf(element) === 'select' ? [...element.selectedOptions]
          : within.flatMap(each => [...queryElement(each, '[role=option]')]).filter(each => this.selected(each));
        return chosen.map(each => plain(this._text(each, { ...how, referenced: false, label: false, inside: true }, visited))).join(' ');
      }
      case 'slider': case 'spinbutton': case 'scrollbar': case 'meter': case 'progressbar': {
        const text = attributeOf(element, 'aria-valuetext') || attributeOf(element, 'aria-valuenow');
        return text !== null ? text : hasAttribute(element, 'value') || localNameOf(element) === 'input' ? String(element.value) : '';
      }
      case 'menu': return '';
    }
    return undefined;
  }

  /**
   * What HTML names an element by; undefined: by nothing but its content or title.
   * @param {any} element @param {Reading} how @param {Set<Element>} visited @returns {string | undefined}
   */
  _nativeText(element, how, visited) {
    const tag = localNameOf(element);
    if (namespaceOf(element) !== HTML) {
      if (namespaceOf(element) !== SVG) return undefined;
      for (const child of childrenOf(element)) {
        if (localNameOf(child) === 'title' && namespaceOf(child) === SVG) return child.textContent || '';
      }
      return tag === 'svg' ? attributeOf(element, 'title') || '' : element.getAttributeNS(XLINK, 'title') || undefined;
    }
    switch (tag) {
      case 'input': {
        const { type } = element;
        if (type === 'hidden') return '';
        const labels = this._labelText(element, how, visited);
        if (labels) return labels;
        switch (type) {
          case 'button': return element.value;
          case 'submit': return hasAttribute(element, 'value') && element.value.trim() ? element.value : 'Submit';
          case 'reset': return hasAttribute(element, 'value') && element.value.trim() ? element.value : 'Reset';
          case 'image': return element.alt.trim() || this._title(element) || 'Submit';
          case 'file': return this._title(element) || 'Choose File';
        }
        return this._title(element) || PLACEHELD.has(type) && attributeOf(element, 'placeholder') || attributeOf(element, 'aria-placeholder') || '';
      }
      case 'textarea':
        return this._labelText(element, how, visited) || this._title(element) || attributeOf(element, 'placeholder') || '';
      case 'button':
      case 'select': case 'meter': case 'progress': case 'output':
        return this._labelText(element, how, visited);
      case 'fieldset': return this._firstChildText(element, 'legend', how, visited);
      case 'figure': return this._firstChildText(element, 'figcaption', how, visited);
      case 'table': return this._firstChildText(element, 'caption', how, visited) ?? (attributeOf(element, 'summary') || undefined);
      case 'img': case 'area': return (attributeOf(element, 'alt') || '').trim() ? attributeOf(element, 'alt') : this._title(element);
      case 'optgroup': return element.label;
      case 'option': return attributeOf(element, 'label') || undefined;
    }
    return tag.includes('-') ? this._labelText(element, how, visited) : undefined;  // custom elements can be controls
  }

  /** @param {Element} element @param {Reading} how @param {Set<Element>} visited */
  _labelText(element, how, visited) {
    return joined(this.labels(element).map(each => this._labelPart(each, element, how, visited)));
  }

  /** The text of a label and the like, also where that is hidden. @param {Element} label @param {Element} labelled @param {Reading} how @param {Set<Element>} visited */
  _labelPart(label, labelled, how, visited) {
    const seen = how.before && how.before.length ? new Set([...visited, ...how.before]) : visited;
    return this._text(label, { label: true, hidden: how.hidden || this.hidden(label), inReference: how.inReference, labelled }, seen);
  }

  /** Return the labels of a control, in the document's order. @param {Element} element @returns {Element[]} */
  labels(element) {
    const root = /** @type {Document | ShadowRoot} */ (rootOf(element));
    let known = this._labels.get(root);
    if (known === undefined) {
      this._labels.set(root, known = new Map());
      if (root.querySelectorAll) {
        for (const label of root.querySelectorAll('label')) {
          if (!label.control) continue;
          const labels = known.get(label.control);
          if (labels) labels.push(label);
          else known.set(label.control, [label]);
        }
      }
    }
    return known.get(element) || [];
  }

  /** @param {Element} element @param {string} tag @param {Reading} how @param {Set<Element>} visited @returns {string | undefined} */
  _firstChildText(element, tag, how, visited) {
    for (const child of childrenOf(element)) if (localNameOf(child) === tag) return this._labelPart(child, element, how, visited);
    return undefined;
  }

  /** The text in an element, with what CSS adds to it. @param {Element} element @param {Reading} how @param {Set<Element>} visited */
  _content(element, how, visited) {
    /** @type {Reading} */
    const inner = { inside: true, inReference: how.inReference, hidden: how.hidden, labelled: how.labelled, before: how.before };
    const instead = textInstead(styleOf(element));
    if (instead) return instead;
    let text = '';
    /** @param {Node} node */
    const add = node => {
      if (node.nodeType === TEXT) text += how.hidden || showsTexts(element) ? nodeValueOf(node) : '';
      else if (node.nodeType === ELEMENT) {
        const child = /** @type {Element} */ (node), part = this._text(child, inner, visited);
        const apart = localNameOf(child) === 'br' || styleOf(child).display !== 'inline';
        text += apart ? ' ' + part + ' ' : part;
      }
    };
    text += this.pseudoText(element, '::before');
    const children = drawnIn(element);
    for (let i = 0; i < children.length; i++) {
      const child = children[i];
      if (localNameOf(element) !== 'slot' && !shadowOf(element) && /** @type {any} */ (child).assignedSlot) continue;
      add(child);
    }
    for (const owned of referenced(element, 'aria-owns')) add(owned);
    return text + this.pseudoText(element, '::after');
  }

  /** What CSS puts before or after an element's content. @param {Element} element @param {'::before' | '::after'} which @returns {string} */
  pseudoText(element, which) {
    const texts = which === '::before' ? this._before : this._after;
    let text = texts.get(element);
    if (text === undefined) texts.set(element, text = generatedText(styleOf(element, which)));
    return text;
  }

  /** Whether an element is checked; `'error'`: it is none that can be. @param {any} element @returns {Tristate | 'error'} */
  checked(element) {
    const { localName: tag, type } = element;
    if (tag === 'input' && (type === 'checkbox' || type === 'radio')) return type === 'checkbox' && element.indeterminate ? 'mixed' : element.checked;
    const role = this.role(element);
    if (!CHECKABLE.has(role)) return 'error';
    const said = attributeOf(element, 'aria-checked');
    return said === 'true' ? true : said === 'mixed' && role !== 'radio' && role !== 'menuitemradio' && role !== 'switch' ? 'mixed' : false;
  }

  /** Whether an element is disabled, of itself or by one around it. @param {Element} element */
  disabled(element) {
    return isDisabledControl(element) || DISABLEABLE.has(this.role(element)) && this._ariaDisabled(element);
  }

  /** @param {Element} element @returns {boolean} */
  _ariaDisabled(element) {
    let disabled = this._disabled.get(element);
    if (disabled === undefined) {
      const said = (attributeOf(element, 'aria-disabled') || '').toLowerCase(), parent = drawnParentOf(element);
      disabled = said === 'true' || said !== 'false' && parent !== null && this._ariaDisabled(parent);
      this._disabled.set(element, disabled);
    }
    return disabled;
  }

  /** Whether a control cannot be edited; `'error'`: it is none that can be. @param {any} element @returns {boolean | 'error'} */
  readonly(element) {
    const tag = localNameOf(element);
    if (tag === 'input' || tag === 'textarea' || tag === 'select') return hasAttribute(element, 'readonly');
    if (READONLY.has(this.role(element))) return attributeOf(element, 'aria-readonly') === 'true';
    return element instanceof HTMLElement && isEditableContent(element) ? false : 'error';
  }

  /** Whether an element is expanded; undefined: it does not say that. @param {any} element @returns {boolean | undefined} */
  expanded(element) {
    if (localNameOf(element) === 'details') return element.open;
    if (!EXPANDABLE.has(this.role(element))) return undefined;
    const said = attributeOf(element, 'aria-expanded');
    return said === 'true' ? true : said === 'false' ? false : undefined;
  }

  /** Return the level of a heading and the like; 0: none. @param {Element} element @returns {number} */
  level(element) {
    const role = this.role(element), native = role === 'heading' ? /^h([1-6])$/.exec(localNameOf(element)) : null;
    if (LEVELLED.has(role)) {
      const said = Number(attributeOf(element, 'aria-level') || NaN);
      if (Number.isInteger(said) && said >= 1) return said;
    }
    return native ? Number(native[1]) : 0;
  }

  /** Whether a button is pressed; undefined: it is none that can be. @param {Element} element @returns {Tristate | undefined} */
  pressed(element) {
    if (this.role(element) !== 'button') return undefined;
    const said = attributeOf(element, 'aria-pressed');
    return said === 'true' ? true : said === 'mixed' ? 'mixed' : said === 'false' ? false : undefined;
  }

  /** Whether an element is selected; undefined: that is not to be said of it. @param {any} element @returns {boolean | undefined} */
  selected(element) {
    if (localNameOf(element) === 'option') return element.selected;
    return SELECTABLE.has(this.role(element)) ? attributeOf(element, 'aria-selected') === 'true' : undefined;
  }
}

const PLACEHELD = words('text search url tel email password number');

/** @param {Element} element @param {string} selector */
const ownedAndInside = (element, selector) => {
  const owned = [...referenced(element, 'aria-owns'), ...referenced(element, 'aria-controls')].filter(each => matchesCSS(each, selector));
  return [...queryElement(element, selector), ...owned];
};

/** @param {CSSStyleDeclaration} style of a pseudo-element */
const generatedText = style => {
  const { content } = style;
  if (content === 'none' || content === 'normal' || style.display === 'none' || style.visibility !== 'visible') return '';
  const text = contentText(content);
  return style.display === 'inline' || !text ? text : ' ' + text + ' ';
};

/** Whether a text has a box. @param {Text} text */
const isDrawn = text => {
  if (!(text.nodeValue || '').trim()) return false;
  const range = text.ownerDocument.createRange();
  range.selectNode(text);
  return range.getClientRects().length > 0;
};

/** What there is to know in this try. */
const aria = () => {
  const known = memo('aria');
  if (!known.has('it')) known.set('it', new Aria());
  return /** @type {Aria} */ (known.get('it'));
};

const roleOf = (/** @type {Element} */ element) => aria().role(element);
const nameOf = (/** @type {Element} */ element, includeHidden = false) => aria().name(element, includeHidden);
const descriptionOf = (/** @type {Element} */ element) => aria().description(element);
const isHiddenForAria = (/** @type {Element} */ element) => aria().hidden(element);
const ariaDisabled = (/** @type {Element} */ element) => aria().disabled(element);
const ariaReadonly = (/** @type {Element} */ element) => aria().readonly(element);
const ariaChecked = (/** @type {Element} */ element) => aria().checked(element);
const ariaPressed = (/** @type {Element} */ element) => aria().pressed(element);
const ariaSelected = (/** @type {Element} */ element) => aria().selected(element);
const ariaExpanded = (/** @type {Element} */ element) => aria().expanded(element);
const ariaLevel = (/** @type {Element} */ element) => aria().level(element);
const hasRole = (/** @type {Element} */ element, /** @type {string} */ role) => aria().hasRole(element, role);
const labelsOf = (/** @type {Element} */ element) => aria().labels(element);
