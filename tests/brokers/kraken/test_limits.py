"""Kraken's budgets: which calls wait for which."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from bot.broker_manager import BrokerManager
from bot.brokers.base import Priority
from bot.brokers.common.deadline import Deadline, WaitLimit
from bot.brokers.common.rate_limits import OverBudget
from bot.brokers.kraken import KrakenBroker
from bot.brokers.kraken.config import Tier
from bot.brokers.kraken.limits import LOWERED_FOR, Charge, KrakenLimits
from bot.domain.log import Event
from bot.domain.pacer import RealTime
from bot.runtime.trading_environment import TradingEnvironment
from bot.settings.load import load_settings
from tests.brokers.kraken.conftest import KEY, SECRET, Notes


class Still:
    """A market clock at a moment when nothing has decayed yet."""

    pacer = RealTime()

    def __init__(self) -> None:
        self.now = 1_000_000

    def market_ms(self) -> int:
        return self.now

    def wall_ms(self) -> int:
        return 1_000_000

    def steady_ms(self) -> int:
        return 1_000_000


def soon() -> Deadline:
    """A deadline too short for any wait for room."""
    return WaitLimit(Still().wall_ms).deadline(0.05)


@pytest.fixture
def limits() -> KrakenLimits:
    return KrakenLimits(Tier.PRO, Still(), Notes())


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
    """How many markets could be queried at once."""
    for number in range(markets):
        try:
            limits.public(method, f"PAIR{number}", soon())
        except OverBudget:
            return number
    return markets


# -- the account's level ------------------------------------------------------------------------------------------------
def questions(limits: KrakenLimits, priority: Priority = Priority.QUERY) -> int:
    """How many queries could be made at once."""
    for number in range(40):
        try:
            limits.question("OpenOrders", soon(), priority)
        except OverBudget:
            return number
    return 40


@pytest.mark.parametrize(("tier", "at_once"), [(Tier.STARTER, 10), (Tier.INTERMEDIATE, 13), (Tier.PRO, 13)])
def test_a_tiers_counter(tier: Tier, at_once: int) -> None:
    assert questions(KrakenLimits(tier, Still(), Notes())) == at_once


def test_what_is_urgent_finds_room_where_the_rest_has_none() -> None:
    limits = KrakenLimits(Tier.STARTER, Still(), Notes())
    assert (questions(limits, Priority.ENTRY), questions(limits), questions(limits, Priority.EXIT)) == (7, 3, 4)


def test_a_refusal_takes_the_account_for_one_of_the_level_below_for_an_hour() -> None:
    clock, notes = Still(), Notes()
    limits = KrakenLimits(Tier.PRO, clock, notes)
    for believed in ("intermediate", "starter", "starter"):
        limits.question("OpenOrders", soon())
        limits.refused()
        assert notes.said(Event.TIER)[-1]["believed"] == believed
        clock.now += 60_000
    assert questions(limits) == 10
    assert notes.events == [Event.TIER, Event.TIER]
    clock.now += LOWERED_FOR
    assert questions(limits) == 13


def test_a_refusal_of_an_order_lowers_the_level_too_and_one_of_a_public_question_does_not() -> None:
    notes = Notes()
    limits = KrakenLimits(Tier.PRO, Still(), notes)
    limits.public("Ticker", "", soon())
    limits.refused()
    assert not notes.lines
    limits.order(Charge("BTC-USD", 1, Priority.EXIT), soon())
    limits.refused()
    assert notes.events == [Event.TIER]


def test_what_others_spent_counts_as_far_as_it_has_not_flowed_out() -> None:
    clock = Still()
    limits = KrakenLimits(Tier.STARTER, clock, Notes())
    limits.recall((14.0, clock.now))
    assert questions(limits) == 0
    clock.now += 30_000  # 9.9 points
    assert questions(limits) == 6
    limits.recall((14.0, clock.now - 3_600_000))
    assert limits.spent[0] == pytest.approx(10.1)


@pytest.mark.parametrize("tier", Tier)
def test_the_owners_word_sets_the_level(tmp_path: Path, tier: Tier) -> None:
    settings = load_settings(
        tmp_path, {"KRAKEN_API_KEY": KEY, "KRAKEN_API_SECRET": SECRET, "KRAKEN_TIER": tier, "TRADING_MODE": "live"}
    )
    env = TradingEnvironment.of(settings)
    with (
        closing(env),
        closing(BrokerManager(env, tmp_path, allow_withdraw=False, log_for=lambda _: Notes()).build("kraken")) as one,
    ):
        assert isinstance(one, KrakenBroker)
        assert one._config.tier is tier
