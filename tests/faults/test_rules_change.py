"""An exchange changes a market's rules, closes it or delists it while we have a position in it.

Resting orders stay until they can be replaced under the new rules, nothing is sent in vain repeatedly, and the owner is
informed.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from bot.domain.log import Event, Halt
from bot.domain.order import Purpose
from tests.rig import Rig
from tests.sandbox_fixture import Sandbox

QUOTES = {"kraken": "USD", "okx": "USDT", "coinbase": "USD"}
VENUES = ("kraken", "okx", "coinbase")
SWITCH = {"kraken": "pair_status", "okx": "state", "coinbase": "product_flag"}
OPEN = {"kraken": "online", "okx": "live", "coinbase": ""}
CLOSED = [
    ("kraken", "cancel_only"),
    ("kraken", "post_only"),
    ("okx", "suspend"),
    ("okx", "preopen"),
    ("coinbase", "trading_disabled"),
    ("coinbase", "cancel_only"),
    ("coinbase", "post_only"),
    ("coinbase", "auction_mode"),
]
LATER_MS = 70_000


class Steps(NamedTuple):
    """New rules in the sandbox's format, for a coin priced between a few dollars and a few thousand."""

    text: str
    tick: Decimal
    lot: Decimal


COARSE = Steps("tick=1 lot=0.01 min=0.01", Decimal(1), Decimal("0.01"))


def new_rules(rig: Rig, text: str) -> None:
    rig.sandbox.control("POST", "switches", venue=rig.venue, name=f"rules.{rig.symbol}", value=text)


def market(rig: Rig, state: str) -> None:
    name = f"{SWITCH[rig.venue]}.{rig.symbol}"
    rig.sandbox.control("POST", "switches", venue=rig.venue, name=name, value=state)


def exit_now(rig: Rig) -> None:
    """Tries to exit at the market, as a strategy would."""
    position = rig.position
    assert position is not None
    price = rig.engine.oms.broker.tickers({rig.symbol})[rig.symbol].bid
    rig.engine.exits.sell(rig.symbol, position.qty, price, Purpose.EXIT, "out")


def leave(rig: Rig) -> None:
    """Tries to exit at every look, until the position is closed."""

    def out() -> bool:
        if rig.position is not None:
            exit_now(rig)
        return rig.position is None

    rig.until(out, "the exit")


@pytest.fixture
def unopened(sandbox: Sandbox, tmp_path: Path, venue: str) -> Iterator[Rig]:
    """One market for all tests, since they name its steps."""
    rig = Rig(sandbox, tmp_path, f"ETH-{QUOTES[venue]}", venue=venue)
    yield rig
    rig.crash()
    rig.disarm()
    new_rules(rig, "")
    market(rig, OPEN[venue])


@pytest.mark.parametrize("venue", VENUES)
def test_coarser_steps_and_the_stop_moves_in_them(rig: Rig) -> None:
    position = rig.bought()
    new_rules(rig, COARSE.text)
    rig.engine.read_rules()
    assert rig.notes.said(Event.RULES)
    rig.book.plan(rig.symbol, stage=1, stop_price=position.stop_price * Decimal("1.005"))
    rig.until(lambda: not rig.engine.oms.in_flight() and bool(moved_stops(rig)), "a stop on the new steps")
    exit_now(rig)
    rig.until(lambda: rig.position is None, "the exit")
    new_rules(rig, "")
    assert rig.coins() < COARSE.lot


def moved_stops(rig: Rig) -> list[dict[str, str]]:
    """Resting stops on the coarse steps."""
    seen = [row for row in rig.engine.oms.broker.open_orders() if row.trigger_price is not None]
    good = [row for row in seen if row.qty % COARSE.lot == 0 and (row.trigger_price or Decimal(1)) % COARSE.tick == 0]
    return [{"id": row.exchange_id} for row in good]


@pytest.mark.parametrize("venue", VENUES)
def test_an_exit_learns_the_new_steps_from_its_refusal(rig: Rig) -> None:
    """The change is not announced: the first order under the old rules is rejected, the next one fits."""
    rig.bought()
    new_rules(rig, COARSE.text)
    exit_now(rig)
    leave(rig)
    new_rules(rig, "")
    assert rig.coins() < COARSE.lot


@pytest.mark.parametrize("venue", VENUES)
def test_a_minimum_above_what_is_held_leaves_the_stop_where_it_is(rig: Rig) -> None:
    position = rig.bought()
    rested = rig.resting()
    assert rested > 0
    new_rules(rig, "min=1000")
    rig.engine.read_rules()
    for _ in range(3):
        rig.turn()
        rig.cycle()
    exit_now(rig)
    rig.turn()
    assert rig.position is not None
    assert rig.position.qty == position.qty
    assert rig.resting() == rested
    new_rules(rig, "")
    rig.engine.read_rules()
    exit_now(rig)
    rig.until(lambda: rig.position is None, "the exit")


@pytest.mark.parametrize(("venue", "state"), CLOSED)
def test_nothing_is_sent_into_a_closed_market_and_it_is_said_once(rig: Rig, state: str) -> None:
    rig.bought()
    rested = rig.resting()
    market(rig, state)
    rig.engine.read_rules()
    before = len(rig.book.orders_of(rig.symbol, 0))
    for _ in range(3):
        exit_now(rig)
        rig.turn()
        rig.cycle()
    assert len(rig.book.orders_of(rig.symbol, 0)) == before
    assert rig.resting() == rested
    assert rig.position is not None
    assert [line["limit"] for line in rig.notes.said(Event.HALTED)] == [Halt.MARKET]
    market(rig, OPEN[rig.venue])
    rig.clock.ahead += LATER_MS
    rig.until(lambda: rig.engine.monitor.look() and bool(rig.notes.said(Event.RESUMED)), "the market again")
    exit_now(rig)
    rig.until(lambda: rig.position is None, "the exit")
    rig.quiet()


@pytest.mark.parametrize(("venue", "state"), CLOSED)
def test_a_market_that_closes_unannounced_is_tried_with_growing_waits(rig: Rig, state: str) -> None:
    """The rules that we read say that it is open."""
    rig.bought()
    market(rig, state)
    before = len(rig.book.orders_of(rig.symbol, 0))
    for _ in range(5):
        exit_now(rig)
        rig.turn()
    sent = len(rig.book.orders_of(rig.symbol, 0)) - before
    assert 1 <= sent <= 3
    assert rig.position is not None
    assert rig.notes.said(Event.HALTED)
    market(rig, OPEN[rig.venue])
    rig.clock.ahead += LATER_MS
    leave(rig)
    rig.quiet()


@pytest.mark.parametrize(
    ("venue", "state"), [("kraken", "reduce_only"), ("kraken", "limit_only"), ("coinbase", "limit_only")]
)
def test_a_market_that_takes_sales_only_is_left_and_not_entered(rig: Rig, state: str) -> None:
    rig.bought()
    market(rig, state)
    rig.engine.read_rules()
    exit_now(rig)
    leave(rig)
    rig.quiet()
    entries = len(rig.orders(Purpose.ENTRY))
    rig.book.set_state(f"stopped:{rig.symbol}", None)
    rig.enter()
    assert len(rig.orders(Purpose.ENTRY)) == entries
    market(rig, OPEN[rig.venue])


@pytest.mark.parametrize("venue", VENUES)
def test_delisted_while_held(rig: Rig) -> None:
    position = rig.bought()
    rested = rig.resting()
    new_rules(rig, "delisted")
    before = len(rig.book.orders_of(rig.symbol, 0))
    rig.turn()
    rig.engine.read_rules()
    for _ in range(3):
        rig.turn()
        rig.cycle()
        rig.engine.flattening.step("flatten")
    assert len(rig.book.orders_of(rig.symbol, 0)) == before
    assert rig.resting() == rested, "\n".join(map(str, [*rig.truth()["orders"], *rig.notes.lines]))
    assert [line["reason"] for line in rig.notes.said(Event.HALTED) if "no longer lists" in str(line["reason"])]
    assert rig.symbol not in rig.engine.selection.symbols
    rig.restart()
    rig.turn()
    assert rig.position is not None
    assert rig.position.qty == position.qty
    assert any(rig.symbol in line for line in rig.engine.flattening.left())
    new_rules(rig, "")
    rig.clock.ahead += LATER_MS
    rig.until(lambda: not rig.engine.flattening.step("flatten"), "flat")
    rig.quiet()
