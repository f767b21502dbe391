"""The OKX broker: one account on OKX's spot market and, if configured, its USDT contracts.

Assembles its parts; knows no wire format.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import ClassVar

from bot.brokers.base import AbsenceProof, BrokerError, Capabilities, Connection
from bot.brokers.common.broker import VenueBroker
from bot.brokers.common.venue_clock import VenueClock
from bot.brokers.okx.account import OkxAccount
from bot.brokers.okx.config import OkxConfig
from bot.brokers.okx.connect import connect, money_warnings, read_settings
from bot.brokers.okx.errors import failure, speaks_of_settings
from bot.brokers.okx.market import OkxMarket
from bot.brokers.okx.orders import is_algo
from bot.brokers.okx.parse import SwapPosition
from bot.brokers.okx.parse_market import Funding, type_of
from bot.brokers.okx.trade import OkxTrade
from bot.brokers.okx.transport import OkxTransport
from bot.domain.clock import HOUR, Clock
from bot.domain.instrument import FeeRate
from bot.domain.log import Event, Log
from bot.domain.order import Intent, Side
from bot.domain.outcome import NotPlaced, Outcome

#: Market ms after which OKX drops a cancelled order without fills from its history (GET /trade/orders-history).
FORGETS_AFTER = 2 * HOUR


class OKXBroker(VenueBroker):
    """One OKX account. Used by one thread; another may only call `hurry`."""

    name: ClassVar[str] = "okx"
    unavailable_place: ClassVar[str] = "in Funding or Simple Earn"
    _transport: OkxTransport
    _market: OkxMarket
    _account: OkxAccount
    _trade: OkxTrade

    def __init__(self, config: OkxConfig, clock: Clock, log: Log) -> None:
        able = Capabilities(
            attached_stop=True,
            resting_stop=True,
            amend=True,
            absence=AbsenceProof.DEADLINE,
            deadline_ms=config.deadline_ms,
            short=config.swaps,
            forgets_after_ms=FORGETS_AFTER,
            repeats_stops=True,
        )
        super().__init__(able, log)
        self._config = config
        self._transport = OkxTransport(config, clock, log)
        self._market = OkxMarket(config, self._transport, clock, log)
        self._account = OkxAccount(config, self._transport, self._market, clock, log)
        self._venue_clock = VenueClock(self._market.time, clock, log, failure)
        self._trade = OkxTrade(config, self._transport, self._market, self._account, clock, self._venue_clock, log)

    def connect(self) -> Connection:
        entry = connect(self._config, self._transport, self._venue_clock)
        self._trade.settings = entry.settings
        money = money_warnings(self._account, self._market.instruments().values())
        return replace(entry.connection, warnings=(*entry.connection.warnings, *money))

    def fees(self, symbols: Collection[str]) -> Mapping[str, FeeRate]:
        settings = self._trade.settings
        return self._account.fees(symbols, in_coin=settings is None or not settings.fee_in_quote)

    def resend(self, intent: Intent) -> Outcome:
        """Send a stop once more under its id. OKX refuses the second one (51065); the search then finds the first."""
        return self._trade.place(replace(intent, deadline=None)) if is_algo(intent) else super().resend(intent)

    def place(self, intent: Intent) -> Outcome:
        """Send once. If a refusal can be due to changed account settings, read them again."""
        outcome = super().place(intent)
        if isinstance(outcome, NotPlaced) and speaks_of_settings(outcome.reason):
            try:
                self._trade.settings = read_settings(self._transport)
            except BrokerError as error:
                self._log.warning(Event.MODE, venue=self.name, reason=error.text)
        return outcome

    # -- contracts ---------------------------------------------------------------------------------------------------
    def keep_listed(self, symbols: Collection[str]) -> None:
        """Keep contracts available while any is held, even if the settings no longer open new ones."""
        if any(type_of(symbol) != "SPOT" for symbol in symbols):
            self._market.open_contracts()
            self._account.open_contracts()

    def funding(self, symbol: str) -> Funding:
        """The next funding payment of a swap, and when it is due."""
        return self._market.funding(symbol)

    def contracts(self) -> Mapping[tuple[str, Side], Decimal]:
        found: dict[tuple[str, Side], Decimal] = defaultdict(Decimal)
        for one in self.positions():
            found[one.symbol, one.side] += one.qty
        return found

    def positions(self) -> Sequence[SwapPosition]:
        """Open contract positions with the distance to their liquidation, including foreign ones."""
        return self._account.positions()
