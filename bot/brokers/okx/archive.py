"""Files of OKX's archive of one-minute candles: which months there are, and reading one of them. Pure.

A file is a zip with one CSV, whose first line names the columns. OKX publishes no checksum: the host, the zip's own CRC and the
times are checked, and the file's SHA-256 is kept.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from bot.brokers.common.answers import BadAnswer, measure
from bot.domain.candles import Candles, Row, Series
from bot.domain.clock import DAY, MINUTE

HOST = "static.okx.com"
#: Days and months are cut at midnight in Hong Kong, and files appear two days later.
_HONG_KONG = timezone(timedelta(hours=8))
APPEARS_AFTER = 3 * DAY
MONTH = 30 * DAY
_COLUMNS = ("open_time", "open", "high", "low", "close", "vol")
#: Larger (bytes) than any month of minutes.
_MOST = 64 * 1024 * 1024


def months(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Begin and end (ms UTC) of each month of the archive that lies within `start` .. `end`."""
    at = datetime.fromtimestamp(start / 1000, _HONG_KONG).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while _ms(at) < end:
        following = (at + timedelta(days=32)).replace(day=1)
        if _ms(at) >= start and _ms(following) <= end:
            yield _ms(at), _ms(following)
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
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as folder:
            names = [one for one in folder.infolist() if one.filename.endswith(".csv")]
            if len(names) != 1 or names[0].file_size > _MOST:
                raise BadAnswer("one CSV file expected")
            lines = folder.read(names[0]).decode("utf-8-sig").splitlines()
    except (zipfile.BadZipFile, zlib.error, UnicodeDecodeError, EOFError, NotImplementedError) as error:
        raise BadAnswer(f"damaged: {error}") from error
    rows = _rows(lines, symbol, float(unit))
    kept = {row[0]: row for row in rows if start <= row[0] < end}
    return Candles.of(MINUTE, (kept[time] for time in sorted(kept))), hashlib.sha256(body).hexdigest()


def _rows(lines: list[str], symbol: str, unit: float) -> list[Row]:
    header = lines[0].split(",") if lines else []
    if missing := [name for name in (*_COLUMNS, "instrument_name") if name not in header]:
        raise BadAnswer(f"no column {', '.join(missing)}")
    places = [header.index(name) for name in _COLUMNS]
    market = header.index("instrument_name")
    confirm = header.index("confirm") if "confirm" in header else None
    found: list[Row] = []
    for line in lines[1:]:
        cells = line.split(",")
        if len(cells) != len(header) or not cells[places[0]].isdigit():
            raise BadAnswer(f"not a row: {line[:60]!r}")
        if cells[market] == symbol and (confirm is None or cells[confirm] == "1"):
            opening, high, low, close, volume = (measure(cells[place]) for place in places[1:])
            found.append((int(cells[places[0]]), opening, high, low, close, volume * unit))
    return found


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
