"""Candle queries come last: they leave room for everything else in the shared budgets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.brokers.base import NoRoom, Priority
from bot.brokers.coinbase import CoinbaseConfig
from bot.brokers.coinbase.transport import CoinbaseTransport
from bot.brokers.common.rate_limits import Budget
from bot.brokers.kraken import KrakenConfig
from bot.brokers.kraken.transport import KrakenTransport
from bot.brokers.okx import OkxConfig
from bot.brokers.okx.transport import OkxTransport
from bot.domain.clock import SystemClock
from tests.notes import Notes

Ask = Callable[[Any], object]

VENUES: dict[str, tuple[Callable[[Path], Any], Ask]] = {
    "kraken": (
        lambda folder: KrakenTransport(KrakenConfig("key", "c2VjcmV0", folder), SystemClock(), Notes()),
        lambda transport: transport.public("OHLC", {"pair": "XXBTZUSD"}),
    ),
    "okx": (
        lambda folder: OkxTransport(OkxConfig("key", "secret", "phrase", folder), SystemClock(), Notes()),
        lambda transport: transport.public("/api/v5/market/candles", instId="BTC-USDT"),
    ),
    "coinbase": (
        lambda folder: CoinbaseTransport(CoinbaseConfig("key", "secret", folder), SystemClock(), Notes()),
        lambda transport: transport.private("/products/BTC-USD/candles"),
    ),
}


@pytest.mark.parametrize("venue", VENUES)
def test_one_that_is_beside_asks_last_out_of_the_same_budgets(
    venue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, Priority]] = []

    def take(budget: Budget, _cost: float, priority: Priority) -> int:
        asked.append((id(budget), priority))
        return 3_600_000

    monkeypatch.setattr(Budget, "take", take)
    make, ask = VENUES[venue]
    transport = make(tmp_path)
    for one in (transport, transport.beside()):
        with pytest.raises(NoRoom):
            ask(one)
    transport.close()
    assert [priority for _, priority in asked] == [Priority.QUERY, Priority.CANDLES]
    assert len({budget for budget, _ in asked}) == 1
