"""Kraken's budgets: whose calls wait for whose."""

from __future__ import annotations

import pytest

from bot.brokers.deadline import Deadline, Haste
from bot.brokers.kraken.config import LIMITS, Tier
from bot.brokers.kraken.limits import KrakenLimits
from bot.brokers.rate_limits import OverBudget


class Still:
    """A market clock that runs, at a moment at which nothing has flowed out yet."""

    speed = 1.0

    def market_ms(self) -> int:
        return 1_000_000

    def wall_ms(self) -> int:
        return 1_000_000

    def steady_ms(self) -> int:
        return 1_000_000


def soon() -> Deadline:
    """A deadline that no wait for room fits in."""
    return Haste(Still().wall_ms).deadline(0.05)


@pytest.fixture
def limits() -> KrakenLimits:
    return KrakenLimits(LIMITS[Tier.PRO], Still())


def test_candles_of_one_market_do_not_wait_for_those_of_another(limits: KrakenLimits) -> None:
    for number in range(8):
        limits.public("OHLC", f"PAIR{number}", soon())


def test_one_markets_candles_are_held_to_one_a_second(limits: KrakenLimits) -> None:
    for _ in range(2):
        limits.public("OHLC", "XBTUSD", soon())
    with pytest.raises(OverBudget):
        limits.public("OHLC", "XBTUSD", soon())
    limits.public("OHLC", "ETHUSD", soon())


def test_many_markets_are_held_to_a_few_a_second(limits: KrakenLimits) -> None:
    assert asked(limits, "OHLC", 20) == 10


def test_other_questions_share_one_budget_whatever_their_markets(limits: KrakenLimits) -> None:
    assert asked(limits, "Ticker", 20) == 2


def asked(limits: KrakenLimits, method: str, markets: int) -> int:
    """Of how many markets a question could be asked at once."""
    for number in range(markets):
        try:
            limits.public(method, f"PAIR{number}", soon())
        except OverBudget:
            return number
    return markets
