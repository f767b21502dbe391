"""Files of OKX's archive: which months, from where, and what is in them."""

from __future__ import annotations

import hashlib
import io
import zipfile
from contextlib import suppress
from decimal import Decimal

import pytest

from bot.brokers.common.answers import BadAnswer
from bot.brokers.okx import archive
from bot.domain.clock import HOUR, MINUTE, iso, parse_iso

HEADER = "instrument_name,open,high,low,close,vol,vol_ccy,vol_quote,open_time,confirm"
T = parse_iso("2026-01-31T16:00:00Z")


RATES = "instrument_name,funding_rate,funding_time"
SWAP = "BTC-USDT-SWAP"


def months(start: str, end: str) -> list[tuple[str, str]]:
    return [(iso(a)[:16], iso(b)[:16]) for a, b in archive.months(parse_iso(start), parse_iso(end))]


def test_months_are_cut_at_midnight_in_hong_kong() -> None:
    assert months("2025-12-31T16:00:00Z", "2026-03-01") == [
        ("2025-12-31T16:00", "2026-01-31T16:00"),
        ("2026-01-31T16:00", "2026-02-28T16:00"),
    ]
    assert months("2025-12-31T16:05:00Z", "2026-02-28T15:59:00Z") == []


@pytest.mark.parametrize(
    ("start", "end", "names"),
    [
        ("2025-12-31T16:00:00Z", "2026-01-31T16:00:00Z", ["2026-01"]),
        ("2025-12-31T15:59:59Z", "2026-01-31T16:00:00.001Z", ["2025-12", "2026-01", "2026-02"]),
        ("2026-01-10", "2026-01-10T00:00:00.001Z", ["2026-01"]),
        ("2026-01-10", "2026-01-10", ["2026-01"]),
        ("2026-01-10", "2025-12-01", []),
    ],
)
def test_months_that_a_span_touches_and_their_names(start: str, end: str, names: list[str]) -> None:
    assert [one.name for one in archive.touched(parse_iso(start), parse_iso(end))] == names


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


def zipped(*lines: str, name: str = "a.csv", end: str = "\n", more: str = "") -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as folder:
        folder.writestr(name, end.join(lines))
        if more:
            folder.writestr(more, lines[0])
    return body.getvalue()


def minute(at: int, symbol: str = "BTC-USDT", confirm: str = "1") -> str:
    return f"{symbol},1,{2 + at},0.5,1.5,10,20,30,{T + at * MINUTE},{confirm}"


def packed(method: int) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", method) as folder:
        folder.writestr("a.csv", "\n".join([HEADER, minute(0)]))
    return body.getvalue()


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
        zipped(HEADER, "BTC-USDT,1,2,0.5,1.5,10,20,30,soon,1"),
        zipped(HEADER, "BTC-USDT,1,2,0.5,1.5,10,20,30,²,1"),
        zipped(HEADER, minute(0), name="a.txt"),
        zipped(HEADER, minute(0), more="b.csv"),
        zipped(),
        packed(zipfile.ZIP_BZIP2),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        archive.read(body, "BTC-USDT", Decimal(1), T, T + HOUR)


def test_no_byte_that_is_wrong_is_more_than_a_file_that_is_refused() -> None:
    """Python's zipfile has many ways to say so: offsets before the file, flags for a password, methods that it does not know."""
    whole = zipped(RATES, *(f"{SWAP},0.000{at},{T + at * HOUR}" for at in range(9)))
    first = archive.rates(whole, SWAP)
    for at in range(len(whole)):
        for wrong in (whole[:at], *(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :] for bit in range(8))):
            with suppress(BadAnswer):  # not for a byte that tells nothing, such as the file's date
                assert archive.rates(wrong, SWAP) == first


# -- rates of funding ---------------------------------------------------------------------------------------------------------------
def rate(hours: float, text: str = "0.0001", symbol: str = SWAP) -> str:
    return f"{symbol},{text},{T + round(hours * HOUR)}"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (zipped(RATES, rate(0, "0.0002955843024083")), [(0, 0.0002955843024083)]),
        (zipped(RATES, rate(8), rate(0, "-0.0003")), [(0, -0.0003), (8, 0.0001)]),
        (zipped(f"\ufeff{RATES}", rate(0), "", ""), [(0, 0.0001)]),
        (zipped(RATES, rate(0), rate(1), "", end="\r\n"), [(0, 0.0001), (1, 0.0001)]),
        (zipped(f"\ufeff{RATES}", rate(0), rate(2), end="\r\n"), [(0, 0.0001), (2, 0.0001)]),
        (zipped(RATES, rate(0, "1.25E-7"), rate(4, "-3e-05"), rate(8, "0E-9")), [(0, 1.25e-7), (4, -3e-5), (8, 0.0)]),
        (zipped(RATES, rate(1 / 3600), rate(8 + 4 / 3600)), [(0, 0.0001), (8, 0.0001)]),
        (zipped(RATES, rate(0, "0.1"), rate(4 / 3600, "0.2"), rate(1, "0.3")), [(0, 0.1), (1, 0.3)]),
        (zipped(RATES, rate(0, "1", "ETH-USDT-SWAP"), rate(0), rate(8, "?", "X-USD-SWAP")), [(0, 0.0001)]),
        (zipped("funding_time,instrument_name,note,funding_rate", f"{T},{SWAP},,0.5"), [(0, 0.5)]),
        (zipped(RATES), []),
        (zipped(RATES, rate(0), more="read.me"), [(0, 0.0001)]),
    ],
    ids=[
        "plain",
        "order",
        "bom",
        "crlf",
        "both",
        "exponent",
        "late",
        "same minute",
        "others",
        "columns",
        "none",
        "readme",
    ],
)
def test_rates_of_a_swap_are_read_to_the_minute(body: bytes, found: list[tuple[int, float]]) -> None:
    assert archive.rates(body, SWAP) == [(T + hours * HOUR, value) for hours, value in found]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (zipped("instrument_name,rate,funding_time", rate(0)), "no column funding_rate"),
        (zipped("contract,realized_rate,time", rate(0)), "no column funding_time, funding_rate, instrument_name"),
        (zipped(HEADER, rate(0)), "no column funding_time, funding_rate"),
        (zipped(), "no column"),
        (zipped(RATES, f"{SWAP},0.0001"), "not a row"),
        (zipped(RATES, f"{SWAP},0.0001,{T},1"), "not a row"),
        (zipped(RATES, f"{SWAP},0.0001,2026-01-31"), "not a row"),
        (zipped(RATES, f"{SWAP},0.0001,-{T}"), "not a row"),
        (zipped(RATES, f"{SWAP},0.0001,{T}0000"), "not a row"),
        (zipped(RATES, rate(0, "none")), "funding_rate: not a number"),
        (zipped(RATES, rate(0, "")), "funding_rate: not a number"),
        (zipped(RATES, rate(0, "0.01%")), "funding_rate: not a number"),
        (zipped(RATES, rate(0, "NaN")), "funding_rate: not a number"),
        (zipped(RATES, rate(0, "inf")), "funding_rate: not a number"),
        (zipped(RATES, rate(0, "1e400")), "funding_rate: not a plausible number"),
        (zipped(RATES, rate(0), more="b.csv"), "one CSV file expected"),
        (zipped(RATES, rate(0), name="a.txt"), "one CSV file expected"),
        (zipped(RATES, rate(0))[:-30], "damaged"),
        (b"", "damaged"),
        (b"<Error><Code>NoSuchKey</Code></Error>", "damaged"),
    ],
)
def test_a_file_of_rates_that_is_not_what_it_should_be_is_refused(body: bytes, says: str) -> None:
    with pytest.raises(BadAnswer, match=f"^{says}"):
        archive.rates(body, SWAP)


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
