"""An exchange closes or delists a market while we have a position in it, and cancels the stop that rested there.

The owner is told that the position has no stop, nothing is sent until the market takes orders again, and then the stop is placed at
once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.log import Event, Halt
from tests.faults.test_owner_takes_coins import LATER_MS as SECOND_LOOK_MS
from tests.faults.test_rules_change import OPEN, market, new_rules, unopened
from tests.rig import Rig
from tests.sandbox_fixture import Sandbox

__all__ = ["unopened"]

VENUES = ("kraken", "okx", "coinbase")
#: How a market closes for sales and stops, by venue. Kraken's pairs have no state in which they are shown and take nothing at all.
HALT = {"kraken": "cancel_only", "okx": "suspend", "coinbase": "trading_disabled"}
CLOSED = [*HALT.items(), *((venue, "delisted") for venue in VENUES)]
#: What is left without a stop waits less than this for the market's reopening to be noticed (real ms); delisted, it waits longer.
SOON_MS, LATER_MS = 11_000, 70_000
CANDLE_MS = 300_000


@pytest.fixture
def swap(sandbox: Sandbox, tmp_path: Path) -> Iterator[Rig]:
    """An account that trades a contract."""
    rig = Rig(sandbox, tmp_path, "ETH-USDT-SWAP", venue="okx")
    rig.open()
    rig.steady()
    yield rig
    reopen(rig)
    rig.crash()


def close(rig: Rig, state: str) -> None:
    if state == "delisted":
        new_rules(rig, "delisted")
    else:
        market(rig, state)


def reopen(rig: Rig) -> None:
    new_rules(rig, "")
    market(rig, OPEN[rig.venue])


def cancel_stop(rig: Rig, state: str) -> None:
    """The exchange cancels the stop and closes the market. The sandbox must open it for that if it is closed already."""
    position = rig.position
    assert position is not None
    reopen(rig)
    broker = rig.engine.oms.broker
    for stop in rig.engine.protection.stops_of(position, broker.open_orders()):
        broker.cancel(stop)
    free = rig.engine.oms.instruments[rig.symbol].size(position.qty)
    while not rig.swaps and Decimal(rig.balances()[rig.base]["free"]) < free:
        time.sleep(0.05)
    close(rig, state)
    assert rig.resting() == 0


def halts(rig: Rig) -> list[str]:
    return [str(line["reason"]) for line in rig.notes.said(Event.HALTED) if line["limit"] is Halt.MARKET]


def watched(rig: Rig, times: int = 3) -> None:
    """Some checks and cycles within a minute, as the actor makes them."""
    for _ in range(times):
        rig.turn()
        rig.cycle()
        rig.engine.naked_watchdog.check()
        rig.clock.ahead += 5_000


def sent(rig: Rig) -> int:
    return len(rig.book.orders_of(rig.symbol, 0))


def covered(rig: Rig) -> bool:
    rig.engine.naked_watchdog.check()
    return rig.protected() and not rig.book.unprotected()


@pytest.mark.parametrize(("venue", "state"), CLOSED)
def test_the_stop_is_cancelled_with_the_market(rig: Rig, state: str) -> None:
    rig.bought()
    cancel_stop(rig, state)
    rig.engine.read_rules()
    before = sent(rig)
    watched(rig)
    (line,) = halts(rig)
    assert "no stop rests there" in line
    assert list(rig.book.unprotected()) == [rig.symbol]
    (told,) = rig.notes.said(Event.NAKED)
    assert "the exchange has closed the market" in str(told["reason"])
    rig.clock.ahead += 3_600_000
    watched(rig)
    assert len(rig.notes.said(Event.NAKED)) == 2
    assert sent(rig) == before
    assert rig.position is not None


@pytest.mark.parametrize(("venue", "state"), CLOSED)
def test_the_stop_is_cancelled_later(rig: Rig, state: str) -> None:
    rig.bought()
    close(rig, state)
    rig.engine.read_rules()
    watched(rig)
    (line,) = halts(rig)
    assert "with its resting stop" in line
    assert not rig.book.unprotected()
    cancel_stop(rig, state)
    watched(rig)
    (_, line) = halts(rig)
    assert "no stop rests there" in line
    assert rig.notes.said(Event.NAKED)


@pytest.mark.parametrize(("venue", "state"), CLOSED)
def test_the_stop_is_placed_as_soon_as_the_market_trades_again(rig: Rig, state: str) -> None:
    rig.bought()
    cancel_stop(rig, state)
    rig.engine.read_rules()
    watched(rig)
    reopen(rig)
    rig.clock.ahead += SOON_MS if state != "delisted" else LATER_MS
    rig.turn()
    assert covered(rig)
    rig.clock.ahead += 5_000
    rig.engine.naked_watchdog.check()
    assert rig.notes.said(Event.COVERED)
    assert rig.notes.said(Event.RESUMED)
    rig.quiet()


@pytest.mark.parametrize(("venue", "state"), CLOSED)
def test_a_restart_finds_the_same(rig: Rig, state: str) -> None:
    rig.bought()
    close(rig, state)
    rig.engine.read_rules()
    watched(rig)
    rig.restart()
    rig.turn()
    assert not rig.book.unprotected(), "the stop rests"
    assert all("with its resting stop" in line for line in halts(rig))
    cancel_stop(rig, state)
    before = sent(rig)
    rig.restart()
    watched(rig)
    assert list(rig.book.unprotected()) == [rig.symbol]
    assert "no stop rests there" in halts(rig)[-1]
    told = len(rig.notes.said(Event.NAKED))
    assert told
    rig.restart()
    watched(rig)
    assert len(rig.notes.said(Event.NAKED)) > told
    assert sent(rig) == before
    reopen(rig)
    rig.clock.ahead += LATER_MS
    rig.until(lambda: covered(rig), "the stop")


@pytest.mark.parametrize("venue", ["okx"])
@pytest.mark.parametrize("state", ["suspend", "delisted"])
def test_a_contract_and_the_account_starts_again(swap: Rig, state: str) -> None:
    """OKX refuses to look for orders of a delisted contract: that must not stop the checks of the other positions, or a start."""
    swap.bought()
    close(swap, state)
    swap.engine.read_rules()
    watched(swap)
    assert not swap.book.unprotected()
    cancel_stop(swap, state)
    swap.engine.monitor.look()
    watched(swap)
    assert ["no stop rests there" in line for line in halts(swap)] == [False, True]
    assert swap.notes.said(Event.NAKED)
    swap.restart()
    swap.engine.monitor.look()
    assert list(swap.book.unprotected()) == [swap.symbol]
    assert "no stop rests there" in halts(swap)[-1]
    reopen(swap)
    swap.clock.ahead += LATER_MS
    swap.until(lambda: swap.resting() > 0 and not swap.book.unprotected(), "the stop")


@pytest.mark.parametrize("venue", VENUES)
def test_coins_that_leave_a_delisted_market_need_no_stop(rig: Rig) -> None:
    position = rig.bought()
    cancel_stop(rig, "delisted")
    rig.engine.read_rules()
    watched(rig)
    rig.deposit(rig.base, -rig.coins())
    rig.cycle()
    rig.clock.ahead += SECOND_LOOK_MS
    rig.cycle()
    assert rig.position is None, position
    assert not rig.book.unprotected()
    rig.engine.naked_watchdog.check()
    assert rig.notes.said(Event.COVERED)


@pytest.mark.parametrize("venue", VENUES)
def test_a_closed_market_is_not_asked_more_often_than_an_open_one(rig: Rig) -> None:
    """What a check of a position asks; the rules are read besides, at intervals."""
    rig.bought()
    rig.quiet()
    open_market = _requests(rig, rig.turn)
    cancel_stop(rig, "delisted")
    rig.engine.read_rules()
    rig.turn()
    assert _requests(rig, rig.turn) <= open_market


def _requests(rig: Rig, work: Callable[[], None]) -> int:
    before = rig.asked("")
    for _ in range(3):
        work()
    return rig.asked("") - before
