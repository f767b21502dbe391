"""A request about a stop failed or its answer was lost: the position is soon covered, and never twice."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.domain.order import Purpose
from tests.rig import Rig

LOST: list[tuple[str, dict[str, Any]]] = [
    ("drop_after", {}),
    ("drop_before", {}),
    ("hang", {"processed": True}),
    ("http_status", {"status": 502, "processed": False}),
]
REFUSED_CANCELS = [("kraken", "CancelOrder", "EOrder:Invalid order"), ("okx", "cancel-algos", "row:51400")]


def naked(rig: Rig) -> None:
    """A position whose stops the owner has cancelled."""
    position = rig.bought()
    broker = rig.engine.oms.broker
    for stop in rig.engine.protection.stops_of(position, broker.open_orders()):
        broker.cancel(stop)


@pytest.mark.parametrize(("kind", "words"), LOST)
@pytest.mark.parametrize("holds", [True, False])
def test_a_stop_in_doubt_is_not_doubled(rig: Rig, kind: str, words: dict[str, Any], holds: bool) -> None:
    """The owner holds more of the coin, so the exchange would let us oversell."""
    with rig.switched("stop_holds_base", holds):
        naked(rig)
        assert rig.position is not None
        bought = rig.position.qty
        rig.deposit(rig.base, bought * 5)
        rig.arm(kind, "AddOrder", count=1, **words)
        most = Decimal(0)
        for _ in range(6):
            rig.turn()
            most = max(most, rig.resting())
        assert most <= bought
        rig.quiet()
        left = rig.position.qty if rig.position is not None else Decimal(0)  # the market may have reached the stop
        assert rig.resting() == left


def test_a_stop_in_doubt_is_not_oversold_by_an_exit(rig: Rig) -> None:
    naked(rig)
    assert rig.position is not None
    bought = rig.position.qty
    rig.deposit(rig.base, bought * 5)
    rig.arm("delay", "AddOrder", count=1, seconds=1.0)
    rig.turn()
    rig.jump("0.90")
    rig.until(lambda: rig.position is None, "the end")
    rig.quiet()
    assert rig.coins() == bought * 5


@pytest.mark.parametrize(("kind", "words"), LOST)
def test_an_amend_in_doubt(rig: Rig, kind: str, words: dict[str, Any]) -> None:
    """The first target reduces the stop by an amend, sells, and amends it to break-even."""
    rig.bought()
    rig.arm(kind, "AmendOrder", count=2, **words)
    rig.jump("1.05")
    rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
    rig.quiet()
    assert rig.position is not None
    assert rig.resting() == rig.position.qty == rig.coins()
    assert len(rig.orders(Purpose.TP1)) == 1


@pytest.mark.parametrize(("kind", "words"), LOST)
def test_a_cancel_in_doubt(rig: Rig, kind: str, words: dict[str, Any]) -> None:
    rig.bought()
    rig.arm(kind, "CancelOrder", count=1, **words)
    rig.jump("1.20")
    rig.until(lambda: rig.position is None, "the end")
    rig.quiet()
    assert rig.resting() == rig.coins() == Decimal(0)


@pytest.mark.everywhere
@pytest.mark.parametrize(("venue", "path", "word"), REFUSED_CANCELS)
def test_a_stop_that_cannot_be_cancelled_protects(rig: Rig, path: str, word: str) -> None:
    """The exchange does not find the stop that it shows: the target waits, and nothing is said to lie bare."""
    rig.bought()
    rig.arm("exchange_error", path, body=word, processed=False, count=1000)
    rig.jump("1.20")
    rig.until(lambda: rig.asked(path) > 1, "a second cancel")
    assert not rig.book.unprotected()
    rig.disarm()
    rig.until(lambda: rig.position is None, "the end")
    rig.quiet()
    assert rig.resting() == 0
    assert rig.coins() == sum(rig.book.dust().values())


def test_a_rejected_stop_is_placed_again(rig: Rig) -> None:
    naked(rig)
    rig.arm("reject_order", "AddOrder", count=1)
    rig.turn()
    assert rig.resting() == 0
    rig.quiet()
    assert rig.position is not None
    assert rig.resting() == rig.position.qty


def test_an_entry_whose_stop_was_dropped_gets_one_of_ours(rig: Rig) -> None:
    with rig.switched("close_below_ordermin_dropped", True):
        rig.bought()
        rig.quiet()
        assert rig.position is not None
        assert rig.resting() == rig.position.qty


@pytest.mark.parametrize("venue", ["coinbase"])
def test_a_lost_stop_that_the_market_has_passed_meanwhile_makes_no_exit_wait(rig: Rig) -> None:
    """It cannot be repeated, and nothing can be sold while it is in doubt."""
    naked(rig)
    rig.arm("drop_before", "brokerage/orders$", method="POST", count=1)
    rig.turn()
    rig.jump("0.90")
    rig.until(lambda: rig.position is None, "the exit")
    rig.quiet()
