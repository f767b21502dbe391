"""EAPI:Invalid nonce: the clock steps back, another process or computer uses the key, or requests overtake each other.

A nonce never decreases on this host, whatever the clock does. A rejected one is followed by a larger one, and no order is
lost or sent twice.
"""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import krakenex
import pytest

from bot.brokers.base import BrokerError
from bot.brokers.kraken import KrakenBroker, KrakenConfig
from bot.brokers.kraken.config import Tier
from bot.domain.clock import HOUR
from bot.domain.log import Event
from tests.rig import Notes, Rig, sandbox_clock
from tests.sandbox_fixture import Keys

ASKED = 5
STEP_MS = 45_000


def refusals(rig: Rig) -> int:
    return int(rig.sandbox.ledger()["rejected"].get("EAPI:Invalid nonce", 0))


def test_the_clock_steps_back(rig: Rig) -> None:
    rig.bought()
    before = refusals(rig)
    rig.broker_clock.ahead = -STEP_MS
    rig.turn()
    rig.crash()
    rig.open()  # the floor is on disk and survives the process
    rig.cycle()
    rig.quiet()
    assert refusals(rig) == before
    assert rig.protected()


def _ask(rest: str, key: str, secret: str, state: Path, market_wall: tuple[int, int, float]) -> None:
    from bot.domain.clock import ScaledClock

    config = KrakenConfig(key, secret, state, api_url=rest, mode="sandbox", tier=Tier.PRO)
    broker = KrakenBroker(config, ScaledClock(*market_wall), Notes())
    for _ in range(ASKED):
        broker.open_orders()
    broker.close()


def test_two_processes_of_this_host_share_the_key(rig: Rig) -> None:
    """A check beside the daemon: both send requests as fast as they can, one at a time, with a shared sequence of nonces."""
    before = refusals(rig)
    clock = sandbox_clock(rig.sandbox)
    times = (clock.market_ms(), clock.wall_ms(), float(rig.sandbox.ready["speed"]))
    arguments = (rig.sandbox.kraken.rest, rig.keys["api_key"], rig.keys["api_secret"], rig.folder / "state", times)
    other = multiprocessing.get_context("spawn").Process(target=_ask, args=arguments)
    other.start()
    rig.bought()
    while other.is_alive():
        rig.turn()
    other.join()
    assert other.exitcode == 0
    assert refusals(rig) == before
    rig.quiet()
    assert len(rig.sent(side="buy")) == 1


def test_another_computer_used_the_key_with_a_larger_nonce(rig: Rig) -> None:
    """Our next request has a nonce that is too small: it is rejected, sent again with a larger one, and executed once."""
    keys = Keys(rig.sandbox.kraken.rest, rig.keys["api_key"], rig.keys["api_secret"])
    elsewhere = krakenex.API(keys.api_key, keys.api_secret)
    elsewhere.uri = keys.rest
    ahead = rig.clock.wall_ms() + 8_000
    elsewhere._nonce = lambda: ahead
    assert elsewhere.query_private("Balance")["error"] == []
    elsewhere.close()
    before = refusals(rig)
    rig.bought()
    assert refusals(rig) == before + 1
    assert len(rig.notes.said(Event.NONCE_REFUSED)) == 1
    rig.quiet()
    assert len(rig.sent(side="buy")) == 1
    assert rig.protected()


def test_another_computer_is_far_ahead_for_good(rig: Rig) -> None:
    """No jump is large enough: nothing is sent twice, nothing is lost, and the remedy names the cause."""
    bought = rig.bought()
    elsewhere = krakenex.API(rig.keys["api_key"], rig.keys["api_secret"])
    elsewhere.uri = rig.sandbox.kraken.rest
    elsewhere._nonce = lambda: rig.clock.wall_ms() + HOUR
    assert elsewhere.query_private("Balance")["error"] == []
    elsewhere.close()
    with pytest.raises(BrokerError, match="another program uses this key"):
        rig.engine.oms.broker.open_orders()
    assert rig.position == bought
    rig.broker_clock.ahead = 2 * HOUR
    rig.cycle()
    rig.broker_clock.ahead = 0
    rig.quiet()
    assert rig.protected()


def test_requests_overtake_each_other(rig: Rig) -> None:
    """The exchange rejects a nonce as out of order although it was the newest: a rejected order was not placed."""
    rig.arm("exchange_error", "AddOrder", body="EAPI:Invalid nonce", processed=False, count=2)
    rig.enter()
    rig.until(lambda: not rig.engine.oms.in_flight(), "certainty")
    assert rig.sent(side="buy") == []
    rig.until(lambda: bool(rig.enter()) and rig.position is not None, "an entry")
    rig.quiet()
    assert len(rig.sent(side="buy")) == 1
