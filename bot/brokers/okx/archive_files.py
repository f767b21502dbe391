"""OKX's archive over the network: the list of its monthly files, and fetching one of them from an address that is OKX's.

Source: OKX v5 API guide, "Get historical market data". It lists at most 20 months a call, the newest first; begin and end are both
included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from bot.brokers.common.answers import mapping, sequence, text
from bot.brokers.okx import archive
from bot.brokers.okx import parse_market as wire
from bot.brokers.okx.errors import failure
from bot.brokers.okx.transport import OkxTransport
from bot.domain.outcome import ErrorMeaning

_FILES = "/api/v5/public/market-data-history"
#: Months of one call.
MOST = 20


class Content(NamedTuple):
    """What files hold: the number of the archive's module, and the word in their names."""

    module: str
    word: str


MINUTES = Content("2", "candlesticks")
FUNDING = Content("3", "fundingrates")


class ArchiveFiles:
    """Lists and fetches files. Used by one thread; every method may raise `BrokerError`."""

    def __init__(self, transport: OkxTransport, host: str) -> None:
        self._transport = transport
        self._host = host

    def listed(self, content: Content, symbol: str, months: Sequence[archive.Month]) -> list[tuple[str, str]]:
        """Name and address of each file of a market in these months, which follow each other and are at most `MOST`."""
        kind = wire.type_of(symbol)
        market = {"instIdList": symbol} if kind == "SPOT" else {"instFamilyList": symbol.removesuffix(f"-{kind}")}
        begin, end = str(months[0].middle), str(months[-1].middle)
        rows = self._transport.public(
            _FILES, module=content.module, instType=kind, dateAggrType="monthly", begin=begin, end=end, **market
        )
        return failure.understood(lambda: _named(rows, f"{symbol}-{content.word}-"))

    def fetch(self, url: str) -> bytes | None:
        """The content of a file; None if it is listed and not there."""
        if not archive.is_trusted(url, self._host):
            raise failure(ErrorMeaning.REJECTED, f"the archive points to {url[:80]}, which is not OKX's")
        return self._transport.file(url)


def _named(rows: Sequence[Any], begin: str) -> list[tuple[str, str]]:
    """The files whose name begins like this. Names are what tells markets apart: `instId` may be empty."""
    details = [one for row in rows for one in sequence(mapping(row, "files").get("details"), "details")]
    files = [
        one for detail in details for one in sequence(mapping(detail, "detail").get("groupDetails"), "groupDetails")
    ]
    named = [(text(mapping(one, "file"), "filename"), str(one.get("url", ""))) for one in files]
    return [one for one in named if one[0].startswith(begin)]
