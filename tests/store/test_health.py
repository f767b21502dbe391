"""A trader's status in the database: the last one reported, in the columns that other versions read."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.ids import AccountKey
from bot.domain.status import BrokerStatus, Status
from bot.store.health import from_row, to_row
from bot.store.ledger import Ledger
from bot.store.reader import Books
from tests.store.cases import KRAKEN, ledger

REPORTED = BrokerStatus(
    key=AccountKey("kraken"),
    status=Status.DEGRADED,
    reason="no answer",
    remedy="wait",
    mode="live",
    account="live:kraken:main:k-1",
    at=9_200,
    pid=77,
    balance_usd=Decimal("1234.50"),
    equity_usd=Decimal("1300.25"),
    today_usd=Decimal("-2.5"),
    week_usd=Decimal(7),
    measured_at=9_150,
    since=8_000,
    cycles=8,
    cycles_ok=7,
    errors=2,
    last_error="no answer",
    last_good_cycle=9_000,
    last_reconciled=9_100,
    signals=12,
    skipped={"costs": 3, "barred": 2},
    prices={"BTC-USD": Decimal("105.5")},
    permissions=("query", "trade"),
    ip_bound=True,
    clock_skew_ms=-15,
)


@pytest.fixture
def book(tmp_path: Path) -> Ledger:
    return ledger(tmp_path)


def test_the_last_one_reported_is_read(tmp_path: Path, book: Ledger) -> None:
    assert Books(tmp_path).statuses() == {}
    book.report_status(BrokerStatus(AccountKey("kraken"), Status.UNFUNDED, at=9_100, pid=77))
    assert Books(tmp_path).statuses()[KRAKEN.key].status is Status.UNFUNDED
    book.report_status(REPORTED)
    assert Books(tmp_path).statuses() == {KRAKEN.key: replace(REPORTED, since=REPORTED.at)}


def test_a_verdict_keeps_the_time_since_which_it_stands(book: Ledger) -> None:
    begun = book.report_status(replace(REPORTED, at=10_000))
    assert book.report_status(replace(REPORTED, at=20_000)).since == begun.since == 10_000
    assert book.report_status(replace(REPORTED, at=30_000, status=Status.HALTED)).since == 30_000
    later = 30_000 + 30 * 24 * 3_600_000
    assert book.report_status(replace(REPORTED, at=later, pid=78, status=Status.HALTED)).since == 30_000, (
        "a halt outlasts a stop"
    )
    assert book.report_status(replace(REPORTED, at=later + 1)).since == later + 1
    assert book.report_status(replace(REPORTED, at=later + 2)).since == later + 1
    assert book.report_status(replace(REPORTED, at=later + 3, pid=79)).since == later + 3, "another process"


def test_money_stays_known_until_it_is_measured_again(book: Ledger) -> None:
    assert book.report_status(replace(REPORTED, measured_at=0)).measured_at == 0
    book.report_status(REPORTED)
    kept = book.report_status(BrokerStatus(REPORTED.key, Status.FAILED, at=9_300))
    assert (kept.balance_usd, kept.today_usd, kept.measured_at) == (
        REPORTED.balance_usd,
        REPORTED.today_usd,
        REPORTED.measured_at,
    )
    assert kept.prices == REPORTED.prices


def test_the_row_is_the_one_that_other_versions_read() -> None:
    row = to_row(replace(REPORTED, lateness=(9, 3, 5)))
    assert json.loads(row.pop("details")) == {
        "reason": "no answer",
        "remedy": "wait",
        "permissions": ["query", "trade"],
        "ip_bound": True,
        "clock_skew_ms": -15,
        "signals": 12,
        "skipped": {"costs": 3, "barred": 2},
        "cycle_late_ms_p95": 5,
        "since": 8_000,
        "measured_at": 9_150,
        "today_usd": "-2.5",
        "week_usd": "7",
        "prices": {"BTC-USD": "105.5"},
        "evidence": "",
    }
    assert row == {
        "status": "degraded",
        "balance_usd": Decimal("1234.50"),
        "equity_usd": Decimal("1300.25"),
        "cycles": 8,
        "cycles_ok": 7,
        "errors": 2,
        "last_error": "no answer",
        "last_good_cycle": 9_000,
        "last_reconciled": 9_100,
        "heartbeat": 9_200,
        "pid": 77,
    }


def test_what_never_was_is_null() -> None:
    row = to_row(BrokerStatus(AccountKey("kraken"), Status.HEALTHY))
    assert [row[name] for name in ("last_error", "last_good_cycle", "last_reconciled")] == [None, None, None]


def test_a_row_of_another_version_is_understood_as_far_as_it_goes() -> None:
    row = to_row(REPORTED) | {"status": "dreaming", "details": "{}"}
    read = from_row(KRAKEN, row)
    assert (read.status, read.reason, read.permissions, read.ip_bound) == (Status.DEGRADED, "", (), None)
    assert read.equity_usd == REPORTED.equity_usd


amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=4)
counts = st.integers(0, 10**9)


@given(
    status=st.sampled_from(Status),
    texts=st.tuples(st.text(), st.text(), st.text()),
    money=st.tuples(amounts, amounts),
    numbers=st.tuples(counts, counts, counts, counts, counts, counts, counts, counts),
    skipped=st.dictionaries(st.text(), counts),
    key=st.tuples(st.lists(st.text()), st.none() | st.booleans(), st.integers()),
)
def test_reading_a_row_gives_the_status_that_was_written(
    status: Status,
    texts: tuple[str, str, str],
    money: tuple[Decimal, Decimal],
    numbers: tuple[int, int, int, int, int, int, int, int],
    skipped: dict[str, int],
    key: tuple[list[str], bool | None, int],
) -> None:
    reason, remedy, error = texts
    at, pid, cycles, cycles_ok, errors, good, reconciled, signals = numbers
    permissions, ip_bound, skew = key
    balance, today = money
    status = BrokerStatus(
        AccountKey("kraken"), status, reason, remedy, KRAKEN.mode, str(KRAKEN), at, pid, balance, today, today, None, good, at,
        cycles, cycles_ok, errors, error, good, reconciled, signals, skipped, permissions=tuple(permissions), ip_bound=ip_bound,
        clock_skew_ms=skew, prices={"BTC-USD": today},
    )  # fmt: skip
    assert from_row(KRAKEN, to_row(status)) == status
