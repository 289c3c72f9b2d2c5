"""All that a page can do to reach a server, each with a host name of its own, by which it is known who has come.

In the texts ``HOST`` stands for the name and port of the server that is not to be reached, ``PUBLIC`` for those of the
page's own server, and ``OTHER`` for the same server as another site.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

#: What is a script; each runs by itself.
SCRIPTS: Final = {
    "fetch": "fetch('http://HOST/', {mode: 'no-cors'})",
    "fetch-post": "fetch('http://HOST/', {mode: 'no-cors', method: 'POST', body: 'x'})",
    "fetch-cors": "fetch('http://HOST/', {headers: {'X-Preflight': '1'}})",
    "fetch-keepalive": "fetch('http://HOST/', {mode: 'no-cors', keepalive: true})",
    "fetch-https": "fetch('https://HOST/', {mode: 'no-cors'})",
    "xhr": "const r = new XMLHttpRequest(); r.open('GET', 'http://HOST/'); r.send()",
    "beacon": "navigator.sendBeacon('http://HOST/', 'x')",
    "image": "new Image().src = 'http://HOST/'",
    "websocket": "new WebSocket('ws://HOST/')",
    "websocket-tls": "new WebSocket('wss://HOST/')",
    "eventsource": "new EventSource('http://HOST/')",
    "import": "import('http://HOST/x.js')",
    "font-script": "new FontFace('f', 'url(http://HOST/)').load()",
    "worker": "new Worker(blob(`fetch('http://HOST/', {mode: 'no-cors'})`))",
    "worker-websocket": "new Worker(blob(`new WebSocket('ws://HOST/')`))",
    "worker-scripts": "new Worker(blob(`importScripts('http://HOST/')`))",
    "worker-module": "new Worker(blob(`import 'http://HOST/x.js'`), {type: 'module'})",
    "worker-nested": "new Worker(blob('new Worker(URL.createObjectURL(new Blob(["
    '`fetch("http://HOST/", {mode: "no-cors"})`])))\'))',
    "shared-worker": "new SharedWorker('/do.js?' + encodeURIComponent(`fetch('http://HOST/', {mode: 'no-cors'})`))",
    "service-worker": "navigator.serviceWorker.register('/do.js?' + encodeURIComponent("
    "`fetch('http://HOST/', {mode: 'no-cors'})`), {scope: '/sw/'})",
    "popup": "window.open('http://HOST/')",
    "popup-noopener": "window.open('http://HOST/', '', 'noopener')",
    "popup-written": "window.open('about:blank').document.write('<img src=http://HOST/>')",
    "popup-located": "const w = window.open('about:blank'); w.location = 'http://HOST/'",
    "popup-page": "window.open('http://OTHER/do.html?' + encodeURIComponent("
    "`fetch('http://HOST/', {mode: 'no-cors'})`))",
    "popup-of-popup": "window.open('http://OTHER/do.html?' + encodeURIComponent(`window.open('http://HOST/')`))",
    "form-post": "send('http://HOST/', 'POST', name_)",
    "form-get-popup": "send('http://HOST/', 'GET', '_blank')",
    "link-click": "const a = document.createElement('a'); a.href = 'http://HOST/'; a.target = '_blank'; a.click()",
    "frame-script": "frame('http://OTHER/do.html?' + encodeURIComponent(`fetch('http://HOST/', {mode: 'no-cors'})`))",
    "frame-image": "frame('http://OTHER/do.html?' + encodeURIComponent(`new Image().src = 'http://HOST/'`))",
    "frame-nested": "frame('http://OTHER/do.html?' + encodeURIComponent(`frame('http://HOST/')`))",
    "frame-nested-same": "frame('http://OTHER/do.html?' + encodeURIComponent("
    "`frame('http://PUBLIC/do.html?' + encodeURIComponent(\"frame('http://HOST/')\"))`))",
    "frame-located": "frame('http://OTHER/do.html?' + encodeURIComponent(`location = 'http://HOST/'`))",
    "frame-worker": "frame('http://OTHER/do.html?' + encodeURIComponent("
    "`new Worker(blob(\"fetch('http://HOST/', {mode: 'no-cors'})\"))`))",
    "frame-sandboxed": "const f = frame('about:blank'); f.sandbox = 'allow-scripts'; "
    "f.src = 'http://OTHER/do.html?' + encodeURIComponent(`fetch('http://HOST/', {mode: 'no-cors'})`)",
    "redirected-fetch": "fetch('/to?http://HOST/', {mode: 'no-cors'})",
    "redirected-image": "new Image().src = '/to?http://HOST/'",
    "redirected-frame": "frame('/to?http://HOST/')",
    "redirected-popup": "window.open('/to?http://HOST/')",
    "redirected-307": "fetch('/again?http://HOST/', {mode: 'no-cors', method: 'POST', body: 'x'})",
    "refreshed-frame": "frame('/refresh?http://HOST/')",
    "cache-add": "caches.open('c').then(c => c.add(new Request('http://HOST/', {mode: 'no-cors'})))",
    "turn": "turn('turn:HOST?transport=tcp')",
    "turn-tls": "turn('turns:HOST?transport=tcp')",
    "icon": "document.head.append(Object.assign(document.createElement('link'), {rel: 'icon', href: 'http://HOST/'}))",
    "preconnect": "append('link', {rel: 'preconnect', href: 'http://HOST/'})",
    "policy-report": "frame('/report?HOST')",
}

#: What a browser does beforehand, where whoever looks at its pages knows of prerenders.
SPECULATIVE: Final = {
    "prerender": "rules({prerender: [{urls: ['/do.html?' + encodeURIComponent(`new Image().src = 'http://HOST/'`)]}]})",
    "speculative-prefetch": "rules({prefetch: [{urls: ['https://HOST/']}]})",
}

#: What is in a document.
ELEMENTS: Final = {
    "script": "<script src=http://HOST/></script>",
    "stylesheet": "<link rel=stylesheet href=http://HOST/>",
    "style-import": "<style>@import 'http://HOST/'</style>",
    "style-image": "<p style='background: url(http://HOST/)'>x</p>",
    "style-font": "<style>@font-face {font-family: ff; src: url(http://HOST/)} i {font-family: ff}</style><i>x</i>",
    "picture": "<img srcset='http://HOST/ 1x'>",
    "svg-image": "<svg><image href=http://HOST/ width=9 height=9 /></svg>",
    "video": "<video preload=auto src=http://HOST/></video>",
    "poster": "<video poster=http://HOST/></video>",
    "track": "<video src=/x.webm crossorigin><track default kind=subtitles src=http://HOST/></video>",
    "input": "<input type=image src=http://HOST/>",
    "frame": "<iframe src=http://HOST/></iframe>",
    "frame-document": "<iframe srcdoc='<img src=http://HOST/>'></iframe>",
    "object": "<object data=http://HOST/ width=9 height=9></object>",
    "object-pdf": "<object data=http://HOST/x.pdf type=application/pdf width=9 height=9></object>",
    "embed": "<embed src=http://HOST/ width=9 height=9>",
    "prefetch": "<link rel=prefetch href=http://HOST/>",
    "preload": "<link rel=preload as=image href=http://HOST/>",
    "modulepreload": "<link rel=modulepreload href=http://HOST/>",
}

#: Documents that lead away: what they answer with is a redirect, or what they do at once.
LEAVING: Final = {
    "leave-script": "/do.html?{location = 'http://HOST/'}",
    "leave-replace": "/do.html?{location.replace('http://HOST/')}",
    "leave-download": "/do.html?{append('a', {href: 'http://HOST/', download: 'x'}).click()}",
    "leave-form": "/do.html?{send('http://HOST/', 'POST', '_self')}",
    "leave-late": "/do.html?{onload = () => setTimeout(() => location = 'http://HOST/', 100)}",
    "leave-redirect": "/to?http://HOST/",
    "leave-refresh": "/refresh?http://HOST/",
}

#: What no proxy sees. ``ADDRESS`` is that of the server.
DATAGRAMS: Final = {
    "stun": "turn('stun:ADDRESS')",
    "turn": "turn('turn:ADDRESS?transport=udp')",
    "webtransport": "window.WebTransport && new WebTransport('https://ADDRESS/').ready.catch(() => null)",
}

#: What scripts have to hand.
TOOLS: Final = """
const blob = text => URL.createObjectURL(new Blob([text], {type: 'text/javascript'}));
const make = (name, values) => Object.assign(document.createElement(name), values);
const append = (name, values) => document.documentElement.appendChild(make(name, values));
const frame = src => append('iframe', {src});
const rules = value => append('script', {type: 'speculationrules', text: JSON.stringify(value)});
function send(action, method, target) {
    if (target == name_) frame('about:blank').name = name_;
    append('form', {action, method, target}).submit();
}
const name_ = 'f' + Math.random();
async function turn(urls) {
    const connection = new RTCPeerConnection({iceServers: [{urls, username: 'u', credential: 'c'}]});
    connection.createDataChannel('x');
    const done = new Promise(resolve => connection.onicegatheringstatechange = () => {
        if (connection.iceGatheringState == 'complete') resolve();
    });
    await connection.setLocalDescription();
    await done;
}
"""

#: All ways of writing this machine.
SPELLINGS: Final = (
    *("127.0.0.1", "127.0.0.1.", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.0.0.%31"),
    *("127.0.0\u30021", "127.8.8.8", "0.0.0.0", "0", "localhost", "localhost.", "a.localhost", "LOCALHOST"),
    *("[::1]", "[0:0::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "a.private.test"),
)

#: Any script of those above, from an address.
DO: Final = f"<!doctype html><body><script>{TOOLS} eval(decodeURIComponent(location.search.slice(1)))</script>"


#: What says no name when it comes.
SILENT: Final = ("preconnect", "turn")

#: So many of the scripts are in one document: Chromium takes only so much of one at once.
_EACH: Final = 9


def documents(host_of: Callable[[str], str], fill: Callable[[str, str], str]) -> list[tuple[set[str], str]]:
    """Return documents that do all of it but for leaving, with what each does.

    :param host_of: gives the host and port that are not to be reached by something.
    :param fill: puts it, and the servers' own, into a text.
    """
    found = [(set(ELEMENTS), "".join(fill(text, host_of(name)) for name, text in ELEMENTS.items()))]
    names = list(SCRIPTS)
    parts = [names[begin : begin + _EACH] for begin in range(0, len(names), _EACH)]
    for each in (list(SPECULATIVE), *parts):
        texts = json.dumps([fill({**SCRIPTS, **SPECULATIVE}[name], host_of(name)) for name in each])
        run = f"for (const each of {texts}) try {{ eval(`(async () => {{ ${{each}} }})()`) }} catch (e) {{}}"
        script = f"{TOOLS}\n{run}".replace("</", "<\\/")
        found.append((set(each), f"<script>{script}</script>"))
    return [(each, f"<!doctype html><title>all</title><body>{text}") for each, text in found]
