"""A broker assembled from its venue's parts: each verb is delegated to the part that implements it.

A venue supplies the parts and overrides the few verbs that differ.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from bot.brokers.base import BaseBroker, CandleReader, Capabilities, OrderProbe
from bot.brokers.common.capability_probe import CapabilityProbe
from bot.brokers.common.coins import CoinsLeftOut
from bot.brokers.history import History
from bot.domain.candles import Candles
from bot.domain.fill import Fill
from bot.domain.instrument import Balance, FeeRate, Instrument, PriceRange, Ticker
from bot.domain.log import Log
from bot.domain.order import Intent, VenueOrder
from bot.domain.outcome import Outcome


class Wire(Protocol):
    """What the broker needs of the venue's transport."""

    def hurry(self, until: int) -> None: ...
    def limit_calls(self, seconds: float | None) -> None: ...
    def close(self) -> None: ...


class Market(Protocol):
    """What can be traded, and at which prices."""

    def instruments(self) -> Mapping[str, Instrument]: ...
    def tickers(self, symbols: Collection[str]) -> Mapping[str, Ticker]: ...
    def candles(self, symbol: str, timeframe_ms: int, count: int) -> Candles: ...
    def candle_reader(self) -> CandleReader: ...
    def history(self) -> History: ...
    def look(self, symbol: str, since: int) -> PriceRange: ...


class Holdings(Protocol):
    """The account's balances, orders and fills."""

    coins: CoinsLeftOut

    def balances(self) -> Mapping[str, Balance]: ...
    def unavailable_balances(self) -> Mapping[str, Decimal]: ...
    def fees(self, symbols: Collection[str]) -> Mapping[str, FeeRate]: ...
    def order(self, exchange_id: str, symbol: str) -> VenueOrder | None: ...
    def open_orders(self) -> Sequence[VenueOrder]: ...
    def find(self, client_id: str, symbol: str, since: int) -> VenueOrder | None: ...
    def recent_orders(self, since: int) -> Sequence[VenueOrder]: ...
    def fills(self, since: int) -> Sequence[Fill]: ...
    def fills_of(self, order: VenueOrder) -> Sequence[Fill]: ...


class Trade(Protocol):
    """Requests that change something, and `preview`, which only asks whether one would be accepted (see `Preview`)."""

    def preview(self, intent: Intent) -> str: ...
    def place(self, intent: Intent) -> Outcome: ...
    def amend(self, order: VenueOrder, qty: Decimal | None, trigger_price: Decimal | None) -> Outcome: ...
    def cancel(self, order: VenueOrder) -> Outcome: ...


class VenueBroker(BaseBroker):
    """One account of one venue. Used by one thread; another may call `hurry`, and another may use the `candle_reader`."""

    _transport: Wire
    _market: Market
    _account: Holdings
    _trade: Trade

    def __init__(self, able: Capabilities, log: Log) -> None:
        """`able` is what the venue's documentation promises. The venue's subclass sets the parts."""
        self._log = log
        self._probe = CapabilityProbe(able, self.name, log)

    # -- connection --------------------------------------------------------------------------------------------------
    def capabilities(self) -> Capabilities:
        return self._probe.able

    def probe(self, entry: Intent, stop: Intent) -> Sequence[OrderProbe]:
        return self._probe.probe(self._trade.preview, entry, stop)

    def hurry(self, until: int) -> None:
        self._transport.hurry(until)

    def limit_calls(self, seconds: float | None) -> None:
        self._transport.limit_calls(seconds)

    def close(self) -> None:
        self._transport.close()

    # -- market ------------------------------------------------------------------------------------------------------
    def instruments(self) -> Mapping[str, Instrument]:
        return self._market.instruments()

    def tickers(self, symbols: Collection[str]) -> Mapping[str, Ticker]:
        return self._market.tickers(symbols)

    def candles(self, symbol: str, timeframe_ms: int, count: int) -> Candles:
        return self._market.candles(symbol, timeframe_ms, count)

    def candle_reader(self) -> CandleReader:
        return self._market.candle_reader()

    def history(self) -> History:
        return self._market.history()

    def look(self, symbol: str, since: int) -> PriceRange:
        return self._market.look(symbol, since)

    # -- account -----------------------------------------------------------------------------------------------------
    def keep_readable(self, needed: Callable[[str], bool]) -> None:
        self._account.coins.needed = needed

    def balances(self) -> Mapping[str, Balance]:
        return self._account.balances()

    def unavailable_balances(self) -> Mapping[str, Decimal]:
        return self._account.unavailable_balances()

    def fees(self, symbols: Collection[str]) -> Mapping[str, FeeRate]:
        return self._account.fees(symbols)

    def order(self, exchange_id: str, symbol: str) -> VenueOrder | None:
        return self._account.order(exchange_id, symbol)

    def open_orders(self) -> Sequence[VenueOrder]:
        return self._account.open_orders()

    def find(self, client_id: str, symbol: str, since: int) -> VenueOrder | None:
        return self._account.find(client_id, symbol, since)

    def recent_orders(self, since: int) -> Sequence[VenueOrder]:
        return self._account.recent_orders(since)

    def fills(self, since: int) -> Sequence[Fill]:
        return self._account.fills(since)

    def fills_of(self, order: VenueOrder) -> Sequence[Fill]:
        return self._account.fills_of(order)

    # -- requests ----------------------------------------------------------------------------------------------------
    def place(self, intent: Intent) -> Outcome:
        outcome = self._trade.place(intent)
        self._probe.learn(intent, outcome)
        return outcome

    def amend(self, order: VenueOrder, *, qty: Decimal | None = None, trigger_price: Decimal | None = None) -> Outcome:
        return self._trade.amend(order, qty, trigger_price)

    def cancel(self, order: VenueOrder) -> Outcome:
        return self._trade.cancel(order)
