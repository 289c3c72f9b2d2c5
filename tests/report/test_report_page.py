"""The page of a report: it holds its data as data, allows its own script alone, and masks what is secret."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.hostile import HOSTILE_TEXTS, hostile_run
from txcdp.report import Run, RunBody, RunDocument, RunExchange, RunMessage, render, write

TOKEN = "s3cr3t-s3cr3t"


class Elements(HTMLParser):
    """The elements of a page, as a browser's parser sees them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._within = f"{tag} {dict(attrs).get('id') or ''}".strip()

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        self.texts[self._within] = self.texts.get(self._within, "") + data


def parsed(page: str) -> Elements:
    elements = Elements()
    elements.feed(page)
    elements.close()
    return elements


def data_of(page: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(parsed(page).texts["script data"])
    return data


def test_the_policy_allows_its_own_script_and_style_and_nothing_else() -> None:
    elements = parsed(render(Run(name="a")))
    (policy,) = [
        attributes["content"] or ""
        for tag, attributes in elements.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    allowed = dict(each.strip().split(" ", 1) for each in policy.split(";"))
    for kind, text in (("script-src", elements.texts["script"]), ("style-src", elements.texts["style"])):
        assert allowed[kind] == f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
    assert allowed["default-src"] == "'none'"
    assert allowed["base-uri"] == allowed["form-action"] == "'none'"
    assert allowed["img-src"] == "data:"
    assert allowed["require-trusted-types-for"] == "'script'"


def test_the_page_asks_nobody_for_anything() -> None:
    page = render(hostile_run())
    for tag, attributes in parsed(page).elements:
        assert tag not in ("link", "object", "embed", "iframe", "base", "form", "img", "video", "audio"), tag
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name not in ("src", "srcset", "action", "style"), (tag, name)
            assert name != "href" or (value or "").startswith("#")


def test_its_script_makes_no_markup() -> None:
    script = parsed(render(Run(name="a"))).texts["script"]
    for each in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "DOMParser"):
        assert each not in script
    assert "createContextualFragment" not in script


def test_nothing_of_a_run_becomes_an_element() -> None:
    plain = [tag for tag, _ in parsed(render(Run(name="a"))).elements]
    page = render(hostile_run())
    assert [tag for tag, _ in parsed(page).elements] == plain
    told = data_of(page)["runs"][0]
    assert {each[0] for each in told["exchanges"]} >= set(HOSTILE_TEXTS)


@given(st.text())
def test_any_text_comes_back_as_it_was(text: str) -> None:
    page = render(Run(name="a", messages=[RunMessage(time=1.0, text=text)]))
    assert "<" not in page.partition('id="data">')[2].partition("</script>")[0]
    assert data_of(page)["runs"][0]["messages"][0][3] == text.encode("utf-8", "replace").decode()


@given(st.floats())
def test_what_is_no_number_is_none(value: float) -> None:
    exchange = RunExchange(id="1", url="a", started=value, ended=value, size=value)  # type: ignore[arg-type]
    page = render(Run(name="a", exchanges=[exchange], started=value, ended=value))
    assert not re.search(r"\b(NaN|Infinity)\b", page.partition('id="data">')[2].partition("</script>")[0])
    data_of(page)


def secret_run() -> Run:
    headers = [("Cookie", f"a={TOKEN}"), ("Authorization", f"Bearer {TOKEN}"), ("X-Api-Key", TOKEN), ("Accept", "*/*")]
    return Run(
        name=f"https://ada:{TOKEN}@example.com/?token={TOKEN}",
        documents=[RunDocument(id="L", url=f"https://example.com/?session={TOKEN}")],
        exchanges=[
            RunExchange(
                id="1",
                url=f"https://example.com/?token={TOKEN}&page=2",
                initiator_url=f"https://example.com/a.js?key={TOKEN}",
                request_headers=headers,
                response_headers=[("Set-Cookie", f"a={TOKEN}; Path=/"), ("Location", f"/?token={TOKEN}")],
                request_body=RunBody(mime_type="application/x-www-form-urlencoded", text=f"name=ada&password={TOKEN}"),
                body=RunBody(mime_type="application/json", text=f'{{"token": "{TOKEN}", "name": "ada"}}'),
            )
        ],
        messages=[RunMessage(time=1.0, text="hello", url=f"https://example.com/b.js?token={TOKEN}")],
    )


def test_secrets_are_masked_and_nothing_else_is() -> None:
    page = render(secret_run())
    assert TOKEN not in page
    assert "page=2" in page
    assert "name=ada" in data_of(page)["runs"][0]["exchanges"][0][27][1]
    assert "Accept: */*" in data_of(page)["texts"]
    assert data_of(page)["masked"] is True


def test_secrets_are_there_when_they_are_asked_for() -> None:
    page = render(secret_run(), secrets=True)
    assert page.count(TOKEN) >= 9
    assert data_of(page)["masked"] is False


def test_bodies_can_be_left_out() -> None:
    assert "ada" not in json.dumps(data_of(render(secret_run(), bodies=False))["runs"][0]["exchanges"])


def test_a_report_shows_one_run_or_two() -> None:
    run = Run(name="a")
    assert len(data_of(render(run, run))["runs"]) == 2
    for runs in ((), (run, run, run)):
        with pytest.raises(ValueError, match="one, or two"):
            render(*runs)


def test_a_report_is_its_owners_alone_and_replaces_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("before")
    assert write(path, Run(name="a")) == path
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text("utf-8").startswith("<!doctype html>")
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OSError, match=r"report\.html"):
        write(tmp_path / "report.html", Run(name="a"))
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


def test_five_thousand_requests_are_under_five_megabytes() -> None:
    run = large_run(5_000, 2_000)
    assert len(render(run, bodies=False).encode()) < 5_000_000


def large_run(exchanges: int, messages: int) -> Run:
    """Return a run as a large page has it: hosts, headers and times as they come."""
    from tests.report.large import large_run as made

    return made(exchanges, messages)
