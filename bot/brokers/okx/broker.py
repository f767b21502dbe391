"""The OKX broker: `BaseBroker`'s verbs over one account of OKX's spot market, and of its USDT contracts where asked for.

Joins connection, market, account and trade; holds the capabilities that were proved. Knows no wire format.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import ClassVar

from bot.brokers.base import Absence, BaseBroker, BrokerError, Capabilities, Connection, ShapeProof
from bot.brokers.common.shapes import Shapes
from bot.brokers.okx.account import OkxAccount
from bot.brokers.okx.config import OkxConfig
from bot.brokers.okx.connect import SKEW_SHOWN, connect, measure_skew, money_warnings, read_settings
from bot.brokers.okx.errors import finds_deadline_wrong, speaks_of_settings
from bot.brokers.okx.market import OkxMarket
from bot.brokers.okx.orders import is_algo
from bot.brokers.okx.parse import SwapPosition
from bot.brokers.okx.parse_market import Funding, type_of
from bot.brokers.okx.trade import OkxTrade
from bot.brokers.okx.transport import OkxTransport
from bot.domain.candles import Candles
from bot.domain.clock import HOUR, Clock
from bot.domain.fill import Fill
from bot.domain.instrument import Balance, FeeRate, Instrument, Look, Ticker
from bot.domain.log import Event, Log
from bot.domain.order import Intent, VenueOrder
from bot.domain.outcome import NotPlaced, Outcome

#: Market ms after which OKX drops a cancelled order without fills from its history (GET /trade/orders-history).
FORGETS_AFTER = 2 * HOUR


class OKXBroker(BaseBroker):
    """One OKX account. Used by one thread; only `hurry` may come from another."""

    name: ClassVar[str] = "okx"
    pocket: ClassVar[str] = "in Funding"

    def __init__(self, config: OkxConfig, clock: Clock, log: Log) -> None:
        self._config = config
        self._log = log
        self._clock = clock
        self._transport = OkxTransport(config, clock)
        self._market = OkxMarket(config, self._transport, clock, log)
        self._account = OkxAccount(config, self._transport, self._market, clock)
        self._trade = OkxTrade(config, self._transport, self._market, self._account, clock, log)
        able = Capabilities(
            attached_stop=True,
            resting_stop=True,
            amend=True,
            absence=Absence.DEADLINE,
            deadline_ms=config.deadline_ms,
            short=config.swaps,
            forgets_after_ms=FORGETS_AFTER,
        )
        self._shapes = Shapes(able, self.name, log)

    # -- connection --------------------------------------------------------------------------------------------------
    def connect(self) -> Connection:
        entry = connect(self._config, self._transport, self._clock)
        self._trade.settings = entry.settings
        self._correct(entry.connection.clock_skew_ms)
        money = money_warnings(self._account, self._market.instruments().values())
        return replace(entry.connection, warnings=(*entry.connection.warnings, *money))

    def _correct(self, skew: int) -> None:
        """Take over a measurement of the clocks; differences too small to be real are left alone."""
        self._trade.skew_ms = skew if abs(skew) > SKEW_SHOWN else 0

    def capabilities(self) -> Capabilities:
        return self._shapes.able

    def prove(self, entry: Intent, stop: Intent) -> Sequence[ShapeProof]:
        """By order-precheck, where the account mode has it. Stops cannot be shown: taken as documented, and watched."""
        return self._shapes.prove(self._trade.show, entry, stop)

    def hurry(self, until: int) -> None:
        self._transport.hurry(until)

    def limit_calls(self, seconds: float | None) -> None:
        self._transport.limit_calls(seconds)

    def close(self) -> None:
        self._transport.close()

    # -- market ------------------------------------------------------------------------------------------------------
    def keep_listed(self, symbols: Collection[str]) -> None:
        """Contracts that are still held are not closed by a setting that opens no more of them."""
        if any(type_of(symbol) != "SPOT" for symbol in symbols):
            self._market.open_contracts()
            self._account.open_contracts()

    def instruments(self) -> Mapping[str, Instrument]:
        return self._market.instruments()

    def tickers(self, symbols: Collection[str]) -> Mapping[str, Ticker]:
        return self._market.tickers(symbols)

    def candles(self, symbol: str, timeframe_ms: int, count: int) -> Candles:
        return self._market.candles(symbol, timeframe_ms, count)

    def look(self, symbol: str, since: int) -> Look:
        return self._market.look(symbol, since)

    def funding(self, symbol: str) -> Funding:
        """What holding a swap costs or earns next, and when."""
        return self._market.funding(symbol)

    # -- account -----------------------------------------------------------------------------------------------------
    def balances(self) -> Mapping[str, Balance]:
        return self._account.balances()

    def pockets(self) -> Mapping[str, Decimal]:
        return self._account.pockets()

    def fees(self, symbols: Collection[str]) -> Mapping[str, FeeRate]:
        settings = self._trade.settings
        return self._account.fees(symbols, in_coin=settings is None or not settings.fee_in_quote)

    def positions(self) -> Sequence[SwapPosition]:
        """Open positions in contracts, with the distance to their liquidation; foreign ones included."""
        return self._account.positions()

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
        """Send once. A correction that lengthens deadlines is measured again first: a stale one would outlive the proof of
        absence. (Algo orders carry no deadline, and a stop does not wait.)
        """
        if self._trade.skew_ms > 0 and not is_algo(intent):
            self._doubt_clock()
        outcome = self._trade.place(intent)
        self._shapes.learn(intent, outcome)
        if isinstance(outcome, NotPlaced):
            self._doubt(outcome)
        return outcome

    def _doubt(self, refusal: NotPlaced) -> None:
        """What is otherwise than it seemed: the account's settings, or a clock that moved."""
        if speaks_of_settings(refusal.reason):
            try:
                self._trade.settings = read_settings(self._transport)
            except BrokerError as error:
                self._log.warning(Event.MODE, venue=self.name, reason=error.text)
        if finds_deadline_wrong(refusal.reason):
            self._doubt_clock()

    def _doubt_clock(self) -> None:
        """Measure the clocks anew. Without an answer the old measurement stays."""
        try:
            self._correct(measure_skew(self._transport, self._clock))
        except BrokerError as error:
            self._log.warning(Event.CLOCK, venue=self.name, reason=error.text)
        else:
            self._log.warning(Event.CLOCK, venue=self.name, skew_ms=self._trade.skew_ms)

    def amend(self, order: VenueOrder, *, qty: Decimal | None = None, trigger_price: Decimal | None = None) -> Outcome:
        return self._trade.amend(order, qty, trigger_price)

    def cancel(self, order: VenueOrder) -> Outcome:
        return self._trade.cancel(order)
