"""Our coins that the owner has sold or withdrawn: no sale or stop for missing coins, and the owner's sale is in the book."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal

import pytest

from bot.domain.instrument import Balance
from bot.domain.log import Event
from bot.domain.order import Purpose
from bot.engine.coins import UNCONFIRMED
from bot.store.reader import Books
from bot.store.report import write_csv
from tests.rig import Rig

VENUES = ("kraken", "okx", "coinbase")
HOLDING = {"kraken": "stop_holds_base", "coinbase": "stops_hold_base"}
#: Where the exchange's history omits sales by hand, unless they were made in its trading view.
HIDING = {"coinbase": "hand_orders_advanced"}
LATER_MS = 25_000


@contextmanager
def owner_may_take_them(rig: Rig) -> Iterator[None]:
    """Lets the owner take the coins, which a resting stop would hold at some venues."""
    with ExitStack() as stack:
        if rig.venue in HOLDING:
            stack.enter_context(rig.switched(HOLDING[rig.venue], False))
        if rig.venue in HIDING:
            stack.enter_context(rig.switched(HIDING[rig.venue], True))
        yield


def work(rig: Rig, seconds: float, reason: str) -> None:
    """The work of an actor under EMERGENCY_STOP or `nija flatten`, several times a second."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and rig.engine.flattening.left():
        rig.engine.flattening.step(reason)
        rig.turn()
        time.sleep(0.1)


def sell_by_hand(rig: Rig, qty: Decimal) -> None:
    """Sells as the owner, and waits until the exchange's balances show it."""
    left = rig.coins() - qty
    rig.manual("sell", rig.engine.oms.instruments[rig.symbol].size(qty))
    for _ in range(100):
        held = rig.engine.oms.broker.balances().get(rig.base)
        if held is None or held.total < left + rig.lot:
            return
        time.sleep(0.1)
    raise AssertionError("the exchange never showed the owner's sale")


def refused(rig: Rig) -> int:
    return len(rig.notes.said(Event.REJECTED))


@pytest.mark.parametrize("way", ["sold", "withdrawn"])
@pytest.mark.parametrize("venue", VENUES)
def test_flatten_believes_a_refusal_by_the_balance(rig: Rig, way: str) -> None:
    with owner_may_take_them(rig):
        bought = rig.bought().qty
        if way == "sold":
            sell_by_hand(rig, bought)
        else:
            rig.deposit(rig.base, -bought)
        work(rig, 6.0, "EMERGENCY_STOP")
        assert 1 <= refused(rig) <= 4
        assert rig.resting() == 0, "a stop for coins that are not there"
        rig.clock.ahead += LATER_MS
        work(rig, 6.0, "EMERGENCY_STOP")
    assert rig.position is None
    assert rig.resting() == 0
    assert len(rig.notes.said(Event.GONE)) == 1
    assert rig.agreed() or way == "withdrawn", rig.differences()


@pytest.mark.parametrize("venue", VENUES)
def test_an_exit_sells_the_half_that_is_there(rig: Rig) -> None:
    with owner_may_take_them(rig):
        position = rig.bought()
        bought, price = position.qty, position.entry_price
        gone = rig.engine.oms.instruments[rig.symbol].size(bought / 2)
        rig.deposit(rig.base, -gone)
        for _ in range(4):
            rig.engine.exits.sell(rig.symbol, bought, price, Purpose.EXIT, "out")
            time.sleep(0.6)
        assert refused(rig) == 1
        assert rig.coins() < 2 * rig.lot
        assert rig.resting() == 0


def test_no_new_stop_for_what_is_refused_and_missing(rig: Rig) -> None:
    """A sale and the stop's cancel, both by hand: the missing stop is not placed again for coins that are gone."""
    with owner_may_take_them(rig):
        bought = rig.bought()
        sell_by_hand(rig, bought.qty)
        rig.cycle()
        for stop in rig.engine.protection.stops_of(bought, rig.engine.oms.broker.open_orders()):
            rig.engine.oms.broker.cancel(stop)
        sent = len(rig.sent(origin="api"))
        for _ in range(3):
            rig.turn()
        assert len(rig.sent(origin="api")) == sent
        assert rig.resting() == 0


def test_a_balance_alone_keeps_no_stop_away(rig: Rig) -> None:
    """Lagging balances are no reason to leave coins without a stop."""
    bought = rig.bought()
    rig.arm("stale_balance", seconds=8.0)
    rig.cycle()
    for stop in rig.engine.protection.stops_of(bought, rig.engine.oms.broker.open_orders()):
        rig.engine.oms.broker.cancel(stop)
    rig.until(lambda: rig.resting() > 0, "the stop again")
    rig.disarm()
    rig.quiet()


@pytest.mark.parametrize("venue", VENUES)
def test_a_balance_without_our_coins_takes_neither_stop_nor_position(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wallet that an exchange leaves out, or another account's balances, for hours: the owner is told once."""
    bought = rig.bought()
    rig.quiet()
    real = rig.engine.oms.broker.balances
    with monkeypatch.context() as lying:
        lying.setattr(rig.engine.oms.broker, "balances", lambda: {**real(), rig.base: Balance(Decimal(0))})
        for _ in range(4):
            rig.cycle()
            rig.turn()
            rig.clock.ahead += UNCONFIRMED // 5
    assert rig.position == bought
    assert abs(rig.resting() - bought.qty) <= rig.lot
    assert rig.notes.said(Event.GONE) == []
    assert len(rig.notes.said(Event.MISSING)) == 1
    rig.cycle()
    rig.clock.ahead += UNCONFIRMED
    rig.cycle()
    assert rig.position == bought, "the balance was right meanwhile"


@pytest.mark.parametrize("venue", VENUES)
def test_his_sale_of_his_own_coins_does_not_explain_that_ours_are_not_shown(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty answer at a start, after the owner has sold coins that he held besides ours."""
    with owner_may_take_them(rig):
        bought = rig.bought()
        rig.deposit(rig.base, bought.qty * 2)
        rig.cycle()
        sell_by_hand(rig, bought.qty * 2)
        broker = type(rig.engine.oms.broker)
        with monkeypatch.context() as lying:
            lying.setattr(broker, "balances", lambda _: {rig.quote: Balance(Decimal(100))})
            rig.restart()
            for _ in range(3):
                rig.cycle()
                rig.turn()
                rig.clock.ahead += LATER_MS
        assert rig.position is not None
        assert rig.position.qty == bought.qty
        assert rig.notes.said(Event.GONE) == []
        assert rig.resting() > 0


@pytest.mark.parametrize("venue", VENUES)
def test_a_sale_settles_at_once_what_a_balance_alone_does_not_show(rig: Rig) -> None:
    """The owner has taken the coins without a trace in the history, and types `nija sell`."""
    with owner_may_take_them(rig):
        bought = rig.bought()
        rig.deposit(rig.base, -bought.qty)
        rig.cycle()
        rig.clock.ahead += LATER_MS
        rig.cycle()
        assert rig.position is not None
        assert "nija sell" in str(rig.notes.said(Event.MISSING)[0]["reason"])
        rig.engine.exits.sell(rig.symbol, bought.qty, bought.entry_price, Purpose.EXIT, "out")
        rig.until(lambda: rig.position is None, "the end")
    assert len(rig.notes.said(Event.GONE)) == 1
    assert rig.resting() == 0


@pytest.mark.parametrize("venue", VENUES)
def test_a_start_believes_what_the_history_shows_and_books_it(rig: Rig) -> None:
    with owner_may_take_them(rig):
        bought = rig.bought().qty
        before = rig.engine.accounting.measure().equity
        sell_by_hand(rig, bought)
        equity = rig.engine.accounting.measure().equity
        assert abs(equity / before - 1) < Decimal("0.01"), "the sale's proceeds and the position both counted"
        rig.restart()
        rig.turn()
        assert rig.position is None
        assert len(rig.notes.said(Event.GONE)) == 1
        rig.quiet()
    rows = accountant(rig)
    booked = {(row["qty"], Decimal(row["price"])) for row in rows if row["purpose"] == "owner"}
    assert booked == {(row["qty"], Decimal(row["price"])) for row in rig.truth()["fills"] if row["side"] == "sell"}
    earned = sum((Decimal(row["realised_usd"]) for row in rows), Decimal(0))
    paid = sum((cash_of(row) for row in rows), Decimal(0))
    assert abs(earned - paid) < Decimal("0.01")
    assert rig.engine.oms.book.results(rig.symbol, 3) == []


def test_a_withdrawal_is_not_believed_by_a_start_alone(rig: Rig) -> None:
    with owner_may_take_them(rig):
        bought = rig.bought().qty
        rig.deposit(rig.base, -bought)
        rig.restart()
        assert rig.position is not None
        snapshot = rig.engine.accounting.measure()
        assert snapshot.equity == snapshot.balance
        rig.clock.ahead += UNCONFIRMED
        rig.cycle()
        assert rig.position is None
    assert accountant(rig)[-1]["purpose"] == "entry"


@pytest.mark.parametrize("venue", ["okx"])
def test_coins_in_simple_earn_are_neither_gone_nor_lost(rig: Rig) -> None:
    bought = rig.bought()
    rig.deposit(rig.base, -bought.qty)
    rig.deposit(rig.base, bought.qty, pocket=".earn")
    for _ in range(3):
        rig.cycle()
        rig.clock.ahead += UNCONFIRMED
    snapshot = rig.engine.accounting.measure()
    assert rig.position is not None
    assert snapshot.equity > snapshot.balance
    assert rig.notes.said(Event.GONE) == []
    rig.deposit(rig.base, -bought.qty, pocket=".earn")
    rig.deposit(rig.base, bought.qty)
    rig.quiet()


def test_of_a_larger_sale_only_our_coins_are_booked(rig: Rig) -> None:
    """The owner holds coins besides ours and sells all of them in one order."""
    with owner_may_take_them(rig):
        bought = rig.bought().qty
        rig.deposit(rig.base, bought * 3)
        sell_by_hand(rig, bought * 4)
        rig.restart()
        rig.turn()
        rig.reconcile()
        rig.reconcile(0)
        rig.restart()
        assert rig.position is None
    sold = sum((Decimal(row["qty"]) for row in accountant(rig) if row["purpose"] == "owner"), Decimal(0))
    assert abs(sold - bought) <= rig.lot
    assert rig.notes.said(Event.OVERSOLD) == []
    assert rig.agreed(), rig.differences()


def test_his_own_sale_of_his_own_coins_is_none_of_ours(rig: Rig) -> None:
    with owner_may_take_them(rig):
        bought = rig.bought().qty
        rig.deposit(rig.base, bought * 2)
        sell_by_hand(rig, bought * 2)
        rig.restart()
        rig.turn()
        assert rig.position is not None
        assert rig.position.qty == bought
    assert [row for row in accountant(rig) if row["purpose"] == "owner"] == []


def accountant(rig: Rig) -> list[dict[str, str]]:
    """The rows of `nija ledger --csv`."""
    out = io.StringIO()
    write_csv(Books(rig.folder / "data"), out)
    return list(csv.DictReader(io.StringIO(out.getvalue())))


def cash_of(row: dict[str, str]) -> Decimal:
    """A row's change in cash; a fee taken in the coin reduces what can be sold instead."""
    sign = 1 if row["side"] == "sell" else -1
    fee = Decimal(0) if row["symbol"].startswith(row["fee_asset"] + "-") else Decimal(row["fee"])
    return sign * Decimal(row["value"]) - fee
