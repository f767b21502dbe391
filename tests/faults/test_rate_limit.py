"""Too many requests, or a lockout: calls pause, the stop keeps resting, and pending work is done once afterwards."""

from __future__ import annotations

from contextlib import suppress

import pytest

from bot.brokers.base import BrokerError
from bot.domain.order import Purpose
from bot.domain.outcome import ErrorMeaning
from tests.rig import Rig


def want_out(rig: Rig) -> bool:
    """Tries to exit at the market; returns whether the position is closed."""
    position = rig.position
    if position is not None:
        with suppress(BrokerError):
            rig.engine.exits.sell(rig.symbol, position.qty, position.entry_price, Purpose.EXIT, "out")
    return rig.position is None


@pytest.mark.parametrize("venue", ["kraken", "okx", "coinbase"])
def test_an_exit_waits_for_a_rate_limit_and_is_made_once(rig: Rig) -> None:
    bought = rig.bought().qty
    rested = rig.resting()
    rig.arm("rate_limit", seconds=2.0)
    assert not want_out(rig)
    assert rig.resting() == rested
    rig.until(lambda: want_out(rig), "the exit")
    rig.quiet()
    sold = [row for row in rig.sent(side="sell", origin="api") if row["status"] == "filled"]
    assert len(sold) == 1
    assert rig.coins() < bought / 100


def test_a_lockout_silences_us_also_after_a_restart_and_the_stop_rests(rig: Rig) -> None:
    rig.bought()
    rested = rig.resting()
    rig.arm("exchange_error", "BalanceEx", body="EGeneral:Temporary lockout", processed=False, count=1)
    with pytest.raises(BrokerError) as raised:
        rig.engine.accounting.measure()
    assert raised.value.meaning is ErrorMeaning.LOCKED_OUT
    assert raised.value.remedy
    before = rig.sandbox.ledger()["requests"]
    for _ in range(5):
        rig.turn()
        want_out(rig)
        rig.cycle()
    with pytest.raises(BrokerError, match="locked out"):
        rig.restart()
    after = rig.sandbox.ledger()["requests"]
    assert {path: after[path] for path in after if "private" in path} == {
        path: before[path] for path in before if "private" in path
    }
    assert rig.resting() == rested
