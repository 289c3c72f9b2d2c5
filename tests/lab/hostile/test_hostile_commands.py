"""Clients of a gateway in memory, in both modes, that say what two parsers may read differently: no browser does it."""

from __future__ import annotations

from typing import Any

from tests.gateway.support import GatewayCase
from tests.gateway.test_client_messages import HOSTILE, STRICT, as_sent, refused_by_chromium
from tests.gateway.test_gateway_shared_mode import SharedCase
from txcdp.gateway._client_messages import Command
from txcdp.gateway._proxy.command_filter import CommandFilter


class HostileCommands:
    """What both modes have to withstand."""

    def test_none_of_it_is_carried_out(self: Any) -> None:
        self.make(policy=STRICT)
        client = self.client()
        before = len(self.lines[0].sent)
        screen = CommandFilter(STRICT)
        opening = tuple(each.replace(b"Page.navigate", b"Target.createTarget") for each in HOSTILE)
        for count, message in enumerate(HOSTILE + opening, 1):
            client.say(message)
            self.settle()
            sent, self.lines[0].sent[before:] = self.lines[0].sent[before:], []
            for each in sent:
                judged = [screen.objection(Command(1, *command)) for command in as_sent(each)]
                self.assertTrue(refused_by_chromium(each) or not any(judged), (message, each))
            told = [each for each in client.heard() if "error" in each]
            self.assertGreaterEqual(len(told) + len(sent), 1, message)
            self.assertLessEqual(len(told), count)
        client.say(b'{"id":9,"method":"Browser.getVersion"}')
        self.assertIn(b"Browser.getVersion", self.lines[0].sent[-1])


class Exclusive(HostileCommands, GatewayCase):
    """A browser for each client."""

    def settle(self) -> None:
        """Nothing answers."""


class Shared(HostileCommands, SharedCase):
    """One browser for all."""
