"""The forms of a broker's status: the heartbeat file's row and the status block, to the letter."""

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
from bot.domain.log import Event
from bot.domain.status import CONNECTING, BrokerStatus, Holding, Status
from bot.telemetry.status import from_heartbeat, lasting, say, to_heartbeat, to_sentence
from tests.notes import Notes
from tests.store.cases import bought, ledger

KRAKEN = BrokerStatus(
    key=AccountKey("kraken"),
    status=Status.HEALTHY,
    mode="live",
    account="live:kraken:main:k-1",
    balance_usd=Decimal("1234.5"),
    equity_usd=Decimal("1300.25"),
    today_usd=Decimal("-1.5"),
    measured_at=390_000,
    since=5_000,
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
COINBASE = BrokerStatus(AccountKey("coinbase"), Status.HALTED, reason="paused by the operator")


def held(folder: Path) -> Holding:
    book = ledger(folder)
    bought(book)
    (position,) = book.positions()
    cost = Decimal("50000.123456") * position.bought
    return Holding(replace(position, cost=cost, stop_price=Decimal("49000.50"), stage=1), Decimal(51000))


def test_a_row_of_the_heartbeat_file() -> None:
    assert json.dumps(to_heartbeat(KRAKEN)) == (
        '{"mode": "live", "account": "live:kraken:main:k-1", "status": "healthy", "reason": "", "remedy": "", "gate": "", '
        '"evidence": "", "errors": 0, "since": 5000, "silent_ms": 120, "restarts": 1, "stuck": false, "cycles": 8, "late_ms": [3, 5]}'
    )


@given(
    status=st.sampled_from(Status),
    texts=st.tuples(st.text(), st.text(), st.text(), st.text(), st.text(), st.text()),
    numbers=st.tuples(st.integers(0), st.integers(0), st.integers(0), st.integers(0)),
    stuck=st.booleans(),
    lateness=st.lists(st.integers(0)),
)
def test_reading_a_row_gives_the_status_that_was_written(
    status: Status, texts: tuple[str, ...], numbers: tuple[int, ...], stuck: bool, lateness: list[int]
) -> None:
    reason, remedy, mode, account, gate, evidence = texts
    silent, restarts, cycles, errors = numbers
    status = BrokerStatus(
        AccountKey("okx"), status, reason, remedy, mode, account, cycles=cycles, since=cycles, lateness=tuple(lateness),
        silent_ms=silent, restarts=restarts, stuck=stuck, gate=gate, errors=errors, evidence=evidence,
    )  # fmt: skip
    assert from_heartbeat(AccountKey("okx"), json.loads(json.dumps(to_heartbeat(status)))) == status


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
    kraken = replace(
        KRAKEN, holdings=(held(tmp_path), replace(held(tmp_path / "2"), price=None)), evidence="it loses: x"
    )
    failed = replace(KRAKEN, key=AccountKey("okx"), status=Status.FAILED, reason="no answer")
    notes = Notes()
    say(notes, [kraken, failed, COINBASE], 400_000)
    assert "\n".join(str(line["text"]) for line in notes.said(Event.STATUS)) == (
        "KRAKEN   healthy    balance $1,234.50  equity $1,300.25  positions 2  signals 12  skipped: costs 3, cash 2, spread 2"
        "  cycles 7/8  reconciled 5 min ago\n"
        "  BTC-USD    buy  1 @ 50000.123  now 51000 (+2.00 %)  stop 49000.5  unrealised $999.88  targets reached 1\n"
        "  BTC-USD    buy  1 @ 50000.123  now unknown  stop 49000.5  targets reached 1\n"
        "  not ours, never touched: 1 BTC, 9.5 DOGE\n"
        "  evidence: it loses: x\n"
        "OKX      failed     balance $1,234.50  equity $1,300.25 (10 s ago)  positions 0  signals 12"
        "  skipped: costs 3, cash 2, spread 2  cycles 7/8  reconciled 5 min ago  (no answer)\n"
        "  not ours, never touched: 1 BTC, 9.5 DOGE\n"
        "COINBASE halted     balance unknown  positions 0  signals 0  skipped: none"
        "  cycles 0/0  not reconciled yet  (paused by the operator)"
    )


def test_each_line_of_the_status_block_has_its_fields(tmp_path: Path) -> None:
    notes = Notes()
    say(notes, [replace(KRAKEN, holdings=(held(tmp_path),)), COINBASE], 400_000)
    kraken, position, foreign, coinbase = notes.said(Event.STATUS)
    assert (kraken["broker"], kraken["balance_usd"], kraken["today_usd"]) == (
        "KRAKEN",
        Decimal("1234.5"),
        Decimal("-1.5"),
    )
    assert (kraken["measured_s"], kraken["reconciled_s"], kraken["positions"], kraken["skipped"]) == (
        10, 340, 1, {"spread": 2, "costs": 3, "cash": 2},
    )  # fmt: skip
    assert (position["symbol"], position["price"], round(position["unrealised_usd"], 2)) == (
        "BTC-USD", Decimal(51000), Decimal("999.88"),
    )  # fmt: skip
    assert foreign["foreign"] == {"BTC": "1", "DOGE": "9.5"}
    assert (coinbase["balance_usd"], coinbase["measured_s"], coinbase["reconciled_s"]) == (None, None, None)


@pytest.mark.parametrize(
    ("ms", "text"),
    [(-1, "0 s"), (119_999, "119 s"), (120_000, "2 min"), (2 * 3_600_000, "2 h"), (50 * 3_600_000, "2 days")],
)
def test_how_long_something_lasts(ms: int, text: str) -> None:
    assert lasting(ms) == text


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
