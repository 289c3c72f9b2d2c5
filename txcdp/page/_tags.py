"""Script and style elements that a program adds to a document."""

from __future__ import annotations

import os
from typing import Any, Final

from txcdp._arguments import check_text
from txcdp._deferreds import returns_deferred, with_deadline
from txcdp.errors import ActionTimeout
from txcdp.page._evaluation import Evaluator, KeptObject
from txcdp.page._scripts import source_in

#: Adds the element, and waits until it has loaded; a refusal by the document's policy is reported a little later. Where
#: scripts are off, neither events nor timers call back.
_ADD: Final = """async ({tag, url, content, type}) => {
    const element = document.createElement(tag);
    const off = window.matchMedia?.('(scripting: none)')?.matches;
    let refused;
    const note = event => { refused = `the document's Content-Security-Policy refuses it: ${event.violatedDirective}` };
    const loaded = off || url === null && tag === 'script' ? null : new Promise((done, fail) => {
        element.onload = done;
        element.onerror = () => fail(new Error(refused || `could not load ${url || 'it'}`));
    });
    if (type) element.type = type;
    if (url === null) element.textContent = content;
    else if (tag === 'script') element.src = url;
    else { element.rel = 'stylesheet'; element.href = url; }
    document.addEventListener('securitypolicyviolation', note);
    let thrown;
    const hear = event => { thrown = event.error || new Error(event.message) };
    window.addEventListener('error', hear);
    try {
        // A document that has just begun has no root yet.
        while (!document.documentElement && document.readyState === 'loading' && !off)
            await new Promise(done => setTimeout(done));
        (document.head || document.documentElement).append(element);
        window.removeEventListener('error', hear);
        if (off) return element;
        if (loaded) await loaded;
        else if (thrown) throw thrown;
        else await new Promise(done => setTimeout(done));
        if (refused && !loaded) throw new Error(refused);
    } finally {
        document.removeEventListener('securitypolicyviolation', note);
        window.removeEventListener('error', hear);
    }
    return element;
}"""


@returns_deferred
async def add_tag(
    evaluator: Evaluator,
    tag: str,
    url: str | None,
    path: str | os.PathLike[str] | None,
    content: str | None,
    kind: str = "",
    seconds: float | None = None,
) -> KeptObject:
    """Add a script or style to a document.

    :param tag: ``"script"``, ``"style"``, or ``"link"`` for a style that has a URL.
    :param seconds: the timeout; None: none.
    :raises ActionTimeout: it has not loaded or run.
    :raises ValueError: unless exactly one of ``url``, ``path`` and ``content`` is given.
    """
    if [url, path, content].count(None) != 2:
        raise ValueError("give one of url=, path= and content=")
    if content is not None:
        check_text("content", content)
    comment = "//# sourceURL={}" if tag == "script" else "/*# sourceURL={} */"
    text = content if path is None else source_in(path, comment)
    given: dict[str, Any] = {"tag": tag, "url": url, "content": text, "type": kind}
    session = evaluator.injected.session

    def late() -> ActionTimeout:
        called = "add_script_tag" if tag == "script" else "add_style_tag"
        name = "" if url is None else f"url={url!r:.200}"
        obstacle = session.blocked_by or ("it has not run" if url is None else "it has not loaded")
        return ActionTimeout(f"{called}({name})", seconds or 0, obstacle)

    adding = evaluator.keep(_ADD, (given,), timeout=None)
    return await with_deadline(session.context.clock, adding, seconds, late)
