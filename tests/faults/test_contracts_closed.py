"""Contracts of ours that the owner closes by hand, or the exchange by a liquidation: the book follows, and nothing is traded twice."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.log import Event
from tests.rig import Rig
from tests.sandbox_fixture import Sandbox

LATER_MS = 25_000


@pytest.fixture
def venue() -> str:
    return "okx"


@pytest.fixture(params=[1, -1], ids=["long", "short"])
def swap(request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path) -> Rig:
    """A contract position, on either side."""
    rig = Rig(sandbox, tmp_path, "ETH-USDT-SWAP", venue="okx")
    rig.open()
    rig.steady()
    rig.enter(side=request.param)
    return rig


def close_by_hand(rig: Rig, qty: Decimal) -> None:
    position = rig.position
    assert position is not None
    rig.manual(position.side.opposite.value, qty)


def look_for_long(rig: Rig) -> None:
    """Several looks, each later than the second look waits."""
    for _ in range(4):
        rig.reconcile()
        rig.turn()
        rig.clock.ahead += LATER_MS


def test_the_owner_closes_all_of_it(swap: Rig) -> None:
    position = swap.position
    assert position is not None
    close_by_hand(swap, position.qty)
    swap.reconcile()
    assert swap.position is not None, "one look is not enough"
    swap.clock.ahead += LATER_MS
    swap.reconcile()
    assert swap.position is None
    swap.until(lambda: swap.resting() == 0, "no stop for a position that is gone")
    assert len(swap.notes.said(Event.GONE)) == 1
    swap.quiet()
    swap.crash()


def test_the_owner_closes_half_of_it(swap: Rig) -> None:
    position = swap.position
    assert position is not None
    half = swap.engine.oms.instruments[swap.symbol].size(position.qty / 2)
    close_by_hand(swap, half)
    swap.reconcile()
    swap.clock.ahead += LATER_MS
    swap.reconcile()
    assert swap.position is not None
    assert swap.position.qty == position.qty - half
    swap.until(lambda: swap.resting() == position.qty - half, "the smaller stop")
    swap.quiet()
    swap.engine.flattening.step("flatten")
    swap.until(lambda: swap.position is None, "the exit of the rest")
    swap.quiet()
    swap.crash()


@pytest.mark.parametrize("swap", [-1], indirect=True, ids=["short"])  # at a leverage of 1, no price liquidates a long
def test_a_liquidation_is_booked_and_nothing_is_sold_after_it(swap: Rig) -> None:
    position = swap.position
    assert position is not None
    for stop in swap.engine.protection.stops_of(position, swap.engine.oms.broker.open_orders()):
        swap.engine.oms.broker.cancel(stop)
    swap.deposit("USDT", -Decimal(swap.balances()["USDT"]["free"]) * Decimal("0.995"))
    swap.jump("3")
    assert not swap.engine.oms.broker.contracts()
    for _ in range(5):
        swap.turn()
    swap.clock.ahead += LATER_MS
    swap.reconcile()
    swap.until(lambda: swap.position is None, "the liquidation in the book")
    assert "liquidated by OKX" in str(swap.notes.said(Event.GONE)[0])
    swap.quiet()
    swap.crash()


def test_a_start_believes_what_the_history_shows(swap: Rig) -> None:
    position = swap.position
    assert position is not None
    before = swap.engine.accounting.measure().equity
    close_by_hand(swap, position.qty)
    assert abs(swap.engine.accounting.measure().equity / before - 1) < Decimal("0.01"), (
        "closed, and still counted as held"
    )
    swap.restart()
    swap.turn()
    assert swap.position is None
    assert [one["reason"] for one in swap.notes.said(Event.GONE)] == [
        "closed by its owner by hand: the position shrinks"
    ]
    swap.quiet()
    swap.crash()


def test_an_empty_answer_alone_closes_nothing(swap: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """No contracts, and no fill that closed them: they are still ours, and protected."""
    position = swap.position
    assert position is not None
    with monkeypatch.context() as lying:
        lying.setattr(swap.engine.oms.broker, "contracts", dict)
        look_for_long(swap)
    assert swap.position == position
    assert swap.resting() == position.qty
    assert swap.notes.said(Event.GONE) == []
    assert len(swap.notes.said(Event.MISSING)) == 1
    swap.engine.flattening.step("flatten")
    swap.until(lambda: swap.position is None, "the exit")
    swap.quiet()
    swap.crash()


def test_his_own_contracts_are_none_of_ours(swap: Rig) -> None:
    """The owner adds to the position at the exchange and closes his part again."""
    position = swap.position
    assert position is not None
    swap.manual(position.side.value, position.qty)
    swap.manual(position.side.opposite.value, position.qty)
    swap.reconcile()
    swap.clock.ahead += LATER_MS
    swap.reconcile()
    assert swap.position == position
    swap.quiet()
    swap.crash()


def test_his_own_contracts_do_not_explain_that_ours_are_not_shown(swap: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner opened some and closed them again, and at the next start the exchange shows no contracts."""
    position = swap.position
    assert position is not None
    swap.cycle()
    swap.manual(position.side.value, position.qty)
    swap.manual(position.side.opposite.value, position.qty)
    with monkeypatch.context() as lying:
        lying.setattr(type(swap.engine.oms.broker), "contracts", lambda _: {})
        swap.restart()
        look_for_long(swap)
    assert swap.position == position
    assert swap.resting() == position.qty
    assert swap.notes.said(Event.GONE) == []
    swap.crash()


@pytest.mark.parametrize("his", ["buy", "sell"])
def test_where_the_owner_holds_contracts_nothing_is_entered(sandbox: Sandbox, tmp_path: Path, his: str) -> None:
    """An entry would add to them or close them, and change their leverage."""
    rig = Rig(sandbox, tmp_path, "ETH-USDT-SWAP", venue="okx")
    rig.open()
    rig.steady()
    rig.manual(his, Decimal("0.5"))
    held = rig.engine.oms.broker.contracts()
    rig.enter()
    assert rig.sent(origin="api") == []
    assert rig.notes.said(Event.LEVERAGE) == []
    assert rig.engine.oms.broker.contracts() == held
    (skip,) = rig.notes.said(Event.SKIP)
    assert "contracts are held here that are not NIJA's" in str(skip)
    rig.manual("sell" if his == "buy" else "buy", Decimal("0.5"))
    rig.bought()
    rig.quiet()
    rig.crash()
