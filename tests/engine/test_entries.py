"""From signals at a close to orders: what is sent, what is retried, what the orders of one scan leave for each other, and why
there is none.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.brokers.base import AbsenceProof, Capabilities
from bot.domain.instrument import FeeRate
from bot.domain.order import OrderType, Purpose, Side
from bot.domain.outcome import ErrorMeaning, NotPlaced, Unknown
from tests.engine.exchange import LIMITS, Scene
from tests.marketdata.given import FRAME

BUSY = NotPlaced(ErrorMeaning.BUSY, "later")
UNKNOWN = Unknown("no answer")
CARRYING = Capabilities(True, True, True, AbsenceProof.DEADLINE, 1_500, attached_target=True)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_an_entry_is_sent_at_its_worst_price_and_guarded_by_its_stop(scene: Scene) -> None:
    (entry,) = scene.scan()
    assert (entry.symbol, entry.side, entry.type) == ("BTC-USD", Side.BUY, OrderType.LIMIT)
    assert (entry.qty, entry.limit_price) == (Decimal("1.94"), Decimal("103.3"))
    (stop,) = scene.orders(Purpose.STOP)
    assert (stop.qty, stop.trigger_price) == (Decimal("1.94"), Decimal("98.9"))
    assert scene.skipped() == []


def test_a_candle_is_entered_on_once(scene: Scene) -> None:
    assert len(scene.scan()) == 1
    assert scene.scan() == []
    assert scene.engine.entries.signals == 1
    assert scene.skipped() == []


# -- what is tried again ------------------------------------------------------------------------------------------------
def test_an_entry_that_was_refused_for_a_passing_reason_is_tried_again_on_its_candle(scene: Scene) -> None:
    scene.exchange.answers = [BUSY]
    assert len(scene.scan()) == 1
    assert scene.book.positions() == []
    assert scene.skipped() == ["rejected"]
    assert len(scene.scan()) == 1
    assert scene.book.position("BTC-USD") is not None
    assert scene.engine.entries.signals == 1, "it is still one signal"


def test_it_is_not_tried_for_ever(scene: Scene) -> None:
    scene.exchange.answers = [BUSY] * 10
    assert [len(scene.scan()) for _ in range(5)] == [1, 1, 1, 0, 0]
    assert scene.skipped() == ["rejected", "candle_used"]
    scene.clock.now += FRAME
    scene.deliver()
    assert len(scene.scan()) == 1


@pytest.mark.parametrize(
    "meaning", [ErrorMeaning.REJECTED, ErrorMeaning.FUNDS, ErrorMeaning.PRICE, ErrorMeaning.TOO_SMALL]
)
def test_an_entry_that_was_refused_for_good_is_not_tried_again(scene: Scene, meaning: ErrorMeaning) -> None:
    scene.exchange.answers = [NotPlaced(meaning, "no")]
    assert len(scene.scan()) == 1
    assert scene.scan() == []
    assert scene.skipped() == ["rejected", "candle_used"]
    assert scene.skips()[0]["value"] == f"{meaning}: no"


def test_one_refusal_for_good_among_the_tries_is_enough(scene: Scene) -> None:
    scene.exchange.answers = [BUSY, NotPlaced(ErrorMeaning.REJECTED, "no")]
    assert [len(scene.scan()) for _ in range(3)] == [1, 1, 0]


@pytest.mark.parametrize("meaning", [ErrorMeaning.ATTACHMENT, ErrorMeaning.ATTACHED_PRICE])
def test_an_entry_that_is_refused_for_the_stop_it_carries_goes_without_at_once(
    scene: Scene, meaning: ErrorMeaning
) -> None:
    scene.exchange.able = CARRYING
    scene.exchange.answers = [NotPlaced(meaning, "not this stop")]
    first, second = scene.scan()
    assert (first.attached_stop, first.attached_target) == (Decimal("98.9"), Decimal("116.5"))
    assert second == replace(
        first, client_id=second.client_id, key=second.key, attached_stop=None, attached_target=None
    )
    (stop,) = scene.orders(Purpose.STOP)
    assert stop.trigger_price == Decimal("98.9")
    assert scene.skipped() == []


def test_an_entry_that_is_refused_without_a_stop_is_not_sent_a_third_time(scene: Scene) -> None:
    scene.exchange.able = CARRYING
    scene.exchange.answers = [NotPlaced(ErrorMeaning.ATTACHMENT, "no")] * 2
    assert len(scene.scan()) == 2
    assert scene.skipped() == ["rejected"]


def test_an_entry_whose_stop_is_taken_is_guarded_by_that_one(scene: Scene) -> None:
    scene.exchange.able = CARRYING
    assert len(scene.scan()) == 1
    assert [one.parent_id is not None for one in scene.orders(Purpose.STOP)] == [True]


def test_an_order_in_doubt_is_not_sent_again(scene: Scene) -> None:
    scene.exchange.answers = [UNKNOWN]
    assert len(scene.scan()) == 1
    assert scene.scan() == []
    scene.clock.now += FRAME
    scene.deliver()
    assert scene.scan() == []
    assert scene.skipped() == ["unsettled"]


def test_what_does_not_fill_is_said_and_not_sent_again(scene: Scene) -> None:
    scene.exchange.share = Decimal(0)
    assert len(scene.scan()) == 1
    assert scene.scan() == []
    (line,) = scene.skips()
    assert (line["gate"], line["limit"], line["reason"]) == (
        "unfilled",
        "1.94",
        "nothing filled within the price limit 103.3",
    )


# -- what the orders of one scan leave each other --------------------------------------------------------------------
def pair(folder: Path, **limits: object) -> Scene:
    """Two signals, each for 60 % of the equity."""
    changed = replace(LIMITS, **limits)  # type: ignore[arg-type]
    return Scene(folder, "BTC-USD", "ETH-USD", pct=60, limits=changed)


def test_the_second_entry_of_a_scan_is_paid_from_what_the_first_has_left(tmp_path: Path) -> None:
    scene = pair(tmp_path)
    first, second = scene.scan()
    left = 1000 - first.qty * 103
    assert first.limit_price == second.limit_price == Decimal("103.3")
    assert left * Decimal("0.98") < second.qty * Decimal("103.3") < left
    assert scene.exchange.cash["USD"] > 0


def test_an_entry_in_doubt_has_spent_its_cash(tmp_path: Path) -> None:
    scene = pair(tmp_path)
    scene.exchange.answers = [UNKNOWN]
    first, second = scene.scan()
    worst = sum(one.qty * one.limit_price for one in (first, second) if one.limit_price is not None)
    assert 960 < worst < 1000


def test_the_second_entry_of_a_scan_fits_under_what_the_first_leaves_of_a_limit(tmp_path: Path) -> None:
    scene = pair(tmp_path, max_exposure_pct=Decimal(80))
    first, second = scene.scan()
    assert first.qty * 103 > 590
    assert 180 < second.qty * Decimal("103.3") <= 800 - first.qty * 103


def test_the_first_entry_of_a_scan_may_take_the_last_place(tmp_path: Path) -> None:
    scene = pair(tmp_path, max_open_positions=1)
    assert [one.symbol for one in scene.scan()] == ["BTC-USD"]
    assert scene.skipped() == ["positions"]


def test_a_scan_sends_no_more_orders_than_a_minute_may_have(tmp_path: Path) -> None:
    """The stop of the first entry counts, too."""
    scene = pair(tmp_path, max_orders_per_minute=2)
    assert [one.symbol for one in scene.scan()] == ["BTC-USD"]
    assert scene.skipped() == ["order_rate"]


def test_sizes_of_one_close_are_shares_of_the_same_equity(tmp_path: Path) -> None:
    """Even if the account has changed when the second may act."""
    scene = pair(tmp_path)
    scene.symbols = ("BTC-USD",)
    (first,) = scene.scan()
    scene.exchange.cash["USD"] += 9000
    scene.symbols = ("ETH-USD",)
    (second,) = scene.scan()
    assert second.qty == first.qty


def test_one_coin_is_held_in_one_market(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "BTC-USD", "BTC-USDT")
    scene.exchange.cash["USDT"] = Decimal(1000)
    assert [one.symbol for one in scene.scan()] == ["BTC-USD"]
    assert scene.skipped() == [], "a coin that is held is no news"


@pytest.mark.parametrize(("most", "qty"), [("50", "0.48"), ("51.6529", "0.49"), ("51.6531", "0.5")])
def test_an_order_is_as_large_as_its_limit_allows_at_its_worst_price(scene: Scene, most: str, qty: str) -> None:
    """That is 103.306 here: a tick above the ask and its slippage."""
    scene.engine.entries.limits = replace(LIMITS, max_order_usd=Decimal(most))
    (entry,) = scene.scan()
    assert entry.qty == Decimal(qty)


def test_a_size_below_the_smallest_is_raised_to_it(tmp_path: Path) -> None:
    """The smallest that can be stopped out and sold: 1.1 times the least cost, at the stop less 2 %."""
    scene = Scene(tmp_path, pct=0.2)
    (entry,) = scene.scan()
    assert entry.qty == Decimal("0.06")
    assert scene.skipped() == []


def test_a_size_is_raised_for_a_strategy_that_wants_it_so_only(tmp_path: Path) -> None:
    scene = Scene(tmp_path, pct=0.2)
    scene.rule.raises_small = False
    assert scene.scan() == []
    (line,) = scene.skips()
    assert (line["gate"], line["value"], line["limit"]) == ("size", "$6.18", "$2.00")


def test_an_order_is_never_larger_than_a_market_takes(scene: Scene) -> None:
    scene.change(max_qty=Decimal(1))
    (entry,) = scene.scan()
    assert entry.qty == 1


def test_the_fee_is_left_to_pay(tmp_path: Path) -> None:
    scene = Scene(tmp_path, pct=100)
    scene.change(tick=Decimal("0.0001"))
    scene.exchange.fee = scene.oms.fees["BTC-USD"] = FeeRate(Decimal("0.01"), Decimal("0.01"))
    (entry,) = scene.scan()
    assert entry.limit_price is not None
    assert 980 < entry.qty * entry.limit_price * Decimal("1.01") <= 1000


@pytest.mark.parametrize(("in_coin", "qty"), [(False, "0.06"), (True, "0.07")])
def test_a_fee_that_is_taken_in_the_coin_leaves_enough_to_be_sold(tmp_path: Path, in_coin: bool, qty: str) -> None:
    scene = Scene(tmp_path, pct=0.2)
    scene.oms.fees["BTC-USD"] = replace(scene.exchange.fee, in_coin=in_coin)
    (entry,) = scene.scan()
    assert entry.qty == Decimal(qty)
