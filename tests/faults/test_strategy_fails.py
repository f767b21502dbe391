"""A strategy that raises or gives an impossible answer affects one symbol: its position stays protected, others trade on."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from bot.domain.candles import Candles
from bot.domain.log import Event
from bot.domain.order import Purpose
from bot.strategy.base import Close, Ended, Evaluation, Exit, Trade, TradedRange
from tests.rig import OnDemand, Rig
from tests.sandbox_fixture import Sandbox

VENUES = ("kraken", "okx", "coinbase")
FILE = f"faults/{Path(__file__).name}"


class Failing(OnDemand):
    """Raises in each method that the test names; `at` is the close at which its evaluation does so (by default any)."""

    def __init__(self, *fails: str) -> None:
        super().__init__()
        self.fails = set(fails)
        self.at = 0.0

    def _perhaps(self, question: str) -> None:
        if question in self.fails:
            raise ZeroDivisionError(f"in {question}")

    def evaluate(self, candles: Candles) -> Evaluation:
        if self.at in (0.0, float(candles.close[-1])):
            self._perhaps("evaluate")
        return super().evaluate(candles)

    def size_pct(self, evaluation: Evaluation) -> float:
        self._perhaps("size_pct")
        return super().size_pct(evaluation)

    def may_return(self, candles: Candles, last: Ended) -> bool:
        self._perhaps("may_return")
        return super().may_return(candles, last)

    def on_close(self, trade: Trade, candles: Candles) -> Close:
        self._perhaps("on_close")
        return super().on_close(trade, candles)

    def on_price(self, trade: Trade, look: TradedRange) -> list[Exit]:
        self._perhaps("on_price")
        return super().on_price(trade, look)

    def window(self, timeframe_ms: int) -> int:
        self._perhaps("window")
        return super().window(timeframe_ms)


EVERY = ("evaluate", "size_pct", "may_return", "on_close", "on_price", "window", "refusal")


def next_close(rig: Rig) -> None:
    """Waits for another close."""
    closed = rig.engine.candle_cache.newest()
    rig.until(lambda: rig.engine.candle_cache.newest() > closed, "another close")
    rig.steady()


@pytest.mark.parametrize("venue", VENUES)
def test_a_strategy_that_raises_everywhere_leaves_what_it_holds_protected(unopened: Rig) -> None:
    rig = unopened
    rig.rule = rule = Failing()
    rig.open()
    rig.steady()
    position = rig.bought()
    rule.fails = set(EVERY)
    rig.turn()
    assert rig.protected()
    next_close(rig)
    rig.cycle()
    rig.quiet()
    assert rig.protected()
    lines = rig.notes.said(Event.STRATEGY)
    assert {"on_price", "on_close"} <= {str(line["reason"]).partition(":")[0] for line in lines}
    assert {(line["strategy"], line["symbol"]) for line in lines} == {("Failing", rig.symbol)}
    assert all(
        str(line["where"]).startswith(f"{FILE}:") and "ZeroDivisionError" in str(line["reason"]) for line in lines
    )
    rig.restart()
    rig.quiet()
    assert rig.protected()
    stop = next(one for one in rig.engine.oms.broker.open_orders() if one.trigger_price is not None)
    rig.engine.oms.broker.cancel(stop)
    rig.until(rig.protected, "a stop in the place of the one that is gone")
    rig.move(position.stop_price * 99 / 100)
    rig.until(lambda: rig.position is None, "its stop")
    rig.quiet()
    assert rig.coins() < rig.lot


def test_it_is_told_once_for_each_question_and_candle(unopened: Rig) -> None:
    rig = unopened
    rig.rule = rule = Failing()
    rig.open()
    rig.steady()
    rig.bought()
    rule.fails = {"on_price"}
    candle = rig.clock.market_ms() // 300_000
    while rig.clock.market_ms() // 300_000 == candle:
        rig.turn()
    assert len(rig.notes.said(Event.STRATEGY)) <= 2
    rig.turn()
    assert len(rig.notes.said(Event.STRATEGY)) == 2


@pytest.mark.parametrize("venue", VENUES)
def test_targets_are_sold_though_no_close_can_be_judged(unopened: Rig) -> None:
    rig = unopened
    rig.rule = Failing("on_close")
    rig.open()
    rig.steady()
    position = rig.bought()
    rig.move(position.entry_price + position.r * 11 / 10)
    rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
    next_close(rig)
    rig.cycle()
    rig.quiet()
    assert rig.protected()
    assert rig.orders(Purpose.TP1)


@pytest.mark.parametrize("question", ["evaluate", "size_pct", "may_return"])
def test_who_cannot_decide_does_not_enter(unopened: Rig, question: str) -> None:
    rig = unopened
    rig.rule = rule = Failing()
    rig.open()
    rig.steady()
    rig.book.set_state(f"ended:{rig.symbol}", "1 stop")
    rule.fails = {question}
    assert rig.enter() == []
    assert [str(line["reason"]).partition(":")[0] for line in rig.notes.said(Event.STRATEGY)] == [question]
    rule.fails.clear()
    next_close(rig)
    assert rig.bought()


class Impossible(OnDemand):
    """Its stops are no numbers."""

    def evaluate(self, candles: Candles) -> Evaluation:
        return super().evaluate(candles)._replace(stop=math.nan)


def test_a_stop_that_is_no_number_is_no_entry(unopened: Rig) -> None:
    unopened.rule = Impossible()
    unopened.open()
    unopened.steady()
    assert unopened.enter() == []
    (line,) = unopened.notes.said(Event.STRATEGY)
    assert line["where"] == f"{FILE}:{Impossible.evaluate.__code__.co_firstlineno}"
    assert "stop is nan" in str(line["reason"])


def test_other_symbols_are_traded_on(sandbox: Sandbox, tmp_path: Path) -> None:
    rig = Rig(sandbox, tmp_path, "LTC-USD", "ADA-USD")
    rig.rule = rule = Failing("evaluate")
    rig.open()
    rig.steady()
    rule.at = float(rig.candles("LTC-USD").close[-1])
    rig.enter("LTC-USD", "ADA-USD")
    assert rig.position is None
    assert rig.book.position("ADA-USD") is not None
    assert [line["symbol"] for line in rig.notes.said(Event.STRATEGY)] == ["LTC-USD"]
    rig.crash()
