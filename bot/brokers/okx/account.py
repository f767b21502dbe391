"""OKX's private side, asked: balances, orders, algo orders, executions, fees, positions. Lists are paged to their end.

An order's id and an algo order's id look alike and live under different questions: what was seen as which is remembered,
anything else is asked for as both. Filters are market time; `begin` is set just before the moment that is wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

from bot.brokers.base import BrokerError
from bot.brokers.common.answers import mapping, text
from bot.brokers.common.lru_cache import LruCache
from bot.brokers.common.pages import Asked, Page, rows_of
from bot.brokers.okx import parse as wire
from bot.brokers.okx.answers import millis, only
from bot.brokers.okx.config import OkxConfig
from bot.brokers.okx.errors import failure
from bot.brokers.okx.market import ALL_TYPES, OkxMarket
from bot.brokers.okx.parse_market import type_of
from bot.brokers.okx.transport import OkxTransport
from bot.domain.clock import DAY, HOUR, Clock
from bot.domain.fill import Fill
from bot.domain.instrument import Balance, FeeRate
from bot.domain.money import ZERO
from bot.domain.order import DONE, VenueOrder
from bot.domain.outcome import ErrorMeaning

_PAGE = 100
#: Algo orders that protect; one question each ("conditional,oco" is the only pair that OKX takes together).
_STOPS = "conditional,oco"
_ALGO_KINDS = (_STOPS, "trigger", "move_order_stop")
_ALGO_ENDS = ("effective", "canceled", "order_failed")
#: How far back (market ms) `trade/fills` and `trade/orders-history` reach, less a margin.
_FILLS_REACH, _ORDERS_REACH = 3 * DAY - HOUR, 7 * DAY - HOUR
#: How long before the moment wanted a stop may have been placed that ended after it.
_STOPS_LIVE = 14 * DAY
#: Waits (real seconds) for the stop that OKX makes of a filled entry's attachment.
_NAPS = (0.05, 0.1, 0.2, 0.4)
_PATIENCE = 10.0
#: Refusals of a question that this key, this site or this mode cannot ask.
_NOT_ASKED = frozenset({ErrorMeaning.NO_WAY, ErrorMeaning.PERMISSION})

Row = Mapping[str, Any]


class Attached(NamedTuple):
    """A stop that is to appear once its entry has filled."""

    symbol: str
    entry: str


class OkxAccount:
    """Questions about one account."""

    def __init__(self, config: OkxConfig, transport: OkxTransport, market: OkxMarket, clock: Clock) -> None:
        self._types = ALL_TYPES if config.swaps else ("SPOT",)
        self._margin = config.swaps
        self._transport = transport
        self._market = market
        self._clock = clock
        self._kinds: tuple[str, ...] = _ALGO_KINDS
        self._algo_ids: LruCache[str | None] = LruCache()
        self._entries: LruCache[str | None] = LruCache()
        self._awaited: dict[str, Attached] = {}

    def open_contracts(self) -> None:
        """Contracts are asked about beside the spot market from now on, and balances are those of an account with margin."""
        self._types, self._margin = ALL_TYPES, True

    # -- money -----------------------------------------------------------------------------------------------------------
    def balances(self) -> dict[str, Balance]:
        """account/balance: the trading account."""
        rows = self._transport.private("/api/v5/account/balance")
        return failure.understood(lambda: wire.balances(rows, margin=self._margin))

    def unavailable_balances(self) -> dict[str, Decimal]:
        """asset/balances: the funding account. Where that is not offered, or not to this key, nothing is known to lie there."""
        try:
            rows = self._transport.private("/api/v5/asset/balances")
        except BrokerError as error:
            if error.meaning not in _NOT_ASKED:
                raise
            return {}
        return failure.understood(lambda: wire.pockets(rows))

    def fees(self, symbols: Collection[str], *, in_coin: bool = True) -> dict[str, FeeRate]:
        """trade-fee per instrument type: each market pays what its group pays. Swaps pay in the quote, purchases of coins in the
        coin unless account/config's `feeType` is 1 (`in_coin` False).
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
        """account/positions: what is open in contracts, foreign ones included."""
        rows = self._transport.private("/api/v5/account/positions")
        return failure.understood(lambda: wire.positions(rows, self._market.unit))

    # -- orders ------------------------------------------------------------------------------------------------------------
    def open_orders(self) -> list[VenueOrder]:
        """Everything that works or rests. Algo orders first: one that fires meanwhile shows as its order.

        The kinds that we place are always asked for, each other one for as long as the last answer had some.
        """
        found = {
            kind: self._algos(self._pages("/api/v5/trade/orders-algo-pending", "algoId", {"ordType": kind}))
            for kind in self._kinds
        }
        self._kinds = tuple(kind for kind in _ALGO_KINDS if kind == _STOPS or found.get(kind))
        stops = _told_apart([stop for each in found.values() for stop in each])
        stops += self._late_stops({stop.client_id for stop in stops})
        return [*self._orders(self._pages("/api/v5/trade/orders-pending", "ordId", {})), *stops]

    def recent_orders(self, since: int) -> list[VenueOrder]:
        """Orders that ended and began less than a day before `since`, and stops that ended, oldest first."""
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
        """One order or algo order, whatever its state."""
        asked = (self._normal, self._algo) if exchange_id not in self._algo_ids else (self._algo, self._normal)
        for ask in asked:
            found = ask(symbol, exchange_id, "")
            if found is not None:
                return found
        return None

    def find(self, client_id: str, symbol: str, since: int) -> VenueOrder | None:
        """Our id among orders and algo orders by name, then in the lists: open, ended, and behind every fill."""
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
        """An entry was placed whose attached stop (this client id) is to appear once it has filled."""
        self._awaited[stop] = Attached(symbol, entry)

    def remember(self, client_id: str, exchange_id: str, *, algo: bool) -> None:
        """What the venue calls an order of ours."""
        if algo:
            self._algo_ids[exchange_id] = None  # its trigger's type is OKX's to show
        else:
            self._entries[client_id] = exchange_id

    def expect(self, kind: str) -> None:
        """An algo order of this kind is about to be sent: asked for from now on."""
        self._kinds = tuple(each for each in _ALGO_KINDS if each in self._kinds or kind in each)

    def is_algo(self, order: VenueOrder) -> bool:
        """Whether an order is asked for, amended and cancelled as an algo order."""
        return order.exchange_id in self._algo_ids

    def trigger_type(self, order: VenueOrder) -> str:
        """Which price the trigger of an algo order is compared with, as OKX shows it; "" where it does not say.

        Raises `BrokerError` while OKX does not show the order.
        """
        if self._algo_ids.get(order.exchange_id) is None:
            self._algo(order.symbol, order.exchange_id, "")
        shown = self._algo_ids.get(order.exchange_id)
        if shown is None:
            raise failure(ErrorMeaning.BUSY, f"OKX does not show the algo order {order.exchange_id}")
        return shown

    # -- fills ---------------------------------------------------------------------------------------------------------------
    def fills(self, since: int) -> list[Fill]:
        """trade/fills from market time `since` on, and fills-history for what is older than it reaches."""
        rows = self._pages("/api/v5/trade/fills", "billId", {"begin": _just_before(since)})
        if since < self._clock.market_ms() - _FILLS_REACH:
            for kind in self._types:
                fields = {"instType": kind, "begin": _just_before(since)}
                rows += self._pages("/api/v5/trade/fills-history", "billId", fields)
        unique = {fill.fill_id: fill for fill in self._fills(rows)}
        return [fill for fill in unique.values() if fill.time >= since]

    def fills_of(self, order: VenueOrder) -> list[Fill]:
        """The executions of one order; an algo order has none, those of its children are theirs."""
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
        return next(iter(self._orders(self._shown("/api/v5/trade/order", fields))), None)

    def _algo(self, symbol: str, exchange_id: str, client_id: str) -> VenueOrder | None:
        fields = {"algoId": exchange_id} if exchange_id else {"algoClOrdId": client_id}
        found = self._algos(self._shown("/api/v5/trade/order-algo", fields))
        return next((one for one in found if one.symbol == symbol), None)

    def _shown(self, path: str, fields: Mapping[str, str]) -> list[Any]:
        """A question by id; that OKX does not know the id is an answer."""
        try:
            return self._transport.private(path, **fields)
        except BrokerError as error:
            if error.meaning is not ErrorMeaning.GONE:
                raise
            return []

    def _parent(self, stop: str, symbol: str) -> str | None:
        """The entry that a stop was attached to: remembered, or asked for once by the client id that the stop's tells."""
        client_id = wire.entry_id(stop)
        if client_id is None:
            return None
        if client_id not in self._entries:
            self._entries[client_id] = None
            try:
                self._normal(symbol, "", client_id)
            except BrokerError as error:
                if error.meaning is not ErrorMeaning.MARKET_CLOSED:  # what is delisted has no orders to ask for
                    raise
        return self._entries[client_id]

    def _late_stops(self, seen: Collection[str | None]) -> list[VenueOrder]:
        """Attached stops that the list does not show although their entry has filled: waited for, a moment, once each."""
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
    def _orders(self, rows: Iterable[object]) -> list[VenueOrder]:
        found = failure.understood(lambda: wire.orders(rows, self._market.unit))
        for order in found:
            if order.client_id is not None:
                self._entries[order.client_id] = order.exchange_id
        return found

    def _algos(self, rows: Iterable[object]) -> list[VenueOrder]:
        told = list(rows)
        found = failure.understood(lambda: wire.algos(told, self._market.unit, self._parent))
        types = {text(row, "algoId"): _trigger_type(row) for row in told if isinstance(row, dict)}
        for order in found:
            self._algo_ids[order.exchange_id] = types[order.exchange_id]
        return found

    def _fills(self, rows: Iterable[object]) -> list[Fill]:
        return failure.understood(lambda: wire.fills(rows, self._market.unit))

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
        """All rows of a list that comes 100 a page, newest first, until a page is short or its last row is `far` enough."""

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
    """Which price an algo order's trigger is compared with (last, mark, index); "" where the row does not say."""
    return text(row, "slTriggerPxType") or text(row, "tpTriggerPxType") or text(row, "triggerPxType")


def _just_before(since: int) -> str:
    """Whether `begin` itself belongs to what it begins is not said: so it lies before what we want."""
    return str(max(since - 1, 0))


def _told_apart(stops: Sequence[VenueOrder]) -> list[VenueOrder]:
    """Stops that came with the parts of one entry share a client id: it is left to the oldest."""
    found: dict[str | None, str] = {}
    for stop in sorted(stops, key=lambda one: (one.created_at, one.exchange_id)):
        found.setdefault(stop.client_id, stop.exchange_id)
    return [stop if found[stop.client_id] == stop.exchange_id else replace(stop, client_id=None) for stop in stops]
