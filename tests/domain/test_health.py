"""A broker's health for outside observers, for every verdict and every gate that blocks an account."""

from __future__ import annotations

import pytest

from bot.domain.ids import AccountKey
from bot.domain.status import (
    CHOSEN_GATES,
    MANY_ERRORS,
    PASSING_GATES,
    STUCK_AFTER,
    BrokerStatus,
    Health,
    Status,
    health_of_all,
)
from bot.strategy.gates import ACCOUNT, LOST, OPERATION, Gate

KRAKEN, OKX = AccountKey("kraken"), AccountKey("okx")
#: Every gate that can block a whole account, and its health; unfunded is a separate verdict.
GATES = {
    **dict.fromkeys((*OPERATION, *ACCOUNT, *LOST), Health.ILL),
    Gate.EXCHANGE: Health.UNCERTAIN,
    Gate.WATCHING: Health.UNCERTAIN,
    Gate.HISTORY: Health.UNCERTAIN,
    Gate.WATCH_ONLY: Health.WELL,
}


@pytest.mark.parametrize(
    ("status", "health"),
    [
        (BrokerStatus(KRAKEN, Status.HEALTHY), Health.WELL),
        (BrokerStatus(KRAKEN, Status.UNFUNDED, gate="funds"), Health.WELL),
        (BrokerStatus(KRAKEN, Status.DEGRADED, errors=MANY_ERRORS - 1), Health.UNCERTAIN),
        (BrokerStatus(KRAKEN, Status.DEGRADED, errors=MANY_ERRORS), Health.ILL),
        (BrokerStatus(KRAKEN, Status.DEGRADED, reason="connecting"), Health.UNCERTAIN),
        (BrokerStatus(KRAKEN, Status.DEGRADED, gate="paused", errors=1), Health.UNCERTAIN),
        (BrokerStatus(KRAKEN, Status.FAILED), Health.ILL),
        (BrokerStatus(KRAKEN, Status.HALTED), Health.ILL),
        (BrokerStatus(KRAKEN, Status.HEALTHY, silent_ms=STUCK_AFTER), Health.WELL),
        (BrokerStatus(KRAKEN, Status.HEALTHY, silent_ms=STUCK_AFTER + 1), Health.ILL),
    ],
)
def test_each_verdict(status: BrokerStatus, health: Health) -> None:
    assert status.health is health


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.word)
def test_each_gate_of_an_account(gate: Gate) -> None:
    assert BrokerStatus(KRAKEN, Status.HALTED, gate=gate.word).health is GATES[gate]


def test_the_gates_that_are_named_are_gates() -> None:
    assert {gate.word for gate in GATES} >= PASSING_GATES | CHOSEN_GATES


def test_all_are_as_their_worst() -> None:
    well, ill = BrokerStatus(KRAKEN, Status.HEALTHY), BrokerStatus(OKX, Status.FAILED)
    assert health_of_all([well, ill]) is Health.ILL
    assert health_of_all([well]) is Health.WELL
    assert health_of_all([]) is Health.UNCERTAIN
