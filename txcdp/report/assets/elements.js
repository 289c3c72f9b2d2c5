// Elements. Whatever comes from a run is set as text, or as an attribute that is none but text: it never becomes markup.

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {string} [className]
 * @param {(Node | string)[] | string} [content]
 * @param {Record<string, string>} [attributes]
 * @returns {HTMLElementTagNameMap[K]}
 */
function make(tag, className = "", content = [], attributes = {}) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...(typeof content === "string" ? [content] : content));
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** Sets the text of an element that has nothing else; the node that is there is kept, which costs less than a new one.
 * @param {Element} element @param {string} text */
function write(element, text) {
  const node = element.firstChild;
  if (node instanceof Text) {
    if (node.data !== text) node.data = text;
  } else element.textContent = text;
}

/** @param {string} id @returns {HTMLElement} */
function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/** @param {string} label @param {() => void} act @param {string} [className] @param {Record<string, string>} [attributes] */
function button(label, act, className = "", attributes = {}) {
  const element = make("button", className, label, { type: "button", ...attributes });
  element.addEventListener("click", act);
  return element;
}

/** Runs a function in the next frame, once, however often it is asked for until then.
 * @param {() => void} act */
function oncePerFrame(act) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      act();
    });
  };
}

/** Says something to who does not see it. @param {string} text */
function say(text) {
  byId("said").textContent = text;
}

/** A section with a heading.
 * @param {string} id @param {string} title @param {string} [counted] how much there is, beside it
 * @param {(Node | string)[]} [more] in the heading's line */
function section(id, title, counted = "", more = []) {
  const made = make("section", "", [], { id, "aria-labelledby": `${id}-title` });
  const heading = make("h2", "", title, { id: `${id}-title` });
  const beside = counted ? [make("span", "count", counted)] : [];
  made.append(make("div", "section-head", [make("div", "section-title", [heading, ...beside]), ...more]));
  return made;
}

/** @param {string} group */
function groupClass(group) {
  return `group-${group.toLowerCase()}`;
}
