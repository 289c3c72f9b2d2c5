// Acting: what an element has to be before something is done with it, where it is, and whether what is sent gets there.
//
// Neighbour of `locators.js`, in the same scope. A pointer's events come from the browser, and anything may lie over the
// element by then. So what they hit is looked at twice: before they are sent, and at the very event, by listeners that
// are the first to hear of it. An event that hits something else is kept from the page.

/** @typedef {{ x: number, y: number }} Point */
/** @typedef {{ covered: string, from?: string }} Covered what lies over an element, and what that is part of, in words */
/**
 * @typedef {object} Aim how a pointer is to get to an element
 * @property {boolean} enabled whether it has to be enabled
 * @property {boolean} force whether nothing is looked at but where it is
 * @property {'mouse' | 'hover' | 'tap' | 'drag' | 'none'} kind which events are sent
 * @property {boolean} trial whether they are all kept from the page
 * @property {Point | null} position in its padding box
 * @property {string | null} align how it is scrolled to, in any case; null: where it is not in view, which is told
 * @property {boolean} scrolled whether it has been scrolled to just now
 * @property {string} token by which the listeners are known
 */

const elementAtDocument = method(Document.prototype, 'elementFromPoint');
const elementsAtDocument = method(Document.prototype, 'elementsFromPoint');
const elementsAtShadow = method(ShadowRoot.prototype, 'elementsFromPoint');
const hostOf = getter(ShadowRoot.prototype, 'host');
const scrollElement = method(Element.prototype, 'scrollIntoView');
const isContentEditable = getter(HTMLElement.prototype, 'isContentEditable');
const inputTypeOf = getter(HTMLInputElement.prototype, 'type');
const dispatchTo = method(EventTarget.prototype, 'dispatchEvent');
const DOCUMENT_FRAGMENT = 11;

/** Milliseconds after which a page counts as one that draws no frames; one behind another window draws one a second. */
const NO_FRAMES = 1500;
/** Frames in which an element may move until it is told that it does. */
const MOVING = 4;

/** Wait for the next frame that the page draws. @returns {Promise<boolean>} false: it draws none */
const drawn = () => new Promise(done => {
  const timer = setTimeout(() => { cancelAnimationFrame(frame); done(false); }, NO_FRAMES);
  const frame = requestAnimationFrame(() => { clearTimeout(timer); done(true); });
});

const animationsOf = method(Document.prototype, 'getAnimations');

/** Whether an animation of an element, or of one around it, has been started and waits for its first frame. @param {Element} element */
const isAboutToMove = element => animationsOf(document).some((/** @type {any} */ each) => {
  const target = each.pending && each.effect && each.effect.target;
  return target && containsNode(target, element);
});

/** @param {any} element @returns {boolean} */
const isEditableText = element => element instanceof HTMLElement && isContentEditable(element);

/** @param {Element} element */
const isInert = element => {
  for (let at = /** @type {Element | null} */ (element); at; at = slotOf(at) || parentOf(at)) if (hasAttribute(at, 'inert')) return true;
  return false;
};

/**
 * What an element is not that it has to be; null: it is all of it.
 * @param {Element} element @param {string[]} states @param {Attempt} attempt
 */
const missing = (element, states, attempt) => {
  for (const state of states) {
    switch (state) {
      case 'visible': if (!isSeen(element, attempt)) return unseen('element', element, attempt); break;
      case 'enabled': if (!isEnabled(element)) return again('element is not enabled', element); break;
      case 'editable': if (!isEditable(element)) return again('element is not editable', element); break;
      default: if (isInert(element)) return again('element is inert', element);
    }
  }
  return null;
};

// Where it is:

/** The boxes of a node, in the viewport of its frame. @param {Node} node @returns {DOMRect[]} */
const ownBoxesOf = node => {
  if (nodeTypeOf(node) === ELEMENT) return Array.from(clientRectsOf(node));
  const range = document.createRange();
  range.selectNode(node);
  return Array.from(range.getClientRects());
};

/**
 * The boxes in which what an element shows is, in the viewport of its frame. Of a line of text, and of what has no box, these are those
 * of what is in it: an image in a link stands higher than the link's own box, and between two words there may be another link.
 * @param {Node} node @returns {Iterable<DOMRect>}
 */
function* boxesOf(node) {
  let inside = false;
  if (nodeTypeOf(node) === ELEMENT && namespaceOf(node) === HTML) {
    const { display } = styleOf(/** @type {Element} */ (node));
    if (display === 'inline' || display === 'contents') {
      for (const each of Array.from(drawnIn(/** @type {Element} */ (node)))) {
        const type = nodeTypeOf(each);
        if (type !== TEXT && !(type === ELEMENT && styleOf(/** @type {Element} */ (each)).visibility === 'visible')) continue;
        for (const box of boxesOf(each)) {
          inside = true;
          yield box;
        }
      }
    }
  }
  if (!inside) yield* ownBoxesOf(node);
}

/** Whether an element, or something in it, has a place. @param {Element} element */
const isLaidOut = element => {
  for (const _ of boxesOf(element)) return true;
  return false;
};

/** What is scrolled to for an element: itself, or, where that has no box (`display: contents`), the first in it that has. @param {Element} element @returns {Node} */
const placeOf = element => {
  if (clientRectsOf(element).length || styleOf(element).display !== 'contents') return element;
  for (const each of Array.from(drawnIn(element))) {
    const type = nodeTypeOf(each), place = type === ELEMENT ? placeOf(/** @type {Element} */ (each)) : each;
    if ((type === ELEMENT || type === TEXT) && ownBoxesOf(place).length) return place;
  }
  return element;
};
operations.place = element => placeOf(element);

/** @param {Node} node */
const boxAround = node => {
  if (nodeTypeOf(node) === ELEMENT) return boxOf(node);
  const range = document.createRange();
  range.selectNode(node);
  return range.getBoundingClientRect();
};

/** The part of a box that is in the viewport. @param {DOMRect} box */
const inViewport = box => ({
  left: Math.max(box.left, 0), top: Math.max(box.top, 0),
  right: Math.min(box.right, innerWidth), bottom: Math.min(box.bottom, innerHeight),
});

/** The point of an element at which a pointer is to be; null: it has none in the viewport. @param {Element} element @param {Point | null} position @returns {Point | null} */
const pointOf = (element, position) => {
  if (position) {
    const box = boxOf(element), style = styleOf(element);
    return { x: box.left + parseFloat(style.borderLeftWidth) + position.x, y: box.top + parseFloat(style.borderTopWidth) + position.y };
  }
  for (const box of boxesOf(element)) {
    const { left, top, right, bottom } = inViewport(box);
    if (right > left && bottom > top && (right - left) * (bottom - top) > 0.99) return { x: (left + right) / 2, y: (top + bottom) / 2 };
  }
  return null;
};

/** @param {Point} point */
const isInViewport = point => point.x >= 0 && point.y >= 0 && point.x < innerWidth && point.y < innerHeight;

/**
 * Whether all of an element, or a point of it, is in view: neither outside of the viewport, nor cut off by what scrolls around it.
 * @param {Element} element @param {Point | null} point
 */
const isInView = (element, point) => {
  const box = point ? { left: point.x, top: point.y, right: point.x, bottom: point.y } : boxAround(placeOf(element));
  if (box.left < 0 || box.top < 0 || box.right > innerWidth || box.bottom > innerHeight) return false;
  for (let at = slotOf(element) || parentOf(element); at; at = slotOf(at) || parentOf(at)) {
    const style = styleOf(at);
    if (style.overflowX === 'visible' && style.overflowY === 'visible' || at === rootElementOf(document) || at === bodyOf(document)) continue;
    const around = boxOf(at);
    if (style.overflowX !== 'visible' && (box.left < around.left || box.right > around.right)) return false;
    if (style.overflowY !== 'visible' && (box.top < around.top || box.bottom > around.bottom)) return false;
  }
  return true;
};

// What is hit:

/**
 * The shadow root of a host in which an element is: that which the host does not tell of, as it is closed.
 * @param {Element} host @param {Element} inside @returns {ShadowRoot | null}
 */
const shadowAround = (host, inside) => {
  for (let at = inside; at; ) {
    const root = rootOf(at);
    at = nodeTypeOf(root) === DOCUMENT_FRAGMENT ? root.host : null;
    if (at === host) return root;
  }
  return null;
};

/**
 * The innermost element at a point, through open shadow roots, and those around a target.
 * @param {number} x @param {number} y @param {Element} target @returns {Element | null}
 */
const elementAt = (x, y, target) => {
  let hit = elementAtDocument(document, x, y);
  if (hit instanceof HTMLAreaElement) [hit] = elementsAtDocument(document, x, y);  // the image that it is a part of
  while (hit) {
    const shadow = shadowOf(hit) || shadowAround(hit, target);
    if (!shadow) break;
    // What is slotted is part of the host's tree: a text that is, counts as the host there.
    const stack = elementsAtShadow(shadow, x, y);
    const inner = stack[0] === hit ? stack[1] : stack[0];
    if (!inner || inner === hit || rootOf(inner) !== shadow) break;
    hit = inner;
  }
  return hit;
};

/** What lies over an element at a point; null: nothing does. @param {Element} target @param {Point} point @returns {Covered | null} */
const coverOf = (target, point) => {
  const hit = elementAt(point.x, point.y, target);
  const above = [];
  for (let at = hit; at; at = slotOf(at) || parentOf(at)) {
    if (at === target) return null;
    above.push(at);
  }
  if (!hit) return { covered: shown(rootElementOf(document)) };
  // It is told of the outermost part that has nothing to do with the element.
  for (let at = /** @type {Element | null} */ (target); at; at = slotOf(at) || parentOf(at)) {
    const index = above.indexOf(at);
    if (index >= 0) return index > 1 ? { covered: shown(hit), from: shown(above[index - 1]) } : { covered: shown(hit) };
  }
  return { covered: shown(hit) };
};

const HEARD = {
  mouse: ['pointerdown', 'mousedown', 'pointerup', 'mouseup', 'click', 'auxclick', 'dblclick', 'contextmenu'],
  hover: ['pointermove', 'mousemove'],
  tap: ['pointerdown', 'touchstart', 'pointerup', 'touchend', 'touchcancel'],
};

/**
 * What listens for the events that are sent, by token: what became of them, how often a pointer was let go, and what ends it.
 * @type {Map<string, { outcome: () => (Covered | 'hit' | 'silence'), ups: () => number, end: () => void }>}
 */
const listening = new Map();

/** Tokens of those who have given up before anything listened. @type {Set<string>} */
const givenUp = new Set();

/**
 * Listen for events that are to hit an element, and keep those from the page that do not, or all.
 * @param {string} token @param {string[]} kinds @param {boolean} keepAll @param {(point: Point) => Covered | null} cover what lies over it at a point
 */
const listen = (token, kinds, keepAll, cover) => {
  if (givenUp.delete(token)) return;
  /** @type {Covered | 'hit' | 'silence'} */
  let outcome = 'silence';
  let ups = 0;
  /** @param {any} event */
  const hear = event => {
    if (!event.isTrusted) return;
    if (event.type === 'pointerup') ups++;
    if (outcome === 'silence') {
      const touch = event.touches && (event.touches[0] || event.changedTouches[0]) || event;
      memos.clear();
      outcome = cover({ x: touch.clientX, y: touch.clientY }) || 'hit';
    }
    if (keepAll || outcome !== 'hit') {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  };
  for (const kind of kinds) addEventListener(kind, hear, { capture: true, passive: false });
  listening.set(token, {
    outcome: () => outcome,
    ups: () => ups,
    end: () => {
      for (const kind of kinds) removeEventListener(kind, hear, { capture: true });
      listening.delete(token);
    },
  });
};

/**
 * Find where a pointer has to go to get to an element, when that is ready, and listen for what it does there.
 * @param {Element} element @param {Aim} aim @param {Attempt} attempt
 */
operations.aim = async (element, aim, attempt) => {
  let found = element;
  const states = aim.force ? [] : ['visible', ...aim.enabled ? ['enabled', 'inert'] : []];
  const soon = missing(found, states, attempt);
  if (soon) return soon;
  if (!aim.force) {
    /** @type {DOMRect | null} */
    let before = null;
    for (let frames = 0; ; frames++) {
      if (!await drawn()) return again('the page draws no frames, so it is unknown whether the element moves: it is in the background, or not shown', found);
      memos.clear();
      if (!isConnected(found)) {  // drawn anew: it is what the locator stands for that has to stay where it is
        const other = attempt.resolve();
        if (!other) return again('no element is there');
        found = other;
      }
      const box = boxOf(retargeted(found, 'button'));
      const same = before && before.x === box.x && before.y === box.y && before.width === box.width && before.height === box.height;
      if (same && !isAboutToMove(found)) break;
      if (frames > MOVING) return again('element is not stable', found);
      before = box;
    }
    const yet = missing(found, states, attempt);
    if (yet) return yet;
  }
  if (aim.align) {
    const place = placeOf(found);
    if (nodeTypeOf(place) === ELEMENT) scrollElement(place, { block: aim.align, inline: aim.align, behavior: 'instant' });
  }
  else if (!aim.scrolled && !isInView(found, aim.position && pointOf(found, aim.position))) return { scroll: true };
  memos.clear();
  const point = pointOf(found, aim.position);
  if (!point || !isInViewport(point)) {
    const outside = isLaidOut(found) ? 'element is outside of the viewport' : 'element is not visible';
    if (aim.force) throw new Refusal(outside[0].toUpperCase() + outside.slice(1));
    return { outside, html: shown(found) };
  }
  if (!aim.force) {
    const target = () => {
      if (!isConnected(found)) found = attempt.resolve() || found;
      return retargeted(found, 'button');
    };
    const covered = coverOf(target(), point);
    if (covered) return { ...covered, html: shown(found) };
    if (aim.kind === 'mouse' || aim.kind === 'hover' || aim.kind === 'tap') {
      listen(aim.token, HEARD[aim.kind], aim.trial, at => coverOf(target(), at));
    }
  }
  return { ...point, ...engine.view(), html: shown(found) };
};

/** The viewport of a frame. */
engine.view = () => ({ width: innerWidth, height: innerHeight, ratio: devicePixelRatio });

/**
 * Look at what is hit in a frame where an element's own frame is to be, and listen.
 * @param {Element} frame its element @param {Point} point @param {string} token @param {'mouse' | 'hover' | 'tap' | 'drag' | 'none'} kind
 */
engine.aimThrough = (frame, point, token, kind) => {
  memos.clear();
  if (!isVisible(frame)) return JSON.stringify({ value: { hidden: shown(frame) } });
  const covered = coverOf(frame, point);
  // What is heard here has not got into the frame.
  if (!covered && (kind === 'mouse' || kind === 'hover' || kind === 'tap')) {
    listen(token, HEARD[kind], false, at => coverOf(frame, at) || { covered: shown(frame) });
  }
  return JSON.stringify({ value: covered });
};

/**
 * Tell what has become of the events that were sent, and listen no more.
 * @param {string} token
 */
engine.settle = token => {
  const heard = listening.get(token);
  if (!heard) {
    if (givenUp.size > 100) givenUp.clear();
    givenUp.add(token);
    return 'gone';
  }
  heard.end();
  return heard.outcome();
};

/**
 * Do that where a pointer was let go so many times by now, which is over then, with all that the page does at once.
 * @param {string} token @param {number} times @returns {any} 'early' where it was not
 */
engine.settleIfHeard = (token, times) => {
  const heard = listening.get(token);
  return heard && heard.ups() < times ? 'early' : engine.settle(token);
};

// What is typed and chosen:

const SET = new Set(['color', 'date', 'time', 'datetime-local', 'month', 'range', 'week']);
const TYPED = new Set(['', 'email', 'number', 'password', 'search', 'tel', 'text', 'url']);

/** Whether a field has what it was given: in its own writing (`007`), and what it has when there is nothing, where that was nothing. @param {string} type @param {string} value @param {string} text */
const hasTaken = (type, value, text) => {
  if (text === '') return true;
  if (type === 'color') return value === text;
  return type === 'range' ? Number(value) === Number(text) : value !== '';
};

/** @param {Element} element */
const tellChange = element => {
  dispatchTo(element, new Event('input', { bubbles: true, composed: true }));
  dispatchTo(element, new Event('change', { bubbles: true }));
};

/** Give a field the focus; whether it has got that, if only until a listener of the page has taken it away. @param {HTMLElement} field */
const takesFocus = field => {
  const isActive = () => /** @type {any} */ (rootOf(field)).activeElement === field;
  let came = isActive();
  const hear = () => { came = true; };
  field.addEventListener('focus', hear, true);
  field.focus();
  field.removeEventListener('focus', hear, true);
  return came || isActive();
};

/** Select all of an element's text, and give it the focus. @param {Element} element */
const selectText = element => {
  if (element instanceof HTMLInputElement) {
    element.select();
    element.focus();
  } else if (element instanceof HTMLTextAreaElement) {
    element.selectionStart = 0;
    element.selectionEnd = element.value.length;
    element.focus();
  } else {
    let focused = element;
    if (isEditableText(focused)) for (let at = parentOf(focused); at && isEditableText(at); at = parentOf(at)) focused = at;
    if (focused instanceof HTMLElement) focused.focus();
    const range = document.createRange(), selection = getSelection();
    range.selectNodeContents(element);
    if (selection) {
      selection.removeAllRanges();
      selection.addRange(range);
    }
  }
};

/**
 * Give an element a value, or select what is in it for what is typed then. @param {Element} element @param {{ value: string, force: boolean }} args
 * @returns {any} the text that is to be inserted; null: it has it
 */
operations.fill = (element, { value, force }, attempt) => {
  if (!force) {
    const not = missing(element, ['visible', 'enabled', 'editable', 'inert'], attempt);
    if (not) return not;
  }
  const target = retargeted(element, 'control');
  let text = value;
  if (target instanceof HTMLInputElement) {
    const type = inputTypeOf(target).toLowerCase();
    if (!TYPED.has(type) && !SET.has(type)) throw new Refusal(`Input of type "${type}" cannot be filled: ${shown(target)}`);
    if (type === 'number') {
      text = text.trim();
      if (isNaN(Number(text))) throw new Refusal(`Cannot type text into input[type=number]: ${JSON.stringify(value)} is not a number`);
    }
    if (SET.has(type)) {
      text = text.trim();
      if (type === 'color') text = text.toLowerCase();
      target.focus();
      target.value = text;
      if (!hasTaken(type, target.value, text)) throw new Refusal(`Malformed value: ${JSON.stringify(value)} is not valid for input[type=${type}]`);
      tellChange(target);
      return null;
    }
  } else if (!(target instanceof HTMLTextAreaElement) && !isEditableText(target)) {
    throw new Refusal(`Element is not an <input>, <textarea> or [contenteditable] element: ${shown(target)}`);
  }
  // The text goes to what has the focus, which may be another one's: that of a modal dialog, beside which nothing takes it.
  if ((target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement) && !takesFocus(target)) {
    if (force) throw new Refusal(`Element cannot be focused: ${shown(target)}`);
    return again('element cannot be focused, as where a modal dialog is open', target);
  }
  selectText(target);
  return text;
};

/** @param {Element} element @param {{ force: boolean }} args */
operations.selectText = (element, { force }, attempt) => {
  const not = force ? null : missing(element, ['visible'], attempt);
  if (not) return not;
  selectText(retargeted(element, 'control'));
  return true;
};

/** Give the focus for typing: a field that had it not, has its caret at the beginning. @param {Element} element */
operations.focusToType = element => {
  if (isInert(element)) throw new Refusal(`Element is inert and cannot be focused: ${shown(element)}`);
  const root = rootOf(element);
  const active = /** @type {any} */ (root).activeElement, had = active === element && document.hasFocus();
  if (isEditableText(element) && !had && active instanceof HTMLElement) active.blur();
  // The first time may be spent on giving the focus to the frame.
  for (let i = 0; i < 2; i++) {
    if (!(element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement)) /** @type {any} */ (element).focus?.();
    else if (!takesFocus(element)) throw new Refusal(`Element cannot be focused: ${shown(element)}`);
  }
  if (!had && element instanceof HTMLInputElement) {
    try { element.setSelectionRange(0, 0); } catch { }  // of some types there is no selection
  }
  return true;
};

/** @typedef {{ valueOrLabel?: string, value?: string, label?: string, index?: number }} Choice */

/** @param {Element} element @param {{ choices: Choice[], force: boolean }} args */
operations.selectOptions = (element, { choices, force }, attempt) => {
  if (!force) {
    const not = missing(element, ['visible', 'enabled', 'inert'], attempt);
    if (not) return not;
  }
  const select = retargeted(element, 'control');
  if (!(select instanceof HTMLSelectElement)) throw new Refusal(`Element is not a <select> element: ${shown(select)}`);
  const options = Array.from(select.options);
  /** @type {HTMLOptionElement[]} */
  const chosen = [];
  let left = choices;
  for (let index = 0; index < options.length && left.length; index++) {
    const option = options[index];
    /** @param {string | undefined} label */
    const isLabel = label => label === option.label || label !== undefined && plain(label) === plain(option.label);
    /** @param {Choice} choice */
    const isMeant = choice => (choice.valueOrLabel === undefined || choice.valueOrLabel === option.value || isLabel(choice.valueOrLabel))
      && (choice.value === undefined || choice.value === option.value)
      && (choice.label === undefined || isLabel(choice.label))
      && (choice.index === undefined || choice.index === index);
    if (!left.some(isMeant)) continue;
    if (!force && ariaDisabled(option)) return again('option being selected is not enabled', option);
    chosen.push(option);
    left = select.multiple ? left.filter(each => !isMeant(each)) : [];
  }
  if (left.length) {
    const wanted = left.map(each => JSON.stringify(each.valueOrLabel ?? each.value ?? each.label ?? each.index)).join(', ');
    const labels = options.slice(0, 10).map(each => JSON.stringify(each.label));
    if (options.length > 10) labels.push('…');
    const there = labels.join(', ') || 'none';
    return again(`did not find some options: ${wanted}; those there are: ${there}`, select);
  }
  select.value = /** @type {any} */ (undefined);
  for (const each of chosen) each.selected = true;
  tellChange(select);
  return chosen.map(each => each.value);
};

/** Whether a checkbox or the like is checked, and whether it is a radio button. @param {Element} element */
operations.checkedState = element => {
  const control = retargeted(element, 'control');
  return { checked: isChecked(element), radio: control instanceof HTMLInputElement && inputTypeOf(control) === 'radio' };
};

/** Return the input that takes files. @param {Element} element @param {{ count: number, folder: boolean }} args */
operations.fileInput = (element, { count, folder }) => {
  const input = retargeted(element, 'control');
  if (!(input instanceof HTMLInputElement)) throw new Refusal(`Node is not an HTMLInputElement: ${shown(input)}`);
  if (inputTypeOf(input) !== 'file') throw new Refusal(`Not an input[type=file] element: ${shown(input)}`);
  if (count > 1 && !input.multiple && !input.webkitdirectory) throw new Refusal('Non-multiple file input can only accept single file');
  if (folder && !input.webkitdirectory) throw new Refusal('File input does not support directories, pass individual files instead');
  if (!folder && count && input.webkitdirectory) throw new Refusal('[webkitdirectory] input requires passing a path to a directory');
  return input;
};

// Handles:

/** The elements that the program has handles of, and acts on, by the keys that it gives them. @type {Map<string, WeakRef<Element>>} */
const held = new Map();
/** The nodes in which it looks for something just now. @type {Map<string, Node>} */
const heldNodes = new Map();

/**
 * @param {Node} node where an element is wanted, a text stands for the one that it is in @param {string} key
 * @param {boolean} whole whether it is held until it is let go, and may be no element
 */
engine.hold = (node, key, whole) => {
  if (whole) {
    heldNodes.set(key, node);
    return;
  }
  for (const [other, ref] of held) if (!ref.deref()) held.delete(other);
  const element = nodeTypeOf(node) === ELEMENT ? node : parentElementOf(node);
  if (element) held.set(key, new WeakRef(/** @type {any} */ (element)));
};

/** @param {string} key */
engine.letGo = key => { heldNodes.delete(key); };

finders.held = (_, /** @type {string} */ key) => {
  const element = held.get(key)?.deref();
  if (!element || !isConnected(element)) throw new Refusal('Element is not attached to the DOM');
  if (ownerDocumentOf(element) !== document) throw new Refusal('Element is now in another document', 'moved');
  return [element];
};
finders.heldNode = (_, /** @type {string} */ key) => {
  const node = /** @type {any} */ (heldNodes.get(key));
  if (!node || ![ELEMENT, DOCUMENT, FRAGMENT].includes(nodeTypeOf(node))) throw new Refusal('only a document, an element or a shadow root can be searched');
  return [node];
};
