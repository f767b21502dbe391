"""Files of OKX's archive: which months, from where, and what is in them."""

from __future__ import annotations

import hashlib
import io
import zipfile
from decimal import Decimal

import pytest

from bot.brokers.common.answers import BadAnswer
from bot.brokers.okx import archive
from bot.domain.clock import HOUR, MINUTE, iso, parse_iso

HEADER = "instrument_name,open,high,low,close,vol,vol_ccy,vol_quote,open_time,confirm"
T = parse_iso("2026-01-31T16:00:00Z")


def months(start: str, end: str) -> list[tuple[str, str]]:
    return [(iso(a)[:16], iso(b)[:16]) for a, b in archive.months(parse_iso(start), parse_iso(end))]


def test_months_are_cut_at_midnight_in_hong_kong() -> None:
    assert months("2025-12-31T16:00:00Z", "2026-03-01") == [
        ("2025-12-31T16:00", "2026-01-31T16:00"),
        ("2026-01-31T16:00", "2026-02-28T16:00"),
    ]
    assert months("2025-12-31T16:05:00Z", "2026-02-28T15:59:00Z") == []


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("https://static.okx.com/cdn/a.zip", True),
        ("http://127.0.0.1:8001/cdn/a.zip", True),
        ("http://static.okx.com/cdn/a.zip", False),
        ("https://static.okx.com.evil.example/a.zip", False),
        ("https://static.okx.com@evil.example/a.zip", False),
        ("http://127.0.0.1:8002/cdn/a.zip", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_files_come_from_okx_alone(url: str, trusted: bool) -> None:
    assert archive.is_trusted(url, "http://127.0.0.1:8001") is trusted


def zipped(*lines: str, name: str = "a.csv") -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as folder:
        folder.writestr(name, "\n".join(lines))
    return body.getvalue()


def minute(at: int, symbol: str = "BTC-USDT", confirm: str = "1") -> str:
    return f"{symbol},1,{2 + at},0.5,1.5,10,20,30,{T + at * MINUTE},{confirm}"


def test_minutes_of_the_month_and_market_are_read_by_the_names_of_columns() -> None:
    rows = [minute(1), minute(0), minute(2, confirm="0"), minute(3, "ETH-USDT"), minute(-1), minute(60)]
    body = zipped(HEADER, *rows)
    found, digest = archive.read(body, "BTC-USDT", Decimal("0.01"), T, T + HOUR)
    assert [found.candle(at) for at in range(len(found))] == [
        (T, 1.0, 2.0, 0.5, 1.5, 0.1),
        (T + MINUTE, 1.0, 3.0, 0.5, 1.5, 0.1),
    ]
    assert digest == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize(
    "body",
    [
        b"no zip",
        zipped(HEADER, minute(0))[:-30],
        bytes(byte ^ (at == 45) for at, byte in enumerate(zipped(HEADER, *(minute(at) for at in range(50))))),
        zipped("open_time,open", "1,2"),
        zipped(HEADER, "BTC-USDT,1,2"),
        zipped(HEADER, minute(0), name="a.txt"),
        zipped(),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        archive.read(body, "BTC-USDT", Decimal(1), T, T + HOUR)


def quiet(at: int, price: float) -> str:
    return f"BTC-USDT,{price},{price},{price},{price},0,0,0,{T + at * MINUTE},1"


def test_minutes_make_longer_candles_and_those_without_a_trade_add_nothing() -> None:
    found, _ = archive.read(zipped(HEADER, *(minute(at) for at in range(12))), "BTC-USDT", Decimal(1), T, T + HOUR)
    made = archive.joined(found, 5 * MINUTE)
    assert [made.candle(at) for at in range(len(made))] == [
        (T, 1.0, 6.0, 0.5, 1.5, 50.0),
        (T + 5 * MINUTE, 1.0, 11.0, 0.5, 1.5, 50.0),
    ]
    rows = [quiet(0, 9), minute(1), minute(2), quiet(3, 0.1), quiet(4, 9), *(quiet(at, 9) for at in range(5, 10))]
    found, _ = archive.read(zipped(HEADER, *rows), "BTC-USDT", Decimal(1), T, T + HOUR)
    made = archive.joined(found, 5 * MINUTE)
    assert made.candle(0) == (T, 1.0, 4.0, 0.5, 9.0, 20.0)
    assert made.candle(1) == (T + 5 * MINUTE, 9.0, 9.0, 9.0, 9.0, 0.0)
