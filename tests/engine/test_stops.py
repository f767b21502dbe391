"""What a stop's amendment or cancel is believed to have done: only what the exchange then shows."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.fill import Fill
from bot.domain.money import ZERO
from bot.domain.order import OrderStatus, VenueOrder
from bot.domain.outcome import ErrorMeaning, NotPlaced, Outcome, Unknown
from bot.engine.protect import COMING, Verdict
from bot.engine.stop_plan import Amend, Cancel
from tests.engine.exchange import Scene

TRIGGER = Decimal(99)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = Scene(tmp_path)
    assert len(scene.scan()) == 1
    return scene


def stop_of(scene: Scene) -> VenueOrder:
    (stop,) = scene.exchange.open_orders()
    return stop


@pytest.mark.parametrize(
    ("shown", "still_open", "sold", "believed"),
    [
        (True, False, False, True),
        (False, False, False, True),
        (False, True, False, False),
        (False, False, True, False),
    ],
)
def test_a_cancel_is_believed_once_the_exchange_shows_it_or_no_trace_of_the_stop(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, *, shown: bool, still_open: bool, sold: bool, believed: bool
) -> None:
    stop = stop_of(scene)
    if not shown:
        monkeypatch.setattr(scene.exchange, "order", lambda *_: None)
    if still_open:
        monkeypatch.setattr(scene.exchange, "open_orders", lambda: [stop])
    if sold:
        trade = Fill("F1", "CHILD", stop.symbol, stop.side, stop.qty, Decimal(90), ZERO, "USD", 0)
        monkeypatch.setattr(scene.exchange, "fills", lambda _: [trade])
    assert scene.engine.protection._stops.cancel(Cancel(stop)) is believed
    status = OrderStatus.CANCELED if believed else OrderStatus.OPEN
    assert [one.status for one in scene.book.orders_of("BTC-USD", 0) if one.exchange_id == stop.exchange_id] == [status]


def test_a_cancel_that_was_not_accepted_is_not_believed_unseen(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = stop_of(scene)
    monkeypatch.setattr(scene.exchange, "cancel", lambda _: NotPlaced(ErrorMeaning.GONE, "no such order"))
    monkeypatch.setattr(scene.exchange, "order", lambda *_: None)
    assert not scene.engine.protection._stops.cancel(Cancel(stop))


@pytest.mark.parametrize("made", [True, False])
def test_an_amendment_in_doubt_is_looked_up_and_stored(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, *, made: bool
) -> None:
    """Its stop has ended meanwhile: the book says so at once."""
    stop, position = stop_of(scene), scene.book.position("BTC-USD")
    assert position is not None

    def amend(order: VenueOrder, **_: object) -> Outcome:
        now = replace(order, trigger_price=TRIGGER) if made else replace(order, status=OrderStatus.CANCELED)
        scene.exchange.all[order.exchange_id] = now
        return Unknown("no answer")

    monkeypatch.setattr(scene.exchange, "amend", amend)
    stops = scene.engine.protection._stops
    assert stops.take(position, [Amend(stop, stop.qty, TRIGGER)]) is made
    status = OrderStatus.OPEN if made else OrderStatus.CANCELED
    assert [one.status for one in scene.book.orders_of("BTC-USD", 0) if one.exchange_id == stop.exchange_id] == [status]


def test_a_stop_that_cannot_be_amended_is_replaced_once_in_a_check(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    position = scene.book.position("BTC-USD")
    assert position is not None
    monkeypatch.setattr(scene.exchange, "amend", lambda *_, **__: NotPlaced(ErrorMeaning.UNSUPPORTED, "no amendments"))
    stops = scene.engine.protection._stops
    stops.begin({position.entry_id})
    made = []
    for trigger in (TRIGGER, TRIGGER + 1):
        stop = stop_of(scene)
        made.append(stops.take(position, [Amend(stop, stop.qty, trigger)]))
    assert made == [True, False]
    assert stop_of(scene).trigger_price == TRIGGER


def test_a_stop_that_came_with_its_entry_is_awaited_before_another_is_placed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is shown of it while the entry is not settled: a second stop could sell the same coins."""
    (record,) = scene.orders()
    position = scene.book.position("BTC-USD")
    assert position is not None
    scene.exchange.cancel(stop_of(scene))
    scene.oms.learn_ended(scene.exchange.open_orders())
    working = replace(record, status=OrderStatus.PARTIALLY_FILLED, attached_stop=position.stop_price)
    monkeypatch.setattr(scene.book, "unsettled", lambda: [working])
    protection = scene.engine.protection
    assert protection.ensure("BTC-USD", Decimal(103)) is Verdict.UNPROTECTED
    assert scene.exchange.open_orders() == []
    scene.clock.now += COMING
    assert protection.ensure("BTC-USD", Decimal(103)) is Verdict.PROTECTED


def test_a_market_that_takes_no_stops_at_the_moment_may_take_entries(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, position = stop_of(scene), scene.book.position("BTC-USD")
    assert position is not None
    refused = NotPlaced(ErrorMeaning.MARKET_CLOSED, "no stops now")
    monkeypatch.setattr(scene.exchange, "amend", lambda *_, **__: refused)
    scene.engine.protection._stops.take(position, [Amend(stop, stop.qty, TRIGGER)])
    instrument = scene.oms.instruments["BTC-USD"]
    assert not scene.oms.markets.takes_stops(instrument)
    assert not scene.oms.markets.blocked_by(instrument)
