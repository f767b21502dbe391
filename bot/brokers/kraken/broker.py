"""The Kraken broker: one account on Kraken's spot market. Assembles its parts; knows no wire format."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import ClassVar

from bot.brokers.base import AbsenceProof, Capabilities, Connection, Reading
from bot.brokers.common.broker import VenueBroker
from bot.brokers.common.venue_clock import VenueClock
from bot.brokers.kraken.account import KrakenAccount
from bot.brokers.kraken.config import KrakenConfig
from bot.brokers.kraken.connect import connect
from bot.brokers.kraken.errors import failure
from bot.brokers.kraken.market import KrakenMarket
from bot.brokers.kraken.trade import KrakenTrade
from bot.brokers.kraken.transport import KrakenTransport
from bot.domain.clock import Clock
from bot.domain.fill import Fill
from bot.domain.log import Log
from bot.domain.order import VenueOrder


class KrakenBroker(VenueBroker):
    """One Kraken account. Used by one thread; another may only call `hurry`."""

    name: ClassVar[str] = "kraken"
    unavailable_place: ClassVar[str] = "in Earn or in another wallet that cannot trade"
    _transport: KrakenTransport
    _account: KrakenAccount

    def __init__(self, config: KrakenConfig, clock: Clock, log: Log) -> None:
        able = Capabilities(
            attached_stop=True,
            resting_stop=True,
            amend=True,
            absence=AbsenceProof.DEADLINE,
            deadline_ms=config.deadline_ms,
        )
        super().__init__(able, log)
        self._config = config
        self._clock = clock
        self._transport = KrakenTransport(config, clock, log)
        market = self._market = KrakenMarket(self._transport, clock, log)
        self._account = KrakenAccount(self._transport, market, clock, log)
        self._venue_clock = VenueClock(market.time, clock, log, failure)
        self._trade = KrakenTrade(config, self._transport, market, clock, self._venue_clock, log)

    def connect(self) -> Connection:
        return connect(self._config, self._transport, self._venue_clock, self._clock)

    # -- the key's counter -----------------------------------------------------------------------------------------
    def urgently(self) -> AbstractContextManager[None]:
        return self._transport.urgently()

    def briefly(self) -> AbstractContextManager[None]:
        return self._transport.briefly()

    def make_room(self, questions: int) -> None:
        self._transport.make_room(questions)

    # -- long lists ------------------------------------------------------------------------------------------------
    def read_orders(self, wanted: Mapping[str, str]) -> Reading[VenueOrder]:
        return self._account.read_orders(wanted)

    def read_ended(self, since: int) -> Reading[VenueOrder]:
        return self._account.read_ended(since)

    def read_fills(self, since: int) -> Reading[Fill]:
        return self._account.read_fills(since)
