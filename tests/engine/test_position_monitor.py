"""What a check of a position leaves to do: at its targets, at a triggered stop, and when the exchange does not answer."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.booking import Worth
from bot.domain.candles import Candles
from bot.domain.clock import MINUTE
from bot.domain.events import Unfit
from bot.domain.instrument import Trading
from bot.domain.log import Event
from bot.domain.order import OrderStatus, Purpose
from bot.domain.outcome import ErrorMeaning, NotPlaced
from bot.engine.exits import SHOWN_WITHIN, STOP_GRACE, Exits
from bot.strategy.base import Close, Trade
from tests.engine.exchange import CLOSE, Scene
from tests.engine.given import ticker
from tests.marketdata.given import FRAME, busy


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """One position of 1.94 from 103, its stop 4 % below the close."""
    scene = Scene(tmp_path)
    assert len(scene.scan()) == 1
    return scene


def quote(scene: Scene, bid: str) -> None:
    scene.exchange.quotes["BTC-USD"] = ticker(bid=bid, ask=bid)


def held(scene: Scene) -> Decimal:
    position = scene.book.position("BTC-USD")
    return Decimal(0) if position is None else position.qty


def test_a_price_beyond_all_targets_sells_everything(scene: Scene) -> None:
    quote(scene, "120")
    assert scene.engine.monitor.look()
    assert held(scene) == 0
    assert [one.purpose for one in scene.sales()] == [Purpose.TP1, Purpose.TP2, Purpose.TP3]


def test_what_a_sale_leaves_of_its_leg_stays_due(scene: Scene) -> None:
    quote(scene, "108")
    scene.exchange.share = Decimal("0.5")
    assert not scene.engine.monitor.look()
    assert held(scene) == Decimal("1.46")


def test_a_check_ends_after_some_sales(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.engine.position_monitor._TURNS", 1)
    quote(scene, "120")
    assert not scene.engine.monitor.look()
    assert len(scene.sales()) == 1


def test_a_target_is_not_passed_over_while_there_is_no_quote(scene: Scene) -> None:
    quote(scene, "108")
    scene.exchange.error = busy()
    assert not scene.engine.monitor.look()
    assert scene.log.said(Event.WATCH)
    scene.exchange.error = None
    scene.engine.monitor.look()
    assert held(scene) == Decimal("0.97")


def test_a_triggered_stop_is_waited_for_and_then_its_rest_is_sold(scene: Scene) -> None:
    (stop,) = scene.exchange.open_orders()
    scene.exchange.all[stop.exchange_id] = replace(stop, triggered=True)
    quote(scene, "90")
    for _ in range(2):
        assert not scene.engine.monitor.look()
        assert scene.sales() == []
    scene.clock.now += STOP_GRACE
    assert not scene.engine.monitor.look()
    assert scene.exchange.all[stop.exchange_id].status is OrderStatus.CANCELED
    assert scene.sales() == []
    assert [why for _, why in scene.book.unprotected().values()] == ["triggered but not filled"]
    scene.engine.monitor.look()
    assert held(scene) == 0


def test_a_flattened_position_is_sold_at_the_price_of_the_moment(scene: Scene) -> None:
    quote(scene, "99.5")
    scene.engine.flattening.step("the owner says so")
    (sale,) = scene.orders(Purpose.FLATTEN)
    assert sale.decision_price == Decimal("99.5")


def closes_of(scene: Scene, **answer: str) -> list[int]:
    """The closes that the strategy is asked about from now on; it answers each with this exit."""
    closes: list[int] = []

    def on_close(trade: Trade, candles: Candles) -> Close:
        closes.append(candles.closed_at)
        return Close(trade.stop, **answer)

    scene.rule.on_close = on_close  # type: ignore[method-assign]
    scene.clock.now += 3 * FRAME
    scene.deliver()
    scene.engine.monitor.walk()
    return closes


def test_closes_that_were_missed_come_in_order_and_each_once(scene: Scene) -> None:
    closes = closes_of(scene)
    assert closes == [CLOSE + FRAME, CLOSE + 2 * FRAME, CLOSE + 3 * FRAME]
    scene.engine.monitor.walk()
    assert len(closes) == 3


def test_a_close_that_calls_for_an_exit_comes_again_until_it_is_made(scene: Scene) -> None:
    scene.exchange.share = Decimal(0)
    closes = closes_of(scene, exit="enough")
    assert closes == [CLOSE + FRAME]
    scene.engine.monitor.walk()
    assert closes == [CLOSE + FRAME] * 2


def test_an_exit_that_was_not_made_is_tried_again_at_each_check(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene.rule, "on_close", lambda trade, _: Close(trade.stop, "turn"))
    scene.clock.now += FRAME
    scene.deliver()
    scene.exchange.answers = [NotPlaced(ErrorMeaning.BUSY, "EService:Busy")]
    scene.engine.monitor.walk()
    assert held(scene) > 0
    assert not scene.engine.monitor.look()
    assert held(scene) == 0
    assert {one.why for one in scene.sales()} == {"turn"}


def test_what_waits_for_its_exit_is_protected(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene.rule, "on_close", lambda trade, _: Close(trade.stop, "turn"))
    monkeypatch.setattr(Exits, "_may_have_sold", lambda *_: True)
    scene.clock.now += FRAME
    scene.deliver()
    scene.engine.monitor.walk()
    (stop,) = scene.exchange.open_orders()
    scene.exchange.cancel(stop)
    assert not scene.engine.monitor.look()
    assert [one.qty for one in scene.exchange.open_orders()] == [held(scene)]


def test_an_exit_at_a_close_of_long_ago_is_judged_by_the_current_price(scene: Scene) -> None:
    quote(scene, "104.5")
    closes_of(scene, exit="enough")
    assert [one.decision_price for one in scene.sales()] == [Decimal("104.5")]


def test_an_exit_says_why(scene: Scene) -> None:
    closes_of(scene, exit="enough", words="it is late")
    assert [one.reason for one in scene.sales()] == ["enough: it is late"]


def test_how_far_prices_were_checked_outlives_a_restart(scene: Scene) -> None:
    monitor = scene.engine.monitor
    monitor.looked["BTC-USD"] = CLOSE + 5 * FRAME
    monitor.keep()
    monitor.looked.clear()
    (position,) = scene.book.positions()
    assert monitor._since(position) == CLOSE + 5 * FRAME


def test_one_position_that_lost_its_stop_now_is_urgent_beside_another_that_lost_it_long_ago(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "BTC-USD", "ETH-USD")
    assert len(scene.scan()) == 2
    urgent = []
    for symbol in ("BTC-USD", "ETH-USD"):
        scene.oms.mark_unprotected(symbol, "for a test")
        urgent.append(scene.engine.protection.is_urgent())
        scene.clock.now += 2 * MINUTE
        urgent.append(scene.engine.protection.is_urgent())
    assert urgent == [True, False, True, False]


def test_a_sale_that_ended_short_may_have_sold_more_for_a_while(scene: Scene) -> None:
    """The exchange may show its fills late: until then, another sale could sell the same coins again."""
    quote(scene, "108")
    scene.exchange.share = Decimal("0.5")
    scene.engine.monitor.look()
    scene.exchange.share = Decimal(1)
    assert not scene.engine.monitor.look()
    assert held(scene) == Decimal("1.46")
    scene.clock.now += SHOWN_WITHIN
    scene.engine.monitor.look()
    assert held(scene) == Decimal("0.97")


def test_a_position_whose_candles_cannot_be_used_is_named(scene: Scene) -> None:
    scene.engine.monitor.say_unfit()
    assert scene.log.said(Event.WATCH) == []
    scene.clock.now += FRAME
    scene.deliver(Unfit("a hole"))
    scene.engine.monitor.say_unfit()
    assert [line["reason"] for line in scene.log.said(Event.WATCH)] == ["a hole"]
    scene.change(trading=Trading.SUSPENDED)
    scene.engine.monitor.say_unfit()
    assert len(scene.log.said(Event.WATCH)) == 1, "a closed market has none, and its HALTED line said so once"


@pytest.mark.parametrize("status", [OrderStatus.CANCELED, OrderStatus.REJECTED])
def test_only_a_stop_that_failed_after_it_was_accepted_counts_as_refused(scene: Scene, status: OrderStatus) -> None:
    position = scene.book.position("BTC-USD")
    assert position is not None
    (stop,) = scene.exchange.open_orders()
    scene.oms.sync(replace(stop, status=status))
    scene.engine.protection._stops.record_failed(position)
    reason = scene.engine.protection.refused.reason(position.entry_id)
    assert (reason is not None) is (status is OrderStatus.REJECTED)


@pytest.mark.parametrize("sold", ["1.8", "0"])
def test_the_end_of_a_position_whose_rest_is_dust_is_logged_if_any_was_sold(scene: Scene, sold: str) -> None:
    position = scene.book.position("BTC-USD")
    assert position is not None
    (stop,) = scene.exchange.open_orders()
    scene.change(min_qty=Decimal(5), min_cost=Decimal(1000))
    scene.exchange.cancel(stop)
    scene.oms.sync(scene.exchange.all[stop.exchange_id])
    if Decimal(sold):
        scene.book.write_off("BTC-USD", Decimal(sold), scene.clock.now, "sold elsewhere", Worth(Decimal(100)))
    scene.engine.exits.close_as_dust("BTC-USD", Decimal(100), "too small", rest=True)
    assert held(scene) == 0
    assert len(scene.log.said(Event.EXIT)) == (1 if Decimal(sold) else 0)
