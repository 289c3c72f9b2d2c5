"""The network traffic of a recording, as a table for spreadsheets.

Secrets in URLs are masked. A page decides the texts of its URLs and errors, and spreadsheets execute what begins like a
formula: such cells get a leading apostrophe, which these programs take to mean plain text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from twisted.internet.task import Clock

from txcdp._privacy import spreadsheet_row
from txcdp.model import Exchange, ExchangeEnded
from txcdp.network._masking import masked_url
from txcdp.protocol._values import number_of
from txcdp.recording._entries import LAST_TIME, Damage
from txcdp.recording._replay import replay

COLUMNS: Final = (
    "started", "session", "frame", "method", "url", "type", "status", "mime_type", "protocol", "cached", "bytes",
    "seconds", "state", "error",
)  # fmt: skip


def rows(paths: Sequence[Path], damages: list[Damage]) -> Iterator[bytes]:
    """Make the table, with a row for each exchange as it ends; exchanges that never end come last.

    :param damages: what could not be read is added to it.
    """
    played = replay(paths, clock=Clock(), speed="instant")
    made: list[bytes] = [_line(COLUMNS)]
    model = played.browser.model

    def ended(change: object) -> None:
        if isinstance(change, ExchangeEnded):
            made.append(_line(_row(change.exchange)))

    played.browser.changes.subscribe(ended)
    while not played.ended:
        if played.step() is None:
            break
        yield from made
        made.clear()
    made += [_line(_row(each)) for each in model.exchanges.exchanges.values()]
    yield from made
    damages += played.damages


def _row(exchange: Exchange) -> tuple[object, ...]:
    said = exchange.response
    began, ended, wall = number_of(exchange.started), number_of(exchange.ended), number_of(exchange.wall_time)
    started = datetime.fromtimestamp(wall, UTC).isoformat() if wall and wall <= LAST_TIME else ""
    took = None if ended is None or not began else round(ended - began, 6)
    return (
        started, exchange.session_id, exchange.frame_id, exchange.method, masked_url(exchange.url), exchange.type,
        None if said is None else said.status, None if said is None else said.mime_type,
        None if said is None else said.protocol, exchange.cached, exchange.received, took, exchange.state.value,
        exchange.error_text,
    )  # fmt: skip


def _line(cells: Sequence[object]) -> bytes:
    return spreadsheet_row(cells).encode("utf-8", "replace")
