"""WebSockets without CDP: messages as a stream, sends with back-pressure, and a close with its code and reason.

txcdp's own connections are built on this; use it if you have another protocol to speak. Autobahn does the handshake,
the closing and everything that is rare; small frames that arrive whole are read without its parser.

- :func:`connect` opens a :class:`WebSocket` to a server;
- :func:`listen` serves them and gives each to a handler; :func:`server_factory` returns its protocol factory.

An echo server and its client::

    from twisted.internet.task import react
    from txcdp import websocket
    from txcdp.streams import queue

    async def echo(line):
        async with queue(line.messages, overflow="pause") as messages:
            async for message in messages:
                await line.send(message)

    async def main(reactor):
        async with await websocket.listen(reactor, "tcp:0:interface=127.0.0.1", echo) as server:
            url = f"ws://127.0.0.1:{server.port.getHost().port}/"
            async with await websocket.connect(reactor, url) as line:
                async with line.messages.expect() as answer:
                    await line.send("hello")
                print(await answer.value, await line.ping())

    react(main)
"""

from txcdp._transports.websocket_protocol import WebSocketOptions
from txcdp.websocket._client import connect
from txcdp.websocket._server import Handler, ServerOptions, WebSocketServer, listen, server_factory
from txcdp.websocket._socket import Closed, Message, WebSocket

__all__ = [
    "Closed",
    "Handler",
    "Message",
    "ServerOptions",
    "WebSocket",
    "WebSocketOptions",
    "WebSocketServer",
    "connect",
    "listen",
    "server_factory",
]
