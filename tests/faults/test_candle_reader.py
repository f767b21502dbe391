"""Candles are read in parallel: whatever happens to such a request, the broker's own requests are not affected."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from bot.brokers.base import BrokerError, CandleReader
from bot.domain.candles import Candles
from bot.domain.clock import MINUTE
from bot.domain.outcome import ErrorMeaning
from tests.rig import Rig

VENUES = ("kraken", "okx", "coinbase")
CANDLES = "OHLC|market/candles|products/[^/]+/candles"
FRAME = 5 * MINUTE
#: Longest time of a request without faults (real seconds); one without an answer times out after eight.
SOON = 4.0


class Asked:
    """Runs a request in its own thread."""

    def __init__(self, reader: CandleReader, symbol: str) -> None:
        self._reader = reader
        self._symbol = symbol
        self.found: Candles | BrokerError | None = None
        self.thread = threading.Thread(target=self._ask, daemon=True)
        self.thread.start()

    def _ask(self) -> None:
        try:
            self.found = self._reader.candles(self._symbol, FRAME, 20)
        except BrokerError as error:
            self.found = error


def seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def ask_all(rig: Rig) -> None:
    """The requests of a look at a position."""
    broker = rig.engine.oms.broker
    broker.look(rig.symbol, rig.clock.market_ms() - MINUTE)
    broker.balances()
    broker.open_orders()


def until_asked(rig: Rig) -> None:
    end = time.monotonic() + SOON
    while not any(fault["fired"] for fault in rig.sandbox.control("GET", "faults")["faults"]):
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("venue", VENUES)
def test_the_broker_answers_while_a_question_for_candles_hangs(rig: Rig) -> None:
    broker = rig.engine.oms.broker
    rig.arm("hang", CANDLES)
    asked = Asked(broker.candle_reader(), rig.symbol)
    until_asked(rig)
    assert seconds(lambda: ask_all(rig)) < SOON
    assert asked.found is None
    asked.thread.join(20)
    assert isinstance(asked.found, BrokerError)
    assert asked.found.meaning is ErrorMeaning.BUSY
    rig.disarm()


@pytest.mark.parametrize("venue", VENUES)
def test_candles_that_are_refused_for_their_rate_silence_nothing_else(rig: Rig) -> None:
    broker = rig.engine.oms.broker
    rig.arm("rate_limit", CANDLES)
    reader = broker.candle_reader()
    with pytest.raises(BrokerError) as caught:
        reader.candles(rig.symbol, FRAME, 20)
    assert caught.value.meaning is ErrorMeaning.RATE_LIMITED
    rig.disarm()
    assert seconds(lambda: ask_all(rig)) < SOON


@pytest.mark.parametrize("venue", VENUES)
def test_closing_the_broker_cuts_off_whoever_reads_candles(rig: Rig) -> None:
    broker = rig.engine.oms.broker
    reader = broker.candle_reader()
    assert len(reader.candles(rig.symbol, FRAME, 20)) <= 20
    rig.arm("hang", CANDLES)
    asked = Asked(reader, rig.symbol)
    until_asked(rig)
    assert seconds(broker.close) < SOON
    asked.thread.join(SOON)
    assert isinstance(asked.found, BrokerError)
    rig.disarm()
    with pytest.raises(BrokerError, match=r"closed|given back"):
        reader.candles(rig.symbol, FRAME, 20)


@pytest.mark.parametrize("venue", VENUES)
def test_there_is_one_reader_at_a_time(rig: Rig) -> None:
    broker = rig.engine.oms.broker
    first, second = broker.candle_reader(), broker.candle_reader()
    with pytest.raises(BrokerError, match="closed"):
        first.candles(rig.symbol, FRAME, 20)
    assert len(second.candles(rig.symbol, FRAME, 20)) > 0
    second.close()
    assert len(broker.candles(rig.symbol, FRAME, 20)) > 0
