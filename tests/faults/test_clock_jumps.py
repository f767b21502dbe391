"""A clock jumps while the daemon trades, ours or the exchange's: nothing is sent twice, nothing waits for the old time."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from bot.brokers.base import BrokerError, Priority
from bot.brokers.common.rate_limits import Budget
from bot.domain.clock import HOUR, MINUTE
from bot.domain.events import Timer
from bot.domain.log import Event
from bot.domain.pacer import RealTime
from bot.runtime.schedule import Now, Schedule
from tests.daemon_fixture import Daemon
from tests.paths import VENUES
from tests.rig import Leaping, Rig, sandbox_clock
from tests.sandbox_fixture import Sandbox


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("jump_ms", [5_000, -5_000])
def test_our_clock_jumps_while_a_position_is_open(rig: Rig, venue: str, jump_ms: int) -> None:
    """Deadlines, proofs and waits use a clock that has just jumped: the target is sold once, the rest is protected."""
    bought = rig.bought().qty
    rig.clock.ahead = rig.broker_clock.ahead = jump_ms
    rig.jump("1.05")
    rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
    rig.quiet()
    assert rig.protected()
    assert abs(rig.coins() - bought / 2) <= rig.lot
    assert len(rig.sent(side="sell", type="limit")) == 1


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("seconds", [-40.0, 40.0])
def test_the_exchange_refuses_our_time(rig: Rig, venue: str, seconds: float) -> None:
    """OKX's 50102, Coinbase's tokens not yet or no longer valid, Kraken's deadline: an exit waits and is made once."""
    bought = rig.bought().qty
    rig.jump("1.05")
    rig.arm("clock_skew", seconds=seconds)
    for _ in range(2):
        rig.turn()
        with suppress(BrokerError):
            rig.enter()
    assert len(rig.sent(side="buy")) == 1
    rig.disarm()
    rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
    rig.quiet()
    assert rig.protected()
    assert abs(rig.coins() - bought / 2) <= rig.lot
    assert len(rig.sent(side="sell", type="limit")) == 1


@pytest.mark.thorough
def test_a_key_that_is_refused_for_the_clocks_sake_trades_on_soon(tmp_path: Path) -> None:
    """The error looks like a wrong key but is not: exits must not wait for minutes."""
    with Sandbox(tmp_path, "--speed", "60", venues=("coinbase",)) as sandbox:
        daemon = Daemon(tmp_path / "nija", SANDBOX_READY_FILE=str(sandbox.ready_file))
        with daemon:
            daemon.says(Event.FUNDED)
            sandbox.control("POST", "faults", venue="coinbase", kind="clock_skew", seconds=-40.0)
            daemon.until(lambda: "401" in "".join(daemon.lines(Event.FAILED)), "the refusal")
            sandbox.control("DELETE", "faults?venue=coinbase")
            daemon.says(Event.CONNECTED, times=2)
            assert daemon.stop()[0] == 0


def test_no_work_waits_for_the_time_that_a_clock_was_set_back_by() -> None:
    schedule = Schedule(RealTime(), cycle_ms=150_000, timeframe_ms=300_000, exclusion_ms=0, position_ms=15_000)
    assert Timer.CYCLE in schedule.due(Now(HOUR, 0))
    schedule.looked(Now(HOUR, 0), finished=True, urgent=False)
    assert not schedule.owes(HOUR + 14_999)
    assert Timer.MONITOR not in schedule.due(Now(14_999, 14_999))
    assert Timer.MONITOR in schedule.due(Now(16_000, 16_000))
    assert Timer.CYCLE in schedule.due(Now(151_000, 151_000))


def test_a_rate_budget_flows_out_although_the_clock_was_set_back(sandbox: Sandbox) -> None:
    clock = Leaping(sandbox_clock(sandbox))
    budget = Budget("calls", 10.0, 1.0, clock)
    budget.exhaust()
    clock.market_ahead -= HOUR
    assert budget.wait_ms(1.0, Priority.EXIT) > 0
    clock.market_ahead += MINUTE
    assert budget.wait_ms(1.0, Priority.EXIT) == 0
