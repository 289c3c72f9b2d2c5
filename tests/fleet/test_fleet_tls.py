"""TLS, certificates of clients, and tickets, at a real router: make fleet."""

from __future__ import annotations

import hashlib
import ssl
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import pytest
from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from tests.browser.support_lines import Authority
from tests.fleet.router import PATIENCE, REALM, Crossbar
from tests.fleet.test_fleet_router import until
from txcdp.errors import ConnectError
from txcdp.fleet import RouterOptions, connect

#: Twisted hands a client's certificate to pyOpenSSL in a way that this one would rather not have.
pytestmark = [pytest.mark.fleet, pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")]

CLOCK: Any = reactor


class SecureCase(TestCase):
    timeout = 300
    clients: ClassVar[bool] = False
    router: ClassVar[Crossbar]
    folder: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="txcdp-fleet-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        ours, others = Authority(), Authority()
        cls.write("ours", ours.pem)
        cls.write("others", others.pem)
        key, certificate = ours.server_pem("localhost")
        tls: dict[str, Any] = {"key": cls.write("key", key), "certificate": cls.write("certificate", certificate)}
        for name, authority in (("node", ours), ("unknown", ours), ("strange", others)):
            key, certificate = authority.server_pem(name)
            cls.write(f"{name}.pem", certificate + key)
        principals = None
        if cls.clients:
            tls["ca_certificates"] = [cls.path("ours")]
            principals = {"node-3": {"certificate-sha1": fingerprint(cls.folder / "node.pem"), "role": "node"}}
        cls.router = Crossbar(cls.folder / "router", tls=tls, certificates=principals)
        cls.addClassCleanup(cls.router.kill)

    @classmethod
    def write(cls, name: str, data: bytes) -> str:
        (cls.folder / name).write_bytes(data)
        return cls.path(name)

    @classmethod
    def path(cls, name: str) -> str:
        return str(cls.folder / name)

    def options(self, **more: Any) -> RouterOptions:
        given = {"url": self.router.url, "realm": REALM, "authority": self.path("ours"), "open_timeout": PATIENCE}
        return RouterOptions(**{**given, **more})

    async def comes_in(self, **more: Any) -> tuple[str, str]:
        fleet = await connect(CLOCK, self.options(**more))
        session = await fleet._session()
        found = session._authid, session._authrole
        await fleet.close()
        await until(lambda: "_notify_bucket" not in str([*map(str, CLOCK.getDelayedCalls())]), "Autobahn's timers")
        return found

    async def refused(self, **more: Any) -> str:
        with self.assertRaises(ConnectError) as caught:
            await connect(CLOCK, self.options(**more))
        await until(lambda: "_notify_bucket" not in str([*map(str, CLOCK.getDelayedCalls())]), "Autobahn's timers")
        return str(caught.exception)


def fingerprint(path: Path) -> str:
    """Return the SHA1 of a certificate, as Crossbar writes it."""
    pem = path.read_text().partition("-----BEGIN PRIVATE KEY")[0]
    found = hashlib.sha1(ssl.PEM_cert_to_DER_cert(pem)).hexdigest().upper()
    return ":".join(found[at : at + 2] for at in range(0, len(found), 2))


class Tickets(SecureCase):
    async def test_who_comes_in_by_a_ticket(self):
        shop = {"authid": "shop", "ticket": self.router.principals["shop"]["ticket"]}
        self.assertEqual(await self.comes_in(**shop), ("shop", "caller"))
        self.assertIn("invalid", await self.refused(authid="shop", ticket="another"))

    async def test_a_router_that_is_not_to_be_trusted(self):
        shop = {"authid": "shop", "ticket": "a secret"}
        self.assertIn("SSL error", await self.refused(**shop, authority=self.path("others")))
        self.assertIn("certificate", await self.refused(**shop, authority=None))
        wrong = await self.refused(**shop, url=self.router.url.replace("localhost", "127.0.0.1"))
        self.assertIn("its certificate is not for 127.0.0.1", wrong)
        plain = self.router.url.replace("wss:", "ws:")
        self.assertIn("no WAMP router responds", await self.refused(**shop, url=plain, authority=None))


class Certificates(SecureCase):
    clients = True

    async def test_who_comes_in_by_a_certificate(self):
        self.assertEqual(await self.comes_in(certificate=self.path("node.pem")), ("node-3", "node"))
        self.assertEqual(await self.comes_in(certificate=self.path("node.pem"), authid="node-3"), ("node-3", "node"))

    async def test_who_comes_in_by_a_ticket_shows_a_certificate_too(self):
        shop = {"authid": "shop", "ticket": self.router.principals["shop"]["ticket"]}
        self.assertEqual(await self.comes_in(**shop, certificate=self.path("unknown.pem")), ("shop", "caller"))
        self.assertIn("certificate required", await self.refused(**shop))

    async def test_certificates_that_the_router_does_not_know(self):
        self.assertIn("not_authorized", await self.refused(certificate=self.path("unknown.pem")))
        self.assertIn("SSL error", await self.refused(certificate=self.path("strange.pem")))
