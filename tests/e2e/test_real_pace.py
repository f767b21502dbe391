"""At the real pace, paced as a newcomer's account, while its owner trades by hand: what is held comes first."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from tests.daemon_fixture import Daemon
from tests.sandbox_fixture import Sandbox

pytestmark = pytest.mark.thorough

#: Kraken's counters for a newcomer: of the key, and of each pair (per 100 s what flows out).
STARTER = {
    "rate_counter_max": 15,
    "rate_counter_decay_per_100s": 33,
    "engine_threshold": 60,
    "engine_decay_per_100s": 100,
}
FOREIGN = 1_500
PAIRS = ("BTC-USD", "ETH-USD")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox"), "--speed", "1", "--pairs", "3") as one:
        for name, value in STARTER.items():
            one.control("POST", "switches", venue="kraken", name=name, value=value)
        yield one


@pytest.fixture(scope="module")
def daemon(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One that holds two positions and was killed; then its owner has traded by hand, a great deal."""
    one = Daemon(
        tmp_path_factory.mktemp("nija"),
        SANDBOX_READY_FILE=str(sandbox.ready_file),
        PAIRS_ALLOW=",".join(PAIRS),
        CYCLE_SECONDS="30",
        POSITION_SECONDS="5",
        CANDLE_EXCLUSION_SECONDS="0",
        STATUS_MINUTES="0.5",
    )
    with one:
        one.until(lambda: len(one.book()["positions"]) == len(PAIRS) if one.book() else False, "two positions", 120)
        one.until(lambda: len(one.lines("STOP")) >= len(PAIRS), "their stops", 60)
        one.kill()
    trade_by_hand(sandbox, FOREIGN)
    yield one
    if one.running.poll() is None:
        one.kill()


def trade_by_hand(sandbox: Sandbox, times: int) -> None:
    def trade(number: int) -> None:
        side = "sell" if number % 2 else "buy"
        sandbox.control("POST", "manual", venue="kraken", symbol="SOL-USD", side=side, qty="0.05")

    for asset in ("SOL", "USD"):
        sandbox.control("POST", "deposit", venue="kraken", asset=asset, amount="1000")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(trade, range(times)))


def asked(sandbox: Sandbox, path: str) -> int:
    requests: dict[str, int] = sandbox.ledger()["requests"]
    return sum(count for name, count in requests.items() if re.search(path, name))


def refusals(sandbox: Sandbox) -> list[str]:
    """What the exchange refused for its rate."""
    return [error for error in sandbox.ledger()["rejected"] if "ate limit" in error]


def waits_for_history(daemon: Daemon) -> int:
    return sum("what=history" in line for line in daemon.lines("WAITS"))


def test_held_positions_are_looked_at_and_sold_while_the_history_is_read_behind(
    sandbox: Sandbox, daemon: Daemon
) -> None:
    looks, funded = asked(sandbox, "public/Trades"), len(daemon.lines("FUNDED"))
    waited, read = waits_for_history(daemon), len(daemon.lines("HISTORY"))
    began = time.monotonic()
    with daemon:
        daemon.until(lambda: asked(sandbox, "public/Trades") >= looks + len(PAIRS), "a look at each position", 20)
        daemon.until(lambda: len(daemon.lines("FUNDED")) > funded, "FUNDED", 30 - (time.monotonic() - began))
        daemon.until(lambda: "positions 2" in "".join(daemon.lines("STATUS")), "a status that counts them")
        sells_at_its_target(sandbox, daemon, daemon.book()["positions"][0])
        assert not refusals(sandbox)
        assert (waits_for_history(daemon), len(daemon.lines("HISTORY"))) == (waited + 1, read)
        assert daemon.stop()[0] == 0
    assert "positions=2" in daemon.lines("STOPPED")[-1]


def sells_at_its_target(sandbox: Sandbox, daemon: Daemon, position: dict[str, Any]) -> None:
    """The price goes up by 4 %: a part is sold within 10 s."""
    symbol = position["symbol"]
    price = (Decimal(position["entry_price"]) * Decimal("1.04")).quantize(Decimal("0.1"))
    sandbox.control("POST", "price", venue="kraken", symbol=symbol, price=str(price))

    def is_sold() -> bool:
        fills = sandbox.ledger()["fills"]
        return any(one["symbol"] == symbol and one["side"] == "sell" and one["client_id"] for one in fills)

    daemon.until(is_sold, "a sale at the target", 10)


def test_lives_that_follow_each_other_at_once_are_not_refused_for_their_rate(sandbox: Sandbox, daemon: Daemon) -> None:
    for life in range(3):
        seen = asked(sandbox, "OpenOrders")
        with daemon:
            daemon.until(lambda before=seen: asked(sandbox, "OpenOrders") > before, "a look at orders", 40)  # type: ignore[misc]
            time.sleep(life % 3)
            daemon.kill()
    assert not refusals(sandbox)
