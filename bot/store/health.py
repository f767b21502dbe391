"""The status of each account's trader: written by the trader, read by the checks and the ledger command.

One row per account, always the newest; the history is in the journal and the log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, select

from bot.domain.ids import Account, AccountKey
from bot.domain.status import MEASURED, BrokerStatus, Status
from bot.store.account_transaction import Transaction
from bot.store.schema import compact, health

_MINE = select(health).where(health.c.account_id == bindparam("account"))
_REPLACE = health.update().where(health.c.account_id == bindparam("account"))
_INSERT = health.insert()


def keep_status(tx: Transaction, status: BrokerStatus) -> BrokerStatus:
    """Replace the account's row; returns its new content. An unchanged status keeps its start time, and the last measured
    amounts stay until they are measured again.
    """
    known = tx.rows(_MINE)
    before = _read(status.key, known[0]) if known else None
    status = status.after(before)
    if before is not None and not status.measured_at:
        status = replace(status, **{name: getattr(before, name) for name in MEASURED})
    row = to_row(status)
    if known:
        tx.connection.execute(_REPLACE, row | {"account": tx.account})
    else:
        tx.connection.execute(_INSERT, row | {"account_id": tx.account})
    return status


def status_of(account: Account, tx: Transaction) -> BrokerStatus | None:
    """The last status an account's trader reported; None if it never did."""
    return next((from_row(account, row) for row in tx.rows(_MINE)), None)


def to_row(status: BrokerStatus) -> dict[str, Any]:
    """A status as a row of `health`, without the account's number; what never happened is NULL."""
    details = {
        "reason": status.reason,
        "remedy": status.remedy,
        "permissions": list(status.permissions),
        "ip_bound": status.ip_bound,
        "clock_skew_ms": status.clock_skew_ms,
        "signals": status.signals,
        "skipped": dict(status.skipped),
        "cycle_late_ms_p95": status.late_p95,
        "since": status.since,
        "measured_at": status.measured_at,
        "today_usd": status.today_usd,
        "week_usd": status.week_usd,
        "prices": dict(status.prices),
        "evidence": status.evidence,
    }
    return {
        "status": status.status,
        "balance_usd": status.balance_usd,
        "equity_usd": status.equity_usd,
        "cycles": status.cycles,
        "cycles_ok": status.cycles_ok,
        "errors": status.errors,
        "last_error": status.last_error or None,
        "last_good_cycle": status.last_good_cycle or None,
        "last_reconciled": status.last_reconciled or None,
        "heartbeat": status.at,
        "pid": status.pid,
        "details": compact(details),
    }


def from_row(account: Account, row: Mapping[str, Any]) -> BrokerStatus:
    """The status in a row of `health`; positions and single cycles are not part of it."""
    return replace(_read(account.key, row), mode=account.mode, account=str(account))


def _read(key: AccountKey, row: Mapping[str, Any]) -> BrokerStatus:
    details = json.loads(row["details"])
    return BrokerStatus(
        key=key,
        status=Status.read(row["status"]),
        reason=str(details.get("reason", "")),
        remedy=str(details.get("remedy", "")),
        at=row["heartbeat"],
        pid=row["pid"],
        balance_usd=row["balance_usd"],
        equity_usd=row["equity_usd"],
        today_usd=_amount(details.get("today_usd")),
        week_usd=_amount(details.get("week_usd")),
        measured_at=details.get("measured_at", row["last_good_cycle"] or 0),
        since=details.get("since", 0),
        cycles=row["cycles"],
        cycles_ok=row["cycles_ok"],
        errors=row["errors"],
        last_error=row["last_error"] or "",
        last_good_cycle=row["last_good_cycle"] or 0,
        last_reconciled=row["last_reconciled"] or 0,
        signals=details.get("signals", 0),
        skipped=details.get("skipped", {}),
        prices={symbol: Decimal(price) for symbol, price in details.get("prices", {}).items()},
        permissions=tuple(details.get("permissions", ())),
        ip_bound=details.get("ip_bound"),
        clock_skew_ms=details.get("clock_skew_ms", 0),
        evidence=str(details.get("evidence", "")),
    )


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
