"""What contexts are given, without a browser: client hints, proxies, relative URLs, and the table of devices."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import txcdp
from txcdp._url_patterns import resolved, url_matcher
from txcdp.codegen import devices as command
from txcdp.page._emulation import merged_headers
from txcdp.page._options import ProxySettings, checked_options, proxy_bypass_list
from txcdp.page._user_agents import metadata_of, platform_of

CHROME = "Chrome/131.0.0.0"


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("userAgent", "did you mean 'user_agent'?"),
        ("record_video_dir", "use page.save_screencast(path)"),
        ("strict_selectors", "locators are always strict"),
    ],
)
def test_what_is_no_option_is_refused_with_what_there_is(option: str, said: str) -> None:
    with pytest.raises(TypeError, match=f"unknown option '{option}' of a context; {re.escape(said)}"):
        checked_options({option: True})


@pytest.mark.parametrize(
    ("agent", "system", "version", "platform", "architecture"),
    [
        (f"(Windows NT 10.0; Win64; x64) {CHROME}", "Windows", "10.0.0", "Win32", "x86"),
        (f"(Macintosh; Intel Mac OS X 10_15_7) {CHROME}", "macOS", "10.15.7", "MacIntel", "x86"),
        (f"(X11; Linux aarch64) {CHROME}", "Linux", "", "Linux x86_64", "arm"),
        (f"(X11; CrOS x86_64 14541.0.0) {CHROME}", "Chrome OS", "14541.0.0", "Linux x86_64", "x86"),
        (f"(Linux; Android 14; K) {CHROME} Mobile", "Android", "14.0.0", "Linux armv81", ""),
    ],
)  # fmt: skip
def test_hints_fit_the_agent(agent: str, system: str, version: str, platform: str, architecture: str) -> None:
    hints = metadata_of(agent, is_mobile=False)
    assert hints is not None
    assert (hints.platform, hints.platform_version, hints.architecture) == (system, version, architecture)
    assert platform_of(agent) == platform
    assert hints.mobile == (" Mobile" in agent)


@pytest.mark.parametrize(
    ("agent", "brands"),
    [
        ("Chrome/156.1.2.3", [("Not:A-Brand", "8"), ("Chromium", "156"), ("Google Chrome", "156")]),
        ("Chrome/131.0.0.0", [("Google Chrome", "131"), ("Chromium", "131"), ("Not_A Brand", "24")]),
        ("HeadlessChrome/156.0.0.0", [("Not:A-Brand", "8"), ("Chromium", "156")]),
        ("Chrome/156.0.0.0 Edg/156.0.0.0", [("Not:A-Brand", "8"), ("Chromium", "156"), ("Microsoft Edge", "156")]),
    ],
)
def test_brands_are_those_of_the_version(agent: str, brands: list[tuple[str, str]]) -> None:
    hints = metadata_of(agent, is_mobile=False)
    assert hints is not None
    assert hints.brands is not None
    assert [(each.brand, each.version) for each in hints.brands] == brands


@pytest.mark.parametrize("agent", ["", "(X11; Linux x86_64; rv:9) Gecko/1 Firefox/9", "curl/8"])
def test_others_have_no_hints(agent: str) -> None:
    assert metadata_of(agent, is_mobile=True) is None


def test_devices_are_options() -> None:
    assert {"iPhone 13", "Pixel 7", "iPad Pro 11", "Galaxy S9+", "Desktop Chrome"} <= txcdp.devices.keys()
    for device in txcdp.devices.values():
        assert checked_options(device) == device
    txcdp.devices["Pixel 7"]["locale"] = "de"  # type: ignore[typeddict-unknown-key]
    assert "locale" not in txcdp.devices["Pixel 7"]
    with pytest.raises(KeyError, match=r"did you mean 'Pixel 7'.*list"):
        txcdp.devices["pixel7"]
    with pytest.raises(KeyError, match="; list"):
        txcdp.devices["Zuse"]


def test_the_table_is_written_from_playwrights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    device = {"userAgent": "a", "viewport": {"width": 1, "height": 2}, "isMobile": True, "defaultBrowserType": "webkit"}
    given, target = tmp_path / "given.json", tmp_path / "devices.json"
    given.write_text(json.dumps({"iPhone 1": device, "Nokia": device}))
    assert command.main([str(given), "--output", str(target)]) == 0
    assert json.loads(target.read_text()) == {
        "iPhone 1": {"user_agent": "a", "viewport": {"width": 1, "height": 2}, "is_mobile": True}
    }
    for wrong in ("[]", "{}", '{"iPhone 1": {}}', "no"):
        given.write_text(wrong)
        assert command.main([str(given), "--output", str(target)]) == 1
    assert "devices:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("bypass", "rules"),
    [
        (None, "<-loopback>"),
        (".example.org, 10.0.0.0/8", "<-loopback>,*.example.org,10.0.0.0/8"),
        ("localhost,a", "localhost,a"),
    ],
)
def test_what_a_proxy_is_not_used_for(bypass: str | None, rules: str) -> None:
    proxy = ProxySettings(server="p:1")
    if bypass is not None:
        proxy["bypass"] = bypass
    assert proxy_bypass_list(proxy) == rules


def test_relative_urls() -> None:
    base = "http://a.test/b/c"
    assert resolved("d", base) == "http://a.test/b/d"
    assert resolved("/d", base) == "http://a.test/d"
    assert resolved("about:blank", base) == "about:blank"
    assert resolved("d", None) == "d"
    assert url_matcher("d*", base)("http://a.test/b/dd")
    assert not url_matcher("/d*", base)("http://a.test/b/dd")
    assert url_matcher("**/dd", base)("http://other.test/dd")
    assert url_matcher("http://other.test/*", base)("http://other.test/dd")


def test_headers_are_merged_whatever_their_letters() -> None:
    assert merged_headers({"X-A": "1", "b": "2"}, {"x-a": "3"}) == {"b": "2", "x-a": "3"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"color_scheme": "Dark"}, "use one of 'light', .*; did you mean 'dark'?"),
        ({"permissions": ["geo"]}, "Unknown permission: geo; did you mean 'geolocation'?"),
        ({"service_workers": "alow"}, "did you mean 'allow'?"),
    ],
)
def test_what_there_is_not_says_what_is_like_it(options: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        checked_options(options)


@pytest.mark.parametrize("name", ["origins_with_universal_network_access", "permissions"])
@pytest.mark.parametrize("text", ["one", b"one"])
def test_one_string_is_refused_with_what_to_write(name: str, text: str | bytes) -> None:
    with pytest.raises(TypeError, match="write"):
        checked_options({name: text})
