"""The funding rates that a swap has paid: pages of the newest three months, and the official archive for what lies before them.

Sources: OKX v5 API guide, "Get funding rate history" and "Get historical market data" (module 3). The archive's first month is
2022-03, and some months are missing (files seen in public research, 2026). Intervals are 8, 4, 2 or 1 hours and change, so that
nothing is concluded from the distance of two payments.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.brokers.common.answers import BadAnswer, exact, mapping, text
from bot.brokers.history import Rate
from bot.brokers.okx import archive
from bot.brokers.okx.answers import millis
from bot.brokers.okx.archive_files import FUNDING, MOST, ArchiveFiles
from bot.brokers.okx.errors import failure
from bot.brokers.okx.transport import OkxTransport
from bot.domain.clock import MINUTE, Clock
from bot.domain.outcome import ErrorMeaning

_PAGES = "/api/v5/public/funding-rate-history"
_PAGE = 100


class OkxFunding:
    """Reads rates of one swap after another. Used by one thread; may raise `BrokerError`."""

    def __init__(self, transport: OkxTransport, files: ArchiveFiles, clock: Clock) -> None:
        self._transport = transport
        self._files = files
        self._clock = clock
        self._symbol = ""
        self._read: dict[str, Sequence[Rate]] = {}
        """The files of `_symbol` that have been read, by name: a repeat after a failure reads the others."""

    def rates(self, symbol: str, start: int, end: int) -> Sequence[Rate]:
        """The rates that fell due in `start` .. `end` (ms UTC, both included), oldest first, in each minute one."""
        if symbol != self._symbol:
            self._symbol, self._read = symbol, {}
        found, whole = self._newest(symbol, start, end)
        if not whole:
            found += self._older(symbol, start, min(found).time - 1 if found else end)
        return sorted({one.time // MINUTE: one for one in found if start <= one.time <= end}.values())

    def _newest(self, symbol: str, start: int, end: int) -> tuple[list[Rate], bool]:
        """What pages have, from `end` back, and whether they reach `start`."""
        found: list[Rate] = []
        after = end + 1
        while after > start:
            rows = self._transport.public(_PAGES, instId=symbol, after=str(after), limit=str(_PAGE))
            page = failure.understood(lambda sent=rows: [_rate(row) for row in sent])  # type: ignore[misc]
            if not page or min(page).time >= after:
                return found, False
            found += page
            after = min(page).time
        return found, True

    def _older(self, symbol: str, start: int, end: int) -> list[Rate]:
        """What the archive has of `start` .. `end` (both included). A month that it lacks is left out."""
        appeared = self._clock.market_ms() - archive.APPEARS_AFTER
        months = [one for one in archive.touched(start, end + 1) if one.end <= appeared]
        urls = self._listed(symbol, months)
        names = [f"{symbol}-{FUNDING.word}-{one.name}.zip" for one in months]
        found = [one for name in names if name in urls for one in self._month(symbol, name, urls[name])]
        return [one for one in found if start <= one.time <= end]

    def _listed(self, symbol: str, months: Sequence[archive.Month]) -> dict[str, str]:
        """The addresses of files by their names. Before `MOST` months in a row without a file, there is none."""
        urls: dict[str, str] = {}
        while months:
            listed = self._files.listed(FUNDING, symbol, months[-MOST:])
            if not listed:
                break
            urls.update(listed)
            months = months[:-MOST]
        return urls

    def _month(self, symbol: str, name: str, url: str) -> Sequence[Rate]:
        if name not in self._read:
            body = self._files.fetch(url)
            try:
                self._read[name] = [] if body is None else archive.rates(body, symbol)
            except BadAnswer as error:
                raise failure(ErrorMeaning.BUSY, f"{name}: {error}") from error
        return self._read[name]


def _rate(row: object) -> Rate:
    """One row of funding-rate-history. `realizedRate` was paid; older rows lack it."""
    fields = mapping(row, "funding rate")
    rate = text(fields, "realizedRate") or text(fields, "fundingRate")
    at = millis(fields, "fundingTime")
    if not at or not rate:
        raise BadAnswer("funding rate: no time or no rate")
    return Rate(at, float(exact(rate, "funding rate")))
