"""The entry fills partly and its rest is cancelled: the stop has the size really held, less a fee taken in the coin."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.domain.clock import MINUTE
from bot.domain.log import Event
from bot.domain.order import Intent, OrderStatus, Purpose
from bot.domain.outcome import Outcome
from bot.engine.entry_rests import RETRY
from tests.paths import APART, PATHS, VENUES
from tests.rig import Rig


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("apart", [False, True])
def test_what_is_held_is_protected(rig: Rig, venue: str, apart: bool) -> None:
    """Also if the stop is placed after the entry."""
    with rig.switched(APART[venue], apart):
        rig.restart()
        rig.arm("partial_fill", PATHS[venue].entry, count=1)
        rig.enter()
        rig.quiet()
    (entry,) = rig.orders(Purpose.ENTRY)
    assert entry.status in (OrderStatus.CANCELED, OrderStatus.EXPIRED)
    assert 0 < entry.filled_qty < entry.qty
    in_coin = sum(Decimal(fill["fee"]) for fill in rig.truth()["fills"] if fill["fee_asset"] == rig.base)
    assert (in_coin > 0) is (venue == "okx")
    assert rig.position is not None
    assert rig.position.qty == entry.filled_qty - in_coin
    assert rig.notes.said(Event.GONE) == []  # it was right at once, not only after the balances had been compared
    assert rig.protected()
    assert apart or rig.naked_seconds() == []


def test_in_part_and_with_its_answer_lost(rig: Rig) -> None:
    rig.arm("partial_fill", "AddOrder", count=1)
    rig.arm("drop_after", "AddOrder", count=1)
    rig.enter()
    rig.until(lambda: rig.position is not None, "the position")
    rig.quiet()
    assert rig.protected()
    assert len(rig.sent(side="buy")) == 1


def test_a_target_that_fills_in_part_is_finished(rig: Rig) -> None:
    bought = rig.bought()
    rig.arm("partial_fill", "AddOrder", count=1)
    rig.jump("1.05")
    rig.until(lambda: len(rig.orders(Purpose.TP1)) > 1, "the rest of the first target")
    rig.quiet()
    assert rig.position is not None
    lot = rig.engine.oms.instruments[rig.symbol].lot
    assert abs(rig.position.qty - bought.qty / 2) <= lot
    assert rig.resting() == rig.position.qty


def look_later(rig: Rig, ms: int = RETRY) -> None:
    """What a cycle does about rests, that much market time later."""
    rig.clock.market_ahead += ms
    rig.engine.entry_round.judge(lambda _: None)
    rig.quiet()


@pytest.fixture
def patient(rig: Rig) -> Rig:
    """The strategy sends its rests again."""
    rig.rule.resends_for_ms = 10 * MINUTE
    rig.restart()
    return rig


@pytest.mark.everywhere
@pytest.mark.parametrize("venue", VENUES)
def test_the_rest_is_sent_again(patient: Rig, venue: str) -> None:
    """Until the size of the first order is bought; all of it is protected."""
    patient.arm("partial_fill", PATHS[venue].entry, method="POST", count=2)
    (first,) = patient.enter()
    patient.quiet()
    look_later(patient, 0)
    look_later(patient)
    look_later(patient)
    look_later(patient)
    sent = patient.orders(Purpose.ENTRY)
    assert len(sent) == 3
    assert sum(one.filled_qty for one in sent) == first.qty
    assert patient.position is not None
    assert patient.position.bought == patient.position.qty
    assert patient.protected()
    assert patient.differences() == []


def test_a_rest_in_doubt_is_not_doubled(patient: Rig) -> None:
    patient.arm("partial_fill", "AddOrder", count=1)
    (first,) = patient.enter()
    patient.quiet()
    patient.arm("drop_after", "AddOrder", count=1)
    look_later(patient)
    look_later(patient)
    assert sum(one.filled_qty for one in patient.orders(Purpose.ENTRY)) == first.qty
    assert len(patient.sent(side="buy")) == 2


@pytest.mark.parametrize("sold", [False, True])
def test_no_rest_is_sent(patient: Rig, *, sold: bool) -> None:
    """When the time is over, and after the position was sold."""
    patient.arm("partial_fill", "AddOrder", count=1)
    patient.enter()
    patient.quiet()
    if sold:
        patient.jump("0.9")
        patient.until(lambda: patient.position is None, "the end of the position")
        patient.jump("1.1")
    look_later(patient, RETRY if sold else 10 * MINUTE)
    look_later(patient)
    assert len(patient.orders(Purpose.ENTRY)) == 1


@pytest.mark.parametrize("waits_ms", [0, 10 * MINUTE])
def test_an_entry_whose_price_ran_away_is_sent_again_only_if_the_strategy_wants_that(
    rig: Rig, waits_ms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.rule.resends_for_ms = waits_ms
    broker = rig.restart().oms.broker
    place = broker.place

    def late(intent: Intent) -> Outcome:
        rig.jump("1.004")
        return place(intent)

    with monkeypatch.context() as patched:
        patched.setattr(broker, "place", late)
        (first,) = rig.enter()
    assert first.filled_qty == 0
    rig.quiet()
    look_later(rig)
    assert (rig.position is not None) is (waits_ms > 0)
