"""A link between two network namespaces that can be cut, run as a program: what does the client say of it?

Needs Linux with ``ip`` and ``unshare``, and the right to make namespaces; it is to be started by :data:`COMMAND`.
It prints one line for each scenario: its name, and the cause of the loss.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from typing import IO, Any

COMMAND = ("unshare", "--user", "--map-root-user", "--net", sys.executable, "-m", "tests.lab.hostile.dead_link")
HERE, THERE = "10.231.7.1", "10.231.7.2"


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def serve() -> None:
    """Be the other side: complete the handshake, then read and answer nothing; cut the link when told to."""
    from tests.support import handshake_reply

    say("here")
    sys.stdin.readline()  # by now the link's end is here
    ip("address", "add", f"{THERE}/24", "dev", "there")
    ip("link", "set", "there", "up")
    listening = socket.create_server((THERE, 0))
    say(listening.getsockname()[1])
    kept = []

    def accept() -> None:
        while True:
            connection, _ = listening.accept()
            kept.append(connection)
            request = b""
            while b"\r\n\r\n" not in request:
                request += connection.recv(4096)
            connection.sendall(handshake_reply(request))

    threading.Thread(target=accept, daemon=True).start()
    for line in sys.stdin:
        if line == "cut\n":
            ip("link", "set", "there", "down")
            say("cut")


def run() -> None:
    """Be the client's side."""
    from twisted.internet.task import react

    ip("link", "add", "name", "here", "type", "veth", "peer", "name", "there")
    with subprocess.Popen(
        ["unshare", "--net", sys.executable, "-m", "tests.lab.hostile.dead_link", "serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            server.stdout.readline()
            ip("link", "set", "there", "netns", str(server.pid))
            ip("address", "add", f"{HERE}/24", "dev", "here")
            ip("link", "set", "here", "up")
            server.stdin.write("link\n")
            port = int(server.stdout.readline())
            with contextlib.suppress(SystemExit):
                react(scenarios, (port, server.stdin, server.stdout))
        finally:
            server.kill()


async def scenarios(reactor: Any, port: int, tell: IO[str], told: IO[str]) -> None:
    from twisted.internet.task import Clock, deferLater

    from txcdp._core.connection import Connection
    from txcdp._transports.websocket import WebSocketOptions, open_websocket

    async def lost(scenario: str) -> None:
        options = WebSocketOptions(ping_interval=0.2, ping_timeout=1.0)
        connection = Connection(await open_websocket(reactor, f"ws://{THERE}:{port}/", options), Clock())
        if scenario == "link":
            await deferLater(reactor, 0.1)
            tell.write("cut\n")
            told.readline()
        if scenario == "full":  # more than the other side has room for
            connection.transport.send(b'{"x":"%b"}' % (b"x" * 20_000_000))
        say(scenario, (await connection.when_closed()).cause)

    for scenario in ("mute", "full", "link"):
        await lost(scenario)


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["serve"] else run()
