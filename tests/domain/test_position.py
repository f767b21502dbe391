"""Fills folded into a position: sizes, averages, results, whatever their order and number."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.fill import Fill
from bot.domain.order import Decision, Side
from bot.domain.position import Position, after, opened

ZERO = Decimal(0)
DECISION = Decision(300_000, Decimal(90), Decimal(100), Decimal("0.002"))


def fill(side: Side, qty: Decimal, price: Decimal, fee: Decimal = ZERO, asset: str = "USD", number: int = 0) -> Fill:
    return Fill(
        fill_id=f"F{number}",
        exchange_order_id="O",
        symbol="BTC-USD",
        side=side,
        qty=qty,
        price=price,
        fee=fee,
        fee_asset=asset,
        fee_usd=fee if asset == "USD" else fee * price,
        time=1_000 + number,
    )


def folded(fills: list[Fill]) -> Position:
    first, *rest = fills
    position = opened(first, DECISION, "entry")
    for one in rest:
        position = after(position, one)
    return position


def test_a_long_from_entry_to_end() -> None:
    position = folded([fill(Side.BUY, Decimal(2), Decimal(100), Decimal("0.4"))])
    assert (position.qty, position.entry_price, position.r) == (Decimal(2), Decimal(100), Decimal(10))
    assert position.realised == Decimal("-0.4")
    position = after(position, fill(Side.SELL, Decimal(1), Decimal(110), Decimal("0.22")))
    assert (position.qty, position.initial_qty) == (Decimal(1), Decimal(2))
    position = after(position, fill(Side.SELL, Decimal(1), Decimal(90), Decimal("0.18")))
    assert position.qty == 0
    assert position.realised == Decimal(10) - Decimal(10) - Decimal("0.8")
    assert position.fees == Decimal("0.8")


def test_a_short_is_the_mirror() -> None:
    position = folded([fill(Side.SELL, Decimal(1), Decimal(100))])
    assert position.unrealised(Decimal(95)) == 5
    position = after(position, fill(Side.BUY, Decimal(1), Decimal(95)))
    assert (position.qty, position.realised) == (Decimal(0), Decimal(5))


def test_a_fee_taken_in_the_coin_is_not_held() -> None:
    position = folded([fill(Side.BUY, Decimal(1), Decimal(100), Decimal("0.01"), "BTC")])
    assert position.qty == Decimal("0.99")
    assert position.fees == 1


amounts = st.decimals(min_value="0.01", max_value=100, places=2)
prices = st.decimals(min_value=1, max_value=1000, places=1)


@given(st.lists(st.tuples(amounts, prices), min_size=1, max_size=6), prices)
def test_the_order_of_an_entrys_fills_does_not_matter(rows: list[tuple[Decimal, Decimal]], exit_price: Decimal) -> None:
    fills = [fill(Side.BUY, qty, price, number=number) for number, (qty, price) in enumerate(rows)]
    one, other = folded(fills), folded(list(reversed(fills)))
    assert (one.qty, one.entry_price, one.initial_qty) == (other.qty, other.entry_price, other.initial_qty)
    bought = sum((qty for qty, _ in rows), ZERO)
    end = after(one, fill(Side.SELL, bought, exit_price, number=99))
    spent = sum((qty * price for qty, price in rows), ZERO)
    assert end.qty == 0
    assert abs(end.realised - (bought * exit_price - spent)) < Decimal("0.0000001")


@given(st.lists(amounts, min_size=1, max_size=6), prices)
def test_what_is_sold_and_what_is_left_are_what_was_bought(parts: list[Decimal], price: Decimal) -> None:
    bought = sum(parts, ZERO)
    position = folded([fill(Side.BUY, bought, price)])
    for number, part in enumerate(parts):
        before = position.qty
        position = after(position, fill(Side.SELL, part, price, number=number))
        assert position.qty == before - part
    assert position.qty == 0
    assert position.realised == 0
