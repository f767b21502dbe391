"""From signals at a close to orders: what is sent, what is tried again, what the orders of one scan leave each other, and why not."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.brokers.base import Absence, BrokerError, Capabilities
from bot.domain.candles import Candles
from bot.domain.clock import MINUTE, SECOND, iso
from bot.domain.events import Unfit
from bot.domain.instrument import FeeRate, Kind, Trading
from bot.domain.order import OrderType, Purpose, Side
from bot.domain.outcome import Meaning, NotPlaced, Unknown
from bot.engine.candidate import TRIES
from bot.marketdata.closed import judged
from bot.strategy.gates import Gate
from tests.engine.exchange import CLOSE, LIMITS, Scene
from tests.engine.given import instrument, ticker
from tests.marketdata.given import FRAME, candles, row

BUSY = NotPlaced(Meaning.BUSY, "later")
UNKNOWN = Unknown("no answer")
CARRYING = Capabilities(True, True, True, Absence.DEADLINE, 1_500, attached_target=True)


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
    assert scene.business.entries.signals == 1
    assert scene.skipped() == []


# -- what is tried again ------------------------------------------------------------------------------------------------
def test_an_entry_that_was_refused_for_a_passing_reason_is_tried_again_on_its_candle(scene: Scene) -> None:
    scene.exchange.answers = [BUSY]
    assert len(scene.scan()) == 1
    assert scene.book.positions() == []
    assert scene.skipped() == ["rejected"]
    assert len(scene.scan()) == 1
    assert scene.book.position("BTC-USD") is not None
    assert scene.business.entries.signals == 1, "it is still one signal"


def test_it_is_not_tried_for_ever(scene: Scene) -> None:
    scene.exchange.answers = [BUSY] * 10
    assert [len(scene.scan()) for _ in range(TRIES + 2)] == [1] * TRIES + [0, 0]
    assert scene.skipped() == ["rejected", "candle_used"]
    scene.clock.now += FRAME
    scene.tell()
    assert len(scene.scan()) == 1


@pytest.mark.parametrize("meaning", [Meaning.REJECTED, Meaning.FUNDS, Meaning.PRICE, Meaning.TOO_SMALL])
def test_an_entry_that_was_refused_for_good_is_not_tried_again(scene: Scene, meaning: Meaning) -> None:
    scene.exchange.answers = [NotPlaced(meaning, "no")]
    assert len(scene.scan()) == 1
    assert scene.scan() == []
    assert scene.skipped() == ["rejected", "candle_used"]
    assert scene.skips()[0]["value"] == f"{meaning}: no"


def test_one_refusal_for_good_among_the_tries_is_enough(scene: Scene) -> None:
    scene.exchange.answers = [BUSY, NotPlaced(Meaning.REJECTED, "no")]
    assert [len(scene.scan()) for _ in range(3)] == [1, 1, 0]


@pytest.mark.parametrize("meaning", [Meaning.ATTACHMENT, Meaning.ATTACHED_PRICE])
def test_an_entry_that_is_refused_for_the_stop_it_carries_goes_without_at_once(scene: Scene, meaning: Meaning) -> None:
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
    scene.exchange.answers = [NotPlaced(Meaning.ATTACHMENT, "no")] * 2
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
    scene.tell()
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
    """The stop of the first counts, too."""
    scene = pair(tmp_path, max_orders_per_minute=2)
    assert [one.symbol for one in scene.scan()] == ["BTC-USD"]
    assert scene.skipped() == ["order_rate"]


def test_sizes_of_one_close_are_shares_of_the_same_equity(tmp_path: Path) -> None:
    """Whatever has become of the account when the second may act."""
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
    changed(scene, max_qty=Decimal(1))
    (entry,) = scene.scan()
    assert entry.qty == 1


def test_the_fee_is_left_to_pay(tmp_path: Path) -> None:
    scene = Scene(tmp_path, pct=100)
    changed(scene, tick=Decimal("0.0001"))
    scene.exchange.fee = scene.desk.fees["BTC-USD"] = FeeRate(Decimal("0.01"), Decimal("0.01"))
    (entry,) = scene.scan()
    assert entry.limit_price is not None
    assert 980 < entry.qty * entry.limit_price * Decimal("1.01") <= 1000


@pytest.mark.parametrize(("in_coin", "qty"), [(False, "0.06"), (True, "0.07")])
def test_a_fee_that_is_taken_in_the_coin_leaves_enough_to_be_sold(tmp_path: Path, in_coin: bool, qty: str) -> None:
    scene = Scene(tmp_path, pct=0.2)
    scene.desk.fees["BTC-USD"] = replace(scene.exchange.fee, in_coin=in_coin)
    (entry,) = scene.scan()
    assert entry.qty == Decimal(qty)


# -- why there is no entry -------------------------------------------------------------------------------------------
def changed(scene: Scene, **rules: object) -> None:
    scene.exchange.rules = {"BTC-USD": replace(scene.exchange.rules["BTC-USD"], **rules)}  # type: ignore[arg-type]
    scene.desk.instruments = dict(scene.exchange.rules)


def unanswered(scene: Scene) -> None:
    scene.exchange.error = BrokerError("kraken", Meaning.BUSY, "try again")


def unquoted(scene: Scene) -> None:
    scene.exchange.quotes.clear()


def quoted(bid: str, ask: str) -> Callable[[Scene], None]:
    def quote(scene: Scene) -> None:
        scene.exchange.quotes["BTC-USD"] = ticker(bid, ask)

    return quote


def limited(**limits: object) -> Callable[[Scene], None]:
    def limit(scene: Scene) -> None:
        scene.business.entries.limits = replace(LIMITS, **limits)  # type: ignore[arg-type]

    return limit


def stopped(ago: int) -> Callable[[Scene], None]:
    def stop(scene: Scene) -> None:
        scene.book.remember("stopped:BTC-USD", str(CLOSE - ago))

    return stop


def news(away: int) -> Callable[[Scene], None]:
    def tell(scene: Scene) -> None:
        scene.business.entries.news = (scene.clock.now + away,)

    return tell


def far(share: float) -> Callable[[Scene], None]:
    def move(scene: Scene) -> None:
        scene.rule.far = share

    return move


def poor(cash: str) -> Callable[[Scene], None]:
    def spend(scene: Scene) -> None:
        scene.exchange.cash["USD"] = Decimal(cash)

    return spend


# what is so -> the gate that blocks, the number and its limit
WHY: list[tuple[str, Callable[[Scene], None], Gate | None, str, str]] = [
    ("no answer", unanswered, Gate.PRICE, "try again", "a price"),
    ("no quote", unquoted, Gate.PRICE, "the exchange tells none", "a price"),
    ("bid over ask", quoted("103.1", "103"), Gate.BID_ASK, "103.1", "103"),
    ("jump", quoted("144.9", "145"), Gate.JUMP, "40.78 %", "40.00 %"),
    ("spread", quoted("101.9", "103"), Gate.SPREAD, "1.07 %", "1.00 %"),
    ("spread just right", quoted("101.97", "103"), None, "", ""),
    ("post only", lambda scene: changed(scene, trading=Trading.POST_ONLY), Gate.MARKET, "it is post_only", "open"),
    ("stopped out in this candle", stopped(0), Gate.STOPPED_OUT, iso(CLOSE), iso(CLOSE - FRAME)),
    ("stopped out at its open", stopped(FRAME), Gate.STOPPED_OUT, iso(CLOSE - FRAME), iso(CLOSE - FRAME)),
    ("stopped out before", stopped(FRAME + 1), None, "", ""),
    ("news", news(MINUTE), Gate.NEWS, "1 min", "5 min"),
    ("news long ago", news(-6 * MINUTE), None, "", ""),
    ("wide", far(0.06), Gate.RISK, "5.92 %", "5.00 %"),
    ("close", far(0.002), Gate.COSTS, "0.2", "0.30620621"),
    ("poor", poor("8"), Gate.SIZE, "$6.18", "$4.00"),
    ("in debt", poor("-1"), Gate.SIZE, "$6.18", "$0.00"),
    ("no places", limited(max_open_positions=0), Gate.POSITIONS, "0", "0"),
    ("one order at most", limited(max_order_usd=Decimal(5)), Gate.ORDER_VALUE, "$6.20", "$5.00"),
    ("room for a coin", limited(max_coin_exposure_pct=Decimal("0.5")), Gate.COIN_EXPOSURE, "$6.20", "$5.00"),
    ("room for all", limited(max_exposure_pct=Decimal("0.5")), Gate.EXPOSURE, "$6.20", "$5.00"),
]


@pytest.mark.parametrize(("so", "gate", "value", "limit"), [row[1:] for row in WHY], ids=[row[0] for row in WHY])
def test_why_there_is_no_entry(
    scene: Scene, so: Callable[[Scene], None], gate: Gate | None, value: str, limit: str
) -> None:
    so(scene)
    assert len(scene.scan()) == (gate is None)
    told = [(line["gate"], line["value"], line["limit"]) for line in scene.skips()]
    assert told == ([] if gate is None else [(gate.word, value, limit)])


def test_balances_that_are_old_are_not_decided_on(scene: Scene) -> None:
    standing = scene.business.accounting.measure()
    scene.clock.now += 61 * SECOND
    assert scene.business.entries.scan(scene.symbols, standing, None) == 0
    assert scene.skipped() == ["balances"]


def test_losses_in_a_row_keep_a_market_out_for_a_while(scene: Scene) -> None:
    scene.business.entries.limits = replace(LIMITS, max_losses_in_a_row=2, cooldown_ms=2 * FRAME)
    for _ in range(2):
        assert len(scene.scan()) == 1
        position = scene.book.position("BTC-USD")
        assert position is not None
        scene.exchange.quotes["BTC-USD"] = ticker("99.5", "99.6")
        for stop in scene.exchange.open_orders():
            scene.exchange.all[stop.exchange_id] = replace(stop, status=stop.status.CANCELED)
        scene.business.closing.sell("BTC-USD", position.qty, position.entry_price, Purpose.EXIT, "out")
        assert scene.book.position("BTC-USD") is None
        scene.exchange.quotes["BTC-USD"] = ticker("102.9", "103")
        scene.clock.now += FRAME
        scene.tell()
    assert scene.scan() == []
    (line,) = scene.skips()
    assert (line["gate"], line["value"], line["limit"]) == ("losses", "2", "2")
    assert "5 min to wait" in str(line["reason"])
    scene.clock.now += FRAME
    scene.tell()
    assert len(scene.scan()) == 1


def test_a_short_signal_sells_a_swap_and_no_coins(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "BTC-USDT-SWAP", "ETH-USDT")
    scene.exchange.rules["BTC-USDT-SWAP"] = instrument("BTC-USDT-SWAP", kind=Kind.SWAP)
    scene.desk.instruments = dict(scene.exchange.rules)
    scene.exchange.cash["USDT"] = Decimal(1000)
    scene.rule.side = -1
    (entry,) = scene.scan()
    assert (entry.symbol, entry.side, entry.limit_price) == ("BTC-USDT-SWAP", Side.SELL, Decimal("102.6"))
    assert scene.skipped() == []


# -- candles that cannot be true ---------------------------------------------------------------------------------------
NAN = Candles.of(FRAME, [row(number, math.nan if number == 58 else 100.0) for number in range(60)])
ZERO = Candles.of(FRAME, [row(number, 0.0 if number == 58 else 100.0) for number in range(60)])
CROSSED = Candles.of(FRAME, [(row(n)[0], 100.0, 99.0, 101.0, 100.0, 1.0) if n == 58 else row(n) for n in range(60)])
BAD = [NAN, ZERO, CROSSED, candles(*range(58), 58, 58, 59), candles(*range(57), 58, 57, 59), candles(*range(57), 59)]


@pytest.mark.parametrize("told", BAD, ids=["nan", "zero", "high below low", "twice", "out of order", "missing"])
def test_candles_that_cannot_be_true_reach_no_decision(scene: Scene, told: Candles) -> None:
    """The rule would enter on any: what keeps it from that is that they are inspected."""
    found = judged(told, CLOSE, fills_gaps=True)
    scene.tell(found)
    assert scene.scan() == []
    assert scene.skipped() == ["candles"]
    assert isinstance(found, Unfit)
    assert scene.skips()[0]["value"] == found.reason
    scene.tell()
    assert len(scene.scan()) == 1


def test_a_market_of_which_nothing_was_told_is_not_decided_on(scene: Scene) -> None:
    scene.tell(Unfit(""))
    assert scene.scan() == []
    assert scene.skips()[0]["value"] == "no answer"
