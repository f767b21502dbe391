"""Why a signal is not entered: each gate that the engine's own numbers can make block, its reason, and impossible candles."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.brokers.base import BrokerError
from bot.domain.candles import Candles
from bot.domain.clock import MINUTE, SECOND, iso
from bot.domain.events import Unfit
from bot.domain.instrument import Kind, Ticker, Trading
from bot.domain.judgement import Judgement
from bot.domain.log import Event
from bot.domain.order import OrderStatus, Purpose, Side
from bot.domain.outcome import ErrorMeaning, NotPlaced
from bot.marketdata.closed import judged
from bot.strategy.gates import Gate
from tests.engine.exchange import CLOSE, LIMITS, Scene
from tests.engine.given import ticker
from tests.marketdata.given import FRAME, candles, row

BUSY = NotPlaced(ErrorMeaning.BUSY, "later")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def unanswered(scene: Scene) -> None:
    scene.exchange.error = BrokerError("kraken", ErrorMeaning.BUSY, "try again")


def unquoted(scene: Scene) -> None:
    scene.exchange.quotes.clear()


def quoted(bid: str, ask: str) -> Callable[[Scene], None]:
    def quote(scene: Scene) -> None:
        scene.exchange.quotes["BTC-USD"] = ticker(bid, ask)

    return quote


def limited(**limits: object) -> Callable[[Scene], None]:
    def limit(scene: Scene) -> None:
        scene.engine.entries.limits = replace(LIMITS, **limits)  # type: ignore[arg-type]

    return limit


def stopped(ago: int) -> Callable[[Scene], None]:
    def stop(scene: Scene) -> None:
        scene.book.set_state("stopped:BTC-USD", str(CLOSE - ago))

    return stop


def news(away: int) -> Callable[[Scene], None]:
    def deliver(scene: Scene) -> None:
        scene.engine.entries.news = (scene.clock.now + away,)

    return deliver


def far(share: float) -> Callable[[Scene], None]:
    def move(scene: Scene) -> None:
        scene.rule.far = share

    return move


def both(one: Callable[[Scene], None], other: Callable[[Scene], None]) -> Callable[[Scene], None]:
    def make(scene: Scene) -> None:
        one(scene)
        other(scene)

    return make


def poor(cash: str) -> Callable[[Scene], None]:
    def spend(scene: Scene) -> None:
        scene.exchange.cash["USD"] = Decimal(cash)

    return spend


# the situation -> the gate that blocks, its value and limit
WHY: list[tuple[str, Callable[[Scene], None], Gate | None, str, str]] = [
    ("no answer", unanswered, Gate.PRICE, "try again", "a price"),
    ("no quote", unquoted, Gate.PRICE, "the exchange quotes none", "a price"),
    ("bid over ask", quoted("103.1", "103"), Gate.BID_ASK, "103.1", "103"),
    ("jump", quoted("144.9", "145"), Gate.JUMP, "40.78 %", "40.00 %"),
    ("spread", quoted("101.9", "103"), Gate.SPREAD, "1.07 %", "1.00 %"),
    ("spread just right", quoted("101.97", "103"), None, "", ""),
    ("ask at the first target", both(far(0.02), quoted("104.9", "105")), Gate.TARGET, "105", "105"),
    ("ask below the first target", both(far(0.02), quoted("104.8", "104.9")), None, "", ""),
    ("ask at the stop", quoted("98.8", "98.9"), Gate.STOP, "98.9", "98.9"),
    ("post only", lambda scene: scene.change(trading=Trading.POST_ONLY), Gate.MARKET, "it is post_only", "open"),
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
    judged: list[Judgement] = []
    scene.engine.entries.judgements.record = judged.extend
    assert len(scene.scan()) == (gate is None)
    assert [one.blocked_by and one.blocked_by.name for one in judged] == [gate and gate.word]
    skips = [(line["gate"], line["value"], line["limit"]) for line in scene.skips()]
    assert skips == ([] if gate is None else [(gate.word, value, limit)])


def test_the_candle_of_a_stop_may_be_entered_on_for_a_strategy_that_wants_it_so(scene: Scene) -> None:
    stopped(0)(scene)
    scene.rule.sits_out_stops = False
    assert len(scene.scan()) == 1


@pytest.mark.parametrize("question", ["terms", "size_pct"])
def test_a_strategy_that_cannot_answer_enters_nothing(scene: Scene, question: str) -> None:
    setattr(scene.rule, question, lambda *_: 1 / 0)
    assert scene.scan() == []
    assert scene.skipped() == ["strategy"]
    assert len(scene.log.said(Event.STRATEGY)) == 1


def test_balances_that_are_old_are_not_decided_on(scene: Scene) -> None:
    snapshot = scene.engine.accounting.measure()
    scene.clock.now += 61 * SECOND
    assert scene.engine.entries.scan(scene.symbols, snapshot, None) == 0
    assert scene.skipped() == ["balances"]


def sell(scene: Scene, at: Ticker) -> None:
    """Sell the position at these prices; then the market recovers."""
    position, before = scene.book.position("BTC-USD"), scene.exchange.quotes["BTC-USD"]
    assert position is not None
    scene.exchange.quotes["BTC-USD"] = at
    for stop in scene.exchange.open_orders():
        scene.exchange.all[stop.exchange_id] = replace(stop, status=OrderStatus.CANCELED)
    scene.engine.exits.sell("BTC-USD", position.qty, position.entry_price, Purpose.EXIT, "out")
    assert scene.book.position("BTC-USD") is None
    scene.exchange.quotes["BTC-USD"] = before


def test_a_sale_on_the_candle_is_no_try_of_its_entry(scene: Scene) -> None:
    assert len(scene.scan()) == 1
    scene.clock.now += FRAME
    scene.deliver()
    sell(scene, ticker("103", "103.1"))
    scene.exchange.answers = [BUSY]
    assert [len(scene.scan()) for _ in range(3)] == [1, 1, 0]


def test_losses_in_a_row_keep_a_market_out_for_a_while(scene: Scene) -> None:
    scene.engine.entries.limits = replace(LIMITS, max_losses_in_a_row=2, cooldown_ms=2 * FRAME)
    for _ in range(2):
        assert len(scene.scan()) == 1
        sell(scene, ticker("99.5", "99.6"))
        scene.clock.now += FRAME
        scene.deliver()
    assert scene.scan() == []
    (line,) = scene.skips()
    assert (line["gate"], line["value"], line["limit"]) == ("losses", "2", "2")
    assert "5 min to wait" in str(line["reason"])
    scene.clock.now += FRAME
    scene.deliver()
    assert len(scene.scan()) == 1


def test_a_short_signal_sells_a_swap_and_no_coins(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "BTC-USDT-SWAP", "ETH-USDT")
    scene.change(kind=Kind.SWAP)
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


@pytest.mark.parametrize("bad", BAD, ids=["nan", "zero", "high below low", "twice", "out of order", "missing"])
def test_candles_that_cannot_be_true_reach_no_decision(scene: Scene, bad: Candles) -> None:
    """The strategy would enter on any of them; only the inspection prevents it."""
    found = judged(bad, CLOSE, fills_gaps=True)
    scene.deliver(found)
    assert scene.scan() == []
    assert scene.skipped() == ["candles"]
    assert isinstance(found, Unfit)
    assert scene.skips()[0]["value"] == found.reason
    scene.deliver()
    assert len(scene.scan()) == 1


def test_a_market_of_which_nothing_was_told_is_not_decided_on(scene: Scene) -> None:
    scene.deliver(Unfit(""))
    assert scene.scan() == []
    assert scene.skips()[0]["value"] == "no answer"
