"""Account identity: two daemons on one account, play money before real keys, rotated keys, keys of another account.

The "real" exchange is a sandbox at speed 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.log import Event
from tests.daemon_fixture import Daemon, total, truth
from tests.sandbox_fixture import Sandbox

GIFTS = {"ETH": Decimal(3)}
PAIRS = "ETH-USD"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("exchange"), "--speed", "1") as running:
        running.control("POST", "switches", venue="kraken", name="rate_counter_max", value=10_000)
        yield running


def live(folder: Path, sandbox: Sandbox, keys: dict[str, str]) -> Daemon:
    return Daemon(
        folder,
        KRAKEN_API_KEY=keys["api_key"],
        KRAKEN_API_SECRET=keys["api_secret"],
        KRAKEN_API_URL=sandbox.kraken.rest,
        CANDLE_EXCLUSION_SECONDS="0",
        PAIRS_ALLOW=PAIRS,
    )


def test_a_second_daemon_on_the_account_ends_with_3(sandbox: Sandbox, tmp_path: Path) -> None:
    ready = str(sandbox.ready_file)
    state = str(tmp_path / "locks")
    shared = {"SANDBOX_READY_FILE": ready, "XDG_STATE_HOME": state, "PAIRS_ALLOW": "DOGE-USD", "STRATEGY": ""}
    with Daemon(tmp_path / "one", **shared) as first:
        first.says(Event.FUNDED)
        with Daemon(tmp_path / "two", **shared) as second:
            assert second.wait() == 3
            assert f"process {first.running.pid}" in second.console.read_text()
        assert first.running.poll() is None
        assert first.stop()[0] == 0


@pytest.mark.thorough
def test_from_play_money_to_real_keys_to_new_keys_to_wrong_keys(sandbox: Sandbox, tmp_path: Path) -> None:
    ready = str(sandbox.ready_file)
    folder = tmp_path / "nija"
    with Daemon(folder, SANDBOX_READY_FILE=ready, CANDLE_EXCLUSION_SECONDS="0", PAIRS_ALLOW=PAIRS) as play:
        play.says(Event.ENTRY)
        play.stop()
        assert play.lines(Event.STAYS)

    keys = sandbox.control("POST", "accounts", venue="kraken")
    for asset, amount in GIFTS.items():
        sandbox.control("POST", "deposit", venue="kraken", asset=asset, amount=str(amount), account=keys["account"])
    with live(folder, sandbox, keys) as real:
        real.says(Event.LIVE)
        real.says(Event.ENTRY, times=2)
        real.command("pause")
        real.agrees(sandbox.ready, account=keys["account"])
        held = {one["symbol"] for one in real.book()["positions"]}
        assert real.stop()[0] == 0
    assert untouched(sandbox, keys["account"])

    rotated = sandbox.control("POST", "accounts", venue="kraken", same_account=True, account=keys["account"])
    with live(folder, sandbox, rotated) as later:
        later.says(Event.FUNDED, times=3)
        assert {one["symbol"] for one in later.book()["positions"]} == held
        assert later.lines(Event.FAILED) == []
        later.stop()

    other = sandbox.control("POST", "accounts", venue="kraken")
    with live(folder, sandbox, other) as wrong:
        wrong.says(Event.FAILED)
        (line,) = wrong.lines(Event.FAILED)
        assert "another account" in line
        assert "nija recover kraken" in line
        wrong.stop()
    assert truth(sandbox.ready, account=other["account"])["orders"] == []
    assert untouched(sandbox, keys["account"])


def untouched(sandbox: Sandbox, account: str) -> bool:
    """Whether the owner's coins are all there besides what we bought, and no resting order could sell them."""
    seen = truth(sandbox.ready, account=account)
    bought = {asset: Decimal(0) for asset in GIFTS}
    resting = dict(bought)
    for order in seen["orders"]:
        asset = order["symbol"].split("-")[0]
        if asset in GIFTS:
            bought[asset] += Decimal(order["filled"]) * (1 if order["side"] == "buy" else -1)
            if order["side"] == "sell" and order["status"] == "open":
                resting[asset] += Decimal(order["qty"])
    return all(
        total(seen["balances"][asset]) == gift + bought[asset] and resting[asset] <= bought[asset]
        for asset, gift in GIFTS.items()
    )
