"""The forms in which a broker's status is told: the heartbeat file's row and the status block, to the letter."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.ids import AccountKey
from bot.domain.status import CONNECTING, BrokerStatus, Holding, Status
from bot.telemetry.status import from_heartbeat, to_heartbeat, to_lines, to_sentence
from tests.store.cases import bought, ledger

KRAKEN = BrokerStatus(
    key=AccountKey("kraken"),
    status=Status.HEALTHY,
    mode="live",
    account="live:kraken:main:k-1",
    balance_usd=Decimal("1234.5"),
    equity_usd=Decimal("1300.25"),
    cycles=8,
    cycles_ok=7,
    last_reconciled=60_000,
    signals=12,
    skipped={"spread": 2, "costs": 3, "cash": 2},
    foreign={"DOGE": Decimal("9.50"), "BTC": Decimal(1)},
    lateness=(3, 5),
    silent_ms=120,
    restarts=1,
)
OKX = BrokerStatus(AccountKey("okx"), Status.DEGRADED, reason="no answer", remedy="nothing to do", cycles=2)
COINBASE = BrokerStatus(AccountKey("coinbase"), Status.HALTED, reason="paused by the operator", last_reconciled=1_000)


def held(folder: Path) -> Holding:
    book = ledger(folder)
    bought(book)
    (position,) = book.positions()
    cost = Decimal("50000.123456") * position.bought
    return Holding(replace(position, cost=cost, stop_price=Decimal("49000.50"), stage=1), Decimal(51000))


def test_a_row_of_the_heartbeat_file() -> None:
    assert json.dumps(to_heartbeat(KRAKEN)) == (
        '{"mode": "live", "account": "live:kraken:main:k-1", "status": "healthy", "reason": "", "remedy": "", '
        '"gate": "", "errors": 0, "silent_ms": 120, "restarts": 1, "stuck": false, "cycles": 8, "late_ms": [3, 5]}'
    )


@given(
    status=st.sampled_from(Status),
    texts=st.tuples(st.text(), st.text(), st.text(), st.text(), st.text()),
    numbers=st.tuples(st.integers(0), st.integers(0), st.integers(0), st.integers(0)),
    stuck=st.booleans(),
    lateness=st.lists(st.integers(0)),
)
def test_reading_a_row_gives_the_status_that_was_written(
    status: Status, texts: tuple[str, ...], numbers: tuple[int, ...], stuck: bool, lateness: list[int]
) -> None:
    reason, remedy, mode, account, gate = texts
    silent, restarts, cycles, errors = numbers
    told = BrokerStatus(
        AccountKey("okx"), status, reason, remedy, mode, account, cycles=cycles, lateness=tuple(lateness), silent_ms=silent,
        restarts=restarts, stuck=stuck, gate=gate, errors=errors,
    )  # fmt: skip
    assert from_heartbeat(AccountKey("okx"), json.loads(json.dumps(to_heartbeat(told)))) == told


def test_a_row_of_another_version_is_understood_as_far_as_it_goes() -> None:
    row = {"status": "dreaming", "reason": "", "silent_ms": 0, "stuck": False, "cycles": 0}
    assert from_heartbeat(AccountKey("okx"), row) == BrokerStatus(AccountKey("okx"), Status.DEGRADED)


@pytest.mark.parametrize("row", [{}, {"status": "healthy"}, {**to_heartbeat(OKX), "cycles": "many"}])
def test_what_is_no_row_is_told(row: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        from_heartbeat(AccountKey("okx"), row)


def test_the_sentence_for_services_outside(tmp_path: Path) -> None:
    play = replace(COINBASE, mode="sandbox")
    assert to_sentence([replace(KRAKEN, holdings=(held(tmp_path),)), OKX, play]) == (
        "KRAKEN healthy, 1 position; OKX degraded: no answer; COINBASE (sandbox) halted: paused by the operator"
    )


def test_the_status_block(tmp_path: Path) -> None:
    kraken = replace(KRAKEN, holdings=(held(tmp_path),))
    assert "\n".join(to_lines([kraken, OKX, COINBASE], 400_000)) == (
        "KRAKEN   healthy    balance $1,234.50  equity $1,300.25  positions 1  signals 12  skipped: costs 3, cash 2, spread 2"
        "  cycles 7/8  reconciled 5 min ago\n"
        "  BTC-USD    buy  1 @ 50000.123  now 51000 (+2.00 %)  stop 49000.5  unrealised $999.88  targets reached 1\n"
        "  not ours, never touched: 1 BTC, 9.5 DOGE\n"
        "OKX      degraded   balance $0.00  equity $0.00  positions 0  signals 0  skipped: none"
        "  cycles 0/2  reconciled never ago  (no answer)\n"
        "COINBASE halted     balance $0.00  equity $0.00  positions 0  signals 0  skipped: none"
        "  cycles 0/0  reconciled 6 min ago  (paused by the operator)"
    )


@pytest.mark.parametrize(
    ("status", "connected"),
    [
        (BrokerStatus(AccountKey("okx"), Status.HEALTHY), True),
        (BrokerStatus(AccountKey("okx"), Status.UNFUNDED), True),
        (BrokerStatus(AccountKey("okx"), Status.HALTED), True),
        (BrokerStatus(AccountKey("okx"), Status.DEGRADED, errors=1), False),
        (BrokerStatus(AccountKey("okx"), Status.DEGRADED, reason=CONNECTING), False),
        (BrokerStatus(AccountKey("okx"), Status.FAILED), False),
    ],
)
def test_which_brokers_answer(status: BrokerStatus, connected: bool) -> None:
    assert status.connected is connected
    assert status.connecting is (status.reason == "connecting")


@pytest.mark.parametrize(("lateness", "p95"), [((), 0), ((7,), 7), (tuple(range(100, 0, -1)), 95)])
def test_how_late_most_cycles_began(lateness: tuple[int, ...], p95: int) -> None:
    assert replace(OKX, lateness=lateness).late_p95 == p95
