"""Missing candles do not delay the monitoring of positions: a target is sold as quickly as ever."""

from __future__ import annotations

import re
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.domain.log import Event
from tests.daemon_fixture import Daemon, truth
from tests.sandbox_fixture import Sandbox

CANDLES = {"kraken": "public/OHLC", "okx": "market/candles", "coinbase": "products/[^/]+/candles"}
#: A request times out after twelve real seconds, and there is one for every market.
USUAL = 10.0


@pytest.mark.parametrize(
    ("venue", "kind"),
    [
        ("kraken", "hang"),
        pytest.param("kraken", "delay", marks=pytest.mark.thorough),
        pytest.param("okx", "hang", marks=pytest.mark.thorough),
        pytest.param("coinbase", "hang", marks=pytest.mark.thorough),
    ],
)
def test_a_target_is_sold_while_the_exchange_does_not_tell_candles(tmp_path: Path, venue: str, kind: str) -> None:
    quote = "USDT" if venue == "okx" else "USD"
    with (
        Sandbox(tmp_path, "--speed", "10", venues=(venue,)) as sandbox,
        Daemon(
            tmp_path / "nija",
            SANDBOX_READY_FILE=str(sandbox.ready_file),
            PAIRS_ALLOW=",".join(f"{coin}-{quote}" for coin in ("BTC", "ETH", "SOL", "XRP")),
            MAX_ORDER_USD="200",
            CANDLE_EXCLUSION_SECONDS="0",
        ) as daemon,
    ):
        daemon.until(lambda: any(one["stops"] for one in daemon.book(venue).get("positions", [])), "a position")
        sandbox.control("POST", "faults", venue=venue, kind=kind, path=CANDLES[venue], seconds=300)
        daemon.until(lambda: fired(sandbox) > 0, "a question that is not answered")
        for _ in range(2):
            sells_at_its_target(sandbox, daemon, venue)
        sandbox.control("DELETE", "faults")
        asked = questions(sandbox, venue)
        daemon.until(
            lambda: questions(sandbox, venue) > asked + 2, "questions for candles, once they are answered again"
        )
        daemon.command("pause")
        daemon.agrees(sandbox.ready, venue)
        assert daemon.lines(Event.CRASHED) == daemon.lines(Event.STUCK) == []
        status, seconds = daemon.stop()
        assert (status, seconds < USUAL) == (0, True)


def questions(sandbox: Sandbox, venue: str) -> int:
    requests: dict[str, int] = sandbox.ledger(venue)["requests"]
    return sum(count for name, count in requests.items() if re.search(CANDLES[venue], name))


def fired(sandbox: Sandbox) -> int:
    faults: list[dict[str, Any]] = sandbox.control("GET", "faults")["faults"]
    return sum(int(one["fired"]) for one in faults)


def sells_at_its_target(sandbox: Sandbox, daemon: Daemon, venue: str) -> None:
    """The market of a position rises: a part of it is sold within the interval between two looks."""
    held = daemon.book(venue)["positions"][0]
    symbol, before = held["symbol"], held["qty"]
    sold = len(sales(sandbox, venue, symbol))
    price = (Decimal(held["entry_price"]) * (Decimal("1.02") if sold == 0 else Decimal("1.035"))).quantize(
        Decimal("0.0001")
    )
    began = time.monotonic()
    sandbox.control("POST", "price", venue=venue, symbol=symbol, price=str(price))
    daemon.until(lambda: len(sales(sandbox, venue, symbol)) > sold, f"a sale of {before} {symbol}")
    assert time.monotonic() - began < USUAL


def sales(sandbox: Sandbox, venue: str, symbol: str) -> list[dict[str, Any]]:
    fills: list[dict[str, Any]] = truth(sandbox.ready, venue)["fills"]
    return [one for one in fills if one["symbol"] == symbol and one["side"] == "sell"]
