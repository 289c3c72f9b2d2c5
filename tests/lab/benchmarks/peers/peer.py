"""Another client in the place of txcdp: ``peer.py NAME`` and the arguments of client.py.

``cdp-use`` is a whole CDP client. The others are WebSocket libraries, under the smallest CDP client that there can be:
a dictionary of futures and one of callbacks; no sessions, no types, no deadlines.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from tests.lab.benchmarks.measure import Meter, arguments

EVENTS = {"req": "Network.requestWillBeSent", "data": "Network.dataReceived", "console": "Runtime.consoleAPICalled"}


class Client:
    """What is measured: commands and one callback; the smallest client, unless a subclass is another.

    :param dumps: makes JSON of a message.
    :param loads: makes a message of JSON.
    """

    def __init__(self, dumps: Callable[[Any], Any] = json.dumps, loads: Callable[[Any], Any] = json.loads) -> None:
        self.write: Callable[[Any], object] = lambda _: None
        self._dumps = dumps
        self._loads = loads
        self._number = 0
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._callbacks: dict[str, Callable[[Any], None]] = {}

    def call(self, method: str, params: dict[str, Any]) -> Awaitable[Any]:
        """Send a command."""
        self._number += 1
        future = self._pending[self._number] = asyncio.get_running_loop().create_future()
        self.write(self._dumps({"id": self._number, "method": method, "params": params}))
        return future

    def listen(self, event: str, callback: Callable[[Any], None]) -> None:
        """Let a callback have an event."""
        self._callbacks[event] = callback

    def take(self, text: Any) -> None:
        """Take a message."""
        message = self._loads(text)
        number = message.get("id")
        if number is not None:
            self._pending.pop(number).set_result(message["result"])
        else:
            callback = self._callbacks.get(message["method"])
            if callback is not None:
                callback(message["params"])

    async def close(self) -> None:
        """Hang up."""


async def cdp_use(url: str) -> Client:
    """Connect as cdp-use does."""
    client = import_module("cdp_use.client").CDPClient(url)
    await client.start()

    class Whole(Client):
        def call(self, method: str, params: dict[str, Any]) -> Awaitable[Any]:
            answer: Awaitable[Any] = client.send_raw(method, params)
            return answer

        def listen(self, event: str, callback: Callable[[Any], None]) -> None:
            domain, _, name = event.partition(".")
            getattr(getattr(client.register, domain), name)(lambda params, session=None: callback(params))

        async def close(self) -> None:
            await client.stop()

    return Whole()


async def with_picows(url: str) -> Client:
    """Connect with picows, which is written in Cython, and orjson, which is written in Rust."""
    orjson: Any = import_module("orjson")
    picows: Any = import_module("picows")
    text = picows.WSMsgType.TEXT
    client = Client(orjson.dumps, orjson.loads)

    class Listener(picows.WSListener):  # type: ignore[misc]
        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            if frame.msg_type == text:
                client.take(frame.get_payload_as_bytes())

    transport, _ = await picows.ws_connect(Listener, url)
    client.write = lambda message: transport.send(text, message)
    return client


async def websockets(url: str) -> Client:
    """Connect with websockets."""
    socket: Any = await import_module("websockets.asyncio.client").connect(url, compression=None, max_size=None)

    class Awaiting(Client):
        reading: asyncio.Future[None]  # a task that nobody holds may be collected

        async def call(self, method: str, params: dict[str, Any]) -> Any:
            self._number += 1
            future = self._pending[self._number] = asyncio.get_running_loop().create_future()
            await socket.send(self._dumps({"id": self._number, "method": method, "params": params}))
            return await future

        async def read(self) -> None:
            async for message in socket:
                self.take(message)

        async def close(self) -> None:
            await socket.close()

    client = Awaiting()
    client.reading = asyncio.ensure_future(client.read())
    return client


async def autobahn(url: str) -> Client:
    """Connect with Autobahn as it comes, on Twisted's reactor over asyncio."""
    from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
    from twisted.internet import reactor

    client, opened = Client(), asyncio.get_running_loop().create_future()

    class Protocol(WebSocketClientProtocol):
        def onOpen(self) -> None:
            opened.set_result(self)

        def onMessage(self, payload: bytes, isBinary: bool) -> None:
            client.take(payload)

    factory = WebSocketClientFactory(url)
    factory.protocol = Protocol
    connector: Any = reactor
    connector.connectTCP(factory.host, factory.port, factory)
    protocol = await opened
    client.write = lambda message: protocol.sendMessage(message.encode())
    return client


async def work(client: Client, options: argparse.Namespace) -> None:
    """Do what the mode says, as client.py does it."""
    meter = Meter(options)
    params = {"expression": "1"} if options.size is None else {"size": options.size}
    if options.mode in ("flood", "ignored"):
        await flood(client, options, meter)
        return
    workers = options.inflight if options.mode == "pipe" else 1

    async def worker(count: int) -> None:
        for _ in range(count):
            await client.call("Runtime.evaluate", params)

    async def round_of(count: int) -> None:
        await asyncio.gather(*(worker(count // workers) for _ in range(workers)))

    await round_of(3 if options.mode == "big" else max(200, workers * 10))
    meter.start()
    await round_of(options.n)
    meter.done(options.n // workers * workers, options.size or 0)


async def flood(client: Client, options: argparse.Namespace, meter: Meter) -> None:
    """Count events that a callback takes, or that nobody wants."""
    wanted = options.mode == "flood"
    count, target, reached = 0, 0, asyncio.Event()

    def on_event(_: object) -> None:
        nonlocal count
        count += 1
        if count == target:
            reached.set()

    client.listen(EVENTS[options.kind if wanted else {"req": "data"}.get(options.kind, "req")], on_event)

    async def burst(number: int) -> None:
        nonlocal count, target
        count, target = 0, number
        reached.clear()
        await client.call("Bench.flood", {"n": number, "kind": options.kind})
        if wanted:
            await reached.wait()

    await burst(500)
    meter.start()
    await burst(options.n)
    meter.done(options.n)


PEERS: dict[str, Callable[[str], Awaitable[Client]]] = {
    "cdp-use": cdp_use,
    "picows": with_picows,
    "websockets": websockets,
    "autobahn": autobahn,
}


async def main(name: str) -> None:
    """Connect and work."""
    options = arguments(__doc__ or "")
    client = await PEERS[name](options.url)
    try:
        await work(client, options)
    finally:
        await client.close()


def run(name: str) -> None:
    """Run on asyncio's loop; for Autobahn, with Twisted's reactor on it."""
    if name != "autobahn":
        asyncio.run(main(name))
        return
    from twisted.internet import asyncioreactor

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    asyncioreactor.install(loop)
    from twisted.internet import reactor

    runner: Any = reactor
    runner.startRunning()
    loop.run_until_complete(main(name))


if __name__ == "__main__":
    run(sys.argv.pop(1))
