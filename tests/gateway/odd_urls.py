"""URLs that parsers may read differently."""

from __future__ import annotations

from random import Random

_SCHEMES = (
    "http", "https", "HTTP", "hTtp", "ws", "ftp", "file", "javascript", "data", "chrome", "devtools", "h\ttp", "http\r",
    "http\x00", "htt p", "http%3a", "view-source:http", "blob:http", "blob:file",
)  # fmt: skip
_BETWEEN = (":", "://", ":/", ":///", "://///", ":\\\\", ":\\", ":/\\", ":\t//", ":/\n/", "", ":/\t/")
_USERS = ("user@", "user:pw@", "a@b@", "@", ":@", "127.0.0.1@", "example.com:80@", "%40", "user:pw@x/@")
_HOSTS = (
    "example.com", "127.0.0.1", "localhost", "127.1", "0x7f.1", "0177.1", "2130706433", "[::1]", "[::ffff:7f00:1]",
    "127.0.0.1.", "EXAMPLE.com.", "127.0.0.%31", "%6c%6fcalhost", "\uff11\uff12\uff17.0.0.1",
    "127\u30020\u30020\u30021", "local\u00adhost", "l\u200bocalhost", "localho\u017ft", "exa mple.com",
    "exa\tmple.com", "ex%00ample.com", "a..b", "..", "", "[::1", "[v1.x]", "b\u00fccher.de", "xn--bcher-kva.de",
    "xn--a", "256.1.1.1", "1.2.3.4.5", "0x", "1.0x", "a.1", "a.0x1", "foo_bar.com", "-a.com", "a%2fb", "a%5cb.com",
    "a\\b.com", "a^b", "a|b", "a<b", "ex%ample", "\u2460.0.0.1", "127.0.0.1%2e", "%2e", "example.com%20", "\u3002",
    "a\u3002localhost", "fa\u00df.de", "\u200c.com", "\u2603.net",
)  # fmt: skip
_PORTS = (":80", ":0", ":99999", ":", ":8a")
_BEHIND = ("", "/", "/x", "?q", "#f", "\\x", "/../..", "/ ", "\t", "/@127.0.0.1/")
_AROUND = ("", "", "", "", " ", "\t", "\x00", "\x1f", "\u00a0", "\ufeff", "\n\n")


def odd_urls(count: int, seed: int) -> list[str]:
    """Make some, the same ones for a seed."""
    pick = Random(seed)

    def sometimes(choices: tuple[str, ...]) -> str:
        return pick.choice(choices) if pick.random() < 0.35 else ""

    return [
        "".join(
            (
                pick.choice(_AROUND),
                pick.choice(_SCHEMES),
                pick.choice(_BETWEEN),
                sometimes(_USERS),
                pick.choice(_HOSTS),
                sometimes(_PORTS),
                pick.choice(_BEHIND),
                pick.choice(_AROUND),
            )
        )
        for _ in range(count)
    ]
