// What a part of a document is for assistive technologies, as a tree, and whether that is like what a template says.
//
// Part of the script that `_engine.py` puts together, after `aria.js`; `_aria_snapshot.py` writes trees as YAML, and reads templates.

/** @typedef {string | SnapshotNode} SnapshotItem a text or a node */
/** @typedef {{ role: string, name: string, states: Record<string, any>, properties: Record<string, string>, children: SnapshotItem[] }} SnapshotNode */
/** @typedef {{ s: string } | { re: string, flags: string }} SnapshotText what a text is compared with */
/** @typedef {{ text?: SnapshotText, role?: string, name?: SnapshotText, states?: Record<string, any>, properties?: Record<string, SnapshotText>,
 *   children?: SnapshotTemplate[], mode?: 'contain' | 'equal' | 'deep-equal' }} SnapshotTemplate */

const CAN_BE_INVALID = words('application checkbox columnheader combobox gridcell listbox radiogroup rowheader searchbox slider spinbutton switch textbox ' +
  'tree treegrid');

/** Inputs whose value is no text that a person reads in them. */
const WITHOUT_TEXT = words('checkbox file hidden image radio');

/** Characters of a name beyond which it is left to what it is made of. */
const LONGEST_NAME = 900;

class Snapshot {
  /** @param {Aria} aria @param {boolean} boxes @param {number} depth how deep it goes; 0: to the end */
  constructor(aria, boxes, depth) {
    this._aria = aria;
    this._boxes = boxes;
    this._depth = depth || Infinity;
    /** @type {Set<Node>} */
    this._seen = new Set();
  }

  /** Return what there is of an element. @param {Element} element @returns {SnapshotItem[]} */
  of(element) {
    const root = { role: '', name: '', states: {}, properties: {}, children: [] };
    this._add(root, element, 0);
    this._settle(root);
    return root.children;
  }

  /** @param {SnapshotNode} into @param {Node} node @param {number} depth @param {boolean} [visible] whether texts of the element around it are seen */
  _add(into, node, depth, visible = true) {
    if (this._seen.has(node)) return;
    this._seen.add(node);
    const type = nodeTypeOf(node);
    if (type === TEXT) {
      if (visible) into.children.push(nodeValueOf(node));
    } else if (type === ELEMENT) {
      const element = /** @type {Element} */ (node), hidden = this._aria.hidden(element);
      if (hidden && !this._aria.mayShowParts(element)) return;
      const made = hidden ? null : this._nodeOf(element);
      if (made) into.children.push(made);
      if (made && depth >= this._depth && childrenOf(element).length) return;
      this._addParts(made || into, element, depth + (made ? 1 : 0), !hidden);
      if (made) this._settle(made);
    }
  }

  /** @param {SnapshotNode} into @param {Element} element @param {number} depth @param {boolean} visible */
  _addParts(into, element, depth, visible) {
    const apart = localNameOf(element) === 'br' || styleOf(element).display !== 'inline' ? ' ' : '';
    if (visible) into.children.push(apart, this._aria.pseudoText(element, '::before'));
    const value = valueShown(element);
    if (value !== undefined) into.children.push(value);
    else if (localNameOf(element) !== 'iframe') {
      const children = drawnIn(element);
      for (let i = 0; i < children.length; i++) this._add(into, children[i], depth, visible && showsTexts(element));
      for (const owned of referenced(element, 'aria-owns')) this._add(into, owned, depth, visible);
    }
    if (visible) into.children.push(this._aria.pseudoText(element, '::after'), apart);
  }

  /** @param {any} element @returns {SnapshotNode | null} */
  _nodeOf(element) {
    const aria = this._aria;
    const role = localNameOf(element) === 'iframe' ? 'iframe' : aria.role(element);
    if (!role || role === 'none' || role === 'presentation' || role === 'generic' && !aria.hasOwnRole(element)) return null;
    /** @type {Record<string, any>} */
    const states = {};
    const checked = aria.checked(element), invalid = CAN_BE_INVALID.has(role) ? aria.invalid(element) : 'false';
    if (checked !== 'error' && checked) states.checked = checked;
    if (DISABLEABLE.has(role) && aria.disabled(element)) states.disabled = true;
    if (EXPANDABLE.has(role) && aria.expanded(element)) states.expanded = true;
    if (invalid !== 'false') states.invalid = invalid === 'true' || invalid;
    const level = aria.level(element), pressed = aria.pressed(element);
    if (level) states.level = level;
    if (pressed) states.pressed = pressed;
    if (aria.selected(element)) states.selected = true;
    if (this._boxes) {
      const { x, y, width, height } = boxOf(element);
      states.box = [x, y, width, height].map(Math.round).join(',');
    }
    /** @type {Record<string, string>} */
    const properties = {};
    const full = role === 'iframe' ? '' : aria.name(element), name = full.length > LONGEST_NAME ? '' : full;
    if (role === 'link' && hasAttribute(element, 'href')) properties.url = attributeOf(element, 'href');
    const placeholder = role === 'textbox' && attributeOf(element, 'placeholder');
    if (placeholder && placeholder !== name) properties.placeholder = placeholder;
    return { role, name, states, properties, children: [] };
  }

  /** Put texts that are beside each other together; what the name says is not said again. @param {SnapshotNode} node */
  _settle(node) {
    /** @type {SnapshotItem[]} */
    const children = [];
    let text = '';
    const end = () => {
      text = plain(text);
      if (text) children.push(text);
      text = '';
    };
    for (const child of node.children) {
      if (typeof child === 'string') text += child;
      else {
        end();
        children.push(child);
      }
    }
    end();
    node.children = children.length === 1 && children[0] === node.name ? [] : children;
  }
}

/** What a person reads in a field; undefined: it is none. @param {any} element @returns {string | undefined} */
const valueShown = element => {
  const tag = localNameOf(element);
  if (namespaceOf(element) !== HTML) return undefined;
  if (tag === 'option' && hasAttribute(element, 'label')) return element.label;
  return tag === 'textarea' || tag === 'input' ? WITHOUT_TEXT.has(element.type) ? '' : element.value : undefined;
};

/** @param {string} text @param {SnapshotText | undefined} expected */
const isSnapshotText = (text, expected) => {
  if (!expected) return true;
  if ('s' in expected) return !expected.s || text === expected.s;
  if (text === `/${expected.re}/`) return true;  // a snapshot writes such texts as they are
  try {
    return new RegExp(expected.re, expected.flags).test(text);
  } catch (error) {
    throw new Refusal(`/${expected.re}/ is no regular expression: ${/** @type {Error} */ (error).message}`);
  }
};

/** @param {SnapshotItem} item @param {SnapshotTemplate} template @param {boolean} deep whether all that is in it is to be there */
const isLike = (item, template, deep) => {
  if (typeof item === 'string') return template.text !== undefined && isSnapshotText(item, template.text);
  if (template.text !== undefined || item.role !== template.role || !isSnapshotText(item.name, template.name)) return false;
  for (const state in template.states) if ((item.states[state] ?? (state === 'level' ? 0 : false)) !== template.states[state]) return false;
  for (const each in template.properties) if (!isSnapshotText(item.properties[each] ?? '', template.properties[each])) return false;
  return areLike(item.children, template, deep);
};

/** @param {SnapshotItem[]} items @param {SnapshotTemplate} template of what they are in @param {boolean} deep @returns {boolean} */
const areLike = (items, template, deep) => {
  const expected = template.children || [], isDeep = template.mode ? template.mode === 'deep-equal' : deep;
  if (isDeep || template.mode === 'equal') return items.length === expected.length && items.every((item, i) => isLike(item, expected[i], isDeep));
  let next = 0;
  for (const item of items) if (next < expected.length && isLike(item, expected[next], false)) next++;
  return next === expected.length;
};

/** Whether what a template says is there, however deep. @param {SnapshotItem[]} items @param {SnapshotTemplate} template @returns {boolean} */
const isSomewhere = (items, template) => areLike(items, template, false) ||
  items.some(item => typeof item !== 'string' && isSomewhere(item.children, template));

/** @param {Element} element */
const snapshotOf = (element, boxes = false, depth = 0) => new Snapshot(aria(), boxes, depth).of(element);

operations.ariaSnapshot = (element, args) => snapshotOf(element, args.boxes, args.depth);
