"""At real speed, with a newcomer's rate limits, while the owner trades by hand: open positions come first."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import krakenex
import pytest

from bot.domain.log import Event
from tests.daemon_fixture import Daemon
from tests.sandbox_fixture import Sandbox

pytestmark = pytest.mark.thorough

#: Kraken's counters for a newcomer: of the key, and of each pair (with the decay per 100 s).
STARTER = {
    "rate_counter_max": 15,
    "rate_counter_decay_per_100s": 33,
    "engine_threshold": 60,
    "engine_decay_per_100s": 100,
}
FOREIGN = 1_500
FOREIGN_ORDERS = 2_000
PAIRS = ("BTC-USD", "ETH-USD", "XRP-USD", "ADA-USD", "LTC-USD")
#: Keys of the owner's other program, which sends many orders at once.
HANDS = 4


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox"), "--speed", "1", "--pairs", "8") as one:
        for name, value in STARTER.items():
            one.control("POST", "switches", venue="kraken", name=name, value=value)
        yield one


@pytest.fixture(scope="module")
def daemon(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon that entered five markets in one scan, sold at a target and was killed; then its owner placed many trades
    and orders by hand.
    """
    one = Daemon(
        tmp_path_factory.mktemp("nija"),
        SANDBOX_READY_FILE=str(sandbox.ready_file),
        PAIRS_ALLOW=",".join(PAIRS),
        CYCLE_SECONDS="30",
        POSITION_SECONDS="5",
        MAX_ORDER_USD="200",
        CANDLE_EXCLUSION_SECONDS="0",
        STATUS_MINUTES="0.5",
    )
    with one:
        one.until(lambda: bool(one.book() and one.book()["positions"]), "the first position", 120)
        sells_at_its_target(sandbox, one, one.book()["positions"][0])
        one.until(lambda: len(one.book()["positions"]) == len(PAIRS), "five positions", 200)
        one.until(lambda: all(position["stops"] for position in one.book()["positions"]), "their stops", 60)
        one.kill()
    order_by_hand(sandbox, FOREIGN_ORDERS)
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


def order_by_hand(sandbox: Sandbox, times: int) -> None:
    """Orders far from the market that end unfilled; the rate limits are lifted meanwhile."""
    for name in STARTER:
        sandbox.control("POST", "switches", venue="kraken", name=name, value=1_000_000)
    keys = [sandbox.control("POST", "accounts", venue="kraken", same_account=True) for _ in range(HANDS)]

    def order(hand: int) -> None:
        api = krakenex.API(keys[hand]["api_key"], keys[hand]["api_secret"])
        api.uri = sandbox.ready["kraken"]["rest"]
        words = {
            "pair": "SOLUSD",
            "type": "buy",
            "ordertype": "limit",
            "timeinforce": "IOC",
            "price": "1",
            "volume": "10",
        }
        for _ in range(times // HANDS):
            assert not api.query_private("AddOrder", dict(words), timeout=10)["error"]

    with ThreadPoolExecutor(HANDS) as pool:
        list(pool.map(order, range(HANDS)))
    for name, value in STARTER.items():
        sandbox.control("POST", "switches", venue="kraken", name=name, value=value)


def asked(sandbox: Sandbox, path: str) -> int:
    requests: dict[str, int] = sandbox.ledger()["requests"]
    return sum(count for name, count in requests.items() if re.search(path, name))


def refusals(sandbox: Sandbox) -> list[str]:
    """Requests that the exchange rejected for their rate."""
    return [error for error in sandbox.ledger()["rejected"] if "ate limit" in error]


def waits_for_history(daemon: Daemon) -> int:
    return sum("what=history" in line for line in daemon.lines(Event.WAITS))


def test_held_positions_are_looked_at_and_sold_while_the_history_is_read_behind(
    sandbox: Sandbox, daemon: Daemon
) -> None:
    looks, funded = asked(sandbox, "public/Trades"), len(daemon.lines(Event.FUNDED))
    waited, read = waits_for_history(daemon), len(daemon.lines(Event.HISTORY))
    began = time.monotonic()
    with daemon:
        daemon.until(lambda: asked(sandbox, "public/Trades") >= looks + len(PAIRS), "a look at each position", 20)
        daemon.until(lambda: len(daemon.lines(Event.FUNDED)) > funded, "FUNDED", 30 - (time.monotonic() - began))
        daemon.until(
            lambda: f"positions {len(PAIRS)}" in "".join(daemon.lines(Event.STATUS)), "a status that counts them"
        )
        sells_at_its_target(sandbox, daemon, daemon.book()["positions"][1])
        assert not refusals(sandbox)
        assert (waits_for_history(daemon), len(daemon.lines(Event.HISTORY))) == (waited + 1, read)
        assert daemon.stop()[0] == 0
    assert f"positions={len(PAIRS)}" in daemon.lines(Event.STOPPED)[-1]


def sells_at_its_target(sandbox: Sandbox, daemon: Daemon, position: dict[str, Any]) -> None:
    """The price rises by 4 %: a part is sold within 10 s."""
    symbol = position["symbol"]
    price = (Decimal(position["entry_price"]) * Decimal("1.04")).quantize(Decimal("0.0001"))
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
