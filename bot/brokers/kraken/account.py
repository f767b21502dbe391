"""Kraken's private side, asked: balances, orders, executions, fees. Lists are paged to their end or the question fails.

Times in filters are market time in seconds; `start` is exclusive, so it is set just before the moment that is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from bot.brokers import answers
from bot.brokers.base import BrokerError
from bot.brokers.kraken import parse as wire
from bot.brokers.kraken.errors import failure
from bot.brokers.kraken.market import KrakenMarket, understood
from bot.brokers.kraken.transport import KrakenTransport
from bot.domain.clock import MINUTE
from bot.domain.fill import Fill
from bot.domain.instrument import Balance, FeeRate
from bot.domain.order import VenueOrder
from bot.domain.outcome import Meaning

#: Fills are shown one by one: without it Kraken may add up what one taker order took.
_ONE_BY_ONE = {"consolidate_taker": "false"}
_MOST_PAGES = 400
_TRADES_A_CALL = 20
_ORDERS_A_CALL = 20
_FEES_A_CALL = 50


class KrakenAccount:
    """Questions about one account."""

    def __init__(self, transport: KrakenTransport, market: KrakenMarket) -> None:
        self._transport = transport
        self._market = market

    # -- money -------------------------------------------------------------------------------------------------
    def balances(self) -> dict[str, Balance]:
        """BalanceEx without pockets."""
        rows, names = self._transport.private("BalanceEx"), self._market.names()
        return understood(lambda: wire.balances(rows, names))

    def pockets(self) -> dict[str, Decimal]:
        """BalanceEx, the dotted assets only."""
        rows, names = self._transport.private("BalanceEx"), self._market.names()
        return understood(lambda: wire.pockets(rows, names))

    def fees(self, symbols: Collection[str]) -> dict[str, FeeRate]:
        """TradeVolume: what this account pays now, per symbol."""
        names = self._market.names()
        pairs = sorted({pair for symbol in symbols if (pair := names.pair(symbol)) is not None})
        found: dict[str, FeeRate] = {}
        for chunk in _chunks(pairs, _FEES_A_CALL):
            result = self._transport.private("TradeVolume", {"pair": ",".join(chunk), "fee-info": "true"})
            found |= understood(lambda answer=result: wire.fee_rates(answer, names))  # type: ignore[misc]
        return {symbol: rate for symbol, rate in found.items() if symbol in symbols}

    # -- orders ------------------------------------------------------------------------------------------------
    def open_orders(self, client_id: str | None = None) -> list[VenueOrder]:
        """Everything that works or rests, or what of it carries this client id."""
        data = {"trades": "true"} | ({} if client_id is None else {"cl_ord_id": client_id})
        result = self._transport.private("OpenOrders", data)
        return self._orders(understood(lambda: wire.mapping(result, "OpenOrders").get("open")))

    def closed_orders(self, since: int, client_id: str | None = None) -> list[VenueOrder]:
        """Orders that ended after market time `since`, or those with this client id that began or ended after it."""
        data = {"start": _start(since), "trades": "true", **_ONE_BY_ONE}
        data |= {"closetime": "close"} if client_id is None else {"closetime": "both", "cl_ord_id": client_id}
        return self._orders(self._pages("ClosedOrders", "closed", data))

    def orders(self, txids: Sequence[str]) -> list[VenueOrder]:
        """These orders, whatever their state; those that Kraken does not show are missing."""
        found: list[VenueOrder] = []
        for chunk in _chunks(txids, _ORDERS_A_CALL):
            data = {"txid": ",".join(chunk), "trades": "true", **_ONE_BY_ONE}
            found += self._orders(self._known("QueryOrders", data))
        return [order for order in found if order.exchange_id in txids]

    def find(self, client_id: str, since: int) -> VenueOrder | None:
        """Our id in open orders, in closed orders, and behind every fill whose order was not seen there."""
        seen = [*self.open_orders(client_id), *self.closed_orders(since - MINUTE, client_id)]
        if not (match := _with_id(client_id, seen)):
            known = {order.exchange_id for order in seen}
            behind = {fill.exchange_order_id for fill in self.fills(since)} - known
            match = _with_id(client_id, self.orders(sorted(behind)))
        return match

    # -- fills -------------------------------------------------------------------------------------------------
    def fills(self, since: int) -> list[Fill]:
        """TradesHistory from market time `since` on, oldest first."""
        rows = self._pages("TradesHistory", "trades", {"type": "all", "start": _start(since), **_ONE_BY_ONE})
        return [fill for fill in self._fills(rows) if fill.time >= since]

    def fills_of(self, order: VenueOrder) -> list[Fill]:
        """The executions that QueryOrders names for this order, read by QueryTrades."""
        now = next(iter(self.orders([order.exchange_id])), order)
        found: list[Fill] = []
        for chunk in _chunks(now.fill_ids, _TRADES_A_CALL):
            found += self._fills(self._transport.private("QueryTrades", {"txid": ",".join(chunk)}))
        return wire.oldest_first(fill for fill in found if fill.exchange_order_id == order.exchange_id)

    # -- reading -------------------------------------------------------------------------------------------------
    def _known(self, method: str, data: Mapping[str, str]) -> Any:
        """A question by id. For an unknown id Kraken leaves it out or answers with an error: both mean not shown."""
        try:
            return self._transport.private(method, data)
        except BrokerError as error:
            if error.meaning is not Meaning.GONE:
                raise
            return {}

    def _orders(self, rows: object) -> list[VenueOrder]:
        names = self._market.names(_pairs_in(rows, lambda row: row.get("descr")))
        return understood(lambda: wire.orders(rows, names))

    def _fills(self, rows: object) -> list[Fill]:
        names = self._market.names(_pairs_in(rows, lambda row: row))
        return understood(lambda: wire.fills(rows, names))

    def _pages(self, method: str, what: str, data: Mapping[str, str]) -> dict[str, Any]:
        """All rows of a list that comes 50 a page, newest first. New rows push old ones on: they come twice, never not.

        It has ended where a page is empty or the count is reached; a list that repeats itself before that has not.
        """
        found: dict[str, Any] = {}
        offset, first_count = 0, None
        for _ in range(_MOST_PAGES):
            result = self._transport.private(method, {**data, "ofs": str(offset)})
            page, count = understood(lambda answer=result: _page(answer, what))  # type: ignore[misc]
            first_count = count if first_count is None else first_count
            fresh = page.keys() - found.keys()
            found |= page
            offset += len(page)
            if not page or (offset >= count and len(found) >= first_count):
                return found
            if not fresh or offset >= count:
                break
        raise failure(Meaning.BUSY, f"{method} did not come to an end")


def _page(result: object, what: str) -> tuple[Mapping[str, Any], int]:
    answer = wire.mapping(result, what)
    rows = wire.mapping(answer.get(what), what)
    return rows, int(answers.number(answer, "count", Decimal(len(rows))))


def _start(since: int) -> str:
    """The whole second before `since`: what `start` excludes lies before what we want."""
    return str(max(0, (since - 1) // 1000))


def _with_id(client_id: str, orders: Iterable[VenueOrder]) -> VenueOrder | None:
    return next((order for order in orders if order.client_id == client_id), None)


def _chunks(items: Sequence[str], size: int) -> Iterable[Sequence[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _pairs_in(rows: object, where: Callable[[Mapping[str, Any]], object]) -> set[str]:
    """The pairs that a map of rows speaks of, as far as it has the shape for it."""
    found = [where(row) for row in rows.values() if isinstance(row, dict)] if isinstance(rows, dict) else []
    return {each["pair"] for each in found if isinstance(each, dict) and isinstance(each.get("pair"), str)}
