"""Which markets of a real exchange are chosen: open ones only, old enough, never two of one coin."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from bot.domain.clock import DAY
from bot.engine import selection
from bot.engine.universe import MarketCriteria, eligible
from tests.rig import Rig
from tests.sandbox_fixture import Sandbox

CLOSED = [
    *(("kraken", "pair_status", word) for word in ("cancel_only", "post_only", "limit_only", "reduce_only")),
    *(("okx", "state", word) for word in ("suspend", "preopen", "test")),
    *(("coinbase", "product_status", word) for word in ("offline", "delisted")),
    *(
        ("coinbase", "product_flag", word)
        for word in (
            "is_disabled",
            "trading_disabled",
            "cancel_only",
            "limit_only",
            "post_only",
            "auction_mode",
            "view_only",
        )
    ),
]


@pytest.mark.parametrize(("venue", "switch", "word"), CLOSED)
def test_a_market_that_does_not_take_every_order_is_left_out(rig: Rig, switch: str, word: str) -> None:
    assert rig.engine.selection.symbols == [rig.symbol]
    with rig.switched(f"{switch}.{rig.symbol}", word):
        rig.until(lambda: _chosen(rig) == [], "the market's leaving")
    rig.until(lambda: _chosen(rig) == [rig.symbol], "the market's return")


def _chosen(rig: Rig) -> list[str]:
    rig.engine.read_rules()
    return rig.engine.selection.symbols


@pytest.mark.parametrize("venue", ["okx", "coinbase"])
def test_a_young_market_is_left_out(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """All markets of a sandbox are older than 30 days, so here the minimum age is that of the oldest plus a day."""
    listed = rig.engine.oms.instruments[rig.symbol].listed_at
    assert listed is not None
    monkeypatch.setattr(selection, "OLD_DAYS", (rig.clock.market_ms() - listed) // DAY + 2)
    assert _chosen(rig) == []
    monkeypatch.undo()
    assert _chosen(rig) == [rig.symbol]


@pytest.mark.parametrize("venue", ["kraken", "okx", "coinbase"])
def test_pegged_coins_are_left_out(rig: Rig) -> None:
    fit = {one.base for one in rig.engine.oms.instruments.values() if eligible(one, MarketCriteria(most=100))}
    assert fit
    assert fit.isdisjoint({"USD", "USDT", "USDC", "DAI", "EUR", "GBP", "PYUSD"})


def test_one_position_a_coin_whatever_its_quote(exchanges: Callable[[str], Sandbox], rig: Rig) -> None:
    two = Rig(exchanges("kraken"), rig.folder / "two", "BTC-USD", "BTC-USDT")
    two.open()
    try:
        assert two.engine.selection.symbols == ["BTC-USDT"], "the account has more USDT"
        two.enter("BTC-USDT")
        two.deposit("USD", Decimal(9_000))
        assert _chosen(two) == ["BTC-USD"]
        two.enter("BTC-USD")
        assert [position.symbol for position in two.book.positions()] == ["BTC-USDT"]
    finally:
        two.crash()
