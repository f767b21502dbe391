"""Strategy answers that no trade can follow: none of them ends the actor, and open positions keep their stops."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.candles import Candles
from bot.domain.log import Event
from bot.domain.order import Purpose
from bot.strategy.base import Close, Costs, Evaluation, Exit, ExitLeg, ExitLegs, Terms, Trade, TradedRange
from tests.rig import Leaping, OnDemand, Rig
from tests.sandbox_fixture import Sandbox


class Answering(OnDemand):
    """Returns the answers that the test has set."""

    widest_r = math.inf

    def __init__(self) -> None:
        super().__init__()
        self.why = ""
        self.stop_price = math.nan
        self.percent = math.nan
        self.words: str | None = None
        self.stop_next: float | None = None
        self.sales: list[Exit] | None = None
        self.terms_: Terms | None = None
        self.raises: BaseException | None = None
        self.thinks = 0
        self.clock: Leaping | None = None

    def evaluate(self, candles: Candles) -> Evaluation:
        if self.clock is not None:
            self.clock.market_ahead += self.thinks
        found = super().evaluate(candles)._replace(why=self.why)
        return found if math.isnan(self.stop_price) else found._replace(stop=self.stop_price)

    def size_pct(self, evaluation: Evaluation) -> float:
        return super().size_pct(evaluation) if math.isnan(self.percent) else self.percent

    def terms(self, evaluation: Evaluation, price: float, costs: Costs) -> Terms:
        return self.terms_ or super().terms(evaluation, price, costs)

    def on_close(self, trade: Trade, candles: Candles) -> Close:
        if self.stop_next is not None:
            return Close(self.stop_next)
        return super().on_close(trade, candles) if self.words is None else Close(trade.stop, "bored", self.words)

    def on_price(self, trade: Trade, look: TradedRange) -> list[Exit]:
        if self.raises is not None:
            raise self.raises
        return super().on_price(trade, look) if self.sales is None else self.sales


@pytest.fixture
def rule(unopened: Rig) -> Answering:
    unopened.rule = rule = Answering()
    unopened.open()
    unopened.steady()
    return rule


def next_close(rig: Rig) -> None:
    closed = rig.engine.candle_cache.newest()
    rig.until(lambda: rig.engine.candle_cache.newest() > closed, "another close")
    rig.steady()


def lose_stop(rig: Rig) -> None:
    """Cancels the stop at the exchange."""
    for order in rig.engine.oms.broker.open_orders():
        rig.engine.oms.broker.cancel(order)
    assert rig.resting() == 0


@pytest.mark.parametrize("venue", ["kraken", "okx", "coinbase"])
@pytest.mark.parametrize("error", [SystemExit(1), RuntimeError("why"), type("Panic", (BaseException,), {})()])
def test_a_lost_stop_comes_back_whatever_on_price_raises(unopened: Rig, rule: Answering, error: BaseException) -> None:
    rig = unopened
    rig.bought()
    rule.raises = error
    lose_stop(rig)
    rig.turn()
    rig.until(rig.protected, "its stop")


def test_a_price_that_nobody_pays_is_not_tried_for(unopened: Rig, rule: Answering) -> None:
    """Each attempt would cancel the stop and achieve nothing."""
    rig = unopened
    position = rig.bought()
    rule.sales = [Exit(1, int(position.qty / rig.lot) // 2, float(position.entry_price) * 2)]
    rig.turn()
    rig.turn()
    assert rig.orders(Purpose.TP1) == []
    lose_stop(rig)
    rig.turn()
    rig.until(rig.protected, "its stop")


def test_a_stop_between_two_ticks_is_on_the_grid_before_it_is_judged(unopened: Rig, rule: Answering) -> None:
    """Otherwise a market at exactly that price is not beyond the stop, and no exchange accepts one that would fire at once."""
    rig = unopened
    position, instrument = rig.bought(), rig.engine.oms.instruments[rig.symbol]
    wanted = instrument.price(position.entry_price * Decimal("0.98"))
    rule.stop_next = float(wanted - instrument.tick / 3)
    next_close(rig)
    rig.hear()
    assert rig.position is not None
    assert rig.position.stop_price == wanted
    rig.quiet()
    assert rig.protected()


@pytest.mark.parametrize("venue", ["coinbase"])
@pytest.mark.parametrize(
    "legs", [(ExitLeg(1.0, 500.0),), (ExitLeg(0.5, 1.0), ExitLeg(0.5, 1e9)), (ExitLeg(0.5, 1e9),), ()]
)
def test_an_entry_has_its_stop_however_far_the_last_target_is(unopened: Rig, legs: ExitLegs) -> None:
    unopened.rule = rule = Answering()
    rule.legs = legs
    unopened.open()
    unopened.steady()
    unopened.bought()
    (entry,) = unopened.orders(Purpose.ENTRY)
    assert entry.attached_stop is not None
    assert unopened.naked_seconds() == []


@pytest.mark.parametrize("why", ["\ud800", "a\0b", "x" * 1_000_000, "a\nb"])
def test_words_of_any_kind_can_be_entered_with(unopened: Rig, rule: Answering, why: str) -> None:
    rule.why = why
    assert unopened.bought()
    unopened.quiet()


@pytest.mark.parametrize("words", ["\ud800", "a\0b", "x" * 1_000_000])
def test_words_of_any_kind_can_be_left_with(unopened: Rig, rule: Answering, words: str) -> None:
    unopened.bought()
    rule.words = words
    next_close(unopened)
    unopened.until(lambda: bool(unopened.hear() or unopened.position is None), "its exit")


@pytest.mark.parametrize("stop", [1e-30, 1e-300, 1e-12, 5e-324])
def test_a_stop_of_almost_nothing(unopened: Rig, rule: Answering, stop: float) -> None:
    rule.stop_price = stop
    assert unopened.enter() == []


def test_no_share_of_equity_is_no_entry(unopened: Rig, rule: Answering) -> None:
    rule.percent = 0.0
    assert unopened.enter() == []


def test_the_price_lies_before_the_resting_stop_whatever_the_terms(unopened: Rig, rule: Answering) -> None:
    rig = unopened
    close = rig.candles().close[-1]
    rule.stop_price = float(close) * 0.99
    rule.terms_ = Terms(float(close) * 0.5)
    rig.move(Decimal(repr(float(close) * 0.98)))
    assert rig.enter() == []
    assert [line["gate"] for line in rig.notes.said(Event.SKIP)] == ["stop"]


def test_what_is_held_is_looked_at_while_a_strategy_thinks(sandbox: Sandbox, tmp_path: Path) -> None:
    rig = Rig(sandbox, tmp_path, "LTC-USD", "ADA-USD", "XRP-USD")
    rig.rule = rule = Answering()
    rig.open()
    rig.steady()
    rig.bought()
    for symbol in rig.symbols:
        rig.candles(symbol)
    lose_stop(rig)
    rule.clock, rule.thinks = rig.clock, 16_000
    rig.engine.entries.scan(["ADA-USD", "XRP-USD"], rig.engine.accounting.measure(), None)
    assert rig.protected()
    rig.crash()
