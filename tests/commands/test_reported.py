"""What the checks print of a running daemon's word."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

import pytest

from bot.commands.activity import SILENT, Activity, show, to_activity
from bot.commands.checks import to_finding
from bot.commands.presence import Presence
from bot.domain.clock import system_ms
from bot.domain.ids import AccountKey
from bot.domain.status import BrokerStatus, Status

KRAKEN = BrokerStatus(
    key=AccountKey("kraken"),
    status=Status.HEALTHY,
    pid=os.getpid(),
    mode="live",
    balance_usd=Decimal("12.50"),
    equity_usd=Decimal("30.0"),
    measured_at=900,
    cycles=8,
    cycles_ok=7,
    last_error="an old one",
    last_good_cycle=1_000,
    permissions=("query", "trade"),
    ip_bound=True,
    clock_skew_ms=-15,
)
SICK = replace(KRAKEN, status=Status.DEGRADED, reason="no answer", remedy="wait", last_error="no answer", errors=1)
BOOK: dict[str, Any] = {"mode": "live", "positions": [{}, {}], "orders": [{"n": n} for n in range(7)]}
NEWEST = ({"n": 2}, {"n": 3}, {"n": 4}, {"n": 5}, {"n": 6})


def test_who_trades_fits_the_screen_whatever_the_reason(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    reason = "the exchange cannot be reached: check the network and the address of the exchange"
    show([replace(to_activity("kraken", SICK, BOOK | {"orders": []}), reason=reason)], Presence(None, None))
    table, why = capsys.readouterr().out.split("KRAKEN: ")
    assert "degraded (" not in table
    assert " ".join(why.split()) == reason


def test_a_healthy_broker_is_found_as_it_says() -> None:
    assert asdict(to_finding(KRAKEN, Decimal(30))) == {
        "broker": "kraken",
        "configured": True,
        "connected": True,
        "funded": True,
        "status": "healthy",
        "mode": "live",
        "balance_usd": "12.5",
        "equity_usd": "30",
        "problem": "",
        "remedy": "",
        "source": "daemon",
        "permissions": ("query", "trade"),
        "ip_bound": True,
        "clock_skew_ms": -15,
        "warnings": (),
        "balances": {},
        "left_out": {},
        "shapes": (),
    }


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (SICK, {"connected": False, "status": "degraded", "problem": "no answer", "remedy": "wait"}),
        (replace(SICK, last_error=""), {"problem": "no answer"}),
        (replace(SICK, status=Status.FAILED), {"connected": False, "status": "failed", "problem": "no answer"}),
        (replace(SICK, status=Status.HALTED), {"connected": True, "status": "halted", "problem": "", "remedy": ""}),
        (replace(KRAKEN, status=Status.UNFUNDED), {"connected": True, "funded": False, "problem": ""}),
        (replace(KRAKEN, measured_at=0), {"balance_usd": None, "equity_usd": None}),
        (replace(KRAKEN, equity_usd=Decimal("29.99")), {"connected": True, "funded": False}),
    ],
)
def test_what_is_wrong_with_a_broker_is_found(report: BrokerStatus, expected: dict[str, object]) -> None:
    found = asdict(to_finding(report, Decimal(30)))
    assert {name: found[name] for name in expected} == expected


def test_whoever_has_not_reported_yet_does_not_trade() -> None:
    assert to_activity("kraken", None, BOOK) == Activity("kraken", mode="live", open_positions=2, orders=NEWEST)


@pytest.mark.parametrize(
    ("status", "age", "trades_now", "expected"),
    [
        (Status.HEALTHY, 0, True, "healthy"),
        (Status.HALTED, 0, False, "halted"),
        (Status.HEALTHY, SILENT + 1, False, "not running"),
    ],
)
def test_who_trades_now(status: Status, age: int, trades_now: bool, expected: str) -> None:
    report = replace(KRAKEN, status=status, reason="why", at=system_ms() - age)
    assert to_activity("kraken", report, BOOK) == Activity(
        broker="kraken",
        mode="live",
        trades_now=trades_now,
        status=expected,
        reason="why",
        open_positions=2,
        last_cycle="1970-01-01T00:00:01.000Z",
        cycles=8,
        cycles_ok=7,
        orders=NEWEST,
    )


def test_whose_process_is_gone_does_not_trade() -> None:
    report = replace(KRAKEN, pid=2**22 + 1, at=system_ms())
    assert (to_activity("kraken", report, BOOK).status, to_activity("kraken", report, BOOK).trades_now) == (
        "not running",
        False,
    )
