"""The exchange does not show an order yet, or shows its fill late: the order is not taken for ended."""

from __future__ import annotations

from decimal import Decimal

from bot.domain.log import Event
from bot.domain.order import OrderStatus, Purpose
from tests.rig import Rig


def test_a_fill_that_shows_late_after_a_restart_is_not_a_cancel(rig: Rig) -> None:
    rig.arm("late_fill", count=1, seconds=2.0)
    rig.arm("drop_after", "AddOrder", count=1)
    rig.enter()
    rig.restart()
    (entry,) = rig.orders(Purpose.ENTRY)
    assert entry.status is not OrderStatus.CANCELED
    rig.enter()
    rig.until(lambda: rig.position is not None, "the position")
    rig.quiet()
    assert len(rig.sent(side="buy")) == 1
    assert rig.position is not None
    assert rig.resting() == rig.position.qty


def test_an_id_that_the_exchange_does_not_know_for_a_while(rig: Rig) -> None:
    rig.arm("exchange_error", "QueryOrders", body="EOrder:Unknown order", count=6)
    rig.enter()
    rig.restart()
    rig.quiet()
    assert len(rig.sent(side="buy")) == 1
    (entry,) = rig.orders(Purpose.ENTRY)
    assert entry.status is OrderStatus.FILLED
    assert rig.position is not None


def test_while_an_entrys_fill_is_hidden_its_coin_takes_no_other(rig: Rig) -> None:
    rig.arm("late_fill", count=1, seconds=4.0)
    rig.enter()
    candle = rig.orders(Purpose.ENTRY)[0].created_at // 300_000
    rig.until(lambda: rig.clock.market_ms() // 300_000 > candle or rig.position is not None, "the next candle")
    rig.enter()
    rig.quiet()
    assert len(rig.sent(side="buy")) == 1


def test_a_late_fill_of_a_sale_is_no_reason_to_sell_again(rig: Rig) -> None:
    rig.bought()
    rig.arm("late_fill", count=1, seconds=2.0)
    rig.jump("1.20")
    rig.until(lambda: rig.position is None, "the end")
    rig.quiet()
    (entry,) = rig.sent(side="buy")
    assert sum(Decimal(row["filled"]) for row in rig.sent(side="sell")) == Decimal(entry["filled"])


def test_coins_of_an_order_that_is_closed_before_its_fills_show_are_not_guarded_again(rig: Rig) -> None:
    """Kraken reports `closed` but no execution yet: a stop restored for what the target sold would sell the owner's coins."""
    owners = Decimal(20)
    rig.deposit(rig.base, owners)
    bought = rig.bought().qty
    with rig.switched("ends_one_unit_short", value=True):
        rig.arm("late_fill", count=5, seconds=4.0)
        rig.jump("1.05")
        rig.turn()
        assert rig.position is not None
        assert rig.position.qty == bought  # hidden
        assert rig.resting() <= rig.coins() - owners + rig.lot  # the sale itself ends a unit short
        rig.jump("0.9")
        rig.until(lambda: rig.position is None and rig.agreed(), "the end")
    assert abs(rig.coins() - owners) < rig.lot * 5


def test_a_stop_that_is_closed_before_its_fills_show_is_not_placed_again(rig: Rig) -> None:
    owners = Decimal(20)
    rig.deposit("USD", Decimal(100_000))
    rig.deposit(rig.base, owners)
    rig.bought()
    assert len(rig.sent(type="stop")) > 1
    with rig.switched("ends_one_unit_short", value=True):
        rig.arm("late_fill", seconds=4.0, after=1, count=30)
        rig.arm("exchange_error", "public/Trades", body="EGeneral:Invalid arguments", count=4)
        rig.jump("0.9")
        rig.until(lambda: rig.position is None and rig.agreed(), "the end")
    assert rig.notes.said(Event.OVERSOLD) == []
    assert abs(rig.coins() - owners) <= rig.lot * (1 + len(rig.sent(type="stop")))  # each may end a unit short
