"""What clients may not do, against who tries: spellings of hosts, proxies, dragged files, commands of new protocols."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.gateway.test_gateway_method_info import objection
from txcdp.codegen.schema import Property, Shape, Type, qualified, vendored
from txcdp.gateway import Policy
from txcdp.gateway._client_messages import Command
from txcdp.gateway._options import RISKY_METHODS
from txcdp.gateway._proxy.command_filter import CommandFilter
from txcdp.gateway._saving import SAVING
from txcdp.gateway._urls import Unreadable, host_of, is_private, is_private_proxy, split_url

STRICT = Policy(methods=RISKY_METHODS, schemes=("file", "chrome"), private_addresses=False)
PUBLIC_ONLY = Policy(private_addresses=False)

#: Ways to write 127.0.0.1 and localhost that Chromium understands.
SPELLINGS = (
    "127.0.0\u30021", "127\uff0e0\uff610.1", "127.0.0.\u00ad1", "127.0.0.\u200b1", "127.0.0.1\u2060", "127.0.0.%31",
    "127%2e0.0.1", "127.1", "127.0x.0x.1", "0x7f.1", "0177.0.0.01", "2130706433", "0x7f000001", "127.0.0.1.",
    "\u2460\u2461\u2466.0.0.1", "127.0.0.\U0001d7cf", "%EF%BC%91%32%37.0.0.1", "user:pw@127.0.0.1", "a@b@127.0.0.1",
    "a.localhost\u3002", "a.local\u00adhost", "LOCALHOST", "localho\u017ft", "loca\u034flhost", "loca\ufe0flhost",
    "%6c%6fcalhost",
)  # fmt: skip

#: Other addresses of no public network, and hosts that nobody can be sure of.
OTHERS = (
    "", "10.0.0.1", "0x.0x.0x.0x", "169.254.169.254", "0300.0250.0.1", "100.64.0.1", "224.0.0.1", "printer",
    "db.home.arpa",
    "[::1]", "[::127.0.0.1]", "[::ffff:10.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::a00:1]", "[64:ff9b:1::808:808]",
    "[2002:7f00:1::]", "[2002:808:808::1]",
    "[2002:a00:1::1]", "[2001:0:808:808::1]", "[fe80::1]", "[fd00::1]", "[ff02::1]", "[::]",
    "[2606:4700::5efe:10.0.0.1]", "[2606:4700::200:5efe:10.0.0.1]", "[::1%25lo]", "[::1", "[what]", "[:]",
    "127.0.0.08", "127.0.0.256", "1.2.3.4.5", "1.256.3.4", "a.0x7f", "127.0.0.1%00", "exa mple.com", "a%2fb.com",
    "a:b.com:80",
    "\u2100.example", "127.0.0.\ufffd", "a.local\u200chost", "127.0.0.%2531", "%ff.example", "1" * 5000, "0" * 70 + "1",
    "a" * 3000 + ".example", "a." * 1500 + "localhost",
)  # fmt: skip

PUBLIC = (
    "example.com", "8.8.8.8", "0x8.8.8.8", "EXAMPLE.com.", "a_b.example", "a..b.example", "b\u00fccher.example",
    "\u4f8b\u3048\u3002\u30c6\u30b9\u30c8", "i\u2764.ws", "xn--bcher-kva.example", "u:p@example.com:8080",
    "[2606:4700::1111]:80",
    "[64:ff9b::808:808]", "[::ffff:8.8.8.8]", "[2606:4700::5efe:8.8.8.8]", "%65xample.com",
    "localhost.example", "127.0.0.1.example",
)  # fmt: skip

FORMS = (
    "http://{}/",
    "https:{}",
    "HTTP:\\\\{}\\x",
    "view-source:http://{}#x",
    "ws:////{}?x@example.com",
    " \t ht\ntp:/\r/{}",
    "blob:http://{}/1-2",
)


@pytest.mark.no_cover
class HostTests(SynchronousTestCase):
    def test_hosts_that_are_refused(self):
        for host in SPELLINGS + OTHERS:
            for form in FORMS:
                url = form.format(host)
                self.assertIn("private", objection(PUBLIC_ONLY, "Page.navigate", url=url) or "", ascii(url)[:100])

    def test_public_hosts(self):
        for host in PUBLIC:
            for form in FORMS:
                self.assertIsNone(objection(PUBLIC_ONLY, "Page.navigate", url=form.format(host)), ascii(host))

    def test_allowed_addresses(self):
        """However they are written; and names, of which only the egress proxy knows where they lead to."""
        policy = Policy(private_addresses=False, allowed_addresses=("127.0.0.1:8080", "10.0.0.0/8", "[fd00::5]:443"))
        for url in (
            "http://127.0.0.1:8080/",
            "ws:0x7f.1:8080",
            "http://u:p@[::ffff:127.0.0.1]:8080",
            "http://10.2.3.4/",
            "https://10.2.3.4:1",
            "wss://[fd00::5]/",
            "https://[fd00::5]",
            "http://intranet/",
            "http://8.8.8.8",
        ):
            self.assertIsNone(objection(policy, "Page.navigate", url=url), url)
        for url in (
            "http://127.0.0.1/",
            "http://127.0.0.1:80/:8080",
            "http://127.0.0.1:80#@x:8080",
            "http://127.0.0.1:08080x/",
            "http://127.0.0.2:8080/",
            "http://[fd00::5]/",
            "http://[::1]:8080/",
            "http://exa mple:8080/",
            "http://1.2.3.4.5/",
        ):
            self.assertIn("private", objection(policy, "Page.navigate", url=url) or "", url)

    def test_a_long_user_hides_no_host(self):
        for user in ("example.com", "example.com:", "a" * 5000 + ".example"):
            url = f"http://{user:m<5000}@127.0.0.1/"
            self.assertIn("private", objection(PUBLIC_ONLY, "Page.navigate", url=url) or "")

    @given(st.integers(0, 2**32 - 1), st.data())
    def test_an_address_is_the_same_however_it_is_written(self, value, data):
        parts = [value >> 24, value >> 16 & 255, value >> 8 & 255, value & 255]
        for _ in range(data.draw(st.integers(0, 3))):
            last = parts.pop()
            parts[-1] = parts[-1] << 8 * (4 - len(parts)) | last
        forms = [data.draw(st.sampled_from(["{}", "0{:o}", "0x{:x}", "00{:o}", "0X{:X}"])) for _ in parts]
        text = ".".join(form.format(part) for form, part in zip(forms, parts, strict=True))
        plain = ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))
        self.assertEqual(is_private(host_of(text)), is_private(plain), text)
        self.assertEqual(is_private(host_of(f"[64:ff9b::{value >> 16:x}:{value & 65535:x}]")), is_private(plain))

    @given(st.text(max_size=30))
    def test_whatever_is_written(self, text):
        self.assertIn(is_private(host_of(text)), (True, False))
        self.assertIn(is_private_proxy(text), (True, False))


class UrlTests(SynchronousTestCase):
    def test_parts(self):
        for url, parts in (
            ("HTTPS://a/b:c", ("https", "//a/b:c")),
            ("view-source: View-Source:file:/x", ("file", "/x")),
            ("nothing", ("", "nothing")),
            ("C:\\x", ("file", "C:\\x")),
            ("\\\\host\\x", ("file", "\\\\host\\x")),
            ("/\n/host/x", ("file", "//host/x")),
            ("about:blank#x", ("about", "blank#x")),
            ("ABOUT:version", ("chrome", "version")),
        ):
            self.assertEqual(split_url(url)[:2], parts)
        self.assertEqual(split_url(" view-source: blob:http://x"), ("http", "//x", "view-source"))
        with self.assertRaises(Unreadable):
            split_url("view-source:" * 4 + "http://example.com/")

    def test_wrapping_has_an_end(self):
        for policy in (STRICT, PUBLIC_ONLY):
            for each in ("view-source:", "blob:"):
                self.assertIn("can read", objection(policy, "Page.navigate", url=each * 100_000 + "file:///x") or "")

    def test_the_pages_of_the_browser(self):
        for url in ("chrome:version", "chrome-untrusted://x", "about:settings", "view-source:devtools://devtools/x"):
            self.assertIn("scheme", objection(STRICT, "Target.createTarget", url=url) or "", url)
        for url in ("about:blank", "about:srcdoc", "about:blank?x#y", "chrome-extension://x/y.html"):
            self.assertIsNone(objection(STRICT, "Target.createTarget", url=url), url)

    def test_devtools_get_round_anything(self):
        for policy in (Policy(methods=("Browser.crash",)), Policy(schemes=("ftp",)), PUBLIC_ONLY):
            for method in ("Page.navigate", "Target.createTarget", "Fetch.continueRequest"):
                self.assertIn("devtools", objection(policy, method, url=" DevTools:\t//devtools/bundled/x") or "")
            self.assertIn("not allowed", objection(policy, "Target.openDevTools", targetId="A") or "")
        self.assertIsNone(CommandFilter(Policy()).objection_to_url("devtools://devtools/bundled/x"))
        self.assertIsNone(CommandFilter(Policy(methods=("A.b",))).objection_to_url("http://127.0.0.1/"))


class ProxyTests(SynchronousTestCase):
    def test_proxies_that_are_refused(self):
        for rules in (
            "127.0.0.1:80", "http://127.0.0.1:80", "socks5://10.0.0.1", "SOCKS4://LocalHost:1",
            "https=127.1;http=a.example",
            "http=foo.example:80;https=bar", "example.com,direct://,127.0.0.1", "example.com 127.0.0.1", "printer:3128",
            "[::1]:80", "http://[::ffff:10.0.0.1]", "https://2130706433:1", "127.0.0\u30021:80", "127.0.0.%31:80",
            "a@127.0.0.1:80", "example.com/@127.0.0.1", "[https://example.com https://127.0.0.1]",
            "http=direct://;x=0x7f.1",
        ):  # fmt: skip
            self.assertIn(
                "proxies", objection(PUBLIC_ONLY, "Target.createBrowserContext", proxyServer=rules) or "", rules
            )

    def test_proxies_that_are_not(self):
        for rules in (
            "proxy.example:3128", "http=a.example:80;https=b.example", "socks5://8.8.8.8:1080/", "[2606:4700::1111]:80",
            "direct://", "http=direct://", "", " a.example , b.example ",
        ):  # fmt: skip
            self.assertIsNone(objection(PUBLIC_ONLY, "Target.createBrowserContext", proxyServer=rules), rules)
        self.assertIsNone(objection(PUBLIC_ONLY, "Target.createBrowserContext", proxyServer=5))
        self.assertIsNone(objection(PUBLIC_ONLY, "Target.createBrowserContext", proxyBypassList="127.0.0.1"))
        self.assertIsNone(
            objection(Policy(methods=RISKY_METHODS), "Target.createBrowserContext", proxyServer="localhost")
        )

    def test_remote_locations(self):
        for policy in (PUBLIC_ONLY, Policy(methods=RISKY_METHODS)):
            self.assertIn("not allowed", objection(policy, "Target.setRemoteLocations", locations=[]) or "")


class DragTests(SynchronousTestCase):
    def test_files(self):
        data = {"items": [], "files": ["/etc/hostname"], "dragOperationsMask": 1}
        for policy in (
            Policy(methods=RISKY_METHODS),
            Policy(methods=("DOM.*",)),
            Policy(schemes=("FILE:",)),
        ):
            for kind in ("dragEnter", "dragOver", "drop"):
                found = objection(policy, "Input.dispatchDragEvent", type=kind, x=0, y=0, data=data)
                self.assertIn("dragging files", found or "")
        self.assertIsNone(objection(Policy(methods=("Browser.crash",)), "Input.dispatchDragEvent", data=data))

    def test_links(self):
        for text in ("http://127.0.0.1/", "# x\r\nht\rtp://127.1/", "https://example.com/\n \u3000http://localhost/"):
            data = {"items": [{"mimeType": "text/plain", "data": "x"}, {"mimeType": "text/uri-list", "data": text}]}
            self.assertIn("private", objection(PUBLIC_ONLY, "Input.dispatchDragEvent", data=data) or "", text)
            self.assertIsNone(objection(Policy(methods=RISKY_METHODS), "Input.dispatchDragEvent", data=data))

    def test_what_is_harmless(self):
        link = {"mimeType": "text/uri-list", "data": "# x\r\nhttps://example.com/\r\n"}
        each: Any
        for each in (
            None, [], {}, {"files": []}, {"items": 5}, {"items": [5, {}, {"mimeType": "text/uri-list", "data": 5}]},
            {"items": [{"mimeType": "text/plain", "data": "http://127.0.0.1/"}, link], "files": []},
        ):  # fmt: skip
            self.assertIsNone(objection(STRICT, "Input.dispatchDragEvent", data=each), each)


#: Words in the names of parameters that may say where something is.
TELLING = re.compile(r"(addres|director|download|endpoint|file|folder|host|locat|path|prox|server).*|dir|port|ur[il]")

#: What is refused by what is in it: the command, its parameter, and what may not be.
REFUSED: dict[str, dict[str, Any]] = {
    "Browser.setDownloadBehavior downloadPath": {"behavior": "allow", "downloadPath": "/etc"},
    "Fetch.continueRequest url": {"url": "http://127.0.0.1/"},
    "Input.dispatchDragEvent data.files": {"data": {"files": ["/etc/hostname"]}},
    "Network.loadNetworkResource url": {"url": "file:///etc/hostname"},
    "Page.navigate url": {"url": "http://127.0.0.1/"},
    "Target.createBrowserContext proxyServer": {"proxyServer": "127.0.0.1:80"},
    "Target.createTarget url": {"url": "chrome://version"},
}

#: What is harmless, and why.
HARMLESS = {
    "it picks from what is there, and opens nothing": """
        CacheStorage.requestCachedResponse requestURL, CacheStorage.requestEntries pathFilter,
        DOM.pushNodeByPathToFrontend path, DOMDebugger.removeXHRBreakpoint url, DOMDebugger.setXHRBreakpoint url,
        Debugger.setBreakpointByUrl url, Debugger.setBreakpointByUrl urlRegex, Fetch.enable patterns.urlPattern,
        Network.deleteCookies path, Network.deleteCookies url, Network.getCookies urls,
        Network.emulateNetworkConditionsByRule matchedNetworkConditions.urlPattern,
        Network.setBlockedURLs urlPatterns.urlPattern, Network.setBlockedURLs urls, Page.deleteCookie url,
        Page.getResourceContent url, Page.searchInResource url, ServiceWorker.skipWaiting scopeURL,
        ServiceWorker.startWorker scopeURL, ServiceWorker.unregister scopeURL,
        ServiceWorker.updateRegistration scopeURL""",
    "it is a cookie's, which goes where the page goes": """
        Network.setCookie path, Network.setCookie url, Network.setCookies cookies.path, Network.setCookies cookies.url,
        Storage.setCookies cookies.path, Storage.setCookies cookies.url""",
    "it is a name of a script, and is not loaded": """
        Page.addCompilationCache url, Page.produceCompilationCache scripts.url, Runtime.compileScript sourceURL""",
    "it is within the page's own storage": "FileSystem.getDirectory bucketFileSystemLocator.pathComponents",
    "it is what a dragged piece of HTML says of itself": "Input.dispatchDragEvent data.items.baseURL",
    "it says where no proxy is taken": "Target.createBrowserContext proxyBypassList",
    "it switches a check of the browser": "Browser.addPrivacySandboxEnrollmentOverride url",
    "it is a device that is made up": """
        BluetoothEmulation.addService address, BluetoothEmulation.simulateAdvertisement entry.deviceAddress,
        BluetoothEmulation.simulateGATTDisconnection address, BluetoothEmulation.simulateGATTOperationResponse address,
        BluetoothEmulation.simulatePreconnectedPeripheral address""",
}


def words(name: str) -> list[str]:
    """Take ``requestURL`` and ``baseURLs`` apart, without an s at the end."""
    found = re.findall(r"[A-Z]{2,}s(?![a-z])|[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return [each.lower().removesuffix("s") for each in found]


class NewProtocolTests(SynchronousTestCase):
    """Each command that may be told where something is, is looked at, or is known to be harmless."""

    def setUp(self) -> None:
        protocol, _ = vendored()
        self.domains = {each.name: each for each in protocol.domains}
        self.types = {(each.name, kind.id): kind for each in protocol.domains for kind in each.types}

    def texts(self, pooled_browsers: list[Property], domain: str, seen: frozenset[Any]) -> Iterator[str]:
        """Find the paths of all texts, and lists of texts, in parameters and in what these are made of."""
        for pooled in pooled_browsers:
            shape: Shape = pooled.items or pooled
            where, within = domain, seen
            while shape.ref is not None and (key := qualified(shape.ref, where)) not in within:
                where, within = key[0], within | {key}
                shape = self.types[key].items or self.types[key]
            inner = shape.properties if isinstance(shape, Type) else []
            if inner:
                yield from (f"{pooled.name}.{each}" for each in self.texts(inner, where, within))
            elif shape.type in ("string", "any", "object") and not shape.enum:
                yield pooled.name

    def suspects(self) -> set[str]:
        """Name the commands' parameters that may be such, but for those of commands that are refused in whole."""
        found = set()
        for domain in self.domains.values():
            for command in domain.commands:
                method = f"{domain.name}.{command.name}"
                given = {"behavior": "allow"} if method == SAVING else {}
                if CommandFilter(STRICT).objection(Command(1, method, given)) is not None:
                    continue
                for path in self.texts(command.parameters, domain.name, frozenset()):
                    if any(map(TELLING.fullmatch, words(path.rpartition(".")[2]))):
                        found.add(f"{method} {path}")
        return found

    def test_every_place_is_looked_at(self):
        harmless = [each.strip() for text in HARMLESS.values() for each in text.split(",")]
        self.assertEqual(sorted(self.suspects()), sorted([*REFUSED, *harmless]))

    def test_what_is_looked_at_is_refused(self):
        for each, params in REFUSED.items():
            self.assertIsNotNone(objection(STRICT, each.partition(" ")[0], **params), each)

    def test_words(self):
        for name, found in (
            ("requestURL", ["request", "url"]),
            ("urls", ["url"]),
            ("URLs", ["url"]),
            ("proxyServer", ["proxy", "server"]),
            ("installUrlOrBundleUrl", ["install", "url", "or", "bundle", "url"]),
        ):
            self.assertEqual(words(name), found)

    def test_what_is_denied_is_there(self):
        known = {f"{each.name}.{command.name}" for each in self.domains.values() for command in each.commands}
        for method in RISKY_METHODS:
            domain = method.removesuffix(".*")
            self.assertTrue(domain in self.domains if method.endswith(".*") else method in known, method)
