"""Unreadable answers, impossible candles and an exchange that closes: nothing is decided on them."""

from __future__ import annotations

import gc
from collections import Counter
from typing import Any

import pytest

from bot.brokers.base import BrokerError
from bot.domain.order import Purpose
from tests.paths import VENUES
from tests.rig import Rig

BROKEN: list[tuple[str, dict[str, Any]]] = [
    ("malformed", {}),
    ("truncated", {}),
    ("empty", {}),
    ("slow_drip", {"seconds": 60.0}),
    ("http_status", {"status": 503}),
    ("maintenance", {}),
    ("rate_limit", {}),
    ("exchange_error", {}),
]
READS = "OpenOrders|ClosedOrders|QueryOrders|QueryTrades|TradesHistory|BalanceEx|Ticker|Trades|OHLC"


@pytest.mark.parametrize(("kind", "words"), BROKEN)
def test_a_position_lives_through_questions_without_answers(rig: Rig, kind: str, words: dict[str, Any]) -> None:
    bought = rig.bought().qty
    rig.arm(kind, READS, count=1 if kind == "slow_drip" else 3, **words)
    for _ in range(2):
        rig.turn()
        rig.cycle()
    rig.disarm()
    rig.quiet()
    assert rig.position is not None
    assert rig.position.qty == bought == rig.resting() == rig.coins()


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "malformed", "empty", "http_status", "exchange_error"])
@pytest.mark.parametrize("venue", VENUES)
def test_a_failed_question_leaves_nothing_in_memory(rig: Rig, kind: str) -> None:
    """Otherwise an exchange that fails for a day would fill memory with frames and answers of its failures, until the garbage
    collector runs."""
    broker = rig.engine.oms.broker
    gc.collect()
    gc.disable()
    try:
        failed = 0
        rig.arm(kind, **({"status": 503} if kind == "http_status" else {}))
        for _ in range(8):
            try:
                broker.balances()
            except BrokerError:
                failed += 1
        rig.disarm()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = Counter(type(one).__name__ for one in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert failed == 8
    assert not {"frame", "traceback", "Answer", "HTTPResponse"} & left.keys(), left


@pytest.mark.parametrize("kind", ["rate_limit", "maintenance", "exchange_error"])
def test_an_entry_that_was_refused_for_the_moment_is_made_once(rig: Rig, kind: str) -> None:
    words = {"body": "EService:Unavailable", "processed": False} if kind == "exchange_error" else {}
    rig.arm(kind, "AddOrder", count=1, **words)
    rig.enter()
    rig.until(lambda: not rig.engine.oms.in_flight(), "certainty")
    rig.until(lambda: bool(rig.enter()), "an entry")
    rig.quiet()
    assert len(rig.sent(side="buy")) <= 1


def test_candles_that_cannot_be_true_reach_no_decision(rig: Rig) -> None:
    rig.arm("bad_candle")
    rig.rule.side = 1
    for _ in range(4):
        rig.feed.forget()
        rig.hear()
        rig.engine.entries.scan([rig.symbol], rig.engine.accounting.measure(), None)
    for record in rig.orders(Purpose.ENTRY):
        assert record.decision is not None
        assert 0 < record.decision.stop < record.decision.close


def test_the_nonces_floor_is_lost(rig: Rig) -> None:
    """A floor in the future was reached and its file is removed: the next nonce is below what Kraken has seen."""
    rig.bought()
    rig.crash()
    for file in (rig.folder / "state").rglob("*"):
        if file.is_file():
            file.unlink()
    rig.open()
    rig.quiet()
    assert rig.position is not None
