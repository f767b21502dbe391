"""OKX's archive of one-minute candles: the list of its files, and the zips, made from the market when they are fetched.

Days and months are cut at midnight UTC+8, and a file appears two days after its end.
"""

from __future__ import annotations

import io
import zipfile
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from bot.sandbox.core.switches import Switches
from bot.sandbox.okx import candles
from bot.sandbox.okx.errors import OkxError, bad
from bot.sandbox.okx.floor import Floor
from bot.sandbox.okx.listing import Listed, Listing
from bot.sandbox.okx.words import Words

ROOT = "/cdn/okex/traderecords/candlesticks/"
HONG_KONG = timezone(timedelta(hours=8))
MODULES = ("1", "2", "3", "4", "5", "6", "11")
CANDLES = "2"
MOST = 20
"""Days or months of one query."""
MOST_MARKETS = 10
HEADER = "instrument_name,open,high,low,close,vol,vol_ccy,vol_quote,open_time,confirm"


class Period(NamedTuple):
    """A day or month of the archive, in ms UTC, and its name in paths and files."""

    start: int
    end: int
    folder: str
    name: str


class Archive:
    """Answers market-data-history and serves the files that it names."""

    def __init__(self, floor: Floor, listing: Listing, switches: Switches) -> None:
        self._floor = floor
        self._listing = listing
        self._switches = switches

    def files(self, words: Words, now_ms: int, host: str) -> list[Any]:
        """The files of one module, newest first; only that of the candles has any."""
        module, kind = words.one_of("module", MODULES), words.one_of("instType", ("SPOT", "SWAP", "FUTURES", "OPTION"))
        monthly = words.one_of("dateAggrType", ("daily", "monthly")) == "monthly"
        begin, end = int(words.need("begin")), int(words.need("end"))
        names = words.names("instIdList" if kind == "SPOT" else "instFamilyList")
        if not 0 < len(names) <= MOST_MARKETS:
            raise bad("instIdList" if kind == "SPOT" else "instFamilyList")
        periods = [one for one in _periods(begin, end, monthly=monthly) if one.end + 2 * candles.DAY <= now_ms]
        if len(periods) > MOST:
            raise bad("begin")
        markets = [one for name in names for one in self._markets(name, kind)] if module == CANDLES else []
        details = [one for listed in markets if (one := self._detail(listed, periods, host, monthly=monthly))]
        return (
            [{"dateAggrType": "monthly" if monthly else "daily", "details": details, "totalSizeMB": "1"}]
            if details
            else []
        )

    def _markets(self, name: str, kind: str) -> list[Listed]:
        return [one for one in self._listing.of_kind(kind) if name == (one.symbol if kind == "SPOT" else one.family)]

    def _detail(self, listed: Listed, periods: list[Period], host: str, *, monthly: bool) -> dict[str, Any] | None:
        there = [one for one in periods if one.end > listed.listed_ms]
        if not there or self._switches.on("archive_empty"):
            return None
        place = self._switches.word("archive_host") or f"http://{host}"
        return {
            "instId": listed.symbol,
            "instFamily": listed.family,
            "dateRangeStart": str(there[0].start),
            "dateRangeEnd": str(there[-1].start),
            "groupSizeMB": "1",
            "groupDetails": [
                {
                    "filename": f"{listed.symbol}-candlesticks-{one.name}.zip",
                    "dateTs": str(one.start),
                    "sizeMB": "1",
                    "url": f"{place}{ROOT}{'monthly' if monthly else 'daily'}/{one.folder}/"
                    f"{listed.symbol}-candlesticks-{one.name}.zip",
                }
                for one in reversed(there)
            ],
        }

    def file(self, path: str, now_ms: int) -> bytes:
        """A zip by its path; raises OkxError for one that does not exist."""
        parts = path.removeprefix(ROOT).split("/")
        symbol, _, name = parts[-1].removesuffix(".zip").partition("-candlesticks-")
        monthly = parts[0] == "monthly"
        listed = self._listing.find(symbol)
        start = datetime.strptime(name, "%Y-%m" if monthly else "%Y-%m-%d").replace(tzinfo=HONG_KONG)
        period = _period(start, monthly=monthly)
        if period.end + 2 * candles.DAY > now_ms or len(parts) != 3:
            raise OkxError("51000")
        return _zipped(f"{symbol}-candlesticks-{name}.csv", "\n".join([HEADER, *self._rows(listed, period), ""]))

    def _rows(self, listed: Listed, period: Period) -> list[str]:
        first, last = max(period.start, listed.listed_ms), period.end - 1
        bars = self._floor.bars(listed.symbol, candles.MINUTE, first, last)
        rows = (candles.row(listed, bar, closed=True) for bar in bars)
        return [",".join([listed.symbol, *row[1:8], row[0], "1"]) for row in rows]


def _periods(begin: int, end: int, *, monthly: bool) -> list[Period]:
    """The days or months that `begin` .. `end` (ms UTC, both included) touch."""
    at = datetime.fromtimestamp(begin / 1000, HONG_KONG).replace(hour=0, minute=0, second=0, microsecond=0)
    at = at.replace(day=1) if monthly else at
    found: list[Period] = []
    while (period := _period(at, monthly=monthly)).start <= end and len(found) <= MOST:
        found.append(period)
        at = datetime.fromtimestamp(period.end / 1000, HONG_KONG)
    return found


def _period(start: datetime, *, monthly: bool) -> Period:
    following = (start + timedelta(days=32)).replace(day=1) if monthly else start + timedelta(days=1)
    words = ("%Y%m", "%Y-%m") if monthly else ("%Y%m%d", "%Y-%m-%d")
    return Period(_ms(start), _ms(following), *(start.strftime(word) for word in words))


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _zipped(name: str, text: str) -> bytes:
    """A zip with one file; the same text makes the same bytes."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as folder:
        folder.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
    return body.getvalue()
