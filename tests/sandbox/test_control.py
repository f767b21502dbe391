"""The control API and the process around it: truth, clocks, lock-step, exposure, keys, command line."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import krakenex
import pytest

from bot.domain.clock import iso, parse_iso
from tests.sandbox.kraken_client import KrakenClient
from tests.sandbox_fixture import ROOT, ControlError, Keys, Sandbox

NONCES = count(10**15)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox in lock-step."""
    start = ("--lockstep", "--start", "2026-03-01T10:02:00Z", "--speed", "1")
    with Sandbox(tmp_path_factory.mktemp("standing"), *start) as running:
        yield running


def ask(keys: Keys, method: str, **words: Any) -> Any:
    api = krakenex.API(keys.api_key, keys.api_secret)
    api.uri = keys.rest
    api._nonce = lambda: next(NONCES)
    try:
        return api.query_private(method, words, timeout=5)
    finally:
        api.close()


def buy(sandbox: Sandbox, **words: Any) -> str:
    answer = ask(sandbox.kraken, "AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="0.002", **words)
    return str(answer["result"]["txid"][0])


def test_ready_file_and_token(standing: Sandbox) -> None:
    assert standing.ready["market_time"] == "2026-03-01T10:02:00Z"
    assert set(standing.ready) == {"pid", "control", "kraken", "market_time", "wall_time", "speed"}
    request = urllib.request.Request(f"{standing.ready['control']['url']}/sandbox/clock")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=5)
    assert refused.value.code == 401
    refused.value.close()


@pytest.mark.parametrize("word", ["", "Bearer ", "Bearer wrong", "Basic {token}", "bearer{token}", "Bearer {token}x"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "ledger?venue=kraken"),
        ("GET", "exposure?venue=kraken"),
        ("GET", "switches"),
        ("POST", "keys"),
        ("POST", "faults"),
        ("DELETE", "faults"),
        ("POST", "price"),
        ("POST", "manual"),
    ],
)
def test_nothing_is_done_without_the_token(standing: Sandbox, word: str, method: str, path: str) -> None:
    control = standing.ready["control"]
    headers = {"Authorization": word.format(token=control["token"])} if word else {}
    data = b"{}" if method == "POST" else None
    request = urllib.request.Request(f"{control['url']}/sandbox/{path}", data=data, headers=headers, method=method)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=5)
    assert refused.value.code == 401
    assert control["token"] not in refused.value.read().decode()
    refused.value.close()


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="this kernel does not show it")
def test_every_socket_is_on_loopback(standing: Sandbox) -> None:
    """The addresses on which the process listens, from the kernel."""
    mine = {
        link.readlink().name.removeprefix("socket:[").removesuffix("]")
        for link in Path(f"/proc/{standing.ready['pid']}/fd").iterdir()
        if str(link.readlink()).startswith("socket:")
    }
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    rows6 = [line.split() for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]]
    listening = [row[1] for row in (*rows, *rows6) if row[9] in mine and row[3] == "0A"]
    assert listening
    assert all(address.startswith("0100007F:") for address in listening)


def test_the_market_moves_only_when_advanced(standing: Sandbox) -> None:
    before = standing.control("GET", "clock")
    assert before["lockstep"] is True
    assert standing.control("GET", "clock")["market_time"] == before["market_time"]
    after = standing.control("POST", "advance", seconds=300)
    assert after["market_time"] == standing.control("GET", "clock")["market_time"] != before["market_time"]


def test_advance_waits_for_those_who_have_acknowledged_before(standing: Sandbox) -> None:
    now = standing.control("GET", "clock")["market_time"]
    standing.control("POST", "ack", market_time=now, daemon="d1")
    done = threading.Event()

    def advance() -> None:
        standing.control("POST", "advance", seconds=10)
        done.set()

    waiting = threading.Thread(target=advance)
    waiting.start()
    later = now
    while later == now:
        later = standing.control("GET", "clock?daemon=d1")["market_time"]
    assert not done.wait(0.2)
    standing.control("POST", "ack", market_time=later, daemon="d1")
    assert done.wait(5)
    waiting.join()


def test_the_market_stops_on_its_way_where_somebody_wants_to_be_woken(standing: Sandbox) -> None:
    now = parse_iso(standing.control("GET", "clock")["market_time"])
    wake, target = now + 6_000, now + 300_000
    standing.control("POST", "ack", market_time=iso(now), daemon="d2", wake=iso(wake))
    answers: list[str] = []
    waiting = threading.Thread(
        target=lambda: answers.append(standing.control("POST", "advance", seconds=300)["market_time"])
    )
    waiting.start()
    seen = []
    for moment in (wake, target):
        while parse_iso(standing.control("GET", "clock?daemon=d2")["market_time"]) < moment:
            pass
        seen.append(parse_iso(standing.control("GET", "clock?daemon=d2")["market_time"]))
        standing.control("POST", "ack", market_time=iso(moment), daemon="d2")
    waiting.join()
    assert seen == [wake, target]
    assert [parse_iso(answer) for answer in answers] == [target]


def test_ledger_manual_deposit_and_price(standing: Sandbox) -> None:
    standing.control("POST", "deposit", venue="kraken", asset="USD", amount="100.5")
    made = standing.control("POST", "manual", venue="kraken", symbol="ETH-USD", side="buy", qty="0.01")
    txid = buy(standing, cl_ord_id="njl1")
    truth = standing.ledger()
    by_id = {order["id"]: order for order in truth["orders"]}
    assert by_id[made["id"]]["origin"] == "manual"
    assert (by_id[txid]["origin"], by_id[txid]["client_id"], by_id[txid]["type"]) == ("api", "njl1", "market")
    fills = [fill for fill in truth["fills"] if fill["order_id"] == txid]
    assert sum(Decimal(fill["qty"]) for fill in fills) == Decimal("0.002")
    assert {fill["fee_asset"] for fill in fills} == {"USD"}
    trades = ask(standing.kraken, "TradesHistory", consolidate_taker="false")["result"]["trades"]
    assert {fill["id"] for fill in truth["fills"]} == set(trades)
    assert truth["requests"]["POST /0/private/AddOrder"] >= 1
    standing.control("POST", "price", venue="kraken", symbol="ETH-USD", price="1234.5")
    assert ask(standing.kraken, "TradeBalance")["error"] == []


def test_timeline_numbers_everything_on_both_clocks(standing: Sandbox) -> None:
    buy(standing)
    n = standing.control("GET", "timeline?venue=kraken")["events"][-1]["n"]
    txid = buy(standing)
    events = standing.control("GET", f"timeline?venue=kraken&since={n}")["events"]
    assert [event["kind"] for event in events][:2] == ["new", "fill"]
    new = events[0]
    assert set(new) == {"n", "wall_time", "market_time", "kind", "order_id", "client_id", "candle_close"}
    assert (new["order_id"], new["n"]) == (txid, n + 1)
    assert new["candle_close"] <= new["market_time"]
    assert new["candle_close"][14:] in {f"{m:02d}:00Z" for m in range(0, 60, 5)}


def test_second_account_and_second_key(standing: Sandbox) -> None:
    other = standing.control("POST", "accounts", venue="kraken")
    keys = Keys(standing.kraken.rest, other["api_key"], other["api_secret"])
    assert ask(keys, "Balance")["result"] == {"ZUSD": "3000.0000", "USDT": "2000.00000000"}
    standing.control("POST", "deposit", venue="kraken", asset="SOL", amount="3", account=other["account"])
    assert ask(keys, "Balance")["result"]["SOL"] == "3.0000000000"
    assert "SOL" not in ask(standing.kraken, "Balance")["result"]
    rotated = standing.control("POST", "accounts", venue="kraken", same_account=True)
    again = Keys(standing.kraken.rest, rotated["api_key"], rotated["api_secret"])
    assert ask(again, "Balance")["result"] == ask(standing.kraken, "Balance")["result"]


def test_keys_and_switches(standing: Sandbox) -> None:
    standing.control("POST", "keys", venue="kraken", permissions="view", ip_bound=False)
    info = ask(standing.kraken, "GetApiKeyInfo")["result"]
    assert "modify-trades" not in info["permissions"]
    assert info["ipAllowlist"] == []
    standing.control("POST", "keys", venue="kraken", permissions=["view", "trade"], ip_bound=True)
    standing.control("POST", "switches", venue="kraken", name="stop_holds_base", value=False)
    assert standing.control("GET", "switches")["kraken"]["stop_holds_base"] is False
    standing.control("POST", "switches", venue="kraken", name="stop_holds_base", value=True)


@pytest.mark.parametrize(
    ("method", "path", "words"),
    [
        ("GET", "ledger", {}),
        ("GET", "ledger?venue=nowhere", {}),
        ("POST", "manual", {"venue": "kraken", "symbol": "BTC-USD", "side": "buy", "qty": "much"}),
        ("POST", "manual", {"venue": "kraken", "symbol": "NO-USD", "side": "buy", "qty": "1"}),
        ("POST", "manual", {"venue": "kraken", "symbol": "BTC-USD", "side": "sell", "qty": "1000"}),
        ("POST", "deposit", {"venue": "kraken", "asset": "USD", "amount": "-1e9"}),
        ("POST", "price", {"venue": "kraken", "symbol": "BTC-USD", "price": "0"}),
        ("POST", "advance", {"seconds": -1}),
        ("POST", "ack", {"market_time": "soon"}),
        ("POST", "switches", {"venue": "kraken", "name": "nonsense", "value": True}),
        ("POST", "keys", {"venue": "kraken", "permissions": ["steal"]}),
    ],
)
def test_bad_calls_are_answered_in_one_line(standing: Sandbox, method: str, path: str, words: dict[str, Any]) -> None:
    with pytest.raises(ControlError) as refused:
        standing.control(method, path, **words)
    assert refused.value.status == 400
    assert json.loads(refused.value.line)["error"].count("\n") == 0


def test_exposure_counts_real_seconds_without_a_stop(client: KrakenClient) -> None:
    def report() -> dict[str, Any]:
        client.exchange.commit()
        return client.exchange.state.exposure["BTC-USD"].report(client.wall.ms)

    client.buy("0.005", close__ordertype="stop-loss", close__price=client.away("0.9"))
    assert (report()["held"], report()["covered"], report()["naked_events"]) == ("0.005", "0.005", [])
    client.result("CancelAll")
    client.wall.ms += 1_500
    assert (report()["naked_seconds"], report()["naked_events"][0]["why"]) == ("1.5", "cancel")
    stop = client.sell(ordertype="stop-loss", price=client.away("0.9"), volume="0.005")
    client.wall.ms += 5_000
    assert report()["naked_seconds"] == "1.5"
    client.result("AmendOrder", txid=stop.id, order_qty="0.00496")
    assert len(report()["naked_events"]) == 1
    client.result("AmendOrder", txid=stop.id, order_qty="0.003")
    client.wall.ms += 250
    assert report()["naked_events"][-1]["why"] == "amend"
    client.jump("0.85")
    client.sell(ordertype="market", volume="0.002")
    last = report()
    assert (last["held"], last["naked_seconds"], last["naked_max_seconds"]) == ("0", "1.75", "1.5")
    assert all(event["end"] for event in last["naked_events"])


def test_coins_of_the_owner_are_not_ours_to_cover(client: KrakenClient) -> None:
    client.exchange.deposit("main", "BTC", Decimal(1))
    client.sell(ordertype="market", volume="0.5")
    assert client.exchange.state.exposure["BTC-USD"].report(client.wall.ms)["held"] == "0"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nowhere"],
        ["--host", "0.0.0.0"],
        ["--host", "example.org"],
        ["--speed", "0"],
        ["--speed", "fast"],
        ["--speed", "nan"],
        ["--pairs", "0"],
        ["--start", "yesterday"],
        ["--candles", "/nowhere"],
        ["--fee-tier", "10"],
        ["--spread", "0.02"],
        ["--nonsense"],
    ],
)
def test_bad_arguments_are_one_line_and_exit_2(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bot.sandbox", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_it_ends_with_its_parent_and_goes_on_afterwards(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bot.sandbox", "kraken", "--parent-pipe", "--state", str(tmp_path / "state")]
    keys = []
    for _ in range(2):
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdin is not None
            keys.append(json.loads(child.stdout.readline())["kraken"]["api_key"])
            child.stdin.close()
            assert child.wait(20) == 0
    assert keys[0] == keys[1]


def test_sigterm_is_a_clean_end(tmp_path: Path) -> None:
    with Sandbox(tmp_path) as running:
        assert running.stop() == 0
