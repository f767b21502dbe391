"""The price paid against the price decided on."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from bot.domain.order import Side
from bot.domain.profit import TAKEN_LEG, Leg, Trade
from bot.domain.slippage import priced_fills, slippage
from tests.domain.test_profit import leg, trade


def decided(one: Leg, price: str) -> Leg:
    return replace(one, decision_price=Decimal(price))


BOUGHT = decided(leg(1_000, "100.5", "2"), "100")
SOLD = decided(leg(2_000, "99", "2", purpose="stop"), "100")
LONG = trade(BOUGHT, SOLD)


def costs(*trades: Trade) -> list[tuple[str, Decimal | None, Decimal | None]]:
    return [(str(one.side), one.slippage_usd, one.slippage_bp) for one in priced_fills(trades)]


def test_a_dearer_purchase_and_a_cheaper_sale_both_cost() -> None:
    assert costs(LONG) == [("buy", Decimal(1), Decimal(50)), ("sell", Decimal(2), Decimal(100))]


def test_a_short_sells_first() -> None:
    assert costs(replace(LONG, side=Side.SELL)) == [
        ("sell", Decimal(-1), Decimal(-50)),
        ("buy", Decimal(-2), Decimal(-100)),
    ]


def test_it_is_in_dollars_of_the_moment() -> None:
    (one, _) = priced_fills([trade(replace(BOUGHT, quote_usd=Decimal("0.5")), SOLD)])
    assert (one.slippage_usd, one.slippage_bp) == (Decimal("0.5"), Decimal(50))


def test_groups_weigh_by_value_and_leave_out_what_nobody_decided() -> None:
    unknown = leg(3_000, "50", purpose="exit")
    small = decided(leg(4_000, "10.2", "1"), "10")
    fills = priced_fills([trade(BOUGHT, SOLD, unknown, small), trade(leg(1, "1", purpose=TAKEN_LEG))])
    assert len(fills) == 4
    rows = {row.key: row for row in slippage(fills, lambda one: one.leg.purpose)}
    assert set(rows) == {"entry", "stop"}
    entry = rows["entry"]
    assert (entry.fills, entry.usd, entry.worst_bp) == (2, Decimal("1.2"), Decimal(200))
    assert round(entry.mean_bp, 6) == round(Decimal("1.2") / Decimal(210) * 10_000, 6)
    assert [row.key for row in slippage(fills, lambda one: one.leg.purpose)] == ["stop", "entry"]


def test_only_the_time_that_is_asked_for_counts() -> None:
    assert [one.leg.time for one in priced_fills([LONG], 1_001)] == [2_000]
    assert [one.leg.time for one in priced_fills([LONG], 0, 2_000)] == [1_000]
