// Prepares the documents that one process has of a page for a picture, in the isolated world of the topmost one, which
// reaches all others. What it changes is undone by undo(), which is left behind as a global of that world, whatever
// happens; where it runs once more for the same picture (again), for both.
//
// A document is not asked by name, as a form may have the name of any of its properties.
async (
    /** @type {{ style?: string, element?: boolean, freeze?: boolean, caret?: boolean, masks?: string[], maskColor: string, again?: boolean }} */ options,
    /** @type {any[]} */ ...elements
) => {
    /**
     * @typedef {{ prototype: any }} Kind the interface that a tree is of
     * @typedef {[tree: any, owner: Document, kind: Kind, parent: Kind]} Tree its interface as a node with children comes last
     */
    /** @param {Kind} of @param {string} name @param {any} it */
    const get = (of, name, it) => Object.getOwnPropertyDescriptor(of.prototype, name)?.get?.call(it);
    /** @param {Kind} of @param {string} name @param {any} it @param {...any} args */
    const call = (of, name, it, ...args) => of.prototype[name].call(it, ...args);

    /** @type {(() => void)[]} */
    const undoing = [];
    let over = false;
    const before = options.again ? /** @type {any} */ (globalThis).undo : null;
    /** @type {any} */ (globalThis).undo = () => {
        over = true;
        for (const each of undoing.splice(0).reverse()) try { each() } catch { /* its document is gone */ }
        before?.();
    };

    /** @type {Document[]} */
    const documents = [];
    const views = new Map();
    /** @param {any} view */
    const visit = view => {
        try {
            const found = view.document;
            if (!found) return;
            documents.push(found);
            views.set(found, view);
        } catch {
            return; // a frame of another process
        }
        for (let i = 0; i < view.length; i++) visit(view[i]);
    };
    visit(globalThis);

    // The trees of elements: documents, and the shadow roots in them that are open.
    const all = () => {
        /** @type {Tree[]} */
        const trees = [];
        /** @param {Tree} tree */
        const into = ([tree, owner, kind, parent]) => {
            trees.push([tree, owner, kind, parent]);
            for (const each of call(parent, 'querySelectorAll', tree, '*')) {
                const root = get(Element, 'shadowRoot', each);
                if (root) into([root, owner, ShadowRoot, DocumentFragment]);
            }
        };
        for (const each of documents) into([each, each, Document, Document]);
        return trees;
    };

    /** @param {string} text @param {any} tree @param {Document} owner @param {Kind} kind */
    const add = (text, tree, owner, kind) => {
        const sheet = new (views.get(owner).CSSStyleSheet)();
        sheet.replaceSync(text);
        get(kind, 'adoptedStyleSheets', tree).push(sheet);
        undoing.push(() => {
            const sheets = get(kind, 'adoptedStyleSheets', tree);
            const at = sheets.indexOf(sheet);
            if (at >= 0) sheets.splice(at, 1);
        });
    };
    if (options.style) for (const [tree, owner, kind] of all()) add(options.style, tree, owner, kind);

    // Whether fonts are missing is known once all is laid out.
    /** @param {Document} each */
    const loading = each => {
        const root = get(Document, 'documentElement', each);
        if (root) call(Element, 'getBoundingClientRect', root);
        return get(Document, 'fonts', each).status === 'loading';
    };
    let waited = false;
    for (let waiting; (waiting = documents.filter(loading)).length && !over;) {
        waited = true;
        await Promise.all(waiting.map(each => get(Document, 'fonts', each).ready));
    }

    // Before an element is to stay where it is, as it may be what moves it.
    if (options.freeze && !over) {
        const again = new Map();
        const freeze = () => {
            for (const [tree, , kind] of all()) {
                for (const each of call(kind, 'getAnimations', tree)) {
                    if (!each.effect || !each.playbackRate || again.has(each)) continue;
                    if (Number.isFinite(each.effect.getComputedTiming().endTime)) {
                        if (each.playState !== 'finished') try { each.finish() } catch { /* it has no end */ }
                    } else {
                        again.set(each, [each.playState, each.currentTime]);
                        each.cancel();
                    }
                }
            }
        };
        freeze();
        for (const [tree] of all()) for (const name of ['transitionrun', 'animationstart']) {
            call(EventTarget, 'addEventListener', tree, name, freeze);
            undoing.push(() => call(EventTarget, 'removeEventListener', tree, name, freeze));
        }
        undoing.push(() => {
            for (const [each, [state, time]] of again) {
                if (state === 'idle') continue;
                if (state === 'paused') {
                    each.pause();
                    each.currentTime = time;
                } else each.play();
            }
        });
    }

    // An element is there once it has a box that stays where it is for a frame.
    if (options.element && !over) {
        const element = elements[0];
        // Where nothing is drawn, as the frame is out of sight, there is none.
        const frame = () => new Promise(done => { requestAnimationFrame(done); setTimeout(done, 1000) });
        const visible = () => call(Element, 'checkVisibility', element, {visibilityProperty: true});
        const box = () => {
            const {x, y, width, height} = call(Element, 'getBoundingClientRect', element);
            return width && height && visible() ? `${x},${y},${width},${height}` : '';
        };
        /** @param {any} at */
        const around = at => {
            const root = call(Node, 'getRootNode', at);
            const host = get(Node, 'nodeType', root) === 11 ? get(ShadowRoot, 'host', root) : views.get(root)?.frameElement;
            return get(Node, 'parentElement', at) || host;
        };
        const isScrolledSmoothly = () => {
            for (let at = element; at; at = around(at)) if (getComputedStyle(at).scrollBehavior === 'smooth') return true;
            return false;
        };
        for (let before = ''; !over; ) {
            if (element.nodeType !== 1) throw new Error('the node is no element');
            if (!element.isConnected || !get(Document, 'defaultView', element.ownerDocument)) throw new Error('the element is no longer in the document');
            const now = box();
            if (now && now === before) {
                if (isScrolledSmoothly()) { // then it would be nowhere for long
                    for (const [tree, owner, kind] of all()) add('* { scroll-behavior: auto !important }', tree, owner, kind);
                }
                call(Element, 'scrollIntoViewIfNeeded', element);
                break;
            }
            before = now;
            await frame();
        }
    }
    if (over) return null;

    if (options.caret) for (const each of documents) {
        /** @type {[any, Kind]} */
        let [tree, kind] = [each, Document];
        let active = get(Document, 'activeElement', each);
        for (let root; active && (root = get(Element, 'shadowRoot', active)) && root.activeElement; ) {
            [tree, kind, active] = [root, ShadowRoot, root.activeElement];
        }
        const edits = active && (/^(input|textarea)$/.test(active.localName) || active.isContentEditable);
        if (edits || get(Document, 'designMode', each) === 'on') {
            add('*:not(#a#a#a):not(#b) { caret-color: transparent !important }', tree, each, kind);
        }
    }

    const masked = options.element ? elements.slice(1) : elements;
    for (const selector of options.masks || []) {
        for (const [tree, owner, , parent] of all()) {
            if (owner === documents[0]) masked.push(...call(parent, 'querySelectorAll', tree, selector));
        }
    }
    const layers = new Map();
    /** @param {Document} owner */
    const layer = owner => {
        if (!layers.has(owner)) {
            const host = call(Document, 'createElementNS', owner, 'http://www.w3.org/1999/xhtml', 'div');
            host.style.cssText = 'all: initial !important; position: fixed !important; inset: 0 !important; ' +
                'display: block !important; overflow: visible !important; z-index: 2147483647 !important; ' +
                'pointer-events: none !important; background: none !important;';
            const root = host.attachShadow({mode: 'closed'});
            get(Document, 'documentElement', owner).append(host);
            // Above all else that is in the top layer, such as an open dialog.
            try { host.popover = 'manual'; host.showPopover() } catch { /* above the rest it is all the same */ }
            undoing.push(() => host.remove());
            layers.set(owner, [host, root]);
        }
        return layers.get(owner);
    };
    for (const each of masked) {
        const {x, y, width, height} = call(Element, 'getBoundingClientRect', each);
        if (!width || !height) continue;
        const [host, root] = layer(each.ownerDocument);
        const zero = host.getBoundingClientRect();
        const mask = call(Document, 'createElementNS', each.ownerDocument, 'http://www.w3.org/1999/xhtml', 'div');
        mask.style.cssText = `position: absolute; left: ${x - zero.x}px; top: ${y - zero.y}px; ` +
            `width: ${width}px; height: ${height}px;`;
        mask.style.background = options.maskColor;
        root.append(mask);
    }
    return {changed: undoing.length > 0, waited, ratio: devicePixelRatio};
}
