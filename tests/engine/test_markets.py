"""What a failed request teaches about a market, and what a start finds of the targets that were sold before it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.events import CandleClosed, Unfit
from bot.domain.order import Purpose
from bot.domain.outcome import ErrorMeaning
from tests.engine.exchange import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.mark.parametrize(
    ("meaning", "symbol", "excluded"),
    [
        (ErrorMeaning.RESTRICTED, "BTC-USD", True),
        (ErrorMeaning.RESTRICTED, None, False),
        (ErrorMeaning.BUSY, "BTC-USD", False),
    ],
)
def test_only_a_refusal_of_a_market_excludes_it(
    scene: Scene, meaning: ErrorMeaning, symbol: str | None, excluded: bool
) -> None:
    scene.oms.markets.record_failure(meaning, "not for you", symbol)
    assert scene.oms.markets.is_restricted("BTC-USD") is excluded


@pytest.mark.parametrize("meaning", [ErrorMeaning.RESTRICTED, None])
def test_a_market_whose_candles_are_refused_to_this_owner_is_excluded(
    scene: Scene, meaning: ErrorMeaning | None
) -> None:
    close = scene.engine.candle_cache.newest()
    scene.engine.on(CandleClosed("BTC-USD", close, Unfit("not for you", meaning)))
    assert scene.oms.markets.is_restricted("BTC-USD") is (meaning is not None)


def test_a_start_counts_a_target_that_was_sold_before_its_stage_was_stored(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.scan()
    with monkeypatch.context() as crash:
        crash.setattr("bot.engine.results.record_target", lambda *_: None)
        scene.engine.monitor.exits.sell("BTC-USD", Decimal("0.5"), Decimal(103), Purpose.TP1, "target 1", by="tp1")
    assert [one.stage for one in scene.book.positions()] == [0]
    scene.engine.monitor.resume()
    assert [one.stage for one in scene.book.positions()] == [1]
