"""What an entry's order left unfilled is sent again: once at a time, up to the first order's size, and for a while."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.booking import Worth
from bot.domain.clock import MINUTE
from bot.domain.order import OrderStatus
from bot.domain.outcome import ErrorMeaning, NotPlaced
from bot.engine.entry_rests import RETRY
from tests.engine.exchange import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """An order for 1.94 is filled by half."""
    scene = Scene(tmp_path)
    scene.engine.entries.rests.resends_for_ms = 10 * MINUTE
    scene.exchange.share = Decimal("0.5")
    return scene


def send(scene: Scene) -> int:
    return scene.engine.entries.send_rests(scene.engine.accounting.measure(), None)


def held(scene: Scene) -> Decimal:
    position = scene.book.position("BTC-USD")
    return Decimal(0) if position is None else position.qty


def test_until_the_size_of_the_first_order_is_bought(scene: Scene) -> None:
    (first,) = scene.scan()
    assert held(scene) == first.qty / 2
    scene.exchange.share = Decimal(1)
    assert send(scene) == 1
    assert held(scene) == first.qty
    scene.clock.now += RETRY
    assert send(scene) == 0
    assert not scene.engine.entries.rests.are_due()


def test_not_twice_within_half_a_minute(scene: Scene) -> None:
    scene.scan()
    assert [send(scene), send(scene)] == [1, 0]
    scene.clock.now += RETRY
    assert send(scene) == 1


def test_not_after_its_time(scene: Scene) -> None:
    scene.scan()
    scene.clock.now += 10 * MINUTE
    assert send(scene) == 0


def test_not_for_a_strategy_that_does_not_ask_for_it(scene: Scene) -> None:
    """Nor is the account measured for it."""
    scene.engine.entries.rests.resends_for_ms = 0
    scene.scan()
    assert not scene.engine.entries.rests.are_due()
    assert send(scene) == 0


def test_not_once_the_position_has_ended(scene: Scene) -> None:
    scene.scan()
    scene.book.close("BTC-USD", scene.clock.now, "sold", Worth(Decimal(100)))
    assert send(scene) == 0


def test_not_when_the_first_order_was_refused(scene: Scene) -> None:
    """Its signal is tried again as a whole, or not at all."""
    scene.exchange.answers = [NotPlaced(ErrorMeaning.BUSY, "busy")]
    scene.scan()
    assert [one.status for one in scene.orders()] == [OrderStatus.REJECTED]
    assert send(scene) == 0


@pytest.mark.parametrize(("more", "sent"), [("0", 1), ("0.01", 0)])
def test_a_rest_below_the_smallest_order_is_left(scene: Scene, more: str, sent: int) -> None:
    (first,) = scene.scan()
    scene.change(min_qty=first.qty / 2 + Decimal(more))
    assert send(scene) == sent
