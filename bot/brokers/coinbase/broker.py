"""The Coinbase broker: one portfolio of Coinbase Advanced Trade. Assembles its parts; knows no wire format."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from bot.brokers.base import AbsenceProof, Capabilities, Connection
from bot.brokers.coinbase.account import CoinbaseAccount
from bot.brokers.coinbase.config import CoinbaseConfig
from bot.brokers.coinbase.connect import connect
from bot.brokers.coinbase.errors import failure
from bot.brokers.coinbase.market import CoinbaseMarket
from bot.brokers.coinbase.trade import CoinbaseTrade
from bot.brokers.coinbase.transport import CoinbaseTransport
from bot.brokers.common.broker import VenueBroker
from bot.brokers.common.venue_clock import VenueClock
from bot.domain.clock import Clock
from bot.domain.log import Log
from bot.domain.order import DONE, Intent, OrderType, VenueOrder
from bot.domain.outcome import Outcome


class CoinbaseBroker(VenueBroker):
    """One Coinbase portfolio. Used by one thread; another may only call `hurry`."""

    name: ClassVar[str] = "coinbase"
    unavailable_place: ClassVar[str] = "in a vault, in another portfolio or in a wallet that is not ready"
    _transport: CoinbaseTransport
    _account: CoinbaseAccount
    _trade: CoinbaseTrade

    def __init__(self, config: CoinbaseConfig, clock: Clock, log: Log) -> None:
        able = Capabilities(
            attached_stop=True,
            attached_target=True,
            resting_stop=True,
            amend=False,
            absence=AbsenceProof.SAME_ID,
            deadline_ms=0,
        )
        super().__init__(able, log)
        self._config = config
        self._transport = CoinbaseTransport(config, clock, log)
        market = self._market = CoinbaseMarket(self._transport, clock, log)
        self._account = CoinbaseAccount(self._transport, clock, log, market.lists)
        self._venue_clock = VenueClock(market.time, clock, log, failure)
        self._trade = CoinbaseTrade(self._transport, market, self._account, clock, log)

    def connect(self) -> Connection:
        return connect(self._config, self._transport, self._account, self._venue_clock)

    def keep_symbols(self, symbol_of: Callable[[str], str | None]) -> None:
        self._account.symbol_of = symbol_of

    def find(self, client_id: str, symbol: str, since: int) -> VenueOrder | None:
        """As in the base class. If it finds a harmless order that only used up the id and is still open, it cancels that."""
        found = super().find(client_id, symbol, since)
        if found is not None and found.type is OrderType.LIMIT and found.status not in DONE:
            return failure.understood(lambda: self._trade.buried(found.exchange_id)) or found
        return found

    def resend(self, intent: Intent) -> Outcome:
        """Send the same request byte for byte. If the first one created an order, Coinbase answers with that order."""
        return self.place(intent)

    def burn(self, intent: Intent) -> VenueOrder | None:
        return failure.understood(lambda: self._trade.burn(intent))
