"""A killed sandbox still knows everything it has answered; a damaged state file is rejected with one line."""

from __future__ import annotations

import subprocess
import sys
import threading
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import krakenex
import pytest
import requests

from bot.sandbox.core.journal import DamagedState, Journal
from tests.sandbox.kraken_client import KrakenClient
from tests.sandbox_fixture import ROOT, Sandbox

NONCES = count(10**15)


def ask(sandbox: Sandbox, method: str, **words: Any) -> Any:
    api = krakenex.API(sandbox.kraken.api_key, sandbox.kraken.api_secret)
    api.uri = sandbox.kraken.rest
    api._nonce = lambda: next(NONCES)
    try:
        answer = api.query_private(method, words, timeout=5)
    finally:
        api.close()
    assert answer["error"] == [], answer
    return answer["result"]


def test_kill_9_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    state = ("--state", str(tmp_path / "state"))
    with Sandbox(tmp_path, *state) as first:
        bought = ask(first, "AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="0.002")["txid"][0]
        stop = ask(first, "AddOrder", pair="XBTUSD", type="sell", ordertype="stop-loss", price="20000", volume="0.002")
        first.control("POST", "price", venue="kraken", symbol="ETH-USD", price="9000")
        used = next(NONCES)
        before, timeline = first.ledger(), first.control("GET", "timeline?venue=kraken&since=0")
        market_time = first.control("GET", "clock")["market_time"]
        first.kill()
    with Sandbox(tmp_path, *state) as second:
        assert second.kraken == first.kraken
        after = second.ledger()
        for part in ("orders", "fills", "balances"):
            assert after[part] == before[part]
        assert second.control("GET", "timeline?venue=kraken&since=0") == timeline
        assert second.control("GET", "clock")["market_time"] >= market_time
        assert list(ask(second, "OpenOrders")["open"]) == stop["txid"]
        assert bought in ask(second, "ClosedOrders")["closed"]
        price = requests.get(f"{second.kraken.rest}/0/public/Ticker?pair=ETHUSD", timeout=5).json()
        assert Decimal(price["result"]["XETHZUSD"]["c"][0]) > 8000
        ask(second, "CancelAll")
        assert second.ledger()["balances"]["BTC"] == {"free": "0.002", "held": "0"}
        assert used < next(NONCES)


def test_kill_9_amid_orders_keeps_the_answered_ones_and_the_books(tmp_path: Path) -> None:
    answered: list[str] = []

    def trade(sandbox: Sandbox) -> None:
        try:
            while True:
                placed = ask(sandbox, "AddOrder", pair="ETHUSD", type="buy", ordertype="market", volume="0.002")
                answered.extend(placed["txid"])
        except (requests.RequestException, AssertionError):
            return

    state = ("--state", str(tmp_path / "state"), "--speed", "1000")
    with Sandbox(tmp_path, *state) as first:
        trader = threading.Thread(target=trade, args=(first,))
        trader.start()
        while len(answered) < 20 and trader.is_alive():
            trader.join(0.02)
        first.kill()
        trader.join(10)
    assert len(answered) >= 20
    with Sandbox(tmp_path, *state) as second:
        truth = second.ledger()
        assert set(answered) <= {order["id"] for order in truth["orders"]}
        bought = sum(Decimal(fill["qty"]) for fill in truth["fills"])
        paid = sum(Decimal(fill["fee"]) for fill in truth["fills"])
        assert Decimal(truth["balances"]["ETH"]["free"]) == bought
        assert paid > 0


def test_two_sandboxes_share_no_key(tmp_path: Path) -> None:
    keys = set()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        with Sandbox(tmp_path / name) as running:
            keys.add(running.kraken.api_key)
    assert len(keys) == 2


def test_an_old_nonce_stays_used_after_a_restart(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state")
    client = KrakenClient(journal=journal)
    assert client.send("Balance", b"nonce=50", "50")["error"] == []
    journal.close()
    again = KrakenClient(journal=Journal(tmp_path / "state"))
    assert again.key == client.key
    assert again.send("Balance", b"nonce=50", "50")["error"] == ["EAPI:Invalid nonce"]


@pytest.mark.parametrize("content", [b"nonsense\n", b"\x00" * 50, b"00000000 {}\nmore\n"])
def test_a_damaged_file_is_one_line_and_exit_2(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state").write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-m", "bot.sandbox", "kraken", "--state", str(tmp_path / "state")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "damaged" in done.stderr


def test_a_state_belongs_to_one_sandbox_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.sandbox.core.journal.PATIENCE_SECONDS", 0.0)
    first = Journal(tmp_path / "journal")
    with pytest.raises(DamagedState, match="in use by another sandbox"):
        Journal(tmp_path / "journal")
    first.close()
    Journal(tmp_path / "journal").close()


def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path)
    journal.put({"a": 1})
    journal.put({"a": 2, "b": [3]})
    journal.close()
    path.write_bytes(path.read_bytes() + b'1234abcd {"a":')
    again = Journal(path)
    assert (again.get("a"), again.get("b")) == (2, [3])
    again.close()


def test_a_flipped_byte_is_found(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path)
    journal.put({"a": "hello"})
    journal.close()
    path.write_bytes(path.read_bytes().replace(b"hello", b"hellp"))
    with pytest.raises(DamagedState):
        Journal(path)


def test_a_long_journal_is_compacted_without_loss(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path)
    text = "x" * 100_000
    for number in range(120):
        journal.put({f"k/{number % 3}": f"{number}{text}", "gone": None}, durable=False)
    assert path.stat().st_size < 9_000_000
    journal.put({"k/1": None})
    journal.close()
    assert [(k, v[:3]) for k, v in Journal(path).under("k/")] == [("0", "117"), ("2", "119")]
