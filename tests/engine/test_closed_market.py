"""A position in a market that takes no orders: what is reported of its stop, and when the market is asked again."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.brokers.base import BrokerError
from bot.domain.clock import MINUTE, SECOND
from bot.domain.fill import Fill
from bot.domain.instrument import Instrument, Trading
from bot.domain.log import Event
from bot.domain.order import OrderStatus, OrderType, Side, VenueOrder
from bot.domain.outcome import ErrorMeaning
from bot.engine.order_manager import NAKED_CALL
from tests.engine.exchange import Exchange, Scene
from tests.engine.given import instrument

SYMBOL = "BTC-USD"
BLOCKED = [Trading.SUSPENDED, Trading.CANCEL_ONLY, Trading.POST_ONLY]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """One position of 1.94 with its stop."""
    scene = Scene(tmp_path)
    assert len(scene.scan()) == 1
    scene.engine.monitor.look()
    return scene


def stop_of(scene: Scene) -> VenueOrder:
    (stop,) = scene.exchange.open_orders()
    return stop


def shrink(scene: Scene, by: str) -> None:
    """What rests of the stop becomes smaller by this much."""
    stop = stop_of(scene)
    scene.exchange.all[stop.exchange_id] = replace(stop, qty=stop.qty - Decimal(by))


def halted(scene: Scene) -> list[str]:
    return [str(line["reason"]) for line in scene.log.said(Event.HALTED)]


def rules(scene: Scene) -> Instrument:
    return scene.oms.instruments[SYMBOL]


def test_an_entry_that_cannot_be_looked_up_keeps_no_other_market_from_being_booked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(tmp_path, SYMBOL, "ETH-USD")
    assert len(scene.scan()) == 2
    venue = scene.exchange
    entry = next(one for one in venue.all.values() if one.symbol == SYMBOL and one.type is OrderType.LIMIT)
    stop = next(one for one in venue.open_orders() if one.symbol == "ETH-USD")
    scene.oms.book.update(replace(entry, qty=entry.qty * 2, filled_qty=entry.filled_qty + 1))  # a fill is hidden
    shown = Exchange.order

    def order(self: Exchange, exchange_id: str, symbol: str) -> VenueOrder | None:
        if symbol == SYMBOL:
            raise BrokerError("okx", ErrorMeaning.MARKET_CLOSED, "51001 Instrument ID does not exist")
        return shown(self, exchange_id, symbol)

    sale = Fill("FX", stop.exchange_id, "ETH-USD", Side.SELL, stop.qty, Decimal(99), Decimal(0), "USD", scene.clock.now)
    monkeypatch.setattr(Exchange, "order", order)
    monkeypatch.setattr(Exchange, "fills", lambda *_: [*venue.traded[entry.exchange_id], sale])
    assert scene.engine.reconciliation.history.completed_at == 0
    scene.engine.reconciliation.compare()
    assert scene.book.is_booked("FX")
    assert scene.engine.reconciliation.history.completed_at == scene.clock.wall_ms()
    assert scene.book.position(SYMBOL) is not None


@pytest.mark.parametrize("trading", BLOCKED)
def test_a_stop_of_a_part_counts_for_its_part(scene: Scene, trading: Trading) -> None:
    scene.change(trading=trading)
    shrink(scene, "0.01")
    sent = len(scene.exchange.sent)
    scene.engine.monitor.look()
    assert list(scene.book.unprotected()) == [SYMBOL]
    (line,) = halted(scene)
    assert "covers only a part" in line
    assert len(scene.exchange.sent) == sent


@pytest.mark.parametrize("trading", BLOCKED)
def test_the_period_ends_when_the_stop_rests_again(scene: Scene, trading: Trading) -> None:
    scene.change(trading=trading)
    shrink(scene, "1")
    scene.engine.monitor.look()
    assert scene.book.unprotected()
    shrink(scene, "-1")
    scene.engine.monitor.look()
    assert not scene.book.unprotected()
    assert ["part" in line for line in halted(scene)] == [True, False]


@pytest.mark.parametrize("trading", BLOCKED)
def test_a_stop_that_rests_elsewhere_than_it_should_is_no_naked_period(scene: Scene, trading: Trading) -> None:
    """It could only be replaced if the market took stops."""
    scene.exchange.able = replace(scene.exchange.able, amend=False)
    scene.change(trading=trading)
    scene.book.plan(SYMBOL, stage=0, stop_price=Decimal(100))
    for _ in range(2):
        scene.engine.monitor.look()
        assert not scene.book.unprotected()
    assert len(halted(scene)) == 1


def test_a_market_that_takes_stops_gets_one_at_once(scene: Scene) -> None:
    scene.change(trading=Trading.REDUCE_ONLY)
    scene.exchange.cancel(stop_of(scene))
    scene.engine.monitor.look()
    assert stop_of(scene).qty == Decimal("1.94")
    assert not scene.book.unprotected()


@pytest.mark.parametrize("rests", [True, False])
def test_a_stop_that_may_yet_appear_is_not_reported_as_gone(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, *, rests: bool
) -> None:
    scene.change(trading=Trading.SUSPENDED)
    if not rests:
        scene.exchange.cancel(stop_of(scene))
    monkeypatch.setattr(type(scene.oms), "stop_in_doubt", lambda *_: True)
    scene.engine.monitor.look()
    assert ["with its resting stop" in line for line in halted(scene)] == [True] * rests
    assert bool(scene.book.unprotected()) is not rests


def test_a_stop_that_has_just_sold_is_not_reported_as_gone(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.change(trading=Trading.SUSPENDED)
    scene.exchange.cancel(stop_of(scene))
    monkeypatch.setattr(type(scene.engine.protection), "_has_sold", lambda *_: True)
    scene.engine.monitor.look()
    assert halted(scene) == []
    assert not scene.book.unprotected()


@pytest.mark.parametrize("meaning", [ErrorMeaning.MARKET_CLOSED, ErrorMeaning.RESTRICTED, ErrorMeaning.BUSY])
def test_an_order_that_cannot_be_looked_up_in_a_closed_market(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, meaning: ErrorMeaning
) -> None:
    """The other positions are checked all the same, unless the exchange answers nothing at all."""
    scene.exchange.cancel(stop_of(scene))
    scene.change(trading=Trading.SUSPENDED)

    def refuse(*_: object) -> None:
        raise BrokerError("kraken", meaning, "no")

    monkeypatch.setattr(scene.exchange, "order", refuse)
    if meaning is ErrorMeaning.BUSY:
        with pytest.raises(BrokerError):
            scene.engine.monitor.look()
        return
    assert scene.engine.monitor.look()
    assert "no stop rests there" in halted(scene)[-1]
    assert scene.book.unprotected()


def test_no_stop_is_placed_while_an_order_of_an_open_market_cannot_be_looked_up(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be the stop that has just sold."""
    scene.exchange.cancel(stop_of(scene))
    sent = len(scene.exchange.sent)

    def refuse(*_: object) -> None:
        raise BrokerError("kraken", ErrorMeaning.MARKET_CLOSED, "no")

    monkeypatch.setattr(scene.exchange, "order", refuse)
    assert not scene.engine.monitor.look()
    assert len(scene.exchange.sent) == sent


@pytest.mark.parametrize(
    ("rests", "listed", "passed", "due"),
    [
        (False, True, 10 * SECOND, True),
        (False, True, 10 * SECOND - 1, False),
        (True, True, MINUTE - 1, False),
        (True, True, MINUTE, True),
        (False, False, MINUTE - 1, False),
        (False, False, MINUTE, True),
    ],
)
def test_a_halted_market_is_asked_sooner_if_a_stop_waits_for_it(
    scene: Scene, *, rests: bool, listed: bool, passed: int, due: bool
) -> None:
    if not rests:
        scene.exchange.cancel(stop_of(scene))
    if listed:
        scene.change(trading=Trading.SUSPENDED)
    else:
        del scene.exchange.rules[SYMBOL]
    scene.oms.learn_rules()
    scene.engine.monitor.look()
    scene.clock.now += passed
    assert scene.oms.markets.is_due([rules(scene)]) is due


def test_after_a_while_it_is_asked_once_a_minute(scene: Scene) -> None:
    scene.exchange.cancel(stop_of(scene))
    scene.change(trading=Trading.SUSPENDED)
    scene.oms.learn_rules()
    scene.engine.monitor.look()
    scene.clock.now += 30 * MINUTE
    scene.oms.learn_rules()
    scene.clock.now += MINUTE - 1
    assert not scene.oms.markets.is_due([rules(scene)])


def test_the_size_step_of_a_delisted_market_outlives_a_restart(scene: Scene) -> None:
    """Otherwise what a stop cannot cover, less than a lot, would look like coins without a stop."""
    scene.oms.learn_rules()
    scene.oms.instruments = {}
    scene.exchange.rules = {"ETH-USD": instrument("ETH-USD")}
    scene.oms.learn_rules()
    assert rules(scene).trading is Trading.SUSPENDED
    assert rules(scene).lot == Decimal("0.01")


def test_a_renamed_market_keeps_its_stop(scene: Scene) -> None:
    """The exchange shows the resting stop under the market's new name."""
    del scene.exchange.rules[SYMBOL]
    scene.exchange.rules["XBTN-USD"] = instrument("XBTN-USD")
    stop = stop_of(scene)
    scene.exchange.all[stop.exchange_id] = replace(stop, symbol="XBTN-USD")
    scene.oms.learn_rules()
    scene.engine.monitor.look()
    (line,) = halted(scene)
    assert "with its resting stop" in line
    assert not scene.book.unprotected()


@pytest.mark.parametrize("spawns", [False, True])
def test_a_stop_that_fires_under_a_new_name_ends_the_position(scene: Scene, spawns: bool) -> None:
    stop, held = stop_of(scene), scene.book.positions()[0].qty
    sold = replace(stop, symbol="XBTN-USD", status=OrderStatus.FILLED, filled_qty=stop.qty, avg_price=Decimal(90))
    if spawns:
        fired = replace(sold, status=OrderStatus.CANCELED, filled_qty=Decimal(0), triggered=True, children=("CHILD",))
        sold = replace(sold, exchange_id="CHILD", client_id=None, parent_id=stop.exchange_id)
        scene.exchange.all[stop.exchange_id] = fired
    scene.exchange.all[sold.exchange_id] = sold
    fill = Fill(
        "T1", sold.exchange_id, "XBTN-USD", stop.side, held, Decimal(90), Decimal(0), "USD", scene.clock.market_ms()
    )
    scene.exchange.traded[sold.exchange_id] = [fill]
    scene.oms.learn_ended([])
    assert scene.book.positions() == []


@pytest.mark.parametrize(
    ("trading", "limit"),
    [(Trading.ONLINE, NAKED_CALL), (Trading.LIMIT_ONLY, NAKED_CALL), *((one, None) for one in BLOCKED)],
)
def test_calls_may_take_their_time_while_nothing_can_be_placed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, trading: Trading, limit: float | None
) -> None:
    limits: list[float | None] = []
    monkeypatch.setattr(scene.exchange, "limit_calls", limits.append)
    scene.change(trading=trading)
    scene.oms.mark_unprotected(SYMBOL, "for a test")
    scene.oms.limit_calls()
    assert limits == [limit, limit]
