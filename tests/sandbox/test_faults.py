"""Each fault, from the client's side of the socket; the control API's ledger shows what really happened."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from decimal import Decimal
from itertools import count, pairwise
from typing import Any

import krakenex
import pytest
import requests

from tests.sandbox_fixture import ControlError, Sandbox

NONCES = count(10**15)


@pytest.fixture
def kraken(sandbox: Sandbox) -> Iterator[Sandbox]:
    yield sandbox
    sandbox.control("DELETE", "faults")


def ask(sandbox: Sandbox, method: str, timeout: float = 5, **words: Any) -> Any:
    api = krakenex.API(sandbox.kraken.api_key, sandbox.kraken.api_secret)
    api.uri = sandbox.kraken.rest
    api._nonce = lambda: next(NONCES)
    try:
        return api.query_private(method, words, timeout=timeout)
    finally:
        api.close()


def arm(sandbox: Sandbox, kind: str, **words: Any) -> str:
    return str(sandbox.control("POST", "faults", venue="kraken", kind=kind, **words)["id"])


def fired(sandbox: Sandbox, fault_id: str) -> int:
    rows = sandbox.control("GET", "faults?venue=kraken")["faults"]
    return int(next(row["fired"] for row in rows if row["id"] == fault_id))


def buy(sandbox: Sandbox, **words: Any) -> Any:
    return ask(sandbox, "AddOrder", pair="XBTUSD", type="buy", ordertype="market", volume="0.001", **words)


def orders(sandbox: Sandbox) -> int:
    return len(sandbox.ledger()["orders"])


def status(sandbox: Sandbox) -> requests.Response:
    return requests.get(f"{sandbox.kraken.rest}/0/public/SystemStatus", timeout=3)


def test_refuse_closes_the_port_and_opens_it_again(kraken: Sandbox) -> None:
    port = int(kraken.kraken.rest.rsplit(":", 1)[1])
    arm(kraken, "refuse")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 2)
    kraken.control("DELETE", "faults?venue=kraken")
    assert status(kraken).json()["result"]["status"] == "online"


def test_refuse_for_a_while(kraken: Sandbox) -> None:
    arm(kraken, "refuse", seconds=0.5)
    with pytest.raises(requests.ConnectionError):
        status(kraken)
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            assert status(kraken).status_code == 200
            return
        except requests.ConnectionError:
            time.sleep(0.05)
    pytest.fail("the port did not open again")


def test_refuse_of_one_path_leaves_the_others(kraken: Sandbox) -> None:
    fault = arm(kraken, "refuse", path="Balance$", count=2)
    with pytest.raises(requests.ConnectionError):
        ask(kraken, "Balance")
    assert status(kraken).status_code == 200
    assert fired(kraken, fault) == 1


def test_drop_before_does_nothing_and_drop_after_does_it(kraken: Sandbox) -> None:
    before = orders(kraken)
    arm(kraken, "drop_before", path="AddOrder", count=1)
    with pytest.raises(requests.ConnectionError):
        buy(kraken)
    assert orders(kraken) == before
    arm(kraken, "drop_after", path="AddOrder", count=1)
    with pytest.raises(requests.ConnectionError):
        buy(kraken)
    assert orders(kraken) == before + 1
    assert buy(kraken)["error"] == []


def test_delay_is_in_transit_so_that_a_deadline_can_pass(kraken: Sandbox) -> None:
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1))
    arm(kraken, "delay", path="AddOrder", seconds=1.6, count=1)
    before = orders(kraken)
    assert buy(kraken, deadline=soon)["error"] == ["EService:Deadline elapsed"]
    assert orders(kraken) == before


def test_a_delayed_order_executes_though_its_client_has_gone(kraken: Sandbox) -> None:
    before = orders(kraken)
    arm(kraken, "delay", path="AddOrder", seconds=0.6, count=1)
    with pytest.raises(requests.ReadTimeout):
        buy(kraken, timeout=0.2)
    until = time.monotonic() + 5
    while orders(kraken) == before and time.monotonic() < until:
        time.sleep(0.05)
    assert orders(kraken) == before + 1


@pytest.mark.parametrize(("processed", "more"), [(True, 1), (False, 0)])
def test_hang_never_answers_and_the_others_do_not_notice(kraken: Sandbox, processed: bool, more: int) -> None:
    before = orders(kraken)
    arm(kraken, "hang", path="AddOrder", processed=processed)
    with pytest.raises(requests.ReadTimeout):
        buy(kraken, timeout=0.3)
    assert orders(kraken) == before + more
    assert ask(kraken, "Balance")["error"] == []


def test_http_status_is_html_from_the_edge(kraken: Sandbox) -> None:
    arm(kraken, "http_status", path="SystemStatus", status=520, count=1)
    answer = status(kraken)
    assert (answer.status_code, answer.headers["content-type"]) == (520, "text/html")
    assert status(kraken).status_code == 200


def test_exchange_error_says_busy_with_an_unknown_fate(kraken: Sandbox) -> None:
    before, executed = orders(kraken), 0
    arm(kraken, "exchange_error", path="AddOrder")
    for _ in range(16):
        assert buy(kraken)["error"] == ["EService:Busy"]
    executed = orders(kraken) - before
    assert 0 < executed < 16


def test_exchange_error_with_a_plain_refusal_executes_nothing(kraken: Sandbox) -> None:
    before = orders(kraken)
    arm(kraken, "exchange_error", path="AddOrder", body="EOrder:Insufficient funds")
    for _ in range(8):
        assert buy(kraken)["error"] == ["EOrder:Insufficient funds"]
    assert orders(kraken) == before


def test_malformed_truncated_and_empty_answers_are_executed(kraken: Sandbox) -> None:
    before = orders(kraken)
    wanted = {"malformed": ValueError, "truncated": requests.RequestException, "empty": ValueError}
    for kind, error in wanted.items():
        arm(kraken, kind, path="AddOrder", count=1)
        with pytest.raises(error):
            buy(kraken)
    assert orders(kraken) == before + 3


def test_slow_drip_outlives_a_read_timeout(kraken: Sandbox) -> None:
    arm(kraken, "slow_drip", path="SystemStatus", seconds=1.2, count=1)
    began = time.monotonic()
    answer = requests.get(f"{kraken.kraken.rest}/0/public/SystemStatus", timeout=0.9)
    assert answer.json()["error"] == []
    assert time.monotonic() - began > 1


def test_after_count_and_probability(kraken: Sandbox) -> None:
    fault = arm(kraken, "http_status", path="SystemStatus", after=1, count=2)
    assert [status(kraken).status_code for _ in range(4)] == [200, 502, 502, 200]
    assert fired(kraken, fault) == 2
    never = arm(kraken, "http_status", path="SystemStatus", probability=0.0)
    assert status(kraken).status_code == 200
    assert fired(kraken, never) == 0


def test_reject_order_refuses_the_next_one(kraken: Sandbox) -> None:
    arm(kraken, "reject_order")
    assert buy(kraken)["error"] == ["EOrder:Insufficient funds"]
    assert buy(kraken)["error"] == []


def test_partial_fill_leaves_the_next_order_short(kraken: Sandbox) -> None:
    arm(kraken, "partial_fill")
    txid = buy(kraken)["result"]["txid"][0]
    record = ask(kraken, "QueryOrders", txid=txid)["result"][txid]
    assert record["status"] == "canceled"
    assert Decimal(record["vol_exec"]) == Decimal("0.0005")
    assert ask(kraken, "QueryOrders", txid=buy(kraken)["result"]["txid"][0])["error"] == []


def test_late_fill_is_seen_nowhere_at_first(kraken: Sandbox) -> None:
    before = ask(kraken, "BalanceEx")["result"]
    arm(kraken, "late_fill", seconds=1.0)
    txid = buy(kraken)["result"]["txid"][0]
    record = ask(kraken, "QueryOrders", txid=txid)["result"][txid]
    assert (record["status"], record["vol_exec"]) == ("open", "0.00000000")
    assert ask(kraken, "BalanceEx")["result"] == before
    trades = ask(kraken, "TradesHistory")["result"]["trades"].values()
    assert txid not in {trade["ordertxid"] for trade in trades}
    time.sleep(1.1)
    record = ask(kraken, "QueryOrders", txid=txid)["result"][txid]
    assert (record["status"], record["vol_exec"]) == ("closed", "0.00100000")
    assert ask(kraken, "BalanceEx")["result"] != before


def test_stale_balance_answers_as_before(kraken: Sandbox) -> None:
    before = ask(kraken, "BalanceEx")["result"]
    time.sleep(0.5)
    kraken.control("POST", "deposit", venue="kraken", asset="USD", amount="10")
    arm(kraken, "stale_balance", seconds=0.4, count=1)
    assert ask(kraken, "BalanceEx")["result"] == before
    fresh = Decimal(ask(kraken, "BalanceEx")["result"]["ZUSD"]["balance"])
    assert fresh == Decimal(before["ZUSD"]["balance"]) + 10


def test_clock_skew_moves_the_servers_time(kraken: Sandbox) -> None:
    arm(kraken, "clock_skew", seconds=-120)
    shown = requests.get(f"{kraken.kraken.rest}/0/public/Time", timeout=3).json()["result"]["unixtime"]
    assert abs(shown - (time.time() - 120)) < 5
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 5))
    assert buy(kraken, deadline=soon)["error"] == ["EGeneral:Invalid arguments:deadline"]


def test_rate_limit_and_maintenance(kraken: Sandbox) -> None:
    arm(kraken, "rate_limit", path="Balance$", count=1)
    assert ask(kraken, "Balance")["error"] == ["EAPI:Rate limit exceeded"]
    arm(kraken, "maintenance")
    assert status(kraken).json()["result"]["status"] == "maintenance"
    assert buy(kraken)["error"] == ["EService:Unavailable"]


@pytest.mark.parametrize(
    "defect", ["nan", "zero", "negative", "high_below_low", "duplicate", "missing", "out_of_order"]
)
def test_bad_candles(kraken: Sandbox, defect: str) -> None:
    url = f"{kraken.kraken.rest}/0/public/OHLC?pair=ETHUSD&interval=5"
    arm(kraken, "bad_candle", body=defect, count=1)
    rows = requests.get(url, timeout=5).json()["result"]["XETHZUSD"]
    assert is_bad(rows)
    assert not is_bad(requests.get(url, timeout=5).json()["result"]["XETHZUSD"])


def is_bad(rows: list[Any]) -> bool:
    times = [row[0] for row in rows]
    steps = {b - a for a, b in pairwise(times)}
    texts = [price for row in rows for price in row[1:5]]
    broken = any(text == "NaN" or Decimal(text) <= 0 for text in texts)
    return steps != {300} or broken or any(Decimal(row[2]) < Decimal(row[3]) for row in rows)


@pytest.mark.parametrize(
    "words",
    [
        {"kind": "nonsense"},
        {},
        {"kind": "delay", "seconds": "long"},
        {"kind": "delay", "path": "("},
        {"kind": "delay", "x": 1},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_in_one_line(kraken: Sandbox, words: dict[str, Any]) -> None:
    with pytest.raises(ControlError) as refused:
        kraken.control("POST", "faults", venue="kraken", **words)
    assert refused.value.status == 400
    assert "\n" not in json.loads(refused.value.line)["error"]
