"""The data folder is lost while positions, orders and the owner's coins are at the exchange: our positions are adopted with
their stops, nothing is bought twice, and the owner's coins are not touched.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.brokers.base import BrokerError
from bot.brokers.okx.broker import OKXBroker
from bot.domain.log import Event
from bot.domain.order import OrderType, Purpose, Side, TimeInForce
from bot.domain.outcome import ErrorMeaning, Placed
from bot.engine import history
from bot.engine.reconcile import Reconciliation
from tests.paths import VENUES
from tests.rig import Rig
from tests.sandbox_fixture import Sandbox

OWNERS_ID = "byhand1"


def his_order(rig: Rig, qty: Decimal) -> dict[str, Any]:
    """A sell order above the market that another program of the owner has on the account."""
    oms = rig.engine.oms
    price = oms.instruments[rig.symbol].price(oms.broker.tickers({rig.symbol})[rig.symbol].last * Decimal("1.04"))
    intent = oms.draft(Purpose.EXIT, rig.symbol, Side.SELL, qty, OrderType.LIMIT, 0, tif=TimeInForce.GTC)
    outcome = oms.broker.place(replace(intent, client_id=OWNERS_ID, limit_price=price))
    assert isinstance(outcome, Placed)
    return his_order_now(rig)


def his_order_now(rig: Rig) -> dict[str, Any]:
    (row,) = rig.sent(client_id=OWNERS_ID)
    return row


@pytest.mark.parametrize("venue", VENUES)
def test_a_position_is_ours_again_and_what_is_his_is_not_touched(rig: Rig, venue: str) -> None:
    before = rig.bought()
    coins = before.qty.to_integral_value(ROUND_UP) * 3
    rig.deposit(rig.base, coins)
    his = his_order(rig, rig.engine.oms.instruments[rig.symbol].size(before.qty))
    rig.lose_book()
    rig.open()
    rig.until(lambda: rig.position is not None, "the position")
    rig.turn()
    after = rig.position
    assert after is not None, rig.notes.lines[-12:]
    assert (after.qty, after.entry_price, after.stop_price) == (before.qty, before.entry_price, before.stop_price)
    assert rig.resting() == rig.engine.oms.instruments[rig.symbol].size(before.qty)
    assert rig.naked_seconds() == []
    assert rig.notes.said(Event.HALTED) == []
    rig.enter()
    assert len(rig.sent(side="buy")) == 1
    rig.engine.flattening.step("flatten")
    rig.until(lambda: rig.position is None, "the end")
    assert his_order_now(rig) == his
    assert coins <= rig.coins() < coins + rig.lot


@pytest.mark.parametrize("venue", VENUES)
def test_after_its_first_target_the_rest_is_ours_and_protected(rig: Rig) -> None:
    rig.deposit(rig.quote, Decimal(50_000))  # for an entry of several fills, each with a stop of its own
    rig.bought()
    lose_after_the_first_target(rig, "1.05")


@pytest.mark.parametrize("venue", ["okx"])
def test_a_short_after_its_first_target_is_ours_and_protected(sandbox: Sandbox, tmp_path: Path) -> None:
    rig = Rig(sandbox, tmp_path, "SOL-USDT-SWAP", venue="okx")
    rig.open()
    rig.steady()
    rig.enter(side=-1)
    lose_after_the_first_target(rig, "0.95")
    rig.crash()


@pytest.mark.parametrize("venue", ["okx"])
def test_a_short_whose_stop_did_not_come_with_it(sandbox: Sandbox, tmp_path: Path) -> None:
    rig = Rig(sandbox, tmp_path, "LTC-USDT-SWAP", venue="okx")
    broker = rig.open().oms.broker
    assert isinstance(broker, OKXBroker)
    broker._able = replace(broker.capabilities(), attached_stop=False, attached_target=False)
    rig.steady()
    rig.enter(side=-1)
    rig.until(lambda: rig.resting() > 0, "its stop")
    lose_after_the_first_target(rig, "0.95", first_stop_is_known=False)
    rig.crash()


@pytest.mark.parametrize("venue", ["coinbase"])
def test_the_stop_of_what_was_bought_too_long_ago_is_left(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exchange shows the stop but no longer the entry: what it protects is unknown, so it is left in place."""
    rig.bought()
    rig.jump("1.05")
    rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
    rig.quiet()
    resting = rig.resting()
    rig.lose_book()
    monkeypatch.setattr(history, "LOST_BOOK", 0)
    monkeypatch.setattr(history, "OVERLAP", 0)
    rig.open()
    for _ in range(3):
        rig.turn()
        rig.cycle()
    assert rig.position is None
    assert rig.resting() == resting > 0


def test_an_exchange_that_fails_in_the_middle_of_a_first_look(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next start already knows the positions, and still loosens no stop."""
    rig.bought()
    rig.jump("1.05")
    rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
    held = rig.position
    assert held is not None
    rig.book.plan(rig.symbol, stage=1, stop_price=held.entry_price * Decimal("1.03"))  # as if it had trailed the price
    rig.turn()
    rig.quiet()
    before = rig.position
    assert before is not None
    rig.lose_book()
    with monkeypatch.context() as patch:
        patch.setattr(Reconciliation, "count", unanswered)
        with pytest.raises(BrokerError):
            rig.open()
    rig.book.set_state("anything", "that brings deferred changes to disk")
    rig.restart()
    rig.quiet()
    after = rig.position
    assert after is not None
    assert after.stop_price >= before.stop_price - rig.engine.oms.instruments[rig.symbol].tick


def unanswered(*_: object) -> None:
    raise BrokerError("kraken", ErrorMeaning.BUSY, "balances: no answer")


def lose_after_the_first_target(rig: Rig, jump: str, *, first_stop_is_known: bool = True) -> None:
    """The rest keeps its own risk: with a stop at break-even as its first stop, every target would seem reached."""
    rig.jump(jump)
    rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
    rig.quiet()
    before = rig.position
    assert before is not None
    rig.lose_book()
    rig.open()
    rig.quiet()
    market = rig.engine.oms.instruments[rig.symbol]
    after = rig.position
    assert after is not None, rig.notes.lines[-12:]
    assert (after.qty, market.size(after.qty)) == (before.qty, rig.resting())
    assert (after.side, after.entry_price) == (before.side, before.entry_price)
    assert abs(after.stop_price - before.stop_price) <= market.tick
    assert not first_stop_is_known or abs(after.first_stop - before.first_stop) <= market.tick
    assert after.r > after.entry_price * Decimal("0.01")
    for _ in range(3):
        rig.turn()
    after = rig.position
    assert after is not None
    assert (after.qty, market.size(after.qty)) == (before.qty, rig.resting())
    assert after.stage == before.stage or not first_stop_is_known
    assert rig.notes.said(Event.TP2) == []


def test_another_nija_on_the_account_is_noticed_and_left_alone(rig: Rig) -> None:
    """The same account with another book, which bought while this one was reading."""
    other = Rig.__new__(Rig)
    other.__dict__.update(rig.__dict__)
    other.folder = rig.folder / "elsewhere"
    other.folder.mkdir()
    other.open()
    bought = other.bought().qty
    rig.cycle()
    assert rig.position is None
    assert rig.book.get_state("second_instance")
    rig.engine.flattening.step("flatten")
    rig.turn()
    assert rig.resting() == bought
    other.crash()
