"""The Coinbase broker: `BaseBroker`'s verbs over one portfolio of Coinbase Advanced Trade.

Joins connection, market, account, trade and what is known of the shapes. Knows no wire format.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import ClassVar

from bot.brokers.base import Absence, BaseBroker, Capabilities, Connection, ShapeProof
from bot.brokers.coinbase.account import CoinbaseAccount
from bot.brokers.coinbase.config import CoinbaseConfig
from bot.brokers.coinbase.connect import connect
from bot.brokers.coinbase.market import CoinbaseMarket, understood
from bot.brokers.coinbase.trade import CoinbaseTrade
from bot.brokers.coinbase.transport import CoinbaseTransport
from bot.brokers.common.shapes import Shapes
from bot.domain.candles import Candles
from bot.domain.clock import Clock
from bot.domain.fill import Fill
from bot.domain.instrument import Balance, FeeRate, Instrument, Look, Ticker
from bot.domain.log import Log
from bot.domain.order import DONE, Intent, OrderType, VenueOrder
from bot.domain.outcome import Meaning, NotPlaced, Outcome


class CoinbaseBroker(BaseBroker):
    """One Coinbase portfolio. Used by one thread; only `hurry` may come from another."""

    name: ClassVar[str] = "coinbase"
    pocket: ClassVar[str] = "in a vault, in another portfolio or in a wallet that is not ready"

    def __init__(self, config: CoinbaseConfig, clock: Clock, log: Log) -> None:
        self._config = config
        self._clock = clock
        self._transport = CoinbaseTransport(config, clock, log)
        self._market = CoinbaseMarket(self._transport, clock, log)
        self._account = CoinbaseAccount(self._transport, clock, log, self._market.lists)
        self._trade = CoinbaseTrade(self._transport, self._market, self._account, clock, log)
        able = Capabilities(
            attached_stop=True,
            attached_target=True,
            resting_stop=True,
            amend=False,
            absence=Absence.SAME_ID,
            deadline_ms=0,
        )
        self._shapes = Shapes(able, self.name, log)

    # -- connection ----------------------------------------------------------------------------------------------
    def connect(self) -> Connection:
        return connect(self._config, self._transport, self._account, self._clock)

    def capabilities(self) -> Capabilities:
        return self._shapes.able

    def prove(self, entry: Intent, stop: Intent) -> Sequence[ShapeProof]:
        """Entry (with its bracket) and stop by preview."""
        return self._shapes.prove(self._trade.show, entry, stop)

    def hurry(self, until: int) -> None:
        self._transport.hurry(until)

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

    def order(self, exchange_id: str, symbol: str) -> VenueOrder | None:  # noqa: ARG002 - Coinbase's ids need no symbol
        return self._account.order(exchange_id)

    def open_orders(self) -> Sequence[VenueOrder]:
        return self._account.open_orders()

    def find(self, client_id: str, symbol: str, since: int) -> VenueOrder | None:  # noqa: ARG002
        """As the base says; a harmless order that only used the id up and still stands is cancelled on the way."""
        found = self._account.find(client_id, since)
        if found is not None and found.type is OrderType.LIMIT and found.status not in DONE:
            return understood(lambda: self._trade.buried(found.exchange_id)) or found
        return found

    def recent_orders(self, since: int) -> Sequence[VenueOrder]:
        return self._account.recent_orders(since)

    def fills(self, since: int) -> Sequence[Fill]:
        return self._account.fills(since)

    def fills_of(self, order: VenueOrder) -> Sequence[Fill]:
        return self._account.fills_of(order)

    # -- requests ------------------------------------------------------------------------------------------------
    def place(self, intent: Intent) -> Outcome:
        outcome = self._trade.place(intent)
        self._shapes.learn(intent, outcome)
        return outcome

    def resend(self, intent: Intent) -> Outcome:
        """The same request byte for byte: Coinbase answers with the order that it made of the first one, if it made one."""
        return self.place(intent)

    def burn(self, intent: Intent) -> VenueOrder | None:
        return understood(lambda: self._trade.burn(intent))

    def amend(self, order: VenueOrder, *, qty: Decimal | None = None, trigger_price: Decimal | None = None) -> Outcome:
        """Stops and brackets cannot be edited: they are cancelled and placed anew."""
        return NotPlaced(Meaning.UNSUPPORTED, f"Coinbase cannot amend {order.exchange_id} to {qty} at {trigger_price}")

    def cancel(self, order: VenueOrder) -> Outcome:
        return self._trade.cancel(order)
