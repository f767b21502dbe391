"""The Kraken broker: `BaseBroker`'s verbs over one account of Kraken's spot market.

Joins connection, market, account and trade; holds the capabilities that were proved. Knows no wire format.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import ClassVar

from bot.brokers.base import Absence, BaseBroker, Capabilities, Connection, Reading, ShapeProof
from bot.brokers.common.shapes import Shapes
from bot.brokers.kraken.account import KrakenAccount
from bot.brokers.kraken.config import KrakenConfig
from bot.brokers.kraken.connect import connect
from bot.brokers.kraken.market import KrakenMarket
from bot.brokers.kraken.skew import VenueClock
from bot.brokers.kraken.trade import KrakenTrade
from bot.brokers.kraken.transport import KrakenTransport
from bot.domain.candles import Candles
from bot.domain.clock import Clock
from bot.domain.fill import Fill
from bot.domain.instrument import Balance, FeeRate, Instrument, Look, Ticker
from bot.domain.log import Log
from bot.domain.order import Intent, VenueOrder
from bot.domain.outcome import Outcome


class KrakenBroker(BaseBroker):
    """One Kraken account. Used by one thread; only `hurry` may come from another."""

    name: ClassVar[str] = "kraken"
    pocket: ClassVar[str] = "in Earn or in another pocket that cannot trade"

    def __init__(self, config: KrakenConfig, clock: Clock, log: Log) -> None:
        self._config = config
        self._clock = clock
        self._transport = KrakenTransport(config, clock, log)
        self._market = KrakenMarket(self._transport, clock, log)
        self._account = KrakenAccount(self._transport, self._market, log)
        self._venue_clock = VenueClock(self._transport, clock, log)
        self._trade = KrakenTrade(config, self._transport, self._market, clock, self._venue_clock, log)
        able = Capabilities(
            attached_stop=True, resting_stop=True, amend=True, absence=Absence.DEADLINE, deadline_ms=config.deadline_ms
        )
        self._shapes = Shapes(able, self.name, log)

    # -- connection ----------------------------------------------------------------------------------------------
    def connect(self) -> Connection:
        connection = connect(self._config, self._transport, self._clock)
        self._venue_clock.set(connection.clock_skew_ms)
        return connection

    def capabilities(self) -> Capabilities:
        return self._shapes.able

    def prove(self, entry: Intent, stop: Intent) -> Sequence[ShapeProof]:
        """Entry (with its attached stop) and stop by `validate`."""
        return self._shapes.prove(self._trade.show, entry, stop)

    def hurry(self, until: int) -> None:
        self._transport.hurry(until)

    def urgently(self) -> AbstractContextManager[None]:
        return self._transport.urgently()

    def briefly(self) -> AbstractContextManager[None]:
        return self._transport.briefly()

    def make_room(self, questions: int) -> None:
        self._transport.make_room(questions)

    def limit_calls(self, seconds: float | None) -> None:
        self._transport.limit_calls(seconds)

    def close(self) -> None:
        self._transport.close()

    # -- market --------------------------------------------------------------------------------------------------
    def instruments(self) -> Mapping[str, Instrument]:
        return self._market.instruments()

    def tickers(self, symbols: Collection[str]) -> Mapping[str, Ticker]:
        return self._market.tickers(symbols)

    def candles(self, symbol: str, timeframe_ms: int, count: int) -> Candles:
        return self._market.candles(symbol, timeframe_ms, count)

    def look(self, symbol: str, since: int) -> Look:
        return self._market.look(symbol, since)

    # -- account -------------------------------------------------------------------------------------------------
    def balances(self) -> Mapping[str, Balance]:
        return self._account.balances()

    def pockets(self) -> Mapping[str, Decimal]:
        return self._account.pockets()

    def fees(self, symbols: Collection[str]) -> Mapping[str, FeeRate]:
        return self._account.fees(symbols)

    def order(self, exchange_id: str, symbol: str) -> VenueOrder | None:  # noqa: ARG002 - Kraken's ids need no symbol
        return next(iter(self._account.orders([exchange_id])), None)

    def open_orders(self) -> Sequence[VenueOrder]:
        return self._account.open_orders()

    def find(self, client_id: str, symbol: str, since: int) -> VenueOrder | None:  # noqa: ARG002
        return self._account.find(client_id, since)

    def recent_orders(self, since: int) -> Sequence[VenueOrder]:
        return self._account.closed_orders(since)

    def fills(self, since: int) -> Sequence[Fill]:
        return self._account.fills(since)

    def read_orders(self, wanted: Mapping[str, str]) -> Reading[VenueOrder]:
        return self._account.read_orders(list(wanted))

    def read_ended(self, since: int) -> Reading[VenueOrder]:
        return self._account.read_ended(since)

    def read_fills(self, since: int) -> Reading[Fill]:
        return self._account.read_fills(since)

    def fills_of(self, order: VenueOrder) -> Sequence[Fill]:
        return self._account.fills_of(order)

    # -- requests ------------------------------------------------------------------------------------------------
    def place(self, intent: Intent) -> Outcome:
        ended = self._trade.place(intent)
        self._shapes.learn(intent, ended)
        return ended

    def amend(self, order: VenueOrder, *, qty: Decimal | None = None, trigger_price: Decimal | None = None) -> Outcome:
        return self._trade.amend(order, qty, trigger_price)

    def cancel(self, order: VenueOrder) -> Outcome:
        return self._trade.cancel(order)
