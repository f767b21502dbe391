"""Endless, deeply nested and senseless bodies at each venue: one error of one line, and never much memory."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import trustme

from bot.brokers.base import BrokerError
from bot.brokers.coinbase import CoinbaseConfig
from bot.brokers.coinbase.transport import CoinbaseTransport
from bot.brokers.common.wire import MAX_BODY
from bot.brokers.kraken import KrakenConfig
from bot.brokers.kraken.transport import KrakenTransport
from bot.brokers.okx import OkxConfig
from bot.brokers.okx.transport import OkxTransport
from bot.domain.clock import SystemClock
from bot.domain.outcome import ErrorMeaning
from tests.brokers.coinbase import conftest as coinbase
from tests.brokers.kraken import conftest as kraken
from tests.brokers.okx import conftest as okx

JSON = "Content-Type: application/json\r\n"
FORGED = "x\r\n2026-11-22 00:00:00Z INFO  KRAKEN ENTRY\x1b[2J\u202e"
BODIES: dict[str, tuple[bytes, str]] = {
    "too large": (b" " * (MAX_BODY + 1), JSON),
    "a bomb": (gzip.compress(b" " * (MAX_BODY * 8)), f"{JSON}Content-Encoding: gzip\r\n"),
    "not gzip at all": (b"{}" * 10, f"{JSON}Content-Encoding: gzip\r\n"),
    "bottomless": (b'{"a":' * 100_000, JSON),
    "bottomless lists": (b"[" * 100_000 + b"]" * 100_000, JSON),
    "not a number": (b'{"error":[],"code":"0","data":NaN,"result":NaN}', JSON),
    "digits": (b'{"error":[],"code":"0","data":[' + b"9" * 20_000 + b"]}", JSON),
    "half a sign": (b'{"error":["\\ud800"],"code":"50000","msg":"\\ud800"}', JSON),
    "forged": (json.dumps({"error": [FORGED], "code": "50000", "msg": FORGED, "message": FORGED}).encode(), JSON),
    "bytes": (bytes(range(256)) * 10, JSON),
    "a page": (b"<html>\r\n<b>\x1b[31mBad\r\n</b></html>", "Content-Type: text/html\r\n"),
    "nothing": (b"", JSON),
}


@pytest.fixture(params=["kraken", "okx", "coinbase"])
def ask(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[bytes, str, str], object]]:
    """Serves a body, then makes a public query with a venue's transport."""
    venue, clock = request.param, SystemClock()
    if venue == "coinbase":
        authority = trustme.CA()
        root = tmp_path / "root.pem"
        authority.cert_pem.write_to_path(str(root))
        with closing(coinbase.TlsServer(authority)) as server:
            config = CoinbaseConfig(
                coinbase.NAME, coinbase.PEM, tmp_path, api_url=server.url, mode="sandbox", ca_file=str(root)
            )
            with closing(CoinbaseTransport(config, clock, coinbase.Notes())) as transport:

                def of_coinbase(body: bytes, headers: str, status: str) -> object:
                    server.answer = coinbase.http(body, status, headers)
                    return transport.public("/time")

                yield of_coinbase
        return
    with closing(kraken.SocketServer()) as plain:
        if venue == "kraken":
            one = KrakenConfig(kraken.KEY, kraken.SECRET, tmp_path, api_url=plain.url, mode="sandbox")
            with closing(KrakenTransport(one, clock, kraken.Notes())) as first:

                def of_kraken(body: bytes, headers: str, status: str) -> object:
                    plain.answer = kraken.http(body, status, headers)
                    return first.public("Time")

                yield of_kraken
            return
        other = OkxConfig(okx.KEY, okx.SECRET, okx.PHRASE, tmp_path, api_url=plain.url, mode="sandbox")
        with closing(OkxTransport(other, clock, kraken.Notes())) as second:

            def of_okx(body: bytes, headers: str, status: str) -> object:
                plain.answer = kraken.http(body, status, headers)
                return second.public("/api/v5/public/time")

            yield of_okx


@pytest.mark.parametrize("status", ["200 OK", "500 \x1b[2JOops"])
def test_each_ends_in_one_line(ask: Callable[[bytes, str, str], object], status: str) -> None:
    for name, (body, headers) in BODIES.items():
        try:
            ask(body, headers, status)
        except BrokerError as error:
            refused = error
        else:
            assert name in ("not a number", "digits", "half a sign", "forged"), name  # an object, though an odd one
            continue
        line = f"{refused.text}{refused.remedy}"
        assert line.isprintable(), name
        assert len(line) < 700, name
        assert refused.meaning in (
            ErrorMeaning.BUSY,
            ErrorMeaning.RATE_LIMITED,
            ErrorMeaning.REJECTED,
            ErrorMeaning.UNSUPPORTED,
        ), name
