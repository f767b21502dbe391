"""Whatever order fills come in: the stored positions are the fold of the fills, and no coin is made or lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bot.domain.fill import Fill
from bot.domain.money import ZERO
from bot.domain.order import OrderStatus, Purpose, Side
from bot.domain.position import Position, after, fee_in_quote, opened, valued
from bot.domain.profit import By, rows, total
from bot.store.database import Store
from bot.store.ledger import Ledger
from bot.store.schema import accounts, write_offs
from bot.store.trades import account_trades
from tests.store.cases import AT_COST, DECISION, KRAKEN, HandClock, fill, intent, report

TINY = Decimal("1e-12")
SYMBOLS = ("BTC-USD", "BTC-USDT", "ETH-USD")


@dataclass(frozen=True)
class Step:
    """One fill of an order of its own, perhaps reported twice, perhaps followed by a closing or a write-off."""

    symbol: str
    entry: bool
    qty: int
    price: int
    fee: int
    in_coin: bool
    twice: bool
    then: str


STEPS = st.lists(
    st.builds(
        Step,
        symbol=st.sampled_from(SYMBOLS),
        entry=st.booleans(),
        qty=st.integers(1, 400),
        price=st.integers(1, 10_000),
        fee=st.integers(0, 100),
        in_coin=st.booleans(),
        twice=st.booleans(),
        then=st.sampled_from(["", "", "", "close", "write off", "reopen"]),
    ),
    max_size=12,
)


class Fold:
    """The same book, kept in plain values."""

    def __init__(self) -> None:
        self.open: dict[str, Position] = {}
        self.dust: dict[str, Decimal] = {}
        self.cost: dict[str, Decimal] = {}
        self.oversold = ZERO
        self.strangers = ZERO
        """What coins were sold for that were never ours."""
        self.gone = ZERO

    def book(self, event: Fill, entry: bool, order: str) -> None:
        held = self.open.get(event.symbol)
        if held is None and not entry:
            self.sell_unheld(event, -event.base_change)
        elif held is None:
            self.open[event.symbol] = opened(event, DECISION, order)
        else:
            self.keep(event, after(held, event))

    def keep(self, event: Fill, then: Position) -> None:
        if then.qty < 0:
            earned = self.sell_unheld(event, -then.qty)
            then = valued(then, then.qty, event.price)
            then = replace(then, realised=then.realised + earned)
        self.open[event.symbol] = then
        if then.qty <= 0:
            del self.open[event.symbol]

    def sell_unheld(self, event: Fill, qty: Decimal) -> Decimal:
        coin = event.symbol.split("-")[0]
        held = self.dust.get(coin, ZERO)
        swept = min(qty, held)
        self.dust[coin] = held - swept
        self.oversold += qty - swept
        self.strangers += (qty - swept) * event.price
        cost = self.cost.get(coin, ZERO)
        part = cost if swept == held else cost * swept / held
        self.cost[coin] = cost - part
        return swept * event.price - part

    def close(self, symbol: str) -> None:
        rest = self.open.pop(symbol)
        self.dust[rest.base] = self.dust.get(rest.base, ZERO) + rest.qty
        self.cost[rest.base] = self.cost.get(rest.base, ZERO) + rest.qty * AT_COST.price

    def write_off(self, symbol: str, qty: Decimal) -> None:
        was = self.open[symbol]
        gone = min(qty, was.qty)
        self.gone += gone
        self.open[symbol] = valued(was, gone, AT_COST.price)
        if was.qty == gone:
            del self.open[symbol]


def fill_of(number: int, step: Step) -> Fill:
    """Sizes in hundredths; a fee in the coin is a small part of the size."""
    qty = Decimal(step.qty).scaleb(-2)
    fee = (qty if step.in_coin else Decimal(1)) * Decimal(step.fee).scaleb(-4)
    return fill(
        f"F{number}",
        f"X{number}",
        str(qty),
        str(Decimal(step.price).scaleb(-1)),
        symbol=step.symbol,
        side=Side.BUY if step.entry else Side.SELL,
        fee=str(fee),
        asset=step.symbol.split("-")[int(not step.in_coin)],
        time=6_000 + number,
    )


def trade(book: Ledger, fold: Fold, steps: Iterable[Step]) -> list[Fill]:
    """Both books through the same steps; the fills that were booked."""
    fills = []
    for number, step in enumerate(steps):
        event = fill_of(number, step)
        purpose, side = (Purpose.ENTRY, Side.BUY) if step.entry else (Purpose.EXIT, Side.SELL)
        order = intent(number, step.symbol, purpose, side, str(event.qty), attempt=number)
        book.record(order)
        book.mark(order.client_id, OrderStatus.SUBMITTED, exchange_id=f"X{number}")
        booking = book.record_fill(event)
        assert booking is not None
        assert booking.order.booked_qty == event.qty
        fold.book(event, step.entry, order.client_id)
        if step.twice:
            assert book.record_fill(event) is None
        fills.append(event)
        book = live_on(book, fold, step, event.time)
        book.update(
            report(f"X{number}", OrderStatus.FILLED, str(event.qty), symbol=step.symbol, side=side, qty=str(event.qty))
        )
    return fills


def live_on(book: Ledger, fold: Fold, step: Step, now: int) -> Ledger:
    """What happens between two fills: nothing, a closing, a withdrawal, or a restart."""
    if step.then == "reopen":
        return Ledger(book._db.store, book.account, book._db._clock)
    if step.symbol in fold.open and step.then == "close":
        book.close(step.symbol, 9_000, "dust", AT_COST)
        fold.close(step.symbol)
    elif step.symbol in fold.open and step.then == "write off":
        book.write_off(step.symbol, Decimal("0.5"), now, "withdrawn", AT_COST)
        fold.write_off(step.symbol, Decimal("0.5"))
    return book


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_the_book_is_the_fold_of_its_fills(store: Store, steps: list[Step]) -> None:
    account = replace(KRAKEN, identity=uuid4().hex)
    book, fold = Ledger(store, account, HandClock()), Fold()
    fills = trade(book, fold, steps)
    stored = {position.symbol: position for position in book.positions()}
    dust = book.dust()
    assert stored == fold.open
    assert dust == {coin: qty for coin, qty in fold.dust.items() if qty}
    held = sum((position.qty for position in stored.values()), ZERO) + sum(dust.values(), ZERO)
    assert held == sum((event.base_change for event in fills), ZERO) + fold.oversold - fold.gone
    assert list(book.unsettled()) == []


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_no_coin_is_lost_when_sales_are_told_after_their_coins_were_written_off(
    store: Store, steps: list[Step]
) -> None:
    """What is written off is taken for gone at a time by which all of these fills had happened."""
    account = replace(KRAKEN, identity=uuid4().hex)
    book, moved, oversold = Ledger(store, account, HandClock()), ZERO, ZERO
    for number, step in enumerate(steps):
        side, event = Side.BUY if step.entry else Side.SELL, fill_of(number, step)
        purpose = Purpose.ENTRY if step.entry else Purpose.EXIT
        book.record(intent(number, step.symbol, purpose, side, str(event.qty), attempt=number))
        book.mark(intent(number).client_id, OrderStatus.SUBMITTED, exchange_id=f"X{number}")
        booking = book.record_fill(event)
        assert booking is not None
        moved, oversold = moved + event.base_change, oversold + booking.oversold
        if step.then == "write off" and book.position(step.symbol) is not None:
            book.write_off(step.symbol, Decimal("0.5"), 9_000, "withdrawn", AT_COST)
    held = sum((position.qty for position in book.positions()), ZERO) + sum(book.dust().values(), ZERO)
    with store.reading() as connection:
        gone = connection.execute(
            select(write_offs.c.qty).join(accounts).where(accounts.c.identity == account.identity)
        )
        assert held == moved + oversold - sum(gone.scalars(), ZERO)
    assert all(position.qty > 0 for position in book.positions())


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_what_was_earned_is_the_money_that_moved_and_the_cost_of_what_is_left(store: Store, steps: list[Step]) -> None:
    """Whatever happens: purchases after sales, fees in the coin, dust that is sold, coins that leave without a sale."""
    account = replace(KRAKEN, identity=uuid4().hex)
    book, fold = Ledger(store, account, HandClock()), Fold()
    fills = trade(book, fold, steps)
    moved = sum((-event.base_change * event.price for event in fills), ZERO)
    cash = moved - sum((fee_in_quote(event) for event in fills), ZERO)
    held = sum((one.qty * one.entry_price for one in book.positions()), ZERO)
    left = held + sum(fold.cost.values(), ZERO) + fold.gone * AT_COST.price - fold.strangers
    with book._db.reading() as tx:
        found = account_trades(account, tx).trades
    earned = sum((one.result_usd for one in found), ZERO)
    assert abs(earned - (cash + left)) < TINY
    assert abs(earned - book.realised_since(0)) < TINY
    assert abs(earned - Ledger(store, account, HandClock()).realised_since(0)) < TINY
    for by in By:
        assert abs(total(rows(found, by, 9_000)).realised_usd - earned) < TINY
