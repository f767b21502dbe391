"""Kraken's private queries: balances, orders, executions, fees. Lists are read to their last page or the query fails. Rows that
cannot be read are left out if they cannot be ours; otherwise the query fails.

Times in filters are market time in seconds. `start` is exclusive, so it is set just before the time that is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from bot.brokers.base import BrokerError, Reading
from bot.brokers.common.answers import oldest_first
from bot.brokers.common.coins import CoinsLeftOut
from bot.brokers.common.lag import FillLag
from bot.brokers.common.lru_cache import LruCache
from bot.brokers.common.pages import chunks, whole
from bot.brokers.kraken import parse as wire
from bot.brokers.kraken.errors import DENIED, failure, row_of
from bot.brokers.kraken.market import KrakenMarket
from bot.brokers.kraken.names import Names
from bot.brokers.kraken.pages import ById, Listing, Memory, Pages, Trades
from bot.brokers.kraken.strangers import Strangers
from bot.brokers.kraken.transport import KrakenTransport
from bot.domain.clock import MINUTE, Clock
from bot.domain.fill import Fill
from bot.domain.instrument import Balance, FeeRate
from bot.domain.log import Event, Log
from bot.domain.money import ZERO
from bot.domain.order import VenueOrder
from bot.domain.outcome import ErrorMeaning

#: Show fills one by one: otherwise Kraken may combine the fills of one taker order.
_ONE_BY_ONE = {"consolidate_taker": "false"}
_TRADES_A_CALL = 20
_ORDERS_A_CALL = 20
_FEES_A_CALL = 50
#: Orders whose client ids are cached, so that a search does not query foreign orders again.
_REMEMBERED = 5_000
#: Kraken's errors for Earn where it is not offered, or where the key may not query it.
_NO_EARN = frozenset({DENIED, "EAPI:Feature disabled", "EGeneral:Unknown method", "EAccount:Invalid permissions"})


class KrakenAccount:
    """Queries of one account."""

    def __init__(self, transport: KrakenTransport, market: KrakenMarket, clock: Clock, log: Log) -> None:
        self._transport = transport
        self._market = market
        self._log = log
        self.coins = CoinsLeftOut("kraken", log)
        self._lag = FillLag(clock.steady_ms, wire.INSIGNIFICANT)
        self._memory = Memory()
        self._strangers = Strangers(log)
        self._client_ids: LruCache[str | None] = LruCache(_REMEMBERED)

    # -- money -------------------------------------------------------------------------------------------------
    def balances(self) -> dict[str, Balance]:
        """BalanceEx without assets that cannot be traded."""
        rows, names = self._transport.private("BalanceEx"), self._market.names()
        return failure.understood(lambda: wire.balances(rows, names, self.coins.excused))

    def unavailable_balances(self) -> dict[str, Decimal]:
        """The dotted assets of BalanceEx, plus what Earn holds of a coin beyond those: vaults have no dotted asset."""
        rows, names = self._transport.private("BalanceEx"), self._market.names()
        dotted = failure.understood(lambda: wire.pockets(rows, names, self.coins.excused))
        earning = self._earning(names)
        return {coin: max(dotted.get(coin, ZERO), earning.get(coin, ZERO)) for coin in dotted.keys() | earning.keys()}

    def _earning(self, names: Names) -> dict[str, Decimal]:
        """Earn/Allocations (api-reference/earn/list-allocations). If the key may not query it or the account does not have it,
        only the dotted assets are known. Any other failure raises: otherwise coins in a vault would count as gone.
        """
        try:
            rows = self._transport.private("Earn/Allocations", {"hide_zero_allocations": "true"})
            return failure.understood(lambda: wire.allocations(rows, names, self.coins.excused))
        except BrokerError as error:
            row = row_of(error.text)
            if row is None or row.text not in _NO_EARN:
                raise
            self._log.debug(Event.EARN_UNKNOWN, venue="kraken", reason=error.text)
            return {}

    def fees(self, symbols: Collection[str]) -> dict[str, FeeRate]:
        """TradeVolume: this account's current fee rates by symbol."""
        names = self._market.names()
        pairs = sorted({pair for symbol in symbols if (pair := names.pair(symbol)) is not None})
        found: dict[str, FeeRate] = {}
        for chunk in chunks(pairs, _FEES_A_CALL):
            for result in self._market.ask_each(chunk, self._ask_fees):
                found |= failure.understood(lambda answer=result: wire.fee_rates(answer, names))  # type: ignore[misc]
        return {symbol: rate for symbol, rate in found.items() if symbol in symbols}

    def _ask_fees(self, pairs: str) -> Any:
        return self._transport.private("TradeVolume", {"pair": pairs, "fee-info": "true"})

    # -- orders ------------------------------------------------------------------------------------------------
    def open_orders(self, client_id: str | None = None) -> list[VenueOrder]:
        """All open orders, or those with this client id; without fills, since this endpoint may combine them."""
        result = self._transport.private("OpenOrders", {} if client_id is None else {"cl_ord_id": client_id})
        rows = failure.understood(lambda: wire.mapping(result, "OpenOrders").get("open"))
        return self._orders(rows) if client_id is None else self._wanted(rows)

    def recent_orders(self, since: int, client_id: str | None = None) -> list[VenueOrder]:
        """Orders that ended after market time `since`; with `client_id`, its orders that began or ended after it."""
        return whole(self.read_ended(since, client_id, behind=False))

    def read_ended(self, since: int, client_id: str | None = None, *, behind: bool = True) -> Reading[VenueOrder]:
        """`recent_orders`, page by page."""
        data = {"start": _start(since), "trades": "true", **_ONE_BY_ONE}
        data |= {"closetime": "close"} if client_id is None else {"closetime": "both", "cl_ord_id": client_id}
        parsed = self._orders if client_id is None else self._wanted
        return Listing(self._pages("ClosedOrders", "closed", data, behind=behind), parsed)

    def order(self, exchange_id: str, symbol: str) -> VenueOrder | None:  # noqa: ARG002 - Kraken's ids need no symbol
        """One order, in any state."""
        return next(iter(self._orders_of([exchange_id])), None)

    def _orders_of(self, txids: Collection[str]) -> list[VenueOrder]:
        """These orders, in any state; those that Kraken does not show are missing."""
        return whole(self.read_orders(txids, behind=False))

    def read_orders(self, txids: Collection[str], *, behind: bool = True) -> Reading[VenueOrder]:
        """These orders, in chunks. Kraken omits an unknown id or refuses the query: both mean that it is not shown."""

        def ask(chunk: Sequence[str]) -> list[VenueOrder] | None:
            data = {"txid": ",".join(chunk), "trades": "true", **_ONE_BY_ONE}
            try:
                rows = self._transport.private("QueryOrders", data, behind=behind)
            except BrokerError as error:
                if error.meaning is not ErrorMeaning.GONE:
                    raise
                return None
            return [order for order in self._orders(rows) if order.exchange_id in chunk]

        return ById(list(chunks(list(txids), _ORDERS_A_CALL)), ask)

    def find(self, client_id: str, symbol: str, since: int) -> VenueOrder | None:  # noqa: ARG002
        """Search our client id in open orders, closed orders, and the orders of fills that were in neither list."""
        seen = [*self.open_orders(client_id), *self.recent_orders(since - MINUTE, client_id)]
        if not (match := _with_id(client_id, seen)):
            behind = {fill.exchange_order_id for fill in self.fills(since) if fill.time >= since}
            strangers = {name for name in behind if name in self._client_ids and self._client_ids[name] != client_id}
            match = _with_id(client_id, self._orders_of(sorted(behind - strangers)))
        return match

    # -- fills -------------------------------------------------------------------------------------------------
    def fills(self, since: int) -> list[Fill]:
        """TradesHistory since market time `since`, oldest first."""
        return [fill for fill in whole(self.read_fills(since, behind=False)) if fill.time >= since]

    def read_fills(self, since: int, *, behind: bool = True) -> Reading[Fill]:
        """TradesHistory since just before market time `since`, page by page."""
        data = {"type": "all", "start": _start(since), **_ONE_BY_ONE}
        pages = self._pages("TradesHistory", "trades", data, behind=behind)
        return Trades(pages, self._trades, self._memory, int(_start(since)), forget=behind)

    def fills_of(self, order: VenueOrder) -> list[Fill]:
        """The order's executions by QueryTrades, using the fill ids it lists; the order is read again if it came without any."""
        now = order if order.fill_ids else next(iter(self._orders_of([order.exchange_id])), order)
        found: list[Fill] = []
        for chunk in chunks(now.fill_ids, _TRADES_A_CALL):
            found += self._fills(self._transport.private("QueryTrades", {"txid": ",".join(chunk)}))
        return oldest_first(fill for fill in found if fill.exchange_order_id == order.exchange_id)

    # -- reading -------------------------------------------------------------------------------------------------
    def _orders(self, rows: object) -> list[VenueOrder]:
        return self._read(rows, self._strangers.order)

    def _wanted(self, rows: object) -> list[VenueOrder]:
        """The answer to a search for one of our client ids: each row may be the order, so each must be readable."""
        return self._read(rows, wire.nothing_excused)

    def _read(self, rows: object, excused: wire.Excused) -> list[VenueOrder]:
        names = self._market.names(_pairs_in(rows, lambda row: row.get("descr")))
        found = failure.understood(lambda: wire.orders(rows, names, excused))
        self._strangers.meet(found)
        for order in found:
            self._client_ids[order.exchange_id] = order.client_id
        return [self._lag.made_up(order) for order in found]

    def _fills(self, rows: object, excused: wire.Excused = wire.nothing_excused) -> list[Fill]:
        names = self._market.names(_pairs_in(rows, lambda row: row))
        return failure.understood(lambda: wire.fills(rows, names, excused))

    def _trades(self, rows: object) -> list[Fill]:
        """Rows of TradesHistory, which has everybody's trades on this account."""

        def excused(_: str, row: Mapping[str, Any], reason: str) -> bool:
            return self._strangers.trade(row, reason, lambda txid: self._orders_of([txid]))

        return self._fills(rows, excused)

    def _pages(self, method: str, what: str, data: Mapping[str, str], *, behind: bool) -> Pages:
        def ask(offset: int) -> Any:
            return self._transport.private(method, {**data, "ofs": str(offset)}, behind=behind)

        return Pages(method, what, ask)


def _start(since: int) -> str:
    """The whole second before `since`, because `start` is exclusive."""
    return str(max(0, (since - 1) // 1000))


def _with_id(client_id: str, orders: Iterable[VenueOrder]) -> VenueOrder | None:
    return next((order for order in orders if order.client_id == client_id), None)


def _pairs_in(rows: object, where: Callable[[Mapping[str, Any]], object]) -> set[str]:
    """The pairs named in a map of rows; rows of another shape are skipped."""
    found = [where(row) for row in rows.values() if isinstance(row, dict)] if isinstance(rows, dict) else []
    return {each["pair"] for each in found if isinstance(each, dict) and isinstance(each.get("pair"), str)}
