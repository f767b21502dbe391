"""Impossible candles: no entry is decided on them, and trading resumes with the next good answer."""

from __future__ import annotations

import pytest

from bot.domain.candles import Candles, inspect
from bot.domain.events import Unfit
from bot.domain.log import Event
from bot.domain.order import Purpose
from tests.rig import Rig

DEFECTS = ("nan", "zero", "negative", "high_below_low", "duplicate", "missing", "out_of_order")


def scan(rig: Rig) -> None:
    """A scan with a signal, on newly requested candles."""
    rig.feed.forget()
    rig.hear()
    rig.engine.entries.scan([rig.symbol], rig.engine.accounting.measure(), None)


@pytest.mark.parametrize("venue", ["kraken", "okx", "coinbase"])
def test_no_entry_on_bad_candles_and_an_entry_on_good_ones(unopened: Rig) -> None:
    """Each defect in every answer, for a feed that has no candles yet (good ones are kept). A candle that stays missing
    means a time without trades, and is filled in flat.
    """
    rig = unopened
    rig.open()
    rig.rule.side = 1
    for defect in DEFECTS:
        rig.arm("bad_candle", body=defect)
        rig.feed.forget()
        rig.hear()
        found = rig.engine.candle_cache.of(rig.symbol)
        if defect == "missing":
            assert isinstance(found, Candles), found
            assert inspect(found) == ()
        else:
            assert isinstance(found, Unfit), defect
            scan(rig)
            scan(rig)
        rig.disarm()
    assert rig.orders(Purpose.ENTRY) == []
    skips = [line for line in rig.notes.said(Event.SKIP) if line["gate"] == "candles"]
    assert skips
    assert len(skips) <= 6
    rig.until(lambda: bool(rig.enter()), "an entry on good candles")
    assert rig.position is not None


@pytest.mark.parametrize("venue", ["kraken", "okx", "coinbase"])
def test_a_position_keeps_its_stop_while_candles_are_bad(rig: Rig) -> None:
    position, rested = rig.bought(), rig.resting()
    for defect in DEFECTS:
        rig.arm("bad_candle", body=defect)
        rig.feed.forget()
        rig.hear()
        rig.engine.monitor.walk()
        rig.disarm()
    rig.turn()
    assert rig.position is not None
    assert rig.position.stop_price == position.stop_price
    assert rig.resting() == rested
