"""Metadata of the distribution; the version is written here and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

# A lower bound is the first release that supports Python 3.13 (Twisted, treq, msgspec) or, where that says
# nothing, the oldest that ``make test-oldest`` passes with. There are no upper bounds: an application has to be
# able to upgrade its Twisted without asking its browser library first.
REQUIREMENTS = [
    "twisted[tls]>=24.10.0",
    "autobahn>=25.10.2",  # comes as wheels for the usual platforms: nothing to compile
    "treq>=24.9.1",
    "reactivex>=5.0.0",
    "msgspec>=0.19.0",
    "prometheus-client>=0.21.0",
    "idna>=3.7",  # comes with Twisted's TLS
    "pyyaml>=6.0.1",  # aria snapshots are YAML
]

SCRAPY = "scrapy>=2.13"

IPYTHON = "ipython>=8.18"

ZSTD = "backports.zstd>=1.0; python_version < '3.14'"

EXTRAS = {
    # For applications that still build on the old distribution of RxPY: txcdp.rx3.
    "rx": ["Rx>=3.2,<4"],
    # For recordings that are compressed with zstd; Python 3.14 has it.
    "zstd": [ZSTD],
    # For browsers of several machines over a WAMP router: txcdp.fleet. Its messages have bytes in them.
    "fleet": ["cbor2>=5.6"],
    # For crawls by Scrapy: txcdp.scrapy. Before 2.13 its default reactor was another one.
    "scrapy": [SCRAPY],
    # For the prompt of "txcdp repl", which is Python's own without it.
    "repl": [IPYTHON],
    # The fuzzer's wheels; where there is none, "make fuzz" says so and does nothing. It reads these markers.
    "fuzz": [
        "atheris>=3.0; sys_platform == 'linux' and platform_machine == 'x86_64'"
        " and platform_python_implementation == 'CPython' and python_version < '3.15'",
    ],
    "dev": [
        SCRAPY,
        IPYTHON,
        ZSTD,
        "aioquic>=1.2",  # for servers of HTTP/3 in tests
        "cbor2>=5.6",
        "coverage>=7.10.6",  # measures child processes by itself
        "furo>=2024.8.6",
        "hypothesis>=6.100",
        "mypy>=1.11",
        "mypy-zope>=1.0.5",
        "haralyzer>=2.4",
        "jsonschema>=4.18",
        "klein>=24.8",
        "openapi-spec-validator>=0.7.1",
        "packaging>=23",
        "pytest>=8.2",
        "pytest-cov>=7",
        "pytest-timeout>=2.3",
        "ruff>=0.9",
        "setuptools>=77",  # as in pyproject.toml: a test builds the wheel without asking the network for it
        "sphinx>=8.1",
        "towncrier>=24.8",  # docs/news
        "twisted[http2]",  # for servers in tests
    ],
}


def description() -> str:
    """Return the README without its pictures: an index has no files beside it."""
    text = (HERE / "README.rst").read_text(encoding="utf-8")
    return re.sub(r"^\.\. image:: docs/.*\n(?:   .*\n)*\n", "", text, flags=re.MULTILINE)


def packages() -> list[str]:
    """Name what is installed: txcdp and, once there is one, its twistd plugin (a namespace without an __init__)."""
    found: list[str] = find_packages(include=["txcdp", "txcdp.*"])
    return found + ["twisted.plugins"] * (HERE / "twisted" / "plugins").is_dir()


setup(
    name="txcdp",
    version="0.2.0.dev0",
    description="The Chrome DevTools Protocol for Twisted: typed commands as Deferreds, events as observables",
    long_description=description(),
    long_description_content_type="text/x-rst",
    author="The txcdp developers",
    license="BSD-3-Clause",
    license_files=["LICENSE"],
    keywords=["chrome", "chromium", "cdp", "devtools", "twisted", "rx", "reactivex", "browser", "automation"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Framework :: Twisted",
        "Intended Audience :: Developers",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Internet :: WWW/HTTP :: Browsers",
        "Topic :: Software Development :: Libraries",
        "Topic :: Software Development :: Testing",
        "Typing :: Typed",
    ],
    python_requires=">=3.11",
    # An explicit "." makes an editable install put this directory on the path as it is, so that type
    # checkers see the package and Twisted finds twisted/plugins.
    package_dir={"": "."},
    packages=packages(),
    package_data={
        "txcdp": ["py.typed", "devices.json"],
        "txcdp.browser": ["*.js"],
        "txcdp.codegen": ["protocol/*"],
        "txcdp.gateway.live": ["assets/*"],
        "txcdp.network": ["*.js"],
        "txcdp.page": ["*.js"],
        "txcdp.report": ["*.js", "assets/*"],
    },
    install_requires=REQUIREMENTS,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["txcdp = txcdp.cli:main"], "pytest11": ["txcdp = txcdp._pytest_plugin"]},
    zip_safe=False,
)
