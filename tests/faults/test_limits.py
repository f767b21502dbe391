"""The limits on a real exchange: what they block, what they count, and that a restart lifts none of them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.clock import DAY, HOUR
from bot.domain.log import Event
from bot.domain.order import Purpose
from bot.engine.candidate import capacity
from bot.engine.exits import SaleResult
from bot.strategy.gate_inputs import Capacity
from bot.strategy.gates import CAPACITY, Gate, first
from tests.rig import Rig
from tests.sandbox_fixture import Sandbox

VENUES = ("kraken", "okx", "coinbase")
ENTRY = {"kraken": "AddOrder", "okx": "trade/order$", "coinbase": "brokerage/orders$"}


def halted_by(rig: Rig) -> Gate | None:
    """The gate that blocks the account now, from a new measurement."""
    blocked = rig.engine.blocked_by(rig.engine.accounting.measure())
    return None if blocked is None else blocked.gate


def skipped(rig: Rig, gate: Gate) -> list[dict[str, object]]:
    """The lines about one gate."""
    return [line for line in rig.notes.said(Event.SKIP) if line["gate"] == gate.word]


def room(rig: Rig) -> Capacity:
    return capacity(rig.engine.oms, rig.limits, rig.base, rig.engine.accounting.measure())


def lose(rig: Rig) -> None:
    """A position that is stopped out at a loss."""
    if rig.position is None:
        rig.bought()
    rig.jump("0.93")
    rig.until(lambda: rig.position is None, "the stop")
    rig.quiet()


def limited(rig: Rig, **changes: object) -> None:
    rig.limits = replace(rig.limits, **changes)  # type: ignore[arg-type]
    rig.open()
    rig.steady()


def test_a_days_loss_halts_until_the_next_utc_day(unopened: Rig) -> None:
    rig = unopened
    limited(rig, max_daily_loss_pct=Decimal(1))
    assert halted_by(rig) is None
    lose(rig)
    assert halted_by(rig) is Gate.DAILY_LOSS
    assert len(rig.notes.said(Event.HALTED)) == 1
    rig.deposit(rig.quote, Decimal(100_000))
    assert halted_by(rig) is Gate.DAILY_LOSS
    rig.restart()
    rig.engine.resume()
    assert halted_by(rig) is Gate.DAILY_LOSS
    assert len(rig.notes.said(Event.HALTED)) == 1
    rig.clock.market_ahead = DAY
    assert halted_by(rig) is None
    assert len(rig.notes.said(Event.RESUMED)) == 1


def test_a_drawdown_halts_until_the_owner_resumes(unopened: Rig) -> None:
    rig = unopened
    limited(rig, max_drawdown_pct=Decimal(1))
    lose(rig)
    assert halted_by(rig) is Gate.DRAWDOWN
    rig.deposit(rig.quote, Decimal(100_000))
    rig.clock.market_ahead = 3 * DAY
    rig.restart()
    assert halted_by(rig) is Gate.DRAWDOWN
    assert len(rig.notes.said(Event.HALTED)) == 1
    rig.engine.resume()
    assert halted_by(rig) is None
    rig.restart()
    assert halted_by(rig) is None


def test_a_better_price_does_not_lift_a_halt(unopened: Rig) -> None:
    rig = unopened
    limited(rig, max_daily_loss_pct=Decimal("0.3"))
    rig.bought()
    rig.jump("0.97")
    assert halted_by(rig) is Gate.DAILY_LOSS
    rig.jump("1.05")
    assert halted_by(rig) is Gate.DAILY_LOSS


@pytest.mark.parametrize("flow", ["-700", "5000"])
def test_money_of_the_owner_is_neither_gain_nor_loss(unopened: Rig, flow: str) -> None:
    rig = unopened
    limited(rig, max_daily_loss_pct=Decimal(2), max_drawdown_pct=Decimal(2))
    lose(rig)
    before = rig.engine.accounting.measure().losses
    assert 0 < before.day_pct < 2
    rig.deposit(rig.quote, Decimal(flow))
    assert rig.engine.accounting.measure().losses == before
    rig.book.set_state("reported", "yes")  # as at the end of each cycle, changes are on disk
    rig.restart()
    assert rig.engine.accounting.measure().losses == before
    assert halted_by(rig) is None


@pytest.mark.parametrize("venue", VENUES)
def test_losses_in_a_row_keep_the_symbol_out_for_a_while(unopened: Rig) -> None:
    """At every venue: where a fee is taken in the coin, a position ends with dust and not with a fill."""
    rig = unopened
    limited(rig, max_losses_in_a_row=1, cooldown_ms=24 * HOUR)
    lose(rig)
    assert len(rig.notes.said(Event.EXIT)) == 1
    rig.restart()
    rig.book.set_state(f"stopped:{rig.symbol}", None)
    entries = len(rig.enter())
    (line,) = skipped(rig, Gate.LOSSES)
    assert (line["value"], line["limit"]) == ("1", "1")
    rig.limits = replace(rig.limits, cooldown_ms=0)
    rig.restart()
    rig.until(lambda: len(rig.enter()) > entries, "an entry after the wait")


def test_orders_per_minute_bind_entries_and_never_exits(unopened: Rig) -> None:
    rig = unopened
    limited(rig, max_orders_per_minute=1)
    position = rig.bought()
    rig.clock.market_ahead = -60_000  # the minute of the entry continues
    rig.engine.exits.sell(rig.symbol, position.qty, position.entry_price, Purpose.EXIT, "out")
    rig.until(lambda: rig.position is None, "the exit")
    rig.book.set_state(f"stopped:{rig.symbol}", None)
    assert room(rig).orders_last_minute >= 2
    blocked = first(CAPACITY, room(rig))
    assert blocked is not None
    assert blocked.gate is Gate.ORDER_RATE


@pytest.mark.parametrize("venue", VENUES)
def test_an_order_is_never_worth_more_than_the_most_even_where_it_fills_worst(unopened: Rig) -> None:
    rig = unopened
    limited(rig, max_order_usd=Decimal(50))
    rig.bought()
    (entry,) = rig.orders(Purpose.ENTRY)
    assert entry.limit_price is not None
    assert entry.qty * entry.limit_price <= 50
    assert entry.qty * entry.limit_price > 45


@pytest.mark.parametrize("venue", ["okx"])
def test_a_position_larger_than_one_sale_may_be_is_sold_in_parts(unopened: Rig) -> None:
    """OKX limits market orders and stops in dollars. What is bought stays far below, and may still outgrow it."""
    with unopened.switched("max_market_usd", 100):
        unopened.open()
        position = unopened.bought()
        assert 40 < position.value(position.entry_price) < 50
        unopened.quiet()
    with unopened.switched("max_market_usd", 30):
        unopened.engine.oms.learn_rules()
        price = unopened.engine.oms.broker.tickers({unopened.symbol})[unopened.symbol].bid
        for _ in range(2):
            assert unopened.engine.exits.exit_beyond_stop(unopened.symbol, price) is SaleResult.DONE
    assert unopened.position is None


@pytest.mark.parametrize("venue", VENUES)
def test_an_order_in_doubt_counts_as_exposure_and_as_a_position(unopened: Rig, venue: str) -> None:
    rig = unopened
    limited(rig, max_coin_exposure_pct=Decimal(25))
    rig.arm("drop_after", ENTRY[venue], method="POST", count=1)
    rig.enter()
    facts = room(rig)
    assert facts.open_positions == 1
    assert facts.coin_exposure == facts.exposure > 150
    assert rig.engine.accounting.measure().exposure == facts.exposure
    rig.quiet()
    after = room(rig)
    assert after.open_positions == 1
    assert abs(after.coin_exposure - facts.coin_exposure) < 10


def test_one_coin_is_bought_once_whatever_its_quote(sandbox: Sandbox, tmp_path: Path) -> None:
    """Two markets of one coin, both with a signal, the first order's fate unknown, then known."""
    rig = Rig(sandbox, tmp_path, "BTC-USD", "BTC-USDT")
    rig.open()
    rig.steady()
    (first,) = rig.engine.selection.symbols
    rig.engine.oms.fees.update(rig.engine.oms.broker.fees(rig.symbols))
    rig.arm("drop_after", "AddOrder", count=1)
    rig.enter(first)
    rig.enter(*rig.symbols)
    assert skipped(rig, Gate.UNSETTLED)[0]["reason"] == "an order in BTC is not settled yet"
    rig.until(lambda: rig.book.position(first) is not None, "the position")
    rig.enter(*rig.symbols)
    assert len(rig.sent(side="buy", origin="api")) == 1
    rig.crash()


def test_the_smallest_order_over_a_limit_names_the_limit(unopened: Rig) -> None:
    rig = unopened
    limited(rig, max_coin_exposure_pct=Decimal("0.01"))
    assert rig.enter() == []
    (line,) = skipped(rig, Gate.COIN_EXPOSURE)
    assert line["limit"] == "$0.30"
    assert "MAX_COIN_EXPOSURE_PCT" in str(line["reason"])
    rig.enter()
    assert len(skipped(rig, Gate.COIN_EXPOSURE)) == 1


def test_no_position_more_than_the_most(unopened: Rig) -> None:
    rig = unopened
    limited(rig, max_open_positions=0)
    assert rig.enter() == []
    assert [line["reason"] for line in skipped(rig, Gate.POSITIONS)] == [
        "0 positions are open, MAX_OPEN_POSITIONS is 0"
    ]


@pytest.mark.parametrize("factor", ["1.10", "0.90"])
def test_a_price_far_from_the_last_good_one_is_not_traded(unopened: Rig, factor: str) -> None:
    rig = unopened
    limited(rig, price_sanity_pct=Decimal(3))
    rig._await_candle()
    rig.jump(factor)
    rig.rule.side = 1
    rig.engine.entries.scan([rig.symbol], rig.engine.accounting.measure(), None)
    assert rig.orders(Purpose.ENTRY) == []
    assert skipped(rig, Gate.JUMP)


def test_old_balances_and_old_candles_are_not_traded_on(rig: Rig) -> None:
    rig._await_candle()
    snapshot = rig.engine.accounting.measure()
    rig.clock.ahead += 61_000
    rig.rule.side = 1
    rig.engine.entries.scan([rig.symbol], snapshot, None)
    assert [line["value"] for line in skipped(rig, Gate.BALANCES)] == ["61 s"]
    rig.clock.market_ahead = 300_000
    rig.engine.entries.scan([rig.symbol], rig.engine.accounting.measure(), None)
    assert [line["value"] for line in skipped(rig, Gate.CANDLES)] == ["the newest candle is not there yet"]
    assert rig.orders(Purpose.ENTRY) == []
