"""Files of OKX's archive, of one-minute candles and of funding rates: which months there are, and reading one of them. Pure.

A file is a zip with one CSV, whose first line names the columns. OKX publishes no checksum: the host, the zip's own CRC and the
candles' times are checked, and the SHA-256 of a file of candles is kept.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import NamedTuple
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from bot.brokers.common.answers import BadAnswer, exact, measure
from bot.brokers.history import Rate
from bot.domain.candles import Candles, Row, Series
from bot.domain.clock import DAY, MINUTE

HOST = "static.okx.com"
#: Days and months are cut at midnight in Hong Kong, and files appear two days later.
_HONG_KONG = timezone(timedelta(hours=8))
APPEARS_AFTER = 3 * DAY
MONTH = 30 * DAY
_CANDLE = ("open_time", "open", "high", "low", "close", "vol")
_RATE = ("funding_time", "funding_rate")
_TIME = re.compile("[0-9]{1,16}")
#: Larger (bytes) than any month of minutes.
_MOST = 64 * 1024 * 1024


class Month(NamedTuple):
    """A month of the archive: its begin and end, in ms UTC."""

    start: int
    end: int

    @property
    def name(self) -> str:
        """What it is called in the names of files: 2025-09."""
        return f"{datetime.fromtimestamp(self.start / 1000, _HONG_KONG):%Y-%m}"

    @property
    def middle(self) -> int:
        """A moment (ms UTC) that lies in no other month, wherever the days are cut."""
        return (self.start + self.end) // 2


def months(start: int, end: int) -> Iterator[Month]:
    """The months of the archive that lie within `start` .. `end` (ms UTC)."""
    return (one for one in touched(start, end) if start <= one.start and one.end <= end)


def touched(start: int, end: int) -> Iterator[Month]:
    """The months of the archive that have a moment of `start` .. `end` (ms UTC, `end` excluded), oldest first."""
    at = datetime.fromtimestamp(start / 1000, _HONG_KONG).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while _ms(at) < end:
        following = (at + timedelta(days=32)).replace(day=1)
        yield Month(_ms(at), _ms(following))
        at = following


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def is_trusted(url: str, host: str) -> bool:
    """Whether a file's address is OKX's: its file server over https, or the very server that named it."""
    place, ours = urlsplit(url), urlsplit(host)
    return (place.scheme, place.netloc) in {("https", HOST), (ours.scheme, ours.netloc)}


def read(body: bytes, symbol: str, unit: Decimal, start: int, end: int) -> tuple[Candles, str]:
    """The minutes of a month (`start` .. `end`, ms UTC), and the file's SHA-256. Raises `BadAnswer` for a damaged file.

    `vol` counts base units on spot and contracts of `unit` base units otherwise, as in the API.
    """
    rows = (_minute(row, float(unit)) for row in _rows(body, symbol, _CANDLE) if row.get("confirm", "1") == "1")
    kept = {row[0]: row for row in rows if start <= row[0] < end}
    return Candles.of(MINUTE, (kept[time] for time in sorted(kept))), hashlib.sha256(body).hexdigest()


def rates(body: bytes, symbol: str) -> list[Rate]:
    """The payments of a swap in a month, oldest first, in each minute one. Raises `BadAnswer` for a damaged file.

    Files of 2023 date a payment up to four seconds after the full hour that funding-rate-history shows (files seen in public
    research, 2026). Times are therefore taken down to the minute: where both meet, one payment would count twice.
    """
    found: dict[int, Rate] = {}
    for row in _rows(body, symbol, _RATE):
        time = int(row["funding_time"]) // MINUTE * MINUTE
        found.setdefault(time, Rate(time, float(exact(row["funding_rate"], "funding_rate"))))
    return [found[time] for time in sorted(found)]


def _minute(row: Mapping[str, str], unit: float) -> Row:
    opening, high, low, close, volume = (measure(row[name]) for name in _CANDLE[1:])
    return int(row[_CANDLE[0]]), opening, high, low, close, volume * unit


def _rows(body: bytes, symbol: str, names: Sequence[str]) -> Iterator[Mapping[str, str]]:
    """A market's rows by the names of their columns. `names` are needed, and the first of them is a time (ms UTC)."""
    lines = _lines(body)
    header = lines[0].split(",") if lines else []
    if missing := [name for name in (*names, "instrument_name") if name not in header]:
        raise BadAnswer(f"no column {', '.join(missing)}")
    for line in filter(None, lines[1:]):
        cells = line.split(",")
        row = dict(zip(header, cells, strict=False))
        if len(cells) != len(header) or not _TIME.fullmatch(row[names[0]]):
            raise BadAnswer(f"not a row: {line[:60]!r}")
        if row["instrument_name"] == symbol:
            yield row


def _lines(body: bytes) -> list[str]:
    """The lines of the one CSV file in a zip."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as folder:
            names = [one for one in folder.infolist() if one.filename.endswith(".csv")]
            content = folder.read(names[0]).decode("utf-8-sig") if len(names) == 1 and _is_plain(names[0]) else None
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, RuntimeError) as error:
        raise BadAnswer(f"damaged: {error}") from error
    if content is None:
        raise BadAnswer("one CSV file expected")
    return content.splitlines()


def _is_plain(file: zipfile.ZipInfo) -> bool:
    return file.file_size <= _MOST and file.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def joined(minutes: Candles, timeframe_ms: int) -> Candles:
    """Candles of a longer timeframe from whole, consecutive minutes that begin on its grid.

    As at the exchange, a minute without a trade adds nothing: it is flat at a close that may lie outside the candle.
    """
    count = timeframe_ms // MINUTE
    rows = len(minutes) // count

    def parts(name: str) -> NDArray[np.float64]:
        column: Series = getattr(minutes, name)
        return column[: rows * count].reshape(rows, count)

    close, volume = parts("close")[:, -1].copy(), parts("volume")
    traded = volume > 0
    some, first = traded.any(axis=1), traded.argmax(axis=1)
    opening = parts("open")[np.arange(rows), first]
    high = np.where(traded, parts("high"), -np.inf).max(axis=1, initial=-np.inf)
    low = np.where(traded, parts("low"), np.inf).min(axis=1, initial=np.inf)
    opening, high, low = (np.where(some, column, close) for column in (opening, high, low))
    time = minutes.time[: rows * count : count].copy()
    return Candles(timeframe_ms, time, opening, high, low, close, volume.sum(axis=1))
