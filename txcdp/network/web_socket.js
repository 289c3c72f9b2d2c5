// WebSockets of a document, or of a worker, that the program has a say in.
//
// It takes the place of the constructor. What happens to a socket is told to the program, one JSON text each, and the
// program tells what is to happen: see `_web_socket_routes.py`.
(binding => {
  const tell = globalThis[binding], Native = globalThis.WebSocket;
  delete globalThis[binding];
  if (!tell || !Native) return {receive() {}};
  const sockets = new Map();
  let last = 0;
  const say = (id, what, more) => tell(JSON.stringify({id, what, ...more}));

  const encoded = buffer => {
    const bytes = new Uint8Array(buffer);
    let text = '';
    for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
    return btoa(text);
  };
  const decoded = text => Uint8Array.from(atob(text), each => each.charCodeAt(0)).buffer;
  const bytesOf = view => view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);

  // Messages are told in their order, although a Blob has to be read first.
  class Told {
    constructor(id, what) {
      this.id = id;
      this.what = what;
      this.before = null;
    }
    tell(data) {
      const told = packed => say(this.id, this.what, packed);
      const packed = data instanceof Blob ? data.arrayBuffer().then(buffer => ({bytes: encoded(buffer)}))
        : data instanceof ArrayBuffer ? {bytes: encoded(data)}
        : ArrayBuffer.isView(data) ? {bytes: encoded(bytesOf(data))}
        : {text: `${data}`};
      if (this.before === null && !(packed instanceof Promise)) return void told(packed);
      const mine = this.before = Promise.all([packed, this.before]).then(([got]) => told(got), () => {});
      mine.then(() => { if (this.before === mine) this.before = null; });
    }
    then(action) {
      if (this.before === null) action(); else this.before.then(action);
    }
  }

  class WebSocket extends EventTarget {
    static CONNECTING = 0;
    static OPEN = 1;
    static CLOSING = 2;
    static CLOSED = 3;
    #id; #url; #state = 0; #protocols; #protocol = ''; #extensions = ''; #binaryType = 'blob';
    #handlers = {}; #server = null; #direct = false; #failed = false; #early = []; #sent; #received;

    constructor(url, protocols = []) {
      super();
      const refused = text => new DOMException(`Failed to construct 'WebSocket': ${text}`, 'SyntaxError');
      let parsed;
      try {
        parsed = new URL(url, globalThis.document?.baseURI ?? location.href);
      } catch {
        throw refused(`The URL '${url}' is invalid.`);
      }
      if (parsed.protocol === 'http:') parsed.protocol = 'ws:';
      if (parsed.protocol === 'https:') parsed.protocol = 'wss:';
      if (parsed.protocol !== 'ws:' && parsed.protocol !== 'wss:') {
        throw refused(`The URL's scheme must be either 'http', 'https', 'ws', or 'wss'. '${parsed.protocol.slice(0, -1)}' is not allowed.`);
      }
      parsed.hash = '';
      this.#protocols = Array.isArray(protocols) ? protocols.map(String) : [`${protocols}`];
      for (const each of this.#protocols) {
        if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(each)) throw refused(`The subprotocol '${each}' is invalid.`);
        if (this.#protocols.indexOf(each) !== this.#protocols.lastIndexOf(each)) {
          throw refused(`The subprotocol '${each}' is duplicated.`);
        }
      }
      this.#url = parsed.href;
      this.#id = ++last;
      this.#sent = new Told(this.#id, 'sent');
      this.#received = new Told(this.#id, 'received');
      sockets.set(this.#id, {
        open: said => this.#open(said.protocol ?? this.#protocols[0] ?? ''),
        connect: said => this.#connect(said.direct),
        message: said => this.#message(said.text ?? decoded(said.bytes)),
        send: said => this.#server?.send(said.text ?? decoded(said.bytes)),
        close: said => this.#closed(said.code ?? 1005, said.reason ?? '', said.clean ?? true, said.failed ?? false),
        end: said => this.#end(said.code, said.reason),
        fail: () => this.#closed(1006, '', false, true),
      });
      say(this.#id, 'made', {url: this.#url, protocols: this.#protocols});
    }

    get url() { return this.#url; }
    get readyState() { return this.#state; }
    get protocol() { return this.#protocol; }
    get extensions() { return this.#extensions; }
    get bufferedAmount() { return this.#direct ? this.#server?.bufferedAmount ?? 0 : 0; }
    get binaryType() { return this.#binaryType; }
    set binaryType(kind) {
      if (kind !== 'blob' && kind !== 'arraybuffer') return;
      this.#binaryType = kind;
    }

    send(data) {
      if (this.#state === 0) {
        throw new DOMException("Failed to execute 'send' on 'WebSocket': Still in CONNECTING state.", 'InvalidStateError');
      }
      if (this.#state !== 1) return;
      if (this.#direct) this.#server.send(data); else this.#sent.tell(data);
    }

    close(code, reason) {
      if (code !== undefined) {
        code = Number(code) || 0;
        if (code !== 1000 && !(code >= 3000 && code <= 4999)) {
          throw new DOMException(`Failed to execute 'close' on 'WebSocket': The close code must be either 1000, or between 3000 and 4999. ${code} is neither.`, 'InvalidAccessError');
        }
      }
      if (reason !== undefined && new TextEncoder().encode(reason).length > 123) {
        throw new DOMException("Failed to execute 'close' on 'WebSocket': The close reason must not be greater than 123 UTF-8 bytes.", 'SyntaxError');
      }
      if (this.#state >= 2) return;
      const opened = this.#state === 1;
      this.#state = 2;
      if (this.#direct) return void this.#server.close(...[code, reason].filter(each => each !== undefined));
      this.#sent.then(() => say(this.#id, 'closing', {code, reason: reason === undefined ? undefined : `${reason}`, opened}));
    }

    #open(protocol) {
      if (this.#state !== 0) return;
      this.#protocol = protocol;
      this.#state = 1;
      this.dispatchEvent(new Event('open'));
      for (const each of this.#early.splice(0)) this.#message(each);
    }

    #message(data) {
      if (this.#state === 0) return void this.#early.push(data);
      if (this.#state !== 1) return;
      if (typeof data !== 'string' && this.#binaryType === 'blob') data = new Blob([data]);
      this.dispatchEvent(new MessageEvent('message', {data, origin: new URL(this.#url).origin}));
    }

    #closed(code, reason, wasClean, failed) {
      if (this.#state === 3) return;
      this.#state = 3;
      sockets.delete(this.#id);
      if (failed) this.dispatchEvent(new Event('error'));
      this.dispatchEvent(new CloseEvent('close', {code, reason, wasClean}));
      this.#end(code, reason);
    }

    // The socket to the server; `direct` where the program has no part in it.
    #connect(direct) {
      if (this.#server) return;
      this.#direct = direct;
      const server = this.#server = new Native(this.#url, this.#protocols);
      server.binaryType = 'arraybuffer';
      server.onopen = () => {
        this.#extensions = server.extensions;
        if (direct) this.#open(server.protocol); else say(this.#id, 'connected', {protocol: server.protocol});
      };
      server.onmessage = event => {
        if (direct) this.#message(event.data); else this.#received.tell(event.data);
      };
      server.onerror = () => { this.#failed = true; };
      server.onclose = event => {
        this.#server = null;
        const how = {code: event.code, reason: event.reason, clean: event.wasClean, failed: this.#failed};
        if (direct) this.#closed(how.code, how.reason, how.clean, how.failed);
        else this.#received.then(() => say(this.#id, 'disconnected', how));
      };
      if (direct && this.#state === 2) server.close();
    }

    #end(code, reason) {
      const server = this.#server;
      if (!server) return;
      if (code === undefined || code === 1005 || code === 1006) server.close();
      else server.close(code === 1000 || (code >= 3000 && code <= 4999) ? code : 1000, reason);
    }

    static {
      for (const name of ['open', 'message', 'error', 'close']) {
        Object.defineProperty(this.prototype, `on${name}`, {
          configurable: true,
          enumerable: true,
          get() { return this.#handlers[name]?.given ?? null; },
          set(given) {
            const before = this.#handlers[name];
            if (before) this.removeEventListener(name, before.call);
            delete this.#handlers[name];
            if (typeof given !== 'function') return;
            const call = event => given.call(this, event);
            this.#handlers[name] = {given, call};
            this.addEventListener(name, call);
          },
        });
      }
      for (const name of ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED']) {
        Object.defineProperty(this.prototype, name, {value: this[name], enumerable: true});
      }
    }
  }
  Object.defineProperty(WebSocket.prototype, Symbol.toStringTag, {value: 'WebSocket', configurable: true});
  Object.assign(globalThis, {WebSocket});
  return {receive: text => {
    for (const said of JSON.parse(text)) sockets.get(said.id)?.[said.do](said);
  }};
})
