"""What a stop's amendment or cancel is believed to have done: only what the exchange then shows."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.order import OrderStatus, VenueOrder
from bot.domain.outcome import Outcome, Unknown
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


@pytest.mark.parametrize("shown", [True, False])
def test_a_cancel_is_believed_once_the_exchange_shows_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, *, shown: bool
) -> None:
    stop = stop_of(scene)
    if not shown:
        monkeypatch.setattr(scene.exchange, "order", lambda *_: None)
    assert scene.engine.protection._stops.cancel(Cancel(stop)) is shown
    status = OrderStatus.CANCELED if shown else OrderStatus.OPEN
    assert [one.status for one in scene.book.orders_of("BTC-USD", 0) if one.exchange_id == stop.exchange_id] == [status]


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
