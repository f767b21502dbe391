"""OKX's private queries: balances, orders, algo orders, executions, fees, positions. Lists are read to their last page.

Ids of orders and of algo orders look alike but need different queries. The kind of each id seen is remembered; an unknown id
is tried as both. Filters are market time; `begin` is set just before the time that is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

from bot.brokers.base import BrokerError
from bot.brokers.common.answers import mapping, text
from bot.brokers.common.coins import CoinsLeftOut
from bot.brokers.common.lag import FillLag
from bot.brokers.common.lru_cache import LruCache
from bot.brokers.common.pages import Asked, Page, rows_of
from bot.brokers.okx import parse as wire
from bot.brokers.okx.answers import millis, only
from bot.brokers.okx.config import OkxConfig
from bot.brokers.okx.errors import failure
from bot.brokers.okx.market import ALL_TYPES, OkxMarket
from bot.brokers.okx.parse_market import type_of
from bot.brokers.okx.strangers import Strangers
from bot.brokers.okx.transport import OkxTransport
from bot.domain.clock import DAY, HOUR, SECOND, Clock
from bot.domain.fill import Fill
from bot.domain.instrument import Balance, FeeRate
from bot.domain.log import Log
from bot.domain.money import ZERO
from bot.domain.order import DONE, OrderStatus, VenueOrder
from bot.domain.outcome import ErrorMeaning

_PAGE = 100
#: Algo order types that protect; one query each ("conditional,oco" is the only pair that OKX accepts together).
_STOPS = "conditional,oco"
_ALGO_KINDS = (_STOPS, "trigger", "move_order_stop")
_ALGO_ENDS = ("effective", "canceled", "order_failed")
#: How far back (market ms) `trade/fills` and `trade/orders-history` reach, less a margin.
_FILLS_REACH, _ORDERS_REACH = 3 * DAY - HOUR, 7 * DAY - HOUR
#: How long (market ms) before `since` a stop may have been placed that ended after it.
_STOPS_LIVE = 14 * DAY
#: Waits (real seconds) for the stop that OKX creates when an entry with an attached stop has filled.
_NAPS = (0.05, 0.1, 0.2, 0.4)
_PATIENCE = 10.0
#: Real ms for which the order that a fired stop became is looked for.
_CHILDLESS = 30 * SECOND
#: Refusals of a query that this key, this site or this account mode cannot make.
_NOT_ASKED = frozenset({ErrorMeaning.NO_WAY, ErrorMeaning.PERMISSION, ErrorMeaning.RESTRICTED})

Row = Mapping[str, Any]


class Attached(NamedTuple):
    """An attached stop that should appear once its entry has filled."""

    symbol: str
    entry: str


class OkxAccount:
    """Queries of one account."""

    def __init__(self, config: OkxConfig, transport: OkxTransport, market: OkxMarket, clock: Clock, log: Log) -> None:
        self._types = ALL_TYPES if config.swaps else ("SPOT",)
        self._margin = config.swaps
        self._transport = transport
        self._market = market
        self._clock = clock
        self.coins = CoinsLeftOut("okx", log)
        self._strangers = Strangers(log)
        self._kinds: tuple[str, ...] = _ALGO_KINDS
        self._algo_ids: LruCache[str | None] = LruCache()
        self._entries: LruCache[str | None] = LruCache()
        self._awaited: dict[str, Attached] = {}
        self._fired: LruCache[int] = LruCache()
        self._lag = FillLag(clock.steady_ms)

    def open_contracts(self) -> None:
        """From now on, query contracts as well as spot, and read balances as those of a margin account."""
        self._types, self._margin = ALL_TYPES, True

    # -- money -----------------------------------------------------------------------------------------------------------
    def balances(self) -> dict[str, Balance]:
        """account/balance: the trading account."""
        rows = self._transport.private("/api/v5/account/balance")
        return failure.understood(lambda: wire.balances(rows, margin=self._margin, excused=self.coins.excused))

    def unavailable_balances(self) -> dict[str, Decimal]:
        """asset/balances, the funding account, and finance/savings/balance, Simple Earn. Each is empty if the site or the key does
        not offer it.
        """
        found = self._pocket("/api/v5/asset/balances", "bal")
        for asset, amount in self._pocket("/api/v5/finance/savings/balance", "amt").items():
            found[asset] = found.get(asset, ZERO) + amount
        return found

    def _pocket(self, path: str, key: str) -> dict[str, Decimal]:
        try:
            rows = self._transport.private(path)
        except BrokerError as error:
            if error.meaning not in _NOT_ASKED and not error.text.startswith("HTTP 404"):
                raise
            return {}
        return failure.understood(lambda: wire.pockets(rows, key, self.coins.excused))

    def fees(self, symbols: Collection[str], *, in_coin: bool = True) -> dict[str, FeeRate]:
        """trade-fee per instrument type: each market pays its group's rate. Swaps pay the fee in the quote; spot purchases pay it
        in the coin, unless `feeType` in account/config is 1 (`in_coin` False).
        """
        found: dict[str, FeeRate] = {}
        for kind in sorted({type_of(symbol) for symbol in symbols}):
            rows = self._transport.private("/api/v5/account/trade-fee", instType=kind)
            rates = failure.understood(lambda answer=rows: wire.rates(only(answer, "trade-fee")))  # type: ignore[misc]
            for symbol in (one for one in symbols if type_of(one) == kind):
                listing = self._market.known(symbol)
                quote = "" if kind == "SPOT" else symbol.split("-")[1]
                rate = rates.of(listing.group if listing else "", quote)
                found[symbol] = replace(rate, in_coin=in_coin and kind == "SPOT")
        return found

    def positions(self) -> list[wire.SwapPosition]:
        """account/positions: open contract positions, including foreign ones."""
        rows = self._transport.private("/api/v5/account/positions")
        return failure.understood(lambda: wire.positions(rows, self._market.unit))

    # -- orders ------------------------------------------------------------------------------------------------------------
    def open_orders(self) -> list[VenueOrder]:
        """All open orders. Algo orders are read first: one that triggers meanwhile then shows as its order.

        The types that we place are always queried, each other type only as long as its last answer was not empty.
        """
        found = {
            kind: self._algos(self._pages("/api/v5/trade/orders-algo-pending", "algoId", {"ordType": kind}))
            for kind in self._kinds
        }
        self._kinds = tuple(kind for kind in _ALGO_KINDS if kind == _STOPS or found.get(kind))
        stops = _with_distinct_ids([stop for each in found.values() for stop in each])
        stops += self._late_stops({stop.client_id for stop in stops})
        return [*self._orders(self._pages("/api/v5/trade/orders-pending", "ordId", {})), *stops]

    def recent_orders(self, since: int) -> list[VenueOrder]:
        """Ended orders, oldest first: orders created at most a day before `since`, and stops."""
        begin = str(max(since - DAY, 0))
        found: list[VenueOrder] = []
        for kind in self._types:
            for path in self._archives(since):
                found += self._orders(self._pages(path, "ordId", {"instType": kind, "begin": begin}))
        for kind in _ALGO_KINDS:
            for state in _ALGO_ENDS:
                found += self._algos(self._ended_stops(kind, state, since))
        unique = {order.exchange_id: order for order in found}
        return sorted(unique.values(), key=lambda order: (order.created_at, order.exchange_id))

    def order(self, exchange_id: str, symbol: str) -> VenueOrder | None:
        """One order or algo order, in any state. OKX refuses to look for orders in a market that it no longer lists, but not for algo
        orders, which it finds by their id alone.
        """
        asked = (self._normal, self._algo) if exchange_id not in self._algo_ids else (self._algo, self._normal)
        refused = None
        for ask in asked:
            try:
                found = ask(symbol, exchange_id, "")
            except BrokerError as error:
                if error.meaning is not ErrorMeaning.MARKET_CLOSED:
                    raise
                found, refused = None, error
            if found is not None:
                return found
        if refused is not None:
            raise refused
        return None

    def find(self, client_id: str, symbol: str, since: int) -> VenueOrder | None:
        """Query our client id as order and as algo order, then search open orders, ended orders and the orders of fills."""
        named = self._normal(symbol, "", client_id) or self._algo(symbol, "", client_id)
        if named is not None:
            return named
        about = {"instType": type_of(symbol), "instId": symbol}
        rows = self._pages("/api/v5/trade/orders-pending", "ordId", about)
        rows += self._pages("/api/v5/trade/orders-history", "ordId", {**about, "begin": _just_before(since)})
        listed = next((one for one in self._orders(rows) if one.client_id == client_id), None)
        if listed is not None:
            return listed
        behind = {fill.exchange_order_id for fill in self.fills(since) if fill.client_id == client_id}
        return next((found for each in behind if (found := self._normal(symbol, each, ""))), None)

    def await_stop(self, stop: str, symbol: str, entry: str) -> None:
        """Expect the attached stop with this client id to appear once its entry has filled."""
        self._awaited[stop] = Attached(symbol, entry)

    def remember(self, client_id: str, exchange_id: str, *, algo: bool) -> None:
        """Remember the venue's id of one of our orders."""
        if algo:
            self._algo_ids[exchange_id] = None  # its trigger's type is not known until OKX shows it
        else:
            self._entries[client_id] = exchange_id

    def expect(self, kind: str) -> None:
        """Query this type of algo orders from now on, because one is about to be sent."""
        self._kinds = tuple(each for each in _ALGO_KINDS if each in self._kinds or kind in each)

    def is_algo(self, order: VenueOrder) -> bool:
        """Whether an order is queried, amended and cancelled as an algo order."""
        return order.exchange_id in self._algo_ids

    def trigger_type(self, order: VenueOrder) -> str:
        """Which price triggers an algo order, as OKX shows it; "" if it does not say.

        Raises `BrokerError` as long as OKX does not show the order.
        """
        if self._algo_ids.get(order.exchange_id) is None:
            self._algo(order.symbol, order.exchange_id, "")
        shown = self._algo_ids.get(order.exchange_id)
        if shown is None:
            raise failure(ErrorMeaning.BUSY, f"OKX does not show the algo order {order.exchange_id}")
        return shown

    # -- fills ---------------------------------------------------------------------------------------------------------------
    def fills(self, since: int) -> list[Fill]:
        """trade/fills since market time `since`, and fills-history for what is too old for it."""
        rows = self._pages("/api/v5/trade/fills", "billId", {"begin": _just_before(since)})
        if since < self._clock.market_ms() - _FILLS_REACH:
            for kind in self._types:
                fields = {"instType": kind, "begin": _just_before(since)}
                rows += self._pages("/api/v5/trade/fills-history", "billId", fields)
        unique = {fill.fill_id: fill for fill in self._fills(rows)}
        return [fill for fill in unique.values() if fill.time >= since]

    def fills_of(self, order: VenueOrder) -> list[Fill]:
        """The executions of one order. An algo order has none: its child orders have them."""
        if self.is_algo(order):
            return []
        about = {"instId": order.symbol, "ordId": order.exchange_id}
        found = self._fills(self._pages("/api/v5/trade/fills", "billId", about))
        if sum((fill.qty for fill in found), ZERO) < order.filled_qty and self._is_old(order):
            about["instType"] = type_of(order.symbol)
            found = self._fills(self._pages("/api/v5/trade/fills-history", "billId", about))
        return [fill for fill in found if fill.exchange_order_id == order.exchange_id]

    # -- one order -----------------------------------------------------------------------------------------------------------
    def _normal(self, symbol: str, exchange_id: str, client_id: str) -> VenueOrder | None:
        fields = {"instId": symbol} | ({"ordId": exchange_id} if exchange_id else {"clOrdId": client_id})
        excused = self._strangers.order if exchange_id else wire.nothing_excused
        return next(iter(self._orders(self._shown("/api/v5/trade/order", fields), excused)), None)

    def _algo(self, symbol: str, exchange_id: str, client_id: str) -> VenueOrder | None:
        fields = {"algoId": exchange_id} if exchange_id else {"algoClOrdId": client_id}
        excused = self._strangers.algo if exchange_id else wire.nothing_excused
        found = self._algos(self._shown("/api/v5/trade/order-algo", fields), excused)
        return next((self._with_children(one) for one in found if one.symbol == symbol), None)

    def _with_children(self, algo: VenueOrder) -> VenueOrder:
        """A fired stop with the order that it became, which is searched for if the stop does not name it. If there is none for a
        while, nothing came of it. Until then it is not known what was sold: raises `BrokerError`.
        """
        if not algo.triggered or algo.children or algo.status in DONE:
            return algo
        about = {"instType": type_of(algo.symbol), "instId": algo.symbol}
        rows = self._pages("/api/v5/trade/orders-pending", "ordId", about)
        rows += self._pages("/api/v5/trade/orders-history", "ordId", {**about, "begin": _just_before(algo.created_at)})
        sent = [one.exchange_id for one in self._orders(rows) if one.parent_id == algo.exchange_id]
        if sent:
            return replace(algo, status=OrderStatus.CANCELED, children=tuple(sent))
        now = self._clock.steady_ms()
        since = self._fired.get(algo.exchange_id)
        if since is None:
            self._fired[algo.exchange_id] = since = now
        if now - since < _CHILDLESS:
            raise failure(
                ErrorMeaning.BUSY, f"OKX has fired {algo.exchange_id} and does not show the order that it became"
            )
        return replace(algo, status=OrderStatus.CANCELED)

    def _shown(self, path: str, fields: Mapping[str, str]) -> list[Any]:
        """A query by id; empty if OKX does not know the id."""
        try:
            return self._transport.private(path, **fields)
        except BrokerError as error:
            if error.meaning is not ErrorMeaning.GONE:
                raise
            return []

    def _parent(self, stop: str, symbol: str) -> str | None:
        """The entry that a stop was attached to; if not remembered, queried once by the client id derived from the stop's."""
        client_id = wire.entry_id(stop)
        if client_id is None:
            return None
        if client_id not in self._entries:
            self._entries[client_id] = None
            try:
                self._normal(symbol, "", client_id)
            except BrokerError as error:
                if error.meaning is not ErrorMeaning.MARKET_CLOSED:  # a delisted market has no orders to query
                    raise
        return self._entries[client_id]

    def _late_stops(self, seen: Collection[str | None]) -> list[VenueOrder]:
        """Attached stops that are not listed yet although their entry has filled. Each is waited for once, for a moment."""
        found: list[VenueOrder] = []
        for stop, attached in list(self._awaited.items()):
            if stop in seen:
                del self._awaited[stop]
                continue
            entry = self._normal(attached.symbol, attached.entry, "")
            if entry is None or entry.status not in DONE:
                continue
            del self._awaited[stop]
            if entry.filled_qty > 0 and (late := self._waited_for(stop, attached.symbol)) is not None:
                found.append(late)
        return found

    def _waited_for(self, stop: str, symbol: str) -> VenueOrder | None:
        late = self._transport.seen(lambda: self._algo(symbol, "", stop), _NAPS, _PATIENCE)
        return None if late is None or late.status in DONE else late

    # -- reading ---------------------------------------------------------------------------------------------------------------
    def _orders(self, rows: Iterable[object], excused: wire.Excused | None = None) -> list[VenueOrder]:
        excused = excused or self._strangers.order
        found = failure.understood(lambda: wire.orders(rows, self._market.unit, excused))
        self._strangers.meet(found)
        for order in found:
            if order.client_id is not None:
                self._entries[order.client_id] = order.exchange_id
        return [self._lag.made_up(order) for order in found]

    def _algos(self, rows: Iterable[object], excused: wire.Excused | None = None) -> list[VenueOrder]:
        received, excused = list(rows), excused or self._strangers.algo
        found = failure.understood(lambda: wire.algos(received, self._market.unit, self._parent, excused))
        self._strangers.meet(found)
        types = {text(row, "algoId"): _trigger_type(row) for row in received if isinstance(row, dict)}
        for order in found:
            self._algo_ids[order.exchange_id] = types[order.exchange_id]
        return found

    def _fills(self, rows: Iterable[object]) -> list[Fill]:
        def excused(row: Row, reason: str) -> bool:
            return self._strangers.fill(row, reason, lambda order_id, symbol: self._normal(symbol, order_id, ""))

        return failure.understood(lambda: wire.fills(rows, self._market.unit, excused))

    def _archives(self, since: int) -> Sequence[str]:
        paths = ("/api/v5/trade/orders-history", "/api/v5/trade/orders-history-archive")
        return paths if since - DAY < self._clock.market_ms() - _ORDERS_REACH else paths[:1]

    def _ended_stops(self, kind: str, state: str, since: int) -> list[Any]:
        oldest = since - _STOPS_LIVE
        path = "/api/v5/trade/orders-algo-history"
        fields = {"ordType": kind, "state": state}
        return self._pages(path, "algoId", fields, lambda row: millis(row, "cTime") < oldest)

    def _is_old(self, order: VenueOrder) -> bool:
        return order.created_at < self._clock.market_ms() - _FILLS_REACH

    def _pages(
        self, path: str, key: str, fields: Mapping[str, str], far: Callable[[Row], bool] | None = None
    ) -> list[Any]:
        """All rows of a list (100 per page, newest first), until a page is not full or its last row is `far` enough back."""

        def ask(after: str) -> Page[list[Any]]:
            older = {"after": after} if after else {}
            page = self._transport.private(path, **fields, **older, limit=str(_PAGE))
            if len(page) < _PAGE:
                return Page(page, None)
            last = failure.understood(lambda: mapping(page[-1], path))
            ended = far is not None and failure.understood(lambda: far(last))
            return Page(page, None if ended else text(last, key))

        return rows_of(Asked(path, failure, ask))


def _trigger_type(row: Row) -> str:
    """Which price triggers an algo order (last, mark, index); "" if the row does not say."""
    return text(row, "slTriggerPxType") or text(row, "tpTriggerPxType") or text(row, "triggerPxType")


def _just_before(since: int) -> str:
    """A millisecond before `since`: it is not documented whether `begin` is inclusive."""
    return str(max(since - 1, 0))


def _with_distinct_ids(stops: Sequence[VenueOrder]) -> list[VenueOrder]:
    """The stops of an entry that filled in parts share one client id: only the oldest keeps it."""
    found: dict[str | None, str] = {}
    for stop in sorted(stops, key=lambda one: (one.created_at, one.exchange_id)):
        found.setdefault(stop.client_id, stop.exchange_id)
    return [stop if found[stop.client_id] == stop.exchange_id else replace(stop, client_id=None) for stop in stops]
