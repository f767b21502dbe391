"""OKX's archive of one-minute candles and funding rates: the list of its files, and the zips, made when they are fetched.

Days and months are cut at midnight UTC+8, and a file appears two days after its end. Funding rates have monthly files only, each of
one swap: the daily ones of OKX hold all swaps (`instFamilyList=ANY`), and are not offered here. What names, addresses and columns
look like is known from files seen in public research, 2026.
"""

from __future__ import annotations

import io
import zipfile
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from bot.sandbox.core.switches import Switches
from bot.sandbox.okx import candles
from bot.sandbox.okx.errors import OkxError, bad
from bot.sandbox.okx.floor import FUNDING_MS, Floor
from bot.sandbox.okx.listing import Listed, Listing
from bot.sandbox.okx.words import Words

ROOT = "/cdn/okex/traderecords/"
HONG_KONG = timezone(timedelta(hours=8))
MODULES = ("1", "2", "3", "4", "5", "6", "11")
MOST = 20
"""Days or months of one query."""
MOST_MARKETS = 10
CANDLE_HEADER = "instrument_name,open,high,low,close,vol,vol_ccy,vol_quote,open_time,confirm"
RATE_HEADER = "instrument_name,funding_rate,funding_time"
FIRST_RATES = "2022-03"
LATE = 5
"""Funding times are 0 to 4 seconds after the full hour, as in OKX's files of 2023."""


class Period(NamedTuple):
    """A day or month of the archive, in ms UTC, and its name in paths and files."""

    start: int
    end: int
    folder: str
    name: str


class Content(NamedTuple):
    """What a module's files hold: their folder, the word in their names, and the query of their addresses."""

    folder: str
    word: str
    query: str = ""


CANDLES, RATES = Content("candlesticks", "candlesticks"), Content("swaprates", "fundingrates", "?v=999")
OFFERED = {"2": CANDLES, "3": RATES}


class Archive:
    """Answers market-data-history and serves the files that it names."""

    def __init__(self, floor: Floor, listing: Listing, switches: Switches) -> None:
        self._floor = floor
        self._listing = listing
        self._switches = switches

    def files(self, words: Words, now_ms: int, host: str) -> list[Any]:
        """The files of one module, newest first; only those of candles and of funding rates have any."""
        module, kind = words.one_of("module", MODULES), words.one_of("instType", ("SPOT", "SWAP", "FUTURES", "OPTION"))
        monthly = words.one_of("dateAggrType", ("daily", "monthly")) == "monthly"
        begin, end = int(words.need("begin")), int(words.need("end"))
        names = words.names("instIdList" if kind == "SPOT" else "instFamilyList")
        if not 0 < len(names) <= MOST_MARKETS:
            raise bad("instIdList" if kind == "SPOT" else "instFamilyList")
        periods = [one for one in _periods(begin, end, monthly=monthly) if one.end + 2 * candles.DAY <= now_ms]
        if len(periods) > MOST:
            raise bad("begin")
        place = self._switches.word("archive_host") or f"http://{host}"
        details = [
            _detail(content, listed, there, place, monthly=monthly)
            for content in filter(None, [OFFERED.get(module)])
            for listed in (one for name in names for one in self._markets(name, kind))
            if (there := [one for one in periods if self._has(content, listed, one, monthly=monthly)])
        ]
        return (
            [{"dateAggrType": "monthly" if monthly else "daily", "details": details, "totalSizeMB": "1"}]
            if details
            else []
        )

    def _markets(self, name: str, kind: str) -> list[Listed]:
        return [one for one in self._listing.of_kind(kind) if name == (one.symbol if kind == "SPOT" else one.family)]

    def _has(self, content: Content, listed: Listed, period: Period, *, monthly: bool) -> bool:
        """Whether there is such a file, once its time has come."""
        if self._switches.on("archive_empty") or self._switches.word("archive_without") == period.name:
            return False
        if content == CANDLES:
            return period.end > listed.listed_ms
        return listed.is_swap and monthly and period.name >= FIRST_RATES and bool(_payments(listed, period))

    def file(self, path: str, now_ms: int) -> bytes:
        """A zip by its path; raises OkxError (or ValueError) for one that does not exist."""
        root, length, folder, file = path.removeprefix(ROOT).split("/")
        content, monthly = next((one for one in OFFERED.values() if one.folder == root), None), length == "monthly"
        if content is None:
            raise OkxError("51000")
        symbol, _, name = file.removesuffix(".zip").partition(f"-{content.word}-")
        start = datetime.strptime(name, "%Y-%m" if monthly else "%Y-%m-%d").replace(tzinfo=HONG_KONG)
        listed, period = self._listing.find(symbol), _period(start, monthly=monthly)
        there = period.folder == folder and self._has(content, listed, period, monthly=monthly)
        if not there or period.end + 2 * candles.DAY > now_ms:
            raise OkxError("51000")
        rows = self._minutes(listed, period) if content == CANDLES else self._rates(listed, period)
        return _zipped(f"{symbol}-{content.word}-{name}.csv", "\n".join([*rows, ""]))

    def _minutes(self, listed: Listed, period: Period) -> list[str]:
        first, last = max(period.start, listed.listed_ms), period.end - 1
        bars = self._floor.bars(listed.symbol, candles.MINUTE, first, last)
        rows = (candles.row(listed, bar, closed=True) for bar in bars)
        return [CANDLE_HEADER, *(",".join([listed.symbol, *row[1:8], row[0], "1"]) for row in rows)]

    def _rates(self, listed: Listed, period: Period) -> list[str]:
        """What was settled. A small rate has an exponent."""
        rows = (
            (self._floor.rate(listed.symbol, moment), moment + _late_ms(moment)) for moment in _payments(listed, period)
        )
        return [RATE_HEADER, *(f"{listed.symbol},{rate},{time}" for rate, time in rows)]


def _detail(content: Content, listed: Listed, there: list[Period], place: str, *, monthly: bool) -> dict[str, Any]:
    """A market's files, newest first. OKX names the instrument of a file of rates only by its family and the file's name."""
    names = [f"{listed.symbol}-{content.word}-{one.name}.zip" for one in there]
    folder = f"{place}{ROOT}{content.folder}/{'monthly' if monthly else 'daily'}"
    files = [
        {
            "filename": name,
            "dateTs": str(one.start),
            "sizeMB": "1",
            "url": f"{folder}/{one.folder}/{name}{content.query}",
        }
        for one, name in zip(there, names, strict=True)
    ]
    return {
        "instId": "" if content == RATES else listed.symbol,
        "instFamily": listed.family,
        "dateRangeStart": str(there[0].start),
        "dateRangeEnd": str(there[-1].start),
        "groupSizeMB": "1",
        "groupDetails": files[::-1],
    }


def _payments(listed: Listed, period: Period) -> range:
    """The funding times of a swap in a month (ms UTC): none at its listing."""
    first = max(period.start, listed.listed_ms + 1)
    return range(-(-first // FUNDING_MS) * FUNDING_MS, period.end, FUNDING_MS)


def _late_ms(moment: int) -> int:
    """By how much a funding time is late in a file: the same each time that it is fetched."""
    return moment // FUNDING_MS % LATE * 1000


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
