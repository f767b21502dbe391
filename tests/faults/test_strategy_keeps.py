"""A strategy's stored values count each close once, whatever is restarted in between; its exits have their own names."""

from __future__ import annotations

import pytest

from bot.domain.candles import Candles
from bot.domain.log import Event
from bot.domain.order import Purpose
from bot.strategy.base import Close, Ended, Evaluation, Trade
from tests.rig import OnDemand, Rig

CANDLE = 300_000


class Counting(OnDemand):
    """Counts the closes of a trade; exits, and may enter again, when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.out = False
        self.may = True
        self.last: Ended | None = None

    def evaluate(self, candles: Candles) -> Evaluation:
        return super().evaluate(candles)._replace(kept=(("closes", 0.0), ("decided at", float(candles.closed_at))))

    def on_close(self, trade: Trade, candles: Candles) -> Close:
        if self.out:
            return Close(trade.stop, "bored", "nothing moves")
        kept = dict(trade.kept)
        return Close(trade.stop, kept=tuple((kept | {"closes": kept["closes"] + 1.0}).items()))

    def may_return(self, candles: Candles, last: Ended) -> bool:
        self.last = last
        return self.may


def next_close(rig: Rig) -> None:
    closed = rig.engine.candle_cache.newest()
    rig.until(lambda: rig.engine.candle_cache.newest() > closed, "another close")
    rig.steady()


def test_each_close_counts_once_whenever_it_ends(unopened: Rig) -> None:
    rig = unopened
    rig.rule = Counting()
    rig.open()
    rig.steady()
    position = rig.bought()
    assert dict(position.kept) == {"closes": 0.0, "decided at": float(position.candle_close)}
    for _ in range(2):
        next_close(rig)
        rig.hear()
        rig.restart()
        rig.hear()
    rig.cycle()
    assert rig.position is not None
    walked = int(rig.book.get_state(f"walked:{rig.symbol}") or 0)
    assert dict(rig.position.kept)["closes"] == walked // CANDLE - position.opened_at // CANDLE >= 2


@pytest.mark.parametrize("venue", ["kraken", "okx", "coinbase"])
def test_it_leaves_by_its_own_reason_and_is_asked_whether_it_may_return(unopened: Rig) -> None:
    rig = unopened
    rig.rule = rule = Counting()
    rig.open()
    rig.steady()
    rig.bought()
    rule.out, rule.may = True, False
    next_close(rig)
    rig.until(lambda: bool(rig.hear() or rig.position is None), "its exit")
    rig.quiet()
    (sale,) = [one for one in rig.sales() if one.booked_qty > 0]
    assert (sale.purpose, sale.reason) == (Purpose.EXIT, "bored: nothing moves")
    assert all(str(line["reason"]).startswith("bored: nothing moves") for line in rig.notes.said(Event.EXIT))
    assert rig.notes.said(Event.EXIT)
    rig.enter()
    assert rig.position is None
    assert rule.last is not None
    assert rule.last.exit == "bored"
    rule.may = True
    next_close(rig)
    assert rig.bought().kept[0] == ("closes", 0.0)
